"""The cash leg as the RTGS tells it: messages folded into one view, in whatever order they come.

Both the service and the agents fold; a double is a no-op, a late message changes nothing that a
later state already decided, and two endings that exclude each other are a contradiction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.payment import BookingNotice, PaymentReport, PaymentState, Resolution, ResolutionStatus
from lockstep.domain.statement import Statement
from lockstep.domain.values import replace
from lockstep.ports import CashBody, SettlementBody

__all__ = ["fold", "missing_in", "said_by", "settlement_of"]

_RANK = {None: 0, PaymentState.PENDING: 1, PaymentState.HELD: 2}
_END = 3


def said_by(body: CashBody) -> Sequence[SettlementBody]:
    """What a message says of settlements, one by one: a statement's entries are as good as their notices."""
    if isinstance(body, SettlementBody):
        return (body,)
    if not isinstance(body, Statement):
        return ()
    return [
        BookingNotice(
            account=body.account,
            amount=entry.amount,
            credit=entry.credit,
            booked_at=entry.booked_at,
            posting=entry.posting,
            uetr=entry.uetr,
            settlement_id=entry.settlement_id,
            salt=entry.salt,
        )
        for entry in body.entries
        if entry.settlement_id is not None and entry.salt is not None and entry.uetr is not None
    ]


def missing_in(statement: Statement, views: Iterable[CashView]) -> list[CashView]:
    """The bookings within a whole statement's period, on its account, that it does not show."""
    if statement.page != 1 or not statement.is_last:
        return []
    shown = {entry.settlement_id for entry in statement.entries}
    return [
        view
        for view in views
        if view.is_booked
        and view.payment is not None
        and statement.account in (view.payment.debtor, view.payment.creditor)
        and view.booked_at is not None
        and statement.since <= view.booked_at <= statement.until
        and view.settlement_id not in shown
    ]


def settlement_of(body: SettlementBody) -> SettlementId:
    """The settlement that a message speaks of."""
    return body.payment.settlement_id if isinstance(body, PaymentReport) else body.settlement_id


def fold(view: CashView | None, body: SettlementBody) -> CashView:
    """The view after one more message. Messages that only parties send change nothing."""
    view = view or CashView(settlement_id=settlement_of(body))
    match body:
        case PaymentReport():
            return _reported(view, body)
        case BookingNotice():
            return _noticed(view, body)
        case Resolution(status=ResolutionStatus.CANCELLED):
            ended = replace(view, reason_code=view.reason_code or body.reason_code or "CUST")
            ended = replace(ended, reason=view.reason or body.reason or "cancelled on request")
            return _ended(ended, PaymentState.CANCELLED, body.decided_at)
        case Resolution():
            return replace(view, cancel_refused=True)
        case _:
            return view


def _rank(state: PaymentState | None) -> int:
    return _RANK.get(state, _END)


def _reported(view: CashView, report: PaymentReport) -> CashView:
    if view.payment is None:
        view = replace(view, payment=report.payment)
        if view.noticed is not None and (view.noticed, view.noticed_uetr) != (report.payment.amount, report.uetr):
            return _contradicted(
                view, _two_amounts(view.noticed, view.noticed_uetr, report.payment.amount, report.uetr)
            )
    elif view.payment != report.payment:
        if report.uetr != view.payment.uetr and _rank(view.state) < _END and report.state.is_never:
            return view  # another was refused, as this one ended before it: its own end, told late, decides
        refused = view.state is not None and view.state.is_never
        if refused and report.state.is_never:
            return view  # two refused payments for one settlement: never, told twice
        if report.uetr == view.payment.uetr or not refused or _rank(report.state) == _END:
            return _contradicted(view, f"payment {report.uetr} was reported with other content")
        view = replace(view, state=None, payment=report.payment)  # the first of the two, told late: so is its end
    if _rank(report.state) == _END:
        told = replace(view, reason_code=report.reason_code, reason=report.reason)
        return _ended(told if _rank(view.state) < _END else view, report.state, report.decided_at)
    if _rank(report.state) <= _rank(view.state):
        return view
    return replace(
        view,
        state=report.state,
        decided_at=report.decided_at,
        reason_code=report.reason_code,
        reason=report.reason,
    )


def _ended(view: CashView, state: PaymentState, decided_at: datetime) -> CashView:
    booked_now = state is PaymentState.BOOKED
    if _rank(view.state) == _END and view.state is not None:
        if view.state.is_never == booked_now:
            return _contradicted(view, f"{view.state.name} and then {state.name}")
        return replace(view, booked_at=max(view.booked_at, decided_at)) if booked_now and view.booked_at else view
    if not booked_now and view.noticed_at is not None:
        return _contradicted(view, f"a booking notice and then {state.name}")
    return replace(view, state=state, decided_at=decided_at, booked_at=decided_at if booked_now else None)


def _noticed(view: CashView, notice: BookingNotice) -> CashView:
    if view.state is not None and view.state.is_never:
        return _contradicted(view, f"{view.state.name} and then a booking notice")
    expected = (view.payment.amount, view.payment.uetr) if view.payment else (view.noticed, view.noticed_uetr)
    if expected[0] is not None and expected != (notice.amount, notice.uetr):
        return _contradicted(view, _two_amounts(notice.amount, notice.uetr, *expected))
    latest = max(view.noticed_at or notice.booked_at, notice.booked_at)
    if (latest, notice.amount, notice.uetr) == (view.noticed_at, view.noticed, view.noticed_uetr):
        return view  # told for the one account, and now for the other
    return replace(view, noticed_at=latest, noticed=notice.amount, noticed_uetr=notice.uetr)


def _two_amounts(booked: object, uetr: object, expected: object, expected_uetr: object) -> str:
    return f"booked {booked} under {uetr}, expected {expected} under {expected_uetr}"


def _contradicted(view: CashView, what: str) -> CashView:
    return replace(view, contradiction=view.contradiction or what)
