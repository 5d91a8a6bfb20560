"""The parallel run's steps, from values to values: a day's scorecards kept, and what people decide on them.

What changed is told to the journal in the same transaction: a scorecard as `scorecard`, whatever moves a security as
`promotion`, with who did it, why, and on what evidence.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime

from lockstep.domain.errors import Contradiction
from lockstep.domain.journal import Entry, JournalRow
from lockstep.domain.parallel.gate_text import Gates
from lockstep.domain.parallel.gates import Verdict, judge, judge_guard
from lockstep.domain.parallel.pairs import Paired, TradePair
from lockstep.domain.parallel.scorecards import ALL, Score, Scorecard, StoredCard, Tally
from lockstep.domain.parallel.scoring import ScoredDay
from lockstep.domain.parallel.stages import Course, Move, Stage, Step
from lockstep.domain.target_calendar import next_business_day
from lockstep.domain.values import replace
from lockstep.ports import Change

__all__ = ["EVERYTHING", "PROMOTION", "SCORECARD", "begin_after", "fall", "kept", "moved", "numbered", "verdict_of"]

SCORECARD, PROMOTION = "scorecard", "promotion"
EVERYTHING = "all securities"
"""The journal's subject for the scorecard of all."""


def subject_of(isin: str) -> str:
    return isin or EVERYTHING


def kept(
    scored: ScoredDay,
    *,
    stored: Iterable[StoredCard],
    courses: Iterable[Course],
    pairs: Iterable[TradePair],
    paired: Mapping[str, Paired],
    securities: Collection[str],
) -> Change:
    """What a day's scoring stores. `stored` are the day's cards of an earlier run, `paired` the pairs that are known.

    A security of the market that was not compared before begins in shadow. A card of an earlier run whose security this
    one did not meet becomes an empty one. The same figures again change nothing, whatever
    the moment of the books.
    """
    before = {one.card.isin: one for one in stored}
    fresh = {one.isin: one for one in scored.cards}
    for isin in before.keys() - fresh.keys():
        fresh[isin] = Scorecard(day=scored.day, at=scored.at, isin=isin, whole=Score(), participants={})
    cards = [
        StoredCard(card=fresh[isin], version=before[isin].version if isin in before else 0)
        for isin in sorted(fresh)
        if isin not in before or replace(before[isin].card, at=scored.at) != fresh[isin]
    ]
    known = {one.isin for one in courses}
    begun = [
        Course.begun(isin, day=scored.day, at=scored.at)
        for isin in sorted(fresh)
        if isin in securities and isin not in known
    ]
    entries = [entry for one in begun for entry in moved(None, one)]
    return Change(
        scorecards=tuple(cards),
        courses=tuple(begun),
        pairs=tuple(_pairs(scored, pairs, paired)),
        entries=(*(_card_entry(one.card) for one in cards), *entries),
    )


def _pairs(scored: ScoredDay, pairs: Iterable[TradePair], paired: Mapping[str, Paired]) -> Iterable[Paired]:
    counted = {*scored.settled}
    for pair in pairs:
        known = paired.get(pair.reference, Paired(pair=pair, seen_on=scored.day))
        if pair.reference in counted:
            on: date | None = scored.day
        else:
            on = None if known.counted_on == scored.day else known.counted_on
        seen_on = max(known.seen_on, scored.day)
        one = replace(known, pair=pair if seen_on == scored.day else known.pair, seen_on=seen_on, counted_on=on)
        if one != known or not known.version:
            yield one


def _card_entry(card: Scorecard) -> Entry:
    whole = card.whole
    facts = {
        "day": card.day.isoformat(),
        "digest": card.digest,
        **({"legacy_files": card.legacy_files} if card.legacy_files else {}),
        **{name: _share(getattr(whole, name)) for name in ("trades", "positions", "events")},
        **({"cash": _share(whole.cash)} if card.isin == ALL else {}),
        "found": ", ".join(f"{name} {count}" for name, count in whole.found.items()),
        "open_breaks": str(whole.open_breaks),
        "unexplained_breaks": str(whole.unexplained_breaks),
        "settled_in_both": str(whole.finality.both),
        "seconds_earlier": str(whole.finality.seconds_earlier),
        "fails_avoided": str(whole.fails.avoided),
        "fails_added": str(whole.fails.added),
    }
    return Entry(at=card.at, kind=SCORECARD, subject=subject_of(card.isin), facts=facts)


def _share(tally: Tally) -> str:
    return f"{tally.agreed} of {tally.compared}"


def numbered(cards: Iterable[StoredCard], rows: Iterable[JournalRow]) -> Sequence[tuple[Scorecard, int]]:
    """A security's cards, each with the number of the journal's entry that tells it. `rows` are those of its subject.

    Raises Contradiction for a card that is not the last that the journal tells of its day: the records were
    changed by another hand.
    """
    told = {row.entry.facts["day"]: row for row in rows if row.entry.kind == SCORECARD}  # a day's last one counts
    found = []
    for one in cards:
        row = told.get(one.card.day.isoformat())
        if row is None or row.entry.facts["digest"] != one.card.digest:
            raise Contradiction(
                f"scorecard {one.card.isin} {one.card.day}: the journal's last entry of that day has another digest"
            )
        found.append((one.card, row.number))
    return found


def verdict_of(course: Course, gates: Gates, cards: Sequence[tuple[Scorecard, int]]) -> Verdict | None:
    """Of the gate to the next stage; None where the gates have none, as from the last stage."""
    gate = gates.gate(course)
    return None if gate is None else judge(gate, course.isin, cards, course.since)


def begin_after(course: Course, cards: Sequence[tuple[Scorecard, int]]) -> date:
    """The first day that counts in a stage that is entered now: the business day after the last one scored in the
    present stage; where none was, that stage's own first day."""
    scored = [card.day for card, _ in cards if card.day >= course.since]
    return next_business_day(max(scored)) if scored else course.since


def fall(
    course: Course, gates: Gates, cards: Sequence[tuple[Scorecard, int]], *, at: datetime
) -> tuple[Course, Verdict] | None:
    """The course after the first guard of its stage that is broken; None while all hold."""
    for guard in gates.guards_of(course):
        verdict = judge_guard(guard, course.isin, cards, course.since)
        if not verdict.is_met:
            return course.fell(Stage(guard.to), verdict, at=at, since=begin_after(course, cards)), verdict
    return None


def moved(before: Course | None, after: Course, verdict: Verdict | None = None) -> Sequence[Entry]:
    """An entry for each new step; `verdict` is what the last one stands on."""
    steps = after.steps[len(before.steps) :] if before is not None else after.steps
    stage = before.stage if before is not None else after.stage
    return [
        Entry(
            at=one.at,
            kind=PROMOTION,
            subject=after.isin,
            facts={
                "act": one.move.value,
                "from": "" if one.move is Move.BEGUN else stage.value,
                "to": one.stage.value,
                "by": one.by,
                **({"why": one.why} if one.why else {}),
                **({"proposal": one.proposal} if one.proposal else {}),
                **(_evidence(one, verdict) if verdict is not None else {}),
            },
        )
        for one in steps
    ]


def _evidence(step: Step, verdict: Verdict) -> Mapping[str, str]:
    if step.evidence != verdict.digest:
        return {}
    return {
        "verdict": verdict.digest,
        "rule": verdict.name,
        "conditions": "; ".join(f"{one.text()}{'' if one.is_met else ' (not met)'}" for one in verdict.results),
        "scorecards": "; ".join(f"{one.day} {one.digest} journal {one.journal_number}" for one in verdict.evidence),
    }
