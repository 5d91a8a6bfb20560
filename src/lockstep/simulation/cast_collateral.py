"""What service and agents have besides where the market has a collateral register: the real margin calls, repos, and
margin desks, over each one's own files, clock, node and line."""

from collections.abc import Mapping

from lockstep.agent import MarginDesk, Register, ValuationDirectory
from lockstep.app.collateral import LocalCollateralWallets
from lockstep.app.founding import agent_bic
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.collateral.register import register_of
from lockstep.domain.instruction import CancellationRequest, Instruction
from lockstep.domain.message import Message
from lockstep.flow.margining import Margining
from lockstep.flow.repoing import Repoing
from lockstep.iso20022 import write
from lockstep.ports import AssetLedger, CashSystem, Clock, ValuationBoard
from lockstep.signing import Key
from lockstep.simulation.ground import Ground
from lockstep.simulation.market import MARKET
from lockstep.simulation.stores import Boundary
from lockstep.store import SqlBook

__all__ = ["margin_desk", "margining", "repoing", "valuations"]


def _ledger(ground: Ground, node: Node, sender: Sender | None) -> EvmCollateralLedger:
    return EvmCollateralLedger(node, register_of(ground.market.network), sender)


def _wallets(ground: Ground) -> LocalCollateralWallets:
    keys: Mapping[str, Key] = {key.address: key for key in ground.roles.wallets.values()}
    return LocalCollateralWallets(keys, register_of(ground.market.network))


def margining(
    ground: Ground, boundary: Boundary, node: Node, sender: Sender | None, book: SqlBook, assets: AssetLedger,
    cash: CashSystem, clock: Clock,
) -> Margining | None:  # fmt: skip
    """The service's steps of margin calls; without a sender it counts nothing. None without a register."""
    if ground.market.network.collateral is None:
        return None
    return Margining(
        market=ground.market,
        clock=clock,
        book=book,
        assets=assets,
        ledger=_ledger(ground, node, sender),
        cash=cash,
        board=boundary.cash_board(ground.root / "attestations"),
        wallet=_wallets(ground),
    )


def repoing(
    ground: Ground, boundary: Boundary, node: Node, sender: Sender | None, book: SqlBook, clock: Clock
) -> Repoing | None:
    """The service's steps of repos; likewise. What it instructs for the two parties the boundary hears of."""
    if ground.market.network.collateral is None:
        return None

    def written(message: Message[Instruction] | Message[CancellationRequest]) -> bytes:
        data = write(message)
        boundary.instructed(data)
        return data

    return Repoing(
        book=book,
        ledger=_ledger(ground, node, sender),
        wallet=_wallets(ground),
        market=ground.market,
        write=written,
        clock=clock,
    )


def valuations(ground: Ground) -> ValuationBoard | None:
    """Where the service finds what valuers signed; likewise."""
    if ground.market.network.collateral is None:
        return None
    return ValuationDirectory(ground.root / "attestations")


def margin_desk(
    ground: Ground, boundary: Boundary, number: int, node: Node, assets: AssetLedger, cash: CashSystem,
    journal: Register, clock: Clock,
) -> MarginDesk | None:  # fmt: skip
    """An agent's part; `journal` is its register, in whose file the desk's own lies too."""
    if ground.market.network.collateral is None:
        return None
    return MarginDesk(
        bic=agent_bic(MARKET.service, number),
        rtgs=MARKET.rtgs,
        keys=(ground.roles.agents[number - 1],),
        market=ground.market,
        assets=assets,
        ledger=_ledger(ground, node, None),
        cash=cash,
        board=boundary.cash_board(ground.root / "attestations"),
        register=boundary.margin_register(ground.root / f"agent-{number}.db"),
        journal=journal,
        clock=clock,
    )
