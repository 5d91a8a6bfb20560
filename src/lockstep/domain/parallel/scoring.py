"""How a day's scorecards are found: from what was compared, what a run found, what stays open, and trades in pairs."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from lockstep.domain.errors import InvalidInput
from lockstep.domain.parallel.pairs import EventKind, Side, TradePair
from lockstep.domain.parallel.scorecards import ALL, Fails, Finality, Freed, Score, Scorecard, Tally
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.breaks import Act, Break
from lockstep.domain.reconciliation.differences import Cause, Found
from lockstep.domain.target_calendar import due_on
from lockstep.domain.values import quick

__all__ = ["KeySeen", "ScoredDay", "is_unexplained", "keys_seen", "score_day", "was_open"]

_EXPLAINED = frozenset({Cause.IN_FLIGHT, Cause.TRADE_BREAKS})
"""Causes by which figures account for the whole difference. The others are likelihoods, until people decide."""
_STATES = frozenset({Act.OPENED, Act.REOPENED, Act.CLOSED})
_EXPLAINING = frozenset({Act.OPENED, Act.REOPENED, Act.CHANGED, Act.APPROVED})
_WHOLE = ""
_EVENT = "event"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class KeySeen:
    """A key that the legacy book and another were compared in, and whom it concerns."""

    key: Key
    isin: str
    """`ALL` for cash."""
    participants: tuple[str, ...]
    by_both: bool = True
    """Whether both have a line. Where one says nothing of a balance of nothing, or of a trade that ended, that is no
    break, and no agreement either: else rows of nothing would better a share."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredDay:
    """A day's scorecards, one for each security that anything was compared of and one of all, and what they counted."""

    day: date
    at: datetime
    cards: tuple[Scorecard, ...]
    """In the order of their ISINs, that of all first."""
    settled: tuple[str, ...]
    """References of the trades whose finality counted on this day: on a later day they do not count again."""

    def card(self, isin: str = ALL) -> Scorecard | None:
        return next((one for one in self.cards if one.isin == isin), None)


def keys_seen(
    lines: Iterable[Line], spoke: Mapping[Subject, frozenset[Book]], alone: Collection[Key] = ()
) -> Iterator[KeySeen]:
    """The keys of a comparison that the legacy book and another spoke of, in order. `alone` were not compared."""
    passed_over = frozenset(alone)
    told: dict[Key, list[Line]] = {}
    for line in lines:
        books = spoke.get(line.key.subject, frozenset())
        if Book.LEGACY in books and len(books) > 1 and line.key not in passed_over:
            told.setdefault(line.key, []).append(line)
    for key in sorted(told):
        said = {one.book for one in told[key]}
        by_both = Book.LEGACY in said and len(said) > 1
        if key.subject is not Subject.TRADE:
            isin = key.instrument if key.subject is Subject.POSITION else ALL
            yield KeySeen(key=key, isin=isin, participants=(key.participant,), by_both=by_both)
            continue
        named = Counter(one.instrument for one in told[key] if one.instrument)
        parties = {each for one in told[key] for each in (one.deliverer, one.receiver) if each}
        isin = min(named, key=lambda one: (-named[one], one), default=ALL)
        yield KeySeen(key=key, isin=isin, participants=tuple(sorted(parties)), by_both=by_both)


def was_open(one: Break, at: datetime | None = None) -> bool:
    """Whether a break was open at a moment, by what its notes tell until then; whether it is, for None. So a day that
    is scored anew has what stood open at its end, whatever people did since."""
    acts = [note.act for note in one.notes if note.act in _STATES and (at is None or note.at <= at)]
    return bool(acts) and acts[-1] is not Act.CLOSED


def is_unexplained(one: Break, at: datetime | None = None) -> bool:
    """Whether a break that was open at a moment was accounted for by nothing: neither did figures explain all of it, as
    of what is in flight or in other breaks, nor had a correction of it been approved. As it stands now, for None."""
    if not was_open(one, at) or one.found.cause in _EXPLAINED:
        return False
    acts = [note.act for note in one.notes if note.act in _EXPLAINING and (at is None or note.at <= at)]
    return acts[-1] is not Act.APPROVED


def score_day(
    *,
    day: date,
    at: datetime,
    seen: Iterable[KeySeen],
    found: Iterable[Found],
    breaks: Iterable[Break],
    pairs: Iterable[TradePair],
    settled_before: Collection[str] = (),
    legacy_files: str = "",
) -> ScoredDay:
    """The scorecards of a business day, as of the moment `at` of its books.

    `found` is what the day's run found; `breaks` are all that there are after it, closed ones too: what counts is what
    stood open at `at`. `pairs` are the trades of that moment; `settled_before` are references whose finality counted on
    another day. Raises InvalidInput for a key or a pair told twice, and for a moment without its offset.
    """
    if at.utcoffset() is None:
        raise InvalidInput("at", at, "a moment with its offset from UTC")
    scores = _Scores()
    listed = list(found)
    wrong = {one.key for one in listed} | {one.other_key for one in listed if one.other_key is not None}
    known: set[Key] = set()
    for one in seen:
        if one.key in known:
            raise InvalidInput("key", one.key.text(), "each once")
        known.add(one.key)
        if not one.by_both and one.key not in wrong:
            continue
        for each in scores.of(one.isin, one.participants):
            each.compare(one.key.kind, one.key not in wrong)
    for finding in listed:
        for each in scores.of(_isin(finding), finding.participants):
            each.found[finding.break_class.value] += 1
    for stays in breaks:
        if was_open(stays, at):
            for each in scores.of(_isin(stays.found), stays.found.participants):
                each.stays(stays.age(day), is_unexplained(stays, at))
    settled: set[str] = set()
    names: set[str] = set()
    for pair in pairs:
        if pair.reference in names:
            raise InvalidInput("pair", pair.reference, "each once")
        names.add(pair.reference)
        if _pair(scores, pair, day, at, counts=pair.reference not in settled_before):
            settled.add(pair.reference)
    return ScoredDay(day=day, at=at, cards=tuple(scores.cards(day, at, legacy_files)), settled=tuple(sorted(settled)))


def _isin(found: Found) -> str:
    return ALL if found.key.subject is Subject.CASH else found.instrument


class _Building:
    """A score as it grows: plain counts, as a day has many trades."""

    __slots__ = (
        *("tallies", "found", "cash", "units", "avoided_value", "added_value"),
        *("both", "earlier", "later", "seconds", "most_earlier", "most_later"),
        *("due", "legacy", "lockstep", "avoided", "added"),
        *("open_breaks", "unexplained", "oldest"),
    )

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, bool], int] = {}
        self.found: Counter[str] = Counter()
        self.cash: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.avoided_value: Counter[str] = Counter()
        self.added_value: Counter[str] = Counter()
        self.both = self.earlier = self.later = self.seconds = self.most_earlier = self.most_later = 0
        self.due = self.legacy = self.lockstep = self.avoided = self.added = 0
        self.open_breaks = self.unexplained = self.oldest = 0

    def compare(self, kind: str, agreed: bool) -> None:
        self.tallies[kind, agreed] = self.tallies.get((kind, agreed), 0) + 1

    def stays(self, age: int, unexplained: bool) -> None:
        self.open_breaks += 1
        self.unexplained += unexplained
        self.oldest = max(self.oldest, age)

    def settle(self, seconds: int) -> None:
        self.both += 1
        self.earlier += seconds > 0
        self.later += seconds < 0
        self.seconds += seconds
        self.most_earlier = max(self.most_earlier, seconds)
        self.most_later = max(self.most_later, -seconds)

    def fail(self, legacy: bool, lockstep: bool, currency: str, amount: int) -> None:
        """A trade that was due; whether it failed in either book."""
        self.due += 1
        self.legacy += legacy
        self.lockstep += lockstep
        if legacy and not lockstep:
            self.avoided += 1
            self.avoided_value[currency] += amount
        elif lockstep and not legacy:
            self.added += 1
            self.added_value[currency] += amount

    def score(self) -> Score:
        return Score(
            trades=self._tally(Subject.TRADE.value),
            positions=self._tally(Subject.POSITION.value),
            cash=self._tally(Subject.CASH.value),
            events=self._tally(_EVENT),
            found=_sorted(self.found),
            finality=Finality(
                both=self.both,
                earlier=self.earlier,
                later=self.later,
                seconds_earlier=self.seconds,
                most_earlier=self.most_earlier,
                most_later=self.most_later,
            ),
            fails=Fails(
                due=self.due,
                legacy=self.legacy,
                lockstep=self.lockstep,
                avoided=self.avoided,
                added=self.added,
                avoided_value=_sorted(self.avoided_value),
                added_value=_sorted(self.added_value),
            ),
            freed=Freed(cash=_sorted(self.cash), units=_sorted(self.units)),
            open_breaks=self.open_breaks,
            unexplained_breaks=self.unexplained,
            oldest_break_days=self.oldest,
        )

    def _tally(self, kind: str) -> Tally:
        agreed = self.tallies.get((kind, True), 0)
        return Tally(compared=agreed + self.tallies.get((kind, False), 0), agreed=agreed)


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


class _Scores:
    """By ISIN and participant, `_WHOLE` for everybody."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Building] = {}

    def one(self, isin: str, participant: str) -> _Building:
        found = self._known.get((isin, participant))
        if found is None:
            found = self._known[isin, participant] = _Building()
        return found

    def of(self, isin: str, participants: Iterable[str]) -> list[_Building]:
        """The scopes that something of a security concerns, each once: the security's and that of all securities, of
        each participant and of everybody."""
        names = dict.fromkeys((*participants, _WHOLE))
        return [self.one(of_isin, name) for of_isin in dict.fromkeys((isin, ALL)) for name in names]

    def cards(self, day: date, at: datetime, legacy_files: str) -> Iterator[Scorecard]:
        self.one(ALL, _WHOLE)
        by_isin: dict[str, dict[str, Score]] = {}
        for (isin, name), one in sorted(self._known.items(), key=lambda item: item[0]):
            by_isin.setdefault(isin, {})[name] = one.score()
        for isin, of_it in by_isin.items():
            whole = of_it.pop(_WHOLE)
            yield Scorecard(day=day, at=at, isin=isin, whole=whole, participants=of_it, legacy_files=legacy_files)


def _pair(scores: _Scores, pair: TradePair, day: date, at: datetime, *, counts: bool) -> bool:
    """True if its finality counts on this day."""
    ours, theirs = pair.lockstep.as_of(at), pair.legacy.as_of(at)
    scopes = scores.of(pair.isin, (pair.deliverer, pair.receiver))
    due = due_on(pair.agreed)
    mine, legacy = ours.events(due, day), theirs.events(due, day)
    for kind in EventKind:
        days = [one[kind] for one in (mine, legacy) if kind in one]
        if days and min(days) == day:
            for each in scopes:
                each.compare(_EVENT, mine.get(kind) == legacy.get(kind))
    _fails(scopes, pair, ours, theirs, day, due)
    seconds = pair.seconds_earlier
    if not counts or seconds is None or ours.settled_at is None or theirs.settled_at is None:
        return False
    for each in scopes:
        each.settle(seconds)
    for isin in dict.fromkeys((pair.isin, ALL)):
        for name in (pair.deliverer, _WHOLE):
            if pair.amount:
                scores.one(isin, name).cash[pair.currency] += pair.amount * seconds
        for name in (pair.receiver, _WHOLE):
            scores.one(isin, name).units[pair.isin] += pair.quantity * seconds
    return True


def _fails(scopes: Iterable[_Building], pair: TradePair, ours: Side, theirs: Side, day: date, due: date) -> None:
    """On the day on which it is due, of a trade that both books have and that had ended without settling in neither."""
    if due != day or ours.status is None or theirs.status is None:
        return
    failed, legacy_failed = ours.failed(due, day), theirs.failed(due, day)
    if any(one.status is LineStatus.ENDED and not fails for one, fails in ((ours, failed), (theirs, legacy_failed))):
        return
    for each in scopes:
        each.fail(legacy_failed, failed, pair.currency, pair.amount)
