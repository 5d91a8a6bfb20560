"""The collateral register on a chain in this process, beside DvP, with two bonds: what its tests and others act on.

A giver with 10,000 units of each bond, three takers, valuers of whom two must agree, and four agents.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, cast

from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.deployment import Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import EvmAssetLedger, read
from lockstep.chain.sender import Sender
from lockstep.domain.collateral.calls import Call, PledgeCall, RepledgeCall
from lockstep.domain.collateral.register import (
    NO_PLEDGE,
    Act,
    Agreement,
    AgreementId,
    AgreementMode,
    CashPayment,
    Income,
    PledgeId,
    PricedToken,
    Register,
    Valuation,
)
from lockstep.domain.collateral.register_events import OverCommitment
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.market import Network
from lockstep.domain.order import Attestation, Movement, Order, OrderTerms, OutcomeResult, Proof
from lockstep.signing import (
    Key,
    act_digest,
    agreement_id,
    build_proof,
    build_quorum_proof,
    call_bytes,
    cash_digest,
    income_digest,
    outcome_digest,
    pledge_id,
    settlement_id,
    together_of,
    valuation_digest,
    valuers_epoch,
    valuers_hash,
)
from lockstep.simulation.chain import SimulatedChain
from lockstep.testing.fakes import MORNING, FakeClock, FakeTransactionLog, key

GIVER, TAKER, SECOND, THIRD = (key(name) for name in ("giver", "taker", "second taker", "third taker"))
PARTIES = (GIVER, TAKER, SECOND, THIRD)
REGISTRAR, ISSUER, OPERATOR = key("registrar"), key("issuer"), key("operator")
OFFICER, CONFIRMER = key("officer"), key("confirmer")
AGENTS = tuple(sorted((key(f"agent {number}") for number in range(4)), key=lambda one: int(one.address, 16)))
VALUERS = tuple(key(f"valuer {number}") for number in range(3))
ZERO = "0x" + "0" * 40
UNITS, DEPTH = 10_000, 2
YEAR = 365 * 86_400


def salt(number: int) -> str:
    return number.to_bytes(32).hex()


@dataclass(kw_only=True)
class CollateralVenue:
    """Chain, contracts, a ledger under test, and everyone's hands."""

    clock: FakeClock
    chain: Any
    """A SimulatedChain, which is the quickest, an EmbeddedChain or an AnvilChain."""
    network: Network
    register: Register
    token: str
    second: str
    participants: str
    log: FakeTransactionLog
    ledger: EvmCollateralLedger = None
    attempts: list[OverCommitment] = field(default_factory=list)
    numbers: Any = field(default_factory=count)
    mining: bool = True
    """On anvil, which answers before it mines: whether a block follows each act."""

    @classmethod
    def open(cls, make: Callable[[FakeClock], Any] = SimulatedChain) -> "CollateralVenue":
        """On a simulated chain, or on one that `make` gives: embedded, or an anvil as tests/ports/anvil.py has it."""
        clock = FakeClock(MORNING)
        chain = make(clock)
        registrar, issuer = (Deployer(chain.node, one, poll=chain.mine) for one in (REGISTRAR, ISSUER))
        for one in (REGISTRAR, ISSUER, OPERATOR, *PARTIES):
            registrar.fund(chain.faucet, one.address)
        participants = registrar.deploy("ParticipantRegistry", REGISTRAR.address, CONFIRMER.address)
        agents = [one.address for one in AGENTS]
        dvp = registrar.deploy("DvP", (agents, 3, 1, OFFICER.address, CONFIRMER.address))
        address = registrar.deploy("CollateralRegister", dvp, participants)
        for number, wallet in enumerate((*(one.address for one in PARTIES), address)):
            lei = f"5299000000000000{number:04d}".encode()
            registrar.call("ParticipantRegistry", participants, "register", wallet, lei, b"DE", 0, 2**40 - 1)
        tokens = []
        for isin in (b"DE0001102580", b"DE0001102606"):
            terms = (isin, 0, b"EUR", 2, 1, 0, 0, 0, 0, 0)
            roles = (ISSUER.address, OFFICER.address, CONFIRMER.address)
            setup = (participants, *roles, [dvp, address, ZERO], 2**60 - 1, 2**192 - 1, 2**32 - 1, ZERO)
            tokens.append(issuer.deploy("SecurityToken", "Bund", "BUND", terms, setup))
        registrar.flush()
        for one in tokens:
            issuer.call("SecurityToken", one, "issue", GIVER.address, UNITS)
        issuer.flush()
        chain.mine(DEPTH)
        chain_id = chain.node.chain_id()
        made = cls(
            clock=clock,
            chain=chain,
            network=Network(chain_id=chain_id, dvp=dvp, finality_depth=DEPTH, collateral=address),
            register=Register(chain_id=chain_id, address=address, finality_depth=DEPTH),
            token=tokens[0],
            second=tokens[1],
            participants=participants,
            log=FakeTransactionLog(),
        )
        made.renew()
        if not made._is_here:
            chain.mines(at_once=False)
        return made

    def renew(self) -> None:
        """A ledger and a sender that remember nothing but the log, as after a restart."""
        sender = Sender(self.chain.node, OPERATOR, self.log, lambda _: None)
        ledger = EvmCollateralLedger(self.chain.node, self.register, sender, on_over_commitment=self.attempts.append)
        self.ledger = cast(EvmCollateralLedger, _Mining(ledger, self))

    def now(self) -> int:
        return int(self.chain.node.head().timestamp)

    @property
    def _is_here(self) -> bool:
        """In this process, of the venue's clock."""
        return isinstance(self.chain, EmbeddedChain | SimulatedChain)

    def snapshot(self) -> Any:
        if isinstance(self.chain, SimulatedChain):
            return self.chain.mark()
        return self.chain.tester.take_snapshot() if self._is_here else self.chain.ask("evm_snapshot")

    def revert(self, snapshot: Any) -> None:
        if isinstance(self.chain, SimulatedChain):
            self.chain.reset(snapshot)
        elif self._is_here:
            self.chain.tester.revert_to_snapshot(snapshot)
        else:
            assert self.chain.ask("evm_revert", snapshot)

    def mine_at_once(self, wanted: bool) -> None:
        """Else a transaction waits until `chain.mine`."""
        if isinstance(self.chain, SimulatedChain):
            self.chain.automine = wanted
        elif not self._is_here:
            self.mining = wanted
        elif wanted:
            self.chain.tester.enable_auto_mine_transactions()
        else:
            self.chain.tester.disable_auto_mine_transactions()

    def pass_time(self, seconds: int) -> None:
        if self._is_here:
            self.clock.advance(seconds=seconds)
        else:
            self.chain.ask("evm_setNextBlockTimestamp", self.now() + seconds)
        self.chain.mine()

    # Agreements

    def terms(self, **changes: Any) -> Agreement:
        usual: dict[str, Any] = {
            "giver": GIVER.address,
            "taker": TAKER.address,
            "mode": AgreementMode.SECURITY_INTEREST,
            "currency": "EUR",
            "valuers": valuers_hash(self.valuers),
            "until": int(MORNING.timestamp()) + YEAR,
            "max_age_seconds": 3_600,
            "reuse_cap": 800_000,
            "max_depth": 3,
            "appropriation": True,
            "substitution": True,
            "sale_floor": 500_000,
        }
        return Agreement(**(usual | changes))

    @property
    def valuers(self) -> Any:
        return valuers_epoch([one.address for one in VALUERS], 2)

    def signed(self, digest: str | bytes, *keys: Key) -> tuple[bytes, ...]:
        return tuple(one.sign(bytes.fromhex(digest) if isinstance(digest, str) else digest) for one in keys)

    def agree(self, **changes: Any) -> AgreementId:
        terms = self.terms(**changes)
        identifier = agreement_id(terms, self.register)
        self.ledger.open(terms, *self.signed(identifier, key_of(terms.giver), key_of(terms.taker)))
        return identifier

    # Acts

    def act(self, party: Key, call: Call, **changes: Any) -> Act:
        usual: dict[str, Any] = {"nonce": next(self.numbers), "by": int(MORNING.timestamp()) + YEAR}
        act = Act(party=party.address, call=call_bytes(call), **(usual | changes))
        return self.sign(act)

    def sign(self, act: Act, **changes: Any) -> Act:
        plain = replace(act, **changes)
        return replace(plain, signature=key_of(plain.party).sign(act_digest(plain, self.register)))

    def together(self, *acts: Act) -> list[Act]:
        """Each signed so that it counts with the others alone."""
        return [self.sign(one, together=together_of(acts)) for one in acts]

    def run(self, party: Key, call: Call) -> None:
        self.ledger.run([self.act(party, call)])

    def pledge(self, agreement: AgreementId, quantity: int = 1_000, number: int = 0, token: str = "") -> PledgeId:
        which = token or self.token
        giver = key_of(self.giver_of(agreement))
        call = PledgeCall(agreement_id=agreement, token=which, quantity=quantity, salt=salt(number))
        self.run(giver, call)
        return pledge_id(agreement, which, salt(number))

    def repledge(self, parent: PledgeId, agreement: AgreementId, quantity: int, number: int = 0) -> PledgeId:
        call = RepledgeCall(parent=parent, agreement_id=agreement, quantity=quantity, salt=salt(number))
        self.run(key_of(self.giver_of(agreement)), call)
        return pledge_id(agreement, self.token, salt(number), parent)

    def giver_of(self, agreement: AgreementId) -> str:
        (words,) = read(
            self.chain.node, "CollateralRegister", self.register.address, "agreementOf", bytes.fromhex(agreement)
        )
        return str(words[0])

    # Values, cash, income

    def valuation(self, agreement: AgreementId, exposure: int, *prices: tuple[str, int, int], **k: Any) -> Valuation:
        given = prices or ((self.token, 1_000_000, 0),)
        return Valuation(
            agreement_id=agreement,
            exposure=exposure,
            required=k.get("required", exposure),
            as_of=k.get("as_of", self.now()),
            prices=tuple(PricedToken(token=token, price=price, haircut=cut) for token, price, cut in given),
        )

    def proof_of(self, valuation: Valuation, *signers: Key) -> Proof:
        digest = valuation_digest(valuation, self.register)
        proof = build_quorum_proof(digest, self.signed(digest, *(signers or VALUERS[:2])), self.valuers)
        assert proof is not None
        return proof

    def value(self, agreement: AgreementId, exposure: int, *prices: tuple[str, int, int], **changes: Any) -> Valuation:
        valuation = self.valuation(agreement, exposure, *prices, **changes)
        self.ledger.value(valuation, self.proof_of(valuation))
        return valuation

    def cash(self, agreement: AgreementId, amount: int, number: int = 1, pledge: PledgeId = NO_PLEDGE) -> CashPayment:
        cash = CashPayment(agreement_id=agreement, call_id=salt(number), pledge_id=pledge, amount=amount, epoch=1)
        digest = cash_digest(cash, self.register)
        proof = build_quorum_proof(digest, self.signed(digest, *AGENTS[:3]), self.agents)
        assert proof is not None
        self.ledger.record_cash(cash, proof)
        return cash

    @property
    def agents(self) -> Any:
        return EvmAssetLedger(self.chain.node, self.network).epoch()

    def income(self, pledge: PledgeId, entitled: int, owed: int, number: int = 1) -> Income:
        income = Income(pledge_id=pledge, income_id=salt(number), record_date=self.now(), entitled=entitled, owed=owed)
        digest = income_digest(income, self.register)
        proof = build_quorum_proof(digest, self.signed(digest, *VALUERS[1:]), self.valuers)
        assert proof is not None
        self.ledger.record_income(income, proof)
        return income

    # DvP

    def order(self, seller: str, buyer: str, quantity: int, nonce: int = 0) -> Order:
        now = self.now()
        return Order(
            movement=Movement(token=self.token, seller=seller, buyer=buyer, quantity=quantity, epoch=1, nonce=nonce),
            terms=OrderTerms(
                trade_id=TradeId("11" * 32), part=0, cash_hash="22" * 32, lock_by=now + 3_600, pay_by=now + 7_200
            ),
        )

    def settled(self, order: Order) -> SettlementId:
        """Locked by both and delivered on the agents' word."""
        identifier = settlement_id(order, self.network)
        dvp = self.dvp()
        dvp.lock(
            identifier, order, *self.signed(identifier, key_of(order.movement.seller), key_of(order.movement.buyer))
        )
        self.end(order, OutcomeResult.PAID)
        return identifier

    def end(self, order: Order, result: OutcomeResult) -> None:
        identifier = settlement_id(order, self.network)
        digest = outcome_digest(identifier, result, 1, self.network)
        given = [
            Attestation(settlement_id=identifier, result=result, epoch=1, agent=one.address, signature=one.sign(digest))
            for one in AGENTS[:3]
        ]
        proof = build_proof(result, given, self.agents, self.network)
        assert proof is not None
        dvp = self.dvp()
        (dvp.settle if result is OutcomeResult.PAID else dvp.give_back)(identifier, order, proof)

    def dvp(self) -> EvmAssetLedger:
        sender = Sender(self.chain.node, OPERATOR, self.log, lambda _: None)
        return cast(EvmAssetLedger, _Mining(EvmAssetLedger(self.chain.node, self.network, sender), self))

    def units(self, wallet: Key | str, token: str = "") -> tuple[int, int]:
        """(owned, free)."""
        address = wallet if isinstance(wallet, str) else wallet.address
        owned, free = (
            int(read(self.chain.node, "SecurityToken", token or self.token, name, address)[0])
            for name in ("balanceOf", "freeOf")
        )
        return owned, free


class _Mining:
    """A ledger after each of whose acts a block follows, where the chain would not mine by itself."""

    ACTS = ("open", "amend", "run", "value", "record_cash", "record_income", "end_sale", "lock", "settle", "give_back")

    def __init__(self, ledger: Any, venue: CollateralVenue) -> None:
        self._ledger, self._venue = ledger, venue

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if name not in self.ACTS or isinstance(self._venue.chain, EmbeddedChain):
            return found

        def acted(*arguments: Any) -> None:
            found(*arguments)
            if self._venue.mining:
                self._venue.chain.mine()

        return acted


def key_of(address: str) -> Key:
    return next(one for one in PARTIES if one.address.lower() == address.lower())
