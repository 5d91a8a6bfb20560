"""Where the conformance suite of CashSystem meets our own: the fake, and the simulated RTGS behind each door."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import trustme

from lockstep.cash import Certificates, DirectCashSystem, DirectoryCashSystem, HttpCashSystem
from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount
from lockstep.ports import CashSystem
from lockstep.rtgs import Role, Rtgs, door
from lockstep.rtgs.drop import DirectoryDoor
from lockstep.testing.cash_conformance import Bench
from lockstep.testing.fakes import FakeCashSystem, FakeClock, FakeRtgs

RTGS, SERVICE, BANK = (Bic(f"{name}DEFFXXX") for name in ("CBNK", "LSTP", "BANK"))
AGENTS = tuple(Bic(f"AGNTDEFFA0{number}") for number in range(1, 4))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAY_BY = datetime(2026, 11, 20, 16, tzinfo=UTC)
DEBTOR, CREDITOR = (CashAccount(owner=BANK, number=number) for number in ("PAYER", "PAYEE"))
DOORS = ("direct", "http", "https", "directory")


def euro(text: str) -> Money:
    return Money.parse(text, "EUR")


def secret(party: Bic) -> str:
    return f"{party}-secret-key"


def pem(folder: Path, authority: trustme.CA, name: str) -> tuple[Path, Path]:
    """A certificate of `name` and its key, as files."""
    issued = authority.issue_cert(name)
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    issued.cert_chain_pems[0].write_to_path(paths[0])
    issued.private_key_pem.write_to_path(paths[1])
    return paths


def _common() -> dict[str, Any]:
    return {
        "rtgs": RTGS,
        "service": SERVICE,
        "agents": AGENTS,
        "stranger": BANK,
        "quorum": 2,
        "debtor": DEBTOR,
        "creditor": CREDITOR,
        "small": euro("100.00"),
        "means": euro("1000000.00"),
    }


@dataclass(kw_only=True)
class _Ours(Bench):
    """On a clock that stands still until it is moved."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))

    def now(self) -> datetime:
        return self.clock.now()

    def pay_by(self) -> datetime:
        return PAY_BY


@dataclass(kw_only=True)
class FakeBench(_Ours):
    """The fake in memory, which it hands on when it starts again."""

    ledger: FakeRtgs

    @classmethod
    def open(cls) -> "FakeBench":
        clock = FakeClock(NOW)
        ledger = FakeRtgs(clock, bic=RTGS, service=SERVICE, agents=AGENTS, quorum=2)
        ledger.available[DEBTOR.number] = euro("20000.00").amount
        return cls(clock=clock, ledger=ledger, **_common())

    def system(self, party: Bic) -> CashSystem:
        return FakeCashSystem(self.ledger, party)

    def fund(self, account: CashAccount, money: Money) -> None:
        self.ledger.fund(account.number, money.amount)

    def move_to(self, instant: datetime) -> None:
        self.clock.move_to(instant)
        self.ledger.expire()

    def close_day(self) -> None:
        self.ledger.close_day()

    def restart(self) -> None:
        self.ledger = self.ledger.restarted()


@dataclass(kw_only=True)
class SimulatorBench(_Ours):
    """The simulated RTGS on a store by URL, behind one door."""

    root: Path
    door: str
    url: str
    simulator: Rtgs
    _close: list[Callable[[], object]] = field(default_factory=list)
    _systems: dict[Bic, CashSystem] = field(default_factory=dict)
    _connect: Callable[[Bic], CashSystem] | None = None
    _sweep: Callable[[], object] = lambda: None

    @classmethod
    def open(cls, root: Path, door_: str, url: str | None = None) -> "SimulatorBench":
        """On SQLite in `root` unless another store is named, with its tables still to be made."""
        clock, url = FakeClock(NOW), url or f"sqlite:///{root}/rtgs.db"
        rtgs = Rtgs(url, clock, bic=RTGS)
        desk = rtgs.operator
        for party, role in ((SERVICE, Role.INSTRUCTING), (BANK, Role.PARTICIPANT), *((a, Role.AGENT) for a in AGENTS)):
            desk.register_party(party, role, secret(party))
        desk.set_quorum(2)
        desk.open_day(NOW.date())
        for account in (DEBTOR, CREDITOR):
            desk.open_account(BANK, account.number, "EUR")
        desk.fund(DEBTOR.number, euro("20000.00"), "opening")
        desk.set_mandate(DEBTOR.number, euro("5000000.00"), date(2026, 12, 31))
        bench = cls(clock=clock, root=root, door=door_, url=url, simulator=rtgs, **_common())
        bench._open_door()
        return bench

    def _open_door(self) -> None:
        rtgs = self.simulator
        if self.door == "direct":
            self._connect = lambda party: DirectCashSystem(rtgs.handle, rtgs.mailbox, party, rtgs.handle_all)
        elif self.door == "directory":
            drop = DirectoryDoor(rtgs, self.root / "drop", (SERVICE, BANK, *AGENTS))
            self._close.append(drop.close)
            self._sweep = drop.sweep
            self._connect = lambda party: DirectoryCashSystem(self.root / "drop" / party, party, 5, drop.sweep)
        else:
            self._serve()

    def _serve(self) -> None:
        tls, certificates, host = None, None, "http://127.0.0.1"
        if self.door == "https":
            authority = trustme.CA()
            authority.cert_pem.write_to_path(self.root / "ca.pem")
            ours, theirs = (pem(self.root, authority, name) for name in ("127.0.0.1", "service.example"))
            tls = door.Tls(certificate=ours[0], key=ours[1], callers_authority=self.root / "ca.pem")
            certificates = Certificates(certificate=theirs[0], key=theirs[1], authority=self.root / "ca.pem")
            host = "https://127.0.0.1"
        listening = door.listen()
        server = door.server(self.simulator, tls=tls)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()

        def close() -> None:
            for system in self._systems.values():
                system.close()
            server.should_exit = True
            thread.join(5)
            listening.close()
            assert not thread.is_alive()

        self._close.append(close)
        port = listening.getsockname()[1]
        self._connect = lambda party: HttpCashSystem(f"{host}:{port}", party, secret(party), 5, certificates)

    def system(self, party: Bic) -> CashSystem:
        assert self._connect is not None
        if party not in self._systems:
            self._systems[party] = self._connect(party)
        return self._systems[party]

    def fund(self, account: CashAccount, money: Money) -> None:
        self.simulator.operator.fund(account.number, money, f"more/{account.number}")
        self._sweep()

    def move_to(self, instant: datetime) -> None:
        self.clock.move_to(instant)
        self.simulator.tick()
        self._sweep()

    def close_day(self) -> None:
        self.simulator.operator.close_day()
        self._sweep()

    def restart(self) -> None:
        self.close()
        self.simulator = Rtgs(self.url, self.clock, bic=RTGS)
        self._open_door()

    def close(self) -> None:
        while self._close:
            self._close.pop()()
        self._systems.clear()
        self.simulator.close()
