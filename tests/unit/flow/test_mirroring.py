"""The cash leg folded from its messages, in whatever order and number they come."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from flow_cases import LATER, ORDER, PAYMENT, SETTLEMENT, notice, report, resolution
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import SettlementId, derive_uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import CancelPayment, PaymentState, Release, ResolutionStatus
from lockstep.flow.mirroring import fold, settlement_of
from lockstep.ports import CashBody

EARLY, MUCH_LATER = LATER - timedelta(minutes=5), LATER + timedelta(minutes=5)
PENDING = report(PaymentState.PENDING, EARLY, reason_code="AM04", reason="short of funds")
HELD = report(PaymentState.HELD, EARLY)
BOOKED = report(PaymentState.BOOKED)
DEBITED, CREDITED = notice(), notice(credit=True)
REJECTED = report(PaymentState.REJECTED, reason_code="TM01", reason="too late")
CANCELLED = report(PaymentState.CANCELLED, reason_code="CUST", reason="on request")
GONE, KEPT = resolution(ResolutionStatus.CANCELLED), resolution(ResolutionStatus.REFUSED)
OTHER_PAYMENT = replace(PAYMENT, amount=Money(currency="EUR", amount=1))
CONSISTENT: dict[str, tuple[CashBody, ...]] = {
    "short": (PENDING,),
    "held": (PENDING, HELD),
    "paid": (PENDING, HELD, BOOKED, DEBITED, CREDITED),
    "asked too late": (HELD, BOOKED, DEBITED, KEPT),
    "refused": (REJECTED,),
    "closed with the day": (PENDING, HELD, REJECTED),
    "cancelled": (HELD, CANCELLED),
    "tombstone": (GONE,),
}
ANOTHER = replace(PAYMENT, uetr=derive_uetr(SETTLEMENT, 2), amount=Money(currency="EUR", amount=1))
"""A payment of the same settlement under another id, as who has the service's access can send before it or after."""
ANOTHER_REFUSED = report(PaymentState.REJECTED, uetr=ANOTHER.uetr, payment=ANOTHER, reason_code="TM01")
PAID = (BOOKED, DEBITED)
CONTRADICTORY: dict[str, tuple[CashBody, ...]] = {
    "booked and refused": (*PAID, REJECTED),
    "booked and cancelled": (*PAID, CANCELLED),
    "booked and a tombstone": (*PAID, GONE),
    "a report and a refusal": (BOOKED, REJECTED),
    "a notice and a refusal": (DEBITED, REJECTED),
    "a notice and a tombstone": (DEBITED, GONE),
    "two contents": (HELD, report(PaymentState.HELD, EARLY, payment=OTHER_PAYMENT)),
    "two contents, paid": (BOOKED, report(PaymentState.HELD, EARLY, payment=OTHER_PAYMENT), DEBITED),
    "another amount": (BOOKED, notice(amount=OTHER_PAYMENT.amount)),
    "another amount, held": (HELD, notice(amount=OTHER_PAYMENT.amount)),
    "two amounts": (DEBITED, notice(credit=True, amount=OTHER_PAYMENT.amount)),
    "another payment": (BOOKED, notice(uetr=derive_uetr(SETTLEMENT, 2))),
    "another payment, refused": (*PAID, ANOTHER_REFUSED),
    "another payment, held": (HELD, report(PaymentState.HELD, EARLY, uetr=ANOTHER.uetr, payment=ANOTHER)),
}


def folded(*bodies: CashBody) -> CashView:
    view = None
    for body in bodies:
        view = fold(view, body)
    assert view is not None
    return view


def told(name: str) -> st.SearchStrategy[list[CashBody]]:
    """Every message of a set at least once, doubled and shuffled."""
    bodies = CONSISTENT.get(name) or CONTRADICTORY[name]
    return st.lists(st.sampled_from(bodies), max_size=4).flatmap(lambda more: st.permutations([*bodies, *more]))


@pytest.mark.parametrize("name", CONSISTENT)
@given(data=st.data())
def test_order_and_doubles_change_nothing(name: str, data: st.DataObject) -> None:
    assert folded(*data.draw(told(name))) == folded(*CONSISTENT[name])


@pytest.mark.parametrize("name", CONTRADICTORY)
@given(data=st.data())
def test_contradiction_in_every_order(name: str, data: st.DataObject) -> None:
    view = folded(*data.draw(told(name)))
    assert view.contradiction
    assert not view.is_booked and not view.is_never


@pytest.mark.parametrize("name", CONTRADICTORY)
def test_a_contradiction_stays(name: str) -> None:
    first = folded(*CONTRADICTORY[name])
    for body in (PENDING, HELD, BOOKED, DEBITED, CREDITED, REJECTED, CANCELLED, GONE, KEPT):
        assert fold(first, body).contradiction == first.contradiction


@pytest.mark.parametrize("bodies", [(HELD, CANCELLED, GONE), (REJECTED, GONE), (PENDING, REJECTED, GONE)])
def test_never_told_by_two_messages(bodies: tuple[CashBody, ...]) -> None:
    """pacs.002 and camt.029 may name the ending differently; what follows from it is the same."""
    for order in permutations(bodies):
        view = folded(*order)
        assert view.is_never and not view.is_booked and view.contradiction is None and view.payment == PAYMENT


@pytest.mark.parametrize("first", [(PENDING,), (HELD,), (HELD, REJECTED), (PENDING, HELD, CANCELLED)])
def test_a_second_payments_refusal_excludes_nothing(first: tuple[CashBody, ...]) -> None:
    """The RTGS takes the second when the first has ended, and refuses it: the line may turn their reports around.

    Where the first one's end is not told last, it is asked for, and told again.
    """
    for order in permutations((*first, ANOTHER_REFUSED)):
        view = folded(*order)
        assert view.contradiction is None, order
        assert (view.state, view.payment) == (PaymentState.HELD, PAYMENT) or first == (PENDING,) or view.is_never
        assert fold(view, REJECTED).is_never


@pytest.mark.parametrize(
    ("bodies", "state", "booked", "never"),
    [
        ((PENDING,), PaymentState.PENDING, False, False),
        ((HELD,), PaymentState.HELD, False, False),
        ((BOOKED,), PaymentState.BOOKED, False, False),
        ((DEBITED,), None, False, False),
        ((KEPT,), None, False, False),
        ((BOOKED, DEBITED), PaymentState.BOOKED, True, False),
        ((BOOKED, CREDITED), PaymentState.BOOKED, True, False),
        ((REJECTED,), PaymentState.REJECTED, False, True),
        ((CANCELLED,), PaymentState.CANCELLED, False, True),
        ((GONE,), PaymentState.CANCELLED, False, True),
    ],
)
def test_what_counts(bodies: tuple[CashBody, ...], state: PaymentState | None, booked: bool, never: bool) -> None:
    view = folded(*bodies)
    assert (view.state, view.is_booked, view.is_never, view.contradiction) == (state, booked, never, None)


def test_reasons_are_kept() -> None:
    assert (folded(PENDING).reason_code, folded(PENDING).reason) == ("AM04", "short of funds")
    assert folded(PENDING, HELD).reason is None
    assert (folded(HELD, REJECTED).reason_code, folded(HELD, REJECTED).reason) == ("TM01", "too late")
    assert (folded(GONE).reason_code, folded(GONE).reason) == ("CUST", "cancelled on request")
    assert folded(HELD, KEPT).cancel_refused and not folded(HELD).cancel_refused


def test_the_latest_booking_time_counts() -> None:
    """`payBy` is judged on it: of several times, none that is earlier may hide a later one."""
    for order in permutations((BOOKED, replace(BOOKED, decided_at=MUCH_LATER), DEBITED)):
        assert folded(*order).booked_at == MUCH_LATER
    for order in permutations((BOOKED, DEBITED, notice(credit=True, at=MUCH_LATER))):
        assert folded(*order).noticed_at == MUCH_LATER


def test_what_only_parties_say_changes_nothing() -> None:
    wish = CancelPayment(
        case_id="C",
        uetr=PAYMENT.uetr,
        original_message_id="P",
        original_amount=PAYMENT.amount,
        original_settlement_date=PAYMENT.settlement_date,
        settlement_id=SETTLEMENT,
        salt=PAYMENT.salt,
    )
    for body in (PAYMENT, wish, Release(uetr=PAYMENT.uetr, settlement_id=SETTLEMENT)):
        assert settlement_of(body) == SETTLEMENT
        assert fold(None, body) == CashView(settlement_id=SETTLEMENT)
        assert fold(folded(HELD), body) == folded(HELD)


def test_settlement_of_a_report_is_its_payments() -> None:
    other = SettlementId("cd" * 32)
    assert settlement_of(HELD) == SETTLEMENT
    assert settlement_of(replace(HELD, payment=replace(PAYMENT, settlement_id=other))) == other
    assert ORDER.terms.pay_by == int(PAYMENT.pay_by.timestamp())


def test_two_refused_payments_are_one_never() -> None:
    """Finding 9a: else whoever has the key to ask could brick every lock with two payments that are refused."""
    other = replace(REJECTED, payment=OTHER_PAYMENT, uetr=derive_uetr(SETTLEMENT, 2))
    for bodies in ((REJECTED, other), (other, CANCELLED), (GONE, other, REJECTED), (other, GONE)):
        for order in permutations(bodies):
            view = folded(*order)
            assert view.is_never and not view.is_booked and view.contradiction is None, order


@pytest.mark.parametrize("live", [HELD, BOOKED, DEBITED], ids=["held", "booked", "noticed"])
def test_a_refusal_of_other_content_beside_a_live_payment_is_no_never(live: CashBody) -> None:
    other = replace(REJECTED, payment=OTHER_PAYMENT, uetr=derive_uetr(SETTLEMENT, 2))
    for order in permutations((live, other)):
        assert not folded(*order).is_never
