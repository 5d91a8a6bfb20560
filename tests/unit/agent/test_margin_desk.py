"""Agents at cash margin: what they release, what they sign, and what neither service nor crash makes them do.

I1 and I11 as margin has them: no money counts that is not booked, none is moved that the valuers do not call for.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockstep.domain.collateral.register import CashPayment
from lockstep.domain.errors import Contradiction, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.margin_payment import CashAttestation
from lockstep.domain.money import Money
from lockstep.domain.order import Epoch
from lockstep.domain.payment import PaymentState
from lockstep.signing import cash_digest
from lockstep.testing.fakes import SELLER, key
from margin_world import GIVER_ACCOUNT, KEYS, MARKET, NEXT_KEYS, PAY_BY, TAKER_ACCOUNT, TERMS, MarginWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MarginWorld]:
    world = MarginWorld(tmp_path)
    yield world
    world.close()


def test_a_call_is_paid_and_counts_once(world: MarginWorld) -> None:
    payment = world.payment(60_000)
    identifier = world.pay(payment)
    world.settle()
    assert world.is_booked(identifier) == 1
    assert world.signed(payment) == [(60_000, 1)] * 4
    world.count(payment)
    assert world.ledger.state(world.agreement).credit == 60_000
    world.settle()
    assert not any(agent._watched for agent in world.agents.values())  # nothing is kept of what is over


def test_the_way_down(world: MarginWorld) -> None:
    given = world.payment(60_000)
    world.pay(given)
    world.settle()
    world.count(given)
    world.value(20_000)
    back = world.payment(40_000, call="MR-1", is_return=True)
    identifier = world.pay(back)
    world.settle()
    assert world.is_booked(identifier) == 1
    assert world.signed(back) == [(-40_000, 1)] * 4
    world.count(back)
    assert world.ledger.state(world.agreement).credit == 20_000


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(currency="EUR", amount=60_001)},
        {"debtor": TAKER_ACCOUNT, "creditor": GIVER_ACCOUNT},
        {"debtor": replace(GIVER_ACCOUNT, number="ACC-OTHER")},
        {"creditor": replace(TAKER_ACCOUNT, owner=GIVER_ACCOUNT.owner)},
        {"pay_by": PAY_BY.replace(hour=15)},
        {"salt": "00" * 16},
        {"amount": Money(currency="USD", amount=60_000)},
    ],
)
def test_a_payment_that_is_not_what_its_id_says_is_released_by_nobody(
    world: MarginWorld, changes: dict[str, Any]
) -> None:
    payment = world.payment(60_000)
    for account in ("ACC-OTHER", GIVER_ACCOUNT.number):
        world.rtgs.available[account] = 1_000_000
    identifier = world.pay(payment, **changes)
    world.settle()
    assert world.rtgs.payments[identifier].state is PaymentState.HELD
    assert world.signed(payment) == []


def test_an_agreement_that_is_not_final_waits(world: MarginWorld) -> None:
    world.agreement = world.ledger.agreed(replace(TERMS, salt=1))
    identifier = world.pay(world.payment(60_000))
    world.settle()
    assert (world.is_booked(identifier), world.refusals()) == (0, set())
    world.value(100_000)
    world.settle()
    assert world.is_booked(identifier) == 1


def test_more_than_is_required_is_refused(world: MarginWorld) -> None:
    identifier = world.pay(world.payment(100_001))
    world.settle()
    assert (world.is_booked(identifier), world.refusals()) == (0, {"ExceedsRequired"})
    world.value(100_001)
    world.settle()
    assert world.is_booked(identifier) == 1


def test_two_calls_together_bring_no_more_than_is_required(world: MarginWorld) -> None:
    first, second = world.pay(world.payment(60_000)), world.pay(world.payment(60_000, call="MC-2"))
    world.settle()
    assert world.is_booked(first) + world.is_booked(second) <= 1
    assert "ExceedsRequired" in world.refusals()


@pytest.mark.parametrize("is_return", [False, True])
def test_what_others_released_and_is_booked_is_not_due_once_more(world: MarginWorld, is_return: bool) -> None:
    """Agents that do not remember the release, as new ones cannot, and those whose register is of before it."""
    if is_return:
        given = world.payment(100_000)
        world.pay(given)
        world.settle()
        world.count(given)
        world.value(20_000)
    world.pay(world.payment(60_000, call="X-1", is_return=is_return))
    world.settle()
    for place in range(4):
        world.start(place, lost=True)
    second = world.pay(world.payment(60_000, call="X-2", is_return=is_return))
    world.settle()
    assert world.is_booked(second) == 0
    assert world.refusals() == {"ExceedsExcess" if is_return else "ExceedsRequired"}


def test_figures_that_are_too_old_move_nothing(world: MarginWorld) -> None:
    world.clock.advance(3_700)
    world.chain.mine(3)
    identifier = world.pay(world.payment(60_000))
    world.settle()
    assert (world.is_booked(identifier), world.refusals()) == (0, {"StaleValuation"})
    world.value(100_000)
    world.settle()
    assert world.is_booked(identifier) == 1


def test_no_more_is_returned_than_is_held_and_not_needed(world: MarginWorld) -> None:
    given = world.payment(60_000)
    world.pay(given)
    world.settle()
    world.count(given)
    world.value(20_000)
    identifier = world.pay(world.payment(40_001, call="MR-1", is_return=True))
    world.settle()
    assert (world.is_booked(identifier), world.refusals()) == (0, {"ExceedsExcess"})


def test_nothing_is_returned_in_default(world: MarginWorld) -> None:
    given = world.payment(60_000)
    world.pay(given)
    world.settle()
    world.count(given)
    world.value(20_000)
    world.ledger.declare(world.agreement, int(world.clock.now().timestamp()) + 100)
    world.chain.mine(2)
    identifier = world.pay(world.payment(10_000, call="MR-1", is_return=True))
    world.settle()
    assert (world.is_booked(identifier), world.refusals()) == (0, {"InDefault"})


def test_a_call_is_not_paid_again_once_it_counts(world: MarginWorld) -> None:
    first = world.payment(30_000)
    world.pay(first)
    world.settle()
    world.count(first, final=False)
    second = world.pay(world.payment(30_000, attempt=2))
    world.settle()
    world.chain.mine(2)
    world.settle()
    assert world.is_booked(second) == 0


def test_a_second_attempt_waits_for_the_first_to_be_never(world: MarginWorld) -> None:
    first = world.pay(world.payment(30_000))
    world.step(0, 1)  # released by two: not booked, and perhaps about to be
    second = world.pay(world.payment(30_000, attempt=2))
    world.step(0, 1)
    assert world.refusals(0) == {"CallPaidElsewhere"}
    held = world.rtgs.payments[first]
    world.rtgs._never(held, PaymentState.REJECTED, "ED06", "the day is over")
    world.settle()
    assert (world.is_booked(first), world.is_booked(second)) == (0, 1)
    world.count(world.payment(30_000, attempt=2))


def test_a_payment_doubled_on_the_line_moves_once(world: MarginWorld) -> None:
    payment = world.payment(30_000)
    identifier = world.pay(payment)
    assert world.pay(payment) == identifier
    world.settle()
    world.pay(payment)
    world.settle()
    assert world.is_booked(identifier) == 1
    assert world.signed(payment) == [(30_000, 1)] * 4


def test_after_its_last_second_nothing_is_released(world: MarginWorld) -> None:
    world.value(100_000)
    identifier = world.pay(world.payment(30_000))
    world.clock.move_to(PAY_BY)
    world.value(100_000)
    world.settle()
    assert world.is_booked(identifier) == 0
    assert world.refusals() == {"PayByPassed"}


def test_agents_of_another_epoch_release_and_sign_nothing(world: MarginWorld) -> None:
    world.chain.rotate(Epoch(number=2, agents=tuple(one.address for one in NEXT_KEYS), quorum=3))
    payment = world.payment(30_000)
    identifier = world.pay(payment)
    world.settle()
    assert (world.is_booked(identifier), world.refusals()) == (0, {"NotInEpoch"})
    assert world.signed(payment) == []


def test_what_was_booked_is_signed_anew_for_the_next_epoch(world: MarginWorld) -> None:
    payment = world.payment(30_000)
    identifier = world.pay(payment)
    world.settle()
    assert world.is_booked(identifier) == 1
    world.chain.rotate(Epoch(number=2, agents=tuple(one.address for one in NEXT_KEYS), quorum=3))
    for place in range(4):
        world.start(place, (NEXT_KEYS[place],))
    world.settle()
    assert world.signed(payment) == [(30_000, 1)] * 4 + [(30_000, 2)] * 4
    world.count(payment)
    assert world.ledger.state(world.agreement).credit == 30_000


@pytest.mark.parametrize(
    ("method", "fails_at"), [("before", "send"), ("after", "send"), ("before", "events"), ("before", "state")]
)
def test_killed_between_any_two_steps(world: MarginWorld, method: str, fails_at: str) -> None:
    payment = world.payment(30_000)
    identifier = world.pay(payment)

    class Killed(BaseException):
        pass

    def kill(name: str) -> None:
        if name == fails_at:
            raise Killed

    for place in range(4):
        target: Any = world.lines[place] if fails_at == "send" else world.ledger
        setattr(target, method, kill)
        with suppress(Killed):
            world.step(place)
        setattr(target, method, lambda _: None)
        world.start(place)
    world.settle()
    assert world.is_booked(identifier) == 1
    assert world.signed(payment) == [(30_000, 1)] * 4
    world.count(payment)


def test_where_the_node_gives_no_answer_nothing_is_concluded(world: MarginWorld) -> None:
    def silent(_: str) -> None:
        raise Unavailable("no answer")

    payment = world.payment(30_000)
    identifier = world.pay(payment)
    world.ledger.before = silent
    world.settle()
    assert world.is_booked(identifier) == 0
    world.ledger.before = lambda _: None
    world.settle()
    assert world.is_booked(identifier) == 1


def test_a_lost_register_remembers_from_the_board(world: MarginWorld) -> None:
    payment = world.payment(30_000)
    world.pay(payment)
    world.settle()
    world.start(0, lost=True)
    world.settle()
    assert world.signed(payment) == [(30_000, 1)] * 4


def test_never_two_stories_of_one_call(world: MarginWorld) -> None:
    payment = world.payment(30_000)
    margin_register = world.registers[0][1]

    def story(amount: int) -> CashAttestation:
        cash = CashPayment(agreement_id=world.agreement, call_id=world.call_id(payment), amount=amount, epoch=1)
        return CashAttestation(cash=cash, agent=KEYS[0].address, signature=b"")

    margin_register.record(story(30_000), SettlementId("aa" * 32), ("U",))
    margin_register.record(story(30_000), SettlementId("aa" * 32), ("U",))
    for amount, by in ((30_001, "aa" * 32), (30_000, "bb" * 32)):
        with pytest.raises(Contradiction):
            margin_register.record(story(amount), SettlementId(by), ("U",))
    assert margin_register.find(story(1).cash, KEYS[0].address) == story(30_000)


def test_what_is_forged_on_the_board_is_nobodys_memory(world: MarginWorld) -> None:
    payment = world.payment(30_000)
    cash = CashPayment(agreement_id=world.agreement, call_id=world.call_id(payment), amount=1, epoch=1)
    forged = KEYS[1].sign(cash_digest(cash, world.ledger.register))
    world.board.publish_cash(CashAttestation(cash=cash, agent=KEYS[0].address, signature=forged))
    world.pay(payment)
    world.settle()
    assert (30_000, 1) in world.signed(payment)
    world.count(payment)


def test_a_lock_on_the_way_is_no_margin(world: MarginWorld) -> None:
    payment = world.payment(30_000)
    identifier = world.pay(payment, settlement_id=SettlementId("77" * 32))
    world.settle()
    assert world.is_booked(SettlementId("77" * 32)) == 0
    assert identifier not in world.rtgs.payments
    assert world.refusals() == set()


# --- lost wallets

NEW_WALLET = key("the giver's new wallet").address


def test_the_margin_of_a_member_whose_wallet_was_replaced_is_paid_and_counts(
    world: MarginWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agreement has the old wallet for good; the market names the new one."""
    seller = replace(MARKET.participants[SELLER.lei], wallet=NEW_WALLET)
    moved = replace(MARKET, participants={**MARKET.participants, SELLER.lei: seller})
    monkeypatch.setattr("margin_world.MARKET", moved)
    for place in range(4):
        world.start(place)
    payment = world.payment(60_000)
    identifier = world.pay(payment)
    world.settle()
    assert world.is_booked(identifier) == 0  # a stranger's wallet, as far as the registry says
    world.ledger.succeed(TERMS.giver, key("a wallet in between").address)
    world.ledger.succeed(key("a wallet in between").address, NEW_WALLET)
    world.settle()
    assert world.is_booked(identifier) == 0  # nor before that is final
    world.chain.mine(2)
    world.settle()
    assert world.is_booked(identifier) == 1
    world.count(payment)
    assert world.ledger.state(world.agreement).credit == 60_000


def test_a_market_that_names_the_lost_wallet_still_is_served(world: MarginWorld) -> None:
    world.ledger.succeed(TERMS.giver, NEW_WALLET)
    world.chain.mine(2)
    identifier = world.pay(world.payment(60_000))
    world.settle()
    assert world.is_booked(identifier) == 1
