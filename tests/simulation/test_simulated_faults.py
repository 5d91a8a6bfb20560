"""What decides on faults: independent of one another, repeatable, and told in a file that is checked."""

from pathlib import Path

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.simulation.actors import COLLATERAL
from lockstep.simulation.faults import KINDS, Decision, FaultPlan, Injector, read_plan
from lockstep.simulation.minimising import minimise
from lockstep.simulation.running import Outcome
from lockstep.simulation.streams import Streams, bits

ALL = FaultPlan(rates=dict.fromkeys(KINDS, 0.5), swarm=False)


def struck(plan: FaultPlan, seed: int = 1, other: bool = False) -> list[Decision]:
    faults = Injector(seed, plan)
    for faults.step in range(200):
        faults.strikes("reorg")
        if other:
            faults.strikes("rpc-stale")
        faults.strikes("reorg")
    return faults.struck


def test_one_kind_is_asked_about_whatever_happens_to_another() -> None:
    alone = struck(ALL)
    assert 150 < len(alone) < 250
    assert [one for one in struck(ALL, other=True) if one.kind == "reorg"] == alone


def test_seeds_differ_and_repeat() -> None:
    assert struck(ALL) == struck(ALL) != struck(ALL, seed=2)


def test_only_what_is_listed_strikes() -> None:
    chosen = frozenset(struck(ALL)[::7])
    assert struck(FaultPlan(only=chosen)) == sorted(chosen)


def test_nothing_strikes_while_it_is_paused() -> None:
    faults = Injector(1, ALL)
    with faults.paused():
        assert all(faults.strikes("reorg") is None for _ in range(100))
    assert any(faults.strikes("reorg") for _ in range(100))


def test_each_seed_has_some_kinds_only() -> None:
    on = [{kind for kind in KINDS if Injector(seed, FaultPlan()).has(kind)} for seed in range(60)]
    assert all(0 < len(kinds) < len(KINDS) for kinds in on)
    assert set.union(*on) == KINDS.keys() - COLLATERAL.keys()
    register = FaultPlan(collateral=True)
    assert set.union(*({kind for kind in KINDS if Injector(seed, register).has(kind)} for seed in range(60))) == set(
        KINDS
    )


def test_a_stream_depends_on_its_name_alone() -> None:
    assert Streams(5).stream("trades").random() == Streams(5).stream("trades").random()
    assert len({bits(seed, name) for seed in range(50) for name in ("a", "b")}) == 100


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    for plan in (ALL, FaultPlan(), FaultPlan(only=frozenset(struck(ALL)[:5]), rates={"reorg": 0.25})):
        path.write_text(plan.to_toml())
        assert read_plan(path) == plan


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("seed = 1", "seed"),
        ("rates = 1", "rates"),
        ("[rates]\nquake = 0.5", "rates"),
        ("[rates]\nreorg = 1.5", "rates/reorg"),
        ("[rates]\nreorg = true", "rates/reorg"),
        ("swarm = 1", "swarm"),
        ("only = 3", "only"),
        ('only = ["reorg@x.1"]', "only"),
        ('only = ["quake@1.0"]', "only"),
        ("][", "plan.toml"),
    ],
)
def test_a_bad_plan_is_refused_by_field(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        read_plan(path)
    assert refused.value.field == field


def test_a_failing_run_is_cut_down_to_what_breaks_it() -> None:
    """A world that breaks where two of sixty faults come together: those two are left."""
    culprits = {Decision("reorg", 17, 0), Decision("rpc-stale", 40, 1)}
    runs = 0

    def run(seed: int, plan: FaultPlan) -> Outcome:
        nonlocal runs
        runs += 1
        assert plan.only is not None
        found = ("broken",) if culprits <= plan.only else ()
        return Outcome(seed=seed, steps=60, faults={}, ended={}, violations=found, hash="", decisions=sorted(plan.only))

    kinds = ("reorg", "rpc-stale", "lost-writes")
    every = frozenset(Decision(kinds[step % 3], step, 0) for step in range(60)) | culprits
    shortest, plan = minimise(run(9, FaultPlan(only=every)), run=run)
    assert set(shortest.decisions) == culprits == plan.only
    assert shortest.seed == 9
    assert runs < 80


def test_a_run_that_does_not_repeat_is_shown_as_it_was() -> None:
    first = Outcome(seed=1, steps=1, faults={}, ended={}, violations=("broken",), hash="", decisions=())
    shortest, _ = minimise(first, run=lambda *_: Outcome(seed=1, steps=1, faults={}, ended={}, violations=(), hash=""))
    assert shortest is first


def test_bytes_that_are_no_text_are_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="TOML"):
        read_plan(path)
