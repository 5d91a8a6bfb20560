"""One small market on top of the fakes."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time

from lockstep.domain.identifiers import Bic, Isin, Lei, Reference, SettlementId, Uetr
from lockstep.domain.instruction import Instruction, Party, QuantityType, Side
from lockstep.domain.market import Market, Network, Participant, Security, Tolerance
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.order import Attestation, Epoch, OutcomeResult
from lockstep.domain.payment import Release
from lockstep.flow.stepping import Settler
from lockstep.signing import outcome_digest
from lockstep.testing.fakes.assets import FakeAssetLedger
from lockstep.testing.fakes.book import FakeBook
from lockstep.testing.fakes.chain import FakeChain
from lockstep.testing.fakes.rtgs import FakeCashSystem, FakeRtgs
from lockstep.testing.fakes.simple import FakeBoard, FakeClock, FakeMailbox, FakeWallet, key

__all__ = [
    "AGENTS",
    "BOND",
    "BUYER",
    "DAY",
    "MORNING",
    "RTGS",
    "SALT_KEY",
    "SELLER",
    "SERVICE",
    "FakeWorld",
    "example_instruction",
    "example_market",
]


SERVICE, RTGS = Bic("LSTPZZ2AXXX"), Bic("CBNKZZ2AXXX")
AGENTS = tuple(Bic(f"LSTPZZ2AA{number:02d}") for number in range(1, 5))
SELLER = Party(lei=Lei("5493001KJTIIGC8Y1R12"), bic=Bic("FABLZZ2A"))
BUYER = Party(lei=Lei("529900T8BM49AURSDO55"), bic=Bic("UTOPZZ2A"))
BOND = Isin("DE0001102580")
DAY = date(2026, 11, 23)
MORNING = datetime(2026, 11, 23, 8, tzinfo=UTC)
SALT_KEY = b"the key of a fake service's salts"


def example_market(network: Network | None = None) -> Market:
    """Two members, one bond with two decimals that settles in EUR until 16:00."""
    return Market(
        service=SERVICE,
        rtgs=RTGS,
        network=network or Network(chain_id=31_337, dvp=key("dvp").address, finality_depth=2),
        participants={
            party.lei: Participant(
                name=party.bic, lei=party.lei, bic=party.bic, wallet=key(party.bic).address, accounts={"EUR": account}
            )
            for party, account in ((SELLER, "ACC-SELLER"), (BUYER, "ACC-BUYER"))
        },
        securities={
            BOND: Security(
                isin=BOND,
                name="Bund 2.5% 2035",
                token=key("bond").address,
                decimals=2,
                quantity_type=QuantityType.FACE_AMOUNT,
                currency="EUR",
            )
        },
        tolerances={"EUR": Tolerance(threshold=10_000_000, up_to=200, above=2_500)},
        pay_by=time(16),
    )


def example_instruction(side: Side, reference: str, *, quantity: str = "1000", cash: str = "990.00") -> Instruction:
    """One party's instruction for the bond, for the same day."""
    return Instruction(
        reference=Reference(reference),
        side=side,
        deliverer=SELLER,
        receiver=BUYER,
        isin=BOND,
        quantity=Quantity.parse(quantity),
        quantity_type=QuantityType.FACE_AMOUNT,
        cash=Money.parse(cash, "EUR"),
        trade_date=DAY,
        settlement_date=DAY,
    )


class FakeWorld:
    """One market on the fakes: all ports of a Settler, and the agents' keys. Starts in the morning."""

    def __init__(self, on_commit: Callable[[str], None] = lambda _: None) -> None:
        self.clock = FakeClock(MORNING)
        self.market = example_market()
        agents = sorted((key(f"agent {number}") for number in range(1, 5)), key=lambda one: int(one.address, 16))
        self.agent_keys = tuple(agents)
        epoch = Epoch(number=1, agents=tuple(one.address for one in agents), quorum=3)
        self.chain = FakeChain(self.clock, self.market.network, epoch)
        self.rtgs = FakeRtgs(self.clock, bic=RTGS, service=SERVICE, agents=AGENTS, quorum=3)
        self.book = FakeBook(on_commit)
        self.assets = FakeAssetLedger(self.chain)
        self.cash = FakeCashSystem(self.rtgs, SERVICE)
        self.wallet = FakeWallet({key(one.bic).address: key(one.bic) for one in (SELLER, BUYER)}, self.market)
        self.board = FakeBoard()
        self.mailbox = FakeMailbox()
        for party in (SELLER, BUYER):
            self.chain.eligible.add(self.wallet_of(party))
        self.chain.issued[self.token, self.wallet_of(SELLER)] = 500_000
        self.rtgs.available["ACC-BUYER"] = 500_000

    @property
    def token(self) -> str:
        return self.market.securities[BOND].token

    def wallet_of(self, party: Party) -> str:
        return self.market.participants[party.lei].wallet

    def settler(self) -> Settler:
        """A new one over the same records and ledgers, as after a restart."""
        return Settler(
            market=self.market,
            book=self.book,
            assets=self.assets,
            cash=self.cash,
            wallet=self.wallet,
            board=self.board,
            clock=self.clock,
        )

    def attest(self, settlement: SettlementId, result: OutcomeResult, agents: Sequence[int] = (0, 1, 2)) -> None:
        """Agents' signatures over an outcome, as they are: whether it is true is the test's affair."""
        epoch = self.chain.current_epoch.number
        digest = outcome_digest(settlement, result, epoch, self.market.network)
        for place in agents:
            signer = self.agent_keys[place]
            self.board.publish(
                Attestation(
                    settlement_id=settlement,
                    result=result,
                    epoch=epoch,
                    agent=signer.address,
                    signature=signer.sign(digest),
                )
            )

    def release(self, settlement: SettlementId, uetr: Uetr) -> None:
        """Three agents release a payment."""
        for agent in AGENTS[:3]:
            release = Release(uetr=uetr, settlement_id=settlement)
            self.rtgs.handle(
                Message(
                    sender=agent,
                    receiver=RTGS,
                    message_id=f"release/{settlement[:20]}",
                    created=self.clock.now(),
                    body=release,
                )
            )
