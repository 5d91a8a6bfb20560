"""A security's way: every stage and every act, refusals included."""

from collections.abc import Callable
from datetime import date, datetime

import pytest

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.parallel.gates import Condition, Gate, Guard, Measure, Verdict, judge, judge_guard
from lockstep.domain.parallel.scorecards import Scorecard
from lockstep.domain.parallel.stages import Course, Move, Stage
from lockstep.domain.values import replace
from parallel.cards import BOND, MONDAY, NOTE, TUESDAY, WEDNESDAY, at, card

NOON = at(TUESDAY, 12)
WAY = {Stage.SHADOW: Stage.PARALLEL, Stage.PARALLEL: Stage.PRIMARY}


def course(stage: Stage = Stage.SHADOW) -> Course:
    return replace(Course.begun(BOND, day=MONDAY, at=at(MONDAY, 18)), stage=stage)


def verdict(one: Course, *cards: Scorecard, at_most: str = "0") -> Verdict:
    to = WAY.get(one.stage, Stage.PRIMARY)
    conditions = (Condition(measure=Measure.UNEXPLAINED_BREAKS, at_most=at_most),)
    gate = Gate(name="gate", stage=one.stage.value, to=to.value, conditions=conditions)
    return judge(gate, one.isin, [(each, 5) for each in cards or (card(MONDAY),)], one.since)


def proposed(stage: Stage = Stage.SHADOW) -> Course:
    one = course(stage)
    return one.proposed(verdict(one), "ready", by="Eva", at=NOON)


def pending(one: Course) -> str:
    assert one.pending is not None
    return one.pending.proposal_id


def approve(
    one: Course, *, by: str = "Tom", now: Verdict | None = None, digests: dict[date, str] | None = None
) -> Course:
    return one.decided(
        pending(one),
        approve=True,
        why="seen",
        by=by,
        at=NOON,
        verdict=now or verdict(one),
        digests={MONDAY: card(MONDAY).digest} if digests is None else digests,
        since=WEDNESDAY,
    )


def guarded(one: Course, unexplained: int) -> Verdict:
    conditions = (Condition(measure=Measure.UNEXPLAINED_BREAKS, at_most="0"),)
    guard = Guard(name="guard", stage=one.stage.value, to="shadow", conditions=conditions)
    return judge_guard(guard, BOND, [(card(TUESDAY, unexplained_breaks=unexplained), 9)], one.since)


def test_it_begins_in_shadow() -> None:
    one = course()
    assert (one.stage, one.since, one.pending) == (Stage.SHADOW, MONDAY, None)
    assert [(step.by, step.move) for step in one.steps] == [("lockstep", Move.BEGUN)]


@pytest.mark.parametrize("stage", [Stage.SHADOW, Stage.PARALLEL])
def test_one_proposes_and_another_decides(stage: Stage) -> None:
    one = proposed(stage)
    assert one.stage is stage
    after = approve(one)
    assert (after.stage, after.since, after.pending) == (WAY[stage], WEDNESDAY, None)
    step = after.steps[-1]
    assert (step.move, step.stage, step.by, step.why, step.proposal) == (
        Move.PROMOTED,
        WAY[stage],
        "Tom",
        "seen",
        pending(one),
    )
    assert step.evidence == verdict(one).digest


def test_a_rejection_leaves_the_stage() -> None:
    one = proposed()
    after = one.decided(pending(one), approve=False, why="not yet", by="Tom", at=NOON)
    assert (after.stage, after.pending, after.since) == (Stage.SHADOW, None, MONDAY)
    assert after.steps[-1].move is Move.REJECTED
    mine = one.decided(pending(one), approve=False, why="taken back", by="Eva", at=NOON)
    assert mine.pending is None
    again = after.proposed(verdict(after), "ready", by="Eva", at=NOON)
    assert pending(again).startswith(f"{BOND}-2-")


@pytest.mark.parametrize("name", ["Eva", "EVA", "eva"])
def test_nobody_approves_what_they_proposed(name: str) -> None:
    one = proposed()
    with pytest.raises(Refused) as refused:
        approve(one, by=name)
    assert refused.value.name == "FourEyes"
    assert refused.value.details == {"isin": BOND, "proposal": pending(one), "proposed_by": "Eva"}


def test_the_gate_must_be_met_to_propose_and_to_approve() -> None:
    one = course()
    broken = verdict(one, card(MONDAY, unexplained_breaks=1))
    with pytest.raises(Refused) as refused:
        one.proposed(broken, "ready", by="Eva", at=NOON)
    assert refused.value.name == "GateNotMet"
    assert refused.value.details["unmet"] == "unexplained_breaks at most 0: 1"
    with pytest.raises(Refused, match="GateNotMet"):
        approve(proposed(), now=verdict(one, card(MONDAY), card(TUESDAY, unexplained_breaks=1)))


def test_evidence_that_changed_is_decided_by_nobody() -> None:
    one = proposed()
    with pytest.raises(Refused) as refused:
        approve(one, digests={MONDAY: card(MONDAY, 11, 11).digest})
    assert refused.value.name == "EvidenceChanged"
    assert refused.value.details["day"] == MONDAY
    with pytest.raises(Refused, match="EvidenceChanged"):
        approve(one, digests={})


def test_a_gate_that_was_made_weaker_since_decides_nothing() -> None:
    one = proposed()
    for other in (verdict(one, at_most="5"), replace(verdict(one), name="another")):
        with pytest.raises(Refused) as refused:
            approve(one, now=other)
        assert refused.value.name == "GateChanged"
        assert refused.value.details == {"isin": BOND, "proposal": pending(one), "gate": other.name}


def test_another_proposal_is_not_decided() -> None:
    one = proposed()
    with pytest.raises(Refused) as refused:
        one.decided(f"{BOND}-1-00000000", approve=True, why="x", by="Tom", at=NOON)
    assert refused.value.name == "NoSuchProposal"
    with pytest.raises(Refused, match="NoSuchProposal"):
        course().decided(pending(one), approve=False, why="x", by="Tom", at=NOON)


def test_an_id_is_of_what_was_seen() -> None:
    one = course()
    ids = {
        pending(one.proposed(verdict(one), "ready", by="Eva", at=NOON)),
        pending(one.proposed(verdict(one), "more", by="Eva", at=NOON)),
        pending(one.proposed(verdict(one), "ready", by="Tom", at=NOON)),
        pending(one.proposed(verdict(one, at_most="1"), "ready", by="Eva", at=NOON)),
    }
    assert len(ids) == 4


def test_one_proposal_at_a_time_and_none_beyond_primary() -> None:
    with pytest.raises(Refused, match="PromotionPending"):
        proposed().proposed(verdict(course()), "again", by="Tom", at=NOON)
    last = course(Stage.PRIMARY)
    with pytest.raises(Refused) as refused:
        last.proposed(verdict(last), "further", by="Eva", at=NOON)
    assert refused.value.name == "LastStage"


def test_a_verdict_of_something_else_is_refused() -> None:
    one = course()
    for other in (
        replace(verdict(one), isin=NOTE),
        replace(verdict(one), about="parallel to primary"),
        replace(verdict(one), since=TUESDAY),
    ):
        with pytest.raises(InvalidInput) as refused:
            one.proposed(other, "ready", by="Eva", at=NOON)
        assert refused.value.field == "verdict"
    waiting = proposed()
    with pytest.raises(InvalidInput, match="verdict"):
        waiting.decided(pending(waiting), approve=True, why="seen", by="Tom", at=NOON)


@pytest.mark.parametrize("to", Stage)
@pytest.mark.parametrize("stage", Stage)
def test_back_at_once_and_only_back(stage: Stage, to: Stage) -> None:
    one = course(stage)
    if to.place < stage.place:
        after = one.demoted(to, "prices were wrong", by="Eva", at=NOON, since=WEDNESDAY)
        assert (after.stage, after.since) == (to, WEDNESDAY)
        assert (after.steps[-1].move, after.steps[-1].by) == (Move.DEMOTED, "Eva")
        return
    with pytest.raises(Refused) as refused:
        one.demoted(to, "x", by="Eva", at=NOON, since=WEDNESDAY)
    assert refused.value.name == "NotEarlier"
    assert refused.value.details == {"isin": BOND, "stage": stage.value, "to": to.value}


def test_a_pending_proposal_lapses_with_its_stage() -> None:
    one = proposed(Stage.PARALLEL)
    after = one.demoted(Stage.SHADOW, "outage", by="Tom", at=NOON, since=WEDNESDAY)
    assert after.pending is None
    assert [(step.move, step.proposal) for step in after.steps[-2:]] == [
        (Move.LAPSED, pending(one)),
        (Move.DEMOTED, ""),
    ]


def test_it_goes_back_by_itself_where_a_guard_is_broken() -> None:
    one = course(Stage.PRIMARY)
    broken = guarded(one, 1)
    after = one.fell(Stage.SHADOW, broken, at=NOON, since=WEDNESDAY)
    step = after.steps[-1]
    assert (after.stage, step.by, step.why) == (Stage.SHADOW, "lockstep", "unexplained_breaks at most 0: 1")
    assert step.evidence == broken.digest
    with pytest.raises(Refused) as refused:
        one.fell(Stage.SHADOW, guarded(one, 0), at=NOON, since=WEDNESDAY)
    assert refused.value.name == "GuardHolds"


ACTS: list[Callable[[str, str, datetime], object]] = [
    lambda by, why, when: course().proposed(verdict(course()), why, by=by, at=when),
    lambda by, why, when: proposed().decided(pending(proposed()), approve=False, why=why, by=by, at=when),
    lambda by, why, when: course(Stage.PRIMARY).demoted(Stage.SHADOW, why, by=by, at=when, since=WEDNESDAY),
]


@pytest.mark.parametrize("act", ACTS, ids=["propose", "decide", "demote"])
def test_every_act_needs_a_person_and_words(act: Callable[[str, str, datetime], object]) -> None:
    for by in ("", "lockstep", "Lockstep", " Eva", "a" * 101):
        with pytest.raises(InvalidInput) as refused:
            act(by, "ready", NOON)
        assert refused.value.field == "by"
    for why in ("", " ", "x" * 2001):
        with pytest.raises(InvalidInput) as refused:
            act("Eva", why, NOON)
        assert refused.value.field == "why"
