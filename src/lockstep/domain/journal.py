"""What happened, in order: the journal's entries and the chain of hashes that binds them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lockstep.domain.values import quick

__all__ = ["GENESIS", "Entry", "JournalRow", "canonical", "entry_hash"]

GENESIS = "0" * 64
_canonical = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def canonical(said: object) -> bytes:
    """JSON in UTF-8, without spaces."""
    return _canonical(said).encode()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened. `facts` are texts; amounts carry their currency, hashes are hex."""

    at: datetime
    kind: str
    subject: str
    """A trade id, or the reference of what is not yet a trade."""
    facts: Mapping[str, str] = field(default_factory=dict)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """An entry as stored: numbered from 1 without gaps, bound to the one before."""

    number: int
    entry: Entry
    hash: str


def entry_hash(previous: str, number: int, entry: Entry, canonical: Callable[[object], bytes] = canonical) -> str:
    """SHA-256 over the previous hash and the entry in canonical JSON. Whoever hashes many may write that otherwise."""
    said = [previous, number, entry.at.isoformat(), entry.kind, entry.subject, sorted(entry.facts.items())]
    return hashlib.sha256(canonical(said)).hexdigest()
