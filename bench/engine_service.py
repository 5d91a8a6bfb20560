"""The service by itself: its own time for a trade, and whether that grows with what it remembers.

The service is the real one, run as its process is (`run_service`, in a process of its own, with its real records,
messages, wallets' keys and mailbox); only its neighbours answer at once. A lock is final when it is sent, a payment is
booked when it is handed over, and three agents' signatures lie on the board then. So all the time from a file handed
in to the second confirmation on disk is the service's own: reading, matching, waiting for its turn, storing, signing,
writing. The neighbours' answers take their own CPU in the same process, some 0.5 ms a trade, most of it the agents'
signatures; it is not taken off.

Instructions come by a process of their own, as `lockstep submit` takes them.
"""

import os
import signal
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

from engine_system import Watch, cpu_seconds, wait_until

from lockstep.app import home as home_module
from lockstep.app import operators, processes
from lockstep.app.founding import market_of
from lockstep.app.home import Home, Settings
from lockstep.app.intake import submit_file
from lockstep.app.market_file import read_market
from lockstep.domain.chain_events import Reorganisation
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import Side
from lockstep.domain.market import Market, Network
from lockstep.domain.message import Message
from lockstep.domain.order import AssetEvent, AssetStatus, AssetView, Attestation, Epoch, Order, OutcomeResult, Proof
from lockstep.domain.payment import BookingNotice, Payment, PaymentReport, PaymentState
from lockstep.domain.trade import Trade
from lockstep.iso20022 import read, write
from lockstep.ports import CashBody, Change, StoredInstruction
from lockstep.signing import Key, outcome_digest
from lockstep.store import SqlBook
from lockstep.testing.trade_files import POOR, FileMarket, file_name

QUORUM = 3
BEFORE = 30
"""Trades that settle before the first whose time is taken: a service that has just begun still reads its schemas."""
SETTLING_IN_SECONDS, REMEMBERED_PER_SECOND = 3, 500
"""For a service that starts on what it remembers: it looks at what waits after 1, 2, 4 … 60 seconds. What it still does
after that, a look a minute, counts."""


class InstantLedger:
    """AssetLedger: what is sent is final at once. `waiting` are locked and stay so."""

    def __init__(self, waiting: Collection[SettlementId], epoch: Epoch) -> None:
        self._status: dict[SettlementId, AssetStatus] = dict.fromkeys(waiting, AssetStatus.LOCKED)
        self._of: dict[TradeId, list[SettlementId]] = {}
        self._epoch = epoch
        self._events: dict[SettlementId, list[AssetEvent]] = {}
        self._news: list[SettlementId] = []

    def news(self) -> Collection[SettlementId]:
        """What has changed since this was last asked: a service that listens need not look."""
        told, self._news = self._news, []
        return told

    def view(self, settlement_id: SettlementId, order: Order) -> AssetView:
        status = self._status.get(settlement_id, AssetStatus.NONE)
        return AssetView(head=status, final=status, final_time=order.terms.lock_by - 60)

    def history(self, settlement_id: SettlementId) -> Sequence[AssetEvent]:
        return self._events.get(settlement_id, [])

    def locked(self) -> Collection[SettlementId]:
        return self._status.keys()

    def settlements_of(self, trade_id: TradeId) -> Sequence[SettlementId]:
        return self._of.get(trade_id, ())

    def gas_of(self, transaction: str) -> int | None:
        return None

    def obstacle(self, order: Order) -> None:
        return None

    def next_nonce(self, seller: str, at_least: int) -> int:
        return at_least

    def epoch(self, number: int | None = None) -> Epoch:
        return self._epoch

    def presented(self, known: Mapping[SettlementId, OutcomeResult]) -> Sequence[Attestation]:
        return ()

    def why_not(self, token: str, source: str, target: str, units: int) -> None:
        return None

    def halts(self) -> Sequence[Reorganisation]:
        return ()

    def lock(self, settlement_id: SettlementId, order: Order, seller: bytes, buyer: bytes) -> None:
        if settlement_id not in self._status:
            self._status[settlement_id] = AssetStatus.LOCKED
            self._of.setdefault(order.terms.trade_id, []).append(settlement_id)
            self._tell("Locked", settlement_id, order)

    def settle(self, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        if self._status[settlement_id] is not AssetStatus.SETTLED:
            self._status[settlement_id] = AssetStatus.SETTLED
            self._tell("Settled", settlement_id, None)

    def give_back(self, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        raise AssertionError("nothing is given back here")

    def _tell(self, name: str, settlement_id: SettlementId, order: Order | None) -> None:
        self._news.append(settlement_id)
        self._events.setdefault(settlement_id, []).append(
            AssetEvent(
                name=name,
                settlement_id=settlement_id,
                transaction="0x" + sha256(f"{name}{settlement_id}".encode()).hexdigest(),
                block=1,
                at=datetime.now(UTC).replace(microsecond=0),
                final=True,
                order=order,
            )
        )


class FullPurse:
    """Of a node, what is asked before a service uses a key: whether it can pay fees."""

    def balance(self, _address: str) -> int:
        return 10**18


class InstantCash:
    """CashSystem and AttestationBoard: a payment is booked and attested at once, if its debtor is not poor."""

    def __init__(self, market: Market, clock: Any, agents: Sequence[Key]) -> None:
        self._market, self._clock, self._agents = market, clock, agents
        self._mail: list[bytes] = []
        self._signed: dict[SettlementId, list[Attestation]] = {}

    def send(self, message: Message[CashBody]) -> None:
        body = read(write(message)).body
        if not isinstance(body, Payment):
            return
        if body.debtor.owner.startswith(POOR):
            self._tell(self._report(message, body, PaymentState.PENDING, "AM04"))
            return
        self._tell(self._report(message, body, PaymentState.HELD))
        self._tell(self._report(message, body, PaymentState.BOOKED))
        for account, credit in ((body.debtor, False), (body.creditor, True)):
            self._tell(
                BookingNotice(
                    account=account,
                    amount=body.amount,
                    credit=credit,
                    booked_at=self._clock.now(),
                    posting=len(self._signed) + 1,
                    uetr=body.uetr,
                    settlement_id=body.settlement_id,
                    salt=body.salt,
                )
            )
        digest = outcome_digest(body.settlement_id, OutcomeResult.PAID, 1, self._market.network)
        self._signed[body.settlement_id] = [
            Attestation(
                settlement_id=body.settlement_id,
                result=OutcomeResult.PAID,
                epoch=1,
                agent=agent.address,
                signature=agent.sign(digest),
            )
            for agent in self._agents[:QUORUM]
        ]

    def _report(
        self, message: Message[Any], body: Payment, state: PaymentState, code: str | None = None
    ) -> PaymentReport:
        return PaymentReport(
            original_message_id=message.message_id,
            uetr=body.uetr,
            state=state,
            decided_at=self._clock.now(),
            payment=body,
            reason_code=code,
            reason=None if code is None else "the debtor is short of funds",
        )

    def _tell(self, body: CashBody) -> None:
        number = len(self._mail) + 1
        market = self._market
        self._mail.append(
            write(
                Message(
                    sender=market.rtgs,
                    receiver=market.service,
                    message_id=f"R{number}",
                    created=self._clock.now(),
                    body=body,
                )
            )
        )

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[Any]]]:
        return [(after + place, read(data)) for place, data in enumerate(self._mail[after : after + limit], 1)]

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        return self._signed.get(settlement_id, ())


# --- an installation without neighbours


def installation(folder: Path, market: FileMarket) -> Home:
    """Keys, market and addresses; nothing is deployed anywhere."""
    folder.mkdir(parents=True)
    home = Home(folder / "home")
    home.root.mkdir(mode=0o700)
    (home.root / "market.toml").write_text(market.text())
    file = read_market(home.root / "market.toml")
    quick = partial(home_module.write_keystore, iterations=1000)
    with mock.patch.object(home_module, "write_keystore", quick):
        roles = home.make_keys(file)
    offset = int(file.opening.timestamp() + 3600 - time.time())
    network = Network(chain_id=31337, dvp=roles.deployer.address, finality_depth=2)
    wallets = {of: key.address for of, key in roles.wallets.items()}
    made = market_of(file, network, wallets, {one.isin: roles.issuer.address for one in file.securities})
    home.write(made, Settings(rpc="http://127.0.0.1:9", rtgs_url="http://127.0.0.1:9", clock_offset_seconds=offset))
    return home


def serve(home: Home, waiting: Collection[SettlementId]) -> None:
    """`run_service` on neighbours that answer at once."""
    agents = [home.key(f"agent-{number}") for number in range(1, 5)]
    agents.sort(key=lambda key: int(key.address, 16))
    epoch = Epoch(number=1, agents=tuple(key.address for key in agents), quorum=QUORUM)
    ledger, cash = InstantLedger(waiting, epoch), InstantCash(home.market(), home.clock(), agents)
    with (
        mock.patch.multiple(
            processes,
            Node=lambda *_, **__: FullPurse(),
            EvmAssetLedger=lambda *_, **__: ledger,
            DirectoryBoard=lambda *_, **__: cash,
            _cash=lambda *_, **__: cash,
        ),
        mock.patch.object(operators, "Sender", return_value=None),
    ):
        processes.run_service(home)


def forked(act: Callable[[], object]) -> int:
    """A child that does it and ends; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        act()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def ended(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def settled(home: Home, watch: Watch, count: int, pid: int) -> None:
    def alive() -> None:
        if os.waitpid(pid, os.WNOHANG)[0]:
            raise RuntimeError("the service has ended")

    watch.wait(count, lambda _: None, alive)


def paced(home: Home, folder: Path, numbers: Iterable[int], per_second: float, marks: Path) -> None:
    """Hands a trade in every so often; notes when the second of its files was begun."""
    reception, started = processes.open_reception(home), time.time()
    with marks.open("w", buffering=1) as file:
        for place, number in enumerate(numbers):
            time.sleep(max(0.0, started + place / per_second - time.time()))
            names = [folder / file_name(number, side) for side in (Side.DELIVER, Side.RECEIVE)]
            submit_file(reception, names[0])
            began = time.time()
            submit_file(reception, names[1])
            file.write(f"{number} {began}\n")


def latency(count: int, per_second: float, folder: Path) -> dict[str, Any]:
    """Milliseconds from handing in the second instruction to the later confirmation on disk, at so many a second."""
    market = FileMarket(trades=count + BEFORE)
    home = installation(folder, market)
    market.write(folder / "trades", range(1, count + BEFORE + 1))
    service = forked(lambda: serve(home, ()))
    try:
        wait_until((home.root / "service.db").exists, 30, "the service has opened its records")
        watch, handed_in = Watch(home.outbox), 0
        for numbers, marks in ((range(count + 1, count + BEFORE + 1), "before"), (range(1, count + 1), "marks")):
            client = forked(partial(paced, home, folder / "trades", numbers, per_second, folder / marks))
            handed_in += len(numbers)
            settled(home, watch, 2 * handed_in, service)
            os.waitpid(client, 0)
    finally:
        ended(service)
    began = {int(number): float(at) for number, at in map(str.split, (folder / "marks").read_text().splitlines())}
    done: dict[int, float] = {}
    for (receiver, name), at in watch.since.items():
        body: Any = read((home.outbox / receiver / name).read_bytes()).body
        number = int(body.instruction.reference.rpartition("-")[2])
        done[number] = max(done.get(number, 0.0), at)
    own = sorted(1000 * (done[number] - at) for number, at in began.items())
    return {
        "trades": count,
        "per_second": round(per_second, 2),
        "p50": round(own[len(own) // 2], 1),
        "p99": round(own[min(len(own) - 1, len(own) * 99 // 100)], 1),
    }


# --- a long memory


def remembered(home: Home, finished: Trade, waiting: Trade, count: int) -> list[SettlementId]:
    """Fills the records with so many trades, half of them finished, half waiting; the settlements of these."""
    book = SqlBook(home.open_database())
    assert finished.settlement_id is not None and waiting.settlement_id is not None
    given = {
        one.trade_id: [book.instruction(lei, reference) for lei, reference in _keys(one)] for one in (finished, waiting)
    }
    views = {one.trade_id: book.cash_view(one.settlement_id) for one in (finished, waiting) if one.settlement_id}
    settlements, change = [], Change()
    for number in range(count):
        model = waiting if number % 2 else finished
        trade, instructions = _copied(model, [one for one in given[model.trade_id] if one], number)
        view = views.get(model.trade_id)
        assert trade.settlement_id is not None and view is not None
        if model is waiting:
            settlements.append(trade.settlement_id)
        change = replace(
            change,
            trades=(*change.trades, trade),
            instructions=(*change.instructions, *instructions),
            cash=(*change.cash, replace(view, settlement_id=trade.settlement_id)),
        )
        if len(change.trades) == 500 or number == count - 1:
            book.commit(change)
            change = Change()
    return settlements


def _keys(trade: Trade) -> list[tuple[Lei, Reference]]:
    terms = trade.terms
    return [(terms.deliverer, terms.deliverer_reference), (terms.receiver, terms.receiver_reference)]


def _copied(model: Trade, instructions: Sequence[StoredInstruction], number: int) -> tuple[Trade, list[Any]]:
    assert model.order is not None
    terms = replace(
        model.terms,
        deliverer_reference=Reference(f"OLD-D-{number}"),
        receiver_reference=Reference(f"OLD-R-{number}"),
    )
    named = {Side.DELIVER: terms.deliverer_reference, Side.RECEIVE: terms.receiver_reference}
    settlement = SettlementId(sha256(f"old {number}".encode()).hexdigest())
    order = replace(
        model.order,
        movement=replace(model.order.movement, nonce=1_000_000 + number),
        terms=replace(model.order.terms, trade_id=terms.trade_id),
    )
    trade = replace(model, trade_id=terms.trade_id, terms=terms, order=order, settlement_id=settlement, version=0)
    return trade, [
        replace(
            one,
            message_id=f"OLD-{one.instruction.side.value}-{number}",
            trade_id=terms.trade_id,
            instruction=replace(one.instruction, reference=named[one.instruction.side]),
        )
        for one in instructions
    ]


def seconds_each(count: int, memory: int, folder: Path) -> dict[str, float]:
    """What each of so many new trades takes, handed in all at once, with so many remembered."""
    market = FileMarket(trades=count + 2, banks=4, specials=(POOR,))
    home = installation(folder, market)
    watch, models = Watch(home.outbox), folder / "models"
    market.write(models, range(count + 1, count + 2))
    for message in market.pair_with(POOR, count + 2):
        (models / file_name(count + 2, message.body.side)).write_bytes(write(message))
    market.write(folder / "trades", range(1, count + 1))
    reception = processes.open_reception(home)
    for path in sorted(models.iterdir()):
        assert submit_file(reception, path).outcome == "instructed", path
    service = forked(lambda: serve(home, ()))
    try:
        book = reception.book
        wait_until(lambda: _come_to_rest(book), 30, "one trade is finished, one waits for money")
        settled(home, watch, 2, service)
    finally:
        ended(service)
    finished, waiting = sorted(book.trades(), key=lambda one: not one.state.is_end)
    waiting_settlements = remembered(home, finished, waiting, memory)
    assert waiting.settlement_id is not None
    service = forked(lambda: serve(home, [*waiting_settlements, waiting.settlement_id]))
    try:
        time.sleep(SETTLING_IN_SECONDS + memory / REMEMBERED_PER_SECOND)
        before, began = cpu_seconds(service), time.time()
        client = forked(lambda: paced(home, folder / "trades", range(1, count + 1), float("inf"), folder / "marks"))
        settled(home, watch, 2 + 2 * count, service)
        cpu = cpu_seconds(service) - before
        os.waitpid(client, 0)
    finally:
        ended(service)
    return {
        "remembered": memory,
        "trades": count,
        "ms_per_trade": round(1000 * (max(watch.since.values()) - began) / count, 2),
        "cpu_ms_per_trade": round(1000 * cpu / count, 2),
    }


def _come_to_rest(book: Any) -> bool:
    trades = book.trades()
    ends = [one for one in trades if one.state.is_end]
    waits = [one for one in trades if one.reason is not None and one.reason.code == "MONY"]
    return len(ends) == 1 and len(waits) == 1
