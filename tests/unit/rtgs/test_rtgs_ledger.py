"""The ledger: every debit with its credit, no account past its limit, postings numbered and for ever (I5)."""

from datetime import timedelta

import pytest
from banks import BOOKED, A, B, Banks, bank, order
from rtgs_world import BUYER, BUYER_ACCOUNT, DAY, NOON, RTGS, SELLER_ACCOUNT, SetClock, World, euro
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError

from lockstep.domain.errors import Misconfigured, Refused
from lockstep.domain.money import Money
from lockstep.rtgs import Rtgs
from lockstep.rtgs.bulk import Entry
from lockstep.rtgs.database import Database
from lockstep.rtgs.orders import Priority
from stores import Store

TOMORROW = DAY + timedelta(days=1)


def _do(url: str, *statements: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


def _entry(reference: str, debit: str, credit: str, cents: int, currency: str = "EUR") -> Entry:
    return Entry(reference, debit, credit, currency, cents)


@pytest.fixture
def database(world: World) -> Database:
    return world.rtgs._database


def test_postings_are_numbered_without_gaps_in_each_day(world: World) -> None:
    banks = Banks(world, A=100)
    banks.pay(1, A, B, 10)
    banks.desk.close_day()
    banks.fund(A, 5)  # between two days: it belongs to the next
    world.later(days=1)
    banks.desk.open_day(TOMORROW)
    banks.pay(2, A, B, 10, settlement_date=TOMORROW)
    postings = banks.desk.postings()
    assert [(one.day, one.entry) for one in postings] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    assert [one.number for one in postings] == [1, 2, 3, 4, 5]
    assert [one.booked_at for one in postings] == [NOON] * 4 + [NOON + timedelta(days=1)]


def test_a_refused_step_leaves_no_gap(world: World, database: Database) -> None:
    entries = [_entry(name, BUYER_ACCOUNT.number, SELLER_ACCOUNT.number, 15_000) for name in ("good", "bad")]
    with pytest.raises(Refused, match="InsufficientFunds"), database.step("bad", NOON) as step:
        list(map(step.books.post, [entries[:1], entries[1:]]))
    assert [one.reference for one in world.rtgs.operator.postings()] == ["funding/opening"]
    assert world.money() == (15_000, 0)
    with database.step("good", NOON) as step:
        assert step.books.post([_entry("good", BUYER_ACCOUNT.number, SELLER_ACCOUNT.number, 15_000)]) == 2


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (_entry("x", BUYER_ACCOUNT.number, SELLER_ACCOUNT.number, 15_001), "InsufficientFunds"),
        (_entry("x", BUYER_ACCOUNT.number, SELLER_ACCOUNT.number, 1, "JPY"), "CurrencyMismatch"),
        (_entry("x", BUYER_ACCOUNT.number, "NONE", 1), "AccountUnknown"),
        (_entry("x", "NONE", SELLER_ACCOUNT.number, 1), "AccountUnknown"),
    ],
)
def test_a_bad_entry_books_nothing(world: World, database: Database, entry: Entry, name: str) -> None:
    before = world.rtgs.facts()
    with pytest.raises(Refused) as refused, database.step("bad", NOON) as step:
        step.books.post([entry])
    assert refused.value.name == name
    assert set(refused.value.details) == {"field", "value", "rule"}
    assert world.rtgs.facts() == before


@pytest.mark.parametrize(
    "entries",
    [
        [_entry("x", "BUYER-EUR", "SELLER-EUR", 0)],
        [_entry("x", "BUYER-EUR", "SELLER-EUR", -5)],
        [_entry("x", "BUYER-EUR", "BUYER-EUR", 5)],
        [_entry("funding/opening", "BUYER-EUR", "SELLER-EUR", 5)],
        [_entry("x", "BUYER-EUR", "SELLER-EUR", 5)] * 2,
    ],
)
def test_the_tables_refuse_what_the_books_were_not_asked(
    world: World, database: Database, entries: list[Entry]
) -> None:
    """No amount, no counterparty, a reference used before: the constraints stand behind the code."""
    before = world.rtgs.facts()
    with pytest.raises(DatabaseError), database.step("bad", NOON) as step:
        step.books.post(entries)
    assert world.rtgs.facts() == before


def test_entries_posted_together_are_judged_on_their_net(world: World, database: Database) -> None:
    buyer, seller = BUYER_ACCOUNT.number, SELLER_ACCOUNT.number
    with database.step("together", NOON) as step:
        assert step.books.post([_entry("1", buyer, seller, 40_000), _entry("2", seller, buyer, 30_000)]) == 2
    assert (world.money(), world.money(SELLER_ACCOUNT)) == ((5_000, 0), (10_000, 0))


def test_earmarked_money_is_not_paid_out(world: World, database: Database) -> None:
    with database.step("earmark", NOON) as step:
        assert step.books.earmark(BUYER_ACCOUNT.number, 10_000, Priority.NORMAL) == 0
    assert world.money() == (15_000, 10_000)
    with pytest.raises(Refused, match="InsufficientFunds"), database.step("bad", NOON) as step:
        step.books.post([_entry("x", BUYER_ACCOUNT.number, SELLER_ACCOUNT.number, 5_001)])
    with pytest.raises(Refused, match="InsufficientFunds"), database.step("bad", NOON) as step:
        step.books.earmark(BUYER_ACCOUNT.number, 5_001, Priority.NORMAL)
    with database.step("used", NOON) as step:
        entry = _entry("y", BUYER_ACCOUNT.number, SELLER_ACCOUNT.number, 10_000)
        step.books.post([entry], earmarked={BUYER_ACCOUNT.number: 10_000})
    assert world.money() == (5_000, 0)


@pytest.mark.parametrize("table", ["postings", "endings", "statements", "releases", "mandates", "inbox", "outbox"])
def test_what_is_written_stays(world: World, table: str) -> None:
    """Whatever hand tries it: a program on the database itself neither changes nor deletes."""
    banks = Banks(world, A=100)
    world.say(payment := _payment())
    world.release(payment, 0, 1, 2)
    banks.desk.close_day()
    column = {"postings": "amount", "statements": "entries"}.get(table)
    changes = [f"DELETE FROM {table}"]
    changes.append(f"UPDATE {table} SET {column} = {column} + 1" if column else f"UPDATE {table} SET {_ANY[table]}")
    if world.url.startswith("postgresql"):
        changes.append(f"TRUNCATE {table} CASCADE")
    before = world.rtgs.facts()
    for change in changes:
        with pytest.raises(DatabaseError, match="only grows"):
            _do(world.url, change)
    assert world.rtgs.facts() == before


_ANY = {
    "endings": "ending = 'NEVER'",
    "releases": "released_at = 0",
    "mandates": "maximum = 0",
    "inbox": "answers = ''",
    "outbox": "sequence = sequence + 100",
}


def _payment() -> object:
    from rtgs_world import payment

    return payment()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts SET posted = -101 WHERE account = 'A-EUR'",
        "UPDATE accounts SET credit_limit = -1 WHERE account = 'A-EUR'",
        "UPDATE accounts SET credit_limit = 49 WHERE account = 'A-EUR'",
        "UPDATE accounts SET earmarked = 51 WHERE account = 'A-EUR'",
        "UPDATE accounts SET reserved_high = -1 WHERE account = 'A-EUR'",
        "UPDATE payments SET booked_at = NULL",
        "UPDATE payments SET booked_at = entered_at - 1",
        "UPDATE payments SET state = 'PENDING'",
    ],
)
def test_no_account_passes_its_limit_by_any_hand(world: World, change: str) -> None:
    banks = Banks(world)
    banks.desk.set_credit_limit(A.number, euro(100))
    assert banks.pay(1, A, B, 50) is BOOKED
    with pytest.raises(DatabaseError):
        _do(world.url, change)


def test_the_moments_of_a_payment_are_recorded(world: World) -> None:
    """SF1 on acceptance; SF2 and SF3 when it is booked."""
    banks = Banks(world)
    banks.pay(1, A, B, 50)
    stored = banks.stored(1)
    assert (stored.entered_at, stored.irrevocable_at, stored.booked_at) == (NOON, None, None)
    world.later(minutes=5)
    banks.fund(A, 50)
    stored = banks.stored(1)
    later = NOON + timedelta(minutes=5)
    assert (stored.entered_at, stored.irrevocable_at, stored.booked_at) == (NOON, later, later)
    assert banks.desk.postings()[-1].booked_at == later


def test_currencies_are_apart(world: World) -> None:
    desk = Banks(world, A=100).desk
    desk.open_account(A.owner, "A-JPY", "JPY")
    desk.fund("A-JPY", Money(currency="JPY", amount=7), "yen")
    assert desk.submit(order(1, A, bank("A"), 1), instructing=A.owner, message_id="M").reason_code == "AC03"
    totals: dict[str, int] = {}
    for account in desk.accounts():
        totals[account.currency] = totals.get(account.currency, 0) + account.posted
    assert totals == {"EUR": 0, "JPY": 0}


def test_a_database_of_another_version_is_refused(store: Store) -> None:
    url = store.fresh()
    Rtgs(url, SetClock(NOON), bic=RTGS).close()
    Rtgs(url, SetClock(NOON), bic=RTGS).close()
    with pytest.raises(Misconfigured, match=str(RTGS)):
        Rtgs(url, SetClock(NOON), bic=BUYER)
    _do(url, "UPDATE settings SET version = 4")
    with pytest.raises(Misconfigured, match="schema version 4"):
        Rtgs(url, SetClock(NOON), bic=RTGS)


def test_a_database_of_the_first_version_is_refused(store: Store) -> None:
    url = store.fresh()
    _do(url, "CREATE TABLE settings (one INTEGER PRIMARY KEY, bic VARCHAR(11) NOT NULL, quorum INTEGER NOT NULL)")
    with pytest.raises(Misconfigured, match="schema version 1"):
        Rtgs(url, SetClock(NOON), bic=RTGS)
