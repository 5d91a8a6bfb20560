"""What must hold before a security goes on, and what must go on holding, as data; and how that is judged.

A condition is a measure of the security's scored days, a bound, and over how many of the last days. A gate is met
where all its conditions are; a measure that has nothing to measure meets none. A guard holds until a condition of it
is seen to be broken: from nothing measured follows nothing.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import Enum
from fractions import Fraction

from lockstep.domain.errors import InvalidInput
from lockstep.domain.parallel.scorecards import Period, Score, Scorecard
from lockstep.domain.values import quick

__all__ = ["Condition", "DayEvidence", "Gate", "Guard", "Measure", "Result", "Verdict", "judge", "judge_guard"]


class Measure(Enum):
    """What can be asked of a security's days. Shares are of 1; of what stands open, the most at any day's end."""

    BUSINESS_DAYS = "business_days"
    """Scored business days in a row, without a gap, up to the last one."""
    TRADES = "trades"
    """Keys of trades that were compared."""
    TRADE_AGREEMENT = "trade_agreement"
    POSITION_AGREEMENT = "position_agreement"
    EVENT_AGREEMENT = "event_agreement"
    UNEXPLAINED_BREAKS = "unexplained_breaks"
    OPEN_BREAKS = "open_breaks"
    OLDEST_BREAK_DAYS = "oldest_break_days"
    """Business days."""
    FAILS_ADDED = "fails_added"
    """Trades that failed in Lockstep and settled in the legacy book on the agreed day."""
    FAILS_AVOIDED = "fails_avoided"
    LATER_FINALITY = "later_finality"
    """Share of the trades settled in both books that were final later in Lockstep."""
    MOST_SECONDS_LATER = "most_seconds_later"
    MEAN_SECONDS_EARLIER = "mean_seconds_earlier"
    """Below zero where Lockstep was later."""


def _settled(score: Score, value: int) -> Fraction | None:
    return Fraction(value) if score.finality.both else None


def _later(score: Score) -> Fraction | None:
    return Fraction(score.finality.later, score.finality.both) if score.finality.both else None


_FIGURES: Mapping[Measure, Callable[[Score], Fraction | None]] = {
    Measure.TRADES: lambda score: Fraction(score.trades.compared),
    Measure.TRADE_AGREEMENT: lambda score: score.trades.share,
    Measure.POSITION_AGREEMENT: lambda score: score.positions.share,
    Measure.EVENT_AGREEMENT: lambda score: score.events.share,
    Measure.UNEXPLAINED_BREAKS: lambda score: Fraction(score.unexplained_breaks),
    Measure.OPEN_BREAKS: lambda score: Fraction(score.open_breaks),
    Measure.OLDEST_BREAK_DAYS: lambda score: Fraction(score.oldest_break_days),
    Measure.FAILS_ADDED: lambda score: Fraction(score.fails.added),
    Measure.FAILS_AVOIDED: lambda score: Fraction(score.fails.avoided),
    Measure.LATER_FINALITY: _later,
    Measure.MOST_SECONDS_LATER: lambda score: _settled(score, score.finality.most_later),
    Measure.MEAN_SECONDS_EARLIER: lambda score: score.finality.mean_seconds_earlier,
}


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One bound. Exactly one of `at_least` and `at_most` is there; both are inclusive."""

    measure: Measure
    at_least: str = ""
    """Exact: a whole number or a fraction, as `3/4`; "": no such bound."""
    at_most: str = ""
    days: int = 0
    """Only the last so many scored days; 0: all in this stage."""
    each_participant: bool = False
    """Whether it must hold for every participant by itself, not for the security as a whole."""

    def __post_init__(self) -> None:
        if bool(self.at_least) == bool(self.at_most):
            raise InvalidInput(self.measure.value, f"{self.at_least} {self.at_most}".strip(), "at_least or at_most")
        for field in ("at_least", "at_most"):
            _exact(getattr(self, field) or "0", field)
        if self.days < 0:
            raise InvalidInput("days", self.days, "not below zero")
        if self.measure is Measure.BUSINESS_DAYS and (self.each_participant or self.days):
            raise InvalidInput("business_days", self.text(), "no days and no participants: they are the security's")

    def holds(self, figure: Fraction) -> bool:
        return figure >= Fraction(self.at_least) if self.at_least else figure <= Fraction(self.at_most)

    def text(self) -> str:
        """In words, as a person reads it."""
        bound = f"at least {self.at_least}" if self.at_least else f"at most {self.at_most}"
        over = f", over {self.days} days" if self.days else ""
        return f"{self.measure.value} {bound}{over}{', each participant' if self.each_participant else ''}"


def _exact(text: str, field: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InvalidInput(field, text, "a whole number or a fraction, as 3/4") from None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What must hold for a security to go from one stage to the next. `isin` "" is for all that have none of their
    own."""

    name: str
    stage: str
    """From; a Stage's value."""
    to: str
    conditions: tuple[Condition, ...]
    isin: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.conditions:
            raise InvalidInput("gate", self.name, "a name, and at least one condition")

    @property
    def about(self) -> str:
        return f"{self.stage} to {self.to}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What must go on holding while a security is in a stage: where it is broken, the security goes back to `to`."""

    name: str
    stage: str
    to: str
    conditions: tuple[Condition, ...]
    isin: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.conditions:
            raise InvalidInput("guard", self.name, "a name, and at least one condition")

    @property
    def about(self) -> str:
        return f"{self.stage} to {self.to}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One condition, and what was found."""

    condition: Condition
    figure: str
    """Exact: a whole number or a fraction; "": there was nothing to measure."""
    is_met: bool
    participant: str = ""
    """Whose figure it is: the worst one's, where each participant is judged."""
    days: tuple[date, ...] = ()
    """On which it stands."""

    @property
    def value(self) -> Fraction | None:
        return Fraction(self.figure) if self.figure else None

    def text(self) -> str:
        of = f" ({self.participant})" if self.participant else ""
        return f"{self.condition.text()}: {self.figure or 'nothing to measure'}{of}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class DayEvidence:
    """A day's scorecard as it was judged: its digest, and the journal's entry that has it."""

    day: date
    digest: str
    journal_number: int


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A gate or a guard judged as of a day: each condition with its figure, and all days that were looked at."""

    name: str
    isin: str
    about: str
    """`shadow to parallel`: from which stage to which."""
    since: date
    """The first day that counts: since then the security has been in its stage."""
    as_of: date
    """The last scored day that was looked at; `since` where there is none."""
    is_met: bool
    results: tuple[Result, ...]
    evidence: tuple[DayEvidence, ...]

    @property
    def digest(self) -> str:
        """SHA-256, hex, of all of it."""
        plain = json.dumps(asdict(self), default=_plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(one.condition for one in self.results)

    def broken(self) -> str:
        """The conditions that are not met, in words; "" if all are."""
        return "; ".join(one.text() for one in self.results if not one.is_met)


def _plain(value: date | Enum) -> str:
    return str(value.value) if isinstance(value, Enum) else value.isoformat()


def judge(gate: Gate, isin: str, cards: Sequence[tuple[Scorecard, int]], since: date) -> Verdict:
    """A gate's verdict. `cards` are the security's, each with its journal number; those before `since` are passed
    over. Met where every condition has a figure and holds: a condition over more days than were scored has none. A
    participant of whom nothing was measured is not judged. Raises InvalidInput for another security's gate."""
    return _judged(gate, isin, cards, since, met_by_nothing=False)


def judge_guard(guard: Guard, isin: str, cards: Sequence[tuple[Scorecard, int]], since: date) -> Verdict:
    """A guard's verdict: met, so that nothing happens, until a condition is seen to be broken."""
    return _judged(guard, isin, cards, since, met_by_nothing=True)


def _judged(
    one: Gate | Guard, isin: str, cards: Sequence[tuple[Scorecard, int]], since: date, *, met_by_nothing: bool
) -> Verdict:
    if one.isin not in ("", isin):
        raise InvalidInput("isin", isin, f"{one.isin}, whose {one.name} is")
    counted = sorted(((card, number) for card, number in cards if card.day >= since), key=lambda each: each[0].day)
    results = tuple(_result(each, isin, [card for card, _ in counted], met_by_nothing) for each in one.conditions)
    return Verdict(
        name=one.name,
        isin=isin,
        about=one.about,
        since=since,
        as_of=counted[-1][0].day if counted else since,
        is_met=all(each.is_met for each in results),
        results=results,
        evidence=tuple(
            DayEvidence(day=card.day, digest=card.digest, journal_number=number) for card, number in counted
        ),
    )


def _result(condition: Condition, isin: str, cards: Sequence[Scorecard], met_by_nothing: bool) -> Result:
    chosen = cards[-condition.days :] if condition.days else cards
    period = Period.of(isin, chosen)
    figures: list[tuple[str, Fraction]] = []
    if condition.measure is Measure.BUSINESS_DAYS:
        figures = [("", Fraction(period.days_in_a_row))]
    elif period.days and (not condition.days or len(chosen) == condition.days or met_by_nothing):
        figure = _FIGURES[condition.measure]
        scopes = period.participants.items() if condition.each_participant else [("", period.whole)]
        found = ((name, figure(score)) for name, score in scopes)
        figures = [(name, value) for name, value in found if value is not None]
    if not figures:
        return Result(condition=condition, figure="", is_met=met_by_nothing, days=period.days)
    is_floor = bool(condition.at_least)
    name, worst = min(figures, key=lambda each: (each[1] if is_floor else -each[1], each[0]))
    return Result(
        condition=condition,
        figure=str(worst),
        is_met=condition.holds(worst),
        participant=name,
        days=period.days,
    )
