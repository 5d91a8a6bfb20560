"""Groups of what waits: read again only when something came in or went, or when they are old."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from store_cases import stored

from lockstep.domain.instruction import Instruction, QuantityType, Side
from lockstep.domain.money import Money, Quantity
from lockstep.flow import matching
from lockstep.flow.matching import match_key
from lockstep.ports import Change, WaitingGroup
from lockstep.store import SqlBook, open_database, waiting
from lockstep.store.bulk import Statement
from lockstep.testing.fakes import BUYER, DAY, SELLER, example_instruction

LONG_AGO = DAY - timedelta(days=400)


def shown(groups: Sequence[WaitingGroup]) -> list[list[str]]:
    return [[one.instruction.reference for one in group.instructions] for group in groups]


def to_do(book: SqlBook) -> list[list[str]]:
    return shown(book.unmatched_groups(LONG_AGO))


BIG = {"quantity": Quantity.parse("77")}


def test_what_came_in_is_to_do_with_all_that_could_match_it(book: SqlBook) -> None:
    book.commit(Change(instructions=(stored("D-1"), stored("D-2", **BIG), stored("R-1", Side.RECEIVE))))
    groups = book.unmatched_groups(LONG_AGO)
    assert shown(groups) == [["D-1", "R-1"], ["D-2"]] and to_do(book) == shown(groups), "until it is done"
    book.matched_through(groups)
    assert to_do(book) == []
    book.commit(Change(instructions=(stored("R-2", Side.RECEIVE, **BIG),)))
    assert to_do(book) == [["D-2", "R-2"]]


def test_what_was_matched_or_told_why_it_waits_is_done(book: SqlBook) -> None:
    one, other, third = stored("D-1"), stored("R-1", Side.RECEIVE), stored("D-3")
    book.commit(Change(instructions=(one, other, third)))
    groups = book.unmatched_groups(LONG_AGO)
    matched = tuple(replace(stored, status="MATCHED") for stored in (one, other))
    book.commit(Change(instructions=(*matched, replace(third, reason=None))))
    book.matched_through(groups)
    assert to_do(book) == []
    assert [one.instruction.reference for one in book.waiting()] == ["D-3"]


def test_what_came_in_meanwhile_stays_to_do(book: SqlBook) -> None:
    book.commit(Change(instructions=(stored("D-1"),)))
    groups = book.unmatched_groups(LONG_AGO)
    book.commit(Change(instructions=(stored("R-1", Side.RECEIVE),)))
    book.matched_through(groups)
    assert to_do(book) == [["D-1", "R-1"]]


def test_a_cancelled_one_leaves_the_rest_to_do(book: SqlBook) -> None:
    one, other = stored("D-1"), stored("R-1", Side.RECEIVE)
    book.commit(Change(instructions=(one, other, stored("D-2", **BIG))))
    groups = book.unmatched_groups(LONG_AGO)
    book.matched_through(groups)
    book.commit(Change(instructions=(replace(one, status="CANCELLED"),)))
    assert to_do(book) == [["R-1"]]
    book.matched_through(groups)
    assert to_do(book) == [["R-1"]], "who had read it before may not call it done"
    book.matched_through(book.unmatched_groups(LONG_AGO))
    assert to_do(book) == []


def test_what_is_old_comes_up_by_itself(book: SqlBook) -> None:
    book.commit(Change(instructions=(stored("D-1"), stored("D-2", settlement_date=DAY + timedelta(1)))))
    book.matched_through(book.unmatched_groups(LONG_AGO))
    assert shown(book.unmatched_groups(DAY)) == []
    assert shown(book.unmatched_groups(DAY + timedelta(1))) == [["D-1"]]
    assert shown(book.unmatched_groups(DAY + timedelta(2))) == [["D-1"], ["D-2"]]


def test_pages_and_all_anew(book: SqlBook) -> None:
    quantities = [Quantity.parse(str(number)) for number in range(1, 6)]
    book.commit(Change(instructions=tuple(stored(f"D-{one.text()}", quantity=one) for one in quantities)))
    first = book.unmatched_groups(LONG_AGO, limit=2)
    assert shown(first) == [["D-1"], ["D-2"]]
    book.matched_through(first)
    assert shown(book.unmatched_groups(LONG_AGO, limit=2)) == [["D-3"], ["D-4"]]
    book.matched_through(book.unmatched_groups(LONG_AGO))
    assert to_do(book) == []
    book.match_anew()
    assert len(to_do(book)) == 5


def test_what_waits_for_long_is_not_read(tmp_path: Path) -> None:
    """A pass asks an index over what is to do, and one in the order of age. (Which plan PostgreSQL takes depends on how
    much there is.)"""
    engine = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    asked = waiting._TOUCHED, waiting._OLD
    with engine.connect() as connection:
        plans = [Statement(f"EXPLAIN QUERY PLAN {one._texts['sqlite'][0]}") for one in asked]
        told = [plans[0].rows(connection, 5), plans[1].rows(connection, "2026-01-01", 5)]
    assert ["instruction_touched" in str(told[0]), "instruction_group (match_key<?)" in str(told[1])] == [True, True]


instructions = st.builds(
    replace,
    st.sampled_from(
        [
            replace(example_instruction(side, "X"), deliverer=one, receiver=other)
            for side in Side
            for one, other in ((SELLER, BUYER), (BUYER, SELLER))
        ]
    ),
    quantity=st.sampled_from([Quantity(value=10, scale=1), Quantity(value=10, scale=0), Quantity(value=1, scale=0)]),
    quantity_type=st.sampled_from(QuantityType),
    cash=st.sampled_from(
        [Money(currency="EUR", amount=1), Money(currency="EUR", amount=2), Money(currency="USD", amount=1)]
    ),
    trade_date=st.sampled_from([DAY, DAY - timedelta(1)]),
    settlement_date=st.sampled_from([DAY, DAY + timedelta(1)]),
)


@settings(max_examples=300)
@given(instructions, instructions)
def test_groups_are_those_of_matching(one: Instruction, other: Instruction) -> None:
    assert (match_key(one) == match_key(other)) is (matching._key(one) == matching._key(other))
