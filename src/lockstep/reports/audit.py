"""Who did what: every journal entry that a person, a member or the service stands behind, by its actor.

A person is whoever an entry names by `by`, or as one of the two of a decision under dual control; a member is named by
its BIC. All else the service did by rule, and it is counted by kind.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.journal import Entry, JournalRow
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.breaks import SELF
from lockstep.domain.reconciliation.people import same_person
from lockstep.reports.model import Chart, ChartKind, Column, ColumnKind, Figure, Report, Table, Tone
from lockstep.reports.records import Prefix
from lockstep.reports.words import counted, shortened

__all__ = ["PERSON_FACTS", "Deed", "audit", "deeds_of"]

PERSON_FACTS = ("by", "proposed_by", "approved_by", "decided_by", "rejected_by", "demoted_by", "promoted_by")
"""Facts of an entry that name a person."""
_MEMBER_FACTS = ("owner", "sender")
_SECOND = frozenset({"approved_by", "decided_by"})
_K = ColumnKind
_MOST_DRAWN = 20
_TOLD = ("act", "text", "why", "reason", "rule", "what", "detail", "side", "isin", "quantity", "cash", "break", "book")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What one actor did by one entry."""

    number: int
    at: datetime
    actor: str
    kind_of_actor: str
    """`person` or `member`."""
    role: str
    """The fact that names it: `by`, `approved_by`, `owner`, …"""
    what: str
    subject: str
    detail: str
    hash: str


def deeds_of(row: JournalRow) -> Iterator[Deed]:
    """One for each person or member that an entry names; none for what the service did by rule."""
    entry = row.entry
    named = {name: entry.facts[name] for name in PERSON_FACTS if entry.facts.get(name) and entry.facts[name] != SELF}
    kind_of_actor = "person" if named else "member"
    if not named and entry.facts.get("by") != SELF:
        named = {name: entry.facts[name] for name in _MEMBER_FACTS if entry.facts.get(name)}
    for role, actor in named.items():
        yield Deed(
            number=row.number,
            at=entry.at,
            actor=actor,
            kind_of_actor=kind_of_actor,
            role=role,
            what=f"{entry.kind}: {entry.facts['act']}" if "act" in entry.facts else entry.kind,
            subject=entry.subject,
            detail=_detail(entry),
            hash=row.hash,
        )


def _detail(entry: Entry) -> str:
    told = (f"{name} {entry.facts[name]}" for name in _TOLD if name != "act" and entry.facts.get(name))
    return shortened("; ".join(told))


def audit(prefix: Prefix, market: Market) -> Report:
    """The log of people, then of members, and how often the service did what. Raises as Prefix."""
    deeds, by_rule = list[Deed](), Counter[str]()
    pairs, alone = 0, list[Deed]()
    for row in prefix:
        mine = list(deeds_of(row))
        deeds += mine
        if not mine:
            by_rule[row.entry.kind] += 1
        proposer = row.entry.facts.get("proposed_by", "")
        decided = [one for one in mine if one.role in _SECOND]
        if proposer and decided:
            pairs += 1
            alone += [one for one in decided if same_person(one.actor, proposer)]
    as_of, source = prefix.finish()
    people = [one for one in deeds if one.kind_of_actor == "person"]
    members = [one for one in deeds if one.kind_of_actor == "member"]
    return Report(
        kind="audit",
        title="Audit log by person",
        subtitle=f"{counted(source.journal_number, 'journal entry', 'journal entries')}, each bound to the one before",
        as_of=as_of,
        source=source,
        figures=(
            Figure(title="People", value=str(len({one.actor for one in people})), note=counted(len(people), "act")),
            Figure(
                title="Members", value=str(len({one.actor for one in members})), note=counted(len(members), "message")
            ),
            Figure(
                title="Decided by two",
                value=str(pairs),
                note=f"{len(alone)} of them by one and the same" if alone else "each by two different people",
                tone=Tone.BAD if alone else Tone.GOOD,
            ),
            Figure(title="By rule", value=f"{sum(by_rule.values()):,}", note="entries of the service's own"),
        ),
        charts=tuple(_charts(people or members, "person" if people else "member")),
        tables=(
            _log(people, "log", "What people did"),
            _actors_table(deeds, market),
            _log(members, "members", "What members sent"),
            Table(
                name="service",
                title="What the service did by rule",
                columns=(Column(name="kind", title="Kind"), Column(name="entries", title="Entries", kind=_K.COUNT)),
                rows=tuple(sorted(by_rule.items())),
            ),
        ),
        notes=(
            "Every entry's hash was computed anew and follows from the one before, to the one that this report names.",
            "What officers do on the chain alone is in the chain's events, and not in this journal.",
        ),
    )


def _log(deeds: Iterable[Deed], name: str, title: str) -> Table:
    return Table(
        name=name,
        title=title,
        columns=(
            Column(name="number", title="Entry", kind=_K.COUNT),
            Column(name="at", title="When", kind=_K.MOMENT),
            Column(name="actor", title="Who"),
            Column(name="role", title="As"),
            Column(name="what", title="What"),
            Column(name="subject", title="About"),
            Column(name="detail", title="In words"),
            Column(name="hash", title="Entry's hash"),
        ),
        rows=tuple(
            (one.number, one.at, one.actor, one.role, one.what, one.subject, one.detail, one.hash) for one in deeds
        ),
    )


def _actors_table(deeds: Iterable[Deed], market: Market) -> Table:
    names = {str(one.bic): one.name for one in market.participants.values()}
    mine: dict[tuple[str, str], list[Deed]] = defaultdict(list)
    for one in deeds:
        mine[one.kind_of_actor, one.actor].append(one)
    rows = []
    for (kind, actor), acts in sorted(mine.items(), key=lambda item: (item[0][0] != "person", item[0][1])):
        what = Counter(one.what for one in acts)
        told = ", ".join(f"{name} ({number})" for name, number in sorted(what.items(), key=lambda of: (-of[1], of[0])))
        first, last = min(one.at for one in acts), max(one.at for one in acts)
        rows.append((actor, names.get(actor, ""), kind, len(acts), first, last, told))
    return Table(
        name="actors",
        title="By person and member",
        columns=(
            Column(name="actor", title="Who"),
            Column(name="name", title="Name"),
            Column(name="kind", title="Is a"),
            Column(name="acts", title="Acts", kind=_K.COUNT),
            Column(name="first", title="First", kind=_K.MOMENT),
            Column(name="last", title="Last", kind=_K.MOMENT),
            Column(name="what", title="What"),
        ),
        rows=tuple(rows),
    )


def _charts(deeds: Sequence[Deed], kind: str) -> Iterator[Chart]:
    acts = sorted(Counter(one.actor for one in deeds).items(), key=lambda of: (-of[1], of[0]))[:_MOST_DRAWN]
    if acts:
        yield Chart(
            title=f"Acts by {kind}",
            kind=ChartKind.BARS,
            labels=tuple(actor for actor, _ in acts),
            series=(("acts", tuple(number for _, number in acts)),),
            unit="acts",
        )
