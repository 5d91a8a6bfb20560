"""The command: what it prints for programs, how it ends, and what it says without its EVM."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lockstep.cli.commands import app
from lockstep.simulation import running
from lockstep.simulation.judging import Judge

RUN = CliRunner()


def test_json_has_what_programs_want() -> None:
    done = RUN.invoke(app, ["simulate", "--seeds", "2", "--from", "5", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert set(told) == {"seeds", "steps", "faults", "ended", "violations", "hashes"}
    assert told["seeds"] == 2
    assert told["violations"] == []
    assert told["hashes"] == {str(seed): running.run_seed(seed).hash for seed in (5, 6)}


def test_a_violation_is_minimised_shown_and_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An oracle that takes offence at any process that died: one death is left, and what leads to it."""
    look = Judge.look

    def offended(self: Judge) -> None:
        look(self)
        world = self._world
        if any(one.kind == "crash-after-commit" for one in world.faults.struck):
            world.problem("somebody died")

    monkeypatch.setattr(Judge, "look", offended)
    done = RUN.invoke(app, ["simulate", "--seeds", "1", "--from", "1", "--keep", str(tmp_path)])
    assert done.exit_code == 1, done.output
    path = tmp_path / "seed-1.toml"
    left = path.read_text()
    assert left.count("crash-after-commit@") == 1
    assert left.count("@") <= 3
    assert f"lockstep simulate --seeds 1 --from 1 --faults {path}" in done.stderr
    again = RUN.invoke(app, ["simulate", "--seeds", "1", "--from", "1", "--faults", str(path), "--keep", str(tmp_path)])
    assert again.exit_code == 1
    assert "somebody died" in again.stderr


def test_without_its_evm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.cli.simulate.find_spec", lambda _: None)
    done = RUN.invoke(app, ["simulate"])
    assert done.exit_code == 2
    assert "lockstep[simulation]" in done.stderr
