"""Prepared statements find and write what SQLAlchemy does, types included, in the connection's transaction."""

from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from rtgs_world import AGENTS, BUYER_ACCOUNT, DAY, NOON, SERVICE, World, payment
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from lockstep.domain.payment import Release
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.tables import accounts, barred, days, payments


def test_rows_are_as_sqlalchemy_gives_them(world: World) -> None:
    world.say(payment(1))
    with world.rtgs._database.reading() as connection:
        for table in (payments, accounts, days):
            key = next(iter(table.primary_key))
            query = select(table).order_by(key)
            assert Prepared(query).all(connection) == [tuple(row) for row in connection.execute(query)]
        of_day = Prepared(select(days.c.date, days.c.opened_at).where(days.c.date == bindparam("day")))
        assert of_day.first(connection, day=DAY) == (date(2026, 11, 20), datetime(2026, 11, 20, 12, tzinfo=UTC))
        assert of_day.first(connection, day=date(2026, 11, 21)) is None
        assert of_day.scalar(connection, day=date(2026, 11, 21)) is None


def test_a_missing_parameter_is_an_error(world: World) -> None:
    query = Prepared(select(payments.c.number).where(payments.c.uetr == bindparam("uetr")))
    with world.rtgs._database.reading() as connection, pytest.raises(KeyError, match="uetr"):
        query.all(connection)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_is_written_is_undone_with_the_step(world: World, count: int) -> None:
    insert, bury = Prepared(barred.insert()), select(barred.c.uetr, barred.c.barred_at)
    row = {"instructing": SERVICE, "barred_at": NOON, "reason_code": "CUST"}
    rows = [row | {"uetr": f"uetr {number}"} for number in range(count)]
    with suppress(ZeroDivisionError), world.rtgs._database.step("given up", NOON) as step:
        insert.run(step.connection, rows)
        assert len(step.connection.execute(bury).all()) == count
        raise ZeroDivisionError
    with world.rtgs._database.step("kept", NOON) as step:
        assert step.connection.execute(bury).all() == []
        insert.run(step.connection, rows)
    with world.rtgs._database.reading() as connection:
        assert sorted(connection.execute(bury).all()) == [(row["uetr"], NOON) for row in rows]


def test_a_broken_rule_is_sqlalchemys_error(world: World) -> None:
    row = {"uetr": "twice", "instructing": SERVICE, "barred_at": NOON, "reason_code": "CUST"}
    with pytest.raises(IntegrityError), world.rtgs._database.step("given up", NOON) as step:
        Prepared(barred.insert()).run(step.connection, [row, row])


def test_a_new_quorum_counts_from_the_next_message_on(world: World) -> None:
    """What a step reads once is not kept for the next."""
    first, second = payment(1), payment(2, cents=500)
    world.say(first)
    world.say(second)
    assert world.release(first, 0) == ["RECEIVED"]
    world.rtgs.operator.set_quorum(1)
    assert world.say(Release(uetr=second.uetr, settlement_id=second.settlement_id), AGENTS[1]) == [
        "BOOKED",
        "DEBIT",
        "CREDIT",
    ]
    assert world.money(BUYER_ACCOUNT) == (4_500, 0)
    assert world.news(SERVICE)[-3:] == ["BOOKED", "DEBIT", "CREDIT"]
