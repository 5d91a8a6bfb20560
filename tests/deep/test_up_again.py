"""`lockstep up` twice on one folder, and with its processes killed under it."""

import os
import signal
from pathlib import Path

import pytest

from acceptance.conftest import forks, small_market
from acceptance.running import Forks, wait_until
from acceptance.test_up import brought_up, settles, stopped, told
from lockstep.app.home import Home

__all__ = ["forks", "small_market"]

pytestmark = pytest.mark.deep


def test_up_again_on_the_same_chain(forks: Forks, small_market: Path, tmp_path: Path) -> None:
    """Anvil, the RTGS with its drop and the databases go on where they were; who dies is started again."""
    home = Home(tmp_path / "home")
    for number in (1, 2):
        output = tmp_path / f"up-{number}.log"
        child = brought_up(home, small_market, output, None, "--rtgs-drop")
        try:
            if number == 2:
                assert "founded" not in told(output)
                started = dict(detail.split(" as process ") for detail in told(output)["started"])
                for role in ("service", "rtgs", "agent-3"):
                    os.kill(int(started[role]), signal.SIGKILL)
                wait_until(lambda out=output: len(told(out).get("died", [])) == 3, 20, "three died", pause=0.1)
                said = sorted(told(output)["died"])
                assert [one.partition(",")[0] for one in said] == [
                    f"{role} with -9" for role in ("agent-3", "rtgs", "service")
                ]
            settles(home, forks, tmp_path / f"messages-{number}", number)
        finally:
            stopped(child)
        assert told(output)["stopped"] == [str(home.root)]
