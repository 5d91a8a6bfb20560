"""The transaction sender's memory."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine

from lockstep.ports import Lease, SentTransaction
from lockstep.store.bulk import Insert, Statement
from lockstep.store.leases import require
from lockstep.store.prepared import transaction
from lockstep.store.tables import sent_transaction as table
from lockstep.store.tables import served

__all__ = ["SqlTransactionLog"]

_PLAIN = ("hash", "key", "nonce", "raw", "status", "block", "gas", "broadcasts", "first_sent", "last_sent")
_COLUMNS = (*_PLAIN, "serves", "skipped", "final")
_STORED = ("digest", "sender", *_COLUMNS)
_SELECT = f"SELECT number, {', '.join(_STORED)} FROM sent_transaction WHERE"
_OF_KEYS = Statement(f"{_SELECT} key IN LIST")
_SERVING = Statement(  # PostgreSQL would rather look for each transaction ever sent among what these serve
    "WITH these AS [[MATERIALIZED]] (SELECT DISTINCT digest FROM sent_transaction_served WHERE key IN LIST) "
    f"{_SELECT} digest IN (SELECT digest FROM these)"
)
_UNMINED = Statement(f"{_SELECT} sender = ? AND status IN ('reserved', 'signed', 'broadcast') ORDER BY nonce")
_FROM_NONCE = Statement(f"{_SELECT} sender = ? AND final = 0 AND nonce >= ? ORDER BY nonce, number LIMIT ?")
_FINAL = Statement("UPDATE sent_transaction SET final = 1 WHERE sender = ? AND final = 0 AND nonce < ?")
_ADOPT = Statement("UPDATE sent_transaction SET sender = ? WHERE sender = ''")
_UNDER_WAY = Statement(
    "SELECT DISTINCT sender FROM sent_transaction WHERE status IN ('reserved', 'signed', 'broadcast')"
)
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
_PUT = Insert(table, *_STORED, conflict=f"(digest) DO UPDATE SET {_CHANGED}")
_SERVES = Insert(served, "key", "digest", conflict="(key, digest) DO NOTHING")


class SqlTransactionLog:
    """TransactionLog on a database; under a lease where several workers share the key."""

    def __init__(self, engine: Engine, lease: Lease | None = None, sender: str = "") -> None:
        """`sender` tells several keys' transactions apart; the only key of a service needs none."""
        self._engine, self._lease, self.sender = engine, lease, sender

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        return self.transactions_of([key]).get(key, [])

    def transactions_of(self, keys: Collection[str]) -> Mapping[str, Sequence[SentTransaction]]:
        found: dict[str, list[SentTransaction]] = {}
        asked = [*keys]
        rows = {row[0]: row for of in (_OF_KEYS, _SERVING) for row in of.alone(self._engine, asked)} if asked else {}
        for number in sorted(rows):
            one = _value(rows[number])
            for key in {one.key, *one.serves}.intersection(asked):
                found.setdefault(key, []).append(one)
        return found

    def unmined(self) -> Sequence[SentTransaction]:
        return [_value(row) for row in _UNMINED.alone(self._engine, self.sender)]

    def from_nonce(self, nonce: int, most: int = 1_000) -> Sequence[SentTransaction]:
        return [_value(row) for row in _FROM_NONCE.alone(self._engine, self.sender, nonce, most)]

    def put(self, transaction: SentTransaction) -> None:
        self.put_all([transaction])

    def put_all(self, transactions: Sequence[SentTransaction]) -> None:
        newest = {one.identity: one for one in transactions}  # one statement changes a row once
        rows = [[one.identity, self.sender, *map(_stored(one).__getitem__, _COLUMNS)] for one in newest.values()]
        keys = [[key, one.identity] for one in newest.values() if one.status == "reserved" for key in one.serves]
        with transaction(self._engine) as connection:
            require(connection, self._lease)
            _PUT.run(connection, rows)
            _SERVES.run(connection, keys)

    def adopt(self) -> None:
        """Takes over what was stored while there was one key, and no names. Raises LeaseLost.

        For who holds that key, before its sender looks: a nonce that it does not know of it would use again.
        """
        with transaction(self._engine) as connection:
            require(connection, self._lease)
            _ADOPT.run(connection, self.sender)

    def senders_under_way(self) -> Collection[str]:
        """The names of all that have transactions in flight, whoever they are."""
        return frozenset(row[0] for row in _UNDER_WAY.alone(self._engine))

    def finish(self, nonce: int) -> None:
        with transaction(self._engine) as connection:
            require(connection, self._lease)
            _FINAL.run(connection, self.sender, nonce)


def _stored(one: SentTransaction) -> dict[str, Any]:
    texts = {"serves": "\n".join(one.serves), "skipped": "\n".join(map("=".join, one.skipped))}
    return {name: getattr(one, name) for name in _PLAIN} | texts | {"final": int(one.final)}


def _value(row: Sequence[Any]) -> SentTransaction:
    values = dict(zip(("number", *_STORED), row, strict=True))
    del values["number"]
    named = values["digest"] if values["digest"] != values["hash"] or values["status"] == "reserved" else ""
    skipped = (one.partition("=") for one in values["skipped"].split("\n") if one)
    return SentTransaction(
        **values
        | {
            "raw": bytes(values["raw"]),
            "digest": named,
            "serves": tuple(values["serves"].split("\n")) if values["serves"] else (),
            "skipped": tuple((key, data) for key, _, data in skipped),
            "final": bool(values["final"]),
        }
    )
