"""From what a run found to the breaks that people work on, and what people do with them.

Level-triggered: the breaks as stored and one comparison give the breaks as they should be stored; the same comparison
again changes nothing. Runs are applied in the order of their moments. What changed is told to the journal, which is
where the history of a break is proven; corrections are records of their own, under dual control.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from lockstep.domain.errors import Conflict
from lockstep.domain.journal import Entry
from lockstep.domain.reconciliation import corrections
from lockstep.domain.reconciliation.books import Book
from lockstep.domain.reconciliation.breaks import Break, CloseReason, told
from lockstep.domain.reconciliation.corrections import Correction, CorrectionState
from lockstep.domain.reconciliation.differences import break_id
from lockstep.domain.values import quick
from lockstep.flow.comparing import Comparison, Run

__all__ = ["Acted", "Reconciled", "assign", "close", "comment", "decide", "propose", "reconcile", "reopen"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What one run changes: breaks to be stored, new ones among them, and entries for the journal."""

    changed: tuple[Break, ...]
    entries: tuple[Entry, ...]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What one person's act changes."""

    one: Break
    entries: tuple[Entry, ...]
    correction: Correction | None = None


def reconcile(breaks: Iterable[Break], comparison: Comparison) -> Reconciled:
    """Opens, changes, reopens and closes. `breaks` are all that are known, closed ones too.

    A break that the run did not find is gone only where its book and all that it stood against spoke. Raises Conflict
    where two breaks have one id.
    """
    known: dict[str, Break] = {}
    for one in breaks:
        if one.break_id in known:
            raise Conflict("break", one.break_id)
        known[one.break_id] = one
    run, changed = comparison.run, list[tuple[Break | None, Break]]()
    found = {one.break_id for one in comparison.found}
    into = {break_id(one.book, one.other_key): one.break_id for one in comparison.found if one.other_key is not None}
    alone = {*comparison.alone}
    for each in comparison.found:
        before = known.get(each.break_id)
        after = Break.opened(each, day=run.day, at=run.at) if before is None else before.seen(each, at=run.at)
        changed.append((before, after))
    for name, before in known.items():
        if name not in found and before.found.key not in alone and _can_tell(run, before):
            changed.append((before, before.gone(at=run.at, into=into.get(name, ""))))
    real = [(before, after) for before, after in changed if after is not before]
    entries = [entry for before, after in real for entry in _entries(before, after)]
    return Reconciled(changed=tuple(after for _, after in real), entries=tuple(entries))


def _can_tell(run: Run, one: Break) -> bool:
    return {one.found.book, *one.found.against} <= run.spoke.get(one.found.key.subject, frozenset())


def assign(one: Break, to: str, *, by: str, at: datetime) -> Acted:
    """Raises as Break.assigned."""
    return _acted(one, one.assigned(to, by=by, at=at))


def comment(one: Break, text: str, *, by: str, at: datetime) -> Acted:
    """Raises as Break.commented."""
    return _acted(one, one.commented(text, by=by, at=at))


def close(one: Break, reason: CloseReason, text: str, *, by: str, at: datetime) -> Acted:
    """Raises as Break.closed."""
    return _acted(one, one.closed(reason, text, by=by, at=at))


def reopen(one: Break, text: str, *, by: str, at: datetime) -> Acted:
    """Raises as Break.reopened_by."""
    return _acted(one, one.reopened_by(text, by=by, at=at))


def propose(
    one: Break, earlier: Iterable[Correction], *, book: Book, field: str, right: str, why: str, by: str, at: datetime
) -> Acted:
    """A new correction of a break, to be stored beside it. Raises as `corrections.propose`."""
    after, made = corrections.propose(one, earlier, book=book, field=field, right=right, why=why, by=by, at=at)
    return _acted(one, after, made)


def decide(one: Break, correction: Correction, *, approve: bool, by: str, at: datetime, why: str = "") -> Acted:
    """A second person approves or rejects. An approved one is told as an entry of its own: what should stand where.

    Raises as `corrections.decide`.
    """
    after, decided = corrections.decide(one, correction, approve=approve, by=by, at=at, why=why)
    return _acted(one, after, decided)


def _acted(before: Break, after: Break, correction: Correction | None = None) -> Acted:
    entries = _entries(before, after, _content(correction) if correction is not None else {})
    if correction is not None and correction.state is CorrectionState.APPROVED:
        facts = {
            "correction": correction.correction_id,
            "break": correction.break_id,
            "book": correction.book.value,
            "key": correction.key.text(),
            "field": correction.field,
            "said": correction.said,
            "right": correction.right,
            "why": correction.why,
            "proposed_by": correction.proposed_by,
            "approved_by": correction.decided_by,
        }
        at = after.notes[-1].at
        entries.append(Entry(at=at, kind="correction", subject=after.break_id, facts=facts))
    return Acted(one=after, entries=tuple(entries), correction=correction)


def _content(correction: Correction) -> Mapping[str, str]:
    """What the note of a proposal or a decision names by its id alone; `why` is that of whose act it is."""
    return {
        "of_book": correction.book.value,
        "field": correction.field,
        "said": correction.said,
        "right": correction.right,
        "why": correction.why if correction.state is CorrectionState.PROPOSED else correction.decided_why,
    }


def _entries(before: Break | None, after: Break, besides: Mapping[str, str] = MappingProxyType({})) -> list[Entry]:
    """One for each new note; none where only the evidence is another.

    Under the break and not under its trade, whose entries go into evidence packs: what people say of a break among
    themselves is not for strangers.
    """
    notes = after.notes[len(before.notes) :] if before is not None else after.notes
    facts: Mapping[str, str] = {
        "break": after.break_id,
        "book": after.found.book.value,
        "key": after.found.key.text(),
        "class": after.break_class.value,
        "cause": after.found.cause.value,
        "rule": after.found.rule,
        "state": after.state.value,
        "reason": after.reason.value if after.reason else "",
        "opened_on": after.opened_on.isoformat(),
        "participants": "|".join(after.found.concerned),
        "instrument": after.found.about,
        "assignee": after.assignee,
        "reopened": str(after.reopened),
        "found": told(after.found),
    }
    return [
        Entry(
            at=note.at,
            kind="reconciliation",
            subject=after.break_id,
            facts={**facts, **besides, "act": note.act.value, "by": note.by, "text": note.text},
        )
        for note in notes
    ]
