"""A cash system behind a directory drop, as `lockstep.rtgs.drop` keeps it.

`send` leaves the message as a file and waits for what becomes of it: archived means that the RTGS has it
durably, an `admi.002` in `error` is its refusal, and a file that still lies there when the time is over means
that nothing is known: it may yet be taken. `send_all` leaves one file for many messages and finds beside it, if one
of them was not taken, what became of each.
"""

import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lockstep.cash.mail import Outgoing, read_mail, refusal_of, require_answers_to
from lockstep.domain.errors import InvalidMessage, LockstepError, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.notice import Acknowledgement, Rejection
from lockstep.durable import sync_folder
from lockstep.iso20022 import read, unpack, write
from lockstep.ports import CashBody, Unreadable

PAUSE_SECONDS = 0.02


class DirectoryCashSystem:
    """The cash system as the party `bic` sees it, through its folder `root`.

    `idle` is called while an answer is awaited; a test or a simulation lets the door sweep there.
    """

    def __init__(
        self,
        root: Path,
        bic: Bic,
        timeout_seconds: float = 10.0,
        idle: Callable[[], object] = lambda: time.sleep(PAUSE_SECONDS),
    ) -> None:
        self._root, self._bic, self._timeout, self._idle = root, bic, timeout_seconds, idle

    def send(self, message: Message[CashBody]) -> None:
        """See `ports.CashSystem.send`."""
        error = self._alone(message.message_id, write(message))
        if error is not None:
            raise error

    def send_all(self, messages: Sequence[Message[CashBody]]) -> Sequence[LockstepError | None]:
        """See `ports.BulkCashSystem.send_all`. The messages of a file that is refused as such go one by one."""
        return Outgoing(messages).send(self._leave_file, self._alone)

    def _alone(self, name: str, data: bytes) -> LockstepError | None:
        try:
            left = self._left(name, data)
            if (self._root / "archive" / left).exists():
                return None
            return refusal_of((self._root / "error" / f"{Path(left).stem}.admi.002.xml").read_bytes())
        except Unavailable as error:
            return error
        except OSError as error:
            return Unavailable(f"{self._root}: {error}")

    def _leave_file(self, sent: Sequence[str], file: bytes) -> Sequence[LockstepError | None] | None:
        """What became of each message, by their ids; None if the file was not taken as one. Raises Unavailable."""
        try:
            left = self._left(f"F-{sent[0]}", file)
            answers = self._root / "error" / f"{Path(left).stem}.answers.xml"
            if (self._root / "archive" / left).exists():
                return [None] * len(sent)
            if not answers.exists():
                (self._root / "error" / f"{Path(left).stem}.admi.002.xml").read_bytes()
                return None
            told = [_answer(data) for data in unpack(answers.read_bytes()).messages]
            require_answers_to(sent, [related for related, _ in told])
            return [outcome for _, outcome in told]
        except InvalidMessage as error:
            raise Unavailable(f"the answers cannot be read: {error}") from error
        except OSError as error:
            raise Unavailable(f"{self._root}: {error}") from error

    def _left(self, name: str, data: bytes) -> str:
        """The name under which it was left, once it does not lie there any more. Raises Unavailable, OSError."""
        left = self._leave(name, data)
        deadline = time.monotonic() + self._timeout
        while (self._root / "in" / left).exists():
            if time.monotonic() > deadline:
                raise Unavailable(f"{left} still lies in {self._root / 'in'}")
            self._idle()
        return left

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[CashBody] | Unreadable]]:
        """See `ports.CashSystem.receive`."""
        return read_mail(self.mail(after, limit), self._bic)

    def mail(self, after: int, limit: int = 200) -> Sequence[tuple[int, bytes]]:
        """As `receive`, each message as the bytes that came."""
        items: list[tuple[int, bytes]] = []
        try:
            if not (self._root / "out").is_dir():
                raise Unavailable(f"{self._root / 'out'} is not there")
            while len(items) < limit:
                sequence = after + len(items) + 1
                items.append((sequence, (self._root / "out" / f"{sequence:012d}.xml").read_bytes()))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Unavailable(f"{self._root}: {error}") from error
        return items

    def _leave(self, message_id: str, data: bytes) -> str:
        """Puts the file there whole, under a name that no earlier try has: NAME-1.xml, NAME-2.xml, …"""
        stem, number = re.sub(r"[^A-Za-z0-9-]", "_", message_id), 1
        while any((self._root / folder / f"{stem}-{number}.xml").exists() for folder in ("in", "archive", "error")):
            number += 1
        name = f"{stem}-{number}.xml"
        part = self._root / "in" / f".{name}.part"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._root / "in" / name)
        sync_folder(self._root / "in")
        return name


def _answer(data: bytes) -> tuple[str | None, LockstepError | None]:
    """To which message a file's answer is, by its id, and what it says of that; None where it does not say."""
    body = read(data).body
    if isinstance(body, Acknowledgement):
        return body.related_message_id, None
    return (body.related_message_id if isinstance(body, Rejection) else None), refusal_of(data)
