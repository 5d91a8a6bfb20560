"""The links of an evidence pack, in the order in which they are judged: a closed list."""

from dataclasses import dataclass
from enum import Enum

from lockstep.domain.errors import LockstepError

__all__ = ["BrokenLink", "Claim", "Link", "Verdict"]


class Link(Enum):
    """What holds a pack together. `docs/reference/evidence.md` says of each what it proves."""

    FORM = "form"
    NETWORK = "network"
    TERMS = "terms"
    INSTRUCTION = "instruction"
    ORDER = "order"
    CONSENT = "consent"
    ATTESTATION = "attestation"
    QUORUM = "quorum"
    CASH_MESSAGE = "cash-message"
    CASH_OUTCOME = "cash-outcome"
    HEADER = "header"
    FINALITY = "finality"
    TRANSACTION = "transaction"
    RECEIPT = "receipt"
    LOCK = "lock"
    END = "end"
    JOURNAL_ENTRY = "journal-entry"
    JOURNAL_PATH = "journal-path"
    JOURNAL_ROOT = "journal-root"
    JOURNAL_MAIL = "journal-mail"
    MOMENTS = "moments"
    SEAL = "seal"


class BrokenLink(LockstepError):
    """The first link of an evidence pack that does not hold: nothing of the pack is to be believed."""

    def __init__(self, link: Link, reason: str) -> None:
        self.link, self.reason = link, reason
        super().__init__(f"{link.value}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One thing about a trade, in words, and the link that shows it."""

    link: Link
    text: str

    def as_json(self) -> dict[str, str]:
        return {"link": self.link.value, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a pack proves to who trusts as he said, and what it leaves open."""

    trade_id: str
    settlement_id: str
    outcome: str
    """SETTLED or RELEASED."""
    proven: tuple[Claim, ...]
    open: tuple[Claim, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "trade_id": self.trade_id,
            "settlement_id": self.settlement_id,
            "outcome": self.outcome,
            "proven": [one.as_json() for one in self.proven],
            "open": [one.as_json() for one in self.open],
        }
