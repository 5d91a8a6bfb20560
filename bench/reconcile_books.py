"""Books of millions, measured: how long it takes to find where they differ, to load them, and in how much memory.

    python bench/reconcile_books.py compare --subject trade --rows 1000000       one figure, printed
    python bench/reconcile_books.py load --subject trade --rows 1000000
    python bench/reconcile_books.py statement --rows 20000
    python bench/reconcile_books.py duckdb --subject trade --rows 1000000        the same question to DuckDB

Each is meant for a process of its own, so that `peak_mib` is its own: the most memory that it ever had, its interpreter
and libraries included. A part of `bench/reconcile.py`.

* `compare`: three books in columns, rows in no order. Positions of the chain, the service and the legacy book, one
  quantity a participant and security; trades of the chain (which knows no cash), the RTGS (no securities) and the
  service. 20 rows in 250,000 differ; `seconds` until all findings are there, best of several runs.
* `load`: a legacy book's CSV to columns, each row judged by the same rules as row by row.
* `statement`: a semt.002 read and judged balance by balance; `lines`: `flow.comparing.compare`, key by key.
* `duckdb`: the same books in its tables; only the count of keys that differ is asked for.
"""

import argparse
import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lockstep.analytics.book_columns import FIELDS, BookColumns, Names
from lockstep.analytics.legacy_columns import File, load_balances, load_trades
from lockstep.analytics.reconcile import compare_columns
from lockstep.domain.legacy_lines import LegacyProfile
from lockstep.domain.reconciliation.books import Book, Line, Subject
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.flow.comparing import Run, compare
from lockstep.iso20022.holdings import read_holdings
from lockstep.testing.sound_books import isin, lei

DAY = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 18, tzinfo=UTC)
BLOCK, WRONG = 250_000, 20
PARTIES, SECURITIES = 5_000, 2_000
CURRENCIES = ("EUR", "USD", "GBP", "CHF")
BOOKS = {
    Subject.POSITION: (Book.CHAIN, Book.SERVICE, Book.LEGACY),
    Subject.TRADE: (Book.CHAIN, Book.RTGS, Book.SERVICE),
}
HIDDEN = {Book.CHAIN: ("amount", "currency"), Book.RTGS: ("quantity", "instrument")}


def drawn(subject: Subject, block: int, size: int) -> dict[str, "np.ndarray[Any, Any]"]:
    """Rows as every book has them; participants are the names 0 to PARTIES, securities those after."""
    chance = np.random.default_rng((7, block))
    number = np.arange(size, dtype=np.uint32)
    if subject is Subject.POSITION:
        place = block * BLOCK + number.astype(np.uint64)
        key = (place % PARTIES) << np.uint64(32) | (PARTIES + place // PARTIES)
        return {"key": key, "quantity": chance.integers(1, 10**12, size), "row": number}
    deliverer = chance.integers(0, PARTIES, size)
    return {
        "key": chance.integers(0, 1 << 62, size, dtype=np.uint64) | np.uint64(1 << 63),
        "rest": chance.integers(0, 1 << 48, size, dtype=np.uint64) << np.uint64(16) | np.uint64(0x4ABC),
        "quantity": chance.integers(1, 10**6, size),
        "amount": chance.integers(1, 10**10, size),
        "instrument": chance.integers(PARTIES, PARTIES + SECURITIES, size).astype(np.uint32),
        "currency": chance.integers(0, len(CURRENCIES), size).astype(np.uint8),
        "deliverer": deliverer.astype(np.uint32),
        "receiver": ((deliverer + chance.integers(1, PARTIES, size)) % PARTIES).astype(np.uint32),
        "status": np.ones(size, dtype=np.uint8),
        "day": np.full(size, 20_782, dtype=np.int16),
        "at": (1_795_593_600 + chance.integers(0, 36_000, size)).astype(np.uint32),
        "row": number,
    }


def blocks(rows: int) -> list[tuple[int, int]]:
    """Numbers and sizes."""
    return [(first // BLOCK, min(BLOCK, rows - first)) for first in range(0, rows, BLOCK)]


def told(subject: Subject, book: Book, rows: int) -> Iterator[pl.DataFrame]:
    """What a book says, in an order of its own, with errors in the last of the three."""
    order = np.random.default_rng(len(book.value))
    for block, size in order.permutation(blocks(rows)):
        of = drawn(subject, int(block), int(size))
        if book is BOOKS[subject][-1]:
            of["quantity"][order.integers(0, size, min(WRONG, int(size)))] += 1
        mixed = order.permutation(int(size))
        yield pl.DataFrame({name: one[mixed] for name, one in of.items() if name not in HIDDEN.get(book, ())})


def named() -> tuple[Names, Names]:
    names, currencies = Names(), Names()
    for number in range(PARTIES):
        names.code(lei(number))
    for number in range(max(SECURITIES, 10_000_000 // PARTIES)):
        names.code(isin(number))
    for one in CURRENCIES:
        currencies.code(one)
    return names, currencies


def loaded(subject: Subject, rows: int) -> list[BookColumns]:
    names, currencies = named()
    books = []
    for one in BOOKS[subject]:
        book = BookColumns(one, subject, names, currencies, whole_seconds=True)
        for frame in told(subject, one, rows):
            book.add(frame, str)
        books.append(book)
    return books


def timed(act: Callable[[], Any], runs: int) -> tuple[Any, dict[str, float]]:
    """What it gives, and the best wall and processor seconds of several runs."""
    wall, cpu, given = [], [], None
    for _ in range(runs):
        begun, used = time.perf_counter(), time.process_time()
        given = act()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
    return given, {"seconds": round(min(wall), 3), "cpu_seconds": round(min(cpu), 3)}


def peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20


def by_columns(subject: Subject, rows: int, runs: int) -> dict[str, Any]:
    books = loaded(subject, rows)
    run = Run(day=DAY, at=AT, spoke={subject: frozenset(BOOKS[subject])})
    found, spent = timed(lambda: compare_columns(books, RuleBook(), run), runs)
    assert found.keys == rows
    return {"rows": rows, "books": 3, **spent, "found": len(found.found), "peak_mib": peak()}


def by_lines(subject: Subject, rows: int, runs: int) -> dict[str, Any]:
    lines: list[Line] = []
    for book in loaded(subject, rows):
        told_rows = book.part(0)
        lines += () if told_rows is None else book.lines(told_rows)
    run = Run(day=DAY, at=AT, spoke={subject: frozenset(BOOKS[subject])})
    found, spent = timed(lambda: compare(lines, RuleBook(), run), runs)
    assert found.keys == rows
    return {"rows": rows, **spent, "rows_per_second": round(rows / spent["seconds"]), "peak_mib": peak()}


def by_duckdb(subject: Subject, rows: int, runs: int) -> dict[str, Any]:
    import duckdb

    store = duckdb.connect(config={"threads": 2})
    for place, one in enumerate(BOOKS[subject]):
        columns = pl.concat(list(told(subject, one, rows)))
        rows_ = {name: columns[name].to_numpy() for name in columns.columns}  # noqa: F841 -- DuckDB finds it by name
        store.execute(f"CREATE TABLE book{place} AS SELECT * FROM rows_")
    having = [set(store.table(f"book{place}").columns) for place in range(3)]
    differ = ["book0.key IS NULL", "book1.key IS NULL", "book2.key IS NULL"]
    for name in ("rest", *FIELDS[subject]):
        knowing = [place for place in range(3) if name in having[place]]
        differ += [f"book{knowing[0]}.{name} <> book{other}.{name}" for other in knowing[1:]]
    question = f"""SELECT count(*) FROM book0 FULL JOIN book1 ON book0.key = book1.key
        FULL JOIN book2 ON book2.key = coalesce(book0.key, book1.key) WHERE {" OR ".join(differ)}"""
    found, spent = timed(lambda: store.execute(question).fetchall(), runs)
    return {"rows": rows, "books": 3, **spent, "found": found[0][0], "peak_mib": peak()}


def write_csv(subject: Subject, path: Path, rows: int) -> None:
    """What a legacy system would write; its trades' moments are the day's."""
    leis = pl.Series([lei(number) for number in range(PARTIES)])
    isins = pl.Series([isin(number) for number in range(max(SECURITIES, rows // PARTIES + 1))])
    with path.open("wb") as file:
        for block, size in blocks(rows):
            of = pl.DataFrame(drawn(subject, block, size))
            if subject is Subject.POSITION:
                party, security = of["key"] // (1 << 32), of["key"] % (1 << 32) - PARTIES
                frame = pl.DataFrame(
                    {
                        "as_of": pl.Series([DAY.isoformat()]).new_from_index(0, size),
                        "owner": leis.gather(party),
                        "account": "SAFE-" + party.cast(pl.String),
                        "isin": isins.gather(security),
                        "quantity": of["quantity"],
                    }
                )
            else:
                digits = of.select(
                    high=pl.col("rest").map_elements(lambda one: f"{one:016x}", return_dtype=pl.String),
                    low=pl.col("key").map_elements(lambda one: f"{one:016x}", return_dtype=pl.String),
                )
                high, low = digits["high"], digits["low"]
                uetr = high.str.slice(0, 8) + "-" + high.str.slice(8, 4) + "-" + high.str.slice(12) + "-"
                cents = of["amount"] % 100
                frame = pl.DataFrame(
                    {
                        "reference": f"T-{block}-" + of["row"].cast(pl.String),
                        "uetr": uetr + low.str.slice(0, 4) + "-" + low.str.slice(4),
                        "deliverer": leis.gather(of["deliverer"]),
                        "receiver": leis.gather(of["receiver"]),
                        "isin": isins.gather(of["instrument"] - PARTIES),
                        "quantity": of["quantity"],
                        "amount": (of["amount"] // 100).cast(pl.String) + "." + cents.cast(pl.String).str.zfill(2),
                        "currency": pl.Series(CURRENCIES).gather(of["currency"]),
                        "settlement_date": pl.Series([DAY.isoformat()]).new_from_index(0, size),
                        "status": pl.Series(["settled"]).new_from_index(0, size),
                        "settled_at": pl.from_epoch(of["at"].cast(pl.Int64)).dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
                    }
                )
            frame.write_csv(file, include_header=block == 0)


def load(subject: Subject, path: Path) -> dict[str, Any]:
    book = BookColumns(Book.LEGACY, subject, Names(), Names(), whole_seconds=True)
    apart: list[str] = []
    file = File(path=path, name=path.name, received=DAY)

    def work() -> None:
        into = load_trades if subject is Subject.TRADE else load_balances
        into(book, [file], DAY, LegacyProfile(), lambda name, row: apart.append(f"{name}: {row}"))

    _, spent = timed(work, 1)
    size = path.stat().st_size
    return {
        "rows": book.rows,
        "megabytes": round(size / 1e6),
        **spent,
        "rows_per_second": round(book.rows / spent["seconds"]),
        "apart": len(apart),
        "peak_mib": peak(),
    }


def statement(rows: int) -> dict[str, Any]:
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:semt.002.001.11">'
        "<SctiesBalCtdyRpt><Pgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></Pgntn><StmtGnlDtls><StmtId>S-1</StmtId>"
        f"<StmtDtTm><Dt>{DAY}</Dt></StmtDtTm><Frqcy><Cd>DAIL</Cd></Frqcy><UpdTp><Cd>COMP</Cd></UpdTp><StmtBsis>"
        "<Cd>SETT</Cd></StmtBsis><ActvtyInd>true</ActvtyInd><SubAcctInd>false</SubAcctInd></StmtGnlDtls><AcctOwnr><Id>"
        f"<AnyBIC>BKAAZZ2A</AnyBIC></Id><LEI>{lei(1)}</LEI></AcctOwnr><SfkpgAcct><Id>SAFE-1</Id></SfkpgAcct>"
    )
    balances = (
        f"<BalForAcct><FinInstrmId><ISIN>{isin(number)}</ISIN></FinInstrmId><AggtBal><ShrtLngInd>LONG</ShrtLngInd>"
        f"<Qty><Qty><Qty><Unit>{number + 1}</Unit></Qty></Qty></Qty></AggtBal></BalForAcct>"
        for number in range(rows)
    )
    text = f"{head}{''.join(balances)}</SctiesBalCtdyRpt></Document>".encode()
    found, spent = timed(lambda: sum(1 for _ in read_holdings(io.BytesIO(text)).rows), 3)
    assert found == rows
    return {"rows": rows, **spent, "rows_per_second": round(rows / spent["seconds"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["compare", "lines", "duckdb", "write", "load", "statement"])
    parser.add_argument("--subject", choices=["position", "trade"], default="trade")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--file", type=Path, help="write, load: the CSV; load without it makes one first")
    given = parser.parse_args()
    subject = Subject(given.subject)
    if given.what == "write":
        write_csv(subject, given.file, given.rows)
        return
    if given.what == "statement":
        found = statement(given.rows)
    elif given.what == "load":
        if given.file is None:
            with tempfile.TemporaryDirectory(prefix="lockstep-") as temporary:
                write_csv(subject, Path(temporary) / "book.csv", given.rows)
                found = load(subject, Path(temporary) / "book.csv")
        else:
            found = load(subject, given.file)
    else:
        by = {"compare": by_columns, "lines": by_lines, "duckdb": by_duckdb}[given.what]
        found = by(subject, given.rows, given.runs)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
