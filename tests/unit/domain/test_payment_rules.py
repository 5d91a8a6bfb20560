"""Payments and what is known of them: remittance, deadlines, and when money counts as moved (I1)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.cash import CashView
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, SettlementId, derive_uetr
from lockstep.domain.money import Money
from lockstep.domain.order import AssetStatus
from lockstep.domain.payment import CashAccount, Payment, PaymentState, parse_remittance, remittance

SETTLEMENT = SettlementId("ab" * 32)
SALT = "0f" * 16
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAYMENT = Payment(
    uetr=derive_uetr(SETTLEMENT, 1),
    instruction_id="INSTR-1",
    end_to_end_id="E2E-1",
    amount=Money.parse("4230.00", "EUR"),
    settlement_date=date(2026, 11, 23),
    debtor=CashAccount(owner=Bic("UTOPZZ2A"), number="RTGS-EUR-1003"),
    creditor=CashAccount(owner=Bic("FABLZZ2A"), number="RTGS-EUR-1001"),
    settlement_id=SETTLEMENT,
    salt=SALT,
    pay_by=datetime(2026, 11, 23, 16, tzinfo=UTC),
)


def test_remittance() -> None:
    text = remittance(SETTLEMENT, SALT)
    assert text == "/LSTP/" + "ab" * 32 + "/" + "0f" * 16
    assert len(text) == 103


@given(st.binary(min_size=32, max_size=32).map(bytes.hex), st.binary(min_size=16, max_size=16).map(bytes.hex))
def test_remittance_round_trip(settlement: str, salt: str) -> None:
    assert parse_remittance(remittance(SettlementId(settlement), salt)) == (settlement, salt)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "invoice 4711",
        remittance(SETTLEMENT, SALT).upper(),
        remittance(SETTLEMENT, SALT) + "0",
        remittance(SETTLEMENT, SALT) + "\n",
        " " + remittance(SETTLEMENT, SALT),
        remittance(SETTLEMENT, SALT)[:-1],
        "/LSTP/" + "ab" * 32,
        "/LSTQ/" + "ab" * 32 + "/" + SALT,
    ],
)
def test_remittance_of_another_form(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_remittance(text)
    error = caught.value
    assert (error.field, error.value) == ("RmtInf/Ustrd", text)
    assert error.rule == "/LSTP/<64 hex digits of the settlement>/<32 hex digits of the salt>"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(currency="EUR", amount=1)},
        {"pay_by": datetime(2026, 11, 23, tzinfo=UTC)},
        {"pay_by": datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)},
    ],
)
def test_payment_just_inside_each_rule(changes: dict[str, Any]) -> None:
    assert replace(PAYMENT, **changes).uetr == PAYMENT.uetr


@pytest.mark.parametrize(
    ("changes", "field", "value", "rule"),
    [
        ({"amount": Money(currency="EUR", amount=0)}, "IntrBkSttlmAmt", "0.00 EUR", "greater than zero"),
        ({"amount": Money(currency="EUR", amount=-1)}, "IntrBkSttlmAmt", "-0.01 EUR", "greater than zero"),
        (
            {"pay_by": datetime(2026, 11, 24, tzinfo=UTC)},
            "SttlmTmReq/RjctTm",
            "2026-11-24 00:00:00+00:00",
            "an instant of the settlement date, in UTC",
        ),
        (
            {"settlement_date": date(2026, 11, 24)},
            "SttlmTmReq/RjctTm",
            "2026-11-23 16:00:00+00:00",
            "an instant of the settlement date, in UTC",
        ),
    ],
)
def test_payment_just_outside_each_rule(changes: dict[str, Any], field: str, value: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(PAYMENT, **changes)
    assert (caught.value.field, caught.value.value, caught.value.rule) == (field, value, rule)


@pytest.mark.parametrize(
    ("state", "never"),
    [("ACSP", False), ("PDNG", False), ("ACSC", False), ("RJCT", True), ("CANC", True)],
)
def test_which_states_mean_never(state: str, never: bool) -> None:
    assert PaymentState(state).is_never is never
    assert CashView(settlement_id=SETTLEMENT, state=PaymentState(state)).is_never is never


def test_every_state_is_in_the_table_above() -> None:
    assert {state.value for state in PaymentState} == {"ACSP", "PDNG", "ACSC", "RJCT", "CANC"}


def test_nothing_known_concludes_nothing() -> None:
    unknown = CashView(settlement_id=SETTLEMENT)
    assert not unknown.is_booked
    assert not unknown.is_never


def test_booked_takes_both_messages() -> None:
    both = CashView(
        settlement_id=SETTLEMENT,
        state=PaymentState.BOOKED,
        payment=PAYMENT,
        booked_at=NOON,
        noticed_at=NOON + timedelta(seconds=1),
        noticed=PAYMENT.amount,
    )
    assert both.is_booked
    assert not both.is_never
    assert not replace(both, booked_at=None).is_booked
    assert not replace(both, noticed_at=None).is_booked
    for state in (None, *PaymentState):
        assert replace(both, state=state).is_booked == (state is PaymentState.BOOKED)


@pytest.mark.parametrize("state", PaymentState)
def test_a_contradiction_concludes_nothing(state: PaymentState) -> None:
    view = CashView(
        settlement_id=SETTLEMENT,
        state=state,
        booked_at=NOON,
        noticed_at=NOON,
        contradiction="ACSC after RJCT",
    )
    assert not view.is_booked
    assert not view.is_never


def test_which_asset_states_are_ends() -> None:
    done = {status for status in AssetStatus if status.is_done}
    assert done == {AssetStatus.SETTLED, AssetStatus.GIVEN_BACK, AssetStatus.CANCELLED}
