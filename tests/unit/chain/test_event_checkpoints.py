"""What the event reader keeps, where it goes on, and what it does where blocks are replaced, on a scripted chain."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_chain import DEPTH, NETWORK, Chain, Event, ScriptedNode, data_of, locked, settled, settlement, trade

from lockstep.chain import events as module
from lockstep.chain.event_memory import MemoryEvents
from lockstep.chain.events import OVERLAP, Deep, EventReader
from lockstep.domain.chain_events import ChainEvents, EventKind, EventRow
from lockstep.domain.errors import Conflict, Unavailable
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.store import open_chain_events

Make = Callable[[], ChainEvents]


@pytest.fixture
def chain() -> Chain:
    made = Chain()
    made.mine()
    return made


@pytest.fixture
def node(chain: Chain) -> ScriptedNode:
    return ScriptedNode(chain)


@pytest.fixture
def stored(tmp_path: Path) -> Make:
    """The same tables, opened anew as after a restart."""
    return lambda: open_chain_events(tmp_path / "agents" / "chain.db", NETWORK)


def reader_of(node: Any, store: ChainEvents | None = None, **how: Any) -> EventReader:
    return EventReader(node, NETWORK, store, **how)


def names(reader: EventReader, number: int) -> list[str]:
    return [one.name for one in reader.events(SettlementId(settlement(number)))]


def mine(chain: Chain, blocks: int) -> None:
    for _ in range(blocks):
        chain.mine()


# --- checkpoints


def test_it_goes_on_from_the_checkpoint(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    chain.lock(1)
    chain.lock(2)
    chain.mine(settled(1))
    mine(chain, 60)
    first = reader_of(node, stored())
    assert (names(first, 1), names(first, 2)) == (["Locked", "Settled"], ["Locked"])
    checkpoint = stored().checkpoint()
    assert checkpoint.number == chain.blocks[-1].number - DEPTH
    assert checkpoint.hash == chain.blocks[checkpoint.number].hash.hex()
    node.ranges.clear()
    again = reader_of(node, stored())
    chain.mine(settled(2))
    assert (names(again, 1), names(again, 2)) == (["Locked", "Settled"], ["Locked", "Settled"])
    assert node.ranges == [(checkpoint.number + 1 - OVERLAP, chain.blocks[-1].number)], "and a few blocks before"
    assert list(again.events(SettlementId(settlement(1)))) == list(first.events(SettlementId(settlement(1))))
    order = again.events(SettlementId(settlement(2)))[0].order
    assert order is not None and (order.movement.quantity, order.terms.trade_id) == (12, trade(2))
    assert again.settlements_of_all([TradeId(trade(1))])[TradeId(trade(1))] == (settlement(1),)
    assert set(again.locked()) == {settlement(1), settlement(2)} and len(again.locked()) == 2


def test_the_checkpoint_never_passes_what_was_not_stored(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    """The store fails as it commits; what it lacks is read again, also by the next process."""

    class Failing:
        def __init__(self, store: ChainEvents) -> None:
            self._store, self.fails = store, True

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def advance(self, *given: Any) -> None:
            if self.fails:
                raise OSError("disk")
            self._store.advance(*given)

    chain.lock(1)
    mine(chain, 60)
    store = Failing(stored())
    reader = reader_of(node, store)
    with pytest.raises(OSError, match="disk"):
        names(reader, 1)
    assert stored().checkpoint().number == -1 and stored().above(-1) == []
    store.fails = False
    chain.mine()
    assert names(reader, 1) == ["Locked"]
    assert names(reader_of(node, stored()), 1) == ["Locked"]


def test_of_two_readers_of_one_store_one_stores(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    one, other = reader_of(node, stored()), reader_of(node, stored())
    for number in range(1, 120):
        chain.lock(number)
        for reader in (one, other):
            with suppress(Unavailable):  # the other has moved the checkpoint on
                reader.refresh()
            assert names(reader, number) == ["Locked"]
    found = stored().above(-1)
    assert [row.block for row in found] == list(range(1, stored().checkpoint().number + 1)), "each once"


def test_memory_holds_what_has_not_ended_and_the_last_blocks(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    reader = reader_of(node, stored())
    chain.lock(0)
    for number in range(1, 300):
        chain.mine(locked(number))
        chain.mine(settled(number))
        reader.refresh()
    assert len(reader._by) < 2 * (OVERLAP + DEPTH) and len(reader._window) < 4 * (OVERLAP + DEPTH)
    assert len(reader._hashes) < module.HASHES + 4 * OVERLAP
    assert names(reader, 5) == ["Locked", "Settled"] and names(reader, 0) == ["Locked"]
    assert len(reader.locked()) == 300 and len(set(reader.locked())) == 300


def test_a_pass_asks_the_node_once(chain: Chain, node: ScriptedNode) -> None:
    chain.lock(1)
    reader = reader_of(node, live=False)
    assert names(reader, 1) == ["Locked"], "never refreshed, it looks"
    chain.mine(settled(1))
    asked = len(node.ranges)
    assert names(reader, 1) == ["Locked"] and len(node.ranges) == asked
    reader.refresh()
    assert names(reader, 1) == ["Locked", "Settled"]


def test_changed_tells_of_new_newly_final_and_gone(chain: Chain, node: ScriptedNode) -> None:
    reader = reader_of(node, live=False)
    chain.lock(1)
    reader.refresh()
    assert set(reader.changed()) == {settlement(1)}
    assert not reader.changed(), "told once"
    mine(chain, DEPTH - 1)
    chain.lock(2)
    reader.refresh()
    assert set(reader.changed()) == {settlement(1), settlement(2)}, "the first is final"
    chain.mine()
    reader.refresh()
    assert not reader.changed()
    chain.reorganise(2, [], [], [])
    reader.refresh()
    assert settlement(2) in reader.changed(), "gone"


@pytest.mark.parametrize("in_memory", [True, False])
def test_ended_is_what_the_events_say(chain: Chain, node: ScriptedNode, stored: Make, in_memory: bool) -> None:
    """Finally, whatever is stored by then; asked at each block, now of all and now of none of them."""
    reader = reader_of(node, None if in_memory else stored())
    ids = [SettlementId(settlement(number)) for number in range(1, 5)]
    told = []
    for number, block in enumerate([[locked(1), locked(2)], [settled(2)], [locked(3)], [], [settled(1)], *([[]] * 40)]):
        chain.mine(*block)
        final = chain.blocks[-1].number - DEPTH
        seen = {one: reader.events(one) for one in ids}
        expected = [
            one for one, events in seen.items() if any(two.name == "Settled" and two.block <= final for two in events)
        ]
        asked = ids if number % 2 else ids[number % 4 :]
        told.append(expected)
        assert list(reader.ended([*asked, SettlementId("no id")])) == [one for one in asked if one in expected]
    assert [] in told and told[-1] == ids[:2]
    assert list(reader_of(node, stored()).ended(ids)) == ids[:2], "nor does a restart change it"


def test_what_has_just_ended_is_not_looked_up(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    """It was stored a moment ago, and let go of."""
    store = stored()
    reader = reader_of(node, store, live=False)
    ids = [SettlementId(settlement(number)) for number in range(1, 21)]
    chain.mine(*(locked(number) for number in range(1, 21)))
    reader.refresh()
    chain.mine(*(settled(number) for number in range(1, 21)))
    asked: list[bytes] = []
    store.of = lambda one: asked.append(one) or ()
    for _ in range(DEPTH):
        chain.mine()
        reader.refresh()
    assert not reader._by and sorted(reader.changed(final=True)) == sorted(ids)
    assert list(reader.ended(ids)) == ids and asked == []


# --- ranges


def test_ranges_shrink_where_the_node_refuses_and_grow_again(chain: Chain, node: ScriptedNode) -> None:
    for number in range(200):
        chain.mine(locked(number))
    mine(chain, 600)
    node.most_logs = 10
    reader = reader_of(node)
    reader.refresh()
    assert len(reader.locked()) == 200
    sizes = [last - first + 1 for first, last in node.ranges]
    assert sizes[0] == 64 and min(sizes) <= 10 and max(sizes[sizes.index(min(sizes)) :]) > 64


def test_a_block_that_alone_is_too_much_is_told(chain: Chain, node: ScriptedNode) -> None:
    chain.mine(locked(1), locked(2))
    node.most_logs = 1
    with pytest.raises(Unavailable, match="does not answer"):
        reader_of(node).refresh()


def test_silence_is_not_asked_again_at_once_and_loses_nothing(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    for number in range(100):
        chain.lock(number)
    reader = reader_of(node, stored())
    reader._source.span = 10
    asked = node.logs

    def fails_at_the_third(*given: Any) -> Any:
        if len(node.ranges) == 3:
            raise Unavailable("silent")
        return asked(*given)

    node.logs = fails_at_the_third
    with pytest.raises(Unavailable, match="silent"):
        reader.refresh()
    assert len(node.ranges) == 3 and stored().checkpoint().number == node.ranges[-1][1], "three ranges are kept"
    node.logs = asked
    left = stored().checkpoint().number + 1 - OVERLAP
    assert len(reader.locked()) == 100 and node.ranges[3][0] == left


# --- what is read again


def test_a_block_is_read_again_only_if_its_bloom_says_there_is_more(chain: Chain, node: ScriptedNode) -> None:
    node.blooms = "true"
    reader = reader_of(node)
    chain.lock(1)
    reader.refresh()
    for number in range(2, 3 * OVERLAP):
        chain.mine(*([locked(number)] if number % 3 else []))
        reader.refresh()
    blocks = [last - first + 1 for first, last in node.ranges[1:]]
    assert {*blocks} == {1, OVERLAP + 1} and blocks.count(OVERLAP + 1) <= 3, "each once more, whatever is told of it"
    assert list(reader.locked()) == [settlement(one) for one in range(1, 3 * OVERLAP) if one % 3]


@pytest.mark.parametrize("late", [1, 4, OVERLAP - 1])
def test_what_the_bloom_tells_of_and_the_logs_do_not_is_read_again(
    chain: Chain, node: ScriptedNode, stored: Make, late: int
) -> None:
    node.blooms = "true"
    reader = reader_of(node, stored(), deep=Deep.HALT)
    chain.lock(1)
    reader.refresh()
    mine(chain, 2 * OVERLAP)
    reader.refresh()
    chain.mine(locked(2))
    missing = len(chain.blocks) - 1
    mine(chain, late - 1)
    node.logs_late = late
    assert names(reader, 2) == []
    node.logs_late = 0
    chain.mine()
    assert names(reader, 2) == ["Locked"] and not reader.halts()
    assert (missing, len(chain.blocks) - 1) in node.ranges, "from the first that may have more"


@pytest.mark.parametrize("blooms", [None, "zeros", 20])
def test_who_tells_no_blooms_or_false_ones_is_read_again_as_ever(
    chain: Chain, node: ScriptedNode, blooms: str | int | None
) -> None:
    """Also where they were true up to block 20."""
    node.blooms = blooms
    reader = reader_of(node)
    for number in range(1, 60):
        chain.mine(locked(number))
        reader.refresh()
    assert all(last - first == OVERLAP for first, last in node.ranges[-20:])
    chain.mine(locked(60))
    node.logs_late = 1
    assert names(reader, 60) == []
    node.logs_late = 0
    chain.mine()
    assert names(reader, 60) == ["Locked"]


def test_a_bloom_of_zeros_hides_nothing_for_ever(chain: Chain, node: ScriptedNode) -> None:
    """Of a node among several, once others were believed, and where its own logs were late just then."""
    node.blooms = "true"
    reader = reader_of(node)
    chain.lock(1)
    reader.refresh()
    mine(chain, OVERLAP)
    reader.refresh()
    chain.mine(locked(2))
    node.blooms, node.logs_late = "zeros", 1
    assert names(reader, 2) == []
    node.blooms, node.logs_late = "true", 0
    for _ in range(OVERLAP):
        chain.mine()
        reader.refresh()
    assert names(reader, 2) == ["Locked"]


def test_a_block_whose_parent_was_read_last_asks_for_no_other(chain: Chain, node: ScriptedNode) -> None:
    node.blooms = "true"
    reader = reader_of(node)
    chain.lock(1)
    mine(chain, 2 * OVERLAP)
    reader.refresh()
    for _ in range(DEPTH):
        chain.mine()
        reader.refresh()
    asked: list[int] = []
    block, node.block = node.block, lambda number: asked.append(number) or block(number)
    for _ in range(5):
        chain.mine()
        reader.refresh()
    assert asked == []
    chain.reorganise(1, [], [])
    reader.refresh()
    assert asked


# --- reorganisations


@pytest.mark.parametrize("deep", Deep)
def test_above_the_finality_depth_it_is_healed(chain: Chain, node: ScriptedNode, stored: Make, deep: Deep) -> None:
    reader = reader_of(node, stored(), deep=deep)
    chain.lock(1)
    mine(chain, 40)
    chain.lock(2)
    chain.lock(3)
    assert names(reader, 2) == ["Locked"]
    chain.reorganise(DEPTH, [], [locked(3)], [], [])
    assert (names(reader, 1), names(reader, 2), names(reader, 3)) == (["Locked"], [], ["Locked"])
    assert not reader.halts() and not reader._doubts


def test_events_that_were_overlooked_below_the_checkpoint_are_found(
    chain: Chain, node: ScriptedNode, stored: Make
) -> None:
    """Final by the head's word, and the logs were another node's; also where the reader dies in between."""
    for number, restart in ((1, False), (2, True)):
        reader = reader_of(node, stored(), deep=Deep.HALT)
        mine(chain, 20)
        chain.mine(locked(10 + number))
        chain.mine(locked(number))
        mine(chain, OVERLAP - 2)
        node.logs_late = OVERLAP - 1
        assert names(reader, number) == []
        assert stored().checkpoint().number == chain.blocks[-1].number - DEPTH
        node.logs_late = 0
        chain.mine()
        if restart:
            reader = reader_of(node, stored(), deep=Deep.HALT)
        assert names(reader, number) == ["Locked"]
        assert [row.settlement.hex() for row in stored().above(-1)][-1] == settlement(number)
        assert not reader.halts()


@pytest.mark.parametrize("below", [1, 5, OVERLAP + 4, 60, 300])
def test_below_it_halts_and_stays_halted_until_accepted(
    chain: Chain, node: ScriptedNode, stored: Make, below: int
) -> None:
    """Also where more than all known hashes are gone."""
    chain.lock(1)
    mine(chain, 340)
    reader = reader_of(node, stored(), deep=Deep.HALT)
    reader.refresh()
    mine(chain, 340)
    chain.lock(2)
    mine(chain, DEPTH)
    assert names(reader, 2) == ["Locked"] and not reader.halts()
    before, depth = list(chain.blocks), DEPTH + below
    chain.reorganise(depth, *([[]] * (depth + 1)))
    (halt,) = reader.halts()
    first = len(before) - depth
    assert before[halt.block].hash.hex() == halt.ours and chain.blocks[halt.block].hash.hex() == halt.theirs
    assert halt.block >= first and halt.depth >= len(before) - halt.block
    if below < OVERLAP:
        assert (halt.block, halt.depth) == (first, depth)
    assert settlement(2) in halt.settlements and settlement(1) not in halt.settlements
    assert (names(reader, 1), names(reader, 2)) == (["Locked"], []), "what is there now is known"
    again = reader_of(node, stored(), deep=Deep.HALT)
    assert [one.block for one in again.halts()] == [halt.block], "a restart changes nothing"
    mine(chain, 5)
    assert [one.block for one in again.halts()] == [halt.block], "told once"
    assert stored().accept("A", "looked", again.halts()) and not again.halts() and not stored().halts()


def test_a_deep_reorganisation_while_the_reader_was_down(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    chain.lock(1)
    mine(chain, 40)
    chain.lock(2)
    mine(chain, 2 * OVERLAP)
    reader_of(node, stored(), deep=Deep.HALT).refresh()
    checkpoint = stored().checkpoint()
    chain.reorganise(len(chain.blocks) - checkpoint.number + 2, *([[]] * 80))
    (halt,) = reader_of(node, stored(), deep=Deep.HALT).halts()
    assert halt.block == checkpoint.number - 2 and halt.theirs == chain.blocks[halt.block].hash.hex()


def test_a_shorter_fork_is_not_believed_at_once(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    """A node that was left behind on a fork has other final blocks, and fewer."""
    reader = reader_of(node, stored(), deep=Deep.HALT)
    chain.lock(1)
    mine(chain, 40)
    reader.refresh()
    chain.reorganise(DEPTH + 4, *([[]] * (DEPTH + 2)))
    with pytest.raises(Unavailable, match="other blocks than were final"):
        names(reader, 1)
    assert not reader.halts()
    mine(chain, 2)
    assert len(reader.halts()) == 1


@pytest.mark.parametrize("late", [DEPTH + 2, OVERLAP, 30])
def test_a_node_without_blocks_that_were_final_is_not_asked(chain: Chain, node: ScriptedNode, late: int) -> None:
    reader = reader_of(node, deep=Deep.HALT)
    chain.lock(1)
    mine(chain, 30)
    chain.mine(settled(1))
    mine(chain, DEPTH)
    assert names(reader, 1) == ["Locked", "Settled"]
    node.late = late
    with pytest.raises(Unavailable, match="was final before"):
        names(reader, 1)
    assert not reader.halts()
    node.late = 0
    chain.mine()
    assert names(reader, 1) == ["Locked", "Settled"]
    looking = reader_of(node)
    looking.refresh()
    node.late = late
    assert names(looking, 1) == ["Locked"], "who only looks is shown what there is"


@pytest.mark.parametrize("late", [1, DEPTH])
def test_a_node_that_is_late_is_no_reorganisation(chain: Chain, node: ScriptedNode, late: int) -> None:
    reader = reader_of(node, deep=Deep.HALT)
    chain.lock(1)
    mine(chain, 30)
    chain.mine(settled(1))
    assert names(reader, 1) == ["Locked", "Settled"]
    node.late = late
    assert names(reader, 1) == ["Locked"] and not reader.halts(), "as of the head that it has"
    node.late = 0
    assert names(reader, 1) == ["Locked", "Settled"] and not reader.halts()
    node.late = late
    reader.refresh()
    depth = DEPTH + 1
    chain.reorganise(depth, *([[]] * (depth + 1)))
    node.late = 0
    assert len(reader.halts()) == 1, "what was final is compared when the node is back"


def test_who_doubts_is_silent_until_all_is_there_again_finally(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    reader = reader_of(node, stored(), deep=Deep.DOUBT)
    chain.lock(1)
    mine(chain, 40)
    chain.mine(locked(2, of_trade=2), locked(3))
    mine(chain, DEPTH)
    assert names(reader, 2) == ["Locked"]
    chain.reorganise(DEPTH + 1, [locked(3)], *([[]] * DEPTH))
    assert names(reader, 1) == ["Locked"], "nothing of it was taken"
    with pytest.raises(Unavailable, match="Locked was final, a reorganisation took it"):
        names(reader, 2)
    with pytest.raises(Unavailable, match="was final"):
        reader.settlements_of_all([TradeId(trade(2))])[TradeId(trade(2))]
    assert reader.events(SettlementId(settlement(2)), doubtful=True) == ()
    assert names(reader, 3) == ["Locked"], "taken, and there again, finally"
    reader = reader_of(node, stored(), deep=Deep.DOUBT)
    chain.lock(2)
    mine(chain, DEPTH - 1)
    with pytest.raises(Unavailable, match="was final"):
        names(reader, 2)
    chain.mine()
    assert names(reader, 2) == ["Locked"] and list(
        reader.settlements_of_all([TradeId(trade(2))])[TradeId(trade(2))]
    ) == [settlement(2)]
    assert not stored().doubts()


def test_an_ending_that_was_taken_is_open_again(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    chain.lock(1)
    chain.mine(settled(1))
    mine(chain, 60)
    reader = reader_of(node, stored(), deep=Deep.HALT)
    reader.refresh()
    assert not reader._by, "ended, and only stored"
    chain.reorganise(len(chain.blocks) - 2, *([[]] * 80))
    assert names(reader, 1) == ["Locked"]
    chain.mine(settled(1))
    mine(chain, 60)
    assert names(reader, 1) == names(reader_of(node, stored()), 1) == ["Locked", "Settled"]


def test_an_ending_in_doubt_is_none(chain: Chain, node: ScriptedNode, stored: Make) -> None:
    """Not before it is there again, finally, and then without being asked for by its events."""
    ids = [SettlementId(settlement(1)), SettlementId(settlement(2))]
    chain.mine(locked(1), locked(2))
    chain.mine(settled(1))
    chain.mine(settled(2))
    mine(chain, 40)
    reader = reader_of(node, stored(), deep=Deep.DOUBT)
    assert list(reader.ended(ids)) == ids
    chain.reorganise(41, [], *([[]] * 41))
    assert list(reader.ended(ids)) == ids[:1]
    chain.mine(settled(2))
    mine(chain, DEPTH - 1)
    assert list(reader.ended(ids)) == ids[:1]
    chain.mine()
    assert list(reader.ended(ids)) == ids and not stored().doubts()


# --- at random, against the chain itself


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_it_says_what_the_chain_says(chain: Chain, stored: Make, seed: int) -> None:
    how = random.Random(seed)
    node = ScriptedNode(chain, blooms=(None, "true", "zeros", "true", 40)[seed % 5])
    made: dict[bool, ChainEvents] = {False: MemoryEvents()}
    readers: dict[bool, EventReader] = {}
    numbers, deepest = 0, 0
    for _ in range(250):
        act = how.random()
        if act < 0.5:
            events: list[Event] = []
            for _ in range(how.randrange(4)):
                numbers += 1
                events.append(locked(numbers, how.randint(1, numbers)))
            chain.mine(*events)
        elif act < 0.7 and numbers:
            number = how.randint(1, numbers)
            if chain.names(settlement(number)) == ["Locked"]:
                chain.mine(settled(number), Event("GivenBack", "ee" * 32))  # and a cycle's
        elif act < 0.8 and len(chain.blocks) > 30:
            depth = how.randint(1, 24) if how.random() < 0.3 else how.randint(1, DEPTH)
            deepest = max(deepest, depth)
            gone = chain.blocks[-depth:]
            chain.reorganise(depth, *[block.events if how.random() < 0.5 else () for block in gone], ())
            _end_only_what_is_locked(chain)
        elif act < 0.85:
            for _ in range(how.randint(5, 60)):
                chain.mine()
        elif act < 0.9:
            readers.clear()  # a restart
        node.late = how.randint(1, 6) if how.random() < 0.1 and len(chain.blocks) > 30 else 0
        node.logs_late = how.randint(1, OVERLAP - 1) if how.random() < 0.1 else 0
        node.most_logs = how.choice((None, None, 5))
        for durable in (False, True):
            if durable not in readers:
                readers[durable] = reader_of(node, stored() if durable else made[False], deep=Deep.HALT)
            try:
                readers[durable].refresh()
            except Unavailable:
                continue
        node.late = node.logs_late = 0
    for _ in range(OVERLAP + 1):
        chain.mine()
        for reader in readers.values():
            reader.refresh()
    truth = [one.settlement for block in chain.blocks for one in block.events if one.name == "Locked"]
    for durable, reader in readers.items():
        for number in range(1, numbers + 1):
            assert names(reader, number) == chain.names(settlement(number)), (durable, number)
        found = reader.locked()
        assert list(found) == truth and len(found) == len(truth)
        assert [found.since(one) for one in truth] == [truth[place:] for place in range(1, len(truth) + 1)]
        assert found.since(SettlementId("ee" * 32)) == []
        assert bool(reader.halts()) <= (deepest > DEPTH)


def _end_only_what_is_locked(chain: Chain) -> None:
    """An ending whose lock went with a reorganisation is none: DvP would have reverted."""
    known: set[str] = set()
    for place, block in enumerate(chain.blocks):
        kept = []
        for event in block.events:
            if event.name == "Locked":
                if event.settlement in known:
                    continue
                known.add(event.settlement)
            elif event.settlement not in known and event.settlement != "ee" * 32:
                continue
            kept.append(event)
        if len(kept) != len(block.events):
            del_from = chain.blocks[place:]
            chain.reorganise(len(del_from), kept, *[one.events for one in del_from[1:]])


# --- decoding


def test_what_has_not_the_form_of_an_order_is_not_read(chain: Chain, node: ScriptedNode) -> None:
    good = data_of(1, 1)
    for bad in (good[:-1], good + b"\0", b"\1" + good[1:], good[:-32] + b"\1" * 32, b""):
        chain.mine(Event("Locked", settlement(9), bad))
        with pytest.raises(Unavailable, match="a Locked event's data"):
            names(reader_of(node), 9)
        chain.reorganise(1)


def test_rows_are_what_the_abi_says(chain: Chain, node: ScriptedNode) -> None:
    chain.lock(3, of_trade=8)
    reader = reader_of(node)
    (seen,) = reader.events(SettlementId(settlement(3)))
    assert seen.order is not None
    movement, terms = seen.order.movement, seen.order.terms
    assert [one.lower() for one in (movement.token, movement.seller, movement.buyer)] == [
        "0x" + byte * 20 for byte in ("a1", "b2", "c3")
    ]
    assert (movement.quantity, movement.epoch, movement.nonce) == (13, 1, 3)
    assert (terms.trade_id, terms.part, terms.minimum_lot, terms.group) == (trade(8), 0, 0, "00" * 32)
    assert (terms.cash_hash, terms.lock_by, terms.pay_by) == ("22" * 32, 1_003, 2_003)
    assert (seen.block, int(seen.at.timestamp())) == (1, 1_700_000_012)


def test_a_store_refuses_who_is_late(stored: Make) -> None:
    for store in (MemoryEvents(), stored()):
        beginning = store.checkpoint()
        row = EventRow(1, 0, int(EventKind.Locked), b"s" * 32, b"t" * 32, 5, b"r" * 32, b"o")
        after = replace(beginning, number=1, hash="aa", locked=1)
        store.advance(beginning, [row], after)
        with pytest.raises(Conflict):
            store.advance(beginning, [], after)
        with pytest.raises(Conflict):
            store.go_back(beginning, beginning)
        assert (store.checkpoint(), list(store.above(0)), list(store.unended())) == (after, [row], [row])
        store.go_back(after, beginning)
        assert (list(store.above(-1)), list(store.settlements()), store.checkpoint().number) == ([], [], -1)
