"""The processes of an installation: the service, an agent, the RTGS. Each stops cleanly on SIGTERM.

A lock file keeps a second process of the same agent or RTGS out: two would take turns at one memory. A second
service stands by, and takes over when the first ends, dies, or sleeps longer than its lease.
"""

import fcntl
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeVar
from urllib.parse import urlsplit

from lockstep.agent import Agent, DirectoryBoard, Register, SignatureLog, forgo, reconcile
from lockstep.app.adapters import DirectoryMailbox, LocalWallets
from lockstep.app.founding import AGENTS, agent_bic, found_rtgs
from lockstep.app.home import EMBEDDED, Home, RtgsCertificates
from lockstep.cash import Certificates, DirectoryCashSystem, HttpCashSystem
from lockstep.chain.events import Deep
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.chain_events import Reorganisation
from lockstep.domain.errors import Misconfigured, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.flow.engine import Engine
from lockstep.flow.halting import accept
from lockstep.flow.receiving import Reception
from lockstep.flow.stepping import Settler
from lockstep.flow.working import Worker
from lockstep.ports import CashSystem, Lease
from lockstep.rtgs import Rtgs
from lockstep.store import (
    Database,
    SqlBook,
    SqlChainEvents,
    SqlLeases,
    SqlTransactionLog,
    open_chain_events,
)

Opened = TypeVar("Opened")

__all__ = [
    "RtgsDoors",
    "open_book",
    "open_engine",
    "open_ledger",
    "open_reception",
    "reconcile_agent",
    "run_agent",
    "run_rtgs",
    "run_service",
]

PAUSE_SECONDS = 0.25
"""Between two looks at ledgers that have not moved for a while."""
SHORTEST_PAUSE_SECONDS = 0.01
"""Between two looks right after a move; it doubles while nothing moves."""
AGENT_PAUSE_SECONDS = 0.2
"""The same for an agent, and after each of its steps: what came meanwhile is done, and signed, together."""

CRASH_VARIABLE = "LOCKSTEP_CRASH_AFTER"
"""For crash tests: the process kills itself (SIGKILL) right after so many durable steps."""


def crash_hook() -> Callable[[str], None]:
    """What to call after each commit: nothing, unless the environment asks for a crash."""
    left = int(os.environ.get(CRASH_VARIABLE, "0"))

    def count(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


@contextmanager
def _lock_file(home: Home, role: str) -> Iterator[TextIO]:
    home.settings()  # an installation, before a file is left in it
    os.umask(0o077)  # databases, registers and mail are for this user alone
    with (home.root / f"{role}.lock").open("w") as file:
        yield file


def _taken(file: TextIO) -> bool:
    """Whether this process holds the lock file. The kernel lets it go when a process ends, however it ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _alone(home: Home, role: str) -> Iterator[None]:
    with _lock_file(home, role) as file:
        if not _taken(file):
            raise Misconfigured(f"another {role} is running on {home.root}")
        yield


def _until_stopped(
    step: Callable[[], bool],
    *,
    quiet_seconds: float | None = None,
    shortest: float = SHORTEST_PAUSE_SECONDS,
    always: bool = False,
) -> None:
    """Steps until SIGTERM or SIGINT, or until nothing moved for `quiet_seconds`.

    `shortest` is the pause in seconds right after a move that brought no other; `always`: after each step that moved.
    """
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    last_move, pause = time.monotonic(), PAUSE_SECONDS
    while not stopping:
        if step():
            last_move, pause = time.monotonic(), shortest
            if always:
                time.sleep(shortest)
            continue
        if quiet_seconds is not None and time.monotonic() - last_move >= quiet_seconds:
            return
        time.sleep(pause)
        pause = min(2 * pause, PAUSE_SECONDS)


def open_book(home: Home, on_commit: Callable[[str], None] = lambda _: None) -> SqlBook:
    """The service's records, to read or to submit to. Raises Misconfigured where there is no installation."""
    home.settings()
    return SqlBook(home.open_database(), on_commit)


def open_reception(home: Home) -> Reception:
    """Where participants' files are handed in; the ledgers need not be up."""
    return Reception(book=open_book(home), market=home.market(), clock=home.clock())


def open_halts(home: Home) -> SqlChainEvents:
    """What the service has read of the chain, and why it halts. Raises Misconfigured without an installation."""
    home.settings()
    return SqlChainEvents(home.open_database(), home.market().network)


def resume(home: Home, by: str, why: str) -> Sequence[Reorganisation]:
    """People accept what the chain is now; the service goes on with its next pass. Returns what was accepted."""
    return accept(open_book(home), open_halts(home), home.clock(), by, why)


def open_ledger(home: Home) -> EvmAssetLedger | None:
    """The chain, to look at; None where no node answers, as for a chain inside another process."""
    settings = home.settings()
    if settings.rpc == EMBEDDED:
        return None
    try:
        return EvmAssetLedger(Node(settings.rpcs), home.market().network)
    except Unavailable:
        return None


def open_engine(
    home: Home,
    on_commit: Callable[[str], None] = lambda _: None,
    *,
    database: Database | None = None,
    lease: Lease | None = None,
) -> Engine:
    """The whole service, wired; its records write under `lease`. Raises Unavailable while the node does not answer."""
    market, settings, file = home.market(), home.settings(), home.market_file()
    if database is None:
        database = home.open_database()
    node = Node(settings.rpcs)
    sender = Sender(node, home.key("operator"), SqlTransactionLog(database, lease), on_commit)
    wallets = {key.address: key for key in home.wallets(file).values()}
    return Engine(
        settler=Settler(
            market=market,
            book=SqlBook(database, on_commit, lease, home.clock()),
            assets=EvmAssetLedger(
                node,
                market.network,
                sender,
                events=SqlChainEvents(database, market.network),
                deep=Deep.HALT,
                live=False,
            ),
            cash=_cash(home, market.service),
            wallet=LocalWallets(wallets, market),
            board=DirectoryBoard(home.attestations),
            clock=home.clock(),
        ),
        mailbox=DirectoryMailbox(home.outbox),
        salt_key=home.salt_key(),
    )


def _cash(home: Home, party: Bic) -> CashSystem:
    """The RTGS as a party sees it, through the door that `rtgs_url` names. Raises Misconfigured."""
    settings = home.settings()
    drop = settings.rtgs_drop
    if drop is not None:
        return DirectoryCashSystem(drop / party, party)
    url, named = settings.rtgs_url, None
    if url.startswith("https://"):
        named = home.rtgs_certificates()
    elif not url.startswith("http://"):
        raise Misconfigured(f"network.json, rtgs_url: {url!r} breaks the rule: http, https or file")
    shown = None
    if named is not None:
        shown = Certificates(certificate=named.certificate, key=named.key, authority=named.authority)
    system = HttpCashSystem(url, party, home.rtgs_key(party), certificates=shown)
    if url.startswith("https://"):
        system.check_trust()
    return system


def run_service(home: Home, *, quiet_seconds: float | None = None) -> None:
    """Settles until stopped, or until nothing moved for a while; stands by while another service works.

    With `quiet_seconds` it does not stand by: raises Misconfigured where another runs.
    """
    with _lock_file(home, "service") as file:
        if quiet_seconds is not None and not _taken(file):
            raise Misconfigured(f"another service is running on {home.root}")
        worker = _worker(home, file)

        def step() -> bool:
            moved = worker.run_once()
            if quiet_seconds is not None and worker.lease is None:
                raise Misconfigured(f"another service is running on {home.root}")
            return moved

        try:
            _until_stopped(step, quiet_seconds=quiet_seconds)
        finally:
            worker.stop()


def _worker(home: Home, file: TextIO) -> Worker:
    """Who holds the lock file knows that its last holder is dead, and takes its lease over at once."""
    database, on_commit, clock = home.open_database(), crash_hook(), home.clock()
    machine = socket.gethostname()
    return Worker(
        leases=SqlLeases(database, clock),
        clock=clock,
        name=lambda: f"{machine}/{file.name}" if _taken(file) else f"{machine}/{os.getpid()}",
        engine=lambda lease: _patiently(lambda: open_engine(home, on_commit, database=database, lease=lease)),
    )


def run_agent(home: Home, number: int, *, rpc: str | None = None) -> None:
    """One synchronisation agent, with its own key, mailbox and register, and the node at `rpc` if it has its own."""
    market, endpoint = home.market(), rpc or home.settings().rpcs
    party = agent_bic(market.service, number)
    with _alone(home, f"agent-{number}"):
        key, *others = home.agent_keys(number)
        agent = Agent(
            bic=party,
            rtgs=market.rtgs,
            key=key,
            other_keys=tuple(others),
            market=market,
            assets=_patiently(
                lambda: EvmAssetLedger(
                    Node(endpoint),
                    market.network,
                    events=open_chain_events(home.agent_chain(number), market.network),
                    deep=Deep.DOUBT,
                )
            ),
            cash=_cash(home, party),
            board=DirectoryBoard(home.attestations),
            register=Register(home.register(number), crash_hook()),
            clock=home.clock(),
        )
        _until_stopped(agent.step, shortest=AGENT_PAUSE_SECONDS, always=True)


def reconcile_agent(home: Home, number: int, *, rpc: str | None = None, forgo_open: bool = False) -> dict[str, int]:
    """What an agent's register lacked, in numbers, after the agent's own check at its start; it must not run.

    With `forgo_open` an agent that lost signatures goes on, and leaves what is locked now to the others. Raises
    SignaturesLost where it would be silent for want of them, Contradiction where it stays silent for good, Unavailable.
    """
    market, endpoint = home.market(), rpc or home.settings().rpcs
    with _alone(home, f"agent-{number}"):
        register, board = Register(home.register(number)), DirectoryBoard(home.attestations)
        try:
            assets = EvmAssetLedger(Node(endpoint), market.network)
            logs = [
                SignatureLog(key=key, register=register, board=board, network=market.network)
                for key in home.agent_keys(number)
            ]
            if forgo_open:
                forgone = forgo(register, logs, assets, board)
                return {"signatures_found": len(forgone.found), "settlements_forgone": len(forgone.settlements)}
            return {"signatures_found": reconcile(register, logs, assets, board)}
        finally:
            register.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class RtgsDoors:
    """How the simulated RTGS is served besides plain HTTP, and where it keeps its books."""

    drop: Path | None = None
    """A directory drop beside HTTP; if None, the one that `rtgs_url` names, if it names one."""
    tls: RtgsCertificates | None = None
    """The RTGS's own certificate and key, and the authority whose certificates its callers must show."""
    database: str | None = None
    """A SQLAlchemy URL; `rtgs.db` of the installation if None."""


def run_rtgs(home: Home, doors: RtgsDoors = RtgsDoors(), *, ready: Callable[[str], None] = lambda _: None) -> None:
    """The simulated RTGS on HTTP, set up from the market file; again, the set-up changes nothing."""
    from lockstep.rtgs.door import Tls, serve
    from lockstep.rtgs.drop import DirectoryDoor
    from lockstep.rtgs.metrics import Meter

    file = home.market_file()
    agents = [agent_bic(file.service, number) for number in range(1, AGENTS + 1)]
    parties = [file.service, *agents, *(member.bic for member in file.members)]
    settings = home.settings()
    place = urlsplit(settings.rtgs_http_url)
    host, port = place.hostname or "127.0.0.1", place.port or (443 if place.scheme == "https" else 80)
    drop, database = doors.drop or settings.rtgs_drop, doors.database or home.rtgs_database
    if (place.scheme == "https") != (doors.tls is not None):
        wanted = "https, as there are certificates" if doors.tls else "http, or certificates for https"
        raise Misconfigured(f"network.json: {settings.rtgs_http_url!r} breaks the rule: {wanted}")
    tls = None
    if doors.tls is not None:
        own = doors.tls
        tls = Tls(certificate=own.certificate, key=own.key, callers_authority=own.authority)
    with _alone(home, "rtgs"):
        rtgs = Rtgs(database, home.clock(), bic=file.rtgs)
        found_rtgs(rtgs, file, {party: home.rtgs_key(party) for party in parties})
        rtgs.close()
        rtgs = Rtgs(database, home.clock(), bic=file.rtgs, on_commit=crash_hook())
        meter = Meter(rtgs)
        door = None if drop is None else DirectoryDoor(rtgs, drop.absolute(), parties, meter)
        try:
            key = home.rtgs_key("operator")
            besides = None if door is None else door.sweep
            serve(rtgs, host, port, operator_key=key, tls=tls, ready=ready, besides=besides, meter=meter)
        finally:
            if door is not None:
                door.close()
            rtgs.close()


def _patiently(opened: Callable[[], Opened]) -> Opened:
    """Waits for a node that is still starting, a while."""
    for _ in range(120):
        try:
            return opened()
        except Unavailable:
            time.sleep(PAUSE_SECONDS)
    return opened()
