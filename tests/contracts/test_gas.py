"""No figure of bench/gas.json grows by more than one per cent unnoticed."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parents[2] / "bench"


def flat(figures: dict[str, Any], path: str = "") -> Iterator[tuple[str, int]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{name}.")
        else:
            yield path + name, value


def test_no_figure_grew() -> None:
    spec = importlib.util.spec_from_file_location("bench_gas", BENCH / "gas.py")
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    committed, measured = (dict(flat(one)) for one in (json.loads((BENCH / "gas.json").read_text()), bench.measure()))
    assert set(measured) == set(committed)
    grown = {name: (committed[name], now) for name, now in measured.items() if 100 * now > 101 * committed[name]}
    assert not grown
