"""Margin calls paid in cash, with the service, four agents, the RTGS and the register at work, and killed between any
two steps: what is paid is paid once, counted once, and never taken for what it is not (I1, I4, I6)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockstep.domain.errors import Conflict, InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin import CsaTerms, margin_due
from lockstep.domain.margin_call import CallState, MarginCall
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import ExposureKind, MarginAgreement, MarginCallResponse, Obligation
from lockstep.domain.money import Money
from lockstep.domain.order import Epoch
from lockstep.domain.payment import PaymentState
from lockstep.flow.hearing import heard
from lockstep.flow.margin_figures import required_by
from lockstep.flow.margining import Margining
from lockstep.testing.fakes import BUYER, DAY, SELLER, FakeAssetLedger, FakeBook
from margin_world import MARKET, NEXT_KEYS, PAY_BY, MarginWorld

CALL = Reference("MC-1")


def euros(cents: int) -> Money:
    return Money(currency="EUR", amount=cents)


class Service:
    """The service's records, and its steps over them."""

    def __init__(self, world: MarginWorld) -> None:
        self.world, self.killed_at = world, ""
        self.book = FakeBook(self._committed)
        self.margining = self.start()

    def start(self) -> Margining:
        world = self.world
        self.margining = Margining(
            market=MARKET,
            clock=world.clock,
            book=self.book,
            assets=FakeAssetLedger(world.chain),
            ledger=world.ledger,
            cash=world.cash,
            board=world.board,
        )
        return self.margining

    def _committed(self, kind: str) -> None:
        if kind == self.killed_at:
            self.killed_at = ""
            raise Killed(kind)

    def call(self, cents: int = 60_000, **changes: Any) -> MarginCase:
        now = self.world.clock.now()
        stated: dict[str, Any] = {
            "call_id": CALL,
            "caller": BUYER.bic,
            "called": SELLER.bic,
            "amount": euros(cents),
            "issued_at": now,
            "deliver_by": now + timedelta(hours=4),
            "cure_seconds": 3_600,
        }
        is_return = changes.pop("is_return", False)
        return self.margining.issue(self.world.agreement, MarginCall(**{**stated, **changes}), is_return=is_return)

    def case(self, reference: Reference = CALL) -> MarginCase:
        found = self.book.margin_case(self.world.agreement, reference)
        assert found is not None
        return found

    def turn(self) -> None:
        """Everybody's next step, and a block."""
        mail = self.world.cash.receive(self.book.cash_cursor())
        if mail:
            self.book.commit(heard(self.book, MARKET, mail, self.world.clock.now()))
        self.margining.run()
        self.world.step()
        self.world.chain.mine()

    def turns(self, count: int = 14) -> None:
        for _ in range(count):
            self.turn()

    def kinds(self) -> list[str]:
        return [row.entry.kind for row in self.book.journal(CALL)]


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    world = MarginWorld(tmp_path)
    yield Service(world)
    world.close()


def credit(service: Service) -> int:
    return service.world.ledger.state(service.world.agreement).credit


def booked(service: Service) -> list[int]:
    return [payment.amount.amount for _, payment, _ in service.world.rtgs.booked]


def test_called_paid_counted_met(service: Service) -> None:
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    service.turns()
    case = service.case()
    assert (case.call.state, case.is_counted, case.is_open) == (CallState.DELIVERED, True, False)
    assert (booked(service), credit(service)) == ([60_000], 60_000)
    assert service.book.all_unclaimed() == []  # nobody takes it for a lost trade's
    assert "break" not in service.kinds()


def test_the_way_down(service: Service) -> None:
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    service.turns()
    service.world.value(20_000)
    back = Reference("MR-1")
    service.call(40_000, call_id=back, caller=SELLER.bic, called=BUYER.bic, is_return=True)
    service.margining.pay(service.world.agreement, back)
    service.turns()
    assert service.case(back).call.state is CallState.DELIVERED
    assert (booked(service), credit(service)) == ([60_000, 40_000], 20_000)


KINDS = (
    "margin called",
    "margin payment intended",
    "margin payment heard",
    "margin counted",
)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_after_any_commit(service: Service, kind: str) -> None:
    service.killed_at = kind
    for _ in range(16):
        try:
            if service.book.margin_case(service.world.agreement, CALL) is None:
                service.call()
            service.margining.pay(service.world.agreement, CALL)
            service.turn()
        except Killed:
            service.start()
    assert service.killed_at == ""
    assert (booked(service), credit(service)) == ([60_000], 60_000)
    assert service.case().call.state is CallState.DELIVERED


@pytest.mark.parametrize("where", ["cash", "ledger"])
@pytest.mark.parametrize("hook", ["before", "after"])
def test_killed_around_what_is_sent(service: Service, where: str, hook: str) -> None:
    method = {"cash": "send", "ledger": "record_cash"}[where]
    target: Any = {"cash": service.world.cash, "ledger": service.world.ledger}[where]
    hit = []

    def kill(name: str) -> None:
        if name == method and len(hit) < 3:
            hit.append(name)
            raise Killed(name)

    service.call()
    service.margining.pay(service.world.agreement, CALL)
    setattr(target, hook, kill)
    for _ in range(20):
        try:
            service.turn()
        except Killed:
            service.start()
            service.world.chain.mine()
    assert hit
    assert (booked(service), credit(service)) == ([60_000], 60_000)
    assert service.case().call.state is CallState.DELIVERED


def test_nothing_is_concluded_from_no_answer(service: Service) -> None:
    def silent(_: str) -> None:
        raise Unavailable("no answer")

    service.call()
    service.margining.pay(service.world.agreement, CALL)
    service.world.ledger.before = silent
    before = service.case()
    service.margining.run()
    assert service.case() == before
    service.world.ledger.before = lambda _: None
    service.turns()
    assert credit(service) == 60_000


def test_a_payment_that_never_was_is_tried_again_under_another_id(service: Service) -> None:
    service.world.rtgs.available["ACC-SELLER"] = 0
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    service.turns(2)
    (held,) = service.world.rtgs.payments.values()
    service.world.rtgs._never(held, PaymentState.REJECTED, "AM04", "no funds")
    service.turns(3)
    assert service.case().attempt == 1
    assert "no funds" in service.case().reason
    service.world.rtgs.available["ACC-SELLER"] = 100_000
    service.world.clock.advance(16 * 60)
    service.turns()
    assert (service.case().attempt, booked(service), credit(service)) == (2, [60_000], 60_000)
    assert len(service.world.rtgs.payments) == 2


def test_a_payment_that_is_held_is_not_tried_again(service: Service) -> None:
    service.world.value(10_000)  # agents refuse: more than is required
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    service.turns(4)
    service.world.clock.advance(3 * 3_600)
    service.turns(4)
    assert (service.case().attempt, booked(service)) == (1, [])
    assert len(service.world.rtgs.payments) == 1


def test_counted_by_the_next_agents_where_the_epoch_is_over(service: Service) -> None:
    world = service.world
    service.call()
    service.margining.pay(world.agreement, CALL)
    service.turn()
    world.settle()
    assert booked(service) == [60_000]
    world.chain.rotate(Epoch(number=2, agents=tuple(one.address for one in NEXT_KEYS), quorum=3))
    service.turns(4)
    assert credit(service) == 0  # nobody of the present epoch has signed
    for place in range(4):
        world.start(place, (NEXT_KEYS[place],))
    service.turns()
    assert (credit(service), service.case().call.state) == (60_000, CallState.DELIVERED)


def test_counted_by_another_hand(service: Service) -> None:
    world = service.world
    service.call()
    service.margining.pay(world.agreement, CALL)
    service.turn()
    world.settle()
    world.count(world.payment(60_000))
    service.turns(5)
    assert (service.case().is_counted, credit(service)) == (True, 60_000)
    assert service.book.all_unclaimed() == []  # heard of after it counted, it is no lost trade's either


def test_what_is_counted_in_a_block_that_vanishes_is_counted_again(service: Service) -> None:
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    for _ in range(14):
        service.turn()
        if credit(service):
            break
    assert not service.case().is_counted
    service.world.ledger.reorganise(2)
    assert credit(service) == 0
    service.turns()
    assert (service.case().is_counted, credit(service)) == (True, 60_000)


def test_another_amount_on_the_register_is_for_people(service: Service) -> None:
    world = service.world
    other = world.payment(50_000)
    world.pay(other)
    world.settle()
    world.count(other)
    service.call()
    service.margining.pay(world.agreement, CALL)
    service.turns(3)
    assert service.case().reason == "the register counts 50000 for this call, 60000 was to be paid"
    assert not service.case().is_counted


def test_late_is_default_and_paid_within_the_cure_period_cures(service: Service) -> None:
    service.call()
    service.world.clock.advance(4 * 3_600 + 1)
    service.turn()
    assert service.case().call.state is CallState.DEFAULTED
    service.world.value(100_000)
    service.margining.pay(service.world.agreement, CALL)
    service.turns()
    assert (service.case().call.state, credit(service)) == (CallState.CURED, 60_000)


def test_a_disputed_call_is_paid_in_part(service: Service) -> None:
    service.call()
    now = service.world.clock.now()
    response = MarginCallResponse(
        response_id=Reference("R-1"),
        obligation=Obligation(party_a=BUYER.bic, party_b=SELLER.bic, exposure_kind=ExposureKind.REPO, valued_at=now),
        agreement=MarginAgreement(agreement_id=service.world.agreement, name="GMRA", signed_on=DAY, currency="EUR"),
        call_id=CALL,
        agreed=euros(25_000),
        reason="exposure 250.00",
    )
    service.margining.answer(service.world.agreement, response, SELLER.bic)
    again = service.margining.answer(service.world.agreement, response, SELLER.bic)
    assert again.call.state is CallState.DISPUTED
    service.margining.pay(service.world.agreement, CALL)
    service.turns()
    case = service.case()
    assert (case.call.state, case.call.open_amount, credit(service)) == (CallState.DISPUTED, euros(0), 25_000)


# What is refused


def test_said_again_it_is_the_same_and_otherwise_a_conflict(service: Service) -> None:
    first = service.call()
    assert service.call() == replace(first, version=first.version)
    with pytest.raises(Conflict):
        service.call(60_001)
    service.margining.pay(service.world.agreement, CALL)
    service.margining.pay(service.world.agreement, CALL, euros(60_000))
    with pytest.raises(Conflict):
        service.margining.pay(service.world.agreement, CALL, euros(1))


@pytest.mark.parametrize("amount", [euros(60_001), euros(0), Money(currency="USD", amount=1)])
def test_another_amount_than_is_owed_is_not_paid(service: Service, amount: Money) -> None:
    service.call()
    with pytest.raises(InvalidInput) as caught:
        service.margining.pay(service.world.agreement, CALL, amount)
    assert caught.value.field == "amount"
    assert service.case().attempt == 0


def test_no_call_by_figures_that_are_too_old(service: Service) -> None:
    service.world.clock.advance(3_700)
    service.world.chain.mine(3)
    with pytest.raises(Refused) as caught:
        service.call()
    assert caught.value.name == "StaleValuation"
    assert service.book.margin_cases() == []


def test_no_call_between_others_or_in_another_currency(service: Service) -> None:
    with pytest.raises(Refused) as caught:
        service.call(caller=SELLER.bic, called=BUYER.bic)
    assert caught.value.name == "NotTheParties"
    with pytest.raises(InvalidInput) as wrong:
        service.call(amount=Money(currency="USD", amount=60_000))
    assert wrong.value.field == "amount"


def test_no_payment_after_the_day_s_last_second(service: Service) -> None:
    service.world.clock.move_to(PAY_BY + timedelta(seconds=1))
    service.world.value(100_000)
    service.call()
    with pytest.raises(Refused) as caught:
        service.margining.pay(service.world.agreement, CALL)
    assert caught.value.name == "TooLateToday"


def test_what_is_being_paid_is_not_withdrawn(service: Service) -> None:
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    with pytest.raises(Refused) as caught:
        service.margining.withdraw(service.world.agreement, CALL, "an error")
    assert caught.value.name == "PaymentUnderWay"


def test_what_will_never_be_booked_keeps_no_call_from_being_withdrawn(service: Service) -> None:
    service.world.rtgs.available["ACC-SELLER"] = 0
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    service.turns(2)
    (held,) = service.world.rtgs.payments.values()
    service.world.rtgs._never(held, PaymentState.REJECTED, "AM04", "no funds")
    service.turns(2)
    service.margining.withdraw(service.world.agreement, CALL, "an error")
    service.world.rtgs.available["ACC-SELLER"] = 100_000
    service.world.clock.advance(16 * 60)
    service.turns()
    assert (service.case().is_open, service.case().call.state) == (False, CallState.WITHDRAWN)
    assert (booked(service), len(service.world.rtgs.payments)) == ([], 1)
    assert service.book.all_unclaimed() == []


@pytest.mark.parametrize(
    ("exposure", "held", "required"),
    [
        (100_000, 40_000, 100_000),  # 60,000 are called
        (100_000, 95_000, 95_000),  # 5,000 short: below the minimum transfer amount
        (40_000, 100_000, 40_000),  # 60,000 go back
        (95_000, 100_000, 95_000),  # 5,000 too much: nothing goes back, nothing more is required
        (100_001, 40_000, 101_000),  # a delivery is rounded up
    ],
)
def test_what_valuers_sign_as_required(exposure: int, held: int, required: int) -> None:
    terms = CsaTerms(currency="EUR", minimum_transfer=10_000, multiple=1_000)
    assert required_by(margin_due(terms, exposure, held)) == required
