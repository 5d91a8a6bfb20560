"""What the auditor says of a chain: values only, so that who judges them need not know how they were read."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "CancelFact",
    "ChainFacts",
    "CycleFact",
    "EpochFact",
    "HoldingFact",
    "LegFact",
    "LockFact",
    "LongStopFact",
    "MoveFact",
    "PartyFact",
    "RecoveryFact",
    "SuccessionFact",
    "TransferFact",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFact:
    """A Locked event with its whole order. `derived` is the id that the order really has."""

    settlement: str
    derived: str
    trade: str
    token: str
    seller: str
    buyer: str
    quantity: int
    epoch: int
    nonce: int
    cash_hash: str
    pay_by: int
    block: int
    at: int
    transaction: str
    seller_proof: str
    """How the seller's consent was verified: "key", "wallet" (ERC-1271, asked at the lock's block), "none", or
    "hidden": the lock came by a call whose calldata does not show it."""
    buyer_proof: str
    call: str
    """The function of DvP that the transaction called; "" where another contract made the call."""
    of_order: str | None = None
    """The id of the whole order that this is a part of (PartLocked), and its quantity."""
    order_quantity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFact:
    """One gross trade of a cycle; `terms_hash` is the salted hash of its terms, its cash among them."""

    token: str
    seller: str
    buyer: str
    quantity: int
    terms_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyFact:
    """One party of a cycle. `proof` is how its consent to its own legs and limits was verified, as in LockFact.

    `least` are its limits: by token the least that it wants to receive less what it delivers. Empty where hidden.
    """

    wallet: str
    proof: str
    least: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleFact:
    """A NetLocked event with its whole cycle. `derived` is the id that the cycle really has.

    `legs` are in the cycle's order; none where the packed bytes are not legs between its parties.
    """

    settlement: str
    derived: str
    parties: tuple[PartyFact, ...]
    legs: tuple[LegFact, ...]
    cash_hash: str
    epoch: int
    pay_by: int
    block: int
    at: int
    transaction: str
    call: str
    apart: Mapping[str, str] | None = None
    """Where it ends security by security: the transaction that ended each one, by token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFact:
    """PaidRecorded, Settled or GivenBack. `signers` signed `outcome` (1 paid, 2 never) in the call's proof."""

    name: str
    settlement: str
    block: int
    at: int
    transaction: str
    outcome: int
    epoch: int
    signers: tuple[str, ...]
    call: str
    """As in LockFact."""
    hidden: bool
    """The calldata shows no proof: another contract made the call, or a function that is not known here."""
    long_stop: "LongStopFact | None" = None
    """With a long stop's confirmation: it ended without a proof. With a hidden GivenBack: what was proposed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongStopFact:
    """Two transactions of two roles, in the epochs `proposed_in` and `confirmed_in`, which must be one.

    A sender is None where another contract made the call.
    """

    proposed_by: str | None
    proposed_at: int
    proposed_in: int
    confirmed_in: int
    officer: str
    """Of the epoch that served at the proposal."""
    confirmed_by: str | None
    confirmer: str
    """Of the epoch that served at the confirmation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelFact:
    """An OrderCancelled event with what its call showed. `seller_proof` as in LockFact; "caller": it was the seller."""

    settlement: str
    by: str
    buyer: str | None
    seller_proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFact:
    """An EpochStarted event."""

    number: int
    agents: tuple[str, ...]
    quorum: int
    officer: str
    confirmer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFact:
    """A Transfer event of a token; `source` is None for units issued, `target` for units ended."""

    token: str
    source: str | None
    target: str | None
    units: int
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryFact:
    """A lost wallet's units of one token went to its heir; what arrives for it later goes there too."""

    token: str
    wallet: str
    transfers: int
    """How many transfers came before, of all tokens that are audited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessionFact:
    """A registry gave a wallet its successor, for good. `transfers` as in RecoveryFact."""

    wallet: str
    successor: str
    transfers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingFact:
    """One holder's units of one token, as the token says."""

    token: str
    holder: str
    balance: int
    free: int
    earmarked: int
    earmarked_by_dvp: int
    frozen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFacts:
    """All of it at block `head`; events in the chain's order, times in seconds."""

    head: int
    times: Mapping[int, int]
    """Of each block with an event, of each that makes a lock final, and of the head."""
    locks: tuple[LockFact, ...]
    cycles: tuple[CycleFact, ...]
    moves: tuple[MoveFact, ...]
    cancellations: tuple[CancelFact, ...]
    epochs: tuple[EpochFact, ...]
    transfers: tuple[TransferFact, ...]
    recoveries: tuple[RecoveryFact, ...]
    successions: tuple[SuccessionFact, ...]
    holdings: tuple[HoldingFact, ...]
    supplies: Mapping[str, int]
