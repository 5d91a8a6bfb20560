"""What happened, line by line, and the hash that stands for all of it."""

import hashlib
from collections.abc import Callable
from datetime import datetime

__all__ = ["Timeline"]


class Timeline:
    """Lines of (step, time, actor, what). Everything that happens in a run is told here, or is in what is `sealed`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.step = 0
        self.lines: list[str] = []
        self._hash = hashlib.sha256()

    def tell(self, actor: str, what: str) -> None:
        line = f"{self.step:>5}  {self._now():%d %H:%M:%S}  {actor:<12} {what}"
        self.lines.append(line)
        self._hash.update(line.encode() + b"\n")

    def seal(self, *facts: object) -> None:
        """Takes facts into the hash that no line shows."""
        for fact in facts:
            self._hash.update(repr(fact).encode() + b"\n")

    @property
    def hash(self) -> str:
        return self._hash.hexdigest()

    def text(self) -> str:
        return "\n".join(self.lines)
