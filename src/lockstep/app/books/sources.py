"""Where the books of an installation, or of a world in this process, are asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockstep.app.books import rtgs_book, service_book
from lockstep.app.clocks import SystemRandomness
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.market_file import Holding
from lockstep.app.processes import open_cash
from lockstep.app.records import open_book
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.errors import Unavailable
from lockstep.domain.market import Market
from lockstep.ports import BulkAssetLedger, CashSystem, Clock, Randomness

if TYPE_CHECKING:  # it loads a whole chain
    from lockstep.app.world import World

__all__ = ["Sources", "of_home", "of_world"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the books are asked. See `of_home` and `of_world`."""

    market: Market
    opening: Sequence[Holding]
    """With what the market was founded."""
    book: service_book.Records
    cash: CashSystem
    clock: Clock
    node: Node | None
    """None where none answers: then the chain does not speak."""
    assets: BulkAssetLedger | None
    randomness: Randomness = field(default_factory=SystemRandomness)
    wait_seconds: float = rtgs_book.WAIT_SECONDS


def of_home(home: Home) -> Sources:
    """An installation's. Raises Misconfigured."""
    settings, market = home.settings(), home.market()
    node, assets = None, None
    if settings.rpc != EMBEDDED:
        try:
            node = Node(settings.rpcs)
            assets = EvmAssetLedger(node, market.network)
        except Unavailable:
            node = None
    return Sources(
        market=market,
        opening=home.market_file().holdings,
        book=open_book(home),
        cash=open_cash(home),
        clock=home.clock(),
        node=node,
        assets=assets,
    )


def of_world(world: "World") -> Sources:
    """Those of a world in this process."""
    return Sources(
        market=world.market,
        opening=world.file.holdings,
        book=world.book,
        cash=world.service_cash(),
        clock=world.clock,
        node=world.chain.node,
        assets=EvmAssetLedger(world.chain.node, world.market.network),
    )
