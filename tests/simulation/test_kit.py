"""The kit settles trades under faults, by seed, and says what is violated; the plugin's fixtures make its parts."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.simulation import kit
from lockstep.simulation.kit import SettlingWorld

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "pytest" / "test_under_faults.py"
HOW_TO = ROOT / "docs" / "how-to" / "test-your-own-code.md"
FAULTS = {"loss": "0.1", "delay": 0.2, "reorganisation": "0.3"}
FIXTURES = """
from datetime import timedelta

def test_the_parts(lockstep_clock, lockstep_rtgs, lockstep_chain):
    opened = lockstep_clock.now()
    assert lockstep_rtgs.now() == opened
    assert {account.posted for account in lockstep_rtgs.facts().accounts if not account.technical} == {
        2_500_000_000, 1_800_000_000, 3_000_000_000
    }
    lockstep_clock.advance(timedelta(seconds=90))
    lockstep_chain.mine(2)
    assert lockstep_chain.node.head().number == 2
    assert lockstep_chain.time >= lockstep_clock.now().timestamp() == opened.timestamp() + 90

def test_two_worlds(lockstep_world):
    one, other = (lockstep_world(chain="simulated", seed=seed) for seed in (1, 2))
    assert one.market.network.dvp != other.market.network.dvp
    assert one.world.root != other.world.root
"""


def suite(file: Path) -> subprocess.CompletedProcess[str]:
    """A user's suite, in a process of its own, with the plugin alone."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "lockstep.testing.plugin", "-p", "no:ape_test", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        command, cwd=file.parent, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_example_of_the_how_to_runs(tmp_path: Path) -> None:
    assert EXAMPLE.read_text() in HOW_TO.read_text()
    copied = tmp_path / EXAMPLE.name
    copied.write_text(EXAMPLE.read_text())
    done = suite(copied)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixtures_make_the_parts(tmp_path: Path) -> None:
    file = tmp_path / "test_parts.py"
    file.write_text(FIXTURES)
    done = suite(file)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_imports_nothing_until_it_is_asked(tmp_path: Path) -> None:
    code = "import sys, lockstep.testing.plugin as p; print(sorted(n for n in sys.modules if n in ('web3', 'pyrevm')))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]", done.stderr


def lived(root: Path, seed: int) -> tuple[dict[str, int], list[str], str]:
    world = SettlingWorld(root, chain="simulated", seed=seed, faults=FAULTS)
    for number in range(3):
        world.instruct(
            seller="FABLZZ2A", buyer="UTOPZZ2A", isin_code="ZZ00EXB20314", quantity="100", cash=f"{100 + number}.00"
        )
    states = world.run()
    assert world.finish() == states
    journal = [row.hash for row in world.world.book.journal()]
    head = world.chain.node.head().hash
    world.close()
    return states, journal, head


def test_the_same_seed_gives_the_same_world(tmp_path: Path) -> None:
    first, again, other = (lived(tmp_path / name, seed) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    assert first == again
    assert first[0] == other[0] == {"SETTLED": 3}
    assert first[1][-1] != other[1][-1] and first[2] != other[2]


def test_a_violation_fails_the_test_in_words(tmp_path: Path) -> None:
    world = SettlingWorld(tmp_path, chain="simulated")
    world.instruct(seller="FABLZZ2A", buyer="UTOPZZ2A", isin_code="ZZ00EXB20314", quantity="100", cash="100.00")
    participants = {
        lei: replace(one, accounts={"EUR": "ANOTHER"}) if one.bic == "UTOPZZ2A" else one
        for lei, one in world.market.participants.items()
    }
    world._watcher.learn(replace(world.market, participants=participants))
    with pytest.raises(AssertionError, match=r"I2: .*account RTGS-EUR-1003 of UTOPZZ2A is not the buyer's"):
        world.run()
    world.close()


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"chain": "mainnet"}, "chain"),
        ({"faults": {"earthquake": 0.1}}, "faults"),
        ({"faults": {"reorganisation": 0.1}}, "faults"),
        ({"faults": {"loss": 0}}, "faults/loss"),
        ({"faults": {"loss": "1.01"}}, "faults/loss"),
        ({"faults": {"loss": "often"}}, "faults/loss"),
    ],
)
def test_what_cannot_be_founded_is_refused(wanted: dict[str, Any], field: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        SettlingWorld(tmp_path / "world", **wanted)
    assert refused.value.field == field
    assert not (tmp_path / "world").exists()


def test_a_stranger_cannot_be_instructed_for(tmp_path: Path) -> None:
    world = SettlingWorld(tmp_path, chain="simulated")
    with pytest.raises(InvalidInput) as refused:
        world.instruct(seller="NOBODY00", buyer="UTOPZZ2A", isin_code="ZZ00EXB20314", quantity="1", cash="1.00")
    assert (refused.value.field, refused.value.value) == ("seller", "NOBODY00")
    assert world.states() == {}
    world.close()


def test_without_pyrevm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("lockstep.simulation.chain")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyrevm", None)
    with pytest.raises(kit.Misconfigured, match=r"pip install 'lockstep\[simulation\]'"):
        kit.simulated_chain(kit.ManualClock(kit.kit_market().opening))
