"""Allocation at the least cost: a linear program (HiGHS), then whole lots.

The program asks for a share of the most that each position could usefully give to each requirement. Settlement is paid
in proportion to that share, which is never more than it costs; so the program's optimum is a lower bound of what any
allocation in lots that covers everything costs. Of the millions of pairs only those that can pay are in it: after each
solution every other pair is priced by its duals, and those that would lower the cost most join, until none would, or
for `rounds`. The bound reckons with every pair that was left out: it gets tighter with each round.

Whole lots come of it by rounding down, then covering what that left open, exactly and within the limits. If the greedy
rule does as well, its answer is taken: this one is never worse.
"""

from dataclasses import dataclass

import numpy as np

from lockstep.analytics.books import Books
from lockstep.analytics.greedy import cover, fill, in_order
from lockstep.analytics.pairing import Pairing
from lockstep.analytics.program import Program, Solution
from lockstep.domain.collateral.allocation import Allocation, Task

__all__ = ["CheapestAllocator"]

FIRST = 24
"""Pairs of each requirement that are in the first program for being the cheapest, beside those of the greedy rule."""


@dataclass(frozen=True, slots=True)
class CheapestAllocator:
    """Cheapest to deliver. `rounds` bounds how often the program is solved."""

    rounds: int = 3

    def allocate(self, task: Task) -> Allocation:
        pairing = Pairing(task)
        greedy = fill(pairing)
        wanted = any(one.amount for one in task.requirements)
        if not wanted or not any(len(one.places) for one in pairing.candidates):
            return greedy.answer("greedy", None if wanted else 0)
        solved = _solve(pairing, greedy, self.rounds)
        books = _whole_lots(pairing, solved.program, solved.solution)
        best = min((greedy, "greedy"), (books, "cheapest"), key=lambda one: _rank(*one))
        return best[0].answer(best[1], solved.bound)


def _rank(books: Books, method: str) -> tuple[int, int, int]:
    """Least missing first, then least cost; of equals, the greedy rule's."""
    answer = books.answer(method)
    return sum(answer.shortfalls.values()), answer.cost, method != "greedy"


@dataclass(frozen=True, slots=True)
class _Solved:
    program: Program
    solution: Solution
    bound: int | None


def _solve(pairing: Pairing, greedy: Books, rounds: int) -> _Solved:
    program = Program(pairing)
    for number in range(len(pairing.requirements)):
        program.join(number, program.cheapest(number, FIRST))
        program.join(number, np.array(list(greedy.given[number]), dtype=np.int64))
    program.join_all(program.priced(program.first_prices(list(greedy.lots))))
    bound = 0.0
    for turn in range(max(rounds, 1)):
        solution = program.solve()
        priced = program.priced(solution.prices)
        bound = max(bound, priced.bound)
        if turn == rounds - 1 or not program.join_all(priced):
            break
    return _Solved(program, solution, int(np.floor(bound * (1 - 1e-9))) if solution.is_covering else None)


def _whole_lots(pairing: Pairing, program: Program, solution: Solution) -> Books:
    """The solution in lots: rounded down, then what is nearest to a whole lot more, then by the greedy rule."""
    books = Books(pairing)
    order = in_order(pairing.task)
    shares: dict[int, list[tuple[float, int, int]]] = {number: [] for number in order}
    for number, place, lots in program.lots(solution):
        whole = int(lots + 1e-6)
        shares[number].append((lots - whole, place, whole))
    for number in order:
        for _, place, whole in sorted(shares[number], key=lambda one: -one[2]):
            lots = min(whole, books.room(number, place), max(books.needed(number, place), 0))
            if lots:
                books.change(number, place, lots)
    for number in order:
        for _, place, _ in sorted(shares[number], key=lambda one: -one[0]):
            if books.open(number) <= 0:
                break
            lots = min(books.needed(number, place), books.room(number, place))
            if lots:
                books.change(number, place, lots)
        cover(books, number)
        _trim(books, number)
    return books


def _trim(books: Books, number: int) -> None:
    """Takes back what is given for nothing, of the least picks first: a whole pick saves its settlement."""
    for place in sorted(books.given[number], key=lambda place: books.value(number, place, books.lots[number, place])):
        lots, spare = books.lots[number, place], -books.open(number)
        top, below = books.pairing.value_ratio(number, place)
        now = books.value(number, place, lots)
        # The fewest lots that are worth at least what must stay.
        kept = max(-(-(now - spare) * below // top), 0) if spare >= 0 else lots
        if kept < lots:
            books.change(number, place, kept - lots)
