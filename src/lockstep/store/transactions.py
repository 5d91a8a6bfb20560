"""The transaction sender's memory."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, bindparam, select

from lockstep.ports import Lease, SentTransaction
from lockstep.store.bulk import Insert, Statement
from lockstep.store.leases import require
from lockstep.store.prepared import Query, transaction
from lockstep.store.tables import sent_transaction as table

__all__ = ["SqlTransactionLog"]

_NAMES = ("hash", "key", "nonce", "raw", "status", "block", "gas")
_COLUMNS = ", ".join(_NAMES)
_OF_KEY = Query(select(table).where(table.c.key == bindparam("one")).order_by(table.c.number))
_OF_KEYS = Statement(f"SELECT {_COLUMNS} FROM sent_transaction WHERE key IN LIST ORDER BY number")
_UNMINED = Statement(f"SELECT {_COLUMNS} FROM sent_transaction WHERE status = 'signed' ORDER BY nonce")
_FROM_NONCE = Query(select(table).where(table.c.nonce >= bindparam("first")).order_by(table.c.nonce, table.c.number))
_PUT = Insert(
    table, *_NAMES, conflict=f"(hash) DO UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in _NAMES[1:])}"
)


class SqlTransactionLog:
    """TransactionLog on a database; under a lease where several workers share the key."""

    def __init__(self, engine: Engine, lease: Lease | None = None) -> None:
        self._engine, self._lease = engine, lease

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        return [_value(row) for row in _OF_KEY.alone(self._engine, one=key)]

    def transactions_of(self, keys: Collection[str]) -> Mapping[str, Sequence[SentTransaction]]:
        """As `transactions`, for many; an empty sequence where nothing was tried."""
        found: dict[str, list[SentTransaction]] = {key: [] for key in keys}
        for row in _OF_KEYS.alone(self._engine, [*found]):
            one = _sent(row)
            found[one.key].append(one)
        return found

    def unmined(self) -> Sequence[SentTransaction]:
        return [_sent(row) for row in _UNMINED.alone(self._engine)]

    def from_nonce(self, nonce: int) -> Sequence[SentTransaction]:
        return [_value(row) for row in _FROM_NONCE.alone(self._engine, first=nonce)]

    def put(self, transaction: SentTransaction) -> None:
        self._put([transaction])

    def put_all(self, transactions: Sequence[SentTransaction]) -> None:
        """As `put`, all in one transaction of the database: all or, with LeaseLost or Unavailable, none."""
        self._put(transactions)

    def _put(self, transactions: Sequence[SentTransaction]) -> None:
        newest = {one.hash: one for one in transactions}
        rows = [[getattr(one, name) for name in _NAMES] for one in newest.values()]
        with transaction(self._engine) as connection:
            require(connection, self._lease)
            _PUT.run(connection, rows)


def _value(row: Any) -> SentTransaction:
    return _sent([getattr(row, name) for name in _NAMES])


def _sent(row: Sequence[Any]) -> SentTransaction:
    values = dict(zip(_NAMES, row, strict=True))
    return SentTransaction(**values | {"raw": bytes(values["raw"])})
