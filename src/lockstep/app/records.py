"""The service's records, for those who only look or hand in: a command that does no more starts in a moment."""

from collections.abc import Callable

from lockstep.app.home import Home
from lockstep.flow.receiving import Reception
from lockstep.store import SqlBook

__all__ = ["open_book", "open_reception"]


def open_book(home: Home, on_commit: Callable[[str], None] = lambda _: None) -> SqlBook:
    """The service's records, to read or to submit to. Raises Misconfigured where there is no installation."""
    home.settings()
    return SqlBook(home.open_database(), on_commit)


def open_reception(home: Home) -> Reception:
    """Where participants' files are handed in; the ledgers need not be up."""
    return Reception(book=open_book(home), market=home.market(), clock=home.clock())
