"""Scorecards of a day, each figure worked out by hand."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.parallel.pairs import EventKind, Side, TradePair
from lockstep.domain.parallel.scorecards import ALL, Fails, Finality, Freed, Period, Score, Tally
from lockstep.domain.parallel.scoring import KeySeen, ScoredDay, is_unexplained, keys_seen, score_day, was_open
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.breaks import Act, Break, CloseReason, Note
from lockstep.domain.reconciliation.differences import BreakClass, Cause, Difference, Found
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.domain.values import replace
from lockstep.flow.comparing import Run, compare
from parallel.cards import (
    ANNA,
    BERT,
    BOND,
    CARL,
    MONDAY,
    NOTE,
    TUESDAY,
    WEDNESDAY,
    at,
    card,
    ended,
    pair,
    settled,
    still_open,
)

EVENING = at(MONDAY, 18)


def scored(*pairs: TradePair, day: date = MONDAY, before: tuple[str, ...] = ()) -> ScoredDay:
    return score_day(day=day, at=at(day, 18), seen=(), found=(), breaks=(), pairs=pairs, settled_before=before)


def whole(result: ScoredDay, isin: str = BOND) -> Score:
    found = result.card(isin)
    assert found is not None
    return found.whole


def finding(key: Key, kind: BreakClass = BreakClass.AMOUNT, cause: Cause = Cause.UNKNOWN, **more: object) -> Found:
    difference = Difference(break_class=kind, field="amount", said="1", agreed="2", by=-1)
    facts = {"participants": (ANNA, BERT), "instrument": BOND, **more}
    return Found(book=Book.LEGACY, key=key, differences=(difference,), rule="r", cause=cause, **facts)


# --- finality and what it frees


def test_finality_is_the_difference_of_both_moments() -> None:
    """Final at 9:00:00 here and at 16:30:10 there: 7 h 30 min 10 s are 27,010 seconds."""
    score = whole(scored(pair(settled(at(MONDAY, 9)), settled(at(MONDAY, 16, 30, 10)))))
    assert score.finality == Finality(both=1, earlier=1, seconds_earlier=27_010, most_earlier=27_010)
    assert score.finality.mean_seconds_earlier == 27_010
    assert score.freed == Freed(cash={"EUR": 27_010_000}, units={BOND: 1_350_500})


def test_later_finality_counts_against_lockstep() -> None:
    earlier = pair(settled(at(MONDAY, 9)), settled(at(MONDAY, 9, 0, 10)))
    later = pair(settled(at(MONDAY, 11)), settled(at(MONDAY, 10, 59)), "T2")
    same = pair(settled(at(MONDAY, 12)), settled(at(MONDAY, 12)), "T3")
    score = whole(scored(earlier, later, same))
    assert score.finality == Finality(both=3, earlier=1, later=1, seconds_earlier=-50, most_earlier=10, most_later=60)
    assert score.finality.mean_seconds_earlier == Fraction(-50, 3)
    assert score.freed == Freed(cash={"EUR": -50_000}, units={BOND: -2_500})


def test_cash_is_freed_for_who_is_paid_and_units_for_who_receives() -> None:
    result = scored(pair(settled(at(MONDAY, 9)), settled(at(MONDAY, 9, 0, 3))))
    for isin in (BOND, ALL):
        found = result.card(isin)
        assert found is not None
        assert found.participants[ANNA].freed == Freed(cash={"EUR": 3_000})
        assert found.participants[BERT].freed == Freed(units={BOND: 150})
        assert found.whole.freed == Freed(cash={"EUR": 3_000}, units={BOND: 150})


def test_a_fraction_of_a_second_is_left_away_on_both_sides() -> None:
    mine = at(MONDAY, 9) + timedelta(microseconds=999_999)
    assert pair(settled(mine), settled(at(MONDAY, 9, 0, 1))).seconds_earlier == 1


def test_finality_counts_once_on_the_day_on_which_both_have_it() -> None:
    one = pair(settled(at(MONDAY, 9)), settled(at(TUESDAY, 9)))
    monday = scored(one)
    assert monday.settled == ()
    assert whole(monday).finality == Finality()
    tuesday = scored(one, day=TUESDAY)
    assert tuesday.settled == ("T1",)
    assert whole(tuesday).finality.seconds_earlier == 86_400
    wednesday = scored(one, day=WEDNESDAY, before=("T1",))
    assert wednesday.settled == ()
    assert whole(wednesday).finality == Finality()


# --- fails


@pytest.mark.parametrize(
    ("lockstep", "legacy", "expected"),
    [
        (settled(at(MONDAY, 9)), settled(at(MONDAY, 10)), Fails(due=1)),
        (settled(at(MONDAY, 9)), still_open(), Fails(due=1, legacy=1, avoided=1, avoided_value={"EUR": 1_000})),
        (still_open(), settled(at(MONDAY, 9)), Fails(due=1, lockstep=1, added=1, added_value={"EUR": 1_000})),
        (still_open(), still_open(), Fails(due=1, legacy=1, lockstep=1)),
        (ended(MONDAY), still_open(), Fails()),
        (settled(at(MONDAY, 9)), Side(), Fails()),
        (Side(), still_open(), Fails()),
    ],
)
def test_fails_are_of_the_agreed_day(lockstep: Side, legacy: Side, expected: Fails) -> None:
    assert whole(scored(pair(lockstep, legacy))).fails == expected


def test_settled_after_the_moment_of_the_books_is_not_settled_yet() -> None:
    late = pair(settled(at(MONDAY, 19)), settled(at(MONDAY, 9)))
    score = whole(scored(late))
    assert (score.fails.added, score.finality.both) == (1, 0)


def test_a_fail_counts_on_no_other_day() -> None:
    one = pair(still_open(), still_open())
    assert whole(scored(one, day=TUESDAY)).fails == Fails()
    assert whole(scored(pair(still_open(), still_open(), agreed=TUESDAY))).fails == Fails()


# --- events


def test_the_same_event_on_the_same_day_agrees() -> None:
    assert whole(scored(pair(settled(at(MONDAY, 9)), settled(at(MONDAY, 17))))).events == Tally(compared=1, agreed=1)


def test_an_event_is_compared_on_the_first_day_that_a_book_has_it() -> None:
    """Here settled on Monday; there failed on Monday and settled on Tuesday: of two events none agrees, on Monday."""
    monday = pair(settled(at(MONDAY, 9)), still_open())
    assert whole(scored(monday)).events == Tally(compared=2)
    tuesday = pair(settled(at(MONDAY, 9)), settled(at(TUESDAY, 9)))
    assert whole(scored(tuesday, day=TUESDAY)).events == Tally()


def test_cancelled_and_failed_in_both() -> None:
    assert whole(scored(pair(ended(MONDAY), ended()))).events == Tally(compared=1, agreed=1)
    assert whole(scored(pair(still_open(), still_open()))).events == Tally(compared=1, agreed=1)
    assert Side(status=LineStatus.ENDED, ended_on=TUESDAY).events(MONDAY, TUESDAY) == {
        EventKind.CANCELLED: TUESDAY,
        EventKind.FAILED: MONDAY,
    }


# --- keys, breaks


def test_a_key_agrees_where_nothing_was_found() -> None:
    right, wrong, moved = Key.trade("T1"), Key.trade("T2"), Key.trade("T3")
    position, cash = Key.position(ANNA, BOND), Key.cash(ANNA, "EUR")
    seen = [KeySeen(key=one, isin=BOND, participants=(ANNA, BERT)) for one in (right, wrong, moved)]
    seen += [KeySeen(key=position, isin=BOND, participants=(ANNA,)), KeySeen(key=cash, isin=ALL, participants=(ANNA,))]
    found = [
        finding(wrong, BreakClass.IDENTITY, other_key=moved),
        finding(cash, participants=(ANNA,), instrument="EUR"),
    ]
    result = score_day(day=MONDAY, at=EVENING, seen=seen, found=found, breaks=(), pairs=())
    bond, everything = result.card(BOND), result.card(ALL)
    assert bond is not None and everything is not None
    assert bond.whole.trades == Tally(compared=3, agreed=1)
    assert bond.whole.positions == Tally(compared=1, agreed=1)
    assert bond.whole.cash == Tally()
    assert bond.whole.found == {"identity": 1}
    assert bond.participants[BERT].positions == Tally()
    assert everything.whole.cash == Tally(compared=1)
    assert everything.whole.found == {"amount": 1, "identity": 1}
    assert everything.participants[ANNA].found == {"amount": 1, "identity": 1}
    assert everything.participants[BERT].found == {"identity": 1}


def test_open_breaks_count_with_their_age() -> None:
    opened = Break.opened(finding(Key.trade("T1")), day=date(2026, 11, 19), at=EVENING)
    flight = Break.opened(finding(Key.trade("T2"), BreakClass.TIMING, Cause.IN_FLIGHT), day=MONDAY, at=EVENING)
    closed = Break.opened(finding(Key.trade("T3")), day=MONDAY, at=EVENING)
    closed = closed.closed(CloseReason.ACCEPTED, "known", by="Eva", at=EVENING)
    result = score_day(day=MONDAY, at=EVENING, seen=(), found=(), breaks=(opened, flight, closed), pairs=())
    score = whole(result)
    assert (score.open_breaks, score.unexplained_breaks, score.oldest_break_days) == (2, 1, 2)


def test_what_explains_a_break() -> None:
    one = Break.opened(finding(Key.trade("T1"), cause=Cause.DECIMALS), day=MONDAY, at=EVENING)
    assert is_unexplained(one, EVENING)
    assert is_unexplained(one.assigned("Eva", by="Tom", at=EVENING), EVENING)
    corrected = one.noted(Note(at=EVENING, by="Eva", act=Act.APPROVED))
    assert not is_unexplained(corrected, EVENING)
    assert not is_unexplained(corrected.commented("soon", by="Tom", at=EVENING), EVENING)
    assert is_unexplained(corrected.noted(Note(at=EVENING, by="lockstep", act=Act.CHANGED)), EVENING)
    assert not is_unexplained(one.closed(CloseReason.MISTAKEN, "no", by="Tom", at=EVENING), EVENING)


def test_what_people_did_later_changes_no_earlier_day() -> None:
    """Opened on Monday evening, corrected and closed on Tuesday, back on Wednesday."""
    tuesday, wednesday = at(TUESDAY, 9), at(WEDNESDAY, 18)
    one = Break.opened(finding(Key.trade("T1")), day=MONDAY, at=EVENING)
    one = one.noted(Note(at=tuesday, by="Eva", act=Act.APPROVED))
    one = one.closed(CloseReason.ACCEPTED, "known", by="Tom", at=at(TUESDAY, 10))
    one = one.seen(finding(Key.trade("T1"), BreakClass.LATE), at=wednesday)
    told = [
        (was_open(one, moment), is_unexplained(one, moment))
        for moment in (at(MONDAY, 17), EVENING, tuesday, at(TUESDAY, 18), wednesday)
    ]
    assert told == [(False, False), (True, True), (True, False), (False, False), (True, True)]
    result = score_day(day=MONDAY, at=EVENING, seen=(), found=(), breaks=(one,), pairs=())
    assert (whole(result).open_breaks, whole(result).unexplained_breaks) == (1, 1)


def test_keys_of_lines_that_the_legacy_book_spoke_of() -> None:
    trade = Key.trade("T1")
    lines = [
        Line(book=Book.CHAIN, key=trade, instrument=BOND, deliverer=ANNA, receiver=BERT),
        Line(book=Book.LEGACY, key=trade, instrument=BOND, deliverer=ANNA, receiver=CARL),
        Line(book=Book.CHAIN, key=Key.position(ANNA, NOTE), quantity=1),
        Line(book=Book.LEGACY, key=Key.trade("T2"), instrument=BOND),
        Line(book=Book.RTGS, key=Key.cash(ANNA, "EUR"), amount=1),
    ]
    both = frozenset({Book.CHAIN, Book.LEGACY})
    spoke = {Subject.TRADE: both, Subject.POSITION: both, Subject.CASH: frozenset({Book.RTGS, Book.SERVICE})}
    assert list(keys_seen(lines, spoke, alone=[Key.trade("T2")])) == [
        KeySeen(key=Key.position(ANNA, NOTE), isin=NOTE, participants=(ANNA,), by_both=False),
        KeySeen(key=trade, isin=BOND, participants=(ANNA, BERT, CARL)),
    ]


# --- refusals


def test_what_is_told_twice_is_refused() -> None:
    one = pair(still_open(), still_open())
    with pytest.raises(InvalidInput, match=r"pair: 'T1' breaks the rule: each once"):
        scored(one, one)
    seen = KeySeen(key=Key.trade("T1"), isin=BOND, participants=())
    with pytest.raises(InvalidInput, match=r"key: 'trade\|T1' breaks the rule: each once"):
        score_day(day=MONDAY, at=EVENING, seen=(seen, seen), found=(), breaks=(), pairs=())
    with pytest.raises(InvalidInput, match="offset"):
        score_day(day=MONDAY, at=EVENING.replace(tzinfo=None), seen=(), found=(), breaks=(), pairs=())


def test_sides_that_cannot_be() -> None:
    with pytest.raises(InvalidInput, match="settled_at"):
        Side(status=LineStatus.SETTLED)
    with pytest.raises(InvalidInput, match="settled_at"):
        Side(status=LineStatus.OPEN, settled_at=EVENING)
    with pytest.raises(InvalidInput, match="ended_on"):
        Side(status=LineStatus.OPEN, ended_on=MONDAY)
    with pytest.raises(InvalidInput, match="at least one book"):
        pair(Side(), Side())


# --- several days


def test_days_add_up_and_what_stands_open_does_not() -> None:
    first = card(MONDAY, 4, 3, open_breaks=2, found={"amount": 1})
    second = card(TUESDAY, 6, 6, open_breaks=1, unexplained_breaks=1, found={"amount": 2, "late": 1})
    period = Period.of(BOND, (second, first))
    assert period.days == (MONDAY, TUESDAY)
    assert period.whole.trades == Tally(compared=10, agreed=9)
    assert period.whole.found == {"amount": 3, "late": 1}
    assert (period.whole.open_breaks, period.whole.unexplained_breaks) == (2, 1)
    assert period.participants[ANNA] == period.whole
    assert Period.of(BOND, ()).whole == Score()


def test_days_in_a_row_end_at_a_gap() -> None:
    friday, thursday = date(2026, 11, 20), date(2026, 11, 19)
    assert Period.of(BOND, (card(friday), card(MONDAY), card(TUESDAY))).days_in_a_row == 3
    assert Period.of(BOND, (card(thursday), card(MONDAY), card(TUESDAY))).days_in_a_row == 2
    assert Period.of(BOND, ()).days_in_a_row == 0
    with pytest.raises(InvalidInput, match="each once"):
        Period.of(BOND, (card(MONDAY), card(MONDAY)))
    with pytest.raises(InvalidInput, match=NOTE):
        Period.of(BOND, (card(MONDAY, isin=NOTE),))


def test_a_digest_is_of_every_figure() -> None:
    one = card(MONDAY)
    assert one.digest == card(MONDAY).digest
    changed = (card(TUESDAY), card(MONDAY, isin=NOTE), card(MONDAY, 11, 10), replace(one, participants={}))
    assert len({one.digest, *(each.digest for each in changed)}) == 5


# --- figures that rows of nothing, or days of nothing, would better


def test_rows_of_nothing_better_no_share() -> None:
    """A legacy book of which 50 rows say a balance of nothing, and 50 a trade that was cancelled, and no other book has
    any of them: of the one position that is there, none agrees."""
    both = frozenset({Book.CHAIN, Book.LEGACY})
    spoke = {Subject.TRADE: both, Subject.POSITION: both}
    held = Key.position(ANNA, BOND)
    lines = [
        Line(book=Book.CHAIN, key=held, quantity=2),
        Line(book=Book.LEGACY, key=held, quantity=1),
        *(Line(book=Book.LEGACY, key=Key.position(f"NOBODY{one}", BOND), quantity=0) for one in range(50)),
        *(
            Line(book=Book.LEGACY, key=Key.trade(f"T{one}"), instrument=BOND, status=LineStatus.ENDED, day=MONDAY)
            for one in range(50)
        ),
    ]
    found = compare(lines, RuleBook(), Run(day=MONDAY, at=EVENING, spoke=spoke)).found
    assert len(found) == 1
    result = score_day(day=MONDAY, at=EVENING, seen=keys_seen(lines, spoke), found=found, breaks=(), pairs=())
    assert whole(result).positions == Tally(compared=1, agreed=0)
    assert whole(result).trades == Tally()


def test_a_key_that_one_book_lacks_is_compared_all_the_same() -> None:
    both = frozenset({Book.CHAIN, Book.LEGACY})
    spoke = {Subject.TRADE: both, Subject.POSITION: both}
    for book in (Book.CHAIN, Book.LEGACY):
        lines = [Line(book=book, key=Key.position(ANNA, BOND), quantity=2)]
        found = compare(lines, RuleBook(), Run(day=MONDAY, at=EVENING, spoke=spoke)).found
        result = score_day(day=MONDAY, at=EVENING, seen=keys_seen(lines, spoke), found=found, breaks=(), pairs=())
        assert whole(result).positions == Tally(compared=1, agreed=0)


def test_days_on_which_target_is_closed_make_no_row() -> None:
    """Friday, Saturday, Sunday and Monday are two business days; a Saturday and a Sunday are none."""
    friday = MONDAY - timedelta(days=3)
    four = [card(friday + timedelta(days=number)) for number in range(4)]
    assert Period.of(BOND, four).days_in_a_row == 2
    assert Period.of(BOND, four[1:3]).days_in_a_row == 0


def test_a_trade_agreed_for_a_saturday_is_due_on_monday() -> None:
    """Settled on Monday in both it fails in none; in the legacy book on Tuesday it fails there, on Monday."""
    saturday = MONDAY - timedelta(days=2)
    on_time, late = settled(at(MONDAY, 9)), settled(at(TUESDAY, 9))
    both = whole(scored(pair(on_time, on_time, agreed=saturday)))
    assert both.fails == Fails(due=1)
    assert both.events == Tally(compared=1, agreed=1)
    one = whole(scored(pair(on_time, late, agreed=saturday)))
    assert one.fails == Fails(due=1, legacy=1, avoided=1, avoided_value={"EUR": 1_000})
    assert one.events == Tally(compared=2, agreed=0)
