"""Balances that differ by trades which are breaks at other books than theirs: what one ledger has booked already."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.differences import BreakClass, Cause, Found
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.flow.comparing import Run, compare

DAY = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 11, tzinfo=UTC)
THREE = {
    Subject.POSITION: frozenset({Book.CHAIN, Book.SERVICE}),
    Subject.TRADE: frozenset({Book.CHAIN, Book.RTGS, Book.SERVICE}),
    Subject.CASH: frozenset({Book.RTGS, Book.SERVICE}),
}
FOUR = {
    Subject.POSITION: frozenset({Book.CHAIN, Book.SERVICE, Book.LEGACY}),
    Subject.TRADE: frozenset(Book),
    Subject.CASH: frozenset({Book.RTGS, Book.SERVICE, Book.LEGACY}),
}


def booked(reference: str, amount: int, *, ahead: tuple[Book, ...] = (Book.RTGS,), legacy: bool = False) -> list[Line]:
    """A delivers to B for so much; only those `ahead` have it settled."""
    line = Line(
        book=Book.SERVICE,
        key=Key.trade(reference),
        quantity=10,
        amount=amount,
        instrument="XS1",
        currency="EUR",
        deliverer="A",
        receiver="B",
        status=LineStatus.OPEN,
        day=DAY,
    )
    lines = []
    for book in Book:
        if book is Book.LEGACY and not legacy:
            continue
        known = replace(line, book=book)
        if book is Book.CHAIN:
            known = replace(known, amount=None, currency=None)
        if book is Book.RTGS:
            known = replace(known, quantity=None, instrument=None)
        if book in ahead:
            known = replace(known, status=LineStatus.SETTLED, at=AT)
        lines.append(known)
    return lines


def cash(party: str, **amounts: int) -> list[Line]:
    return [Line(book=Book(book), key=Key.cash(party, "EUR"), amount=amount) for book, amount in amounts.items()]


def found(lines: list[Line], spoke: Mapping[Subject, frozenset[Book]] = THREE) -> dict[str, Found]:
    done = compare(lines, RuleBook(), Run(day=DAY, at=AT, spoke=spoke))
    return {f"{one.book.value} {one.key.text()}": one for one in done.found}


def test_what_the_rtgs_has_booked_first_explains_the_service_s_balances() -> None:
    lines = [*booked("T1", 700), *cash("A", rtgs=1_700, service=1_000), *cash("B", rtgs=300, service=1_000)]
    told = found(lines)
    assert set(told) == {"rtgs trade|T1", "service cash|A|EUR", "service cash|B|EUR"}
    for name in ("service cash|A|EUR", "service cash|B|EUR"):
        assert (told[name].break_class, told[name].cause) == (BreakClass.TIMING, Cause.IN_FLIGHT)
        assert [one.origin for one in told[name].evidence] == ["trade|T1"]


def test_several_together_and_none_where_a_cent_is_left() -> None:
    trades = [*booked("T1", 700), *booked("T2", 55)]
    whole = found([*trades, *cash("A", rtgs=1_755, service=1_000)])["service cash|A|EUR"]
    assert whole.cause is Cause.IN_FLIGHT and len(whole.evidence) == 2
    off = found([*trades, *cash("A", rtgs=1_756, service=1_000)])["service cash|A|EUR"]
    assert (off.break_class, off.cause) == (BreakClass.AMOUNT, Cause.UNKNOWN)
    wrong_way = found([*trades, *cash("A", rtgs=245, service=1_000)])["service cash|A|EUR"]
    assert (wrong_way.break_class, wrong_way.cause) == (BreakClass.AMOUNT, Cause.UNKNOWN)


def test_a_trade_explains_only_what_stands_against_all_that_have_it() -> None:
    """Two books ahead of two: the balance of the third stands against both. One ahead of all explains nothing else."""
    two = booked("T1", 700, ahead=(Book.RTGS, Book.LEGACY), legacy=True)
    told = found([*two, *cash("A", rtgs=1_700, service=1_000, legacy=1_700)], FOUR)
    assert {name for name in told if "trade" in name} == {"rtgs trade|T1", "legacy trade|T1"}
    balance = told["service cash|A|EUR"]
    assert balance.cause is Cause.IN_FLIGHT and len(balance.evidence) == 1
    one = booked("T1", 700, ahead=(Book.RTGS,), legacy=True)
    told = found([*one, *cash("A", rtgs=1_700, service=1_000, legacy=1_700)], FOUR)
    assert told["service cash|A|EUR"].cause is Cause.UNKNOWN, "the legacy book has the cash without the trade"
