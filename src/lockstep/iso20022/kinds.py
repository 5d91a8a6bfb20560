"""One message type as data: its names, and the two functions that map it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lockstep.domain.message import Message
from lockstep.iso20022.fields import Fields

__all__ = ["Kind"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[Value]):
    """One use of a message type. Paths are relative to `root`.

    A type with two uses has two kinds: the first whose `mark` is there reads it, last the one without.
    """

    definition: str
    body: type[Value]
    root: str
    write: Callable[[Message[Value]], Iterable[str]]
    """The children of `root`, as XML."""
    read: Callable[[Fields], Value]
    mark: str | None = None
    """An element that only this use of the message type has."""
    message_id: tuple[str, ...] = ()
    """Fields that repeat the header's BizMsgIdr."""
    sender: tuple[str, ...] = ()
    """Fields that repeat the header's Fr."""
    receiver: tuple[str, ...] = ()
    """Fields that repeat the header's To."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where this message has a field that a domain value's own check names otherwise."""
    value_date: str | None = None
    """The field that must be a business day of the RTGS: the value's `settlement_date`."""
