"""Hypothesis strategies for what banks and the RTGS say to each other besides settlements."""

import string
from datetime import datetime, timedelta

from hypothesis import strategies as st

from iso20022.pieces import (
    accounts,
    bics,
    days,
    hashes,
    ibans,
    identifiers,
    instants,
    money,
    payment_codes,
    priorities,
    salts,
    text,
    uetrs,
    words,
)
from lockstep.domain.identifiers import SettlementId
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
from lockstep.domain.money import Money
from lockstep.domain.notice import Acknowledgement, Rejection, SystemEvent
from lockstep.domain.payment import PaymentState, ResolutionStatus, Timing
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

__all__ = ["CASH_BODIES", "timings"]

codes = text(string.ascii_uppercase, 4, 4)
system_codes = text(string.ascii_letters + string.digits, 1, 4)
definitions = st.sampled_from(["camt.050.001.05", "pacs.009.001.08"])
originals = st.builds(
    Original,
    message_id=identifiers,
    definition=st.sampled_from(["pacs.008.001.08", "pacs.009.001.08", "pacs.004.001.09"]),
)
maybe_words = st.none() | words


@st.composite
def timings(draw: st.DrawFn, until: datetime, starts: bool = True) -> Timing:
    """Of a payment that may settle on the day of `until`, not after it."""
    first = until.replace(hour=0, minute=0, second=0)
    seconds = st.integers(0, int((until - first).total_seconds()))
    not_before = seconds.map(lambda after: first + timedelta(seconds=after))
    return Timing(
        debit_at=draw(st.none() | instants),
        credit_at=draw(st.none() | instants),
        not_before=draw(st.none() | not_before) if starts else None,
    )


@st.composite
def transfers(draw: st.DrawFn, kind: type, **more: st.SearchStrategy[object]) -> object:
    until = draw(instants)
    return kind(
        uetr=draw(uetrs),
        instruction_id=draw(identifiers),
        end_to_end_id=draw(identifiers),
        amount=draw(money),
        settlement_date=until.date(),
        priority=draw(priorities),
        timing=draw(timings(until)),
        reject_after=draw(st.sampled_from([until, None])),
        **{name: draw(strategy) for name, strategy in more.items()},
    )


customers = st.builds(Customer, name=words, account=ibans) | st.builds(
    Customer, name=words, account=text(string.digits, 1, 34), is_iban=st.just(False)
)


@st.composite
def returns(draw: st.DrawFn) -> PaymentReturn:
    first, day = draw(money), draw(instants)
    return PaymentReturn(
        return_id=draw(identifiers),
        original=draw(originals),
        original_end_to_end_id=draw(identifiers),
        uetr=draw(uetrs),
        original_amount=first,
        amount=Money(currency=first.currency, amount=draw(st.integers(1, first.amount))),
        settlement_date=day.date(),
        debtor=draw(bics),
        creditor=draw(bics),
        reason_code=draw(codes),
        reason=draw(maybe_words),
        priority=draw(priorities),
        timing=draw(timings(day, starts=False)),
    )


@st.composite
def modifications(draw: st.DrawFn) -> ModifyPayment:
    first, second = sorted([draw(instants), draw(instants)])
    priority = draw(st.none() | priorities)
    since, until = draw(st.sampled_from([(first, second), (first, None), (None, second)]))
    if priority is not None and draw(st.booleans()):
        since = until = None
    return ModifyPayment(uetr=draw(uetrs), priority=priority, not_before=since, reject_after=until)


@st.composite
def entries(draw: st.DrawFn, currency: str, settled: bool) -> Entry:
    of_settlement = settled and draw(st.booleans())
    uetr = draw(st.none() | uetrs)
    return Entry(
        posting=draw(st.integers(0, 10**18 - 1)),
        amount=Money(currency=currency, amount=draw(st.integers(1, 10**15))),
        credit=draw(st.booleans()),
        booked_at=draw(instants),
        kind=draw(st.sampled_from(EntryKind)),
        end_to_end_id=draw(identifiers) if uetr is None else draw(st.none() | identifiers),
        uetr=uetr,
        settlement_id=SettlementId(draw(hashes)) if of_settlement else None,
        salt=draw(salts) if of_settlement else None,
    )


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
    since, until = sorted([draw(instants), draw(instants)])
    booked = tuple(draw(st.lists(entries(currency, settled=True), max_size=3)))
    opening = draw(st.integers(-(10**15), 10**15))
    return Statement(
        statement_id=draw(identifiers),
        sequence=draw(st.integers(0, 10**6)),
        account=draw(accounts),
        since=since,
        until=until,
        opening=Money(currency=currency, amount=opening),
        closing=Money(currency=currency, amount=opening + sum(entry.signed for entry in booked)),
        entries=booked,
        page=draw(st.integers(1, 99_999)),
        is_last=draw(st.booleans()),
        query_id=draw(st.none() | identifiers),
    )


@st.composite
def requests(draw: st.DrawFn) -> StatementRequest:
    first, last = sorted([draw(days), draw(days)])
    return StatementRequest(account=draw(accounts), first=first, last=last, request_id=draw(st.none() | identifiers))


errors = st.lists(st.builds(QueryError, code=identifiers, description=maybe_words), min_size=1, max_size=3).map(tuple)
found = st.builds(
    QueriedPayment,
    uetr=uetrs,
    message_id=identifiers,
    end_to_end_id=identifiers,
    state=st.sampled_from(PaymentState),
    decided_at=instants,
    amount=money.map(lambda one: Money(currency=one.currency, amount=one.amount % 10**15 + 1)),
    settlement_date=days,
    debtor=accounts,
    creditor=accounts,
    priority=priorities,
    reason_code=payment_codes,
)
reservations = st.builds(
    Reservation,
    kind=st.sampled_from(ReservationKind),
    account=accounts,
    amount=money,
    status=st.sampled_from(ReservationStatus),
    since=st.none() | instants,
    standing=st.booleans(),
)
current_first = st.lists(reservations, max_size=3).map(lambda some: tuple(sorted(some, key=lambda one: one.standing)))

CASH_BODIES: dict[type, st.SearchStrategy[object]] = {
    BankTransfer: transfers(BankTransfer, debtor=accounts, creditor=accounts),
    CustomerTransfer: transfers(
        CustomerTransfer,
        debtor=customers,
        debtor_bank=accounts,
        creditor_bank=accounts,
        creditor=customers,
        charges=st.sampled_from(["SLEV", "SHAR", "DEBT", "CRED"]),
        remittance=maybe_words,
    ),
    PaymentReturn: returns(),
    StatusRequest: st.builds(
        StatusRequest, uetr=uetrs, request_id=st.none() | identifiers, original=st.none() | originals
    ),
    TransferReport: st.builds(
        TransferReport,
        original=originals,
        uetr=uetrs,
        state=st.sampled_from(PaymentState),
        decided_at=instants,
        instruction_id=st.none() | identifiers,
        end_to_end_id=st.none() | identifiers,
        reason_code=payment_codes,
        reason=maybe_words,
    ),
    Recall: st.builds(
        Recall,
        case_id=identifiers,
        uetr=uetrs,
        original=originals,
        original_amount=money,
        original_settlement_date=days,
        reason_code=codes,
    ),
    RecallAnswer: st.builds(
        RecallAnswer,
        case_id=identifiers,
        uetr=uetrs,
        status=st.sampled_from(ResolutionStatus),
        reason_code=payment_codes,
        reason=maybe_words,
    ),
    ModifyPayment: modifications(),
    EntryNotice: st.builds(EntryNotice, account=accounts, entry=entries("EUR", settled=False)),
    Statement: statements(),
    StatementRequest: requests(),
    TransactionQuery: st.builds(
        TransactionQuery,
        uetr=uetrs,
        debtor=st.none() | accounts,
        settlement_date=st.none() | days,
        final=st.none() | st.booleans(),
    ),
    TransactionReport: st.builds(
        TransactionReport,
        query_id=identifiers,
        payments=st.lists(found, min_size=1, max_size=3).map(tuple),
        page=st.integers(1, 99_999),
        is_last=st.booleans(),
    )
    | st.builds(TransactionReport, query_id=identifiers, errors=errors),
    LiquidityTransfer: st.builds(
        LiquidityTransfer,
        end_to_end_id=identifiers,
        amount=money,
        settlement_date=days,
        debtor=accounts,
        creditor=accounts,
        instruction_id=st.none() | identifiers,
        uetr=st.none() | uetrs,
    ),
    Receipt: st.builds(
        Receipt,
        original_message_id=identifiers,
        original_definition=definitions,
        status_code=system_codes,
        description=maybe_words,
    ),
    ReservationQuery: st.builds(ReservationQuery, account=accounts),
    ReservationReport: st.builds(ReservationReport, query_id=identifiers, reservations=current_first)
    | st.builds(ReservationReport, query_id=identifiers, errors=errors),
    ModifyReservation: st.builds(
        ModifyReservation,
        kind=st.sampled_from(ReservationKind),
        account=accounts,
        amount=money,
        standing=st.booleans(),
        start=st.none() | instants,
    ),
    DeleteReservation: st.builds(DeleteReservation, kind=st.sampled_from(ReservationKind), account=accounts),
    Rejection: st.builds(
        Rejection,
        related_message_id=identifiers,
        code=identifiers,
        rejected_at=instants,
        location=maybe_words,
        description=maybe_words,
    ),
    SystemEvent: st.builds(
        SystemEvent,
        code=system_codes,
        parameters=st.lists(identifiers, max_size=3).map(tuple),
        description=maybe_words,
        at=st.none() | instants,
    ),
    Acknowledgement: st.builds(
        Acknowledgement,
        related_message_id=identifiers,
        related_definition=st.none() | definitions,
        status_code=system_codes,
        at=st.none() | instants,
        description=maybe_words,
    ),
}
