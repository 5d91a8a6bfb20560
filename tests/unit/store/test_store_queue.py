"""The queue in the trades' rows: who gets what and when, and what a late worker may still write."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from store_cases import both

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict, LeaseLost, Misconfigured
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import Side
from lockstep.domain.journal import Entry
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.matching import match
from lockstep.ports import Change, Claimed
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import MORNING, SALT_KEY, FakeClock, example_market
from stores import Store

SECONDS = 15
LONGEST = 900


def a_trade(number: int) -> Trade:
    (change,) = match(both(number), example_market(), SALT_KEY, MORNING)
    return replace(change.trades[0], settlement_id=settlement(number))


def settlement(number: int) -> SettlementId:
    return SettlementId(f"{number:064x}")


class Shop:
    """Two workers with books of their own on one database, with five open trades, and one clock."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock(MORNING)
        self.engines: list[Engine] = [open_database(url), open_database(url)]
        self.one, self.other = (SqlBook(engine, clock=self.clock) for engine in self.engines)
        self.trades = [replace(a_trade(number), version=1) for number in range(5)]
        self.one.commit_all([Change(trades=(replace(trade, version=0),)) for trade in self.trades])

    def numbers(self, claimed: Sequence[Claimed]) -> list[int]:
        ids = [trade.trade_id for trade in self.trades]
        return [ids.index(one.trade.trade_id) for one in claimed]


@pytest.fixture
def shop(fresh: Callable[[], str]) -> Iterator[Shop]:
    made = Shop(fresh())
    yield made
    for engine in made.engines:
        engine.dispose()


def moved(claimed: Claimed, kind: str = "moved") -> Change:
    trade = replace(claimed.trade, state=TradeState.LOCKED)
    return Change(trades=(trade,), entries=(Entry(at=MORNING, kind=kind, subject=trade.trade_id),))


def test_each_trade_is_one_workers(shop: Shop) -> None:
    first = shop.one.claim("one", 2, SECONDS)
    assert shop.numbers(first) == [0, 1] and [one.trade for one in first] == shop.trades[:2]
    assert shop.numbers(shop.other.claim("other", 10, SECONDS)) == [2, 3, 4]
    assert list(shop.one.claim("one", 10, SECONDS)) == [], "its own too: it is at work on them"


def test_let_go_they_are_due_when_it_was_said(shop: Shop) -> None:
    first = shop.one.claim("one", 3, SECONDS)
    later = MORNING + timedelta(seconds=60)
    shop.one.done_with([(first[0], later), (first[1], None), (first[2], MORNING + timedelta(days=3))])
    assert shop.numbers(shop.other.claim("other", 10, SECONDS)) == [1, 3, 4]
    shop.clock.advance(59)
    shop.other.let_go_of("other")
    assert shop.numbers(shop.other.claim("other", 10, SECONDS)) == [1, 3, 4]
    shop.clock.advance(1)
    assert shop.numbers(shop.one.claim("one", 10, SECONDS)) == [0]
    shop.clock.advance(LONGEST - 60 - SECONDS)
    shop.one.claim("one", 10, LONGEST)
    shop.clock.advance(SECONDS)
    assert shop.numbers(shop.one.claim("one", 10, SECONDS)) == [2], "nothing sleeps for days"


def test_what_moves_goes_before_what_only_waited_for_its_time(shop: Shop) -> None:
    first = shop.one.claim("one", 5, SECONDS)
    waits = [MORNING + timedelta(seconds=place) for place in range(1, 4)]
    shop.one.done_with([(one, again) for one, again in zip(first, [*waits, None, waits[0]], strict=True)])
    shop.clock.advance(SECONDS)
    assert shop.numbers(shop.one.claim("one", 2, SECONDS)) == [3, 0], "the others have been due for as long"


def test_what_ended_is_not_due(shop: Shop) -> None:
    first = shop.one.claim("one", 1, SECONDS)
    shop.one.commit(Change(trades=(replace(first[0].trade, state=TradeState.CANCELLED),)))
    shop.one.done_with([(first[0], None)])
    shop.one.wake([settlement(0)])
    assert shop.numbers(shop.one.claim("one", 10, SECONDS)) == [1, 2, 3, 4]


def test_the_longest_due_comes_first_and_what_was_woken_before_it(shop: Shop) -> None:
    first = shop.one.claim("one", 5, SECONDS)
    waits = (40, 30, 20, 10, 500)
    shop.one.done_with([(one, MORNING + timedelta(seconds=wait)) for one, wait in zip(first, waits, strict=True)])
    shop.other.wake([settlement(4), SettlementId("ff" * 32)])
    shop.clock.advance(35)
    assert shop.numbers(shop.other.claim("other", 10, SECONDS)) == [4, 3, 2, 1]


def test_woken_while_somebody_has_it_it_stays_due(shop: Shop) -> None:
    first = shop.one.claim("one", 5, SECONDS)
    shop.other.wake([settlement(0)])
    shop.other.commit(Change(cash=(CashView(settlement_id=settlement(1)),)))  # mail for it
    stored = replace(first[2].trade, cancel_asked=frozenset({Side.DELIVER}))
    shop.other.commit(Change(trades=(stored,)))  # by who has not claimed it
    assert list(shop.other.claim("other", 10, SECONDS)) == [], "still one worker's"
    shop.one.done_with([(one, MORNING + timedelta(seconds=60)) for one in first])
    assert shop.numbers(shop.other.claim("other", 10, SECONDS)) == [0, 1, 2]


def test_run_out_it_goes_on_elsewhere_and_the_late_worker_stores_nothing(shop: Shop) -> None:
    late = shop.one.claim("one", 2, SECONDS)
    shop.clock.advance(SECONDS - 1)
    assert shop.numbers(shop.other.claim("other", 10, SECONDS)) == [2, 3, 4]
    shop.clock.advance(1)
    taken = shop.other.claim("other", 1, SECONDS)
    assert shop.numbers(taken) == [0] and taken[0].fence == late[0].fence + 1
    wrong, fine = shop.one.commit_all([moved(late[0], "late"), moved(late[1], "in time")])
    assert isinstance(wrong, LeaseLost) and fine is None
    assert (wrong.subject, wrong.fence) == (f"trade/{shop.trades[0].trade_id}", 1)
    with pytest.raises(LeaseLost):
        shop.one.commit(moved(late[0]))
    assert [row.entry.kind for row in shop.one.journal()] == ["in time"]
    shop.one.done_with([(late[0], None)])
    assert shop.other.commit_all([moved(taken[0], "taken over")]) == [None], "a late release lets nothing go"


def test_run_out_and_wanted_by_nobody_it_still_writes(shop: Shop) -> None:
    late = shop.one.claim("one", 1, SECONDS)
    shop.clock.advance(100 * SECONDS)
    assert shop.one.commit_all([moved(late[0])]) == [None]


def test_a_fence_of_another_holder_is_another(shop: Shop) -> None:
    """As after a restore: the number may be the same, the name is not."""
    late = shop.one.claim("one", 1, SECONDS)
    with shop.engines[1].begin() as connection:
        connection.execute(text("UPDATE trade SET holder = 'other' WHERE holder = 'one'"))
    (wrong,) = shop.one.commit_all([moved(late[0])])
    assert isinstance(wrong, LeaseLost)


def test_the_version_is_judged_beside_the_fence(shop: Shop) -> None:
    (mine,) = shop.one.claim("one", 1, SECONDS)
    shop.other.commit(Change(trades=(replace(mine.trade, cancel_asked=frozenset({Side.DELIVER})),)))
    (wrong,) = shop.one.commit_all([moved(mine)])
    assert isinstance(wrong, Conflict) and wrong.identifier == f"{mine.trade.trade_id}/1"


@pytest.mark.parametrize(("back", "free"), [(SECONDS, 0), (2 * LONGEST - SECONDS, 0), (2 * LONGEST, 5), (86_400, 5)])
def test_a_clock_put_back_makes_no_claim_for_ever(shop: Shop, back: int, free: int) -> None:
    shop.one.claim("one", 5, SECONDS)
    shop.clock.advance(-back)
    assert len(shop.other.claim("other", 10, SECONDS)) == free


def test_a_clock_put_back_makes_nobody_sleep_for_ever(shop: Shop) -> None:
    shop.one.done_with([(one, MORNING + timedelta(seconds=LONGEST)) for one in shop.one.claim("one", 5, SECONDS)])
    shop.clock.advance(-LONGEST)
    assert list(shop.other.claim("other", 10, SECONDS)) == []
    shop.clock.advance(-1)
    assert len(shop.other.claim("other", 10, SECONDS)) == 5


def test_who_begins_under_a_dead_ones_name_need_not_wait(shop: Shop) -> None:
    dead = shop.one.claim("one", 2, SECONDS)
    shop.other.claim("other", 1, SECONDS)
    begun = SqlBook(shop.engines[1], clock=shop.clock)
    begun.let_go_of("one")
    again = begun.claim("one", 2, SECONDS)
    assert shop.numbers(again) == [0, 1] and [one.fence for one in again] == [2, 2]
    assert isinstance(shop.one.commit_all([moved(dead[0])])[0], LeaseLost)


def test_of_many_claims_at_once_none_gets_the_same(shop: Shop) -> None:
    def claim(number: int) -> list[str]:
        book = (shop.one, shop.other)[number % 2]
        return [one.trade.trade_id for one in book.claim(f"worker {number}", 1, SECONDS)]

    with ThreadPoolExecutor(4) as pool:
        got = [one for part in pool.map(claim, range(8)) for one in part]
    assert sorted(got) == sorted(trade.trade_id for trade in shop.trades)


def test_a_worker_in_a_transaction_holds_up_nobody_on_postgresql(postgresql_server: Store) -> None:
    shop = Shop(postgresql_server.fresh())
    with shop.engines[0].begin() as connection:
        connection.execute(
            text("SELECT 1 FROM trade WHERE trade_id = :one FOR UPDATE"), {"one": shop.trades[0].trade_id}
        )
        assert shop.numbers(shop.other.claim("other", 10, SECONDS)) == [1, 2, 3, 4]
    for engine in shop.engines:
        engine.dispose()


def test_what_breaks_a_rule_is_named(shop: Shop) -> None:
    for seconds in (0, LONGEST + 1):
        with pytest.raises(Misconfigured, match=rf"^lease: {seconds} seconds break the rule: from 1 to {LONGEST}$"):
            shop.one.claim("one", 1, seconds)
    with pytest.raises(Misconfigured, match="opened without a clock"):
        SqlBook(shop.engines[0]).claim("one", 1, SECONDS)
