"""Allocation by a rule that a person can follow.

1. Requirements by what they are worth in the task's currency, the greatest first; of equal ones, as they come.
2. For each, the eligible positions by cost over collateral value, the cheapest first; of equal ones, as they come.
   Settlement is not reckoned in the order.
3. Of each position the fewest lots that cover what is still open, or as many as are free and the limits leave.
"""

from lockstep.analytics.books import Books
from lockstep.analytics.pairing import Pairing
from lockstep.domain.collateral.allocation import Allocation, Requirement, Task
from lockstep.domain.money import Money

__all__ = ["GreedyAllocator", "cover", "fill", "in_order"]


class GreedyAllocator:
    """The rule above. It never gives back what it gave: what it cannot cover may be coverable."""

    def allocate(self, task: Task) -> Allocation:
        pairing = Pairing(task)
        return fill(pairing).answer("greedy")


def fill(pairing: Pairing) -> Books:
    """Every requirement covered in turn, as far as that goes."""
    books = Books(pairing)
    for number in in_order(pairing.task):
        cover(books, number)
    return books


def in_order(task: Task) -> list[int]:
    """The requirements' numbers, the greatest first."""
    return sorted(range(len(task.requirements)), key=lambda number: -_worth(task, task.requirements[number]))


def cover(books: Books, number: int) -> None:
    """Takes what covers one requirement, cheapest first, as far as there is room."""
    candidates = books.pairing.candidates[number]
    limits = [(kind, limit.counts, limit.codes) for kind, limit in enumerate(candidates.limits)]
    full: set[tuple[int, int]] = set()
    free = books.free
    if books.open(number) <= 0:
        return
    for place in candidates.order:
        if not free[place]:
            continue
        if full and any(counts[place] and (kind, int(codes[place])) in full for kind, counts, codes in limits):
            continue
        lots = min(books.needed(number, place), books.room(number, place))
        if lots:
            books.change(number, place, lots)
            if books.open(number) <= 0:
                return
        full.update(books.full(number, place))


def _worth(task: Task, requirement: Requirement) -> int:
    currency = requirement.schedule.currency
    rate = task.rate(currency, task.currency)
    money = Money(currency=currency, amount=requirement.amount)
    return money.amount if rate is None else rate.convert(money).amount
