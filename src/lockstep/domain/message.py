"""The envelope of every business message: ISO 20022 head.001, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from lockstep.domain.identifiers import Bic
from lockstep.domain.priority import Priority
from lockstep.domain.values import quick

__all__ = ["Message"]

Body = TypeVar("Body", covariant=True)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Generic[Body]):
    """One business message. (`sender`, `message_id`) is unique for ever; `created` is UTC, in seconds.

    `possible_duplicate` (PssblDplct): the sender may have sent this before. `business_service`
    (BizSvc) names the service that it is for, `priority` (Prty) how soon a gateway handles it; how
    soon a payment settles is said in the payment.
    """

    sender: Bic
    receiver: Bic
    message_id: str
    created: datetime
    body: Body
    possible_duplicate: bool = False
    business_service: str | None = None
    priority: Priority | None = None
