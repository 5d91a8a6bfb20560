"""Who may speak to the RTGS, and as what. API keys are stored as their SHA-256 only."""

import hashlib
from collections.abc import Collection
from enum import Enum

from sqlalchemy import Connection, select

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Bic
from lockstep.rtgs.tables import parties, settings

MINIMUM_KEY_LENGTH = 16
"""Keys are drawn at random, so a plain hash hides them; a chosen short one would not be hidden."""


class Role(Enum):
    """What a party may do besides reading its own mailbox."""

    PARTICIPANT = "participant"  # owns accounts
    INSTRUCTING = "instructing"  # gives and cancels payments under the debtors' mandates
    AGENT = "agent"  # releases held payments


def refusal(name: str, field: str, value: object, rule: str) -> Refused:
    """A refusal by name, with the field, its value and the rule as text."""
    return Refused(name, {"field": field, "value": str(value), "rule": rule})


def hashed(key: str) -> str:
    """What is stored of an API key. Raises InvalidInput for a key too short to be random."""
    if len(key) < MINIMUM_KEY_LENGTH:
        raise InvalidInput("key", "*" * len(key), f"at least {MINIMUM_KEY_LENGTH} characters")
    return hashlib.sha256(key.encode()).hexdigest()


def owner_of(connection: Connection, key: str) -> Bic | None:
    """Whose key it is."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    found = connection.scalar(select(parties.c.bic).where(parties.c.key_hash == digest))
    return None if found is None else Bic(found)


def require(connection: Connection, bic: Bic, roles: Collection[Role], message: str) -> None:
    """Raises Refused(NotAuthorised) unless the party has one of the roles."""
    if connection.scalar(select(parties.c.role).where(parties.c.bic == bic)) not in {role.value for role in roles}:
        allowed = " or ".join(role.value for role in roles)
        raise refusal("NotAuthorised", "AppHdr/Fr", bic, f"{message} comes from a party of role {allowed}")


def agents(connection: Connection) -> list[Bic]:
    """The synchronisation agents, by BIC."""
    rows = connection.scalars(select(parties.c.bic).where(parties.c.role == Role.AGENT.value).order_by(parties.c.bic))
    return [Bic(row) for row in rows]


def quorum(connection: Connection) -> int:
    """How many agents must release a payment."""
    return int(connection.execute(select(settings.c.quorum)).scalar_one())
