"""What a key's sender remembers of the transactions that it sent to the chain."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["SentTransaction", "TransactionLog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransaction:
    """A chain transaction as decided: reserved, signed, broadcast, then mined, reverted or replaced, each step stored.

    `key` names what it is for (`lock/<settlement id>`); a batch's `serves` names each of those that it is for.
    """

    key: str
    nonce: int
    raw: bytes
    """What leaves; while it is reserved, what is to be signed."""
    hash: str
    """The chain's name for it; while it is reserved, `digest`."""
    status: str = "signed"
    """reserved, signed, broadcast, mined, reverted or replaced."""
    block: int | None = None
    gas: int | None = None
    """Block and gas come from its receipt."""
    digest: str = ""
    """Key and what it signs, hashed: which transaction it is, before it has a hash. Hex; the hash where not known."""
    serves: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    """Which of `serves` the batch went on without, and the revert data that each met, hex."""
    broadcasts: int = 0
    """How often it left."""
    first_sent: int | None = None
    last_sent: int | None = None
    """The head's number when it first left, and when it last did."""
    final: bool = False
    """What became of its nonce is below the finality depth."""
    sender: str = ""
    """Whose log it is in, where several keys share the records."""

    @property
    def identity(self) -> str:
        return self.digest or self.hash

    @property
    def in_flight(self) -> bool:
        """Not yet known to have come to an end."""
        return self.status in ("reserved", "signed", "broadcast")


class TransactionLog(Protocol):
    """The memory of one key's sender. Several workers with one key write under leases on the same subject."""

    @property
    def sender(self) -> str:
        """Its name, where several keys share the records; else empty. `SentTransaction.sender`."""

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        """All tries at one thing, of every key, oldest first; those of batches that serve it too."""

    def transactions_of(self, keys: Collection[str]) -> Mapping[str, Sequence[SentTransaction]]:
        """The same of many; a key that was never tried is left out."""

    def unmined(self) -> Sequence[SentTransaction]:
        """Those in flight, by nonce."""

    def from_nonce(self, nonce: int, most: int = 1_000) -> Sequence[SentTransaction]:
        """Every try with this nonce or a higher one, whatever became of it if that is not final, by nonce, at most so
        many."""

    def put(self, transaction: SentTransaction) -> None:
        """`put_all` of one."""

    def put_all(self, transactions: Sequence[SentTransaction]) -> None:
        """Stores or replaces by `identity`, durably, all or none.

        Raises LeaseLost, and stores nothing, if it writes under a lease that another has taken over.
        """

    def finish(self, nonce: int) -> None:
        """Those below this nonce are final. Raises LeaseLost."""
