"""The business day: phases, cut-offs, holidays, a clock that is set, and what closing leaves behind."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from banks import BOOKED, HELD, HIGH, PENDING, REJECTED, URGENT, A, B, Banks, C, held, uetr
from rtgs_world import DAY, NOON, PAY_BY, World, euro, payment

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.rtgs import DAYTIME, Kind, Phase, Timetable
from lockstep.rtgs.timetable import EVERYTHING

MONDAY = date(2026, 11, 23)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Of Frankfurt's winter clock, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=1)


def _on(world: World, instant: datetime) -> None:
    world.clock.instant = instant
    world.rtgs.tick()


def test_the_timetable_leads_through_the_day(world: World) -> None:
    desk = world.rtgs.operator
    desk.set_timetable(DAYTIME, {date(2026, 11, 24): "A holiday"})
    found = []
    for instant in (
        at(DAY, 13),
        at(DAY, 17),
        at(DAY, 18),
        at(DAY, 23),
        at(DAY + timedelta(days=1), 12),  # Saturday
        at(MONDAY, 2, 29),
        at(MONDAY, 2, 30),
        at(MONDAY, 17),
        at(MONDAY + timedelta(days=1), 12),  # the holiday: Monday is over all the same
        at(MONDAY + timedelta(days=2), 17, 30),
        at(MONDAY + timedelta(days=3), 2, 30),  # nobody looked in the night
    ):
        _on(world, instant)
        found.append((desk.business_day(), desk.phase()))
    both, banks_only = DAYTIME.phases[0].name, DAYTIME.phases[1].name
    nothing = (None, "CLOSED")
    assert found == [
        (DAY, both),
        (DAY, banks_only),
        nothing,
        nothing,
        nothing,
        nothing,
        (MONDAY, both),
        (MONDAY, banks_only),
        nothing,
        (MONDAY + timedelta(days=2), banks_only),
        (MONDAY + timedelta(days=3), both),
    ]


def test_cut_offs_are_by_kind(world: World) -> None:
    banks = Banks(world, A=100)
    banks.desk.set_timetable(DAYTIME)
    _on(world, at(DAY, 16, 59))
    assert banks.pay(1, A, B, 10, kind=Kind.CUSTOMER) is BOOKED
    assert banks.pay(2, A, B, 500, kind=Kind.CUSTOMER) is PENDING
    world.clock.instant = at(DAY, 17)  # no tick: what comes first finds the cut-off passed
    world.rtgs.tick()
    assert banks.pay(3, A, B, 10, kind=Kind.CUSTOMER) is REJECTED
    assert banks.stored(3).reason_code == "TM01"
    assert banks.pay(4, A, B, 10) is BOOKED
    banks.fund(A, 500)
    assert banks.stored(2).state is BOOKED  # taken in time, it may wait until the day ends
    _on(world, at(DAY, 18))
    assert banks.pay(5, A, B, 10) is REJECTED
    assert banks.stored(5).reason_code == "ED06"
    assert DAYTIME.cut_off(Kind.CUSTOMER, DAY) == at(DAY, 17)
    assert DAYTIME.cut_off(Kind.INTERBANK, DAY) == at(DAY, 18)


def test_the_operator_may_extend_a_phase_by_hand(world: World) -> None:
    desk = world.rtgs.operator
    with pytest.raises(Refused, match="PhaseUnknown"):
        desk.enter_phase("INTERBANK")
    desk.set_timetable(DAYTIME)
    desk.enter_phase("INTERBANK")
    assert desk.phase() == "INTERBANK"
    desk.close_day()
    with pytest.raises(Refused, match="DayClosed"):
        desk.enter_phase("INTERBANK")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"zone": "Europe/Nowhere"}, "zone"),
        ({"phases": ()}, "phases"),
        ({"closes": time(2)}, "phases"),
        ({"phases": (Phase(name="", starts=time(1), takes=EVERYTHING),)}, "phases/name"),
        ({"phases": (Phase(name="CLOSED", starts=time(1), takes=EVERYTHING),)}, "phases/name"),
        ({"weekend": frozenset({7})}, "weekend"),
    ],
)
def test_a_timetable_makes_sense_or_is_refused(changes: dict[str, object], field: str) -> None:
    usual = {"zone": DAYTIME.zone, "phases": DAYTIME.phases, "closes": DAYTIME.closes}
    with pytest.raises(InvalidInput) as refused:
        Timetable(**(usual | changes))
    assert refused.value.field == field


def test_a_timetable_is_data() -> None:
    assert Timetable.from_json(DAYTIME.to_json()) == DAYTIME
    for bad in ("", "{}", '{"zone": "Europe/Berlin", "phases": [{}], "closes": "18:00"}'):
        with pytest.raises(InvalidInput):
            Timetable.from_json(bad)


def test_the_clock_is_set_and_runs_or_stands(world: World) -> None:
    desk = world.rtgs.operator
    desk.set_clock(PAY_BY)
    world.later(hours=1)
    assert desk.now() == PAY_BY
    desk.advance_clock(timedelta(minutes=5))
    assert desk.now() == PAY_BY + timedelta(minutes=5)
    with pytest.raises(InvalidInput) as refused:
        desk.set_clock(PAY_BY)
    assert refused.value.field == "clock"
    desk.set_clock(PAY_BY + timedelta(minutes=10), running=True)
    world.later(minutes=1)
    assert desk.now() == PAY_BY + timedelta(minutes=11)
    world.restart()  # what it was set to outlives the process
    assert world.rtgs.operator.now() == PAY_BY + timedelta(minutes=11)


def test_the_end_of_day_leaves_nothing_open(world: World) -> None:
    banks = Banks(world, A=100)
    banks.mandate(A)
    banks.desk.reserve(A.number, HIGH, euro(5))
    assert banks.submit(held(1, A, B, 50, PAY_BY)) is HELD
    assert banks.submit(held(2, A, B, 500, PAY_BY)) is PENDING
    assert banks.pay(3, A, B, 500, priority=URGENT) is PENDING
    banks.desk.close_day()
    assert banks.states(1, 2, 3) == [REJECTED] * 3
    assert {one.reason_code for one in (banks.stored(1), banks.stored(3))} == {"TM01"}
    account = banks.account(A)
    assert (account.posted, account.earmarked, account.reserved_high) == (100, 0, 0)
    assert len(world.rtgs.facts().tombstones) == 2


def test_standing_reservations_begin_each_day(world: World) -> None:
    banks = Banks(world, A=100)
    banks.desk.reserve(A.number, HIGH, euro(60), standing=True)
    assert banks.account(A).reserved_high == 0
    banks.desk.close_day()
    banks.desk.open_day(MONDAY)
    assert banks.account(A).reserved_high == 60
    assert banks.pay(1, A, B, 41, settlement_date=MONDAY) is PENDING


def test_a_statement_says_opening_entries_closing(world: World) -> None:
    banks = Banks(world, A=100)
    banks.pay(1, A, B, 30)
    banks.pay(2, B, A, 10)
    interim = banks.desk.statement(A.number, DAY)
    assert (interim.number, interim.opening, interim.closing) == (None, 0, 80)
    banks.desk.close_day()
    banks.fund(A, 7)
    world.later(days=3)
    banks.desk.open_day(MONDAY)
    banks.pay(3, A, C, 87, settlement_date=MONDAY)
    banks.desk.close_day()
    first, second = (banks.desk.statement(A.number, day) for day in (DAY, MONDAY))
    assert (first.number, first.opening, [one.amount for one in first.entries], first.closing) == (
        1,
        0,
        [100, -30, 10],
        80,
    )
    assert first.issued_at == NOON
    assert (second.number, second.opening, [one.amount for one in second.entries], second.closing) == (
        2,
        80,
        [7, -87],
        0,
    )
    assert [one.counterparty for one in second.entries] == ["CENTRAL-BANK-EUR", C.number]
    assert [one.entry for one in second.entries] == [1, 2]
    assert banks.desk.statement(B.number, MONDAY).entries == ()


def test_no_statement_of_what_is_not_there(world: World) -> None:
    desk = world.rtgs.operator
    for account, day, field in (("NONE", DAY, "account"), ("BUYER-EUR", MONDAY, "day")):
        with pytest.raises(InvalidInput) as refused:
            desk.statement(account, day)
        assert refused.value.field == field


@pytest.mark.parametrize("act", ["fund", "submit", "recall", "reserve", "offset", "quorum", "priority"])
def test_the_operators_hand_settles_nothing_after_the_close(world: World, act: str) -> None:
    """Nobody has ticked since: what waits ends with its day all the same, and what comes is too late."""
    banks, given = Banks(world, B=100), payment(pay_by=at(DAY, 20))
    desk = world.rtgs.operator
    world.say(given)
    world.release(given, 0, 1)
    for number in (1, 2):
        assert banks.pay(number, A, B, 10) is PENDING
    desk.set_timetable(DAYTIME)
    world.clock.instant = at(DAY, 18)
    match act:
        case "fund":
            banks.fund(A, 100)
        case "submit":
            assert banks.pay(3, B, A, 20) is REJECTED
        case "recall":
            assert desk.recall(uetr(1), asked_by=A.owner) is None
        case "reserve":
            desk.set_credit_limit(A.number, euro(100))
        case "offset":
            assert desk.offset("EUR") == 0
        case "quorum":
            desk.set_quorum(2)
        case "priority":
            with pytest.raises(Refused, match="PaymentNotQueued"):
                desk.set_priority(uetr(1), HIGH)
            world.rtgs.tick()
    assert desk.business_day() is None
    assert banks.states(1, 2) == [REJECTED, REJECTED]
    assert (world.state(given), world.money()) == (REJECTED, (15_000, 0))
    assert {stored.reason_code for stored in desk.orders()} <= {"TM01", "ED06"}
