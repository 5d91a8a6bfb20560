"""Files from participants: read, given to the engine, and what became of each."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from lockstep.domain.errors import Conflict, InvalidInput, InvalidMessage, LockstepError
from lockstep.domain.identifiers import reference as checked_reference
from lockstep.domain.instruction import CancellationRequest, Instruction
from lockstep.domain.margin_message import MarginBody, MarginCallRequest, MarginCallResponse
from lockstep.domain.message import Message
from lockstep.flow.receiving import HandedIn, Reception, Unusable
from lockstep.flow.reporting import Refusal
from lockstep.iso20022 import LARGEST_FILE, Body, Header, peek, read

if TYPE_CHECKING:  # it loads signatures, which who hands in trades alone can do without
    from lockstep.flow.margin_mail import MarginMail

__all__ = ["Taken", "expand", "submit_file", "submit_files"]

TOGETHER = 100
"""Files whose messages are stored in one commit, as far as they touch nothing of one another."""
Margin = Callable[[], "MarginMail"]
"""Opens where margin calls are handed in, which asks a node: only where there are any. Raises LockstepError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Margin:
    """A colr.003 or colr.004, and the bytes that it came as."""

    message: Message[MarginBody]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one file: `outcome` is instructed, cancellation asked, margin called, margin answered, duplicate
    or refused."""

    file: str
    outcome: str
    reference: str | None = None
    error: LockstepError | None = None

    def as_json(self) -> dict[str, str | None]:
        error = self.error
        told = error if isinstance(error, InvalidInput | Conflict) else None
        return {
            "file": self.file,
            "outcome": self.outcome,
            "reference": self.reference,
            "error": str(error) if error else None,
            "field": told.field if told else None,
            "value": told.value if told else None,
            "rule": told.rule if told else None,
        }


def expand(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as named, folders as their XML files, all below, in the order of their names."""
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("*.xml"))
        else:
            yield path


def submit_file(
    reception: Reception,
    path: Path,
    told: Callable[[Taken], None] = lambda _: None,
    *,
    late: bool = False,
    margin: Margin | None = None,
) -> Taken:
    """Gives one file to the reception. A refusal is journalled and returned, never raised: the rest goes on.

    `late`: see `Reception.submit`. Without `margin` a margin call is refused.
    """
    (taken,) = submit_files(reception, [path], told, late=late, margin=margin)
    return taken


def submit_files(
    reception: Reception,
    paths: Iterable[Path],
    told: Callable[[Taken], None] = lambda _: None,
    *,
    late: bool = False,
    margin: Margin | None = None,
) -> list[Taken]:
    """Gives files to the reception, `TOGETHER` at a time, in their order; each as `submit_file` does. Margin messages
    are taken one by one, after the others of their `TOGETHER`, with which they have nothing in common.

    `told` is called for each once it is durable what became of it.
    """
    taken: list[Taken] = []
    coming = iter(paths)
    while batch := list(islice(coming, TOGETHER)):
        for one in _submit(reception, batch, margin, late=late):
            told(one)
            taken.append(one)
    return taken


def _submit(reception: Reception, paths: Sequence[Path], margin: Margin | None, *, late: bool) -> list[Taken]:
    files = [_read(path) for path in paths]
    given = [one for one in files if isinstance(one, HandedIn | Unusable)]
    results = iter(reception.submit_all(given, late=late))
    taken = []
    for path, one in zip(paths, files, strict=True):
        if isinstance(one, _Margin):
            taken.append(_margin_taken(path, one, margin))
        else:
            taken.append(one if isinstance(one, Taken) else _taken(path, one, next(results)))
    return taken


def _margin_taken(path: Path, given: _Margin, margin: Margin | None) -> Taken:
    reference = given.message.body.call_id
    try:
        if margin is None:
            raise InvalidMessage("AppHdr/MsgDefIdr", "a margin call", "sese.023 or sese.020: none is called for here")
        outcome = margin().submit(given.message, given.data)
    except LockstepError as error:
        return Taken(file=_shown(path), outcome="refused", reference=reference, error=error)
    return Taken(file=_shown(path), outcome=outcome, reference=reference)


def _shown(path: Path | str) -> str:
    """As text that can be stored and shown: who leaves a file names it by any bytes."""
    return os.fsencode(path).decode("utf-8", "replace")


def _taken(path: Path, given: HandedIn | Unusable, result: str | LockstepError) -> Taken:
    reference = given.message.body.reference if isinstance(given, HandedIn) else None
    if isinstance(result, str):
        return Taken(file=_shown(path), outcome=result, reference=reference)
    return Taken(file=_shown(path), outcome="refused", reference=reference, error=result)


def _read(path: Path) -> HandedIn | _Margin | Unusable | Taken:
    """What a file holds; what became of it already, if it cannot be read."""
    try:
        data = _content(path)
    except OSError as error:
        wrong = InvalidInput("file", _shown(path), f"readable ({error.strerror})")
        return Taken(file=_shown(path), outcome="refused", error=wrong)
    try:
        message = read(data)
        if _is_of_margin(message):
            return _Margin(message=message, data=data)
        if not _is_from_party(message):
            kind = type(message.body).__name__
            rule = "sese.023, sese.020, colr.003 or colr.004, what participants send"
            raise InvalidMessage("AppHdr/MsgDefIdr", kind, rule)
    except LockstepError as error:
        header = peek(data)
        subject = header.message_id if header and header.message_id else _shown(path.name)
        return Unusable(subject=subject, error=error, refusal=_refusal(header))
    return HandedIn(message=message, data=data)


def _content(path: Path) -> bytes:
    """A regular file's bytes, no more of a large one than shows that it is too large. A pipe would wait for ever."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        return file.read(LARGEST_FILE)


def _refusal(header: Header | None) -> Refusal | None:
    """What is known of a message that could not be taken, if that is enough to answer it."""
    if header is not None and header.definition.startswith("colr."):
        return Refusal(sender=header.sender, message_id=header.message_id) if _is_id(header.message_id) else None
    if header is None or header.reference is None or header.side is None:
        return None
    return Refusal(
        sender=header.sender,
        message_id=header.message_id,
        reference=header.reference,
        side=header.side,
        is_cancellation=bool(header.definition and header.definition.startswith("sese.020")),
    )


def _is_id(text: str) -> bool:
    """Whether an answer can name it."""
    try:
        checked_reference(text)
    except InvalidInput:
        return False
    return True


def _is_from_party(
    message: Message[Body],
) -> TypeGuard[Message[Instruction] | Message[CancellationRequest]]:
    return isinstance(message.body, (Instruction, CancellationRequest))


def _is_of_margin(message: Message[Body]) -> TypeGuard[Message[MarginBody]]:
    return isinstance(message.body, (MarginCallRequest, MarginCallResponse))
