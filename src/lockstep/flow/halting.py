"""When the chain replaced blocks that were final: people are told, and people say when to go on."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lockstep.domain.chain_events import ChainEvents, Reorganisation
from lockstep.domain.journal import Entry
from lockstep.ports import Book, Change, Clock

__all__ = ["CHAIN", "accept", "tell"]

CHAIN = "chain"
"""The journal's subject for what is about the chain as a whole."""


def tell(book: Book, halts: Sequence[Reorganisation], now: datetime) -> bool:
    """Writes a `break` of each that the journal does not have yet, and of each settlement that it took a final event
    of, in one commit. True if there was one."""
    if not halts:
        return False
    told = {_name(row.entry.facts) for row in book.journal(CHAIN) if row.entry.kind == "break"}
    fresh = [one for one in halts if _name(_facts(one)) not in told]
    for one in fresh:
        taken = {"rule": "a final event stays", "block": str(one.block), "depth": str(one.depth)}
        entries = [Entry(at=now, kind="break", subject=settlement, facts=taken) for settlement in one.settlements]
        whole = Entry(at=now, kind="break", subject=CHAIN, facts=_facts(one))
        book.commit(Change(entries=(whole, *entries)))
    return bool(fresh)


def accept(book: Book, events: ChainEvents, clock: Clock, by: str, why: str) -> Sequence[Reorganisation]:
    """People have looked at what the chain is now, and the service may go on with it. Who and why is journalled first.

    Returns what was accepted: empty where nothing was halted.
    """
    halts = events.halts()
    now = clock.now()
    tell(book, halts, now)
    for one in halts:
        facts = {**_facts(one), "by": by, "why": why}
        book.commit(Change(entries=(Entry(at=now, kind="reorganisation accepted", subject=CHAIN, facts=facts),)))
    accepted = events.accept(by, why, halts) if halts else ()
    if accepted and hasattr(book, "wake_all"):  # while it halted, they were looked at ever less often
        book.wake_all()
    return accepted


def _facts(one: Reorganisation) -> dict[str, str]:
    return {
        "rule": "a final block stays",
        "block": str(one.block),
        "hash read": one.ours,
        "hash now": one.theirs,
        "depth": str(one.depth),
        "settlements": str(len(one.settlements)),
        "halt": str(one.number),
    }


def _name(facts: Mapping[str, str]) -> tuple[str | None, ...]:
    return tuple(facts.get(name) for name in ("halt", "block", "hash read", "hash now"))
