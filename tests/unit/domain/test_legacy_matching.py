"""Trades without a UETR: which rule matches, what it says, and what it leaves apart."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from lockstep.domain.legacy import LegacyStatus, LegacyTrade
from lockstep.domain.legacy_matching import ENOUGH, LEAD, WEIGHTS, Rule, match_trades
from lockstep.domain.money import Money, Quantity
from lockstep.testing.planted_breaks import plant
from lockstep.testing.sound_books import SoundBook, isin, lei

UETR, OTHER_UETR = "d74d1753-a260-467a-9f5c-40b82dec13e0", "d74d1753-a260-467a-9f5c-40b82dec13e1"
OURS = LegacyTrade(
    line=1,
    reference="OURS",
    deliverer=lei(1),
    receiver=lei(2),
    isin=isin(1),
    quantity=Quantity(value=10, scale=0),
    cash=Money(currency="EUR", amount=1_000),
    settlement_date=date(2026, 11, 23),
    status=LegacyStatus.PENDING,
    uetr=UETR,
)
THEIRS = replace(OURS, reference="THEIRS", uetr=None)
WRONG = {
    "deliverer": lei(9),
    "receiver": lei(8),
    "isin": isin(7),
    "quantity": Quantity(value=11, scale=0),
    "cash": Money(currency="EUR", amount=1_001),
    "settlement_date": date(2026, 11, 24),
}


def test_the_same_uetr_matches_whatever_else_differs() -> None:
    theirs = replace(THEIRS, uetr=UETR, **WRONG)
    (match,) = match_trades([theirs], [OURS]).matched
    assert (match.rule, match.found.ours, match.found.agreed) == (Rule.UETR, OURS, ())
    assert match.found.differing == tuple(WRONG)


def test_equal_terms_match_and_say_so() -> None:
    result = match_trades([THEIRS], [OURS])
    (match,) = result.matched
    assert (match.rule, match.found.score, match.found.differing) == (Rule.TERMS, 100, ())
    assert not result.unmatched and not result.left
    assert str(match) == "by terms: score 100, nothing differs; no other candidate"


@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_term_is_matched_by_score_and_told(name: str) -> None:
    far = replace(OURS, reference="FAR", uetr=OTHER_UETR, quantity=Quantity(value=77, scale=0), cash=WRONG["cash"])
    far = replace(far, settlement_date=date(2026, 12, 1))
    (match,) = match_trades([replace(THEIRS, **{name: WRONG[name]})], [far, OURS]).matched
    assert (match.rule, match.found.ours, match.found.differing) == (Rule.SCORE, OURS, (name,))
    assert match.found.score == 100 - WEIGHTS[name] >= ENOUGH
    assert match.runner_up is None or match.found.score - match.runner_up.score >= LEAD


def test_two_that_are_equally_alike_are_left_apart_from_either_side() -> None:
    twin = replace(OURS, reference="TWIN", uetr=OTHER_UETR)
    result = match_trades([THEIRS], [OURS, twin])
    (apart,) = result.unmatched
    assert not result.matched and result.left == (OURS, twin)
    assert apart.why == f"its best two candidates lie less than {LEAD} apart"
    assert {one.ours.reference for one in apart.candidates} == {"OURS", "TWIN"}
    result = match_trades([THEIRS, replace(THEIRS, reference="TWIN")], [OURS])
    assert not result.matched and result.left == (OURS,)
    assert {one.why for one in result.unmatched} == {
        f"another trade fits its best candidate as well, or less than {LEAD} worse"
    }


def test_what_is_too_unlike_is_left_apart_with_its_candidates() -> None:
    unlike = replace(THEIRS, quantity=WRONG["quantity"], cash=WRONG["cash"])
    (apart,) = match_trades([unlike], [OURS]).unmatched
    assert (apart.why, apart.candidates[0].score) == (f"no candidate reaches a score of {ENOUGH}", 70)
    (apart,) = match_trades([replace(THEIRS, **WRONG)], [OURS]).unmatched
    assert (apart.why, apart.candidates) == ("no trade shares two of its terms", ())


def test_two_different_uetrs_are_two_trades_however_alike() -> None:
    result = match_trades([replace(THEIRS, uetr=OTHER_UETR)], [OURS])
    assert not result.matched and result.left == (OURS,)


def read(row: object, *, with_id: bool) -> LegacyTrade:
    """A planted book's trade, by hand."""
    return LegacyTrade(
        line=1,
        reference=row.reference,
        deliverer=row.deliverer,
        receiver=row.receiver,
        isin=row.isin,
        quantity=Quantity.parse(str(row.quantity)),
        cash=Money(currency=row.currency, amount=row.amount),
        settlement_date=row.settlement_date,
        status=LegacyStatus.PENDING,
        uetr=row.uetr if with_id else None,
    )


def test_in_a_planted_book_no_pair_is_wrong_and_each_trade_is_told_once() -> None:
    book = SoundBook(rows=1_500, seed=3, parties=20)
    planted = plant(book, 180, sides=["legacy", "service"])
    theirs = [read(row, with_id=False) for row in planted.rows("trades", "legacy")]
    ours = [read(row, with_id=True) for row in planted.rows("trades", "service")]
    random.Random(1).shuffle(theirs)
    result = match_trades(theirs, ours)
    assert all(one.theirs.reference[:16] == one.found.ours.reference[:16] for one in result.matched)
    told = [one.theirs for one in result.matched] + [one.theirs for one in result.unmatched]
    assert Counter(told) == Counter(theirs)
    assert len(result.matched) + len(result.left) == len(ours)
    errors = {one.number for one in planted.planted if one.subject == "trades"}
    numbers = {int(one.theirs.reference[6:16]) for one in result.matched}
    assert set(range(1_500)) - errors <= numbers
    hidden = {
        one.number
        for one in planted.planted
        if one.subject == "trades" and one.error in ("missing", "extra", "duplicate")
    }
    assert errors - hidden <= numbers  # an amount or a party that is wrong is found by the rest of the terms


def test_the_order_of_the_books_changes_no_pair() -> None:
    book = SoundBook(rows=200, seed=4, parties=5)
    ours = [read(book.row("trades", number), with_id=True) for number in range(200)]
    theirs = [
        replace(one, uetr=None, settlement_date=one.settlement_date + timedelta(days=place % 2))
        for place, one in enumerate(ours)
    ]
    first = match_trades(theirs, ours)
    again = match_trades(theirs[::-1], ours[::-1])

    def pairs(result: object) -> set[tuple[str, str]]:
        return {(one.theirs.reference, one.found.ours.reference) for one in result.matched}

    assert pairs(first) == pairs(again)
    assert len(pairs(first)) == 200
