"""What a party asks when something was lost: pacs.028 and camt.060, and who gets which answer."""

import pytest
from rtgs_world import AGENTS, BUYER, BUYER_ACCOUNT, DAY, SELLER, SERVICE, World, euro, payment

from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.payment import BookingNotice
from lockstep.domain.statement import Statement, StatementRequest
from lockstep.domain.transfer import StatusRequest

REQUEST = StatementRequest(account=BUYER_ACCOUNT, first=DAY, last=DAY)


@pytest.mark.parametrize(
    ("asker", "told"),
    [
        (SERVICE, ["BOOKED", "DEBIT", "CREDIT"]),
        (AGENTS[3], ["BOOKED", "DEBIT", "CREDIT"]),
        (BUYER, ["BOOKED", "DEBIT"]),
        (SELLER, ["BOOKED", "CREDIT"]),
    ],
)
def test_a_booked_payment_is_told_again_with_its_notices(world: World, asker: Bic, told: list[str]) -> None:
    paid = payment(1, 100)
    world.say(paid)
    world.release(paid, 0, 1, 2)
    first = [one for one in world.bodies(asker) if isinstance(one, BookingNotice)]
    world.later(minutes=3)
    world.news(asker)
    assert world.say(StatusRequest(uetr=paid.uetr), asker) == told
    assert world.news(asker) == told
    again = [one for one in world.bodies(asker) if isinstance(one, BookingNotice)]
    assert again == first * 2


def test_what_is_not_booked_has_no_notice(world: World) -> None:
    held = payment(1, 100)
    world.say(held)
    assert world.say(StatusRequest(uetr=held.uetr)) == ["HELD"]
    with pytest.raises(Refused, match="PaymentUnknown"):
        world.say(StatusRequest(uetr=payment(2).uetr))


def test_a_statement_for_who_has_a_mandate(world: World) -> None:
    paid = payment(1, 100)
    world.say(paid)
    world.release(paid, 0, 1, 2)
    world.raw(REQUEST, SERVICE)
    (shown,) = [one for one in world.bodies(SERVICE) if isinstance(one, Statement)]
    assert (shown.account, shown.closing) == (BUYER_ACCOUNT, euro(14_900))
    assert [one.settlement_id for one in shown.entries] == [None, paid.settlement_id]
    assert [one for one in world.bodies(BUYER) if isinstance(one, Statement)] == []


def test_none_for_agents_other_banks_or_without_a_mandate(world: World) -> None:
    world.rtgs.operator.set_mandate(BUYER_ACCOUNT.number, euro(0), DAY)
    for asker in (SERVICE, SELLER, AGENTS[0]):
        with pytest.raises(Refused) as refused:
            world.raw(REQUEST, asker)
        assert refused.value.name == "NotAuthorised"
