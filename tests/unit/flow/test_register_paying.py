"""Income and sales with the service, four agents, the RTGS and the register at work, and killed between any two steps:
what is paid is paid once and counted once, and what is not paid comes back (I1, I4, I6)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockstep.agent import DirectoryBoard
from lockstep.domain.collateral.register import PledgeId
from lockstep.domain.errors import InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.money import Money
from lockstep.domain.order import AssetStatus, Epoch, Movement, Order, OrderTerms
from lockstep.domain.payment import PaymentState
from lockstep.domain.register_payment import PaymentStage, RegisterPayment
from lockstep.flow.gathering import Gathered, Heard
from lockstep.flow.hearing import heard
from lockstep.flow.naming import RegistersOwn
from lockstep.flow.rebuilding import rebuild
from lockstep.flow.register_paying import RegisterPaying
from lockstep.signing import cash_hash
from lockstep.testing.fakes import BOND, MORNING, SELLER, FakeAssetLedger, FakeBook, key
from margin_world import GIVER_ACCOUNT, MARKET, NETWORK, NEXT_KEYS, PAY_BY, TAKER_ACCOUNT, MarginWorld

PLEDGE = PledgeId("a1" * 32)
COUPON = "c1" * 32
SALT = "5a" * 16


class Killed(BaseException):
    """The process is gone."""


class Service:
    """The service's records, and its steps over them."""

    def __init__(self, world: MarginWorld) -> None:
        self.world, self.killed_at = world, ""
        self.book = FakeBook(self._committed)
        world.ledger.pledged(world.agreement, PLEDGE)
        world.ledger.record(PLEDGE, COUPON, 1_200)
        world.chain.mine(2)
        self.start()

    def start(self) -> None:
        world = self.world
        self.paying = RegisterPaying(
            market=MARKET,
            clock=world.clock,
            book=self.book,
            assets=FakeAssetLedger(world.chain),
            ledger=world.ledger,
            cash=world.cash,
            board=world.board,
            outcomes=DirectoryBoard(world.root / "board"),
        )

    def _committed(self, kind: str) -> None:
        if kind == self.killed_at:
            self.killed_at = ""
            raise Killed(kind)

    def turn(self) -> None:
        """Everybody's next step, and a block."""
        mail = self.world.cash.receive(self.book.cash_cursor())
        if mail:
            self.book.commit(heard(self.book, MARKET, mail, self.world.clock.now()))
        self.paying.run()
        self.world.step()
        self.world.chain.mine()

    def turns(self, count: int = 16) -> None:
        for _ in range(count):
            self.turn()

    def only(self) -> RegisterPayment:
        (one,) = self.book.register_payments()
        return one

    def sell(self, amount: int = 90_000) -> SettlementId:
        """The taker's order is locked in DvP. The giver buys its own bonds back, as the market has but two members."""
        self.paying.take_sale(PLEDGE, sale(amount), Money(currency="EUR", amount=amount), SALT)
        return self.world.ledger.sell(PLEDGE, sale(amount))


def sale(amount: int = 90_000) -> Order:
    assert NETWORK.collateral is not None
    return Order(
        movement=Movement(
            token=MARKET.security(BOND).token,
            seller=NETWORK.collateral,
            buyer=key(SELLER.bic).address,
            quantity=5,
            epoch=1,
            nonce=9,
        ),
        terms=OrderTerms(
            trade_id=TradeId("e1" * 32),
            part=0,
            cash_hash=cash_hash(SALT, Money(currency="EUR", amount=amount), GIVER_ACCOUNT, TAKER_ACCOUNT),
            lock_by=int(MORNING.timestamp()) + 3_600,
            pay_by=int(PAY_BY.timestamp()),
        ),
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    world = MarginWorld(tmp_path)
    yield Service(world)
    world.close()


def booked(service: Service) -> list[int]:
    return [payment.amount.amount for _, payment, _ in service.world.rtgs.booked]


def owed(service: Service) -> int:
    return service.world.ledger.income_owed(PLEDGE)


def credit(service: Service) -> int:
    return service.world.ledger.state(service.world.agreement).credit


def status(service: Service, settlement: SettlementId) -> AssetStatus:
    return service.world.chain.status(settlement, service.world.chain.head)


# Income


def test_income_is_paid_and_counted(service: Service) -> None:
    service.paying.pay_income(PLEDGE, COUPON)
    service.turns()
    assert service.only().stage is PaymentStage.COUNTED
    assert (booked(service), owed(service), credit(service)) == ([1_200], 0, 0)
    assert service.book.all_unclaimed() == []  # nobody takes it for a lost trade's
    kinds = [row.entry.kind for row in service.book.journal(service.only().name)]
    assert kinds == ["income payment intended", "register payment heard", "register payment ended"]


@pytest.mark.parametrize("kind", ["income payment intended", "register payment heard", "register payment ended"])
def test_income_killed_after_any_commit(service: Service, kind: str) -> None:
    service.killed_at = kind
    for _ in range(18):
        try:
            service.paying.pay_income(PLEDGE, COUPON)
            service.turn()
        except Killed:
            service.start()
    assert service.killed_at == ""
    assert (booked(service), owed(service), service.only().stage) == ([1_200], 0, PaymentStage.COUNTED)


@pytest.mark.parametrize(
    ("where", "method"), [("cash", "send"), ("ledger", "record_cash"), ("ledger", "events"), ("ledger", "income_owed")]
)
@pytest.mark.parametrize("hook", ["before", "after"])
def test_income_killed_around_what_is_asked_and_sent(service: Service, where: str, method: str, hook: str) -> None:
    target: Any = {"cash": service.world.cash, "ledger": service.world.ledger}[where]
    service.paying.pay_income(PLEDGE, COUPON)
    killed_around(service, target, method, hook)
    assert (booked(service), owed(service), service.only().stage) == ([1_200], 0, PaymentStage.COUNTED)


def killed_around(service: Service, target: Any, method: str, hook: str) -> None:
    hit: list[str] = []

    def kill(name: str) -> None:
        if name == method and len(hit) < 3:
            hit.append(name)
            raise Killed(name)

    setattr(target, hook, kill)
    for _ in range(24):
        try:
            service.turn()
        except Killed:
            service.start()
            service.world.chain.mine()


def test_a_payment_that_never_was_is_tried_again_under_another_id(service: Service) -> None:
    service.world.rtgs.available["ACC-BUYER"] = 0
    service.paying.pay_income(PLEDGE, COUPON)
    service.turns(2)
    (held,) = service.world.rtgs.payments.values()
    service.world.rtgs._never(held, PaymentState.REJECTED, "AM04", "no funds")
    service.turns(3)
    assert (service.only().attempt, "no funds" in service.only().reason) == (1, True)
    service.world.rtgs.available["ACC-BUYER"] = 100_000
    service.world.clock.advance(16 * 60)
    service.turns()
    assert (service.only().attempt, booked(service), owed(service)) == (2, [1_200], 0)
    assert len(service.world.rtgs.payments) == 2


def test_what_is_counted_in_a_block_that_vanishes_is_counted_again(service: Service) -> None:
    service.paying.pay_income(PLEDGE, COUPON)
    for _ in range(16):
        service.turn()
        if not owed(service):
            break
    assert service.only().stage is PaymentStage.OPEN
    service.world.ledger.reorganise(2)
    assert owed(service) == 1_200
    service.turns()
    assert (service.only().stage, booked(service), owed(service)) == (PaymentStage.COUNTED, [1_200], 0)


def test_counted_by_the_next_agents_where_the_epoch_is_over(service: Service) -> None:
    world = service.world
    service.paying.pay_income(PLEDGE, COUPON)
    service.turn()
    world.settle()
    world.chain.rotate(Epoch(number=2, agents=tuple(one.address for one in NEXT_KEYS), quorum=3))
    service.turns(4)
    assert owed(service) == 1_200
    for place in range(4):
        world.start(place, (NEXT_KEYS[place],))
    service.turns()
    assert (owed(service), service.only().stage) == (0, PaymentStage.COUNTED)


def test_nothing_is_concluded_from_no_answer(service: Service) -> None:
    def silent(_: str) -> None:
        raise Unavailable("no answer")

    service.paying.pay_income(PLEDGE, COUPON)
    before = service.only()
    service.world.ledger.before = silent
    assert service.paying.run() is False
    assert service.only() == before


def test_what_is_not_owed_is_not_paid(service: Service) -> None:
    for pledge, income, field in ((PledgeId("00" * 32), COUPON, "pledge"), (PLEDGE, "00" * 32, "income")):
        with pytest.raises(InvalidInput) as caught:
            service.paying.pay_income(pledge, income)
        assert caught.value.field == field
    service.world.clock.advance(12 * 3_600)
    with pytest.raises(Refused, match="TooLateToday"):
        service.paying.pay_income(PLEDGE, COUPON)
    service.world.ledger.acknowledge(PLEDGE, 1)
    with pytest.raises(Refused, match="IncomeMet"):
        service.paying.pay_income(PLEDGE, COUPON)
    assert service.book.register_payments() == []


# All records lost


def lost_and_rebuilt(service: Service) -> list[str]:
    """What the rebuild says of the payments that are there."""
    world = service.world
    told, assets = Heard(world.clock.now()), FakeAssetLedger(world.chain)
    while mail := world.cash.receive(told.cursor):
        told.hear(mail)
    histories = [(one, assets.history(one)) for one in assets.locked()]
    own = RegistersOwn(market=MARKET, ledger=world.ledger)
    gathered = Gathered(MARKET, world.clock.now())
    done = rebuild(gathered, told, b"k" * 32, histories, assets.final_time(), own)
    service.book = FakeBook(service._committed)
    service.start()
    for change in done.changes:
        service.book.commit(change)
    assert not done.uninstructed
    return [facts["what"] for facts in done.of_register.values()]


@pytest.mark.parametrize("turns", [1, 2])
def test_income_asked_for_again_after_a_loss_is_paid_once(service: Service, turns: int) -> None:
    service.paying.pay_income(PLEDGE, COUPON)
    service.turns(turns)
    assert lost_and_rebuilt(service) == ["income"]
    service.killed_at = "register payment heard"
    service.paying.pay_income(PLEDGE, COUPON)
    with pytest.raises(Killed):
        service.turns()
    service.start()
    service.turns()
    assert (booked(service), owed(service), len(service.world.rtgs.payments)) == ([1_200], 0, 1)
    assert service.only().stage is PaymentStage.COUNTED
    assert service.book.all_unclaimed() == []


def test_income_that_counts_is_not_paid_again_after_a_loss(service: Service) -> None:
    service.paying.pay_income(PLEDGE, COUPON)
    service.turns()
    assert lost_and_rebuilt(service) == ["income"]
    with pytest.raises(Refused) as caught:
        service.paying.pay_income(PLEDGE, COUPON)
    assert (caught.value.name, booked(service)) == ("IncomeMet", [1_200])


@pytest.mark.parametrize("turns", [2, 4, 16])
def test_a_sale_taken_again_after_a_loss_goes_on(service: Service, turns: int) -> None:
    settlement = service.sell()
    service.turns(turns)
    assert lost_and_rebuilt(service) == ["sale"]
    service.paying.take_sale(PLEDGE, sale(), Money(currency="EUR", amount=90_000), SALT)
    service.turns()
    assert (status(service, settlement), booked(service), credit(service)) == (AssetStatus.SETTLED, [90_000], 90_000)
    assert (service.only().stage, len(service.world.rtgs.payments)) == (PaymentStage.COUNTED, 1)


# Sales


def test_a_sale_is_paid_delivered_ended_and_counted(service: Service) -> None:
    settlement = service.sell()
    service.turns()
    found = service.world.ledger.sale(settlement)
    assert found is not None and not found.open
    assert (status(service, settlement), booked(service)) == (AssetStatus.SETTLED, [90_000])
    assert (credit(service), service.only().stage) == (90_000, PaymentStage.COUNTED)
    assert service.book.all_unclaimed() == []


@pytest.mark.parametrize("kind", ["register payment heard", "register payment ended"])
def test_a_sale_killed_after_any_commit(service: Service, kind: str) -> None:
    service.killed_at = kind
    settlement = service.sell()
    for _ in range(20):
        try:
            service.turn()
        except Killed:
            service.start()
    assert service.killed_at == ""
    assert (status(service, settlement), booked(service), credit(service)) == (AssetStatus.SETTLED, [90_000], 90_000)
    assert service.only().stage is PaymentStage.COUNTED


@pytest.mark.parametrize(
    ("where", "method"), [("cash", "send"), ("ledger", "record_cash"), ("ledger", "end_sale"), ("ledger", "sale")]
)
@pytest.mark.parametrize("hook", ["before", "after"])
def test_a_sale_killed_around_what_is_asked_and_sent(service: Service, where: str, method: str, hook: str) -> None:
    target: Any = {"cash": service.world.cash, "ledger": service.world.ledger}[where]
    settlement = service.sell()
    killed_around(service, target, method, hook)
    assert (status(service, settlement), booked(service), credit(service)) == (AssetStatus.SETTLED, [90_000], 90_000)
    assert service.only().stage is PaymentStage.COUNTED


def test_a_sale_that_is_never_paid_is_given_back_and_ended(service: Service) -> None:
    service.world.rtgs.available["ACC-SELLER"] = 0
    settlement = service.sell()
    service.turns(4)
    (held,) = service.world.rtgs.payments.values()
    service.world.rtgs._never(held, PaymentState.REJECTED, "AM04", "no funds")
    service.turns()
    found = service.world.ledger.sale(settlement)
    assert found is not None and not found.open
    assert (status(service, settlement), service.only().stage) == (AssetStatus.GIVEN_BACK, PaymentStage.GIVEN_BACK)
    assert (booked(service), credit(service)) == ([], 0)


def test_an_order_that_is_not_locked_in_time_lapses_unpaid(service: Service) -> None:
    service.paying.take_sale(PLEDGE, sale(), Money(currency="EUR", amount=90_000), SALT)
    service.turns(4)
    assert (service.only().stage, service.world.rtgs.payments) == (PaymentStage.OPEN, {})
    service.world.clock.advance(3_601)
    service.turns(4)
    assert (service.only().stage, service.world.rtgs.payments) == (PaymentStage.LAPSED, {})


def test_terms_that_are_not_the_orders_are_refused(service: Service) -> None:
    cash = Money(currency="EUR", amount=90_000)
    with pytest.raises(InvalidInput) as caught:
        service.paying.take_sale(PLEDGE, sale(), replace(cash, amount=89_999), SALT)
    assert caught.value.field == "sale/amount"
    with pytest.raises(InvalidInput) as caught:
        service.paying.take_sale(PledgeId("00" * 32), sale(), cash, SALT)
    assert caught.value.field == "sale/pledge"
    with pytest.raises(InvalidInput) as caught:
        service.paying.take_sale(PLEDGE, sale(), replace(cash, currency="USD"), SALT)
    assert (caught.value.field, caught.value.rule) == ("sale/currency", "EUR, the agreement's")
