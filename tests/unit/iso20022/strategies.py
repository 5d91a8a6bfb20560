"""Hypothesis strategies for every message body that this package carries."""

from datetime import timedelta

from hypothesis import strategies as st

from iso20022.cash import CASH_BODIES, timings
from iso20022.margin import MARGIN_BODIES
from iso20022.pieces import (
    accounts,
    bics,
    days,
    hashes,
    identifiers,
    instants,
    isins,
    money,
    parties,
    payment_codes,
    priorities,
    references,
    salts,
    sides,
    text,
    uetrs,
    words,
)
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.instruction import (
    AdviceStatus,
    CancellationAdvice,
    CancellationRequest,
    CancellationStatus,
    Instruction,
    QuantityType,
    SettlementConfirmation,
    StatusAdvice,
)
from lockstep.domain.message import Message
from lockstep.domain.money import Quantity
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    NeverRequest,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Resolution,
    ResolutionStatus,
)

__all__ = ["BODIES", "messages"]


def _quantity(kind: QuantityType) -> st.SearchStrategy[Quantity]:
    most = 5 if kind is QuantityType.FACE_AMOUNT else 17
    return st.builds(Quantity.of_units, st.integers(1, 10**18 - 1), st.integers(0, most))


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    kind, traded = draw(st.sampled_from(QuantityType)), draw(days)
    deliverer, receiver = draw(st.tuples(parties, parties).filter(lambda two: two[0].lei != two[1].lei))
    return Instruction(
        reference=draw(references),
        side=draw(sides),
        deliverer=deliverer,
        receiver=receiver,
        isin=draw(isins),
        quantity=draw(_quantity(kind)),
        quantity_type=kind,
        cash=draw(money),
        trade_date=traded,
        settlement_date=traded + timedelta(days=draw(st.integers(0, 30))),
        counterparty_reference=draw(st.none() | references),
    )


_CODES = {
    AdviceStatus.ACCEPTED: ["LATE", "OTHR"],
    AdviceStatus.REJECTED: ["DSEC", "IIND", "ICUS", "OTHR"],
    AdviceStatus.CANCELLED: ["CANI", "CANS", "OTHR"],
    AdviceStatus.UNMATCHED: ["CMIS", "NMAS", "DMON"],
    AdviceStatus.PENDING: ["LACK", "MONY", "FUTU"],
    AdviceStatus.FAILING: ["LACK", "MONY", "CYCL"],
}
_ANSWERS = {
    CancellationStatus.CANCELLED: ["CANI", "OTHR"],
    CancellationStatus.DENIED: ["DSET", "LATE"],
    CancellationStatus.PENDING: ["CONF"],
}


@st.composite
def advices(draw: st.DrawFn) -> StatusAdvice:
    status = draw(st.sampled_from(AdviceStatus))
    code = draw(st.none() | st.sampled_from(_CODES[status])) if status in _CODES else None
    may_say = code is not None or status is AdviceStatus.MATCHED
    return StatusAdvice(
        reference=draw(references),
        side=draw(sides),
        status=status,
        reason_code=code,
        reason=draw(st.none() | words) if may_say else None,
        trade_id=draw(st.none() | hashes.map(TradeId)),
        salt=draw(st.none() | salts),
        settlement_id=draw(st.none() | hashes.map(SettlementId)),
    )


@st.composite
def answers(draw: st.DrawFn) -> CancellationAdvice:
    status = draw(st.sampled_from(CancellationStatus))
    code = draw(st.none() | st.sampled_from(_ANSWERS[status]))
    return CancellationAdvice(
        reference=draw(references),
        side=draw(sides),
        request_id=draw(identifiers),
        status=status,
        reason_code=code,
        reason=draw(st.none() | words) if code else None,
    )


@st.composite
def payments(draw: st.DrawFn) -> Payment:
    pay_by = draw(instants)
    return Payment(
        uetr=draw(uetrs),
        instruction_id=draw(identifiers),
        end_to_end_id=draw(identifiers),
        amount=draw(money),
        settlement_date=pay_by.date(),
        debtor=draw(accounts),
        creditor=draw(accounts),
        settlement_id=SettlementId(draw(hashes)),
        salt=draw(salts),
        pay_by=pay_by,
        priority=draw(priorities),
        timing=draw(timings(pay_by)),
    )


@st.composite
def reports(draw: st.DrawFn) -> PaymentReport:
    payment = draw(payments())
    return PaymentReport(
        original_message_id=draw(identifiers),
        uetr=payment.uetr,
        state=draw(st.sampled_from(PaymentState)),
        decided_at=draw(instants),
        payment=payment,
        reason_code=draw(payment_codes),
        reason=draw(st.none() | words),
    )


BODIES: dict[type, st.SearchStrategy[object]] = {
    Instruction: instructions(),
    CancellationRequest: st.builds(CancellationRequest, reference=references, side=sides, owner=parties),
    StatusAdvice: advices(),
    CancellationAdvice: answers(),
    SettlementConfirmation: st.builds(
        SettlementConfirmation,
        instruction=instructions(),
        trade_id=hashes.map(TradeId),
        settlement_id=hashes.map(SettlementId),
        settled_at=instants,
    ),
    Payment: payments(),
    PaymentReport: reports(),
    CancelPayment: st.builds(
        CancelPayment,
        case_id=identifiers,
        uetr=uetrs,
        original_message_id=identifiers,
        original_amount=money,
        original_settlement_date=days,
        settlement_id=hashes.map(SettlementId),
        salt=salts,
        reason_code=text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 4, 4),
    ),
    NeverRequest: st.builds(
        NeverRequest,
        case_id=identifiers,
        uetr=uetrs,
        settlement_id=hashes.map(SettlementId),
        reason_code=text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 4, 4),
    ),
    Resolution: st.builds(
        Resolution,
        case_id=identifiers,
        uetr=uetrs,
        settlement_id=hashes.map(SettlementId),
        salt=st.none() | salts,
        status=st.sampled_from(ResolutionStatus),
        reason_code=payment_codes,
        reason=st.none() | words,
        decided_at=instants,
    ),
    BookingNotice: st.builds(
        BookingNotice,
        account=accounts,
        amount=money,
        credit=st.booleans(),
        booked_at=instants,
        posting=st.integers(0, 10**18 - 1),
        uetr=uetrs,
        settlement_id=hashes.map(SettlementId),
        salt=salts,
    ),
    Release: st.builds(Release, uetr=uetrs, settlement_id=hashes.map(SettlementId)),
    **CASH_BODIES,
    **MARGIN_BODIES,
}


def messages(body: type) -> st.SearchStrategy[Message[object]]:
    """Messages with that type of body."""
    return st.builds(
        Message,
        sender=bics,
        receiver=bics,
        message_id=identifiers,
        created=instants,
        body=BODIES[body],
        possible_duplicate=st.booleans(),
        business_service=st.none() | identifiers,
        priority=st.none() | priorities,
    )
