"""Values that never change, made quickly.

A frozen dataclass sets each field of a new value by `object.__setattr__`, as its own `__setattr__` refuses. All that
this program reads, decides and stores is made of such values, and that was a seventh of the service's time. `quick`
fills in the same fields by assignment, while the value is of a class of the same layout that does not refuse; before
anybody else sees it, it is of its own class, and refuses as ever.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

__all__ = ["quick", "replace"]

Kind = TypeVar("Kind", bound=type)

_copies: dict[type, Callable[[Any, Mapping[str, Any]], Any]] = {}


def quick(kind: Kind) -> Kind:
    """A decorator above `@dataclass(frozen=True, slots=True)`: making a value takes a third of the time, `replace` a
    tenth.

    Raises TypeError for a class that is not frozen or has no slots, and for fields that `__init__` does not take.
    """
    known, all_of_it = fields(kind), cast(Any, kind)
    if not all_of_it.__dataclass_params__.frozen or all_of_it.__dictoffset__:
        raise TypeError(f"{kind.__name__} is no frozen dataclass with slots")
    code = all_of_it.__init__.__code__
    taken = {*code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]}
    if odd := taken.symmetric_difference(one.name for one in known):
        raise TypeError(f"{kind.__name__}: {', '.join(sorted(odd))} is not both a field and what __init__ takes")
    # The same bases and slots make the same layout, which is what Python asks for where a value's class is changed.
    of_it = {name: one for name, one in vars(kind).items() if name in ("__slots__", "__orig_bases__")}
    opened = type(kind)(kind.__name__, kind.__bases__, of_it | {"__setattr__": object.__setattr__})
    within: dict[str, Any] = {"kind_": kind, "open_": opened}
    within |= {"become_": object.__setattr__, "new_": object.__new__, "missing_": MISSING}
    within |= {f"default_{one.name}": one.default for one in known if one.default is not MISSING}
    within |= {f"make_{one.name}": one.default_factory for one in known if one.default_factory is not MISSING}
    exec("\n".join(_text(known, checked=hasattr(kind, "__post_init__"))), within)
    init = within["init"]
    init.__name__, init.__qualname__, init.__module__ = "__init__", f"{kind.__qualname__}.__init__", kind.__module__
    init.__annotations__ = all_of_it.__init__.__annotations__
    all_of_it.__init__ = init
    _copies[kind] = within["copy"]
    return kind


def _text(known: tuple["Field[Any]", ...], *, checked: bool) -> list[str]:
    """`__init__`, and what makes a changed copy, as if written by hand."""
    by_name = [_parameter(one) for one in known if one.kw_only]
    parameters = ["self", *(_parameter(one) for one in known if not one.kw_only), *(["*", *by_name] if by_name else [])]
    ending = ["    self.__class__ = kind_", *(["    self.__post_init__()"] if checked else [])]
    return [
        f"def init({', '.join(parameters)}):",
        "    become_(self, '__class__', open_)",
        *(f"    self.{one.name} = {_given(one)}" for one in known),
        *ending,
        "def copy(value, changes):",
        "    self = new_(open_)",
        *(f"    self.{one.name} = value.{one.name}" for one in known),
        "    for name in changes:",
        "        setattr(self, name, changes[name])",
        *ending,
        "    return self",
    ]


def _parameter(one: "Field[Any]") -> str:
    if one.default is not MISSING:
        return f"{one.name}=default_{one.name}"
    return one.name if one.default_factory is MISSING else f"{one.name}=missing_"


def _given(one: "Field[Any]") -> str:
    return (
        one.name if one.default_factory is MISSING else f"make_{one.name}() if {one.name} is missing_ else {one.name}"
    )


if TYPE_CHECKING:  # type checkers know which fields a class has by this name only
    from dataclasses import replace
else:

    def replace(value, /, **changes):
        """As `dataclasses.replace`. Raises AttributeError for what is no field of a quick class."""
        copy = _copies.get(type(value))
        return dataclasses.replace(value, **changes) if copy is None else copy(value, changes)
