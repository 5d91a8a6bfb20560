"""A parallel week's folder, what is planted in it, and how findings are judged by that."""

import json
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from lockstep.app.demo_reconcile import run_parallel_week
from lockstep.app.parallel_week.files import Place, Planted, read_week
from lockstep.app.parallel_week.judging import judge_day
from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.differences import BreakClass
from lockstep.testing import planted_week
from lockstep.testing.planted_week_files import files, market, write

REPOSITORY = Path(__file__).resolve().parents[3]
FOLDER = REPOSITORY / "examples" / "parallel-week"
MONDAY = date(2026, 11, 23)


def test_the_example_is_what_the_planter_writes(tmp_path: Path) -> None:
    write(tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) == 26
    for name in written:
        assert (FOLDER / name).read_bytes() == (tmp_path / name).read_bytes(), f"{name}: python scripts/plant_week.py"


def test_the_planter_knows_nothing_of_what_it_judges() -> None:
    for module in (planted_week.__file__, planted_week.__file__.replace("week.py", "week_files.py")):
        imported = [line for line in Path(module).read_text().splitlines() if "lockstep" in line and "import" in line]
        assert all("lockstep.testing.planted_week" in line for line in imported)


def test_forty_discrepancies_of_every_class_in_every_subject_where_it_exists() -> None:
    planted = read_week(FOLDER).planted
    assert [one.number for one in planted] == list(range(1, 41))
    assert len({(one.place, day) for one in planted for day in one.found}) == sum(len(one.found) for one in planted)
    kinds = Counter((one.place.subject, one.error) for one in planted)
    balances = {"missing", "extra", "amount", "duplicate", "late", "timing"}
    assert {error for subject, error in kinds if subject == "trade"} == {one.value for one in BreakClass}
    assert all({error for of, error in kinds if of == subject} == balances for subject in ("position", "cash"))
    assert all(one.error in {each.value for each in one.found.values()} for one in planted)


@pytest.mark.parametrize("day", [0, 2, 4])
def test_what_the_legacy_book_says_is_held_adds_up_where_nothing_is_planted(day: int) -> None:
    """Trades move units between owners and make none."""
    isin = planted_week.YND34.isin
    wrong = [one.name for one in planted_week.PLANTED if one.subject == "position" and one.first <= day < one.until]
    assert not any(isin in name for name in wrong)
    rows = [row.split(",") for row in files(day)["positions.csv"].splitlines()[1:]]
    held = {owner: int(units) for _, owner, _, of, units in rows if of == isin}
    opening = {bank.lei: planted_week.opening(bank, planted_week.YND34) for bank in planted_week.BANKS}
    assert held.keys() == opening.keys() and held != opening
    assert sum(held.values()) == sum(opening.values())
    assert market().count("[[holdings]]") == 15


PLACE = Place(book="legacy", subject="trade", name="A")
ONE = Planted(number=1, error="late", place=PLACE, found={MONDAY: BreakClass.LATE}, story="")


@pytest.mark.parametrize(
    ("found", "right", "wrong"),
    [
        ([(PLACE, BreakClass.LATE)], [1], []),
        ([], [], ["no. 1, legacy trade A: planted as late, not found"]),
        ([(PLACE, BreakClass.AMOUNT)], [], ["no. 1, legacy trade A: found as amount, planted as late"]),
        (
            [(PLACE, BreakClass.LATE), (Place(book="chain", subject="trade", name="A"), BreakClass.LATE)],
            [1],
            ["chain trade A: found as late, not planted"],
        ),
    ],
)
def test_findings_are_right_missing_other_or_invented(
    found: list[tuple[Place, BreakClass]], right: list[int], wrong: list[str]
) -> None:
    judged = judge_day(MONDAY, found, [ONE])
    assert [one.number for one in judged.right] == right
    assert list(judged.wrong) == wrong
    tuesday = judge_day(date(2026, 11, 24), found, [ONE])
    assert not tuesday.right and len(tuesday.wrong) == len(found)


def copied(folder: Path, **changed: tuple[str, str]) -> Path:
    shutil.copytree(FOLDER, folder)
    for name, (old, new) in changed.items():
        (path,) = folder.glob(f"{name}.*")
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))
    return folder


@pytest.mark.parametrize(
    ("name", "old", "new", "field"),
    [
        ("week", 'do = "assign"', 'do = "sing"', "week.toml/acts/1/do"),
        ("week", "day = 2026-11-23", "day = 2026-11-30", "week.toml/acts/1/day"),
        ("week", 'do = "issue"', 'do = "burn"', "week.toml/outside/1/do"),
        ("week", "at = 2026-11-25T14:00:00Z", "at = 2026-11-29T14:00:00Z", "week.toml/outside/1/at"),
        ("market", "business_day = 2026-11-23", "business_day = 2026-11-20", "market.toml/business_day"),
        ("gates", 'from = "shadow"', 'from = "space"', "gate[1].from"),
        ("rules", "patience_days = 0", "patience_days = -1", "rule[1]/patience_days"),
        ("planted", '"legacy"', '"ledger"', "planted.json"),
        ("expected", 'days = "5"', "days = 5", "expected.toml/all/days"),
    ],
)
def test_a_folder_that_cannot_be_played_is_refused_before_anything_is_founded(
    tmp_path: Path, name: str, old: str, new: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as broken:
        run_parallel_week(copied(tmp_path / "week", **{name: (old, new)}), tmp_path / "root")
    assert broken.value.field == field
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("moment", ["2026-11-24T08:00:00Z", "2026-11-23T06:59:59Z", "2026-11-23T17:30:00Z"])
def test_an_instruction_of_another_day_or_hour_is_refused_before_anything_is_founded(
    tmp_path: Path, moment: str
) -> None:
    folder = copied(tmp_path / "week")
    path = folder / "2026-11-23" / "instructions.csv"
    path.write_text(path.read_text().replace("2026-11-23T10:00:00Z", moment, 1))
    with pytest.raises(InvalidInput) as broken:
        run_parallel_week(folder, tmp_path / "root")
    assert broken.value.field == "2026-11-23/instructions.csv, line 6: instructed_at"
    assert not (tmp_path / "root").exists()


def test_without_answers_nothing_is_judged(tmp_path: Path) -> None:
    folder = copied(tmp_path / "week")
    for name in ("planted.json", "expected.toml"):
        (folder / name).unlink()
    week = read_week(folder)
    assert (week.planted, dict(week.expected)) == ((), {})
    assert json.loads((FOLDER / "planted.json").read_text())


def test_a_folder_without_days(tmp_path: Path) -> None:
    folder = copied(tmp_path / "week")
    for day in planted_week.DAYS:
        shutil.rmtree(folder / str(day))
    with pytest.raises(InvalidInput) as broken:
        read_week(folder)
    assert broken.value.field == "folder"
