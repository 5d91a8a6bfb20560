"""Agents' request for the tombstone of a payment that never came (I12): counted to the quorum, and no further."""

import pytest
from rtgs_world import AGENTS, BUYER, PAY_BY, SERVICE, World, cancellation, payment, settlement

from lockstep.domain.errors import InvalidMessage, Refused
from lockstep.domain.identifiers import derive_uetr
from lockstep.domain.payment import NeverRequest, Resolution, ResolutionStatus
from lockstep.domain.transfer import StatusRequest
from lockstep.iso20022 import read
from lockstep.rtgs import Role

PAYMENT = payment()


def wish(number: int = 1, **changes: object) -> NeverRequest:
    asked = {"case_id": "NEVER1", "uetr": derive_uetr(settlement(number), 1), "settlement_id": settlement(number)}
    return NeverRequest(**asked | changes)


def ask(world: World, *agents: int) -> list[str]:
    answers = list[str]()
    for agent in agents:
        answers = world.say(wish(), AGENTS[agent])
    return answers


def test_below_the_quorum_nothing(world: World) -> None:
    for agents in ((0,), (0, 0, 0), (0, 1), (1, 1, 0)):
        assert ask(world, *agents) == ["RECEIVED"] and not world.buried(PAYMENT)
    world.restart()
    assert ask(world, 0, 1) == ["RECEIVED"] and not world.buried(PAYMENT)
    assert world.say(PAYMENT) == ["HELD"], "and a payment that comes is taken"


def test_at_the_quorum_never(world: World) -> None:
    ask(world, 0, 2)
    world.restart()
    for party in (*AGENTS, SERVICE):
        world.news(party)
    assert ask(world, 3) == ["CNCL"]
    for agent in AGENTS:
        (told,) = (body for body in world.bodies(agent) if isinstance(body, Resolution))
        assert told == Resolution(
            case_id="NEVER1",
            uetr=PAYMENT.uetr,
            settlement_id=PAYMENT.settlement_id,
            salt=None,
            status=ResolutionStatus.CANCELLED,
            decided_at=world.clock.instant,
        )
    assert world.buried(PAYMENT) and world.money() == (15_000, 0)
    for attempt in (1, 2):
        assert world.say(payment(attempt=attempt)) == ["REJECTED"], "under no UETR"
    assert ask(world, 1) == ["CNCL"] and ask(world, 3) == ["CNCL"], "who asks later is told the same"
    assert world.say(cancellation(PAYMENT)) == ["CNCL"], "and so is the operator, should it come back"


def test_a_payment_booked_meanwhile_wins(world: World) -> None:
    ask(world, 0, 1)
    world.say(PAYMENT)
    world.release(PAYMENT, 0, 1, 2)
    for agent in (3, 2, 0):
        assert ask(world, agent)[0] == "RJCR"
    assert not world.buried(PAYMENT) and world.money() == (5_000, 0)


@pytest.mark.parametrize("funds", [15_000, 0], ids=["held", "pending"])
def test_a_payment_that_came_ends_by_itself(world: World, funds: int) -> None:
    """While it is open no request counts, before it or now; after its last second it has run out."""
    ask(world, 0, 1)
    world.say(payment(cents=10_000 if funds else 20_000))
    with pytest.raises(Refused) as refused:
        ask(world, 2)
    assert refused.value.name == "PaymentOpen"
    assert not world.buried(PAYMENT)
    world.clock.instant = PAY_BY
    with pytest.raises(Refused):
        ask(world, 2)
    world.later(seconds=1)
    assert ask(world, 2) == ["CNCL"] and world.buried(PAYMENT) and world.money() == (15_000, 0)


def test_who_is_an_agent_now_counts(world: World) -> None:
    ask(world, 0, 1)
    world.rtgs.operator.register_party(AGENTS[0], Role.PARTICIPANT, f"{AGENTS[0]}-secret-key")
    assert ask(world, 2) == ["RECEIVED"] and not world.buried(PAYMENT)
    assert ask(world, 3) == ["CNCL"]


@pytest.mark.parametrize("sender", [SERVICE, BUYER])
def test_agents_alone_may_ask_so(world: World, sender: str) -> None:
    with pytest.raises(Refused) as refused:
        world.say(wish(), sender)
    assert refused.value.name == "NotAuthorised"


def test_the_last_to_ask_buries_no_other_payment(world: World) -> None:
    """The UETR is an agent's word: another payment that is to come under it is not barred."""
    ask(world, 0, 1)
    other = payment(2, cents=1_000)
    world.say(wish(uetr=other.uetr), AGENTS[2])
    assert world.buried(PAYMENT) and not world.buried(other)
    assert world.say(other) == ["HELD"]


def test_one_settlements_requests_are_not_anothers(world: World) -> None:
    ask(world, 0, 1)
    world.say(wish(2), AGENTS[2])
    assert not world.buried(PAYMENT) and not world.buried(payment(2))


def test_the_same_message_again_does_nothing(world: World) -> None:
    for _ in range(4):
        assert world.say(wish(), AGENTS[0], message_id="ONE") == ["RECEIVED"]
    assert not world.buried(PAYMENT)


@pytest.mark.parametrize("at", range(1, 4))
def test_killed_in_the_step_that_buries(world: World, at: int) -> None:
    """After the commit of each request; the request comes again, and the answer is whole."""

    def die(_: str) -> None:
        raise KeyboardInterrupt

    ask(world, *range(at - 1))
    world.on_commit = die
    with pytest.raises(KeyboardInterrupt):
        world.say(wish(), AGENTS[at - 1], message_id="KILLED")
    world.on_commit = world.commits.append
    world.restart()
    assert world.buried(PAYMENT) is (at == 3)
    assert world.say(wish(), AGENTS[at - 1], message_id="KILLED") == ["CNCL" if at == 3 else "RECEIVED"]
    ask(world, *range(3))
    assert world.buried(PAYMENT)


def test_a_request_with_terms_is_no_agents(world: World) -> None:
    data = read_and_spoil(world)
    with pytest.raises(InvalidMessage) as refused:
        read(data)
    assert refused.value.field.endswith("OrgnlIntrBkSttlmDt")


def read_and_spoil(world: World) -> bytes:
    from lockstep.domain.message import Message
    from lockstep.iso20022 import write

    message = Message(
        sender=AGENTS[0], receiver=world.rtgs.bic, message_id="M", created=world.clock.instant, body=wish()
    )
    return write(message).replace(b"</OrgnlUETR>", b"</OrgnlUETR><OrgnlIntrBkSttlmDt>2026-11-20</OrgnlIntrBkSttlmDt>")


def test_who_asks_for_never_of_a_booked_payment_hears_what_it_missed(world: World) -> None:
    """All that was said to an agent is lost, and the first UETR was another's: it cannot ask by pacs.028."""
    given = payment(attempt=2)
    world.say(given)
    world.release(given, 0, 1, 2)
    world.news(AGENTS[3])
    ask(world, 3)
    said = [type(body).__name__ for body in world.bodies(AGENTS[3])[-4:]]
    assert said == ["Resolution", "PaymentReport", "BookingNotice", "BookingNotice"]
    assert world.news(SERVICE)[-4:].count("RJCR") == 0, "nobody else is told again"


def test_an_agent_that_missed_never_asks_by_status(world: World) -> None:
    """A camt.056 overtook the payment; one agent's camt.029 was lost on the line."""
    world.say(cancellation(PAYMENT))
    at = world.clock.instant
    world.later(seconds=60)
    answers = world.raw(StatusRequest(uetr=PAYMENT.uetr), AGENTS[1])
    (told,) = (read(data).body for data in answers)
    assert isinstance(told, Resolution) and told.status is ResolutionStatus.CANCELLED
    assert (told.settlement_id, told.decided_at, told.salt) == (PAYMENT.settlement_id, at, None)
    for stranger in (BUYER, SERVICE):
        with pytest.raises(Refused, match="PaymentUnknown"):
            world.raw(StatusRequest(uetr=PAYMENT.uetr), stranger)
    with pytest.raises(Refused, match="PaymentUnknown"):
        world.raw(StatusRequest(uetr=derive_uetr(settlement(2), 1)), AGENTS[1])
