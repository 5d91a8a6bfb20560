"""The first day, measured: seconds, gas of lock and settle, and microseconds per ISO 20022 message.

    python bench/first_day.py        writes bench/first_day.json

Gas is beside the best figures known of comparable systems (their own code on anvil, quorum of one or
no proof of payment at all; docs/explanation/contracts.md names them). Speed depends on the machine.
"""

import json
import tempfile
import time
from pathlib import Path
from statistics import mean, median

from lockstep import read_message, run_day, write_message
from lockstep.app.views import Row

ROOT = Path(__file__).resolve().parents[1]
DAY = ROOT / "examples" / "first-day"
BEST_KNOWN_GAS = {"lock": 157_370, "settle": 56_252, "dvp": 213_622}
"""FinP2P's escrow: no party's signature at the lock, no proof of payment at the settle."""
ROUNDS = 200


def gas() -> dict[str, int]:
    """Mean gas over the day's settled trades, from their receipts."""
    from lockstep.app.intake import expand, submit_file
    from lockstep.app.market_file import read_market
    from lockstep.app.world import World

    with tempfile.TemporaryDirectory() as root:
        world = World(read_market(DAY / "market.toml"), Path(root))
        for path in expand([DAY / "1-opening"]):
            submit_file(world.reception, path)
        world.run_until_quiet()
        spent: dict[str, list[int]] = {"Locked": [], "Settled": []}
        for trade in world.book.trades():
            for event in world.ledger.history(trade.settlement_id) if trade.settlement_id else ():
                spent.setdefault(event.name, []).append(world.ledger.gas_of(event.transaction) or 0)
        world.close()
    lock, settle = round(mean(spent["Locked"])), round(mean(spent["Settled"]))
    return {"lock": lock, "settle": settle, "dvp": lock + settle}


def microseconds() -> dict[str, float]:
    """Median per message, validated, one core: a sese.023 read and written."""
    data = (DAY / "1-opening" / "010-t01-fabl-delivers.xml").read_bytes()
    message = read_message(data)
    figures = {}
    for name, act in (("read", lambda: read_message(data)), ("write", lambda: write_message(message))):
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter_ns()
            act()
            times.append((time.perf_counter_ns() - started) / 1000)
        figures[f"sese.023 {name}"] = round(median(times), 1)
    return figures


def main() -> None:
    report = run_day(DAY)
    settled: list[Row] = [row for row in report.rows if row.state == "SETTLED"]
    used = gas()
    result = {
        "first_day_seconds": round(report.seconds, 2),
        "settled": len(settled),
        "gas": used,
        "gas_over_best_known": {name: round(used[name] / best, 2) for name, best in BEST_KNOWN_GAS.items()},
        "microseconds": microseconds(),
    }
    (ROOT / "bench" / "first_day.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
