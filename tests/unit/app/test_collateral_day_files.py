"""A collateral day's folder: what is read of the example, and what of another one is refused, by file, field, rule."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockstep.app.collateral_day.files import Node, read_collateral_day
from lockstep.app.demo_collateral import run_collateral_day
from lockstep.domain.collateral.register import AgreementMode
from lockstep.domain.errors import InvalidInput

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "collateral-day"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "day"))


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text, old
    (folder / name).write_text(text.replace(old, new, 1))


def test_the_example() -> None:
    day = read_collateral_day(FOLDER)
    assert datetime.fromtimestamp(day.ends, UTC) == datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC)
    margin = day.agreements["margin"]
    assert (margin.mode, margin.reuse_cap, margin.max_depth) == (AgreementMode.SECURITY_INTEREST, 800_000, 2)
    assert (margin.margin.threshold, margin.margin.multiple) == (50_000_000, 1_000_000)
    assert [one.figures["ZZ00EXB20314"] for one in day.prices] == [991_000, 980_000, 994_000]
    assert [one.figures["loan"] for one in day.exposures] == [138_000_000, 140_000_000, 140_000_000]
    assert len(day.steps) == 24


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("agreements.toml", 'mode = "title transfer"', 'mode = "loan"', "agreements/1/mode: 'loan' .*one of security"),
        ("agreements.toml", 'name = "margin"', 'name = "repo"', "agreements/2/name: 'repo' .* each name once"),
        ("agreements.toml", 'taker = "MIRGZZ2AXXX"', 'taker = "NOBDZZ2A"', "agreements/1/taker: 'NOBDZZ2A'"),
        ("agreements.toml", 'schedule = "governments"', 'schedule = "gold"', "agreements/1/schedule: .*gold.json"),
        ("agreements.toml", "max_depth = 2", "max_depth = 9", "agreements/2/max_depth: '9' .* from 0 to 8"),
        ("agreements.toml", "notice = 1800", "haste = 1800", "agreements/5/haste: '1800' .* nothing of this name"),
        ("agreements.toml", 'threshold = "500000.00"', "threshold = 500000", "agreements/2/threshold: '500000' .*text"),
        ("bonds.toml", 'rating = "AA"', 'rating = "good"', "notation: 'good'"),
        ("bonds.toml", "[ZZ00FAB20335]", "[ZZ00FAB20336]", "bonds.toml/ZZ00FAB20335: 'None' .* a table"),
        ("prices.toml", '"99.10"', '"99.10001"', "prices/1/ZZ00EXB20314: '99.10001'"),
        ("prices.toml", "T11:00:00Z", "T07:00:00Z", "prices/2/from: '2026-11-23 07:00:00.00:00' .* after"),
        ("prices.toml", "T11:00:00Z", "T11:00:00", "prices/2/from: .* a whole second, in UTC"),
        ("exposures.toml", "loan =", "lent =", "exposures/1/lent: '1380000.00' .* nothing of this name"),
        ("market.toml", "\ncollateral = true", "\ncollateral = false", "market.toml/collateral: 'False'"),
        ("day.toml", "[[steps]]", "[[steps", "day.toml: .* TOML"),
    ],
)
def test_what_is_refused(folder: Path, name: str, old: str, new: str, says: str) -> None:
    change(folder, name, old, new)
    with pytest.raises(InvalidInput, match=says):
        read_collateral_day(folder)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "repo-opened"', 'name = "eligible"', "steps/2/name: 'eligible' .* each name once"),
        ("at = 2026-11-23T08:00:00Z", 'at = "08:00"', "steps/1/at: '08:00' .* an instant"),
    ],
)
def test_steps_are_looked_at_before_anything_is_founded(folder: Path, old: str, new: str, says: str) -> None:
    change(folder, "day.toml", old, new)
    founded: list[str] = []
    with pytest.raises(InvalidInput, match=says):
        run_collateral_day(folder, told=founded.append)
    assert not founded


def test_a_folder_without_a_file(folder: Path) -> None:
    (folder / "bonds.toml").unlink()
    with pytest.raises(InvalidInput, match="a file that can be read"):
        read_collateral_day(folder)


def test_what_nobody_asked_for_is_refused() -> None:
    node = Node({"title": "x", "haste": "great"}, "day.toml/steps/1")
    assert node.text("title") == "x"
    with pytest.raises(InvalidInput, match=r"day\.toml/steps/1/haste: 'great'"):
        node.done()
    assert node.text("haste") == "great" == node.text("haste")
    node.done()
