"""The service and four agents on the fake chain, and the real RTGS behind a line that misbehaves."""

from collections import Counter

from flow_world import Bench

from lockstep.agent import Agent
from lockstep.cash import DirectCashSystem
from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import TradeState
from lockstep.flow.engine import Engine
from lockstep.flow.stepping import Settler
from lockstep.rtgs import Facts, Role, Rtgs
from lockstep.rtgs.faults import parse
from lockstep.testing.fakes import AGENTS, BUYER, DAY, RTGS, SALT_KEY, SELLER, SERVICE, FakeAssetLedger

ACCOUNTS = {BUYER.bic: "ACC-BUYER", SELLER.bic: "ACC-SELLER"}
FUNDS = 500_000


class FaultyBench(Bench):
    """A bench whose cash goes through `lockstep.rtgs`."""

    def __init__(self, funds: int = FUNDS) -> None:
        self.legacy: Rtgs | None = None
        self.stride = 0
        """Seconds more between two passes, for long days."""
        super().__init__()
        self.legacy = Rtgs("sqlite://", self.clock, bic=RTGS)
        desk = self.legacy.operator
        desk.register_party(SERVICE, Role.INSTRUCTING)
        desk.set_quorum(3)
        for agent in AGENTS:
            desk.register_party(agent, Role.AGENT)
        desk.open_day(DAY)
        for owner, number in ACCOUNTS.items():
            desk.register_party(owner, Role.PARTICIPANT)
            desk.open_account(owner, number, "EUR")
            desk.set_mandate(number, Money(currency="EUR", amount=10_000_000), DAY, instructing=SERVICE)
        if funds:
            desk.fund("ACC-BUYER", Money(currency="EUR", amount=funds), "opening")
        self.engine = self.restarted()
        self.agents = [self.agent(place) for place in range(len(AGENTS))]

    def cash_of(self, party: Bic) -> DirectCashSystem:
        assert self.legacy is not None
        return DirectCashSystem(self.legacy.handle, self.legacy.mailbox, party)

    def settler(self) -> Settler:
        if self.legacy is None:
            return super().settler()
        return Settler(
            market=self.market,
            book=self.book,
            assets=self.assets,
            cash=self.cash_of(SERVICE),
            wallet=self.wallet,
            board=self.board,
            clock=self.clock,
        )

    def restarted(self) -> Engine:
        engine = super().restarted()
        self.engine = Engine(settler=self.settler(), mailbox=self.mailbox, salt_key=SALT_KEY)
        return self.engine if self.legacy else engine

    def agent(self, place: int) -> Agent:
        if self.legacy is None:
            return super().agent(place)
        return Agent(
            bic=AGENTS[place],
            rtgs=RTGS,
            key=self.agent_keys[place],
            market=self.market,
            assets=FakeAssetLedger(self.chain),
            cash=self.cash_of(AGENTS[place]),
            board=self.board,
            register=self._registers[place],
            clock=self.clock,
        )

    def plan(self, *rules: dict[str, object], seed: int = 7) -> None:
        assert self.legacy is not None
        self.legacy.faults.set(parse({"seed": seed, "rules": list(rules)}), by="test")

    def tick(self, *, agents: bool = True) -> bool:
        assert self.legacy is not None
        self.clock.advance(self.stride)
        self.legacy.tick()
        return super().tick(agents=agents)

    def run(self, ticks: int = 200) -> None:
        super().run(ticks)

    def close_day(self) -> None:
        assert self.legacy is not None
        self.legacy.operator.close_day()

    @property
    def facts(self) -> Facts:
        assert self.legacy is not None
        return self.legacy.facts()

    def sound(self) -> None:
        """Judged from the two ledgers alone: money conserved, units only for booked money, one ending each."""
        facts = self.facts
        posted = {account.number: account.posted for account in facts.accounts}
        assert sum(posted.values()) == 0
        booked = {one.payment.settlement_id for one in facts.payments if one.state is PaymentState.BOOKED}
        never = {one.settlement_id for one in facts.tombstones}
        ended = [(one.name, one.settlement_id) for one in self.chain.mined if one.name in ("Settled", "GivenBack")]
        delivered = {settlement for name, settlement in ended if name == "Settled"}
        returned = {settlement for name, settlement in ended if name == "GivenBack"}
        assert delivered <= booked
        assert returned <= never
        assert not booked & never
        assert max(Counter(settlement for _, settlement in ended).values(), default=1) == 1
        cash = sum(one.payment.amount.amount for one in facts.payments if one.state is PaymentState.BOOKED)
        assert posted["ACC-SELLER"] == cash
        signed = {one.settlement_id: set[str]() for register in self._registers for one in register.all()}
        for register in self._registers:
            for one in register.all():
                signed[one.settlement_id].add(one.result.name)
        assert all(len(results) == 1 for results in signed.values())

    def states(self) -> list[TradeState]:
        return [trade.state for trade in self.book.trades()]

    def noted(self, place: int, settlement: str) -> list[str]:
        """What an agent's journal has of a settlement."""
        return [kind for _, kind, about, _ in self._registers[place].steps() if about == settlement]

    def asked(self) -> int:
        return self.kinds().count("status asked")
