"""What only a database can do: keep through a restart, and take turns between processes."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import Side
from lockstep.domain.journal import GENESIS, Entry, entry_hash
from lockstep.domain.trade import TradeState
from lockstep.flow.matching import match
from lockstep.ports import Change, SentTransaction, StoredInstruction
from lockstep.store import SqlBook, SqlTransactionLog, open_database
from lockstep.testing.fakes import MORNING, SALT_KEY, FakeClock, example_instruction, example_market


def entry(kind: str) -> Entry:
    return Entry(at=MORNING, kind=kind, subject="s")


WAITING = tuple(
    StoredInstruction(
        message_id=reference,
        content_hash="0" * 64,
        instruction=example_instruction(side, reference),
        status="WAITING",
        received_at=MORNING,
    )
    for side, reference in ((Side.DELIVER, "D-1"), (Side.RECEIVE, "R-1"))
)
(MATCHED,) = match(WAITING, example_market(), SALT_KEY, MORNING)


@pytest.fixture
def url(fresh: Callable[[], str]) -> str:
    return fresh()


@pytest.fixture
def two(url: str) -> Iterator[tuple[SqlBook, SqlBook]]:
    """Two connections to one database, as two processes have them."""
    engines = open_database(url), open_database(url)
    yield SqlBook(engines[0]), SqlBook(engines[1])
    for engine in engines:
        engine.dispose()


def test_a_restart_forgets_nothing(url: str) -> None:
    engine = open_database(url)
    book = SqlBook(engine)
    view = CashView(settlement_id=SettlementId("ab" * 32))
    book.commit(Change(instructions=WAITING))
    book.commit(replace(MATCHED, cash=(view,), cash_cursor=3, seen=(("A", "1", "h"),)))
    shown = [book.trades(), book.instructions(), book.undelivered(), book.journal(), book.cash_cursor()]
    engine.dispose()
    engine = open_database(url)
    again = SqlBook(engine)
    assert [
        again.trades(),
        again.instructions(),
        again.undelivered(),
        again.journal(),
        again.cash_cursor(),
    ] == shown
    assert again.cash_view(view.settlement_id) == view and again.seen("A", "1") == "h"
    again.commit(Change(entries=(entry("next"),)))
    assert again.journal()[-1].number == 2
    engine.dispose()


def test_a_new_file_is_opened_while_another_process_writes_it(tmp_path: Path) -> None:
    """The switch to the write-ahead log is the one thing that SQLite does not wait for by itself."""
    first = sqlite3.connect(tmp_path / "service.db", isolation_level=None, check_same_thread=False)
    first.execute("BEGIN IMMEDIATE")
    let_go = threading.Timer(0.2, first.rollback)
    let_go.start()
    engine = open_database(f"sqlite:///{tmp_path}/service.db")
    assert SqlBook(engine).trades() == [] and not first.in_transaction
    engine.dispose()
    let_go.join()
    first.close()


def test_durability_is_asked_for(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/service.db")
    with engine.connect() as connection:
        modes = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
    assert modes == ["wal", 2]
    SqlBook(engine, clock=FakeClock(MORNING)).claim("one", 1, 15)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2, (
            "a claim need not be on disk; all else must"
        )
    engine.dispose()


def test_each_sees_the_others(two: tuple[SqlBook, SqlBook]) -> None:
    one, other = two
    one.commit(Change(instructions=WAITING))
    other.commit(MATCHED)
    (trade,) = one.trades()
    one.commit(Change(trades=(replace(trade, state=TradeState.LOCKED),)))
    with pytest.raises(Conflict):
        other.commit(Change(trades=(replace(trade, state=TradeState.PAID),)))
    assert [one.state for one in other.trades()] == [TradeState.LOCKED]


def test_the_journal_is_one_chain_for_all(two: tuple[SqlBook, SqlBook]) -> None:
    def write(number: int) -> None:
        two[number % 2].commit(Change(entries=(entry(f"{number} a"), entry(f"{number} b"))))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(20)))
    rows, previous = two[0].journal(), GENESIS
    assert [row.number for row in rows] == list(range(1, 41))
    for row in rows:
        previous = entry_hash(previous, row.number, row.entry)
        assert row.hash == previous
    kinds = [row.entry.kind for row in rows]
    assert all(kinds[place + 1] == kinds[place].replace("a", "b") for place in range(0, 40, 2)), "whole changes"


def test_of_many_writers_one_wins(two: tuple[SqlBook, SqlBook]) -> None:
    two[0].commit(Change(instructions=WAITING))

    def write(number: int) -> bool:
        try:
            two[number % 2].commit(MATCHED)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(8))) == 1
    assert len(two[0].trades()) == 1 and len(two[0].journal()) == 1


def sent(nonce: int, key: str = "lock/a", **changes: object) -> SentTransaction:
    one = SentTransaction(key=key, nonce=nonce, raw=bytes([nonce]), hash=f"0x{nonce:064x}")
    return replace(one, **changes)


def test_transaction_log(url: str) -> None:
    engine = open_database(url)
    log = SqlTransactionLog(engine)
    for one in (sent(2), sent(1), sent(3, "settle/a")):
        log.put(one)
    assert log.transactions("lock/a") == [sent(2), sent(1)], "in the order of trying"
    assert log.unmined() == [sent(1), sent(2), sent(3, "settle/a")], "by nonce"
    mined = sent(1, status="mined", block=7, gas=21_000)
    log.put(mined)
    assert log.transactions("lock/a") == [sent(2), mined] and sent(1) not in log.unmined()
    log.put(sent(1))
    assert sent(1) in log.unmined(), "a block may be gone again"
    engine.dispose()
    engine = open_database(url)
    assert SqlTransactionLog(engine).unmined() == [sent(1), sent(2), sent(3, "settle/a")]
    assert SqlTransactionLog(engine).transactions("lock/b") == []
    engine.dispose()
