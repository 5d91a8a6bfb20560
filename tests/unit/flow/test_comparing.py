"""Errors planted in sound books: each found once, at its book, of its class and cause, and nothing invented."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.differences import BreakClass, Cause
from lockstep.domain.reconciliation.rules import Rule, RuleBook
from lockstep.flow.comparing import Comparison, Run, compare

DAY = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 17, tzinfo=UTC)
LONG_AGO = datetime(2026, 11, 18, 10, tzinfo=UTC)
EVERYBODY = {
    Subject.POSITION: frozenset({Book.CHAIN, Book.SERVICE, Book.LEGACY}),
    Subject.TRADE: frozenset(Book),
    Subject.CASH: frozenset({Book.RTGS, Book.SERVICE, Book.LEGACY}),
}
RUN = Run(day=DAY, at=AT, spoke=EVERYBODY)
NONE = RuleBook()


def trade(number: int, at: datetime = LONG_AGO, **changes: object) -> dict[Book, Line]:
    """One settled trade as four books tell it: the chain without cash, the RTGS without the security."""
    key = Key.trade(f"T{number}")
    facts = {
        "instrument": f"XS{number % 7}",
        "currency": "EUR",
        "deliverer": f"P{number % 5}",
        "receiver": f"P{number % 5 + 1}",
        "quantity": 1_000 + 137 * number,
        "amount": 50_000 + 911 * number,
        "status": LineStatus.SETTLED,
        "day": at.date(),
        "at": at,
    } | changes
    hidden = {Book.CHAIN: {"currency", "amount", "day"}, Book.RTGS: {"instrument", "quantity", "day"}}
    return {
        book: Line(
            book=book,
            key=key,
            origin=f"{book.value}:{number}",
            **{name: value for name, value in facts.items() if name not in hidden.get(book, ())},
        )
        for book in Book
    }


def balance(subject: Subject, number: int, figure: int) -> dict[Book, Line]:
    if subject is Subject.POSITION:
        key, name = Key.position(f"P{number}", f"XS{number % 7}"), "quantity"
    else:
        key, name = Key.cash(f"P{number}", "EUR"), "amount"
    return {book: Line(book=book, key=key, origin=str(number), **{name: figure}) for book in EVERYBODY[subject]}


def told(compared: Comparison) -> set[tuple[str, str, str]]:
    return {(one.book.value, one.key.text(), one.break_class.value) for one in compared.found}


def only(*tellings: dict[Book, Line], rules: RuleBook = NONE, run: Run = RUN) -> Comparison:
    return compare([line for one in tellings for line in one.values()], rules, run)


# An oracle of its own: how to spoil one trade or balance, and what must be found of it.
SPOIL_TRADE = {
    "missing": lambda line: [],
    "duplicate": lambda line: [line, replace(line, origin="again")],
    "status": lambda line: [replace(line, status=LineStatus.ENDED)],
    "identity": lambda line: [replace(line, deliverer="SOMEBODY")],
    "late": lambda line: [replace(line, at=line.at + timedelta(days=1))],
}
SPOIL_FIGURE = {
    "amount": lambda line: [
        replace(line, quantity=line.quantity + 3)
        if line.quantity is not None
        else replace(line, amount=line.amount + 3)
    ],
}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_what_was_planted_and_nothing_else(seed: int) -> None:
    drawn = random.Random(seed)
    lines: list[Line] = []
    expected: set[tuple[str, str, str]] = set()
    for number in range(40):
        subject = drawn.choice([Subject.TRADE, Subject.TRADE, Subject.POSITION, Subject.CASH])
        sound = trade(number) if subject is Subject.TRADE else balance(subject, number, 1_000 + 97 * number)
        victim = drawn.choice(sorted(sound, key=lambda one: one.value))
        spoils = SPOIL_TRADE | SPOIL_FIGURE
        if subject is not Subject.TRADE:
            spoils = {name: spoils[name] for name in ("missing", "duplicate", "amount")}
        kind = drawn.choice(["", "", "extra", *spoils])
        if kind == "extra":
            sound = {victim: sound[victim]}
        for book, line in sound.items():
            lines += spoils[kind](line) if kind in spoils and book is victim else [line]
        if kind:
            expected.add((victim.value, next(iter(sound.values())).key.text(), kind))
    drawn.shuffle(lines)
    assert told(compare(lines, NONE, RUN)) == expected


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_the_order_of_lines_changes_nothing(seed: int) -> None:
    drawn = random.Random(seed)
    lines = [line for number in range(12) for line in trade(number).values() if drawn.random() < 0.8]
    lines += [replace(one, origin="x", quantity=7) for one in lines[:3] if one.quantity]
    once = compare(lines, NONE, RUN)
    drawn.shuffle(lines)
    assert compare(lines, NONE, RUN) == once


def test_the_ledger_of_record_can_be_the_one_that_is_wrong() -> None:
    books = trade(1)
    books[Book.CHAIN] = replace(books[Book.CHAIN], quantity=1)
    (found,) = only(books).found
    assert (found.book, found.break_class) == (Book.CHAIN, BreakClass.AMOUNT)
    assert (found.differences[0].said, found.differences[0].agreed) == ("1", "1137")


def test_of_two_books_the_first_in_the_rules_order_decides() -> None:
    books = balance(Subject.POSITION, 1, 100)
    del books[Book.SERVICE]
    books[Book.LEGACY] = replace(books[Book.LEGACY], quantity=90)
    run = Run(day=DAY, at=AT, spoke={Subject.POSITION: frozenset({Book.CHAIN, Book.LEGACY})})
    (found,) = only(books, run=run).found
    assert (found.book, found.differences[0].by) == (Book.LEGACY, -10)
    turned = RuleBook(rules=(Rule(name="turned", subject=Subject.POSITION, books=(Book.LEGACY, Book.CHAIN)),))
    (found,) = only(books, run=run, rules=turned).found
    assert (found.book, found.rule) == (Book.CHAIN, "turned")


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 11, 18), BreakClass.TIMING),
        (date(2026, 11, 19), BreakClass.TIMING),
        (date(2026, 11, 20), BreakClass.MISSING),
        (date(2026, 11, 25), BreakClass.MISSING),
    ],
)
def test_a_gap_is_timing_for_as_long_as_the_rule_waits(day: date, kind: BreakClass) -> None:
    books = trade(1)
    del books[Book.LEGACY]
    (found,) = only(books, run=replace(RUN, day=day)).found
    assert (found.book, found.break_class) == (Book.LEGACY, kind)


def test_patience_counts_business_days_only() -> None:
    books = trade(1, at=datetime(2026, 12, 24, 9, tzinfo=UTC))
    del books[Book.LEGACY]
    for day, kind in ((28, BreakClass.TIMING), (29, BreakClass.MISSING)):
        (found,) = only(books, run=replace(RUN, day=date(2026, 12, day))).found
        assert found.break_class is kind


def test_a_status_behind_is_timing_first_and_another_end_never() -> None:
    books = trade(1)
    books[Book.LEGACY] = replace(books[Book.LEGACY], status=LineStatus.OPEN, at=None)
    for day, kind in ((19, BreakClass.TIMING), (20, BreakClass.STATUS)):
        (found,) = only(books, run=replace(RUN, day=date(2026, 11, day))).found
        assert found.break_class is kind
    books[Book.LEGACY] = replace(books[Book.LEGACY], status=LineStatus.ENDED)
    (found,) = only(books, run=replace(RUN, day=date(2026, 11, 18))).found
    assert found.break_class is BreakClass.STATUS


def test_a_book_that_did_not_speak_lacks_nothing() -> None:
    books = trade(1)
    del books[Book.LEGACY]
    spoke = {**EVERYBODY, Subject.TRADE: frozenset(Book) - {Book.LEGACY}}
    assert not only(books, run=replace(RUN, spoke=spoke)).found
    alone = only({Book.CHAIN: books[Book.CHAIN]}, run=replace(RUN, spoke={Subject.TRADE: frozenset({Book.CHAIN})}))
    assert (alone.keys, alone.alone, alone.found) == (0, (Key.trade("T1"),), ())
    with pytest.raises(InvalidInput, match="legacy"):
        only(trade(1), run=replace(RUN, spoke=spoke))


def test_who_is_not_expected_lacks_nothing() -> None:
    free = trade(1, amount=0)
    del free[Book.RTGS]
    future = {
        book: replace(line, status=LineStatus.OPEN, day=date(2026, 11, 30), at=None)
        for book, line in trade(2).items()
        if book in (Book.SERVICE, Book.LEGACY)
    }
    ended = {Book.SERVICE: trade(3, status=LineStatus.ENDED)[Book.SERVICE]}
    assert not only(free, future, ended).found


@pytest.mark.parametrize(
    ("chain", "service", "legacy", "expected"),
    [
        (0, None, None, set()),
        (0, 0, None, set()),
        (None, 0, None, set()),
        (0, None, 50, {("legacy", "amount")}),
        (None, 0, 50, {("legacy", "amount")}),
        (0, 50, 50, {("chain", "amount")}),
        (None, None, 50, {("legacy", "extra")}),
        (50, 50, None, {("legacy", "missing")}),
        (None, 50, 50, {("chain", "missing")}),
    ],
)
def test_a_balance_of_nothing_may_be_left_out(
    chain: int | None, service: int | None, legacy: int | None, expected: set[tuple[str, str]]
) -> None:
    said = {Book.CHAIN: chain, Book.SERVICE: service, Book.LEGACY: legacy}
    key = Key.position("P1", "XS1")
    result = only({book: Line(book=book, key=key, quantity=one) for book, one in said.items() if one is not None})
    assert {(one.book.value, one.break_class.value) for one in result.found} == expected


def test_tolerance_by_rule_is_inclusive_and_told() -> None:
    books = balance(Subject.CASH, 1, 1_000)
    exact = Rule(name="exact", subject=Subject.CASH, instrument="EUR", participant="P2")
    rules = RuleBook(rules=(Rule(name="a cent", subject=Subject.CASH, tolerated_amount=1), exact))
    for off, breaks, tolerated in ((1, 0, 1), (-1, 0, 1), (2, 1, 0), (-2, 1, 0)):
        spoilt = {**books, Book.LEGACY: replace(books[Book.LEGACY], amount=1_000 + off)}
        result = only(spoilt, rules=rules)
        assert (len(result.found), len(result.tolerated)) == (breaks, tolerated)
        assert all((one.rule, one.difference.by) == ("a cent", off) for one in result.tolerated)
    other = balance(Subject.CASH, 2, 1_000)
    other[Book.LEGACY] = replace(other[Book.LEGACY], amount=1_001)
    assert only(other, rules=rules).found[0].rule == "exact"


def test_late_by_seconds_where_the_rule_says_so() -> None:
    books = trade(1)
    books[Book.SERVICE] = replace(books[Book.SERVICE], at=LONG_AGO + timedelta(seconds=61))
    assert not only(books).tolerated and not only(books).found
    minute = RuleBook(rules=(Rule(name="a minute", subject=Subject.TRADE, tolerated_seconds=60),))
    (found,) = only(books, rules=minute).found
    assert (found.break_class, found.book, found.cause) == (BreakClass.LATE, Book.SERVICE, Cause.SETTLED_LATE)


def test_settled_on_another_day_is_its_day_and_not_late_besides() -> None:
    books = trade(1)
    next_day = LONG_AGO + timedelta(days=1)
    books[Book.LEGACY] = replace(books[Book.LEGACY], day=next_day.date(), at=next_day)
    (found,) = only(books).found
    assert [(one.break_class, one.field) for one in found.differences] == [(BreakClass.TIMING, "day")]
    books[Book.LEGACY] = replace(books[Book.LEGACY], day=LONG_AGO.date())
    (found,) = only(books).found
    assert [(one.break_class, one.field) for one in found.differences] == [(BreakClass.LATE, "at")]


@pytest.mark.parametrize(
    ("agreed", "said", "cause"),
    [
        (1_000, -1_000, Cause.SIGN),
        (1_234, 2_468, Cause.BOOKED_TWICE),
        (1_234, 123_400, Cause.DECIMALS),
        (123_400, 1_234, Cause.DECIMALS),
        (1_234, 1_324, Cause.DIGITS_TRANSPOSED),
        (1_234, 4_231, Cause.UNKNOWN),
        (0, 5, Cause.UNKNOWN),
    ],
)
def test_what_figures_tell_of_a_cause(agreed: int, said: int, cause: Cause) -> None:
    books = balance(Subject.POSITION, 1, agreed)
    books[Book.LEGACY] = replace(books[Book.LEGACY], quantity=said)
    (found,) = only(books).found
    assert (found.break_class, found.cause) == (BreakClass.AMOUNT, cause)


def test_swapped_parties_and_a_reused_reference() -> None:
    swapped = trade(1)
    legacy = swapped[Book.LEGACY]
    swapped[Book.LEGACY] = replace(legacy, deliverer=legacy.receiver, receiver=legacy.deliverer)
    (found,) = only(swapped).found
    assert (found.break_class, found.cause) == (BreakClass.IDENTITY, Cause.PARTIES_SWAPPED)
    reused = [*trade(2).values(), replace(trade(2)[Book.LEGACY], quantity=5)]
    (found,) = compare(reused, NONE, RUN).found
    assert (found.break_class, found.cause) == (BreakClass.DUPLICATE, Cause.REFERENCE_REUSED)


@pytest.mark.parametrize("book", list(Book))
def test_one_trade_under_another_reference_is_one_finding(book: Book) -> None:
    books = trade(1)
    books[book] = replace(books[book], key=Key.trade("MANGLED"))
    (found,) = only(books, trade(2), trade(3)).found
    assert (found.book, found.break_class, found.cause) == (book, BreakClass.IDENTITY, Cause.OTHER_REFERENCE)
    assert (found.differences[0].said, found.differences[0].agreed) == ("MANGLED", "T1")


def test_two_that_could_be_meant_are_not_guessed_at() -> None:
    books = trade(1)
    mangled = [replace(books[Book.LEGACY], key=Key.trade(name)) for name in ("M1", "M2")]
    del books[Book.LEGACY]
    result = compare([*books.values(), *mangled], NONE, RUN)
    assert {one[2] for one in told(result)} == {"missing", "extra"}
    assert len(result.found) == 3


def test_a_row_set_apart_is_the_cause_of_its_gap() -> None:
    books = trade(1)
    del books[Book.LEGACY]
    run = replace(RUN, set_apart={(Book.LEGACY, Key.trade("T1")): "holdings.csv:17: no quantity"})
    (found,) = only(books, run=run).found
    assert (found.break_class, found.cause) == (BreakClass.MISSING, Cause.ROW_SET_APART)
    assert found.evidence[0].origin == "holdings.csv:17: no quantity"


@pytest.mark.parametrize(
    ("day", "kind", "cause"), [(19, "timing", Cause.IN_FLIGHT), (25, "amount", Cause.TRADE_BREAKS)]
)
def test_a_balance_is_explained_by_the_trade_that_its_book_lacks(day: int, kind: str, cause: Cause) -> None:
    missing = trade(1)
    del missing[Book.LEGACY]
    position = {
        book: Line(book=book, key=Key.position("P2", "XS1"), quantity=5_000 - (1_137 if book is Book.LEGACY else 0))
        for book in EVERYBODY[Subject.POSITION]
    }
    cash = {
        book: Line(book=book, key=Key.cash("P2", "EUR"), amount=5_000 + (50_911 if book is Book.LEGACY else 0))
        for book in EVERYBODY[Subject.CASH]
    }
    result = only(missing, position, cash, run=replace(RUN, day=date(2026, 11, day)))
    balances = [one for one in result.found if one.key.subject is not Subject.TRADE]
    assert [(one.book, one.break_class.value, one.cause) for one in balances] == [(Book.LEGACY, kind, cause)] * 2
    assert {one.evidence[0].origin for one in balances} == {"trade|T1"}
    other = {**position, Book.LEGACY: replace(position[Book.LEGACY], quantity=3_862)}
    unexplained = [one for one in only(missing, other).found if one.key.subject is Subject.POSITION]
    assert [(one.break_class, one.cause) for one in unexplained] == [(BreakClass.AMOUNT, Cause.UNKNOWN)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Key(kind="trade", participant="P1", instrument="XS1"),
        lambda: Key.position("P1", ""),
        lambda: Key.position("P|1", "XS1"),
        lambda: Line(book=Book.CHAIN, key=Key.position("P1", "XS1"), amount=1),
        lambda: Line(book=Book.CHAIN, key=Key.trade("T1"), at=datetime(2026, 1, 1)),  # noqa: DTZ001 -- it is refused
        lambda: Rule(name="", subject=Subject.CASH),
        lambda: Rule(name="x", subject=Subject.CASH, tolerated_amount=-1),
        lambda: Rule(name="x", subject=Subject.CASH, books=(Book.RTGS,)),
        lambda: Rule(name="x", subject=Subject.TRADE, participant="P1"),
        lambda: RuleBook(rules=(Rule(name="a", subject=Subject.CASH), Rule(name="b", subject=Subject.CASH))),
    ],
)
def test_bad_values_are_refused(make: object) -> None:
    with pytest.raises(InvalidInput):
        make()


def test_a_balance_that_a_book_lacks_is_missing_at_once_as_it_is_told_anew_every_day() -> None:
    today = {book: replace(line, at=AT) for book, line in balance(Subject.POSITION, 1, 50).items()}
    del today[Book.LEGACY]
    (found,) = only(today).found
    assert (found.book, found.break_class, found.differences[0].by) == (Book.LEGACY, BreakClass.MISSING, -50)
    alone = {Book.LEGACY: Line(book=Book.LEGACY, key=Key.cash("P1", "EUR"), amount=7, at=AT)}
    (found,) = only(alone).found
    assert (found.break_class, found.differences[0].by) == (BreakClass.EXTRA, 7)


def test_a_trade_whose_row_came_and_could_not_be_read_is_no_matter_of_time() -> None:
    books = trade(1, at=AT)
    del books[Book.LEGACY]
    (waits,) = only(books).found
    (came,) = only(books, run=replace(RUN, set_apart={(Book.LEGACY, Key.trade("T1")): "trades.csv:2"})).found
    assert (waits.break_class, came.break_class) == (BreakClass.TIMING, BreakClass.MISSING)
    assert came.cause is Cause.ROW_SET_APART


def test_a_balance_told_late_is_so_also_where_no_other_book_bears_a_moment() -> None:
    books = balance(Subject.POSITION, 1, 50)
    books[Book.LEGACY] = replace(books[Book.LEGACY], at=AT)
    assert not only(books).found
    books[Book.LEGACY] = replace(books[Book.LEGACY], at=AT + timedelta(days=1))
    (found,) = only(books).found
    assert (found.book, found.break_class) == (Book.LEGACY, BreakClass.LATE)


def test_a_balance_that_is_not_there_yet_as_its_only_trade_is_under_way_is_a_matter_of_time() -> None:
    books = trade(1, at=AT)
    del books[Book.LEGACY]
    position = {
        book: Line(book=book, key=Key.position("P2", "XS1"), quantity=1_137) for book in (Book.CHAIN, Book.SERVICE)
    }
    told_of = {one.key.kind: (one.book, one.break_class, one.cause) for one in only(books, position).found}
    assert told_of["position"] == told_of["trade"] == (Book.LEGACY, BreakClass.TIMING, Cause.IN_FLIGHT)
