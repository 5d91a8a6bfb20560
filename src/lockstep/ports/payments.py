"""The service's records with what it pays for the collateral register."""

from collections.abc import Sequence
from typing import Protocol

from lockstep.domain.register_payment import RegisterPayment
from lockstep.ports.book import Book

__all__ = ["PaymentBook"]


class PaymentBook(Book, Protocol):
    """Payments of income and of sales are stored by `Change.payments`."""

    def register_payment(self, name: str) -> RegisterPayment | None: ...

    def open_register_payments(self) -> Sequence[RegisterPayment]:
        """Those that have not ended, oldest first."""

    def register_payments(self) -> Sequence[RegisterPayment]: ...
