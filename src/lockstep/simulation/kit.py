"""For a user's own tests: a founded market in this process, faults by rate and seed, and the oracle after every pass.

The pytest plugin `lockstep.testing.plugin` makes these as fixtures.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path

from lockstep.app.clocks import ManualClock
from lockstep.app.founding import found_rtgs
from lockstep.app.market_file import MarketFile, read_market
from lockstep.app.world import Chain, World
from lockstep.chain.embedded import EmbeddedChain
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import Reference, isin
from lockstep.domain.instruction import Instruction, Party, Side
from lockstep.domain.market import Participant
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.order import Attestation
from lockstep.domain.trade import Trade, TradeState, TradeTerms
from lockstep.iso20022 import write
from lockstep.ports import Clock
from lockstep.rtgs import Rtgs
from lockstep.rtgs.faults import parse
from lockstep.simulation.watching import Watcher
from lockstep.simulation.watching_cash import CashBooks

__all__ = ["FAULTS", "Chain", "ManualClock", "Rtgs", "SettlingWorld", "kit_market", "open_rtgs", "simulated_chain"]

Rate = str | float | Decimal
FAULTS: Mapping[str, Mapping[str, object]] = {
    "delay": {"seconds": 90},
    "loss": {},
    "duplicate": {"seconds": 30},
    "reorder": {},
    "notice_first": {},
    "answer_lost": {},
}
"""What the RTGS's line does by rate, with the rest of its rule; `lockstep.rtgs.faults` has more, as a plan."""
REORGANISATION = "reorganisation"
"""The chain's fault, within the finality depth."""
PASSES_AT_MOST = 600


def kit_market() -> MarketFile:
    """Three banks, a bond and a share: `kit_market.toml`."""
    with resources.as_file(resources.files("lockstep.simulation") / "kit_market.toml") as path:
        return read_market(path)


def simulated_chain(clock: Clock) -> Chain:
    """Raises Misconfigured where pyrevm is not installed."""
    try:
        from lockstep.simulation.chain import SimulatedChain
    except ModuleNotFoundError as error:
        if error.name != "pyrevm":
            raise
        raise Misconfigured("the simulated chain needs pyrevm: pip install 'lockstep[simulation]'") from error
    return SimulatedChain(clock)


def open_rtgs(root: Path, market: MarketFile, clock: Clock) -> Rtgs:
    """A market's RTGS alone, its parties and accounts founded, the business day open."""
    made = Rtgs(f"sqlite:///{root / 'rtgs.db'}", clock, bic=market.rtgs)
    found_rtgs(made, market, {})
    return made


class SettlingWorld:
    """Chain, RTGS, agents and service, and trades to settle. Files go under `root`.

    `chain` is "eth-tester" or "simulated" (faster; needs pyrevm). `faults` are rates by kind, see `FAULTS`;
    "reorganisation" is the simulated chain's. The same seed and the same calls give the same world.
    Raises InvalidInput.
    """

    def __init__(
        self,
        root: Path,
        *,
        chain: str = "eth-tester",
        seed: int = 0,
        faults: Mapping[str, Rate] | None = None,
        market: MarketFile | None = None,
    ) -> None:
        chains: Mapping[str, Callable[[Clock], Chain]] = {"eth-tester": EmbeddedChain, "simulated": simulated_chain}
        if chain not in chains:
            raise InvalidInput("chain", chain, f"one of {', '.join(chains)}")
        rates = {kind: _rate(kind, rate, chain) for kind, rate in (faults or {}).items()}
        self.file = market or kit_market()
        self.clock = ManualClock(self.file.opening)
        self._random = random.Random(seed)
        self.world = World(
            self.file, root, clock=self.clock, randomness=_SeededBytes(self._random), chain=chains[chain]
        )
        self.market, self.rtgs, self.chain = self.world.market, self.world.rtgs, self.world.chain
        self._books = CashBooks(root / "rtgs.db", self.rtgs.facts)
        self._watcher = Watcher(self.chain, self._books, self._votes, self.market, terms=self._terms)
        self._reorganises, self._instructed = rates.pop(REORGANISATION, Decimal(0)), 0
        if rates:
            rules = [{"kind": kind, "probability": str(rate), **FAULTS[kind]} for kind, rate in sorted(rates.items())]
            self.rtgs.faults.set(parse({"seed": seed, "rules": rules}), by="test kit")

    def instruct(self, *, seller: str, buyer: str, isin_code: str, quantity: str, cash: str) -> Reference:
        """Both parties instruct one trade for today, by BIC and ISIN, in decimal texts. Returns the seller's reference.

        Raises InvalidInput.
        """
        security = self.market.security(isin(isin_code, field="isin"))
        owners = {Side.DELIVER: self._member("seller", seller), Side.RECEIVE: self._member("buyer", buyer)}
        parties = {side: Party(lei=owner.lei, bic=owner.bic) for side, owner in owners.items()}
        self._instructed += 1
        now = self.clock.now()
        for side, owner in owners.items():
            reference = Reference(f"KIT-{self._instructed}-{'D' if side is Side.DELIVER else 'R'}")
            message = Message(
                sender=owner.bic,
                receiver=self.market.service,
                message_id=reference,
                created=now,
                body=Instruction(
                    reference=reference,
                    side=side,
                    deliverer=parties[Side.DELIVER],
                    receiver=parties[Side.RECEIVE],
                    isin=security.isin,
                    quantity=Quantity.parse(quantity),
                    quantity_type=security.quantity_type,
                    cash=Money.parse(cash, security.currency, field="cash"),
                    trade_date=now.date(),
                    settlement_date=now.date(),
                ),
            )
            self.world.reception.submit(message, write(message))
        return Reference(f"KIT-{self._instructed}-D")

    def run(self, passes: int = PASSES_AT_MOST) -> dict[str, int]:
        """Passes of everybody, at most so many, until each trade has ended; then how many are in which state.

        Raises AssertionError where one of I1 to I12 is violated, with the violation in words.
        """
        for _ in range(passes):
            self.world.tick()
            if self._random.random() < self._reorganises:
                self._reorganise()
            _assert_sound(self._watcher.check(self._claims(), self.world.book.journal()))
            if self._instructed and all(trade.state.is_end for trade in self.trades()):
                break
        return self.states()

    def _reorganise(self) -> None:
        from lockstep.simulation.chain import SimulatedChain

        assert isinstance(self.chain, SimulatedChain)
        self._watcher.look()
        self.chain.reorganise(self._random.randint(1, self.market.network.finality_depth), order=self._random)
        self.clock.move_to(datetime.fromtimestamp(self.chain.time, UTC))

    def finish(self) -> dict[str, int]:
        """Faults off, the day closed, everything at its end: no unit and no cent may be stuck. Else AssertionError."""
        self.rtgs.faults.clear(by="test kit")
        self._reorganises = Decimal(0)
        self.run()
        self.world.close_day()
        self.world.run_until_quiet()
        _assert_sound(self._watcher.finish(self._claims(), self.world.book.journal()))
        return self.states()

    def trades(self) -> list[Trade]:
        """As the service has them."""
        return list(self.world.book.trades())

    def states(self) -> dict[str, int]:
        """How many trades are in which state."""
        return dict(Counter(trade.state.value for trade in self.trades()))

    def close(self) -> None:
        """Lets go of files."""
        self._books.close()
        self.world.close()

    def _member(self, field: str, code: str) -> Participant:
        found = next((one for one in self.market.participants.values() if one.bic == code), None)
        if found is None:
            raise InvalidInput(field, code, "the BIC of a participant")
        return found

    def _claims(self) -> dict[str, TradeState]:
        return {str(one.settlement_id or one.trade_id): one.state for one in self.trades()}

    def _votes(self) -> list[Attestation]:
        known = [one.settlement_id for one in self.trades() if one.settlement_id]
        return [vote for settlement in known for vote in self.world.board.attestations(settlement)]

    def _terms(self) -> Iterable[TradeTerms]:
        return [one.terms for one in self.trades()]


class _SeededBytes:
    """Keys and salts, from the seed."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def token(self, size: int) -> bytes:
        return self._source.randbytes(size)


def _rate(kind: str, rate: Rate, chain: str) -> Decimal:
    if kind not in FAULTS and kind != REORGANISATION:
        raise InvalidInput("faults", kind, f"one of {', '.join((*FAULTS, REORGANISATION))}")
    if kind == REORGANISATION and chain != "simulated":
        raise InvalidInput("faults", kind, 'only with chain="simulated"')
    try:
        found = Decimal(str(rate))
    except InvalidOperation:
        found = Decimal(-1)
    if not 0 < found <= 1:
        raise InvalidInput(f"faults/{kind}", rate, "a rate above 0, at most 1")
    return found


def _assert_sound(found: Mapping[str, list[str]]) -> None:
    violations = [f"{name}: {line}" for name, lines in found.items() for line in lines]
    if violations:
        raise AssertionError("\n".join(violations))
