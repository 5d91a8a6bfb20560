"""Figures, margin calls, and what becomes of who does not meet one."""

from lockstep.app import margin_desk
from lockstep.app.collateral_day.desk import Desk, Figures, par
from lockstep.app.collateral_day.files import AgreementFile, Node
from lockstep.domain.collateral.valuation import units_for
from lockstep.domain.enforcement import MoveKind
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import reference
from lockstep.domain.margin_call import MarginCall
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import ExposureKind
from lockstep.domain.money import Money
from lockstep.domain.rounding import share_text

__all__ = ["call", "declare_default", "deliver_bonds", "enforce", "pay", "return_cash", "value"]


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
            word = "short" if due.required > due.held else "too much"
            told[f"{terms.name} {word}, below the minimum"] = desk.money(abs(due.required - due.held), terms)
    return told


def call(desk: Desk, node: Node) -> Figures:
    """The taker calls what is due by colr.003; with `answer = "agree"` the giver agrees to all of it by colr.004.

    With `deliver_by` the two have agreed on an hour, which the messages do not have: the call is entered as it is.
    """
    terms, identifier = desk.terms(node), desk.agreements[desk.terms(node).name]
    due, name = desk.reckoned(terms), reference(node.text("call"), field=f"{node.path}/call")
    money = Money(currency=terms.margin.currency, amount=due.delivery)
    if node.has("deliver_by"):
        issued = MarginCall(
            call_id=name,
            caller=terms.taker,
            called=terms.giver,
            amount=money,
            issued_at=desk.now,
            deliver_by=node.instant("deliver_by"),  # notice and cure are the register's
        )
        desk.margining.issue(identifier, issued)
    else:
        margin_desk.call(desk.mail, identifier, name, _asked(terms, money))
    if node.chosen("answer", {"agree": True, "none": False}, "none"):
        margin_desk.answer(desk.mail, _case(desk, terms, node))
    desk.settle()
    case = _case(desk, terms, node)
    return {
        "short": desk.money(max(due.required - due.held, 0), terms),
        "called": case.call.amount.text(),
        "by": f"{case.call.deliver_by:%H:%M}",
        "messages": desk.mailed() or "none",
        "state": case.call.state.value,
    }


def _asked(terms: AgreementFile, money: Money, *, is_return: bool = False) -> margin_desk.Asked:
    return margin_desk.Asked(
        amount=money.text(), is_return=is_return, exposure_kind=ExposureKind.DERIVATIVES, name=terms.name
    )


def deliver_bonds(desk: Desk, node: Node) -> Figures:
    """The giver pledges the fewest lots that count for what is open of a call."""
    terms, security = desk.terms(node), desk.security(node)
    case, price, haircut = _case(desk, terms, node), desk.price(security), desk.haircut(terms, security.isin)
    units = units_for(case.call.open_amount, price, haircut, lot=desk.units(node, security, "lot"))
    name = reference(node.text("pledge"), field=f"{node.path}/pledge")
    desk.margining.deliver_bonds(*case.key, name, security.isin, units)
    desk.settle()
    case = _case(desk, terms, node)
    (move,) = case.bonds
    desk.pledges[name] = move.pledge_id
    return {
        "to cover": case.call.amount.text(),
        "with interest": par(desk.dirty(security.isin)),
        "haircut": share_text(haircut),
        "pledged": desk.quantity(desk.pledge(move.pledge_id).quantity, security),
        "counts": desk.money(move.value, terms),
        "state": case.call.state.value,
    }


def pay(desk: Desk, node: Node) -> Figures:
    """The called party pays what is open in the RTGS."""
    terms = desk.terms(node)
    identifier = desk.agreements[terms.name]
    margin_desk.pay(desk.margining, _case(desk, terms, node))
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
    money = Money(currency=terms.margin.currency, amount=amount)
    margin_desk.call(desk.mail, identifier, node.text("call"), _asked(terms, money, is_return=True))
    margin_desk.answer(desk.mail, _case(desk, terms, node))
    told = pay(desk, node)
    return {"held too much": desk.money(due.return_, terms), "messages": desk.mailed(), **told}


def declare_default(desk: Desk, node: Node) -> Figures:
    """The deadline of a call went by: the taker enforces, and first declares a default on the register."""
    terms = desk.terms(node)
    identifier = desk.agreements[terms.name]
    desk.settle()
    case = _case(desk, terms, node)
    desk.margining.enforcing.begin(identifier, case.reference, case.reference)
    desk.settle()
    return {
        "call": case.call.state.value,
        "not delivered": case.call.open_amount.text(),
        "notice and cure": f"{(terms.notice_seconds + terms.cure_seconds) // 60} minutes",
        "register": _standing(desk, terms),
    }


def _standing(desk: Desk, terms: AgreementFile) -> str:
    return "in default" if desk.ledger.state(desk.agreements[terms.name]).in_default else "no default"


def enforce(desk: Desk, node: Node) -> Figures:
    """What the service did once notice and cure were over: units taken at the attested price, the rest released."""
    terms, name = desk.terms(node), reference(node.text("call"), field=f"{node.path}/call")
    desk.settle()
    found = desk.world.book.enforcement(desk.agreements[terms.name], name)
    if found is None:
        raise LockstepError(f"{node.path}/call: nothing is enforced for {name}")
    told = {"enforcement": found.outcome.value if found.outcome else f"waits: {found.reason}"}
    taken = 0
    for move in found.moves:
        if move.kind not in (MoveKind.APPROPRIATE, MoveKind.RELEASE):
            continue
        security = desk.security_of(desk.pledge(move.pledge_id).token)
        if move.kind is MoveKind.APPROPRIATE:
            taken += move.value
            told["attested price"] = par(desk.dirty(security.isin))
        told["taken" if move.kind is MoveKind.APPROPRIATE else "returned"] = desk.quantity(move.units, security)
        told["left in the pledge"] = desk.quantity(desk.pledge(move.pledge_id).quantity, security)
    return {
        **told,
        "credited": desk.money(taken, terms),
        "still owed": desk.money(desk.ledger.state(desk.agreements[terms.name]).debt, terms),
        "register": _standing(desk, terms),
    }


def _case(desk: Desk, terms: AgreementFile, node: Node) -> MarginCase:
    case = desk.world.book.margin_case(desk.agreements[terms.name], reference(node.text("call")))
    if case is None:
        raise LockstepError(f"{node.path}/call: {node.text('call')} was not issued")
    return case
