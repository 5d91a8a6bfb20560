"""The whole system in one process: an embedded chain, the RTGS, four agents and the service.

All of it is the real code; only the transport between the parts is a function call, over which real
ISO 20022 bytes still go, or a directory drop. Time is a clock that the caller moves.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from lockstep.agent import (
    Agent,
    DirectoryBoard,
    MarginBoard,
    MarginDesk,
    MarginRegister,
    Register,
    ValuationDirectory,
)
from lockstep.app.adapters import DirectoryMailbox, LocalWallets
from lockstep.app.attempts import AttemptFile
from lockstep.app.clocks import ManualClock, OffsetClock, SystemRandomness
from lockstep.app.collateral import ATTEMPTS, LocalCollateralWallets
from lockstep.app.founding import AGENTS, Roles, agent_bic, found_chain, found_rtgs
from lockstep.app.market_file import MarketFile
from lockstep.cash import DirectCashSystem, DirectoryCashSystem
from lockstep.chain.anchoring import EvmAnchorLedger
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.collateral.register import register_of
from lockstep.domain.identifiers import Bic
from lockstep.flow.anchoring import Anchoring
from lockstep.flow.engine import Engine
from lockstep.flow.margin_mail import MarginMail
from lockstep.flow.margining import Margining
from lockstep.flow.receiving import Reception
from lockstep.flow.repoing import Repoing
from lockstep.flow.stepping import Settler
from lockstep.iso20022 import write
from lockstep.ports import CashSystem, Clock, Randomness
from lockstep.rtgs import Rtgs
from lockstep.rtgs.drop import DirectoryDoor
from lockstep.signing import Key
from lockstep.store import SqlBook, SqlTransactionLog, open_database

__all__ = ["World", "new_roles"]

TICK = timedelta(seconds=20)
QUIET_TICKS = 5
"""So many passes without a movement, more than finality takes, and nothing will move by itself."""
TICKS_AT_MOST = 2_000


def new_roles(market: MarketFile, randomness: Randomness) -> Roles:
    """Fresh keys for everybody, none in two roles."""

    def fresh() -> Key:
        return Key(randomness.token(32))

    return Roles(
        deployer=fresh(),
        registrar=fresh(),
        registrar_confirmer=fresh(),
        issuer=fresh(),
        operator=fresh(),
        agents=tuple(fresh() for _ in range(AGENTS)),
        wallets={member.bic: fresh() for member in market.members},
        officer=fresh(),
        confirmer=fresh(),
    )


class Chain(Protocol):
    """A chain in this process, whose transactions are mined at once. `time` is its latest block's, in seconds."""

    @property
    def node(self) -> Node: ...

    @property
    def faucet(self) -> str: ...

    @property
    def time(self) -> int: ...

    def mine(self, blocks: int = 1) -> None: ...


class World:
    """One market on one chain. Files (databases, registers, mail) go under `root`.

    With `drop` service and agents speak to the RTGS through a directory drop in that folder, and so may banks.
    """

    def __init__(
        self,
        file: MarketFile,
        root: Path,
        *,
        clock: ManualClock | OffsetClock | None = None,
        finality_depth: int = 2,
        randomness: Randomness | None = None,
        told: Callable[[str], None] = lambda _: None,
        drop: Path | None = None,
        chain: Callable[[Clock], Chain] = EmbeddedChain,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.file, self.root = file, root
        randomness = randomness or SystemRandomness()
        self.clock = clock or ManualClock(file.opening)
        self.chain = chain(self.clock)
        self.roles = new_roles(file, randomness)
        founded = found_chain(
            self.chain.node,
            file,
            self.roles,
            finality_depth=finality_depth,
            faucet=self.chain.faucet,
            poll=self.chain.mine,
            told=told,
        )
        self.market, self.manifest = founded.market, founded.manifest
        self.chain.mine(finality_depth)
        self.rtgs = Rtgs(f"sqlite:///{root / 'rtgs.db'}", self.clock, bic=file.rtgs)
        found_rtgs(self.rtgs, file, {})
        told(f"RTGS {file.rtgs} with {len(file.members)} banks, business day {file.business_day}")
        self._drop, self._door = drop, None if drop is None else self._opened(drop)
        self.board = DirectoryBoard(root / "attestations")
        self.agents = tuple(self._agent(number) for number in range(1, AGENTS + 1))
        self._database = open_database(f"sqlite:///{root / 'service.db'}")
        self.book = SqlBook(self._database, clock=self.clock)
        sender = Sender(self.chain.node, self.roles.operator, SqlTransactionLog(self._database), lambda _: None)
        self.ledger = EvmAssetLedger(self.chain.node, self.market.network, sender)
        network = self.market.network
        self.collateral: EvmCollateralLedger | None = None
        if network.collateral is not None:
            attempts = AttemptFile(root / ATTEMPTS)
            self.collateral = EvmCollateralLedger(
                self.chain.node, register_of(network), sender, on_over_commitment=attempts.note
            )
        self.margining = self._margining(self._cash(file.service))
        self.repoing = self._repoing()
        self.anchoring: Anchoring | None = None
        if network.anchor is not None:
            anchors = EvmAnchorLedger(self.chain.node, network.anchor, network.finality_depth, sender)
            self.anchoring = Anchoring(clock=self.clock, book=self.book, ledger=anchors)
        self.margin_mail = None if self.margining is None else MarginMail(margining=self.margining)
        self.reception = Reception(book=self.book, market=self.market, clock=self.clock)
        self.engine = Engine(
            settler=Settler(
                market=self.market,
                book=self.book,
                assets=self.ledger,
                cash=self._cash(file.service),
                wallet=LocalWallets({key.address: key for key in self.roles.wallets.values()}, self.market),
                board=self.board,
                clock=self.clock,
            ),
            mailbox=DirectoryMailbox(root / "outbox"),
            salt_key=randomness.token(32),
            margining=self.margining,
            valuations=ValuationDirectory(root / "attestations"),
            repoing=self.repoing,
            anchoring=self.anchoring,
        )

    def _margining(self, cash: CashSystem) -> Margining | None:
        if self.collateral is None:
            return None
        return Margining(
            market=self.market,
            clock=self.clock,
            book=self.book,
            assets=self.ledger,
            ledger=self.collateral,
            cash=cash,
            board=MarginBoard(self.root / "attestations"),
            wallet=LocalCollateralWallets(
                {key.address: key for key in self.roles.wallets.values()}, self.collateral.register
            ),
        )

    def _repoing(self) -> Repoing | None:
        if self.collateral is None:
            return None
        wallets = {key.address: key for key in self.roles.wallets.values()}
        return Repoing(
            book=self.book,
            ledger=self.collateral,
            wallet=LocalCollateralWallets(wallets, self.collateral.register),
            market=self.market,
            write=write,
            clock=self.clock,
        )

    def _opened(self, drop: Path) -> DirectoryDoor:
        agents = [agent_bic(self.file.service, number) for number in range(1, AGENTS + 1)]
        return DirectoryDoor(
            self.rtgs, drop, [self.file.service, *agents, *(member.bic for member in self.file.members)]
        )

    def _cash(self, party: Bic) -> CashSystem:
        if self._door is None or self._drop is None:
            return DirectCashSystem(self.rtgs.handle, self.rtgs.mailbox, party)
        return DirectoryCashSystem(self._drop / party, party, idle=self._door.sweep)

    def _agent(self, number: int) -> Agent:
        party, key, path = agent_bic(self.file.service, number), self.roles.agents[number - 1], f"agent-{number}.db"
        assets, cash = EvmAssetLedger(self.chain.node, self.market.network, live=False), self._cash(party)
        register, margin = Register(self.root / path), None
        if self.market.network.collateral is not None:
            margin = MarginDesk(
                bic=party,
                rtgs=self.file.rtgs,
                keys=(key,),
                market=self.market,
                assets=assets,
                ledger=EvmCollateralLedger(self.chain.node, register_of(self.market.network)),
                cash=cash,
                board=MarginBoard(self.root / "attestations"),
                register=MarginRegister(self.root / path),
                journal=register,
                clock=self.clock,
            )
        return Agent(
            bic=party,
            rtgs=self.file.rtgs,
            key=key,
            market=self.market,
            assets=assets,
            cash=cash,
            board=self.board,
            register=register,
            clock=self.clock,
            margin=margin,
        )

    def service_cash(self) -> CashSystem:
        """The RTGS as the service sees it, for whoever asks it beside the engine."""
        return self._cash(self.file.service)

    def tick(self) -> bool:
        """Everybody takes one step, a block is mined, time goes on. True if anything moved."""
        moved = False
        if self._door is None:
            self.rtgs.tick()
        else:
            moved = self._door.sweep() > 0
        moved |= self.engine.run_once()
        for agent in self.agents:
            moved |= agent.step()
        self.chain.mine()
        if isinstance(self.clock, ManualClock):
            self.clock.advance(TICK)
            self.clock.move_to(datetime.fromtimestamp(self.chain.time, UTC))
        return moved

    def run_until_quiet(self, told: Callable[[], None] = lambda: None) -> int:
        """Ticks until nothing moves any more; returns how many. `told` is called after each."""
        quiet = 0
        for count in range(TICKS_AT_MOST):
            quiet = 0 if self.tick() else quiet + 1
            told()
            if quiet >= QUIET_TICKS:
                return count + 1
        raise RuntimeError(f"the world did not come to rest in {TICKS_AT_MOST} ticks")

    def move_to(self, instant: datetime) -> None:
        """Time goes on to an instant, where it is this world's to move; never back."""
        if isinstance(self.clock, ManualClock):
            self.clock.move_to(instant)
            self.chain.mine()

    def close_day(self) -> None:
        """The RTGS's day ends; what is held or pending there will never be booked."""
        self.move_to(self.file.closing)
        self.rtgs.operator.close_day()

    def close(self) -> None:
        """Lets go of files. The chain is gone with it."""
        if self._door is not None:
            self._door.close()
        self.rtgs.close()
        for agent in self.agents:
            agent.register.close()
            if agent.margin is not None:
                agent.margin.register.close()
        self._database.dispose()
