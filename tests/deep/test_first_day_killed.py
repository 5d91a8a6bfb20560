"""The whole first day while every process is killed again and again, each at its own rhythm (I6)."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from acceptance.conftest import chain, forks, installed
from acceptance.running import EVERYBODY, Installation
from acceptance.story import EXPECTED, FIRST_DAY, WAVES
from acceptance.test_processes import as_expected, standing_after

__all__ = ["chain", "forks", "installed"]

pytestmark = pytest.mark.deep


@pytest.mark.parametrize(
    "rhythm",
    [
        {"service": 1},
        {"service": 3, "rtgs": 2, "agent-1": 1, "agent-2": 2, "agent-3": 3, "agent-4": 5},
        {"service": 7, "rtgs": 5, "agent-1": 2, "agent-2": 2, "agent-3": 2, "agent-4": 2},
        {"service": 2, "rtgs": 13},
    ],
    ids=str,
)
def test_the_first_day_with_deaths(installed: Callable[[Path], Installation], rhythm: dict[str, int]) -> None:
    day = installed(FIRST_DAY / "market.toml")
    kills: Counter[str] = Counter()
    for role in EVERYBODY:
        day.start(role, environment={"LOCKSTEP_CRASH_AFTER": str(rhythm[role])} if role in rhythm else {})
    for wave in WAVES:
        day.submit(FIRST_DAY / wave)
        standing = standing_after(wave)
        kills.update(day.attend(lambda now=standing: day.shows(now), rhythm, 240, f"{wave}: {standing}"))
    kills.update(day.attend(lambda: _is_closed(day), rhythm, 120, "the day is closed"))
    final = {one["deliverer_reference"]: one["state"] for one in EXPECTED["trades"] if one["state"] != "UNMATCHED"}
    kills.update(day.attend(lambda: day.shows(final), rhythm, 240, "the end of the day", calm=0.5))
    day.stop()
    as_expected(day)
    assert day.violations() == {}
    assert all(kills[role] > 0 for role in rhythm), kills


def _is_closed(day: Installation) -> bool:
    try:
        if requests.get(f"{day.home.settings().rtgs_url}/health", timeout=5).json()["business_day"] is None:
            return True
    except requests.RequestException:
        return False
    day.run("rtgs", "close-day")
    return False
