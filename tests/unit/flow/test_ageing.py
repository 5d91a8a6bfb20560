"""Breaks with their ages: counted by hand, and narrowed."""

from datetime import UTC, date, datetime

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.differences import BreakClass, Difference, Found
from lockstep.flow.ageing import Aged, Wanted, aged

AT = datetime(2026, 3, 30, 17, tzinfo=UTC)
MONDAY = AT.date()
KEYS = (
    Key.position("P1", "XS1"),
    Key.position("P2", "XS1"),
    Key.position("P2", "XS2"),
    Key.cash("P1", "EUR"),
    Key.trade("T-1"),
)
CLASSES = (BreakClass.AMOUNT, BreakClass.AMOUNT, BreakClass.TIMING, BreakClass.AMOUNT, BreakClass.IDENTITY)


def found(place: int, said: str = "90") -> Found:
    key, kind = KEYS[place], CLASSES[place]
    by = int(said) - 100 if kind is BreakClass.AMOUNT else 0
    return Found(
        book=Book.LEGACY,
        key=key,
        differences=(Difference(break_class=kind, field="quantity", said=said, agreed="100", by=by),),
        rule="exact",
        participants=("P1", "P3") if key.reference else (),
        instrument="XS1" if key.reference else "",
        against=(Book.CHAIN,),
    )


def on(place: int, day: date) -> Break:
    return Break.opened(found(place), day=day, at=AT)


def five() -> list[Break]:
    """Found from Monday to Thursday of the week before Easter 2026, and on the Tuesday after."""
    days = (MONDAY, date(2026, 3, 31), date(2026, 4, 2), date(2026, 4, 7), date(2026, 4, 7))
    breaks = [on(place, day) for place, day in enumerate(days)]
    breaks[1] = breaks[1].assigned("Ada", by="Bea", at=AT)
    breaks[2] = breaks[2].gone(at=AT)
    return breaks


def names(found: list[Aged]) -> list[str]:
    return [one.key.text() for one in found]


def test_ages_are_business_days_and_the_oldest_comes_first() -> None:
    """Good Friday, the weekend and Easter Monday, 3 to 6 April, do not count."""
    listed = aged(five(), date(2026, 4, 8))
    assert [(one.days, one.key.text()) for one in listed] == [
        (5, "position|P1|XS1"),
        (4, "position|P2|XS1"),
        (2, "position|P2|XS2"),
        (1, "trade|T-1"),  # an identity is graver than an amount
        (1, "cash|P1|EUR"),
    ]
    assert [one.days for one in aged(five(), MONDAY)] == [0] * 5


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), "position|P1|XS1 position|P2|XS1 trade|T-1 cash|P1|EUR"),
        (Wanted(open_only=False, instrument="XS2"), "position|P2|XS2"),
        (Wanted(instrument="XS1"), "position|P1|XS1 position|P2|XS1 trade|T-1"),
        (Wanted(instrument="EUR"), "cash|P1|EUR"),
        (Wanted(participants=frozenset({"P1"})), "position|P1|XS1 trade|T-1 cash|P1|EUR"),
        (Wanted(participants=frozenset({"P3", "?"})), "trade|T-1"),
        (Wanted(participants=frozenset({"?"})), ""),
        (Wanted(assignee="ADA"), "position|P2|XS1"),
        (Wanted(assignee=""), "position|P1|XS1 trade|T-1 cash|P1|EUR"),
        (Wanted(break_class=BreakClass.TIMING), ""),
        (Wanted(break_class=BreakClass.TIMING, open_only=False), "position|P2|XS2"),
        (Wanted(older_than=4), "position|P1|XS1"),
        (Wanted(older_than=1), "position|P1|XS1 position|P2|XS1"),
        (Wanted(older_than=0, instrument="XS1", participants=frozenset({"P1"})), "position|P1|XS1 trade|T-1"),
    ],
)
def test_what_is_asked_for(wanted: Wanted, expected: str) -> None:
    assert names(aged(five(), date(2026, 4, 8), wanted)) == expected.split()


def test_an_age_is_not_below_zero() -> None:
    with pytest.raises(InvalidInput, match="older_than"):
        Wanted(older_than=-1)
