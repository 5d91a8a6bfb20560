"""`lockstep up`: chain, RTGS, agents and service together, as processes that are started again if they die."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from lockstep.app.clocks import OffsetClock
from lockstep.app.founding import AGENTS
from lockstep.app.home import EMBEDDED, Home, Settings, checked_database, checked_rpcs
from lockstep.app.installing import found
from lockstep.app.market_file import read_market
from lockstep.app.operators import add_operators
from lockstep.app.world import World
from lockstep.chain.node import Node
from lockstep.domain.errors import InvalidInput, Misconfigured, Unavailable

__all__ = ["bring_up", "find_anvil", "judge_options"]

DATABASE_VARIABLE = "LOCKSTEP_RTGS_DATABASE"
RTGS_PORT = 8020
"""Where a new installation's RTGS listens on loopback, if no port is named."""

PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A child that ran so long was well; its next death counts as its first."""
Told = Callable[[str, str], None]


def find_anvil() -> str | None:
    """The anvil of this project's node_modules, else the one on the PATH."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[3]):
        for binary in sorted((root / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil")):
            return str(binary)
    return shutil.which("anvil")


def judge_options(
    home: Home,
    *,
    market: Path | None,
    rpc: str | None,
    rtgs_port: int | None,
    by_drop: bool,
    workers: int | None = None,
    database: str | None = None,
) -> None:
    """Refuses options that `bring_up` could not do anything with. Raises InvalidInput, with option, value and rule.

    What an installation was founded with stays: an option may name it again, and nothing else. A password is never
    shown.
    """
    rpcs = None if rpc is None else checked_rpcs(rpc)
    named = None if database is None else checked_database(database, field="--db")
    if not home.is_founded:
        if rpc is None and find_anvil() is None:
            none = "none where all runs in one process, as without --rpc and without anvil: its"
            if rtgs_port is not None:
                raise InvalidInput("--rtgs-port", rtgs_port, f"{none} RTGS has no port")
            if DATABASE_VARIABLE in os.environ:  # the URL may hold a password: it is not told
                raise InvalidInput(DATABASE_VARIABLE, "a URL", f"{none} RTGS keeps its ledger in rtgs.db")
            if named is not None:
                raise InvalidInput("--db", named, f"{none} service keeps its records in service.db")
            if workers is not None:
                raise InvalidInput("--workers", workers, f"{none} service is this process")
        return
    settings = home.settings()
    if settings.rpc == EMBEDDED:
        raise Misconfigured(f"{home.root} is not empty, and an embedded chain always begins anew")
    if market is not None and read_market(market) != home.market_file():
        raise InvalidInput("--market", market, f"the market that {home.root} was founded with, or none")
    if rpcs is not None and rpcs != settings.rpcs:
        there = ",".join(settings.rpcs)
        raise InvalidInput("--rpc", rpc or "", f"the chain that {home.root} was founded on, {there}, or none")
    if named is not None and named != settings.database:
        there = settings.database or "service.db of the folder"
        raise InvalidInput("--db", named, f"where {home.root} was founded to keep its records, {there}, or none")
    url = settings.rtgs_http_url
    if rtgs_port and rtgs_port != urlsplit(url).port:
        raise InvalidInput("--rtgs-port", rtgs_port, f"the port that {home.root} was founded with, {url}, or none")
    if by_drop and settings.rtgs_drop is None:
        rule = f"an installation founded with a directory drop; that of {home.root} is {settings.rtgs_url}"
        raise InvalidInput("--rtgs-drop", "given", rule)
    if urlsplit(url).scheme == "https":
        rule = "http: for mutual TLS start `rtgs serve` with its certificates, and the others, each by itself"
        raise Misconfigured(f"network.json: {url!r} breaks the rule: {rule}")


def bring_up(
    home: Home,
    market: Path,
    *,
    rpc: str | None,
    rtgs_port: int | None,
    told: Told,
    by_drop: bool = False,
    workers: int = 1,
    database: str | None = None,
) -> None:
    """Runs until SIGINT or SIGTERM. Founds the installation first where there is none.

    With `rpc`, one URL or several with a comma between, on that chain; else on an anvil of its own, kept beside the
    folder in `<name>.anvil.json`; else, where there is no anvil, all in this process on an embedded chain that ends
    with it. A founded installation without such a file is on somebody else's chain, and stays there. `by_drop`: service
    and agents speak to the RTGS through the folder `drop` of a new installation, not by HTTP. So many `workers` run the
    service on the same records, in the PostgreSQL `database` of a new installation or in its service.db, each with
    a key of its own. See `judge_options`.
    """
    stopping: list[int] = []
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda caught, _frame: stopping.append(caught))
    if rpc is None and home.is_founded and not _chain_state(home).exists():
        rpc = home.settings().rpc
        told("chain", f"{rpc}, as founded")
        _wait_for(rpc)
    nodes = () if rpc is None else checked_rpcs(rpc)
    rpc = nodes[0] if nodes else None
    anvil = None if rpc else find_anvil()
    if rpc is None and anvil is None:
        _embedded(home, market, stopping, told, home.root / "drop" if by_drop else None)
        return
    children: dict[str, list[str]] = {}
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        if rpc is None and anvil is not None:
            rpc = _start_anvil(home, market, anvil, running, children)
            told("chain", f"anvil on {rpc}")
        assert rpc is not None
        if not home.is_founded:
            port = RTGS_PORT if rtgs_port is None else rtgs_port or _free_port()
            _wait_for(rpc)
            http, drop = f"http://127.0.0.1:{port}", (home.root / "drop").as_uri()
            url, desk = (drop, http) if by_drop else (http, None)
            found(
                home,
                market,
                rpc,
                rtgs_url=url,
                rtgs_operator_url=desk,
                more_rpcs=nodes[1:],
                database=None if database is None else checked_database(database, field="--db"),
                told=lambda line: told("founded", line),
            )
        _give_keys(home, workers, told)
        lockstep = [sys.executable, "-m", "lockstep.cli"]
        place = ["--home", str(home.root)]
        children["rtgs"] = [*lockstep, "rtgs", "serve", *place]
        for number in range(1, AGENTS + 1):
            children[f"agent-{number}"] = [*lockstep, "agent", "run", str(number), *place]
        for number in range(1, workers + 1):
            children["service" if workers == 1 else f"service-{number}"] = [*lockstep, "run", *place]
        _supervise(children, running, stopping, told)
    finally:
        _stop(running)
        told("stopped", str(home.root))


def _give_keys(home: Home, workers: int, told: Told) -> None:
    """One for each worker. A worker without one does what needs no transactions, and waits for one."""
    there = home.operators()
    if workers < 2:
        return
    for one in add_operators(home, workers):
        if one.address not in there:
            told("key", f"{one.name} {one.address}")
        if not one.balance:
            told("unpaid", f"{one.name} {one.address} needs money for fees: give it some, and start again")


def _supervise(
    children: dict[str, list[str]], running: dict[str, subprocess.Popen[bytes]], stopping: list[int], told: Told
) -> None:
    """Each child that dies is started again, after a pause that doubles while it keeps dying."""
    pauses: dict[str, float] = {}
    due: dict[str, float] = {}
    started: dict[str, float] = {}
    while not stopping:
        for name, command in children.items():
            process, now = running.get(name), time.monotonic()
            if process is not None and process.poll() is None:
                continue
            if process is not None and name not in due:
                steady = now - started.get(name, now) > STEADY_SECONDS
                longer = min(2 * pauses.get(name, PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
                pauses[name] = PAUSE_SECONDS if steady else longer
                due[name] = now + pauses[name]
                told("died", f"{name} with {process.returncode}, again in {pauses[name]:.1f} seconds")
            if now < due.get(name, now):
                continue
            due.pop(name, None)
            running[name] = subprocess.Popen(command)
            started[name] = now
            told("started", f"{name} as process {running[name].pid}")
        time.sleep(PAUSE_SECONDS)


def _stop(running: dict[str, subprocess.Popen[bytes]]) -> None:
    """In reverse order of starting: the chain last."""
    for process in reversed(running.values()):
        process.terminate()
    for process in reversed(running.values()):
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start_anvil(
    home: Home, market: Path, anvil: str, running: dict[str, subprocess.Popen[bytes]], children: dict[str, list[str]]
) -> str:
    """A chain whose state outlives it, beside the installation; started on the market's opening."""
    port = int(home.settings().rpc.rpartition(":")[2]) if home.is_founded else _free_port()
    state = _chain_state(home)
    if not home.is_founded and state.exists():
        raise Misconfigured(f"{state} is left from another installation: move it away first")
    opening = int(read_market(market).opening.timestamp())
    when = [] if state.exists() else ["--timestamp", str(opening)]
    children["chain"] = [
        anvil, "--silent", "--host", "127.0.0.1", "--port", str(port), "--block-time", "1", "--mixed-mining",
        "--hardfork", "prague", "--state", str(state), *when,
    ]  # fmt: skip
    running["chain"] = subprocess.Popen(children["chain"])
    url = f"http://127.0.0.1:{port}"
    _wait_for(url)
    return url


def _chain_state(home: Home) -> Path:
    return home.root.parent / f"{home.root.name}.anvil.json"


def _wait_for(rpc: str) -> None:
    for _ in range(200):
        try:
            Node(rpc).chain_id()
        except Unavailable:
            time.sleep(0.05)
        else:
            return
    raise Unavailable(f"no chain answers at {rpc}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found_socket:
        return int(found_socket.getsockname()[1])


def _embedded(home: Home, market: Path, stopping: list[int], told: Told, drop: Path | None) -> None:
    """One process, one loop. `submit` and `trades` reach it through the folder's database."""
    if home.root.exists() and any(home.root.iterdir()):
        raise Misconfigured(f"{home.root} is not empty, and an embedded chain always begins anew")
    file = read_market(market)
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(market, home.root / "market.toml")
    offset = int(file.opening.timestamp() - time.time())
    clock = OffsetClock.of_seconds(offset)
    world = World(file, home.root, clock=clock, told=lambda line: told("founded", line), drop=drop)
    home.write_manifest(world.manifest.text())
    door = EMBEDDED if drop is None else drop.as_uri()
    home.write(world.market, Settings(rpc=EMBEDDED, rtgs_url=door, clock_offset_seconds=offset))
    told("started", f"everything in this process, on an embedded chain that ends with it ({clock.now():%F %T} UTC)")
    try:
        while not stopping:
            if not world.tick():
                time.sleep(PAUSE_SECONDS)
    finally:
        world.close()
        told("stopped", str(home.root))
