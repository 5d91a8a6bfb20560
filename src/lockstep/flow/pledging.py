"""A margin call's steps, as each party takes them by itself.

The taker reckons (`reckoned`), calls (`called`) and hears the answer (`heard`); the giver reckons the same from its own
figures and answers (`answered`). Both count what a ledger shows to have arrived (`domain.margin_call.deliver`) and look
at the clock (`overdue`). All of it is pure: ids come from the caller, who stores them before anything is sent, and the
same step taken twice gives the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from lockstep.domain.collateral.assets import Asset
from lockstep.domain.collateral.concentration import Held, breaches
from lockstep.domain.collateral.criteria import Refusal
from lockstep.domain.collateral.schedules import EligibilitySchedule, Ineligible, Parties, judge
from lockstep.domain.collateral.valuation import FxRate, Price, collateral_value
from lockstep.domain.errors import Conflict, InvalidInput
from lockstep.domain.identifiers import Bic, Reference
from lockstep.domain.margin import CsaTerms, MarginDue, margin_due, net_exposure
from lockstep.domain.margin_call import MarginCall, agree, dispute
from lockstep.domain.margin_message import (
    CollateralKind,
    MarginAgreement,
    MarginCallRequest,
    MarginCallResponse,
    Obligation,
)
from lockstep.domain.money import Money

__all__ = ["Lying", "Portfolio", "Reckoning", "answered", "called", "heard", "portfolio_value", "reckoned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """Units of one security that lie under an agreement, with their price."""

    asset: Asset
    units: int
    price: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """What collateral counts for today, and what counts for nothing and why."""

    value: int
    """Minor units of the schedule's currency, cash not included."""
    held: tuple[Held, ...]
    refused: tuple[tuple[Asset, Ineligible], ...]
    """What the schedule no longer takes: it counts for nothing until it is replaced."""
    breaches: tuple[Refusal, ...]
    """Limits that what counts breaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """One party's figures of a day: what the collateral counts for, and what is due."""

    portfolio: Portfolio
    due: MarginDue


def portfolio_value(
    lying: Iterable[Lying],
    schedule: EligibilitySchedule,
    parties: Parties,
    on: date,
    rates: Mapping[str, FxRate],
) -> Portfolio:
    """What lies under an agreement, valued by its schedule. `rates` lead to its currency, by the price's.

    Raises InvalidInput where a rate is missing or a price is another security's.
    """
    held, refused = [], []
    for one in lying:
        if one.price.isin != one.asset.isin:
            raise InvalidInput("price", one.price.isin, f"a price of {one.asset.isin}")
        verdict = judge(schedule, one.asset, parties, on)
        if isinstance(verdict, Ineligible):
            refused.append((one.asset, verdict))
            continue
        rate = rates.get(one.price.currency)
        value = collateral_value(one.units, one.price, verdict.total, schedule.currency, rate)
        held.append(Held(asset=one.asset, value=value.amount))
    return Portfolio(
        value=sum(one.value for one in held),
        held=tuple(held),
        refused=tuple(refused),
        breaches=breaches(schedule, held, on),
    )


def reckoned(
    terms: CsaTerms,
    transactions: Iterable[Money],
    portfolio: Portfolio,
    cash: int,
    rates: Mapping[str, FxRate],
) -> Reckoning:
    """What is due, of what each transaction is worth to the taker; `cash` is what it holds as margin, at full value."""
    exposure = net_exposure(transactions, terms.currency, rates)
    return Reckoning(portfolio=portfolio, due=margin_due(terms, exposure, portfolio.value + cash))


def called(
    reckoning: Reckoning,
    call_id: Reference,
    obligation: Obligation,
    agreement: MarginAgreement,
    collateral: tuple[CollateralKind, ...],
    deliver_by: datetime,
    now: datetime,
    *,
    cure_seconds: int = 0,
) -> tuple[MarginCall, MarginCallRequest] | None:
    """The taker's call for what is short, and what it says to the giver; None where nothing is to be delivered.

    A return is not called for by the taker: the giver asks for it, with the same message.
    """
    due = reckoning.due
    if not due.delivery:
        return None
    amount = Money(currency=agreement.currency, amount=due.delivery)
    call = MarginCall(
        call_id=call_id,
        caller=obligation.party_a,
        called=obligation.party_b,
        amount=amount,
        issued_at=now,
        deliver_by=deliver_by,
        cure_seconds=cure_seconds,
    )
    request = MarginCallRequest(
        call_id=call_id,
        obligation=obligation,
        agreement=agreement,
        amount=amount,
        is_return=False,
        deliver_on=deliver_by.date(),
        collateral=collateral,
        exposure=Money(currency=agreement.currency, amount=due.exposure) if due.exposure >= 0 else None,
        held=Money(currency=agreement.currency, amount=due.held),
    )
    return call, request


def answered(
    request: MarginCallRequest, own: Reckoning, response_id: Reference, *, tolerance: int = 0
) -> MarginCallResponse:
    """The giver's answer to a call, by its own figures.

    It agrees to all that it reckons due itself, and to the whole call where the two lie no further apart than the
    tolerance, in minor units; the rest it disputes, and says what it reckons.
    """
    mine = own.due.delivery
    whole = request.amount.amount - mine <= tolerance
    agreed = request.amount if whole else Money(currency=request.amount.currency, amount=mine)

    def shown(amount: int) -> str:
        return str(Money(currency=request.amount.currency, amount=amount))

    reason = None
    if not whole:
        reason = f"exposure {shown(own.due.exposure)}, held {shown(own.due.held)}, due {shown(own.due.delivery)}"
    return MarginCallResponse(
        response_id=response_id,
        obligation=request.obligation,
        agreement=request.agreement,
        call_id=request.call_id,
        agreed=agreed,
        reason=reason,
    )


def heard(call: MarginCall, response: MarginCallResponse, sender: Bic, now: datetime) -> MarginCall:
    """The call after its answer. The same answer heard twice changes nothing.

    Raises InvalidInput for an answer by another than the one who was called, or to another call, and Conflict for a
    second answer that says something else.
    """
    if sender != call.called:
        raise InvalidInput("sender", sender, f"{call.called}, who was called")
    if response.call_id != call.call_id:
        raise InvalidInput("MrgnCallReqId", response.call_id, call.call_id)
    if call.agreed is not None:
        if call.agreed == response.agreed:
            return call
        raise Conflict("answer to margin call", call.call_id)
    if response.agreed == call.amount:
        return agree(call, now)
    return dispute(call, response.agreed, response.reason or "not said", now)
