"""One run: draw an action, ask the model, send the call, compare, watch the invariants."""

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

from .actions import Action, actions_around, draw
from .evm import Outcome
from .invariants import Watch
from .market import Call, Verdict
from .reading import Layout, Reading
from .rules import ANYTHING
from .world import Stage, World

__all__ = ["Run", "Tally", "Violation", "run_seed"]

SCARCE = 0.02
ASKED_EVERY = 16
RECENT = 40
FEW = 6


class Violation(AssertionError):
    """The chain did what the model or an invariant forbids."""


@dataclass
class Tally:
    """What runs did."""

    calls: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


class Run:
    """One run in a world, from its opening."""

    def __init__(self, world: World, layout: Layout, dice: Random, tally: Tally | None = None) -> None:
        self.world, self.tally, self.scarce = world, tally or Tally(), SCARCE
        self.stage = Stage.begin(world, dice)
        self.reading = Reading(world, layout)
        opening = {
            address: {holder: token.balance[holder] for holder in self.world.wallets if token.balance[holder]}
            for address, token in self.stage.market.tokens.items()
        }
        self.watch = Watch(self.reading, opening)
        self.sent: list[tuple[int, Call]] = []
        self._words = self.reading.words()

    def step(self, action: Action | None = None) -> None:
        """One action; raises Violation."""
        chosen = action or draw(self.stage)
        call = chosen.build(self.stage)
        if call is not None and not actions_around.overfills(self.stage, call):
            self.send(call)

    def send(self, call: Call) -> None:
        stage = self.stage
        if len(stage.history) > 400:
            del stage.history[:200]
        stage.history.append(call)
        if stage.odds(self.scarce) and not any(one.payload for one in stage.market.hostile.values()):
            call = replace(call, gas=30_000 + stage.below(400_000), scarce=True)
        data = stage.data(call)
        self.sent.append((stage.now, call))
        self.tally.calls += 1
        outcome = self.execute(call, data)
        self._compare(call, data, outcome)

    def execute(self, call: Call, data: bytes) -> Outcome:
        """By the sender, or through it where it is a contract."""
        return self.world.chain.call(*self.transaction(call, data))

    def transaction(self, call: Call, data: bytes) -> tuple[str, str, bytes, int]:
        """Sender, receiver, calldata and gas of the transaction that makes the call."""
        operator = self.world.operators.get(call.sender)
        if operator is None:
            return call.sender, call.target, data, call.gas
        contract = "HostileToken" if call.sender == self.world.hostile else "HostileWallet"
        wrapped = self.world.codec.encode(contract, "execute", (call.target, data))
        return operator, call.sender, wrapped, call.gas + 100_000

    def _compare(self, call: Call, data: bytes, outcome: Outcome) -> None:
        stage, market = self.stage, self.stage.market
        refusal = "" if outcome.done else self.world.codec.name_of(outcome.data)
        if outcome.done or not call.scarce:
            self._agree(call, market.judge(call, stage.now, data), outcome, refusal)
        counted = self.tally.accepted if outcome.done else self.tally.refused
        counted[call.function if outcome.done else f"{call.function}: {refusal}"] += 1
        problems = self._problems(call, outcome)
        if problems:
            raise Violation("\n".join([f"{call} ({refusal or 'accepted'})", *problems]))

    def _problems(self, call: Call, outcome: Outcome) -> list[str]:
        """The whole state after a call that was accepted; after a refused one only that nothing changed."""
        market, reading, words = self.stage.market, self.reading, self.reading.words()
        if not outcome.done:
            found = [] if words == self._words else ["a refused call changed the state"]
        else:
            found = [*reading.differences(market, words), *self.watch.after(outcome.logs, words, self.stage.truth)]
            found += reading.consequences(market, call)
            if call.contract == "DvP":
                found += reading.different_lanes(market, list(market.dvp.lanes)[-RECENT:])
                found += reading.different_cycles(market, list(market.dvp.cycles)[-FEW:])
        self._words = words
        if len(self.sent) % ASKED_EVERY == 0:
            found += self.thorough()
        return found

    def thorough(self) -> list[str]:
        """All lanes, all settlements, and some of the contracts' own answers."""
        market, reading = self.stage.market, self.reading
        found = [*reading.differences(market, self._words), *reading.different_lanes(market, market.dvp.lanes)]
        found += self.watch.lanes(self.watch.settlements)
        found += self.watch.records(self.watch.cycles)
        found += reading.different_cycles(market, market.dvp.cycles)
        found += reading.contradictions(self.stage)
        for token in market.tokens:
            found += self.watch.free_units(token, self.stage.wallet())
        return found

    def _agree(self, call: Call, verdict: Verdict, outcome: Outcome, refusal: str) -> None:
        if outcome.done and verdict.refused:
            raise Violation(f"{call}: accepted; the model refuses: {sorted(verdict.refused)}")
        if not outcome.done and not verdict.refused:
            raise Violation(f"{call}: refused, {refusal or 'no word'}; the model accepts")
        if refusal and not verdict.refused & {refusal, *ANYTHING}:
            raise Violation(f"{call}: refused by {refusal}; the model by {sorted(verdict.refused)}")
        told = []
        for log in outcome.logs:
            name, values = self.world.codec.event(log)
            if name == "LegSkipped":
                told.append((values["settlementId"], self.world.codec.name_of(values["reason"])))
        if call.function in ("lockBatch", "settleBatch"):
            expected = list(verdict.skipped)
            agreed = len(told) == len(expected) and all(
                one[0] == other[0] and other[1] & {one[1], *ANYTHING} for one, other in zip(told, expected, strict=True)
            )
            if not agreed:
                raise Violation(f"{call}: skipped {told}; the model {expected}")
            self.tally.skipped.update(f"{call.function}: {name}" for _, name in told)


def run_seed(world: World, layout: Layout, seed: int, steps: int, tally: Tally) -> None:
    """A whole run from one seed; raises Violation with the seed and the step."""
    run = Run(world, layout, Random(seed), tally)
    for step in range(steps):
        try:
            run.step()
        except Violation as violation:
            raise Violation(f"seed {seed}, step {step}: {violation}") from violation
    if problems := run.thorough():
        raise Violation("\n".join([f"seed {seed}, at the end", *problems]))
    tally.events.update(run.watch.events)
