"""One agent at work: its ledgers in memory, its board and register on disk, and what survives it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from agent_cases import AT, MARKET, NETWORK, order, report

from lockstep.agent import Agent, DirectoryBoard, Register
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.order import Epoch, OutcomeResult
from lockstep.domain.payment import PaymentState
from lockstep.signing import settlement_id
from lockstep.testing.fakes import (
    AGENTS,
    BUYER,
    RTGS,
    SELLER,
    SERVICE,
    FakeAssetLedger,
    FakeCashSystem,
    FakeChain,
    FakeClock,
    FakeRtgs,
    key,
)

PAID, NEVER = OutcomeResult.PAID, OutcomeResult.NEVER
ORDER = replace(order(), terms=replace(order().terms, lock_by=int(AT.timestamp()) + 3_600))
HERE = settlement_id(ORDER, NETWORK)
KEYS = sorted((key(f"a{number}") for number in range(4)), key=lambda one: int(one.address, 16))


class Desk:
    """One agent, its ledgers, and what survives it."""

    def __init__(self, root: Path, place: int = 0) -> None:
        self.place, self.root = place, root
        self.clock = FakeClock(AT)
        epoch = Epoch(number=1, agents=tuple(one.address for one in KEYS), quorum=3)
        self.chain = FakeChain(self.clock, NETWORK, epoch)
        self.chain.eligible |= {ORDER.movement.seller, ORDER.movement.buyer}
        self.chain.issued[ORDER.movement.token, ORDER.movement.seller] = 1_000
        self.rtgs = FakeRtgs(self.clock, bic=RTGS, service=SERVICE, agents=AGENTS, quorum=3)
        self.board = DirectoryBoard(root / "board")
        self.path = root / "register.db"
        self.register = Register(self.path)
        self.start()

    def start(self) -> Agent:
        """The agent after a crash."""
        self.register.close()
        self.register = Register(self.path)
        self.assets, self.cash = FakeAssetLedger(self.chain), FakeCashSystem(self.rtgs, AGENTS[self.place])
        self.agent = Agent(
            bic=AGENTS[self.place],
            rtgs=RTGS,
            key=KEYS[self.place],
            market=MARKET,
            assets=self.assets,
            cash=self.cash,
            board=self.board,
            register=self.register,
            clock=self.clock,
        )
        return self.agent

    def lock(self, blocks: int = 2) -> None:
        digest = bytes.fromhex(HERE)
        self.chain.lock(ORDER, key(SELLER.bic).sign(digest), key(BUYER.bic).sign(digest))
        self.chain.mine(blocks)

    def lock_another(self, number: int, blocks: int = 2) -> SettlementId:
        """Another trade's lock, of as many units again."""
        terms = order(number, trade_id=TradeId(f"{number:064x}")).terms
        made = replace(order(number), terms=replace(terms, lock_by=ORDER.terms.lock_by))
        there = settlement_id(made, NETWORK)
        digest = bytes.fromhex(there)
        self.chain.issued[made.movement.token, made.movement.seller] += 1_000
        self.chain.lock(made, key(SELLER.bic).sign(digest), key(BUYER.bic).sign(digest))
        self.chain.mine(blocks)
        return there

    def tell(self, *bodies: Any) -> None:
        for body in bodies:
            self.rtgs._tell([AGENTS[self.place]], body)

    def steps(self) -> list[tuple[str, str]]:
        return [(kind, detail) for _, kind, _, detail in self.register.steps()]

    def signed(self) -> list[OutcomeResult]:
        return [one.result for one in self.board.attestations(HERE)]


def said(state: PaymentState, **changes: Any) -> Any:
    return report(state, HERE, **changes)
