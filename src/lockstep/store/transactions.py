"""The transaction sender's memory."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, bindparam, insert, select, update

from lockstep.ports import Lease, SentTransaction
from lockstep.store.leases import require
from lockstep.store.prepared import Query, Write
from lockstep.store.tables import sent_transaction as table

__all__ = ["SqlTransactionLog"]

_OF_KEY = Query(select(table).where(table.c.key == bindparam("one")).order_by(table.c.number))
_UNMINED = Query(select(table).where(table.c.status == "signed").order_by(table.c.nonce))
_FROM_NONCE = Query(select(table).where(table.c.nonce >= bindparam("first")).order_by(table.c.nonce, table.c.number))
_COLUMNS = ("key", "nonce", "raw", "status", "block", "gas")
_CHANGED = Write(update(table).where(table.c.hash == bindparam("one")), *_COLUMNS)
_NEW = Write(insert(table), "hash", *_COLUMNS)


class SqlTransactionLog:
    """TransactionLog on a database; under a lease where several workers share the key."""

    def __init__(self, engine: Engine, lease: Lease | None = None) -> None:
        self._engine, self._lease = engine, lease

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        return [_value(row) for row in _OF_KEY.alone(self._engine, one=key)]

    def unmined(self) -> Sequence[SentTransaction]:
        return [_value(row) for row in _UNMINED.alone(self._engine)]

    def from_nonce(self, nonce: int) -> Sequence[SentTransaction]:
        return [_value(row) for row in _FROM_NONCE.alone(self._engine, first=nonce)]

    def put(self, transaction: SentTransaction) -> None:
        values = {name: getattr(transaction, name) for name in _COLUMNS}
        with self._engine.begin() as connection:
            require(connection, self._lease)
            if not _CHANGED.run(connection, one=transaction.hash, **values):
                _NEW.run(connection, hash=transaction.hash, **values)


def _value(row: Any) -> SentTransaction:
    return SentTransaction(
        key=row.key,
        nonce=row.nonce,
        raw=bytes(row.raw),
        hash=row.hash,
        status=row.status,
        block=row.block,
        gas=row.gas,
    )
