"""A legacy system's book beside the mirror that was fed with its instructions.

The legacy system names a trade's payment by its own UETR, Lockstep by another. Which belong together is known by the
instruction that both came of; without a UETR, trades are matched by what they are.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from pathlib import Path

from lockstep.app.books.said import Said
from lockstep.app.legacy_books import LegacyBook, days_of, read_legacy_book
from lockstep.app.parallel_week.files import Place
from lockstep.app.shadow_feed import instructions_of, twins
from lockstep.domain.identifiers import TradeId, Uetr
from lockstep.domain.legacy import LegacyInstruction
from lockstep.domain.legacy_lines import LegacyProfile, OurTrade
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.domain.trade import Trade

__all__ = ["MirroredBook"]


class MirroredBook:
    """A folder of days, as `reconcile_day` asks for it."""

    def __init__(
        self, folder: Path, market: Market, trades: Callable[[], Sequence[Trade]], named: Callable[[Trade], str]
    ) -> None:
        """`named` is a trade's key in the books."""
        self.folder, self._market, self._trades, self._named = folder, market, trades, named
        decimals: dict[str, int] = {one.isin: one.decimals for one in market.securities.values()}
        self.profile = LegacyProfile(decimals=decimals)
        self._references: dict[str, str] = {}
        self.read: LegacyBook | None = None
        """As it was last read."""

    def __call__(self, day: date, ours: Sequence[Line], wanted: Collection[Key]) -> Said:
        """See `books.said.LegacyBook`. Raises InvalidInput for a folder that has nothing of the day."""
        pairs = self._pairs(day)
        known = [
            trade
            for line in ours
            if (trade := OurTrade.of(line, decimals=self._decimals(line), uetr=pairs.get(line.key.reference)))
        ]
        told = self.read = read_legacy_book(self.folder, day, profile=self.profile, ours=known)
        self._references |= {key.reference: row.reference for key, row in told.trades.items()}
        by_theirs = {uetr: Key.trade(reference) for reference, uetr in pairs.items()}
        apart = {(book, by_theirs.get(Uetr(key.reference), key)): why for (book, key), why in told.set_apart.items()}
        return Said(
            book=Book.LEGACY,
            lines=told.lines,
            spoke=told.spoke,
            silent={one: "its files were refused" for one in Subject if one not in told.spoke},
            as_of=f"{self.folder.name} {day}",
            set_apart=apart,
            told=(*map(str, told.apart), *(f"{name}: {why}" for name, why in told.refused.items())),
        )

    def place(self, book: Book, key: Key) -> Place:
        """Of a break, in the names that people use: a trade by the legacy system's reference."""
        name = "|".join(part for part in (key.participant, key.instrument) if part)
        if key.subject is Subject.TRADE:
            name = self._references.get(key.reference, key.reference)
        return Place(book=book.value, subject=key.kind, name=name)

    def _decimals(self, line: Line) -> int:
        return self.profile.decimals.get(line.instrument or "", 0)

    def _pairs(self, day: date) -> Mapping[str, Uetr]:
        """The legacy system's UETR by the key that the books have a trade under."""
        given = _instructed(self.folder, day)
        trades = self._trades()
        by_trade: Mapping[TradeId, Uetr] = twins(trades, given)
        for trade in trades:
            self._references[self._named(trade)] = trade.terms.deliverer_reference
        return {self._named(trade): by_trade[trade.trade_id] for trade in trades if trade.trade_id in by_trade}


def _instructed(folder: Path, until: date) -> list[LegacyInstruction]:
    found: list[LegacyInstruction] = []
    for day, path in days_of(folder).items():
        if day <= until:
            found += instructions_of(path)[0]
    return found
