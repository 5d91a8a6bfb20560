"""The breaks that reconciliation found, as they stood: from the journal alone, where each note of each break is."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from lockstep.domain.journal import JournalRow
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.books import Subject
from lockstep.domain.reconciliation.breaks import Act, BreakState
from lockstep.domain.reconciliation.differences import BreakClass
from lockstep.domain.target_calendar import business_days_after
from lockstep.reports.model import Chart, ChartKind, Column, ColumnKind, Figure, Report, Table, Tone
from lockstep.reports.records import Prefix
from lockstep.reports.words import counted, shortened

__all__ = ["AGES", "Told", "breaks", "told_breaks"]

AGES = ((0, 0, "today"), (1, 1, "1 day"), (2, 4, "2 to 4 days"), (5, None, "5 days and more"))
"""From, to, both inclusive; business days since a break was found."""
_K = ColumnKind
_STATE_TONES = (
    (BreakState.CLOSED.value, Tone.GOOD),
    (BreakState.OPEN.value, Tone.BAD),
    (BreakState.ASSIGNED.value, Tone.WARN),
    (BreakState.REOPENED.value, Tone.BAD),
)


@dataclass(slots=True, kw_only=True)
class Told:
    """A break, as the journal's entries leave it."""

    break_id: str
    facts: Mapping[str, str]
    """Of its latest entry."""
    found_at: datetime
    last_at: datetime
    assignee: str = ""
    notes: int = 0
    closed_by: str = ""
    why_closed: str = ""
    proposed: list[str] = field(default_factory=list)
    """Ids of corrections that nobody has decided."""
    approved: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.facts["state"] != BreakState.CLOSED.value

    @property
    def opened_on(self) -> date:
        """The business day of the books in which it was first found; by an entry that does not say, its own day."""
        given = self.facts.get("opened_on")
        return date.fromisoformat(given) if given else self.found_at.astimezone(UTC).date()

    def age(self, on: date) -> int:
        """Business days since it was found."""
        return business_days_after(self.opened_on, on)

    @property
    def key(self) -> tuple[str, str]:
        """What kind of thing it is about, and of a trade its reference."""
        subject, *about = self.facts["key"].split("|")
        return subject, about[0] if subject == Subject.TRADE.value else ""

    @property
    def participants(self) -> Sequence[str]:
        """LEIs or accounts: of its position or cash, of a trade those that its books name."""
        return [one for one in self.facts.get("participants", "").split("|") if one]


def told_breaks(rows: Iterable[JournalRow]) -> dict[str, Told]:
    """Every break that rows tell of, by id, in the order in which they were found."""
    found: dict[str, Told] = {}
    for row in rows:
        entry = row.entry
        if entry.kind != "reconciliation":
            continue
        facts = entry.facts
        one = found.setdefault(
            facts["break"], Told(break_id=facts["break"], facts=facts, found_at=entry.at, last_at=entry.at)
        )
        one.facts, one.last_at, one.notes = facts, entry.at, one.notes + 1
        _take(one, Act(facts["act"]), facts)
    return found


def _take(one: Told, act: Act, facts: Mapping[str, str]) -> None:
    if act is Act.ASSIGNED:
        one.assignee = facts["text"]
    elif act is Act.CLOSED:
        one.assignee, one.closed_by, one.why_closed = "", facts["by"], facts["text"]
    elif act is Act.REOPENED:
        one.closed_by = one.why_closed = ""
    elif act is Act.PROPOSED:
        one.proposed.append(facts["text"])
    elif act in (Act.APPROVED, Act.REJECTED):
        one.proposed = [each for each in one.proposed if each != facts["text"]]
        if act is Act.APPROVED:
            one.approved.append(facts["text"])


def breaks(prefix: Prefix, market: Market) -> Report:
    """All breaks, open ones first and the oldest of them first. Raises as Prefix."""
    found = list(told_breaks(prefix).values())
    as_of, source = prefix.finish()
    today = as_of.astimezone(UTC).date()
    found.sort(key=lambda one: (not one.is_open, -one.age(today), BreakClass(one.facts["class"]).rank, one.break_id))
    open_ = [one for one in found if one.is_open]
    oldest = max((one.age(today) for one in open_), default=0)
    closed_alone = sum(not one.is_open and one.closed_by == "lockstep" for one in found)
    return Report(
        kind="breaks",
        title="Breaks between the books",
        subtitle=f"{counted(len(found), 'break')} in all, {len(open_)} open",
        as_of=as_of,
        source=source,
        figures=(
            Figure(
                title="Open",
                value=str(len(open_)),
                note=f"the oldest for {counted(oldest, 'business day')}" if open_ else "the books agree",
                tone=Tone.BAD if open_ else Tone.GOOD,
            ),
            Figure(
                title="With nobody",
                value=str(sum(not one.assignee for one in open_)),
                note="open, and assigned to nobody",
                tone=Tone.WARN if any(not one.assignee for one in open_) else Tone.GOOD,
            ),
            Figure(
                title="Closed by themselves",
                value=str(closed_alone),
                note=f"of {sum(not one.is_open for one in found)} closed: the books agreed",
            ),
            Figure(
                title="Corrections to decide",
                value=str(sum(len(one.proposed) for one in found)),
                note=f"{counted(sum(len(one.approved) for one in found), 'correction')} approved",
            ),
        ),
        charts=tuple(_charts(found, today)),
        tables=(_breaks_table(found, market, today), _classes_table(found), _ages_table(open_, today)),
        notes=("A break ages by business days of TARGET from the day it was first found, through every reopening.",),
    )


def _breaks_table(found: Sequence[Told], market: Market, today: date) -> Table:
    names: Mapping[str, str] = {one.lei: one.name for one in market.participants.values()}
    rows = []
    for one in found:
        subject, reference = one.key
        rows.append(
            (
                one.break_id,
                one.facts["state"],
                one.facts["class"],
                one.facts["book"],
                subject,
                ", ".join(names.get(each, each) for each in one.participants),
                one.facts.get("instrument", ""),
                one.age(today) if one.is_open else None,
                one.assignee,
                shortened(one.facts.get("found", "")),
                one.facts["cause"],
                one.opened_on,
                one.closed_by,
                shortened(one.why_closed),
                reference,
                one.notes,
                one.last_at,
            )
        )
    return Table(
        name="breaks",
        title="Breaks",
        columns=(
            Column(name="break_id", title="Break"),
            Column(name="state", title="State", tones=_STATE_TONES),
            Column(name="class", title="Class"),
            Column(name="book", title="Book"),
            Column(name="subject", title="Of"),
            Column(name="participant", title="Participants"),
            Column(name="instrument", title="Instrument"),
            Column(name="age", title="Age, days", kind=_K.COUNT),
            Column(name="assignee", title="With"),
            Column(name="found", title="What differs"),
            Column(name="cause", title="Likely cause"),
            Column(name="opened_on", title="Found on", kind=_K.DAY),
            Column(name="closed_by", title="Closed by"),
            Column(name="why_closed", title="Why closed"),
            Column(name="reference", title="Trade"),
            Column(name="notes", title="Notes", kind=_K.COUNT),
            Column(name="last_at", title="Last note", kind=_K.MOMENT),
        ),
        rows=tuple(rows),
    )


def _classes_table(found: Sequence[Told]) -> Table:
    rows = []
    for each in BreakClass:
        mine = [one for one in found if one.facts["class"] == each.value]
        if mine:
            open_ = sum(one.is_open for one in mine)
            causes = Counter(one.facts["cause"] for one in mine)
            told = ", ".join(
                f"{cause} ({number})" for cause, number in sorted(causes.items(), key=lambda of: (-of[1], of))
            )
            rows.append((each.value, len(mine), open_, len(mine) - open_, told))
    return Table(
        name="classes",
        title="By class",
        columns=(
            Column(name="class", title="Class"),
            Column(name="found", title="Found", kind=_K.COUNT),
            Column(name="open", title="Open", kind=_K.COUNT),
            Column(name="closed", title="Closed", kind=_K.COUNT),
            Column(name="causes", title="Likely causes"),
        ),
        rows=tuple(rows),
        note="The gravest class first.",
    )


def _age(days: int) -> str:
    return next(label for first, last, label in AGES if days >= first and (last is None or days <= last))


def _ages_table(open_: Sequence[Told], today: date) -> Table:
    numbers = Counter(_age(one.age(today)) for one in open_)
    return Table(
        name="ages",
        title="Open, by age",
        columns=(Column(name="age", title="Age"), Column(name="open", title="Open", kind=_K.COUNT)),
        rows=tuple((label, numbers[label]) for _, _, label in AGES),
    )


def _charts(found: Sequence[Told], today: date) -> Iterator[Chart]:
    classes = [each for each in BreakClass if any(one.facts["class"] == each.value for one in found)]
    if classes:

        def of(is_open: bool) -> tuple[int, ...]:
            return tuple(
                sum(one.is_open is is_open and one.facts["class"] == each.value for one in found) for each in classes
            )

        yield Chart(
            title="Breaks by class",
            kind=ChartKind.STACKED,
            labels=tuple(each.value for each in classes),
            series=(("closed", of(False)), ("open", of(True))),
            unit="breaks",
            tones=(Tone.GOOD, Tone.BAD),
        )
    open_ = [one for one in found if one.is_open]
    if open_:
        numbers = Counter(_age(one.age(today)) for one in open_)
        yield Chart(
            title="Open breaks by age",
            kind=ChartKind.BARS,
            labels=tuple(label for _, _, label in AGES),
            series=(("open", tuple(numbers[label] for _, _, label in AGES)),),
            unit="breaks",
            tones=(Tone.BAD,),
        )
