"""What banks say to the RTGS beside settlements, and what they are told: messages in, messages out."""

import dataclasses
from datetime import timedelta

import pytest
from banks import BOOKED, HIGH, PENDING, A, B, Banks, C, order, uetr
from rtgs_world import AGENTS, DAY, NOON, SERVICE, World, cancellation, euro, payment

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.liquidity import (
    DeleteReservation,
    LiquidityTransfer,
    ModifyReservation,
    Receipt,
    Reservation,
    ReservationKind,
    ReservationQuery,
    ReservationReport,
)
from lockstep.domain.notice import SystemEvent
from lockstep.domain.payment import CashAccount, PaymentReport, PaymentState, ResolutionStatus
from lockstep.domain.priority import Priority
from lockstep.domain.statement import (
    EntryKind,
    EntryNotice,
    Statement,
    StatementRequest,
    TransactionQuery,
    TransactionReport,
)
from lockstep.domain.transfer import (
    BankTransfer,
    Customer,
    CustomerTransfer,
    ModifyPayment,
    Original,
    PaymentReturn,
    Recall,
    RecallAnswer,
    StatusRequest,
    TransferReport,
)
from lockstep.iso20022 import read


def transfer(number: int, debtor: CashAccount = A, creditor: CashAccount = B, cents: int = 100) -> BankTransfer:
    given = order(number, debtor, creditor, cents)
    return BankTransfer(
        uetr=given.uetr,
        instruction_id=given.instruction_id,
        end_to_end_id=given.end_to_end_id,
        amount=given.amount,
        settlement_date=DAY,
        debtor=debtor,
        creditor=creditor,
    )


def answers(world: World, body: object, sender: Bic, message_id: str | None = None) -> list[object]:
    return [read(data).body for data in world.raw(body, sender, message_id)]


def of_kind(world: World, receiver: Bic, kind: type) -> list[object]:
    mail = (read(data).body for _, data in world.rtgs.mailbox(receiver, limit=1_000))
    return [body for body in mail if isinstance(body, kind)]


def test_a_payment_between_banks_is_told_to_both(world: World) -> None:
    banks, body = Banks(world, A=100), transfer(1)
    report, debit = answers(world, body, A.owner, "M1")
    assert isinstance(report, TransferReport)
    assert (report.state, report.uetr) == (PaymentState.BOOKED, body.uetr)
    assert report.original == Original(message_id="M1", definition="pacs.009.001.08")
    assert isinstance(debit, EntryNotice)
    assert (debit.account, debit.entry.amount, debit.entry.credit) == (A, euro(100), False)
    credit, forwarded = world.bodies(B.owner)
    assert isinstance(credit, EntryNotice)
    assert (credit.account, credit.entry.credit, credit.entry.posting) == (B, True, debit.entry.posting)
    assert forwarded == body
    assert world.bodies(AGENTS[0]) == []
    assert answers(world, body, A.owner, "M2") == [report]  # known by its UETR
    assert banks.posted(A, B) == [0, 100]


def test_a_payment_that_waited_is_forwarded_when_it_goes(world: World) -> None:
    banks, body = Banks(world), transfer(1)
    (report,) = answers(world, body, A.owner)
    assert isinstance(report, TransferReport)
    assert (report.state, report.reason_code) == (PaymentState.PENDING, "AM04")
    assert world.bodies(B.owner) == []
    banks.fund(A, 100)
    assert world.bodies(B.owner)[1] == body


def test_customers_money_moves_between_their_banks(world: World) -> None:
    banks = Banks(world, A=100)
    body = CustomerTransfer(
        uetr=uetr(1),
        instruction_id="I1",
        end_to_end_id="E1",
        amount=euro(40),
        settlement_date=DAY,
        debtor=Customer(name="Ada", account="DE89370400440532013000"),
        debtor_bank=A,
        creditor_bank=B,
        creditor=Customer(name="Bob", account="77", is_iban=False),
        priority=Priority.HIGH,
    )
    assert [type(one) for one in answers(world, body, A.owner)] == [TransferReport, EntryNotice]
    credit, forwarded = world.bodies(B.owner)
    assert isinstance(credit, EntryNotice)
    assert (credit.entry.kind, forwarded) == (EntryKind.CUSTOMER_TRANSFER, body)
    assert banks.posted(A, B) == [60, 40]


def test_a_bank_moves_its_own_money_only(world: World) -> None:
    """(I11)"""
    banks = Banks(world, A=100)
    (report,) = answers(world, transfer(1), B.owner)[:1]
    assert isinstance(report, TransferReport)
    assert (report.state, report.reason_code) == (PaymentState.REJECTED, "MD01")
    banks.mandate(A)
    assert isinstance(answers(world, transfer(2), SERVICE)[0], TransferReport)
    with pytest.raises(Refused, match="NotAuthorised"):
        world.raw(transfer(3), AGENTS[0])
    assert banks.posted(A, B) == [0, 100]


def _return(number: int, cents: int, **changes: object) -> PaymentReturn:
    usual = PaymentReturn(
        return_id=f"R{number}",
        original=Original(message_id="M1", definition="pacs.009.001.08"),
        original_end_to_end_id="E1",
        uetr=uetr(1),
        original_amount=euro(100),
        amount=euro(cents),
        settlement_date=DAY,
        debtor=B.owner,
        creditor=A.owner,
        reason_code="AC04",
    )
    return dataclasses.replace(usual, **changes)


def test_a_return_is_a_payment_of_its_own(world: World) -> None:
    banks = Banks(world, A=100)
    world.raw(transfer(1), A.owner, "M1")
    body = _return(1, 60)
    report = answers(world, body, B.owner, "R1")[0]
    assert isinstance(report, TransferReport)
    assert (report.state, report.uetr, report.original.definition) == (BOOKED, uetr(1), "pacs.004.001.09")
    assert world.bodies(A.owner)[-1] == body
    assert world.raw(body, B.owner, "R1") == world.raw(body, B.owner, "R1")
    assert banks.posted(A, B) == [60, 40]
    report = answers(world, _return(2, 41), B.owner, "R2")[0]
    assert isinstance(report, TransferReport)
    assert (report.state, report.reason_code) == (PaymentState.REJECTED, "AM09")
    for changes in ({"original_end_to_end_id": "X"}, {"debtor": C.owner}, {"original_amount": euro(99)}):
        with pytest.raises(Refused, match="PaymentMismatch"):
            world.raw(_return(3, 10, **changes), B.owner, "R3")
    with pytest.raises(Refused, match="PaymentUnknown"):
        world.raw(_return(4, 10, uetr=uetr(9)), B.owner, "R4")


def _recall(number: int, cents: int = 100) -> Recall:
    return Recall(
        case_id="CASE",
        uetr=uetr(number),
        original=Original(message_id="M1", definition="pacs.009.001.08"),
        original_amount=euro(cents),
        original_settlement_date=DAY,
    )


def test_a_recall_cancels_what_waits(world: World) -> None:
    banks = Banks(world)
    world.raw(transfer(1), A.owner, "M1")
    with pytest.raises(Refused, match="PaymentMismatch"):
        world.raw(_recall(1, 99), A.owner)
    with pytest.raises(Refused, match="NotAuthorised"):
        world.raw(_recall(1), B.owner)
    report, answer = answers(world, _recall(1), A.owner)
    assert isinstance(report, TransferReport)
    assert isinstance(answer, RecallAnswer)
    assert (report.state, answer.status) == (PaymentState.CANCELLED, ResolutionStatus.CANCELLED)
    banks.fund(A, 100)
    assert banks.posted(A, B) == [100, 0]


def test_a_recall_of_what_is_booked_is_passed_on(world: World) -> None:
    Banks(world, A=100)
    world.raw(transfer(1), A.owner, "M1")
    (answer,) = answers(world, _recall(1), A.owner)
    assert isinstance(answer, RecallAnswer)
    assert (answer.status, answer.reason_code) == (ResolutionStatus.REFUSED, "PTNA")
    assert world.bodies(B.owner)[-1] == _recall(1)


def test_a_settlements_payment_is_not_recalled_without_its_settlement(world: World) -> None:
    given = payment()
    world.say(given, message_id="M1")
    wish = dataclasses.replace(_recall(1), uetr=given.uetr, original_amount=given.amount)
    with pytest.raises(Refused, match="PaymentMismatch"):
        world.raw(wish, SERVICE)
    assert world.say(cancellation(given)) == ["CANCELLED", "CNCL"]


def test_a_waiting_payment_is_modified(world: World) -> None:
    banks = Banks(world, A=50)
    world.raw(transfer(1), A.owner)
    banks.pay(2, A, B, 100, priority=HIGH)
    (receipt,) = answers(world, ModifyPayment(uetr=uetr(1), priority=Priority.URGENT), A.owner)
    assert isinstance(receipt, Receipt)
    assert (receipt.status_code, receipt.original_definition) == ("COMP", "camt.007.001.08")
    assert banks.queue(A) == [1, 2]
    world.raw(ModifyPayment(uetr=uetr(1), reject_after=NOON + timedelta(minutes=1)), A.owner)
    world.later(minutes=2)
    assert world.rtgs.tick() == 1
    assert banks.stored(1).reason_code == "TM01"
    with pytest.raises(Refused, match="NotAuthorised"):
        world.raw(ModifyPayment(uetr=uetr(2), priority=Priority.NORMAL), B.owner)
    with pytest.raises(InvalidInput):
        world.raw(ModifyPayment(uetr=uetr(2), reject_after=NOON), A.owner)


def test_a_status_is_told_to_whom_it_concerns(world: World) -> None:
    banks, given = Banks(world, A=100), payment()
    world.say(given)
    world.raw(transfer(1), A.owner)
    for party in (SERVICE, AGENTS[0], given.debtor.owner):
        (report,) = answers(world, StatusRequest(uetr=given.uetr), party)
        assert isinstance(report, PaymentReport)
        assert report.state is PaymentState.HELD
    (told,) = answers(world, StatusRequest(uetr=uetr(1)), B.owner)
    assert isinstance(told, TransferReport)
    for party in (C.owner, AGENTS[0]):
        with pytest.raises(Refused, match="PaymentUnknown"):
            world.raw(StatusRequest(uetr=uetr(1)), party)
    assert banks.stored(1).state is BOOKED


def test_liquidity_moves_or_does_not(world: World) -> None:
    banks = Banks(world, A=100)
    wish = LiquidityTransfer(end_to_end_id="E", amount=euro(60), settlement_date=DAY, debtor=A, creditor=B)
    found = answers(world, wish, A.owner, "L1")
    assert [one.status_code for one in found if isinstance(one, Receipt)] == ["COMP"]
    assert answers(world, wish, A.owner, "L1") == found
    (refused,) = answers(world, wish, A.owner, "L2")
    assert isinstance(refused, Receipt)
    assert refused.status_code == "REJT"
    assert (refused.description or "").startswith("AM04")
    assert banks.posted(A, B) == [40, 60]


def test_reservations_are_set_told_and_ended(world: World) -> None:
    banks = Banks(world, A=100)
    mine = {"kind": ReservationKind.URGENT, "account": A}
    (receipt,) = answers(world, ModifyReservation(**mine, amount=euro(70)), A.owner)
    assert isinstance(receipt, Receipt)
    world.raw(ModifyReservation(**mine, amount=euro(5), standing=True), A.owner)
    (report,) = answers(world, ReservationQuery(account=A), A.owner)
    assert isinstance(report, ReservationReport)
    assert report.reservations == (
        Reservation(**mine, amount=euro(70)),
        Reservation(**mine, amount=euro(5), standing=True),
    )
    assert banks.pay(1, A, B, 31) is PENDING
    world.raw(DeleteReservation(**mine), A.owner)
    assert banks.stored(1).state is BOOKED
    for bad, error in (
        (ModifyReservation(kind=ReservationKind.BLOCKED, account=A, amount=euro(1)), InvalidInput),
        (ModifyReservation(kind=ReservationKind.URGENT, account=B, amount=euro(1)), Refused),
        (ReservationQuery(account=B), Refused),
    ):
        with pytest.raises(error):
            world.raw(bad, A.owner)


def test_payments_are_found_by_what_is_asked(world: World) -> None:
    banks = Banks(world, A=100)
    banks.pay(1, A, B, 100)
    banks.pay(2, A, C, 100)
    (report,) = answers(world, TransactionQuery(debtor=A, final=False), A.owner)
    assert isinstance(report, TransactionReport)
    assert [one.uetr for one in report.payments] == [uetr(2)]
    (report,) = answers(world, TransactionQuery(settlement_date=DAY), B.owner)
    assert isinstance(report, TransactionReport)
    assert [one.uetr for one in report.payments] == [uetr(1)]  # another bank's is none of its business
    (report,) = answers(world, TransactionQuery(uetr=uetr(2)), B.owner)
    assert isinstance(report, TransactionReport)
    assert [one.code for one in report.errors] == ["NONE"]


def test_statements_come_with_the_end_of_day_and_on_request(world: World) -> None:
    banks = Banks(world, A=1_000)
    for number in range(1, 251):
        banks.pay(number, A, B, 1)
    first, last = answers(world, StatementRequest(account=A, first=DAY, last=DAY), A.owner, "Q1")
    assert isinstance(first, Statement)
    assert isinstance(last, Statement)
    assert [(one.page, one.is_last, len(one.entries), one.query_id) for one in (first, last)] == [
        (1, False, 200, "Q1"),
        (2, True, 51, "Q1"),
    ]
    assert (first.opening, first.closing, last.closing) == (euro(0), euro(801), euro(750))
    assert (first.entries[0].kind, first.entries[1].uetr) == (EntryKind.LIQUIDITY, uetr(1))
    banks.desk.close_day()
    stated = of_kind(world, A.owner, Statement)
    assert [one.query_id for one in stated if isinstance(one, Statement)] == ["Q1", "Q1", None, None]
    assert isinstance(stated[-1], Statement)
    assert (stated[-1].sequence, stated[-1].closing) == (1, euro(750))
    assert [one.parameters for one in of_kind(world, A.owner, SystemEvent) if isinstance(one, SystemEvent)] == [
        (DAY.isoformat(), "CLOSED")
    ]
    with pytest.raises(Refused, match="NotAuthorised"):
        world.raw(StatementRequest(account=A, first=DAY, last=DAY), B.owner)
    tomorrow = DAY + timedelta(days=1)
    with pytest.raises(Refused, match="StatementUnknown"):
        world.raw(StatementRequest(account=A, first=tomorrow, last=tomorrow), A.owner)
