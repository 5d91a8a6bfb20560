"""Settlement efficiency, fails and penalties against figures worked out by hand."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.reports.efficiency import efficiency
from lockstep.reports.fails import Fate, follow
from lockstep.reports.model import Report
from lockstep.reports.penalties import ANNEX, CashRate, FailClass, PenaltyTerms
from lockstep.reports.records import Prefix, Records, fold

from .journals import ANNA, BERT, BOND, CORA, LACK, SHARE, Journal, at, market, terms, week

WEDNESDAY_EVENING = at(25, "18:00")


def records(journal: Journal, moment=WEDNESDAY_EVENING) -> Records:
    return fold(Prefix(journal.rows, as_of=moment), journal.known, market())


def reported(tables: PenaltyTerms | None = None, **given) -> Report:
    return efficiency(records(week()), tables or PenaltyTerms(), **given)


def rows(report: Report, name: str) -> list[dict[str, object]]:
    table = report.table(name)
    return [dict(zip([one.name for one in table.columns], row, strict=True)) for row in table.rows]


def test_each_day_is_counted_by_number_and_by_value() -> None:
    found = {(one["day"], one["currency"]): one for one in rows(reported(), "days")}
    assert list(found) == [(date(2026, 11, day), "EUR") for day in (23, 24, 25)]
    monday, tuesday, wednesday = found.values()
    assert (monday["settled"], monday["failed"], monday["cancelled"]) == (1, 1, 1)  # GOOD; SHORT; GONE
    assert (monday["efficiency"], monday["efficiency_value"]) == (Fraction(1, 2), Fraction(4, 5))
    assert (tuesday["settled"], tuesday["failed"], tuesday["failed_value"]) == (0, 2, 75_000_000)  # SHORT, POOR
    assert (wednesday["settled"], wednesday["settled_value"]) == (2, 35_000_000)  # SHORT, LATE
    assert (wednesday["failed"], wednesday["open"], wednesday["efficiency"]) == (0, 1, 1)  # PAID is not judged yet


def test_the_first_figures_are_of_the_day_that_was_agreed() -> None:
    by_number, by_value, failing, *_ = reported().figures
    assert (by_number.value, by_number.note) == ("25.00 %", "1 of 4 trades")
    assert by_value.note == "1,000,000.00 EUR of 1,850,000.00 EUR"
    assert (failing.value, failing.note) == ("0", "nothing is overdue")


def test_fails_are_told_by_reason_by_age_and_by_who_caused_them() -> None:
    report = reported()
    assert [
        (one["reason_code"], one["trades"], one["fails"], one["failed_value"]) for one in rows(report, "reasons")
    ] == [
        ("LACK", 1, 2, 50_000_000),
        ("MONY", 1, 1, 50_000_000),
    ]
    assert [(one["age"], one["trades"], one["fails"]) for one in rows(report, "ages")] == [
        ("1 day", 1, 1),
        ("2 to 4 days", 1, 2),
    ]
    caused = {one["participant"]: (one["due"], one["fails_caused"]) for one in rows(report, "participants")}
    assert caused == {ANNA: (4, 2), BERT: (3, 0), CORA: (1, 1)}
    assert [(one["days_failed"], one["state"], one["last_failed"]) for one in rows(report, "fails")] == [
        (2, "SETTLED", date(2026, 11, 24)),
        (1, "RELEASED", date(2026, 11, 24)),
    ]


def test_what_is_due_before_a_day_is_left_out() -> None:
    assert [one["day"] for one in rows(reported(since=date(2026, 11, 24)), "days")] == [
        date(2026, 11, 24),
        date(2026, 11, 25),
    ]


RATES = PenaltyTerms(
    classes={SHARE: FailClass.LIQUID_SHARES},
    cash_rates={"EUR": (CashRate(since=date(2026, 1, 1), yearly=24_000),)},
    day_counts={"EUR": 360},
)


def test_penalties_are_value_by_rate_for_each_day() -> None:
    """SHORT: 250,000 at 1 bp, two days. POOR: 500,000 at 2.40 % / 360. LATE: 100,000 at 2.40 % / 360, two days."""
    found = [
        (one["day"].day, one["kind"], one["payer_name"], one["payee_name"], one["class"], one["amount"])
        for one in rows(reported(RATES), "penalties")
    ]
    assert sorted(found) == [
        (23, "LMFP", "Bert", "Anna", "cash", 667),
        (23, "SEFP", "Anna", "Bert", "liquid_shares", 2_500),
        (24, "LMFP", "Bert", "Anna", "cash", 667),
        (24, "SEFP", "Anna", "Bert", "liquid_shares", 2_500),
        (24, "SEFP", "Cora", "Anna", "cash", 3_333),
    ]


def test_what_is_paid_is_what_is_received() -> None:
    totals = {
        one["name"]: (one["pays"], one["receives"], one["net"]) for one in rows(reported(RATES), "penalty_totals")
    }
    assert totals == {"Anna": (5_000, 4_667, -333), "Bert": (1_334, 5_000, 3_666), "Cora": (3_333, 0, -3_333)}
    assert sum(net for _, _, net in totals.values()) == 0


def test_without_a_cash_rate_no_amount_is_invented() -> None:
    report = reported()
    assert [one["amount"] for one in rows(report, "penalties") if one["class"] == "cash"] == [None] * 3
    assert [one["amount"] for one in rows(report, "penalties") if one["class"] == "other"] == [1_250] * 2
    assert any("No rate for overnight credit in EUR" in one for one in report.notes)


def test_a_price_is_the_reference_value_from_its_day_on() -> None:
    """10,000 shares at 30.00 from Tuesday on; before, the agreed cash. 300,000 at 1 bp is 30.00."""
    priced = replace(
        RATES, prices={SHARE: {date(2026, 11, 24): Fraction(30)}, BOND: {date(2026, 11, 24): Fraction(99)}}
    )
    found = {
        (one["day"].day, one["class"]): (one["reference_value"], one["value_from"], one["amount"])
        for one in rows(reported(priced), "penalties")
        if one["kind"] == "SEFP"
    }
    assert found[23, "liquid_shares"] == (25_000_000, "agreed cash", 2_500)
    assert found[24, "liquid_shares"] == (30_000_000, "price of 2026-11-24", 3_000)
    assert found[24, "cash"] == (99_000, "price of 2026-11-24", 7)  # 1,000 of face at 99 %: 990.00; 6.6 cents


def test_the_annex_has_its_rates() -> None:
    """Delegated Regulation (EU) 2017/389, Annex, points 1 to 7: 1.0, 0.5, 0.25, 0.10, 0.20, 0.15, 0.5 basis points."""
    assert [Fraction(ANNEX[one], 100) for one in FailClass] == [
        Fraction(text) for text in ("1.0", "0.5", "0.25", "0.10", "0.20", "0.15", "0.5")
    ]


def test_rates_are_told_exactly() -> None:
    told = {(one["kind"], one["class"]): one["daily_rate"] for one in rows(reported(RATES), "penalties")}
    assert told["SEFP", "liquid_shares"] == "1 bp"
    assert told["SEFP", "cash"] == told["LMFP", "cash"] == "2.4 % / 360"
    assert [PenaltyTerms().daily_rate(one)[1] for one in (FailClass.SME_GROWTH_DEBT, FailClass.OTHER)] == [
        "0.15 bp",
        "0.5 bp",
    ]


def test_a_rate_below_zero_costs_nothing() -> None:
    below = replace(RATES, cash_rates={"EUR": (CashRate(since=date(2026, 1, 1), yearly=-5_000),)})
    assert [one["amount"] for one in rows(reported(below), "penalties") if one["class"] == "cash"] == [0] * 3


def test_a_rate_needs_its_day_count() -> None:
    with pytest.raises(InvalidInput, match="day_count") as raised:
        PenaltyTerms(cash_rates={"EUR": (CashRate(since=date(2026, 1, 1), yearly=1),)})
    assert raised.value.field == "cash/EUR/day_count"


# --- days of one trade


def fates(journal: Journal, moment) -> list[tuple[int, Fate, bool]]:
    (story,) = records(journal, moment).stories
    return [(one.day.day, one.fate, one.matched) for one in follow(story, records(journal, moment)).days]


def lone(due: int, *moves: tuple[int, str, str, str], matched: tuple[int, str] = (20, "09:00")) -> Journal:
    journal = Journal()
    trade = journal.matched(at(*matched), terms("ONE", "1.00", due))
    for day, clock, kind, reason in moves:
        journal.told(at(day, clock), kind, trade, reason)
    return journal


@pytest.mark.parametrize(
    ("journal", "moment", "expected"),
    [
        (lone(23), at(22, "23:59"), []),
        (lone(23), at(23, "15:59"), [(23, Fate.OPEN, True)]),
        (lone(23), at(23, "16:00"), [(23, Fate.FAILED, True)]),
        (lone(23), at(24, "15:00"), [(23, Fate.FAILED, True), (24, Fate.OPEN, True)]),
        (lone(21), at(23, "16:00"), [(23, Fate.FAILED, True)]),  # agreed for a Saturday: due on Monday
        (lone(27), at(30, "17:00"), [(27, Fate.FAILED, True), (30, Fate.FAILED, True)]),  # over a weekend
        (lone(23, (23, "15:59", "cancelled", "CANI: asked")), at(24, "17:00"), [(23, Fate.CANCELLED, True)]),
        (lone(23, (23, "16:00", "cancelled", "LATE: not locked")), at(25, "17:00"), [(23, Fate.FAILED, True)]),
        (lone(23, (23, "15:00", "paid", "")), at(23, "18:00"), [(23, Fate.OPEN, True)]),
        (lone(23, (23, "15:00", "paid", "")), at(24, "00:00"), [(23, Fate.FAILED, True), (24, Fate.OPEN, True)]),
        (
            lone(23, (23, "15:00", "paid", ""), (23, "16:30", "settled", "")),
            at(23, "18:00"),
            [(23, Fate.SETTLED, True)],
        ),
        (
            lone(23, (24, "15:00", "settled", "")),
            at(30, "18:00"),
            [(23, Fate.FAILED, True), (24, Fate.SETTLED, True)],
        ),
        (
            lone(23, (25, "10:00", "settled", ""), matched=(24, "09:00")),
            at(30, "18:00"),
            [(23, Fate.FAILED, False), (24, Fate.FAILED, True), (25, Fate.SETTLED, True)],
        ),
        (lone(23, matched=(23, "23:59:59")), at(23, "23:59:59"), [(23, Fate.FAILED, True)]),
        (lone(23, matched=(24, "00:00")), at(24, "00:01"), [(23, Fate.FAILED, False), (24, Fate.OPEN, True)]),
    ],
)
def test_days_are_judged_from_their_cut_off_on(journal: Journal, moment, expected) -> None:
    assert fates(journal, moment) == expected


def test_the_reason_is_the_one_at_the_cut_off() -> None:
    journal = lone(23, (23, "10:00", "waiting", LACK), (23, "16:30", "cancelled", "CANI: both asked"))
    read = records(journal, at(23, "18:00"))
    (story,) = read.stories
    assert follow(story, read).failed[0].reason == LACK


def test_a_reason_ends_with_the_step_that_it_held_up() -> None:
    journal = lone(23, (23, "10:00", "waiting", LACK), (23, "11:00", "locked", ""))
    read = records(journal, at(23, "18:00"))
    (story,) = read.stories
    assert follow(story, read).failed[0].reason == ""
    assert [one["amount"] for one in rows(efficiency(read, RATES), "penalties")] == []  # nobody is charged


def test_a_trade_that_fails_for_years_is_followed_to_the_moment_and_no_further() -> None:
    """262 weekdays from 2026-11-23 to 2027-11-23, less Christmas, New Year, Good Friday and Easter Monday."""
    journal, moment = lone(23), at(23, "18:00") + timedelta(days=365)
    assert len(fates(journal, moment)) == 258
