"""Who may speak to the RTGS, and as what. API keys are stored as their SHA-256 only."""

import hashlib
from collections.abc import Collection
from enum import Enum

from sqlalchemy import Connection, bindparam, select

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Bic
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.tables import parties, settings

MINIMUM_KEY_LENGTH = 16
"""Keys are drawn at random, so a plain hash hides them; a chosen short one would not be hidden."""


class Role(Enum):
    """What a party may do besides reading its own mailbox."""

    PARTICIPANT = "participant"  # owns accounts
    INSTRUCTING = "instructing"  # gives and cancels payments under the debtors' mandates
    AGENT = "agent"  # releases held payments; asks for the tombstone of one that never came


_ROLE = Prepared(select(parties.c.role).where(parties.c.bic == bindparam("party")))
_OWNER = Prepared(select(parties.c.bic).where(parties.c.key_hash == bindparam("hashed")))
_AGENTS = Prepared(select(parties.c.bic).where(parties.c.role == Role.AGENT.value).order_by(parties.c.bic))
_QUORUM = Prepared(select(settings.c.quorum))


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
    found = _OWNER.scalar(connection, hashed=digest)
    return None if found is None else Bic(found)


def role_of(connection: Connection, bic: Bic) -> Role | None:
    """What a party is registered as, or None."""
    found = _ROLE.scalar(connection, party=bic)
    return None if found is None else Role(found)


def require(role: Role | None, bic: Bic, roles: Collection[Role], message: str) -> None:
    """Raises Refused(NotAuthorised) unless the party's role is one of the roles."""
    if role not in roles:
        allowed = " or ".join(role.value for role in roles)
        raise refusal("NotAuthorised", "AppHdr/Fr", bic, f"{message} comes from a party of role {allowed}")


def agents(connection: Connection) -> list[Bic]:
    """The synchronisation agents, by BIC."""
    return [Bic(row[0]) for row in _AGENTS.all(connection)]


def quorum(connection: Connection) -> int:
    """How many agents must release a payment."""
    return int(_QUORUM.scalar(connection))
