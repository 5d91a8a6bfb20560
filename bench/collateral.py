"""Collateral, measured: many positions judged, allocated and counted, and what the register's acts cost.

    python bench/collateral.py             writes bench/collateral.json

* `eligibility`: 100,000 positions, each in a security of its own, under 50 schedules of five rules with up to thirteen
  haircut bands each: the rule and the haircut of every pair. `seconds` from columns, at most 1 the goal; `read_seconds`
  is what making the columns of as many values takes, once for all schedules, when reference data change.
* `allocation`: 500 exposures under 50 schedules with limits by issuer, country and security, from 20,000 positions in
  five currencies, in lots: at most 10 seconds the goal, the greedy rule's answer within it. `cost` in minor units;
  `saved` of the greedy rule's cost; `above_bound`: how much dearer than a bound below which no allocation is.
* `inventory`: 1,000,000 rows, 800,000 accounts and 200,000 pledges, a third of them re-used, as of a block: at most 1
  second the goal.
* `gas`: what each act of the register takes, and `beside_an_erc20_transfer` of the same token.
* `cpu_seconds` is the processor's time, which other work on the machine does not flatter; `load` the machine's load
  average over a minute, before and after. The best of `RUNS` runs, of allocation one.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from collateral_gas import beside_a_transfer, measure
from collateral_market import DAY, PARTIES, schedules, securities, task

from lockstep.analytics.cheapest import CheapestAllocator
from lockstep.analytics.columns import AssetColumns
from lockstep.analytics.eligibility import INELIGIBLE, Judge
from lockstep.analytics.greedy import GreedyAllocator
from lockstep.analytics.inventory import ENDLESS, Holdings, Pledges, inventory

OUT = Path(__file__).with_name("collateral.json")
SEED = "collateral 1"
RUNS = 3


def timed(act: Callable[[], Any], runs: int = RUNS) -> tuple[Any, dict[str, float]]:
    """What it gives, and the best wall and processor seconds of several runs."""
    wall, cpu, given = [], [], None
    for _ in range(runs):
        begun, used = time.perf_counter(), time.process_time()
        given = act()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
    return given, {"seconds": round(min(wall), 3), "cpu_seconds": round(min(cpu), 3)}


def eligibility() -> dict[str, Any]:
    assets = securities(100_000, SEED)
    pairs = [(one, PARTIES) for one in schedules(50, SEED)]
    table, read = timed(lambda: AssetColumns(assets), 1)
    found, spent = timed(lambda: Judge(table, DAY).all_verdicts(pairs))
    eligible = sum(int((one.haircuts != INELIGIBLE).sum()) for one in found)
    return {
        "positions": len(assets),
        "schedules": len(pairs),
        **spent,
        "goal_seconds": 1,
        "read_seconds": read["seconds"],
        "eligible_share": round(eligible / len(assets) / len(pairs), 3),
    }


def allocation() -> dict[str, Any]:
    of = task(20_000, 500, SEED)
    greedy, quick = timed(lambda: GreedyAllocator().allocate(of), 1)
    cheapest, spent = timed(lambda: CheapestAllocator().allocate(of), 1)
    return {
        "positions": len(of.available),
        "requirements": len(of.requirements),
        **spent,
        "goal_seconds": 10,
        "greedy_seconds": quick["seconds"],
        "greedy_cost": greedy.cost,
        "greedy_shortfalls": len(greedy.shortfalls),
        "cost": cheapest.cost,
        "shortfalls": len(cheapest.shortfalls),
        "method": cheapest.method,
        "picks": len(cheapest.picks),
        "bound": cheapest.bound,
        "saved": round(1 - cheapest.cost / greedy.cost, 4),
        "above_bound": None if not cheapest.bound else round(cheapest.cost / cheapest.bound - 1, 4),
    }


def positions(accounts: int, pledged: int) -> tuple[Holdings, Pledges]:
    """Rows of 1,000 participants and 2,000 securities on two networks; children re-use roots before them."""
    chance = np.random.default_rng(7)

    def whole(most: int, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        return chance.integers(0, most, size, dtype=np.int64)

    owned = whole(10**12, accounts)
    endless = np.full(accounts, ENDLESS)
    holdings = Holdings(
        whole(1_000, accounts), whole(2_000, accounts), whole(2, accounts), owned, owned // 3, owned // 50,
        whole(900, accounts), np.where(chance.random(accounts) < 0.9, endless, 1_000),
    )  # fmt: skip
    roots = pledged * 2 // 3
    ids = np.arange(pledged, dtype=np.int64)
    parents = np.where(ids < roots, -1, whole(roots, pledged))
    same = np.where(ids < roots, ids, parents)
    securities_, networks, quantity = whole(2_000, pledged), whole(2, pledged), whole(10**10, pledged)
    pledges = Pledges(
        ids, parents, whole(1_000, pledged), whole(1_000, pledged), securities_[same], networks[same], quantity,
        np.full(pledged, 500_000), np.full(pledged, DAY.toordinal()), np.zeros(pledged, dtype=np.int64),
        np.full(pledged, ENDLESS),
    )  # fmt: skip
    return holdings, pledges


def count() -> dict[str, Any]:
    holdings, pledges = positions(800_000, 200_000)
    sheet, spent = timed(lambda: inventory(holdings, pledges, 1_500))
    return {"rows": 1_000_000, **spent, "goal_seconds": 1, "lines": len(sheet.owned)}


def main() -> None:
    gas = measure()
    found: dict[str, Any] = {"gas": gas, "beside_an_erc20_transfer": beside_a_transfer(gas)}
    before = os.getloadavg()[0]
    for name, work in (("eligibility", eligibility), ("allocation", allocation), ("inventory", count)):
        found[name] = work()
        print(name, json.dumps(found[name]))
    found["load"] = [round(before, 1), round(os.getloadavg()[0], 1)]
    OUT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
