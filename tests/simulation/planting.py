"""A bug planted in memory, which a simulated run must find: the simulator has to be able to fail."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

__all__ = ["Planted"]


@dataclass(frozen=True)
class Planted:
    """One bug: `plant` patches the code under test through the monkeypatch it is given, which undoes it."""

    name: str
    what: str
    plant: Callable[[pytest.MonkeyPatch], None]
