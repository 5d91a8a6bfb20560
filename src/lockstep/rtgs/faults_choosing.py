"""Which rules of the plan in force strike a message, counted durably per rule and party."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from lockstep.domain.identifiers import Bic
from lockstep.rtgs.database import Step
from lockstep.rtgs.faults import Fault, Plan, Rule
from lockstep.rtgs.faults_tables import fault_uses
from lockstep.rtgs.prepared import Prepared

_TYPE = re.compile(rb"<(?:[\w.-]+:)?MsgDefIdr>\s*([a-z]{4}\.\d{3})")
_UETR = re.compile(rb">\s*([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\s*<")
_THIS = (
    (fault_uses.c.plan == bindparam("of_plan"))
    & (fault_uses.c.rule == bindparam("of_rule"))
    & (fault_uses.c.party == bindparam("of_party"))
)
_USED = Prepared(select(fault_uses.c.seen, fault_uses.c.struck).where(_THIS))
_USE_AGAIN = Prepared(fault_uses.update().where(_THIS).values(seen=bindparam("to"), struck=bindparam("hit")))
_USE = Prepared(
    fault_uses.insert().values(
        plan=bindparam("of_plan"),
        rule=bindparam("of_rule"),
        party=bindparam("of_party"),
        seen=bindparam("to"),
        struck=bindparam("hit"),
    )
)
_STATUS = re.compile(rb"<(?:[\w.-]+:)?TxSts>\s*([A-Z]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What rules look at in a message; "" where it does not say. Nothing is judged here."""

    message: str
    status: str
    uetr: str

    @classmethod
    def of(cls, data: bytes) -> "Shape":
        return cls(message=_first(_TYPE, data[:4096]), status=_first(_STATUS, data), uetr=_first(_UETR, data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A rule that strikes, with its number from 0."""

    number: int
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A plan that was set, under its number."""

    number: int
    plan: Plan

    def speaks_of(self, direction: str, party: Bic, now: datetime, shape: Shape) -> bool:
        """Whether any rule but an outage could strike such a message."""
        return any(
            _is_of_messages(rule) and rule.fits(direction, party, now, shape.message, shape.status)
            for rule in self.plan.rules
        )

    def speaks_of_files(self, party: Bic, now: datetime) -> bool:
        """Whether any rule could strike a file that a party hands in."""
        return any(rule.files and rule.fits("in", party, now) for rule in self.plan.rules)

    def choose_for_file(self, step: Step, party: Bic, now: datetime) -> list[Chosen]:
        """The rules that strike a file as one; each numbers the files that it looks at."""
        return [
            Chosen(number=number, rule=rule)
            for number, rule in enumerate(self.plan.rules)
            if rule.files and rule.fits("in", party, now) and self.counted(step, number, party)
        ]

    def choose(
        self, step: Step, direction: str, party: Bic, now: datetime, shape: Shape, sequence: int | None = None
    ) -> list[Chosen]:
        """The rules that strike a message. Without a number of its own, each rule numbers what it looks at."""
        return [
            Chosen(number=number, rule=rule)
            for number, rule in enumerate(self.plan.rules)
            if _is_of_messages(rule)
            and rule.fits(direction, party, now, shape.message, shape.status)
            and self.counted(step, number, party, sequence)
        ]

    def outages(self, direction: str, party: Bic, now: datetime) -> list[int]:
        """The outages that speak of a call now, by their number from 0."""
        return [
            number
            for number, rule in enumerate(self.plan.rules)
            if rule.kind is Fault.OUTAGE and rule.fits(direction, party, now)
        ]

    def counted(self, step: Step, number: int, party: Bic, sequence: int | None = None) -> bool:
        """Whether a rule that fits strikes now; its counters go on."""
        rule = self.plan.rules[number]
        key = {"of_plan": self.number, "of_rule": number, "of_party": party}
        seen, struck = _USED.first(step.connection, **key) or (0, 0)
        most = rule.calls if rule.kind is Fault.OUTAGE else rule.at_most
        strikes = (most is None or struck < most) and self.plan.strikes(
            number, party, seen + 1 if sequence is None else sequence
        )
        (_USE_AGAIN if seen else _USE).run(step.connection, [{**key, "to": seen + 1, "hit": struck + strikes}])
        return strikes


def _is_of_messages(rule: Rule) -> bool:
    return rule.kind is not Fault.OUTAGE and not rule.files


def _first(pattern: re.Pattern[bytes], data: bytes) -> str:
    found = pattern.search(data)
    return found[1].decode() if found else ""
