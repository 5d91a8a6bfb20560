"""The journal's hashes: what they are over, and that no change goes unnoticed (I7)."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockstep.domain.journal import GENESIS, Entry, JournalRow, entry_hash

AT = datetime(2026, 11, 23, 7, 0, 1, tzinfo=UTC)
ENTRY = Entry(at=AT, kind="matched", subject="ab" * 32, facts={"cash": "4230.00 EUR", "isin": "US0378331005"})


def chain(entries: Sequence[Entry]) -> list[JournalRow]:
    rows: list[JournalRow] = []
    for number, entry in enumerate(entries, start=1):
        previous = rows[-1].hash if rows else GENESIS
        rows.append(JournalRow(number=number, entry=entry, hash=entry_hash(previous, number, entry)))
    return rows


def first_break(rows: Sequence[JournalRow]) -> int | None:
    previous = GENESIS
    for row in rows:
        if entry_hash(previous, row.number, row.entry) != row.hash:
            return row.number
        previous = row.hash
    return None


def test_literal_hash() -> None:
    body = (
        '["' + "0" * 64 + '",1,"2026-11-23T07:00:01+00:00","matched","' + "ab" * 32 + '",'
        '[["cash","4230.00 EUR"],["isin","US0378331005"]]]'
    )
    assert entry_hash(GENESIS, 1, ENTRY) == hashlib.sha256(body.encode()).hexdigest()


def test_other_letters_are_hashed_as_utf_8() -> None:
    body = '["p",2,"2026-11-23T07:00:01+00:00","é","円",[]]'
    assert entry_hash("p", 2, Entry(at=AT, kind="é", subject="円")) == hashlib.sha256(body.encode()).hexdigest()


def test_the_order_of_facts_does_not_count() -> None:
    turned = replace(ENTRY, facts=dict(reversed(list(ENTRY.facts.items()))))
    assert list(turned.facts) != list(ENTRY.facts)
    assert entry_hash(GENESIS, 1, turned) == entry_hash(GENESIS, 1, ENTRY)


@pytest.mark.parametrize(
    "other",
    [
        replace(ENTRY, at=AT + timedelta(microseconds=1)),
        replace(ENTRY, kind="locked"),
        replace(ENTRY, subject="ac" * 32),
        replace(ENTRY, facts={}),
        replace(ENTRY, facts={**ENTRY.facts, "cash": "4230.01 EUR"}),
        replace(ENTRY, facts={**ENTRY.facts, "more": ""}),
        # the same characters, cut elsewhere
        replace(ENTRY, kind="matche", subject="d" + "ab" * 32),
        replace(ENTRY, facts={"cash": '4230.00 EUR"],["isin', "US0378331005": ""}),
    ],
)
def test_everything_in_an_entry_counts(other: Entry) -> None:
    assert entry_hash(GENESIS, 1, other) != entry_hash(GENESIS, 1, ENTRY)


def test_place_and_past_count() -> None:
    assert entry_hash(GENESIS, 2, ENTRY) != entry_hash(GENESIS, 1, ENTRY)
    assert entry_hash("1" * 64, 1, ENTRY) != entry_hash(GENESIS, 1, ENTRY)


def test_a_whole_chain_holds() -> None:
    rows = chain([replace(ENTRY, kind=kind) for kind in ("matched", "locked", "paid", "settled")])
    assert first_break(rows) is None
    assert len({row.hash for row in rows}) == 4


def test_a_changed_entry_breaks_the_chain_there() -> None:
    rows = chain([replace(ENTRY, kind=kind) for kind in ("matched", "locked", "paid", "settled")])
    rows[1] = replace(rows[1], entry=replace(rows[1].entry, kind="released"))
    assert first_break(rows) == 2


def test_a_rewritten_row_breaks_the_chain_at_the_next() -> None:
    rows = chain([replace(ENTRY, kind=kind) for kind in ("matched", "locked", "paid", "settled")])
    forged = replace(rows[1].entry, kind="released")
    rows[1] = replace(rows[1], entry=forged, hash=entry_hash(rows[0].hash, 2, forged))
    assert first_break(rows) == 3


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_row_breaks_the_chain(missing: int) -> None:
    rows = chain([replace(ENTRY, kind=kind) for kind in ("matched", "locked", "paid", "settled")])
    following = rows[missing + 1].number
    del rows[missing]
    assert first_break(rows) == following
