"""The journal's roots of an installation: who writes them, which stand, and whether the journal still leads to them."""

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import Enum
from itertools import islice
from typing import cast

from lockstep.app.home import EMBEDDED, Home
from lockstep.app.keeping import kept
from lockstep.app.operators import OperatorKeys
from lockstep.chain.anchoring import EvmAnchorLedger
from lockstep.chain.manifest import read_manifest
from lockstep.chain.node import Node
from lockstep.chain.planning import ANCHOR
from lockstep.chain.sender import Sender
from lockstep.domain.anchor import DayRoot
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.journal import GENESIS, Entry, entry_hash
from lockstep.domain.merkle import Frontier, leaf_hash
from lockstep.flow.anchoring import Anchoring
from lockstep.flow.engine import ANCHORING
from lockstep.flow.sharing import LEASE_SECONDS, key_subject
from lockstep.ports import AnchorBook, AnchorLedger, Book, Change, Lease
from lockstep.store import Database, SqlBook, SqlLeases

__all__ = ["Anchored", "DayShown", "Standing", "accept_other", "anchor_days", "service_anchoring"]

LOOK_SECONDS = 0.5
_PAGE = 4_096


class Standing(Enum):
    """Where a day's root stands. What the chain shows counts, not what the records say of it."""

    CLOSED = "closed"
    """In the records only."""
    IN_A_BLOCK = "in a block"
    """Which may vanish yet."""
    ANCHORED = "anchored"
    """In a final block."""
    PASSED_OVER = "passed over"
    """A later day's root stands, and none will for this one; its entries are under that."""
    CONTRADICTED = "contradicted"
    """Another root stands for this day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayShown:
    """One day that is closed."""

    root: DayRoot
    standing: Standing
    leads: bool | None = None
    """Whether the journal, read and hashed anew, leads to this root; None: it was not read."""

    @property
    def is_wrong(self) -> bool:
        return self.standing is Standing.CONTRADICTED or self.leads is False

    def as_json(self) -> dict[str, object]:
        one = self.root
        told = {"day": one.day.isoformat(), "size": one.size, "root": one.root, "journal": one.journal}
        return {**told, "standing": self.standing.value, **({} if self.leads is None else {"leads": self.leads})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """What was done and what is there."""

    contract: str
    by: str | None
    """The key that this went by; None: it only looked, as another holds the keys, or none of them may anchor."""
    keys: Sequence[str]
    """The operator's keys here that may anchor."""
    days: Sequence[DayShown]
    others: Mapping[str, date]
    """Other journals of this contract and their last days. One that ended where this one begins was lost, or hidden."""


def service_anchoring(home: Home, node: Node, sender: Sender | None, book: Book) -> Anchoring | None:
    """The service's steps of anchoring; None where the market has no contract for them."""
    network = home.market().network
    if network.anchor is None:
        return None
    ledger = EvmAnchorLedger(node, network.anchor, network.finality_depth, sender)
    return Anchoring(clock=home.clock(), book=cast(AnchorBook, book), ledger=ledger)


def anchor_days(home: Home, day: date | None = None, *, check: bool = False, wait_seconds: float = 0) -> Anchored:
    """Anchors what is over, unless a service does so, and shows all days or one; waits so long for final blocks.

    With `check` the whole journal is read and hashed anew. Raises Misconfigured where there is no contract, or no door
    to the chain, InvalidInput for a day that is not closed, Unavailable, and what `Anchoring.step` does.
    """
    node, ledger, database = _opened(home)
    try:
        book = SqlBook(database)
        keys = [one for one in home.operators() if ledger.is_anchorer(one)]
        by = None
        with _hand(home, node, database, keys) as (own, address):
            if own is not None:
                by = address
                _settle(own, wait_seconds)
        roots = book.day_roots() if day is None else [_root_of(book, day)]
        leads = _rehashed(book, roots) if check else {}
        final = ledger.final_block()
        days = [DayShown(root=one, standing=_standing(ledger, one, final), leads=leads.get(one.day)) for one in roots]
        known = book.last_closed()
        since = read_manifest(home.manifest()).contract(ANCHOR).block or 0
        others = {one: last for one, last in ledger.journals(since).items() if known is None or one != known.journal}
        return Anchored(contract=ledger.address, by=by, keys=keys, days=days, others=others)
    finally:
        database.dispose()


def accept_other(home: Home, day: date, by: str, why: str) -> DayRoot:
    """People accept that another root stands for a day than the records have, as after a backup was restored: it is
    passed over, and the days after it are anchored. Returns what the chain has.

    Raises InvalidInput where no other root stands, finally, and what `anchor_days` does.
    """
    for field, text in (("by", by), ("why", why)):
        if not text.strip():
            raise InvalidInput(field, text, "not empty: it stands in the journal")
    _, ledger, database = _opened(home)
    try:
        book = SqlBook(database)
        own = _root_of(book, day)
        other = ledger.anchor_of(own.journal, day, ledger.final_block())
        if other is None or other == own:
            raise InvalidInput("day", day, "one for which another root stands, in a final block, than the records have")
        facts = {"by": by, "why": why, "day": day.isoformat(), "root": own.root, "size": str(own.size)}
        facts |= {"other_root": other.root, "other_size": str(other.size)}
        entry = Entry(at=home.clock().now(), kind="other root accepted", subject=ANCHORING, facts=facts)
        book.commit(Change(entries=(entry,)))
        book.anchored(own, stands=False)
        return other
    finally:
        database.dispose()


def _opened(home: Home) -> tuple[Node, EvmAnchorLedger, Database]:
    settings, network = home.settings(), home.market().network
    if network.anchor is None:
        raise Misconfigured("the market was founded without `anchor = true`: its journal has no contract for its roots")
    if settings.rpc == EMBEDDED:
        raise Misconfigured("an embedded chain is inside its own process alone: no other can look at it")
    node = Node(settings.rpcs)
    return node, EvmAnchorLedger(node, network.anchor, network.finality_depth), home.open_database()


def _root_of(book: AnchorBook, day: date) -> DayRoot:
    found = next((one for one in book.day_roots() if one.day == day), None)
    if found is None:
        raise InvalidInput("day", day, "a day, UTC, that is over and had entries")
    return found


@contextmanager
def _hand(
    home: Home, node: Node, database: Database, keys: Sequence[str]
) -> Iterator[tuple[Anchoring | None, str | None]]:
    """A hand that may anchor, under the service's own leases; none while a service has them."""
    name, leases = f"{socket.gethostname()}/anchor/{os.getpid()}", SqlLeases(database, home.clock())
    held = list[Lease]()
    try:
        for subjects in ([ANCHORING] if keys else [], map(key_subject, keys)):
            claimed = (leases.claim(one, name, LEASE_SECONDS) for one in subjects)
            held += islice((one for one in claimed if one is not None), 1)
        if len(held) < 2:
            yield None, None
            return
        sender = OperatorKeys(home, node, database, lambda _: None).sender(held[1])
        assert sender is not None
        with kept(leases, held, LEASE_SECONDS):
            yield service_anchoring(home, node, sender, SqlBook(database, lease=held[0])), sender.address
    finally:
        for lease in held:
            leases.release(lease)


def _settle(own: Anchoring, wait_seconds: float) -> None:
    """Steps until nothing is left to do, or time is up."""
    until = time.monotonic() + wait_seconds
    while True:
        moved = own.step()
        if not own.book.days_to_anchor(1):
            return
        if not moved:
            if time.monotonic() >= until:
                return
            time.sleep(LOOK_SECONDS)


def _standing(ledger: AnchorLedger, one: DayRoot, final: int) -> Standing:
    for at, standing in ((final, Standing.ANCHORED), (None, Standing.IN_A_BLOCK)):
        found = ledger.anchor_of(one.journal, one.day, at)
        if found is not None:
            return standing if found == one else Standing.CONTRADICTED
    last = ledger.last_day(one.journal, final)
    return Standing.PASSED_OVER if last is not None and last > one.day else Standing.CLOSED


def _rehashed(book: SqlBook, roots: Sequence[DayRoot]) -> dict[date, bool]:
    """By day, whether the journal's entries, from the first on, hash to its root. Stored hashes are not believed."""
    found = {one.day: False for one in roots}
    frontier, previous, journal = Frontier(), GENESIS, ""
    for one in sorted(roots, key=lambda root: root.size):
        while frontier.size < one.size:
            rows = book.journal(after=frontier.size, limit=min(_PAGE, one.size - frontier.size))
            if not rows:
                return found
            leaves = []
            for number, row in enumerate(rows, frontier.size + 1):
                previous = entry_hash(previous, number, row.entry)
                journal = journal or previous
                leaves.append(leaf_hash(bytes.fromhex(previous)))
            frontier = frontier.grown(leaves)
        found[one.day] = (journal, frontier.root.hex()) == (one.journal, one.root)
    return found
