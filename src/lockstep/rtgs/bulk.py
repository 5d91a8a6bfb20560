"""The ledger's reads and writes, many rows in one statement and without conversions: what it does most.

SQLite takes a list as JSON and repeats a prepared statement in its own loop; PostgreSQL takes a list
per column. Both get one statement per step, however many postings it makes.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, cast

from sqlalchemy import Connection

from lockstep.rtgs.prepared import driven

AccountRow = tuple[str, str, str, bool, int, int, int, int, int, int, int]
"""Number, owner, currency, technical; then the columns of `BALANCES`."""
PostingRow = tuple[int, int, int, str, str, str, str, int, int]
"""The columns of `POSTING`; the instant in seconds since 1970."""

BALANCES = (
    "posted",
    "earmarked",
    "credit_limit",
    "reserved_urgent",
    "reserved_high",
    "standing_urgent",
    "standing_high",
)
POSTING = ("number", "day", "entry", "reference", "debit", "credit", "currency", "amount", "booked_at")
_POSTING_TYPES = ("int", "int", "int", "text", "text", "text", "text", "bigint", "bigint")

_SELECT = f"SELECT account, owner, currency, technical, {', '.join(BALANCES)} FROM "
_SELECT_SQLITE = f"{_SELECT} json_each(?) CROSS JOIN accounts ON account = value"
_SELECT_POSTGRESQL = f"{_SELECT} accounts WHERE account = ANY(%s)"
_NEXT = """
WITH newest AS (
  SELECT number + CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END AS day FROM days ORDER BY number DESC LIMIT 1
), today AS (SELECT coalesce((SELECT day FROM newest), 1) AS day)
SELECT coalesce((SELECT max(number) FROM postings), 0) + 1, day,
       coalesce((SELECT max(entry) FROM postings WHERE postings.day = today.day), 0) + 1
FROM today
"""


def next_numbers(connection: Connection) -> tuple[int, int, int]:
    """The next posting's number, its business day and its number in that day.

    What is booked while no day is open belongs to the next one.
    """
    number, day, entry = driven(connection, _NEXT).fetchall()[0]
    return int(number), int(day), int(entry)


def read_accounts(connection: Connection, numbers: Collection[str]) -> Sequence[AccountRow]:
    """Those of these accounts that exist, in any order."""
    if connection.dialect.name == "sqlite":
        found = driven(connection, _SELECT_SQLITE, (json.dumps([*numbers]),))
    else:
        found = driven(connection, _SELECT_POSTGRESQL, ([*numbers],))
    return cast(Sequence[AccountRow], found.fetchall())


def write_balances(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Sets the columns of `BALANCES` of accounts; each row ends with the account's number."""
    if connection.dialect.name == "sqlite":
        columns = ", ".join(f"{name} = ?" for name in BALANCES)
        driven(connection, f"UPDATE accounts SET {columns} WHERE account = ?", rows, many=True)
        return
    columns = ", ".join(f"{name} = new.{name}" for name in BALANCES)
    lists = ", ".join(["%s::bigint[]"] * len(BALANCES))
    driven(
        connection,
        f"UPDATE accounts SET {columns} FROM unnest({lists}, %s::text[]) AS new({', '.join(BALANCES)}, number) "
        "WHERE account = new.number",
        tuple(map(list, zip(*rows, strict=True))),
    )


def write_postings(connection: Connection, rows: Sequence[PostingRow]) -> None:
    """Adds postings."""
    names = ", ".join(POSTING)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(POSTING))
        driven(connection, f"INSERT INTO postings ({names}) VALUES ({marks})", rows, many=True)
        return
    lists = ", ".join(f"%s::{kind}[]" for kind in _POSTING_TYPES)
    columns = tuple(map(list, zip(*rows, strict=True)))
    driven(connection, f"INSERT INTO postings ({names}) SELECT * FROM unnest({lists})", columns)
