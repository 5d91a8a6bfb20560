"""What the sender pays, how many it has under way, and when it pays more."""

from dataclasses import dataclass

from lockstep.chain.node import Standing
from lockstep.signing.transactions import Unsigned

__all__ = ["SendingRules", "dearer", "priced"]

GWEI = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRules:
    """Fees in wei per gas. Gas and fees are always explicit: no estimate, no surprise."""

    priority_fee: int = GWEI
    """What a block's maker gets, at first."""
    fee_cap: int = 500 * GWEI
    """The most that is ever offered; at the cap a transaction waits, and that is told once."""
    patience_blocks: int = 12
    """Without inclusion for so many blocks, a transaction is replaced by a dearer one under the same nonce."""
    window: int = 64
    """Transactions of one key under way at once: what nodes keep of one sender, geth 64 by default."""
    finality_depth: int | None = None
    """Blocks below the head that are final; what became of a nonce there is never looked at again unasked."""


def priced(standing: Standing, rules: SendingRules) -> tuple[int, int]:
    """Priority fee and highest fee for a new transaction: room for the base fee to double (EIP-1559)."""
    highest = min(2 * standing.base_fee + rules.priority_fee, rules.fee_cap)
    return min(rules.priority_fee, highest), highest


def dearer(stuck: Unsigned, standing: Standing, rules: SendingRules) -> Unsigned | None:
    """The same call for both fees at least an eighth higher, which every node takes as a replacement (geth and anvil
    ask for 10 %, others for 12.5 %); None where that would pass the cap."""
    priority = _raised(stuck.priority_fee)
    highest = max(_raised(stuck.max_fee), 2 * standing.base_fee + priority)
    if highest > rules.fee_cap:
        highest = _raised(stuck.max_fee)  # less room than wished is still more than it has
    return None if highest > rules.fee_cap else stuck.dearer(priority, highest)


def _raised(fee: int) -> int:
    return fee + fee // 8 + 1
