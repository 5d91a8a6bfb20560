"""Domain values to JSON texts and back, by their own type hints; nothing is guessed.

Dataclasses become objects, enums their values, instants and dates ISO 8601 texts, bytes hex, sets
sorted lists. A value that does not fit its hint is an error, not a surprise later.
"""

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache, lru_cache
from typing import Any, TypeVar

__all__ = ["dump", "load"]

Value = TypeVar("Value")


def dump(value: object) -> str:
    """A value as canonical JSON text."""
    return json.dumps(_plain(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def load(kind: type[Value], text: str) -> Value:
    """The value of a type from its JSON text. Values are never changed, so the same text may give the same one."""
    return typing.cast(Value, _loaded(typing.cast(Any, kind), text))


@lru_cache(maxsize=2048)
def _loaded(kind: Any, text: str) -> Any:
    return _typed(kind, json.loads(text))


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(_plain(one) for one in value)
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _typed(hint: Any, value: Any) -> Any:
    hint = getattr(hint, "__supertype__", hint)  # NewType
    kind = typing.get_origin(hint) or hint
    if isinstance(kind, type) and is_dataclass(kind):
        hints, filled = _hints(kind), typing.get_args(hint)  # a generic one has one parameter
        return kind(
            **{
                name: _typed(filled[0] if isinstance(hints[name], TypeVar) else hints[name], one)
                for name, one in value.items()
            }
        )
    if hint is datetime:
        return datetime.fromisoformat(value)
    if hint is date:
        return date.fromisoformat(value)
    if hint is bytes:
        return bytes.fromhex(value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    return _composed(hint, value)


def _composed(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (inner,) = (one for one in arguments if one is not type(None))
        return _typed(inner, value)
    if origin is frozenset:
        return frozenset(_typed(arguments[0], one) for one in value)
    if origin is tuple:
        return tuple(_typed(arguments[0], one) for one in value)
    if origin is Mapping:
        return {key: _typed(arguments[1], one) for key, one in value.items()}
    if not isinstance(value, hint):
        raise TypeError(f"{value!r} is no {hint}")
    return value
