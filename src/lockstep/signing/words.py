"""The 32-byte words of the ABI, and keccak: what EIP-712 hashing needs of them, without a codec.

A digest is a few words and two or three hashes; the general codec takes several times as long. What does not fit its
type is a ValueError, as with the codec.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

from eth_hash import auto

from lockstep.domain.errors import InvalidInput

__all__ = ["address_word", "checked_address", "checksummed", "hash_word", "keccak", "number_word", "text_hash"]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
keccak: Callable[[bytes | bytearray], bytes] = auto.keccak
with suppress(ImportError):  # `lockstep[fast]`: in a quarter of the time, and an agent spends a fifth of its own on it
    from eth_hash.backends import pysha3

    keccak = pysha3.keccak256


def number_word(value: int, bits: int) -> bytes:
    """An unsigned integer of so many bits."""
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{value} is no uint{bits}")
    return value.to_bytes(32, "big")


def hash_word(value: str) -> bytes:
    """64 hex digits."""
    word = bytes.fromhex(value)
    if len(word) != 32:
        raise ValueError(f"{value} is not 64 hex digits")
    return word


@lru_cache(maxsize=4096)
def address_word(value: str) -> bytes:
    """An address as EIP-55 writes it, or without capitals; the same few come again and again."""
    from eth_abi.abi import encode  # takes longer to import than most commands need for all else
    from eth_abi.exceptions import EncodingError

    try:
        return encode(["address"], [value])
    except EncodingError as error:
        raise ValueError(f"{value!a} is no address") from error


@lru_cache(maxsize=4096)
def text_hash(value: str) -> bytes:
    """keccak of a text's UTF-8: how EIP-712 has a string. For what comes again: names, currencies, accounts."""
    return keccak(value.encode())


def checksummed(plain: str) -> str:
    """EIP-55 of 40 lower-case hex digits: a letter is a capital where the digit of their hash is above 7."""
    digest = keccak(plain.encode()).hex()
    return "0x" + "".join(one.upper() if int(digest[place], 16) > 7 else one for place, one in enumerate(plain))


def checked_address(text: str, *, field: str) -> str:
    """In EIP-55 form. Raises InvalidInput where it is none, or the case of its letters shows that it was mistyped."""
    if not _ADDRESS.fullmatch(text):
        raise InvalidInput(field, text, "an address: 0x and 40 hexadecimal digits")
    checked = checksummed(text[2:].lower())
    if text not in (checked, checked.lower()):
        raise InvalidInput(field, text, "an address whose upper and lower case fit (EIP-55), or all lower case")
    return checked
