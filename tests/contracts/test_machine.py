"""A random market over registry, tokens and DvP beside a plain model: I3, I4, I8, I9, I10 and conservation.

A short run; `tests/deep/test_contract_fuzz.py` goes on for a million calls.
"""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from lockstep.chain import compiler

from .machine.actions import ACTIONS, Action
from .machine.planted import PLANTED, Planted, calls_until_found
from .machine.reading import Layout
from .machine.runner import Run, Tally, Violation, run_seed
from .machine.world import World

MOST_CALLS = 15_000
SUBJECTS = {"dvp": "DvP", "token": "SecurityToken", "registry": "ParticipantRegistry"}


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def layout(world: World) -> Layout:
    return Layout(world)


def test_every_call_that_changes_a_contract_is_an_action(world: World) -> None:
    for subject, contract in SUBJECTS.items():
        entered = {name.partition(".")[2] for name in ACTIONS if name.startswith(f"{subject}.")}
        assert {one.replace("_", "") for one in entered} == {one.lower() for one in world.codec.mutating[contract]}


def machine_of(world: World, layout: Layout) -> type[RuleBasedStateMachine]:
    """A rule for each action of the table; what an action does with its dice is one number."""

    def enter(action: Action) -> Callable[..., None]:
        def step(self, seed: int) -> None:
            self.run.stage.dice = Random(seed)
            self.run.step(action)

        step.__name__ = action.name.replace(".", "_")
        return rule(seed=st.integers(0, 2**32 - 1))(step)

    def begin(self) -> None:
        RuleBasedStateMachine.__init__(self)
        self.run = Run(world, layout, Random(0))

    def end(self) -> None:
        assert self.run.thorough() == []

    rules = {action.name.replace(".", "_"): enter(action) for action in ACTIONS.values()}
    return type("Market", (RuleBasedStateMachine,), {"__init__": begin, "teardown": end, **rules})


def test_any_sequence_of_calls_keeps_the_invariants(world: World, layout: Layout) -> None:
    run_state_machine_as_test(
        lambda: machine_of(world, layout)(),
        settings=settings(max_examples=25, stateful_step_count=40, deadline=None, derandomize=True, database=None),
    )


def test_random_runs_keep_the_invariants(world: World, layout: Layout) -> None:
    """With the drivers' own odds, which lead deeper; and they do reach each ending and each kind of refusal."""
    tally = Tally()
    for seed in range(1_000, 1_005):
        run_seed(world, layout, seed, 500, tally)
    renaming = World(renames=True)
    run_seed(renaming, Layout(renaming), 1_006, 500, tally)
    assert tally.calls > 2_000
    ended = ("Settled", "GivenBack", "PaidRecorded", "OrderCancelled", "PartLocked", "LegSkipped", "LongStopProposed")
    ended += ("NetLocked",)
    assert tally.refused["lock: ChainChanged"] and tally.refused["lockNet: ChainChanged"]
    assert tally.accepted["settleNet"] and tally.accepted["giveBackNet"]
    assert tally.accepted["settleNetOf"] and tally.accepted["giveBackNetOf"]
    assert all(tally.events[name] for name in ended), tally.events
    assert len(tally.refused) > 100 and len(tally.accepted) > 45


def test_a_run_depends_on_its_seed_alone(world: World, layout: Layout) -> None:
    sent = []
    for _ in range(2):
        run = Run(world, layout, Random(77))
        for _ in range(150):
            run.step()
        sent.append([str(call) for _, call in run.sent])
    assert sent[0] == sent[1]


@pytest.mark.parametrize("planted", PLANTED[:2], ids=lambda one: one.name)
def test_it_finds_what_is_planted(planted: Planted) -> None:
    """The deep test plants them all."""
    calls, found = calls_until_found(planted, MOST_CALLS)
    assert calls <= MOST_CALLS and isinstance(found, Violation)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.name)
def test_what_is_planted_quotes_its_source(planted: Planted) -> None:
    """The deep test compiles them all; a quote that went stale shows here."""
    for file, (text, _) in planted.changes.items():
        assert (compiler.CONTRACTS / file).read_text().count(text) == 1, f"{file}: {text!r}"
