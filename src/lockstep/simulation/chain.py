"""Stand-in over py-evm until the simulated chain is there."""

from lockstep.chain.embedded import EmbeddedChain
from lockstep.ports import Clock


class SimulatedChain(EmbeddedChain):
    automine = True

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)

    def mark(self):
        return self.tester.take_snapshot()

    def reset(self, mark):
        self.tester.revert_to_snapshot(mark)
        # taken again by the next reset
