"""What one trade takes of each part, run alone: CPU milliseconds, of the very things that a real load left behind.

* `messages`: every message of the load once read by each of ours that reads it, once written by who wrote it, both
  with validation: instructions in, advice and confirmations out, and all that goes to and from the RTGS.
* `rtgs`: the RTGS takes the load's messages again, on a new ledger, a hundred at a time, without a door; the reading
  and writing of its own messages, which is in `messages`, is taken off.
* `store`: every call that the service made of its records while a batch of trades settled in one process, made again
  on an empty SQLite database. Fewer trades share a statement and a commit less, and would flatter the ceiling's share.
* `signing`: per trade both wallets check and sign the order, four agents sign the outcome and the line of their log,
  the proof is built from what lies on the board, and the operator signs as many transactions as the load had.
* `chain`: the operator's transactions, to the byte, sent to an anvil that stands as the load found it, a hundred in a
  request; the node's CPU and that of sending and of reading the receipts.
"""

import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import requests
from engine_system import System, anvil, cpu_seconds, rpc

from lockstep.app import world as world_module
from lockstep.app.founding import AGENTS, agent_bic, found_rtgs
from lockstep.app.intake import expand, submit_files
from lockstep.app.market_file import read_market
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.identifiers import Bic
from lockstep.domain.market import Market
from lockstep.domain.order import Attestation, Epoch, Order, OutcomeResult
from lockstep.domain.trade import Trade
from lockstep.iso20022 import read, write
from lockstep.rtgs import Rtgs
from lockstep.signing import Key, build_proof, check_order, log_digest, outcome_digest, settlement_id
from lockstep.store import SqlBook, open_database
from lockstep.testing.trade_files import FileMarket

AT_ONCE = 100
TRANSACTIONS_AT_ONCE = 10
"""In one request: a node takes 2 MB, and a batch's transaction has up to 100 legs."""
BATCH = 400
"""Trades that the service steps side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leavings:
    """What a load left: messages, orders, transactions."""

    trades: int
    submitted: Sequence[bytes]
    told: Sequence[bytes]
    """To participants."""
    to_rtgs: Sequence[tuple[bytes, Bic]]
    from_rtgs: Sequence[tuple[bytes, Bic]]
    raw: Sequence[bytes]
    agreed: Sequence[tuple[Order, Trade]]
    epoch: Epoch


def gathered(system: System, trades: int) -> Leavings:
    """From a system that still runs; the service stores no more."""
    home = system.home
    market, book = home.market(), SqlBook(home.open_database())
    ledger = EvmAssetLedger(Node(system.rpc), market.network)
    agreed = [
        (next(event.order for event in ledger.history(one.settlement_id) if event.order is not None), one)
        for one in book.trades()
        if one.settlement_id is not None
    ]
    with sqlite3.connect(home.root / "service.db") as records:
        raw = [bytes(row[0]) for row in records.execute("SELECT raw FROM sent_transaction ORDER BY nonce, number")]
    with sqlite3.connect(home.root / "rtgs.db") as ledger_file:
        to_rtgs = ledger_file.execute("SELECT data, sender FROM inbox ORDER BY number").fetchall()
        from_rtgs = ledger_file.execute("SELECT data, receiver FROM outbox").fetchall()
    return Leavings(
        trades=trades,
        submitted=[path.read_bytes() for path in expand([system.folder / "warm-up", system.folder / "trades"])],
        told=[path.read_bytes() for path in home.outbox.rglob("*.xml")],
        to_rtgs=[(bytes(data), Bic(sender)) for data, sender in to_rtgs],
        from_rtgs=[(bytes(data), Bic(receiver)) for data, receiver in from_rtgs],
        raw=raw,
        agreed=agreed,
        epoch=ledger.epoch(),
    )


def spent(act: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    started = time.process_time()
    act()
    return time.process_time() - started


def cpu_of_parts(system: System, trades: int) -> dict[str, Any]:
    """CPU milliseconds per trade, by part; `system` has settled `trades` trades and still runs."""
    left, market = gathered(system, trades), system.home.market()
    for role in [one for one in system.running if one not in ("anvil", "rtgs")]:
        system.stop(role)
    messages, of_rtgs = _messages(left, market)
    rtgs = max(0.0, _rtgs(system, left) - of_rtgs)
    parts = {
        "messages": messages,
        "rtgs": rtgs,
        "store": _store(min(trades, BATCH)) * trades,
        "signing": _signing(system, left, market),
        "chain": _chain(system, left),
    }
    kinds = Counter(data.partition(b"<MsgDefIdr>")[2][:8].decode() for data, _ in (*left.to_rtgs, *left.from_rtgs))
    return {
        "cpu_ms_alone": {name: round(1000 * seconds / trades, 3) for name, seconds in parts.items()},
        "transactions_per_trade": round(len(left.raw) / trades, 3),
        "rtgs_messages_per_trade": {kind: round(count / trades, 2) for kind, count in sorted(kinds.items())},
    }


def _messages(left: Leavings, market: Market) -> tuple[float, float]:
    """CPU seconds in all, and those of them that are the RTGS's own."""
    ours = {market.service, *(agent_bic(market.service, number) for number in range(1, AGENTS + 1))}
    read_by_us = [data for data, receiver in left.from_rtgs if receiver in ours]
    to_rtgs = [data for data, _ in left.to_rtgs]
    in_all = _reading([*left.submitted, *read_by_us]) + _writing([*to_rtgs, *left.told])
    of_rtgs = _reading(to_rtgs) + _writing([data for data, _ in left.from_rtgs])
    return in_all + of_rtgs, of_rtgs


def _each(act: Callable[[Any], object], given: Sequence[Any]) -> None:
    for one in given:
        act(one)


def _reading(files: Sequence[bytes]) -> float:
    return sum(spent(partial(_each, read, some)) for some in batched(files))


def _writing(files: Sequence[bytes]) -> float:
    seconds = 0.0
    for some in batched(files):
        messages = [read(data) for data in some]
        seconds += spent(partial(_each, write, messages))
    return seconds


def batched(files: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Not all in memory at once, as no process has them."""
    for start in range(0, len(files), 10 * AT_ONCE):
        yield files[start : start + 10 * AT_ONCE]


def _rtgs(system: System, left: Leavings) -> float:
    home = system.home
    file = home.market_file()
    with tempfile.TemporaryDirectory() as folder:
        rtgs = Rtgs(f"sqlite:///{folder}/rtgs.db", home.clock(), bic=file.rtgs)
        found_rtgs(rtgs, file, {})

        def taken() -> None:
            for start in range(0, len(left.to_rtgs), AT_ONCE):
                refused = [
                    one for one in rtgs.handle_all(left.to_rtgs[start : start + AT_ONCE]) if type(one) is not list
                ]
                assert not refused, refused

        seconds = spent(taken)
        booked = sum(1 for one in rtgs.facts().postings if one.reference.startswith("payment/"))
        rtgs.close()
    assert booked == len(left.agreed), f"{booked} of {len(left.agreed)} payments were booked again"
    return seconds


class _Recorder:
    """Passes every call on to `real` and remembers it."""

    def __init__(self, real: Any, name: str, calls: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]]) -> None:
        self._real, self._name, self._calls = real, name, calls

    def __getattr__(self, method: str) -> Any:
        found_method = getattr(self._real, method)
        if not callable(found_method):
            return found_method

        def called(*given: Any, **named: Any) -> Any:
            answer = found_method(*given, **named)  # what was refused changed nothing and is not made again
            self._calls.append((self._name, method, given, named))
            return answer

        return called


RECORDED = ("SqlBook", "SqlTransactionLog", "SqlLeases")


def _store(count: int) -> float:
    """CPU seconds of one trade's calls of the service's records."""
    market = FileMarket(trades=count, banks=4, securities=1)
    calls: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = []
    made: dict[str, type[Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "market.toml").write_text(market.text())
        market.write(place / "trades", range(1, count + 1))
        patches = []
        for name in RECORDED:
            if hasattr(world_module, name):
                made[name] = getattr(world_module, name)
                patches.append(mock.patch.object(world_module, name, _recording(made[name], name, calls)))
        for patch in patches:
            patch.start()
        try:
            world = world_module.World(read_market(place / "market.toml"), place / "world")
        finally:
            for patch in patches:
                patch.stop()
        submit_files(world.reception, expand([place / "trades"]))
        world.run_until_quiet()
        states = {trade.state.value for trade in world.book.trades()}
        assert states == {"SETTLED"}, states
        world.close()
        database = open_database(f"sqlite:///{place}/again.db")
        again = {name: kind(database) for name, kind in made.items() if name == "SqlTransactionLog"}
        again["SqlBook"] = made["SqlBook"](database, clock=world.clock)
        if "SqlLeases" in made:
            again["SqlLeases"] = made["SqlLeases"](database, world.clock)

        def repeat() -> None:
            for name, method, given, named in calls:
                getattr(again[name], method)(*given, **named)

        seconds = spent(repeat)
        assert len(again["SqlBook"].trades()) == count
        database.dispose()
    return seconds / count


def _recording(kind: type[Any], name: str, calls: list[Any]) -> Callable[..., Any]:
    return lambda *given, **named: _Recorder(kind(*given, **named), name, calls)


def _signing(system: System, left: Leavings, market: Market) -> float:
    home = system.home
    wallets = {key.address: key for key in home.wallets(home.market_file()).values()}
    operator, agents = home.key("operator"), [home.key(f"agent-{number}") for number in range(1, AGENTS + 1)]
    per_trade = [left.raw[start :: len(left.agreed)] for start in range(len(left.agreed))]

    def all_signed() -> None:
        for number, ((order, trade), raws) in enumerate(zip(left.agreed, per_trade, strict=True), 1):
            _signed(order, trade, wallets, agents, number, market, left.epoch)
            for raw in raws:
                operator.sign(raw[-32:])

    return spent(all_signed)


def _signed(
    order: Order,
    trade: Trade,
    wallets: Mapping[str, Key],
    agents: Sequence[Key],
    number: int,
    market: Market,
    epoch: Epoch,
) -> None:
    network = market.network
    for address in (order.movement.seller, order.movement.buyer):
        check_order(order, trade.terms, market)
        wallets[address].sign(bytes.fromhex(settlement_id(order, network)))
    settlement = settlement_id(order, network)
    assert settlement == trade.settlement_id
    given = []
    for agent in agents:
        signature = agent.sign(outcome_digest(settlement, OutcomeResult.PAID, epoch.number, network))
        given.append(
            Attestation(
                settlement_id=settlement,
                result=OutcomeResult.PAID,
                epoch=epoch.number,
                agent=agent.address,
                signature=signature,
            )
        )
        agent.sign(log_digest(number, "0" * 64, given[-1], network))
    assert build_proof(OutcomeResult.PAID, given, epoch, network) is not None


def _chain(system: System, left: Leavings) -> float:
    """Each transaction must succeed again, else there is no figure."""
    begun = str(int(system.home.market_file().opening.timestamp()))
    raw = ["0x" + one.hex() for one in left.raw]
    with anvil(system.folder / "anvil-alone.log", "--no-mining", "--timestamp", begun) as (url, process):
        rpc(url, "anvil_loadState", system.opening_state)
        before, client = cpu_seconds(process.pid), time.process_time()
        session, hashes = requests.Session(), []
        for start in range(0, len(raw), TRANSACTIONS_AT_ONCE):
            some = raw[start : start + TRANSACTIONS_AT_ONCE]
            hashes += _batch(session, url, "eth_sendRawTransaction", some)
            rpc(url, "evm_mine")
        receipts = []
        for start in range(0, len(raw), AT_ONCE):
            receipts += _batch(session, url, "eth_getTransactionReceipt", hashes[start : start + AT_ONCE])
        seconds = cpu_seconds(process.pid) - before + time.process_time() - client
    done = [one for one in receipts if one is not None and one["status"] == "0x1"]
    assert len(done) == len(raw), f"{len(done)} of {len(raw)} transactions succeeded again"
    return seconds


def _batch(session: requests.Session, url: str, method: str, parameters: Sequence[str]) -> list[Any]:
    asked = [{"jsonrpc": "2.0", "id": place, "method": method, "params": [one]} for place, one in enumerate(parameters)]
    answers = sorted(session.post(url, json=asked, timeout=120).json(), key=lambda one: one["id"])
    return [one["result"] for one in answers]


__all__ = ["cpu_of_parts"]
