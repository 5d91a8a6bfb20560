"""`lockstep demo reconcile`: five days beside a legacy book; all that is planted is found, and nothing else."""

import json
import os
import re
import subprocess
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lockstep.app import demo_reconcile
from lockstep.app.world import World
from lockstep.cli.commands import app
from lockstep.simulation.chain import SimulatedChain

from .running import COMMAND

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "examples" / "parallel-week"
PLANTED: list[dict[str, Any]] = json.loads((FOLDER / "planted.json").read_text())
EXPECTED: dict[str, dict[str, str]] = tomllib.loads((FOLDER / "expected.toml").read_text())


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
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page") / "below" / "week.html"


@pytest.fixture(scope="module")
def week(page: Path) -> dict[str, Any]:
    """The command in this process, its market on the simulated chain, a third of the time; the test of what a person
    sees below is a process of its own, with the chain that everybody has."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(REPOSITORY)
        patched.setattr(demo_reconcile, "World", partial(World, chain=SimulatedChain))
        done = CliRunner().invoke(app, ["demo", "reconcile", "--json", "--page", str(page)])
    assert done.exit_code == 0, done.output
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_forty_are_found_each_as_what_it_is_on_each_day_and_nothing_is_invented(week: dict[str, Any]) -> None:
    for day in week["days"]:
        wanted = {
            (one["book"], one["subject"], one["name"]): one["found"][day["day"]]
            for one in PLANTED
            if day["day"] in one["found"]
        }
        assert {(one["book"], one["subject"], one["name"]): one["class"] for one in day["found"]} == wanted
        assert day["wrong"] == []
    told = {number for day in week["days"] for one in day["found"] for number in one["planted"]}
    assert told == {one["number"] for one in PLANTED} == set(range(1, 41))
    assert {one["error"] for one in PLANTED} == {
        "identity", "duplicate", "missing", "extra", "status", "amount", "late", "timing"
    }  # fmt: skip


def test_the_journals_root_of_each_day_stands_on_the_chain(week: dict[str, Any]) -> None:
    assert list(week["anchored"]) == [f"2026-11-{day}" for day in range(23, 28)]
    assert len({*week["anchored"].values()}) == 5


def test_every_figure_of_the_scorecards_is_the_one_worked_out_by_hand(week: dict[str, Any]) -> None:
    assert week["wrong_figures"] == []
    for scope, figures in EXPECTED.items():
        assert {name: week["scorecard"][scope].get(name) for name in figures} == figures


def test_what_people_did_and_which_security_goes_on(week: dict[str, Any]) -> None:
    acts = {
        day["day"]: [(one["by"], one["do"], one["result"].split(":")[0]) for one in day["acts"]] for day in week["days"]
    }
    assert ("Ada Verne", "approve", "refused") in acts["2026-11-23"]
    assert ("Bo Lind", "approve", "as Ada Verne proposed") in acts["2026-11-23"]
    corrected = "legacy position ZZZZ00UTOPIATRUS0378|ZZ00LOREM014"
    assert week["days"][2]["closed"][corrected] == "corrected"
    in_time = "legacy trade CSD-1123-09"
    assert week["days"][1]["closed"][in_time] == "arrived"
    assert week["stages"] == {"ZZ00EXB20314": "shadow", "ZZ00LOREM014": "shadow", "ZZ00YND20343": "parallel"}
    assert {isin: one["met"] for isin, one in week["gates"].items()} == {
        "ZZ00EXB20314": False,
        "ZZ00LOREM014": False,
        "ZZ00YND20343": True,
    }


def test_all_invariants_hold_and_the_page_needs_nothing_else(week: dict[str, Any], page: Path) -> None:
    assert {f"I{number}" for number in range(1, 13)} <= set(week["invariants"])
    assert all(week["invariants"].values()) and week["violations"] == {}
    text = page.read_text("utf-8")
    assert text.lower().startswith("<!doctype html>") and "<script" not in text.lower()
    assert "Kingdom of Yonder" in text and "44 of 68" in text


# --- for people


def copied(folder: Path, days: int, **changed: tuple[str, str]) -> Path:
    """The example's first days with one text in place of another, by the file's name without its ending."""
    known = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
    for path in FOLDER.rglob("*"):
        place = path.relative_to(FOLDER)
        if not path.is_file() or path.suffix == ".md" or place.parts[0] in known[days:]:
            continue
        text = path.read_text()
        if path.stem in changed:
            old, new = changed[path.stem]
            assert old in text, old
            text = text.replace(old, new, 1)
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
    return folder


def test_what_a_person_sees_where_something_is_not_found_or_was_not_planted(tmp_path: Path) -> None:
    """A Monday, with an answer that is not there and one that is another."""
    folder = copied(tmp_path, 1)
    (folder / "week.toml").write_text("")
    (folder / "expected.toml").write_text('[all]\ndays = "2"\n')
    answers = [one for one in PLANTED if "2026-11-23" in one["found"]]
    for one in answers:
        one["found"] = {"2026-11-23": one["found"]["2026-11-23"]}
    answers[0] = {**answers[0], "found": {"2026-11-23": "status"}}
    answers[2] = {**answers[2], "name": "CSD-1123-07"}
    (folder / "planted.json").write_text(json.dumps(answers))
    with (folder / "2026-11-23" / "instructions.csv").open("a") as instructions:
        terms = "ZZ00LOREM014,1,42.30,EUR,2026-11-23,2026-11-23,2026-11-23T09:00:00Z"
        instructions.write(f"CSD-8,,ZZZZ00FABLEBANK00171,ZZZZ00CHIMERABRO0638,{terms}\nCSD-9\n")
    done = demo(str(folder), COLUMNS="160")
    assert done.returncode == 1
    for line in (
        r"^Monday 23 November +10 trades mirrored; 35 keys compared, 10 breaks found",
        r"^ +CSD-8 refused: receiver: 'ZZZZ00CHIMERABRO0638' breaks the rule: a participant of the market",
        r"^ +set apart: 2026-11-23/instructions.csv: line 13: line: '1 fields' breaks the rule: 11 fields",
        r"^ +4 +amount +legacy +Utopia Trust LOREM +\+90 +unknown +✓",
        r"no\. 1, legacy trade CSD-1123-02: found as amount, planted as status",
        r"no\. 3, legacy trade CSD-1123-07: planted as duplicate, not found",
        r"legacy trade CSD-1123-05: found as duplicate, not planted",
        r"^1 of 1 figures are not those worked out by hand in expected.toml",
        r"^8 of 10 planted discrepancies found as what they are",
    ):
        assert re.search(line, done.stdout, re.MULTILINE), f"{line}\n{done.stdout}"


def test_a_page_of_what_is_no_week(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "collateral", "--page", str(tmp_path / "page.html")])
    assert done.exit_code == 2
    assert "only of a parallel week" in done.output
