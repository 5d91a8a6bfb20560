"""A proposed correction of a break: a record of its own, which a second person approves or rejects.

A correction edits no book. An approved one tells whose book it is what should stand there; the break closes when a run
finds that the books agree. It holds for exactly the difference that was seen when it was proposed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.reconciliation.breaks import Act, Break, Note, person, said
from lockstep.domain.reconciliation.people import same_person
from lockstep.domain.values import quick, replace

__all__ = ["Correction", "CorrectionState", "decide", "propose"]


class CorrectionState(Enum):
    """Whether somebody has decided."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What should stand in a book instead of what does, by whom it was proposed and by whom decided."""

    break_id: str
    number: int
    """Of this break's corrections, from 1."""
    fingerprint: str
    """Of the difference for which it was proposed."""
    book: Book
    key: Key
    field: str
    said: str
    """What the book says; "" for nothing."""
    right: str
    """What it should say; "" for nothing."""
    why: str
    proposed_by: str
    proposed_at: datetime
    state: CorrectionState = CorrectionState.PROPOSED
    decided_by: str = ""
    decided_at: datetime | None = None
    decided_why: str = ""
    version: int = 0
    """Counts its stored versions, as a break's."""

    @property
    def correction_id(self) -> str:
        """`BREAK-NUMBER-DIGEST`: who approves an id approves this content, and no other under its number."""
        parts = (self.fingerprint, self.book.value, self.key.text(), self.field, self.said, self.right, self.why)
        content = "\n".join(f"{len(part)}:{part}" for part in (*parts, self.proposed_by))
        return f"{self.break_id}-{self.number}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def propose(
    one: Break, earlier: Iterable[Correction], *, book: Book, field: str, right: str, why: str, by: str, at: datetime
) -> tuple[Break, Correction]:
    """A correction of one field, in the book that the break is found at or in one of those that it stands against.

    `earlier` are the break's corrections. Raises InvalidInput for a book, field or value that the break has no
    difference in, Refused BreakClosed, Refused CorrectionPending while another of the same book and field waits.
    """
    known = [each for each in earlier if each.break_id == one.break_id]
    by, why, right = person(by), said(why, field="why"), said(right, field="right", least=0)
    if not one.is_open:
        raise Refused("BreakClosed", {"break": one.break_id, "state": one.state.value})
    stands = _said_by(one, book, field)
    if stands is None:
        listed = ", ".join(each.field for each in one.found.differences)
        raise InvalidInput("field", field, f"one that the break differs in: {listed}")
    if book is not one.found.book and book not in one.found.against:
        listed = ", ".join(each.value for each in (one.found.book, *one.found.against))
        raise InvalidInput("book", book.value, f"one that the break is about: {listed}")
    if right == stands:
        raise InvalidInput("right", right, "other than what the book says")
    for each in known:
        if each.state is CorrectionState.PROPOSED and (each.book, each.field) == (book, field):
            raise Refused("CorrectionPending", {"break": one.break_id, "correction": each.correction_id})
    made = Correction(
        break_id=one.break_id,
        number=max((each.number for each in known), default=0) + 1,
        fingerprint=one.found.fingerprint,
        book=book,
        key=one.found.key,
        field=field,
        said=stands,
        right=right,
        why=why,
        proposed_by=by,
        proposed_at=at,
    )
    return one.noted(Note(at=at, by=by, act=Act.PROPOSED, text=made.correction_id)), made


def decide(
    one: Break, correction: Correction, *, approve: bool, by: str, at: datetime, why: str = ""
) -> tuple[Break, Correction]:
    """A second person's decision. The proposer may take a proposal back by rejecting it, and never approve it.

    Raises InvalidInput for a bad name or a correction of another break, Refused CorrectionDecided, Refused FourEyes,
    and for an approval Refused BreakClosed or CorrectionStale where the break is no longer what was to be corrected.
    """
    by, why = person(by), said(why, field="why", least=0)
    named = {"break": one.break_id, "correction": correction.correction_id}
    if correction.break_id != one.break_id:
        raise InvalidInput("correction", correction.correction_id, f"one of break {one.break_id}")
    if correction.state is not CorrectionState.PROPOSED:
        raise Refused("CorrectionDecided", {**named, "state": correction.state.value})
    if approve:
        if same_person(by, correction.proposed_by):
            raise Refused("FourEyes", {**named, "proposed_by": correction.proposed_by})
        if not one.is_open:
            raise Refused("BreakClosed", {**named, "state": one.state.value})
        says = _said_by(one, correction.book, correction.field)
        if one.found.fingerprint != correction.fingerprint or says != correction.said:
            raise Refused("CorrectionStale", {**named, "expected": correction.said, "says": says})
    state = CorrectionState.APPROVED if approve else CorrectionState.REJECTED
    decided = replace(correction, state=state, decided_by=by, decided_at=at, decided_why=why)
    act = Act.APPROVED if approve else Act.REJECTED
    return one.noted(Note(at=at, by=by, act=act, text=correction.correction_id)), decided


def _said_by(one: Break, book: Book, field: str) -> str | None:
    """What a book says of a field, as the break has it; None where it differs in no such field."""
    for each in one.found.differences:
        if each.field == field:
            return each.said if book is one.found.book else each.agreed
    return None
