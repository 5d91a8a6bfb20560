"""How breaks and corrections look, on a terminal and as JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from lockstep.app.breaks import Shown
    from lockstep.domain.market import Market
    from lockstep.domain.reconciliation.breaks import Note
    from lockstep.domain.reconciliation.corrections import Correction
    from lockstep.domain.reconciliation.differences import Difference
    from lockstep.flow.ageing import Aged

__all__ = ["as_json", "correction", "correction_as_json", "line", "listed", "names_of", "shown", "shown_as_json"]

_SHORT = 8
_ISIN = 12
_LONGEST_REFERENCE = 20
_FIGURES = ("quantity", "amount")


def names_of(market: "Market") -> Mapping[str, str]:
    """How participants are shown: by BIC."""
    return {one.lei: one.bic for one in market.participants.values()}


def listed(console: Console, found: Sequence["Aged"], names: Mapping[str, str]) -> None:
    """A line for each break, fit for eighty columns."""
    if not found:
        console.print("no break")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("break", no_wrap=True)
    table.add_column("days", justify="right", no_wrap=True)
    for name in ("class", "book"):
        table.add_column(name, no_wrap=True)
    table.add_column("of", min_width=_ISIN)
    table.add_column("cause")
    table.add_column("state")
    for one in found:
        table.add_row(
            one.break_id[:_SHORT],
            str(one.days),
            one.break_class.value,
            one.book.value,
            _about(one, names),
            one.cause.value,
            _state(one),
        )
    console.print(table)
    line(console, f"{len(found):,} in all, {sum(one.is_open for one in found):,} open")


def shown(console: Console, found: "Shown", names: Mapping[str, str]) -> None:
    one, aged = found.one, found.aged
    what = one.found
    line(console, f"break {one.break_id}  {aged.break_class.value} at the {aged.book.value} book, {_state(aged)}")
    line(console, f"of {what.key.text()}{f', {aged.instrument}' if aged.instrument not in what.key.text() else ''}")
    if aged.participants:
        who = (f"{each} {names[each]}" if each in names else each for each in aged.participants)
        line(console, f"concerns {', '.join(who)}")
    back = f", came back {aged.reopened} times" if aged.reopened else ""
    line(console, f"since {aged.opened_on}, business days: {aged.days}{back}; rule {aged.rule}")
    if not one.is_there:
        line(console, "the last run that could tell found that the books agree")
    against = ", ".join(each.value for each in what.against)
    table = Table(title=f"difference {what.fingerprint}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("class", "field"):
        table.add_column(name, no_wrap=True)
    table.add_column(f"{aged.book.value} says")
    table.add_column(f"{against} say" if len(what.against) > 1 else f"{against} says")
    table.add_column("by", justify="right", no_wrap=True)
    for each in what.differences:
        table.add_row(
            each.break_class.value,
            each.field,
            _figure(each, each.said),
            _figure(each, each.agreed),
            f"{each.by:+,}" if each.by else "",
        )
    console.print(table)
    line(console, f"likely cause: {what.cause.value}")
    for reason in what.evidence:
        line(console, f"  {reason.book.value} {reason.origin}: {reason.says}")
    for number, note in zip(_numbers(found), one.notes, strict=True):
        line(console, f"{number or '':>8}  {_noted(note)}")
    for each_one in found.corrections:
        correction(console, each_one)


def correction(console: Console, one: "Correction") -> None:
    decided = f", {one.state.value} by {one.decided_by}" if one.decided_by else ""
    line(console, f"correction {one.correction_id}  {one.state.value}")
    line(
        console,
        f"  {one.book.value} book, {one.key.text()}: {one.field} {one.said or 'nothing'} -> {one.right or 'nothing'}",
    )
    line(console, f"  proposed by {one.proposed_by}{decided}: {one.why}")
    if one.decided_why:
        line(console, f"  {one.decided_by}: {one.decided_why}")


def as_json(one: "Aged") -> dict[str, Any]:
    return {
        "break": one.break_id,
        "days": one.days,
        "opened_on": one.opened_on.isoformat(),
        "class": one.break_class.value,
        "book": one.book.value,
        "key": one.key.text(),
        "participants": list(one.participants),
        "instrument": one.instrument,
        "cause": one.cause.value,
        "rule": one.rule,
        "state": one.state.value,
        "reason": one.reason.value if one.reason else None,
        "assignee": one.assignee,
        "reopened": one.reopened,
        "told": one.told,
    }


def shown_as_json(found: "Shown") -> dict[str, Any]:
    one = found.one
    return as_json(found.aged) | {
        "is_there": one.is_there,
        "difference": one.found.fingerprint,
        "against": [each.value for each in one.found.against],
        "differences": [
            {
                "class": each.break_class.value,
                "field": each.field,
                "said": each.said,
                "agreed": each.agreed,
                "by": str(each.by),
            }
            for each in one.found.differences
        ],
        "evidence": [
            {"book": each.book.value, "origin": each.origin, "says": each.says} for each in one.found.evidence
        ],
        "notes": [
            {
                "journal": number,
                "at": note.at.isoformat(),
                "by": note.by,
                "act": note.act.value,
                "text": note.text,
            }
            for number, note in zip(_numbers(found), one.notes, strict=True)
        ],
        "corrections": [correction_as_json(each) for each in found.corrections],
    }


def correction_as_json(one: "Correction") -> dict[str, Any]:
    return {
        "correction": one.correction_id,
        "break": one.break_id,
        "state": one.state.value,
        "book": one.book.value,
        "key": one.key.text(),
        "field": one.field,
        "said": one.said,
        "right": one.right,
        "why": one.why,
        "proposed_by": one.proposed_by,
        "proposed_at": one.proposed_at.isoformat(),
        "decided_by": one.decided_by or None,
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "decided_why": one.decided_why,
    }


def line(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _numbers(found: "Shown") -> list[int | None]:
    """Of each note's entry in the journal; None for all where the journal does not have them all."""
    numbers: list[int | None] = [row.number for row in found.journal if row.entry.kind == "reconciliation"]
    return numbers if len(numbers) == len(found.one.notes) else [None] * len(found.one.notes)


def _noted(note: "Note") -> str:
    text = note.text.replace("\n", "\n          ")
    return f"{note.at:%Y-%m-%d %H:%M} UTC  {note.by}: {note.act.value}{': ' if text else ''}{text}"


def _about(one: "Aged", names: Mapping[str, str]) -> str:
    key = one.key
    if key.reference:
        short = key.reference if len(key.reference) <= _LONGEST_REFERENCE else f"{key.reference[:_SHORT]}…"
        return f"trade {short} {one.instrument}".rstrip()
    return f"{names.get(key.participant, key.participant)} {key.instrument}"


def _state(one: "Aged") -> str:
    if one.reason is not None:
        return f"closed, {one.reason.value}"
    return f"{one.state.value} {one.assignee}".rstrip()


def _figure(one: "Difference", text: str) -> str:
    if one.field in _FIGURES and text.removeprefix("-").isdecimal():
        return f"{int(text):,}"
    return text or "nothing"
