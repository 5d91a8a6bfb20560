"""Calls that one proposes and another makes."""

from collections.abc import Callable
from dataclasses import replace

from .market import Call
from .world import Stage

__all__ = ["Drafted", "two_hands"]

KEPT = 30
# The call as it is to be made, and who should propose it; nobody where one hand is enough.
Drafted = tuple[Call, str | None]


def two_hands(draft: Callable[[Stage], Drafted]) -> Callable[[Stage], Call]:
    """Now propose a fresh call, now make one that was proposed; seldom one that nobody proposed."""

    def build(stage: Stage) -> Call:
        call, proposer = draft(stage)
        if proposer is None:
            return replace(call, sender=stage.rightly(call.sender))
        waiting = [one for one in stage.proposed[-KEPT:] if one.function == call.function]
        if waiting and stage.odds(0.6):
            chosen = stage.dice.choice(waiting)
            return replace(chosen, sender=stage.rightly(call.sender))
        if stage.odds(0.08):
            return call
        stage.proposed.append(call)
        return replace(call, sender=stage.rightly(proposer), function="propose", arguments=(stage.data(call),))

    build.__name__, build.__doc__, build.__module__ = draft.__name__, draft.__doc__, draft.__module__
    return build
