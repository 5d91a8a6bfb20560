"""What a message costs does not grow with all that was ever paid: every statement finds its rows by an index."""

import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rtgs_world import AGENTS, NOON, RTGS, SERVICE, World, cancellation, payment

from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.payment import Release
from lockstep.iso20022 import write
from lockstep.rtgs import bulk, database, prepared

SMALL = {"parties", "settings", "days", "json_each", "holidays", "mandates", "accounts", "limits", "phases", "newest"}
"""Tables that are as large as the market, and not as its past."""
KEYS = {
    "releases": ["(settlement_id=?"],
    "payments": [
        "(uetr=?", "(settlement_id=?", "(number=?", "(rowid=?", "(state=? AND pay_by<?", "(debtor_account=? AND state=?"
    ],
    "outbox": [
        "(uetr=? AND receiver=?", "(receiver=? AND sequence", "COVERING INDEX sqlite_autoindex_outbox_1 (receiver=?)"
    ],
    "inbox": ["(sender=? AND message_id=?"],
    "endings": ["(settlement_id=?", "(uetr=?"],
}  # fmt: skip
"""What each is looked up by; anything less would read what all others have there."""


def cycle(number: int) -> list[tuple[bytes, Bic]]:
    """Paid, released by four agents of whom the last comes late, and asked to be cancelled when it is too late."""
    body = payment(number, 1)
    bodies: list[tuple[Any, Bic]] = [(body, SERVICE)]
    bodies += [(Release(uetr=body.uetr, settlement_id=body.settlement_id), agent) for agent in AGENTS]
    bodies.append((cancellation(body, case_id=f"C{number}"), SERVICE))
    return [
        (
            write(Message(sender=who, receiver=RTGS, message_id=f"{place}-{number}", created=NOON, body=one)),
            who,
        )
        for place, (one, who) in enumerate(bodies)
    ]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every statement that the ledger's own way runs, with the last parameters."""
    found: dict[str, Any] = {}
    real: Callable[..., Any] = prepared.driven

    def driven(connection: Any, statement: str, parameters: Any = (), *, many: bool = False) -> Any:
        if not many:
            found[statement] = parameters
        return real(connection, statement, parameters, many=many)

    for module in (prepared, bulk, database):
        monkeypatch.setattr(module, "driven", driven)
    return found


def plan(path: Path, statement: str, parameters: Sequence[Any]) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


def test_every_statement_of_a_payments_life_uses_an_index(tmp_path: Path, statements: dict[str, Any]) -> None:
    """On SQLite, whose plans without statistics are always the same."""
    path = tmp_path / "rtgs.db"
    world = World(f"sqlite:///{path}")
    world.furnish()
    statements.clear()
    for data, who in cycle(4):  # each by itself, so that it reads what the others left
        world.rtgs.handle(data, who)
    for number in range(1, 4):
        for outcome in world.rtgs.handle_all(cycle(number)):
            assert isinstance(outcome, list), outcome
    world.rtgs.mailbox(SERVICE, 3, 100)
    world.rtgs.close()
    looked: set[str] = set()
    for statement, parameters in statements.items():
        if not re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", statement):
            continue
        for step in plan(path, statement, parameters):
            found = re.match(r"(SCAN|SEARCH) (?!CONSTANT ROW)(\w+)(.*)", step)
            if found is None:
                continue
            how, table, key = found.groups()
            if table in SMALL:
                continue
            looked.add(table)
            assert how == "SEARCH", (step, statement)
            if table in KEYS and "(" in key:  # else it is the end of an index, a smallest or largest
                queued = "open_payments (state=?" in key and "PENDING" in parameters and "BOOKED" not in parameters
                assert queued or any(one in key for one in KEYS[table]), (step, statement)
    assert looked >= set(KEYS), "the test looked at all that grows"
