"""What the service wrote down: entries of its journal, each under one root, and what they must tell of."""

from collections.abc import Sequence
from datetime import datetime

from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.journal import Entry, entry_hash
from lockstep.domain.merkle import leaf_hash, root_from
from lockstep.evidence.cash_leg import THEIRS, CashMessage
from lockstep.evidence.links import BrokenLink, Link
from lockstep.evidence.pack import EntryPart, Pack
from lockstep.evidence.trust import Trust

__all__ = ["INSTRUCTED", "REBUILT", "judge_journal", "judge_mail"]

INSTRUCTED = "instructed"
REBUILT = "rebuilt"
"""The kind of a trade's first entry where the records before it were lost: what was heard earlier is not in them."""


def judge_journal(pack: Pack, trade: TradeId, settlement: SettlementId, trust: Trust) -> bool:
    """Whether the root is one that is trusted; False: it is not anchored, as far as can be told. Raises BrokenLink."""
    journal = pack.journal
    if not journal.entries:
        raise BrokenLink(Link.JOURNAL_ENTRY, "none is there")
    last = 0
    for one in journal.entries:
        if one.number <= last:
            raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number} does not stand in its place: they ascend")
        last = one.number
        if one.kind != INSTRUCTED and one.subject not in (trade, settlement):
            raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number} is about {one.subject!r}")
        try:
            found = root_from(leaf_hash(_hash(one)), one.number - 1, journal.size, one.path)
        except ValueError as error:
            raise BrokenLink(Link.JOURNAL_PATH, f"entry {one.number}: {error}") from error
        if found != journal.root:
            raise BrokenLink(
                Link.JOURNAL_PATH, f"entry {one.number} is under the root {found.hex()}, not {journal.root.hex()}"
            )
    for known in trust.roots:
        if known.size == journal.size:
            if known.root != journal.root:
                raise BrokenLink(
                    Link.JOURNAL_ROOT,
                    f"at {known.size} entries you trust {known.root.hex()}, the pack has {journal.root.hex()}",
                )
            return True
    return False


def _hash(one: EntryPart) -> bytes:
    """The entry's hash in the journal's chain."""
    try:
        at = datetime.fromisoformat(one.at)
    except ValueError as error:
        raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number}: {one.at!r} is no instant") from error
    if at.isoformat() != one.at:
        raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number}: {one.at!r} is not how an instant is written")
    entry = Entry(at=at, kind=one.kind, subject=one.subject, facts=one.facts)
    return bytes.fromhex(entry_hash(one.previous, one.number, entry))


def judge_mail(
    pack: Pack, instructed: Sequence[tuple[str, str]], messages: Sequence[CashMessage], references: Sequence[str]
) -> bool:
    """Whether the journal tells of each message that came in; False where the records were lost and rebuilt.

    `instructed`: sender and id of each instruction. Raises BrokenLink.
    """
    kinds = {one.kind for one in pack.journal.entries}
    taken = [one for one in pack.journal.entries if one.kind == INSTRUCTED]
    heard = {one.facts.get("message_id") for one in pack.journal.entries if one.kind == "heard"}
    for one in taken:
        if one.subject not in references:
            raise BrokenLink(Link.JOURNAL_MAIL, f"entry {one.number} is of instruction {one.subject!r}")
    if REBUILT in kinds:
        return False
    names = {(one.facts.get("owner"), one.facts.get("message_id")) for one in taken}
    for sender, name in instructed:
        if (sender, name) not in names:
            raise BrokenLink(Link.JOURNAL_MAIL, f"no entry says that {name} of {sender} was instructed")
    for message in messages:
        if isinstance(message.body, THEIRS) and message.message_id not in heard:
            raise BrokenLink(Link.JOURNAL_MAIL, f"no entry says that {message.message_id} was heard")
    return True
