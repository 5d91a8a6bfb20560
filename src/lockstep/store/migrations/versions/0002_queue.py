"""The queue in the trades' rows, groups of what waits, indices over what is unfinished, 64 bits on PostgreSQL.

What the new columns say is read from the bodies, by their JSON alone: the values' classes may have changed since.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Connection, Integer, Text, text

revision = "0002"
down_revision = "0001"

WHOLE = BigInteger().with_variant(Integer, "sqlite")
PAGE = 1000

WIDENED = {
    "instruction": ("number",),
    "trade": ("number", "version"),
    "mail_cursor": ("sequence",),
    "order_nonce": ("next",),
    "cancellation_request": ("number",),
    "outgoing": ("number",),
    "journal": ("number",),
    "lease": ("fence", "until"),
    "sent_transaction": ("number", "nonce", "block", "gas"),
}
SEQUENCES = ("instruction", "trade", "cancellation_request", "outgoing", "sent_transaction")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        _widen()
    for name in ("message_id", "match_key"):
        op.add_column("instruction", Column(name, Text, nullable=False, server_default=""))
    op.add_column("instruction", Column("touched", WHOLE, nullable=False, server_default="1"))
    op.add_column("instruction", Column("matched", WHOLE, nullable=False, server_default="0"))
    op.add_column("trade", Column("settlement_id", Text))
    op.add_column("trade", Column("due", WHOLE, nullable=False, server_default="0"))
    op.add_column("trade", Column("holder", Text, nullable=False, server_default=""))
    for name in ("fence", "until"):
        op.add_column("trade", Column(name, WHOLE, nullable=False, server_default="0"))
    op.add_column("cash_view", Column("booked_at", WHOLE))
    for name in ("debtor", "creditor"):
        op.add_column("cash_view", Column(name, Text))
    _fill(connection)
    _index()


def _widen() -> None:
    for table, columns in WIDENED.items():
        for column in columns:
            op.alter_column(table, column, type_=BigInteger())
    for table in SEQUENCES:
        op.execute(f"ALTER SEQUENCE {table}_number_seq AS bigint")
    op.execute("ALTER TABLE journal ALTER COLUMN number DROP DEFAULT")
    op.execute("DROP SEQUENCE journal_number_seq")
    for table in ("instruction", "trade", "outgoing"):
        op.execute(f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02)")


def _fill(connection: Connection) -> None:
    for table, key, columns, told in (
        ("instruction", "number", ("message_id", "match_key"), _of_instruction),
        ("trade", "number", ("settlement_id",), _of_trade),
        ("cash_view", "settlement_id", ("booked_at", "debtor", "creditor"), _of_view),
    ):
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        statement = text(f"UPDATE {table} SET {sets} WHERE {key} = :key")
        for rows in _pages(connection, table, key):
            connection.execute(
                statement,
                [dict(zip(columns, told(json.loads(body)), strict=True)) | {"key": one} for one, body in rows],
            )


def _pages(connection: Connection, table: str, key: str) -> Iterator[list[Any]]:
    after: Any = 0 if key == "number" else ""
    query = text(f"SELECT {key}, body FROM {table} WHERE {key} > :after ORDER BY {key} LIMIT {PAGE}")
    while rows := connection.execute(query, {"after": after}).fetchall():
        yield [tuple(row) for row in rows]
        after = rows[-1][0]


def _of_instruction(stored: dict[str, Any]) -> tuple[Any, ...]:
    said = stored["instruction"]
    quantity = said["quantity"]
    parts = (
        said["settlement_date"],
        said["trade_date"],
        said["deliverer"]["lei"],
        said["receiver"]["lei"],
        said["isin"],
        f"{quantity['value']}e-{quantity['scale']}",
        said["quantity_type"],
        said["cash"]["currency"],
    )
    return stored["message_id"], "/".join(parts)


def _of_trade(trade: dict[str, Any]) -> tuple[Any, ...]:
    return (trade.get("settlement_id"),)


def _of_view(view: dict[str, Any]) -> tuple[Any, ...]:
    """Booked is what both of the RTGS's messages say, and agree on."""
    payment, booked = view.get("payment"), view.get("booked_at")
    if (
        view.get("contradiction") is not None
        or view.get("state") != "ACSC"
        or booked is None
        or view.get("noticed_at") is None
        or payment is None
    ):
        return None, None, None
    accounts = (f"{payment[one]['owner']}/{payment[one]['number']}" for one in ("debtor", "creditor"))
    return int(datetime.fromisoformat(booked).timestamp()), *accounts


def _index() -> None:
    for name, table in (
        ("instruction_status", "instruction"),
        ("trade_open", "trade"),
        ("outgoing_undelivered", "outgoing"),
        ("sent_transaction_status", "sent_transaction"),
    ):
        op.drop_index(name, table)
    op.create_index("sent_transaction_nonce", "sent_transaction", ("nonce", "number"))
    for name, table, columns, where in (
        ("instruction_group", "instruction", ("match_key", "number"), "status = 'WAITING'"),
        ("instruction_touched", "instruction", ("number",), "status = 'WAITING' AND touched > matched"),
        ("instruction_trade", "instruction", ("trade_id",), "trade_id IS NOT NULL"),
        ("trade_due", "trade", ("due", "number"), "open"),
        ("trade_settlement", "trade", ("settlement_id",), "settlement_id IS NOT NULL"),
        ("cash_view_debtor", "cash_view", ("debtor", "booked_at"), "booked_at IS NOT NULL"),
        ("cash_view_creditor", "cash_view", ("creditor", "booked_at"), "booked_at IS NOT NULL"),
        ("outgoing_undelivered", "outgoing", ("number",), "NOT delivered"),
        ("sent_transaction_unmined", "sent_transaction", ("nonce",), "status = 'signed'"),
    ):
        op.create_index(name, table, columns, sqlite_where=text(where), postgresql_where=text(where))
