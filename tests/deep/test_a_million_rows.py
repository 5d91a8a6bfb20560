"""A million trades, positions and balances in four books with a thousand errors of every class: found, and no other."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.deep

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("amount", "duplicate", "extra", "identity", "late", "missing", "status", "timing")


def planted(*options: str) -> dict[str, object]:
    command = [sys.executable, str(ROOT / "bench" / "reconcile_planted.py"), "--errors", "1000", *options]
    done = subprocess.run(command, check=True, timeout=1_800, stdout=subprocess.PIPE, cwd=ROOT)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_thousand_errors_in_a_million_rows(seed: str) -> None:
    found = planted("--rows", "1000000", "--seed", seed)
    assert found["planted"] == found["found"] == 1_000
    assert found["precision"] == found["recall"] == dict.fromkeys(CLASSES, 1.0), (found["wrong"], found["lost"])


def test_without_uetrs_errors_of_the_legacy_book_are_found_as_well() -> None:
    found = planted("--rows", "1000000", "--without-uetrs", "--only-legacy")
    assert found["precision"] == found["recall"] == dict.fromkeys(CLASSES, 1.0), (found["wrong"], found["lost"])


def test_without_uetrs_no_error_anywhere_is_missed() -> None:
    """What the service lacks cannot be matched: the legacy book's row is told under its own reference, too."""
    found = planted("--rows", "200000", "--without-uetrs")
    assert found["recall"] == dict.fromkeys(CLASSES, 1.0), found["lost"]
    assert {one[2] for one in found["wrong"]} <= {"identity"}
    assert all(share == 1.0 for kind, share in found["precision"].items() if kind != "identity")
