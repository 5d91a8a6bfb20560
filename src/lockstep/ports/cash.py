"""The cash side: the RTGS as one of its parties sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lockstep.domain.errors import LockstepError
from lockstep.domain.message import Message
from lockstep.domain.notice import Acknowledgement
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    NeverRequest,
    Payment,
    PaymentReport,
    Release,
    Resolution,
)
from lockstep.domain.statement import Statement, StatementRequest
from lockstep.domain.transfer import StatusRequest
from lockstep.ports.results import Results

__all__ = ["BulkCashSystem", "CashBody", "CashSystem", "SettlementBody", "Unreadable"]

SettlementBody = Payment | PaymentReport | CancelPayment | NeverRequest | Resolution | BookingNotice | Release
"""What is said of one settlement's cash."""
CashBody = SettlementBody | StatusRequest | StatementRequest | Statement | Acknowledgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Mail that could not be read. It is set apart with its reason; what follows it goes on."""

    data: bytes
    error: LockstepError


class CashSystem(Protocol):
    """The RTGS as one of its parties sees it."""

    def send(self, message: Message[CashBody]) -> None:
        """Hands over a message; returning means the RTGS has it durably.

        Raises Refused or InvalidInput when it says no, Unavailable when nothing is known.
        """

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[CashBody] | Unreadable]]:
        """This party's mail after a sequence number, in order; re-readable for ever. Raises Unavailable.

        Fewer messages than `limit`, and than 200: there was no more mail at that moment.
        """


class BulkCashSystem(CashSystem, Protocol):
    """The RTGS, handed many messages at once."""

    def send_all(self, messages: Sequence[Message[CashBody]]) -> Results:
        """As `send`, each: an error is Refused, InvalidInput or Unavailable."""
