"""What a world has besides where its market has a collateral register: what was said of margin and repo at the door of
the service, what agents signed of it, and who sees that a payment does not count."""

from collections.abc import Callable
from typing import NoReturn

from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.margin_payment import CashAttestation
from lockstep.domain.repo.life import RepoState
from lockstep.flow.margining import Margining
from lockstep.flow.repoing import Repoing
from lockstep.ports import AssetLedger
from lockstep.simulation.cast import Door, RtgsProcess
from lockstep.simulation.cast_collateral import margining, repoing
from lockstep.simulation.faults import Injector
from lockstep.simulation.lines import cash_line
from lockstep.simulation.market import MARKET
from lockstep.simulation.stores import Boundary
from lockstep.store import SqlBook

__all__ = ["CollateralSide"]


class CollateralSide:
    """Of one world."""

    def __init__(self) -> None:
        self.cash_votes: list[CashAttestation] = []
        """Every signature of an agent over a margin payment, restored registers or not."""
        self.said: list[Callable[[], object]] = []
        """What was said of margin and repo, oldest first; to be said again once the service's records are lost."""
        self.to_say: list[Callable[[], object]] = []
        self.uncounted: Callable[[], list[tuple[AgreementId, str]]] = list
        """Agreement and call of each margin payment that is booked and does not count on the register: both show it."""
        self.margin: Callable[[], Margining] = _none
        """The service's margin calls, as whoever speaks at its door meets them; `repo` its repos."""
        self.repo: Callable[[], Repoing] = _none

    def open(self, door: Door, boundary: Boundary, rtgs: RtgsProcess, faults: Injector, assets: AssetLedger) -> None:
        """Somebody can speak at the door."""
        ground = door.ground
        node = ground.chain.node

        def margin() -> Margining:
            cash = cash_line(MARKET.service, rtgs, boundary, faults)
            desk = margining(ground, boundary, node, None, door.book(), assets, cash, door.clock)
            assert desk is not None
            return desk

        def repo() -> Repoing:
            desk = repoing(ground, boundary, node, None, door.book(), door.clock)
            assert desk is not None
            return desk

        self.margin, self.repo = margin, repo

    @staticmethod
    def goes_on(book: SqlBook) -> bool:
        """Whether a repo is to close by itself. One that failed to, or that people must look at, may stay."""
        return any(
            one.state is RepoState.CLOSING or (one.state is RepoState.OPEN and one.repurchase_date is not None)
            for one in book.repos()
            if not one.waits
        )

    def lost(self) -> None:
        """The service's records are."""
        self.to_say = list(self.said)


def _none() -> NoReturn:
    raise AssertionError("this market has no collateral register")
