"""Values as JSON of one form only: what reads as the same value is the same bytes.

Keys in the order of the alphabet, no spaces, UTF-8 unescaped where JSON allows it, a newline at the end; bytes are
lower-case hex digits. Values are frozen dataclasses of texts, whole numbers, bytes, tuples, mappings from text to text
and each other. Every field is there, none besides, none twice.
"""

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

import orjson

from lockstep.domain.errors import InvalidInput

__all__ = ["dump", "load"]

Value = TypeVar("Value")
Convert = Callable[[Any], Any]


def dump(value: Any) -> bytes:
    """A value's one form."""
    kind: Any = type(value)
    return orjson.dumps(_writer(kind)(value), option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def load(kind: type[Value], data: bytes, *, field: str, canonical: bool = True) -> Value:
    """The value that bytes are the form of, or with `canonical` off, JSON that says it with spaces of its own.

    Raises InvalidInput, naming the field below `field`.
    """
    try:
        content = orjson.loads(data)  # which bounds how deep it nests, whatever the interpreter's limit
        if not canonical:
            content = json.loads(data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(field, f"{len(data)} bytes", f"JSON in UTF-8 ({error})") from None
    try:
        value = typing.cast(Value, _reader(typing.cast(Any, kind))(content))
    except InvalidInput as error:
        raise InvalidInput("/".join(filter(None, (field, error.field))), error.value, error.rule) from None
    if canonical and dump(value) != data:
        raise InvalidInput(field, f"{len(data)} bytes", "JSON in its canonical form")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(one for one in names if names.count(one) > 1)} is there twice")
    return found


def _as_it_is(value: Any) -> Any:
    return value


@cache
def _writer(hint: Any) -> Convert:
    """How a value of a type becomes what JSON has."""
    origin: Any = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = _writer(next(one for one in arguments if one is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        item = _writer(arguments[0])
        return lambda value: [item(one) for one in value]
    if is_dataclass(origin):
        hints = typing.get_type_hints(origin)
        writers = [(one.name, _writer(hints[one.name])) for one in fields(origin)]
        return lambda value: {name: write(getattr(value, name)) for name, write in writers}
    return bytes.hex if origin is bytes else _as_it_is


@cache
def _reader(hint: Any) -> Convert:
    """How a value of a type comes from what JSON has. What it returns raises InvalidInput."""
    origin: Any = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = _reader(next(one for one in arguments if one is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        item = _reader(arguments[0])
        return lambda value: tuple(
            _under(str(place), item, one) for place, one in enumerate(_of(list, "a list", value))
        )
    if origin is Mapping:
        return lambda value: {
            name: _under(name, _text, one) for name, one in sorted(_of(dict, "an object", value).items())
        }
    if is_dataclass(origin):
        return _object_reader(origin)
    return {str: _text, int: _whole, bytes: _data}[origin]


def _object_reader(kind: Any) -> Convert:
    hints = typing.get_type_hints(kind)
    readers = {one.name: _reader(hints[one.name]) for one in fields(kind)}

    def read(value: Any) -> Any:
        found = _of(dict, "an object", value)
        if found.keys() != readers.keys():
            odd = sorted(found.keys() ^ readers.keys())[0]
            raise InvalidInput(odd, "unknown" if odd in found else "missing", f"exactly {', '.join(sorted(readers))}")
        return kind(**{name: _under(name, one, found[name]) for name, one in readers.items()})

    return read


def _under(name: str, read: Convert, value: Any) -> Any:
    try:
        return read(value)
    except InvalidInput as error:
        raise InvalidInput("/".join(filter(None, (name, error.field))), error.value, error.rule) from None


def _of(kind: type, named: str, value: Any) -> Any:
    if type(value) is not kind:
        raise InvalidInput("", value, named)
    return value


def _text(value: Any) -> str:
    return typing.cast(str, _of(str, "a text", value))


def _whole(value: Any) -> int:
    return typing.cast(int, _of(int, "a whole number", value))


def _data(value: Any) -> bytes:
    try:
        return bytes.fromhex(_text(value))
    except ValueError:
        raise InvalidInput("", value, "hex digits, two for each byte") from None
