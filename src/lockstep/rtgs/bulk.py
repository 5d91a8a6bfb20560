"""The ledger's reads and writes, many rows in one statement and without conversions: what it does most.

SQLite takes a list as JSON and repeats a prepared statement in its own loop; PostgreSQL takes an array
per column, as the text that the server reads. Both get one statement per step, however many postings it makes.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from itertools import count, repeat
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection

from lockstep.domain.identifiers import Bic
from lockstep.rtgs.prepared import driven, together

AccountRow = tuple[str, str, str, bool, int, int, int, int, int, int, int]
"""Number, owner, currency, technical; then the columns of `BALANCES`."""


class Entry(NamedTuple):
    """A booking to make: `reference` is unique for ever, `amount` in minor units."""

    reference: str
    debit: str
    credit: str
    currency: str
    amount: int


class Mail(NamedTuple):
    """One message of a mailbox, as `outbox` keeps it."""

    receiver: Bic
    sequence: int
    uetr: str
    report: bool
    data: bytes
    created_at: int
    """Seconds since 1970, as all instants are stored."""


class Received(NamedTuple):
    """A message that was accepted, as `inbox` keeps it."""

    sender: Bic
    message_id: str
    content: str
    """A digest of its bytes."""
    data: bytes
    received_at: int
    answers: str
    """The sequences in its sender's mailbox, as JSON."""


EARMARK = ("uetr", "account", "amount", "from_reservation")
RELEASE = ("settlement_id", "agent", "uetr", "released_at")

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

_SELECT = f"SELECT account, owner, currency, technical, {', '.join(BALANCES)} FROM "
_SELECT_SQLITE = f"{_SELECT} json_each(?) CROSS JOIN accounts ON account = value"
_SELECT_POSTGRESQL = f"{_SELECT} accounts WHERE account = ANY(%s::text[])"
_NEXT = """
WITH newest AS (
  SELECT number + CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END AS day FROM days ORDER BY number DESC LIMIT 1
), today AS (SELECT coalesce((SELECT day FROM newest), 1) AS day)
SELECT coalesce((SELECT max(number) FROM postings), 0) + 1, day,
       coalesce((SELECT max(entry) FROM postings WHERE postings.day = today.day), 0) + 1
FROM today
"""


Numbers = tuple[int, int, int]
"""The next posting's number, its business day and its number in that day."""


def next_numbers(connection: Connection) -> Numbers:
    """What is booked while no day is open belongs to the next one."""
    return _numbers(driven(connection, _NEXT))


def read_accounts(connection: Connection, numbers: Collection[str]) -> Sequence[AccountRow]:
    """Those of these accounts that exist, in any order."""
    return cast(Sequence[AccountRow], _read(connection, numbers).fetchall())


def read_to_post(connection: Connection, numbers: Collection[str]) -> tuple[Sequence[AccountRow], Numbers]:
    """Both of the above in one round trip."""
    with together(connection):
        found, following = _read(connection, numbers), driven(connection, _NEXT)
        return cast(Sequence[AccountRow], found.fetchall()), _numbers(following)


def write_balances(connection: Connection, rows: Iterable[tuple[Any, ...]], table: str = "accounts") -> None:
    """Sets the columns of `BALANCES` of accounts; each row ends with the account's number."""
    if connection.dialect.name == "sqlite":
        columns = ", ".join(f"{name} = ?" for name in BALANCES)
        driven(connection, f"UPDATE {table} SET {columns} WHERE account = ?", rows, many=True)
        return
    columns = ", ".join(f"{name} = new.{name}" for name in BALANCES)
    lists = ", ".join(["%s::bigint[]"] * len(BALANCES))
    *amounts, numbers = zip(*rows, strict=True)
    driven(
        connection,
        f"UPDATE {table} SET {columns} FROM unnest({lists}, %s::text[]) AS new({', '.join(BALANCES)}, number) "
        "WHERE account = new.number",
        (*map(array_of_numbers, amounts), array_of_texts(numbers)),
    )


def write_postings(
    connection: Connection, first: Numbers, entries: Sequence[Entry], booked_at: int, table: str = "postings"
) -> None:
    """Adds postings of one business day, numbered on from `first`; the instant in seconds since 1970."""
    number, day, sequence = first
    names = ", ".join(POSTING)
    references, debits, credits, currencies, amounts = zip(*entries, strict=True)
    if connection.dialect.name == "sqlite":
        columns = (count(number), repeat(day), count(sequence), references, debits, credits, currencies, amounts)
        marks = ", ".join("?" * len(POSTING))
        rows = zip(*columns, repeat(booked_at))
        driven(connection, f"INSERT INTO {table} ({names}) VALUES ({marks})", rows, many=True)
        return
    size = len(entries)
    driven(
        connection,
        f"INSERT INTO {table} ({names}) SELECT number, %s, number + %s, reference, debit, credit, currency, amount, %s "
        "FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[]) "
        "AS new(number, reference, debit, credit, currency, amount)",
        (
            day,
            sequence - number,
            booked_at,
            array_of_numbers(range(number, number + size)),
            *map(array_of_texts, (references, debits, credits, currencies)),
            array_of_numbers(amounts),
        ),
    )


def write_rows(connection: Connection, table: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds rows as they stand: texts, bytes, whole numbers and truths, which both drivers take."""
    if rows:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        marks = ", ".join([mark] * len(names))
        driven(connection, f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows, many=True)


def read_received(connection: Connection, sender: Bic, message_ids: Collection[str]) -> list[Received]:
    """Those of a sender's messages that were accepted."""
    columns = ", ".join(Received._fields)
    if connection.dialect.name == "sqlite":
        query = f"SELECT {columns} FROM json_each(?) CROSS JOIN inbox ON sender = ? AND message_id = value"
        found = driven(connection, query, (json.dumps([*message_ids]), sender))
    else:
        query = f"SELECT {columns} FROM inbox WHERE message_id = ANY(%s::text[]) AND sender = %s"
        found = driven(connection, query, (array_of_texts([*message_ids]), sender))
    return [Received._make(row) for row in found.fetchall()]


def array_of_numbers(values: Iterable[int]) -> str:
    """Whole numbers as PostgreSQL writes an array of them."""
    return f"{{{','.join(map(str, values))}}}"


def array_of_texts(values: Sequence[str]) -> str:
    """Texts as PostgreSQL writes an array of them, each in quotation marks: whatever is in it is only text."""
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{joined}"}}' if values else "{}"


def _read(connection: Connection, numbers: Collection[str]) -> Any:
    if connection.dialect.name == "sqlite":
        return driven(connection, _SELECT_SQLITE, (json.dumps([*numbers]),))
    return driven(connection, _SELECT_POSTGRESQL, (array_of_texts([*numbers]),))


def _numbers(cursor: Any) -> Numbers:
    number, day, entry = cursor.fetchall()[0]
    return int(number), int(day), int(entry)
