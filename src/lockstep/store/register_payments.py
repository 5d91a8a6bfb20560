"""Payments for the collateral register on the database: see `ports.PaymentBook`. `wholes` writes them."""

from collections.abc import Sequence

from sqlalchemy import Engine

from lockstep.domain.register_payment import RegisterPayment
from lockstep.store.bulk import Statement
from lockstep.store.codec import load

__all__ = ["RegisterPayments"]

_ONE = Statement("SELECT body FROM register_payment WHERE name = ?")
_ALL = Statement("SELECT name, body FROM register_payment ORDER BY number")
# The plus keeps SQLite from reading all rows in the order of their numbers, the finished ones too.
_OPEN = Statement("SELECT name, body FROM register_payment WHERE open ORDER BY +number")


class RegisterPayments:
    """What a book reads of them."""

    _engine: Engine

    def register_payment(self, name: str) -> RegisterPayment | None:
        rows = _ONE.alone(self._engine, name)
        return load(RegisterPayment, rows[0][0], name) if rows else None

    def open_register_payments(self) -> Sequence[RegisterPayment]:
        return [load(RegisterPayment, body, name) for name, body in _OPEN.alone(self._engine)]

    def register_payments(self) -> Sequence[RegisterPayment]:
        return [load(RegisterPayment, body, name) for name, body in _ALL.alone(self._engine)]
