"""What a block's header says of its events: its bloom filter (Yellow Paper 4.3.1), which denies none that is there.

2048 bits, of which each logging contract's address and each topic sets three. So a header tells that a block has no
event of a contract; that it has one, it only says perhaps.
"""

from collections.abc import Iterable
from functools import lru_cache

from eth_utils.crypto import keccak

__all__ = ["bits_of", "may_have"]


@lru_cache(maxsize=1024)
def bits_of(item: bytes) -> int:
    """An address or a topic, as the bits that it sets."""
    digest = keccak(item)
    places = (int.from_bytes(digest[first : first + 2]) % 2048 for first in (0, 2, 4))
    return sum(1 << place for place in set(places))


def may_have(bloom: int, address: bytes, topics: Iterable[bytes]) -> bool:
    """Whether a block may have an event of a contract with one of these first topics."""
    bits = bits_of(address)
    return bloom & bits == bits and any(bloom & its == its for its in map(bits_of, topics))
