"""Whoever makes blocks: the next one, or other ones in the place of the last."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

from lockstep.simulation.chain import SimulatedChain
from lockstep.simulation.clock import VirtualClock
from lockstep.simulation.faults import Injector
from lockstep.simulation.ground import DEEPEST, DEPTH
from lockstep.simulation.timeline import Timeline

__all__ = ["Miner"]


class Miner:
    """The chain's hand in a run."""

    def __init__(
        self, chain: SimulatedChain, clock: VirtualClock, faults: Injector, timeline: Timeline, dvp: str
    ) -> None:
        self._dvp = dvp.lower()
        self.deepest = 0
        """Blocks that the deepest reorganisation took."""
        self._chain, self._clock, self._faults, self._timeline = chain, clock, faults, timeline
        self.before_reorganising: Callable[[], None] = lambda: None
        """Called before blocks vanish: what they held must have been seen."""
        self._keep_time()

    def mine(self) -> None:
        """A block, or another end of the chain."""
        faults = self._faults
        fresh = self._since_last_act()
        how = faults.strikes("reorg-at-once") if fresh else None
        if how is not None:
            self._reorganise(how, fresh)
            return
        for kind, least, most in (("deep-reorg", DEPTH + 1, DEEPEST), ("reorg", 1, DEPTH)):
            how = faults.strikes(kind)
            if how is not None:
                self._reorganise(how, how.randint(least, most))
                return
        how = faults.strikes("rpc-forgotten") if self._chain.pool else None
        if how is not None:
            gone = how.choice(self._chain.pool)
            self._chain.forget(gone.hash)
            self._timeline.tell("chain", f"its nodes forget transaction {gone.hash[:12]}")
        self._chain.mine()
        self._keep_time()

    def _since_last_act(self) -> int:
        """How many blocks would have to go for the last call of the settlement contract to go with them; 0 if it is
        final, or there was none."""
        for depth, block in enumerate(reversed(self._chain.blocks[-DEPTH:]), start=1):
            if any(one.tx.to and one.tx.to.lower() == self._dvp for one in block.mined):
                return depth
        return 0

    def _reorganise(self, how: random.Random, depth: int) -> None:
        """Other blocks in the place of the last ones; some of their transactions may wait, some are forgotten."""
        self.before_reorganising()
        self.deepest = max(self.deepest, depth)
        kept = how.choice((1.0, 0.7, 0.0))
        self._chain.reorganise(depth, keep=lambda _: how.random() < kept, order=how)
        self._keep_time()
        self._timeline.tell("chain", f"its last {depth} blocks are others now, {kept:.0%} of what was in them waits")

    def _keep_time(self) -> None:
        """Blocks are never of the future."""
        self._clock.move_to(datetime.fromtimestamp(self._chain.time, UTC))
