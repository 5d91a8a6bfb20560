"""Margin calls in the service's records: stored with their journal entry, under their version (I6)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.errors import Conflict
from lockstep.domain.identifiers import Reference
from lockstep.domain.journal import Entry
from lockstep.domain.margin_bonds import ActState, BondMove
from lockstep.domain.margin_call import MarginCall, withdraw
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.money import Money
from lockstep.ports import Change
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import BUYER, SELLER

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
CASE = MarginCase(
    agreement_id=AgreementId("5a" * 32),
    call=MarginCall(
        call_id="MC-1",
        caller=BUYER.bic,
        called=SELLER.bic,
        amount=Money.parse("600.00", "EUR"),
        issued_at=AT,
        deliver_by=AT + timedelta(hours=4),
    ),
)


def change(case: MarginCase) -> Change:
    return Change(entries=(Entry(at=AT, kind="margin called", subject=case.reference),), margin=(case,))


def test_a_call_is_stored_and_changed_under_its_version(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    book = SqlBook(database)
    assert book.margin_case(*CASE.key) is None
    book.commit(change(CASE))
    stored = book.margin_case(*CASE.key)
    assert stored == replace(CASE, version=1)
    with pytest.raises(Conflict):
        book.commit(change(CASE))
    paying = replace(stored, paying=60_000, attempt=1, pay_by=AT, intents={"cash": AT})
    book.commit(change(paying))
    assert SqlBook(database).margin_case(*CASE.key) == replace(paying, version=2)
    with pytest.raises(Conflict):
        book.commit(change(paying))
    assert [row.entry.kind for row in book.journal("MC-1")] == ["margin called"] * 2
    database.dispose()


def test_bonds_are_stored_with_it_and_keep_it_open(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    book = SqlBook(database)
    move = BondMove(
        name=Reference("D-1"),
        token="0x" + "5a" * 20,
        units=1_000,
        pledge_id=PledgeId("5c" * 32),
        act_by=1_795_420_800,
        expected=900,
    )
    ended = withdraw(CASE.call, "an error", AT)
    book.commit(change(replace(CASE, call=ended, bonds=(move,))))
    assert SqlBook(database).open_margin_cases() == [replace(CASE, call=ended, bonds=(move,), version=1)]
    done = replace(move, state=ActState.DONE, value=900)
    book.commit(change(replace(CASE, call=ended, bonds=(done,), version=1)))
    assert SqlBook(database).open_margin_cases() == []
    database.dispose()


def test_what_has_ended_is_looked_at_no_more(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    book = SqlBook(database)
    other = replace(CASE, agreement_id=AgreementId("5b" * 32))
    for one in (CASE, other):
        book.commit(change(one))
    assert [one.key for one in book.open_margin_cases()] == [CASE.key, other.key]
    book.commit(change(replace(CASE, version=1, call=withdraw(CASE.call, "an error", AT))))
    assert [one.key for one in book.open_margin_cases()] == [other.key]
    assert [one.key for one in book.margin_cases()] == [CASE.key, other.key]
    database.dispose()
