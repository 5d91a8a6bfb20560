"""A cash system in the same process, by two functions. For the demo, the simulation and tests."""

from collections.abc import Callable, Sequence

from lockstep.cash.mail import read_mail
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.iso20022 import write
from lockstep.ports import CashBody, Unreadable

Handle = Callable[[bytes, Bic], object]
"""Takes one party's message; raises Refused or InvalidInput."""
MailboxOf = Callable[[Bic, int, int], Sequence[tuple[int, bytes]]]
"""A party's mail after a sequence number, at most so many."""


class DirectCashSystem:
    """The cash system as the party `bic` sees it, without a network between."""

    def __init__(self, handle: Handle, mailbox: MailboxOf, bic: Bic) -> None:
        self._handle, self._mailbox, self._bic = handle, mailbox, bic

    def send(self, message: Message[CashBody]) -> None:
        """See `ports.CashSystem.send`."""
        self._handle(write(message), self._bic)

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[CashBody] | Unreadable]]:
        """See `ports.CashSystem.receive`."""
        return read_mail(self._mailbox(self._bic, after, limit), self._bic)
