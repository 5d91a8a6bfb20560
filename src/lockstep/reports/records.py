"""The journal up to a moment, as reports need it: trades as they stood then, and who had entered what.

A report is made from a prefix of the journal. What an entry leaves out and never changes, the terms of a trade, comes
from the records beside it; whatever changes is folded from the entries alone, so that later ones change nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.errors import Contradiction, InvalidInput
from lockstep.domain.identifiers import Lei, TradeId
from lockstep.domain.instruction import Side
from lockstep.domain.journal import GENESIS, JournalRow, entry_hash
from lockstep.domain.market import Market
from lockstep.domain.trade import TradeState, TradeTerms
from lockstep.reports.model import Source

__all__ = ["Known", "Move", "Prefix", "Records", "Story", "fold", "in_order"]

_STATES = {one.value.lower(): one for one in TradeState}
_REASONED = frozenset({*_STATES, "waiting", "given up"})


class Prefix(Iterator[JournalRow]):
    """The rows that count: up to a number, and up to the last before the first that is dated after `as_of`.

    Clocks of several workers differ: an entry dated back counts with those that were numbered before it. Each row's
    hash is computed anew. Raises Contradiction for one that is not of this chain.
    """

    def __init__(self, rows: Iterable[JournalRow], *, number: int | None = None, as_of: datetime | None = None) -> None:
        if as_of is not None and as_of.utcoffset() is None:
            raise InvalidInput("as_of", as_of, "a moment with its offset from UTC")
        self._rows, self._number, self._as_of = iter(rows), number, as_of
        self._is_over = self._is_short = False
        self.number, self.hash = 0, GENESIS
        self.latest: datetime | None = None
        """The latest moment that an entry had so far."""

    def __next__(self) -> JournalRow:
        if self._is_over or (self._number is not None and self.number >= self._number):
            raise StopIteration
        row = next(self._rows, None)
        if row is None:
            self._is_short = self._number is not None
        if row is None or (self._as_of is not None and row.entry.at > self._as_of):
            self._is_over = True
            raise StopIteration
        if row.number != self.number + 1 or row.hash != entry_hash(self.hash, row.number, row.entry):
            raise Contradiction(f"journal entry {row.number} does not follow from entry {self.number}: was it changed?")
        self.number, self.hash = row.number, row.hash
        self.latest = row.entry.at if self.latest is None else max(self.latest, row.entry.at)
        return row

    def finish(self) -> tuple[datetime, Source]:
        """The moment and the source of a report made from all of it. Raises InvalidInput for fewer entries than asked
        for, and for none at all without a moment."""
        for _ in self:
            pass
        if self._is_short:
            raise InvalidInput("journal", self._number, f"not above {self.number}, the last entry there is")
        as_of = self._as_of or self.latest
        if as_of is None:
            raise InvalidInput("journal", 0, "at least one entry, or a moment")
        return as_of, Source(journal_number=self.number, journal_hash=self.hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What never changes of a trade, and the journal does not say."""

    terms: TradeTerms
    matched_at: datetime
    booked_at: datetime | None = None
    """By the RTGS. Counts only for a trade of which a journal begun anew says no more than how it was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step of a trade: its state from then on, and why it waits or has ended, where it does."""

    number: int
    at: datetime
    state: TradeState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One trade through the prefix, in the journal's order; there is a first move."""

    trade_id: TradeId
    terms: TradeTerms
    moves: tuple[Move, ...]
    settlement_id: str = ""
    """Of its latest order."""

    @property
    def matched_at(self) -> datetime:
        return self.moves[0].at

    @property
    def last(self) -> Move:
        return self.moves[-1]

    def at(self, moment: datetime) -> Move | None:
        """Its last move up to a moment, inclusive; None before it was matched."""
        found = None
        for one in self.moves:
            if one.at <= moment:
                found = one
        return found

    def first(self, *states: TradeState) -> Move | None:
        """Its first move to one of these states."""
        return next((one for one in self.moves if one.state in states), None)

    @property
    def settled_at(self) -> datetime | None:
        move = self.first(TradeState.SETTLED)
        return None if move is None else move.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What a prefix of the journal tells of trades. `stories` are in the order in which they matched."""

    market: Market
    as_of: datetime
    source: Source
    stories: tuple[Story, ...]
    entered: Mapping[tuple[str, str], datetime]
    """When an instruction was taken, by its owner's BIC and its reference."""

    def name(self, lei: str) -> str:
        """A participant's; "" for a stranger."""
        member = self.market.participants.get(Lei(lei))
        return "" if member is None else member.name

    def entered_at(self, terms: TradeTerms, side: Side) -> datetime | None:
        """When a side's instruction was taken, as far as the journal tells."""
        lei, reference = (
            (terms.deliverer, terms.deliverer_reference)
            if side is Side.DELIVER
            else (terms.receiver, terms.receiver_reference)
        )
        member = self.market.participants.get(lei)
        return None if member is None else self.entered.get((member.bic, reference))


def fold(prefix: Prefix, known: Mapping[str, Known], market: Market) -> Records:
    """Raises Contradiction for a trade that was matched and is not among the known, and as `Prefix`."""
    moves: dict[str, list[Move]] = {}
    settlements: dict[str, str] = {}
    entered: dict[tuple[str, str], datetime] = {}
    for row in prefix:
        entry = row.entry
        if entry.kind == "instructed":
            entered.setdefault((entry.facts.get("owner", ""), entry.subject), entry.at)
            continue
        if entry.subject in known:
            if "settlement_id" in entry.facts:
                settlements[entry.subject] = entry.facts["settlement_id"]
            _take(row, known[entry.subject], moves)
        elif entry.kind == "matched":
            raise Contradiction(
                f"journal entry {row.number}: trade {entry.subject} matched, and no record has its terms"
            )
    as_of, source = prefix.finish()
    stories = [
        Story(
            trade_id=TradeId(trade_id),
            terms=known[trade_id].terms,
            moves=tuple(told),
            settlement_id=settlements.get(trade_id, ""),
        )
        for trade_id, told in moves.items()
    ]
    return Records(market=market, as_of=as_of, source=source, stories=tuple(stories), entered=entered)


def _take(row: JournalRow, known: Known, moves: dict[str, list[Move]]) -> None:
    entry, told = row.entry, moves.get(row.entry.subject, [])
    reason = entry.facts.get("reason", "")
    if entry.kind == "rebuilt":
        state = TradeState(entry.facts["state"])
        at = known.booked_at if known.booked_at and state in (TradeState.PAID, TradeState.SETTLED) else entry.at
        first = Move(number=row.number, at=known.matched_at, state=TradeState.MATCHED)
        moves[entry.subject] = [first, Move(number=row.number, at=max(at, first.at), state=state, reason=reason)]
    elif entry.kind in _STATES and (told or entry.kind == "matched"):
        moves.setdefault(entry.subject, []).append(
            Move(number=row.number, at=entry.at, state=_STATES[entry.kind], reason=reason)
        )
    elif told and (entry.kind in _REASONED or entry.kind == "going on"):
        told.append(Move(number=row.number, at=entry.at, state=told[-1].state, reason=reason))


def in_order(stories: Iterable[Story]) -> Sequence[Story]:
    """By the day for which they are agreed, then as they matched."""
    return sorted(stories, key=lambda one: (one.terms.settlement_date, one.moves[0].number, one.trade_id))
