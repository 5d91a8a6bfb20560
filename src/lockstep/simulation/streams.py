"""All chance of a run: streams by name, each from the seed and its own name alone.

A new stream shifts no other, and neither does a draw more or less in one of them.
"""

import hashlib
import random

__all__ = ["SeededRandomness", "Streams", "bits"]


def bits(seed: int, *names: object) -> int:
    """64 bits that depend on the seed and these names and on nothing else."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


class Streams:
    """One seed's streams."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, *names: object) -> random.Random:
        """A generator of its own, at its beginning: the same names give the same numbers again."""
        return random.Random(bits(self.seed, *names))


class SeededRandomness:
    """The Randomness port on a stream. For keys of a simulation, and for nothing that is worth anything."""

    def __init__(self, stream: random.Random) -> None:
        self._stream = stream

    def token(self, size: int) -> bytes:
        return self._stream.randbytes(size)
