"""`lockstep demo collateral`: a day of repo, margin, re-use and enforcement in one process, as expected.toml has it."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .running import COMMAND

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "examples" / "collateral-day"
EXPECTED: dict[str, Any] = tomllib.loads((FOLDER / "expected.toml").read_text())
STEPS = [one["name"] for one in tomllib.loads((FOLDER / "day.toml").read_text())["steps"]]


def demo(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="module")
def day() -> dict[str, Any]:
    done = demo("collateral", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_every_figure_is_the_one_worked_out_by_hand(day: dict[str, Any]) -> None:
    assert [one["name"] for one in day["steps"]] == STEPS
    assert {one["name"]: one["figures"] for one in day["steps"]} == {name: EXPECTED[name] for name in STEPS}
    assert not any(one["wrong"] for one in day["steps"])


def test_all_invariants_hold_on_both_ledgers(day: dict[str, Any]) -> None:
    assert {f"I{number}" for number in range(1, 13)} <= set(day["invariants"])
    assert all(day["invariants"].values())
    assert day["violations"] == {}


def test_who_has_what_at_the_end(day: dict[str, Any]) -> None:
    assert {name: amounts["EUR"] for name, amounts in day["cash"].items()} == EXPECTED["final_cash"]
    names = ("owned", "free", "pledged", "received", "reused", "reusable")
    found = {
        f"{one['participant']} {one['isin']}": {name: one[name] for name in names if one[name] != "0"}
        for one in day["inventory"]["positions"]
    }
    assert {place: amounts for place, amounts in found.items() if amounts} == EXPECTED["final_holdings"]
    assert all(one["over_committed"] == "0" for one in day["inventory"]["positions"])


def test_attempts_to_commit_too_much_are_counted_once_each(day: dict[str, Any]) -> None:
    told = [(one["participant"], one["refusal"], one["needed"]) for one in day["inventory"]["attempts"]]
    assert told == [
        ("MIRGZZ2AXXX", "ReuseExceeded", "2021000"),
        ("FABLZZ2A", "InsufficientFreeUnits", "10000000"),
    ]


# --- for people


def copied(folder: Path, **changed: tuple[str, str]) -> Path:
    """The example with one text in place of another, by the file's name without its ending."""
    for path in FOLDER.rglob("*"):
        if path.is_file() and path.suffix != ".md":
            text = path.read_text()
            if path.suffix == ".toml" and path.stem in changed:
                old, new = changed[path.stem]
                assert old in text, old
                text = text.replace(old, new, 1)
            place = folder / path.relative_to(FOLDER)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return folder


def test_what_a_person_sees_where_a_figure_is_another(tmp_path: Path) -> None:
    """A short day, which expected.toml contradicts."""
    folder = copied(tmp_path, expected=('EXB31 = "governments, haircut 2 %"', 'EXB31 = "governments, haircut 3 %"'))
    steps = (folder / "day.toml").read_text().split("[[steps]]")
    (folder / "day.toml").write_text("[[steps]]".join([*steps[:2], *steps[3:4]]))
    done = demo(str(folder), COLUMNS="160")
    assert done.returncode == 1
    for line in (
        r"^Mon 08:00  What Fable may give",
        r"^ +EXB31 +governments, haircut 2 % +✗ expected governments, haircut 3 %",
        r"^ +FAB33 +refused: counterpartyOwnIssuePermitted: ZZZZ00FABLEBANK00171 is not another issuer",
        r"^Mon 08:45  Tatoe secures a loan",
        r"^ +pledged +1,600,000",
        r"^ *TATOZZ2ATKY +ZZ00FAB20335 +2,000,000 +400,000 +1,600,000",
        r"^ *I12 .*✓",
        r"^1 of 7 figures are not those worked out by hand in expected.toml",
    ):
        assert re.search(line, done.stdout, re.MULTILINE), f"{line}\n{done.stdout}"


def test_a_step_that_nobody_knows(tmp_path: Path) -> None:
    done = demo(str(copied(tmp_path, day=('do = "judge"', 'do = "guess"'))))
    assert done.returncode == 1
    assert done.stderr.startswith("lockstep: day.toml/steps/1/do: 'guess' breaks the rule: one of judge, "), done.stderr
