"""Margin calls after all of the service's records were lost: what was paid is named as what it is and no break, and a
call that is handed in again finds its payment and pays nothing twice (I4)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from test_margining import CALL, Killed, Service, booked, credit

from lockstep.agent import DirectoryBoard
from lockstep.domain.journal import Entry
from lockstep.domain.margin_call import CallState
from lockstep.domain.payment import PaymentState
from lockstep.flow.gathering import Gathered, Heard
from lockstep.flow.hearing import heard
from lockstep.flow.lost import lost_to
from lockstep.flow.naming import RegistersOwn
from lockstep.flow.rebuilding import Rebuilt, rebuild
from lockstep.flow.recovering import look_at_unclaimed
from lockstep.testing.fakes import DAY, FakeAssetLedger, FakeBook
from margin_world import MARKET, MarginWorld


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    world = MarginWorld(tmp_path)
    yield Service(world)
    world.close()


def own(service: Service) -> RegistersOwn:
    return RegistersOwn(market=MARKET, ledger=service.world.ledger)


def lose(service: Service) -> None:
    service.book = FakeBook(service._committed)
    service.start()


def lose_and_rebuild(service: Service) -> Rebuilt:
    world = service.world
    told, assets = Heard(world.clock.now()), FakeAssetLedger(world.chain)
    while mail := world.cash.receive(told.cursor, 2):
        told.hear(mail)
    gathered = Gathered(MARKET, world.clock.now())
    histories = [(one, assets.history(one)) for one in assets.locked()]
    done = rebuild(gathered, told, b"k" * 32, histories, assets.final_time(), own(service))
    lose(service)
    for change in done.changes:
        service.book.commit(change)
    return done


def look(service: Service) -> list[Entry]:
    """What is told of payments that nobody claims, once the chain shows all that can matter."""
    world = service.world
    world.clock.advance(3_600)
    world.chain.mine(3)
    board, now = DirectoryBoard(world.root / "board"), world.clock.now()
    entries: list[Entry] = []
    changes = look_at_unclaimed(service.book, FakeAssetLedger(world.chain), board, MARKET, now, own(service))
    for change in changes:
        service.book.commit(change)
        entries += change.entries
    return entries


def paid(service: Service, turns: int) -> None:
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    service.turns(turns)


@pytest.mark.parametrize("turns", [1, 2, 3, 14])
def test_handed_in_again_it_goes_on_from_what_was_paid(service: Service, turns: int) -> None:
    paid(service, turns)
    done = lose_and_rebuild(service)
    assert not done.uninstructed
    assert [facts["what"] for facts in done.of_register.values()] == ["margin"]
    assert [entry.kind for entry in look(service)] == []
    service.world.value(100_000)
    service.call()
    service.turns()
    case = service.case()
    assert (case.call.state, case.attempt, case.is_open) == (CallState.DELIVERED, 1, False)
    assert (booked(service), credit(service), len(service.world.rtgs.payments)) == ([60_000], 60_000, 1)
    assert service.book.all_unclaimed() == []


@pytest.mark.parametrize("kind", ["margin called", "margin payment heard", "margin counted"])
def test_killed_while_it_goes_on(service: Service, kind: str) -> None:
    paid(service, 2)
    lose_and_rebuild(service)
    service.killed_at = kind
    for _ in range(16):
        try:
            if service.book.margin_case(service.world.agreement, CALL) is None:
                service.call()
            service.margining.pay(service.world.agreement, CALL)
            service.turn()
        except Killed:
            service.start()
    assert service.killed_at == ""
    assert (booked(service), credit(service), len(service.world.rtgs.payments)) == ([60_000], 60_000, 1)
    assert service.case().call.state is CallState.DELIVERED


def test_on_another_day_it_still_finds_the_payment(service: Service) -> None:
    """The payment's last second is in its id: today's would make another payment of it."""
    paid(service, 14)
    at = service.world.clock.now()
    service.world.clock.advance(24 * 3_600)
    lose_and_rebuild(service)
    service.world.value(100_000)
    service.call()
    service.margining.pay(service.world.agreement, CALL)
    service.turns()
    case = service.case()
    assert case.pay_by == MARKET.pay_by_on(DAY)
    assert case.call.decided_at is not None and case.call.decided_at <= at
    assert (case.call.state, len(service.world.rtgs.payments), credit(service)) == (CallState.DELIVERED, 1, 60_000)


def test_an_attempt_that_never_was_is_not_taken_for_the_payment(service: Service) -> None:
    service.world.rtgs.available["ACC-SELLER"] = 0
    paid(service, 2)
    (held,) = service.world.rtgs.payments.values()
    service.world.rtgs._never(held, PaymentState.REJECTED, "AM04", "no funds")
    service.world.rtgs.available["ACC-SELLER"] = 100_000
    service.world.clock.advance(16 * 60)
    service.turns()
    assert (service.case().attempt, booked(service)) == (2, [60_000])
    lose_and_rebuild(service)
    service.call()
    service.turns()
    assert (service.case().attempt, booked(service), len(service.world.rtgs.payments)) == (2, [60_000], 2)
    assert service.case().call.state is CallState.DELIVERED


def test_without_a_rebuild_it_is_named_once_and_no_break(service: Service) -> None:
    paid(service, 14)
    lose(service)
    service.turn()
    (entry,) = look(service)
    assert (entry.kind, entry.facts["what"], entry.facts["amount"]) == ("register payment", "margin", "600.00 EUR")
    assert look(service) == []
    lost = lost_to(service.book, FakeAssetLedger(service.world.chain), MARKET, own(service))
    assert lost is not None and not lost._payers  # no instruction waits for it
    service.world.value(100_000)
    service.call()
    service.turns()
    assert (service.case().call.state, booked(service)) == (CallState.DELIVERED, [60_000])


def test_without_the_register_it_would_be_a_break(service: Service) -> None:
    """What the checks above can see."""
    paid(service, 14)
    lose(service)
    service.turn()
    world = service.world
    world.clock.advance(3_600)
    world.chain.mine(3)
    board = DirectoryBoard(world.root / "board")
    changes = look_at_unclaimed(service.book, FakeAssetLedger(world.chain), board, MARKET, world.clock.now())
    assert [entry.kind for change in changes for entry in change.entries] == ["break"]


def test_heard_of_after_its_call_was_met(service: Service) -> None:
    """Counted by another hand while the line was cut; when the register counted it, and not when that was seen."""
    world = service.world
    deadline = world.clock.now() + timedelta(hours=1)
    service.call(deliver_by=deadline, cure_seconds=0)
    service.margining.pay(world.agreement, CALL)
    service.margining.run()
    world.settle()
    world.count(world.payment(60_000))
    counted = world.ledger.time_of(world.ledger.events_of(world.agreement)[-1].block)
    world.clock.move_to(deadline + timedelta(minutes=1))
    service.margining.run()
    case = service.case()
    assert (case.is_counted, case.call.state) == (True, CallState.DELIVERED)
    assert case.call.decided_at is not None and int(case.call.decided_at.timestamp()) == counted
    mail = world.cash.receive(0)
    service.book.commit(heard(service.book, MARKET, mail, world.clock.now()))
    assert len(service.book.all_unclaimed()) == 1
    assert look(service) == []
    assert service.book.all_unclaimed() == []
