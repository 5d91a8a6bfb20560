"""Trades per second of a whole system, and what one trade takes of every process."""

import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from engine_system import ROOT, WARM_UP, System, Watch, cpu_seconds, postgresql, rpc, spent_since

from lockstep.testing.trade_files import FileMarket

Told = Callable[[str], None]


def load(
    count: int,
    *,
    workers: int,
    on_postgresql: bool,
    folder: Path,
    told: Told,
    block_seconds: float,
    after: Callable[[System], dict[str, Any]] = lambda _: {},
) -> dict[str, Any]:
    """So many trades handed in as one folder, from the XML on disk until each trade's two confirmations are there.

    `after` adds what else can be seen of the system while it still runs.
    """
    market = FileMarket(trades=count + WARM_UP)
    with ExitStack() as stack:
        url, server = None, None
        if on_postgresql:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lockstep-")))
            url, server = stack.enter_context(postgresql(place))
        system = stack.enter_context(System(folder, market, workers=workers, database=url, block_seconds=block_seconds))
        watch = Watch(system.home.outbox)
        market.write(folder / "warm-up", range(count + 1, count + WARM_UP + 1))
        system.submit(folder / "warm-up").wait()
        watch.wait(2 * WARM_UP, lambda _: None, system.alive)
        market.write(folder / "trades", range(1, count + 1))
        os.sync()
        already, before, server_before = _records(system), system.cpu(), cpu_seconds(server) if server else 0.0
        ended_before = _ended()
        started = time.time()
        system.submit(folder / "trades")
        last = watch.wait(
            2 * (count + WARM_UP),
            lambda there: told(f"{there // 2 - WARM_UP} of {count} after {time.time() - started:.0f} s"),
            system.alive,
        )
        spent = spent_since(before, system.cpu())
        spent["client"] = round(spent.get("client", 0.0) + _ended() - ended_before, 3)
        if server:
            spent["postgresql"] = round(cpu_seconds(server) - server_before, 3)
        seconds = last - started
        found = {
            "trades": count,
            "seconds": round(seconds, 2),
            "trades_per_second": round(count / seconds, 2),
            "after_seconds": _reached(sorted(watch.since.values())[2 * WARM_UP :], started),
            "cpu_ms_per_trade": {role: round(1000 * one / count, 2) for role, one in sorted(spent.items())},
            "rss_mib": round(system.peak_mib("service")),
            "block_seconds": block_seconds,
            "blocks": int(rpc(system.rpc, "eth_blockNumber"), 16),
        }
        found["workers_that_sent"] = _senders(system)
        if not on_postgresql:
            found["bytes_per_trade"] = round((_records(system) - already) / count)
        return found | after(system)


def _reached(moments: Sequence[float], started: float) -> dict[str, float]:
    """When so many of a hundred confirmations were there, seconds: a load may be held up by its last ones."""
    shares = (10, 50, 90, 99, 99.9)
    return {f"{share:g} %": round(moments[int(len(moments) * share / 100)] - started, 2) for share in shares}


def _ended() -> float:
    """CPU seconds of this process's children that have ended: the client."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _senders(system: System) -> int:
    """How many workers' keys have sent transactions: whose had none only waited to take over."""
    database = system.home.open_database()
    try:
        with database.connect() as connection:
            ((count,),) = connection.exec_driver_sql("SELECT count(DISTINCT sender) FROM sent_transaction").fetchall()
    finally:
        database.dispose()
    return int(count)


def _records(system: System) -> int:
    """Bytes of the service's database, its write-ahead log included once, as pages."""
    if system.database is not None:
        return 0
    connection = sqlite3.connect(system.home.root / "service.db")
    try:
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
        ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    finally:
        connection.close()
    return int(pages * size)


__all__ = ["ROOT", "Told", "load"]
