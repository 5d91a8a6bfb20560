"""The parties' wallets: where an order is signed."""

from typing import Protocol

from lockstep.domain.instruction import Side
from lockstep.domain.order import Order
from lockstep.domain.trade import TradeTerms

__all__ = ["OrderWallet"]


class OrderWallet(Protocol):
    """A party's wallet, wherever it lives. It checks the order against the terms it knows."""

    def sign(self, order: Order, terms: TradeTerms, side: Side) -> bytes | None:
        """The signature, or None where it has not been given yet. Raises Refused."""
