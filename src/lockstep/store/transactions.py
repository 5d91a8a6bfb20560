"""The transaction sender's memory."""

from collections.abc import Sequence

from sqlalchemy import Engine, Row, insert, select, update

from lockstep.ports import SentTransaction
from lockstep.store.tables import sent_transaction as table

__all__ = ["SqlTransactionLog"]


class SqlTransactionLog:
    """TransactionLog on a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        query = select(table).where(table.c.key == key).order_by(table.c.number)
        with self._engine.begin() as connection:
            return [_value(row) for row in connection.execute(query)]

    def unmined(self) -> Sequence[SentTransaction]:
        query = select(table).where(table.c.status == "signed").order_by(table.c.nonce)
        with self._engine.begin() as connection:
            return [_value(row) for row in connection.execute(query)]

    def put(self, transaction: SentTransaction) -> None:
        values = {name: getattr(transaction, name) for name in ("key", "nonce", "raw", "status", "block", "gas")}
        with self._engine.begin() as connection:
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
