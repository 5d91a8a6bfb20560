"""Domain values to JSON texts and back, by their own type hints; nothing is guessed.

Dataclasses become objects, enums their values, instants and dates ISO 8601 texts, bytes hex, sets
sorted lists. A value that does not fit its hint is an error, not a surprise later.

For each type one function that writes and one that reads is made from its hints, once: looking the hints up for each
value costs several times what the conversion does.

Who has written a text reads it again soon, so values are kept with their texts for a while, the last one under each
key: the same text is the same value, whoever stored it, and a text that another has changed is another text.
"""

import json
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import orjson

__all__ = ["dump", "load"]

Value = TypeVar("Value")
Convert = Callable[[Any], Any]

_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_parsed = json.JSONDecoder().decode
_REMEMBERED = 2048
_REMEMBERED_BY_KEY = 16_384
"""Of what is under way each has one text, however often it changes: some 3 KB a trade."""
_SCALARS = (str, int, bool, type(None))


def dump(value: Any, kind: Any = None, key: Hashable = None) -> str:
    """A value as canonical JSON text: keys in the order of the alphabet, no spaces.

    With the `kind` that it is loaded as, loading the text soon gives this very value: until another is written or
    loaded under its `key`, if it has one, or a few thousand others are.
    """
    plain = _plain(value)
    try:
        text = orjson.dumps(plain).decode()
    except TypeError:  # a whole number of more than 64 bits, or a text that is no UTF-8
        text = _text(plain)
    if kind is not None:
        _kept(kind, key is not None).put(text if key is None else key, text, value)
    return text


def load(kind: type[Value], text: str, key: Hashable = None) -> Value:
    """The value of a type from its JSON text. Values are never changed, so the same text may give the same one."""
    kept, under = _kept(typing.cast(Any, kind), key is not None), text if key is None else key
    value = kept.get(under, text)
    if value is None:
        value = _understood(kind, text)
        kept.put(under, text, value)
    return typing.cast(Value, value)


def _understood(kind: Any, text: str) -> Any:
    read = _reader(kind)
    try:
        return read(orjson.loads(text))
    except (TypeError, orjson.JSONDecodeError):  # it reads what `dump` leaves to the other as a float, or not at all
        return read(_parsed(text))


class _Kept:
    """The last texts under their keys, with their values: at least `most` of them, and at most twice as many."""

    __slots__ = ("_before", "_most", "_now")

    def __init__(self, most: int) -> None:
        self._most = most
        self._now: dict[Hashable, tuple[str, Any]] = {}
        self._before: dict[Hashable, tuple[str, Any]] = {}

    def get(self, key: Hashable, text: str) -> Any:
        """None where it is not kept."""
        found = self._now.get(key) or self._before.get(key)
        return found[1] if found is not None and found[0] == text else None

    def put(self, key: Hashable, text: str, value: Any) -> None:
        if len(self._now) >= self._most:
            self._before, self._now = self._now, {}
        self._now[key] = text, value


@cache
def _kept(_kind: Any, by_key: bool) -> _Kept:
    return _Kept(_REMEMBERED_BY_KEY if by_key else _REMEMBERED)


# --- writing


def _plain(value: Any) -> Any:
    """Whatever its hint is."""
    kind: Any = type(value)
    return _writer(kind)(value)


def _as_it_is(value: Any) -> Any:
    return value


def _sorted_keys(one: Convert) -> Convert:
    return lambda value: {str(key): one(value[key]) for key in sorted(value)}


@cache
def _writer(hint: Any) -> Convert:
    """How values of a hint become what JSON has."""
    hint = getattr(hint, "__supertype__", hint)  # NewType
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [one for one in arguments if one is not type(None)]
        one = _writer(inner[0]) if len(inner) == 1 else _plain
        return one if one is _as_it_is else lambda value: None if value is None else one(value)
    if not isinstance(origin, type):
        return _plain  # a type variable
    if is_dataclass(origin):
        return _object_writer(origin)
    if issubclass(origin, Enum):
        return lambda value: value.value
    if issubclass(origin, (datetime, date)):
        return lambda value: value.isoformat()
    if issubclass(origin, bytes):
        return bytes.hex
    if issubclass(origin, Mapping):
        return _sorted_keys(_writer(arguments[1]) if arguments else _plain)
    one = _writer(arguments[0]) if arguments else _plain
    if issubclass(origin, (frozenset, set)):
        return lambda value: sorted(map(one, value))
    if issubclass(origin, (tuple, list)):
        return lambda value: [one(item) for item in value]
    if origin in _SCALARS:
        return _as_it_is
    raise TypeError(f"{hint} is nothing that JSON can carry")


def _object_writer(kind: type) -> Convert:
    """As if written by hand: `lambda value: {"amount": value.amount, …}`."""
    hints, names = typing.get_type_hints(kind), sorted(field.name for field in fields(kind))
    writers = {f"write_{name}": _writer(hints[name]) for name in names}
    parts = (
        f"{name!r}: value.{name}" if writers[f"write_{name}"] is _as_it_is else f"{name!r}: write_{name}(value.{name})"
        for name in names
    )
    return typing.cast(Convert, eval(f"lambda value: {{{', '.join(parts)}}}", writers))


# --- reading


@cache
def _reader(hint: Any) -> Convert:
    """How values of a hint come from what JSON has. The function raises TypeError, ValueError or KeyError."""
    hint = getattr(hint, "__supertype__", hint)
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (one for one in arguments if one is not type(None))
        one = _reader(inner)
        return lambda value: None if value is None else one(value)
    if origin is frozenset:
        item = _reader(arguments[0])
        return lambda value: frozenset(map(item, value))
    if origin is tuple:
        item = _reader(arguments[0])
        return lambda value: tuple(map(item, value))
    if origin is Mapping:
        item = _reader(arguments[1])
        return lambda value: {key: item(one) for key, one in value.items()}
    if not isinstance(origin, type):
        raise TypeError(f"{hint} is nothing that is read from JSON")
    if is_dataclass(origin):
        return _object_reader(origin, arguments)
    if hint is datetime:
        return datetime.fromisoformat
    if hint is date:
        return date.fromisoformat
    if hint is bytes:
        return bytes.fromhex
    if issubclass(origin, Enum):
        return origin
    return _checked(origin)


def _checked(kind: type) -> Convert:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is no {kind}")
        return value

    return check


def _object_reader(kind: type, arguments: tuple[Any, ...]) -> Convert:
    """As if written by hand: `lambda value: kind(amount=value["amount"], …)`, each field checked.

    Fields that a text of an earlier version lacks are left to their defaults.
    """
    hints = typing.get_type_hints(kind)
    of = {
        field.name: arguments[0] if isinstance(hints[field.name], TypeVar) else hints[field.name]
        for field in fields(kind)  # a generic one has one parameter
    }
    readers = {name: _reader(hint) for name, hint in of.items()}

    def some(value: Any) -> Any:
        return kind(**{name: readers[name](one) for name, one in value.items()})

    known = {"kind": kind, "some": some} | {f"read_{name}": reader for name, reader in readers.items()}
    parts = (f"{name}={_reading(hint, name)}" for name, hint in of.items())
    whole = f"lambda value: kind({', '.join(parts)}) if len(value) == {len(of)} else some(value)"
    return typing.cast(Convert, eval(whole, known))


def _reading(hint: Any, name: str) -> str:
    """The expression that reads a field: without a call where a look at the type is enough."""
    hint = getattr(hint, "__supertype__", hint)
    one, test = f"value[{name!r}]", "type({}) is {}"
    inner = [getattr(part, "__supertype__", part) for part in typing.get_args(hint)]
    optional = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    if optional and len(inner) == 2 and inner[1] is type(None) and inner[0] in _SCALARS:
        return f"{one} if {one} is None or {test.format(one, inner[0].__name__)} else read_{name}({one})"
    if optional:
        return f"None if {one} is None else read_{name}({one})"
    if hint in _SCALARS:
        return f"{one} if {test.format(one, hint.__name__)} else read_{name}({one})"
    return f"read_{name}({one})"
