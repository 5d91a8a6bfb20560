"""What a step remembers of the ledger for the next one: used while nobody else wrote, and never after."""

from collections.abc import Collection
from typing import Any

import pytest
from rtgs_world import BUYER_ACCOUNT, NOON, RTGS, SELLER_ACCOUNT, World, euro
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from lockstep.domain.errors import Refused
from lockstep.rtgs import Rtgs, bulk
from lockstep.rtgs.bulk import Entry

BUYER, SELLER = BUYER_ACCOUNT.number, SELLER_ACCOUNT.number


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The accounts of each read of the tables from now on."""
    found: list[set[str]] = []
    reading = bulk._read

    def noted(connection: Connection, numbers: Collection[str]) -> Any:
        found.append(set(numbers))
        return reading(connection, numbers)

    monkeypatch.setattr(bulk, "_read", noted)
    return found


def pay(rtgs: Rtgs, number: int, cents: int = 100) -> int:
    """Books from the buyer to the seller; the posting's number."""
    with rtgs._database.step("booked", NOON) as step:
        return step.books.post([Entry(f"paid/{number}", BUYER, SELLER, "EUR", cents)])


def by_hand(url: str, change: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(change))
    finally:
        engine.dispose()


def test_it_reads_an_account_once(world: World, read: list[set[str]]) -> None:
    pay(world.rtgs, 1)
    assert {BUYER, SELLER} in read
    paid = 1
    for _ in range(3):  # beside another transaction of the server, as an autovacuum's, PostgreSQL's are read again
        read.clear()
        assert [pay(world.rtgs, paid + more) for more in (1, 2, 3)] == [paid + more for more in (2, 3, 4)]
        paid += 3
        if not read:
            break
    assert read == []
    assert world.money() == (15_000 - 100 * paid, 0)
    assert world.money(SELLER_ACCOUNT) == (100 * paid, 0)


CHANGE = text(f"UPDATE accounts SET posted = posted + 7 WHERE account = '{BUYER}'")


def test_another_hand_is_seen(world: World) -> None:
    other = create_engine(world.url)
    pay(world.rtgs, 1)
    with other.begin() as connection:
        connection.execute(CHANGE)
    other.dispose()
    pay(world.rtgs, 2)
    assert world.money() == (15_000 - 200 + 7, 0)


def test_another_hand_that_began_before_is_seen(world: World) -> None:
    """Its transaction begins before a step of ours and would end between two; SQLite then lets it write nothing."""
    in_sqlite = world.url.startswith("sqlite")
    other = create_engine(world.url)
    with other.connect() as connection:
        if in_sqlite:
            connection.exec_driver_sql("BEGIN")
        begins = "SELECT posted FROM accounts" if in_sqlite else "SELECT txid_current()"
        connection.exec_driver_sql(begins).fetchall()
        pay(world.rtgs, 1)
        if in_sqlite:
            with pytest.raises(OperationalError, match="locked"):
                connection.execute(CHANGE)
        else:
            connection.execute(CHANGE)
            connection.commit()
    other.dispose()
    pay(world.rtgs, 2)
    assert world.money() == (15_000 - 200 + (0 if in_sqlite else 7), 0)


def test_another_process_on_the_same_books_is_seen(world: World) -> None:
    other = Rtgs(world.url, world.clock, bic=RTGS)
    booked = [pay(one, number) for number, one in enumerate([world.rtgs, other, other, world.rtgs, other], 1)]
    other.close()
    assert booked == [2, 3, 4, 5, 6]  # 1 is the funding
    assert world.money() == (14_500, 0)
    entries = [row.number for row in world.rtgs.operator.postings()]
    assert entries == [1, 2, 3, 4, 5, 6]


def test_the_same_connection_used_past_the_ledger_is_seen(world: World) -> None:
    pay(world.rtgs, 1)
    with world.rtgs._database._engine.begin() as connection:
        connection.execute(text(f"UPDATE accounts SET posted = posted + 7 WHERE account = '{BUYER}'"))
    pay(world.rtgs, 2)
    assert world.money() == (15_000 - 200 + 7, 0)


def test_what_failed_is_forgotten(world: World) -> None:
    pay(world.rtgs, 1)
    with pytest.raises(Refused, match="InsufficientFunds"):
        pay(world.rtgs, 2, 99_999)
    with pytest.raises(Refused, match="AccountUnknown"), world.rtgs._database.step("broken", NOON) as step:
        step.books.post([Entry("paid/3", BUYER, SELLER, "EUR", 50), Entry("paid/4", "NOBODY", SELLER, "EUR", 50)])
    assert pay(world.rtgs, 4) == 3
    assert world.money() == (14_800, 0)


def test_a_new_limit_binds_the_next_step(world: World) -> None:
    pay(world.rtgs, 1)
    world.rtgs.operator.set_credit_limit(BUYER, euro(100))
    assert pay(world.rtgs, 2, 15_000) == 3
    with pytest.raises(Refused, match="InsufficientFunds"):
        pay(world.rtgs, 3, 1)
    assert world.money() == (-100, 0)


def test_the_next_day_begins_at_one(world: World) -> None:
    pay(world.rtgs, 1)
    world.rtgs.operator.close_day()
    pay(world.rtgs, 2)
    pay(world.rtgs, 3)
    days = [(row.day, row.entry) for row in _postings(world)]
    assert days == [(1, 1), (1, 2), (2, 1), (2, 2)]


def _postings(world: World) -> list[Any]:
    with world.rtgs._database.reading() as connection:
        return list(connection.execute(text("SELECT day, entry FROM postings ORDER BY number")).all())


@pytest.mark.parametrize(
    "change", ["DELETE FROM accounts", "UPDATE accounts SET account = 'X' WHERE account = 'BUYER-EUR'"]
)
def test_no_account_is_deleted_or_renamed(world: World, change: str) -> None:
    with pytest.raises(Exception, match="accounts only grows"):
        by_hand(world.url, change)


def test_a_posting_names_accounts_that_exist(world: World) -> None:
    for debit, credit in (("NOBODY", BUYER), (BUYER, "NOBODY")):
        with (
            pytest.raises(Exception, match=r"(?i)foreign key|not in accounts"),
            world.rtgs._database.step("x", NOON) as s,
        ):
            bulk.write_postings(s.connection, (2, 1, 2), [Entry("x", debit, credit, "EUR", 1)], 0)
    assert len(world.rtgs.operator.postings()) == 1


def test_whatever_stands_in_a_text_is_only_text(world: World) -> None:
    """References as PostgreSQL's arrays could misread them."""
    odd = ['a"b', "c\\d", "e,f", "{g}", "NULL", "", " h ", '","', "ü€𝄞", "i'j"]
    with world.rtgs._database.step("booked", NOON) as step:
        step.books.post([Entry(reference, BUYER, SELLER, "EUR", 1) for reference in odd])
    with world.rtgs._database.step("booked", NOON) as step:
        step.books.post([Entry('alone"\\', BUYER, SELLER, "EUR", 1)])
    assert [row.reference for row in world.rtgs.operator.postings()][1:] == [*odd, 'alone"\\']
