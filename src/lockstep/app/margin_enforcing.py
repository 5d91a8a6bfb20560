"""Enforcement of what is not covered, for people: begun for a margin call that failed or for an agreement, given up,
and shown. The running service takes its steps."""

from typing import Any

from lockstep.app.margin_cases import agreement_named
from lockstep.app.margin_desk import again
from lockstep.domain.collateral.register import NO_PLEDGE
from lockstep.domain.enforcement import Enforcement, Move
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import reference
from lockstep.domain.money import Money, Quantity
from lockstep.flow.margining import Margining

__all__ = ["begin", "give_up", "known", "shown"]


def begin(
    margining: Margining, agreement: str, name: str, call: str | None = None, *, only_sales: bool = False
) -> Enforcement:
    """The taker enforces, under a name of its own. Raises what `Enforcing.begin` raises."""
    identifier, _ = agreement_named(margining.ledger, agreement)
    named = reference(name, field="name")
    failed = None if call is None else reference(call, field="call")
    return again(lambda: margining.enforcing.begin(identifier, named, failed, appropriates=not only_sales))


def give_up(margining: Margining, agreement: str, name: str) -> Enforcement:
    """The taker wants the default ended. Raises InvalidInput for an enforcement that is not."""
    identifier, _ = agreement_named(margining.ledger, agreement)
    named = reference(name, field="name")
    return again(lambda: margining.enforcing.withdraw(identifier, named))


def known(margining: Margining, *, only_open: bool = False) -> list[dict[str, Any]]:
    """All enforcements, oldest first. Raises Unavailable."""
    return [shown(margining, one) for one in margining.book.enforcements() if one.is_open or not only_open]


def shown(margining: Margining, one: Enforcement) -> dict[str, Any]:
    """An enforcement as a person or a program reads it. Raises Unavailable."""
    terms = margining.ledger.agreement(one.agreement_id)
    if terms is None:
        raise LockstepError(f"agreement {one.agreement_id} is not on the register any more")
    return {
        "agreement": one.agreement_id,
        "name": one.name,
        "call": one.call,
        "only_sales": not one.appropriates,
        "begun_at": one.begun_at.isoformat(),
        "declared": one.is_declared,
        "enforce_from": one.enforce_from or None,
        "given_up": one.withdrawn,
        "outcome": one.outcome.value if one.outcome else None,
        "currency": terms.currency,
        "left": Money(currency=terms.currency, amount=one.left).text(),
        "reason": one.reason or None,
        "acts": [_act(margining, move, terms.currency) for move in one.moves],
    }


def _act(margining: Margining, move: Move, currency: str) -> dict[str, Any]:
    """What a party's wallet did, or does."""
    members = {one.wallet: one.bic for one in margining.market.participants.values()}
    securities = {one.token: one for one in margining.market.securities.values()}
    pledge = None if move.pledge_id == NO_PLEDGE else margining.ledger.pledge(move.pledge_id)
    security = securities.get(pledge.token) if pledge else None
    return {
        "number": move.number,
        "kind": move.kind.value,
        "party": members.get(move.party, move.party),
        "pledge": None if move.pledge_id == NO_PLEDGE else move.pledge_id,
        "isin": security.isin if security else None,
        "quantity": Quantity.of_units(move.units, security.decimals if security else 0).text(),
        "value": Money(currency=currency, amount=move.value).text(),
        "state": move.state.value,
        "reason": move.reason or None,
    }
