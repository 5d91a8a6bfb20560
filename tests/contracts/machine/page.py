"""The state tables as a page of documentation."""

from .table import ENDS, TIMES, Row, StateTable
from .table_net import NetTable
from .world import World

__all__ = ["page"]

HEAD = """\
# Every state and every call

*Written by `scripts/state_table.py`, which makes each call on the contracts; a test compares it with another run.*

One order of 100 units with a minimum lot of 10 is brought to each state of DvP, and each call is made at each of six
times, by who may and by who may not. A cell says what happened: the state that follows; *accepted* where the state
stays (a long stop is proposed, a part is locked); else the [error](errors.md). `lockGroup` is made with an order that
names itself as its group. Each column is the last second of its span; *after* is the first one. In the last two columns
the officer has proposed a long stop one second after the grace, where the settlement was locked by then.

What each error means: [errors](errors.md). What always holds: [the state machine as
assertions](../explanation/state-machine.md).
"""

WAYS = """\
Cycles have a section of their own, [below](#cycles): one with three trades among three parties in two securities.

## The way out of each state

Every way found in the tables below, and whose will it needs. No lock needs its seller's, buyer's, operator's or
issuer's consent to end (I12): a quorum of agents ends it, or officer and confirmer do when the agents are silent. From
Paid anyone can deliver. None and InParts hold no units: each part is a settlement of its own. The same cells, but for
new locks, come out with the security paused, both wallets closed in the registry and frozen, rules that allow nobody,
and other agents serving; a test makes all of them again so. Only a long stop that was proposed under the earlier epoch
must be proposed again: the proposal dies with its epoch.
"""

CYCLES = """\
## Cycles

The same for a cycle: two trades of 100 units in one security, which leave its middle party with nothing to give or
get, and one of 40 in another. *Of other positions*: the cycle's id is presented with positions twice as large as those
that were locked. A cycle has no nonce to cancel: what was not locked by `lockBy` never will be.

A cycle whose securities do not all end at once ends security by security: the first one's end is the cycle's, for good,
and *one left* is the cycle with its second security not yet ended. A dash: the state cannot have been reached by then.

### The way out of each state of a cycle

As above: no cycle needs a party's, the operator's or an issuer's consent to end, and what others decide changes no cell
but those of `lockNet`.
"""

WHO = {
    "anyone": "anyone",
    "seller": "the seller",
    "buyer": "the buyer",
    "officer": "the officer",
    "confirmer": "the confirmer",
}


Cells = dict[str, dict[Row, list[str]]]


def page(world: World) -> str:
    """The whole page as text."""
    table, net_table = StateTable(world), NetTable(world)
    cells, net_cells = (one.all_cells() for one in (table, net_table))
    sections = [HEAD, WAYS, _ways(table, cells), *_grids(cells, "## From {}")]
    sections += [CYCLES, _ways(net_table, net_cells), *_grids(net_cells, "### A cycle from {}")]
    return "\n".join(sections)


def _grids(cells: Cells, title: str) -> list[str]:
    return [f"{title.format(state)}\n\n{_grid(found)}" for state, found in cells.items()]


def _ways(table: StateTable, cells: Cells) -> str:
    lines = ["| from | to | by | sent by | needs | when |", "|---|---|---|---|---|---|"]
    for state in table.states:
        ways = list(table.exits(state, cells[state]))
        if not ways:
            reason = "final" if state in ENDS else "none"
            lines.append(f"| {state} | {reason} | | | | |")
        for to, row, when in ways:
            # Where anyone can take a way without a proof, the same with one is no other.
            if row.by != "anyone" and any(other[1].by == "anyone" and other[::2] == (to, when) for other in ways):
                continue
            lines.append(f"| {state} | {to} | {row.title} | {WHO[row.sender]} | {row.by} | {when} |")
    return "\n".join(lines) + "\n"


def _grid(cells: dict[Row, list[str]]) -> str:
    lines = ["| call | sent by | " + " | ".join(TIMES) + " |", "|---|---|" + "---|" * len(TIMES)]
    for row in cells:
        lines.append(f"| {row.title} | {WHO[row.sender]} | " + " | ".join(cells[row]) + " |")
    return "\n".join(lines) + "\n"
