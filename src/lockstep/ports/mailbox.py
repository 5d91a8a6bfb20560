"""Where participants are told what became of their instructions."""

from collections.abc import Sequence
from typing import Protocol

from lockstep.domain.instruction import CancellationAdvice, SettlementConfirmation, StatusAdvice
from lockstep.domain.message import Message
from lockstep.ports.results import Results

__all__ = ["BulkMailbox", "Mailbox", "PartyBody"]

PartyBody = StatusAdvice | CancellationAdvice | SettlementConfirmation


class Mailbox(Protocol):
    """Where participants get their messages. Delivering the same message twice is harmless."""

    def deliver(self, message: Message[PartyBody]) -> None: ...


class BulkMailbox(Mailbox, Protocol):
    """Where participants get many messages at once."""

    def deliver_all(self, messages: Sequence[Message[PartyBody]]) -> Results:
        """As `deliver`, each; None once it would outlive a power cut."""
