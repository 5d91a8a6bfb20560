"""What a book answers with: its lines, of what it spoke, and why it did not speak of the rest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from lockstep.domain.reconciliation.books import Book, Key, Line, Subject

__all__ = ["LegacyBook", "Said", "silence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One book, as of one moment."""

    book: Book
    lines: tuple[Line, ...] = ()
    spoke: frozenset[Subject] = frozenset()
    """Of what the whole book was read: what it does not have, it lacks."""
    silent: Mapping[Subject, str] = field(default_factory=dict)
    """Of what it did not speak though it should, and why."""
    as_of: str = ""
    """Where the book was read to: a block, a journal number, the statements' end, a folder."""
    set_apart: Mapping[tuple[Book, Key], str] = field(default_factory=dict)
    """Rows that could not be read but name their key: where they stand, and why."""
    told: tuple[str, ...] = ()
    """What people should know besides: accounts that nobody may ask for, rows that name no key."""


class LegacyBook(Protocol):
    """A legacy system's book."""

    def __call__(self, day: date, ours: Sequence[Line], wanted: Collection[Key]) -> Said:
        """The book of a business day. `ours` are the trades as the service has them, by which a trade without a UETR
        is matched; `wanted` are earlier trades that are still breaks: what the book says of those now, from whatever
        day's file it is, belongs to it too. Raises InvalidInput for files of another day, or that cannot be read."""


def silence(book: Book, subjects: Collection[Subject], why: object) -> Said:
    """A book that did not answer."""
    return Said(book=book, silent=dict.fromkeys(subjects, str(why)))
