"""Each fault happens as planned, twice the same, while the books stay true and positions have no gaps."""

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rtgs_world import (
    AGENTS,
    BUYER,
    BUYER_ACCOUNT,
    NOON,
    RTGS,
    SERVICE,
    World,
    cancellation,
    euro,
    kind,
    payment,
)

from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.domain.liquidity import LiquidityTransfer, Receipt
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.domain.payment import CashAccount, PaymentReport, PaymentState, Release
from lockstep.domain.statement import Statement, StatementRequest
from lockstep.iso20022 import read, write
from lockstep.rtgs import Rtgs
from lockstep.rtgs.door_operator import operate
from lockstep.rtgs.faults import parse

PAID = ["HELD", "BOOKED", "DEBIT", "CREDIT"]


def plan(world: World, *rules: dict[str, object], seed: int = 7) -> None:
    world.rtgs.faults.set(parse({"seed": seed, "rules": list(rules)}), by="test")


def pay(world: World, number: int = 1, cents: int = 100) -> Any:
    """A payment of a settlement, released by three agents."""
    paid = payment(number, cents)
    world.say(paid)
    world.release(paid, 0, 1, 2)
    return paid


def mail(world: World, receiver: Bic = SERVICE, after: int = 0) -> list[str]:
    """What has arrived by now; its positions have no gaps, and it reads the same in pages."""
    world.rtgs.tick()
    items = world.rtgs.mailbox(receiver, 0, 1000)
    assert [position for position, _ in items] == list(range(1, len(items) + 1))
    paged: list[tuple[int, bytes]] = []
    while page := world.rtgs.mailbox(receiver, len(paged), 2):
        paged += page
    assert paged == items
    return [kind(read(data).body) for _, data in items[after:]]


def true(world: World) -> None:
    """The books: conserved, balanced, and each payment booked once."""
    facts = world.rtgs.facts()
    assert sum(account.posted for account in facts.accounts) == 0
    for account in facts.accounts:
        moved = sum(one.amount.amount for one in facts.postings if one.credit == account.number)
        moved -= sum(one.amount.amount for one in facts.postings if one.debit == account.number)
        assert moved == account.posted
    references = [one.reference for one in facts.postings]
    assert len(set(references)) == len(references)


def test_a_delay_is_by_the_business_clock(world: World) -> None:
    plan(world, {"kind": "delay", "message": "pacs.002", "status": "ACSC", "participant": SERVICE, "seconds": 90})
    paid = pay(world)
    assert mail(world) == ["HELD", "DEBIT", "CREDIT"]
    assert mail(world, AGENTS[2]) == PAID
    world.later(seconds=89)
    assert mail(world) == ["HELD", "DEBIT", "CREDIT"]
    world.later(seconds=1)
    assert mail(world) == ["HELD", "DEBIT", "CREDIT", "BOOKED"]
    assert world.state(paid) is PaymentState.BOOKED
    true(world)


def test_what_is_lost_never_comes_and_leaves_no_gap(world: World) -> None:
    plan(world, {"kind": "loss", "message": "camt.054", "participant": SERVICE, "at_most": 1})
    pay(world)
    world.later(days=1)
    assert mail(world) == ["HELD", "BOOKED", "CREDIT"]
    assert world.rtgs.faults.status().mail_lost == 1
    true(world)


def test_a_double_comes_again(world: World) -> None:
    plan(world, {"kind": "duplicate", "message": "pacs.002", "copies": 2, "seconds": 10})
    world.say(payment(1, 100))
    assert mail(world) == ["HELD"]
    world.later(seconds=10)
    assert mail(world) == ["HELD"] * 3
    datas = {data for _, data in world.rtgs.mailbox(SERVICE)}
    assert len(datas) == 1
    true(world)


def test_neighbours_change_places_and_nobody_waits_for_ever(world: World) -> None:
    plan(world, {"kind": "reorder", "participant": SERVICE, "seconds": 30})
    pay(world)
    assert mail(world) == ["BOOKED", "HELD", "CREDIT", "DEBIT"]
    world.say(payment(2, 100))
    assert len(mail(world)) == 4
    world.later(seconds=30)
    assert mail(world, after=4) == ["HELD"]
    true(world)


def test_the_order_does_not_depend_on_who_looks_when(store: Any, world: World) -> None:
    """The same traffic, read after each second and only at the end."""
    seen = []
    for often in (True, False):
        rtgs = Rtgs(store.fresh(), world.clock, bic=RTGS)
        other = World.__new__(World)
        other.url, other.clock, other.rtgs = "", world.clock, rtgs
        other.forget()
        other.furnish()
        plan(
            other,
            {"kind": "delay", "probability": "0.5", "seconds": 7},
            {"kind": "reorder", "probability": "0.5", "seconds": 9},
            {"kind": "duplicate", "probability": "0.3", "seconds": 3},
            {"kind": "loss", "probability": "0.1"},
        )
        for number in range(1, 9):
            pay(other, number)
            for _ in range(3):
                other.later(seconds=1)
                if often:
                    mail(other)
        other.later(minutes=5)
        mail(other)
        seen.append(rtgs.mailbox(SERVICE, 0, 1000))
        true(other)
        rtgs.close()
    assert seen[0] == seen[1]
    assert len(seen[0]) > 25
    assert [read(data).message_id for _, data in seen[0]] != sorted(read(data).message_id for _, data in seen[0])


def test_the_notice_comes_before_the_status(world: World) -> None:
    plan(world, {"kind": "notice_first"})
    pay(world)
    assert mail(world) == ["HELD", "DEBIT", "BOOKED", "CREDIT"] or mail(world) == ["DEBIT", "HELD", "BOOKED", "CREDIT"]
    true(world)


def test_a_status_that_contradicts(world: World) -> None:
    plan(world, {"kind": "contradict", "participant": SERVICE})
    paid = pay(world)
    assert mail(world) == ["HELD", "BOOKED", "REJECTED", "DEBIT", "CREDIT"]
    assert mail(world, AGENTS[2]) == PAID
    true_one, false_one = (read(data) for _, data in world.rtgs.mailbox(SERVICE)[1:3])
    assert isinstance(false_one.body, PaymentReport)
    assert (false_one.body.uetr, false_one.body.payment) == (paid.uetr, true_one.body.payment)
    assert false_one.message_id != true_one.message_id
    assert world.state(paid) is PaymentState.BOOKED
    assert not world.buried(paid)
    true(world)


def statement(world: World) -> Statement:
    asked = StatementRequest(account=BUYER_ACCOUNT, first=NOON.date(), last=NOON.date())
    world.raw(asked, BUYER)
    (found,) = [one for one in world.bodies(BUYER) if isinstance(one, Statement)][-1:]
    return found


@pytest.mark.parametrize("fault", ["statement_misses", "statement_wrong"])
def test_a_statement_that_is_not_so(world: World, fault: str) -> None:
    pay(world, 1, 700)
    whole = statement(world)
    plan(world, {"kind": fault})
    false = statement(world)
    assert statement(world).entries == false.entries or len(whole.entries) > 1  # each draws its own entry
    shown, told = [sorted((one.posting, one.signed) for one in each.entries) for each in (whole, false)]
    assert sum(one.signed for one in false.entries) == false.closing.amount - false.opening.amount
    if fault == "statement_misses":
        assert len(told) == len(shown) - 1 and set(told) < set(shown)
    else:
        (one,), (other,) = set(shown) - set(told), set(told) - set(shown)
        assert one[0] == other[0] and abs(abs(one[1]) - abs(other[1])) == 1
    world.rtgs.faults.clear(by="test")
    assert statement(world).entries == whole.entries
    true(world)


def test_an_outage_for_a_time(world: World) -> None:
    until = NOON + timedelta(minutes=10)
    plan(world, {"kind": "outage", "since": NOON.isoformat(), "until": until.isoformat()})
    wish = payment(1, 100)
    with pytest.raises(Unavailable):
        world.say(wish)
    with pytest.raises(Unavailable):
        world.rtgs.mailbox(BUYER)
    assert world.state(wish) is None
    world.later(minutes=10, seconds=1)
    assert world.say(wish) == ["HELD"]
    true(world)


def test_an_outage_for_so_many_calls_of_one_party(world: World) -> None:
    plan(world, {"kind": "outage", "calls": 2, "participant": SERVICE, "direction": "in"})
    for _ in range(2):
        with pytest.raises(Unavailable):
            world.say(payment(1, 100))
        world.restart()
    assert world.say(payment(1, 100)) == ["HELD"]
    assert mail(world, AGENTS[0]) == ["HELD"]
    (use,) = world.rtgs.faults.status().uses
    assert (use.rule, use.party, use.seen, use.struck) == (1, SERVICE, 3, 2)


def test_an_answer_is_lost_after_its_effect(world: World) -> None:
    plan(world, {"kind": "answer_lost", "message": "pacs.009", "at_most": 1})
    wish = payment(1, 100)
    with pytest.raises(Unavailable):
        world.say(wish, message_id="ONE")
    assert world.state(wish) is PaymentState.HELD
    world.restart()
    assert world.say(wish, message_id="ONE") == ["HELD"]
    assert world.money() == (15_000, 100)
    assert mail(world) == ["HELD"]
    true(world)


def test_an_arrival_is_late_and_its_refusal_comes_by_mail(world: World) -> None:
    plan(world, {"kind": "delay", "direction": "in", "participant": SERVICE, "seconds": 60})
    good, bad = payment(1, 100), dataclasses.replace(cancellation(payment(9, 100)), uetr=payment(8).uetr)
    assert world.say(good) == []
    world.say(payment(9, 100))
    assert world.raw(bad, message_id="BAD1") == []
    world.restart()
    world.later(seconds=59)
    assert mail(world) == [] and world.state(good) is None
    world.later(seconds=1)
    assert mail(world) == ["HELD", "HELD", "Rejection"]
    rejected = world.bodies(SERVICE)[-1]
    assert isinstance(rejected, Rejection)
    assert (rejected.related_message_id, rejected.code) == ("BAD1", "PaymentMismatch")
    true(world)


def test_an_arrival_that_cannot_be_read_is_refused_by_mail(world: World) -> None:
    data = write(Message(sender=SERVICE, receiver=RTGS, message_id="M", created=NOON, body=payment(1)))
    plan(world, {"kind": "delay", "direction": "in", "seconds": 1})
    assert world.rtgs.handle(data.replace(b"<CdtTrfTxInf>", b"<Broken>"), SERVICE) == []
    world.later(seconds=1)
    assert mail(world) == ["Rejection"]
    assert world.rtgs.faults.status().arrivals_waiting == 0


def test_an_arrival_is_lost(world: World) -> None:
    plan(world, {"kind": "loss", "direction": "in", "message": "pacs.009", "at_most": 1})
    wish = payment(1, 100)
    assert world.say(wish, message_id="ONE") == []
    world.later(hours=1)
    assert mail(world) == [] and world.state(wish) is None
    assert world.rtgs.faults.status().arrivals_lost == 1
    assert world.say(wish, message_id="ONE") == ["HELD"]
    true(world)


def test_a_doubled_arrival_has_one_effect(world: World) -> None:
    plan(world, {"kind": "duplicate", "direction": "in", "copies": 2})
    pay(world)
    world.later(seconds=1)
    assert mail(world) == PAID
    assert world.rtgs.faults.status().arrivals_waiting == 0
    assert world.money() == (14_900, 0)
    true(world)


def test_arrivals_change_places(world: World) -> None:
    plan(world, {"kind": "reorder", "direction": "in", "participant": SERVICE})
    world.say(payment(1, 10_000))
    world.say(payment(2, 10_000))
    world.rtgs.tick()
    assert world.state(payment(2, 10_000)) is PaymentState.HELD
    assert world.state(payment(1, 10_000)) is PaymentState.PENDING
    true(world)


def test_liquidity_is_slow(world: World) -> None:
    second = CashAccount(owner=BUYER, number="BUYER-2")
    world.rtgs.operator.open_account(BUYER, second.number, "EUR")
    plan(world, {"kind": "slow_liquidity", "seconds": 600})
    wish = LiquidityTransfer(
        amount=euro(5_000),
        debtor=BUYER_ACCOUNT,
        creditor=second,
        settlement_date=NOON.date(),
        instruction_id="L1",
        end_to_end_id="L1",
    )
    assert world.raw(wish, BUYER) == []
    world.later(seconds=599)
    world.rtgs.tick()
    assert world.money(second) == (0, 0)
    world.later(seconds=1)
    world.rtgs.tick()
    assert world.money(second) == (5_000, 0)
    assert any(isinstance(one, Receipt) and one.status_code == "COMP" for one in world.bodies(BUYER))
    true(world)


@pytest.mark.parametrize("winner", ["release", "recall"])
def test_a_recall_races_the_releases(world: World, winner: str) -> None:
    """Said in one order, it happens in the other; each time with one ending."""
    plan(world, {"kind": "recall_race", "winner": winner, "behind": 3 if winner == "release" else 1})
    wish = payment(1, 100)
    world.say(wish)
    if winner == "release":
        assert world.say(cancellation(wish)) == []
        world.release(wish, 0, 1, 2)
    else:
        assert world.release(wish, 0, 1, 2) == []
        world.say(cancellation(wish))
    world.rtgs.tick()
    if winner == "release":
        assert world.state(wish) is PaymentState.BOOKED
        assert mail(world) == [*PAID, "RJCR"]
    else:
        assert world.state(wish) is PaymentState.CANCELLED
        assert mail(world, AGENTS[0]).count("Rejection") == 1
        assert world.money() == (15_000, 0)
    true(world)


def test_positions_hold_when_faults_come_and_go(world: World) -> None:
    """On and off in the middle of the day: what was read once reads the same ever after."""
    pay(world, 1)
    before = world.rtgs.mailbox(SERVICE)
    assert [position for position, _ in before] == [1, 2, 3, 4]
    plan(world, {"kind": "loss", "message": "camt.054"}, {"kind": "delay", "message": "pacs.002", "seconds": 60})
    assert world.rtgs.mailbox(SERVICE) == before
    pay(world, 2)
    assert mail(world, after=4) == []
    world.later(seconds=60)
    assert mail(world, after=4) == ["HELD", "BOOKED"]
    pay(world, 3)  # under the plan, fetched after it: judged by it all the same
    world.rtgs.faults.clear(by="test")
    assert mail(world, after=6) == ["HELD", "BOOKED"]
    pay(world, 4)
    assert mail(world, after=8) == PAID
    plan(world, {"kind": "duplicate", "message": "pacs.002"})
    pay(world, 5)
    assert mail(world, after=12) == ["HELD", "HELD", "BOOKED", "BOOKED", "DEBIT", "CREDIT"]
    whole = world.rtgs.mailbox(SERVICE, 0, 1000)
    world.restart()
    assert world.rtgs.mailbox(SERVICE, 0, 1000) == whole
    assert whole[:4] == before
    true(world)


def test_a_plan_outlives_a_restart_with_who_set_it(world: World) -> None:
    plan(world, {"kind": "loss", "message": "camt.054", "at_most": 1})
    world.restart()
    pay(world)
    assert mail(world) == ["HELD", "BOOKED", "CREDIT"]
    status = world.rtgs.faults.status()
    assert (status.number, status.set_by, status.set_at) == (1, "test", NOON)
    world.rtgs.faults.clear(by="another")
    world.restart()
    assert world.rtgs.faults.status().plan is None
    assert world.rtgs.faults.status().set_by == "another"


def test_a_death_at_every_step_loses_nothing(world: World) -> None:
    """The process dies after each durable step; carried mail is neither lost nor doubled, arrivals act once."""
    rules = {"kind": "delay", "direction": "in", "seconds": 1}, {"kind": "reorder", "seconds": 5}
    expected: list[tuple[str, ...]] = []
    steps = 1
    for dies_after in range(1, 40):
        world.rtgs.close()
        number = dies_after
        world.on_commit = lambda _: None
        world.restart()
        plan(world, *rules)
        left = [dies_after]
        world.on_commit = _dying(left)
        start = len(world.rtgs.operator.postings())
        begun = mail_quietly(world)
        done = 0
        for _ in range(4):
            try:
                if done == 1:
                    break
                world.say(payment(number, 100), message_id=f"P{number}")
                for agent in AGENTS[:3]:
                    body = Release(uetr=payment(number).uetr, settlement_id=payment(number).settlement_id)
                    world.say(body, agent, message_id=f"R{number}")
                world.later(seconds=2)
                world.rtgs.tick()
                world.rtgs.mailbox(SERVICE, 0, 1000)
                done += 1
            except Died:
                world.restart()
        world.later(seconds=10)
        assert len(world.rtgs.operator.postings()) == start + 1
        arrived = mail(world)[begun:]
        assert sorted(arrived) == sorted(PAID), dies_after
        expected.append(tuple(arrived))
        steps = max(steps, dies_after - left[0])
        if left[0] > 0:
            break
    else:
        raise AssertionError("so many deaths were not enough to come through")
    assert steps > 5
    true(world)


class Died(BaseException):
    """The process ends here."""


def _dying(left: list[int]) -> Callable[[str], None]:
    def on_commit(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Died

    return on_commit


def mail_quietly(world: World) -> int:
    return len(world.rtgs.mailbox(SERVICE, 0, 1000))


def test_the_operator_shows_sets_and_clears(world: World) -> None:
    def desk(method: str, act: str = "faults", **members: object) -> Any:
        return operate(world.rtgs, method, act, json.dumps(members).encode())

    assert desk("GET")["plan"] is None and desk("GET")["number"] == 0
    rule = {"kind": "delay", "message": "pacs.002", "probability": 0.5, "seconds": 9}
    assert desk("POST", seed=3, rules=[rule], by="Mira") == {"number": 1}
    shown = desk("GET")
    assert shown["plan"] == {"seed": 3, "rules": [{**rule, "direction": "out", "probability": "0.5"}]}
    assert (shown["set_by"], shown["set_at"]) == ("Mira", NOON)
    again = desk("POST", **shown["plan"], by="Mira")
    assert again == {"number": 2}
    assert desk("POST", "faults/clear", by="Ben") == {}
    assert (desk("GET")["plan"], desk("GET")["set_by"]) == (None, "Ben")
    for bad in ({"seed": 3, "rules": [rule]}, {"seed": 3, "rules": [{**rule, "secs": 1}], "by": "Mira"}):
        with pytest.raises(InvalidInput):
            desk("POST", **bad)
    assert desk("GET")["plan"] is None


def test_without_a_plan_the_line_is_the_outbox(world: World) -> None:
    pay(world)
    assert mail(world) == PAID
    assert [one for one in world.commits if "carried" in one or "arrival" in one] == []
    world.rtgs.faults.clear(by="test")
    assert world.rtgs.faults.status().number == 0
