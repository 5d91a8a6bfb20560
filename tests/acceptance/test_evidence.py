"""One trade in one file by the commands, from processes and anvil, and the file judged without any of them (I7)."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .running import COMMAND, EVERYBODY, Forks, Installation, wait_until
from .story import Writer, reference

REFERENCE = reference(Writer.SELLER.body, 1)


def judged(pack: Path, trust: Path, place: Path) -> tuple[int, str]:
    """By a process of its own, in a folder that has no installation."""
    done = subprocess.run(
        [*COMMAND, "verify", str(pack), "--trust", str(trust), "--json"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout or done.stderr


def judged_quickly(forks: Forks, pack: Path, trust: Path, place: Path) -> tuple[int, str]:
    """The same by a process that need not begin with its imports: exit code, and all that it wrote."""
    output = place / f"verify-{time.monotonic_ns()}.log"
    child = forks.start(["verify", str(pack), "--trust", str(trust), "--json"], output, {})
    wait_until(lambda: child.poll() is not None, 60, "lockstep verify ends")
    code = child.poll()
    assert code is not None
    return code, output.read_text()


@pytest.fixture(scope="module")
def settled(
    installed: Callable[[Path], Installation], small_market: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, Path]:
    """An installation that settled one trade, its RTGS still up, and the folder of the instructions."""
    files = tmp_path_factory.mktemp("instructions")
    installation = installed(small_market)
    installation.submit(*Writer(files).trade(1, "1000.00"))
    installation.start(*EVERYBODY)
    installation.attend(lambda: installation.shows({REFERENCE: "SETTLED"}), {}, 60, "the trade settles")
    installation.stop(*(one for one in EVERYBODY if one != "rtgs"))
    return installation, files


def test_a_trades_evidence_by_the_commands(settled: tuple[Installation, Path], tmp_path: Path) -> None:
    installation, files = settled
    pack, trust = tmp_path / "pack.json", tmp_path / "trust.json"
    arguments = ("evidence", REFERENCE, "--out", str(pack), "--trust-out", str(trust), "--instructions", str(files))
    made = installation.json(*arguments)
    assert made["outcome"] == "SETTLED"
    assert {one["link"] for one in made["open"]} == {"journal-root"}

    code, told = judged(pack, trust, tmp_path)
    assert code == 0, told
    assert json.loads(told) == {"holds": True} | {
        name: made[name] for name in ("trade_id", "settlement_id", "outcome", "proven", "open")
    }
    content = json.loads(pack.read_bytes())
    assert content["moments"]["securities"]["final"] is not None
    assert content["moments"]["cash"]["final"] is not None
    assert len(content["instructions"]) == 2

    data = pack.read_bytes()
    forged = content["journal"]["entries"][1]["facts"]
    name, value = next((name, value) for name, value in forged.items() if value.isalnum())
    pack.write_bytes(data.replace(f'"{name}":"{value}"'.encode(), f'"{name}":"{value}0"'.encode(), 1))
    code, told = judged_quickly(installation.forks, pack, trust, tmp_path)
    assert (code, json.loads(told)["link"]) == (1, "journal-path"), told


def test_a_pack_and_a_trust_file_that_cannot_be_read(settled: tuple[Installation, Path], tmp_path: Path) -> None:
    installation, _ = settled
    pack, trust = tmp_path / "pack.json", tmp_path / "trust.json"
    code, output = installation.run("evidence", REFERENCE, "--out", str(pack), "--trust-out", str(trust))
    assert code == 0, output
    assert "open" in output and "instruction" in output
    assert judged_quickly(installation.forks, tmp_path / "none.json", trust, tmp_path)[0] == 2
    code, told = judged_quickly(installation.forks, pack, pack, tmp_path)
    assert code == 2 and "trust" in told
    code, output = installation.run("evidence", "NOBODY", "--out", str(pack))
    assert code == 1 and "one trade" in output


def test_reports_by_the_command_are_the_same_when_asked_again(
    settled: tuple[Installation, Path], tmp_path: Path
) -> None:
    """Of the same installation, its RTGS up: each kind, in a form of its own."""
    installation, _ = settled

    def report(*arguments: str) -> bytes:
        path = tmp_path / "report"
        code, output = installation.run("report", *arguments, "--out", str(path))
        assert code == 0, output
        return path.read_bytes()

    first = report("transactions", "--format", "json")
    told = json.loads(first)
    (trades,) = (one for one in told["tables"] if one["name"] == "trades")
    (row,) = trades["rows"]
    assert (row["deliverer_reference"], row["state"], row["cash"]) == (REFERENCE, "SETTLED", "1000.00")
    same = ("--as-of", told["asOf"], "--journal", str(told["source"]["journalNumber"]))
    assert report("transactions", "--format", "json", *same) == first
    assert b"semt.002.001.11" in report("holders", "--format", "xml")
    assert b"<html" in report("efficiency", "--format", "html")
    accounts = report("cash", "--format", "csv").decode().splitlines()
    assert len(accounts) > 1 and all(",agrees," in line for line in accounts[1:])
    assert b"instructed" in report("audit", "--format", "csv", "--table", "members")
    assert b"Breaks between the books" in report("breaks")
    code, output = installation.run("report", "reuse")
    assert code == 1 and "a market with a collateral register" in output
