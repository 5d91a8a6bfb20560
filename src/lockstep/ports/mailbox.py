"""Where participants are told what became of their instructions, and what others say to them through the service."""

from collections.abc import Sequence
from typing import Protocol

from lockstep.domain.instruction import CancellationAdvice, SettlementConfirmation, StatusAdvice
from lockstep.domain.margin_message import MarginCallRequest, MarginCallResponse
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.ports.results import Results

__all__ = ["BulkMailbox", "Mailbox", "PartyBody"]

PartyBody = (
    StatusAdvice | CancellationAdvice | SettlementConfirmation | MarginCallRequest | MarginCallResponse | Rejection
)


class Mailbox(Protocol):
    """Where participants get their messages. Delivering the same message twice is harmless."""

    def deliver(self, message: Message[PartyBody]) -> None: ...


class BulkMailbox(Mailbox, Protocol):
    """Where participants get many messages at once."""

    def deliver_all(self, messages: Sequence[Message[PartyBody]]) -> Results:
        """As `deliver`, each; None once it would outlive a power cut."""
