"""A legacy system's book beside the mirror that was fed with its instructions.

The legacy system names a trade's payment by its own UETR, Lockstep by another. Which belong together is known by the
instruction that both came of; without a UETR, trades are matched by what they are.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path

from lockstep.app.books.legacy_book import profile_of
from lockstep.app.books.said import Said
from lockstep.app.legacy_books import LegacyBook, days_of, read_legacy_book
from lockstep.app.parallel_week.files import Place
from lockstep.app.shadow_feed import instructions_of, twins
from lockstep.domain.identifiers import Uetr
from lockstep.domain.legacy import LegacyInstruction
from lockstep.domain.legacy_lines import OurTrade
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.flow.ordering import payment_uetr
from lockstep.ports import BulkBook

__all__ = ["MirroredBook"]


class MirroredBook:
    """A folder of days, as `reconcile_day` asks for it."""

    def __init__(self, folder: Path, market: Market, book: BulkBook) -> None:
        self.folder, self._market, self._book = folder, market, book
        self.profile = profile_of(market)
        self._references: dict[str, str] = {}
        self.read: LegacyBook | None = None
        """As it was last read."""

    def __call__(self, day: date, ours: Sequence[Line], wanted: Collection[Key]) -> Said:
        """See `books.said.LegacyBook`: `ours` and `wanted` are among the records. Raises InvalidInput for a folder that
        has nothing of the day."""
        known = list(self._ours(day))
        told = self.read = read_legacy_book(self.folder, day, profile=self.profile, ours=known)
        self._references |= {key.reference: row.reference for key, row in told.trades.items()}
        by_theirs = {one.uetr: one.key for one in known if one.uetr is not None}
        apart = {(book, by_theirs.get(Uetr(key.reference), key)): why for (book, key), why in told.set_apart.items()}
        refused = "; ".join(f"{name}: {said}" for name, said in told.refused.items())
        why = refused or f"no file of it in {self.folder}"
        return Said(
            book=Book.LEGACY,
            lines=told.lines,
            spoke=told.spoke,
            silent=dict.fromkeys((one for one in Subject if one not in told.spoke), why),
            as_of=f"{self.folder.name} {day}",
            set_apart=apart,
            told=tuple(f"set apart: {one}" for one in told.apart),
        )

    def place(self, book: Book, key: Key) -> Place:
        """Of a break, in the names that people use: a trade by the legacy system's reference."""
        name = "|".join(part for part in (key.participant, key.instrument) if part)
        if key.subject is Subject.TRADE:
            name = self._references.get(key.reference, key.reference)
        return Place(book=book.value, subject=key.kind, name=name)

    def _ours(self, day: date) -> Iterator[OurTrade]:
        """Every trade, under the legacy system's UETR where its instruction has one."""
        trades = self._book.trades()
        theirs = twins(trades, _instructed(self.folder, day))
        views = self._book.cash_views([one.settlement_id for one in trades if one.settlement_id is not None])
        for one in trades:
            view = views.get(one.settlement_id) if one.settlement_id is not None else None
            paid = view.payment.uetr if view is not None and view.payment is not None else None
            name = one.trade_id if one.settlement_id is None else paid or payment_uetr(one)
            terms = one.terms
            self._references[name] = terms.deliverer_reference
            yield OurTrade(
                key=Key.trade(name),
                uetr=theirs.get(one.trade_id),
                deliverer=terms.deliverer,
                receiver=terms.receiver,
                isin=terms.isin,
                quantity=terms.quantity,
                cash=terms.cash,
                settlement_date=terms.settlement_date,
            )


def _instructed(folder: Path, until: date) -> list[LegacyInstruction]:
    found: list[LegacyInstruction] = []
    for day, path in days_of(folder).items():
        if day <= until:
            found += instructions_of(path)[0]
    return found
