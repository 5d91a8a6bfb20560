"""The contracts' tests notice changes of the contracts: a sample of mutants, drawn by the contracts' own text."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.deep

ROOT = Path(__file__).parents[2]
SAMPLE = 40
GOAL_PERMYRIAD = 9_500


def test_a_sample_of_mutants_is_killed(tmp_path: Path) -> None:
    """At least 95 in 100, not counting survivors that are explained."""
    figures = tmp_path / "figures.json"
    options = ["--sample", str(SAMPLE), "--folder", str(tmp_path / "mutants"), "--write", str(figures)]
    command = [sys.executable, str(ROOT / "scripts" / "mutate.py"), "run", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3_600, check=False)
    assert figures.exists(), done.stdout + done.stderr
    found = json.loads(figures.read_text())
    statuses = ("killed", "timeout", "survived", "equivalent", "compile-error")
    assert sum(found[status] for status in statuses) == SAMPLE
    assert found["killed"] > SAMPLE // 2
    assert found["score_but_for_explained_permyriad"] >= GOAL_PERMYRIAD, done.stdout
