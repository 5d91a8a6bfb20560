"""What the auditor reads of cycles on the contracts, and what the oracle makes of it (I1, I4, I7, I10, I11)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from calldata import forwarder, instead
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from ledger_venues import (
    AGENTS,
    BUYER,
    CONFIRMER,
    ISSUER,
    OFFICER,
    REGISTRAR,
    SELLER,
    STRANGER,
    ChainVenue,
    bond,
)
from test_audit_calls import DAY, SIGNERS, send

from lockstep import rtgs
from lockstep.app.auditing import audit
from lockstep.app.founding import agent_bic
from lockstep.chain.audit import ChainFacts, LegFact, collect, hash_cash
from lockstep.chain.deployment import Deployer
from lockstep.chain.ledger import packed, read
from lockstep.domain.identifiers import Bic, Isin, Lei, SettlementId, derive_uetr
from lockstep.domain.instruction import QuantityType
from lockstep.domain.market import Market, Participant, Security
from lockstep.domain.money import Money
from lockstep.domain.order import Attestation, Epoch, OutcomeResult
from lockstep.domain.payment import CashAccount, Payment, PaymentState
from lockstep.signing import Key, build_proof, outcome_digest
from lockstep.testing.fakes import key

PAID, NEVER = OutcomeResult.PAID, OutcomeResult.NEVER
THIRD = key("third party")
PARTIES = tuple(sorted((SELLER, BUYER, THIRD), key=lambda one: int(one.address, 16)))
CLEAN: dict[str, list[str]] = {f"I{number}": [] for number in range(1, 13)}
SALT, CASH, SERVICE = "0f" * 16, Money(currency="EUR", amount=7_500), Bic("LSTPDEFFXXX")
BUYER_CASH = CashAccount(owner=Bic("BUYRFRPPXXX"), number="BUYER-EUR")
SELLER_CASH = CashAccount(owner=Bic("SELLDEFFXXX"), number="SELLER-EUR")
THIRD_CASH = CashAccount(owner=Bic("THRDDEFFXXX"), number="THIRD-EUR")
FIELDS = {
    "EIP712Domain": "string name,string version,uint256 chainId,address verifyingContract",
    "NetStatement": "bytes32 cycleId,NetLeg[] legs,NetLimit[] limits",
    "NetLeg": "address token,address seller,address buyer,uint64 quantity,bytes32 termsHash",
    "NetLimit": "address token,int256 least",
}
TYPES = {
    struct: [dict(zip(("type", "name"), field.split(), strict=True)) for field in fields.split(",")]
    for struct, fields in FIELDS.items()
}


@dataclass(kw_only=True)
class Cycle:
    """Trades as (token, seller, buyer, quantity); the terms of the nth trade hash to n."""

    venue: ChainVenue
    tokens: list[str]
    trades: list[tuple[str, Key, Key, int]]

    def __post_init__(self) -> None:
        self.tokens.sort(key=lambda one: int(one, 16))
        self.due = int(self.venue.clock.now().timestamp()) + 7_200
        (raw,) = read(self.venue.chain.node, "DvP", self.venue.network.dvp, "netSettlementId", self.words)
        self.id = SettlementId(raw.hex())

    @property
    def terms(self) -> list[bytes]:
        return [number.to_bytes(32) for number in range(1, len(self.trades) + 1)]

    @property
    def words(self) -> tuple[Any, ...]:
        legs = b"".join(
            bytes([PARTIES.index(seller), PARTIES.index(buyer), self.tokens.index(token)]) + units.to_bytes(8) + terms
            for (token, seller, buyer, units), terms in zip(self.trades, self.terms, strict=True)
        )
        accounts = (BUYER_CASH, SELLER_CASH)
        flat = [text for account in accounts for text in (account.owner, account.number)]
        cash = bytes.fromhex(hash_cash(SALT, CASH.currency, CASH.amount, *flat))
        return (self.tokens, [one.address for one in PARTIES], legs, cash, 1, self.due, self.due)

    def nets(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {token: Counter() for token in self.tokens}
        for token, seller, buyer, units in self.trades:
            found[token][seller.address] -= units
            found[token][buyer.address] += units
        return found

    @property
    def net(self) -> tuple[Any, ...]:
        """The struct Net: of each token a word for each party that trades it, its address and 96 bits, signed."""
        movements = [
            (token, [int(one.address, 16) << 96 | net[one.address] % 2**96 for one in PARTIES if one.address in net])
            for token, net in self.nets().items()
        ]
        return (1, self.due, movements)

    def limits_of(self, party: Key, spare: int = 0) -> list[int]:
        return [net[party.address] - spare for net in self.nets().values()]

    def statement(self, party: Key, limits: list[int]) -> bytes:
        """The digest that a party signs, by eth_account from this file's list of types."""
        message = {
            "cycleId": bytes.fromhex(self.id),
            "legs": [
                {
                    "token": token,
                    "seller": seller.address,
                    "buyer": buyer.address,
                    "quantity": units,
                    "termsHash": terms,
                }
                for (token, seller, buyer, units), terms in zip(self.trades, self.terms, strict=True)
                if party in (seller, buyer)
            ],
            "limits": [{"token": token, "least": least} for token, least in zip(self.tokens, limits, strict=True)],
        }
        domain = {
            "name": "Lockstep DvP",
            "version": "1",
            "chainId": self.venue.network.chain_id,
            "verifyingContract": self.venue.network.dvp,
        }
        signable = encode_typed_data(
            full_message={"types": TYPES, "primaryType": "NetStatement", "domain": domain, "message": message}
        )
        return keccak(b"\x19" + signable.version + signable.header + signable.body)

    def signature(self, party: Key, spare: int = 0) -> bytes:
        return party.sign(self.statement(party, self.limits_of(party, spare)))

    def lock(self, to: str | None = None, spare: int = 0) -> None:
        limits = [least for party in PARTIES for least in self.limits_of(party, spare)]
        signatures = [self.signature(party, spare) for party in PARTIES]
        send(self.venue, STRANGER, "lockNet", self.words, limits, signatures, to=to)
        self.venue.mine(2)

    def end(self, name: str, result: OutcomeResult | None, to: str | None = None) -> None:
        proof = b"" if result is None else self.proof(result)
        send(self.venue, STRANGER, name, bytes.fromhex(self.id), self.net, proof, to=to)

    def proof(self, result: OutcomeResult) -> bytes:
        digest = outcome_digest(self.id, result, 1, self.venue.network)
        given = [
            Attestation(
                settlement_id=self.id,
                result=result,
                epoch=1,
                agent=AGENTS[place].address,
                signature=AGENTS[place].sign(digest),
            )
            for place in (0, 1, 3)
        ]
        epoch = Epoch(number=1, agents=tuple(one.address for one in AGENTS), quorum=3)
        made = build_proof(result, given, epoch, self.venue.network)
        assert made is not None
        return packed(made)


@pytest.fixture
def pair(venue: ChainVenue) -> list[str]:
    """Two tokens and a third party; the third holds 500 of the second token."""
    registrar = Deployer(venue.chain.node, REGISTRAR, poll=venue.chain.mine)
    lei = b"52990000000000000099"
    registrar.call("ParticipantRegistry", venue.registry, "register", THIRD.address, lei, b"DE", 0, 2**40 - 1)
    registrar.flush()
    issuer = Deployer(venue.chain.node, ISSUER, poll=venue.chain.mine)
    second = issuer.deploy("SecurityToken", *bond(venue.registry, venue.network.dvp))
    issuer.call("SecurityToken", second, "issue", THIRD.address, 500)
    issuer.flush()
    return [venue.token, str(venue.chain.node.web3.to_checksum_address(second))]


@pytest.fixture
def cycle(venue: ChainVenue, pair: list[str]) -> Cycle:
    """A ring in the first token; in the second one party gives, and one ends as it began."""
    first, second = pair
    trades = [
        (first, SELLER, BUYER, 300),
        (second, THIRD, BUYER, 40),
        (first, BUYER, THIRD, 200),
        (second, BUYER, SELLER, 40),
        (first, THIRD, SELLER, 50),
    ]
    return Cycle(venue=venue, tokens=list(pair), trades=trades)


def facts(cycle: Cycle) -> ChainFacts:
    return collect(cycle.venue.chain.node, cycle.venue.network, cycle.tokens)


def judged(cycle: Cycle, *, paid_at: datetime | None = None, never: bool = False, ended: bool = True) -> Any:
    """The oracle on both ledgers; the RTGS has booked the cycle's payment, or will never, or knows nothing of it."""
    books = ledger_of_cash(cycle, paid_at, never)
    return audit(cycle.venue.chain.node, market(cycle), books, [], {}, [], ended=ended)


def booked(cycle: Cycle) -> datetime:
    """When the RTGS books: after the blocks so far, before those to come."""
    clock = cycle.venue.clock
    clock.advance(60)
    instant = clock.now()
    clock.advance(60)
    return instant


def found_by(verdict: dict[str, list[str]]) -> set[str]:
    return {name for name, violations in verdict.items() if violations}


def market(cycle: Cycle) -> Market:
    def participant(lei: str, account: CashAccount, wallet: Key) -> Participant:
        accounts = {"EUR": account.number}
        return Participant(name=lei, lei=Lei(lei), bic=account.owner, wallet=wallet.address, accounts=accounts)

    def security(isin: str, token: str) -> Security:
        return Security(
            isin=Isin(isin),
            name="Bond",
            token=token,
            decimals=2,
            quantity_type=QuantityType.UNIT,
            currency="EUR",
        )

    isins = ("DE0001102580", "DE0001102598")
    return Market(
        service=SERVICE,
        rtgs=Bic("CBNKDEFFXXX"),
        network=cycle.venue.network,
        participants={
            Lei("S"): participant("S", SELLER_CASH, SELLER),
            Lei("B"): participant("B", BUYER_CASH, BUYER),
            Lei("T"): participant("T", THIRD_CASH, THIRD),
        },
        securities={Isin(isin): security(isin, token) for isin, token in zip(isins, cycle.tokens, strict=True)},
        tolerances={},
        pay_by=time(16),
    )


def ledger_of_cash(cycle: Cycle, paid_at: datetime | None, never: bool) -> rtgs.Facts:
    now = cycle.venue.clock.now()
    uetr, central = derive_uetr(cycle.id, 1), Bic("CBNKDEFFXXX")
    payment = Payment(
        uetr=uetr,
        instruction_id="I1",
        end_to_end_id="E1",
        amount=CASH,
        settlement_date=now.date(),
        debtor=BUYER_CASH,
        creditor=SELLER_CASH,
        settlement_id=cycle.id,
        salt=SALT,
        pay_by=now,
    )
    moved = CASH.amount if paid_at else 0

    def account(number: str, posted: int, technical: bool = False) -> rtgs.Account:
        return rtgs.Account(
            number=number, owner=central, currency="EUR", technical=technical, posted=posted, earmarked=0
        )

    def posting(number: int, reference: str, debit: str, credit: str, at: datetime) -> rtgs.Posting:
        return rtgs.Posting(
            number=number,
            day=1,
            entry=number,
            reference=reference,
            debit=debit,
            credit=credit,
            amount=CASH,
            booked_at=at,
        )

    began = now - timedelta(days=30)
    postings = [posting(1, "funding/1", "CENTRAL-EUR", "BUYER-EUR", began)]
    payments, releases = [], []
    if paid_at is not None:
        postings.append(posting(2, f"payment/{cycle.id}", "BUYER-EUR", "SELLER-EUR", paid_at))
        stored = rtgs.StoredPayment(
            payment=payment,
            instructing=SERVICE,
            message_id="M1",
            mandate=1,
            state=PaymentState.BOOKED,
            decided_at=paid_at,
        )
        payments.append(stored)
        releases = [
            rtgs.ReleaseGiven(settlement_id=cycle.id, uetr=uetr, agent=agent_bic(SERVICE, number), released_at=paid_at)
            for number in (1, 2, 3)
        ]
    grave = rtgs.Tombstone(settlement_id=cycle.id, uetr=uetr, written_at=now, reason_code="CUST")
    return rtgs.Facts(
        bic=central,
        business_day=now.date(),
        quorum=3,
        agents=(),
        accounts=(
            account("BUYER-EUR", CASH.amount - moved),
            account("CENTRAL-EUR", -CASH.amount, True),
            account("SELLER-EUR", moved),
        ),
        postings=tuple(postings),
        payments=tuple(payments),
        mandates=(
            rtgs.Mandate(
                number=1,
                account="BUYER-EUR",
                maximum=CASH,
                until=now.date() + timedelta(days=1),
                payee=None,
                instructing=SERVICE,
                given_at=began,
            ),
        ),
        tombstones=(grave,) if never else (),
        releases=tuple(releases),
    )


def test_a_cycle_locked_is_read_whole(cycle: Cycle) -> None:
    cycle.lock(spare=3)
    (one,) = facts(cycle).cycles
    first, second = cycle.trades[0][0], cycle.trades[1][0]
    assert (one.settlement, one.derived, one.call) == (cycle.id, cycle.id, "lockNet")
    assert one.legs[:2] == (
        LegFact(
            token=first, seller=SELLER.address, buyer=BUYER.address, quantity=300, terms_hash=f"{1:064x}"
        ),
        LegFact(
            token=second, seller=THIRD.address, buyer=BUYER.address, quantity=40, terms_hash=f"{2:064x}"
        ),
    )  # fmt: skip
    assert [(leg.quantity, int(leg.terms_hash, 16)) for leg in one.legs] == [
        (units, number) for number, (*_, units) in enumerate(cycle.trades, start=1)
    ]
    assert {party.wallet: (party.proof, party.least[first], party.least[second]) for party in one.parties} == {
        SELLER.address: ("key", -253, 37),
        BUYER.address: ("key", 97, -3),
        THIRD.address: ("key", 147, -43),
    }
    assert (one.epoch, one.pay_by, one.cash_hash) == (1, cycle.due, cycle.words[3].hex())
    earmarked = {(one.token, one.holder): one.earmarked_by_dvp for one in facts(cycle).holdings if one.earmarked_by_dvp}
    assert earmarked == {(first, SELLER.address): 250, (second, THIRD.address): 40}
    assert judged(cycle, ended=False) == CLEAN
    assert found_by(judged(cycle, ended=True)) == {"I12"}


def test_a_cycle_paid_and_settled(cycle: Cycle) -> None:
    cycle.lock()
    paid_at = booked(cycle)
    cycle.end("settleNet", PAID)
    (move,) = facts(cycle).moves
    assert (move.name, move.settlement, move.outcome, move.epoch) == ("Settled", cycle.id, 1, 1)
    assert (move.call, move.hidden, set(move.signers), move.long_stop) == ("settleNet", False, SIGNERS, None)
    assert judged(cycle, paid_at=paid_at) == CLEAN
    assert found_by(judged(cycle)) == {"I1", "I9"}
    assert "I1" in found_by(judged(cycle, paid_at=paid_at + timedelta(hours=1)))


def test_recorded_as_paid_first(cycle: Cycle) -> None:
    """The delivery brings no second proof: the first is the evidence."""
    cycle.lock()
    paid_at = booked(cycle)
    cycle.end("recordPaidNet", PAID)
    assert judged(cycle, paid_at=paid_at, ended=False) == CLEAN
    cycle.end("settleNet", None)
    assert [(one.name, one.call, set(one.signers)) for one in facts(cycle).moves] == [
        ("PaidRecorded", "recordPaidNet", SIGNERS),
        ("Settled", "settleNet", set()),
    ]
    assert judged(cycle, paid_at=paid_at) == CLEAN


def test_a_cycle_given_back(cycle: Cycle) -> None:
    cycle.lock()
    cycle.end("giveBackNet", NEVER)
    (move,) = facts(cycle).moves
    assert (move.name, move.call, move.outcome, set(move.signers)) == ("GivenBack", "giveBackNet", 2, SIGNERS)
    assert judged(cycle, never=True) == CLEAN
    assert found_by(judged(cycle)) == {"I9"}
    assert found_by(judged(cycle, paid_at=cycle.venue.clock.now())) >= {"I8", "I9"}


def test_a_cycle_ended_by_long_stop(cycle: Cycle) -> None:
    cycle.lock()
    raw = bytes.fromhex(cycle.id)
    cycle.venue.clock.advance(cycle.due - cycle.venue.clock.now().timestamp() + 5 * DAY + 1)
    send(cycle.venue, OFFICER, "proposeNetLongStop", raw, cycle.net)
    cycle.venue.clock.advance(2 * DAY + 60)
    send(cycle.venue, CONFIRMER, "confirmNetLongStop", raw, cycle.net)
    (move,) = facts(cycle).moves
    assert (move.name, move.call, move.signers, move.hidden) == ("GivenBack", "confirmNetLongStop", (), False)
    stop = move.long_stop
    assert stop is not None
    assert (stop.proposed_by, stop.officer, stop.proposed_in) == (OFFICER.address, OFFICER.address, 1)
    assert (stop.confirmed_by, stop.confirmer, stop.confirmed_in) == (CONFIRMER.address, CONFIRMER.address, 1)
    assert judged(cycle) == CLEAN


def test_a_cycle_delivered_security_by_security(cycle: Cycle) -> None:
    """Ended with its first security, and yet not over until the last: units still earmarked are no surplus."""
    cycle.lock()
    paid_at = booked(cycle)
    cycle.end("recordPaidNet", PAID)
    cycle.venue.clock.advance(cycle.due - cycle.venue.clock.now().timestamp() + 5 * DAY + 1)
    raw = bytes.fromhex(cycle.id)
    send(cycle.venue, STRANGER, "settleNetOf", raw, cycle.net, 1)
    assert [(one.name, one.call, one.hidden) for one in facts(cycle).moves][1:] == [("Settled", "settleNetOf", False)]
    assert judged(cycle, paid_at=paid_at, ended=False) == CLEAN
    (left,) = judged(cycle, paid_at=paid_at)["I12"]
    assert left == f"settlement {cycle.id} ended, and its units of token {cycle.tokens[0]} did not"
    send(cycle.venue, STRANGER, "settleNetOf", raw, cycle.net, 0)
    assert judged(cycle, paid_at=paid_at) == CLEAN


@pytest.mark.parametrize("proved", [True, False], ids=["on a proof", "by long stop"])
def test_a_cycle_given_back_security_by_security(cycle: Cycle, proved: bool) -> None:
    cycle.lock()
    raw, proof = bytes.fromhex(cycle.id), b""
    if proved:
        proof = cycle.proof(NEVER)
    else:
        cycle.venue.clock.advance(cycle.due - cycle.venue.clock.now().timestamp() + 5 * DAY + 1)
        send(cycle.venue, OFFICER, "proposeNetLongStop", raw, cycle.net)
        cycle.venue.clock.advance(2 * DAY + 60)
    send(cycle.venue, STRANGER if proved else CONFIRMER, "giveBackNetOf", raw, cycle.net, 0, proof)
    (move,) = facts(cycle).moves
    assert (move.name, move.call, move.hidden) == ("GivenBack", "giveBackNetOf", False)
    assert (set(move.signers), move.long_stop is None) == (SIGNERS if proved else set(), proved)
    assert judged(cycle, never=proved, ended=False) == CLEAN
    assert found_by(judged(cycle, never=proved)) == {"I12"}
    send(cycle.venue, STRANGER, "giveBackNetOf", raw, cycle.net, 1, b"")
    assert judged(cycle, never=proved) == CLEAN


def other_signature(cycle: Cycle) -> Callable[[bytes], bytes]:
    """Its own signature, over limits that it did not give."""
    honest = cycle.signature(BUYER)
    return lambda data: data.replace(honest, cycle.signature(BUYER, spare=1))


def other_limit(cycle: Cycle) -> Callable[[bytes], bytes]:
    """The limits shown are lower than those signed, for the party that gives of the first token."""
    honest = b"".join(least.to_bytes(32, signed=True) for least in cycle.limits_of(SELLER))
    lower = b"".join(least.to_bytes(32, signed=True) for least in cycle.limits_of(SELLER, spare=1))
    return lambda data: data.replace(honest, lower)


def other_leg(cycle: Cycle) -> Callable[[bytes], bytes]:
    """The call shows another cycle than the event: nobody's signature is for what was locked."""
    honest, more = (units.to_bytes(8) + (1).to_bytes(32) for units in (300, 301))
    return lambda data: data.replace(honest, more)


@pytest.mark.parametrize(
    ("change", "unsigned"),
    [(other_signature, {BUYER}), (other_limit, {SELLER}), (other_leg, set(PARTIES))],
    ids=["another signature", "another limit", "another leg"],
)
def test_a_tampered_statement_is_reported(
    cycle: Cycle,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Cycle], Callable[[bytes], bytes]],
    unsigned: set[Key],
) -> None:
    cycle.lock()
    instead(monkeypatch, cycle.venue, change(cycle))
    (one,) = facts(cycle).cycles
    assert {party.wallet for party in one.parties if party.proof == "none"} == {party.address for party in unsigned}
    verdict = judged(cycle, ended=False)
    assert found_by(verdict) == {"I11"}
    assert len(verdict["I11"]) == len(unsigned)
    assert all(any(party.address in text for text in verdict["I11"]) for party in unsigned)


def test_a_proof_of_another_cycle_is_reported(cycle: Cycle, monkeypatch: pytest.MonkeyPatch) -> None:
    cycle.lock()
    paid_at = booked(cycle)
    cycle.end("settleNet", PAID)
    other = bytes.fromhex("77" * 32)
    instead(monkeypatch, cycle.venue, lambda data: data.replace(bytes.fromhex(cycle.id), other))
    (move,) = facts(cycle).moves
    assert move.signers == ()
    assert found_by(judged(cycle, paid_at=paid_at)) == {"I7"}


def test_through_another_contract_nothing_is_shown(cycle: Cycle) -> None:
    middle = forwarder(cycle.venue)
    cycle.lock(to=middle)
    paid_at = booked(cycle)
    cycle.end("settleNet", PAID, to=middle)
    found = facts(cycle)
    (one,), (move,) = found.cycles, found.moves
    assert (one.call, {party.proof for party in one.parties}, move.hidden) == ("", {"hidden"}, True)
    assert (one.derived, len(one.legs)) == (cycle.id, 5)
    verdict = judged(cycle, paid_at=paid_at)
    assert found_by(verdict) == {"I7", "I11"}
    assert "not provable from calldata" in verdict["I11"][0]


def test_cycles_and_single_locks_side_by_side(cycle: Cycle) -> None:
    """Earmarks of both add up (I10)."""
    venue = cycle.venue
    venue.lock(venue.order(quantity=100))
    cycle.lock()
    held = next(one for one in facts(cycle).holdings if (one.token, one.holder) == (venue.token, SELLER.address))
    assert (held.earmarked_by_dvp, held.free) == (350, 650)
    assert judged(cycle, ended=False) == CLEAN


def test_the_same_trade_in_two_cycles(cycle: Cycle) -> None:
    """The contract cannot know that terms are the same trade's; the salted hash of the terms says so."""
    venue = cycle.venue
    venue.clock.advance(60)
    again = Cycle(venue=venue, tokens=cycle.tokens, trades=cycle.trades)
    for one in (cycle, again):
        one.lock()
        one.end("settleNet", PAID)
    found = facts(cycle)
    assert [one.settlement for one in found.moves] == [cycle.id, again.id] and cycle.id != again.id
    verdict = judged(cycle, paid_at=venue.clock.now())
    assert len(verdict["I4"]) == 5 and all("settled 2 times net" in text for text in verdict["I4"])


def test_the_ledger_takes_a_cycle_for_no_settlement_of_its_own(cycle: Cycle) -> None:
    """Agents and service look at single orders: a cycle's end is neither a lock nor an error to them."""
    venue = cycle.venue
    order = venue.order(quantity=100)
    venue.lock(order)
    cycle.lock()
    cycle.end("recordPaidNet", PAID)
    cycle.end("settleNet", None)
    venue.renew()
    assert list(venue.ledger.locked()) == [venue.id(order)]
    assert venue.ledger.history(cycle.id) == []
    assert [one.name for one in venue.ledger.history(venue.id(order))] == ["Locked"]
