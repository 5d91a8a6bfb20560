"""Enforcements of an installation: begun, sold, withdrawn by command, found by their names and shown."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from lockstep.agent import DirectoryBoard
from lockstep.app.collateral_files import SaleOrder
from lockstep.app.home import Home
from lockstep.app.margin_cases import agreement_named
from lockstep.app.margin_desk import open_margin_mail
from lockstep.app.records import open_book
from lockstep.domain.collateral.calls import NO_SALE
from lockstep.domain.enforcement import Enforcement, Move
from lockstep.domain.errors import Conflict, InvalidInput, Unavailable
from lockstep.domain.identifiers import reference
from lockstep.domain.market import Market
from lockstep.domain.money import Money, Quantity
from lockstep.flow.enforcing import Enforcing
from lockstep.flow.margining import Margining
from lockstep.flow.register_paying import RegisterPaying

__all__ = ["begin", "enforcement_named", "enforcements", "history", "open_enforcing", "sell", "shown", "withdraw"]

TRIES = 10
Result = TypeVar("Result")


def open_enforcing(home: Home) -> tuple[Enforcing, RegisterPaying]:
    """Where enforcements are begun and sales taken down; nothing is sent. Raises Misconfigured, Unavailable."""
    margining: Margining = open_margin_mail(home).margining
    paying = RegisterPaying.beside(margining, margining.book, DirectoryBoard(home.attestations))
    return margining.enforcing, paying


def enforcements(home: Home) -> Sequence[Enforcement]:
    """All of them, oldest first; no ledger need be up."""
    return open_book(home).enforcements()


def enforcement_named(known: Sequence[Enforcement], name: str, agreement: str | None = None) -> Enforcement:
    """The one of a name, and of an agreement's id or its beginning. Raises InvalidInput for none or several."""
    wanted = (agreement or "").removeprefix("0x").lower()
    found = [one for one in known if one.name == name and one.agreement_id.startswith(wanted)]
    if len(found) != 1:
        rule = "the name of an enforcement" if not found else "with --agreement: enforcements of several are called so"
        raise InvalidInput("enforcement", name, rule)
    return found[0]


def begin(
    enforcing: Enforcing, agreement: str, call: str | None, name: str | None, *, appropriates: bool
) -> Enforcement:
    """The taker enforces. It is called as the margin call that was not met, if nothing else is said.

    Raises what `Enforcing.begin` raises.
    """
    identifier, _ = agreement_named(enforcing.ledger, agreement)
    failed = None if call is None else reference(call, field="call")
    named = reference(name or call or f"E-{identifier[:8]}", field="name")
    return _again(lambda: enforcing.begin(identifier, named, failed, appropriates=appropriates))


def sell(enforcing: Enforcing, paying: RegisterPaying, one: Enforcement, sale: SaleOrder) -> Enforcement:
    """Units are sold by an order that its buyer signed; it is taken down to be paid first. Raises as `Enforcing.sell`,
    and InvalidInput for one that nobody signed."""
    if not sale.buyer_signature:
        raise InvalidInput("sale/buyerSignature", "", "the buyer's signature: `lockstep collateral sign` makes it")
    paying.take_sale(sale.pledge_id, sale.order, sale.cash, sale.salt)
    previous = sale.previous or NO_SALE
    return _again(lambda: enforcing.sell(*one.key, sale.pledge_id, sale.order, sale.buyer_signature, previous))


def withdraw(enforcing: Enforcing, one: Enforcement) -> Enforcement:
    """The taker wants the default ended. Raises InvalidInput for an enforcement that has ended."""
    if not one.is_open:
        raise InvalidInput("enforcement", one.name, f"one that has not ended; it is {_state(one)}")
    return _again(lambda: enforcing.withdraw(*one.key))


def shown(one: Enforcement, market: Market) -> dict[str, Any]:
    """An enforcement as a person or a program reads it."""
    return {
        "enforcement": one.name,
        "agreement": one.agreement_id,
        "call": one.call,
        "state": _state(one),
        "currency": one.currency,
        "begun_at": one.begun_at.isoformat(),
        "declared": one.is_declared,
        "enforceable_after": datetime.fromtimestamp(one.enforce_from, UTC).isoformat() if one.enforce_from else None,
        "appropriates": one.appropriates,
        "withdrawn": one.withdrawn,
        "taken": Money(currency=one.currency, amount=sum(move.value for move in one.moves)).text(),
        "left": Money(currency=one.currency, amount=one.left).text(),
        "acts": [_act(move, market, one.currency) for move in one.moves],
        "reason": one.reason or None,
    }


def history(home: Home, one: Enforcement) -> list[dict[str, Any]]:
    """The journal's entries of an enforcement's name, oldest first."""
    rows = (row.entry for row in open_book(home).journal(one.name))
    return [{"at": entry.at.isoformat(), "kind": entry.kind, "facts": dict(entry.facts)} for entry in rows]


def _state(one: Enforcement) -> str:
    return one.outcome.value if one.outcome is not None else "OPEN"


def _act(move: Move, market: Market, currency: str) -> dict[str, Any]:
    security = next((found for found in market.securities.values() if found.token == move.token), None)
    offer = move.offer
    return {
        "number": move.number,
        "act": move.kind.value,
        "isin": security.isin if security else None,
        "quantity": Quantity.of_units(move.units, security.decimals).text() if security else None,
        "pledge": move.pledge_id if move.units else None,
        "settlement": offer.settlement_id if offer else None,
        "sold": offer.is_settled if offer else None,
        "state": move.state.value,
        "value": Money(currency=currency, amount=move.value).text(),
        "reason": move.reason or None,
    }


def _again(act: Callable[[], Result]) -> Result:
    """Until the service does not move it at the same time. Raises Unavailable."""
    for _ in range(TRIES):
        try:
            return act()
        except Conflict as conflict:
            if conflict.kind != "enforcement version":
                raise
    raise Unavailable("the enforcement is being moved: say it again")
