"""`lockstep rebuild`, measured: seconds from the first file read to the last record on disk.

    python bench/rebuild.py                  writes bench/rebuild.json: 100,000 settled trades
    python bench/rebuild.py --trades 10000   of so many, without writing

What is read is prepared beforehand: two sese.023 files per trade on disk, the RTGS's mail about each payment (pacs.002
held, pacs.002 booked, two camt.054) as XML in one file, the chain's Locked and Settled events as packed rows. They are
read, judged against the schemas, matched, compared and stored as ever, in SQLite with its usual durability. Not in it
is what the RTGS and the node take to answer, which are other processes (`bench/rtgs.py`, `bench/chain_events.py`).
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from lockstep.app.rebuilding import Done, heard_from, rebuild_records
from lockstep.cash.mail import read_mail
from lockstep.domain.identifiers import Reference, SettlementId
from lockstep.domain.instruction import Instruction, Side
from lockstep.domain.message import Message
from lockstep.domain.order import AssetEvent, Movement, Order, OrderTerms
from lockstep.domain.payment import BookingNotice, PaymentReport, PaymentState
from lockstep.flow.gathering import Heard
from lockstep.flow.matching import salt_of, trade_of
from lockstep.flow.ordering import order_for, payment_for
from lockstep.iso20022 import write
from lockstep.ports import AssetLedger, CashBody, CashSystem, StoredInstruction
from lockstep.signing import settlement_id
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import MORNING, RTGS, SALT_KEY, SERVICE, example_instruction, example_market

OUT = Path(__file__).with_suffix(".json")
TRADES, GOAL_SECONDS = 100_000, 60
MARKET = example_market()


class Row(NamedTuple):
    """A settlement's events as a reader keeps them: unpacked when asked for."""

    movement: tuple[Any, ...]
    terms: tuple[Any, ...]
    block: int
    at: int


class Chain:
    """Of the ledger what a rebuild asks."""

    def __init__(self) -> None:
        self.rows: dict[SettlementId, Row] = {}

    def locked(self) -> Collection[SettlementId]:
        return self.rows.keys()

    def final_time(self) -> int:
        return int(MORNING.timestamp()) + 3600

    def histories(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[AssetEvent]]:
        return {one: list(self._events(one)) for one in ids}

    def _events(self, settlement: SettlementId) -> Iterator[AssetEvent]:
        row = self.rows[settlement]
        token, seller, buyer, quantity, epoch, nonce = row.movement
        trade_id, part, cash_hash, lock_by, pay_by, minimum_lot, group = row.terms
        movement = Movement(token=token, seller=seller, buyer=buyer, quantity=quantity, epoch=epoch, nonce=nonce)
        terms = OrderTerms(
            trade_id=trade_id,
            part=part,
            cash_hash=cash_hash,
            lock_by=lock_by,
            pay_by=pay_by,
            minimum_lot=minimum_lot,
            group=group,
        )
        for place, name in enumerate(("Locked", "Settled")):
            yield AssetEvent(
                name=name,
                settlement_id=settlement,
                transaction="0x" + settlement,
                block=row.block + place,
                at=datetime.fromtimestamp(row.at + place, UTC),
                final=True,
                order=Order(movement=movement, terms=terms) if place == 0 else None,
            )


class Mailbox:
    """Of the RTGS what a rebuild asks: mail as bytes in a file, a message a line, read as it comes over any door."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("rb")

    def receive(self, after: int, limit: int = 200) -> Any:
        page = [line.rstrip(b"\n") for line in islice(self._file, limit)]
        return read_mail(enumerate(page, after + 1), SERVICE)


def hear(file: Path) -> Heard:
    return heard_from(cast(CashSystem, Mailbox(file)), MORNING)


def prepare(trades: int, folder: Path, mail: IO[bytes]) -> Chain:
    chain = Chain()
    for number in range(trades):
        cash = f"{1000 + number % 977}.{number % 100:02}"
        both = [
            example_instruction(side, f"{side.value[0]}-{number}", quantity=str(1000 + number % 1009), cash=cash)
            for side in Side
        ]
        both[0] = replace(both[0], counterparty_reference=Reference(both[1].reference) if number % 2 else None)
        stored = [_stored(one, number) for one in both]
        for one in stored:
            place = folder / f"{number // 1000:04}"
            place.mkdir(exist_ok=True)
            message = Message(
                sender=one.instruction.owner.bic,
                receiver=SERVICE,
                message_id=one.message_id,
                created=MORNING,
                body=one.instruction,
            )
            (place / f"{number:07}-{one.instruction.side.value}.xml").write_bytes(write(message))
        deliver, receive = sorted(stored, key=lambda one: one.instruction.side is Side.RECEIVE)
        trade = trade_of(deliver, receive, salt_of(deliver, receive, SALT_KEY), SALT_KEY, MORNING)
        order = order_for(trade, MARKET, epoch=1, nonce=number, now=int(MORNING.timestamp()))
        settlement = settlement_id(order, MARKET.network)
        moved, terms = order.movement, order.terms
        chain.rows[settlement] = Row(
            (moved.token, moved.seller, moved.buyer, moved.quantity, moved.epoch, moved.nonce),
            (
                terms.trade_id,
                terms.part,
                terms.cash_hash,
                terms.lock_by,
                terms.pay_by,
                terms.minimum_lot,
                terms.group,
            ),
            10 + number // 50,
            int(MORNING.timestamp()) + number // 50,
        )
        payment = payment_for(replace(trade, order=order, settlement_id=settlement), MARKET)
        at = MORNING + timedelta(seconds=number // 50)
        said: list[CashBody] = [
            PaymentReport(
                original_message_id=f"P{number}", uetr=payment.uetr, state=state, decided_at=at, payment=payment
            )
            for state in (PaymentState.HELD, PaymentState.BOOKED)
        ]
        said += [
            BookingNotice(
                account=account,
                amount=payment.amount,
                credit=account is payment.creditor,
                booked_at=at,
                posting=number + 1,
                uetr=payment.uetr,
                settlement_id=settlement,
                salt=payment.salt,
            )
            for account in (payment.debtor, payment.creditor)
        ]
        for kind, body in enumerate(said):
            told = Message(sender=RTGS, receiver=SERVICE, message_id=f"R{kind}-{number}", created=at, body=body)
            mail.write(write(told).replace(b"\n", b" ") + b"\n")
    return chain


def _stored(instruction: Instruction, number: int) -> StoredInstruction:
    return StoredInstruction(
        message_id=f"{instruction.owner.bic[:4]}-{number}",
        content_hash="",
        instruction=instruction,
        status="WAITING",
        received_at=MORNING,
    )


def measure(trades: int, database: Path, files: Path, chain: Chain, mail: Path) -> dict[str, Any]:
    opened = open_database(f"sqlite:///{database}")
    wall, cpu = time.perf_counter(), time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    done: Done = rebuild_records(
        SqlBook(opened),
        partial(hear, mail),
        cast(AssetLedger, chain),
        MARKET,
        SALT_KEY,
        MORNING + timedelta(hours=1),
        sorted(files.rglob("*.xml")),
    )
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "trades": trades,
        "seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "cpu_seconds_of_readers": round(spent.ru_utime + spent.ru_stime - children.ru_utime - children.ru_stime, 1),
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "database_mib": round(database.stat().st_size / 2**20),
        "goal_seconds": GOAL_SECONDS,
        "cores": os.cpu_count(),
    }
    opened.dispose()
    if done.states != {"SETTLED": trades} or done.uninstructed or done.refused or done.waiting:
        raise SystemExit(f"not rebuilt: {done.states}, {len(done.uninstructed)} without instructions")
    return found


def rebuild_seconds_100k(trades: int = TRADES, out: Path | None = None) -> dict[str, Any]:
    """The figure, with what it is made of; told, and written, before the many files are taken away."""
    with tempfile.TemporaryDirectory(prefix="lockstep-rebuild-") as name:
        files = Path(name) / "files"
        files.mkdir()
        with (Path(name) / "mail").open("wb") as mail:
            chain = prepare(trades, files, mail)
        found = measure(trades, Path(name) / "service.db", files, chain, Path(name) / "mail")
        print(json.dumps(found, indent=2), flush=True)
        if out is not None:
            out.write_text(json.dumps(found, indent=2) + "\n")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=TRADES)
    given = parser.parse_args()
    rebuild_seconds_100k(given.trades, OUT if given.trades == TRADES else None)
