"""What is asked of the stored events costs the same, however many there are."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from lockstep.domain.chain_events import BEGINNING, Checkpoint, EventKind, EventRow
from lockstep.domain.market import Network
from lockstep.store import SqlChainEvents, open_chain_events

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
