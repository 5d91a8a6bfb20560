"""The transaction sender's memory."""

from collections.abc import Sequence

from sqlalchemy import Engine, Row, insert, select, update

from lockstep.ports import Lease, SentTransaction
from lockstep.store.leases import require
from lockstep.store.tables import sent_transaction as table

__all__ = ["SqlTransactionLog"]


class SqlTransactionLog:
    """TransactionLog on a database; under a lease where several workers share the key."""

    def __init__(self, engine: Engine, lease: Lease | None = None) -> None:
        self._engine, self._lease = engine, lease

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        query = select(table).where(table.c.key == key).order_by(table.c.number)
        with self._engine.begin() as connection:
            return [_value(row) for row in connection.execute(query)]

    def unmined(self) -> Sequence[SentTransaction]:
        query = select(table).where(table.c.status == "signed").order_by(table.c.nonce)
        with self._engine.begin() as connection:
            return [_value(row) for row in connection.execute(query)]

    def from_nonce(self, nonce: int) -> Sequence[SentTransaction]:
        query = select(table).where(table.c.nonce >= nonce).order_by(table.c.nonce, table.c.number)
        with self._engine.begin() as connection:
            return [_value(row) for row in connection.execute(query)]

    def put(self, transaction: SentTransaction) -> None:
        values = {name: getattr(transaction, name) for name in ("key", "nonce", "raw", "status", "block", "gas")}
        with self._engine.begin() as connection:
            require(connection, self._lease)
            changed = connection.execute(update(table).where(table.c.hash == transaction.hash).values(values))
            if not changed.rowcount:
                connection.execute(insert(table).values(hash=transaction.hash, **values))


def _value(row: Row) -> SentTransaction:  # type: ignore[type-arg]
    return SentTransaction(
        key=row.key,
        nonce=row.nonce,
        raw=row.raw,
        hash=row.hash,
        status=row.status,
        block=row.block,
        gas=row.gas,
    )
