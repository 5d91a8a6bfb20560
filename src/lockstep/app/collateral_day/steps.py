"""What a collateral day's steps do, by the word in `do`; docs/how-to/run-the-collateral-day.md lists what each needs.

Each takes the desk and its step, lets the parties act until nothing moves any more, and says what came of it: figures
by name, read off the register and the RTGS after the act.
"""

from collections.abc import Callable, Mapping

from lockstep.app.collateral_day.calls import (
    call,
    declare_default,
    deliver_bonds,
    enforce,
    pay,
    return_cash,
    value,
)
from lockstep.app.collateral_day.desk import Desk, Figures
from lockstep.app.collateral_day.files import Node
from lockstep.app.collateral_day.pledges import judge_all, look_back, pledge, pledge_twice, re_pledge, recall
from lockstep.app.collateral_day.repos import close_repo, open_repo, substitute

__all__ = ["ACTS"]


def close_day(desk: Desk, node: Node) -> Figures:
    """The RTGS's day ends."""
    desk.settle()
    day = desk.world.rtgs.operator.close_day()
    desk.settle()
    return {"closed": day.isoformat() if day else "no day was open"}


ACTS: Mapping[str, Callable[[Desk, Node], Figures]] = {
    "judge": judge_all,
    "value": value,
    "pledge": pledge,
    "re-pledge": re_pledge,
    "pledge twice": pledge_twice,
    "recall": recall,
    "look back": look_back,
    "call": call,
    "deliver bonds": deliver_bonds,
    "pay": pay,
    "return cash": return_cash,
    "declare default": declare_default,
    "enforce": enforce,
    "open repo": open_repo,
    "substitute": substitute,
    "close repo": close_repo,
    "close day": close_day,
}
"""By the word in `do`."""
