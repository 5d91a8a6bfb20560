"""Whole weeks of random trades, scored day by day: what they add up to, against sums over the trades themselves."""

from collections import Counter
from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.parallel.pairs import Side, TradePair
from lockstep.domain.parallel.scorecards import ALL, Period, Scorecard
from lockstep.domain.parallel.scoring import score_day
from lockstep.domain.reconciliation.books import LineStatus
from parallel.cards import ANNA, BERT, BOND, CARL, NOTE, at, still_open

MONDAY = date(2026, 11, 23)
WEEK = [MONDAY + timedelta(days=number) for number in range(5)]

MOMENTS = st.one_of(
    st.none(),
    st.builds(
        lambda day, seconds: at(WEEK[day], 7) + timedelta(seconds=seconds),
        st.integers(0, 4),
        st.integers(0, 11 * 3_600),
    ),
)
PARTIES = st.permutations([ANNA, BERT, CARL]).map(lambda all_three: all_three[:2])
TRADES = st.lists(
    st.tuples(
        st.sampled_from([BOND, NOTE]),
        PARTIES,
        st.integers(1, 1_000),
        st.integers(0, 10**12),
        st.sampled_from(["EUR", "JPY"]),
        st.integers(0, 4),
        MOMENTS,
        MOMENTS,
    ),
    max_size=8,
)
Trade = tuple[str, list[str], int, int, str, int, datetime | None, datetime | None]


def as_of(moment: datetime | None, now: datetime) -> Side:
    """What a book tells on a day: it knows nothing of what is to come."""
    if moment is None or moment > now:
        return still_open()
    return Side(status=LineStatus.SETTLED, settled_at=moment)


def scored(trades: list[Trade]) -> list[list[Scorecard]]:
    """Each day's cards, with every trade told again on every day."""
    counted: set[str] = set()
    days = []
    for day in WEEK:
        pairs = [
            TradePair(
                reference=f"T{number}",
                isin=isin,
                deliverer=parties[0],
                receiver=parties[1],
                quantity=quantity,
                amount=amount,
                currency=currency,
                agreed=WEEK[agreed],
                lockstep=as_of(ours, at(day, 18)),
                legacy=as_of(theirs, at(day, 18)),
            )
            for number, (isin, parties, quantity, amount, currency, agreed, ours, theirs) in enumerate(trades)
        ]
        result = score_day(
            day=day, at=at(day, 18), seen=(), found=(), breaks=(), pairs=pairs, settled_before=frozenset(counted)
        )
        assert not counted & {*result.settled}
        counted |= {*result.settled}
        days.append(list(result.cards))
    return days


@settings(max_examples=60)
@given(TRADES)
def test_a_week_adds_up_to_its_trades(trades: list[Trade]) -> None:
    days = scored(trades)
    for isin in (ALL, BOND, NOTE):
        period = Period.of(isin, [card for cards in days for card in cards if card.isin == isin])
        mine = [one for one in trades if isin in (ALL, one[0])]
        both = [(one, one[7] - one[6]) for one in mine if one[6] is not None and one[7] is not None]
        seconds = [gap.days * 86_400 + gap.seconds for _, gap in both]
        finality = period.whole.finality
        assert (finality.both, finality.seconds_earlier) == (len(both), sum(seconds))
        assert (finality.earlier, finality.later) == (sum(one > 0 for one in seconds), sum(one < 0 for one in seconds))
        assert finality.most_earlier == max([0, *seconds])
        assert finality.most_later == max([0, *(-one for one in seconds)])
        cash: Counter[str] = Counter()
        units: Counter[tuple[str, str]] = Counter()
        for (one, _), gap in zip(both, seconds, strict=True):
            cash[one[4]] += one[3] * gap
            units[one[0], one[1][1]] += one[2] * gap
        assert {name: value for name, value in period.whole.freed.cash.items() if value} == {
            name: value for name, value in cash.items() if value
        }
        for name, score in period.participants.items():
            for of_isin, value in score.freed.units.items():
                assert value == units[of_isin, name]
        fails = period.whole.fails
        failed = [tuple(moment is None or moment.date() > WEEK[one[5]] for moment in (one[6], one[7])) for one in mine]
        assert (fails.due, fails.lockstep, fails.legacy) == (
            len(mine),
            sum(ours for ours, _ in failed),
            sum(theirs for _, theirs in failed),
        )
        assert fails.avoided == failed.count((False, True))
        assert fails.added == failed.count((True, False))


@settings(max_examples=60)
@given(TRADES)
def test_every_event_is_compared_once(trades: list[Trade]) -> None:
    """A settlement and a fail are one event each of a trade, however many days tell it and in whichever book."""
    days = scored(trades)
    period = Period.of(ALL, [card for cards in days for card in cards if card.isin == ALL])
    compared = agreed = 0
    for *_, due, ours, theirs in trades:
        settled = [moment.date() for moment in (ours, theirs) if moment is not None]
        if settled:
            compared += 1
            agreed += len(settled) == 2 and len({*settled}) == 1
        failed = [moment is None or moment.date() > WEEK[due] for moment in (ours, theirs)]
        if any(failed):
            compared += 1
            agreed += all(failed)
    assert (period.whole.events.compared, period.whole.events.agreed) == (compared, agreed)
