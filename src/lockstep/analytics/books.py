"""What is taken so far, in whole lots and exact amounts: room, need, and the answer at the end."""

from lockstep.analytics.pairing import Pairing
from lockstep.domain.collateral.allocation import Allocation, Pick

__all__ = ["Books"]


class Books:
    """Lots given to requirements. It never lets a limit be broken, or more be given than is free."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self.free = [one.units // one.lot for one in pairing.positions]
        self.lots: dict[tuple[int, int], int] = {}
        """By requirement and position, above zero."""
        self.given: list[dict[int, None]] = [{} for _ in pairing.requirements]
        """By requirement: the positions of which it has lots, in the order in which they came."""
        self.covered = [0] * len(pairing.requirements)
        self._bounds = [pairing.bounds(number) for number in range(len(pairing.requirements))]
        self._groups = [pairing.held(number) for number in range(len(pairing.requirements))]

    def open(self, number: int) -> int:
        """The collateral value that a requirement still lacks; zero or less: covered."""
        return self.pairing.requirements[number].amount - self.covered[number]

    def value(self, number: int, place: int, lots: int) -> int:
        """What so many lots count for, rounded down."""
        top, below = self.pairing.value_ratio(number, place)
        return lots * top // below

    def needed(self, number: int, place: int) -> int:
        """How many more lots of a position would cover what is open. `place` is one of the candidates."""
        top, below = self.pairing.value_ratio(number, place)
        have = self.lots.get((number, place), 0)
        return -(-(have * top // below + self.open(number)) * below // top) - have

    def room(self, number: int, place: int) -> int:
        """How many more lots are free and within every limit."""
        free = self.free[place]
        limits = self.pairing.candidates[number].limits
        if not free or not limits:
            return free
        top, below = self.pairing.value_ratio(number, place)
        have = self.lots.get((number, place), 0)
        now = have * top // below
        for kind, limit in enumerate(limits):
            if limit.counts[place]:
                rest = self._bounds[number][kind] - self._groups[number][kind].get(int(limit.codes[place]), 0) + now
                free = min(free, ((rest + 1) * below - 1) // top - have)
        return max(free, 0)

    def full(self, number: int, place: int) -> list[tuple[int, int]]:
        """The limit and group of a position that have no room for a minor unit more."""
        found = []
        for kind, limit in enumerate(self.pairing.candidates[number].limits):
            code = int(limit.codes[place])
            if limit.counts[place] and self._groups[number][kind].get(code, 0) >= self._bounds[number][kind]:
                found.append((kind, code))
        return found

    def change(self, number: int, place: int, lots: int) -> None:
        """Gives so many lots more, or takes back if below zero. The caller has asked for room."""
        key = (number, place)
        have = self.lots.get(key, 0)
        gained = self.value(number, place, have + lots) - self.value(number, place, have)
        self.free[place] -= lots
        self.covered[number] += gained
        for kind, limit in enumerate(self.pairing.candidates[number].limits):
            if limit.counts[place]:
                code = int(limit.codes[place])
                self._groups[number][kind][code] = self._groups[number][kind].get(code, 0) + gained
        if have + lots:
            self.lots[key] = have + lots
            self.given[number].setdefault(place)
        else:
            del self.lots[key]
            del self.given[number][place]

    def answer(self, method: str, bound: int | None = None) -> Allocation:
        """All picks, valued and costed exactly, and what is short."""
        pairing, fee = self.pairing, self.pairing.task.settlement_cost
        picks = []
        for (number, place), lots in sorted(self.lots.items()):
            top, below = pairing.cost_ratio(place)
            position, requirement = pairing.positions[place], pairing.requirements[number]
            picks.append(
                Pick(
                    requirement_id=requirement.requirement_id,
                    position_id=position.position_id,
                    units=lots * position.lot,
                    value=self.value(number, place, lots),
                    cost=-(-lots * top // below) + fee,
                )
            )
        short = {
            one.requirement_id: self.open(number)
            for number, one in enumerate(pairing.requirements)
            if self.open(number) > 0
        }
        return Allocation(method=method, picks=tuple(picks), shortfalls=short, bound=bound)
