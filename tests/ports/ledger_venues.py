"""Two networks for one suite: the real contracts on an embedded chain, and the fake of them.

Both begin alike: a seller with 1000 units, a buyer, four agents with a quorum of three, depth two.
"""

from dataclasses import dataclass, replace
from typing import Any

from lockstep.chain.deployment import ZERO, Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import EvmAssetLedger, call_data, packed, rotation_words
from lockstep.chain.sender import Sender
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.market import Network
from lockstep.domain.order import Attestation, Epoch, Movement, Order, OrderTerms, OutcomeResult, Proof, Rotation
from lockstep.ports import AssetLedger
from lockstep.signing import (
    Key,
    build_proof,
    build_rotation_proof,
    outcome_digest,
    rotation_digest,
    settlement_id,
    terms_hash,
)
from lockstep.testing.fakes import MORNING, FakeAssetLedger, FakeChain, FakeClock, FakeTransactionLog, key

SELLER, BUYER, STRANGER = key("seller"), key("buyer"), key("stranger")
REGISTRAR, ISSUER, OPERATOR = key("registrar"), key("issuer"), key("operator")
OFFICER, CONFIRMER = key("officer"), key("confirmer")
AGENTS = tuple(sorted((key(f"agent {number}") for number in range(4)), key=lambda one: int(one.address, 16)))
UNITS, DEPTH = 1_000, 2


def bond(registry: str, dvp: str) -> tuple[Any, ...]:
    """What SecurityToken's constructor takes: a bond in cents, without rules, that DvP may earmark."""
    terms = (b"DE0001102580", 0, b"EUR", 2, 1, 0, 0, 0, 0, 0)
    roles = (ISSUER.address, OFFICER.address, CONFIRMER.address)
    setup = (registry, *roles, [dvp, ZERO, ZERO], 2**60 - 1, 2**192 - 1, 2**32 - 1, ZERO)
    return "Bund", "BUND", terms, setup


@dataclass(kw_only=True)
class Venue:
    """A network, a ledger on it, and hands to move what no port moves."""

    clock: FakeClock
    network: Network
    token: str
    ledger: AssetLedger

    def mine(self, blocks: int = 1) -> None:
        raise NotImplementedError

    def units(self, wallet: Key) -> tuple[int, int]:
        """(owned, free)."""
        raise NotImplementedError

    def suspend(self, wallet: Key) -> None:
        raise NotImplementedError

    def record_paid(self, order: Order, proof: Proof) -> None:
        """By somebody else than the ledger under test, as are those below."""
        raise NotImplementedError

    def settle(self, order: Order, proof: Proof) -> None:
        raise NotImplementedError

    def rotate(self, agents: tuple[Key, ...]) -> Epoch:
        """The next epoch begins on the present agents' word; returns it."""
        raise NotImplementedError

    def next_epoch(self, agents: tuple[Key, ...]) -> Epoch:
        ascending = sorted((one.address for one in agents), key=lambda one: int(one, 16))
        return Epoch(number=self.ledger.epoch().number + 1, agents=tuple(ascending), quorum=3)

    def order(self, *, nonce: int = 0, quantity: int = 100, **changes: Any) -> Order:
        now = int(self.clock.now().timestamp())
        terms = OrderTerms(
            trade_id=TradeId("11" * 32), part=0, cash_hash="22" * 32, lock_by=now + 3_600, pay_by=now + 7_200
        )
        movement = Movement(
            token=self.token,
            seller=SELLER.address,
            buyer=BUYER.address,
            quantity=quantity,
            epoch=1,
            nonce=nonce,
        )
        fields = {name: value for name, value in changes.items() if name in OrderTerms.__dataclass_fields__}
        rest = {name: value for name, value in changes.items() if name not in fields}
        return Order(movement=replace(movement, **rest), terms=replace(terms, **fields))

    def id(self, order: Order) -> SettlementId:
        return settlement_id(order, self.network)

    def signatures(self, order: Order) -> tuple[bytes, bytes]:
        digest = bytes.fromhex(self.id(order))
        return SELLER.sign(digest), BUYER.sign(digest)

    def lock(self, order: Order) -> SettlementId:
        self.ledger.lock(self.id(order), order, *self.signatures(order))
        return self.id(order)

    def proof(self, order: Order, result: OutcomeResult, agents: tuple[int, ...] = (0, 1, 3)) -> Proof:
        epoch = Epoch(number=1, agents=tuple(one.address for one in AGENTS), quorum=3)
        digest = outcome_digest(self.id(order), result, 1, self.network)
        given = [
            Attestation(
                settlement_id=self.id(order),
                result=result,
                epoch=1,
                agent=AGENTS[place].address,
                signature=AGENTS[place].sign(digest),
            )
            for place in agents
        ]
        proof = build_proof(result, given, epoch, self.network)
        assert proof is not None
        return proof


class FakeVenue(Venue):
    """On `lockstep.testing.fakes`."""

    ledger: FakeAssetLedger

    @classmethod
    def open(cls) -> "FakeVenue":
        clock = FakeClock(MORNING)
        network = Network(chain_id=31_337, dvp=key("dvp").address, finality_depth=DEPTH)
        epoch = Epoch(number=1, agents=tuple(one.address for one in AGENTS), quorum=3)
        chain, token = FakeChain(clock, network, epoch), key("token").address
        chain.eligible |= {SELLER.address, BUYER.address}
        chain.issued[token, SELLER.address] = UNITS
        chain.mine(DEPTH)
        return cls(clock=clock, network=network, token=token, ledger=FakeAssetLedger(chain))

    def mine(self, blocks: int = 1) -> None:
        self.ledger.chain.mine(blocks)

    def units(self, wallet: Key) -> tuple[int, int]:
        chain = self.ledger.chain
        return chain.owned(self.token, wallet.address), chain.free(self.token, wallet.address)

    def suspend(self, wallet: Key) -> None:
        self.ledger.chain.eligible.discard(wallet.address)

    def record_paid(self, order: Order, proof: Proof) -> None:
        self.ledger.chain.end(order, OutcomeResult.PAID, proof, "PaidRecorded")

    def settle(self, order: Order, proof: Proof) -> None:
        self.ledger.chain.end(order, OutcomeResult.PAID, proof, "Settled")

    def rotate(self, agents: tuple[Key, ...]) -> Epoch:
        epoch = self.next_epoch(agents)
        self.ledger.chain.rotate(epoch)
        return epoch


@dataclass(kw_only=True)
class ChainVenue(Venue):
    """On the compiled contracts. `renewed` gives another node and sender, as after a restart."""

    chain: Any
    """An EmbeddedChain, or an anvil as `anvil.AnvilChain`."""
    registry: str
    log: FakeTransactionLog

    @classmethod
    def open(cls, chain: Any = None) -> "ChainVenue":
        clock = FakeClock(MORNING)
        chain = chain or EmbeddedChain(clock)
        registrar = Deployer(chain.node, REGISTRAR, poll=chain.mine)
        issuer = Deployer(chain.node, ISSUER, poll=chain.mine)
        for one in (REGISTRAR, ISSUER, OPERATOR, STRANGER):
            registrar.fund(chain.faucet, one.address)
        registry = registrar.deploy("ParticipantRegistry", REGISTRAR.address, CONFIRMER.address)
        agents = [one.address for one in AGENTS]
        dvp = registrar.deploy("DvP", (agents, 3, 1, OFFICER.address, CONFIRMER.address))
        for number, one in enumerate((SELLER, BUYER)):
            lei = f"5299000000000000{number:04d}".encode()
            registrar.call("ParticipantRegistry", registry, "register", one.address, lei, b"DE", 0, 2**40 - 1)
        token = issuer.deploy("SecurityToken", *bond(registry, dvp))
        issuer.call("SecurityToken", token, "issue", SELLER.address, UNITS)
        for desk in (registrar, issuer):
            desk.flush()
        chain.mine(DEPTH)
        network = Network(chain_id=chain.node.chain_id(), dvp=dvp, finality_depth=DEPTH)
        made = cls(
            clock=clock,
            network=network,
            token=token,
            ledger=EvmAssetLedger(chain.node, network),
            chain=chain,
            registry=registry,
            log=FakeTransactionLog(),
        )
        made.renew()
        return made

    def renew(self) -> None:
        """A ledger and a sender that remember nothing but the log."""
        sender = Sender(self.chain.node, OPERATOR, self.log, lambda _: None)
        self.ledger = EvmAssetLedger(self.chain.node, self.network, sender)

    def mine(self, blocks: int = 1) -> None:
        self.chain.mine(blocks)

    def units(self, wallet: Key) -> tuple[int, int]:
        node = self.chain.node
        owned, free = (
            int.from_bytes(node.call(self.token, call_data("SecurityToken", name, wallet.address)))
            for name in ("balanceOf", "freeOf")
        )
        return owned, free

    def suspend(self, wallet: Key) -> None:
        desk = Deployer(self.chain.node, REGISTRAR, poll=self.chain.mine)
        desk.call("ParticipantRegistry", self.registry, "setStatus", wallet.address, 2)

    def record_paid(self, order: Order, proof: Proof) -> None:
        self._by_a_stranger("recordPaid", order, proof)

    def settle(self, order: Order, proof: Proof) -> None:
        self._by_a_stranger("settle", order, proof)

    def rotate(self, agents: tuple[Key, ...]) -> Epoch:
        epoch, present = self.next_epoch(agents), self.ledger.epoch()
        words = Rotation(
            number=epoch.number,
            agents=epoch.agents,
            quorum=3,
            faulty=1,
            officer=OFFICER.address,
            confirmer=CONFIRMER.address,
        )
        signatures = [one.sign(rotation_digest(words, self.network)) for one in AGENTS]
        proof = build_rotation_proof(words, signatures, present, self.network)
        assert proof is not None
        desk = Deployer(self.chain.node, STRANGER, poll=self.chain.mine)
        desk.call("DvP", self.network.dvp, "rotate", rotation_words(words), packed(proof))
        desk.flush()
        return epoch

    def _by_a_stranger(self, name: str, order: Order, proof: Proof) -> None:
        one = order.movement
        movement = (one.token, one.seller, one.buyer, one.quantity, one.epoch, one.nonce)
        desk = Deployer(self.chain.node, STRANGER, poll=self.chain.mine)
        desk.call("DvP", self.network.dvp, name, (movement, terms_hash(order.terms)), packed(proof))
