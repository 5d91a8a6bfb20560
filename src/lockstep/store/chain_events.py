"""ChainEvents on a database: final events and the checkpoint that they lead to, one transaction each.

Several readers of one contract may share the tables. Each change names the checkpoint that it follows on, so that of
two who read the same blocks one stores them, and the other takes them from here.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError

from lockstep.domain.chain_events import BEGINNING, Checkpoint, EventKind, EventRow, Reorganisation
from lockstep.domain.errors import Conflict, Unavailable
from lockstep.domain.market import Network
from lockstep.store.database import Database, _begin, _prepare
from lockstep.store.prepared import Query, apart, driven
from lockstep.store.tables import metadata

__all__ = ["SqlChainEvents", "open_chain_events"]

checkpoint_table = Table(
    "chain_checkpoint",
    metadata,
    Column("reader", Integer, primary_key=True),
    Column("source", Text, nullable=False, unique=True),  # <chain id>/<contract>
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("final", BigInteger, nullable=False),
    Column("hashes", Text, nullable=False),
    Column("locked", BigInteger, nullable=False),
)

event_table = Table(
    "chain_event",
    metadata,
    Column("reader", Integer, primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("settlement", LargeBinary, nullable=False),
    Column("transaction_hash", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),  # Unix time, seconds
    Column("trade", LargeBinary),
    Column("packed_order", LargeBinary),
    Column("unended", Boolean, nullable=False),  # with Locked: no end is stored
    sqlite_with_rowid=False,
)
Index("chain_event_settlement", event_table.c.settlement)
Index(
    "chain_event_trade",
    event_table.c.reader,
    event_table.c.trade,
    sqlite_where=event_table.c.trade.is_not(None),
    postgresql_where=event_table.c.trade.is_not(None),
)
Index(
    "chain_event_unended",
    event_table.c.reader,
    event_table.c.settlement,
    sqlite_where=event_table.c.unended,
    postgresql_where=event_table.c.unended,
)

halt_table = Table(
    "chain_halt",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("reader", Integer, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("ours", Text, nullable=False),
    Column("theirs", Text, nullable=False),
    Column("depth", BigInteger, nullable=False),
    Column("settlements", Text, nullable=False),
    Column("accepted_by", Text),
    Column("why", Text),
)

doubt_table = Table(
    "chain_doubt",
    metadata,
    Column("reader", Integer, primary_key=True),
    Column("settlement", LargeBinary, primary_key=True),
    Column("trade", LargeBinary),
    Column("kinds", Text, nullable=False),
)

_OWN = (checkpoint_table, event_table, halt_table, doubt_table)
_e, _h, _d = event_table.c, halt_table.c, doubt_table.c
_ROW = (_e.block, _e.place, _e.kind, _e.settlement, _e.transaction_hash, _e.at, _e.trade, _e.packed_order)
_LOCKED = int(EventKind.Locked)
_ENDS = tuple(int(one) for one in EventKind if one.is_end)
ASKED_AT_ONCE = 500  # trades in one statement
PAGE = 10_000  # settlements in memory at once, of all that there are

_mine: Any = _e.reader == bindparam("reader")
_one: Any = bindparam("one")
_of_source = select(checkpoint_table.c.reader).where(checkpoint_table.c.source == bindparam("source"))


def _events(*which: Any, mine: Any = _mine) -> Query:
    return Query(select(*_ROW).where(mine, *which).order_by(_e.block, _e.place))


_CHECKPOINT = Query(select(checkpoint_table).where(checkpoint_table.c.source == bindparam("source")))
_UNENDED = _events(_e.settlement.in_(select(_e.settlement).where(_mine, _e.unended)))
# No index by the reader: before it has counted them PostgreSQL believes that a reader has few events, and reads all.
_OF = _events(_e.settlement == _one, mine=_e.reader + 0 == bindparam("reader"))
_ABOVE = _events(_e.block > _one)
_LATER = Query(
    select(_e.block, _e.place, _e.settlement)
    .where(_mine, _e.kind == _LOCKED)
    .where((_e.block > bindparam("after")) | ((_e.block == bindparam("after")) & (_e.place > bindparam("behind"))))
    .order_by(_e.block, _e.place)
    .limit(PAGE)
)
_HALTS = Query(select(halt_table).where(_h.reader.in_(_of_source), _h.accepted_by.is_(None)).order_by(_h.number))
_DOUBTS = Query(select(doubt_table).where(_d.reader == bindparam("reader")))


def open_chain_events(path: Path, network: Network) -> "SqlChainEvents":
    """On an SQLite file of its own, as an agent has it; creates it where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    metadata.create_all(engine, tables=_OWN)
    return SqlChainEvents(engine, network)


class SqlChainEvents:
    """ChainEvents of one network's contract. Raises Unavailable where the database is busy."""

    def __init__(self, engine: Database, network: Network) -> None:
        self._engine: Engine = engine
        self._source = f"{network.chain_id}/{network.dvp}"
        self._reader: int | None = None
        self._texts = _Texts(engine)

    def checkpoint(self) -> Checkpoint:
        found = self._rows(_CHECKPOINT, source=self._source)
        if not found:
            return BEGINNING
        (row,) = found
        self._reader = row.reader
        return Checkpoint(
            number=row.number,
            hash=row.hash,
            final=row.final,
            hashes={int(block): hash_ for block, hash_ in json.loads(row.hashes).items()},
            locked=row.locked,
        )

    def unended(self) -> Sequence[EventRow]:
        return self._events(_UNENDED)

    def of(self, settlement: bytes) -> Sequence[EventRow]:
        return self._events(_OF, one=settlement)

    def settlements_of_all(self, trades: Collection[bytes]) -> Sequence[tuple[bytes, bytes]]:
        wanted, found = sorted(trades), list[tuple[bytes, bytes]]()
        for start in range(0, len(wanted), ASKED_AT_ONCE):
            some = wanted[start : start + ASKED_AT_ONCE]
            try:
                with apart(self._engine) as connection:
                    text = self._texts.of_trades(len(some))
                    rows = driven(self._engine.dialect, connection, text, (self._number(), *some)).fetchall()
            except OperationalError as error:
                raise Unavailable(f"the database does not answer: {error.orig}") from error
            found += [(bytes(trade), bytes(settlement)) for trade, settlement in rows]
        return found

    def settlements(self, after: EventRow | None = None) -> Iterator[bytes]:
        block, place = (-1, -1) if after is None else (after.block, after.place)
        while True:
            page = self._rows(_LATER, reader=self._number(), after=block, behind=place)
            for row in page:
                yield bytes(row.settlement)
            if len(page) < PAGE:
                return
            block, place = page[-1].block, page[-1].place

    def above(self, block: int) -> Sequence[EventRow]:
        return self._events(_ABOVE, one=block)

    def advance(self, before: Checkpoint, rows: Sequence[EventRow], after: Checkpoint) -> None:
        ended = {row.settlement for row in rows if row.kind in _ENDS}
        with self._transaction() as connection:
            reader = self._move(connection, before, after)
            self._texts.insert(
                connection, [(reader, *row, row.kind == _LOCKED and row.settlement not in ended) for row in rows]
            )
            here = {row.settlement for row in rows if row.kind == _LOCKED}
            self._texts.end(connection, [(reader, one) for one in ended if one not in here])

    def go_back(
        self,
        before: Checkpoint,
        after: Checkpoint,
        *,
        halt: Reorganisation | None = None,
        doubts: Mapping[bytes, tuple[bytes | None, frozenset[EventKind]]] | None = None,
    ) -> None:
        with self._transaction() as connection:
            reader = self._move(connection, before, after)
            gone = (_e.reader == reader, _e.block > after.number)
            again = select(_e.settlement).where(*gone, _e.kind.in_(_ENDS)).scalar_subquery()
            connection.execute(
                update(event_table)
                .where(_e.reader == reader, _e.kind == _LOCKED, _e.settlement.in_(again))
                .values(unended=True)
            )
            connection.execute(delete(event_table).where(*gone))
            left = connection.execute(select(func.count()).where(_e.reader == reader, _e.kind == _LOCKED)).scalar_one()
            connection.execute(update(checkpoint_table).where(checkpoint_table.c.reader == reader).values(locked=left))
            if halt is not None:
                values = {name: getattr(halt, name) for name in ("block", "ours", "theirs", "depth")}
                listed = json.dumps(halt.settlements)
                connection.execute(insert(halt_table).values(reader=reader, settlements=listed, **values))
            for settlement, (trade, kinds) in (doubts or {}).items():
                self._doubt(connection, reader, settlement, trade, kinds)

    def _doubt(
        self,
        connection: Connection,
        reader: int,
        settlement: bytes,
        trade: bytes | None,
        kinds: frozenset[EventKind],
    ) -> None:
        same = (_d.reader == reader, _d.settlement == settlement)
        known = connection.execute(select(doubt_table).where(*same)).first()
        if known is not None:
            trade, kinds = known.trade or trade, kinds | _kinds(known.kinds)
            connection.execute(delete(doubt_table).where(*same))
        connection.execute(
            insert(doubt_table).values(
                reader=reader, settlement=settlement, trade=trade, kinds=" ".join(sorted(one.name for one in kinds))
            )
        )

    def halts(self) -> Sequence[Reorganisation]:
        found = self._rows(_HALTS, source=self._source)
        return [
            Reorganisation(
                block=row.block,
                ours=row.ours,
                theirs=row.theirs,
                depth=row.depth,
                settlements=tuple(json.loads(row.settlements)),
                number=row.number,
            )
            for row in found
        ]

    def accept(self, by: str, why: str, halts: Sequence[Reorganisation]) -> Sequence[Reorganisation]:
        with self._transaction() as connection:
            connection.execute(
                update(halt_table)
                .where(_h.number.in_([one.number for one in halts]), _h.accepted_by.is_(None))
                .values(accepted_by=by, why=why)
            )
        return halts

    def doubts(self) -> Mapping[bytes, tuple[bytes | None, frozenset[EventKind]]]:
        found = self._rows(_DOUBTS, reader=self._number())
        return {bytes(row.settlement): (_bytes(row.trade), _kinds(row.kinds)) for row in found}

    def certain(self, settlements: Collection[bytes]) -> None:
        with self._transaction() as connection:
            connection.execute(
                delete(doubt_table).where(_d.reader == self._number(), _d.settlement.in_(list(settlements)))
            )

    # --- the database

    def _number(self) -> int:
        if self._reader is None:
            self.checkpoint()
        return self._reader if self._reader is not None else -1

    def _move(self, connection: Connection, before: Checkpoint, after: Checkpoint) -> int:
        """Puts the new checkpoint in the place of the one that the reader knows."""
        values = {
            "number": after.number,
            "hash": after.hash,
            "final": after.final,
            "hashes": json.dumps(after.hashes),
            "locked": after.locked,
        }
        table = checkpoint_table
        moved = connection.execute(
            update(table)
            .where(table.c.source == self._source, table.c.number == before.number, table.c.hash == before.hash)
            .values(**values)
        ).rowcount
        if not moved:
            if before != BEGINNING:
                raise Conflict("checkpoint", str(before.number))
            try:
                connection.execute(insert(table).values(source=self._source, **values))
            except IntegrityError as error:
                raise Conflict("checkpoint", str(before.number)) from error
        reader = connection.execute(select(table.c.reader).where(table.c.source == self._source)).scalar_one()
        self._reader = int(reader)
        return self._reader

    def _events(self, which: Query, **given: Any) -> list[EventRow]:
        found = self._rows(which, reader=self._number(), **given)
        return [
            EventRow(
                row.block,
                row.place,
                row.kind,
                bytes(row.settlement),
                bytes(row.transaction_hash),
                row.at,
                _bytes(row.trade),
                _bytes(row.packed_order),
            )
            for row in found
        ]

    def _rows(self, query: Query, **given: Any) -> Sequence[Any]:
        try:
            return query.alone(self._engine, **given)
        except OperationalError as error:
            raise Unavailable(f"the database does not answer: {error.orig}") from error

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection


class _Texts:
    """Statements of many rows, as text: SQLAlchemy takes longer over a row than SQLite."""

    def __init__(self, engine: Engine) -> None:
        columns = [column.name for column in event_table.columns]
        mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
        self._insert = f"INSERT INTO chain_event ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))})"
        true, false = ("1", "0") if engine.dialect.name == "sqlite" else ("true", "false")
        self._end = (
            f"UPDATE chain_event SET unended = {false} WHERE reader = {mark} AND settlement = {mark} "
            f"AND unended = {true} AND kind = {_LOCKED}"
        )
        self._mark = mark
        # SQLite would rather go through all events, as those come in the order that is wanted; where told that a trade
        # is not NULL, through all trades.
        self._of_trades = ("INDEXED BY chain_event_trade", "")
        if engine.dialect.name != "sqlite":
            self._of_trades = ("", "AND trade IS NOT NULL")

    def of_trades(self, count: int) -> str:
        listed, (by, known) = ", ".join([self._mark] * count), self._of_trades
        return (
            f"SELECT trade, settlement FROM chain_event {by} "
            f"WHERE reader = {self._mark} AND trade IN ({listed}) {known} ORDER BY block, place"
        )

    def insert(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            connection.exec_driver_sql(self._insert, list(rows))

    def end(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            connection.exec_driver_sql(self._end, list(rows))


def _bytes(value: bytes | None) -> bytes | None:
    return None if value is None else bytes(value)


def _kinds(named: str) -> frozenset[EventKind]:
    return frozenset(EventKind[one] for one in named.split())
