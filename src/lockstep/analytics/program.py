"""The linear program of an allocation, for HiGHS: columns that join, rows that bind, reduced costs of all pairs.

For requirement j and position i, z is how much of the most that i could usefully give to j is given: from 0 to 1.

    least    Σ cost(i, j) z  +  Σ penalty(j) s(j)
    cover    Σ value(i, j) / required(j) z  +  s(j)  >= 1                       each j
    supply   Σ lots(i, j) / free(i) z  <= 1                                     each i that could be short
    limit    Σ value(i, j) / room(j, k, g) z  <= 1                              each limit k and group g that could bind

`s` is what stays open; the penalty is above whatever covering could cost.
"""

from dataclasses import dataclass

import numpy as np

from lockstep.analytics.basis import Basis, Standing
from lockstep.analytics.pairing import Floats, Pairing, Places
from lockstep.domain.errors import LockstepError, Misconfigured

__all__ = ["Priced", "Prices", "Program", "Solution"]

CHOICES = 2
"""Requirements that are looked at for a position that would lower the cost."""
CLOSED = 1e-6
"""A share of a requirement that counts as covered."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Duals by row: what a requirement pays for being covered, and what supply and limits cost (below zero)."""

    cover: Floats
    supply: Floats
    """By position; 0 where there is no row."""
    limits: dict[tuple[int, int], Floats]
    """By requirement and limit, over groups; only those with a row."""
    limit_total: float


@dataclass(frozen=True, slots=True)
class Priced:
    """A lower bound of every allocation's cost, and the pairs that could lower the program's."""

    bound: float
    numbers: Places
    places: Places


@dataclass(frozen=True, slots=True)
class Solution:
    """Shares by column, and the duals."""

    is_covering: bool
    """Nothing stays open."""
    shares: Floats
    prices: Prices


@dataclass(frozen=True, slots=True)
class _Pairs:
    """All pairs of one requirement, by candidate."""

    lots: Floats
    """The most lots that are of use: free, enough to cover, within the limits."""
    value: Floats
    """Of so many lots, as a share of the requirement."""
    cost: Floats
    """Of so many lots and a settlement."""


class Program:
    """The program over the pairs that have joined."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        count = len(pairing.requirements)
        self._joined: list[Places] = [np.empty(0, dtype=np.int64) for _ in range(count)]
        self._rooms = [self._room(number) for number in range(count)]
        self._pairs = [self._all(number) for number in range(count)]
        """By requirement, in the order of its candidates."""
        self.basis = Basis([len(pairs.cost) for pairs in self._pairs], len(pairing.positions))
        self._wanted = np.flatnonzero([one.amount for one in pairing.requirements])
        self.penalty = 10.0 * max((_worst(pairs) for pairs in self._pairs), default=0.0) + 1.0
        """For a requirement that stays open, whole."""

    def cheapest(self, number: int, count: int) -> Places:
        """Candidates of the least cost for their value, settlement included."""
        pairs = self._pairs[number]
        if not len(pairs.cost):
            return np.empty(0, dtype=np.int64)
        order = np.argsort(pairs.cost / pairs.value, kind="stable")[:count]
        found: Places = self.pairing.candidates[number].places[order]
        return found

    def join(self, number: int, places: Places) -> None:
        """These positions may be given to a requirement from now on."""
        self._joined[number] = np.union1d(self._joined[number], places)

    def lots(self, solution: Solution) -> list[tuple[int, int, float]]:
        """Requirement, position and lots of every share above zero."""
        found, at = [], 0
        for number, joined in enumerate(self._joined):
            inside = self._inside(number, joined)
            shares = solution.shares[at : at + len(joined)]
            at += len(joined)
            lots = shares * self._pairs[number].lots[inside]
            found += [(number, int(joined[one]), float(lots[one])) for one in np.flatnonzero(lots > 1e-9)]
        return found

    def priced(self, prices: Prices) -> "Priced":
        """All pairs at these prices, those outside the program too.

        A position gains at most what all its pairs would, and at most what it would with its best pair as far as that
        goes and all the rest with its second.
        """
        size = len(self.pairing.positions)
        best, second, most, gains = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size)
        outside = np.zeros((CHOICES, size))
        whose = np.full((CHOICES, size), -1, dtype=np.int64)
        for number, candidates in enumerate(self.pairing.candidates):
            at, pairs = candidates.places, self._pairs[number]
            costs = self._reduced(number, prices)
            gains[at] += np.minimum(costs, 0.0)
            each, lots = np.zeros(size), np.zeros(size)
            each[at], lots[at] = costs / pairs.lots, pairs.lots
            better = each < best
            second = np.where(better, best, np.minimum(second, each))
            best, most = np.where(better, each, best), np.where(better, lots, most)
            each[self._joined[number]] = 0.0
            owner = np.full(size, number)
            for rank in range(CHOICES):
                better = each < outside[rank]
                each[better], outside[rank][better] = outside[rank][better], each[better]
                owner[better], whose[rank][better] = whose[rank][better], owner[better]
        free = self.pairing.lots
        first = np.minimum(most, free)
        gains = np.maximum(gains, first * best + (free - first) * second)
        bound = float(prices.cover[self._wanted].sum() + prices.limit_total + gains.sum())
        held = prices.supply / free.clip(min=1e-9)
        paying = outside < held - 1e-7 * (1.0 + np.abs(held))
        return Priced(bound, whose[paying], np.nonzero(paying)[1])

    def _reduced(self, number: int, prices: Prices) -> Floats:
        """What each of a requirement's pairs costs beyond what it earns at these prices; supply is not charged."""
        pairs, candidates = self._pairs[number], self.pairing.candidates[number]
        costs: Floats = pairs.cost - prices.cover[number] * pairs.value
        required = self.pairing.requirements[number].amount
        for kind, limit in enumerate(candidates.limits):
            duals = prices.limits.get((number, kind))
            if duals is not None:
                codes, rooms = limit.codes[candidates.places], self._rooms[number][kind]
                counts = limit.counts[candidates.places]
                costs -= np.where(counts, duals[codes] * pairs.value * required / rooms[codes], 0.0)
        return costs

    def join_all(self, priced: "Priced") -> int:
        """What is worth it joins; how many pairs are new."""
        before = sum(map(len, self._joined))
        order = np.argsort(priced.numbers, kind="stable")
        numbers, places = priced.numbers[order], priced.places[order]
        starts = np.searchsorted(numbers, np.arange(len(self._joined) + 1))
        for number in range(len(self._joined)):
            self.join(number, places[starts[number] : starts[number + 1]])
        return sum(map(len, self._joined)) - before

    def first_prices(self, taken: list[tuple[int, int]]) -> Prices:
        """What each requirement pays at the margin in an allocation, as a first guess."""
        cover = np.zeros(len(self._joined))
        for number, place in taken:
            pairs, at = self._pairs[number], self.pairing.candidates[number].ranks[place]
            cover[number] = max(cover[number], float(pairs.cost[at] / pairs.value[at]))
        return Prices(cover, np.zeros(len(self.pairing.positions)), {}, 0.0)

    def solve(self) -> Solution:
        """Raises Misconfigured without HiGHS, LockstepError where it finds no optimum."""
        return _Rows(self).solve()

    def _inside(self, number: int, joined: Places) -> Places:
        """Where joined positions stand among the candidates."""
        found: Places = self.pairing.candidates[number].ranks[joined]
        return found

    def _room(self, number: int) -> list[Floats]:
        """By limit and group: the value that may still come, a minor unit more for each candidate, which rounds."""
        candidates = self.pairing.candidates[number]
        rooms = []
        for limit, bound, held in zip(
            candidates.limits, self.pairing.bounds(number), self.pairing.held(number), strict=True
        ):
            room = np.full(len(limit.names), float(bound))
            for code, value in held.items():
                room[code] -= value
            eligible = np.bincount(limit.codes[candidates.places], minlength=len(limit.names))
            rooms.append(np.maximum(room, 0.0) + eligible + 1e-3)
        return rooms

    def _all(self, number: int) -> _Pairs:
        pairing, candidates = self.pairing, self.pairing.candidates[number]
        required = max(pairing.requirements[number].amount, 1)
        places = candidates.places
        values = candidates.values[places]
        # A little more than enough, so that a quotient that floating point cuts never cuts off the last lot.
        lots = np.minimum(pairing.lots[places], np.ceil(required / values * (1 + 1e-9)))
        for limit, room in zip(candidates.limits, self._rooms[number], strict=True):
            inside = limit.counts[places]
            most = room[limit.codes[places]] / values
            lots = np.where(inside, np.minimum(lots, most), lots)
        lots = np.maximum(lots, 1e-9)
        return _Pairs(lots, values * lots / required, pairing.costs[places] * lots + pairing.task.settlement_cost)


def _worst(pairs: _Pairs) -> float:
    """The dearest way to cover a requirement whole, by pairs that cover something of it."""
    of_use = pairs.value > 1e-3
    return float((pairs.cost[of_use] / pairs.value[of_use]).max()) if of_use.any() else 0.0


class _Rows:
    """The program in the form that HiGHS takes: by columns, compressed."""

    def __init__(self, program: Program) -> None:
        self.program, self.pairing = program, program.pairing
        self.rows: list[Places] = []
        self.columns: list[Places] = []
        self.entries: list[Floats] = []
        self.count = 0

    def solve(self) -> Solution:
        program, pairing = self.program, self.pairing
        sizes = [len(joined) for joined in program._joined]
        starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        columns, requirements = int(starts[-1]), len(sizes)
        inside = [program._inside(number, joined) for number, joined in enumerate(program._joined)]
        cost = np.concatenate([program._pairs[n].cost[inside[n]] for n in range(requirements)] or [np.empty(0)])
        for number in range(requirements):
            own = np.arange(starts[number], starts[number + 1])
            self._add(np.full(len(own), number), own, program._pairs[number].value[inside[number]])
        slack = columns + np.arange(requirements)
        self._add(np.arange(requirements), slack, np.ones(requirements))
        self.count = requirements
        places = np.concatenate([*program._joined, np.empty(0, dtype=np.int64)])
        lots = np.concatenate([program._pairs[n].lots[inside[n]] for n in range(requirements)] or [np.empty(0)])
        wanted = np.bincount(places, weights=lots, minlength=len(pairing.positions))
        short = np.flatnonzero(wanted > pairing.lots)
        row_of = np.full(len(pairing.positions), -1, dtype=np.int64)
        row_of[short] = self.count + np.arange(len(short))
        binding = np.flatnonzero(row_of[places] >= 0) if len(places) else np.empty(0, dtype=np.int64)
        self._add(row_of[places[binding]], binding, lots[binding] / pairing.lots[places[binding]])
        self.count += len(short)
        groups = self._limits(starts, inside)
        least = np.array([1.0 if one.amount else 0.0 for one in pairing.requirements])
        at = (inside, short, [(key, codes) for key, (codes, _, _) in groups.items()])
        costs = np.concatenate((cost, np.full(requirements, program.penalty)))
        values, duals = self._run(costs, least, at)
        supply = np.zeros(len(pairing.positions))
        supply[short] = duals[row_of[short]]
        limits = {}
        for key, (codes, first, names) in groups.items():
            limits[key] = np.zeros(names)
            limits[key][codes] = np.minimum(duals[first : first + len(codes)], 0.0)
        open_ = values[columns:]
        # Signs that the solver misses by its tolerance would make the bound wrong by as little.
        cover = np.maximum(duals[:requirements], 0.0)
        prices = Prices(cover, supply, limits, float(sum(one.sum() for one in limits.values())))
        return Solution(bool((open_ < CLOSED).all()), values[:columns], prices)

    def _add(self, rows: Places, columns: Places, entries: Floats) -> None:
        self.rows.append(rows)
        self.columns.append(columns)
        self.entries.append(entries)

    def _limits(self, starts: Places, inside: list[Places]) -> dict[tuple[int, int], tuple[Places, int, int]]:
        """A row for each group whose joined pairs could break its limit: groups, first row, number of groups."""
        program, found = self.program, {}
        for number, joined in enumerate(program._joined):
            required = max(self.pairing.requirements[number].amount, 1)
            value = program._pairs[number].value[inside[number]] * required
            for kind, limit in enumerate(self.pairing.candidates[number].limits):
                counted = np.flatnonzero(limit.counts[joined])
                codes = limit.codes[joined[counted]]
                room = program._rooms[number][kind]
                binding = np.flatnonzero(np.bincount(codes, value[counted], minlength=len(room)) > room)
                if not len(binding):
                    continue
                row_of = np.full(len(room), -1, dtype=np.int64)
                row_of[binding] = self.count + np.arange(len(binding))
                at = counted[row_of[codes] >= 0]
                codes = limit.codes[joined[at]]
                self._add(row_of[codes], starts[number] + at, value[at] / room[codes])
                found[number, kind] = (binding, self.count, len(room))
                self.count += len(binding)
        return found

    def _run(self, cost: Floats, least: Floats, at: Standing) -> tuple[Floats, Floats]:
        try:
            import highspy
        except ModuleNotFoundError as error:
            raise Misconfigured("the cheapest allocation needs HiGHS: pip install 'lockstep[collateral]'") from error
        rows, columns = np.concatenate(self.rows), np.concatenate(self.columns)
        entries = np.concatenate(self.entries)
        order = np.lexsort((rows, columns))
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(cost), self.count
        model.col_cost_ = cost
        model.col_lower_, model.col_upper_ = np.zeros(len(cost)), np.ones(len(cost))
        rest = self.count - len(least)
        model.row_lower_ = np.concatenate((least, np.full(rest, -highspy.kHighsInf)))
        model.row_upper_ = np.concatenate((np.full(len(least), highspy.kHighsInf), np.ones(rest)))
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.searchsorted(columns[order], np.arange(len(cost) + 1)).astype(np.int32)
        model.a_matrix_.index_ = rows[order].astype(np.int32)
        model.a_matrix_.value_ = entries[order]
        solver = highspy.Highs()  # type: ignore[no-untyped-call,unused-ignore]  # untyped, and not installed everywhere
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.passModel(model)
        if self.program.basis.known:
            begin = highspy.HighsBasis()
            begin.col_status, begin.row_status = (
                [highspy.HighsBasisStatus(one) for one in part.tolist()] for part in self.program.basis.of(at)
            )
            solver.setBasis(begin)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise LockstepError(f"HiGHS found no optimum: {solver.modelStatusToString(solver.getModelStatus())}")
        ended = solver.getBasis()
        self.program.basis.keep(at, *([int(one) for one in part] for part in (ended.col_status, ended.row_status)))
        solution = solver.getSolution()
        return np.array(solution.col_value), np.array(solution.row_dual)
