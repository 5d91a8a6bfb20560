"""Efficiency and penalties of random weeks around a year's end, by another way: a calendar written down day by day,
decimal arithmetic instead of fractions, and each trade's life kept beside the journal instead of read from it."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from lockstep.domain.identifiers import Reference
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import TradeTerms
from lockstep.reports.efficiency import efficiency
from lockstep.reports.penalties import CashRate, FailClass, PenaltyTerms
from lockstep.reports.records import Prefix, fold

from .journals import ANNA, BERT, BOND, CORA, SHARE, Journal, market
from .test_efficiency import rows

OPEN = [
    date(2026, 12, day) for day in (14, 15, 16, 17, 18, 21, 22, 23, 24, 28, 29, 30, 31)
] + [date(2027, 1, day) for day in (4, 5, 6, 7, 8)]  # fmt: skip
FIRST, LAST = datetime(2026, 12, 14, tzinfo=UTC), datetime(2027, 1, 8, 23, tzinfo=UTC)
CUT_OFF = time(16)
BASIS_POINTS = {BOND: Decimal("0.1"), SHARE: Decimal("1")}
YEARLY = {"EUR": (Decimal("2.4"), 360), "JPY": (Decimal("0.75"), 365), "KWD": (Decimal("4.25"), 360)}
DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}
TERMS = PenaltyTerms(
    classes={BOND: FailClass.PUBLIC_DEBT, SHARE: FailClass.LIQUID_SHARES},
    cash_rates={name: (CashRate(since=FIRST.date(), yearly=int(rate * 10_000)),) for name, (rate, _) in YEARLY.items()},
    day_counts={name: days for name, (_, days) in YEARLY.items()},
)


class Life:
    """One trade's: when it was entered by each side, matched, what it lacked at first, how and when it ended."""

    def __init__(self, random: random.Random, number: int) -> None:
        self.agreed = FIRST.date() + timedelta(days=random.randrange(24))
        self.currency = random.choice(["EUR", "JPY", "KWD"])
        cash = Decimal(random.randrange(1, 10**9)).scaleb(-DECIMALS[self.currency])
        self.buyer = random.choice([BERT, CORA])
        self.terms = TradeTerms(
            deliverer=ANNA,
            receiver=self.buyer,
            deliverer_reference=Reference(f"D-{number}"),
            receiver_reference=Reference(f"R-{number}"),
            isin=random.choice([BOND, SHARE]),
            quantity=Quantity.parse("1000"),
            cash=Money.parse(str(cash), self.currency),
            settlement_date=self.agreed,
            salt=f"{number:032x}",
        )
        day = datetime.combine(self.agreed, time(), tzinfo=UTC)
        self.gave, self.took = (
            day + timedelta(minutes=random.choice([-600, 480, 480, 2000, 5000]) + random.randrange(30))
            for _ in range(2)
        )
        self.matched = max(self.gave, self.took)
        self.lacks = random.choice(["LACK", "MONY", ""])
        self.ended = self.matched + timedelta(minutes=random.choice([60, 600, 1500, 3000, 9000, 60_000]))
        self.end = random.choice(["settled", "settled", "cancelled"])

    def write(self) -> list[tuple[datetime, str]]:
        told = [(self.gave, "gave"), (self.took, "took"), (self.matched, "matched")]
        if self.lacks:
            told.append((self.matched + timedelta(seconds=1), "waiting"))
        return [*told, (self.ended, self.end)]


def written(lives: list[Life]) -> Journal:
    journal = Journal()
    moments = [
        (at, number, place, what) for number, one in enumerate(lives) for place, (at, what) in enumerate(one.write())
    ]
    for at, number, _, what in sorted(moments):
        one = lives[number]
        if at > LAST:
            continue
        if what == "gave":
            journal.instructed(at, "ANNAZZ2A", one.terms.deliverer_reference)
        elif what == "took":
            journal.instructed(at, "BERTZZ2A" if one.buyer == BERT else "CORAZZ2A", one.terms.receiver_reference)
        elif what == "matched":
            journal.matched(at, one.terms)
        else:
            journal.told(at, what, one.terms.trade_id, f"{one.lacks}: so it is" if what == "waiting" else "")
    return journal


def charge(one: Life, by: str) -> int:
    """A day's, in minor units."""
    value = Decimal(one.terms.cash.amount)
    if by == ANNA:
        exact = value * BASIS_POINTS[one.terms.isin] / 10_000
    else:
        rate, days = YEARLY[one.currency]
        exact = value * rate / 100 / days
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def expected(lives: list[Life]) -> tuple[Counter[object], Counter[object]]:
    """What settled and failed by day and currency, number and value; and what each pays, by day, trade and kind."""
    counted: Counter[object] = Counter()
    owed: Counter[object] = Counter()
    for one in lives:
        if one.matched > LAST:
            continue
        for day in [each for each in OPEN if each >= one.agreed]:
            cut_off = datetime.combine(day, CUT_OFF, tzinfo=UTC)
            if one.end == "cancelled" and one.ended < cut_off and one.matched.date() <= day:
                break
            if one.matched.date() > day:
                if one.end == "cancelled" and one.ended < cut_off:
                    break
                if one.gave != one.took:
                    by = ANNA if one.gave > one.took else one.buyer
                    owed[day, one.terms.trade_id, "LMFP", by] = charge(one, by)
                continue
            settles = one.end == "settled" and one.ended.date() <= day and one.ended <= LAST
            fate = "settled" if settles else "failed"
            counted[day, one.currency, fate] += 1
            counted[day, one.currency, f"{fate}_value"] += one.terms.cash.amount
            if settles:
                break
            by = {"LACK": ANNA, "MONY": one.buyer}.get(one.lacks, "")
            if by:
                owed[day, one.terms.trade_id, "SEFP", by] = charge(one, by)
    return counted, owed


@pytest.mark.parametrize("seed", range(8))
def test_figures_are_those_of_another_computation(seed: int) -> None:
    lives = [Life(random.Random(1_000 * seed + number), number) for number in range(60)]
    journal = written(lives)
    report = efficiency(fold(Prefix(journal.rows, as_of=LAST), journal.known, replace(market(), pay_by=CUT_OFF)), TERMS)
    counted, owed = expected(lives)
    assert len(owed) > 50 and {kind for _, _, kind, _ in owed} == {"SEFP", "LMFP"}
    names = ("settled", "settled_value", "failed", "failed_value")
    found = {(one["day"], one["currency"], name): one[name] for one in rows(report, "days") for name in names}
    assert {key: value for key, value in found.items() if value} == dict(counted)
    penalties = {
        (one["day"], one["trade_id"], one["kind"], one["payer"]): one["amount"] for one in rows(report, "penalties")
    }
    assert penalties == dict(owed)
    net: Counter[object] = Counter()
    for one in rows(report, "penalty_totals"):
        net[one["month"], one["currency"]] += one["net"]
    assert not any(net.values()), "what is paid is what is received"
