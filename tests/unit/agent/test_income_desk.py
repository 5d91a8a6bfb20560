"""Agents at income and at sales of pledged units: what they release and sign, and what nobody makes them do."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockstep.domain.collateral.register import NO_PLEDGE, CashPayment, PledgeId
from lockstep.domain.errors import Contradiction, InvalidInput
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.margin_payment import IncomeClaim, MarginPayment, income_salt
from lockstep.domain.money import Money
from lockstep.domain.order import Epoch, Movement, Order, OrderTerms
from lockstep.domain.payment import PaymentState
from lockstep.signing import build_quorum_proof, cash_digest, cash_hash, margin_id, settlement_id
from lockstep.testing.fakes import BOND, BUYER, SELLER, key
from margin_world import GIVER_ACCOUNT, MARKET, NETWORK, NEXT_KEYS, PAY_BY, TAKER_ACCOUNT, TERMS, MarginWorld

PLEDGE, OTHER = PledgeId("a1" * 32), PledgeId("a2" * 32)
COUPON, SECOND = "c1" * 32, "c2" * 32
SALT = "5a" * 16


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MarginWorld]:
    """Twelve euros of income are owed on a pledge. The figures of margin are too old: income is none of theirs."""
    world = MarginWorld(tmp_path)
    for pledge in (PLEDGE, OTHER):
        world.ledger.pledged(world.agreement, pledge)
    world.ledger.record(PLEDGE, COUPON, 1_200)
    world.chain.mine(2)
    world.clock.advance(4_000)
    world.chain.mine(3)
    yield world
    world.close()


def income(
    world: MarginWorld, amount: int = 1_200, *, attempt: int = 1, of: str = COUPON, **changes: Any
) -> MarginPayment:
    claim = IncomeClaim(agreement_id=world.agreement, pledge_id=PLEDGE, income_id=of, owed=amount)
    stated = {"pledge_id": PLEDGE, "salt": income_salt(claim, attempt), "is_return": True}
    return world.payment(amount, **(stated | changes))


def state(world: MarginWorld, identifier: SettlementId) -> PaymentState:
    return world.rtgs.payments[identifier].state


def test_income_is_paid_and_counts_once_for_its_pledge(world: MarginWorld) -> None:
    payment = income(world)
    identifier = world.pay(payment)
    world.settle()
    assert world.is_booked(identifier) == 1
    assert world.signed(payment) == [(-1_200, 1)] * 4
    found = world.board.cash_attestations(world.agreement, world.call_id(payment))
    assert {one.cash.pledge_id for one in found} == {PLEDGE}
    world.count(payment)
    assert (world.ledger.income_owed(PLEDGE), world.ledger.state(world.agreement).credit) == (0, 0)
    world.settle()
    assert not any(agent._watched for agent in world.agents.values())


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"amount": 1_199}, "IncomeDiffers"),
        ({"amount": 1_201}, "IncomeDiffers"),
        ({"pledge_id": OTHER}, None),
        ({"pledge_id": NO_PLEDGE}, "StaleValuation"),
        ({"debtor": replace(TAKER_ACCOUNT, number="ACC-OTHER")}, None),
        ({"salt": "00" * 16}, None),
    ],
)
def test_nothing_but_the_claim_as_recorded_is_released(
    world: MarginWorld, changes: dict[str, Any], refused: str | None
) -> None:
    world.rtgs.available["ACC-OTHER"] = 1_000_000
    identifier = world.pay(income(world, **changes))
    world.settle()
    assert state(world, identifier) is PaymentState.HELD
    assert world.refusals() == ({refused} if refused else set())


def test_income_that_is_not_recorded_or_not_finally_is_not_released(world: MarginWorld) -> None:
    payment = income(world, 700, of=SECOND)
    identifier = world.pay(payment)
    world.settle()
    assert state(world, identifier) is PaymentState.HELD
    world.ledger.record(PLEDGE, SECOND, 700)
    world.chain.mine()
    world.settle()
    assert state(world, identifier) is PaymentState.HELD
    world.chain.mine()
    world.settle()
    assert world.is_booked(identifier) == 1


def test_what_was_acknowledged_is_not_paid_as_well(world: MarginWorld) -> None:
    world.ledger.acknowledge(PLEDGE, 1)
    world.chain.mine(2)
    identifier = world.pay(income(world))
    world.settle()
    assert state(world, identifier) is PaymentState.HELD
    assert world.refusals() == {"ExceedsIncome"}


def test_a_second_attempt_waits_for_the_first_to_be_never(world: MarginWorld) -> None:
    first, second = income(world), income(world, attempt=2)
    assert world.call_id(first) == world.call_id(second)
    one = world.pay(first)
    world.step(0, 1)  # two agents have released it: it may yet be booked
    other = world.pay(second)
    world.step(0, 1)
    assert state(world, other) is PaymentState.HELD
    assert world.refusals() == {"CallPaidElsewhere"}
    world.settle()
    assert world.is_booked(one) + world.is_booked(other) == 1


def test_two_claims_of_one_pledge_are_each_paid(world: MarginWorld) -> None:
    world.ledger.record(PLEDGE, SECOND, 700)
    world.chain.mine(2)
    first, second = income(world), income(world, 700, of=SECOND)
    identifiers = [world.pay(one) for one in (first, second)]
    world.settle()
    assert [world.is_booked(one) for one in identifiers] == [1, 1]
    world.count(first)
    world.count(second)
    assert world.ledger.income_owed(PLEDGE) == 0


def test_a_restart_knows_what_was_released_and_signs_for_the_next_epoch(world: MarginWorld) -> None:
    payment = income(world)
    world.pay(payment)
    world.settle()
    world.chain.rotate(Epoch(number=2, agents=tuple(one.address for one in NEXT_KEYS), quorum=3))
    world.chain.mine(2)
    for place in range(4):
        world.start(place, (NEXT_KEYS[place],))
    world.settle()
    assert world.signed(payment) == sorted([(-1_200, 1)] * 4 + [(-1_200, 2)] * 4)
    world.count(payment)
    assert world.ledger.income_owed(PLEDGE) == 0


def test_only_the_taker_pays_income() -> None:
    with pytest.raises(InvalidInput) as caught:
        MarginPayment(
            agreement_id="ab" * 32,
            amount=Money(currency="EUR", amount=1),
            is_return=False,
            pledge_id=PLEDGE,
            debtor=GIVER_ACCOUNT,
            creditor=TAKER_ACCOUNT,
            salt=SALT,
            pay_by=1,
        )
    assert caught.value.field == "margin/pledge"


def test_the_pledge_is_part_of_what_a_payment_is_called(world: MarginWorld) -> None:
    register = world.ledger.register
    names = {margin_id(income(world, pledge_id=one), register) for one in (PLEDGE, OTHER, NO_PLEDGE)}
    assert len(names) == 3


# Sales: the giver's member buys its own bonds back, as the market has but two


def sale(world: MarginWorld, amount: int = 90_000, **changes: Any) -> Order:
    register = NETWORK.collateral
    assert register is not None
    cash = Money(currency="EUR", amount=amount)
    moves = {
        "token": MARKET.security(BOND).token,
        "seller": register,
        "buyer": key(SELLER.bic).address,
        "quantity": 5,
        "epoch": 1,
        "nonce": 9,
    }
    return Order(
        movement=Movement(**(moves | changes)),
        terms=OrderTerms(
            trade_id=TradeId("e1" * 32),
            part=0,
            cash_hash=cash_hash(SALT, cash, GIVER_ACCOUNT, TAKER_ACCOUNT),
            lock_by=int(PAY_BY.timestamp()),
            pay_by=int(PAY_BY.timestamp()),
        ),
    )


def pay_sale(world: MarginWorld, identifier: SettlementId, amount: int = 90_000, **changes: Any) -> None:
    """The service instructs the buyer's payment under the lock's own id."""
    payment = world.payment(amount, salt=SALT)
    world.pay(payment, **({"settlement_id": identifier} | changes))


def proceeds(world: MarginWorld, identifier: SettlementId) -> list[tuple[int, int]]:
    found = world.board.cash_attestations(world.agreement, identifier)
    return sorted((one.cash.amount, one.cash.epoch) for one in found)


def test_a_sale_pays_the_taker_and_is_signed_as_proceeds(world: MarginWorld) -> None:
    identifier = world.ledger.sell(PLEDGE, sale(world))
    world.chain.mine(2)
    pay_sale(world, identifier)
    world.settle()
    assert world.is_booked(identifier) == 1
    assert proceeds(world, identifier) == [(90_000, 1)] * 4


def test_proceeds_are_of_the_agreements_currency(tmp_path: Path) -> None:
    """The register counts minor units and knows no other: yen would pass for euro cents."""
    world = MarginWorld(tmp_path, replace(TERMS, currency="USD"))
    world.ledger.pledged(world.agreement, PLEDGE)
    identifier = world.ledger.sell(PLEDGE, sale(world))
    world.chain.mine(2)
    pay_sale(world, identifier)
    world.settle()
    assert state(world, identifier) is PaymentState.HELD
    steps = world.registers[0][0].steps()
    assert {detail.partition("(")[0] for _, kind, _, detail in steps if kind == "refused"} == {"CurrencyDiffers"}
    world.close()


def test_the_next_agents_sign_proceeds_of_a_lock_that_was_not_theirs(world: MarginWorld) -> None:
    """None of those who proved the sale's lock serves any more, and the register takes no other epoch's word."""
    identifier = world.ledger.sell(PLEDGE, sale(world))
    world.chain.mine(2)
    pay_sale(world, identifier)
    world.settle()
    world.chain.rotate(Epoch(number=2, agents=tuple(one.address for one in NEXT_KEYS), quorum=3))
    world.chain.mine(2)
    for place in range(4):
        world.start(place, lost=True, key=NEXT_KEYS[place])
    world.settle()
    assert proceeds(world, identifier) == [(90_000, 1)] * 4 + [(90_000, 2)] * 4
    count_proceeds(world, identifier, 90_000)


@pytest.mark.parametrize("final", [False, True])
def test_a_lock_that_is_no_sale_of_the_register_pays_nobody(world: MarginWorld, final: bool) -> None:
    order = sale(world)
    identifier = settlement_id(order, NETWORK)
    world.chain.append("Locked", identifier, order)
    if final:
        world.chain.mine(2)
    pay_sale(world, identifier)
    world.settle()
    assert state(world, identifier) is PaymentState.HELD
    steps = world.registers[0][0].steps()
    refused = {detail.partition("(")[0] for _, kind, _, detail in steps if kind == "refused"}
    assert refused == ({"SellerDiffers"} if final else set())


def test_proceeds_are_signed_after_a_restart_and_dropped_once_they_count(world: MarginWorld) -> None:
    identifier = world.ledger.sell(PLEDGE, sale(world))
    world.chain.mine(2)
    pay_sale(world, identifier)
    for _ in range(2):  # released, booked; not yet signed by all
        world.step(0, 1, 2)
    for place in range(4):
        world.start(place)
    world.settle()
    assert proceeds(world, identifier) == [(90_000, 1)] * 4
    count_proceeds(world, identifier, 90_000)
    world.settle()
    assert all(not pair[1].sales() for pair in world.registers.values())


def count_proceeds(world: MarginWorld, identifier: SettlementId, amount: int) -> None:
    epoch = world.chain.current_epoch
    cash = CashPayment(agreement_id=world.agreement, call_id=identifier, amount=amount, epoch=epoch.number)
    left = [one.signature for one in world.board.cash_attestations(world.agreement, identifier)]
    proof = build_quorum_proof(cash_digest(cash, world.ledger.register), left, epoch)
    assert proof is not None
    world.ledger.record_cash(cash, proof)
    world.chain.mine(2)


def test_an_amount_that_was_noted_is_never_another(world: MarginWorld) -> None:
    register, settlement = world.registers[0][1], SettlementId("ef" * 32)
    register.note_sale(settlement, 5)
    register.note_sale(settlement, 5)
    with pytest.raises(Contradiction, match="5 was paid, 6 never"):
        register.note_sale(settlement, 6)
    assert register.sales() == {settlement: 5}
    register.drop_sale(settlement)
    assert register.sales() == {}


@pytest.mark.parametrize("is_named", [True, False])
def test_a_sale_pays_the_taker_whose_wallet_was_replaced(
    world: MarginWorld, monkeypatch: pytest.MonkeyPatch, is_named: bool
) -> None:
    heir = key("the taker's new wallet").address
    if is_named:
        buyer = replace(MARKET.participants[BUYER.lei], wallet=heir)
        monkeypatch.setattr(
            "margin_world.MARKET", replace(MARKET, participants={**MARKET.participants, BUYER.lei: buyer})
        )
        for place in range(4):
            world.start(place)
    world.ledger.succeed(TERMS.taker, heir)
    world.chain.mine(2)
    identifier = world.ledger.sell(PLEDGE, sale(world))
    world.chain.mine(2)
    pay_sale(world, identifier)
    world.settle()
    assert world.is_booked(identifier) == 1
    assert proceeds(world, identifier) == [(90_000, 1)] * 4
