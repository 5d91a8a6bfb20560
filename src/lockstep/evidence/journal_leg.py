"""What the service wrote down: entries of its journal, each under one root, and what they must tell of."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.instruction import Instruction
from lockstep.domain.journal import GENESIS, Entry, entry_hash
from lockstep.domain.merkle import leaf_hash, root_from
from lockstep.evidence.cash_leg import THEIRS, CashMessage
from lockstep.evidence.links import BrokenLink, Link
from lockstep.evidence.pack import EntryPart, Pack
from lockstep.evidence.trust import Trust
from lockstep.flow.mirroring import fold

__all__ = ["INSTRUCTED", "REBUILT", "judge_journal", "judge_mail"]

INSTRUCTED = "instructed"
REBUILT = "rebuilt"
"""The kind of a trade's first entry where the records before it were lost: what was heard earlier is not in them."""


def judge_journal(pack: Pack, trade: TradeId, settlement: SettlementId, trust: Trust) -> bool:
    """Whether the root is one that is trusted; False: it is not anchored, as far as can be told. Raises BrokenLink."""
    journal = pack.journal
    if not journal.entries:
        raise BrokenLink(Link.JOURNAL_ENTRY, "none is there")
    last, hashed = 0, GENESIS
    for one in journal.entries:
        if one.number <= last:
            raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number} does not stand in its place: they ascend")
        if one.kind != INSTRUCTED and one.subject not in (trade, settlement):
            raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number} is about {one.subject!r}")
        before, hashed = hashed, _hash(one)
        try:
            found = root_from(leaf_hash(bytes.fromhex(hashed)), one.number - 1, journal.size, one.path)
        except ValueError as error:
            raise BrokenLink(Link.JOURNAL_PATH, f"entry {one.number}: {error}") from error
        if found != journal.root:
            raise BrokenLink(
                Link.JOURNAL_PATH, f"entry {one.number} is under the root {found.hex()}, not {journal.root.hex()}"
            )
        if one.number == last + 1 and one.previous != before:
            raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number} does not follow {last or 'the beginning'} in the chain")
        last = one.number
    for known in trust.roots:
        if known.size == journal.size:
            if known.root != journal.root:
                raise BrokenLink(
                    Link.JOURNAL_ROOT,
                    f"at {known.size} entries you trust {known.root.hex()}, the pack has {journal.root.hex()}",
                )
            return True
    return False


def _hash(one: EntryPart) -> str:
    """The entry's hash in the journal's chain."""
    try:
        at = datetime.fromisoformat(one.at)
    except ValueError as error:
        raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number}: {one.at!r} is no instant") from error
    if at.isoformat() != one.at:
        raise BrokenLink(Link.JOURNAL_ENTRY, f"{one.number}: {one.at!r} is not how an instant is written")
    entry = Entry(at=at, kind=one.kind, subject=one.subject, facts=one.facts)
    return entry_hash(one.previous, one.number, entry)


def judge_mail(
    pack: Pack,
    instructed: Sequence[tuple[str, str, Instruction]],
    messages: Sequence[CashMessage],
    references: Sequence[str],
) -> bool:
    """Whether the journal tells of each message that came in; False where the records were lost and rebuilt.

    `instructed`: sender, id and content of each instruction. Raises BrokenLink.
    """
    entries = pack.journal.entries
    taken = [one for one in entries if one.kind == INSTRUCTED]
    for one in taken:
        if one.subject not in references:
            raise BrokenLink(Link.JOURNAL_MAIL, f"entry {one.number} is of instruction {one.subject!r}")
    if any(one.kind == REBUILT for one in entries):
        return False
    names = {(one.facts.get("owner"), one.facts.get("message_id")): one for one in taken}
    for sender, name, said in instructed:
        entry = names.get((sender, name))
        if entry is None:
            raise BrokenLink(Link.JOURNAL_MAIL, f"no entry says that {name} of {sender} was instructed")
        expected = {
            "side": said.side.value,
            "isin": said.isin,
            "quantity": said.quantity.text(),
            "cash": str(said.cash),
        }
        _agree(entry, name, expected)
    _judge_heard(entries, [one for one in messages if isinstance(one.body, THEIRS)])
    return True


def _judge_heard(entries: Sequence[EntryPart], messages: Sequence[CashMessage]) -> None:
    """Each message of the RTGS was heard, as what it is, in this order; and where no other was, left this state."""
    heard = [one for one in entries if one.kind == "heard"]
    places = {one.facts.get("message_id"): place for place, one in reversed([*enumerate(heard)])}  # where it was new
    view, last = None, -1
    for message in messages:
        name = message.message_id
        if name not in places:
            raise BrokenLink(Link.JOURNAL_MAIL, f"no entry says that {name} was heard")
        place = places[name]
        if place < last:
            raise BrokenLink(Link.JOURNAL_MAIL, f"{name} was heard before the one that stands before it")
        expected, last = {"message": type(message.body).__name__}, place
        view = fold(view, message.body)
        if len(heard) == len(messages):
            expected["state"] = view.state.value if view.state else ""
        _agree(heard[place], name, expected)


def _agree(entry: EntryPart, name: str, expected: Mapping[str, str]) -> None:
    for field, value in expected.items():
        if entry.facts.get(field) != value:
            said = entry.facts.get(field)
            raise BrokenLink(
                Link.JOURNAL_MAIL, f"entry {entry.number} has {field} {said!r} of {name}, which says {value!r}"
            )
