"""Values made quickly are those that a frozen dataclass makes: the same fields, checks, errors, and no change after."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, InitVar, dataclass, field
from inspect import signature
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money
from lockstep.domain.values import quick, replace

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    name: str
    count: int = 3
    many: tuple[int, ...] = ()
    given: dict[str, int] = field(default_factory=dict)
    kind: ClassVar[str] = "kind"

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count")

    @property
    def doubled(self) -> int:
        return 2 * self.count


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    name: str
    count: int = 3
    many: tuple[int, ...] = ()
    given: dict[str, int] = field(default_factory=dict)
    kind: ClassVar[str] = "kind"

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count")

    @property
    def doubled(self) -> int:
        return 2 * self.count


@quick
@dataclass(frozen=True, slots=True)
class Placed(Generic[Body]):
    body: Body
    word: str = field(default="w", kw_only=True)


@quick
@dataclass(frozen=True, slots=True)
class More(Placed[int]):
    second: int = 2


@dataclass(frozen=True, slots=True)
class Plain(Placed[int]):
    third: int = 3


def both(**given: Any) -> list[Any]:
    made: list[Any] = []
    for kind in (Slow, Quick):
        try:
            made.append(dataclasses.asdict(kind(**given)))
        except (TypeError, ValueError) as error:
            made.append((type(error), str(error).replace("Slow", "Quick")))
    return made


@pytest.mark.parametrize(
    "given",
    [
        {"name": "n"},
        {"name": "n", "count": 0, "many": (1, 2), "given": {"a": 1}},
        {"name": "n", "count": -1},
        {},
        {"name": "n", "other": 1},
    ],
)
def test_as_a_frozen_dataclass_makes_it(given: dict[str, Any]) -> None:
    slow, fast = both(**given)
    if isinstance(slow, tuple):
        assert fast[0] is slow[0]
    else:
        assert fast == slow


def test_nothing_by_place_where_names_are_wanted() -> None:
    with pytest.raises(TypeError, match="positional"):
        Quick("n")
    assert str(signature(Quick.__init__)).startswith("(self, *, name")
    assert Quick.__init__.__qualname__ == "Quick.__init__" and Quick.__init__.__module__ == __name__


def test_each_default_is_its_own() -> None:
    first, second = Quick(name="a"), Quick(name="a")
    assert first.given == {} and first.given is not second.given


def test_it_never_changes() -> None:
    value = Quick(name="n")
    with pytest.raises(FrozenInstanceError):
        value.name = "m"
    with pytest.raises(FrozenInstanceError):
        del value.name
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        value.other = 1
    for one in (value, replace(value, count=5)):
        assert type(one) is Quick and isinstance(one, Quick) and one.doubled == 2 * one.count
    assert not hasattr(value, "__dict__")


def test_equal_hashed_shown_and_copied_as_ever() -> None:
    value = Quick(name="n", many=(1,))
    assert value == Quick(name="n", many=(1,)) != Quick(name="m", many=(1,))
    assert repr(value) == repr(Slow(name="n", many=(1,))).replace("Slow", "Quick")
    hashed = Money(currency="EUR", amount=5)
    assert {hashed: 1}[Money(currency="EUR", amount=5)] == 1
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert again == value and type(again) is Quick


def test_a_changed_copy() -> None:
    value = Quick(name="n", many=(1,))
    changed = replace(value, count=7, name="m")
    assert (changed.name, changed.count, changed.many, changed.given) == ("m", 7, (1,), {})
    assert (value.name, value.count) == ("n", 3)
    assert dataclasses.replace(value, count=7, name="m") == changed
    assert replace(value) == value and replace(value) is not value


def test_a_changed_copy_is_judged_again() -> None:
    with pytest.raises(ValueError, match="count"):
        replace(Quick(name="n"), count=-1)
    with pytest.raises(InvalidInput, match="currency"):
        replace(Money(currency="EUR", amount=1), currency="no")


@pytest.mark.parametrize("name", ["other", "doubled", "kind"])
def test_no_copy_with_what_is_no_field(name: str) -> None:
    with pytest.raises((AttributeError, TypeError), match=name):
        replace(Quick(name="n"), **{name: 1})


def test_what_is_not_quick_is_replaced_too() -> None:
    assert replace(Slow(name="n"), count=4) == Slow(name="n", count=4)


def test_parents_and_type_variables() -> None:
    assert (Placed("b").body, Placed("b").word) == ("b", "w")
    more = More(1, 5, word="x")
    assert (more.body, more.word, more.second) == (1, "x", 5) and isinstance(more, Placed)
    assert replace(more, body=9) == More(9, 5, word="x") and type(replace(more, body=9)) is More
    plain = Plain(1, 5)  # of a class that is not quick, below one that is
    assert type(replace(plain, third=6)) is Plain and replace(plain, third=6).third == 6


def test_only_frozen_ones_with_slots() -> None:
    @dataclass(slots=True)
    class Open:
        name: str

    @dataclass(frozen=True)
    class Wide:
        name: str

    @dataclass(frozen=True, slots=True)
    class Odd:
        name: str = field(init=False, default="n")

    @dataclass(frozen=True, slots=True)
    class Given:
        name: str
        more: InitVar[int]

    for kind in (Open, Wide, Odd, Given):
        with pytest.raises(TypeError, match=kind.__name__):
            quick(kind)
