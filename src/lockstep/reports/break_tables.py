"""Breaks and corrections as tables, in figures that people read."""

from collections.abc import Iterable

from lockstep.domain.parallel.scoring import is_unexplained
from lockstep.domain.reconciliation.books import Key, Subject
from lockstep.domain.reconciliation.breaks import SELF, Act, Break
from lockstep.domain.reconciliation.corrections import Correction
from lockstep.domain.reconciliation.differences import BreakClass, Difference, Found
from lockstep.reports.cells import decimal_text, grouped
from lockstep.reports.model import Cell, Column, ColumnKind, Table, Tone
from lockstep.reports.parallel_run import ParallelRun
from lockstep.reports.words import money, shortened

__all__ = ["breaks_table", "corrections_table"]

_K = ColumnKind
_CLASSES = tuple(
    (one.value, Tone.WARN if one in (BreakClass.TIMING, BreakClass.LATE) else Tone.BAD) for one in BreakClass
)
_STATES = (("closed", Tone.GOOD), ("open", Tone.WARN), ("reopened", Tone.BAD))
_COLUMNS = (
    Column(name="class", title="Class", tones=_CLASSES),
    Column(name="key", title="What"),
    Column(name="concerns", title="Concerns"),
    Column(name="book", title="Book"),
    Column(name="says", title="It says"),
    Column(name="agreed", title="Others say"),
    Column(name="cause", title="Likely cause"),
    Column(name="age_days", title="Days", kind=_K.COUNT),
    Column(name="state", title="State", tones=_STATES),
    Column(name="assignee", title="Assigned to"),
    Column(name="opened_on", title="Since", kind=_K.DAY),
    Column(name="last", title="Last said"),
    Column(name="reference", title="Trade"),
    Column(name="break_id", title="Break"),
)


def breaks_table(run: ParallelRun, breaks: Iterable[Break], *, name: str, title: str) -> Table:
    """The oldest first, then the gravest. Open ones have their age as of the last scored day, in business days."""
    rows = sorted(breaks, key=lambda one: (one.opened_on, one.break_class.rank, one.break_id))
    dropped = () if any(one.is_open for one in rows) else ("age_days", "assignee")
    kept = [place for place, one in enumerate(_COLUMNS) if one.name not in dropped]
    return Table(
        name=name,
        title=title,
        columns=tuple(_COLUMNS[place] for place in kept),
        rows=tuple(tuple(cells[place] for place in kept) for cells in (_row(run, one) for one in rows)),
    )


def _row(run: ParallelRun, one: Break) -> tuple[Cell, ...]:
    found, key = one.found, one.found.key
    said, agreed = zip(*(_both(run, one, each) for each in found.differences), strict=True)
    parties = [run.name(each) for each in found.participants or (key.participant,) if each]
    age = None if run.today is None or run.today < one.opened_on else one.age(run.today)
    unexplained = ", unexplained" if is_unexplained(one) else ""
    return (
        one.break_class.value,
        _what(run, key, found.about),
        ", ".join(parties),
        found.book.value,
        "; ".join(said),
        "; ".join(agreed),
        f"{found.cause.value}{unexplained}",
        age if one.is_open else None,
        one.state.value,
        one.assignee,
        one.opened_on,
        _last(one),
        key.reference,
        one.break_id,
    )


def _what(run: ParallelRun, key: Key, about: str) -> str:
    return f"{key.kind}, {run.name(about)}" if about else key.kind


def _both(run: ParallelRun, one: Break, each: Difference) -> tuple[str, str]:
    found = one.found
    if each.field == "lines":
        return f"told {each.said} times", "told once"
    if each.field == "line":
        there = f"{' and '.join(book.value for book in found.against)} have "
        return (
            _line(run, found, each.said) if each.said else "nothing",
            there + _line(run, found, each.agreed) if each.agreed else "nothing",
        )
    name = f"{each.field} " if len(found.differences) > 1 else ""
    said, agreed = (_figure(run, found, each.field, text) for text in (each.said, each.agreed))
    return f"{name}{said}", f"{name}{agreed}"


def _line(run: ParallelRun, found: Found, text: str) -> str:
    """What is there, of a line that books have as `name=value` each: how much, for how much, and how far it is."""
    told: dict[str, str] = {}
    for word in text.replace(";", " ").split():
        name, _, value = word.partition("=")
        told.setdefault(name, value)
    parts = [_figure(run, found, name, told[name]) for name in ("quantity", "amount", "status") if name in told]
    return ", ".join(parts) or "it"


def _figure(run: ParallelRun, found: Found, field: str, text: str) -> str:
    """A difference's text as people read it: with its decimals, where it is a figure of which these are known."""
    if not text:
        return "nothing"
    if field == "at":
        return text[:19].replace("T", " ")
    if not text.removeprefix("-").isdigit():
        return run.name(text)
    if field == "quantity":
        return grouped(decimal_text(int(text), run.decimals(found.about)))
    if field == "amount":
        currency = found.about if found.key.subject is Subject.CASH else run.currency(found.about)
        return money(int(text), currency) if currency else f"{grouped(text)} minor units"
    return text


def _last(one: Break) -> str:
    """What happened to it last that the columns before do not tell."""
    for note in reversed(one.notes):
        if note.by == SELF and note.act is Act.REOPENED:
            return "came back"
        if note.act not in (Act.OPENED, Act.CHANGED):
            return f"{note.act.value} by {note.by}" + (f": {shortened(note.text)}" if note.text else "")
    return ""


def corrections_table(run: ParallelRun) -> Table:
    """By when they were proposed."""
    rows = sorted(run.corrections, key=lambda one: (one.proposed_at, one.correction_id))
    return Table(
        name="corrections",
        title="Corrections",
        columns=(
            Column(name="proposed_at", title="Proposed", kind=_K.MOMENT),
            Column(name="proposed_by", title="By"),
            Column(name="book", title="Book"),
            Column(name="key", title="What"),
            Column(name="field", title="Field"),
            Column(name="says", title="It says"),
            Column(name="right", title="Right would be"),
            Column(name="why", title="Why"),
            Column(
                name="state",
                title="State",
                tones=(("approved", Tone.GOOD), ("proposed", Tone.WARN), ("rejected", Tone.BAD)),
            ),
            Column(name="decided_by", title="Decided by"),
            Column(name="decided_why", title="Because"),
            Column(name="correction_id", title="Correction"),
        ),
        rows=tuple(_correction(run, one) for one in rows),
    )


def _correction(run: ParallelRun, one: Correction) -> tuple[Cell, ...]:
    found = next((each.found for each in run.breaks if each.break_id == one.break_id), None)
    about = one.key.instrument if found is None else found.about
    said, right = (one.said, one.right)
    if found is not None:
        said, right = (_figure(run, found, one.field, text) for text in (one.said, one.right))
    return (
        one.proposed_at,
        one.proposed_by,
        one.book.value,
        _what(run, one.key, about),
        one.field,
        said or "nothing",
        right or "nothing",
        one.why,
        one.state.value,
        one.decided_by,
        one.decided_why,
        one.correction_id,
    )
