"""Figures, margin calls, and what becomes of who does not meet one."""

from dataclasses import replace

from lockstep.app.collateral_day.desk import Desk, Figures, par
from lockstep.app.collateral_day.files import AgreementFile, Node
from lockstep.app.collateral_day.pledges import pledged
from lockstep.domain.collateral.calls import AppropriateCall, DeclareDefaultCall, ReleaseCall
from lockstep.domain.collateral.valuation import units_for
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import reference
from lockstep.domain.journal import Entry
from lockstep.domain.margin_call import MarginCall, deliver
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import ExposureKind, MarginAgreement, MarginCallResponse, Obligation
from lockstep.domain.money import Money
from lockstep.domain.rounding import PARTS, divide_down
from lockstep.ports import Change

__all__ = ["appropriate", "call", "declare_default", "deliver_bonds", "pay", "return_cash", "value"]


def value(desk: Desk, node: Node) -> Figures:
    """Valuers sign prices and exposures; what the register says then, and what is due by each agreement's rules."""
    named = [desk.day.agreements[name] for name in node.texts("agreements")]
    told = {}
    for one in sorted(desk.market.securities.values(), key=lambda each: each.isin):
        clean, dirty = desk.clean(one.isin), desk.dirty(one.isin)
        told[desk.symbol(one.isin)] = f"{par(clean)} clean, {par(dirty)} with interest"
    desk.attest(named)
    for terms in named:
        due, state = desk.reckoned(terms), desk.ledger.state(desk.agreements[terms.name])
        told |= {
            f"{terms.name} exposure": desk.money(state.exposure, terms),
            f"{terms.name} required": desk.money(due.required, terms),
            f"{terms.name} bonds count": desk.money(desk.ledger.cover(desk.agreements[terms.name]), terms),
            f"{terms.name} cash": desk.money(state.credit, terms),
        }
        if due.delivery:
            told[f"{terms.name} to be delivered"] = desk.money(due.delivery, terms)
        elif due.return_:
            told[f"{terms.name} to be returned"] = desk.money(due.return_, terms)
        else:
            told[f"{terms.name} nothing moves"] = (
                f"{desk.money(abs(due.required - due.held), terms)}, below the minimum"
            )
    return told


def call(desk: Desk, node: Node) -> Figures:
    """The taker calls what is due; with `answer = "agree"` the giver agrees to all of it."""
    terms, due = desk.terms(node), None
    identifier, now = desk.agreements[terms.name], desk.now
    due = desk.reckoned(terms)
    money = Money(currency=terms.margin.currency, amount=due.delivery)
    issued = MarginCall(
        call_id=reference(node.text("call")),
        caller=terms.taker,
        called=terms.giver,
        amount=money,
        issued_at=now,
        deliver_by=node.instant("deliver_by"),
        cure_seconds=terms.notice_seconds + terms.cure_seconds,
    )
    case = desk.margining.issue(identifier, issued)
    answer = node.chosen("answer", {"agree": True, "none": False}, "none")
    if answer:
        response = MarginCallResponse(
            response_id=reference(f"{case.reference}-A"),
            obligation=Obligation(
                party_a=terms.taker, party_b=terms.giver, exposure_kind=ExposureKind.DERIVATIVES, valued_at=now
            ),
            agreement=MarginAgreement(
                agreement_id=identifier, name=terms.name, signed_on=now.date(), currency=money.currency
            ),
            call_id=case.reference,
            agreed=money,
        )
        case = desk.margining.answer(identifier, response, terms.giver)
    desk.settle()
    return {
        "short": desk.money(max(due.required - due.held, 0), terms),
        "called": case.call.amount.text(),
        "by": f"{case.call.deliver_by:%H:%M}",
        "state": case.call.state.value,
    }


def deliver_bonds(desk: Desk, node: Node) -> Figures:
    """The giver pledges the fewest lots that count for what is open of a call."""
    terms, security = desk.terms(node), desk.security(node)
    case, price = _case(desk, terms, node), desk.price(security)
    lot = desk.units(node, security, "lot")
    units = units_for(case.call.open_amount, price, desk.haircut(terms, security.isin), lot=lot)
    told = pledged(desk, node, terms, node.text("pledge"), units)
    worth = Money.parse(told["counts"], security.currency)
    case = _case(desk, terms, node)
    call = deliver(case.call, worth, desk.now)
    entry = Entry(at=desk.now, kind="margin delivered", subject=case.reference, facts={"amount": str(worth)})
    desk.world.book.commit(Change(entries=(entry,), margin=(replace(case, call=call),)))
    return {"to cover": case.call.amount.text(), **told, "state": call.state.value}


def pay(desk: Desk, node: Node) -> Figures:
    """The called party pays what is open in the RTGS."""
    terms = desk.terms(node)
    identifier = desk.agreements[terms.name]
    desk.margining.pay(identifier, _case(desk, terms, node).reference)
    desk.settle()
    case = _case(desk, terms, node)
    payer, payee = case.call.called, case.call.caller
    return {
        "paid": desk.money(case.paying, terms),
        f"{desk.member(payer).name} in the RTGS": desk.balance(payer, terms.margin.currency),
        f"{desk.member(payee).name} in the RTGS": desk.balance(payee, terms.margin.currency),
        "cash counted by the register": desk.money(desk.ledger.state(identifier).credit, terms),
        "state": case.call.state.value,
    }


def return_cash(desk: Desk, node: Node) -> Figures:
    """The giver demands the cash that is held in excess, and the taker pays it back."""
    terms, due = desk.terms(node), desk.reckoned(desk.terms(node))
    identifier = desk.agreements[terms.name]
    amount = min(due.return_, desk.ledger.state(identifier).credit)
    demand = MarginCall(
        call_id=reference(node.text("call")),
        caller=terms.giver,
        called=terms.taker,
        amount=Money(currency=terms.margin.currency, amount=amount),
        issued_at=desk.now,
        deliver_by=node.instant("deliver_by"),
    )
    desk.margining.issue(identifier, demand, is_return=True)
    return {"held too much": desk.money(due.return_, terms), **pay(desk, node)}


def declare_default(desk: Desk, node: Node) -> Figures:
    """The deadline of a call went by: the taker declares a default on the register."""
    terms = desk.terms(node)
    identifier = desk.agreements[terms.name]
    desk.settle()
    case = _case(desk, terms, node)
    desk.run(f"default/{case.reference}", (terms.taker, DeclareDefaultCall(agreement_id=identifier)))
    return {
        "call": case.call.state.value,
        "not delivered": case.call.open_amount.text(),
        "notice and cure": f"{(terms.notice_seconds + terms.cure_seconds) // 60} minutes",
        "register": "in default" if desk.ledger.state(identifier).in_default else "no default",
    }


def appropriate(desk: Desk, node: Node) -> Figures:
    """The taker takes units at the attested price up to what it is owed, and releases the rest."""
    terms, (identifier, before) = desk.terms(node), desk.pledge_named(node)
    security, agreement = desk.security_of(before.token), desk.agreements[desk.terms(node).name]
    position = next(one for one in desk.ledger.positions(agreement) if one.token == before.token)
    owed = desk.ledger.state(agreement).debt
    units = min(divide_down(owed * PARTS, position.price), before.quantity)
    desk.run(f"appropriate/{identifier}", (terms.taker, AppropriateCall(pledge_id=identifier, quantity=units)))
    rest = before.quantity - units
    if rest:
        desk.run(f"surplus/{identifier}", (terms.taker, ReleaseCall(pledge_id=identifier, quantity=rest)))
    state, left = desk.ledger.state(agreement), desk.pledge(identifier)
    return {
        "owed": desk.money(owed, terms),
        "attested price": par(position.price),
        "taken": desk.quantity(units, security),
        "credited": desk.money(state.credit, terms),
        "still owed": desk.money(state.debt, terms),
        "returned": desk.quantity(rest, security),
        "left in the pledge": desk.quantity(left.quantity, security),
    }


def _case(desk: Desk, terms: AgreementFile, node: Node) -> MarginCase:
    case = desk.world.book.margin_case(desk.agreements[terms.name], reference(node.text("call")))
    if case is None:
        raise LockstepError(f"{node.path}/call: {node.text('call')} was not issued")
    return case
