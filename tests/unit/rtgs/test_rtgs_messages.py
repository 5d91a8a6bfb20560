"""Who is told what, what repeats, and what survives."""

import pytest
from rtgs_world import (
    AGENTS,
    BUYER,
    BUYER_ACCOUNT,
    DAY,
    NOON,
    RTGS,
    SELLER,
    SELLER_ACCOUNT,
    SERVICE,
    World,
    cancellation,
    euro,
    payment,
)

from lockstep.domain.errors import InvalidInput, Misconfigured, Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.notice import Acknowledgement
from lockstep.domain.payment import BookingNotice, CashAccount, PaymentReport, Release, Resolution, ResolutionStatus
from lockstep.iso20022 import read
from lockstep.rtgs import Role, Rtgs

P = payment()


def test_a_payment_from_earmark_to_booking(world: World) -> None:
    """Service and agents get pacs.002 and both camt.054, the banks their own side (I1, I5)."""
    assert world.say(P) == ["HELD"]
    assert world.money() == (15_000, 10_000)
    assert world.release(P, 0, 1) == ["RECEIVED"]
    assert world.money() == (15_000, 10_000)
    world.later(minutes=5)
    assert world.release(P, 2) == ["BOOKED", "DEBIT", "CREDIT"]
    assert (world.money(), world.money(SELLER_ACCOUNT)) == ((5_000, 0), (10_000, 0))
    for party in (SERVICE, *AGENTS):
        received = ["RECEIVED"] if party in AGENTS[:2] else []
        assert world.news(party) == ["HELD", *received, "BOOKED", "DEBIT", "CREDIT"]
    assert (world.news(BUYER), world.news(SELLER)) == (["DEBIT"], ["CREDIT"])
    held, booked, debit, credit = world.bodies(AGENTS[3])
    assert isinstance(held, PaymentReport)
    assert isinstance(booked, PaymentReport)
    assert held.payment == booked.payment == P
    assert (held.decided_at, booked.decided_at) == (NOON, world.clock.instant)
    posting = world.rtgs.operator.postings()[-1]
    assert (posting.debit, posting.credit, posting.amount) == ("BUYER-EUR", "SELLER-EUR", P.amount)
    for notice, account in ((debit, BUYER_ACCOUNT), (credit, SELLER_ACCOUNT)):
        assert notice == BookingNotice(
            account=account,
            amount=P.amount,
            credit=account is SELLER_ACCOUNT,
            booked_at=booked.decided_at,
            posting=posting.number,
            uetr=P.uetr,
            settlement_id=P.settlement_id,
            salt=P.salt,
        )


def test_evidence_of_never_reaches_every_agent(world: World) -> None:
    refused, cancelled, unseen = payment(2, debtor=SELLER_ACCOUNT), payment(3, 100), payment(4)
    assert world.say(refused) == ["REJECTED"]
    world.say(cancelled)
    assert world.say(cancellation(cancelled)) == ["CANCELLED", "CNCL"]
    assert world.say(cancellation(unseen)) == ["CNCL"]
    for party in (SERVICE, *AGENTS):
        assert world.news(party) == ["REJECTED", "HELD", "CANCELLED", "CNCL", "CNCL"]
    resolution = world.bodies(AGENTS[0])[-1]
    assert isinstance(resolution, Resolution)
    assert (resolution.settlement_id, resolution.status) == (unseen.settlement_id, ResolutionStatus.CANCELLED)


def test_a_cancellation_again_gives_the_first_instant_and_reaches_a_new_agent(world: World) -> None:
    world.say(cancellation(P))
    newcomer = Bic("NEWADEFFXXX")
    world.rtgs.operator.register_party(newcomer, Role.AGENT)
    world.later(minutes=1)
    assert world.say(cancellation(P, case_id="CASE2")) == ["CNCL"]
    (late,) = world.bodies(newcomer)
    assert isinstance(late, Resolution)
    assert (late.decided_at, late.case_id) == (NOON, "CASE2")


def test_a_booked_payment_is_not_cancelled(world: World) -> None:
    world.say(P)
    world.release(P, 0, 1, 2)
    (answer,) = world.raw(cancellation(P))
    resolution = read(answer).body
    assert isinstance(resolution, Resolution)
    assert (resolution.status, resolution.reason_code) == (ResolutionStatus.REFUSED, "PTNA")
    assert not world.buried(P)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("OrgnlIntrBkSttlmAmt", {"original_amount": euro(1)}),
        ("RmtInf/Ustrd", {"salt": "f" * 32}),
        ("OrgnlUETR", {"uetr": payment(5).uetr}),
    ],
)
def test_a_cancellation_must_fit_its_payment(world: World, field: str, change: dict[str, object]) -> None:
    world.say(P)
    with pytest.raises(Refused) as refused:
        world.say(cancellation(P, **change))
    assert (refused.value.name, refused.value.details["field"]) == ("PaymentMismatch", field)


def test_a_uetr_spent_on_another_settlement_bars_no_tombstone(world: World) -> None:
    """A tombstone is by settlement: whoever burns its UETR cannot keep units locked (finding 9b)."""
    world.say(P)
    assert world.say(cancellation(P, settlement_id=payment(2).settlement_id)) == ["CNCL"]
    assert world.buried(payment(2)) and not world.buried(P)
    world.release(P, 0, 1, 2)
    assert [one.state.name for one in world.rtgs.operator.payments()] == ["BOOKED"], "P goes its own way"


def test_pending_concerns_the_service_alone_until_it_is_held(world: World) -> None:
    assert world.say(payment(1, 20_000)) == ["PENDING"]
    assert (world.news(SERVICE), world.news(AGENTS[0]), world.money()) == (["PENDING"], [], (15_000, 0))
    (report,) = world.bodies(SERVICE)
    assert isinstance(report, PaymentReport)
    assert report.reason_code == "AM04"
    world.rtgs.operator.fund(BUYER_ACCOUNT.number, euro(5_000), "more")
    assert (world.news(SERVICE), world.news(AGENTS[0]), world.money()) == (["HELD"], ["HELD"], (20_000, 20_000))


def test_pending_payments_are_served_in_order_of_arrival(world: World) -> None:
    """Whatever frees or brings money: a cancellation, a booking to the debtor, funds."""
    first, second, large, small = payment(1, 15_000), payment(2, 9_000), payment(3, 40_000), payment(4, 6_000)
    assert [world.say(one) for one in (first, second, large, small)] == [["HELD"]] + [["PENDING"]] * 3
    world.say(cancellation(first))
    assert [world.state(one).name for one in (second, large, small)] == ["HELD", "PENDING", "HELD"]
    world.rtgs.operator.fund(SELLER_ACCOUNT.number, euro(40_000), "seller")
    back = payment(5, 40_000, debtor=SELLER_ACCOUNT, creditor=BUYER_ACCOUNT)
    world.say(back)
    world.release(back, 1, 2, 3)
    assert world.state(large).name == "HELD"
    assert world.money() == (55_000, 55_000)


def test_a_release_before_it_is_held_does_not_count(world: World) -> None:
    large = payment(1, 20_000)
    for agent in range(3):
        with pytest.raises(Refused, match="PaymentUnknown"):
            world.say(Release(uetr=large.uetr, settlement_id=large.settlement_id), AGENTS[agent], f"R{agent}")
    world.say(large)
    for agent in range(3):
        with pytest.raises(Refused, match="PaymentPending"):
            world.say(Release(uetr=large.uetr, settlement_id=large.settlement_id), AGENTS[agent], f"R{agent}")
    world.rtgs.operator.fund(BUYER_ACCOUNT.number, euro(5_000), "more")
    assert world.rtgs.facts().releases == ()
    for agent in range(3):  # the same message ids: a refusal spends none
        world.say(Release(uetr=large.uetr, settlement_id=large.settlement_id), AGENTS[agent], f"R{agent}")
    assert world.state(large).name == "BOOKED"


def test_one_agent_counts_once_and_only_while_it_is_an_agent(world: World) -> None:
    world.say(P)
    world.release(P, 0, 0, 0, 0)
    assert [given.agent for given in world.rtgs.facts().releases] == [AGENTS[0]]
    world.release(P, 1)
    world.rtgs.operator.register_party(AGENTS[1], Role.PARTICIPANT)
    assert world.release(P, 2) == ["RECEIVED"]
    assert world.release(P, 3) == ["BOOKED", "DEBIT", "CREDIT"]


def test_a_release_for_another_settlement_is_refused(world: World) -> None:
    world.say(P)
    with pytest.raises(Refused, match="PaymentMismatch"):
        world.say(Release(uetr=P.uetr, settlement_id=payment(2).settlement_id), AGENTS[0])


def test_the_same_message_again_is_answered_byte_for_byte(world: World) -> None:
    first = world.raw(P, message_id="ONE")
    world.release(P, 0, 1)
    last = world.raw(Release(uetr=P.uetr, settlement_id=P.settlement_id), AGENTS[2], "THREE")
    before, mail = world.rtgs.facts(), world.rtgs.mailbox(SERVICE)
    world.later(minutes=1)
    assert world.raw(P, message_id="ONE") == world.raw(P, message_id="ONE", possible_duplicate=True) == first
    assert world.raw(Release(uetr=P.uetr, settlement_id=P.settlement_id), AGENTS[2], "THREE") == last
    assert (world.rtgs.facts(), world.rtgs.mailbox(SERVICE)) == (before, mail)
    with pytest.raises(Refused) as refused:
        world.say(payment(2), message_id="ONE")
    assert refused.value.name == "MessageConflict"
    assert world.rtgs.facts() == before


def test_a_release_short_of_the_quorum_is_acknowledged(world: World) -> None:
    """admi.007: its sender knows that it came, and a repeated one gets the same bytes."""
    world.say(P)
    wish = Release(uetr=P.uetr, settlement_id=P.settlement_id)
    answers = world.raw(wish, AGENTS[0], "REL1")
    (received,) = [read(data) for data in answers]
    assert (received.sender, received.receiver) == (RTGS, AGENTS[0])
    assert received.body == Acknowledgement(
        related_message_id="REL1",
        related_definition="camt.007.001.08",
        status_code="RCVD",
        at=NOON,
        description="taken; there is nothing else to tell its sender yet",
    )
    assert [data for _, data in world.rtgs.mailbox(AGENTS[0])][1:] == answers
    assert world.raw(wish, AGENTS[0], "REL1", possible_duplicate=True) == answers
    assert len(world.rtgs.mailbox(AGENTS[0])) == 2
    assert world.news(SERVICE) == ["HELD"] and world.news(AGENTS[1]) == ["HELD"], "nobody else is told"


def test_what_has_another_answer_is_not_acknowledged(world: World) -> None:
    """What came of a message says that it came."""
    assert world.say(P) == ["HELD"]
    assert world.release(P, 0, 1, 2) == ["BOOKED", "DEBIT", "CREDIT"]
    assert world.release(P, 3) == ["BOOKED"]
    assert world.say(cancellation(P)) == ["RJCR"]
    assert "RECEIVED" not in world.news(SERVICE)


def test_message_ids_are_each_senders_own(world: World) -> None:
    world.say(P, message_id="ONE")
    assert world.say(Release(uetr=P.uetr, settlement_id=P.settlement_id), AGENTS[0], "ONE") == ["RECEIVED"]


def test_another_instructing_party_has_no_say(world: World) -> None:
    rival = Bic("RIVLDEFFXXX")
    world.rtgs.operator.register_party(rival, Role.INSTRUCTING)
    world.say(P)
    for body, name in ((P, "UetrConflict"), (cancellation(P), "NotAuthorised")):
        with pytest.raises(Refused) as refused:
            world.say(body, rival)
        assert refused.value.name == name


@pytest.mark.parametrize(
    ("header", "error"),
    [({"sender": BUYER}, Refused), ({"receiver": SELLER}, InvalidInput)],
    ids=["another sender", "another receiver"],
)
def test_the_header_is_checked(world: World, header: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        world.say(P, **header)
    assert world.rtgs.facts().payments == ()


def test_only_what_it_takes_and_can_read(world: World) -> None:
    world.say(P)
    with pytest.raises(InvalidInput, match=r"pacs\.009, camt\.056, camt\.007"):
        world.raw(world.bodies(SERVICE)[0])
    before, commits = world.rtgs.facts(), len(world.commits)
    for data in (b"", b"<", b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe"):
        with pytest.raises(InvalidInput):
            world.rtgs.handle(data, SERVICE)
    assert (world.rtgs.facts(), len(world.commits)) == (before, commits)


def test_a_mailbox_is_numbered_without_gaps_and_read_again(world: World) -> None:
    for number in range(1, 8):
        world.say(payment(number, 1_000))
    whole = world.rtgs.mailbox(SERVICE)
    assert [sequence for sequence, _ in whole] == list(range(1, 8))
    assert world.rtgs.mailbox(SERVICE, 2, 3) == whole[2:5]
    assert world.rtgs.mailbox(SERVICE, 7) == []
    assert world.rtgs.mailbox(BUYER) == []
    assert len({read(data).message_id for _, data in whole}) == 7


def test_a_restart_keeps_everything(world: World) -> None:
    world.say(P)
    world.release(P, 0, 1)
    world.say(cancellation(payment(2)))
    before, mail = world.rtgs.facts(), world.rtgs.mailbox(SERVICE)
    world.restart()
    assert (world.rtgs.facts(), world.rtgs.mailbox(SERVICE)) == (before, mail)
    assert world.release(P, 2) == ["BOOKED", "DEBIT", "CREDIT"]
    with pytest.raises(Misconfigured):
        Rtgs(world.url, world.clock, bic=Bic("OTHRDEFFXXX"))


def test_a_crash_right_after_a_commit_loses_nothing(world: World) -> None:
    """The caller hears nothing, asks again after the restart, and gets the stored answer."""

    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        world.commits.append(name)
        raise Killed

    def killed_then_again(body: object, sender: Bic, message_id: str) -> list[bytes]:
        world.on_commit = die
        with pytest.raises(Killed):
            world.raw(body, sender, message_id)
        world.on_commit = world.commits.append
        world.restart()
        return world.raw(body, sender, message_id)

    world.commits.clear()
    assert len(killed_then_again(P, SERVICE, "PAY")) == 1
    for agent in AGENTS[:3]:
        killed_then_again(Release(uetr=P.uetr, settlement_id=P.settlement_id), agent, "RELEASE")
    assert [name for name in world.commits if name != "message-repeated"] == [
        "payment-held",
        "release-recorded",
        "release-recorded",
        "payment-booked",
    ]
    assert world.news(SERVICE) == ["HELD", "BOOKED", "DEBIT", "CREDIT"]
    assert world.money() == (5_000, 0)


def test_closing_the_day_ends_all_that_is_open(world: World) -> None:
    held, large = payment(1), payment(2, 20_000)
    world.say(held)
    world.say(large)
    assert world.rtgs.operator.close_day() == DAY
    assert world.news(SERVICE) == ["HELD", "PENDING", "REJECTED", "REJECTED"]
    assert world.news(AGENTS[0]) == ["HELD", "REJECTED", "REJECTED"]
    report = world.bodies(AGENTS[0])[-1]
    assert isinstance(report, PaymentReport)
    assert (report.reason_code, report.reason) == ("TM01", f"IntrBkSttlmDt: {DAY}: not booked: closed with the day")
    assert (world.money(), world.buried(held), world.buried(large)) == ((15_000, 0), True, True)
    assert world.rtgs.operator.close_day() is None


def test_expiry_frees_money_for_those_not_yet_due(world: World) -> None:
    early = payment(1, 15_000, pay_by=NOON)
    late = payment(2, 15_000)
    assert (world.say(early), world.say(late)) == (["HELD"], ["PENDING"])
    assert world.rtgs.tick() == 0
    world.later(seconds=1)
    assert world.rtgs.tick() == 1
    assert world.news(AGENTS[0]) == ["HELD", "REJECTED", "HELD"]
    assert (world.buried(early), world.buried(late)) == (True, False)
    assert world.rtgs.operator.payments()[1].payment == late


def test_money_that_comes_after_pay_by_holds_nothing(world: World) -> None:
    large = payment(1, 20_000, pay_by=NOON)
    world.say(large)
    world.later(seconds=1)
    world.rtgs.operator.fund(BUYER_ACCOUNT.number, euro(5_000), "late")
    assert (world.news(SERVICE), world.news(AGENTS[0])) == (["PENDING", "REJECTED"], ["REJECTED"])
    assert (world.rtgs.tick(), world.money()) == (0, (20_000, 0))


def test_a_party_with_two_parts_is_told_once(world: World) -> None:
    """A bank that instructs for itself is debtor and instructing party."""
    desk = world.rtgs.operator
    own = CashAccount(owner=SERVICE, number="SERVICE-EUR")
    desk.open_account(SERVICE, own.number, "EUR")
    desk.set_mandate(own.number, euro(10_000), DAY)
    desk.fund(own.number, euro(10_000), "own")
    mine = payment(debtor=own)
    world.say(mine)
    world.release(mine, 0, 1, 2)
    assert world.news(SERVICE) == ["HELD", "BOOKED", "DEBIT", "CREDIT"]


def test_a_lowered_quorum_books_what_has_enough_releases(world: World) -> None:
    world.rtgs.operator.set_quorum(4)
    world.say(P)
    world.release(P, 0, 1, 2)
    world.rtgs.operator.set_quorum(3)
    world.rtgs.tick()
    assert [one.state.name for one in world.rtgs.operator.payments()] == ["BOOKED"]
