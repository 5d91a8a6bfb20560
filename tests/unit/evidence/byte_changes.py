"""Changes of single bytes, the likely ones: those after which a file still looks like one."""

import random
from collections.abc import Iterable, Iterator

_DIGITS, _HEX = b"0123456789", b"0123456789abcdef"


def likely_changes(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """At each place another byte: for a digit a digit, for a hex digit a hex digit, for anything else any."""
    dice = random.Random(20261123)
    for place in places:
        byte = data[place]
        among = _DIGITS if byte in _DIGITS and place % 2 else _HEX if byte in _HEX else bytes(range(256))
        other = dice.choice([one for one in among if one != byte])
        yield data[:place] + bytes([other]) + data[place + 1 :]


def every_bit(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """At each place, each of its eight bits turned."""
    for place in places:
        for bit in range(8):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
