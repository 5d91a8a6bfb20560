"""What the register says of a margin call: whose agreement it is, its figures and their age, what counts already."""

from collections.abc import Iterable, Mapping

from lockstep.domain.collateral.register import AgreementId, PricedToken, State
from lockstep.domain.collateral.register_events import CashRecorded, RegisterEvent, Valued
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.margin import MarginDue
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_payment import MarginPayment
from lockstep.domain.rounding import PARTS, divide_down
from lockstep.ports import CollateralLedger
from lockstep.signing import margin_call_id

__all__ = ["counted_payment", "prices_by", "require_fresh", "require_parties", "required_by", "worth"]


def required_by(reckoned: MarginDue) -> int:
    """What valuers sign as required, for the register's cover to be short by exactly what is due, or not at all.

    What the minimum transfer amount or the rounding keeps from moving is not required: no default is made of it.
    """
    if reckoned.delivery or reckoned.return_:
        return reckoned.held + reckoned.delivery - reckoned.return_
    return min(reckoned.required, reckoned.held)


def require_fresh(state: State, agreement_id: AgreementId, max_age_seconds: int, now: int) -> None:
    """Raises Refused StaleValuation where the register's figures are too old to call by."""
    if not state.fresh(max_age_seconds, now):
        details = {"agreement_id": agreement_id, "actual": state.valued_at}
        raise Refused("StaleValuation", {**details, "expected": f"at most {max_age_seconds} seconds before {now}"})


def require_parties(ledger: CollateralLedger, case: MarginCase, caller: str, called: str) -> None:
    """Whether the two wallets, or their heirs, are an agreement's, and its figures good to call by.

    All of the final block. Raises Refused UnknownAgreement, NotTheParties or StaleValuation, InvalidInput for another
    currency, Unavailable.
    """
    call, at = case.call, ledger.final_block()
    terms = ledger.agreement(case.agreement_id, at)
    if terms is None:
        raise Refused("UnknownAgreement", {"agreement_id": case.agreement_id})
    if call.amount.currency != terms.currency:
        raise InvalidInput("amount", call.amount, f"an amount of {terms.currency}, the agreement's currency")
    parties = (terms.giver, terms.taker) if case.is_return else (terms.taker, terms.giver)
    lines = ledger.lines({caller, called, *parties}, at)
    if any(lines[one][-1] != lines[party][-1] for one, party in zip((caller, called), parties, strict=True)):
        details = {"agreement_id": case.agreement_id, "actual": f"{caller}, {called}"}
        raise Refused("NotTheParties", {**details, "expected": ", ".join(parties)})
    require_fresh(ledger.state(case.agreement_id, at), case.agreement_id, terms.max_age_seconds, ledger.time_of(at))


def counted_payment(ledger: CollateralLedger, payment: MarginPayment) -> tuple[int, int] | None:
    """What the register counts for a payment's call, finally or not: amount, and in which block."""
    call = margin_call_id(payment.agreement_id, payment.salt)
    for one in ledger.events_of(payment.agreement_id):
        if isinstance(one.said, CashRecorded) and one.said.call_id == call:
            return one.said.amount, one.block
    return None


def prices_by(events: Iterable[RegisterEvent]) -> Mapping[str, PricedToken]:
    """What the latest valuation among an agreement's events says of each security that it names, by token.

    Of a security that it names twice the last price counts, as in the contract.
    """
    latest: Mapping[str, PricedToken] = {}
    for one in events:
        if isinstance(one.said, Valued):
            latest = {price.token: price for price in one.said.prices}
    return latest


def worth(units: int, price: PricedToken | None) -> int:
    """What units count for after the haircut, rounded down, as the register counts them; nothing without a price."""
    if price is None:
        return 0
    return divide_down(units * price.price * (PARTS - price.haircut), PARTS * PARTS)
