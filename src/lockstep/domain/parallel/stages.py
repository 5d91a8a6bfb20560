"""Where a security is between two systems, and how it gets there.

```
SHADOW ──> PARALLEL ──> PRIMARY      one step at a time: the gate is met, one person proposes, another decides
   ^───────────┴───────────┘         back at once: one person, or a guard that no longer holds
```

In SHADOW Lockstep acts on a copy and moves nothing real; in PARALLEL both books settle and the legacy book is the
record; in PRIMARY Lockstep is. Nothing is edited away: `steps` only grow, and each stored version names the one before.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.parallel.gates import Verdict
from lockstep.domain.reconciliation.breaks import SELF, person, said
from lockstep.domain.reconciliation.people import same_person
from lockstep.domain.values import quick, replace

__all__ = ["Course", "Move", "Proposal", "Stage", "Step"]


class Stage(Enum):
    """How far a security is trusted to Lockstep."""

    SHADOW = "shadow"
    PARALLEL = "parallel"
    PRIMARY = "primary"

    @property
    def place(self) -> int:
        return _ORDER.index(self)

    @property
    def next(self) -> "Stage | None":
        return None if self is _ORDER[-1] else _ORDER[self.place + 1]


_ORDER = (Stage.SHADOW, Stage.PARALLEL, Stage.PRIMARY)


class Move(Enum):
    """What a step tells."""

    BEGUN = "begun"
    PROPOSED = "proposed"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    LAPSED = "lapsed"
    """A proposal that nobody decided before the security went back."""
    DEMOTED = "demoted"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened to a security's course: who did it, when, UTC, why, and on what evidence."""

    at: datetime
    by: str
    move: Move
    stage: Stage
    """The stage after it; for a proposal and its end without promotion, the one that was proposed."""
    why: str = ""
    proposal: str = ""
    """The proposal's id, for what is about one."""
    evidence: str = ""
    """The digest of the verdict that it stands on."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A promotion that one person proposed, with the verdict that was seen."""

    isin: str
    number: int
    """Of this security's proposals, from 1."""
    to: Stage
    by: str
    at: datetime
    why: str
    verdict: Verdict

    @property
    def proposal_id(self) -> str:
        """`ISIN-NUMBER-DIGEST`: who approves an id approves this verdict and these words."""
        parts = (self.to.value, self.by, self.why, self.verdict.digest)
        content = "\n".join(f"{len(part)}:{part}" for part in parts)
        return f"{self.isin}-{self.number}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A security's way from the legacy book to Lockstep.

    `version` counts its stored versions: who stores over another's later version is refused.
    """

    isin: str
    stage: Stage
    since: date
    """The business day of the books from which days count in this stage, inclusive."""
    steps: tuple[Step, ...]
    pending: Proposal | None = None
    proposals: int = 0
    """How many there were."""
    version: int = 0

    @classmethod
    def begun(cls, isin: str, *, day: date, at: datetime) -> "Course":
        """In shadow, from the first day that is compared. It needs nobody's leave, as nothing real is moved."""
        first = Step(at=at, by=SELF, move=Move.BEGUN, stage=Stage.SHADOW, why=f"compared from {day.isoformat()} on")
        return cls(isin=isin, stage=Stage.SHADOW, since=day, steps=(first,))

    def proposed(self, verdict: Verdict, why: str, *, by: str, at: datetime) -> "Course":
        """By one person, on a verdict of the gate to the next stage.

        Raises InvalidInput for a bad name or text or another security's verdict, Refused LastStage, PromotionPending,
        GateNotMet.
        """
        by, why = person(by), said(why, field="why")
        to = self._next()
        if self.pending is not None:
            raise Refused("PromotionPending", {"isin": self.isin, "proposal": self.pending.proposal_id})
        self._judge(verdict, to)
        number = self.proposals + 1
        made = Proposal(isin=self.isin, number=number, to=to, by=by, at=at, why=why, verdict=verdict)
        step = Step(
            at=at,
            by=by,
            move=Move.PROPOSED,
            stage=to,
            why=why,
            proposal=made.proposal_id,
            evidence=verdict.digest,
        )
        return replace(self, pending=made, proposals=number, steps=(*self.steps, step))

    def decided(
        self,
        proposal_id: str,
        *,
        approve: bool,
        why: str,
        by: str,
        at: datetime,
        verdict: Verdict | None = None,
        digests: Mapping[date, str] | None = None,
        since: date | None = None,
    ) -> "Course":
        """By another person. The proposer may take a proposal back by rejecting it, and never approve it.

        An approval needs `verdict`, the gate's as of now, `digests`, those of the security's days as they are now, and
        `since`, the first business day of the new stage. Raises InvalidInput for a bad name or text, Refused
        NoSuchProposal, FourEyes, GateNotMet where the gate is no longer met, GateChanged where it asks for something
        else than when it was proposed, EvidenceChanged where a day on which the proposal stands was scored anew since,
        with another result.
        """
        by, why, pending = person(by), said(why, field="why"), self.pending
        if pending is None or pending.proposal_id != proposal_id:
            waiting = pending.proposal_id if pending is not None else ""
            raise Refused("NoSuchProposal", {"isin": self.isin, "proposal": proposal_id, "pending": waiting})
        if not approve:
            step = Step(at=at, by=by, move=Move.REJECTED, stage=pending.to, why=why, proposal=proposal_id)
            return replace(self, pending=None, steps=(*self.steps, step))
        if same_person(by, pending.by):
            raise Refused("FourEyes", {"isin": self.isin, "proposal": proposal_id, "proposed_by": pending.by})
        if verdict is None or digests is None or since is None:
            raise InvalidInput(
                "verdict", verdict, "the gate's verdict, the days' digests and the new stage's first day"
            )
        if (verdict.name, verdict.conditions) != (pending.verdict.name, pending.verdict.conditions):
            raise Refused("GateChanged", {"isin": self.isin, "proposal": proposal_id, "gate": verdict.name})
        for one in pending.verdict.evidence:
            if digests.get(one.day) != one.digest:
                facts = {"isin": self.isin, "day": one.day, "expected": one.digest, "is": digests.get(one.day, "")}
                raise Refused("EvidenceChanged", facts)
        self._judge(verdict, pending.to)
        step = Step(
            at=at,
            by=by,
            move=Move.PROMOTED,
            stage=pending.to,
            why=why,
            proposal=proposal_id,
            evidence=verdict.digest,
        )
        return replace(self, stage=pending.to, since=since, pending=None, steps=(*self.steps, step))

    def demoted(
        self, to: Stage, why: str, *, by: str, at: datetime, since: date, verdict: Verdict | None = None
    ) -> "Course":
        """Back to an earlier stage, at once, by one person. A pending proposal lapses.

        Raises InvalidInput for a bad name or text, Refused NotEarlier.
        """
        return self._back(to, said(why, field="why"), by=person(by), at=at, since=since, verdict=verdict)

    def fell(self, to: Stage, verdict: Verdict, *, at: datetime, since: date) -> "Course":
        """Back by itself, as a guard of its stage no longer holds. Raises Refused NotEarlier, GuardHolds."""
        if verdict.is_met:
            raise Refused("GuardHolds", {"isin": self.isin, "guard": verdict.name})
        return self._back(to, verdict.broken(), by=SELF, at=at, since=since, verdict=verdict)

    def _back(self, to: Stage, why: str, *, by: str, at: datetime, since: date, verdict: Verdict | None) -> "Course":
        if to.place >= self.stage.place:
            raise Refused("NotEarlier", {"isin": self.isin, "stage": self.stage.value, "to": to.value})
        steps = self.steps
        if (left := self.pending) is not None:
            lapsed = Step(at=at, by=SELF, move=Move.LAPSED, stage=left.to, proposal=left.proposal_id)
            steps = (*steps, lapsed)
        evidence = verdict.digest if verdict is not None else ""
        step = Step(at=at, by=by, move=Move.DEMOTED, stage=to, why=why, evidence=evidence)
        return replace(self, stage=to, since=since, pending=None, steps=(*steps, step))

    def _next(self) -> Stage:
        to = self.stage.next
        if to is None:
            raise Refused("LastStage", {"isin": self.isin, "stage": self.stage.value})
        return to

    def _judge(self, verdict: Verdict, to: Stage) -> None:
        wanted = f"{self.stage.value} to {to.value}"
        if verdict.isin != self.isin or verdict.about != wanted or verdict.since != self.since:
            shown = f"{verdict.isin}, {verdict.about}, since {verdict.since}"
            raise InvalidInput("verdict", shown, f"{self.isin}, {wanted}, since {self.since}")
        if not verdict.is_met:
            raise Refused("GateNotMet", {"isin": self.isin, "gate": verdict.name, "unmet": verdict.broken()})
