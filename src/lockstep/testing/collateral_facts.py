"""What a chain says of its collateral register, as the shadow (`testing.collateral`) wants to hear it. Standard library
only.

Ids are 64 hex digits, addresses texts that are compared as such, instants UTC seconds. Who collects these facts reads
calls and events by the ABI, and recomputes hashes and signatures by code that the service does not use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Act", "Around", "Event", "Proof", "Step"]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the register, by its name, with its arguments by theirs; structs are mappings, bytes hex."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a presented proof comes to: who signed just this, and of which body of signers it says to be."""

    signers: int
    """How many signatures it has that recover to anybody; of whom says `body`."""
    quorum: int
    """As it says itself."""
    body: str
    """keccak256 of number, quorum, and signers and absent in their order: what agreements and DvP keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call that the register carried out, and whose it was."""

    name: str
    arguments: Mapping[str, Any]
    party: str
    by_itself: bool
    """The party sent the transaction."""
    is_signed: bool = False
    """Its signature over just this act, for this register on this chain, was found and verified."""
    nonce: int = 0
    by: int = 0
    is_together: bool = True
    """It was run with those acts that it was signed for, or for any."""
    derived: str = ""
    """The id that the call's content has: of an agreement, an amendment, a DvP settlement."""
    consents: frozenset[str] = frozenset()
    """Who signed the agreement, or the amendment, that the call brings."""
    proof: Proof | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transaction that left events of the register."""

    block: int
    at: int
    transaction: str
    acts: Sequence[Act]
    """None where its calldata does not show them: another contract made the call."""
    events: Sequence[Event]
    transfers: Sequence[tuple[str, str, str, int]]
    """(token, from, to, units) of all tokens of the market, in the same transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What happened beside the register: of DvP an epoch, a lock or an ending, of the registry a succession."""

    name: str
    """`EpochStarted`, `Locked`, `Settled`, `GivenBack`, `Succeeded`."""
    block: int
    arguments: Mapping[str, Any] = field(default_factory=dict)
