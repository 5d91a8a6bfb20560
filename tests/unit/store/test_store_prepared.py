"""Statements past SQLAlchemy's wrapping: its exceptions all the same, and looks that wait for nobody."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from lockstep.store import SqlBook, open_database, tables
from lockstep.store.prepared import Write


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    folder = tmp_path / "data"
    folder.mkdir()
    return open_database(f"sqlite:///{folder / 'service.db'}")


def test_a_look_waits_for_no_writer_and_sees_what_was_committed(engine: Engine) -> None:
    book = SqlBook(engine)
    put = Write(tables.mail_cursor.insert(), "mailbox", "sequence")
    with engine.begin() as writer:
        put.run(writer, mailbox="rtgs", sequence=7)
        assert book.cash_cursor() == 0
    assert book.cash_cursor() == 7


def test_errors_are_those_of_sqlalchemy(engine: Engine) -> None:
    put = Write(tables.mail_cursor.insert(), "mailbox", "sequence")
    with engine.begin() as writer:
        put.run(writer, mailbox="rtgs", sequence=1)
    with engine.connect() as writer, writer.begin() as turn:
        with pytest.raises(IntegrityError, match=r"mail_cursor\.mailbox"):
            put.run(writer, mailbox="rtgs", sequence=2)
        turn.rollback()
    assert SqlBook(engine).cash_cursor() == 1


def test_so_are_those_of_a_database_that_is_gone(engine: Engine) -> None:
    folder = Path(str(engine.url.database)).parent
    engine.dispose()
    shutil.rmtree(folder)
    with pytest.raises(OperationalError, match="unable to open database file"):
        SqlBook(engine).open_trades()


def test_and_of_one_that_is_spoilt(engine: Engine) -> None:
    engine.dispose()
    Path(str(engine.url.database)).write_bytes(b"no database" * 1_000)
    with pytest.raises(DatabaseError, match="not a database"):
        SqlBook(engine).open_trades()
