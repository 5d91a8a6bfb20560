"""JSON that people write: read whole, digit by digit, and refused by the name of what is wrong in it.

No number is read as a fraction: amounts, quantities and percentages are text, or whole numbers. What a file does not
know is refused, so that no term is left out in silence.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from lockstep.domain.errors import InvalidInput

__all__ = ["LONGEST", "JsonObject", "choice", "day", "load"]

LONGEST = 8 << 20
"""Bytes of a file."""
Choice = TypeVar("Choice", bound=Enum)


class JsonObject:
    """A JSON object, of which everything is to be asked for."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, Mapping):
            raise InvalidInput(path, value, "an object")
        self._left, self.path = dict(value), path

    def text(self, name: str, usual: str | None = None) -> str:
        """A text, or a whole number as one. Raises InvalidInput where it is missing and nothing is usual."""
        value = self._left.pop(name, usual)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None and usual is not None:
            return usual
        if not isinstance(value, str):
            raise InvalidInput(f"{self.path}/{name}", value, "given, as text")
        return value

    def truth(self, name: str, usual: bool) -> bool:
        value = self._left.pop(name, usual)
        if not isinstance(value, bool):
            raise InvalidInput(f"{self.path}/{name}", value, "true or false")
        return value

    def number(self, name: str, usual: int | None = None, *, most: int) -> int:
        """A whole number from 0 to `most`, or its digits as text. Raises InvalidInput."""
        text = self.text(name, None if usual is None else str(usual))
        if not (text.isascii() and text.isdigit()) or int(text) > most:
            raise InvalidInput(f"{self.path}/{name}", text, f"a whole number from 0 to {most}")
        return int(text)

    def inner(self, name: str) -> "JsonObject":
        """An object inside, an empty one where it is absent; whoever asks sees to its `done`. Raises InvalidInput."""
        return JsonObject(self._left.pop(name, {}), f"{self.path}/{name}")

    def items(self, name: str, *, optional: bool = False) -> Sequence[Any]:
        value = self._left.pop(name, [] if optional else None)
        if not isinstance(value, list):
            raise InvalidInput(f"{self.path}/{name}", value, "a list")
        return value

    def done(self) -> None:
        """Raises InvalidInput for what nobody asked for."""
        for name in self._left:
            raise InvalidInput(f"{self.path}/{name}", self._left[name], "not given: nothing of this name is known")


def load(path: Path, *, field: str = "file") -> Any:
    """A file's content. Raises InvalidInput for one that cannot be read, is too long, or no JSON."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise InvalidInput(field, path, f"readable ({error.strerror})") from error
    if len(data) > LONGEST:
        raise InvalidInput(field, path, f"at most {LONGEST} bytes")
    try:
        return json.loads(data, parse_float=str, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(field, path, f"JSON in UTF-8, each name once ({error})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def day(text: str, field: str) -> date:
    """Raises InvalidInput."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, text, "a day such as 2026-11-23") from None


def choice(kind: type[Choice], text: str, field: str) -> Choice:
    """A member by its value. Raises InvalidInput with all of them."""
    for one in kind:
        if one.value == text:
            return one
    raise InvalidInput(field, text, f"one of {', '.join(str(one.value) for one in kind)}")
