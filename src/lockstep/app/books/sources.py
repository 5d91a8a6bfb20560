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
from lockstep.chain.manifest import read_manifest
from lockstep.chain.node import Node
from lockstep.chain.planning import DVP
from lockstep.domain.errors import Misconfigured, Unavailable
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
    first_block: int = 0
    """Before it no security was there."""
    randomness: Randomness = field(default_factory=SystemRandomness)
    wait_seconds: float = rtgs_book.WAIT_SECONDS


def of_home(home: Home) -> Sources:
    """An installation's. Raises Misconfigured, also for one whose chain and RTGS are inside another process."""
    settings, market = home.settings(), home.market()
    if settings.rpc == EMBEDDED:
        raise Misconfigured("an embedded chain and its RTGS are inside their own process alone: no other can ask them")
    node, assets = None, None
    try:
        node = Node(settings.rpcs)
        assets = EvmAssetLedger(node, market.network)
    except Unavailable:
        node = None
    try:  # the tokens were created after DvP, whose address they have
        first = read_manifest(home.manifest()).contract(DVP).block or 0
    except Misconfigured:  # a folder of one process alone has no manifest: all blocks are read
        first = 0
    return Sources(
        market=market,
        opening=home.market_file().holdings,
        book=open_book(home),
        cash=open_cash(home),
        clock=home.clock(),
        node=node,
        assets=assets,
        first_block=first,
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
