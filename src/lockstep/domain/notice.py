"""What a system says of its traffic and of itself (admi): refused, received, opened, closed."""

from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.values import quick

__all__ = ["Acknowledgement", "Rejection", "SystemEvent"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A message is refused as such (admi.002): it was not understood, and had no effect."""

    related_message_id: str
    code: str
    """Which rule, by a name that stays (RjctgPtyRsn)."""
    rejected_at: datetime
    location: str | None = None
    """The field's path (ErrLctn)."""
    description: str | None = None
    additional: str | None = None
    """More for programs, at most 20,000 characters on one line (AddtlData)."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEvent:
    """Something happened to the system or its business day (admi.004)."""

    code: str
    """Max4AlphaNumericText, as the system defines it."""
    parameters: tuple[str, ...] = ()
    description: str | None = None
    at: datetime | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A message was received (admi.007). It says nothing of its effect."""

    related_message_id: str
    related_definition: str | None
    status_code: str
    at: datetime | None = None
    description: str | None = None
