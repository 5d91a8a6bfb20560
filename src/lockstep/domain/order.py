"""The order that both wallets sign, and what the chain and the agents say of it.

Field for field the structs of `contracts/interfaces/IDvP.sol`; how they are hashed and signed is
`lockstep.signing`'s alone. Addresses are 0x-prefixed EIP-55 text; instants are UTC seconds.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.values import quick

__all__ = [
    "ALONE",
    "NO_PROOF",
    "AssetEvent",
    "AssetStatus",
    "AssetView",
    "Attestation",
    "Batch",
    "BatchSignature",
    "EndCall",
    "Epoch",
    "LockCall",
    "LogEntry",
    "Movement",
    "Order",
    "OrderTerms",
    "OutcomeResult",
    "Proof",
    "Rotation",
]

ALONE = "0" * 64
"""The group of an order that is locked on its own."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Which units go where: all that settle and give back need in clear."""

    token: str
    seller: str
    buyer: str
    quantity: int
    """Units of the security, smallest denomination."""
    epoch: int
    nonce: int


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms:
    """Why and until when: on the chain as a hash, after the lock."""

    trade_id: TradeId
    part: int
    cash_hash: str
    """64 hex digits: the salted hash of the cash terms."""
    lock_by: int
    pay_by: int
    minimum_lot: int = 0
    """Fewest units of a part; 0: the order moves as a whole or not at all."""
    group: str = ALONE
    """64 hex digits: the hash of the movements that must be locked together with this one; zeros: alone."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What both parties sign (EIP-712). Its digest is the settlement id."""

    movement: Movement
    terms: OrderTerms


class OutcomeResult(IntEnum):
    """The one outcome of a settlement."""

    PAID = 1
    NEVER = 2


class AssetStatus(IntEnum):
    """A settlement on the chain (IDvP.Status)."""

    NONE = 0
    LOCKED = 1
    PAID = 2
    SETTLED = 3
    GIVEN_BACK = 4
    CANCELLED = 5
    IN_PARTS = 6

    @property
    def is_done(self) -> bool:
        return self in (AssetStatus.SETTLED, AssetStatus.GIVEN_BACK, AssetStatus.CANCELLED)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AssetView:
    """One settlement as the chain has it: at the head, and at the depth that counts as final."""

    head: AssetStatus
    final: AssetStatus
    final_time: int
    """Timestamp of the final block, seconds."""
    epoch_over: bool = False
    """At the final block other agents serve than those whom the order names: nobody can lock it any more."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AssetEvent:
    """Something that happened to a settlement on the chain, as its event tells it."""

    name: str
    """Locked, PaidRecorded, Settled or GivenBack."""
    settlement_id: SettlementId
    transaction: str
    block: int
    at: datetime
    final: bool
    order: Order | None = None
    """With Locked only: the order as signed."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The synchronisation agents of one epoch, ascending by address, and how many must agree."""

    number: int
    agents: tuple[str, ...]
    quorum: int


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The next epoch as it is proposed and signed (IDvP.Epoch, with its number): its agents and its two roles."""

    number: int
    agents: tuple[str, ...]
    """Ascending by address."""
    quorum: int
    faulty: int
    """How many agents may lie without harm: below 2 * quorum - agents."""
    officer: str
    confirmer: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """One agent's signature over one outcome. Worth nothing alone."""

    settlement_id: SettlementId
    result: OutcomeResult
    epoch: int
    agent: str
    signature: bytes
    """65 bytes: r, s, v (27 or 28), s in the lower half."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of an agent's signature log: what its key signed as the `number`-th, from 1.

    The log is a memory of the register outside it: each line is signed and names the one before, so a line that is
    missing, or that another copy of the register wrote, shows.
    """

    number: int
    previous: str
    """64 hex digits: the digest of the line before, zeros for the first."""
    attestation: Attestation
    signature: bytes
    """65 bytes, by the attestation's agent, over `signing.log_digest`."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Settlements for which one signature of each agent is asked, over `signing.outcomes_digest`, in this order."""

    result: OutcomeResult
    epoch: int
    settlements: tuple[SettlementId, ...]

    @property
    def id(self) -> str:
        """64 hex digits: SHA-256 over all of it."""
        said = " ".join((self.result.name, str(self.epoch), *self.settlements))
        return hashlib.sha256(said.encode()).hexdigest()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSignature:
    """One agent's signature over a batch. It says nothing that its signatures over each settlement do not say."""

    batch_id: str
    agent: str
    signature: bytes
    """65 bytes: r, s, v (27 or 28), s in the lower half."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A quorum's signatures over one outcome, in the form the contract takes (IDvP.Proof)."""

    quorum: int

    signers: int
    """Bit i set: the i-th agent of the epoch signed."""
    signatures: bytes
    """64 bytes each (EIP-2098), in agent order."""
    absent: tuple[str, ...]
    """The addresses of those who did not, in agent order."""


NO_PROOF = Proof(quorum=0, signers=0, signatures=b"", absent=())
"""For what the chain has as paid already: the contract reads none."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LockCall:
    """All that a lock takes: an order and both parties' signatures over it, 65 bytes each (or ERC-1271's)."""

    settlement_id: SettlementId
    order: Order
    seller: bytes
    buyer: bytes


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class EndCall:
    """All that a delivery or a release takes: whose proof it is, the call says."""

    settlement_id: SettlementId
    order: Order
    proof: Proof
