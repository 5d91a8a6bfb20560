"""No gas figure of bench/gas.json and bench/collateral.json grows by more than one per cent unnoticed."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def flat(figures: dict[str, Any], path: str = "") -> Iterator[tuple[str, int]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{name}.")
        else:
            yield path + name, value


def measured_by(name: str) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    found: dict[str, Any] = bench.measure()
    return found


@pytest.mark.parametrize(("bench", "file", "section"), [("gas", "gas", None), ("collateral_gas", "collateral", "gas")])
def test_no_figure_grew(bench: str, file: str, section: str | None) -> None:
    kept = json.loads((BENCH / f"{file}.json").read_text())
    committed, measured = dict(flat(kept[section] if section else kept)), dict(flat(measured_by(bench)))
    assert set(measured) == set(committed)
    grown = {name: (committed[name], now) for name, now in measured.items() if 100 * now > 101 * committed[name]}
    assert not grown
