"""A new database for each test, on SQLite and on PostgreSQL, and the book over it."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from lockstep.store import SqlBook, open_database


@pytest.fixture
def engine(fresh: Callable[[], str]) -> Iterator[Engine]:
    opened = open_database(fresh())
    yield opened
    opened.dispose()


@pytest.fixture
def book(engine: Engine) -> SqlBook:
    return SqlBook(engine)
