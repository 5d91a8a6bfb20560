"""Hypothesis strategies for every message body that this package carries."""

import string
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from lockstep.domain.identifiers import (
    Bic,
    Isin,
    Lei,
    Reference,
    SettlementId,
    TradeId,
    Uetr,
    derive_uetr,
    isin_check_digit,
    lei_check_digits,
)
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
from lockstep.domain.money import MINOR_UNITS, Money, Quantity
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    CashAccount,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Resolution,
    ResolutionStatus,
)

__all__ = ["BODIES", "messages"]

_UPPER = string.ascii_uppercase + string.digits
_PLAIN = string.ascii_letters + string.digits + "-?:().,'+"


def _text(alphabet: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=most)


identifiers = _text(_PLAIN + "/", 1, 35)
references = st.lists(_text(_PLAIN, 1, 8), min_size=1, max_size=3).map("/".join).map(lambda text: Reference(text[:35]))
bics = st.builds(
    lambda bank, country, place, branch: Bic(bank + country + place + branch),
    _text(_UPPER, 4, 4),
    _text(string.ascii_uppercase, 2, 2),
    _text(_UPPER, 2, 2),
    st.one_of(st.just(""), _text(_UPPER, 3, 3)),
)
leis = _text(_UPPER, 18, 18).map(lambda body: Lei(body + lei_check_digits(body)))
isins = st.builds(
    lambda country, number: Isin(country + number + isin_check_digit(country + number)),
    _text(string.ascii_uppercase, 2, 2),
    _text(_UPPER, 9, 9),
)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
salts = st.binary(min_size=16, max_size=16).map(bytes.hex)
uetrs = st.builds(lambda of, attempt: Uetr(derive_uetr(SettlementId(of), attempt)), hashes, st.integers(1, 9))
sides, parties = st.sampled_from(Side), st.builds(Party, lei=leis, bic=bics)
money = st.builds(Money, currency=st.sampled_from(sorted(MINOR_UNITS)), amount=st.integers(1, 10**17))
days = st.dates(date(1990, 1, 1), date(2199, 12, 31))
instants = st.datetimes(datetime(1990, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20) | st.sampled_from(
    ["two words", "<&>\"']]>", "Ünïcode – ≥ 1", "x" * 105]
)
accounts = st.builds(CashAccount, owner=bics, number=_text(_PLAIN, 1, 34))
payment_codes = st.none() | _text(_UPPER, 4, 4)


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
        reason_code=_text(_UPPER, 4, 4),
    ),
    Resolution: st.builds(
        Resolution,
        case_id=identifiers,
        uetr=uetrs,
        settlement_id=hashes.map(SettlementId),
        salt=salts,
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
    )
