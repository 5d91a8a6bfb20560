"""Who acts next, and what befalls the world between two acts: one step after the other, drawn from the seed."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from lockstep.app.founding import AGENTS
from lockstep.simulation.actors import KINDS as ACTORS
from lockstep.simulation.boundaries import due_instants, may_be_stopped, stop_for_long
from lockstep.simulation.collateral_mending import count_what_is_booked, say_again
from lockstep.simulation.ground import DEPTH
from lockstep.simulation.market import CLOSES, OPENS, PAY_BY
from lockstep.simulation.mending import decide_on_halts, end_what_is_left
from lockstep.simulation.world import World

__all__ = ["go_on", "settle", "unfold"]

WEIGHTS = {"worker": 7, "agent": 11, "rtgs": 1, "miner": 5, "participant": 8}
"""A participant is drawn only while one has something to hand in."""
PAUSES = (0, 1, 2, 5, 10, 20, 40, 120)
"""Seconds from one step to the next."""
AT_THE_BOUNDARY = 16
"""Steps at most, for which time stands still at an instant that decides: much happens in one second there."""
QUIET_ROUNDS = 2
"""So many rounds without a movement, each longer than finality takes, and nothing moves by itself at this hour."""
ROUNDS_AT_MOST = 400
ROUND = 20
"""Seconds; an agent that is silent looks again after as many."""
PATIENCE = timedelta(minutes=21)
"""Longer than any question to the RTGS waits (see `flow.asking`)."""
QUESTIONS = 2
"""So often it is waited for the answers, before the day goes on."""
HOURS_AT_MOST = 40

After = Callable[[], None]
"""Called when a step is over."""


def unfold(world: World, after: After) -> None:
    """The run's steps, with whatever goes wrong."""
    for step in range(1, world.steps + 1):
        world.faults.step = world.timeline.step = step
        rng = world.streams.stream("schedule", step)
        world.clock.advance(rng.choice(PAUSES) if step > world.holds_until else 0)
        _befall(world)
        _act(world, rng)
        after()


def _act(world: World, rng: random.Random) -> None:
    weights = {who: weight for who, weight in WEIGHTS.items() if who != "participant" or world.has_mail()}
    match rng.choices(list(weights), list(weights.values()))[0]:
        case "worker":
            workers = [name for name in world.cast if name.startswith("worker")]
            world.run(rng.choice(workers))
        case "agent":
            world.run(f"agent-{rng.randint(1, AGENTS)}")
        case "rtgs":
            world.run("rtgs")
        case "miner":
            world.mine()
        case _:
            world.hand_in()


def _befall(world: World) -> None:
    """What strikes no process in particular."""
    faults = world.faults
    decide_on_halts(world, at_once=False)
    say_again(world)
    for kind, backup in (("lost-writes", False), ("restore-service", True)):
        if faults.strikes(kind) is not None:
            world.lose_writes(backup=backup)
    if faults.has("restore-agent"):
        number = 1 + world.streams.stream("restored").randrange(AGENTS)
        if faults.step % 40 == 1:
            world.disks.back_up_agent(number)
        if faults.strikes("restore-agent") is not None:
            world.disks.restore_agent(number)
    for kind, sign in (("clock-forward", 1), ("clock-back", -1)):
        how = faults.strikes(kind)
        if how is not None:
            name, seconds = (
                how.choice([one for one in world.cast if one != "rtgs"]),
                sign * how.choice((5, 60, 600, 3600)),
            )
            world.cast[name].clock.step(seconds)
            world.timeline.tell(name, f"its clock is {seconds:+} seconds off")
    for kind in ACTORS:
        how = faults.strikes(kind)
        if how is not None:
            world.play(kind, how)
    for kind, instant in due_instants(world).items():
        how = faults.strikes(kind)
        if how is not None:
            second = how.choice((-1, 0, 0, 1)) if how.random() < 0.8 else how.randint(-90, 30)
            world.clock.move_to(instant + timedelta(seconds=second))
            if how.random() < 0.5:
                world.mine()
            world.timeline.tell("clock", f"{kind} {second:+}")
            world.holds_until = faults.step + how.randrange(AT_THE_BOUNDARY)
    how = faults.strikes("long-stop") if may_be_stopped(world) else None
    if how is not None:
        stop_for_long(world, how)


def _wait_until(world: World, instant: datetime, why: str) -> None:
    world.clock.move_to(instant)
    world.mine()
    world.timeline.tell("clock", why)


def settle(world: World, after: After) -> None:
    """With nothing going wrong any more, on through the business days until all has ended."""
    world.heal()
    go_on(world, after)


def go_on(world: World, after: After) -> None:
    """On through the business days until all has ended."""
    _until_quiet(world, after)
    was_left_to_people = False
    for hour in range(HOURS_AT_MOST):
        # What halted a trade may have ended since it was looked at, as a thief's payment does: it gets one look more.
        is_left_to_people = world.is_over(but_for_people=True)
        is_over = world.is_over() or (is_left_to_people and was_left_to_people)
        if is_over and not end_what_is_left(world) | count_what_is_booked(world):
            return
        was_left_to_people = is_left_to_people
        _wait_until(world, _next_hour(world, patient=hour < QUESTIONS), "the day goes on")
        _until_quiet(world, after)


def _next_hour(world: World, *, patient: bool) -> datetime:
    """When something may happen that nothing else leads to: a question to the RTGS, cut-off, closing, a new day."""
    now, today = world.clock.now(), world.clock.now().date()
    dates = [one.terms.settlement_date for one in world.trades() if not one.state.is_end]
    if dates and min(dates) > today:
        return datetime.combine(min(dates), OPENS, tzinfo=UTC)
    if now.time() < PAY_BY:
        cut_off = datetime.combine(today, PAY_BY, tzinfo=UTC) + timedelta(seconds=1)
        return min(now + PATIENCE, cut_off) if patient else cut_off
    return world.clock.next_at(CLOSES if now.time() < CLOSES else OPENS) + timedelta(seconds=1)


def _until_quiet(world: World, after: After) -> None:
    quiet = 0
    for _ in range(ROUNDS_AT_MOST):
        world.faults.step += 1
        world.timeline.step += 1
        moved = _round(world)
        after()
        quiet = 0 if moved else quiet + 1
        if quiet >= QUIET_ROUNDS or (quiet and world.is_over()):
            return
    world.problem(f"the world does not come to rest in {ROUNDS_AT_MOST} rounds")


def _round(world: World) -> bool:
    """Everybody once, then blocks until all is final."""
    moved = False
    say_again(world)
    while world.posts:
        moved |= world.hand_in()
    for name in world.cast:
        moved |= world.run(name)
    moved |= decide_on_halts(world, at_once=True)
    for _ in range(DEPTH + 1):
        world.mine()
    world.clock.advance(ROUND)
    return moved
