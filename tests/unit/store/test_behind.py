"""Inserts behind the back of who makes the next rows: all of them, in their order, before anything that reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from lockstep.store import open_database
from lockstep.store.behind import MOST_ROWS, all_at_once
from lockstep.store.bulk import Insert, Statement
from lockstep.store.prepared import transaction
from lockstep.store.tables import journal_subject, seen

SUBJECT = Insert(journal_subject, "name")
SEEN = Insert(
    seen,
    "sender",
    "message_id",
    "content_hash",
    conflict="(sender, message_id) DO UPDATE SET content_hash = excluded.content_hash",
)
NAMES = Statement("SELECT number, name FROM journal_subject ORDER BY number")
HASHES = Statement("SELECT message_id, content_hash FROM seen_message ORDER BY sender, message_id")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    yield opened
    opened.dispose()


@pytest.mark.parametrize("count", [0, 1, MOST_ROWS, 2 * MOST_ROWS + 7])
def test_every_row_is_there_in_its_order(engine: Engine, count: int) -> None:
    names = [f"{number * 7919 % 100_003:06}" for number in range(count)]
    with transaction(engine) as connection, all_at_once(connection) as behind:
        SUBJECT.run(behind, [(name,) for name in names])
        SUBJECT.run(behind, [("last",)])
        wanted = [*enumerate([*names, "last"], 1)]
        assert NAMES.rows(behind) == wanted, "a read sees all before it"
        SUBJECT.run(behind, [("and one",)])
    assert NAMES.alone(engine) == [*wanted, (count + 2, "and one")]


def test_what_becomes_of_a_key_that_is_there(engine: Engine) -> None:
    with transaction(engine) as connection, all_at_once(connection) as behind:
        SEEN.run(behind, [("A", "1", "old"), ("A", "2", "old")])
        SEEN.run(behind, [("A", "2", "new"), ("B", "1", "new")])
    assert HASHES.alone(engine) == [("1", "old"), ("2", "new"), ("1", "new")]


def written(engine: Engine, steps: Callable[[Connection], None]) -> None:
    with transaction(engine) as connection, all_at_once(connection) as behind:
        steps(behind)


def test_what_fails_stops_the_rest_and_is_raised_at_the_end(engine: Engine) -> None:
    done: list[str] = []

    def steps(behind: Connection) -> None:
        SUBJECT.run(behind, [("one",), ("two",)])
        SUBJECT.run(behind, [("two",)])
        SUBJECT.run(behind, [("three",)])
        done.append("all given")

    with pytest.raises(IntegrityError):
        written(engine, steps)
    assert done and NAMES.alone(engine) == []


def test_what_fails_is_raised_by_the_next_read(engine: Engine) -> None:
    done: list[str] = []

    def steps(behind: Connection) -> None:
        SUBJECT.run(behind, [("one",), ("one",)])
        NAMES.rows(behind)
        done.append("read")

    with pytest.raises(IntegrityError):
        written(engine, steps)
    assert not done and NAMES.alone(engine) == []


def test_nothing_runs_any_more_once_the_block_is_left(engine: Engine) -> None:
    """The connection is rolled back, then another's: no insert may come to it afterwards."""

    def steps(behind: Connection) -> None:
        for start in range(0, 40_000, 1000):
            SUBJECT.run(behind, [(str(number),) for number in range(start, start + 1000)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(engine, steps)
    with transaction(engine) as connection:
        SUBJECT.run(connection, [("alone",)])
    assert [name for _, name in NAMES.alone(engine)] == ["alone"]


def test_the_cache_is_as_large_as_before(engine: Engine) -> None:
    size = Statement("PRAGMA cache_size")
    with transaction(engine) as connection:
        before = size.rows(connection)
        with all_at_once(connection) as behind:
            assert size.rows(behind) != before
        assert size.rows(connection) == before
