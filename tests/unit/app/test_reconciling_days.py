"""The three books of a day that was settled for real: what they say is judged by the example's own expectations, and
each discrepancy that is planted in a ledger, a message or the records is found as what it is."""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import books_world as planted
import pytest

from lockstep.app.books import service_book
from lockstep.app.books.sources import Sources
from lockstep.app.clocks import ManualClock
from lockstep.app.reconciling import RUNS, Reconciliation, of_world, reconcile_day
from lockstep.app.world import World
from lockstep.chain.deployment import Deployer
from lockstep.chain.node import Node
from lockstep.domain.cash import CashView
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.money import Money
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.breaks import BreakState, CloseReason
from lockstep.domain.reconciliation.differences import BreakClass, Cause, Found
from lockstep.domain.statement import Statement
from lockstep.domain.trade import Trade, TradeState
from lockstep.domain.values import replace as changed_value

EXPECTED: dict[str, Any] = tomllib.loads((planted.FIRST_DAY / "expected.toml").read_text())
DAY = date(2026, 11, 23)
LEGS = {"SETTLED": LineStatus.SETTLED, "RELEASED": LineStatus.ENDED, "CANCELLED": LineStatus.ENDED}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[World]:
    made = planted.founded(tmp_path / "fresh")
    yield made
    made.close()


def looked(sources: Sources, **options: Any) -> Reconciliation:
    return reconcile_day(sources, DAY, keep=False, **options)


def settled(world: World, reference: str) -> Trade:
    return next(one for one in world.book.trades() if one.terms.deliverer_reference == reference)


def brief(found: Sequence[Found]) -> set[tuple[str, str, str, str]]:
    return {(one.book.value, one.key.text(), one.break_class.value, one.cause.value) for one in found}


def said_of(done: Reconciliation, book: Book, subject: Subject) -> list[Line]:
    return [line for one in done.said if one.book is book for line in one.lines if line.key.subject is subject]


def uetr_of(world: World, settlement: SettlementId | None) -> str:
    """As the RTGS's own ledger has it."""
    return next(one.payment.uetr for one in world.rtgs.facts().payments if one.payment.settlement_id == settlement)


def test_three_books_agree_with_what_the_example_expects(world: World) -> None:
    done = looked(of_world(world))
    assert done.comparison.found == () and done.comparison.alone == () and done.agrees and not done.silent
    leis = {one.bic: one.lei for one in world.market.participants.values()}
    cash = {
        Key.cash(leis[one["participant"]], currency): Money.parse(one[currency], currency).amount
        for one in EXPECTED["final_cash"]
        for currency in ("EUR", "JPY")
    }
    units = {
        Key.position(leis[one["participant"]], one["isin"]): int(
            Decimal(one["quantity"]).scaleb(world.market.securities[one["isin"]].decimals)
        )
        for one in EXPECTED["final_holdings"]
        if Decimal(one["quantity"])
    }
    for book in (Book.RTGS, Book.SERVICE):
        assert {one.key: one.amount for one in said_of(done, book, Subject.CASH)} == cash
    for book in (Book.CHAIN, Book.SERVICE):
        told = {one.key: one.quantity for one in said_of(done, book, Subject.POSITION)}
        assert {key: quantity for key, quantity in told.items() if quantity} == units

    states = {one["deliverer_reference"]: one for one in EXPECTED["trades"] if one["state"] != "UNMATCHED"}
    service = {one.key.reference: one for one in said_of(done, Book.SERVICE, Subject.TRADE)}
    assert len(service) == len(states)
    ended = {Book.SERVICE: {*states}, Book.RTGS: set[str](), Book.CHAIN: set[str]()}
    for trade in world.book.trades():
        expected = states[trade.terms.deliverer_reference]
        if expected["state"] == "CANCELLED":
            continue
        reference = uetr_of(world, trade.settlement_id)
        line = service[reference]
        assert line.status is LEGS[expected["state"]]
        assert (line.deliverer, line.receiver) == (leis[expected["deliverer"]], leis[expected["receiver"]])
        assert line.amount == Money.parse(expected["cash"], expected["currency"]).amount
        ended[Book.CHAIN].add(reference)
        if expected["state"] == "SETTLED":
            ended[Book.RTGS].add(reference)
            assert line.day == DAY
    for book in (Book.CHAIN, Book.RTGS):
        assert {one.key.reference for one in said_of(done, book, Subject.TRADE)} == ended[book]


def test_a_trade_that_ended_long_after_its_day_is_no_break(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an outage of more days than the service looks back: the ledgers show it, so it is looked up."""
    monkeypatch.setattr(service_book, "LONGEST_END", timedelta(days=-1))
    done = looked(of_world(world))
    assert done.comparison.found == ()
    assert any(one.status is LineStatus.SETTLED for one in said_of(done, Book.SERVICE, Subject.TRADE))


def test_units_issued_past_the_service_show(fresh: World) -> None:
    """The issuer mints, by a transaction of its own."""
    planted.wave(fresh, "1-opening")
    fresh.run_until_quiet()
    member, security = next(iter(fresh.market.participants.values())), next(iter(fresh.market.securities.values()))
    issuer = Deployer(fresh.chain.node, fresh.roles.issuer, poll=fresh.chain.mine)
    issuer.call("SecurityToken", security.token, "issue", member.wallet, 700)
    issuer.flush()
    key = Key.position(member.lei, security.isin).text()
    assert brief(looked(of_world(fresh)).comparison.found) == set(), "not final yet"
    fresh.run_until_quiet()
    (found,) = looked(of_world(fresh)).comparison.found
    assert brief([found]) == {("service", key, "amount", "unknown")}
    assert [one.by for one in found.differences] == [-700]


def test_units_moved_past_the_service_show_at_both_holders(fresh: World) -> None:
    giver, taker = list(fresh.market.participants.values())[:2]
    security = next(iter(fresh.market.securities.values()))
    fresh.chain.node.web3.eth.send_transaction({"from": fresh.chain.faucet, "to": giver.wallet, "value": 10**18})
    wallet = Deployer(fresh.chain.node, fresh.roles.wallets[giver.bic], poll=fresh.chain.mine)
    wallet.call("SecurityToken", security.token, "transfer", taker.wallet, 5)
    wallet.flush()
    fresh.run_until_quiet()
    found = looked(of_world(fresh)).comparison.found
    assert {(one.key, one.differences[0].by) for one in found} == {
        (Key.position(giver.lei, security.isin), 5),
        (Key.position(taker.lei, security.isin), -5),
    }


def test_a_payment_that_the_service_does_not_know(world: World) -> None:
    """Its records of one trade are lost: both ledgers have it, and its cash and its units are nowhere."""
    trade = settled(world, "FABL-D-01")
    assert trade.settlement_id is not None
    sources = replace(of_world(world), book=planted.Records(world.book, lost={trade.settlement_id}))
    terms, found = trade.terms, looked(sources).comparison.found
    reference = uetr_of(world, trade.settlement_id)
    in_time = "in flight"
    assert brief(found) == {
        ("service", f"trade|{reference}", "timing", in_time),
        *(("service", f"cash|{one}|EUR", "timing", in_time) for one in (terms.deliverer, terms.receiver)),
        *(("service", f"position|{one}|{terms.isin}", "timing", in_time) for one in (terms.deliverer, terms.receiver)),
    }
    gaps = {one.key.kind: abs(one.differences[0].by) for one in found if one.key.subject is not Subject.TRADE}
    assert gaps == {"cash": terms.cash.amount, "position": terms.quantity.units(2)}


def test_a_mirror_off_by_one_cent(world: World) -> None:
    trade = settled(world, "FABL-D-01")

    def off(view: CashView) -> CashView:
        if view.settlement_id != trade.settlement_id or view.payment is None:
            return view
        more = Money(currency="EUR", amount=view.payment.amount.amount + 1)
        return changed_value(view, payment=changed_value(view.payment, amount=more))

    found = looked(replace(of_world(world), book=planted.Records(world.book, changed=off))).comparison.found
    assert {(one.book, one.key, one.break_class, one.differences[0].by) for one in found} == {
        (Book.SERVICE, Key.cash(trade.terms.deliverer, "EUR"), BreakClass.AMOUNT, 1),
        (Book.SERVICE, Key.cash(trade.terms.receiver, "EUR"), BreakClass.AMOUNT, -1),
    }


def test_another_amount_than_agreed_shows_though_mirror_and_rtgs_agree_in_it(world: World) -> None:
    trade = settled(world, "FABL-D-01")

    def cent_more(money: Money) -> Money:
        return changed_value(money, amount=money.amount + 1)

    def mirrored(view: CashView) -> CashView:
        if view.settlement_id != trade.settlement_id or view.payment is None:
            return view
        return changed_value(view, payment=changed_value(view.payment, amount=cent_more(view.payment.amount)))

    def booked(one: Statement) -> Statement:
        entries = tuple(
            changed_value(each, amount=cent_more(each.amount)) if each.settlement_id == trade.settlement_id else each
            for each in one.entries
        )
        total = one.opening.amount + sum(each.signed for each in entries)
        return changed_value(one, entries=entries, closing=changed_value(one.closing, amount=total))

    sources = replace(
        of_world(world),
        book=planted.Records(world.book, changed=mirrored),
        cash=planted.Line(world.service_cash(), booked),
    )
    assert {(one.book, one.key, one.differences[0].by) for one in looked(sources).comparison.found} == {
        (Book.SERVICE, Key.trade(uetr_of(world, trade.settlement_id)), -1)
    }


def test_a_statement_that_lacks_an_entry(world: World) -> None:
    """It adds up all the same: the RTGS lacks the trade, and two balances are off by it."""
    trade = settled(world, "FABL-D-01")
    assert trade.settlement_id is not None
    reference, terms, payment = uetr_of(world, trade.settlement_id), trade.terms, trade.settlement_id
    lacking = planted.Line(world.service_cash(), lambda one: planted.without(one, payment))
    found = looked(replace(of_world(world), cash=lacking)).comparison.found
    assert brief(found) == {
        ("rtgs", f"trade|{reference}", "timing", "in flight"),
        *(("service", f"cash|{one}|EUR", "timing", "in flight") for one in (terms.deliverer, terms.receiver)),
    }
    buyer = world.market.participants[terms.receiver].account("EUR")

    def at_the_buyer(one: Statement) -> Statement:
        return planted.without(one, payment) if one.account == buyer else one

    one_sided = looked(replace(of_world(world), cash=planted.Line(world.service_cash(), at_the_buyer))).comparison
    (balance,) = one_sided.found
    assert brief([balance]) == {("service", f"cash|{terms.receiver}|EUR", "amount", "unknown")}
    assert balance.differences[0].by == -terms.cash.amount


def test_nothing_is_concluded_from_an_rtgs_that_is_silent(fresh: World) -> None:
    """A break stays what it was; cash and trades are not judged by it."""
    planted.wave(fresh, "1-opening")
    fresh.run_until_quiet()
    trade = settled(fresh, "FABL-D-01")
    assert trade.settlement_id is not None
    lossy = replace(of_world(fresh), book=planted.Records(fresh.book, lost={trade.settlement_id}))
    before = reconcile_day(lossy, DAY).open
    assert {one.found.key.kind for one in before} == {"trade", "cash", "position"}
    silent = replace(of_world(fresh), cash=planted.Line(fresh.service_cash(), lambda _: None), wait_seconds=0)
    done = reconcile_day(silent, DAY)
    assert set(done.silent) == {Book.RTGS, Book.SERVICE}
    assert "has not answered in 0 seconds" in done.silent[Book.RTGS][Subject.CASH]
    assert set(done.silent[Book.SERVICE]) == {Subject.CASH}
    assert {one.found.key.kind for one in done.open} == {"trade", "cash"}, "of positions all books spoke, and agree"
    assert not done.agrees
    last = fresh.book.last_said(RUNS)
    assert last is not None and "0 seconds" in last.entry.facts["rtgs silent of cash"]
    healed = reconcile_day(of_world(fresh), DAY)
    assert healed.open == () and healed.agrees
    closed = {(one.state, one.reason) for one in fresh.book.breaks()}
    assert closed == {(BreakState.CLOSED, CloseReason.ARRIVED)} and len(fresh.book.breaks()) == len(before)


def moved(days: int) -> Callable[[Statement], Statement]:
    by = timedelta(days=days)
    return lambda one: changed_value(
        one,
        since=one.since + by,
        until=one.until + by,
        entries=tuple(changed_value(each, booked_at=each.booked_at + by) for each in one.entries),
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (moved(1), "asked for 2026-11-23, the RTGS told of 2026-11-24"),
        (moved(-1), "asked for 2026-11-23, the RTGS told of 2026-11-22"),
        (
            lambda one: changed_value(one, account=changed_value(one.account, number="ANOTHER")),
            "the RTGS told of ANOTHER",
        ),
        (lambda one: changed_value(one, page=2), "page 2 came as number 1"),
    ],
)
def test_an_answer_that_was_not_asked_for_is_no_answer(
    world: World, changed: Callable[[Statement], Statement], why: str
) -> None:
    done = looked(replace(of_world(world), cash=planted.Line(world.service_cash(), changed)))
    assert why in done.silent[Book.RTGS][Subject.TRADE]
    assert Book.RTGS not in done.comparison.run.spoke[Subject.TRADE] | done.comparison.run.spoke[Subject.CASH]
    assert done.comparison.found == ()


def test_a_node_that_is_behind_is_not_believed(world: World) -> None:
    later = ManualClock(world.clock.now() + timedelta(seconds=901))
    done = looked(replace(of_world(world), clock=later))
    assert done.comparison.found == () and set(done.silent) == {Book.CHAIN}
    for subject in (Subject.POSITION, Subject.TRADE):
        assert "the node is behind" in done.silent[Book.CHAIN][subject]
    assert all(one.subject is Subject.POSITION for one in done.comparison.alone)
    assert (
        looked(replace(of_world(world), node=None, assets=None)).silent[Book.CHAIN][Subject.TRADE] == "no node answers"
    )


class LyingNode:
    """A node that leaves out one event, or has no state of the block."""

    def __init__(self, node: Node, *, forgets: bool = False, stateless: bool = False) -> None:
        self._node, self._forgets, self._stateless = node, forgets, stateless

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def logs(self, *arguments: Any) -> Any:
        found = self._node.logs(*arguments)
        return found[:-1] if self._forgets else found

    def words(self, calls: Sequence[Any], block: int | None = None) -> Any:
        if self._stateless:
            return [Unavailable("missing trie node") for _ in calls]
        return self._node.words(calls, block)


def test_a_node_of_two_stories_is_believed_neither(world: World) -> None:
    node: Any = LyingNode(world.chain.node, forgets=True)
    done = looked(replace(of_world(world), node=node))
    assert "the node tells two stories of block" in done.silent[Book.CHAIN][Subject.POSITION]
    assert set(done.silent[Book.CHAIN]) == {Subject.POSITION} and done.comparison.found == ()
    node = LyingNode(world.chain.node, stateless=True)
    done = looked(replace(of_world(world), node=node))
    (told,) = (one for said in done.said for one in said.told)
    assert told == "positions are by events alone: missing trie node"
    assert not done.silent and done.comparison.found == ()


def test_what_is_under_way_is_a_matter_of_time_and_closes_itself(fresh: World) -> None:
    planted.wave(fresh, "1-opening")
    seen = 0
    for _ in range(8):
        fresh.tick()
        done = reconcile_day(of_world(fresh), DAY, intraday=True)
        assert {one.break_class for one in done.comparison.found} <= {BreakClass.TIMING}, brief(done.comparison.found)
        assert {one.cause for one in done.comparison.found} <= {Cause.IN_FLIGHT}
        seen += len(done.comparison.found)
    assert seen, "something was looked at on its way"
    fresh.run_until_quiet()
    done = reconcile_day(of_world(fresh), DAY, intraday=True)
    assert done.open == () and fresh.book.last_said(RUNS) is None, "the day itself was not compared yet"
    assert {one.reason for one in fresh.book.breaks()} <= {CloseReason.ARRIVED, CloseReason.AGREED}
    entries = len(fresh.book.journal())
    again = reconcile_day(of_world(fresh), DAY)
    assert again.reconciled.changed == () and again.reconciled.entries == ()
    assert len(fresh.book.journal()) == entries + 1
    assert fresh.book.last_said(RUNS) is not None


def test_a_break_is_looked_at_again_on_the_days_that_follow(fresh: World) -> None:
    """On the next day the balance still lacks what it lacked, though that day opened with what the RTGS says."""
    planted.wave(fresh, "1-opening")
    fresh.run_until_quiet()
    trade = settled(fresh, "FABL-D-01")
    assert trade.settlement_id is not None
    fresh.close_day()
    fresh.run_until_quiet()
    lossy = replace(of_world(fresh), book=planted.Records(fresh.book, lost={trade.settlement_id}))
    first = reconcile_day(lossy, DAY)
    kinds = ["trade", "cash", "cash", "position", "position"]
    assert sorted(one.found.key.kind for one in first.open) == sorted(kinds)
    for days, wanted in ((1, {BreakClass.TIMING}), (2, {BreakClass.MISSING, BreakClass.AMOUNT})):
        day = DAY + timedelta(days=days)
        fresh.move_to(datetime.combine(day, fresh.file.opens, tzinfo=UTC))
        fresh.rtgs.operator.open_day(day)
        fresh.run_until_quiet()
        done = reconcile_day(lossy, day)
        assert {one.break_id for one in done.open} == {one.break_id for one in first.open}
        assert {one.break_class for one in done.open} == wanted
        assert {one.opened_on for one in done.open} == {DAY} and {one.age(day) for one in done.open} == {days}
        fresh.rtgs.operator.close_day()
    assert {one.found.cause for one in done.open if one.found.key.subject is not Subject.TRADE} == {Cause.TRADE_BREAKS}
    past = reconcile_day(lossy, DAY)
    assert past.reconciled.changed == (), "of what a later run has spoken, one of an earlier day does not"
    assert len(looked(lossy).comparison.found) == len(kinds), "looking back is free"
    assert reconcile_day(of_world(fresh), day).open == ()


def test_an_account_without_a_mandate_is_not_compared_and_told(world: World) -> None:
    member = next(iter(world.market.participants.values()))
    named = world.market.participants | {
        member.lei: changed_value(member, accounts={**member.accounts, "USD": "NOBODYS"})
    }
    done = looked(replace(of_world(world), market=changed_value(world.market, participants=named)))
    assert [one for said in done.said for one in said.told] == [
        "account NOBODYS is not compared: its owner has given the service no mandate"
    ]
    assert done.comparison.found == () and not done.silent


@pytest.mark.parametrize(
    ("day", "at", "field"),
    [
        (DAY + timedelta(days=1), None, "day"),
        (DAY, datetime(2026, 11, 24, tzinfo=UTC), "at"),
        (DAY, datetime(2026, 11, 22, 23, tzinfo=UTC), "at"),
        (DAY, datetime(2026, 11, 23, 12, tzinfo=UTC).replace(tzinfo=None), "at"),
    ],
)
def test_a_moment_that_cannot_be(world: World, day: date, at: datetime | None, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        reconcile_day(of_world(world), day, at=at, keep=False)
    assert raised.value.field == field


def test_the_books_as_of_an_earlier_moment(world: World) -> None:
    """After the first wave nothing was settled that came later: all three books are read back to it, and agree."""
    settled_by = []
    for at in (planted.quiet_after(world, "1-opening"), world.clock.now()):
        done = looked(of_world(world), at=at)
        assert done.comparison.found == () and not done.silent
        (service,) = (one for one in done.said if one.book is Book.SERVICE)
        count = sum(one.status is LineStatus.SETTLED for one in service.lines)
        rows = [row.entry for row in world.book.journal() if row.entry.at <= at]
        assert count == sum(one.kind == TradeState.SETTLED.value.lower() for one in rows)
        assert service.as_of == f"journal {len(rows)}"
        settled_by.append(count)
    assert 0 < settled_by[0] < settled_by[1]


def test_a_run_of_an_earlier_moment_says_nothing_of_what_came_later(fresh: World) -> None:
    """What a later run found stays open, nothing that it settled is opened again, and the journal keeps its order."""
    fresh.run_until_quiet()
    for _ in range(8):
        fresh.tick()
    start = fresh.clock.now()
    planted.wave(fresh, "1-opening")
    fresh.run_until_quiet()
    trade = settled(fresh, "FABL-D-01")
    assert trade.settlement_id is not None
    lossy = replace(of_world(fresh), book=planted.Records(fresh.book, lost={trade.settlement_id}))
    later = reconcile_day(lossy, DAY)
    assert len(later.open) == 5
    for _ in range(2):
        earlier = reconcile_day(lossy, DAY, at=start)
        assert earlier.comparison.found == () and earlier.reconciled.changed == ()
        assert {one.break_id for one in earlier.open} == {one.break_id for one in later.open}
    moments = [row.entry.at for row in fresh.book.journal()]
    assert moments == sorted(moments)
    (service,) = (one for one in looked(lossy, at=start).said if one.book is Book.SERVICE)
    assert service.as_of == f"journal {sum(at <= start for at in moments)}", "what came later is not of that moment"

    fresh.tick()
    mended = reconcile_day(of_world(fresh), DAY)
    assert mended.open == () and mended.at > later.at
    before = reconcile_day(lossy, DAY, at=later.at)
    assert len(before.comparison.found) == 5 and before.open == (), "it was put right since"


def next_day(world: World, day: date) -> None:
    world.rtgs.operator.close_day()
    world.move_to(datetime.combine(day, world.file.opens, tzinfo=UTC))
    world.rtgs.operator.open_day(day)
    world.run_until_quiet()


def test_what_a_silent_rtgs_kept_is_asked_again_the_next_day(fresh: World) -> None:
    """Its day was not compared: neither its payments nor its balances may pass with it."""
    planted.wave(fresh, "1-opening")
    fresh.run_until_quiet()
    trade = settled(fresh, "FABL-D-01")

    def off(view: CashView) -> CashView:
        if view.settlement_id != trade.settlement_id or view.payment is None:
            return view
        more = Money(currency="EUR", amount=view.payment.amount.amount + 1)
        return changed_value(view, payment=changed_value(view.payment, amount=more))

    lying = replace(of_world(fresh), book=planted.Records(fresh.book, changed=off))
    silent = replace(lying, cash=planted.Line(fresh.service_cash(), lambda _: None), wait_seconds=0)
    assert reconcile_day(silent, DAY).open == ()
    tuesday = DAY + timedelta(days=1)
    next_day(fresh, tuesday)
    assert reconcile_day(silent, tuesday).open == ()
    done = reconcile_day(lying, tuesday)
    assert Key.trade(uetr_of(fresh, trade.settlement_id)) in {one.key for one in done.lines if one.book is Book.RTGS}
    assert {(one.book, one.key, one.differences[0].by) for one in done.comparison.found} == {
        (Book.SERVICE, Key.cash(trade.terms.deliverer, "EUR"), 1),
        (Book.SERVICE, Key.cash(trade.terms.receiver, "EUR"), -1),
    }
    assert any(f"the trades from {DAY}" in one for one in done.told)


def test_an_rtgs_that_opens_with_another_balance_than_it_closed_with(fresh: World) -> None:
    planted.wave(fresh, "1-opening")
    fresh.run_until_quiet()
    assert reconcile_day(of_world(fresh), DAY).agrees
    tuesday = DAY + timedelta(days=1)
    next_day(fresh, tuesday)
    account = next(iter(fresh.market.participants.values())).account("EUR")

    def richer(one: Statement) -> Statement:
        if one.account != account or one.until.date() < tuesday:
            return one
        more = {name: Money(currency="EUR", amount=getattr(one, name).amount + 100) for name in ("opening", "closing")}
        return changed_value(one, **more)

    overnight = replace(of_world(fresh), cash=planted.Line(fresh.service_cash(), richer))
    for _ in range(2):
        done = reconcile_day(overnight, tuesday)
        assert account.number in done.silent[Book.RTGS][Subject.CASH] and "opens with" in str(done.silent)
    assert reconcile_day(of_world(fresh), tuesday).agrees
