"""The settlement engine, measured: trades per second with everything on this machine, and where the time goes.

    python bench/engine.py                          every figure that is not there yet, 20,000 trades each: hours
    python bench/engine.py --trades 300             a try
    python bench/engine.py --only sqlite_1,parts    these figures alone; --again measures them anew
    python bench/engine.py --limit 1800             ends each figure after so many seconds

Writes bench/engine.json. What was measured is kept in .build/bench/engine, by figure, and taken from there by the next
run, which so goes on where the last one ended; a figure that could not be had is null, with its reason in `missing`.

* `trades_per_second`: anvil, the RTGS, four agents and 1, 2 or 4 service workers, each a process, on SQLite or on a
  PostgreSQL server of its own (durable: fsync on). Timing starts when the XML of all trades lies on disk and
  `lockstep submit FOLDER` is called, and ends with the last of the two sese.025 of every trade under its name in the
  outbox; every signature is made inside. RTGS and agents keep SQLite files. Anvil makes a block every 0.5 seconds,
  and a lock or a settlement counts when it lies two blocks deep.
* `cpu_ms_per_trade`: what one trade needs of each part, that part run alone (see engine_parts.py), of what `sqlite_1`
  left behind, right after it; where that gave none, of what a load of a few hundred trades leaves (`parts`).
  `ceiling_per_second`: two cores divided by their sum.
  `share_of_ceiling` and `times_sequence` are of the best of `trades_per_second`.
* `sequence_per_second`: for comparison, five transactions per trade, each awaited (see engine_sequence.py).
* `latency_ms`: the service's own time, at half of the rate of `sqlite_1` (see engine_service.py).
* `flatness_1k_to_100k`: the service's time per trade with 100,000 trades in its records, half of them finished and
  half waiting for money, divided by that with 1,000.
* `bytes_per_trade`, `rss_mib`: of the service's SQLite database and of its process, at the end of `sqlite_1`.
* `events_per_second`: the service's own chain reader, anew over all that `sqlite_1` left on the chain.
* `rebuild_seconds_100k`: `lockstep rebuild` after `sqlite_1`, its database deleted, where that had 100,000 trades at
  least; else of bench/rebuild.json, where that had. In `details` is whatever it had.

`details` has each figure as it was measured: the CPU of every process in the whole load, too, and how many of the
workers had sent transactions. A load that some of the workers had no part in is told of in `missing`.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine_load import load
from engine_parts import cpu_of_parts
from engine_sequence import sequence
from engine_service import latency, seconds_each
from engine_system import BLOCK_SECONDS, COMMAND, ROOT, WARM_UP, System

from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.errors import LockstepError

KEPT = ROOT / ".build" / "bench" / "engine"
RESULT = ROOT / "bench" / "engine.json"
REBUILD = ROOT / "bench" / "rebuild.json"
TRADES, SEQUENCE, PARTS = 20_000, 500, 400
MEMORY = (1_000, 100_000)
LOADS = {
    "sqlite_1": (1, False),
    "sqlite_2": (2, False),
    "postgresql_1": (1, True),
    "postgresql_2": (2, True),
    "postgresql_4": (4, True),
}
Figure = Callable[[Path], dict[str, Any]]


class TimeUp(Exception):
    """A figure took longer than its limit."""


def told(name: str, line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {name}: {line}", flush=True)


def events(system: System) -> dict[str, Any]:
    """Every event of the chain read by a reader that knows none."""
    ledger = EvmAssetLedger(Node(system.rpc), system.home.market().network)
    started = time.perf_counter()
    locked = ledger.locked()
    seconds = time.perf_counter() - started
    count = sum(len(ledger.history(one)) for one in locked)
    return {"events": count, "events_seconds": round(seconds, 3), "events_per_second": round(count / seconds)}


def parts_alone(system: System, trades: int) -> dict[str, Any]:
    """Of the load that has just been measured. Ends the service and the agents."""
    try:
        return cpu_of_parts(system, trades)
    except (AssertionError, OSError, ValueError, LockstepError) as error:
        return {"parts_missing": f"{type(error).__name__}: {error}"}


def rebuilt_elsewhere() -> float | None:
    """What bench/rebuild.py measured of as many trades."""
    known = json.loads(REBUILD.read_text()) if REBUILD.exists() else {}
    return known.get("seconds") if known.get("trades", 0) >= MEMORY[1] else None


def rebuilt(system: System, count: int) -> dict[str, Any]:
    """Seconds of `lockstep rebuild` on an empty database; nothing where there is no such command."""
    if subprocess.run([*COMMAND, "rebuild", "--help"], capture_output=True, check=False).returncode:
        return {}
    for role in [one for one in system.running if one.startswith("service")]:
        system.stop(role)
    for path in system.home.root.glob("service.db*"):
        path.unlink()
    started = time.perf_counter()
    done = subprocess.run(
        [
            *COMMAND,
            "rebuild",
            *(str(system.folder / one) for one in ("warm-up", "trades")),
            "--home",
            str(system.home.root),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        return {"rebuild_missing": done.stderr[-300:]}
    return {"rebuild_seconds": round(seconds, 1), "rebuild_trades": count + WARM_UP}


def flatness(count: int, memory: tuple[int, int], folder: Path) -> dict[str, Any]:
    little, much = (seconds_each(count, one, folder / str(one)) for one in memory)
    return {"little": little, "much": much, "flatness": round(much["ms_per_trade"] / little["ms_per_trade"], 2)}


def own_time(count: int, records: "Records", folder: Path) -> dict[str, Any]:
    rate = records.kept("sqlite_1").get("trades_per_second")
    if rate is None:
        raise RuntimeError("half load is half of sqlite_1, which is not there")
    return latency(count, rate / 2, folder)


def figures(given: argparse.Namespace, records: "Records") -> dict[str, Figure]:
    count, block_seconds = given.trades, given.block_seconds

    def afterwards(system: System) -> dict[str, Any]:
        return events(system) | parts_alone(system, count + WARM_UP) | rebuilt(system, count)

    made: dict[str, Figure] = {}
    for name, (workers, on_postgresql) in LOADS.items():
        made[name] = partial(
            _load,
            name,
            count,
            workers,
            on_postgresql,
            block_seconds,
            afterwards if name == "sqlite_1" else lambda _: {},
        )
    parts = min(count, PARTS)
    made["parts"] = partial(
        _load, "parts", parts, 1, False, block_seconds, lambda system: cpu_of_parts(system, parts + WARM_UP)
    )
    made["sequence"] = lambda folder: sequence(min(count, SEQUENCE), folder, partial(told, "sequence"))
    made["latency"] = partial(own_time, min(count, 2_000), records)
    made["flatness"] = partial(flatness, min(count, 1_000), MEMORY if given.memory is None else (1_000, given.memory))
    return made


def _load(
    name: str,
    count: int,
    workers: int,
    on_postgresql: bool,
    block_seconds: float,
    after: Callable[[System], dict[str, Any]],
    folder: Path,
) -> dict[str, Any]:
    return load(
        count,
        workers=workers,
        on_postgresql=on_postgresql,
        folder=folder,
        told=partial(told, name),
        block_seconds=block_seconds,
        after=after,
    )


@dataclass(frozen=True)
class Records:
    """What was measured so far, one file for each figure."""

    folder: Path

    def kept(self, name: str) -> dict[str, Any]:
        """What was found of a figure, or {}."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def keep(self, name: str, found: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")


def measured(figure: Figure, folder: Path, limit: int) -> dict[str, Any]:
    """A figure, or why there is none. `folder` is for what it needs meanwhile, and stays: for a minute or two after
    many files were deleted, ext4 takes several times as long to make one."""

    def up(_number: int, _frame: object) -> None:
        raise TimeUp

    signal.signal(signal.SIGALRM, up)
    signal.alarm(limit)
    load_before = round(os.getloadavg()[0], 1)
    try:
        found = figure(folder)
    except TimeUp:
        return {"missing": f"not within {limit} seconds"}
    except Exception as error:
        return {"missing": f"{type(error).__name__}: {error}"}
    finally:
        signal.alarm(0)
    return found | {"load_before": load_before}


def result(trades: int, records: Records) -> dict[str, Any]:
    """The figures together, from what is kept."""
    kept = records.kept
    parts, in_sequence, own, flat = (kept(name) for name in ("parts", "sequence", "latency", "flatness"))
    rates = {name: kept(name).get("trades_per_second") for name in LOADS}
    best = max((one for one in rates.values() if one is not None), default=None)
    on_sqlite = kept("sqlite_1")
    alone = (
        on_sqlite.get("cpu_ms_alone")
        or parts.get("cpu_ms_alone")
        or dict.fromkeys(("messages", "rtgs", "store", "signing", "chain"))
    )
    known = [one for one in alone.values() if one is not None]
    ceiling = round(2000 / sum(known), 1) if len(known) == len(alone) else None
    per_sequence = in_sequence.get("sequence_per_second")
    missing = {name: kept(name).get("missing", "not measured yet") for name in (*LOADS, "parts", "sequence", "latency",
               "flatness") if not kept(name) or "missing" in kept(name)}  # fmt: skip
    rebuild = on_sqlite.get("rebuild_seconds") if on_sqlite.get("rebuild_trades", 0) >= MEMORY[1] else None
    for name, (workers, _) in LOADS.items():
        took_part = kept(name).get("workers_that_sent", workers)
        if took_part < workers:
            missing[name] = f"only {took_part} of {workers} workers had a part in it"
    rebuild = rebuild or rebuilt_elsewhere()
    if rebuild is None:
        there = f"only with {on_sqlite['rebuild_trades']} trades" if "rebuild_trades" in on_sqlite else None
        missing["rebuild_seconds_100k"] = there or on_sqlite.get("rebuild_missing", "`lockstep rebuild` is not there")
    return {
        "trades_per_second": rates,
        "cpu_ms_per_trade": alone,
        "ceiling_per_second": ceiling,
        "share_of_ceiling": None if best is None or ceiling is None else round(best / ceiling, 3),
        "sequence_per_second": per_sequence,
        "times_sequence": None if best is None or per_sequence is None else round(best / per_sequence, 2),
        "latency_ms": {"p50": own.get("p50"), "p99": own.get("p99")},
        "flatness_1k_to_100k": flat.get("flatness") if flat.get("much", {}).get("remembered") == MEMORY[1] else None,
        "bytes_per_trade": on_sqlite.get("bytes_per_trade"),
        "rss_mib": on_sqlite.get("rss_mib"),
        "events_per_second": on_sqlite.get("events_per_second"),
        "rebuild_seconds_100k": rebuild,
        "missing": missing,
        "trades_per_figure": trades,
        "cores": os.cpu_count(),
        "details": {name: kept(name) for name in (*LOADS, "parts", "sequence", "latency", "flatness") if kept(name)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the settlement engine and writes bench/engine.json.")
    parser.add_argument("--trades", type=int, default=TRADES, help="trades per figure")
    parser.add_argument("--only", help="these figures, with a comma between")
    parser.add_argument("--again", action="store_true", help="measure anew what is kept")
    parser.add_argument("--limit", type=int, default=7_200, help="seconds per figure")
    parser.add_argument("--memory", type=int, help="trades remembered, in place of 100,000: then no figure")
    parser.add_argument("--block-seconds", type=float, default=BLOCK_SECONDS)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--keep", type=Path, default=KEPT, help="where what was measured is kept")
    given = parser.parse_args()
    records = Records(given.keep)
    known = figures(given, records)
    wanted = list(known) if given.only is None else given.only.split(",")
    unknown = set(wanted) - set(known)
    if unknown:
        sys.exit(f"--only: {', '.join(sorted(unknown))}: not one of {', '.join(known)}")
    scrap = given.keep / "scrap"
    for name in wanted:
        there = records.kept(name)
        if there.get("asked") == given.trades and "missing" not in there and not given.again:
            told(name, "kept from before")
            continue
        told(name, "begins")
        folder = scrap / f"{name}-{time.time_ns()}"
        found = measured(known[name], folder, given.limit) | {"asked": given.trades}
        records.keep(name, found)
        told(name, found.get("missing") or "measured")
        given.out.write_text(json.dumps(result(given.trades, records), indent=2) + "\n")
    given.out.write_text(json.dumps(result(given.trades, records), indent=2) + "\n")
    print(json.dumps(result(given.trades, records), indent=2))
    shutil.rmtree(scrap, ignore_errors=True)


if __name__ == "__main__":
    main()
