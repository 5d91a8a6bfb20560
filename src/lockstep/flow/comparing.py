"""Books compared key by key: who says otherwise, in what, and of which class.

Level-triggered and pure: it knows the lines of one moment and nothing of earlier runs. Of each field, what most books
say is agreed, and where as many say otherwise, what the first of them in the rule's order says. So one wrong book makes
one finding, at that book, even where it is the ledger of record. A book that did not speak is not compared: from its
silence follows nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.differences import BreakClass, Difference, Found, Tolerated
from lockstep.domain.reconciliation.rules import Rule, RuleBook
from lockstep.domain.target_calendar import business_days_after
from lockstep.domain.values import quick
from lockstep.flow.explaining import explained, probable

__all__ = ["Comparison", "Run", "compare"]

_IDENTITY = ("instrument", "currency", "deliverer", "receiver")
_CONTENT = (*_IDENTITY, "quantity", "amount", "status", "day", "at")
Value = TypeVar("Value")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a comparison is of: the business day and moment of the books, and who spoke of what."""

    day: date
    at: datetime
    """UTC: intraday, or the end of the day."""
    spoke: Mapping[Subject, frozenset[Book]]
    """Whose whole book of a subject was read: what it does not have, it lacks."""
    set_apart: Mapping[tuple[Book, Key], str] = field(default_factory=dict)
    """Rows that could not be read but name their key: where they stand, and why."""
    excused: frozenset[tuple[Book, Key]] = frozenset()
    """What a book need not have, though it spoke: its files are of another day."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one run found, by key and book."""

    run: Run
    found: tuple[Found, ...]
    tolerated: tuple[Tolerated, ...]
    keys: int
    """How many keys were compared."""
    alone: tuple[Key, ...]
    """Keys of which fewer than two books that spoke could say anything: neither right nor wrong."""


def compare(lines: Iterable[Line], rules: RuleBook, run: Run) -> Comparison:
    """Raises InvalidInput for a line of a book that is not said to have spoken."""
    by_key: dict[Key, dict[Book, list[Line]]] = {}
    for line in lines:
        if line.book not in run.spoke.get(line.key.subject, ()):
            raise InvalidInput("book", line.book.value, f"one that spoke of {line.key.kind} in this run")
        by_key.setdefault(line.key, {}).setdefault(line.book, []).append(line)
    found: list[Found] = []
    tolerated: list[Tolerated] = []
    alone: list[Key] = []
    for key in sorted(by_key):
        for told in by_key[key].values():
            if len(told) > 1:
                told.sort(key=_order)
        instrument = key.instrument or _instrument(by_key[key])
        rule = rules.rule(key, instrument)
        books = _expected([one for one in rule.compared if one in run.spoke[key.subject]], by_key[key], run)
        if len(books) < 2:
            alone.append(key)
            continue
        one = _OfKey(key=key, books=books, told=by_key[key], rule=rule, run=run, instrument=instrument)
        found += one.found()
        tolerated += one.tolerated
    found = explained(found, by_key, run.set_apart)
    return Comparison(
        run=run, found=tuple(found), tolerated=tuple(tolerated), keys=len(by_key) - len(alone), alone=tuple(alone)
    )


def _instrument(told: Mapping[Book, Sequence[Line]]) -> str:
    """A trade's ISIN, as most lines have it; the first in order of those that as many have."""
    named = Counter(one.instrument for lines in told.values() for one in lines if one.instrument)
    return min(named, key=lambda one: (-named[one], one), default="")


def _expected(books: Sequence[Book], told: Mapping[Book, Sequence[Line]], run: Run) -> list[Book]:
    """Who should have it: a trade free of payment is none of the RTGS's, one not yet due is on no ledger yet."""
    lines = [one for book in books for one in told.get(book, ())]
    excused: set[Book] = set()
    if any(one.key.subject is Subject.TRADE for one in lines[:1]):
        amounts = [one.amount for one in lines if one.amount is not None]
        if amounts and max(amounts, key=amounts.count) == 0:
            excused.add(Book.RTGS)
        if all(one.status is LineStatus.OPEN and one.day is not None and one.day >= run.day for one in lines):
            excused |= {Book.CHAIN, Book.RTGS}
        excused |= {book for book in books if (book, lines[0].key) in run.excused}
    return [one for one in books if one in told or one not in excused]


@dataclass(slots=True, kw_only=True)
class _OfKey:
    """One key's comparison."""

    key: Key
    books: Sequence[Book]
    told: Mapping[Book, Sequence[Line]]
    rule: Rule
    run: Run
    instrument: str
    tolerated: list[Tolerated] = field(default_factory=list)
    differences: dict[Book, list[Difference]] = field(default_factory=dict)

    def found(self) -> Iterator[Found]:
        present = {one: self._spokesman(one) for one in self.books if one in self.told}
        if len(present) == len(self.books) and self._all_the_same(present):
            return
        if self.key.subject is not Subject.TRADE:
            present = self._with_zeros(present)
        self._duplicates()
        self._presence(present)
        if len(present) > 1:
            for name in _IDENTITY:
                self._field(present, name, BreakClass.IDENTITY)
            self._status(present)
            self._figure(present, "quantity", self.rule.tolerated_quantity)
            self._figure(present, "amount", self.rule.tolerated_amount)
            self._field(present, "day", BreakClass.TIMING)
            self._late(present)
        parties = {self.key.participant, *(each for one in present.values() for each in (one.deliverer, one.receiver))}
        for book in self.books:
            if differences := self.differences.get(book):
                differences.sort(key=lambda one: one.break_class.rank)
                cause, evidence = probable(self.told.get(book, ()), differences)
                yield Found(
                    book=book,
                    key=self.key,
                    differences=tuple(differences),
                    rule=self.rule.name,
                    participants=tuple(sorted(one for one in parties if one)),
                    instrument=self.instrument,
                    against=tuple(one for one in self.books if one is not book),
                    cause=cause,
                    evidence=evidence,
                )

    def _all_the_same(self, present: Mapping[Book, Line]) -> bool:
        if any(len(self.told[one]) > 1 for one in self.books):
            return False
        first, *others = present.values()
        return all(getattr(one, name) == getattr(first, name) for one in others for name in _CONTENT)

    def _with_zeros(self, present: dict[Book, Line]) -> dict[Book, Line]:
        """Many books leave out a balance of nothing: where one says zero and most have none, all say zero."""
        name = "quantity" if self.key.subject is Subject.POSITION else "amount"
        some = {book for book, line in present.items() if getattr(line, name) != 0}
        none = [book for book in self.books if book not in some]
        most_have_some = len(some) > len(none) or (len(some) == len(none) and self.books[0] in some)
        if len(some) == len(present) or most_have_some:
            return present
        quantity, amount = (0, None) if self.key.subject is Subject.POSITION else (None, 0)
        zeros = {book: Line(book=book, key=self.key, quantity=quantity, amount=amount) for book in self.books}
        return zeros | present

    def _spokesman(self, book: Book) -> Line:
        """Of a book that tells a key more than once, the line nearest to what the other books say."""
        others = [one for other in self.books if other is not book for one in self.told.get(other, ())]
        return min(self.told[book], key=lambda line: sum(_unlike(line, one) for one in others))

    def _add(self, book: Book, kind: BreakClass, name: str, said: object, agreed: object, by: int = 0) -> None:
        one = Difference(break_class=kind, field=name, said=_text(said), agreed=_text(agreed), by=by)
        self.differences.setdefault(book, []).append(one)

    def _duplicates(self) -> None:
        for book in self.books:
            if (count := len(self.told.get(book, ()))) > 1:
                self._add(book, BreakClass.DUPLICATE, "lines", count, 1, by=count - 1)

    def _presence(self, present: Mapping[Book, Line]) -> None:
        absent = [one for one in self.books if one not in present]
        if not absent or all(one.status is LineStatus.ENDED for one in present.values()):
            return  # what ended without settling may never have reached another book
        is_missing = len(present) > len(absent) or (len(present) == len(absent) and self.books[0] in present)
        kind = BreakClass.MISSING if is_missing else BreakClass.EXTRA
        waits = self.key.subject is Subject.TRADE and self._in_time(present.values())
        there = "; ".join(f"{one.value} {_figures(line)}" for one, line in present.items())
        for book in absent if is_missing else present:
            said, agreed = ("", there) if is_missing else (_figures(present[book]), "")
            came = (book, self.key) in self.run.set_apart
            by = 0 if self.key.subject is Subject.TRADE else self._balance(present, -1 if is_missing else 1)
            self._add(book, BreakClass.TIMING if waits and not came else kind, "line", said, agreed, by=by)

    def _balance(self, present: Mapping[Book, Line], sign: int) -> int:
        """What is agreed to be held, with a sign."""
        name = "quantity" if self.key.subject is Subject.POSITION else "amount"
        return sign * int(self._agreed({book: getattr(one, name) for book, one in present.items()}))

    def _in_time(self, lines: Iterable[Line]) -> bool:
        """Whether the rule still waits for others to follow these; never for what bears no date."""
        days = [_utc_day(one.at) if one.at is not None else one.day for one in lines]
        since = min((one for one in days if one is not None), default=None)
        return since is not None and business_days_after(since, self.run.day) <= self.rule.patience_days

    def _agreed(self, values: Mapping[Book, Value]) -> Value:
        """What most say; of what as many say, the first book's in the rule's order."""
        counts = Counter(values.values())
        return max(values.values(), key=lambda one: counts[one])

    def _field(self, present: Mapping[Book, Line], name: str, kind: BreakClass) -> None:
        values = {book: getattr(one, name) for book, one in present.items() if getattr(one, name) is not None}
        agreed = self._agreed(values) if values else None
        for book, value in values.items():
            if value != agreed:
                self._add(book, kind, name, value, agreed)

    def _status(self, present: Mapping[Book, Line]) -> None:
        values = {book: one.status for book, one in present.items() if one.status is not None}
        agreed = self._agreed(values) if values else None
        for book, value in values.items():
            if value is not agreed:
                ahead = [one for one in present.values() if one.status in {value, agreed} - {LineStatus.OPEN}]
                waits = LineStatus.OPEN in (value, agreed) and self._in_time(ahead)
                self._add(book, BreakClass.TIMING if waits else BreakClass.STATUS, "status", value, agreed)

    def _figure(self, present: Mapping[Book, Line], name: str, most: int) -> None:
        values = {book: getattr(one, name) for book, one in present.items() if getattr(one, name) is not None}
        agreed = self._agreed(values) if values else 0
        for book, value in values.items():
            if value != agreed and abs(value - agreed) > most:
                self._add(book, BreakClass.AMOUNT, name, value, agreed, by=value - agreed)
            elif value != agreed:
                self._tolerate(book, BreakClass.AMOUNT, name, value, agreed, value - agreed)

    def _late(self, present: Mapping[Book, Line]) -> None:
        """Later than the lower median of those that have the same status: one early or late book does not move it.

        A balance without a moment is as of the run's. What a book has settled on another day it also has later, or
        earlier, by as much: that is told as its day, and is not late besides.
        """
        agreed = self._agreed({book: one.status for book, one in present.items()})
        is_trade = self.key.subject is Subject.TRADE
        days = {book: one.day for book, one in present.items() if one.day is not None}
        day = self._agreed(days) if days else None
        same = [(book, one) for book, one in present.items() if one.day in (None, day)]
        said = {book: one.at if is_trade else one.at or self.run.at for book, one in same}
        moments = {book: at for book, at in said.items() if at is not None and present[book].status is agreed}
        if len(moments) < 2:
            return
        middle, most = sorted(moments.values())[(len(moments) - 1) // 2], self.rule.tolerated_seconds
        for book, at in moments.items():
            seconds = (at - middle).days * 86_400 + (at - middle).seconds
            if _utc_day(at) > _utc_day(middle) if most is None else at - middle > timedelta(seconds=most):
                self._add(book, BreakClass.LATE, "at", at, middle, by=seconds)
            elif most is not None and at > middle:
                self._tolerate(book, BreakClass.LATE, "at", at, middle, seconds)

    def _tolerate(self, book: Book, kind: BreakClass, name: str, said: object, agreed: object, by: int) -> None:
        one = Difference(break_class=kind, field=name, said=_text(said), agreed=_text(agreed), by=by)
        self.tolerated.append(Tolerated(book=book, key=self.key, difference=one, rule=self.rule.name))


def _utc_day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _order(one: Line) -> tuple[str, ...]:
    """An order of lines that depends on nothing but what they say."""
    return (*(_text(getattr(one, name)) for name in _CONTENT), one.origin)


def _unlike(one: Line, other: Line) -> int:
    """In how many fields of which both say something they differ."""
    pairs = ((getattr(one, name), getattr(other, name)) for name in _CONTENT)
    return sum(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.value if isinstance(value, LineStatus) else str(value)


def _figures(line: Line) -> str:
    """A line's content in words, for whoever looks at a gap."""
    named = ((name, getattr(line, name)) for name in _CONTENT if name != "at")
    return " ".join(f"{name}={_text(value)}" for name, value in named if value is not None)
