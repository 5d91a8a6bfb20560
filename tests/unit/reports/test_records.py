"""A report is made from a prefix of the journal, and nothing that came later is in it."""

from datetime import timedelta

import pytest

from lockstep.domain.errors import Contradiction, InvalidInput
from lockstep.domain.journal import Entry, JournalRow
from lockstep.domain.trade import TradeState
from lockstep.reports.audit import audit
from lockstep.reports.breaks import breaks
from lockstep.reports.cash import cash, heard
from lockstep.reports.efficiency import efficiency
from lockstep.reports.penalties import PenaltyTerms
from lockstep.reports.records import Known, Prefix, fold
from lockstep.reports.rendering import render
from lockstep.reports.transactions import transactions

from .journals import Journal, at, market, terms, week


def made(
    rows: list[JournalRow], journal: Journal, number: int | None = None, forms: tuple[str, ...] = ("json",)
) -> list[bytes]:
    """Every report of the journal that there is."""
    folded = fold(Prefix(rows, number=number), journal.known, market())
    reports = [
        efficiency(folded, PenaltyTerms()),
        transactions(folded, {}),
        audit(Prefix(rows, number=number), market()),
        breaks(Prefix(rows, number=number), market()),
        cash([], {}, heard(Prefix(rows, number=number)), market()),
    ]
    return [render(one, form) for one in reports for form in forms]


def test_later_entries_change_no_byte() -> None:
    journal = week()
    for number in range(1, len(journal.rows) + 1):
        known = [row.entry.subject for row in journal.rows[:number]]
        then = Journal()
        then.known = {name: one for name, one in journal.known.items() if name in known}
        assert made(journal.rows[:number], then) == made(journal.rows, journal, number), number
    forms = ("csv", "html", "terminal")
    journal.add(at(26, "09:00"), "waiting", "somebody")
    assert made(journal.rows[:-1], journal, forms=forms) == made(journal.rows, journal, len(journal.rows) - 1, forms)


def test_as_of_a_moment_ends_before_the_first_later_entry() -> None:
    journal = Journal()
    for clock in ("09:00", "09:02", "09:01", "09:03"):  # the third is dated back
        journal.add(at(23, clock), "waiting", "somebody")
    for moment, expected in (("08:59", 0), ("09:00", 1), ("09:01", 1), ("09:02", 3), ("09:03", 4)):
        prefix = Prefix(journal.rows, as_of=at(23, moment))
        as_of, source = prefix.finish()
        assert (as_of, source.journal_number) == (at(23, moment), expected)
        assert list(prefix) == [], "it has ended, and begins no more behind what it left out"


def test_without_a_moment_it_is_as_of_the_latest_entry() -> None:
    journal = Journal()
    for clock in ("09:00", "09:02", "09:01"):
        journal.add(at(23, clock), "waiting", "somebody")
    as_of, source = Prefix(journal.rows, number=3).finish()
    assert (as_of, source.journal_number, source.journal_hash) == (at(23, "09:02"), 3, journal.rows[2].hash)


def test_an_entry_that_there_is_not_is_refused() -> None:
    journal = week()
    with pytest.raises(InvalidInput, match=f"not above {len(journal.rows)}") as raised:
        Prefix(journal.rows, number=len(journal.rows) + 1).finish()
    assert raised.value.field == "journal"
    with pytest.raises(InvalidInput, match="at least one entry"):
        Prefix([]).finish()
    with pytest.raises(InvalidInput, match="offset from UTC"):
        Prefix([], as_of=at(23, "09:00").replace(tzinfo=None))


@pytest.mark.parametrize("place", [0, 7, -1])
def test_an_entry_that_was_changed_is_found(place: int) -> None:
    rows = week().rows
    one = rows[place]
    facts = {**one.entry.facts, "reason": "another"}
    changed = Entry(at=one.entry.at, kind=one.entry.kind, subject=one.entry.subject, facts=facts)
    rows[place] = JournalRow(number=one.number, entry=changed, hash=one.hash)
    with pytest.raises(Contradiction, match=f"entry {one.number} does not follow"):
        Prefix(rows).finish()


def test_an_entry_that_was_taken_out_is_found() -> None:
    rows = week().rows
    del rows[4]
    with pytest.raises(Contradiction, match="entry 6 does not follow"):
        Prefix(rows).finish()


def test_a_trade_without_its_terms_is_no_report() -> None:
    journal = week()
    journal.known.popitem()
    with pytest.raises(Contradiction, match="no record has its terms"):
        fold(Prefix(journal.rows), journal.known, market())


def test_a_rebuilt_trade_settled_when_its_payment_was_booked() -> None:
    """The journal that told when is lost: by the day of the rebuild it would have failed for a week."""
    journal, of = Journal(), terms("LOST", "1.00", 23)
    journal.known[of.trade_id] = Known(terms=of, matched_at=at(20, "09:00"), booked_at=at(23, "10:00"))
    journal.add(at(30, "09:00"), "rebuilt", of.trade_id, {"state": "SETTLED", "settlement_id": "ab" * 32})
    folded = fold(Prefix(journal.rows), journal.known, market())
    (story,) = folded.stories
    assert (story.settled_at, story.last.state, story.settlement_id) == (at(23, "10:00"), TradeState.SETTLED, "ab" * 32)
    assert [one.value for one in efficiency(folded, PenaltyTerms()).figures[:1]] == ["100 %"]


def test_moments_are_told_as_the_journal_has_them() -> None:
    journal = week()
    table = transactions(fold(Prefix(journal.rows), journal.known, market()), {}).table("trades")
    names = [one.name for one in table.columns]
    told = {row[names.index("deliverer_reference")]: dict(zip(names, row, strict=True)) for row in table.rows}
    good = told["GOOD-D"]
    assert [good[name] for name in ("matched_at", "locked_at", "paid_at", "ended_at")] == [
        at(20, "09:00"),
        at(23, "09:00"),
        at(23, "09:30"),
        at(23, "10:00"),
    ]
    assert (told["PAID-D"]["state"], told["PAID-D"]["ended_at"]) == ("PAID", None)
    assert (told["GONE-D"]["reason_code"], told["GONE-D"]["state"]) == ("CANI", "CANCELLED")
    assert good["ended_at"] - good["matched_at"] == timedelta(days=3, hours=1)
