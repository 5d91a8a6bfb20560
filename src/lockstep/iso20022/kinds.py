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
    """A message type. Paths are relative to `root`."""

    definition: str
    body: type[Value]
    root: str
    write: Callable[[Message[Value]], Iterable[str]]
    """The children of `root`, as XML."""
    read: Callable[[Fields], Value]
    message_id: tuple[str, ...] = ()
    """Fields that repeat the header's BizMsgIdr."""
    sender: tuple[str, ...] = ()
    """Fields that repeat the header's Fr."""
    receiver: tuple[str, ...] = ()
    """Fields that repeat the header's To."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where this message has a field that a domain value's own check names otherwise."""
