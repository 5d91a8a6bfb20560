"""The service and four real agents over the fakes, moved by hand."""

from collections.abc import Callable
from pathlib import Path

from lockstep.agent import Agent, Register
from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import Reference
from lockstep.domain.instruction import CancellationRequest, Instruction, Side
from lockstep.domain.message import Message
from lockstep.domain.order import OutcomeResult
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.engine import Engine
from lockstep.flow.receiving import Reception
from lockstep.signing import build_proof
from lockstep.testing.fakes import (
    AGENTS,
    BUYER,
    RTGS,
    SALT_KEY,
    SELLER,
    FakeAssetLedger,
    FakeCashSystem,
    FakeWorld,
    example_instruction,
)


class Crash(BaseException):
    """The process dies here."""


def once(error: BaseException, method: str, *, skip: int = 0) -> Callable[[str], None]:
    """A hook that fails one call of a method, after having let some pass."""
    left = [skip]

    def hook(name: str) -> None:
        if name != method or left[0] < 0:
            return
        left[0] -= 1
        if left[0] < 0:
            raise error

    return hook


class Bench(FakeWorld):
    """A FakeWorld with an engine, agents, and one trade's instructions at hand."""

    def __init__(self, on_commit: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(on_commit)
        self.opening_money = sum(self.rtgs.available.values())
        self.engine = self.restarted()
        self._registers = [Register(Path(":memory:")) for _ in AGENTS]
        self.agents = [self.agent(place) for place in range(len(AGENTS))]
        self.cancelled = 0
        self.attested_falsely = False
        """A test signed with the agents' keys what no agent would."""

    def restarted(self) -> Engine:
        """The service after a crash: nothing but its book is left."""
        self.engine = Engine(settler=self.settler(), mailbox=self.mailbox, salt_key=SALT_KEY)
        self.reception = Reception(book=self.book, market=self.market, clock=self.clock)
        return self.engine

    def agent(self, place: int) -> Agent:
        """An agent after a crash: nothing but its register is left."""
        return Agent(
            bic=AGENTS[place],
            rtgs=RTGS,
            key=self.agent_keys[place],
            market=self.market,
            assets=FakeAssetLedger(self.chain),
            cash=FakeCashSystem(self.rtgs, AGENTS[place]),
            board=self.board,
            register=self._registers[place],
            clock=self.clock,
        )

    def close(self) -> None:
        for register in self._registers:
            register.close()

    def submit(self, instruction: Instruction, *, late: bool = False) -> str:
        data = repr(instruction).encode()
        message = Message(
            sender=instruction.owner.bic,
            receiver=self.market.service,
            message_id=f"M-{instruction.reference}",
            created=self.clock.now(),
            body=instruction,
        )
        return self.reception.submit(message, data, late=late)

    def instruct(self, number: int = 1, *, late: bool = False, **changes: str) -> None:
        self.submit(example_instruction(Side.DELIVER, f"D-{number}", **changes), late=late)
        self.submit(example_instruction(Side.RECEIVE, f"R-{number}", **changes), late=late)

    def ask_to_cancel(self, side: Side, number: int = 1) -> str:
        self.cancelled += 1
        owner, letter = (SELLER, "D") if side is Side.DELIVER else (BUYER, "R")
        body = CancellationRequest(reference=Reference(f"{letter}-{number}"), side=side, owner=owner)
        message = Message(
            sender=owner.bic,
            receiver=self.market.service,
            message_id=f"C-{self.cancelled}",
            created=self.clock.now(),
            body=body,
        )
        return self.reception.submit(message, message.message_id.encode())

    def set_cash(self, amount: int) -> None:
        """So much is on the buyer's account, and so much money there is at all."""
        self.opening_money += amount - self.rtgs.available["ACC-BUYER"]
        self.rtgs.available["ACC-BUYER"] = amount

    def fund(self, amount: int) -> None:
        self.opening_money += amount
        self.rtgs.fund("ACC-BUYER", amount)

    @property
    def trade(self) -> Trade:
        (trade,) = self.book.trades()
        return trade

    def tick(self, *, agents: bool = True) -> bool:
        self.rtgs.expire()
        moved = self.engine.run_once()
        for agent in self.agents if agents else ():
            moved |= agent.step()
        self.chain.mine()
        self.clock.advance(20)
        return moved

    def run(self, ticks: int = 40) -> None:
        for _ in range(ticks):
            self.tick()
            if all(trade.state.is_end for trade in self.book.trades()) and not self.book.undelivered():
                return

    def run_to(self, state: TradeState) -> Trade:
        """With the agents at rest, up to a state that needs none."""
        for _ in range(20):
            self.tick(agents=False)
            if self.trade.state is state:
                return self.trade
        raise AssertionError(f"{self.trade.state}, not {state}")

    def run_to_locked(self) -> None:
        """Every trade earmarked, the agents at rest."""
        for _ in range(20):
            self.tick(agents=False)
            if all(trade.state is TradeState.EARMARKED for trade in self.book.trades()):
                return
        raise AssertionError([trade.state for trade in self.book.trades()])

    def kinds(self) -> list[str]:
        return [row.entry.kind for row in self.book.journal()]

    def events(self) -> list[str]:
        return [one.name for one in self.chain.mined]

    def told(self, code: str) -> int:
        """How many messages gave this reason."""
        bodies = [message.body for message in self.mailbox.messages.values()]
        shown = [(getattr(one, "reason_code", None), getattr(one, "reason", None) or "") for one in bodies]
        return sum(1 for given, text in shown if given == code or text.startswith(f"{code}:"))


UNAVAILABLE = Unavailable("nobody answers")


def check(bench: Bench) -> None:
    """The invariants that the fakes can show, read from the two ledgers and the board."""
    network = bench.market.network
    trade_of = {one.settlement_id: one.order.terms.trade_id for one in bench.chain.mined}
    orders = {one.settlement_id: one.order for one in bench.chain.mined}
    events = [(one.name, one.settlement_id) for one in bench.chain.mined]
    booked = [settlement for settlement, _, _ in bench.rtgs.booked]
    delivered = [settlement for name, settlement in events if name == "Settled"]
    returned = [settlement for name, settlement in events if name == "GivenBack"]
    assert set(delivered) <= set(booked), "I1"
    for settlement, payment, _ in bench.rtgs.booked:
        order = orders[settlement]  # I2: locked, and for these terms
        assert order.terms.pay_by == int(payment.pay_by.timestamp()), "I2"
    ends = delivered + returned
    assert len(set(ends)) == len(ends), "I4: a settlement ends once"
    for ended in (delivered, booked):
        trades = [trade_of[settlement] for settlement in ended]
        assert len(set(trades)) == len(trades), "I4: a trade is settled and paid once"
    assert not set(returned) & set(booked), "I8"
    for settlement in trade_of:
        attested = bench.board.attestations(settlement)
        epoch = bench.chain.epochs[orders[settlement].movement.epoch]
        proofs = {result: build_proof(result, attested, epoch, network) for result in OutcomeResult}
        assert None in proofs.values(), "I9: one outcome at most"
        if proofs[OutcomeResult.NEVER] is not None:
            assert settlement not in booked, "I9: never means no debit"
        if proofs[OutcomeResult.PAID] is not None and not bench.attested_falsely:
            assert settlement in booked, "I1"
    assert set(booked) & set(bench.rtgs.tombstones) == set(), "I9"
    money = sum(bench.rtgs.available.values())
    held = sum(one.payment.amount.amount for one in bench.rtgs.payments.values() if one.state.name == "HELD")
    assert money + held == bench.opening_money, "I5"
