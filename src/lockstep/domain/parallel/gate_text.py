"""Gates and guards as a file says them (TOML). The format is shown by `docs/reference/parallel-run.md`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import isin as checked_isin
from lockstep.domain.parallel.gates import Condition, Gate, Guard, Measure
from lockstep.domain.parallel.stages import Course, Stage
from lockstep.domain.values import quick

__all__ = ["Gates", "read_gates"]

Ruled = TypeVar("Ruled", Gate, Guard)
_KEYS = frozenset({"name", "from", "to", "security", "condition"})
_CONDITION_KEYS = frozenset({"measure", "at_least", "at_most", "days", "each_participant"})
_MOST = 1_000
_DIGITS = 40
"""Of a bound, before and behind the point."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """All that a file says."""

    gates: tuple[Gate, ...]
    guards: tuple[Guard, ...] = ()

    def gate(self, course: Course) -> Gate | None:
        """The one to the next stage: the security's own, else that of all; None where there is none."""
        return _chosen([one for one in self.gates if one.stage == course.stage.value], course.isin)

    def guards_of(self, course: Course) -> tuple[Guard, ...]:
        """Those of the security's stage: its own, else those of all; the ones that send it farthest back first."""
        here = [one for one in self.guards if one.stage == course.stage.value]
        own = [one for one in here if one.isin == course.isin]
        chosen = own or [one for one in here if not one.isin]
        return tuple(sorted(chosen, key=lambda one: Stage(one.to).place))


def _chosen(gates: list[Gate], isin: str) -> Gate | None:
    own = [one for one in gates if one.isin == isin]
    return next(iter(own or [one for one in gates if not one.isin]), None)


def read_gates(text: str) -> Gates:
    """Raises InvalidInput, which names the entry, for what is no TOML and for whatever breaks a rule."""
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:  # Python reads no number of thousands of digits, nor deepest nesting
        raise InvalidInput("gates", str(error), "TOML") from None
    _known(content, frozenset({"gate", "guard"}), "gates")
    gates = [_gate(one, place) for place, one in _tables(content, "gate", "gates")]
    guards = [_guard(one, place) for place, one in _tables(content, "guard", "gates")]
    if not gates:
        raise InvalidInput("gate", "nothing", "at least one [[gate]]")
    scopes = [(one.stage, one.isin) for one in gates]
    for scope, gate in zip(scopes, gates, strict=True):
        if scopes.count(scope) > 1:
            raise InvalidInput("gate", gate.name, "one gate for one stage and security")
    names = [*(one.name for one in gates), *(one.name for one in guards)]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput("name", name, "each once, of gates and guards")
    return Gates(gates=tuple(gates), guards=tuple(guards))


def _gate(one: Mapping[str, Any], place: str) -> Gate:
    made = _ruled(Gate, one, place)
    if Stage(made.stage).next is not Stage(made.to):
        raise InvalidInput(f"{place}.to", made.to, f"the stage after {made.stage}")
    return made


def _guard(one: Mapping[str, Any], place: str) -> Guard:
    made = _ruled(Guard, one, place)
    if Stage(made.to).place >= Stage(made.stage).place:
        raise InvalidInput(f"{place}.to", made.to, f"a stage before {made.stage}")
    return made


def _ruled(kind: type[Ruled], one: Mapping[str, Any], place: str) -> Ruled:
    _known(one, _KEYS, place)
    listed = [_condition(each, where) for where, each in _tables(one, "condition", place)]
    if not listed:
        raise InvalidInput(f"{place}.condition", "nothing", "at least one")
    security = _text(one.get("security", ""), f"{place}.security")
    return kind(
        name=_text(one.get("name"), f"{place}.name"),
        stage=_stage(one.get("from"), f"{place}.from"),
        to=_stage(one.get("to"), f"{place}.to"),
        conditions=tuple(listed),
        isin=checked_isin(security, field=f"{place}.security") if security else "",
    )


def _condition(one: Mapping[str, Any], place: str) -> Condition:
    _known(one, _CONDITION_KEYS, place)
    days, each = one.get("days", 0), one.get("each_participant", False)
    if type(days) is not int or not 0 <= days <= _MOST:
        raise InvalidInput(f"{place}.days", days, f"a whole number, 0 to {_MOST}")
    if type(each) is not bool:
        raise InvalidInput(f"{place}.each_participant", each, "true or false")
    try:
        measure = Measure(one.get("measure"))
    except ValueError:
        listed = ", ".join(known.value for known in Measure)
        raise InvalidInput(f"{place}.measure", one.get("measure"), f"one of {listed}") from None
    return Condition(
        measure=measure,
        at_least=_bound(one, "at_least", place),
        at_most=_bound(one, "at_most", place),
        days=days,
        each_participant=each,
    )


def _bound(one: Mapping[str, Any], name: str, place: str) -> str:
    value = one.get(name)
    if value is None:
        return ""
    if type(value) is int or (isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _DIGITS):
        exact = Fraction(value)
        if max(abs(exact.numerator), exact.denominator) < 10**_DIGITS:
            return str(exact)
    raise InvalidInput(f"{place}.{name}", value, f"a number of at most {_DIGITS} digits, as 20 or 0.995")


def _tables(content: Mapping[str, Any], name: str, place: str) -> list[tuple[str, Mapping[str, Any]]]:
    listed = content.get(name, [])
    where = name if place == "gates" else f"{place}.{name}"
    if not isinstance(listed, list) or len(listed) > _MOST or not all(isinstance(one, dict) for one in listed):
        raise InvalidInput(where, listed, f"[[{name}]], at most {_MOST} times")
    return [(f"{where}[{number}]", one) for number, one in enumerate(listed, 1)]


def _known(content: Mapping[str, Any], keys: frozenset[str], place: str) -> None:
    for name in content:
        if name not in keys:
            raise InvalidInput(f"{place}.{name}", content[name], f"one of {', '.join(sorted(keys))}")


def _stage(value: object, field: str) -> str:
    try:
        return Stage(value).value
    except ValueError:
        raise InvalidInput(field, value, "shadow, parallel or primary") from None


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value.isprintable() or (field.endswith(".name") and not value.strip()):
        raise InvalidInput(field, value, "a text of printable characters")
    return value
