"""A cash system in the same process, by two functions. For the demo, the simulation and tests."""

from collections.abc import Callable, Sequence

from lockstep.cash.mail import Outgoing, read_mail
from lockstep.domain.errors import LockstepError, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.iso20022 import write
from lockstep.ports import CashBody, Unreadable

Handle = Callable[[bytes, Bic], object]
"""Takes one party's message; raises Refused or InvalidInput."""
HandleAll = Callable[[Sequence[tuple[bytes, Bic]]], Sequence[object]]
"""Takes many messages at once; of each what `Handle` returns, or the error that it raises, as a value."""
MailboxOf = Callable[[Bic, int, int], Sequence[tuple[int, bytes]]]
"""A party's mail after a sequence number, at most so many."""


class DirectCashSystem:
    """The cash system as the party `bic` sees it, without a network between."""

    def __init__(self, handle: Handle, mailbox: MailboxOf, bic: Bic, handle_all: HandleAll | None = None) -> None:
        """Without `handle_all` many messages are handed over one by one."""
        self._handle, self._mailbox, self._bic, self._handle_all = handle, mailbox, bic, handle_all

    def send(self, message: Message[CashBody]) -> None:
        """See `ports.CashSystem.send`."""
        self._handle(write(message), self._bic)

    def send_all(self, messages: Sequence[Message[CashBody]]) -> Sequence[LockstepError | None]:
        """See `ports.BulkCashSystem.send_all`."""
        outgoing = Outgoing(messages)
        for places, written, _ in outgoing.files():
            outgoing.end(places, self._hand_over(written))
        return outgoing.results

    def _hand_over(self, written: Sequence[bytes]) -> list[LockstepError | None]:
        if self._handle_all is None:
            return [self._alone(data) for data in written]
        try:
            found = self._handle_all([(data, self._bic) for data in written])
        except Unavailable as error:
            return [error] * len(written)
        return [one if isinstance(one, LockstepError) else None for one in found]

    def _alone(self, data: bytes) -> LockstepError | None:
        try:
            self._handle(data, self._bic)
        except LockstepError as error:
            return error
        return None

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[CashBody] | Unreadable]]:
        """See `ports.CashSystem.receive`."""
        return read_mail(self.mail(after, limit), self._bic)

    def mail(self, after: int, limit: int = 200) -> Sequence[tuple[int, bytes]]:
        """As `receive`, each message as the bytes that came."""
        return self._mailbox(self._bic, after, limit)
