"""New agents while trades are under way, and a lock that officer and confirmer ended: what the service makes of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flow_world import Bench, Crash, check

from lockstep.domain.order import AssetStatus, Epoch, OutcomeResult
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import TradeState
from lockstep.signing import Key
from lockstep.testing.fakes import key

JOINED = key("an agent that joined")


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def rotate(bench: Bench, leaves: int = 0) -> None:
    """The agent at a place retires its key for a new one; all others stay."""
    keys = [*bench.agent_keys]
    keys[leaves] = JOINED
    agents = tuple(sorted((one.address for one in keys), key=lambda one: int(one, 16)))
    bench.chain.rotate(Epoch(number=bench.chain.current_epoch.number + 1, agents=agents, quorum=3))


def renew(bench: Bench, place: int, former: tuple[Key, ...]) -> None:
    """The agent at a place runs with the new key, and with those of before that it kept."""
    bench.agents[place] = replace(bench.agents[place], key=JOINED, other_keys=former)


def order_epoch(bench: Bench) -> int:
    assert bench.trade.order is not None
    return bench.trade.order.movement.epoch


def test_a_rotation_between_order_and_lock_makes_a_new_order(bench: Bench) -> None:
    bench.instruct()
    bench.engine.run_once()
    first = bench.trade
    assert (first.settlement_id is not None, order_epoch(bench)) == (True, 1)
    rotate(bench)
    bench.engine.run_once()
    assert bench.trade.settlement_id == first.settlement_id, "not final: the order may still be locked elsewhere"
    assert bench.trade.intents.get("give up") is None
    bench.chain.mine(2)
    renew(bench, 0, (bench.agent_keys[0],))
    bench.run()
    assert bench.trade.state is TradeState.SETTLED
    assert order_epoch(bench) == 2
    assert bench.trade.order.movement.nonce == first.order.movement.nonce, "so that at most one can be locked"
    assert bench.kinds().count("order lapsed") == 1
    assert len(bench.chain.mined) == 2
    check(bench)


def test_a_rotation_that_is_undone_leaves_the_order(bench: Bench) -> None:
    bench.instruct()
    bench.engine.run_once()
    first = bench.trade.settlement_id
    rotate(bench)
    bench.chain.reorganise(1)
    bench.run()
    assert (bench.trade.state, bench.trade.settlement_id) == (TradeState.SETTLED, first)
    check(bench)


@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize("moment", ["locked", "earmarked", "signed"])
def test_what_is_locked_ends_by_its_own_epoch(bench: Bench, moment: str, paid: bool) -> None:
    """Whatever stage it is in when new agents begin: PAID and NEVER alike."""
    bench.instruct()
    bench.run_to(TradeState.LOCKED if moment == "locked" else TradeState.EARMARKED)
    if moment == "signed":
        for _ in range(2):
            for agent in bench.agents:
                agent.step()
            bench.chain.mine()
    rotate(bench)
    rotate(bench, leaves=1)
    for place in range(2):
        renew(bench, place, (bench.agent_keys[place],))
    if not paid and moment != "signed":
        bench.clock.advance(9 * 3600)
    bench.run()
    wanted = TradeState.SETTLED if paid or moment == "signed" else TradeState.RELEASED
    assert (bench.trade.state, order_epoch(bench)) == (wanted, 1)
    assert {one.epoch for one in bench.board.attestations(bench.trade.settlement_id)} == {1}
    check(bench)


def test_old_agents_that_lost_their_keys_prove_nothing(bench: Bench) -> None:
    """Two of four gone with their old keys: nothing is released, nothing paid; the day ends it, unproven."""
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    rotate(bench)
    rotate(bench, leaves=1)
    for place in range(2):
        renew(bench, place, ())
    for _ in range(10):
        bench.tick()
    assert bench.trade.state is TradeState.EARMARKED
    assert bench.rtgs.booked == []
    assert len(bench.rtgs.payments[bench.trade.settlement_id].released_by) == 2
    check(bench)


def test_attestations_of_another_epoch_are_no_proof(bench: Bench) -> None:
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    rotate(bench)
    settlement = bench.trade.settlement_id
    bench.attest(settlement, OutcomeResult.PAID, (1, 2, 3))
    bench.attested_falsely = True
    for _ in range(5):
        bench.tick(agents=False)
    assert bench.chain.status(settlement, bench.chain.head) is AssetStatus.LOCKED


# --- the long stop


def ended_by_two_roles(bench: Bench) -> None:
    assert bench.trade.order is not None
    bench.chain.long_stop(bench.trade.order)
    bench.chain.mine(2)


def payment_state(bench: Bench) -> PaymentState:
    return bench.rtgs.payments[bench.trade.settlement_id].state


@pytest.mark.parametrize("money", ["held", "pending"])
def test_the_payment_is_cancelled_before_the_trade_ends(bench: Bench, money: str) -> None:
    """The agents are silent for good, and the RTGS still waits: the service lets the money go."""
    if money == "pending":
        bench.set_cash(0)
    bench.instruct()
    bench.run_to(TradeState.EARMARKED if money == "held" else TradeState.LOCKED)
    for _ in range(3):
        bench.tick(agents=False)
    assert payment_state(bench) is (PaymentState.HELD if money == "held" else PaymentState.PENDING)
    ended_by_two_roles(bench)
    bench.tick(agents=False)
    assert not bench.trade.state.is_end
    assert str(bench.trade.reason) == "NVER: given back by the long stop; the payment is being cancelled"
    for _ in range(4):
        bench.tick(agents=False)
    assert bench.trade.state is TradeState.RELEASED
    assert payment_state(bench) is PaymentState.CANCELLED
    assert bench.trade.settlement_id in bench.rtgs.tombstones, "and none comes later"
    assert bench.board.attestations(bench.trade.settlement_id) == [], "no proof of NEVER was needed"
    assert bench.told("NVER") > 0
    check(bench)


def test_not_before_it_is_final(bench: Bench) -> None:
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    bench.chain.long_stop(bench.trade.order)
    bench.engine.run_once()
    assert (bench.trade.state, payment_state(bench)) == (TradeState.EARMARKED, PaymentState.HELD)
    bench.chain.reorganise(1)
    for _ in range(3):
        bench.engine.run_once()
    assert payment_state(bench) is PaymentState.HELD, "it was undone: the trade goes on"
    bench.run()
    assert bench.trade.state is TradeState.SETTLED


def test_a_lock_whose_payment_was_never_asked_for(bench: Bench) -> None:
    """The service stopped right after the lock, for a week; the trade is over when it is back."""
    bench.instruct()
    for _ in range(6):
        bench.engine.run_once()
        if bench.events() == ["Locked"]:
            break
    assert bench.events() == ["Locked"]
    ended_by_two_roles(bench)
    for _ in range(3):
        bench.tick(agents=False)
    assert bench.trade.state is TradeState.RELEASED
    assert str(bench.trade.reason).startswith("NVER: given back")
    assert bench.rtgs.payments == {}
    check(bench)


def test_paid_and_given_back_is_for_people(bench: Bench) -> None:
    """Officer and confirmer gave back what was paid: a break, shown at once; the service does nothing more."""
    bench.instruct()
    trade = bench.run_to(TradeState.EARMARKED)
    bench.release(trade.settlement_id, bench.rtgs.payments[trade.settlement_id].payment.uetr)
    assert payment_state(bench) is PaymentState.BOOKED
    ended_by_two_roles(bench)
    for _ in range(3):
        bench.tick(agents=False)
    assert not bench.trade.state.is_end
    assert bench.trade.reason.code == "BREAK"
    assert bench.events() == ["Locked", "GivenBack"]


def dies_after(count: int) -> Callable[[str], None]:
    left = [count]

    def hook(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    return hook


@pytest.mark.parametrize("steps", range(1, 9))
def test_killed_anywhere_on_the_way_out(steps: int) -> None:
    """I6, I12: after each durable step between the long stop and the trade's end."""
    bench = Bench()
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    ended_by_two_roles(bench)
    bench.book._on_commit = dies_after(steps)
    died = False
    for _ in range(12):
        try:
            bench.tick(agents=False)
        except Crash:
            died = True
            bench.book._on_commit = lambda _: None
            bench.restarted()
    assert died or steps > 4
    assert (bench.trade.state, payment_state(bench)) == (TradeState.RELEASED, PaymentState.CANCELLED)
    assert bench.events() == ["Locked", "GivenBack"]
    check(bench)
    bench.close()
