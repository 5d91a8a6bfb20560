"""Hypothesis strategies for the values that messages are made of."""

import string
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from lockstep.domain.countries import COUNTRIES, IBAN_LENGTHS
from lockstep.domain.currencies import MINOR_UNITS
from lockstep.domain.identifiers import (
    Bic,
    Iban,
    Isin,
    Lei,
    Reference,
    SettlementId,
    Uetr,
    derive_uetr,
    isin_check_digit,
    lei_check_digits,
)
from lockstep.domain.instruction import Party, Side
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount
from lockstep.domain.priority import Priority

__all__ = [
    "accounts",
    "bics",
    "days",
    "hashes",
    "ibans",
    "identifiers",
    "instants",
    "isins",
    "leis",
    "money",
    "parties",
    "payment_codes",
    "priorities",
    "references",
    "salts",
    "sides",
    "text",
    "uetrs",
    "words",
]

_UPPER = string.ascii_uppercase + string.digits
_PLAIN = string.ascii_letters + string.digits + "-?:().,'+"


def text(alphabet: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=most)


identifiers = text(_PLAIN + "/", 1, 35)
references = st.lists(text(_PLAIN, 1, 8), min_size=1, max_size=3).map("/".join).map(lambda said: Reference(said[:35]))
bics = st.builds(
    lambda bank, country, place, branch: Bic(bank + country + place + branch),
    text(_UPPER, 4, 4),
    st.sampled_from(sorted(COUNTRIES)),
    text(_UPPER, 2, 2),
    st.one_of(st.just(""), text(_UPPER, 3, 3)),
)
leis = text(_UPPER, 18, 18).map(lambda body: Lei(body + lei_check_digits(body)))
isins = st.builds(
    lambda country, number: Isin(country + number + isin_check_digit(country + number)),
    text(string.ascii_uppercase, 2, 2),
    text(_UPPER, 9, 9),
)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
salts = st.binary(min_size=16, max_size=16).map(bytes.hex)
uetrs = st.builds(lambda of, attempt: Uetr(derive_uetr(SettlementId(of), attempt)), hashes, st.integers(1, 9))
sides, parties = st.sampled_from(Side), st.builds(Party, lei=leis, bic=bics)
money = st.builds(Money, currency=st.sampled_from(sorted(MINOR_UNITS)), amount=st.integers(1, 10**17))
days = st.dates(date(1990, 1, 1), date(2199, 12, 31))
first, last = (datetime(*day) for day in ((1990, 1, 1), (2199, 12, 31)))  # noqa: DTZ001 -- so Hypothesis takes them
instants = st.datetimes(first, last, timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20) | st.sampled_from(
    ["two words", "<&>\"']]>", "Ünïcode – ≥ 1", "x" * 105]
)
accounts = st.builds(CashAccount, owner=bics, number=text(_PLAIN, 1, 34))
payment_codes = st.none() | text(_UPPER, 4, 4)


priorities = st.sampled_from(Priority)


def _iban(country: str, body: str) -> Iban:
    digits = "".join(str(int(one, 36)) for one in f"{body}{country}00")
    return Iban(f"{country}{98 - int(digits) % 97:02d}{body}")


ibans = st.sampled_from(sorted(IBAN_LENGTHS)).flatmap(
    lambda country: text(_UPPER, IBAN_LENGTHS[country] - 4, IBAN_LENGTHS[country] - 4).map(
        lambda body: _iban(country, body)
    )
)
