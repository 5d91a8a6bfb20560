"""Cash margin of an installation, wired: the service's part and an agent's. None without a collateral register."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from lockstep.agent import MarginBoard, MarginDesk, MarginRegister, Register
from lockstep.app.collateral import LocalCollateralWallets, open_collateral
from lockstep.app.home import Home
from lockstep.app.loops import crash_hook, patiently
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.collateral.register import register_of
from lockstep.domain.identifiers import Bic
from lockstep.flow.margining import Margining
from lockstep.ports import AssetLedger, Book, CashSystem, EnforcementBook
from lockstep.signing import Key

__all__ = ["open_margin_desk", "open_margining"]


def open_margining(
    home: Home, node: Node, sender: Sender | None, book: Book, assets: AssetLedger, cash: CashSystem
) -> Margining | None:
    """The service's steps of margin calls; without a sender nothing is counted."""
    market = home.market()
    if market.network.collateral is None:
        return None
    wallets = {key.address: key for key in home.wallets(home.market_file()).values()}
    return Margining(
        market=market,
        clock=home.clock(),
        book=cast(EnforcementBook, book),
        assets=assets,
        ledger=open_collateral(home, node, sender),
        cash=cash,
        board=MarginBoard(home.attestations),
        wallet=LocalCollateralWallets(wallets, register_of(market.network)),
    )


def open_margin_desk(
    home: Home,
    endpoint: str | Sequence[str],
    bic: Bic,
    register: Path,
    keys: tuple[Key, ...],
    assets: AssetLedger,
    cash: CashSystem,
    journal: Register,
) -> MarginDesk | None:
    """An agent's part; `register` is its own file, which `journal` has open too."""
    market = home.market()
    if market.network.collateral is None:
        return None
    return MarginDesk(
        bic=bic,
        rtgs=market.rtgs,
        keys=keys,
        market=market,
        assets=assets,
        ledger=patiently(lambda: open_collateral(home, Node(endpoint))),
        cash=cash,
        board=MarginBoard(home.attestations),
        register=MarginRegister(register, crash_hook()),
        journal=journal,
        clock=home.clock(),
    )
