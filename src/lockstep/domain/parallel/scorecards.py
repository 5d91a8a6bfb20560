"""A security's day beside the legacy book, in figures: as a whole and for each participant.

All are whole numbers that add up over days, but for what stands open at a day's end: of that, several days tell the
most. A trade counts for both its parties and once in the whole, so participants' figures do not add up to the whole.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from fractions import Fraction
from functools import reduce

from lockstep.domain.errors import InvalidInput
from lockstep.domain.target_calendar import business_days_after, is_business_day
from lockstep.domain.values import quick

__all__ = [
    "ALL",
    "Fails",
    "Finality",
    "Freed",
    "Period",
    "Score",
    "Scorecard",
    "StoredCard",
    "Tally",
    "added",
    "digest_of_files",
]

ALL = ""
"""In place of an ISIN: all securities together, and cash."""

Counts = Mapping[str, int]


def added(one: Counts, other: Counts) -> Counts:
    """Two counts by name, added; names in order."""
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many things were compared, and of how many both books say the same."""

    compared: int = 0
    agreed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.agreed <= self.compared:
            raise InvalidInput("agreed", self.agreed, f"0 to {self.compared}, what was compared")

    @property
    def share(self) -> Fraction | None:
        """Agreed of compared, exact; None where nothing was compared."""
        return Fraction(self.agreed, self.compared) if self.compared else None

    def plus(self, other: "Tally") -> "Tally":
        return Tally(compared=self.compared + other.compared, agreed=self.agreed + other.agreed)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Finality:
    """How much earlier Lockstep was final, of trades that settled in both books: each counts once, when both have it.

    Seconds are exact: the legacy book's moment less Lockstep's.
    """

    both: int = 0
    """Trades that settled in both books."""
    earlier: int = 0
    """Those of them that were final earlier in Lockstep."""
    later: int = 0
    """Those that were final later; the others were final in the same second."""
    seconds_earlier: int = 0
    """The sum over all of them; below zero where Lockstep was later in sum."""
    most_earlier: int = 0
    """Seconds, the one that gained most; 0: none was earlier."""
    most_later: int = 0
    """Seconds, the one that lost most; 0: none was later."""

    @property
    def mean_seconds_earlier(self) -> Fraction | None:
        return Fraction(self.seconds_earlier, self.both) if self.both else None

    def plus(self, other: "Finality") -> "Finality":
        return Finality(
            both=self.both + other.both,
            earlier=self.earlier + other.earlier,
            later=self.later + other.later,
            seconds_earlier=self.seconds_earlier + other.seconds_earlier,
            most_earlier=max(self.most_earlier, other.most_earlier),
            most_later=max(self.most_later, other.most_later),
        )


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Fails:
    """Of trades that both books have, those agreed for the day and not settled when it was over. Each counts once."""

    due: int = 0
    """Agreed for the day, in both books, and in neither ended without settling by then."""
    legacy: int = 0
    lockstep: int = 0
    avoided: int = 0
    """Failed in the legacy book and settled in Lockstep."""
    added: int = 0
    """Failed in Lockstep and settled in the legacy book."""
    avoided_value: Counts = field(default_factory=dict)
    """Minor units by currency."""
    added_value: Counts = field(default_factory=dict)

    def plus(self, other: "Fails") -> "Fails":
        return Fails(
            due=self.due + other.due,
            legacy=self.legacy + other.legacy,
            lockstep=self.lockstep + other.lockstep,
            avoided=self.avoided + other.avoided,
            added=self.added + other.added,
            avoided_value=added(self.avoided_value, other.avoided_value),
            added_value=added(self.added_value, other.added_value),
        )


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What the earlier finality frees: of each trade that settled in both books, how much earlier in seconds, times
    its cash for who is paid, times its units for who receives them. Below zero where Lockstep was later in sum.

    Until a trade is final its cash is of no use to the deliverer and its units of none to the receiver. What the giver
    of each gives up was bound for the trade in both books, and is not counted against it.
    """

    cash: Counts = field(default_factory=dict)
    """Minor-unit-seconds by currency: 100 EUR for an hour are 10,000 × 3,600."""
    units: Counts = field(default_factory=dict)
    """Base-unit-seconds by ISIN."""

    def plus(self, other: "Freed") -> "Freed":
        return Freed(cash=added(self.cash, other.cash), units=added(self.units, other.units))


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """All figures of one scope: a security, one participant's part of it, or all of them."""

    trades: Tally = Tally()
    """By key of the reconciliation: no book says otherwise in anything."""
    positions: Tally = Tally()
    cash: Tally = Tally()
    """Of all securities together only: a balance is of no security."""
    events: Tally = Tally()
    """Settlements, fails and cancellations, each compared on the first day on which a book has it."""
    found: Counts = field(default_factory=dict)
    """Breaks that the day's run found, by class."""
    finality: Finality = Finality()
    fails: Fails = Fails()
    freed: Freed = Freed()
    open_breaks: int = 0
    """At the day's end; of several days, the most."""
    unexplained_breaks: int = 0
    """Those of the open ones that nothing accounts for; of several days, the most."""
    oldest_break_days: int = 0
    """Business days since the oldest open one was first found; of several days, the most."""

    def plus(self, other: "Score") -> "Score":
        """Two days of one scope."""
        return Score(
            trades=self.trades.plus(other.trades),
            positions=self.positions.plus(other.positions),
            cash=self.cash.plus(other.cash),
            events=self.events.plus(other.events),
            found=added(self.found, other.found),
            finality=self.finality.plus(other.finality),
            fails=self.fails.plus(other.fails),
            freed=self.freed.plus(other.freed),
            open_breaks=max(self.open_breaks, other.open_breaks),
            unexplained_breaks=max(self.unexplained_breaks, other.unexplained_breaks),
            oldest_break_days=max(self.oldest_break_days, other.oldest_break_days),
        )


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """One security's business day."""

    day: date
    at: datetime
    """The moment of the books that were compared, UTC."""
    isin: str
    """`ALL`: of all securities, with the cash."""
    whole: Score
    participants: Mapping[str, Score]
    """By LEI, or account where a book has no LEI."""
    legacy_files: str = ""
    """The legacy book's files, by `digest_of_files`; "" where it came from none."""

    @property
    def digest(self) -> str:
        """SHA-256, hex, of all of it: what evidence names."""
        plain = json.dumps(asdict(self), default=_text, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()


def digest_of_files(files: Mapping[str, str]) -> str:
    """SHA-256, hex, over a line `NAME SHA256` for each file, by name; "" for none."""
    lines = "".join(f"{name} {files[name]}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest() if files else ""


def _text(value: date | datetime) -> str:
    return value.isoformat()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCard:
    """A scorecard as it is stored. A day that is scored anew is its next `version`."""

    card: Scorecard
    version: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """Its day and ISIN, as texts."""
        return self.card.day.isoformat(), self.card.isin


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Several days of one security together, in their order; perhaps none."""

    isin: str
    days: tuple[date, ...]
    whole: Score
    participants: Mapping[str, Score]

    @classmethod
    def of(cls, isin: str, cards: Iterable[Scorecard]) -> "Period":
        """Raises InvalidInput for a card of another security, and for a day told twice."""
        ordered = sorted(cards, key=lambda one: one.day)
        for one in ordered:
            if one.isin != isin:
                raise InvalidInput("isin", one.isin, f"cards of {isin or 'all securities'}")
        days = tuple(one.day for one in ordered)
        if len({*days}) != len(days):
            raise InvalidInput("day", days, "each once")
        names = sorted({name for one in ordered for name in one.participants})
        return cls(
            isin=isin,
            days=days,
            whole=_sum([one.whole for one in ordered]),
            participants={
                name: _sum([one.participants[name] for one in ordered if name in one.participants]) for name in names
            },
        )

    @property
    def days_in_a_row(self) -> int:
        """Scored business days of TARGET without a gap, up to and with the last one."""
        count = 0
        days = [one for one in reversed(self.days) if is_business_day(one)]
        for later, day in zip((None, *days), days, strict=False):
            if later is not None and business_days_after(day, later) != 1:
                break
            count += 1
        return count


def _sum(scores: Sequence[Score]) -> Score:
    return reduce(Score.plus, scores, Score())
