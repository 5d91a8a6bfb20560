"""The books of a market with a collateral register: what it pays, sells and moves is no trade, and no break either."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from lockstep.app import demo_collateral
from lockstep.app.reconciling import Reconciliation, of_world, reconcile_day
from lockstep.app.world import World
from lockstep.chain.audit import collect
from lockstep.domain.reconciliation.books import Book, Subject

pytestmark = pytest.mark.deep

FOLDER = Path(__file__).parents[2] / "examples" / "collateral-day"
DAYS = (date(2026, 11, 23), date(2026, 11, 24))


def test_the_books_agree_after_margin_income_substitution_and_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Reconciliation] = []
    payments: list[int] = []
    supplies: dict[str, int] = {}

    class Watched(World):
        def close(self) -> None:
            runs.extend(reconcile_day(of_world(self), day) for day in DAYS)
            isins = {one.token: one.isin for one in self.market.securities.values()}
            found = collect(self.chain.node, self.market.network, list(isins)).supplies
            supplies.update({isins[token]: units for token, units in found.items()})
            payments.append(sum(one.state.name == "BOOKED" for one in self.rtgs.facts().payments))
            super().close()

    monkeypatch.setattr(demo_collateral, "World", Watched)
    demo_collateral.run_collateral_day(FOLDER, tmp_path / "world")
    for run in runs:
        assert run.comparison.found == () and run.comparison.alone == () and not run.silent and run.agrees
    (chain,) = (one for one in runs[-1].said if one.book is Book.CHAIN)
    held: Counter[str] = Counter()
    for line in chain.lines:
        held[line.key.instrument] += line.quantity if line.key.subject is Subject.POSITION and line.quantity else 0
    assert {isin: units for isin, units in held.items() if isin} == supplies
    assert payments[0] > sum(one.key.subject is Subject.TRADE for run in runs for one in run.said[1].lines)
