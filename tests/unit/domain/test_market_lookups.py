"""Reference data: found by standard identifiers, strangers refused; the tolerance's two bands."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Isin, Lei
from lockstep.domain.instruction import Party, QuantityType
from lockstep.domain.market import Market, Network, Participant, Security, Tolerance
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount

FABLE = Participant(
    name="Fable Bank",
    lei=Lei("5493001KJTIIGC8Y1R12"),
    bic=Bic("FABLZZ2A"),
    wallet="0x00000000000000000000000000000000000000F1",
    accounts={"EUR": "RTGS-EUR-1001"},
)
UTOPIA = Participant(
    name="Utopia Trust",
    lei=Lei("529900T8BM49AURSDO55"),
    bic=Bic("UTOPZZ2A"),
    wallet="0x00000000000000000000000000000000000000F2",
    accounts={"EUR": "RTGS-EUR-1003", "JPY": "RTGS-JPY-1003"},
)
SHARE = Security(
    isin=Isin("US0378331005"),
    name="a share",
    token="0x00000000000000000000000000000000000000E1",
    decimals=0,
    quantity_type=QuantityType.UNIT,
    currency="EUR",
)
MARKET = Market(
    service=Bic("LSTPZZ2A"),
    rtgs=Bic("CBNKZZ2A"),
    network=Network(chain_id=1337, dvp="0x00000000000000000000000000000000000000D1", finality_depth=3),
    participants={FABLE.lei: FABLE, UTOPIA.lei: UTOPIA},
    securities={SHARE.isin: SHARE},
    tolerances={},
    pay_by=time(16),
)
EURO = Tolerance(threshold=100_000_00, up_to=2_00, above=25_00)
YEN = Tolerance(threshold=10_000_000, up_to=200, above=2500)


def test_participant() -> None:
    assert MARKET.participant(Party(lei=FABLE.lei, bic=FABLE.bic), field="Pty1") is FABLE


def test_a_stranger() -> None:
    with pytest.raises(InvalidInput) as caught:
        MARKET.participant(Party(lei=Lei("HWUPKR0MPOU8FGXBT394"), bic=FABLE.bic), field="DlvrgSttlmPties/Pty1")
    error = caught.value
    assert (error.field, error.value) == ("DlvrgSttlmPties/Pty1/LEI", "HWUPKR0MPOU8FGXBT394")
    assert error.rule == "the LEI of a participant"


def test_one_member_under_the_address_of_another() -> None:
    with pytest.raises(InvalidInput) as caught:
        MARKET.participant(Party(lei=FABLE.lei, bic=UTOPIA.bic), field="RcvgSttlmPties/Pty1")
    error = caught.value
    assert (error.field, error.value) == ("RcvgSttlmPties/Pty1/Id/AnyBIC", "UTOPZZ2A")
    assert error.rule == "FABLZZ2A, the BIC of LEI 5493001KJTIIGC8Y1R12"


def test_the_head_office_is_not_its_branch() -> None:
    with pytest.raises(InvalidInput):
        MARKET.participant(Party(lei=FABLE.lei, bic=Bic("FABLZZ2AXXX")), field="Pty1")


def test_account() -> None:
    assert UTOPIA.account("JPY") == CashAccount(owner=Bic("UTOPZZ2A"), number="RTGS-JPY-1003")
    assert UTOPIA.account("EUR") == CashAccount(owner=Bic("UTOPZZ2A"), number="RTGS-EUR-1003")


def test_no_account_in_a_currency() -> None:
    with pytest.raises(InvalidInput) as caught:
        FABLE.account("JPY")
    error = caught.value
    assert (error.field, error.value) == ("SttlmAmt/Amt/@Ccy", "JPY")
    assert error.rule == "a currency in which Fable Bank has an account"


def test_security() -> None:
    assert MARKET.security(Isin("US0378331005")) is SHARE


def test_a_security_not_settled_here() -> None:
    with pytest.raises(InvalidInput) as caught:
        MARKET.security(Isin("DE000BAY0017"))
    error = caught.value
    assert (error.field, error.value) == ("FinInstrmId/ISIN", "DE000BAY0017")
    assert error.rule == "a security that is settled here"


def test_pay_by_is_an_instant_in_utc() -> None:
    assert MARKET.pay_by_on(date(2026, 11, 23)) == datetime(2026, 11, 23, 16, tzinfo=UTC)
    late = replace(MARKET, pay_by=time(23, 59, 59))
    assert late.pay_by_on(date(2026, 12, 31)) == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tolerance", "currency", "delivered", "received", "allowed"),
    [
        (EURO, "EUR", "84600.00", "84600.00", True),
        (EURO, "EUR", "84600.00", "84602.00", True),
        (EURO, "EUR", "84600.00", "84602.01", False),
        # the larger amount picks the band, and the threshold itself lies in the lower
        (EURO, "EUR", "99998.00", "100000.00", True),
        (EURO, "EUR", "99997.99", "100000.00", False),
        (EURO, "EUR", "99975.01", "100000.01", True),
        (EURO, "EUR", "99975.00", "100000.01", False),
        (EURO, "EUR", "2993400.00", "2993412.40", True),
        (EURO, "EUR", "2993400.00", "2993425.00", True),
        (EURO, "EUR", "2993400.00", "2993425.01", False),
        (YEN, "JPY", "9999800", "10000000", True),
        (YEN, "JPY", "9999799", "10000000", False),
        (YEN, "JPY", "9997501", "10000001", True),
        (YEN, "JPY", "9997500", "10000001", False),
        (Tolerance(threshold=0, up_to=0, above=0), "EUR", "1.00", "1.00", True),
        (Tolerance(threshold=0, up_to=0, above=0), "EUR", "1.00", "1.01", False),
    ],
)
def test_tolerance(tolerance: Tolerance, currency: str, delivered: str, received: str, allowed: bool) -> None:
    first, second = Money.parse(delivered, currency), Money.parse(received, currency)
    assert tolerance.allows(first, second) is allowed
    assert tolerance.allows(second, first) is allowed
