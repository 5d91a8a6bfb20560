"""The watcher sees what a whole audit sees, judges by it, and can fail (I1 to I12)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockstep.app.auditing import gather
from lockstep.chain.audit import Follower, collect
from lockstep.domain.journal import GENESIS, Entry, JournalRow, entry_hash
from lockstep.domain.trade import TradeState
from lockstep.simulation.watching import follower_of
from lockstep.simulation.watching_journal import Journal
from lockstep.testing.facts import Facts
from lockstep.testing.invariants import check
from simulation.watched_world import DEPTH, Watched

STEPS = 80
START = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path, 1)
    yield made
    made.close()


def tokens(watched: Watched) -> list[str]:
    return [one.token for one in watched.world.market.securities.values()]


def assert_as_a_whole_reading(follower: Follower, watched: Watched) -> None:
    found = follower.facts()
    whole = collect(watched.chain.node, watched.world.market.network, tokens(watched))
    assert replace(found, times={}) == replace(whole, times={})
    assert whole.times.items() <= found.times.items()


def whole(watched: Watched, *, ended: bool = False) -> Facts:
    return gather(
        watched.chain.node,
        watched.world.market,
        watched.world.rtgs.facts(),
        watched.votes(),
        watched.claims(),
        watched.world.book.journal(),
        ended=ended,
        terms=watched.terms(),
    )


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_step_by_step_is_what_a_whole_reading_finds(seed: int, tmp_path: Path) -> None:
    watched = Watched(tmp_path, seed)
    deepest = DEPTH if seed % 2 else DEPTH + 3
    for step in range(STEPS):
        act = watched.act(deepest)
        watched.watcher._follower.facts()
        if act == "fork" or not step % 10:
            assert_as_a_whole_reading(watched.watcher._follower, watched)
        if deepest == DEPTH:
            found = watched.check()
            assert not any(found.values()), (step, found)
    facts = watched.watcher.facts(watched.claims(), watched.world.book.journal(), ended=False)
    expected = whole(watched)
    same = replace(
        facts,
        block_times=expected.block_times,
        final_since=expected.final_since,
        fresh=frozenset(),
        undone={},
        journal=expected.journal,
        journal_after=expected.journal_after,
        alarms=expected.alarms,
        losses=expected.losses,
    )
    assert expected.block_times.items() <= facts.block_times.items()
    assert same == expected
    assert {one.settlement for one in expected.moves}, "nothing ended: the test shows too little"
    watched.close()


def test_a_forked_reader_goes_its_own_way(watched: Watched) -> None:
    first = follower_of(watched.chain, watched.world.market)
    founded = first.facts()
    mark = watched.chain.mark()
    watched.instruct()
    lives = []
    for _ in range(2):
        watched.chain.reset(mark)
        other = first.fork()
        watched.world.run_until_quiet()
        assert_as_a_whole_reading(other, watched)
        lives.append(other.facts())
    assert lives[0].moves and not founded.moves
    assert first.facts() != founded  # it follows too, when it is asked


def test_nothing_is_read_twice_where_nothing_happened(watched: Watched) -> None:
    first = watched.check()
    assert watched.check() is first
    watched.chain.mine()
    assert watched.check() is first
    watched.instruct()
    watched.world.engine.run_once()
    assert watched.check() is not first


def test_a_world_that_came_to_rest_is_judged_whole(watched: Watched) -> None:
    for _ in range(3):
        watched.instruct()
    watched.world.run_until_quiet()
    watched.world.close_day()
    watched.world.run_until_quiet()
    found = watched.finish()
    assert len(found) == 12 and not any(found.values())
    assert TradeState.SETTLED in watched.claims().values()


def test_work_that_stays_undone_is_found_at_the_end(watched: Watched) -> None:
    watched.instruct()
    until(watched, TradeState.LOCKED)
    assert not any(watched.check().values())
    assert watched.finish()["I12"]


def until(watched: Watched, state: TradeState) -> str:
    """Moves the world until its trade is in a state; returns its settlement."""
    for _ in range(60):
        watched.world.tick()
        watched.check()
        if state in watched.claims().values():
            return next(iter(watched.claims()))
    raise AssertionError(f"{state} was not reached")


# --- finality


def test_a_payment_rightly_booked_stays_so_when_the_blocks_above_its_lock_change(watched: Watched) -> None:
    watched.instruct()
    until(watched, TradeState.PAID)
    (lock,) = watched.watcher._follower.facts().locks
    head = watched.chain.head.number
    for _ in range(3):  # the chain was a little faster when it was paid
        watched.chain.mine()
    watched.chain.reorganise(watched.chain.head.number - lock.block, keep=lambda _: False, blocks=0)
    watched.clock.advance(timedelta(hours=1))
    watched.chain.mine(head)
    assert not any(watched.check().values())
    assert check(whole(watched))["I2"], "who did not watch cannot know"


def test_what_was_final_and_is_gone_is_not_excused_unless_people_were_told(watched: Watched) -> None:
    watched.instruct()
    settlement = until(watched, TradeState.PAID)
    (lock,) = watched.watcher._follower.facts().locks
    watched.chain.reorganise(watched.chain.head.number - lock.block + 1, keep=lambda _: False)
    assert not watched.watcher._follower.facts().locks
    assert not any(watched.check().values()), "while work goes on it may not have looked yet"
    facts = watched.watcher.facts(watched.claims(), watched.world.book.journal(), ended=True)
    told = f"settlement {settlement} is paid, a reorganisation took its lock, and nobody was told"
    assert {name: lines for name, lines in check(facts).items() if lines} == {"I12": [told]}
    for _ in range(3):
        watched.world.tick()
    reasons = [one.reason for one in watched.world.book.trades()]
    assert reasons[0] is not None and reasons[0].code == "BREAK"
    assert not any(watched.finish().values())


def test_an_ending_that_is_taken_back_and_nobody_noticed_is_found(watched: Watched) -> None:
    watched.instruct()
    settlement = until(watched, TradeState.SETTLED)
    (move,) = watched.watcher._follower.facts().moves
    watched.chain.mine(DEPTH)
    watched.check()
    watched.chain.reorganise(watched.chain.head.number - move.block + 1, keep=lambda _: False)
    assert not any(watched.check().values())
    found = watched.finish()
    assert found["I6"] == [f"{settlement}: the service says SETTLED, the ledgers say PAID"]
    assert found["I12"][0].startswith(f"settlement {settlement} is still locked")


def test_without_a_lock_that_was_seen_nothing_is_excused(watched: Watched) -> None:
    watched.watcher.undone(["ab" * 32])
    assert not watched.watcher.facts({}, (), ended=False).undone


# --- the journal


def rows(*kinds: str, previous: str = GENESIS, first: int = 1) -> list[JournalRow]:
    made = []
    for number, kind in enumerate(kinds, first):
        reason = {"reason": "BREAK: two facts", "settlement_id": "cd"} if kind == "waiting" else {}
        entry = Entry(at=START, kind=kind, subject="ab", facts=reason)
        previous = entry_hash(previous, number, entry)
        made.append(JournalRow(number=number, entry=entry, hash=previous))
    return made


def test_lines_that_are_new_are_judged_and_alarms_kept() -> None:
    journal, lines = Journal(), rows("matched", "ordered")
    assert journal.see(lines) == [] and journal.new == lines and journal.after == (0, GENESIS)
    more = [*lines, *rows("waiting", previous=lines[-1].hash, first=3)]
    assert journal.see(more) == [] and journal.new == more[2:] and journal.after == (2, lines[-1].hash)
    assert journal.alarms == {"ab", "cd"}
    assert journal.see(more, whole=True) == [] and journal.new == more and journal.after == (0, GENESIS)


ENDED, TAKEN, ACCEPTED, OTHER = (
    Entry(at=START, kind=kind, subject=subject, facts=facts)
    for kind, subject, facts in (
        ("released", "ab", {"settlement_id": "cd"}),
        ("break", "cd", {"rule": "a final event stays"}),
        ("reorganisation accepted", "chain", {}),
        ("break", "cd", {"rule": "the RTGS says one thing"}),
    )
)


@pytest.mark.parametrize(
    ("entries", "losses"),
    [
        ([ENDED, TAKEN], {"cd"}),
        ([TAKEN, ENDED], {"cd"}),  # another worker was in the middle of it
        ([TAKEN, ACCEPTED, ENDED], set()),  # that loss was an earlier one
        ([TAKEN, ACCEPTED, ENDED, TAKEN], {"cd"}),
        ([TAKEN], set()),
        ([ENDED, OTHER], set()),
    ],
)
def test_of_what_had_ended_a_loss_counts_as_told_by_its_break(entries: list[Entry], losses: set[str]) -> None:
    journal, previous, lines = Journal(), GENESIS, []
    for number, entry in enumerate(entries, 1):
        previous = entry_hash(previous, number, entry)
        lines.append(JournalRow(number=number, entry=entry, hash=previous))
        journal.see(lines)
    assert journal.losses == losses and not journal.alarms


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_journal_that_goes_back_is_found_unless_a_backup_was_put_in_place(kept: int) -> None:
    lines = rows("matched", "ordered", "signed")
    fork = [*lines[:kept], *rows("other", "other", "other", previous=lines[kept - 1].hash if kept else GENESIS)]
    for now in (lines[:kept], fork):
        journal = Journal()
        journal.see(lines)
        journal.restored()
        assert journal.see(now) == []
        assert journal.new == now[kept:]
        journal = Journal()
        journal.see(lines)
        lost = f"the journal lost {3 - kept} lines after line {kept}, and no backup was put in its place"
        assert journal.see(now) == [lost]
        assert journal.see(now) == []


def test_a_line_changed_in_the_middle_is_found_at_the_end() -> None:
    lines = rows("matched", "ordered", "signed")
    journal = Journal()
    journal.see(lines)
    changed = [replace(lines[0], hash="0" * 64), *lines[1:]]
    assert journal.see(changed) == []
    assert journal.see(changed, whole=True) == [
        "the journal lost 3 lines after line 0, and no backup was put in its place"
    ]
