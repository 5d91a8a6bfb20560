"""Faults as the operator sets them, and the one hook through which every door gets them.

The plan in force is kept with the ledger, with who set it and when, and survives a restart. While no plan
was ever set the hook costs a comparison.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.rtgs import faults_arrivals, faults_line
from lockstep.rtgs.database import Database, Step
from lockstep.rtgs.faults import Plan, from_json
from lockstep.rtgs.faults_arrivals import Found, Handle, Take
from lockstep.rtgs.faults_choosing import InForce
from lockstep.rtgs.faults_line import Mail
from lockstep.rtgs.faults_tables import arrivals, fault_plans, fault_uses, transit


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a rule (numbered from 1) has done to one party's traffic."""

    rule: int
    party: Bic
    seen: int
    struck: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultStatus:
    """The plan in force, None if there is none, and what is on its way."""

    plan: Plan | None
    number: int
    """Of the plan, or of its clearing; 0 if none was ever set."""
    set_at: datetime | None
    set_by: str | None
    uses: tuple[Use, ...]
    mail_waiting: int
    mail_lost: int
    arrivals_waiting: int
    arrivals_lost: int


class FaultDesk:
    """Sets, shows and clears the plan; carries mail and arrivals by it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        newest = select(fault_plans).order_by(fault_plans.c.number.desc()).limit(1)
        with database.reading() as connection:
            row = connection.execute(newest).first()
        self.laid = row is not None
        """Whether a plan was ever set, so that mail comes by the line."""
        self._force = None
        if row is not None and row.plan is not None:
            self._force = InForce(number=row.number, plan=from_json(row.plan))

    # --- the operator's

    def set(self, plan: Plan, *, by: str) -> int:
        """Puts a plan in force in place of any other, and returns its number. What is on its way stays so."""
        with self._database.step("faults-set", self._database.now()) as step:
            number = self._store(step, plan.to_json(), by)
        self.laid, self._force = True, InForce(number=number, plan=plan)
        return number

    def clear(self, *, by: str) -> None:
        """No plan is in force: what is on its way arrives now, what is lost stays lost."""
        if not self.laid:
            return
        with self._database.step("faults-cleared", self._database.now()) as step:
            self._store(step, None, by)
            faults_line.let_go(step)
            faults_arrivals.let_go(step)
        self._force = None

    def status(self) -> FaultStatus:
        """What is in force and what it has done."""
        newest = select(fault_plans).order_by(fault_plans.c.number.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(newest).first()
            number = 0 if row is None else row.number
            used = select(fault_uses).where(fault_uses.c.plan == number).order_by(fault_uses.c.rule, fault_uses.c.party)
            uses = tuple(
                Use(rule=one.rule + 1, party=Bic(one.party), seen=one.seen, struck=one.struck)
                for one in connection.execute(used)
            )

            def count(*conditions: ColumnElement[bool]) -> int:
                query = select(func.count()).where(*conditions)
                return int(connection.execute(query).scalar_one())

            return FaultStatus(
                plan=None if self._force is None else self._force.plan,
                number=number,
                set_at=None if row is None else row.set_at,
                set_by=None if row is None else row.set_by,
                uses=uses,
                mail_waiting=count(transit.c.position.is_(None), transit.c.available_at.is_not(None)),
                mail_lost=count(transit.c.position.is_(None), transit.c.available_at.is_(None)),
                arrivals_waiting=count(arrivals.c.done_at.is_(None)),
                arrivals_lost=count(arrivals.c.result == "lost"),
            )

    # --- the doors'

    def receive(self, data: bytes, sender: Bic, handle: Handle) -> list[bytes]:
        """A party's message on its way to the core, which `handle` has take it. Raises Unavailable besides."""
        if self._force is None:
            return handle()
        self._answers("in", sender)
        return faults_arrivals.receive(self._database, self._force, data, sender, handle)

    def receive_file(
        self, messages: Sequence[bytes], sender: Bic, handle_each: Callable[[], list[Found]]
    ) -> list[Found]:
        """What a party hands in at once, on its way to the core, which `handle_each` has take each by itself."""
        if self._force is None:
            return handle_each()
        return faults_arrivals.receive_file(self._database, self._force, messages, sender, handle_each)

    def take_due(self, take: Take, now: datetime) -> None:
        """Has the core take what has been held back until now."""
        if self.laid:
            faults_arrivals.take_due(self._database, take, now)

    def mailbox(self, receiver: Bic, after: int, limit: int) -> Mail | None:
        """A party's mail as it arrived; None while the line is the outbox itself. Raises Unavailable."""
        if not self.laid:
            return None
        self._answers("out", receiver)
        return faults_line.mailbox(self._database, self._force, receiver, after, limit)

    @property
    def idle(self) -> bool:
        """Whether no plan is in force."""
        return self._force is None

    def _answers(self, direction: str, party: Bic) -> None:
        """Raises Unavailable during an outage."""
        force, now = self._force, self._database.now()
        numbers = [] if force is None else force.outages(direction, party, now)
        if force is None or not numbers:
            return
        with self._database.step("outage-counted", now) as step:
            struck = [number for number in numbers if force.counted(step, number, party)]
        if struck:
            raise Unavailable(f"the RTGS does not answer: outage, rule {struck[0] + 1} of plan {force.number}")

    def _store(self, step: Step, plan: str | None, by: str) -> int:
        if not 1 <= len(by) <= 140:
            raise InvalidInput("by", by, "who sets the plan, in 1 to 140 characters")
        if not self.laid:
            faults_line.lay(step)
        faults_line.take_all(step, self._force)
        last = step.connection.scalar(select(func.max(fault_plans.c.number))) or 0
        row = {"number": last + 1, "set_at": step.now, "set_by": by, "plan": plan}
        step.connection.execute(fault_plans.insert().values(row))
        return last + 1
