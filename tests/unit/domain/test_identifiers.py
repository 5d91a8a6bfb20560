"""Identifiers against real ones that their registries publish, and against every near miss."""

import hashlib
import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import (
    Bic,
    SettlementId,
    bic,
    derive_message_id,
    derive_uetr,
    hex32,
    isin,
    isin_check_digit,
    lei,
    lei_check_digits,
    reference,
    uetr,
)

# Apple, Bayer, Toyota, BAE Systems, TotalEnergies, Roche, a ten-year Bund, Treasury Corporation of Victoria.
PUBLISHED_ISINS = [
    "US0378331005",
    "DE000BAY0017",
    "JP3633400001",
    "GB0002634946",
    "FR0000120271",
    "CH0012032048",
    "DE0001102580",
    "AU0000XVGZA3",
]
# As GLEIF lists them; among them Bloomberg, Apple, Deutsche Bank, JPMorgan Chase and GLEIF itself.
PUBLISHED_LEIS = [
    "5493001KJTIIGC8Y1R12",
    "529900T8BM49AURSDO55",
    "HWUPKR0MPOU8FGXBT394",
    "7LTWFZYICNSX8D621K86",
    "213800WSGIIZCXF1P572",
    "506700GE1G29325QX363",
    "8I5DZWZKVSZI1NUHU748",
]
SETTLEMENT = SettlementId("ab" * 32)

upper = string.ascii_uppercase
alphanumeric = upper + string.digits
lei_bodies = st.text(alphanumeric, min_size=18, max_size=18)
isin_bodies = st.builds(
    str.__add__,
    st.text(upper, min_size=2, max_size=2),
    st.text(alphanumeric, min_size=9, max_size=9),
)


def changed_digits(text: str) -> list[str]:
    """Every text that differs from this one in exactly one decimal digit."""
    return [
        text[:place] + other + text[place + 1 :]
        for place, digit in enumerate(text)
        if digit in string.digits
        for other in string.digits
        if other != digit
    ]


def refusal(check: Callable[..., str], text: str, **named: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        check(text, **named)
    assert caught.value.value == text
    return caught.value


@pytest.mark.parametrize("text", PUBLISHED_ISINS)
def test_published_isin(text: str) -> None:
    assert isin(text) == text
    assert isin_check_digit(text[:11]) == text[11]


@pytest.mark.parametrize("text", PUBLISHED_LEIS)
def test_published_lei(text: str) -> None:
    assert lei(text) == text
    assert lei_check_digits(text[:18]) == text[18:]


@pytest.mark.parametrize("text", PUBLISHED_LEIS)
def test_lei_is_one_modulo_97(text: str) -> None:
    assert int("".join(str(int(character, 36)) for character in text)) % 97 == 1


@settings(max_examples=30)
@given(lei_bodies)
def test_every_changed_digit_of_a_lei_is_refused(body: str) -> None:
    good = body + lei_check_digits(body)
    assert lei(good) == good
    for bad in changed_digits(good):
        assert refusal(lei, bad).rule == f"check digits should be {lei_check_digits(bad[:18])} (ISO 17442)"


@settings(max_examples=40)
@given(isin_bodies)
def test_every_changed_digit_of_an_isin_is_refused(body: str) -> None:
    good = body + isin_check_digit(body)
    assert isin(good) == good
    for bad in changed_digits(good):
        assert refusal(isin, bad).rule == f"check digit should be {isin_check_digit(bad[:11])} (ISO 6166)"


def test_the_congruent_check_digits_are_no_second_spelling() -> None:
    """98 and 01, like 02 and 99, are the same modulo 97; ISO 7064 has 02 to 98 only."""
    body = next(b for n in range(1000) if lei_check_digits(b := f"ZZZZ00{n:012d}") == "98")
    assert lei(body + "98") == body + "98"
    assert refusal(lei, body + "01").rule == "check digits should be 98 (ISO 17442)"


@pytest.mark.parametrize(
    "text",
    ["", "US037833100", "US03783310055", "us0378331005", "U50378331005", "US037833100X", "US0378331005\n",
     " US0378331005", "US03783310Ö5", "US037833100٥"],
)  # fmt: skip
def test_isin_of_another_form(text: str) -> None:
    error = refusal(isin, text, field="FinInstrmId/ISIN")
    assert error.field == "FinInstrmId/ISIN"
    assert error.rule == "two letters, nine letters or digits, one check digit (ISO 6166)"


@pytest.mark.parametrize(
    "text",
    ["", "5493001KJTIIGC8Y1R1", "5493001KJTIIGC8Y1R122", "5493001kjtiigc8y1r12", "5493001KJTIIGC8Y1R1A",
     "5493001KJTIIGC8Y1R12\n", "5493 01KJTIIGC8Y1R12"],
)  # fmt: skip
def test_lei_of_another_form(text: str) -> None:
    error = refusal(lei, text)
    assert error.field == "LEI"
    assert error.rule == "eighteen letters or digits and two check digits (ISO 17442)"


@pytest.mark.parametrize("text", ["MARKDEFF", "MARKDEFFXXX", "NBBEBEBB203", "E097AEXXXXX"])
def test_bic(text: str) -> None:
    assert bic(text) == text


@pytest.mark.parametrize("text", ["", "MARKDEF", "MARKDEFFX", "MARKDEFFXX", "MARKD1FF", "markdeff", "MARKDEFFXXXX"])
def test_bic_of_another_form(text: str) -> None:
    error = refusal(bic, text, field="Fr")
    assert (error.field, error.rule) == (
        "Fr",
        "four characters, a country, two characters, optionally three (ISO 9362)",
    )


@pytest.mark.parametrize("text", ["A", "FABL-D-01", "a/b/c", "X" * 35, "-?:().,'+", "1+1"])
def test_reference(text: str) -> None:
    assert reference(text) == text


@pytest.mark.parametrize("text", ["", "X" * 36, "/A", "A/", "A//B", "/", "A B", "Ä", "A\n", "A_B", "<A>"])
def test_reference_of_another_form(text: str) -> None:
    error = refusal(reference, text, field="TxId")
    assert error.field == "TxId"
    assert error.rule.startswith("1 to 35 letters, digits or ")


def test_hex32() -> None:
    assert hex32("0f" * 32, field="trade") == "0f" * 32


@pytest.mark.parametrize("text", ["", "0f" * 31, "0f" * 33, "0F" * 32, "0x" + "0f" * 31, "0g" * 32])
def test_hex32_of_another_form(text: str) -> None:
    error = refusal(hex32, text, field="trade")
    assert (error.field, error.rule) == ("trade", "64 lower-case hex digits")


@pytest.mark.parametrize("text", ["8a562c67-ca16-48ba-b074-65581be6f011", "00000000-0000-4000-8000-000000000000"])
def test_uetr(text: str) -> None:
    assert uetr(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "8A562C67-CA16-48BA-B074-65581BE6F011",  # upper case
        "8a562c67-ca16-18ba-b074-65581be6f011",  # version 1
        "8a562c67-ca16-48ba-c074-65581be6f011",  # another variant
        "8a562c67ca1648bab07465581be6f011",
        "",
    ],
)
def test_uetr_of_another_form(text: str) -> None:
    error = refusal(uetr, text)
    assert (error.field, error.rule) == ("UETR", "a version-4 UUID in lower case")


@given(st.binary(min_size=32, max_size=32).map(bytes.hex), st.integers(1, 50))
def test_derived_uetr(settlement: str, attempt: int) -> None:
    derived = derive_uetr(SettlementId(settlement), attempt)
    assert uetr(derived) == derived
    assert derive_uetr(SettlementId(settlement), attempt) == derived
    assert derive_uetr(SettlementId(settlement), attempt + 1) != derived


def test_derived_uetr_never_changes_between_versions() -> None:
    """A restart under a newer Lockstep must find the payment that an older one sent."""
    digest = hashlib.sha256(b"lockstep/uetr/" + b"ab" * 32 + b"/1").hexdigest()
    plain = derive_uetr(SETTLEMENT, 1).replace("-", "")
    assert plain[:12] == digest[:12]
    assert plain[13:16] == digest[13:16]
    assert plain[17:] == digest[17:32]
    assert derive_uetr(SETTLEMENT, 1) != derive_uetr(SettlementId("ac" * 32), 1)


def test_derived_message_id() -> None:
    sender = Bic("LSTPZZ2A")
    first = derive_message_id(sender, SETTLEMENT, "pacs.009")
    assert reference(first) == first
    assert len(first) == 35
    assert derive_message_id(sender, SETTLEMENT, "pacs.009", 1) == first
    others = {
        derive_message_id(Bic("CBNKZZ2A"), SETTLEMENT, "pacs.009"),
        derive_message_id(sender, "ac" * 32, "pacs.009"),
        derive_message_id(sender, SETTLEMENT, "camt.056"),
        derive_message_id(sender, SETTLEMENT, "pacs.009", 2),
    }
    assert len(others | {first}) == 5
