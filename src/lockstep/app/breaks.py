"""Breaks in the records: what a run found is kept, and people look, assign, comment, close and correct."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from lockstep.app.home import Home
from lockstep.app.records import open_book
from lockstep.domain.errors import Conflict, InvalidInput, Refused
from lockstep.domain.journal import Entry, JournalRow
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.books import Book
from lockstep.domain.reconciliation.breaks import Break, CloseReason
from lockstep.domain.reconciliation.corrections import Correction
from lockstep.domain.values import replace
from lockstep.flow import reconciling
from lockstep.flow.ageing import Aged, Wanted, aged
from lockstep.flow.comparing import Comparison
from lockstep.flow.reconciling import Acted, Reconciled
from lockstep.ports import BreakBook, Clock

__all__ = ["BreakDesk", "Shown", "judged", "keep_run", "open_break_desk", "party_names"]

_TRIES = 3
_LONGEST_ID = 16
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One break with all that there is about it."""

    one: Break
    aged: Aged
    corrections: Sequence[Correction]
    journal: Sequence[JournalRow]
    """What tells of it, in order."""


def judged(
    book: BreakBook,
    comparison: Comparison,
    can_judge: Callable[[Break], bool] = lambda _: True,
    *,
    is_past: bool = False,
) -> Reconciled:
    """What a run changes, of the breaks as they are stored. One that it did not find is gone only where the run
    `can_judge` it: it may be about a day on which that was no business. A run that `is_past`, of a moment before one
    that was kept, opens what nobody knew, and says nothing of the breaks that there are: a later one has."""
    found = book.breaks_of({one.break_id for one in comparison.found})
    if is_past:
        fresh = tuple(one for one in comparison.found if one.break_id not in found)
        return reconciling.reconcile((), replace(comparison, found=fresh))
    known = {one.break_id: one for one in book.standing_breaks() if can_judge(one)} | dict(found)
    return reconciling.reconcile(known.values(), comparison)


def keep_run(
    book: BreakBook,
    comparison: Comparison,
    can_judge: Callable[[Break], bool] = lambda _: True,
    besides: Callable[[Reconciled], Sequence[Entry]] = lambda _: (),
    *,
    is_past: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] | None = None,
) -> Reconciled:
    """Stores what a run changes, with its journal entries and those `besides`. The same comparison again changes
    nothing. `is_past` is as `judged` has it. Entries bear the moment `now` where it is told, and else the run's: the
    journal is in the order of its moments, whatever day a run is of.

    Where a person has acted in between, the run is judged anew by what that person left. Raises Conflict where that
    happened three times over.
    """

    def once() -> Reconciled:
        done = judged(book, comparison, can_judge, is_past=is_past())
        entries = (*done.entries, *besides(done))
        if now is not None:
            at = now()
            entries = tuple(replace(one, at=at) for one in entries)
        book.keep(done.changed, (), entries)
        return done

    return _again_on_conflict(once)


@dataclass(frozen=True, slots=True)
class BreakDesk:
    """Where people work on breaks. A break is named by its id or the beginning of it, of one break only.

    Every act raises InvalidInput for an id that does not fit one break and as the domain's, and Conflict where others
    acted on the same break three times over in between. Acts on several breaks are stored together or not at all.
    """

    book: BreakBook
    clock: Clock

    def listed(self, wanted: Wanted) -> Sequence[Aged]:
        """With their ages today, the oldest first."""
        known = self.book.standing_breaks() if wanted.open_only else self.book.breaks()
        return aged(known, self.clock.now().date(), wanted)

    def aged(self, one: Break) -> Aged:
        (on_its_day,) = aged([one], self.clock.now().date())
        return on_its_day

    def shown(self, text: str) -> Shown:
        one = self.find(text)
        return Shown(
            one=one,
            aged=self.aged(one),
            corrections=self.book.corrections(one.break_id),
            journal=self.book.journal(one.break_id),
        )

    def find(self, text: str) -> Break:
        if not re.fullmatch(rf"[0-9a-f]{{1,{_LONGEST_ID}}}", text):
            raise InvalidInput("break", text, f"1 to {_LONGEST_ID} lower-case hex digits: an id, or its beginning")
        found = self.book.breaks_beginning(text)
        if len(found) != 1:
            raise InvalidInput("break", text, f"the beginning of one break's id; {len(found)} fit")
        return found[0]

    def assign(self, ids: Sequence[str], to: str, *, by: str) -> Sequence[Break]:
        now = self.clock.now()
        return self._act(ids, lambda one: reconciling.assign(one, to, by=by, at=now))

    def comment(self, ids: Sequence[str], text: str, *, by: str) -> Sequence[Break]:
        now = self.clock.now()
        return self._act(ids, lambda one: reconciling.comment(one, text, by=by, at=now))

    def close(
        self, ids: Sequence[str], reason: CloseReason, text: str, *, by: str, seen: str | None = None
    ) -> Sequence[Break]:
        """`seen` is the fingerprint of the difference that the person looked at. Raises Refused BreakChanged."""
        now = self.clock.now()
        if seen is not None and len(ids) != 1:
            raise InvalidInput("seen", seen, "given with one break only")

        def closed(one: Break) -> Acted:
            if seen is not None and seen != one.found.fingerprint:
                raise Refused(
                    "BreakChanged", {"break": one.break_id, "expected": seen, "actual": one.found.fingerprint}
                )
            return reconciling.close(one, reason, text, by=by, at=now)

        return self._act(ids, closed)

    def reopen(self, ids: Sequence[str], text: str, *, by: str) -> Sequence[Break]:
        now = self.clock.now()
        return self._act(ids, lambda one: reconciling.reopen(one, text, by=by, at=now))

    def propose(self, text: str, *, book: Book, field: str, right: str, why: str, by: str) -> Correction:
        now = self.clock.now()

        def once() -> Correction:
            one = self.find(text)
            earlier = self.book.corrections(one.break_id)
            acted = reconciling.propose(one, earlier, book=book, field=field, right=right, why=why, by=by, at=now)
            return self._kept(acted)

        return _again_on_conflict(once)

    def decide(self, text: str, *, approve: bool, by: str, why: str = "") -> Correction:
        """`text` is a correction's id; of its break's id in it the beginning is enough, of its content nothing less."""
        now = self.clock.now()

        def once() -> Correction:
            one, correction = self._correction(text)
            return self._kept(reconciling.decide(one, correction, approve=approve, by=by, at=now, why=why))

        return _again_on_conflict(once)

    def _correction(self, text: str) -> tuple[Break, Correction]:
        beginning, _, rest = text.partition("-")
        if not re.fullmatch(r"[1-9]\d*-[0-9a-f]{8}", rest, re.ASCII):
            raise InvalidInput("correction", text, "BREAK-NUMBER-DIGEST, as `reconcile show` has it")
        one = self.find(beginning)
        known = self.book.corrections(one.break_id)
        for each in known:
            if each.correction_id == f"{one.break_id}-{rest}":
                return one, each
        listed = ", ".join(each.correction_id for each in known) or "it has none"
        raise InvalidInput("correction", text, f"one of break {one.break_id}: {listed}")

    def _kept(self, acted: Acted) -> Correction:
        assert acted.correction is not None
        self.book.keep([acted.one], [acted.correction], acted.entries)
        named = acted.correction.correction_id
        return next(one for one in self.book.corrections(acted.one.break_id) if one.correction_id == named)

    def _act(self, ids: Sequence[str], act: Callable[[Break], Acted]) -> Sequence[Break]:
        def once() -> Sequence[Break]:
            found = {one.break_id: one for one in map(self.find, ids)}
            acted = [act(one) for one in found.values()]
            self.book.keep([one.one for one in acted], (), [entry for one in acted for entry in one.entries])
            stored = self.book.breaks_of(list(found))
            return [stored[one] for one in found]

        return _again_on_conflict(once)


def open_break_desk(home: Home) -> BreakDesk:
    """Raises Misconfigured where there is no installation."""
    return BreakDesk(open_book(home), home.clock())


def party_names(market: Market, text: str) -> frozenset[str]:
    """Under which names books may have a participant, who is named by LEI, BIC, name, or a book's own account."""
    known = (one for one in market.participants.values() if text in (one.lei, one.bic, one.name))
    return frozenset({text, *(name for one in known for name in (one.lei, one.bic))})


def _again_on_conflict(act: Callable[[], Result]) -> Result:
    for _ in range(_TRIES - 1):
        try:
            return act()
        except Conflict:
            continue
    return act()
