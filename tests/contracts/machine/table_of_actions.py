"""The one table of actions: every call that changes a contract, and what happens around the contracts."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from .market import Call
from .world import Stage

__all__ = ["ACTIONS", "Action", "Build", "action", "draw"]

Build = Callable[[Stage], Call | None]


@dataclass(frozen=True)
class Action:
    """`build` makes the call, or none if there is nothing to do; drawn in proportion to `weight`."""

    name: str
    weight: int
    build: Build


ACTIONS: dict[str, Action] = {}


def action(weight: int, subject: str = "") -> Callable[[Build], Build]:
    """Enter a function into the table, under the name of its module's subject and its own."""

    def enter(build: Build) -> Build:
        name = f"{subject or build.__module__.rpartition('_')[2]}.{build.__name__}"
        ACTIONS[name] = Action(name, weight, build)
        return build

    return enter


def draw(stage: Stage) -> Action:
    actions = list(ACTIONS.values())
    return stage.dice.choices(actions, cum_weights=list(accumulate(one.weight for one in actions)))[0]
