"""What all runs of a process begin from: the market founded once, then put back for each seed.

Contracts, keys, the RTGS's books on its first morning and empty databases. A run costs a reset of the chain's state
and a few copied files, on a file system in memory where there is one.
"""

import shutil
from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Engine
from web3.providers.base import BaseProvider

from lockstep.agent import Register
from lockstep.app.founding import AGENTS, Founded, Roles, found_chain, found_rtgs
from lockstep.app.market_file import MarketFile
from lockstep.app.world import new_roles
from lockstep.chain.node import Node
from lockstep.rtgs import Rtgs
from lockstep.simulation.actors import payers
from lockstep.simulation.actors_hands import stranger
from lockstep.simulation.chain import SimulatedChain
from lockstep.simulation.clock import VirtualClock
from lockstep.simulation.collateral_hands import CARRIERS
from lockstep.simulation.folders import own_folder
from lockstep.simulation.market import COLLATERAL_MARKET, MARKET, TIMETABLE
from lockstep.simulation.node_faults import FaultyProvider, NodeFault
from lockstep.simulation.stores import Disk, image, put_back
from lockstep.simulation.streams import SeededRandomness, Streams
from lockstep.simulation.watching import follower_of
from lockstep.simulation.watching_collateral import CollateralFollower
from lockstep.store import open_database

__all__ = ["DEEPEST", "DEPTH", "WORKERS", "Ground", "collateral_ground", "ground"]

DEPTH = 2
"""Blocks above one that is final."""
DEEPEST = DEPTH + 6
"""Blocks that a reorganisation takes at most. What the market is founded on is deeper."""
AGENT_NAMES = tuple(f"agent-{number}" for number in range(1, AGENTS + 1))
WORKERS = ("worker-1", "worker-2", "worker-3")


class Ground:
    """A founded market in a folder of its own. One run at a time."""

    def __init__(self, file: MarketFile = MARKET) -> None:
        """`file`: this market, or the one with a collateral register."""
        self.root = own_folder()
        self.clock = VirtualClock(MARKET.opening)
        keys = Streams(0).stream("keys")
        self.roles: Roles = new_roles(MARKET, SeededRandomness(keys))
        self.salt_key = keys.randbytes(32)
        self.chain = SimulatedChain(self.clock)
        self.founded: Founded = found_chain(
            self.chain.node,
            file,
            self.roles,
            finality_depth=DEPTH,
            faucet=self.chain.faucet,
            poll=self.chain.mine,
        )
        self.market = self.founded.market
        carriers = [stranger(one).address for one in CARRIERS] if file.collateral else []
        for address in (*payers(self.roles), *carriers):
            terms: Any = {"from": self.chain.faucet, "to": address, "value": 10**19, "gas": 21_000}
            self.chain.node.web3.eth.send_transaction(terms)
        self.chain.mine(DEEPEST)
        self.chain.automine = False
        self._mark = self.chain.mark()
        self.follower = follower_of(self.chain, self.market)
        self.collateral = None if not file.collateral else CollateralFollower(self.chain.node, self.market)
        if self.collateral is not None:
            self.collateral.look()
        self.nodes = {name: _own_node(self.chain) for name in (*WORKERS, *AGENT_NAMES)}
        self._files = {
            self.root / "rtgs.db": self._rtgs(),
            self.root / "service.db": self._service(),
            **{self.root / f"agent-{number}.db": self._register(number) for number in range(1, AGENTS + 1)},
        }
        self.engines: dict[str, Engine] = {}
        self._disks: dict[str, Disk] = {}
        for name in (*WORKERS, "door"):
            engine = self.engines[name] = open_database(f"sqlite:///{self.root / 'service.db'}")
            self._disks[name] = Disk(engine)
            engine.dispose()

    def disk(self, name: str) -> Disk:
        return self._disks[name]

    def reset(self) -> None:
        """Everything as on the first morning."""
        self.let_go()
        for folder in ("attestations", "outbox", "inbox"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        for path, content in self._files.items():
            put_back(path, content)
        self.clock.begin_at(MARKET.opening)
        self.chain.reset(self._mark)

    def let_go(self) -> None:
        """No connection to the service's database stays open."""
        for engine in self.engines.values():
            engine.dispose()

    def _rtgs(self) -> bytes:
        path = self.root / "rtgs.db"
        rtgs = Rtgs(f"sqlite:///{path}", self.clock, bic=MARKET.rtgs)
        found_rtgs(rtgs, MARKET, {})
        rtgs.operator.set_timetable(TIMETABLE)
        rtgs.tick()
        rtgs.close()
        return image(path)

    def _service(self) -> bytes:
        path = self.root / "service.db"
        open_database(f"sqlite:///{path}").dispose()
        return image(path)

    def _register(self, number: int) -> bytes:
        path = self.root / f"agent-{number}.db"
        Register(path).close()
        return image(path)


class OwnNode(FaultyProvider):
    """A party's node; each run decides anew on what is wrong with it."""

    def __init__(self, inner: BaseProvider) -> None:
        self.decide: Callable[[str, object], NodeFault | None] = lambda *_: None
        super().__init__(inner, lambda method, params: self.decide(method, params))


def _own_node(chain: SimulatedChain) -> tuple[OwnNode, Node]:
    provider = OwnNode(chain.provider)
    return provider, Node(provider)


@cache
def ground() -> Ground:
    """This process's."""
    return Ground()


@cache
def collateral_ground() -> Ground:
    """This process's, of the market with a collateral register."""
    return Ground(COLLATERAL_MARKET)
