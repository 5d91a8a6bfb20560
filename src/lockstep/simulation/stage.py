"""The world as people and enemies meet it: see `actors_hands.Stage`."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from eth_utils.address import to_checksum_address

from lockstep.agent import DirectoryBoard, MarginBoard, ValuationDirectory
from lockstep.app.founding import Roles
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.collateral.register import register_of
from lockstep.domain.collateral.register_events import RegisterEvent
from lockstep.domain.identifiers import Bic
from lockstep.domain.market import Market
from lockstep.domain.trade import Trade
from lockstep.flow.margining import Margining
from lockstep.flow.repoing import Repoing
from lockstep.ports import Clock
from lockstep.simulation.actors_hands import Call
from lockstep.simulation.chain_transactions import PoolTx
from lockstep.simulation.collateral_side import CollateralSide
from lockstep.simulation.ground import Ground

__all__ = ["WorldStage"]

Told = TypeVar("Told")


class WorldStage:
    """A run's world, with doors that tell who knocks, and everything that can be overheard."""

    def __init__(
        self,
        ground: Ground,
        clock: Clock,
        submit: Callable[[bytes], str],
        tell_rtgs: Callable[[bytes, Bic], object],
        submitted: Callable[[], Sequence[bytes]],
        records: Callable[[], Sequence[Trade]],
        side: CollateralSide,
    ) -> None:
        self._ground, self.clock = ground, clock
        self.submit, self._tell, self.submitted = submit, tell_rtgs, submitted
        self.records = records
        self._side = side
        self.board = DirectoryBoard(ground.root / "attestations")
        self.ledger = EvmAssetLedger(ground.chain.node, ground.market.network)
        self.valuations = ValuationDirectory(ground.root / "attestations")
        self.cash_board = MarginBoard(ground.root / "attestations")
        network = ground.market.network
        self.collateral = (
            None if network.collateral is None else EvmCollateralLedger(ground.chain.node, register_of(network))
        )
        self._said: Sequence[RegisterEvent] = ()
        self._said_at = ""
        """At which head."""
        self._founded = ground.chain.head.number
        self._told: list[tuple[Bic, bytes]] = []

    @property
    def market(self) -> Market:
        return self._ground.market

    @property
    def roles(self) -> Roles:
        return self._ground.roles

    @property
    def node(self) -> Node:
        return self._ground.chain.node

    def register_events(self) -> Sequence[RegisterEvent]:
        head = self._ground.chain.head.hash
        if self._said_at != head and self.collateral is not None:
            self._said, self._said_at = self.collateral.events(), head
        return self._said

    def margin(self, ask: Callable[[Margining], Told]) -> Told:
        return ask(self._side.margin())

    def repo(self, ask: Callable[[Repoing], Told]) -> Told:
        return ask(self._side.repo())

    def remember(self, say: Callable[[], object]) -> None:
        self._side.said.append(say)

    def tell_rtgs(self, data: bytes, sender: Bic) -> None:
        self._tell(data, sender)

    def overhear(self, data: bytes, sender: Bic) -> None:
        """The service or an agent speaks to the RTGS."""
        self._told.append((sender, data))

    def told_rtgs(self) -> Sequence[tuple[Bic, bytes]]:
        return self._told

    def transactions(self) -> Sequence[Call]:
        mined = self._ground.chain.between(self._founded + 1, self._ground.chain.head.number)
        return [*(_call(one.tx) for block in mined for one in block.mined if one.tx.to), *self.pending()]

    def pending(self) -> Sequence[Call]:
        return [_call(one) for one in self._ground.chain.pool if one.to]


def _call(tx: PoolTx) -> Call:
    return Call(to=str(to_checksum_address(tx.to or "")), data=tx.data, raw=tx.raw)
