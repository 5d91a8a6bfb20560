"""JSON that people write by hand: every name is asked for, fractions are text, what a file does not know is refused."""

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from lockstep.domain.errors import InvalidInput

__all__ = ["JsonObject", "choice", "load_json"]

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
        """Text, or a whole number as its digits; `usual` where it is absent or null. Raises InvalidInput."""
        value = self._left.pop(name, usual)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None and usual is not None:
            return usual
        if not isinstance(value, str):
            raise InvalidInput(f"{self.path}/{name}", value, "given, as text")
        return value

    def number(self, name: str, usual: int | None = None, *, most: int) -> int:
        """A whole number from 0 to `most`, or its digits as text. Raises InvalidInput."""
        text = self.text(name, None if usual is None else str(usual))
        if not (text.isascii() and text.isdigit()) or int(text) > most:
            raise InvalidInput(f"{self.path}/{name}", text, f"a whole number from 0 to {most}")
        return int(text)

    def flag(self, name: str) -> bool:
        """True or false; false where it is absent. Raises InvalidInput."""
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise InvalidInput(f"{self.path}/{name}", value, "true or false")
        return value

    def inner(self, name: str) -> "JsonObject":
        """An object inside; an empty one where it is absent. Whoever asks sees to its `done`. Raises InvalidInput."""
        return JsonObject(self._left.pop(name, {}), f"{self.path}/{name}")

    def items(self, name: str, *, optional: bool = False) -> Sequence[Any]:
        value = self._left.pop(name, [] if optional else None)
        if not isinstance(value, list):
            raise InvalidInput(f"{self.path}/{name}", value, "a list")
        return value

    def done(self) -> None:
        for name in self._left:
            raise InvalidInput(f"{self.path}/{name}", self._left[name], "not given: nothing of this name is known")


def load_json(path: Path) -> Any:
    """A file's content. Raises InvalidInput for one that cannot be read, is too long, or is no JSON."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise InvalidInput("file", path, f"readable ({error.strerror})") from error
    if len(data) > LONGEST:
        raise InvalidInput("file", path, f"at most {LONGEST} bytes")
    try:
        return json.loads(data, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("file", path, f"JSON in UTF-8 ({error})") from error


def choice(kind: type[Choice], text: str, field: str) -> Choice:
    """The one of these whose value it is. Raises InvalidInput."""
    for one in kind:
        if one.value == text:
            return one
    raise InvalidInput(field, text, f"one of {', '.join(str(one.value) for one in kind)}")
