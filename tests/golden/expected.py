"""What the golden messages say, written by hand as domain values."""

from dataclasses import replace
from datetime import UTC, date, datetime

from golden.expected_cash import EXPECTED_CASH
from golden.expected_collateral import EXPECTED_COLLATERAL
from lockstep.domain.identifiers import Bic, Isin, Lei, Reference, SettlementId, TradeId, Uetr
from lockstep.domain.instruction import (
    AdviceStatus,
    CancellationAdvice,
    CancellationRequest,
    CancellationStatus,
    Instruction,
    Party,
    QuantityType,
    SettlementConfirmation,
    Side,
    StatusAdvice,
)
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    CashAccount,
    NeverRequest,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Resolution,
    ResolutionStatus,
    Timing,
)
from lockstep.domain.priority import Priority

__all__ = ["EXPECTED", "REFUSED"]

ALDER = Party(lei=Lei("9845ALDERBANK0000177"), bic=Bic("ALDRDEFFXXX"))
BIRCH = Party(lei=Lei("9845BIRCHBANK0000271"), bic=Bic("BRCHFRPP"))
CEDAR = Party(lei=Lei("9845CEDARBANK0000380"), bic=Bic("CEDRJPJT001"))
SERVICE, RTGS, AGENT = Bic("LSTPBEBB"), Bic("RTGSBEBB"), Bic("AGNTNL2A001")
SETTLEMENT = SettlementId("3c1f8e0a9b7d42c6a5e1907f6b3d8c24e0f79a5b1d6c83427e9a0b5f4c2d1e68")
TRADE = TradeId("a7709d1e5c3b48f2960d7e4f1b2a8c3d5e6f70819a2b3c4d5e6f708192a3b4c5")
SALT = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
UETR = Uetr("d74d1753-a260-467a-9f5c-40b82dec13e0")
CASH = Money(currency="EUR", amount=498_751_250)
BUYERS_ACCOUNT = CashAccount(owner=BIRCH.bic, number="BE-0042")
SELLERS_ACCOUNT = CashAccount(owner=ALDER.bic, number="BE-0017")


def at(day: int, hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


SELL = Instruction(
    reference=Reference("ALDER-2026/00017"),
    side=Side.DELIVER,
    deliverer=ALDER,
    receiver=BIRCH,
    isin=Isin("BE000LKSTB01"),
    quantity=Quantity(value=5_000_000, scale=0),
    quantity_type=QuantityType.FACE_AMOUNT,
    cash=CASH,
    trade_date=date(2026, 3, 2),
    settlement_date=date(2026, 3, 4),
    counterparty_reference=Reference("BIRCH(42)"),
)
BUY = Instruction(
    reference=Reference("BIRCH(42)"),
    side=Side.RECEIVE,
    deliverer=ALDER,
    receiver=BIRCH,
    isin=Isin("BE000LKSTB01"),
    quantity=Quantity(value=5_000_000, scale=0),
    quantity_type=QuantityType.FACE_AMOUNT,
    cash=CASH,
    trade_date=date(2026, 3, 2),
    settlement_date=date(2026, 3, 4),
    counterparty_reference=Reference("ALDER-2026/00017"),
)
PAYMENT = Payment(
    uetr=UETR,
    instruction_id="LSTP-PAY-1",
    end_to_end_id="ALDER-2026/00017",
    amount=CASH,
    settlement_date=date(2026, 3, 4),
    debtor=BUYERS_ACCOUNT,
    creditor=SELLERS_ACCOUNT,
    settlement_id=SETTLEMENT,
    salt=SALT,
    pay_by=at(4, 16, 0),
)
URGENT = replace(PAYMENT, instruction_id="LSTP-PAY-2", priority=Priority.URGENT, timing=Timing(not_before=at(4, 9, 0)))

EXPECTED = {
    **EXPECTED_CASH,
    **EXPECTED_COLLATERAL,
    "sese.023.001.11": Message(
        sender=ALDER.bic, receiver=SERVICE, message_id="ALDR20260302000017", created=at(2, 9, 15, 30), body=SELL
    ),
    "sese.023.001.11.shares": Message(
        sender=CEDAR.bic,
        receiver=SERVICE,
        message_id="CEDAR:00000000000000000000000000099",
        created=at(2, 23, 59, 59),
        possible_duplicate=True,
        body=Instruction(
            reference=Reference("C+99"),
            side=Side.RECEIVE,
            deliverer=BIRCH,
            receiver=CEDAR,
            isin=Isin("JP300LKSTE04"),
            quantity=Quantity(value=12_005, scale=1),
            quantity_type=QuantityType.UNIT,
            cash=Money(currency="JPY", amount=3_601_500),
            trade_date=date(2026, 3, 2),
            settlement_date=date(2026, 3, 2),
        ),
    ),
    "sese.020.001.07": Message(
        sender=BIRCH.bic,
        receiver=SERVICE,
        message_id="BRCH-CXL-5",
        created=at(3, 8, 0),
        body=CancellationRequest(reference=Reference("BIRCH(42)"), side=Side.RECEIVE, owner=BIRCH),
    ),
    "sese.024.001.12": Message(
        sender=SERVICE,
        receiver=BIRCH.bic,
        message_id="LSTP-ADV-1",
        created=at(4, 14, 5),
        body=StatusAdvice(
            reference=Reference("BIRCH(42)"),
            side=Side.RECEIVE,
            status=AdviceStatus.PENDING,
            reason_code="MONY",
            reason="Account BE-0042 is short of cash & the payment waits",
        ),
    ),
    "sese.024.001.12.matched": Message(
        sender=SERVICE,
        receiver=ALDER.bic,
        message_id="LSTP-ADV-2",
        created=at(2, 9, 30),
        body=StatusAdvice(
            reference=Reference("ALDER-2026/00017"),
            side=Side.DELIVER,
            status=AdviceStatus.MATCHED,
            trade_id=TRADE,
            salt=SALT,
            settlement_id=SETTLEMENT,
        ),
    ),
    "sese.024.001.12.matched-alone": Message(
        sender=SERVICE,
        receiver=ALDER.bic,
        message_id="LSTP-ADV-3",
        created=at(2, 9, 30),
        body=StatusAdvice(
            reference=Reference("ALDER-2026/00017"),
            side=Side.DELIVER,
            status=AdviceStatus.MATCHED,
            trade_id=TRADE,
            salt=SALT,
            settlement_id=SETTLEMENT,
        ),
    ),
    "sese.024.001.12.unmatched": Message(
        sender=SERVICE,
        receiver=BIRCH.bic,
        message_id="LSTP-ADV-4",
        created=at(2, 9, 31),
        body=StatusAdvice(
            reference=Reference("BIRCH(42)"),
            side=Side.RECEIVE,
            status=AdviceStatus.UNMATCHED,
            reason_code="DMON",
            reason="cash differs beyond tolerance",
        ),
    ),
    "sese.027.001.07": Message(
        sender=SERVICE,
        receiver=BIRCH.bic,
        message_id="LSTP-CXL-9",
        created=at(3, 8, 0, 5),
        body=CancellationAdvice(
            reference=Reference("BIRCH(42)"),
            side=Side.RECEIVE,
            request_id="BRCH-CXL-5",
            status=CancellationStatus.DENIED,
            reason_code="DSET",
            reason="Settled already – too late",
        ),
    ),
    "sese.025.001.11": Message(
        sender=SERVICE,
        receiver=BIRCH.bic,
        message_id="LSTP-CNF-3",
        created=at(4, 14, 31),
        body=SettlementConfirmation(
            instruction=BUY, trade_id=TRADE, settlement_id=SETTLEMENT, settled_at=at(4, 14, 30, 12)
        ),
    ),
    "pacs.009.001.08": Message(
        sender=SERVICE, receiver=RTGS, message_id="LSTP-PAY-1", created=at(4, 8, 0), body=PAYMENT
    ),
    "pacs.009.001.08.urgent": Message(
        sender=SERVICE, receiver=RTGS, message_id="LSTP-PAY-2", created=at(4, 8, 0), body=URGENT
    ),
    "pacs.002.001.10.urgent": Message(
        sender=RTGS,
        receiver=SERVICE,
        message_id="RTGS-STS-91",
        created=at(4, 8, 0, 1),
        body=PaymentReport(
            original_message_id="LSTP-PAY-2",
            uetr=UETR,
            state=PaymentState.HELD,
            decided_at=at(4, 8, 0),
            payment=URGENT,
        ),
    ),
    "pacs.002.001.10": Message(
        sender=RTGS,
        receiver=SERVICE,
        message_id="RTGS-STS-77",
        created=at(4, 14, 30, 1),
        body=PaymentReport(
            original_message_id="LSTP-PAY-1",
            uetr=UETR,
            state=PaymentState.BOOKED,
            decided_at=at(4, 14, 30),
            payment=PAYMENT,
        ),
    ),
    "pacs.002.001.10.rejected": Message(
        sender=RTGS,
        receiver=SERVICE,
        message_id="RTGS-STS-78",
        created=at(4, 14, 30, 1),
        body=PaymentReport(
            original_message_id="LSTP-PAY-1",
            uetr=UETR,
            state=PaymentState.REJECTED,
            decided_at=at(4, 17, 30),
            payment=PAYMENT,
            reason_code="AM04",
            reason="The day closed before there was cash",
        ),
    ),
    "camt.056.001.08": Message(
        sender=SERVICE,
        receiver=RTGS,
        message_id="LSTP-CAN-1",
        created=at(4, 12, 0),
        body=CancelPayment(
            case_id="LSTP-CASE-1",
            uetr=UETR,
            original_message_id="LSTP-PAY-1",
            original_amount=CASH,
            original_settlement_date=date(2026, 3, 4),
            settlement_id=SETTLEMENT,
            salt=SALT,
        ),
    ),
    "camt.056.001.08.agent": Message(
        sender=AGENT,
        receiver=RTGS,
        message_id="LSTP-NEV-1",
        created=at(5, 12, 0),
        body=NeverRequest(case_id="LSTP-NEVER-1", uetr=UETR, settlement_id=SETTLEMENT),
    ),
    "camt.029.001.09.agent": Message(
        sender=RTGS,
        receiver=AGENT,
        message_id="RTGS-RES-6",
        created=at(5, 12, 0, 2),
        body=Resolution(
            case_id="LSTP-NEVER-1",
            uetr=UETR,
            settlement_id=SETTLEMENT,
            salt=None,
            status=ResolutionStatus.CANCELLED,
            decided_at=at(5, 12, 0, 1),
        ),
    ),
    "camt.029.001.09": Message(
        sender=RTGS,
        receiver=SERVICE,
        message_id="RTGS-RES-4",
        created=at(4, 12, 0, 2),
        body=Resolution(
            case_id="LSTP-CASE-1",
            uetr=UETR,
            settlement_id=SETTLEMENT,
            salt=SALT,
            status=ResolutionStatus.CANCELLED,
            decided_at=at(4, 12, 0, 1),
        ),
    ),
    "camt.029.001.09.refused": Message(
        sender=RTGS,
        receiver=SERVICE,
        message_id="RTGS-RES-5",
        created=at(4, 12, 0, 2),
        body=Resolution(
            case_id="LSTP-CASE-1",
            uetr=UETR,
            settlement_id=SETTLEMENT,
            salt=SALT,
            status=ResolutionStatus.REFUSED,
            reason_code="ARDT",
            reason="Booked before",
            decided_at=at(4, 12, 0, 1),
        ),
    ),
    "camt.054.001.08": Message(
        sender=RTGS,
        receiver=BIRCH.bic,
        message_id="RTGS-BKG-12",
        created=at(4, 14, 30, 1),
        body=BookingNotice(
            account=BUYERS_ACCOUNT,
            amount=CASH,
            credit=False,
            booked_at=at(4, 14, 30),
            posting=31,
            uetr=UETR,
            settlement_id=SETTLEMENT,
            salt=SALT,
        ),
    ),
    "camt.007.001.08": Message(
        sender=AGENT,
        receiver=RTGS,
        message_id="AGNT1-REL-1",
        created=at(4, 13, 59),
        body=Release(uetr=UETR, settlement_id=SETTLEMENT),
    ),
}

_OUTSIDE = "not in Lockstep's usage guideline"
_WHOLE = "an instant in whole seconds with Z or an offset, as 2026-03-02T14:30:00Z"
_BESIDE = "only AckdAccptd/NoSpcfdRsn beside MtchgSts"

REFUSED = {
    "camt.007.001.08.instruction": (
        "Document/ModfyTx/Mod/NewPmtValSet/Instr", "TTIL", _OUTSIDE,
    ),
    "camt.054.001.08.pending": (
        "Document/BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry/Sts/Cd", "PDNG", "BOOK and nothing else",
    ),
    "head.001.001.02.copy": ("AppHdr/CpyDplct", "COPY", _OUTSIDE),
    "pacs.002.001.10.fraction": (
        "Document/FIToFIPmtStsRpt/TxInfAndSts/AccptncDtTm", "2026-03-04T16:00:00.500Z", _WHOLE,
    ),
    "pacs.002.001.10.naive-time": (
        "Document/FIToFIPmtStsRpt/TxInfAndSts/AccptncDtTm", "2026-03-04T14:30:00", _WHOLE,
    ),
    "pacs.009.001.08.iban": (
        "Document/FICdtTrf/CdtTrfTxInf/DbtrAcct/Id/IBAN", "BE68539007547034", f"{_OUTSIDE}, which takes Othr here",
    ),
    "pacs.009.001.08.two-payments": ("Document/FICdtTrf/GrpHdr/NbOfTxs", "2", "1 and nothing else"),
    "sese.023.001.11.free-of-payment": (
        "Document/SctiesSttlmTxInstr/SttlmTpAndAddtlParams/Pmt", "FREE", "APMT and nothing else",
    ),
    "sese.023.001.11.no-lei": ("Document/SctiesSttlmTxInstr/DlvrgSttlmPties/Pty1/LEI", "", "is required"),
    "sese.023.001.11.place-of-trade": ("Document/SctiesSttlmTxInstr/TradDtls/PlcOfTrad", "", _OUTSIDE),
    "sese.023.001.11.safekeeping-account": (
        "Document/SctiesSttlmTxInstr/DlvrgSttlmPties/Pty1/SfkpgAcct", "", f"{_OUTSIDE}, which takes PrcgId here",
    ),
    "sese.023.001.11.settlement-instant": (
        "Document/SctiesSttlmTxInstr/TradDtls/SttlmDt/Dt/DtTm",
        "2026-03-04T00:00:00Z",
        f"{_OUTSIDE}, which takes Dt here",
    ),
    "sese.024.001.12.accepted-late-and-matched": (
        "Document/SctiesSttlmTxStsAdvc/PrcgSts/AckdAccptd/Rsn", "", _BESIDE,
    ),
    "sese.024.001.12.rejected-and-matched": ("Document/SctiesSttlmTxStsAdvc/PrcgSts/Rjctd", "", _BESIDE),
}  # fmt: skip
"""Right by the published schemas, outside the usage guideline: field, value and rule of the refusal."""
