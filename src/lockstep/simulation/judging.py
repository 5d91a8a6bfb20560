"""The oracle at work in a run: what it is shown after each step, and what it says goes into the timeline."""

from collections.abc import Mapping

from lockstep.domain.journal import JournalRow
from lockstep.domain.trade import TradeState, TradeTerms
from lockstep.simulation.watching import Watcher
from lockstep.simulation.world import World

__all__ = ["Judge"]


class Judge:
    """Looks at the ledgers past the service, and at what the service claims of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._journal: list[JournalRow] = []
        self._claims: Mapping[str, TradeState] = {}
        self._terms: dict[str, TradeTerms] = {}
        self._outcomes: dict[tuple[str, str], set[str]] = {}
        """By agent and settlement, of those votes that were looked at."""
        self._judged = 0
        self._watcher = Watcher(
            world.chain,
            world.facts,
            lambda: world.votes,
            world.market,
            terms=self._terms.values,
            follower=world.ground.follower.fork(),
        )
        world.miner.before_reorganising = self._watcher.look
        world.learnt = self._watcher.learn

    def look(self) -> None:
        """After a step."""
        self._read()
        self._tell(self._watcher.check(self._claims, self._journal))
        self._tell({"I9": self._signed_twice()})

    def _signed_twice(self) -> list[str]:
        """What no agent that has its key for itself does, also where fewer than the quorum do it."""
        for vote in self._world.votes[self._judged :]:
            self._outcomes.setdefault((vote.agent, vote.settlement_id), set()).add(vote.result.name)
        self._judged = len(self._world.votes)
        return [
            f"settlement {settlement}: agent {agent} signed both outcomes"
            for (agent, settlement), results in self._outcomes.items()
            if len(results) > 1
        ]

    def finish(self) -> None:
        """When all has come to rest, with nothing going wrong any more."""
        self._read()
        self._tell(self._watcher.finish(self._claims, self._journal))
        undone = self._watcher.facts(self._claims, self._journal, ended=True).undone
        for one in self._world.trades():
            told = one.settlement_id in undone and one.reason is not None and one.reason.code == "BREAK"
            if not one.state.is_end and not told:
                self._world.problem(f"trade {one.trade_id[:12]} has not ended: {one.state.value}, {one.reason}")

    def _read(self) -> None:
        world = self._world
        moved, anew = world.moved()
        if not moved:
            return
        if anew:
            self._journal = []
            self._watcher.restored()
        rows = world.journal(len(self._journal))
        for row in rows:
            facts = " ".join(f"{name}={value[:60]}" for name, value in row.entry.facts.items())
            world.timeline.tell("journal", f"{row.number} {row.entry.kind} {row.entry.subject[:12]} {facts}")
        self._journal += rows
        trades = world.trades()
        self._claims = {str(one.settlement_id or one.trade_id): one.state for one in trades}
        self._terms |= {one.trade_id: one.terms for one in trades}

    def _tell(self, found: Mapping[str, list[str]]) -> None:
        for invariant, violations in found.items():
            for one in violations:
                self._world.problem(f"{invariant}: {one}")
