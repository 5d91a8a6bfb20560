"""Breaks with their ages, as the desk lists them, from the records now. Of the journal as of any entry they are told by
`reports.breaks.told_breaks`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.reconciliation.breaks import Break, BreakState, CloseReason, told
from lockstep.domain.reconciliation.differences import BreakClass, Cause
from lockstep.domain.values import quick

__all__ = ["Aged", "Wanted", "aged"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """One break on one day."""

    break_id: str
    book: Book
    key: Key
    break_class: BreakClass
    cause: Cause
    rule: str
    state: BreakState
    reason: CloseReason | None
    """Why it is closed; None while it is not."""
    opened_on: date
    days: int
    """Business days of TARGET since it was first found, through every reopening."""
    participants: tuple[str, ...]
    """Whom it concerns: LEIs, or accounts of the book."""
    instrument: str
    assignee: str
    reopened: int
    """How often it came back."""
    told: str
    """What was found, in one line."""

    @property
    def is_open(self) -> bool:
        return self.state is not BreakState.CLOSED

    @property
    def order(self) -> tuple[int, int, Key, str]:
        """The oldest first, of one age the gravest."""
        return -self.days, self.break_class.rank, self.key, self.book.value


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which breaks are asked for. What is left as it is narrows nothing."""

    open_only: bool = True
    break_class: BreakClass | None = None
    participants: frozenset[str] = frozenset()
    """One of these is concerned."""
    instrument: str = ""
    assignee: str | None = None
    """This person's; "": nobody's."""
    older_than: int | None = None
    """More business days than this."""

    def __post_init__(self) -> None:
        if self.older_than is not None and self.older_than < 0:
            raise InvalidInput("older_than", self.older_than, "business days, 0 or more")

    def fits(self, one: Aged) -> bool:
        return (
            (one.is_open or not self.open_only)
            and self.break_class in (None, one.break_class)
            and (not self.participants or not self.participants.isdisjoint(one.participants))
            and self.instrument in ("", one.instrument)
            and (self.assignee is None or self.assignee.casefold() == one.assignee.casefold())
            and (self.older_than is None or one.days > self.older_than)
        )


def aged(breaks: Iterable[Break], today: date, wanted: Wanted = Wanted(open_only=False)) -> list[Aged]:
    """Those that are wanted, the oldest first. Raises InvalidInput for a day before 2002."""
    found = (_aged(one, today) for one in breaks)
    return sorted((one for one in found if wanted.fits(one)), key=lambda one: one.order)


def _aged(one: Break, today: date) -> Aged:
    found = one.found
    return Aged(
        break_id=one.break_id,
        book=found.book,
        key=found.key,
        break_class=found.break_class,
        cause=found.cause,
        rule=found.rule,
        state=one.state,
        reason=one.reason,
        opened_on=one.opened_on,
        days=one.age(today),
        participants=found.concerned,
        instrument=found.about,
        assignee=one.assignee,
        reopened=one.reopened,
        told=told(found),
    )
