"""The sender's memory, the fake's and the real one's: each step of a transaction is one row, found by all it serves."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockstep.ports import SentTransaction, TransactionLog
from lockstep.store import SqlTransactionLog, open_database
from lockstep.testing.fakes import FakeTransactionLog


@pytest.fixture(params=["fake", "sql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TransactionLog]:
    if request.param == "fake":
        yield FakeTransactionLog()
        return
    engine = open_database(f"sqlite:///{tmp_path}/service.db")
    yield SqlTransactionLog(engine)
    engine.dispose()


def reserved(nonce: int, key: str = "lock/a", *serves: str, fee: int = 1) -> SentTransaction:
    digest = f"{nonce:032x}{fee:032x}"
    return SentTransaction(
        key=key, nonce=nonce, raw=b"to be signed", hash=digest, digest=digest, status="reserved", serves=serves
    )


def signed(one: SentTransaction, **changes: Any) -> SentTransaction:
    return replace(one, status="signed", raw=b"signed", hash="0x" + one.digest, **changes)


def test_each_step_is_the_same_row(log: TransactionLog) -> None:
    one = reserved(5)
    steps = [one, signed(one)]
    steps.append(replace(steps[-1], status="broadcast", broadcasts=2, first_sent=7, last_sent=9))
    steps.append(replace(steps[-1], status="mined", block=10, gas=21_000))
    for step in steps:
        log.put(step)
        assert log.transactions("lock/a") == [step]
        assert list(log.unmined()) == ([] if step.status == "mined" else [step])
        assert log.from_nonce(5) == [step] and log.from_nonce(6) == []
    log.put(steps[2])
    assert log.unmined() == [steps[2]], "its block is gone"


def test_a_batch_is_found_by_all_that_it_serves(log: TransactionLog) -> None:
    keys = [f"lock/{number}" for number in range(150)]
    batch, other = reserved(0, "lockBatch/x", *keys), reserved(1, "lock/7")
    log.put_all([batch, other])
    skipped = signed(batch, skipped=(("lock/3", "c0ffee"), ("lock/149", "")))
    log.put_all([skipped, signed(other)])
    found = log.transactions_of([*keys, "lock/none", "lockBatch/x"])
    assert set(found) == {*keys, "lockBatch/x"}
    assert found["lock/7"] == [skipped, signed(other)], "in the order of trying"
    assert all(found[key] == [skipped] for key in keys if key != "lock/7")
    assert log.transactions("lock/149") == [skipped] == found["lockBatch/x"]
    assert log.transactions_of([]) == {}


def test_two_under_one_nonce_are_two_rows(log: TransactionLog) -> None:
    first, dearer = reserved(4), reserved(4, fee=2)
    log.put_all([first])
    log.put_all([dearer, signed(first)])
    assert log.transactions("lock/a") == [signed(first), dearer] == log.from_nonce(0)


def test_what_is_final_is_not_looked_at_again(log: TransactionLog) -> None:
    for nonce in range(4):
        log.put(signed(reserved(nonce, f"lock/{nonce}"), block=nonce))
    log.finish(2)
    assert [one.nonce for one in log.from_nonce(0)] == [2, 3]
    assert [one.final for nonce in range(4) for one in log.transactions(f"lock/{nonce}")] == [True, True, False, False]
    assert [one.nonce for one in log.from_nonce(0, 1)] == [2]


def test_each_sender_sees_its_own_nonces_and_everybodys_tries(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/service.db")
    first, second = (SqlTransactionLog(engine, sender=name) for name in ("0xA", "0xB"))
    first.put(reserved(0, "lock/a"))
    second.put(reserved(0, "lock/b", fee=2))
    assert [one.key for one in first.unmined()] == ["lock/a"] and [one.key for one in second.from_nonce(0)] == [
        "lock/b"
    ]
    assert {key: tries[0].sender for key, tries in first.transactions_of(["lock/a", "lock/b"]).items()} == {
        "lock/a": "0xA",
        "lock/b": "0xB",
    }
    first.finish(9)
    assert [one.final for one in second.from_nonce(0)] == [False]
    engine.dispose()


def test_what_has_no_name_is_adopted(tmp_path: Path) -> None:
    """Once, by the one key that there was; the others' stays theirs."""
    engine = open_database(f"sqlite:///{tmp_path}/service.db")
    old, first, second = (SqlTransactionLog(engine, sender=name) for name in ("", "0xA", "0xB"))
    old.put(signed(reserved(7, "lock/a")))
    second.put(reserved(0, "lock/b", fee=2))
    assert first.senders_under_way() == {"", "0xB"}
    first.adopt()
    assert not old.from_nonce(0) and [one.nonce for one in first.from_nonce(0)] == [7]
    assert first.senders_under_way() == {"0xA", "0xB"} and [one.nonce for one in second.unmined()] == [0]
    first.put(replace(signed(reserved(7, "lock/a")), status="mined"))
    assert [one.status for one in second.transactions("lock/a")] == ["mined"]
    assert first.senders_under_way() == {"0xB"}
    engine.dispose()
