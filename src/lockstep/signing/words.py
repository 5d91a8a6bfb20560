"""The 32-byte words of the ABI, and keccak: what EIP-712 hashing needs of them, without a codec.

A digest is a few words and two or three hashes; the general codec takes several times as long. What does not fit its
type is a ValueError, as with the codec.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

from eth_hash import auto

__all__ = ["address_word", "hash_word", "keccak", "number_word", "text_hash"]


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
