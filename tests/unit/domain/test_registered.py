"""IBANs, countries of BICs and currencies: published examples, and each broken."""

import pytest

from lockstep.domain.countries import COUNTRIES, IBAN_LENGTHS
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import iban, registered_bic
from lockstep.domain.money import MINOR_UNITS, Money, minor_units

# Of each country, the example that the IBAN registry prints.
EXAMPLES = (
    "BE68539007547034", "CH9300762011623852957", "DE89370400440532013000", "FR1420041010050500013M02606",
    "GB29NWBK60161331926819", "MT84MALT011000012345MTLCAST001S", "NL91ABNA0417164300", "NO9386011117947",
    "SE4550000000058398257466", "TR330006100519786457841326",
)  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_iban_is_taken_and_each_wrong_digit_refused(text: str) -> None:
    assert iban(text) == text
    for place in range(2, len(text)):
        if text[place].isdigit():
            other = f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}"
            with pytest.raises(InvalidInput, match="check digits should be"):
                iban(other, field="IBAN")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("DE8937040044053201300", "22 characters in DE (ISO 13616)"),
        ("US89370400440532013000", "a country that has IBANs, not US (ISO 13616)"),
        ("de89370400440532013000", "a country, two check digits, 1 to 30 capital letters or digits (ISO 13616)"),
        ("DE89 3704 0044 0532 0130 00", "a country, two check digits, 1 to 30 capital letters or digits (ISO 13616)"),
        ("", "a country, two check digits, 1 to 30 capital letters or digits (ISO 13616)"),
    ],
)
def test_what_is_no_iban_is_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        iban(text, field="DbtrAcct/Id/IBAN")
    assert (refused.value.field, refused.value.value, refused.value.rule) == ("DbtrAcct/Id/IBAN", text, rule)


def test_a_bic_has_a_country() -> None:
    assert registered_bic("RTGSBEBB") == "RTGSBEBB"
    assert registered_bic("NCBVXKPRXXX") == "NCBVXKPRXXX"
    assert registered_bic("FABLZZ2A") == "FABLZZ2A"
    for text in ("RTGSQQBB", "RTGSEUBB", "RTGSUKBB"):
        with pytest.raises(InvalidInput, match=r"a country of ISO 3166-1 at its fifth character"):
            registered_bic(text)
    with pytest.raises(InvalidInput, match="four characters, a country"):
        registered_bic("RTGSBEB")


def test_tables_have_the_shape_of_their_standards() -> None:
    assert len(COUNTRIES) == 249 + 2
    assert set(IBAN_LENGTHS) <= COUNTRIES
    assert {length for length in IBAN_LENGTHS.values() if not 15 <= length <= 34} == set()
    assert set(MINOR_UNITS.values()) == {0, 2, 3, 4}


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("JPY", 0), ("CLP", 0), ("ISK", 0), ("UGX", 0), ("EUR", 2), ("CHF", 2), ("HUF", 2), ("MGA", 2), ("BHD", 3),
     ("KWD", 3), ("OMR", 3), ("TND", 3), ("IQD", 3), ("CLF", 4), ("UYW", 4)],
)  # fmt: skip
def test_decimals_are_those_of_iso_4217(currency: str, decimals: int) -> None:
    assert minor_units(currency) == decimals
    unit = Money.parse(f"1.{'0' * (decimals - 1)}1" if decimals else "1", currency)
    assert unit.amount == 10**decimals + (1 if decimals else 0)
    with pytest.raises(InvalidInput, match=f"at most {decimals} decimals for {currency}"):
        Money.parse(f"1.{'0' * decimals}1", currency)
