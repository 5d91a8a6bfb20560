"""The business day: opened, led through its phases, closed. At its end nothing is left half done.

Closing rejects for good what is held or waits, ends the day's reservations and states every account.
"""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial

from sqlalchemy import Connection, func, select

from lockstep.domain.payment import PaymentState
from lockstep.rtgs import payments, register, reporting, statements, timetable
from lockstep.rtgs.database import Step
from lockstep.rtgs.parties import refusal
from lockstep.rtgs.register import Reason
from lockstep.rtgs.rules import business_day
from lockstep.rtgs.tables import accounts, days

MOST_CHANGES = 4
"""In one `follow`: a day left open is closed, another opened, and its phase found."""


def open_day(step: Step, day: date, phase: str = timetable.OPEN) -> None:
    """Opens a business day; standing reservations hold from now on. The same day again does nothing.

    Raises Refused(DayOpen) while another is open, Refused(DayClosed) for one not after the last.
    """
    current = business_day(step.connection)
    if current == day:
        return
    if current is not None:
        raise refusal("DayOpen", "day", day, f"opened after {current} is closed")
    last = step.connection.scalar(select(func.max(days.c.date)))
    if last is not None and day <= last:
        raise refusal("DayClosed", "day", day, f"after {last}, the last day that was closed")
    number = (step.connection.scalar(select(func.max(days.c.number))) or 0) + 1
    step.connection.execute(
        days.insert().values(number=number, date=day, phase=phase, phase_since=step.now, opened_at=step.now)
    )
    step.books.day_changed()
    for account in step.connection.scalars(
        select(accounts.c.account).where(accounts.c.standing_urgent + accounts.c.standing_high > 0)
    ).all():
        found = step.books.account(account)
        if found is not None:
            terms = {"reserved_urgent": found.standing_urgent, "reserved_high": found.standing_high}
            step.books.set_terms(account, **terms)
    reporting.tell_phase(step, day, phase)


def close_day(step: Step) -> date | None:
    """Ends the day that is open, and returns it; None if none is."""
    found = step.connection.execute(select(days).where(days.c.closed_at.is_(None))).first()
    if found is None:
        return None
    step.connection.execute(
        days.update()
        .where(days.c.number == found.number)
        .values(closed_at=step.now, phase=timetable.CLOSED, phase_since=step.now)
    )
    reason = Reason.of("TM01", "IntrBkSttlmDt", found.date, "not booked: closed with the day")
    payments.never(step, register.still_open(step.connection), PaymentState.REJECTED, reason)
    for account in step.connection.scalars(
        select(accounts.c.account).where(accounts.c.reserved_urgent + accounts.c.reserved_high > 0)
    ).all():
        step.books.set_terms(account, reserved_urgent=0, reserved_high=0)
    step.books.day_changed()
    statements.issue(step, found.number)
    day: date = found.date
    reporting.send_statements(step, day)
    reporting.tell_phase(step, day, timetable.CLOSED)
    return day


def enter_phase(step: Step, phase: str) -> None:
    """Leads the open day into another phase, on the operator's word. Raises Refused(PhaseUnknown, DayClosed)."""
    table = timetable.timetable(step.connection)
    known = [timetable.OPEN, *(one.name for one in table.phases)] if table else [timetable.OPEN]
    if phase not in known:
        raise refusal("PhaseUnknown", "phase", phase, f"one of {', '.join(known)}")
    day = business_day(step.connection)
    if day is None:
        raise refusal("DayClosed", "phase", phase, "a business day that is open")
    step.connection.execute(days.update().where(days.c.closed_at.is_(None)).values(phase=phase, phase_since=step.now))
    reporting.tell_phase(step, day, phase)


def due(connection: Connection, now: datetime) -> Callable[[Step], object] | None:
    """What the timetable wants done at this instant, or None: close, open, or enter a phase."""
    table = timetable.timetable(connection)
    if table is None:
        return None
    local, phase = table.local(now), table.phase_at(now)
    today, current = local.date(), business_day(connection)
    if current is None:
        last = connection.scalar(select(func.max(days.c.date)))
        over = last is not None and today <= last
        if phase is None or over or not timetable.is_business_day(connection, table, today):
            return None
        return partial(open_day, day=today, phase=phase.name)
    if current < today or (current == today and local.time() >= table.closes):
        return close_day
    if current == today and phase is not None and phase.name != timetable.phase(connection):
        return partial(enter_phase, phase=phase.name)
    return None


def expire(step: Step) -> int:
    """Rejects what was not booked by its `pay_by`; how many payments."""
    run_out = register.still_open(step.connection, due_before=step.now)
    reason = Reason.of("TM01", "SttlmTmReq/RjctTm", f"not booked before {step.now.isoformat()}", "inclusive")
    payments.never(step, run_out, PaymentState.REJECTED, reason)
    return len(run_out)


def catch_up(step: Step) -> None:
    """Does what time has made due, before anything else moves money at this instant."""
    expire(step)
    follow(step)


def follow(step: Step) -> None:
    """Does what the timetable wants done at this instant."""
    for _ in range(MOST_CHANGES):
        act = due(step.connection, step.now)
        if act is None:
            return
        act(step)
