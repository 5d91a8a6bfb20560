"""The processes of an installation: the service, an agent, the RTGS. Each stops cleanly on SIGTERM.

A lock file keeps a second process of the same agent or RTGS out: two would take turns at one memory. Services share
the trades, and what one had another takes over when it ends, dies, or sleeps longer than its lease.
"""

import itertools
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from lockstep.agent import Agent, DirectoryBoard, Register, SignatureLog, ValuationDirectory, forgo, reconcile
from lockstep.app.adapters import DirectoryMailbox, LocalWallets
from lockstep.app.anchoring import service_anchoring
from lockstep.app.founding import AGENTS, agent_bic, found_rtgs
from lockstep.app.hands import Hands
from lockstep.app.home import EMBEDDED, Home, RtgsCertificates
from lockstep.app.keeping import kept
from lockstep.app.loops import (
    AGENT_PAUSE_SECONDS,
    alone,
    crash_hook,
    lock_file,
    patiently,
    spare_collector,
    taken,
    until_stopped,
)
from lockstep.app.margin import open_margin_desk, open_margining
from lockstep.app.mirror import is_mirror, require_simulated, was_marked
from lockstep.app.operators import OperatorKeys
from lockstep.app.records import open_book, open_reception
from lockstep.app.repos import service_repoing
from lockstep.cash import Certificates, DirectoryCashSystem, HttpCashSystem
from lockstep.chain.events import Deep
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.chain_events import Reorganisation
from lockstep.domain.errors import Misconfigured, Unavailable
from lockstep.domain.identifiers import Bic, SettlementId
from lockstep.flow.beside import Beside
from lockstep.flow.deciding import decide_never
from lockstep.flow.engine import ANCHORING, DUTIES, Engine
from lockstep.flow.halting import accept
from lockstep.flow.sharing import LEASE_SECONDS, SharingWorker
from lockstep.flow.stepping import Settler
from lockstep.ports import Book, CashSystem, Lease
from lockstep.rtgs import Rtgs
from lockstep.store import (
    Database,
    SqlBook,
    SqlChainEvents,
    SqlLeases,
    open_chain_events,
)

__all__ = [
    "RtgsDoors",
    "alone_with_chain",
    "open_book",
    "open_cash",
    "open_engine",
    "open_ledger",
    "open_mail",
    "open_reception",
    "reconcile_agent",
    "run_agent",
    "run_rtgs",
    "run_service",
]

GATHERING_SECONDS = 0.1
"""Between two passes of a worker beside others. Each pass asks node, RTGS and agents anew, and what one worker would do
in one pass several would do in many, each with a few trades."""
REBUILDING = "service"
"""What a rebuild writes under, and releases in which one service worked at a time."""


def open_halts(home: Home) -> SqlChainEvents:
    """What the service has read of the chain, and why it halts. Raises Misconfigured without an installation."""
    home.settings()
    return SqlChainEvents(home.open_database(), home.market().network)


def resume(home: Home, by: str, why: str) -> Sequence[Reorganisation]:
    """People accept what the chain is now; the service goes on with its next pass. Returns what was accepted."""
    return accept(open_book(home), open_halts(home), home.clock(), by, why)


def decide(home: Home, settlement: str, by: str, why: str) -> SettlementId:
    """People say that a payment which the RTGS told two stories of was never booked. See `flow.deciding`."""
    assets = open_ledger(home)
    if assets is None:
        raise Unavailable("no node answers, and whether the settlement is locked decides who ends it")
    return decide_never(open_book(home), assets, home.clock(), settlement, by, why)


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
    book: Book | None = None,
    sender: Sender | None = None,
    beside: Beside | None = None,
) -> Engine:
    """The whole service, wired; without a `sender` it sends no transactions, without `beside` it has no threads.

    Raises Unavailable while the node does not answer.
    """
    market, settings, file = home.market(), home.settings(), home.market_file()
    if database is None:
        database = home.open_database()
    node = Node(settings.rpcs)
    wallets = {key.address: key for key in home.wallets(file).values()}
    records = book or SqlBook(database, on_commit, None, home.clock())
    events = SqlChainEvents(database, market.network)
    assets = EvmAssetLedger(node, market.network, sender, events=events, deep=Deep.HALT, live=False)
    cash = _cash(home, market.service)
    return Engine(
        settler=Settler(
            market=market,
            book=records,
            assets=assets,
            cash=cash,
            wallet=LocalWallets(wallets, market),
            board=DirectoryBoard(home.attestations),
            clock=home.clock(),
            beside=beside,
        ),
        mailbox=DirectoryMailbox(home.outbox),
        salt_key=home.salt_key(),
        margining=open_margining(home, node, sender, records, assets, cash),
        valuations=ValuationDirectory(home.attestations),
        repoing=service_repoing(home, node, sender, records, wallets.values()),
        anchoring=service_anchoring(home, node, sender, records),
    )


def open_cash(home: Home) -> CashSystem:
    """The RTGS as the service sees it. Raises Misconfigured."""
    return _cash(home, home.market().service)


def open_mail(home: Home) -> Callable[[int, int], Sequence[tuple[int, bytes]]]:
    """The service's mail from the RTGS after a sequence number, at most so many, as the bytes that came.

    Raises Misconfigured; the function raises Unavailable.
    """
    return _cash(home, home.market().service).mail


def _cash(home: Home, party: Bic) -> DirectoryCashSystem | HttpCashSystem:
    """The RTGS as a party sees it, through the door that `rtgs_url` names. Raises Misconfigured, and for a mirror as
    `require_simulated`: before anything is sent there."""
    settings = home.settings()
    if was_marked(home) if party == home.market().service else is_mirror(home):
        require_simulated(home)
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


def run_service(
    home: Home, *, quiet_seconds: float | None = None, told: Callable[[str], None] = lambda _: None
) -> None:
    """Settles until stopped, or until nothing moved for a while; shares the trades with other services.

    With `quiet_seconds` it is the folder's only one: raises Misconfigured where another runs. `told` hears of keys that
    are of no use yet.
    """
    with _place(home) as (number, name):
        if quiet_seconds is not None and number > 1:
            raise Misconfigured(f"another service is running on {home.root}")
        worker: SharingWorker | None = None
        hands = Hands() if quiet_seconds is None else None  # who ends once it is quiet has delivered all by then

        def step() -> bool:
            nonlocal worker
            # which may take a while, and is stopped as cleanly
            worker = worker or _worker(home, number, name, told, hands)
            moved = worker.run_once()
            if quiet_seconds is not None and not worker.has_key:
                raise Misconfigured(f"another service is running on {home.root}")
            if worker.has_company:
                time.sleep(GATHERING_SECONDS)
            return moved

        try:
            until_stopped(step, quiet_seconds=quiet_seconds)
        finally:
            if worker is not None:
                worker.stop()
            if hands is not None:
                hands.close()


def _worker(home: Home, number: int, name: str, told: Callable[[str], None], hands: Hands | None) -> SharingWorker:
    database, on_commit, clock = home.open_database(), crash_hook(), home.clock()
    keys = OperatorKeys(home, Node(home.settings().rpcs), database, on_commit)
    opened = partial(open_engine, home, on_commit, database=database, beside=hands)
    return SharingWorker(
        leases=SqlLeases(database, clock),
        clock=clock,
        name=name,
        keys=patiently(lambda: keys.in_use(number, told)),
        book=lambda lease: SqlBook(database, on_commit, lease, clock),
        engine=lambda book, lease: patiently(lambda: opened(book=book, sender=keys.sender(lease))),
        left_behind=keys,
    )


@contextmanager
def _place(home: Home) -> Iterator[tuple[int, str]]:
    """The first place that no living service of this folder has, and the name that its holder works under. The next
    one in it knows that the last is dead, and takes over what that had at once."""
    machine = socket.gethostname()
    for number in itertools.count(1):
        with lock_file(home, "service" if number == 1 else f"service-{number}") as file:
            if taken(file):
                yield number, f"{machine}/{file.name}"
                return


def run_agent(home: Home, number: int, *, rpc: str | None = None) -> None:
    """One synchronisation agent, with its own key, mailbox and register, and the node at `rpc` if it has its own."""
    market, endpoint = home.market(), rpc or home.settings().rpcs
    party = agent_bic(market.service, number)
    with alone(home, f"agent-{number}"):
        key, *others = home.agent_keys(number)
        register, cash = Register(home.register(number), crash_hook()), patiently(lambda: _cash(home, party))
        assets = patiently(
            lambda: EvmAssetLedger(
                Node(endpoint),
                market.network,
                events=open_chain_events(home.agent_chain(number), market.network),
                deep=Deep.DOUBT,
                live=False,
            )
        )
        path = home.register(number)
        margin = open_margin_desk(home, endpoint, party, path, (key, *others), assets, cash, register)
        agent = Agent(
            bic=party,
            rtgs=market.rtgs,
            key=key,
            other_keys=tuple(others),
            market=market,
            assets=assets,
            cash=cash,
            board=DirectoryBoard(home.attestations),
            register=register,
            clock=home.clock(),
            margin=margin,
        )
        until_stopped(agent.step, shortest=AGENT_PAUSE_SECONDS, always=True)


@contextmanager
def alone_with_chain(home: Home) -> Iterator[tuple[SqlBook, EvmAssetLedger]]:
    """The records, to begin under the service's leases, and the chain to read, while no service works on them. Who is
    killed meanwhile holds others up for as long as a lease lasts.

    Raises Misconfigured where one does, Unavailable while the node does not answer.
    """
    market, clock = home.market(), home.clock()
    with lock_file(home, "service") as file:
        if not taken(file):
            raise Misconfigured(f"another service is running on {home.root}")
        database = home.open_database()
        leases, held = SqlLeases(database, clock), list[Lease]()
        try:
            for subject in (REBUILDING, *DUTIES, ANCHORING):
                lease = leases.claim(subject, f"{socket.gethostname()}/{file.name}", LEASE_SECONDS)
                if lease is None:
                    raise Misconfigured(f"another service is running on the database of {home.root}")
                held.append(lease)
            with kept(leases, held, LEASE_SECONDS):
                ledger = patiently(lambda: EvmAssetLedger(Node(home.settings().rpcs), market.network))
                yield SqlBook(database, crash_hook(), held[0], besides=held[1:]), ledger
        finally:
            for lease in held:
                leases.release(lease)
            database.dispose()


def reconcile_agent(home: Home, number: int, *, rpc: str | None = None, forgo_open: bool = False) -> dict[str, int]:
    """What an agent's register lacked, in numbers, after the agent's own check at its start; it must not run.

    With `forgo_open` an agent that lost signatures goes on, and leaves what is locked now to the others. Raises
    SignaturesLost where it would be silent for want of them, Contradiction where it stays silent for good, Unavailable.
    """
    market, endpoint = home.market(), rpc or home.settings().rpcs
    with alone(home, f"agent-{number}"):
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
    with alone(home, "rtgs"):
        rtgs = Rtgs(database, home.clock(), bic=file.rtgs)
        found_rtgs(rtgs, file, {party: home.rtgs_key(party) for party in parties})
        rtgs.close()
        rtgs = Rtgs(database, home.clock(), bic=file.rtgs, on_commit=crash_hook())
        meter = Meter(rtgs)
        door = None if drop is None else DirectoryDoor(rtgs, drop.absolute(), parties, meter)
        try:
            key = home.rtgs_key("operator")
            besides = None if door is None else door.sweep
            spare_collector()
            serve(rtgs, host, port, operator_key=key, tls=tls, ready=ready, besides=besides, meter=meter)
        finally:
            if door is not None:
                door.close()
            rtgs.close()
