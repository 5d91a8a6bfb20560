"""A break as people work on it: found by a run, assigned, commented, closed with a reason, reopened when it comes back.

```
OPEN ──> ASSIGNED ──> CLOSED ──> REOPENED ──> ASSIGNED, CLOSED
  └─────────────────────^
```

A run is level-triggered: what it finds it tells by `seen`, what it no longer finds by `gone`. A break closes itself
when the books agree, and says why. One that a person closed stays closed while exactly the same difference lasts.
Nothing is edited away: `notes` only grow, and each stored version names the one before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.reconciliation.differences import BreakClass, Found
from lockstep.domain.reconciliation.people import reads, same_person
from lockstep.domain.target_calendar import business_days_after
from lockstep.domain.values import quick, replace

__all__ = [
    "BREAK_MOVES",
    "SELF",
    "Act",
    "Break",
    "BreakState",
    "CloseReason",
    "Note",
    "person",
    "said",
    "told",
]

SELF = "lockstep"
"""By whom a run's own notes are; no person may have this name."""
_LONGEST_TEXT = 2000
_LONGEST_NAME = 100


class BreakState(Enum):
    """Where a break is; the diagram above."""

    OPEN = "open"
    ASSIGNED = "assigned"
    CLOSED = "closed"
    REOPENED = "reopened"


_S = BreakState
BREAK_MOVES: Mapping[BreakState, frozenset[BreakState]] = {
    _S.OPEN: frozenset({_S.ASSIGNED, _S.CLOSED}),
    _S.ASSIGNED: frozenset({_S.ASSIGNED, _S.CLOSED}),
    _S.CLOSED: frozenset({_S.REOPENED}),
    _S.REOPENED: frozenset({_S.ASSIGNED, _S.CLOSED}),
}


class CloseReason(Enum):
    """Why a break was closed. The first four are a run's to say, the others a person's."""

    ARRIVED = "arrived"
    """What one side lacked is there now."""
    AGREED = "agreed"
    """The books say the same now, and no correction of ours was approved."""
    CORRECTED = "corrected"
    """The books say the same now, after an approved correction."""
    MERGED = "merged"
    """What it told is part of another break now."""
    ACCEPTED = "accepted"
    """The difference stays, and is known and explained."""
    MISTAKEN = "mistaken"
    """No break: the comparison or what it was given was wrong."""

    @property
    def is_persons(self) -> bool:
        return self in (CloseReason.ACCEPTED, CloseReason.MISTAKEN)


class Act(Enum):
    """What a note tells."""

    OPENED = "opened"
    CHANGED = "changed"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    CLOSED = "closed"
    REOPENED = "reopened"
    GONE = "gone"
    """The difference of a break that a person had closed is no longer there."""
    PROPOSED = "correction proposed"
    APPROVED = "correction approved"
    REJECTED = "correction rejected"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing that happened to a break: when, UTC, and by whom."""

    at: datetime
    by: str
    act: Act
    text: str = ""


def person(name: str, *, field: str = "by") -> str:
    """Somebody's name as it is stored. Raises InvalidInput for none, one that is too long, and the service's own."""
    if not reads(name):
        raise InvalidInput(field, name, "a name with a letter or digit in it")
    if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME or name != " ".join(name.split()):
        raise InvalidInput(field, name, f"1 to {_LONGEST_NAME} printable characters, single spaces only within")
    if same_person(name, SELF):
        raise InvalidInput(field, name, f"a person, not {SELF}")
    return name


def said(text: str, *, field: str, least: int = 1) -> str:
    """What somebody wrote, as it is stored. Raises InvalidInput for none, too much, and what is no text."""
    clean = all(one.isprintable() or one in "\n\t\xa0" for one in text)
    if len(text.strip()) < least or len(text) > _LONGEST_TEXT or not clean:
        rule = f"{least} to {_LONGEST_TEXT} characters, no control characters but tabs and line ends"
        raise InvalidInput(field, text, rule)
    return text


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A difference between books, and all that was done about it.

    `version` counts its stored versions: who stores over another's later version is refused.
    """

    found: Found
    """As the last run that found it has it."""
    state: BreakState
    opened_on: date
    """The business day of the books in which it was first found; it ages from there, through every reopening."""
    notes: tuple[Note, ...]
    is_there: bool = True
    """Whether the last run that could tell found it."""
    assignee: str = ""
    reason: CloseReason | None = None
    """Why it is closed; None while it is not."""
    reopened: int = 0
    """How often it came back."""
    version: int = 0

    def __post_init__(self) -> None:
        if (self.state is BreakState.CLOSED) != (self.reason is not None):
            raise InvalidInput("reason", self.reason, "a reason for a closed break, and only then")

    @classmethod
    def opened(cls, found: Found, *, day: date, at: datetime) -> "Break":
        note = Note(at=at, by=SELF, act=Act.OPENED, text=told(found))
        return cls(found=found, state=BreakState.OPEN, opened_on=day, notes=(note,))

    @property
    def break_id(self) -> str:
        return self.found.break_id

    @property
    def is_open(self) -> bool:
        return self.state is not BreakState.CLOSED

    @property
    def is_standing(self) -> bool:
        """Whether a run must look at it again: open, or closed by a person while the difference is still there."""
        return self.is_open or self.is_there

    @property
    def break_class(self) -> BreakClass:
        return self.found.break_class

    def age(self, today: date) -> int:
        """Business days of TARGET since it was first found; 0 on that day. Raises InvalidInput before 2002."""
        return business_days_after(self.opened_on, today)

    def assigned(self, to: str, *, by: str, at: datetime) -> "Break":
        """Raises InvalidInput for a bad name, Refused BreakClosed."""
        to = person(to, field="to")
        moved = self._moved(BreakState.ASSIGNED, Note(at=at, by=person(by), act=Act.ASSIGNED, text=to))
        return replace(moved, assignee=to)

    def commented(self, text: str, *, by: str, at: datetime) -> "Break":
        """In every state. Raises InvalidInput for a bad name or text."""
        return self.noted(Note(at=at, by=person(by), act=Act.COMMENTED, text=said(text, field="text")))

    def closed(self, reason: CloseReason, text: str, *, by: str, at: datetime) -> "Break":
        """By a person, who says why. Raises InvalidInput for a bad name, text or reason, Refused BreakClosed."""
        if not reason.is_persons:
            raise InvalidInput("reason", reason.value, "accepted or mistaken: that books agree is for a run to find")
        told_why = f"{reason.value}: {said(text, field='text')}"
        moved = self._moved(BreakState.CLOSED, Note(at=at, by=person(by), act=Act.CLOSED, text=told_why), reason)
        return replace(moved, assignee="")

    def reopened_by(self, text: str, *, by: str, at: datetime) -> "Break":
        """By a person, who says why. Raises InvalidInput for a bad name or text, Refused BreakOpen."""
        return self._reopened(Note(at=at, by=person(by), act=Act.REOPENED, text=said(text, field="text")))

    def seen(self, found: Found, *, at: datetime) -> "Break":
        """After a run that found it: the same value where nothing is new.

        It comes back where the books had agreed since, and where a person closed it over another difference.
        """
        if found.break_id != self.break_id:
            raise InvalidInput("found", found.key.text(), f"of this break, {self.found.key.text()}")
        if self.state is BreakState.CLOSED:
            accepted = self.reason is not None and self.reason.is_persons and self.is_there
            if accepted and found.fingerprint == self.found.fingerprint:
                return self
            note = Note(at=at, by=SELF, act=Act.REOPENED, text=f"came back: {told(found)}")
            return replace(self._reopened(note), found=found, is_there=True)
        if found == self.found and self.is_there:
            return self
        fresh = replace(self, found=found, is_there=True)
        if found.fingerprint == self.found.fingerprint and self.is_there:
            return fresh  # only the evidence is another
        return fresh.noted(Note(at=at, by=SELF, act=Act.CHANGED, text=f"{told(self.found)} -> {told(found)}"))

    def gone(self, *, at: datetime, into: str = "") -> "Break":
        """After a run in which the books agree: it closes itself and says why; the same value where it had before.

        `into` is the break that tells it now, where that is why this one is gone.
        """
        if self.state is BreakState.CLOSED:
            if not self.is_there:
                return self
            note = Note(at=at, by=SELF, act=Act.GONE, text=f"part of break {into}" if into else "the books agree now")
            return replace(self.noted(note), is_there=False)
        reason, text = (CloseReason.MERGED, f"part of break {into}") if into else self._self_reason()
        note = Note(at=at, by=SELF, act=Act.CLOSED, text=f"{reason.value}: {text}")
        return replace(self._moved(BreakState.CLOSED, note, reason), is_there=False, assignee="")

    def noted(self, note: Note) -> "Break":
        return replace(self, notes=(*self.notes, note))

    def _self_reason(self) -> tuple[CloseReason, str]:
        if self._approved_since_open():
            return CloseReason.CORRECTED, "the books agree after an approved correction"
        if self.break_class is BreakClass.TIMING and self.found.differences[0].field != "day":
            return CloseReason.ARRIVED, "a matter of time: the late side arrived"
        if self.break_class in (BreakClass.MISSING, BreakClass.EXTRA):
            return CloseReason.ARRIVED, "what one side lacked is there, or gone from both"
        return CloseReason.AGREED, "the books agree, within what the rules tolerate"

    def _approved_since_open(self) -> bool:
        for note in reversed(self.notes):
            if note.act in (Act.OPENED, Act.REOPENED, Act.APPROVED):
                return note.act is Act.APPROVED
        return False

    def _reopened(self, note: Note) -> "Break":
        return replace(self._moved(BreakState.REOPENED, note), reopened=self.reopened + 1)

    def _moved(self, state: BreakState, note: Note, reason: CloseReason | None = None) -> "Break":
        if state not in BREAK_MOVES[self.state]:
            name = "BreakOpen" if state is BreakState.REOPENED else "BreakClosed"
            raise Refused(name, {"break": self.break_id, "state": self.state.value})
        return replace(self.noted(note), state=state, reason=reason)


def told(found: Found) -> str:
    """What was found, in one line."""
    listed = ", ".join(f"{one.break_class.value} {one.field} {one.said or 'nothing'}" for one in found.differences[:4])
    agreed = ", ".join(dict.fromkeys(one.agreed or "nothing" for one in found.differences[:4]))
    return f"{found.book.value}: {listed}; expected {agreed}; cause {found.cause.value}"
