"""On which business days trades settled, and on which they failed to: what efficiency and penalties count.

A business day is judged from its cut-off on, the market's time to pay by. A matched trade that is due fails on it where
it has not settled when the day ends (UTC), or ended unsettled at the cut-off or later; one that ended before the
cut-off is cancelled, and no fail. Paid and not yet settled, it is not judged before the day's end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from enum import Enum

from lockstep.domain.anchor import end_of
from lockstep.domain.instruction import Side
from lockstep.domain.target_calendar import due_on, next_business_day
from lockstep.domain.trade import TradeState
from lockstep.reports.penalties import Penalty, PenaltyKind, PenaltyTerms, penalty
from lockstep.reports.records import Move, Records, Story

__all__ = ["NOT_TOLD", "Day", "Fate", "Following", "code_of", "follow", "penalties_of"]

NOT_TOLD = "not told"
"""Stands for a reason where none was told."""
_SECURITIES, _CASH = "LACK", "MONY"
_UNSETTLED_ENDS = (TradeState.CANCELLED, TradeState.RELEASED)


class Fate(Enum):
    """What a day brought to a trade that was due."""

    SETTLED = "settled"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Ended unsettled before the cut-off."""
    OPEN = "open"
    """Not judged yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One business day of one trade that was due on it, or should have been matched by it."""

    day: date
    fate: Fate
    matched: bool = True
    """False: matched on a later day. Such a day costs a penalty, and counts in no rate."""
    reason: str = ""
    """As it stood at the cut-off; of a trade without one, as it stood when the day ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """A trade from the day on which it was due."""

    story: Story
    days: tuple[Day, ...]

    @property
    def failed(self) -> tuple[Day, ...]:
        """The days on which it was matched and failed."""
        return tuple(one for one in self.days if one.fate is Fate.FAILED and one.matched)

    @property
    def due(self) -> Day | None:
        """The first day that counts in a rate; None where there is none yet."""
        return next((one for one in self.days if one.matched and one.fate is not Fate.OPEN), None)

    @property
    def on_time(self) -> bool:
        """Settled on the day for which it was agreed."""
        return bool(self.days) and self.days[0].fate is Fate.SETTLED


def follow(story: Story, records: Records) -> Following:
    """Day by day from its due day to its end, or to the report's moment."""
    return Following(story=story, days=tuple(_days(story, records)))


def _days(story: Story, records: Records) -> Iterator[Day]:
    today = records.as_of.astimezone(UTC).date()
    ended = story.first(*_UNSETTLED_ENDS)
    day = due_on(story.terms.settlement_date)
    while day <= today:
        if story.matched_at >= end_of(day):
            yield Day(day=day, fate=Fate.FAILED, matched=False)
        else:
            one = _judged(story, records, day)
            yield one
            if one.fate is not Fate.FAILED:
                return
        day = next_business_day(day)
        if ended is not None and ended.at < records.market.pay_by_on(day):
            return


def _settled_by(story: Story, day: date) -> bool:
    settled = story.settled_at
    return settled is not None and settled < end_of(day)


def _judged(story: Story, records: Records, day: date) -> Day:
    cut_off, end = records.market.pay_by_on(day), end_of(day)
    if _settled_by(story, day):
        return Day(day=day, fate=Fate.SETTLED)
    ended = story.first(*_UNSETTLED_ENDS)
    if ended is not None and ended.at < cut_off:
        return Day(day=day, fate=Fate.CANCELLED, reason=ended.reason)
    last = story.at(min(end - timedelta(microseconds=1), records.as_of))
    paid = last is not None and last.state is TradeState.PAID and records.as_of < end
    if records.as_of < cut_off or paid:
        return Day(day=day, fate=Fate.OPEN)
    return Day(day=day, fate=Fate.FAILED, reason=_reason(story.at(cut_off), last))


def _reason(*moves: Move | None) -> str:
    return next((one.reason for one in moves if one is not None and one.reason), "")


def code_of(reason: str) -> str:
    """The code that a reason begins with, or NOT_TOLD."""
    return reason.partition(": ")[0] or NOT_TOLD


def penalties_of(following: Following, records: Records, tables: PenaltyTerms) -> Iterator[Penalty]:
    """A trade's, by day. Who lacks securities or cash fails; where another reason or none was told, nobody is charged.

    Of a trade that matched late the last to enter pays for the days before: the seller by the securities' rate, the
    buyer by that of cash.
    """
    terms = following.story.terms
    for one in following.days:
        if one.fate is not Fate.FAILED:
            continue
        if one.matched:
            lacks: Mapping[str, str] = {_SECURITIES: terms.deliverer, _CASH: terms.receiver}
            by, kind = lacks.get(code_of(one.reason)), PenaltyKind.SETTLEMENT_FAIL
        else:
            by, kind = _last_to_enter(following.story, records), PenaltyKind.LATE_MATCHING
        if by is not None:
            lack_of_cash = by == terms.receiver
            yield penalty(terms, records.market, tables, kind=kind, day=one.day, by=by, lack_of_cash=lack_of_cash)


def _last_to_enter(story: Story, records: Records) -> str | None:
    """None where the journal does not tell of both, or has them at one moment."""
    gave, took = (records.entered_at(story.terms, side) for side in (Side.DELIVER, Side.RECEIVE))
    if gave is None or took is None or gave == took:
        return None
    return story.terms.deliverer if gave > took else story.terms.receiver
