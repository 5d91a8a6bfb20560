"""Errors planted at random in books of 20,000 rows each: all found, as what they are, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("polars")

ROOT = Path(__file__).resolve().parents[3]
CLASSES = ("amount", "duplicate", "extra", "identity", "late", "missing", "status", "timing")


def planted(*options: str) -> dict[str, object]:
    command = [sys.executable, str(ROOT / "bench" / "reconcile_planted.py"), "--errors", "540", *options]
    done = subprocess.run(command, check=True, timeout=120, stdout=subprocess.PIPE, cwd=ROOT)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "options",
    [("--rows", "20000", "--seed", "3"), ("--rows", "4000", "--seed", "4", "--without-uetrs", "--only-legacy")],
)
def test_every_error_is_found_and_none_is_invented(options: tuple[str, ...]) -> None:
    found = planted(*options)
    assert found["planted"] == found["found"] == 540
    assert found["precision"] == found["recall"] == dict.fromkeys(CLASSES, 1.0), (found["wrong"], found["lost"])
