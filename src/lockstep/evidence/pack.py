"""An evidence pack: all that shows how one trade ended, as one file.

Bytes of messages and of the chain are as they were sent and hashed. Addresses are EIP-55 text, instants of chain
orders UTC seconds, all others ISO 8601 in UTC. `docs/reference/evidence.md` says of each field what it means.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from lockstep.domain.identifiers import Isin, Lei, Reference, TradeId
from lockstep.domain.money import Money, Quantity
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.domain.trade import TradeTerms
from lockstep.evidence.canonical import dump
from lockstep.signing import Key
from lockstep.signing.words import keccak

__all__ = [
    "FORM",
    "AttestationPart",
    "ChainPart",
    "EntryPart",
    "JournalPart",
    "Moments",
    "MomentsPart",
    "NetworkPart",
    "OrderPart",
    "Pack",
    "Seal",
    "TermsPart",
    "TransactionPart",
    "seal",
    "seal_digest",
]

FORM = "lockstep-evidence-1"
_SEALED = b"\x19Lockstep evidence pack\n"
"""Before what is signed: no transaction and no EIP-712 digest begins so (ERC-191: the second byte is a version)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPart:
    """The chain and the contract of the asset leg."""

    chain_id: int
    dvp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsPart:
    """What both parties agreed; the hash of its canonical form is the trade's id. Amounts as messages write them."""

    deliverer: str
    receiver: str
    deliverer_reference: str
    receiver_reference: str
    isin: str
    quantity: str
    cash: str
    currency: str
    settlement_date: str
    salt: str

    @classmethod
    def of(cls, terms: TradeTerms) -> "TermsPart":
        return cls(
            deliverer=terms.deliverer,
            receiver=terms.receiver,
            deliverer_reference=terms.deliverer_reference,
            receiver_reference=terms.receiver_reference,
            isin=terms.isin,
            quantity=terms.quantity.text(),
            cash=terms.cash.text(),
            currency=terms.cash.currency,
            settlement_date=terms.settlement_date.isoformat(),
            salt=terms.salt,
        )

    def value(self) -> TradeTerms:
        """Raises ValueError or InvalidInput."""
        return TradeTerms(
            deliverer=Lei(self.deliverer),
            receiver=Lei(self.receiver),
            deliverer_reference=Reference(self.deliverer_reference),
            receiver_reference=Reference(self.receiver_reference),
            isin=Isin(self.isin),
            quantity=Quantity.parse(self.quantity),
            cash=Money.parse(self.cash, self.currency),
            settlement_date=date.fromisoformat(self.settlement_date),
            salt=self.salt,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPart:
    """The order as both wallets signed it (EIP-712), field for field, with both signatures, 65 bytes each."""

    token: str
    seller: str
    buyer: str
    quantity: int
    epoch: int
    nonce: int
    trade_id: str
    part: int
    cash_hash: str
    lock_by: int
    pay_by: int
    minimum_lot: int
    group: str
    seller_signature: bytes
    buyer_signature: bytes

    @classmethod
    def of(cls, order: Order, seller_signature: bytes, buyer_signature: bytes) -> "OrderPart":
        movement, terms = order.movement, order.terms
        return cls(
            token=movement.token,
            seller=movement.seller,
            buyer=movement.buyer,
            quantity=movement.quantity,
            epoch=movement.epoch,
            nonce=movement.nonce,
            trade_id=terms.trade_id,
            part=terms.part,
            cash_hash=terms.cash_hash,
            lock_by=terms.lock_by,
            pay_by=terms.pay_by,
            minimum_lot=terms.minimum_lot,
            group=terms.group,
            seller_signature=seller_signature,
            buyer_signature=buyer_signature,
        )

    def value(self) -> Order:
        return Order(
            movement=Movement(
                token=self.token,
                seller=self.seller,
                buyer=self.buyer,
                quantity=self.quantity,
                epoch=self.epoch,
                nonce=self.nonce,
            ),
            terms=OrderTerms(
                trade_id=TradeId(self.trade_id),
                part=self.part,
                cash_hash=self.cash_hash,
                lock_by=self.lock_by,
                pay_by=self.pay_by,
                minimum_lot=self.minimum_lot,
                group=self.group,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationPart:
    """One agent's signature over the pack's outcome, 65 bytes."""

    agent: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionPart:
    """A transaction and its receipt: the nodes from their block's roots down to them. The last node holds each."""

    block: int
    place: int
    transaction_proof: tuple[bytes, ...]
    receipt_proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPart:
    """The asset leg. `headers`: RLP, ascending, from each transaction's block to the one that made it final."""

    headers: tuple[bytes, ...]
    lock: TransactionPart
    end: TransactionPart


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPart:
    """A journal entry, the hash of the entry before it, and its siblings up to the root, lowest first."""

    number: int
    at: str
    kind: str
    subject: str
    facts: Mapping[str, str]
    previous: str
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPart:
    """The trade's entries in the tree over the journal's first `size` entries (RFC 6962; a leaf is an entry's hash)."""

    size: int
    root: bytes
    entries: tuple[EntryPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """The moments of the Settlement Finality Directive (98/26/EC): entry (SF1), irrevocability (SF2), final transfer
    (SF3); None for one that never came."""

    entered: str | None
    irrevocable: str | None
    final: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentsPart:
    """Of each leg. They follow from the rest of the pack and are written out for who reads it."""

    securities: Moments
    cash: Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The signature of who made the pack, over all the rest of it, 65 bytes."""

    signer: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The whole file. `outcome` is PAID or NEVER; messages are the bytes as they came."""

    form: str
    network: NetworkPart
    trade_id: str
    settlement_id: str
    terms: TermsPart
    instructions: tuple[bytes, ...]
    order: OrderPart
    outcome: str
    attestations: tuple[AttestationPart, ...]
    cash_messages: tuple[bytes, ...]
    chain: ChainPart
    journal: JournalPart
    moments: MomentsPart
    seal: Seal | None


def seal_digest(pack: Pack) -> bytes:
    """The 32 bytes that who makes a pack signs: over every byte of it but the seal."""
    return keccak(_SEALED + hashlib.sha256(dump(replace(pack, seal=None))).digest())


def seal(pack: Pack, key: Key) -> Pack:
    """Sealed by a key, whoever sealed it before."""
    return replace(pack, seal=Seal(signer=key.address, signature=key.sign(seal_digest(pack))))
