"""The transaction sender's memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, or_, select, update

from lockstep.ports import Lease, SentTransaction
from lockstep.store.leases import require
from lockstep.store.prepared import Query, Write
from lockstep.store.tables import sent_transaction as table
from lockstep.store.tables import served

__all__ = ["SqlTransactionLog"]

TOGETHER = 64
"""Keys that one statement asks for."""

_keys: list[Any] = [bindparam(f"key{number}") for number in range(TOGETHER)]
_mine = table.c.sender == bindparam("of")
_OF_KEYS = Query(select(table).where(or_(*(table.c.key == one for one in _keys))))
_serving = select(served.c.digest).where(or_(*(served.c.key == one for one in _keys)))
_SERVING = Query(select(table).where(table.c.digest.in_(_serving)))
_in_flight = or_(*(table.c.status == one for one in ("reserved", "signed", "broadcast")))
_UNMINED = Query(select(table).where(_mine, _in_flight).order_by(table.c.nonce))
_FROM_NONCE = Query(
    select(table)
    .where(_mine, table.c.final == 0, table.c.nonce >= bindparam("first"))
    .order_by(table.c.nonce, table.c.number)
    .limit(bindparam("most"))
)
_PLAIN = ("hash", "key", "nonce", "raw", "status", "block", "gas", "broadcasts", "first_sent", "last_sent")
_COLUMNS = (*_PLAIN, "serves", "skipped", "final")
_STORED = ("digest", "sender", *_COLUMNS)
_FINAL = Write(update(table).where(_mine, table.c.final == 0, table.c.nonce < bindparam("first")), "final")


class SqlTransactionLog:
    """TransactionLog on a database; under a lease where several workers share the key."""

    def __init__(self, engine: Engine, lease: Lease | None = None, sender: str = "") -> None:
        """`sender` tells several keys' transactions apart; the only key of a service needs none."""
        self._engine, self._lease, self.sender = engine, lease, sender

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        return self.transactions_of([key]).get(key, [])

    def transactions_of(self, keys: Collection[str]) -> Mapping[str, Sequence[SentTransaction]]:
        found: dict[str, list[SentTransaction]] = {}
        for some in _parts(keys):
            asked = {f"key{number}": some[min(number, len(some) - 1)] for number in range(TOGETHER)}
            rows = {row.number: row for of in (_OF_KEYS, _SERVING) for row in of.alone(self._engine, **asked)}
            for number in sorted(rows):
                one = _value(rows[number])
                for key in {one.key, *one.serves}.intersection(some):
                    found.setdefault(key, []).append(one)
        return found

    def unmined(self) -> Sequence[SentTransaction]:
        return [_value(row) for row in _UNMINED.alone(self._engine, of=self.sender)]

    def from_nonce(self, nonce: int, most: int = 1_000) -> Sequence[SentTransaction]:
        return [_value(row) for row in _FROM_NONCE.alone(self._engine, of=self.sender, first=nonce, most=most)]

    def put(self, transaction: SentTransaction) -> None:
        self.put_all([transaction])

    def put_all(self, transactions: Sequence[SentTransaction]) -> None:
        rows = [[one.identity, self.sender, *map(_stored(one).__getitem__, _COLUMNS)] for one in transactions]
        keys = [[key, one.identity] for one in transactions if one.status == "reserved" for key in one.serves]
        changed = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
        with self._engine.begin() as connection:
            require(connection, self._lease)
            _insert(connection, table.name, _STORED, f"(digest) DO UPDATE SET {changed}", rows)
            _insert(connection, served.name, ("key", "digest"), "(key, digest) DO NOTHING", keys)

    def finish(self, nonce: int) -> None:
        with self._engine.begin() as connection:
            require(connection, self._lease)
            _FINAL.run(connection, of=self.sender, first=nonce, final=1)


def _parts(keys: Collection[str]) -> Iterator[Sequence[str]]:
    left = iter(keys)
    while part := list(islice(left, TOGETHER)):
        yield part


def _insert(
    connection: Connection, name: str, columns: Sequence[str], conflict: str, rows: Sequence[Sequence[Any]]
) -> None:
    """All rows in the driver's own loop. `conflict` says what becomes of one that is there."""
    if not rows:
        return
    places = ", ".join(("?" if connection.dialect.name == "sqlite" else "%s",) * len(columns))
    text = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT {conflict}"
    connection.connection.cursor().executemany(text, rows)


def _stored(one: SentTransaction) -> dict[str, Any]:
    texts = {"serves": "\n".join(one.serves), "skipped": "\n".join(map("=".join, one.skipped))}
    return {name: getattr(one, name) for name in _PLAIN} | texts | {"final": int(one.final)}


def _value(row: Any) -> SentTransaction:
    values = {name: getattr(row, name) for name in _PLAIN}
    return SentTransaction(
        **values | {"raw": bytes(row.raw)},
        sender=row.sender,
        digest="" if row.digest == row.hash and row.status != "reserved" else row.digest,
        serves=tuple(row.serves.split("\n")) if row.serves else (),
        skipped=tuple((key, data) for key, _, data in (one.partition("=") for one in row.skipped.split("\n") if one)),
        final=bool(row.final),
    )
