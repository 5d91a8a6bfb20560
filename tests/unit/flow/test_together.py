"""Many steps side by side: who is asked what, when, and whose the answers and the errors are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.errors import Conflict, LeaseLost, LockstepError, Refused, StepFailed, Unavailable
from lockstep.flow.together import together
from lockstep.flow.wants import Rank, Steps, Want


@dataclass(frozen=True, slots=True)
class See(Want[str]):
    what: str


@dataclass(frozen=True, slots=True)
class Read(Want[str]):
    what: str


@dataclass(frozen=True, slots=True)
class Keep(Want[str]):
    rank: ClassVar[Rank] = Rank.STORE
    what: str


@dataclass(frozen=True, slots=True)
class Do(Want[str]):
    rank: ClassVar[Rank] = Rank.ACT
    what: str


KINDS: Sequence[Any] = (See, Read, Keep, Do)


class World:
    """Answers each want with its words, or with the error that is set for them, and remembers what was asked."""

    def __init__(self, **errors: LockstepError) -> None:
        self.errors, self.asked = errors, list[tuple[str, ...]]()

    def __call__(self, kind: type[Want[Any]], wants: Sequence[Any]) -> Sequence[Any]:
        self.asked.append((kind.__name__, *(want.what for want in wants)))
        if kind.__name__ in self.errors:
            raise self.errors[kind.__name__]
        return [self.errors.get(want.what, f"{want.what}!") for want in wants]


def taking(*wants: Any) -> Steps[list[str]]:
    answers = []
    for want in wants:
        answers.append((yield from want))
    return answers


def caught(*wants: Any) -> Steps[str]:
    """Goes on after an error, with another want."""
    try:
        for want in wants:
            yield from want
    except Refused as error:
        return f"{error.name}, then " + (yield from Keep("why"))
    return "done"


def test_nobody_asks_nothing() -> None:
    world = World()
    assert together([], world) == [] and world.asked == []
    assert together([taking()], world) == [[]] and world.asked == []


def test_what_is_wanted_at_one_moment_is_asked_at_once() -> None:
    world = World()
    results = together([taking(See("a"), Do("b")), taking(See("c"), Do("d")), taking(See("e"))], world)
    assert results == [["a!", "b!"], ["c!", "d!"], ["e!"]]
    assert world.asked == [("See", "a", "c", "e"), ("Do", "b", "d")]


def test_who_looks_goes_first_so_that_all_store_and_act_together() -> None:
    world = World()
    far = taking(See("a"), Read("b"), See("c"), Keep("d"), Do("e"))
    near = taking(Keep("f"), Do("g"))
    together([near, far], world)
    assert world.asked == [("See", "a"), ("Read", "b"), ("See", "c"), ("Keep", "f", "d"), ("Do", "g", "e")]


def test_kinds_are_asked_in_the_order_of_the_first_that_wants_them() -> None:
    world = World()
    together([taking(Read("a")), taking(See("b")), taking(Read("c"))], world)
    assert world.asked == [("Read", "a", "c"), ("See", "b")]


def test_one_bad_of_many_holds_up_nobody_and_nothing_is_asked_again() -> None:
    world = World(c=Refused("Bad"))
    names = "abcde"
    results = together([taking(See(name), Do(name.upper())) for name in names], world)
    assert [isinstance(one, LockstepError) for one in results] == [False, False, True, False, False]
    assert results[0] == ["a!", "A!"] and str(results[2]) == "Bad()"
    assert world.asked == [("See", *names), ("Do", "A", "B", "D", "E")]


def test_an_error_is_raised_where_it_was_wanted() -> None:
    world = World(b=Refused("Bad"))
    assert together([caught(Do("a")), caught(Do("b"), Do("c")), caught(Do("d"))], world) == [
        "done",
        "Bad, then why!",
        "done",
    ]
    assert world.asked == [("Do", "a", "b", "d"), ("Keep", "why")]


def test_an_error_of_all_is_each_ones() -> None:
    world = World(Do=Unavailable("nobody answers"))
    results = together([taking(Do("a")), taking(See("b")), taking(Do("c"))], world)
    assert [type(one) for one in results] == [Unavailable, list, Unavailable]


def test_a_lease_lost_by_all_ends_everything() -> None:
    world, closed = World(Keep=LeaseLost("service", 3)), []

    def step(name: str) -> Steps[None]:
        try:
            yield from Keep(name)
            yield from Do(name)
        finally:
            closed.append(name)

    with pytest.raises(LeaseLost):
        together([step("a"), step("b")], world)
    assert closed == ["a", "b"] and world.asked == [("Keep", "a", "b")]


def test_a_lease_lost_by_one_is_its_own() -> None:
    world = World(b=LeaseLost("trade/b", 3))
    first, second = together([taking(Keep("a"), Do("c")), taking(Keep("b"), Do("d"))], world)
    assert first == ["a!", "c!"] and isinstance(second, LeaseLost)
    assert world.asked == [("Keep", "a", "b"), ("Do", "c")]


def test_what_nobody_handles_stops_all_where_they_are() -> None:
    class Death(BaseException):
        pass

    reached = []

    def ask(kind: type[Want[Any]], wants: Sequence[Any]) -> Sequence[Any]:
        if kind is Do:
            raise Death
        reached.append(kind.__name__)
        return [None] * len(wants)

    def step() -> Steps[None]:
        yield from Keep("intent")
        yield from Do("act")
        reached.append("after")

    with pytest.raises(Death):
        together([step(), step()], ask)
    assert reached == ["Keep"]


class Unforeseen(World):
    """Fails with an error of its own kind, over all that it is asked, wherever one of these is among it."""

    def __init__(self, *bad: str) -> None:
        super().__init__()
        self.bad = bad

    def __call__(self, kind: type[Want[Any]], wants: Sequence[Any]) -> Sequence[Any]:
        answers = super().__call__(kind, wants)
        if any(want.what in self.bad for want in wants):
            raise OverflowError("int too big")
        return answers


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_nobody_foresaw_is_found_by_halves_and_the_others_go_on(kind: Any) -> None:
    world = Unforeseen("d")
    results = together([taking(kind(name), Do(name.upper())) for name in "abcde"], world)
    assert [type(one) for one in results] == [list, list, list, StepFailed, list]
    failed = results[3]
    assert isinstance(failed, StepFailed) and isinstance(failed.__cause__, OverflowError)
    assert "OverflowError" in str(failed) and "int too big" not in str(failed), "that is for the log"
    name = kind.__name__
    asked = [(name, *"abcde"), (name, *"ab"), (name, *"cde"), (name, "c"), (name, *"de"), (name, "d"), (name, "e")]
    assert world.asked[:7] == asked
    assert [one for one in world.asked[7:] if one[0] == "Do"] == [("Do", *"ABCE")]


def test_what_nobody_foresaw_is_not_taken_for_a_refusal() -> None:
    """No step that handles Lockstep's errors handles it, and it wants nothing more."""
    world = Unforeseen("b")

    def step() -> Steps[str]:
        yield from Keep("a")
        try:
            yield from Do("b")
        except LockstepError:
            yield from Do("c")
        return "done"

    (result,) = together([step()], world)
    assert isinstance(result, StepFailed) and world.asked == [("Keep", "a"), ("Do", "b")]


def test_a_step_that_fails_by_itself_stops_nobody() -> None:
    world = World()

    def step() -> Steps[str]:
        answer = yield from Keep("a")
        yield from Do(["b"][len(answer)])
        return "done"

    results = together([step(), taking(Do("c"))], world)
    assert isinstance(results[0], StepFailed) and isinstance(results[0].__cause__, IndexError)
    assert results[1] == ["c!"] and world.asked == [("Keep", "a"), ("Do", "c")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_who_stops_the_service_stops_it(error: type[BaseException]) -> None:
    def ask(kind: type[Want[Any]], wants: Sequence[Any]) -> Sequence[Any]:
        raise error

    with pytest.raises(error):
        together([taking(See("a")), taking(See("b"))], ask)

    def step() -> Steps[None]:
        yield from See("a")
        raise error

    with pytest.raises(error):
        together([step()], World())


def test_too_few_answers_are_a_fault_of_the_world() -> None:
    with pytest.raises(ValueError, match="zip"):
        together([taking(See("a")), taking(See("b"))], lambda kind, wants: ["only one"])


wants = st.builds(lambda kind, what: kind(what), st.sampled_from(KINDS), st.sampled_from("abcdefgh"))


@given(st.lists(st.lists(wants, max_size=5), max_size=6), st.sets(st.sampled_from("abcdefgh"), max_size=3))
def test_each_gets_what_it_would_get_alone(plans: list[list[Any]], bad: set[str]) -> None:
    """And asks the same, in its own order; and all of it again asks the same again."""
    errors: dict[str, LockstepError] = {name: Conflict("want", name) for name in bad}

    def alone(plan: list[Any]) -> Any:
        got = []
        for want in plan:
            if want.what in errors:
                return errors[want.what]
            got.append(f"{want.what}!")
        return got

    world, again = World(**errors), World(**errors)
    results = together([taking(*plan) for plan in plans], world)
    assert results == [alone(plan) for plan in plans]
    together([taking(*plan) for plan in plans], again)
    assert again.asked == world.asked
    asked = [(kind, what) for kind, *whats in world.asked for what in whats]
    expected = []
    for plan in plans:
        end = next((place + 1 for place, want in enumerate(plan) if want.what in bad), len(plan))
        expected.extend((type(want).__name__, want.what) for want in plan[:end])
    assert sorted(asked) == sorted(expected)


class Apart:
    """Begins some kinds, which are asked when they are waited for."""

    def __init__(self, world: World, *kinds: Any) -> None:
        self.world, self.kinds, self.left = world, kinds, 0

    def __call__(self, kind: type[Want[Any]], wants: Sequence[Any]) -> Callable[[], Sequence[Any]] | None:
        if kind not in self.kinds:
            return None
        self.left += 1
        self.world.asked.append(("begun", *(want.what for want in wants)))

        def end() -> Sequence[Any]:
            self.left -= 1
            return self.world(kind, wants)

        return end


def test_what_is_begun_is_under_way_while_the_others_of_its_moment_are_asked() -> None:
    world = World()
    apart = Apart(world, See)
    results = together([taking(See("a"), Do("b")), taking(Read("c")), taking(See("d"))], world, begin=apart)
    assert results == [["a!", "b!"], ["c!"], ["d!"]] and apart.left == 0
    assert world.asked == [("begun", "a", "d"), ("Read", "c"), ("See", "a", "d"), ("Do", "b")]


def test_who_ends_everything_waits_for_what_is_begun() -> None:
    world = World(Read=LeaseLost("service", 3))
    apart = Apart(world, See)
    with pytest.raises(LeaseLost):
        together([taking(See("a")), taking(Read("b"))], world, begin=apart)
    assert apart.left == 0 and ("See", "a") in world.asked


def test_what_nobody_foresaw_of_what_was_begun_is_found_by_halves() -> None:
    world = Unforeseen("d")
    apart = Apart(world, Do)
    results = together([taking(Do(name)) for name in "abcd"], world, begin=apart)
    assert [type(one) for one in results] == [list, list, list, StepFailed]
    assert world.asked[:2] == [("begun", *"abcd"), ("Do", *"abcd")] and apart.left == 0


@given(st.lists(st.lists(wants, max_size=5), max_size=6), st.sets(st.sampled_from("abcdefgh"), max_size=3), st.data())
def test_beside_each_gets_what_it_gets_in_its_place(plans: list[list[Any]], bad: set[str], data: st.DataObject) -> None:
    errors: dict[str, LockstepError] = {name: Conflict("want", name) for name in bad}
    kinds = data.draw(st.sets(st.sampled_from(KINDS)))
    world, beside = World(**errors), World(**errors)
    expected = together([taking(*plan) for plan in plans], world)
    assert together([taking(*plan) for plan in plans], beside, begin=Apart(beside, *kinds)) == expected
    asked = [one for one in beside.asked if one[0] != "begun"]
    assert sorted(asked) == sorted(world.asked), "the same together"
