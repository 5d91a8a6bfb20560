"""What parties send, before it reaches the core: late, lost, doubled, overtaken, or with its answer lost.

What waits is durable with its sender, and taken by the core at the first tick or message at or after its
time, in a step that also ends its waiting. Its sender was told *accepted* when it came: what the core then
refuses, an admi.002 in the mailbox says.

A file that a rule strikes as one waits, is lost or comes again with all its messages, in their order. One that waits to
be passed is passed by another file, when all of that has been taken.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select

from lockstep.domain.errors import Conflict, InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.rtgs.database import Database, Step
from lockstep.rtgs.faults import Fault
from lockstep.rtgs.faults_choosing import Chosen, InForce, Shape
from lockstep.rtgs.faults_tables import arrivals
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.rejecting import rejection_of

_DUE = Prepared(
    select(arrivals.c.number, arrivals.c.sender, arrivals.c.data)
    .where(arrivals.c.done_at.is_(None), arrivals.c.due_at <= bindparam("now", type_=arrivals.c.due_at.type))
    .order_by(arrivals.c.due_at, arrivals.c.number)
    .limit(1)
)

FILE = "file"
"""What a file waits for that is to be overtaken."""

Handle = Callable[[], list[bytes]]
"""Has the core take the message now."""
Found = list[bytes] | Refused | InvalidInput | Conflict | Unavailable
"""Of one message of many: its answers, or why there are none."""
Take = Callable[[Step, bytes, Bic], object]
"""What the core does with a message within a step; raises Refused or InvalidInput."""


def let_go(step: Step) -> None:
    """What waits is due now; what is lost stays lost."""
    waiting = arrivals.c.done_at.is_(None)
    step.connection.execute(arrivals.update().where(waiting).values(due_at=step.now, behind=0))


def receive(database: Database, force: InForce, data: bytes, sender: Bic, handle: Handle) -> list[bytes]:
    """One message under a plan. Raises as the core does, and Unavailable where the plan has no answer come."""
    now, shape = database.now(), Shape.of(data)
    chosen: list[Chosen] = []
    if force.speaks_of("in", sender, now, shape):
        with database.step("arrival-judged", now, sender) as step:
            chosen = force.choose(step, "in", sender, now, shape)
            waits = _hold(step, chosen, [data], sender, None)
        if waits:
            return []
    try:
        answers = handle()
    finally:
        _pass(database, shape)
    if any(one.rule.kind is Fault.ANSWER_LOST for one in chosen):
        raise Unavailable("the RTGS restarted after it had stored the message and before it answered")
    return answers


def take_due(database: Database, take: Take, now: datetime) -> int:
    """Has the core take what is due, in order; how many."""
    done = 0
    while True:
        with database.reading() as connection:
            found = _DUE.first(connection, now=now)
        if found is None:
            return done
        done += 1
        number, sender, data = found[0], Bic(found[1]), found[2]
        try:
            with database.step("message", now, sender) as step:
                if _waits(step, number):
                    take(step, data, sender)
                    _done(step, number, "taken")
        except (Refused, InvalidInput) as error:
            with database.step("message-refused", now, sender) as step:
                if _waits(step, number):
                    step.send([sender], rejection_of(data, error, step.now))
                    _done(step, number, error.name if isinstance(error, Refused) else "InvalidMessage")


def receive_file(
    database: Database, force: InForce, messages: Sequence[bytes], sender: Bic, handle_each: Callable[[], list[Found]]
) -> list[Found]:
    """Messages that come in one file under a plan: of each what `handle_each` says of it, unless the file is struck."""
    now = database.now()
    chosen: list[Chosen] = []
    if force.speaks_of_files(sender, now):
        with database.step("file-judged", now, sender) as step:
            chosen = force.choose_for_file(step, sender, now)
            waits = _hold(step, chosen, messages, sender, FILE)
        if waits:
            return [[] for _ in messages]
    found = handle_each()
    _passed_by(database, arrivals.c.behind_type == FILE)
    if any(one.rule.kind is Fault.ANSWER_LOST for one in chosen):
        lost = Unavailable("the RTGS restarted after it had stored the file's messages and before it answered")
        return [lost for _ in messages]
    return [*found]


def _hold(
    step: Step, chosen: Sequence[Chosen], messages: Sequence[bytes], sender: Bic, overtaken_by: str | None
) -> bool:
    """Stores what comes later or never, all messages alike; whether the messages themselves are among it."""
    names = " ".join(f"{one.rule.kind.value}/{one.number + 1}" for one in chosen)
    due, behind, behind_type = step.now, 0, None
    copies: list[int] = []
    for one in chosen:
        rule = one.rule
        match rule.kind:
            case Fault.LOSS:
                for data in messages:
                    _store(step, data, sender, names, due=None, result="lost")
                return True
            case Fault.DELAY | Fault.SLOW_LIQUIDITY:
                due += timedelta(seconds=rule.seconds)
            case Fault.DUPLICATE:
                copies += [rule.seconds] * rule.copies
            case Fault.REORDER if not _one_waits(step, overtaken_by):
                due, behind, behind_type = due + timedelta(seconds=rule.seconds), rule.behind, overtaken_by
            case Fault.RECALL_RACE:
                due, behind = due + timedelta(seconds=rule.seconds), rule.behind
                behind_type = "camt.056" if rule.winner == "recall" else "camt.007"
    for seconds in copies:
        for data in messages:
            _store(step, data, sender, names, due=due + timedelta(seconds=seconds))
    if due == step.now and not behind:
        return False
    for data in messages:
        _store(step, data, sender, names, due=due, behind=behind, behind_type=behind_type)
    return True


def _store(
    step: Step,
    data: bytes,
    sender: Bic,
    faults: str,
    *,
    due: datetime | None,
    behind: int = 0,
    behind_type: str | None = None,
    result: str | None = None,
) -> None:
    last = step.connection.scalar(select(func.max(arrivals.c.number))) or 0
    step.connection.execute(
        arrivals.insert().values(
            number=last + 1,
            sender=sender,
            data=data,
            arrived_at=step.now,
            due_at=due,
            behind=behind,
            behind_type=behind_type,
            uetr=Shape.of(data).uetr,
            faults=faults,
            done_at=None if result is None else step.now,
            result=result,
        )
    )


def _one_waits(step: Step, overtaken_by: str | None) -> bool:
    """Of two neighbours only one waits for the other."""
    waits = and_(arrivals.c.done_at.is_(None), arrivals.c.behind > 0, arrivals.c.behind_type == overtaken_by)
    return step.connection.execute(select(arrivals.c.number).where(waits).limit(1)).first() is not None


def _pass(database: Database, shape: Shape) -> None:
    """A message that reached the core passes those that wait for it."""
    its_own = and_(arrivals.c.behind_type == shape.message, arrivals.c.uetr == shape.uetr)
    _passed_by(database, or_(arrivals.c.behind_type.is_(None), its_own))


def _passed_by(database: Database, for_it: ColumnElement[bool]) -> None:
    """What waits for one that came has been passed once more; whom enough have passed, is due."""
    waits = and_(arrivals.c.done_at.is_(None), arrivals.c.behind > 0, for_it)
    with database.reading() as connection:
        if connection.execute(select(arrivals.c.number).where(waits).limit(1)).first() is None:
            return
    with database.step("arrival-passed", database.now()) as step:
        for row in step.connection.execute(select(arrivals).where(waits)).all():
            values = {"behind": row.behind - 1} | ({"due_at": min(row.due_at, step.now)} if row.behind == 1 else {})
            step.connection.execute(arrivals.update().where(arrivals.c.number == row.number).values(values))


def _waits(step: Step, number: int) -> bool:
    """Whether a message waits still: another process may have taken it meanwhile."""
    query = select(arrivals.c.number).where(arrivals.c.number == number, arrivals.c.done_at.is_(None))
    return step.connection.execute(query).first() is not None


def _done(step: Step, number: int, result: str) -> None:
    one = arrivals.c.number == number
    step.connection.execute(arrivals.update().where(one).values(done_at=step.now, result=result))
