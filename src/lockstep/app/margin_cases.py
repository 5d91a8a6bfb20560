"""Margin calls and the figures that they are made by, found by their names and shown. Nothing is changed here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockstep.app.home import Home
from lockstep.app.records import open_book
from lockstep.domain.collateral.register import Agreement, AgreementId, PledgeId
from lockstep.domain.collateral.register_events import Agreed, Pledged, TitleTransferred
from lockstep.domain.errors import InvalidInput
from lockstep.domain.margin_bonds import BondMove
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.market import Market, Security
from lockstep.domain.money import Money, Quantity
from lockstep.ports import CollateralLedger

__all__ = ["Figures", "agreement_named", "case_named", "cases", "figures_of", "history", "pledge_named", "shown"]

FEWEST_DIGITS = 8
"""Of an agreement's id, to name it by its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the register says of one agreement: amounts in minor units of its currency."""

    currency: str
    exposure: int
    required: int
    cover: int
    """What its securities count for, after haircuts."""
    credit: int
    """Cash that the taker holds."""
    valued_at: int
    """As-of second of the latest valuation; 0: none yet."""

    @property
    def held(self) -> int:
        return self.cover + self.credit

    @property
    def short(self) -> int:
        """What is to be delivered; below zero: what may go back."""
        return self.required - self.held


def cases(home: Home) -> Sequence[MarginCase]:
    """All margin calls, oldest first; no ledger need be up."""
    return open_book(home).margin_cases()


def agreement_named(ledger: CollateralLedger, text: str) -> tuple[AgreementId, Agreement]:
    """An agreement by its id, or the beginning of one, as of the final block. Raises InvalidInput."""
    digits = text.removeprefix("0x").lower()
    at = ledger.final_block()
    if not set(digits) <= set("0123456789abcdef") or not FEWEST_DIGITS <= len(digits) <= 64:
        raise InvalidInput("agreement", text, f"{FEWEST_DIGITS} to 64 hex digits: an agreement's id or its beginning")
    found = {digits}
    if len(digits) < 64:
        opened = (one.said for one in ledger.events(0, at))
        found = {one.agreement_id for one in opened if isinstance(one, Agreed) and one.agreement_id.startswith(digits)}
    if len(found) > 1:
        raise InvalidInput("agreement", text, f"the beginning of one agreement's id, not of {len(found)}")
    identifier = AgreementId(next(iter(found), digits))
    terms = ledger.agreement(identifier, at) if found else None
    if terms is None:
        raise InvalidInput("agreement", text, "an agreement that is open, finally, on the collateral register")
    return identifier, terms


def case_named(known: Sequence[MarginCase], call_id: str, agreement: str | None = None) -> MarginCase:
    """A call by its id, and by its agreement's where two have it. Raises InvalidInput."""
    wanted = (agreement or "").removeprefix("0x").lower()
    found = [one for one in known if one.reference == call_id and one.agreement_id.startswith(wanted)]
    if not found:
        under = f" under agreement {agreement}" if agreement else ""
        raise InvalidInput("call", call_id, f"the id of a margin call{under}")
    if len(found) > 1:
        listed = ", ".join(one.agreement_id[:8] for one in found)
        raise InvalidInput("call", call_id, f"a call of one agreement; {listed} have it: name one with --agreement")
    return found[0]


def figures_of(ledger: CollateralLedger, agreement_id: AgreementId, terms: Agreement) -> Figures:
    """As of the final block."""
    at = ledger.final_block()
    state = ledger.state(agreement_id, at)
    return Figures(
        currency=terms.currency,
        exposure=state.exposure,
        required=state.required,
        cover=ledger.cover(agreement_id, at),
        credit=state.credit,
        valued_at=state.valued_at,
    )


def pledge_named(ledger: CollateralLedger, agreement_id: AgreementId, text: str) -> PledgeId:
    """A pledge, or transfer of title, under an agreement, by its id or the beginning of it. Raises InvalidInput."""
    digits, made = text.removeprefix("0x").lower(), Pledged | TitleTransferred
    said = (one.said for one in ledger.events_of(agreement_id, ledger.final_block()))
    known = {one.pledge_id for one in said if isinstance(one, made)}
    found = [one for one in known if len(digits) >= FEWEST_DIGITS and one.startswith(digits)]
    if len(found) != 1:
        rule = f"the id of one pledge under {agreement_id[:8]}, or at least {FEWEST_DIGITS} digits of its beginning"
        raise InvalidInput("pledge", text, rule)
    return found[0]


def shown(case: MarginCase, market: Market) -> dict[str, Any]:
    """A call as a person or a program reads it."""
    stated = case.call
    securities = {one.token: one for one in market.securities.values()}
    return {
        "call": stated.call_id,
        "agreement": case.agreement_id,
        "caller": stated.caller,
        "called": stated.called,
        "is_return": case.is_return,
        "state": stated.state.value,
        "currency": stated.amount.currency,
        "amount": stated.amount.text(),
        "agreed": stated.agreed.text() if stated.agreed else None,
        "disputed": stated.disputed.text(),
        "delivered": Money(currency=stated.amount.currency, amount=stated.delivered).text(),
        "open": stated.open_amount.text(),
        "collateral": [one.value for one in case.request.collateral] if case.request else None,
        "issued_at": stated.issued_at.isoformat(),
        "deliver_by": stated.deliver_by.isoformat(),
        "cure_by": stated.cure_by.isoformat(),
        "decided_at": stated.decided_at.isoformat() if stated.decided_at else None,
        "reason": stated.reason or None,
        "payment": {
            "amount": Money(currency=stated.amount.currency, amount=case.paying).text(),
            "attempt": case.attempt,
            "pay_by": case.pay_by.isoformat() if case.pay_by else None,
            "counted": case.is_counted,
        }
        if case.attempt
        else None,
        "bonds": [_bonds(one, securities[one.token], stated.amount.currency) for one in case.bonds],
        "waits": case.reason or None,
    }


def _bonds(move: BondMove, security: Security, currency: str) -> dict[str, Any]:
    return {
        "name": move.name,
        "isin": security.isin,
        "quantity": Quantity.of_units(move.units, security.decimals).text(),
        "pledge": move.pledge_id,
        "state": move.state.value,
        "expected": Money(currency=currency, amount=move.expected).text(),
        "value": Money(currency=currency, amount=move.value).text(),
        "reason": move.reason or None,
    }


def history(home: Home, case: MarginCase) -> list[dict[str, Any]]:
    """The journal's entries of a call's id, oldest first."""
    rows = (row.entry for row in open_book(home).journal(case.reference))
    return [{"at": one.at.isoformat(), "kind": one.kind, "facts": dict(one.facts)} for one in rows]
