"""Files from participants: read, given to the engine, and what became of each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from lockstep.domain.errors import Conflict, InvalidInput, InvalidMessage, LockstepError
from lockstep.domain.instruction import CancellationRequest, Instruction
from lockstep.domain.message import Message
from lockstep.flow.receiving import Reception
from lockstep.flow.reporting import Refusal
from lockstep.iso20022 import Body, Header, peek, read

__all__ = ["Taken", "expand", "submit_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one file: `outcome` is instructed, cancellation asked, duplicate or refused."""

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
    reception: Reception, path: Path, told: Callable[[Taken], None] = lambda _: None, *, late: bool = False
) -> Taken:
    """Gives one file to the reception. A refusal is journalled and returned, never raised: the rest goes on.

    `late`: see `Reception.submit`.
    """
    taken = _submit(reception, path, late=late)
    told(taken)
    return taken


def _submit(reception: Reception, path: Path, *, late: bool) -> Taken:
    subject, header = path.name, None
    try:
        data = path.read_bytes()
        header = peek(data)
        subject = header.message_id if header and header.message_id else path.name
        message = read(data)
        if not _is_from_party(message):
            kind = type(message.body).__name__
            raise InvalidMessage("AppHdr/MsgDefIdr", kind, "sese.023 or sese.020, what participants send")
    except OSError as error:
        return Taken(
            file=str(path), outcome="refused", error=InvalidInput("file", path, f"readable ({error.strerror})")
        )
    except LockstepError as error:
        reception.refuse(subject, error, _refusal(header))
        return Taken(file=str(path), outcome="refused", error=error)
    reference = message.body.reference
    try:
        return Taken(file=str(path), outcome=reception.submit(message, data, late=late), reference=reference)
    except LockstepError as error:
        return Taken(file=str(path), outcome="refused", reference=reference, error=error)


def _refusal(header: Header | None) -> Refusal | None:
    """What is known of a message that could not be taken, if that is enough to answer it."""
    if header is None or header.reference is None or header.side is None:
        return None
    return Refusal(
        sender=header.sender,
        message_id=header.message_id,
        reference=header.reference,
        side=header.side,
        is_cancellation=bool(header.definition and header.definition.startswith("sese.020")),
    )


def _is_from_party(
    message: Message[Body],
) -> TypeGuard[Message[Instruction] | Message[CancellationRequest]]:
    return isinstance(message.body, (Instruction, CancellationRequest))
