"""The engine's bench on a few trades: the figures that need no hours are there; a limit ends one with its reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.deep

ROOT = Path(__file__).resolve().parents[2]


def measured(out: Path, *options: str) -> dict[str, object]:
    command = [
        sys.executable,
        str(ROOT / "bench" / "engine.py"),
        "--keep",
        str(out.parent / "kept"),
        "--out",
        str(out),
        *options,
    ]
    subprocess.run(command, check=True, timeout=1_800, cwd=ROOT)
    return dict(json.loads(out.read_text()))


def test_a_small_run(tmp_path: Path) -> None:
    found = measured(
        tmp_path / "engine.json",
        "--trades",
        "10",
        "--memory",
        "1010",
        "--only",
        "sqlite_1,parts,sequence,latency,flatness",
    )
    rates, alone = found["trades_per_second"], found["cpu_ms_per_trade"]
    assert isinstance(rates, dict) and rates["sqlite_1"] > 0
    assert isinstance(alone, dict) and all(one > 0 for one in alone.values())
    total = sum(alone.values())
    assert found["ceiling_per_second"] == pytest.approx(2000 / total, abs=0.1)
    assert found["flatness_1k_to_100k"] is None, "with fewer trades it is no such figure"
    for name in ("sequence_per_second", "share_of_ceiling", "times_sequence", "bytes_per_trade", "rss_mib"):
        assert found[name] > 0, name


def test_what_takes_too_long_is_told(tmp_path: Path) -> None:
    found = measured(tmp_path / "engine.json", "--trades", "10", "--only", "sqlite_1", "--limit", "2")
    assert found["trades_per_second"]["sqlite_1"] is None
    assert found["missing"]["sqlite_1"] == "not within 2 seconds"
