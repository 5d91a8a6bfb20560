"""What of a run could have kept a trade from settling: a kind is harmless if all it can do is delay."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from lockstep.simulation.actors import KINDS as ACTORS
from lockstep.simulation.market import BUSINESS_DAY, PAY_BY
from lockstep.simulation.world import World

__all__ = ["HARMLESS", "HARMLESS_ACTS", "hindered", "pay_by"]

DAYS = 8
HARMLESS = frozenset(
    {
        "crash-before-commit", "crash-after-commit", "crash-before-send", "crash-after-send", "crash-on-receive",
        "failed-commit", "second-worker", "third-worker", "worker-pause", "line-loss", "line-duplicate", "line-delay",
        "line-reorder", "line-notice-first", "line-recall-race", "line-answer-lost", "line-outage", "line-corrupt",
        "rpc-timeout-before", "rpc-timeout-after", "rpc-stale", "rpc-forgotten", "rpc-twice", "rpc-wrong-nonce",
        "rpc-error", "reorg", "holiday", "message-doubled", "clock-forward", "clock-back", "cut-off", "end-of-day",
        "line-statement", "lost-writes", "restore-service", "restore-agent", "cancellation",
    }
)  # fmt: skip
"""Kinds that are over when they are over. Cancellations are looked at one by one, holidays are no days to pay."""
HARMLESS_ACTS = (
    "resubmits", "rotates", "burns an order", "repeats a transaction", "repeats a call", "repeats to the rtgs",
    "sends dust", "floods the door", "floods the board",
)  # fmt: skip
"""Of what people and enemies do, what must change nobody's trade."""


def hindered(world: World) -> list[str]:
    """What struck, or was done, and is not harmless. An act that found nothing to do is none."""
    struck = {kind for kind in world.faults.counts if kind not in HARMLESS and kind not in ACTORS}
    done = {f"{kind}: {said}" for kind, said in world.witness.acts if not said.startswith(HARMLESS_ACTS)}
    return sorted(struck | done)


def pay_by(world: World) -> Mapping[date, datetime]:
    """The last second to pay of each business day."""
    closed = {BUSINESS_DAY + timedelta(days=1)} if world.faults.counts.get("holiday") else set()
    days = [BUSINESS_DAY + timedelta(days=number) for number in range(DAYS)]
    return {day: datetime.combine(day, PAY_BY, tzinfo=UTC) for day in days if day.weekday() < 5 and day not in closed}
