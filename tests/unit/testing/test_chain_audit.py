"""A real chain with one trade settled and one given back, read by the auditor and judged with its cash."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from eth_utils import keccak

from lockstep import rtgs
from lockstep.app.auditing import audit
from lockstep.app.founding import agent_bic
from lockstep.chain.audit import ChainFacts, HoldingFact, collect, hash_cash, recover_outcome
from lockstep.chain.deployment import ZERO, Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import _terms, packed
from lockstep.domain.identifiers import Bic, Isin, Lei, TradeId, derive_uetr
from lockstep.domain.instruction import QuantityType
from lockstep.domain.journal import GENESIS, Entry, JournalRow, entry_hash
from lockstep.domain.market import Market, Network, Participant, Security
from lockstep.domain.money import Money
from lockstep.domain.order import Attestation, Epoch, Movement, Order, OrderTerms, OutcomeResult
from lockstep.domain.payment import CashAccount, Payment, PaymentState
from lockstep.domain.trade import TradeState
from lockstep.signing import Key, build_proof, cash_hash, outcome_digest, settlement_id, terms_hash

DEPTH = 3
DAY = date(2026, 11, 20)
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAY_BY = datetime(2026, 11, 20, 16, tzinfo=UTC)
FAR = 2**40 - 1
SELLER, BUYER, OPERATOR = (Key(keccak(text=name)) for name in ("seller", "buyer", "operator"))
AGENTS = sorted((Key(keccak(text=f"agent {number}")) for number in range(4)), key=lambda key: int(key.address, 16))
OFFICER, CONFIRMER = (Key(keccak(text=name)).address for name in ("officer", "confirmer"))
EPOCH = Epoch(number=1, agents=tuple(key.address for key in AGENTS), quorum=3)
YES = "0x6f631626ba7e60e01b60005260206000f360005260106010f3"
"""Creates an ERC-1271 wallet that agrees to everything."""
SALT = "0f" * 16
CASH = Money(currency="EUR", amount=10_050)
BUYER_ACCOUNT = CashAccount(owner=Bic("BUYRFRPPXXX"), number="BUYER-EUR")
SELLER_ACCOUNT = CashAccount(owner=Bic("SELLDEFFXXX"), number="SELLER-EUR")


class MovingClock:
    """A minute later with each look."""

    def __init__(self) -> None:
        self.instant = START

    def now(self) -> datetime:
        self.instant += timedelta(seconds=60)
        return self.instant


@dataclass
class Lived:
    """What happened on the chain, as those who did it know it."""

    chain: EmbeddedChain
    network: Network
    token: str
    wallet: str
    settled: str
    given_back: str
    attestations: list[Attestation]
    paid_at: datetime


@pytest.fixture(scope="module")
def lived() -> Lived:
    clock = MovingClock()
    chain = EmbeddedChain(clock)
    deployer = Deployer(chain.node, OPERATOR, poll=chain.mine)
    deployer.fund(chain.faucet, OPERATOR.address)
    registry = deployer.deploy("ParticipantRegistry", OPERATOR.address, CONFIRMER)
    dvp = deployer.deploy("DvP", (EPOCH.agents, 3, 1, OFFICER, CONFIRMER))
    lanes = [dvp, ZERO, ZERO]
    terms = (b"DE0001102580", 0, b"EUR", 0, 1, 0, 0, 0, 0, 0)
    setup = (registry, OPERATOR.address, OFFICER, CONFIRMER, lanes, 2**60 - 1, 2**192 - 1, 2**32 - 1, ZERO)
    token = deployer.deploy("SecurityToken", "Bond", "BOND", terms, setup)
    creation = chain.node.web3.eth.contract(abi=[], bytecode=YES).constructor()
    made = creation.transact({"from": chain.faucet, "gas": 200_000})
    wallet = chain.node.web3.eth.get_transaction_receipt(made)["contractAddress"]
    for number, party in enumerate((SELLER.address, BUYER.address, wallet)):
        deployer.call("ParticipantRegistry", registry, "register", party, b"%020d" % number, b"DE", 1, FAR)
    deployer.call("SecurityToken", token, "issue", SELLER.address, 1000)
    network = Network(chain_id=chain.node.chain_id(), dvp=dvp, finality_depth=DEPTH)
    attestations: list[Attestation] = []

    def lock(buyer: str, signature: bytes | None, quantity: int, nonce: int) -> Order:
        order = Order(
            movement=Movement(token=token, seller=SELLER.address, buyer=buyer, quantity=quantity, epoch=1, nonce=nonce),
            terms=OrderTerms(
                trade_id=TradeId(f"{nonce:064x}"),
                part=0,
                cash_hash=cash_hash(SALT, CASH, BUYER_ACCOUNT, SELLER_ACCOUNT),
                lock_by=int(PAY_BY.timestamp()),
                pay_by=int(PAY_BY.timestamp()),
            ),
        )
        digest = bytes.fromhex(settlement_id(order, network))
        words = (_movement(order), _terms(order))
        deployer.call("DvP", dvp, "lock", words, SELLER.sign(digest), signature or BUYER.sign(digest))
        chain.mine(DEPTH)
        return order

    def end(function: str, order: Order, result: OutcomeResult) -> str:
        settlement = settlement_id(order, network)
        digest = outcome_digest(settlement, result, 1, network)
        signed = [
            Attestation(
                settlement_id=settlement, result=result, epoch=1, agent=agent.address, signature=agent.sign(digest)
            )
            for agent in AGENTS[1:]
        ]
        attestations.extend(signed)
        proof = build_proof(result, signed, EPOCH, network)
        assert proof is not None
        deployer.call("DvP", dvp, function, (_movement(order), terms_hash(order.terms)), packed(proof))
        return settlement

    first = lock(BUYER.address, None, 300, 1)
    paid_at = clock.now()
    settled = end("settle", first, OutcomeResult.PAID)
    given_back = end("giveBack", lock(wallet, b"any", 200, 2), OutcomeResult.NEVER)
    chain.mine()
    return Lived(chain, network, token, wallet, settled, given_back, attestations, paid_at)


def _movement(order: Order) -> tuple[object, ...]:
    one = order.movement
    return (one.token, one.seller, one.buyer, one.quantity, one.epoch, one.nonce)


@pytest.fixture(scope="module")
def facts(lived: Lived) -> ChainFacts:
    return collect(lived.chain.node, lived.network, [lived.token.lower()])


def test_locks_are_read_with_their_order_and_consents(lived: Lived, facts: ChainFacts) -> None:
    first, second = facts.locks
    assert (first.settlement, second.settlement) == (lived.settled, lived.given_back)
    assert [one.derived for one in facts.locks] == [one.settlement for one in facts.locks]
    assert (first.token, first.seller, first.buyer) == (lived.token, SELLER.address, BUYER.address)
    assert (first.quantity, first.nonce, first.epoch) == (300, 1, 1)
    assert (first.trade, first.pay_by) == (f"{1:064x}", int(PAY_BY.timestamp()))
    assert first.cash_hash == cash_hash(SALT, CASH, BUYER_ACCOUNT, SELLER_ACCOUNT)
    assert (first.seller_proof, first.buyer_proof) == ("key", "key")
    assert (second.buyer, second.seller_proof, second.buyer_proof) == (lived.wallet, "key", "wallet")
    assert facts.times[first.block] == first.at < facts.times[first.block + DEPTH]


def test_endings_are_read_with_who_signed_them(lived: Lived, facts: ChainFacts) -> None:
    assert [(one.name, one.settlement, one.outcome) for one in facts.moves] == [
        ("Settled", lived.settled, 1),
        ("GivenBack", lived.given_back, 2),
    ]
    assert all(one.signers == tuple(agent.address for agent in AGENTS[1:]) for one in facts.moves)
    (epoch,) = facts.epochs
    assert (epoch.number, epoch.agents, epoch.quorum) == (1, EPOCH.agents, 3)


def test_holdings_and_transfers_are_read(lived: Lived, facts: ChainFacts) -> None:
    assert [(one.source, one.target, one.units) for one in facts.transfers] == [
        (None, SELLER.address, 1000),
        (SELLER.address, BUYER.address, 300),
    ]
    assert facts.supplies == {lived.token: 1000}
    assert {one.holder: one.balance for one in facts.holdings} == {
        SELLER.address: 700, BUYER.address: 300, lived.wallet: 0,
    }  # fmt: skip
    seller = next(one for one in facts.holdings if one.holder == SELLER.address)
    assert seller == HoldingFact(
        token=lived.token, holder=SELLER.address, balance=700, free=700, earmarked=0, earmarked_by_dvp=0
    )


def test_an_outcome_is_recovered_for_what_was_signed_only(lived: Lived) -> None:
    one = lived.attestations[0]
    assert recover_outcome(lived.network, one.settlement_id, 1, 1, one.signature) == one.agent
    assert recover_outcome(lived.network, one.settlement_id, 2, 1, one.signature) != one.agent
    assert recover_outcome(lived.network, one.settlement_id, 1, 2, one.signature) != one.agent
    assert recover_outcome(lived.network, one.settlement_id, 1, 1, b"\xff" * 65) is None
    assert recover_outcome(lived.network, one.settlement_id, 1, 1, b"") is None


def test_cash_is_hashed_as_the_service_hashes_it() -> None:
    debtor, creditor = BUYER_ACCOUNT, SELLER_ACCOUNT
    own = hash_cash(SALT, "EUR", 10_050, debtor.owner, debtor.number, creditor.owner, creditor.number)
    assert own == cash_hash(SALT, CASH, debtor, creditor)


def market(lived: Lived) -> Market:
    def participant(lei: str, account: CashAccount, wallet: str) -> Participant:
        return Participant(name=lei, lei=Lei(lei), bic=account.owner, wallet=wallet, accounts={"EUR": account.number})

    security = Security(
        isin=Isin("DE0001102580"),
        name="Bond",
        token=lived.token,
        decimals=0,
        quantity_type=QuantityType.UNIT,
        currency="EUR",
    )
    return Market(
        service=Bic("LSTPDEFFXXX"),
        rtgs=Bic("CBNKDEFFXXX"),
        network=lived.network,
        participants={
            Lei("S"): participant("S", SELLER_ACCOUNT, SELLER.address.lower()),
            Lei("B"): participant("B", BUYER_ACCOUNT, BUYER.address),
        },
        securities={security.isin: security},
        tolerances={},
        pay_by=time(16),
    )


def books(lived: Lived) -> rtgs.Facts:
    """The RTGS after the first payment."""
    service = Bic("LSTPDEFFXXX")
    payment = Payment(
        uetr=derive_uetr(lived.settled, 1),
        instruction_id="I1",
        end_to_end_id="E1",
        amount=CASH,
        settlement_date=DAY,
        debtor=BUYER_ACCOUNT,
        creditor=SELLER_ACCOUNT,
        settlement_id=lived.settled,
        salt=SALT,
        pay_by=PAY_BY,
    )
    stored = rtgs.StoredPayment(
        payment=payment,
        instructing=service,
        message_id="M1",
        mandate=1,
        state=PaymentState.BOOKED,
        decided_at=lived.paid_at,
    )
    mandate = rtgs.Mandate(
        number=1, account="BUYER-EUR", maximum=CASH, until=DAY, payee=None, instructing=service, given_at=START
    )
    funding = rtgs.Posting(
        number=1,
        day=1,
        entry=1,
        reference="funding/1",
        debit="CENTRAL-BANK-EUR",
        credit="BUYER-EUR",
        amount=CASH,
        booked_at=START,
    )
    paying = rtgs.Posting(
        number=2,
        day=1,
        entry=2,
        reference=f"payment/{lived.settled}",
        debit="BUYER-EUR",
        credit="SELLER-EUR",
        amount=CASH,
        booked_at=lived.paid_at,
    )
    grave = rtgs.Tombstone(
        settlement_id=lived.given_back, uetr=derive_uetr(lived.given_back, 1), written_at=START, reason_code="CUST"
    )

    def account(number: str, posted: int, technical: bool = False) -> rtgs.Account:
        owner = Bic("CBNKDEFFXXX")
        return rtgs.Account(number=number, owner=owner, currency="EUR", technical=technical, posted=posted, earmarked=0)

    return rtgs.Facts(
        bic=Bic("CBNKDEFFXXX"),
        business_day=DAY,
        quorum=3,
        agents=(),
        accounts=(account("BUYER-EUR", 0), account("CENTRAL-BANK-EUR", -10_050, True), account("SELLER-EUR", 10_050)),
        postings=(funding, paying),
        payments=(stored,),
        mandates=(mandate,),
        tombstones=(grave,),
        releases=tuple(
            rtgs.ReleaseGiven(
                settlement_id=lived.settled,
                uetr=payment.uetr,
                agent=agent_bic(service, number),
                released_at=lived.paid_at,
            )
            for number in (1, 2, 4)
        ),
    )


def journal() -> Iterator[JournalRow]:
    previous = GENESIS
    for number in (1, 2):
        entry = Entry(at=START + timedelta(microseconds=number), kind="locked", subject="é", facts={"b": "1", "a": "2"})
        previous = entry_hash(previous, number, entry)
        yield JournalRow(number=number, entry=entry, hash=previous)


def test_the_whole_is_audited(lived: Lived) -> None:
    claims = {lived.settled: TradeState.SETTLED, lived.given_back: TradeState.RELEASED}
    node, rows = lived.chain.node, list(journal())
    found = audit(node, market(lived), books(lived), lived.attestations, claims, rows, ended=True)
    assert found == {f"I{number}": [] for number in range(1, 13)}

    alone = replace(books(lived), releases=books(lived).releases[:2])
    found = audit(node, market(lived), alone, lived.attestations, claims, rows, ended=True)
    assert [name for name, violations in found.items() if violations] == ["I2"]

    forgotten = replace(books(lived), postings=(), payments=(), tombstones=())
    found = audit(node, market(lived), forgotten, lived.attestations, {}, rows[1:], ended=True)
    assert {name for name, violations in found.items() if violations} == {"I1", "I5", "I7", "I9"}
