"""The first changes of empty records: all in one transaction, and only into empty ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Engine
from store_cases import both

from lockstep.domain.errors import Conflict, LeaseLost, Misconfigured
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import Side
from lockstep.domain.journal import Entry
from lockstep.flow.matching import match
from lockstep.ports import Change, StoredInstruction, Unclaimed
from lockstep.store import SqlBook, SqlLeases
from lockstep.testing.fakes import MORNING, SALT_KEY, FakeClock, example_market


def trade(number: int) -> Change:
    late = [replace(one, late=MORNING) for one in both(number)]
    (change,) = match(late, example_market(), SALT_KEY, MORNING)
    return change


def entry(kind: str) -> Change:
    return Change(entries=(Entry(at=MORNING, kind=kind, subject="service", facts={}),))


def test_all_of_it_is_there_in_its_order(engine: Engine) -> None:
    done: list[str] = []
    book = SqlBook(engine, done.append)
    book.begin_with([[entry("rebuilt"), trade(1)], [trade(2), entry("last")]])
    assert [(row.number, row.entry.kind) for row in book.journal()] == [
        (1, "rebuilt"),
        (2, "matched"),
        (3, "matched"),
        (4, "last"),
    ]
    assert len(book.trades()) == 2 and len(book.undelivered()) == 4 and done == ["rebuilt"]


def test_killed_midway_nothing_is_there(engine: Engine) -> None:
    book = SqlBook(engine)

    def dying() -> Iterator[Sequence[Change]]:
        yield [entry("rebuilt"), trade(1)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.begin_with(dying())
    assert not book.journal() and not book.trades() and not book.instructions() and not book.undelivered()
    book.begin_with([[entry("rebuilt"), trade(1)]])
    assert len(book.trades()) == 1


def test_a_change_that_contradicts_another_stops_it_all(engine: Engine) -> None:
    book = SqlBook(engine)
    with pytest.raises(Conflict):
        book.begin_with([[trade(1)], [trade(1)]])
    assert not book.trades()


@pytest.mark.parametrize(
    ("there", "named"),
    [
        (trade(1), "1 in trade, 2 in instruction, 1 in journal"),
        (entry("refused"), "1 in journal"),
        (
            Change(unclaimed=(Unclaimed(settlement_id=SettlementId("ab" * 32), salt="", due=None),)),
            "1 in unclaimed_payment",
        ),
    ],
)
def test_nothing_is_overwritten(engine: Engine, there: Change, named: str) -> None:
    book = SqlBook(engine)
    book.require_empty()
    book.commit(there)
    for attempt in (book.require_empty, lambda: book.begin_with([[trade(2)]])):
        with pytest.raises(Misconfigured, match=f"{named} break the rule: no records"):
            attempt()
    assert len(book.trades()) == len(there.trades)


def test_a_service_that_took_over_meanwhile_is_not_written_under(engine: Engine) -> None:
    clock = FakeClock(MORNING)
    leases = SqlLeases(engine, clock)
    lease = leases.claim("service", "rebuild", 60)
    clock.advance(61)
    assert lease is not None and leases.claim("service", "another", 60) is not None
    with pytest.raises(LeaseLost):
        SqlBook(engine, lease=lease).begin_with([[entry("rebuilt")]])
    assert not SqlBook(engine).journal()


def test_nor_one_that_took_over_a_part_of_it(engine: Engine) -> None:
    """However late: what it holds besides is judged last."""
    clock = FakeClock(MORNING)
    leases = SqlLeases(engine, clock)
    first, second, third = (leases.claim(one, "rebuild", 15) for one in ("service", "mail", "matching"))
    assert first and second and third
    clock.advance(10)
    third = leases.renew(third, 15)
    clock.advance(6)
    assert leases.claim("matching", "another", 15) is None, "it was renewed"
    assert leases.claim("mail", "another", 15) is not None
    with pytest.raises(LeaseLost, match="mail"):
        SqlBook(engine, lease=first, besides=(third, second)).begin_with([[entry("rebuilt")]])
    assert not SqlBook(engine).journal()
    SqlBook(engine, lease=first, besides=(third,)).begin_with([[entry("rebuilt")]])
    assert len(SqlBook(engine).journal()) == 1


def test_what_might_have_been_a_side_is_matched_anew(engine: Engine) -> None:
    """Once a lost settlement has its trade, those that waited for its sake may match others."""
    book, settlement = SqlBook(engine), SettlementId("ab" * 32)
    (late,) = (one for one in trade(1).instructions if one.instruction.side is Side.DELIVER)
    waiting = StoredInstruction(
        message_id=late.message_id,
        content_hash=late.content_hash,
        instruction=late.instruction,
        status="WAITING",
        received_at=MORNING,
        late=MORNING,
    )
    lost = Unclaimed(settlement_id=settlement, salt="", due=None)
    book.begin_with([[Change(instructions=(waiting,), unclaimed=(lost,))]])
    groups = book.unmatched_groups(MORNING.date())
    assert [one.instructions for one in groups] == [(waiting,)]
    book.matched_through(groups)
    assert book.unmatched_groups(MORNING.date()) == [] and book.all_unclaimed() == [lost]
    book.commit(Change(claimed=(settlement,)))
    assert [one.instructions for one in book.unmatched_groups(MORNING.date())] == [(waiting,)]
    assert book.all_unclaimed() == []
