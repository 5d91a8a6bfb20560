"""The field's identifiers, checked as their standards say.

ISIN (ISO 6166), LEI (ISO 17442), BIC (ISO 9362), IBAN (ISO 13616), UETR (an RFC 9562 version-4 UUID in lower case),
and the ids that this protocol derives: both sides compute them alone and get the same.
"""

import hashlib
import re
from typing import NewType

from lockstep.domain.countries import COUNTRIES, IBAN_LENGTHS
from lockstep.domain.errors import InvalidInput

__all__ = [
    "Bic",
    "Iban",
    "Isin",
    "Lei",
    "Reference",
    "SettlementId",
    "TradeId",
    "Uetr",
    "bic",
    "derive_message_id",
    "derive_uetr",
    "hex32",
    "iban",
    "isin",
    "isin_check_digit",
    "lei",
    "lei_check_digits",
    "reference",
    "registered_bic",
    "uetr",
]

Isin = NewType("Isin", str)
Lei = NewType("Lei", str)
Bic = NewType("Bic", str)
Uetr = NewType("Uetr", str)
Iban = NewType("Iban", str)
Reference = NewType("Reference", str)
"""A party's own reference: ISO 20022 Max35Text, restricted to characters every system carries."""
TradeId = NewType("TradeId", str)
"""64 lower-case hex digits."""
SettlementId = NewType("SettlementId", str)
"""64 lower-case hex digits: the EIP-712 digest of the signed order."""

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_UETR = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_REFERENCE = re.compile(r"[A-Za-z0-9/\-?:().,'+]{1,35}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}")
_HEX32 = re.compile(r"[0-9a-f]{64}")


_VALUES = {ord("A") + place: str(10 + place) for place in range(26)}


def _digits(text: str) -> str:
    """Letters as two digits each (A=10 … Z=35), as ISO 6166 and ISO 7064 both want."""
    return text.translate(_VALUES)


def isin_check_digit(body: str) -> str:
    """The check digit of eleven characters (modulus 10, double-add-double)."""
    total = 0
    for place, digit in enumerate(reversed(_digits(body))):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


def lei_check_digits(body: str) -> str:
    """The two check digits of eighteen characters (ISO 7064, MOD 97-10)."""
    return f"{98 - int(_digits(body) + '00') % 97:02d}"


def isin(text: str, *, field: str = "ISIN") -> Isin:
    """An ISIN whose check digit is right. Raises InvalidInput."""
    if not _ISIN.fullmatch(text):
        raise InvalidInput(field, text, "two letters, nine letters or digits, one check digit (ISO 6166)")
    if isin_check_digit(text[:11]) != text[11]:
        raise InvalidInput(field, text, f"check digit should be {isin_check_digit(text[:11])} (ISO 6166)")
    return Isin(text)


def lei(text: str, *, field: str = "LEI") -> Lei:
    """An LEI whose check digits are right. Raises InvalidInput."""
    if not _LEI.fullmatch(text):
        raise InvalidInput(field, text, "eighteen letters or digits and two check digits (ISO 17442)")
    if lei_check_digits(text[:18]) != text[18:]:
        raise InvalidInput(field, text, f"check digits should be {lei_check_digits(text[:18])} (ISO 17442)")
    return Lei(text)


def bic(text: str, *, field: str = "BIC") -> Bic:
    """A BIC of eight or eleven characters. Raises InvalidInput."""
    if not _BIC.fullmatch(text):
        raise InvalidInput(field, text, "four characters, a country, two characters, optionally three (ISO 9362)")
    return Bic(text)


def registered_bic(text: str, *, field: str = "BIC") -> Bic:
    """A BIC whose country exists (ISO 3166-1). Raises InvalidInput."""
    code = bic(text, field=field)
    if code[4:6] not in COUNTRIES:
        raise InvalidInput(field, text, f"a country of ISO 3166-1 at its fifth character, not {code[4:6]} (ISO 9362)")
    return code


def iban(text: str, *, field: str = "IBAN") -> Iban:
    """An account number of ISO 13616 without spaces: length and check digits are right. Raises InvalidInput."""
    if not _IBAN.fullmatch(text):
        raise InvalidInput(field, text, "a country, two check digits, 1 to 30 capital letters or digits (ISO 13616)")
    length = IBAN_LENGTHS.get(text[:2])
    if length != len(text):
        known = f"{length} characters in {text[:2]}" if length else f"a country that has IBANs, not {text[:2]}"
        raise InvalidInput(field, text, f"{known} (ISO 13616)")
    check = 98 - int(_digits(f"{text[4:]}{text[:2]}00")) % 97
    if int(text[2:4]) != check:
        raise InvalidInput(field, text, f"check digits should be {check:02d} (ISO 13616)")
    return Iban(text)


def uetr(text: str, *, field: str = "UETR") -> Uetr:
    """A unique end-to-end transaction reference. Raises InvalidInput."""
    if not _UETR.fullmatch(text):
        raise InvalidInput(field, text, "a version-4 UUID in lower case")
    return Uetr(text)


def reference(text: str, *, field: str = "reference") -> Reference:
    """One to 35 characters of the SWIFT x set, not beginning or ending with '/' nor holding '//'."""
    if not _REFERENCE.fullmatch(text) or text.startswith("/") or text.endswith("/") or "//" in text:
        raise InvalidInput(field, text, "1 to 35 letters, digits or /-?:().,'+ , no slash at an end, no double slash")
    return Reference(text)


def hex32(text: str, *, field: str) -> str:
    """Thirty-two bytes as lower-case hex without prefix. Raises InvalidInput."""
    if not _HEX32.fullmatch(text):
        raise InvalidInput(field, text, "64 lower-case hex digits")
    return text


def derive_uetr(subject: str, attempt: int) -> Uetr:
    """The UETR of one attempt at a settlement's payment; submitting twice uses the same."""
    raw = hashlib.sha256(f"lockstep/uetr/{subject}/{attempt}".encode()).hexdigest()
    variant = "89ab"[int(raw[16], 16) % 4]
    return Uetr(f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-{variant}{raw[17:20]}-{raw[20:32]}")


def derive_message_id(sender: Bic, subject: str, message: str, attempt: int = 1) -> str:
    """A 35-character message id of (sender, subject, message, attempt): the same thing, the same id."""
    raw = hashlib.sha256("\n".join(("lockstep message", sender, subject, message, str(attempt))).encode()).hexdigest()
    return f"LS{raw[:33]}".upper()
