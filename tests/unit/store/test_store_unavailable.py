"""No answer of a PostgreSQL server: nothing is concluded from it, and the next pass goes on."""

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from lockstep.domain.errors import Unavailable
from lockstep.domain.journal import Entry
from lockstep.ports import Change, SentTransaction
from lockstep.store import SqlBook, SqlLeases, SqlTransactionLog, open_database
from lockstep.testing.fakes import MORNING, FakeClock
from stores import Store


@pytest.fixture
def url(postgresql_server: Store) -> str:
    return postgresql_server.fresh()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url)
    yield opened
    opened.dispose()


def change(kind: str) -> Change:
    return Change(entries=(Entry(at=MORNING, kind=kind, subject="s"),), cash_cursor=1)


def cut_all_others(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_lost_connection_is_no_answer_and_the_next_one_works(engine: Engine, url: str) -> None:
    admin = open_database(url)
    book, log, leases = SqlBook(engine), SqlTransactionLog(engine), SqlLeases(engine, FakeClock(MORNING))
    sent = SentTransaction(key="lock/a", nonce=0, raw=b"raw", hash="0x1")
    asked = (
        lambda: book.commit(change("c")),
        lambda: book.cash_cursor(),
        lambda: book.open_trades(),
        lambda: log.put(sent),
        lambda: leases.claim("service", "one", 15),
    )
    for ask in asked:
        book.journal()  # a connection is in the pool
        cut_all_others(admin)
        with pytest.raises(Unavailable, match=r"^the service's database does not answer: "):
            ask()
        ask()
    assert [row.entry.kind for row in book.journal()] == ["c"] and log.unmined() == [sent]
    admin.dispose()


def test_cut_off_in_the_middle_nothing_is_stored(engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    admin, book = open_database(url), SqlBook(engine)
    with monkeypatch.context() as patch:
        real = SqlBook._append

        def cut(self: SqlBook, *given: object) -> None:
            cut_all_others(admin)
            real(self, *given)

        patch.setattr(SqlBook, "_append", cut)
        with pytest.raises(Unavailable):
            book.commit(change("lost"))
    assert list(book.journal()) == [] and book.cash_cursor() == 0
    admin.dispose()


def test_of_a_deadlock_one_is_told_and_the_other_stores(engine: Engine) -> None:
    """Made by hand, as the store itself takes its locks in one order: two transactions, each waiting for the other."""
    book = SqlBook(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO order_nonce VALUES ('a', 1), ('b', 1)"))
    holds_b, told = threading.Event(), []

    def other() -> None:
        try:
            with engine.begin() as connection:
                connection.execute(text("UPDATE order_nonce SET next = 2 WHERE seller = 'b'"))
                holds_b.set()
                connection.execute(text("UPDATE order_nonce SET next = 2 WHERE seller = 'a'"))
        except Exception as error:
            told.append(type(error))

    thread = threading.Thread(target=other)
    real = book._append

    def append(connection: object, entries: object) -> object:
        connection.execute(text("UPDATE order_nonce SET next = 3 WHERE seller = 'a'"))
        thread.start()
        assert holds_b.wait(10)
        connection.execute(text("UPDATE order_nonce SET next = 3 WHERE seller = 'b'"))
        return real(connection, entries)

    book._append = append
    said = _said(lambda: book.commit(change("one")))
    thread.join(10)
    if said is None:
        assert told == [OperationalError] and len(book.journal()) == 1
    else:
        assert told == [] and list(book.journal()) == []
        assert isinstance(said, Unavailable) and "deadlock detected" in str(said)


def _said(act: Callable[[], None]) -> Exception | None:
    try:
        act()
    except Exception as error:
        return error
    return None


def test_who_waits_too_long_for_a_lock_is_told(engine: Engine, url: str) -> None:
    book = SqlBook(engine)
    book.commit(change("first"))
    impatient = open_database(
        str(make_url(url).update_query_dict({"options": "-c lock_timeout=50ms"}).render_as_string(hide_password=False))
    )
    with engine.begin() as connection:
        connection.execute(text("UPDATE mail_cursor SET sequence = 2"))
        with pytest.raises(Unavailable, match="lock timeout"):
            SqlBook(impatient).commit(change("second"))
    assert [row.entry.kind for row in book.journal()] == ["first"]
    impatient.dispose()


def test_a_fault_of_ours_is_no_unavailability(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE journal"))
    with pytest.raises(ProgrammingError) as caught:
        SqlBook(engine).commit(change("secret fact"))
    assert "secret fact" not in str(caught.value)


def test_a_server_that_is_not_there_is_no_answer_and_its_password_is_not_told() -> None:
    with pytest.raises(Unavailable) as caught:
        open_database("postgresql://me:very-secret@127.0.0.1:1/none?connect_timeout=2")
    shown, error = "", caught.value.__cause__
    while error is not None:
        shown, error = shown + repr(error) + str(error), error.__cause__
    assert "very-secret" not in shown + str(caught.value)


def test_a_wrong_password_is_not_told(url: str) -> None:
    where = make_url(url).set(username="nobody-of-this-name", password="very-secret")
    with pytest.raises(Unavailable) as caught:
        open_database(where.render_as_string(hide_password=False))
    assert "very-secret" not in str(caught.value) + str(caught.value.__cause__)
