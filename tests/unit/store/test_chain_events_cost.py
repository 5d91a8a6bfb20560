"""What is asked of the stored events costs the same, however many there are."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from lockstep.domain.chain_events import BEGINNING, Checkpoint, EventKind, EventRow
from lockstep.domain.market import Network
from lockstep.store import SqlChainEvents, open_chain_events, open_database
from stores import PostgresqlStore

NETWORK = Network(chain_id=1, dvp="0x" + "d0" * 20, finality_depth=2)
STEPS = 10
"""Of SQLite's machine, from one count to the next."""


class Counted:
    """A store of so many trades, locked and settled, and the steps that SQLite takes to answer."""

    def __init__(self, path: Path, count: int) -> None:
        self.store: SqlChainEvents = open_chain_events(path, NETWORK)
        self.trades = [os.urandom(32) for _ in range(count)]
        self.settlements = [os.urandom(32) for _ in range(count)]
        rows: list[EventRow] = []
        for block, (trade, one) in enumerate(zip(self.trades, self.settlements, strict=True)):
            rows.append(EventRow(block, 0, EventKind.Locked, one, b"t" * 32, 1, trade, b"o" * 100))
            rows.append(EventRow(block, 1, EventKind.Settled, one, b"u" * 32, 1))
        self.store.advance(BEGINNING, rows, Checkpoint(number=count, hash="aa", final=count, locked=count))
        self.steps = 0
        engine = self.store._engine
        engine.dispose()
        event.listen(engine, "connect", self._watch)

    def _watch(self, connection: Any, _record: Any) -> None:
        connection.set_progress_handler(self._count, STEPS)

    def _count(self) -> int:
        self.steps += STEPS
        return 0

    def cost(self, what: str) -> int:
        self.steps = 0
        if what == "of":
            assert len(self.store.of(self.settlements[7])) == 2
        else:
            wanted = [*self.trades[5:30], b"?" * 32]
            assert sorted(self.store.settlements_of_all(wanted)) == sorted(
                zip(self.trades[5:30], self.settlements[5:30], strict=True)
            )
        return self.steps


@pytest.mark.parametrize("what", ["of", "settlements_of_all"])
def test_a_question_costs_the_same_of_twenty_times_as_many(tmp_path: Path, what: str) -> None:
    few, many = (Counted(tmp_path / f"{count}.db", count).cost(what) for count in (200, 4_000))
    assert many < 2 * few + 100


def test_postgresql_that_never_counted_its_rows_reads_only_what_is_asked_for(
    postgresql_server: PostgresqlStore,
) -> None:
    url, count, asked = postgresql_server.fresh(), 3_000, 40
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE chain_event SET (autovacuum_enabled = false)"))
    store = SqlChainEvents(engine, NETWORK)
    settlements = [os.urandom(32) for _ in range(count)]
    rows = [EventRow(block, 0, EventKind.Locked, one, b"t" * 32, 1) for block, one in enumerate(settlements)]
    store.advance(BEGINNING, rows, Checkpoint(number=count, hash="aa", final=count, locked=count))
    assert all(len(store.of(one)) == 1 for one in settlements[:asked])
    engine.dispose()  # a server's counts are told when a session ends
    engine = open_database(url)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW plan_cache_mode")).scalar() == "force_custom_plan"
        read = connection.execute(
            text("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'chain_event'")
        ).scalar_one()
        scanned = connection.execute(
            text("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'chain_event'")
        ).scalar_one()
    engine.dispose()
    assert read + scanned < 10 * asked
