"""What the golden messages between banks and the RTGS say, besides those of a settlement."""

from datetime import UTC, date, datetime

from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.liquidity import (
    DeleteReservation,
    LiquidityTransfer,
    ModifyReservation,
    QueryError,
    Receipt,
    Reservation,
    ReservationKind,
    ReservationQuery,
    ReservationReport,
    ReservationStatus,
)
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.notice import Acknowledgement, Rejection, SystemEvent
from lockstep.domain.payment import CashAccount, PaymentState, ResolutionStatus, Timing
from lockstep.domain.priority import Priority
from lockstep.domain.statement import (
    Entry,
    EntryKind,
    EntryNotice,
    QueriedPayment,
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

__all__ = ["EXPECTED_CASH"]

ALDER, BIRCH, CEDAR = Bic("ALDRDEFFXXX"), Bic("BRCHFRPP"), Bic("CEDRJPJT001")
SERVICE, RTGS, AGENT = Bic("LSTPBEBB"), Bic("RTGSBEBB"), Bic("AGNTNL2A001")
DAY = date(2026, 3, 4)
SETTLED = Uetr("d74d1753-a260-467a-9f5c-40b82dec13e0")
INVOICE = Uetr("9b2f40a1-7c3d-4d5e-8f60-1a2b3c4d5e6f")
EXCHANGE = Uetr("e1d2c3b4-a596-4877-b6a5-948372615040")
ALDERS, ALDERS_OTHER = CashAccount(owner=ALDER, number="BE-0017"), CashAccount(owner=ALDER, number="BE-0018")
BIRCHES = CashAccount(owner=BIRCH, number="BE-0042")
CEDARS = CashAccount(owner=CEDAR, number="JP-0003")
PAID = Original(message_id="ALDR-CCT-1", definition="pacs.008.001.08")
BAKERY = Customer(name="Boulangerie Rive Gauche", account="FR1420041010050500013M02606")


def at(hour: int, minute: int, second: int = 0, day: int = 4) -> datetime:
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


def eur(cents: int) -> Money:
    return Money(currency="EUR", amount=cents)


def to_rtgs(sender: Bic, message_id: str, created: datetime, body: object) -> Message[object]:
    return Message(sender=sender, receiver=RTGS, message_id=message_id, created=created, body=body)


def from_rtgs(receiver: Bic, message_id: str, created: datetime, body: object) -> Message[object]:
    return Message(sender=RTGS, receiver=receiver, message_id=message_id, created=created, body=body)


EXPECTED_CASH = {
    "camt.050.001.05": Message(
        sender=ALDER,
        receiver=RTGS,
        message_id="ALDR-LQT-1",
        created=at(7, 30),
        possible_duplicate=True,
        business_service="rtgs.liquidity.01",
        priority=Priority.HIGH,
        body=LiquidityTransfer(
            end_to_end_id="TOP-UP/0304",
            amount=eur(25_000_000_000),
            settlement_date=DAY,
            debtor=ALDERS,
            creditor=ALDERS_OTHER,
            instruction_id="ALDR-LQT-1",
            uetr=Uetr("5f0c6c1e-6a52-4a51-9e57-0f3d1c9b7a01"),
        ),
    ),
    "camt.025.001.05": from_rtgs(
        ALDER,
        "RTGS-RCT-1",
        at(7, 30, 1),
        Receipt(
            original_message_id="ALDR-LQT-1",
            original_definition="camt.050.001.05",
            status_code="SSET",
            description="Settled",
        ),
    ),
    "camt.046.001.05": to_rtgs(ALDER, "ALDR-RSQ-1", at(7, 31), ReservationQuery(account=ALDERS)),
    "camt.047.001.06": from_rtgs(
        ALDER,
        "RTGS-RSR-1",
        at(7, 31, 1),
        ReservationReport(
            query_id="ALDR-RSQ-1",
            reservations=(
                Reservation(kind=ReservationKind.URGENT, account=ALDERS, amount=eur(150_000_000), since=at(6, 0)),
                Reservation(
                    kind=ReservationKind.HIGH, account=ALDERS, amount=eur(0), status=ReservationStatus.REQUESTED
                ),
                Reservation(kind=ReservationKind.URGENT, account=ALDERS, amount=eur(200_000_000), standing=True),
            ),
        ),
    ),
    "camt.047.001.06.error": from_rtgs(
        BIRCH,
        "RTGS-RSR-2",
        at(7, 32, 1),
        ReservationReport(
            query_id="BRCH-RSQ-8",
            errors=(QueryError(code="AC02", description="No such account"), QueryError(code="ED06")),
        ),
    ),
    "camt.048.001.05": to_rtgs(
        ALDER,
        "ALDR-RSM-1",
        at(5, 59),
        ModifyReservation(kind=ReservationKind.URGENT, account=ALDERS, amount=eur(150_000_000), start=at(6, 0)),
    ),
    "camt.048.001.05.standing": to_rtgs(
        CEDAR,
        "CEDR-RSM-1",
        at(5, 59),
        ModifyReservation(
            kind=ReservationKind.NET_SETTLEMENT,
            account=CEDARS,
            amount=Money(currency="JPY", amount=90_000_000),
            standing=True,
        ),
    ),
    "camt.049.001.05": to_rtgs(
        ALDER, "ALDR-RSD-1", at(12, 0), DeleteReservation(kind=ReservationKind.URGENT, account=ALDERS)
    ),
    "pacs.008.001.08": to_rtgs(
        ALDER,
        "ALDR-CCT-1",
        at(8, 0),
        CustomerTransfer(
            uetr=INVOICE,
            instruction_id="ALDR-CCT-1",
            end_to_end_id="INVOICE-77",
            amount=eur(125_050),
            settlement_date=DAY,
            debtor=Customer(name="Müller & Söhne", account="DE89370400440532013000"),
            debtor_bank=ALDERS,
            creditor_bank=BIRCHES,
            creditor=BAKERY,
            charges="SLEV",
            remittance="Invoice 77 of 1 March",
            priority=Priority.HIGH,
            timing=Timing(debit_at=at(9, 0), credit_at=at(9, 0, 5), not_before=at(8, 30)),
            reject_after=at(15, 0),
        ),
    ),
    "pacs.008.001.08.plain": to_rtgs(
        CEDAR,
        "CEDR-CCT-4",
        at(8, 0),
        CustomerTransfer(
            uetr=Uetr("1c8e5f4a-0b7d-4c21-a3f9-5e6d7c8b9a00"),
            instruction_id="CEDR-CCT-4",
            end_to_end_id="NOTPROVIDED",
            amount=Money(currency="JPY", amount=88_000),
            settlement_date=DAY,
            debtor=Customer(name="Tanaka Shoten", account="0001234567", is_iban=False),
            debtor_bank=CEDARS,
            creditor_bank=CashAccount(owner=BIRCH, number="JP-0042"),
            creditor=BAKERY,
        ),
    ),
    "pacs.009.001.08.transfer": to_rtgs(
        BIRCH,
        "BRCH-FIT-2",
        at(8, 5),
        BankTransfer(
            uetr=EXCHANGE,
            instruction_id="BRCH-FIT-2",
            end_to_end_id="FX-2026-0304",
            amount=Money(currency="KWD", amount=1_000_125),
            settlement_date=DAY,
            debtor=CashAccount(owner=BIRCH, number="KW-0042"),
            creditor=CashAccount(owner=CEDAR, number="KW-0003"),
            priority=Priority.URGENT,
            timing=Timing(credit_at=at(10, 0)),
            reject_after=at(12, 0),
        ),
    ),
    "pacs.004.001.09": to_rtgs(
        BIRCH,
        "BRCH-RTR-1",
        at(8, 0, day=5),
        PaymentReturn(
            return_id="BRCH-RTR-1/1",
            original=PAID,
            original_end_to_end_id="INVOICE-77",
            uetr=INVOICE,
            original_amount=eur(125_050),
            amount=eur(125_050),
            settlement_date=date(2026, 3, 5),
            debtor=BIRCH,
            creditor=ALDER,
            reason_code="AC04",
            reason="The account was closed",
            timing=Timing(debit_at=at(8, 30, day=5)),
        ),
    ),
    "pacs.028.001.03": to_rtgs(AGENT, "AGNT1-STQ-1", at(16, 0, 1), StatusRequest(uetr=SETTLED)),
    "pacs.028.001.03.original": to_rtgs(
        SERVICE,
        "LSTP-STQ-1",
        at(16, 0, 1),
        StatusRequest(
            uetr=SETTLED,
            request_id="LSTP-STQ-1",
            original=Original(message_id="LSTP-PAY-1", definition="pacs.009.001.08"),
        ),
    ),
    "pacs.002.001.10.transfer": from_rtgs(
        ALDER,
        "RTGS-STS-90",
        at(9, 0, 1),
        TransferReport(
            original=PAID,
            uetr=INVOICE,
            state=PaymentState.PENDING,
            decided_at=at(9, 0),
            instruction_id="ALDR-CCT-1",
            end_to_end_id="INVOICE-77",
            reason_code="AM04",
            reason="Waits for funds",
        ),
    ),
    "camt.056.001.08.recall": to_rtgs(
        ALDER,
        "ALDR-RCL-1",
        at(9, 10),
        Recall(
            case_id="ALDR-CASE-1",
            uetr=INVOICE,
            original=PAID,
            original_amount=eur(125_050),
            original_settlement_date=DAY,
            reason_code="DUPL",
        ),
    ),
    "camt.029.001.09.recall": from_rtgs(
        ALDER,
        "RTGS-RES-9",
        at(9, 10, 1),
        RecallAnswer(case_id="ALDR-CASE-1", uetr=INVOICE, status=ResolutionStatus.REFUSED, reason_code="PTNA"),
    ),
    "camt.005.001.08": to_rtgs(SERVICE, "LSTP-QRY-1", at(15, 0), TransactionQuery(uetr=SETTLED)),
    "camt.005.001.08.open": to_rtgs(
        BIRCH, "BRCH-QRY-1", at(15, 0), TransactionQuery(debtor=BIRCHES, settlement_date=DAY, final=False)
    ),
    "camt.006.001.08": from_rtgs(
        BIRCH,
        "RTGS-ANS-1",
        at(15, 0, 1),
        TransactionReport(
            query_id="BRCH-QRY-1",
            page=2,
            payments=(
                QueriedPayment(
                    uetr=SETTLED,
                    message_id="LSTP-PAY-1",
                    end_to_end_id="ALDER-2026/00017",
                    state=PaymentState.PENDING,
                    decided_at=at(8, 0),
                    amount=eur(498_751_250),
                    settlement_date=DAY,
                    debtor=BIRCHES,
                    creditor=ALDERS,
                    reason_code="AM04",
                ),
                QueriedPayment(
                    uetr=EXCHANGE,
                    message_id="BRCH-FIT-2",
                    end_to_end_id="FX-2026-0304",
                    state=PaymentState.BOOKED,
                    decided_at=at(10, 0),
                    amount=eur(125_000),
                    settlement_date=DAY,
                    debtor=BIRCHES,
                    creditor=CashAccount(owner=CEDAR, number="BE-0003"),
                    priority=Priority.URGENT,
                ),
            ),
        ),
    ),
    "camt.006.001.08.error": from_rtgs(
        SERVICE,
        "RTGS-ANS-2",
        at(15, 0, 1),
        TransactionReport(
            query_id="LSTP-QRY-1",
            errors=(QueryError(code="NOTFOUND", description="No payment meets the criteria"),),
        ),
    ),
    "camt.007.001.08.modify": to_rtgs(
        ALDER,
        "ALDR-MOD-1",
        at(9, 5),
        ModifyPayment(uetr=INVOICE, priority=Priority.URGENT, not_before=at(9, 30), reject_after=at(16, 30)),
    ),
    "camt.007.001.08.later": to_rtgs(
        ALDER, "ALDR-MOD-2", at(9, 6), ModifyPayment(uetr=INVOICE, reject_after=at(16, 30))
    ),
    "camt.054.001.08.return": from_rtgs(
        ALDER,
        "RTGS-BKG-20",
        at(8, 30, 1, day=5),
        EntryNotice(
            account=ALDERS,
            entry=Entry(
                posting=57,
                amount=eur(125_050),
                credit=True,
                booked_at=at(8, 30, day=5),
                kind=EntryKind.RETURN,
                end_to_end_id="INVOICE-77",
                uetr=INVOICE,
            ),
        ),
    ),
    "camt.053.001.08": from_rtgs(
        ALDER,
        "RTGS-STM-1",
        at(18, 0),
        Statement(
            statement_id="BE-0017/20260304",
            sequence=63,
            account=ALDERS,
            since=at(6, 0),
            until=at(18, 0),
            opening=eur(-100_000),
            closing=eur(498_526_200),
            query_id="ALDR-SRQ-1",
            entries=(
                Entry(
                    posting=31,
                    amount=eur(498_751_250),
                    credit=True,
                    booked_at=at(14, 30),
                    uetr=SETTLED,
                    settlement_id=SettlementId("3c1f8e0a9b7d42c6a5e1907f6b3d8c24e0f79a5b1d6c83427e9a0b5f4c2d1e68"),
                    salt="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                ),
                Entry(
                    posting=33,
                    amount=eur(125_050),
                    credit=False,
                    booked_at=at(15, 0),
                    kind=EntryKind.CUSTOMER_TRANSFER,
                    end_to_end_id="INVOICE-77",
                    uetr=INVOICE,
                ),
            ),
        ),
    ),
    "camt.053.001.08.page": from_rtgs(
        CEDAR,
        "RTGS-STM-2",
        at(18, 0),
        Statement(
            statement_id="JP-0003/20260304",
            sequence=7,
            account=CEDARS,
            since=at(6, 0),
            until=at(18, 0),
            opening=Money(currency="JPY", amount=88_000),
            closing=Money(currency="JPY", amount=0),
            page=2,
            is_last=False,
            entries=(
                Entry(
                    posting=40,
                    amount=Money(currency="JPY", amount=88_000),
                    credit=False,
                    booked_at=at(9, 0),
                    kind=EntryKind.LIQUIDITY,
                    end_to_end_id="SWEEP",
                ),
            ),
        ),
    ),
    "camt.060.001.05": to_rtgs(
        ALDER,
        "ALDR-SRQ-1",
        at(17, 59),
        StatementRequest(account=ALDERS, first=date(2026, 3, 2), last=DAY, request_id="ALDR-SRQ-1/1"),
    ),
    "admi.002.001.01": from_rtgs(
        SERVICE,
        "RTGS-REJ-1",
        at(8, 0, 1),
        Rejection(
            related_message_id="LSTP-PAY-9",
            code="InvalidMessage",
            rejected_at=at(8, 0, 1),
            location="Document/FICdtTrf/CdtTrfTxInf/IntrBkSttlmAmt",
            description="at most 0 decimals for JPY, not 100.5",
        ),
    ),
    "admi.004.001.02": from_rtgs(
        ALDER,
        "RTGS-EVT-1",
        at(6, 0),
        SystemEvent(
            code="OPEN",
            parameters=("2026-03-04", "DAY-TRADE"),
            description="The business day is open",
            at=at(6, 0),
        ),
    ),
    "admi.007.001.01": from_rtgs(
        ALDER,
        "RTGS-ACK-1",
        at(7, 30),
        Acknowledgement(
            related_message_id="ALDR-LQT-1",
            related_definition="camt.050.001.05",
            status_code="RCVD",
            at=at(7, 30),
            description="Received, not judged yet",
        ),
    ),
}
