"""UETRs can be computed or seen by others: who knows one can neither deny a payment under it nor learn of it.

Settlements' UETRs derive from public ids, those of returns and liquidity transfers from message ids.
"""

import dataclasses
import hashlib
import uuid

import pytest
from banks import BOOKED, CANCELLED, PENDING, REJECTED, A, B, Banks, C, transfer, uetr
from rtgs_world import BUYER, DAY, SELLER, SERVICE, World, cancellation, euro, kind, payment

from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import Bic, Uetr
from lockstep.domain.liquidity import LiquidityTransfer, Receipt
from lockstep.domain.payment import PaymentState, ResolutionStatus
from lockstep.domain.priority import Priority
from lockstep.domain.transfer import (
    ModifyPayment,
    Original,
    PaymentReturn,
    Recall,
    RecallAnswer,
    StatusRequest,
    TransferReport,
)
from lockstep.iso20022 import read
from lockstep.rtgs import Role

OTHER_SERVICE = Bic("LSTQDEFFXXX")


def recall(of: Uetr, cents: int = 100) -> Recall:
    return Recall(
        case_id="CASE",
        uetr=of,
        original=Original(message_id="M1", definition="pacs.009.001.08"),
        original_amount=euro(cents),
        original_settlement_date=DAY,
    )


def given_back(name: str, *, of: Uetr, cents: int = 10) -> PaymentReturn:
    return PaymentReturn(
        return_id=name,
        original=Original(message_id="M1", definition="pacs.009.001.08"),
        original_end_to_end_id="E1",
        uetr=of,
        original_amount=euro(100),
        amount=euro(cents),
        settlement_date=DAY,
        debtor=B.owner,
        creditor=A.owner,
        reason_code="AC04",
    )


def tell(world: World, body: object, sender: Bic, message_id: str | None = None) -> list[object]:
    return [read(data).body for data in world.raw(body, sender, message_id)]


def buries(world: World, of: Uetr, sender: Bic, cents: int = 100) -> bool:
    (answer,) = tell(world, recall(of, cents), sender)
    return isinstance(answer, RecallAnswer) and answer.status is ResolutionStatus.CANCELLED


def of_message(sender: Bic, name: str) -> Uetr:
    """As anybody computes the UETR that the RTGS gives a return or a liquidity transfer."""
    return Uetr(str(uuid.UUID(bytes=hashlib.sha256(f"{sender}/{name}".encode()).digest()[:16], version=4)))


# --- a recall that comes before the payment


@pytest.mark.parametrize("stranger", [BUYER, SELLER])
@pytest.mark.parametrize("by_message", [True, False])
def test_a_participant_buries_no_settlements_payment(world: World, stranger: Bic, by_message: bool) -> None:
    """(I12): the UETR follows from the settlement's public id."""
    given = payment()
    if by_message:
        assert buries(world, given.uetr, stranger, cents=given.amount.amount)
    else:
        assert world.rtgs.operator.recall(given.uetr, asked_by=stranger) is None
    assert world.say(given) == ["HELD"]
    world.release(given, 0, 1, 2)
    assert world.state(given) is PaymentState.BOOKED
    assert not world.buried(given)
    assert world.money() == (5_000, 0)


def test_a_bank_buries_no_other_banks_payment(world: World) -> None:
    banks = Banks(world, A=100, C=100)
    assert buries(world, uetr(1), C.owner)
    assert [kind(one) for one in tell(world, transfer(uetr(1)), A.owner)] == ["TransferReport", "EntryNotice"]
    assert banks.posted(A, B, C) == [0, 100, 100]
    with pytest.raises(Refused, match="UetrConflict"):
        world.raw(transfer(uetr(1), C, B), C.owner)


def test_what_a_bank_buries_stays_buried_for_itself(world: World) -> None:
    banks = Banks(world, A=100)
    assert buries(world, uetr(1), C.owner) and buries(world, uetr(1), A.owner)
    (report,) = tell(world, transfer(uetr(1)), A.owner, "M1")
    assert isinstance(report, TransferReport)
    assert (report.state, report.reason_code) == (REJECTED, "ED05")
    assert banks.posted(A, B) == [100, 0]
    assert buries(world, uetr(1), A.owner), "it is never booked, asked again"


def test_a_recall_by_another_loses_the_race(world: World) -> None:
    """The payment first: the recall is refused. The recall first: its own sender's recall still cancels."""
    banks = Banks(world)
    world.raw(transfer(uetr(1)), A.owner, "M1")
    with pytest.raises(Refused, match="NotAuthorised"):
        world.raw(recall(uetr(1)), C.owner)
    assert banks.stored(1).state is PENDING
    assert buries(world, uetr(2), C.owner)
    world.raw(transfer(uetr(2)), A.owner, "M1b")
    with pytest.raises(Refused, match="NotAuthorised"):
        world.raw(recall(uetr(2)), C.owner)
    world.raw(
        dataclasses.replace(recall(uetr(2)), original=Original(message_id="M1b", definition="pacs.009.001.08")), A.owner
    )
    assert banks.states(1, 2) == [PENDING, CANCELLED]


def test_a_settlement_recalled_by_its_service_stays_so_under_every_uetr(world: World) -> None:
    """(I9): the tombstone is the settlement's, whoever pays and whatever somebody else buried."""
    given, again = payment(), payment(attempt=2)
    assert buries(world, given.uetr, BUYER, cents=given.amount.amount)
    assert world.say(cancellation(given)) == ["CNCL"]
    assert world.say(given) == ["REJECTED"] and world.say(again) == ["REJECTED"]
    assert world.buried(given)
    world.rtgs.operator.register_party(OTHER_SERVICE, Role.INSTRUCTING)
    assert world.say(payment(attempt=3), OTHER_SERVICE) == ["REJECTED"]


def test_a_service_buries_no_other_services_uetr(world: World) -> None:
    """Recalled for another settlement, the UETR is not buried with it."""
    world.rtgs.operator.register_party(OTHER_SERVICE, Role.INSTRUCTING)
    given, elsewhere = payment(1), payment(2)
    assert world.say(cancellation(elsewhere, uetr=given.uetr), OTHER_SERVICE) == ["CNCL"]
    assert world.say(given) == ["HELD"]


# --- a payment under another's UETR


def test_a_spent_uetr_costs_a_settlement_an_attempt_and_no_more(world: World) -> None:
    """A UETR names one payment, whoever came first. The refusal by name leaves no trace of the settlement's."""
    banks, given, again = Banks(world, A=1), payment(), payment(attempt=2)
    world.raw(transfer(given.uetr, A, B, 1), A.owner)
    with pytest.raises(Refused, match="UetrConflict"):
        world.say(given)
    assert (world.state(again), world.buried(given), world.money()) == (None, False, (15_000, 0))
    assert world.say(again) == ["HELD"]
    assert world.release(again, 0, 1, 2)[0] == "BOOKED"
    assert banks.posted(A, B) == [0, 1]


def test_no_release_or_cancellation_reaches_who_spent_the_uetr(world: World) -> None:
    banks, given = Banks(world), payment()
    world.raw(transfer(given.uetr), A.owner)
    with pytest.raises(Refused, match="PaymentMismatch"):
        world.release(given, 0)
    assert world.say(cancellation(given)) == ["CNCL"]
    assert [stored.state for stored in banks.desk.orders()] == [PENDING]


@pytest.mark.parametrize("squatted", [1, 3])
def test_a_return_has_a_uetr_whoever_spends_it(world: World, squatted: int) -> None:
    banks = Banks(world, A=100, C=100)
    world.raw(transfer(uetr(1)), A.owner, "M1")
    for name in ("R1", "R1/1", "R1/2")[:squatted]:
        world.raw(transfer(of_message(B.owner, name), C, A, 1), C.owner)
    found = tell(world, given_back("R1", of=uetr(1)), B.owner, "X1")
    assert isinstance(found[0], TransferReport) and found[0].state is BOOKED
    again = tell(world, given_back("R1", of=uetr(1)), B.owner, "X2")
    assert again == found[:1], "known by its return id"
    assert banks.posted(A, B, C) == [10 + squatted, 90, 100 - squatted]


def test_a_liquidity_transfer_has_a_uetr_whoever_spends_it(world: World) -> None:
    banks = Banks(world, A=100, C=100)
    world.raw(transfer(of_message(A.owner, "L1"), C, B, 1), C.owner)
    wish = LiquidityTransfer(end_to_end_id="E", amount=euro(60), settlement_date=DAY, debtor=A, creditor=B)
    found = tell(world, wish, A.owner, "L1")
    assert [one.status_code for one in found if isinstance(one, Receipt)] == ["COMP"]
    assert tell(world, wish, A.owner, "L1") == found
    assert banks.posted(A, B, C) == [40, 61, 99]


def test_derived_uetrs_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Banks(world, A=100, C=100)
    monkeypatch.setattr("lockstep.rtgs.handlers_payments.DERIVED_AT_MOST", 1)
    world.raw(transfer(of_message(A.owner, "L1"), C, B, 1), C.owner)
    wish = LiquidityTransfer(end_to_end_id="E", amount=euro(60), settlement_date=DAY, debtor=A, creditor=B)
    with pytest.raises(Refused, match="UetrConflict"):
        world.raw(wish, A.owner, "L1")


def test_message_ids_are_each_senders_own(world: World) -> None:
    banks = Banks(world, A=100, C=100)
    world.raw(transfer(uetr(1), C, B, 1), C.owner, "M1")
    world.raw(transfer(uetr(2)), A.owner, "M1")
    assert banks.states(1, 2) == [BOOKED, BOOKED]


# --- what a stranger can ask for


def test_a_stranger_is_told_nothing_by_a_return(world: World) -> None:
    """Amount and ids of a payment are its parties' own: a wrong guess and a UETR unknown are refused alike."""
    banks = Banks(world, A=100)
    world.raw(transfer(uetr(1)), A.owner, "M1")
    wrong = dataclasses.replace(given_back("R1", of=uetr(1)), original_amount=euro(99))
    for wish in (wrong, given_back("R1", of=uetr(1)), given_back("R1", of=uetr(9))):
        with pytest.raises(Refused, match="PaymentUnknown") as refused:
            world.raw(wish, C.owner)
        assert refused.value.details["rule"] == "the UETR of a payment that is booked"
    with pytest.raises(Refused, match="PaymentMismatch"):
        world.raw(wrong, B.owner)
    banks.mandate(B)
    report = tell(world, given_back("R1", of=uetr(1)), SERVICE)[0]
    assert isinstance(report, TransferReport) and report.state is BOOKED, (
        "a mandate over the creditor's account is enough"
    )


def test_a_stranger_changes_and_learns_nothing_of_what_waits(world: World) -> None:
    banks = Banks(world)
    world.raw(transfer(uetr(1)), A.owner, "M1")
    for wish, name in (
        (ModifyPayment(uetr=uetr(1), priority=Priority.URGENT), "NotAuthorised"),
        (StatusRequest(uetr=uetr(1)), "PaymentUnknown"),
        (recall(uetr(1)), "NotAuthorised"),
    ):
        with pytest.raises(Refused, match=name):
            world.raw(wish, C.owner)
    stored = banks.stored(1)
    assert (stored.state, stored.order.priority.name) == (PENDING, "NORMAL")
