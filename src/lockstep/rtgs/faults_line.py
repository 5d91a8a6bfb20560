"""The line that mail takes from the outbox to its receiver, where it may be late, lost, doubled or changed.

The outbox stays the truth. Positions are what a receiver reads by: from 1, without gaps, each with the same
message for ever. They are given as mail arrives, so that what is overtaken gets the later one.

Until a plan is first set nothing stands here and a position is the outbox's number. From then on every
receiver's mail passes through `transit`, also when no plan is in force: the two numbers may differ by what
was lost or doubled, and must not fall back. What was sent under a plan is judged by that plan, whenever it
is fetched: the desk takes all mail onto the line before it changes the plan.

When mail arrives follows from when it was sent and from the plan, never from when somebody looked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Connection, Integer, and_, bindparam, func, or_, select

from lockstep.domain.identifiers import Bic
from lockstep.rtgs import faults_forging
from lockstep.rtgs.database import Database, Step
from lockstep.rtgs.faults import Fault
from lockstep.rtgs.faults_choosing import Chosen, InForce, Shape
from lockstep.rtgs.faults_tables import lines, transit
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.tables import outbox

Mail = list[tuple[int, bytes]]

_TO: BindParameter[str] = bindparam("receiver")
_LINE = Prepared(select(lines.c.begins, lines.c.taken).where(lines.c.receiver == _TO))
_SENT = Prepared(
    select(outbox.c.sequence).where(outbox.c.receiver == _TO, outbox.c.sequence > bindparam("taken")).limit(1)
)
_ON_ITS_WAY = Prepared(
    select(transit.c.sequence)
    .where(
        transit.c.receiver == _TO,
        transit.c.position.is_(None),
        transit.c.available_at <= bindparam("now", type_=transit.c.available_at.type),
    )
    .limit(1)
)
_DIRECT = Prepared(
    select(outbox.c.sequence, outbox.c.data)
    .where(
        outbox.c.receiver == _TO,
        outbox.c.sequence > bindparam("after"),
        outbox.c.sequence <= bindparam("begins"),
    )
    .order_by(outbox.c.sequence)
    .limit(bindparam("most", type_=Integer))
)
_CARRIED = Prepared(
    select(transit.c.position, func.coalesce(transit.c.data, outbox.c.data))
    .join(outbox, and_(transit.c.receiver == outbox.c.receiver, transit.c.sequence == outbox.c.sequence))
    .where(transit.c.receiver == _TO, transit.c.position > bindparam("after"))
    .order_by(transit.c.position)
    .limit(bindparam("most", type_=Integer))
)
_TAKEN = Prepared(select(lines.c.taken).where(lines.c.receiver == _TO))
_DELIVERED = Prepared(select(lines.c.delivered).where(lines.c.receiver == _TO))
_BEGIN = Prepared(lines.insert().values(receiver=_TO, begins=0, taken=0, delivered=0))
_KEEP_TAKEN = Prepared(lines.update().where(lines.c.receiver == _TO).values(taken=bindparam("last")))
_KEEP_DELIVERED = Prepared(lines.update().where(lines.c.receiver == _TO).values(delivered=bindparam("last")))
_NEW = Prepared(
    select(outbox.c.sequence, outbox.c.data, outbox.c.created_at, outbox.c.uetr)
    .where(outbox.c.receiver == _TO, outbox.c.sequence > bindparam("taken"))
    .order_by(outbox.c.sequence)
)
_LAY = Prepared(
    transit.insert(), columns=[column.name for column in transit.columns if column is not transit.c.position]
)
_ARRIVED = Prepared(
    select(transit.c.sequence, transit.c.copy)
    .where(
        transit.c.receiver == _TO,
        transit.c.position.is_(None),
        transit.c.available_at <= bindparam("now", type_=transit.c.available_at.type),
    )
    .order_by(transit.c.available_at, transit.c.place, transit.c.sequence, transit.c.copy)
)
_PLACE = Prepared(
    transit.update()
    .where(transit.c.receiver == _TO, transit.c.sequence == bindparam("of"), transit.c.copy == bindparam("which"))
    .values(position=bindparam("at"))
)
_PASSED = Prepared(
    select(transit.c.sequence, transit.c.copy, transit.c.behind, transit.c.available_at)
    .where(
        transit.c.receiver == _TO,
        transit.c.behind > 0,
        transit.c.available_at > bindparam("sent_at", type_=transit.c.available_at.type),
        transit.c.sequence < bindparam("before"),
        or_(
            transit.c.behind_type.is_(None),
            and_(transit.c.behind_type == bindparam("message"), transit.c.uetr == bindparam("uetr")),
        ),
    )
    .order_by(transit.c.sequence)
)


class _Sent(NamedTuple):
    """A message of the outbox."""

    sequence: int
    data: bytes
    created_at: datetime
    uetr: str


@dataclass(slots=True, kw_only=True)
class _Copy:
    """One message on its way."""

    available_at: datetime | None
    faults: list[str]
    behind: int = 0
    behind_type: str | None = None
    data: bytes | None = None


def lay(step: Step) -> None:
    """The line begins: what every receiver has now keeps its number."""
    newest = select(outbox.c.receiver, func.max(outbox.c.sequence)).group_by(outbox.c.receiver)
    rows = [
        {"receiver": receiver, "begins": last, "taken": last, "delivered": last}
        for receiver, last in step.connection.execute(newest).all()
    ]
    if rows:
        step.connection.execute(lines.insert(), rows)


def take_all(step: Step, force: InForce | None) -> None:
    """Takes what all receivers' outboxes hold onto the line, under the plan in force."""
    for receiver in step.connection.scalars(select(outbox.c.receiver).distinct()).all():
        _take(step, force, Bic(receiver))


def let_go(step: Step) -> None:
    """Whatever is on its way may arrive now; what is lost stays lost."""
    waiting = and_(transit.c.position.is_(None), transit.c.available_at > step.now)
    step.connection.execute(transit.update().where(waiting).values(available_at=step.now))


def mailbox(database: Database, force: InForce | None, receiver: Bic, after: int, limit: int) -> Mail:
    """A party's mail as it arrived by now, after a position."""
    now = database.now()
    with database.reading() as connection:
        line = _LINE.first(connection, receiver=receiver)
        taken = 0 if line is None else line[1]
        moves = _SENT.first(connection, receiver=receiver, taken=taken) or _ON_ITS_WAY.first(
            connection, receiver=receiver, now=now
        )
        if not moves:
            return _arrivals(connection, receiver, after, limit)
    with database.step("mail-carried", now) as step:
        _take(step, force, receiver)
        _deliver(step, receiver)
    with database.reading() as connection:
        return _arrivals(connection, receiver, after, limit)


def _arrivals(connection: Connection, receiver: Bic, after: int, limit: int) -> Mail:
    """What has its position, after one."""
    line = _LINE.first(connection, receiver=receiver)
    begins = 0 if line is None else line[0]
    items = [] if after >= begins else _DIRECT.all(
        connection, receiver=receiver, after=after, begins=begins, most=limit
    )  # fmt: skip
    items += _CARRIED.all(connection, receiver=receiver, after=after, most=limit - len(items))
    return [(int(number), bytes(data)) for number, data in items]


def _take(step: Step, force: InForce | None, receiver: Bic) -> None:
    """Onto the line with what the outbox holds for a receiver, in order."""
    taken = _TAKEN.scalar(step.connection, receiver=receiver)
    if taken is None:
        _BEGIN.run(step.connection, [{"receiver": receiver}])
        taken = 0
    for sent in map(_Sent._make, _NEW.all(step.connection, receiver=receiver, taken=taken)):
        shape = Shape.of(sent.data)
        copies = _copies(step, force, receiver, sent, shape)
        _LAY.run(
            step.connection,
            [
                {
                    "receiver": receiver,
                    "sequence": sent.sequence,
                    "copy": number,
                    "available_at": copy.available_at,
                    "place": 2 * sent.sequence,
                    "behind": copy.behind,
                    "behind_type": copy.behind_type,
                    "message": shape.message,
                    "uetr": sent.uetr,
                    "data": copy.data,
                    "faults": " ".join(copy.faults),
                }
                for number, copy in enumerate(copies)
            ],
        )
        first = copies[0]
        if first.available_at is not None and not first.behind:
            _pass(step, receiver, sent, first.available_at, shape.message)
        taken = sent.sequence
    _KEEP_TAKEN.run(step.connection, [{"receiver": receiver, "last": taken}])


def _copies(step: Step, force: InForce | None, receiver: Bic, sent: _Sent, shape: Shape) -> list[_Copy]:
    """A message and its doubles, as the plan has them; the message itself first."""
    whole = _Copy(available_at=sent.created_at, faults=[])
    if force is None:
        return [whole]
    copies = [whole]
    for chosen in force.choose(step, "out", receiver, sent.created_at, shape, sent.sequence):
        rule = chosen.rule
        later = timedelta(seconds=rule.seconds)
        match rule.kind:
            case Fault.LOSS:
                return [_Copy(available_at=None, faults=[_name(chosen)])]
            case Fault.DELAY:
                for copy in copies:
                    copy.available_at = _later(copy.available_at, later)
            case Fault.DUPLICATE:
                doubles = [_Copy(available_at=_later(whole.available_at, later), faults=[_name(chosen)])]
                copies += doubles * rule.copies
            case Fault.REORDER if not _one_waits(step, receiver, sent.created_at):
                _hold(whole, later, rule.behind, None)
            case Fault.NOTICE_FIRST if not _notice_came(step, receiver, sent.uetr):
                _hold(whole, later, 1, "camt.054")
            case Fault.CONTRADICT:
                said = faults_forging.contradiction(sent.data, rule.says)
                if said is not None:
                    at = _later(whole.available_at, later)
                    copies.append(_Copy(available_at=at, faults=[_name(chosen)], data=said))
            case Fault.STATEMENT_MISSES | Fault.STATEMENT_WRONG:
                draw = force.plan.draw(chosen.number, receiver, sent.sequence, "entry")
                misses = rule.kind is Fault.STATEMENT_MISSES
                forge = faults_forging.without_an_entry if misses else faults_forging.with_a_wrong_entry
                whole.data = forge(whole.data or sent.data, draw) or whole.data
        whole.faults.append(_name(chosen))
    return copies


def _hold(copy: _Copy, longest: timedelta, behind: int, behind_type: str | None) -> None:
    copy.available_at = _later(copy.available_at, longest)
    copy.behind, copy.behind_type = behind, behind_type


def _name(chosen: Chosen) -> str:
    return f"{chosen.rule.kind.value}/{chosen.number + 1}"


def _later(at: datetime | None, by: timedelta) -> datetime | None:
    return None if at is None else at + by


def _waits(receiver: Bic, now: datetime) -> ColumnElement[bool]:
    """What of a receiver's mail waits to be passed still, at an instant."""
    return and_(transit.c.receiver == receiver, transit.c.behind > 0, transit.c.available_at > now)


def _one_waits(step: Step, receiver: Bic, now: datetime) -> bool:
    """Of two neighbours only one waits for the other."""
    waits = and_(_waits(receiver, now), transit.c.behind_type.is_(None))
    return step.connection.execute(select(transit.c.sequence).where(waits).limit(1)).first() is not None


def _notice_came(step: Step, receiver: Bic, uetr: str) -> bool:
    """Whether a notice of this payment is on the line already: then a report again waits for none."""
    notice = and_(transit.c.receiver == receiver, transit.c.uetr == uetr, transit.c.message == "camt.054")
    return step.connection.execute(select(transit.c.sequence).where(notice).limit(1)).first() is not None


def _pass(step: Step, receiver: Bic, sent: _Sent, at: datetime, message: str) -> None:
    """A message passes those that wait for it; whom enough have passed, comes right behind."""
    passed = _PASSED.all(
        step.connection,
        receiver=receiver,
        sent_at=sent.created_at,
        before=sent.sequence,
        message=message,
        uetr=sent.uetr,
    )
    for sequence, copy, behind, available_at in passed:
        one = and_(transit.c.receiver == receiver, transit.c.sequence == sequence, transit.c.copy == copy)
        values: dict[str, object] = {"behind": behind - 1}
        if behind == 1 and at < available_at:
            values |= {"available_at": at, "place": 2 * sent.sequence + 1}
        step.connection.execute(transit.update().where(one).values(values))


def _deliver(step: Step, receiver: Bic) -> None:
    """Gives the next positions to what has arrived by now."""
    position = _DELIVERED.scalar(step.connection, receiver=receiver)
    for sequence, copy in _ARRIVED.all(step.connection, receiver=receiver, now=step.now):
        position += 1
        _PLACE.run(step.connection, [{"receiver": receiver, "of": sequence, "which": copy, "at": position}])
    _KEEP_DELIVERED.run(step.connection, [{"receiver": receiver, "last": position}])
