"""The service's records with what it pays for the collateral register."""

from collections.abc import Sequence
from typing import Protocol

from lockstep.domain.register_payment import RegisterPayment
from lockstep.ports.margin import EnforcementBook

__all__ = ["PaymentBook"]


class PaymentBook(EnforcementBook, Protocol):
    """Payments of income and of sales are stored by `Change.payments`. What is enforced is looked at for its sales."""

    def register_payment(self, name: str) -> RegisterPayment | None: ...

    def open_register_payments(self) -> Sequence[RegisterPayment]:
        """Those that have not ended, oldest first."""

    def register_payments(self) -> Sequence[RegisterPayment]: ...
