"""Who takes part: each process as it is started, dies and is started again, over its own files, clock, node and line.

The processes are the real ones, wired as `lockstep.app.processes` wires them; only what lies between them is a call
in this process. A dead process has nothing but its files.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar, cast

from lockstep.agent import Agent
from lockstep.app.adapters import LocalWallets
from lockstep.app.founding import agent_bic
from lockstep.chain.event_memory import MemoryEvents
from lockstep.chain.events import Deep
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.errors import LockstepError, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.flow.engine import Engine
from lockstep.flow.receiving import Reception
from lockstep.flow.sharing import SharingWorker, key_subject
from lockstep.flow.stepping import Settler
from lockstep.ports import Book, Lease
from lockstep.rtgs import Rtgs
from lockstep.simulation.actors import SECOND_KEY
from lockstep.simulation.cast_collateral import margin_desk, margining, repoing, valuations
from lockstep.simulation.clock import PartyClock
from lockstep.simulation.faults import Injector
from lockstep.simulation.ground import Ground
from lockstep.simulation.lines import cash_line
from lockstep.simulation.market import MARKET
from lockstep.simulation.points import Crashed
from lockstep.simulation.stores import BROKEN, Boundary
from lockstep.store import SqlBook, SqlLeases, SqlTransactionLog

Answer = TypeVar("Answer")

__all__ = ["AgentProcess", "Door", "Process", "RtgsProcess", "Worker"]


class Process(Protocol):
    """One operating system process."""

    name: str
    clock: PartyClock
    up: bool
    back_at: int
    """While it is down: the step from which on it may be started."""

    def start(self) -> None:
        """Raises Unavailable where it needs somebody who does not answer."""

    def end(self) -> None:
        """It is gone, with all that it had in memory."""

    def step(self) -> bool:
        """One pass; True if anything moved."""


class RtgsProcess:
    """The RTGS and its door. Whoever calls it while it is down, or while it dies, has no answer."""

    name = "rtgs"

    def __init__(
        self, ground: Ground, boundary: Boundary, clock: PartyClock, died: Callable[[Crashed], None],
        booked: Callable[[], None],
    ) -> None:  # fmt: skip
        self._ground, self._boundary, self.clock, self._died, self._booked = ground, boundary, clock, died, booked
        self.up, self.back_at = False, 0
        self.rtgs: Rtgs | None = None
        self.overheard: Callable[[bytes, Bic], None] = lambda *_: None
        """Told what the service and the agents say."""

    def start(self) -> None:
        self.rtgs = Rtgs(
            f"sqlite:///{self._ground.root / 'rtgs.db'}",
            self.clock,
            bic=MARKET.rtgs,
            before_commit=self._before_commit,
            on_commit=self._committed,
        )
        self.up = True

    def end(self) -> None:
        if self.rtgs is not None:
            self.rtgs.close()
        self.rtgs, self.up = None, False

    def step(self) -> bool:
        assert self.rtgs is not None
        try:
            return self.rtgs.tick() > 0
        except BROKEN:  # the tick of a door that is served goes on, as `rtgs.door` has it
            return False

    def handle(self, data: bytes, sender: Bic) -> object:
        """Its door. Raises Unavailable, Refused, InvalidInput."""
        self.overheard(data, sender)
        return self.take(data, sender)

    def handle_all(self, mail: Sequence[tuple[bytes, Bic]]) -> Sequence[object]:
        """A file at its door: of each message its answers, or what was raised. Raises Unavailable."""
        for data, sender in mail:
            self.overheard(data, sender)
        return self._answer(lambda rtgs: rtgs.handle_all(mail))

    def take(self, data: bytes, sender: Bic) -> object:
        """As `handle`, from one whom nobody overhears."""
        return self._answer(lambda rtgs: rtgs.handle(data, sender))

    def mailbox(self, receiver: Bic, after: int, limit: int) -> list[tuple[int, bytes]]:
        """A party's mail. Raises Unavailable."""
        return self._answer(lambda rtgs: rtgs.mailbox(receiver, after, limit))

    def _answer(self, asked: Callable[[Rtgs], Answer]) -> Answer:
        if self.rtgs is None:
            raise Unavailable("the RTGS does not answer: it is down")
        try:
            self._boundary.at("receive", apart=False)
            answer = asked(self.rtgs)
            self._boundary.at("sent", apart=False)
        except Crashed as crashed:
            if crashed.actor != self.name:
                raise
            self._died(crashed)
            raise Unavailable(f"the RTGS does not answer: {crashed.kind}") from None
        except BROKEN as error:
            raise Unavailable(f"the RTGS answers with status 500: {error}") from None
        except LockstepError:
            raise
        except Exception as error:  # nobody planned it, and whoever asked is not to blame
            self._boundary.problem(f"{self.name} died of {type(error).__name__}: {error}")
            raise Unavailable(f"the RTGS answers with status 500: {error}") from None
        return answer

    def _committed(self, _: str) -> None:
        self._booked()
        self._boundary.at("committed", apart=False)

    def _before_commit(self, _: str) -> None:
        self._boundary.at("commit", apart=False)
        if self._boundary.fails():
            raise BROKEN[1]("disk I/O error")


class Worker:
    """One process of the settlement service. It shares trades and duties with the others. Each key is one worker's at a
    time: with one, one steps trades and the others do duties and take over; with two, two step trades side by side."""

    def __init__(
        self, name: str, ground: Ground, boundary: Boundary, clock: PartyClock, node: Node, rtgs: RtgsProcess,
        faults: Injector, keys: int,
    ) -> None:  # fmt: skip
        self.name, self._ground, self._boundary, self.clock = name, ground, boundary, clock
        self._node, self._rtgs, self._faults = node, rtgs, faults
        self.up, self.back_at = False, 0
        self._worker: SharingWorker | None = None
        self._keys = {key_subject(key.address): key for key in (ground.roles.operator, SECOND_KEY)[:keys]}
        """By what is leased with each."""

    def start(self) -> None:
        """Under the name of its last life, as in its place: what that had is its own at once."""
        self._worker = SharingWorker(
            leases=SqlLeases(self._ground.engines[self.name], self.clock),
            clock=self.clock,
            name=self.name,
            keys=[key.address for key in self._keys.values()],
            book=self._book,
            engine=self._service,
            left_behind=self,
        )
        self.up = True

    def senders(self) -> Collection[str]:
        return SqlTransactionLog(self._ground.engines[self.name]).senders_under_way()

    def carry_on(self, address: str, lease: Lease) -> bool:
        self._sender(lease).look(())
        return bool(SqlTransactionLog(self._ground.engines[self.name], sender=address).unmined())

    def _book(self, lease: Lease | None) -> Book:
        ground = self._ground
        return self._boundary.book(ground.engines[self.name], ground.disk(self.name), self.clock, lease)

    def _sender(self, lease: Lease) -> Sender:
        database, disk = self._ground.engines[self.name], self._ground.disk(self.name)
        key = self._keys[lease.subject]
        log = self._boundary.log(database, disk, lease, key.address)
        return Sender(self._node, key, log, lambda _: None)

    def _service(self, book: Book, lease: Lease | None) -> Engine:
        ground, database, disk = self._ground, self._ground.engines[self.name], self._ground.disk(self.name)
        sender = None if lease is None else self._sender(lease)
        assets = EvmAssetLedger(
            self._node,
            ground.market.network,
            sender,
            events=self._boundary.events(database, disk, ground.market.network),
            deep=Deep.HALT,
        )
        cash = cash_line(MARKET.service, self._rtgs, self._boundary, self._faults)
        records = cast(SqlBook, book)
        return Engine(
            settler=Settler(
                market=ground.market,
                book=book,
                assets=assets,
                cash=cash,
                wallet=LocalWallets({key.address: key for key in ground.roles.wallets.values()}, ground.market),
                board=self._boundary.board(ground.root / "attestations"),
                clock=self.clock,
            ),
            mailbox=self._boundary.mailbox(ground.root / "outbox"),
            salt_key=ground.salt_key,
            margining=margining(ground, self._boundary, self._node, sender, records, assets, cash, self.clock),
            valuations=valuations(ground),
            repoing=repoing(ground, self._boundary, self._node, sender, records, self.clock),
        )

    def end(self) -> None:
        self._ground.engines[self.name].dispose()
        self._worker, self.up = None, False

    def step(self) -> bool:
        assert self._worker is not None
        self._boundary.begin_pass(self._ground.engines[self.name])
        try:
            return self._worker.run_once()
        except Unavailable:  # a process waits for its node; `lockstep.app.processes` has it so too
            return False


class AgentProcess:
    """One synchronisation agent."""

    def __init__(
        self, number: int, ground: Ground, boundary: Boundary, clock: PartyClock, node: Node, rtgs: RtgsProcess,
        faults: Injector,
    ) -> None:  # fmt: skip
        self.name, self.number = f"agent-{number}", number
        self._ground, self._boundary, self.clock = ground, boundary, clock
        self._node, self._rtgs, self._faults = node, rtgs, faults
        self.path = ground.root / f"agent-{number}.db"
        self.up, self.back_at = False, 0
        self._agent: Agent | None = None
        self._seen = MemoryEvents()
        """What it has read of the chain, doubts included: outlives it, in place of its file."""

    def start(self) -> None:
        ground, party = self._ground, agent_bic(MARKET.service, self.number)
        assets = EvmAssetLedger(self._node, ground.market.network, events=self._seen, deep=Deep.DOUBT, live=False)
        cash, register = (
            cash_line(party, self._rtgs, self._boundary, self._faults),
            self._boundary.register(self.path),
        )
        self._agent = Agent(
            bic=party,
            rtgs=MARKET.rtgs,
            key=ground.roles.agents[self.number - 1],
            market=ground.market,
            assets=assets,
            cash=cash,
            board=self._boundary.board(ground.root / "attestations"),
            register=register,
            clock=self.clock,
            margin=margin_desk(ground, self._boundary, self.number, self._node, assets, cash, register, self.clock),
        )
        self.up = True

    def end(self) -> None:
        if self._agent is not None:
            self._agent.register.close()
            if self._agent.margin is not None:
                self._agent.margin.register.close()
        self._agent, self.up = None, False

    def step(self) -> bool:
        assert self._agent is not None
        return self._agent.step()


class Door:
    """Where participants' files are handed in: a process that lives for one file, as `lockstep submit` does."""

    name = "door"

    def __init__(self, ground: Ground, boundary: Boundary, clock: PartyClock) -> None:
        self.ground, self._boundary, self.clock = ground, boundary, clock

    def open(self) -> Reception:
        return Reception(book=self.book(), market=self.ground.market, clock=self.clock)

    def book(self) -> SqlBook:
        """The records, as a command opens them."""
        return self._boundary.book(self.ground.engines[self.name], self.ground.disk(self.name), self.clock)

    def end(self) -> None:
        self.ground.engines[self.name].dispose()
