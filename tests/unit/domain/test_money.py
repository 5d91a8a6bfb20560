"""Amounts and quantities from text and back: exactly, or refused."""

from decimal import Context, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import MINOR_UNITS, Money, Quantity, minor_units

PLAIN = "a plain decimal number without sign, at most 18 digits before the point"
NOT_PLAIN = [
    "", " ", "1e5", "1E5", "-1", "+1", "1,000", "1 000", "1.", ".5", "1.2.3", "0x10", "NaN", "Infinity",
    "1_000", "٣", "１", "1\n", " 1", "1" * 19, "1." + "0" * 18,
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "currency", "amount", "shown"),
    [
        ("25", "EUR", 2500, "25.00"),
        ("25.5", "EUR", 2550, "25.50"),
        ("25.50000", "EUR", 2550, "25.50"),
        ("0.01", "EUR", 1, "0.01"),
        ("000.07", "EUR", 7, "0.07"),
        ("0", "EUR", 0, "0.00"),
        ("3000000000", "JPY", 3_000_000_000, "3000000000"),
        ("7.0", "JPY", 7, "7"),
        ("1.234", "KWD", 1234, "1.234"),
        ("999999999999999999.99", "EUR", 10**20 - 1, "999999999999999999.99"),
        ("999999999999999999", "JPY", 10**18 - 1, "999999999999999999"),
    ],
)
def test_money(text: str, currency: str, amount: int, shown: str) -> None:
    money = Money.parse(text, currency)
    assert money == Money(currency=currency, amount=amount)
    assert money.text() == shown
    assert str(money) == f"{shown} {currency}"


@pytest.mark.parametrize(
    ("text", "currency", "scale"),
    [
        ("1.234", "EUR", 2),
        ("0.001", "EUR", 2),
        ("100.5", "JPY", 0),
        ("0.1", "JPY", 0),
        ("1.2345", "KWD", 3),
        ("0.00000000000000001", "EUR", 2),
        ("999999999999999999.00000000000000001", "EUR", 2),
        ("999999999999999999.99999999999999999", "JPY", 0),
    ],
)
def test_money_with_too_many_decimals(text: str, currency: str, scale: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        Money.parse(text, currency, field="SttlmAmt/Amt")
    error = caught.value
    assert (error.field, error.value) == ("SttlmAmt/Amt", text)
    assert error.rule == f"at most {scale} decimals for {currency}"


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_what_is_no_plain_number(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Money.parse(text, "EUR", field="SttlmAmt/Amt")
    assert (caught.value.field, caught.value.value, caught.value.rule) == ("SttlmAmt/Amt", text, PLAIN)
    with pytest.raises(InvalidInput) as caught:
        Quantity.parse(text, field="SttlmQty")
    assert (caught.value.field, caught.value.value, caught.value.rule) == ("SttlmQty", text, PLAIN)


@pytest.mark.parametrize("currency", ["XXX", "eur", "", "EURO", "XAU"])
def test_a_currency_not_settled_here(currency: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Money.parse("1", currency, field="SttlmAmt/Amt")
    assert (caught.value.field, caught.value.value) == ("SttlmAmt/Amt/@Ccy", currency)
    assert caught.value.rule.endswith("(ISO 4217)")
    with pytest.raises(InvalidInput) as caught:
        Money(currency=currency, amount=1)
    assert (caught.value.field, caught.value.value) == ("currency", currency)


def test_minor_units() -> None:
    assert [minor_units(currency) for currency in ("EUR", "JPY", "KWD")] == [2, 0, 3]


def test_a_negative_amount_is_shown_but_never_read() -> None:
    assert Money(currency="EUR", amount=-5).text() == "-0.05"
    assert Money(currency="JPY", amount=-5).text() == "-5"
    with pytest.raises(InvalidInput):
        Money.parse("-0.05", "EUR")


@given(st.sampled_from(sorted(MINOR_UNITS)), st.integers(0, 10**18 - 1))
def test_money_round_trip(currency: str, amount: int) -> None:
    money = Money(currency=currency, amount=amount)
    assert Money.parse(money.text(), currency) == money
    assert "e" not in money.text().lower()


@given(st.integers(0, 10**18 - 1), st.text("0123456789", max_size=17))
def test_quantity_round_trip(whole: int, fraction: str) -> None:
    """All 35 digits count, whatever the precision of the ambient decimal context."""
    text = f"{whole}.{fraction}" if fraction else f"{whole}"
    kept = fraction.rstrip("0")
    quantity = Quantity.parse(text)
    assert (quantity.value, quantity.scale) == (int(f"{whole}{kept}"), len(kept))
    assert quantity.text() == (f"{whole}.{kept}" if kept else f"{whole}")
    assert Quantity.parse(quantity.text()) == quantity


def test_no_ambient_precision_changes_an_amount() -> None:
    with localcontext(Context(prec=3)):
        assert Money.parse("1234.56", "EUR").amount == 123456
        assert Quantity.parse("1234.56").value == 123456


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [("640250.50", 2, 64025050), ("5", 2, 500), ("5.00", 0, 5), ("0.01", 2, 1), ("0", 4, 0), ("1.5", 18, 15 * 10**17)],
)
def test_units(text: str, decimals: int, units: int) -> None:
    quantity = Quantity.parse(text)
    assert quantity.units(decimals) == units
    assert Quantity.of_units(units, decimals) == quantity


@pytest.mark.parametrize(("text", "decimals"), [("0.5", 0), ("1.005", 2), ("0.0000000001", 9)])
def test_units_of_a_security_that_is_not_divided_so_finely(text: str, decimals: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        Quantity.parse(text).units(decimals, field="QtyAndAcctDtls/SttlmQty")
    error = caught.value
    assert (error.field, error.value) == ("QtyAndAcctDtls/SttlmQty", text)
    assert error.rule == f"at most {decimals} decimals for this security"


@given(st.integers(0, 10**27), st.integers(0, 18))
def test_units_round_trip(units: int, decimals: int) -> None:
    quantity = Quantity.of_units(units, decimals)
    assert quantity.units(decimals) == units
    assert quantity.scale == 0 or quantity.value % 10
