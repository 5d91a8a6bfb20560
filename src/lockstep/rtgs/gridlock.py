"""Which queued payments can settle at one moment although none can alone. Pure; no database.

The algorithm of M. L. Bech and K. Soramäki, "Gridlock resolution in interbank payment systems" (Bank of
Finland Discussion Paper 9/2001): assume that everything queued settles; as long as some bank would lack
liquidity, take its last payment out again. What is left is the largest set that settles on net positions
and passes over no bank's order; there is only one, whichever short bank is looked at first, because a
payment taken out can only make other banks shorter.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Queued(NamedTuple):
    """A payment in its debtor's queue.

    `needs` is what the debtor must have, in minor units, to settle its queue up to and with this
    payment: as a rule the sum of the amounts, more where money is kept for others. `to` is the
    creditor's place among the banks, or None where the money does not arrive yet.
    """

    needs: int
    amount: int
    to: int | None


def settle_together(liquidity: Sequence[int], queues: Sequence[Sequence[Queued]]) -> list[int]:
    """How many payments of each bank's queue settle, counted from its front.

    `liquidity` is what each bank has before, in minor units. The work grows with the number of payments.
    """
    nowhere = len(queues)
    queued = [*queues, ()]
    having = [*liquidity, 0]
    left = [len(queue) for queue in queued]
    for queue in queues:
        for _, amount, to in queue:
            having[nowhere if to is None else to] += amount
    short = [bank for bank, queue in enumerate(queues) if queue and queue[-1][0] > having[bank]]
    while short:
        bank = short.pop()
        queue, last, has = queued[bank], left[bank], having[bank]
        while last and queue[last - 1][0] > has:
            last -= 1
            _, amount, to = queue[last]
            if to is not None:
                having[to] -= amount
                remaining = left[to]
                if remaining and queued[to][remaining - 1][0] > having[to]:
                    short.append(to)
        left[bank] = last
    return left[:nowhere]
