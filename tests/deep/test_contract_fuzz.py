"""The random market for a million calls, in parts that can be interrupted; and every planted bug (I3, I4, I8–I10)."""

from pathlib import Path

import pytest

from contracts.machine.long import KEPT, Progress, go_on, revision
from contracts.machine.planted import PLANTED, Planted, calls_until_found

pytestmark = pytest.mark.deep

CALLS = 1_000_000
MOST_CALLS = 60_000


def test_a_million_calls_keep_the_invariants(capsys: pytest.CaptureFixture[str]) -> None:
    """Goes on from what an interrupted run has kept in `.build/machine/long.json`."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="", flush=True)

    done = go_on(KEPT, CALLS, float("inf"), say)
    assert done.calls >= CALLS
    assert done.violations == []
    assert done.accepted > CALLS // 4 and done.refused > CALLS // 4


def test_parts_add_up(tmp_path: Path) -> None:
    """Three parts, each from what the last one kept, are as good as one; other code begins anew."""
    path, whole = tmp_path / "parts.json", tmp_path / "whole.json"
    for calls in (900, 1_800, 2_700):
        parts = go_on(path, calls, 600, lambda line: None)
    once = go_on(whole, parts.calls, 600, lambda line: None)
    assert (parts.calls, parts.accepted, parts.events) == (once.calls, once.accepted, once.events)
    assert parts.seeds >= 3 and parts.calls >= 2_700
    Progress("another", seeds=5, calls=10**6).keep(path)
    assert Progress.of(path, revision()) == Progress(revision())


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.name)
def test_it_finds_all_that_is_planted(planted: Planted) -> None:
    calls, _ = calls_until_found(planted, MOST_CALLS)
    assert calls <= MOST_CALLS
