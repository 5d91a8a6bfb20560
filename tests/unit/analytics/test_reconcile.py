"""Columns compared: the same findings as line by line, whatever the books say; and what is refused."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.rules import Rule, RuleBook
from lockstep.domain.values import replace
from lockstep.flow.comparing import Run, compare

pytest.importorskip("polars")

from lockstep.analytics import reconcile
from lockstep.analytics.book_columns import BookColumns, Names
from lockstep.analytics.reconcile import compare_columns

DAY = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 18, tzinfo=UTC)
SPOKE = {
    Subject.TRADE: frozenset(Book),
    Subject.POSITION: frozenset(Book) - {Book.RTGS},
    Subject.CASH: frozenset(Book) - {Book.CHAIN},
}
RUN = Run(day=DAY, at=AT, spoke=SPOKE)
RULES = (
    RuleBook(),
    RuleBook(
        rules=(
            Rule(name="a minute", subject=Subject.TRADE, tolerated_seconds=60),
            Rule(name="two units", subject=Subject.POSITION, tolerated_quantity=2),
            Rule(name="a cent", subject=Subject.CASH, tolerated_amount=1),
        )
    ),
)


def columns(lines: list[Line], spoke: dict[Subject, frozenset[Book]] = SPOKE) -> list[BookColumns]:
    names, currencies = Names(), Names()
    books = []
    for subject, those in spoke.items():
        for book in sorted(those, key=lambda one: one.value):
            one = BookColumns(book, subject, names, currencies, whole_seconds=book is Book.LEGACY)
            mine = [line for line in lines if (line.book, line.key.subject) == (book, subject)]
            one.add_lines(mine[: len(mine) // 2])
            one.add_lines(mine[len(mine) // 2 :])
            books.append(one)
    return books


def drawn_lines(seed: int, keys: int = 60) -> list[Line]:
    """Books that mostly agree; every kind of difference, also several at once, and rows that leave things out."""
    dice = random.Random(seed)
    lines = []
    for number in range(keys):
        subject = dice.choice(list(Subject))
        at = AT - timedelta(days=dice.choice((0, 0, 1, 9)), microseconds=dice.randrange(10**11))
        if subject is Subject.TRADE:
            name = str(UUID(int=dice.getrandbits(128), version=4)) if dice.random() < 0.9 else f"REF-{number}"
            facts = {
                "key": Key.trade(name),
                "quantity": dice.randint(1, 9),
                "amount": dice.randint(0, 9),
                "instrument": f"XS{number % 3}",
                "currency": dice.choice(("EUR", "JPY")),
                "deliverer": f"P{number % 4}",
                "receiver": f"P{number % 4 + 1}",
                "status": dice.choice((*LineStatus, LineStatus.SETTLED)),
                "day": at.date(),
                "at": at,
            }
        elif subject is Subject.POSITION:
            facts = {"key": Key.position(f"P{number}", f"XS{number % 3}"), "quantity": dice.randint(-3, 3), "at": at}
        else:
            facts = {"key": Key.cash(f"P{number}", "EUR"), "amount": dice.choice((0, 5, 1 << 70)), "at": at}
        for book in sorted(SPOKE[subject], key=lambda one: one.value):
            line = Line(book=book, origin=f"{book.value}:{number}", **facts)
            if dice.random() < 0.3:
                line = spoilt(line, dice)
            lines += [line] * dice.choice((1,) * 12 + (0, 2))
    dice.shuffle(lines)
    return lines


def spoilt(line: Line, dice: random.Random) -> Line:
    name = dice.choice(
        [name for name in ("quantity", "amount", "status", "day", "at", "deliverer") if getattr(line, name)] or ["at"]
    )
    if line.key.subject is Subject.TRADE and dice.random() < 0.3:
        return replace(line, **{name: None})
    if name in ("quantity", "amount"):
        return replace(line, **{name: getattr(line, name) + dice.choice((1, 3))})
    if name == "at":
        return replace(
            line,
            at=None
            if line.at is None or dice.random() < 0.3
            else line.at + timedelta(seconds=dice.choice((1, 61, 86_400))),
        )
    other = {"status": LineStatus.OPEN, "day": DAY, "deliverer": "SOMEBODY"}
    return replace(line, **{name: other[name]})


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(RULES))
def test_columns_and_lines_find_the_same(seed: int, rules: RuleBook) -> None:
    lines = drawn_lines(seed)
    assert compare_columns(columns(lines), rules, RUN) == compare(lines, rules, RUN)


def test_one_key_of_two_parts_or_twice_in_both_books_is_judged() -> None:
    one = Line(book=Book.CHAIN, key=Key.position("P1", "XS1"), quantity=5)
    twice = [one, replace(one, book=Book.SERVICE), replace(one, book=Book.LEGACY)] * 2
    found = compare_columns(columns(twice), RuleBook(), RUN)
    assert found == compare(twice, RuleBook(), RUN)
    assert len(found.found) == 3


def test_trades_that_share_64_bits_of_their_uuids_are_two() -> None:
    same = Line(book=Book.CHAIN, key=Key.trade(str(UUID(int=(1 << 64) + 7))), quantity=5, status=LineStatus.SETTLED)
    other = replace(same, key=Key.trade(str(UUID(int=(2 << 64) + 7))))
    lines = [replace(one, book=book) for one in (same, other) for book in Book]
    lines[0] = replace(lines[0], quantity=6)
    assert compare_columns(columns(lines), RuleBook(), RUN) == compare(lines, RuleBook(), RUN)


def test_what_columns_cannot_hold_is_compared_all_the_same() -> None:
    key = Key.trade(str(UUID(int=3)))
    lines = [Line(book=book, key=key, quantity=1 << 70, day=date(2090, 1, 1), at=AT) for book in Book]
    lines[1] = replace(lines[1], quantity=1)
    found = compare_columns(columns(lines), RuleBook(), RUN)
    assert found == compare(lines, RuleBook(), RUN)
    assert len(found.found) == 1


def test_books_that_do_not_belong_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = drawn_lines(1)
    books = columns(lines)
    with pytest.raises(InvalidInput, match="once for position"):
        compare_columns([*books, next(one for one in books if one.subject is Subject.POSITION)], RuleBook(), RUN)
    with pytest.raises(InvalidInput, match="all that spoke of"):
        compare_columns(books[1:], RuleBook(), RUN)
    with pytest.raises(InvalidInput, match="one that spoke of"):
        compare_columns(books, RuleBook(), replace(RUN, spoke={**SPOKE, Subject.TRADE: frozenset({Book.CHAIN})}))
    monkeypatch.setattr(reconcile, "MOST_LINES", 10)
    with pytest.raises(InvalidInput, match="few keys disagree"):
        compare_columns(books, RuleBook(), RUN)


def test_what_one_book_alone_spoke_of_is_not_compared() -> None:
    spoke = {Subject.POSITION: frozenset({Book.CHAIN})}
    lines = [one for one in drawn_lines(2) if one.book is Book.CHAIN and one.key.subject is Subject.POSITION]
    found = compare_columns(columns(lines, spoke), RuleBook(), replace(RUN, spoke=spoke))
    assert (found.found, found.keys) == ((), 0)
