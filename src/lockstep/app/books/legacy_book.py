"""A legacy book's folder as a book that a run asks."""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from pathlib import Path

from lockstep.app.books.said import LegacyBook, Said
from lockstep.app.legacy_books import read_legacy_book
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Uetr, uetr
from lockstep.domain.legacy_lines import LegacyProfile, OurTrade
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject

__all__ = ["in_folder", "profile_of"]


def profile_of(market: Market) -> LegacyProfile:
    """How the book of this market's participants is read, where nothing else is said."""
    return LegacyProfile(decimals={one.isin: one.decimals for one in market.securities.values()})


def _own(line: Line) -> Uetr | None:
    try:
        return uetr(line.key.reference)
    except InvalidInput:  # a trade that has no payment yet
        return None


def in_folder(
    folder: Path,
    market: Market,
    *,
    profile: LegacyProfile | None = None,
    uetr_of: Callable[[Line], Uetr | None] = _own,
) -> LegacyBook:
    """The book in a folder, as `legacy_books` has it. `uetr_of` says by which UETR it knows a trade of the service's:
    its payment's, unless the legacy system has UETRs of its own."""
    how = profile or profile_of(market)

    def read(day: date, ours: Sequence[Line], wanted: Collection[Key]) -> Said:
        known = [
            each
            for line in ours
            if (each := OurTrade.of(line, decimals=_decimals(how, line), uetr=uetr_of(line))) is not None
        ]
        book = read_legacy_book(folder, day, profile=how, ours=known)
        missing = frozenset(Subject) - book.spoke
        why = "; ".join(f"{name}: {said}" for name, said in book.refused.items()) or f"no file of it in {folder}"
        return Said(
            book=Book.LEGACY,
            lines=tuple(line for line in book.lines if line.key.subject in book.spoke),
            spoke=book.spoke,
            silent=dict.fromkeys(sorted(missing, key=lambda one: one.value), why),
            as_of=f"{folder.name} {day}",
            set_apart=book.set_apart,
            told=tuple(f"set apart: {one}" for one in book.apart),
        )

    return read


def _decimals(profile: LegacyProfile, line: Line) -> int:
    return profile.decimals.get(str(line.instrument), 0)
