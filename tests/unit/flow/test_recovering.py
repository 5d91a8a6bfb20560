"""What the ledgers show of trades that the records lost: nothing untrue is told, nothing is paid twice."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flow_world import Bench, check

from lockstep.domain.errors import Unavailable
from lockstep.domain.instruction import CancellationAdvice, CancellationStatus, Side, StatusAdvice
from lockstep.domain.order import OutcomeResult
from lockstep.domain.trade import Reason, TradeState
from lockstep.flow.matching import AGE_OUT
from lockstep.flow.recovering import AGAIN, SKEW
from lockstep.ports import Change, StoredInstruction
from lockstep.signing import settlement_id
from lockstep.testing.fakes import BUYER, FakeBook, example_instruction

DELIVER, RECEIVE = example_instruction(Side.DELIVER, "D-1"), example_instruction(Side.RECEIVE, "R-1")
CANCELLED, DENIED, PENDING = CancellationStatus.CANCELLED, CancellationStatus.DENIED, CancellationStatus.PENDING


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    check(bench)
    bench.close()


@pytest.fixture
def settled(bench: Bench) -> Bench:
    """A trade that settled, and the service's records lost."""
    bench.instruct()
    bench.run()
    assert bench.trade.state is TradeState.SETTLED
    lose(bench)
    return bench


def lose(bench: Bench) -> None:
    bench.book = FakeBook()
    bench.mailbox.messages.clear()
    bench.restarted()


def later(bench: Bench, wait: timedelta = SKEW) -> None:
    """The chain's final block is so much later."""
    bench.clock.advance(int(wait.total_seconds()) + 1)
    for _ in range(4):
        bench.tick()


def answers(bench: Bench) -> list[CancellationStatus]:
    bodies = [one.body for one in bench.mailbox.messages.values()]
    return [one.status for one in bodies if isinstance(one, CancellationAdvice)]


def kept(bench: Bench) -> StoredInstruction:
    stored = bench.book.instruction(BUYER.lei, RECEIVE.reference)
    assert stored is not None
    return stored


def breaks(bench: Bench) -> list[tuple[str, str]]:
    return [(row.entry.subject, row.entry.facts["rule"]) for row in bench.book.journal() if row.entry.kind == "break"]


# --- cancellations of what waits


def test_what_settled_is_not_cancelled_while_its_counterpart_is_missing(settled: Bench) -> None:
    settled.submit(RECEIVE, late=True)
    settled.ask_to_cancel(Side.RECEIVE)
    later(settled)
    assert (kept(settled).status, answers(settled)) == ("WAITING", [PENDING])
    assert settled.kinds().count("cancellation waits") == 1
    before = len(settled.book.journal())
    later(settled)
    assert len(settled.book.journal()) == before, "and is looked for once"
    settled.submit(DELIVER, late=True)
    settled.run()
    assert settled.trade.state is TradeState.SETTLED
    assert answers(settled) == [PENDING, DENIED]


def test_both_sides_wishes_meet_in_the_trade(bench: Bench) -> None:
    """Locked, lost, and handed in again with both cancellations, one before the other side: as if matched all along."""
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    lose(bench)
    bench.submit(RECEIVE, late=True)
    bench.ask_to_cancel(Side.RECEIVE)
    bench.submit(DELIVER, late=True)
    bench.ask_to_cancel(Side.DELIVER)
    for _ in range(10):
        bench.tick(agents=False)
    assert bench.trade.cancel_agreed
    bench.run()
    assert bench.trade.state is TradeState.RELEASED
    assert sorted(one.name for one in answers(bench)) == ["CANCELLED", "CANCELLED", "PENDING", "PENDING"]


def test_what_never_matched_is_cancelled_once_that_is_certain(bench: Bench) -> None:
    bench.submit(RECEIVE, late=True)
    for _ in range(2):
        bench.ask_to_cancel(Side.RECEIVE)
    bench.run(4)
    assert (kept(bench).status, answers(bench)) == ("WAITING", [PENDING, PENDING])
    later(bench)
    assert kept(bench).status == "CANCELLED"
    assert answers(bench) == [PENDING, PENDING, CANCELLED, CANCELLED]
    assert bench.told("CANI") == 1


def test_a_lock_of_a_known_trade_is_no_reason_to_wait(settled: Bench) -> None:
    """The same terms once more: the first pair has its trade again, the second never matched."""
    settled.instruct(late=True)
    settled.run()
    settled.submit(example_instruction(Side.RECEIVE, "R-2"), late=True)
    settled.ask_to_cancel(Side.RECEIVE, 2)
    later(settled)
    assert answers(settled) == [PENDING, CANCELLED]


def test_what_is_kept_is_looked_at_anew_when_the_lock_turns_out_to_be_anothers(settled: Bench) -> None:
    settled.submit(example_instruction(Side.RECEIVE, "R-2"), late=True)
    settled.ask_to_cancel(Side.RECEIVE, 2)
    later(settled)
    assert answers(settled) == [PENDING]
    # exact references: the counterpart names whom it means
    settled.submit(replace(DELIVER, counterparty_reference=RECEIVE.reference), late=True)
    settled.submit(RECEIVE, late=True)
    settled.run()
    later(settled)
    assert settled.trade.state is TradeState.SETTLED and answers(settled) == [PENDING, CANCELLED]


def test_a_wish_that_is_kept_ends_with_what_ages_out(settled: Bench) -> None:
    settled.submit(RECEIVE, late=True)
    settled.ask_to_cancel(Side.RECEIVE)
    later(settled)
    later(settled, AGE_OUT + timedelta(days=1))
    assert (kept(settled).status, answers(settled)) == ("AGED_OUT", [PENDING, CANCELLED])


def test_without_a_loss_it_is_cancelled_at_once(bench: Bench) -> None:
    bench.submit(RECEIVE)
    bench.ask_to_cancel(Side.RECEIVE)
    bench.tick()
    assert (kept(bench).status, answers(bench)) == ("CANCELLED", [CANCELLED])


@pytest.mark.parametrize("side", Side)
def test_an_old_backup_has_the_instruction_and_the_rtgs_its_payment(settled: Bench, side: Side) -> None:
    """Nobody hands in again what the records have: the mail shows that it was paid for."""
    settled.submit(RECEIVE if side is Side.RECEIVE else DELIVER)
    other = example_instruction(side, "X-1", cash="990.01")
    settled.submit(other)
    settled.tick()
    settled.ask_to_cancel(side)
    later(settled)
    assert answers(settled) == [PENDING]
    stored = settled.book.instruction(other.owner.lei, other.reference)
    assert stored is not None and not stored.late, "of another amount, under another reference"


def test_handed_in_again_by_its_mark_also_what_a_backup_had(settled: Bench) -> None:
    settled.submit(RECEIVE)
    assert settled.submit(RECEIVE) == "duplicate" and not kept(settled).late
    assert settled.submit(RECEIVE, late=True) == "duplicate" and kept(settled).late
    settled.ask_to_cancel(Side.RECEIVE)
    assert kept(settled).status == "WAITING"


def test_while_the_node_is_away_others_match_and_who_must_wait_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the records lost cannot be known: an instruction that was handed in again, and its like, wait for it."""

    def away(*_: object) -> None:
        raise Unavailable("no node")

    def told() -> list[tuple[str, str]]:
        bodies = [one.body for one in bench.mailbox.messages.values()]
        return sorted((one.reference, one.status.name) for one in bodies if isinstance(one, StatusAdvice))

    monkeypatch.setattr("lockstep.flow.engine.lost_to", away)
    bench.submit(RECEIVE, late=True)
    bench.submit(DELIVER)
    bench.instruct(2, quantity="2000")
    for _ in range(3):
        bench.tick(agents=False)
    assert told() == [("D-1", "UNMATCHED"), ("D-2", "MATCHED"), ("R-1", "UNMATCHED"), ("R-2", "MATCHED")]
    assert bench.kinds().count("unmatched") == 2, "told once"
    monkeypatch.undo()
    bench.run()
    assert [one.state for one in bench.book.trades()] == [TradeState.SETTLED] * 2


# --- payments that no trade has


def paid_without_lock(bench: Bench, *, instruct: bool = True) -> None:
    """Booked, then a reorganisation below finality takes the lock, and the records are lost."""
    if instruct:
        bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    for _ in range(10):
        for agent in bench.agents:
            agent.step()
        if bench.rtgs.booked:
            break
        bench.chain.mine()
    assert bench.rtgs.booked and bench.events() == ["Locked"]
    bench.chain.reorganise(bench.chain.head)
    assert bench.events() == []
    lose(bench)


def quiet(bench: Bench, ticks: int = 6) -> None:
    for _ in range(ticks):
        bench.tick(agents=False)


def waiting_for(bench: Bench) -> Reason | None:
    assert bench.trade.order is None
    return bench.trade.reason


def test_a_paid_trade_is_not_ordered_again(bench: Bench) -> None:
    """Finding 518: the buyer would have paid twice, and nobody have been told of the first time."""
    paid_without_lock(bench)
    bench.instruct(late=True)
    quiet(bench)
    assert waiting_for(bench) is None, "perhaps the node is only behind"
    bench.clock.advance(int(SKEW.total_seconds()))
    quiet(bench)
    (settlement,) = bench.rtgs.payments
    reason = waiting_for(bench)
    assert reason is not None and reason.code == "BREAK" and settlement in reason.text
    later(bench, AGAIN)
    assert len(bench.rtgs.booked) == 1 and bench.kinds().count("waiting") == 1 and breaks(bench) == []
    bench.chain.mined.clear()
    check_nothing_locked(bench)


def check_nothing_locked(bench: Bench) -> None:
    """What `check` wants of the ledgers does not hold after the residual risk came true."""
    assert bench.events() == []
    bench.rtgs.booked.clear()
    bench.rtgs.payments.clear()
    bench.opening_money = sum(bench.rtgs.available.values())
    bench.attested_falsely = True


def test_an_order_of_an_old_backup_is_not_locked_either(bench: Bench) -> None:
    """The backup has the trade with an order that lapsed; the next order was paid, and its lock is gone."""
    bench.instruct()
    bench.tick(agents=False)
    backup, mined = copy.deepcopy(bench.book), len(bench.chain.mined)
    assert bench.trade.seller_signature and mined == 0
    anew = replace(bench.trade, order=None, settlement_id=None, seller_signature=None, buyer_signature=None)
    bench.book.commit(Change(trades=(anew,)))
    bench.clock.advance(60)
    paid_without_lock(bench, instruct=False)
    bench.book = backup
    bench.restarted()
    bench.clock.advance(int(SKEW.total_seconds()))
    quiet(bench)
    assert bench.trade.order is not None and bench.events() == []
    assert bench.trade.reason is not None and bench.trade.reason.code == "BREAK"
    check_nothing_locked(bench)


def test_the_lock_comes_back_and_the_trade_goes_on(bench: Bench) -> None:
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    bench.run(3)
    mined, settlement = list(bench.chain.mined), bench.trade.settlement_id
    assert bench.rtgs.booked
    bench.chain.mined.clear()
    lose(bench)
    bench.instruct(late=True)
    bench.clock.advance(int(SKEW.total_seconds()))
    quiet(bench)
    assert bench.trade.reason is not None and bench.trade.reason.code == "BREAK"
    bench.chain.mined[:] = mined
    bench.run()
    assert (bench.trade.state, bench.trade.settlement_id) == (TradeState.SETTLED, settlement)
    later(bench, AGAIN)
    assert list(bench.book.unclaimed(bench.trade.terms.salt)) == []


def test_money_held_for_a_lock_that_is_gone_is_waited_for(bench: Bench) -> None:
    """It is let go with the day; then the trade ends, as it is too late for it."""
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    bench.chain.reorganise(bench.chain.head)
    lose(bench)
    bench.instruct(late=True)
    bench.clock.advance(int(SKEW.total_seconds()))
    quiet(bench)
    assert bench.trade.reason is not None and "is held" in bench.trade.reason.text
    assert len(bench.rtgs.payments) == 1 and bench.events() == []
    bench.clock.advance(9 * 3600)
    quiet(bench)
    assert bench.trade.state is TradeState.CANCELLED and bench.told("LATE") == 2


def test_a_trade_that_never_comes_is_told_once(bench: Bench) -> None:
    paid_without_lock(bench)
    quiet(bench)
    assert breaks(bench) == [], "perhaps the instructions come"
    for _ in range(3):
        later(bench, AGAIN)
    (settlement,) = bench.rtgs.payments
    assert breaks(bench) == [(settlement, "a payment is booked for a lock, and of a trade")]
    check_nothing_locked(bench)


def test_what_the_chain_shows_is_no_break(settled: Bench) -> None:
    for _ in range(3):
        later(settled, AGAIN)
    assert breaks(settled) == []
    settled.instruct(late=True)
    settled.run()
    assert settled.trade.state is TradeState.SETTLED


def test_payments_of_known_trades_are_not_noted(bench: Bench) -> None:
    bench.instruct()
    bench.instruct(2)
    bench.run()
    assert [trade.state for trade in bench.book.trades()] == [TradeState.SETTLED] * 2
    assert [one for trade in bench.book.trades() for one in bench.book.unclaimed(trade.terms.salt)] == []


@pytest.mark.parametrize("first", ["D", "R"])
def test_what_was_paid_matches_as_before(bench: Bench, first: str) -> None:
    """It matched when nothing else was there; handed in again together with a better match, it does so again."""
    bench.submit(example_instruction(Side.DELIVER, "D-1", cash="990.01"))
    bench.submit(example_instruction(Side.RECEIVE, "R-1"))
    bench.run()
    settlement = bench.trade.settlement_id
    lose(bench)
    again = [
        example_instruction(Side.DELIVER, "D-1", cash="990.01"),
        example_instruction(Side.RECEIVE, "R-2", cash="990.01"),
        example_instruction(Side.DELIVER, "D-2"),
        example_instruction(Side.RECEIVE, "R-1"),
    ]
    for one in sorted(again, key=lambda one: (not one.reference.startswith(first), -int(one.reference[2:]))):
        bench.submit(one, late=True)
    bench.run()
    pairs = {(trade.terms.deliverer_reference, trade.terms.receiver_reference) for trade in bench.book.trades()}
    assert pairs == {("D-1", "R-1"), ("D-2", "R-2")}
    settlements = [trade.settlement_id for trade in bench.book.trades()]
    assert settlement in settlements and len(bench.rtgs.booked) == 2


# --- of several locks of one trade


def locked_twice(bench: Bench) -> None:
    """The parties lock their trade once more, and the records are lost."""
    order = bench.trade.order
    assert order is not None
    again = replace(order, movement=replace(order.movement, nonce=order.movement.nonce + 7))
    both = [bench.wallet.sign(again, bench.trade.terms, side) for side in (Side.DELIVER, Side.RECEIVE)]
    assert both[0] and both[1]
    bench.chain.lock(again, both[0], both[1])
    bench.chain.mine(3)
    assert bench.chain.mined[-1].settlement_id == settlement_id(again, bench.market.network)
    lose(bench)
    bench.instruct(late=True)


@pytest.mark.parametrize("state", [TradeState.EARMARKED, TradeState.SETTLED])
def test_the_first_lock_is_the_one_that_is_paid(bench: Bench, state: TradeState) -> None:
    bench.instruct()
    if state is TradeState.SETTLED:
        bench.run()
    else:
        bench.run_to(state)
    first = bench.chain.mined[0].settlement_id
    locked_twice(bench)
    bench.run()
    assert (bench.trade.state, bench.trade.settlement_id) == (TradeState.SETTLED, first)


def test_a_lock_that_was_given_back_is_none(bench: Bench) -> None:
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    order = bench.trade.order
    assert order is not None
    bench.rtgs.close_day()
    bench.attest(bench.chain.mined[0].settlement_id, OutcomeResult.NEVER)
    for _ in range(8):
        bench.tick(agents=False)
    assert bench.events() == ["Locked", "GivenBack"]
    locked_twice(bench)
    bench.tick(agents=False)
    assert bench.trade.settlement_id == bench.chain.mined[-1].settlement_id
