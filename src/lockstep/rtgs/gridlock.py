"""Which queued payments can settle at one moment although none can alone. Pure; no database.

The algorithm of M. L. Bech and K. Soramäki, "Gridlock resolution in interbank payment systems" (Bank of
Finland Discussion Paper 9/2001): assume that everything queued settles; as long as some bank would lack
liquidity, take its last payment out again. What is left is the largest set that settles on net positions
and passes over no bank's order; there is only one, whichever short bank is looked at first, because a
payment taken out can only make other banks shorter.
"""

from collections.abc import Sequence
from typing import NamedTuple

NOWHERE = -1
"""In place of a creditor: the money does not arrive yet."""

_NOTHING_LEFT = -(10**40)
"""Below any balance."""


class Queued(NamedTuple):
    """A payment in its debtor's queue.

    `needs` is what the debtor must have, in minor units, to settle its queue up to and with this
    payment: as a rule the sum of the amounts, more where money is kept for others. `to` is the
    creditor's place among the banks, or NOWHERE.
    """

    needs: int
    amount: int
    to: int


def settle_together(liquidity: Sequence[int], queues: Sequence[Sequence[Queued]]) -> list[int]:
    """How many payments of each bank's queue settle, counted from its front.

    `liquidity` is what each bank has before, in minor units. The work grows with the number of payments.
    """
    having = [*liquidity, 0]  # the last one, at NOWHERE, is nobody's
    for queue in queues:
        for _, amount, to in queue:
            having[to] += amount
    left = [len(queue) for queue in queues]
    needed = [queue[-1][0] if queue else _NOTHING_LEFT for queue in queues]
    needed.append(_NOTHING_LEFT)
    short = [bank for bank in range(len(queues)) if needed[bank] > having[bank]]
    while short:
        bank = short.pop()
        queue, last, has, needs = queues[bank], left[bank], having[bank], needed[bank]
        while needs > has:
            last -= 1
            _, amount, to = queue[last]
            having[to] -= amount
            if needed[to] > having[to]:
                short.append(to)
            needs = queue[last - 1][0] if last else _NOTHING_LEFT
        left[bank], needed[bank] = last, needs
    return left
