"""Margin in cash with everybody at work: four agents on a fake chain and RTGS, and the service's hand in both.

The seller gives, the buyer takes. A thousand euros are required; 10,000.00 lie on either account.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from lockstep.agent import Agent, DirectoryBoard, MarginBoard, MarginDesk, MarginRegister, Register
from lockstep.domain.collateral.register import Agreement, AgreementMode, Valuation
from lockstep.domain.identifiers import Bic, Reference, SettlementId, derive_message_id, derive_uetr
from lockstep.domain.margin_payment import MarginPayment, margin_salt
from lockstep.domain.market import Network
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.order import Epoch
from lockstep.domain.payment import Payment
from lockstep.ports import CashBody
from lockstep.signing import (
    build_quorum_proof,
    cash_digest,
    margin_call_id,
    margin_cash,
    margin_id,
    valuation_digest,
    valuers_epoch,
    valuers_hash,
)
from lockstep.testing.fakes import (
    AGENTS,
    BUYER,
    DAY,
    MORNING,
    RTGS,
    SELLER,
    SERVICE,
    FakeAssetLedger,
    FakeCashSystem,
    FakeChain,
    FakeClock,
    FakeCollateralLedger,
    FakeRtgs,
    example_market,
    key,
)

NETWORK = Network(chain_id=31_337, dvp=key("dvp").address, finality_depth=2, collateral=key("register").address)
MARKET = example_market(NETWORK)
KEYS = tuple(sorted((key(f"agent {number}") for number in range(4)), key=lambda one: int(one.address, 16)))
NEXT_KEYS = tuple(sorted((key(f"next agent {number}") for number in range(4)), key=lambda one: int(one.address, 16)))
VALUERS = tuple(key(f"valuer {number}") for number in range(3))
WHO = valuers_epoch([one.address for one in VALUERS], 2)
TERMS = Agreement(
    giver=key(SELLER.bic).address,
    taker=key(BUYER.bic).address,
    mode=AgreementMode.SECURITY_INTEREST,
    currency="EUR",
    valuers=valuers_hash(WHO),
    until=int(MORNING.timestamp()) + 86_400 * 90,
    max_age_seconds=3_600,
)
GIVER_ACCOUNT = MARKET.participants[SELLER.lei].account("EUR")
TAKER_ACCOUNT = MARKET.participants[BUYER.lei].account("EUR")
PAY_BY = MARKET.pay_by_on(DAY)


class MarginWorld:
    """What survives any process, and the processes."""

    def __init__(self, root: Path, terms: Agreement = TERMS) -> None:
        self.root, self.clock = root, FakeClock(MORNING)
        self.chain = FakeChain(self.clock, NETWORK, Epoch(number=1, agents=tuple(k.address for k in KEYS), quorum=3))
        assert NETWORK.collateral is not None
        self.ledger = FakeCollateralLedger(self.chain, NETWORK.collateral, WHO)
        self.rtgs = FakeRtgs(self.clock, bic=RTGS, service=SERVICE, agents=AGENTS, quorum=3)
        for account in (GIVER_ACCOUNT, TAKER_ACCOUNT):
            self.rtgs.available[account.number] = 1_000_000
        self.cash = FakeCashSystem(self.rtgs, SERVICE)
        self.board = MarginBoard(root / "board")
        self.agreement = self.ledger.agreed(terms)
        self.chain.mine(2)
        self.registers: dict[int, tuple[Register, MarginRegister]] = {}
        self.lines: dict[int, FakeCashSystem] = {}
        self.agents = {place: self.start(place) for place in range(4)}
        self.value(100_000)

    def start(self, place: int, keys: tuple[Any, ...] = (), *, lost: bool = False, key: Any = None) -> Agent:
        """An agent, as after a crash; with `lost` its register is gone; with `key` it is another in its place."""
        for one in self.registers.pop(place, ()):
            one.close()
        path = self.root / f"agent-{place}.db"
        if lost:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
        register, margin_register = self.registers[place] = Register(path), MarginRegister(path)
        assets, own = FakeAssetLedger(self.chain), (key or KEYS[place], *keys)
        self.lines[place] = cash = FakeCashSystem(self.rtgs, AGENTS[place])
        desk = MarginDesk(
            bic=AGENTS[place],
            rtgs=RTGS,
            keys=own,
            market=MARKET,
            assets=assets,
            ledger=self.ledger,
            cash=cash,
            board=self.board,
            register=margin_register,
            journal=register,
            clock=self.clock,
        )
        agent = Agent(
            bic=AGENTS[place],
            rtgs=RTGS,
            key=own[0],
            other_keys=own[1:],
            market=MARKET,
            assets=assets,
            cash=cash,
            board=DirectoryBoard(self.root / "board"),
            register=register,
            clock=self.clock,
            margin=desk,
        )
        if hasattr(self, "agents"):
            self.agents[place] = agent
        return agent

    def close(self) -> None:
        for pair in self.registers.values():
            for one in pair:
                one.close()

    def step(self, *places: int) -> None:
        for place in places or range(4):
            self.agents[place].step()

    def settle(self) -> None:
        """Until nobody has anything to do."""
        for _ in range(6):
            self.step()

    # --- the valuers

    def value(self, required: int, exposure: int | None = None, *, final: bool = True) -> None:
        """A valuation as of now, on the chain."""
        self.clock.advance(1)
        self.chain.mine()
        valuation = Valuation(
            agreement_id=self.agreement,
            exposure=required if exposure is None else exposure,
            required=required,
            as_of=int(self.clock.now().timestamp()),
        )
        digest = valuation_digest(valuation, self.ledger.register)
        proof = build_quorum_proof(digest, [one.sign(digest) for one in VALUERS[:2]], WHO)
        assert proof is not None
        self.ledger.value(valuation, proof)
        if final:
            self.chain.mine(2)

    # --- payments

    def payment(self, amount: int, *, call: str = "MC-1", attempt: int = 1, **changes: Any) -> MarginPayment:
        is_return = changes.get("is_return", False)
        debtor, creditor = (TAKER_ACCOUNT, GIVER_ACCOUNT) if is_return else (GIVER_ACCOUNT, TAKER_ACCOUNT)
        stated = {
            "agreement_id": self.agreement,
            "amount": Money(currency="EUR", amount=amount),
            "is_return": False,
            "debtor": debtor,
            "creditor": creditor,
            "salt": margin_salt(self.agreement, Reference(call), attempt),
            "pay_by": int(PAY_BY.timestamp()),
        }
        return MarginPayment(**{**stated, **changes})

    def named(self, payment: MarginPayment) -> SettlementId:
        return margin_id(payment, self.ledger.register)

    def call_id(self, payment: MarginPayment) -> str:
        return margin_call_id(payment.agreement_id, payment.salt)

    def pay(self, payment: MarginPayment, **changes: Any) -> SettlementId:
        """The service instructs it; `changes` are what the pacs.009 says otherwise than its id does."""
        identifier = self.named(payment)
        stated: dict[str, Any] = {
            "uetr": derive_uetr(identifier, 1),
            "instruction_id": derive_message_id(SERVICE, identifier, "instruction"),
            "end_to_end_id": "MC-1",
            "amount": payment.amount,
            "settlement_date": DAY,
            "debtor": payment.debtor,
            "creditor": payment.creditor,
            "settlement_id": identifier,
            "salt": payment.salt,
            "pay_by": datetime.fromtimestamp(payment.pay_by, MORNING.tzinfo),
        }
        message: Message[CashBody] = Message(
            sender=SERVICE,
            receiver=Bic(RTGS),
            message_id=derive_message_id(SERVICE, identifier, "pacs.009"),
            created=self.clock.now(),
            body=Payment(**{**stated, **changes}),
        )
        self.cash.send(message)
        return identifier

    def signed(self, payment: MarginPayment) -> list[tuple[int, int]]:
        """Signed amount and epoch of each signature on the board for its call, by agent."""
        found = self.board.cash_attestations(self.agreement, self.call_id(payment))
        return sorted((one.cash.amount, one.cash.epoch) for one in found)

    def is_booked(self, identifier: SettlementId) -> int:
        return [one for one, _, _ in self.rtgs.booked].count(identifier)

    def refusals(self, place: int = 0) -> set[str]:
        """Names of what an agent refused, of margin."""
        steps = self.registers[place][0].steps()
        return {detail.partition("(")[0] for _, kind, _, detail in steps if kind == "margin refused"}

    def count(self, payment: MarginPayment, *, final: bool = True) -> None:
        """The service presents the agents' signatures to the register."""
        epoch = self.chain.current_epoch
        cash = margin_cash(payment, epoch.number)
        digest = cash_digest(cash, self.ledger.register)
        left = self.board.cash_attestations(self.agreement, cash.call_id)
        proof = build_quorum_proof(digest, [one.signature for one in left], epoch)
        assert proof is not None, "no quorum signed"
        self.ledger.record_cash(cash, proof)
        if final:
            self.chain.mine(2)
