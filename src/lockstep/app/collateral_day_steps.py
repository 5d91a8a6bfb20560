"""What a collateral day's steps do, by the word in `do`: docs/how-to/run-the-collateral-day.md lists what each needs.

Each takes the desk and its step, lets the parties act until nothing moves any more, and says what came of it: figures by
name, read off the register and the RTGS after the act.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from lockstep.app.collateral_day_desk import Desk
from lockstep.app.collateral_day import AgreementFile, Node
from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.calls import (
    AppropriateCall,
    Call,
    DeclareDefaultCall,
    PledgeCall,
    RecallCall,
    ReleaseCall,
    RepledgeCall,
)
from lockstep.domain.collateral.register import NO_PLEDGE, Pledge, PledgeId
from lockstep.domain.collateral.schedules import Eligible
from lockstep.domain.collateral.valuation import collateral_value, market_value, units_for
from lockstep.domain.errors import ContractRefused, LockstepError
from lockstep.domain.identifiers import Bic, reference
from lockstep.domain.journal import Entry
from lockstep.domain.margin_call import MarginCall, deliver
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import ExposureKind, MarginAgreement, MarginCallResponse, Obligation
from lockstep.domain.money import Money
from lockstep.domain.repo.life import Repo, RepoState
from lockstep.domain.repo.moves import substituted
from lockstep.domain.repo.pricing import price_by_haircut
from lockstep.domain.repo.terms import Lot, RepoTerms, repo_id
from lockstep.domain.rounding import PARTS, divide_down, divide_up, share_text
from lockstep.app.repo_files import percent
from lockstep.ports import Change
from lockstep.signing import pledge_id

__all__ = ["ACTS", "Figures"]

Figures = Mapping[str, str]
Act = Callable[[Desk, Node], Figures]


def _par(parts: int) -> str:
    """A price in percent of par."""
    return f"{parts // 10_000}.{parts % 10_000:04d}"


def _salt(name: str) -> str:
    return hashlib.sha256(f"collateral day/{name}".encode()).hexdigest()


def _case(desk: Desk, terms: AgreementFile, node: Node) -> MarginCase:
    case = desk.world.book.margin_case(desk.agreements[terms.name], reference(node.text("call")))
    if case is None:
        raise LockstepError(f"{node.path}/call: {node.text('call')} was not issued")
    return case


# --- figures


def judge_all(desk: Desk, node: Node) -> Figures:
    """What the agreement's schedule says of each security that its giver owns."""
    terms = desk.terms(node)
    told = {}
    for one in sorted(desk.day.market.holdings, key=lambda holding: holding.isin):
        if one.participant != terms.giver:
            continue
        found = desk.verdict(terms, one.isin)
        eligible = isinstance(found, Eligible)
        told[one.isin] = f"{found.rule}, haircut {share_text(found.total)}" if eligible else f"refused: {found}"
    return told


def value(desk: Desk, node: Node) -> Figures:
    """Valuers sign prices and exposures; what the register says then, and what is due by each agreement's rules."""
    named = [desk.day.agreements[name] for name in node.texts("agreements")]
    told = {}
    taken = {one.isin for terms in named for one in desk.market.securities.values() if _lies(desk, terms, one.token)}
    for isin in sorted(taken):
        told[f"{isin} clean"], told[f"{isin} with interest"] = _par(desk.clean(isin)), _par(desk.dirty(isin))
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
            told[f"{terms.name} nothing moves"] = due.reason
    return told


def _lies(desk: Desk, terms: AgreementFile, token: str) -> bool:
    held = {one.token for one in desk.ledger.positions(desk.agreements[terms.name]) if one.held}
    return token in held or not held


# --- pledges


def _pledged(desk: Desk, node: Node, terms: AgreementFile, name: str, units: int) -> Figures:
    security = desk.security(node)
    haircut = desk.haircut(terms, security.isin)
    desk.run(f"pledge/{name}", (terms.giver, _pledge_call(desk, terms, security.token, units, name)))
    desk.pledges[name] = pledge_id(desk.agreements[terms.name], security.token, _salt(name))
    made = desk.pledge(desk.pledges[name])
    worth = collateral_value(made.quantity, desk.price(security), haircut, security.currency)
    return {
        "with interest": _par(desk.dirty(security.isin)),
        "haircut": share_text(haircut),
        "pledged": desk.quantity(made.quantity, security),
        "counts": worth.text(),
    }


def _pledge_call(desk: Desk, terms: AgreementFile, token: str, units: int, name: str) -> PledgeCall:
    return PledgeCall(agreement_id=desk.agreements[terms.name], token=token, quantity=units, salt=_salt(name))


def pledge(desk: Desk, node: Node) -> Figures:
    """The giver pledges units of a security that the schedule takes."""
    terms = desk.terms(node)
    return _pledged(desk, node, terms, node.text("pledge"), desk.units(node, desk.security(node)))


def re_pledge(desk: Desk, node: Node) -> Figures:
    """The parent's taker pledges on. With `refused`, the refusal of that name is what is to come."""
    terms, (parent, before) = desk.terms(node), desk.pledge_named(node, "parent")
    security, name = desk.security_of(before.token), node.text("pledge")
    units = desk.units(node, security)
    call = RepledgeCall(
        parent=parent, agreement_id=desk.agreements[terms.name], quantity=units, salt=_salt(name)
    )
    told = {
        "received": desk.quantity(before.quantity, security),
        "may be pledged on": desk.quantity(divide_down(before.quantity * before.reuse_cap, PARTS), security),
    }
    wanted = node.text("refused", "")
    try:
        desk.run(f"pledge/{name}", (terms.giver, call))
    except ContractRefused as refusal:
        if refusal.name != wanted:
            raise
        needed, limit = (int(str(refusal.details[name])) for name in ("reused", "limit"))
        tried = {"refused": refusal.name, "would be pledged on": desk.quantity(needed, security)}
        return {**told, **tried, "limit": desk.quantity(limit, security), "attempts counted": _attempts(desk)}
    if wanted:
        raise LockstepError(f"{node.path}/refused: the register took what {wanted} was to refuse")
    desk.pledges[name] = pledge_id(call.agreement_id, before.token, call.salt, parent)
    made = desk.pledge(desk.pledges[name])
    return {**told, "pledged on": desk.quantity(made.quantity, security), "link": str(made.depth)}


def _attempts(desk: Desk) -> str:
    return str(len(desk.attempts.attempts()))


def pledge_twice(desk: Desk, node: Node) -> Figures:
    """Two systems send in one block what each found to be free. The register takes one."""
    security = desk.security(node)
    units, owner = desk.units(node, security), None
    runs = []
    for field, ledger in (("first", desk.ledger), ("second", desk.second_system())):
        one = node.node(field)
        terms, name = desk.terms(one), one.text("pledge")
        one.done()
        owner = owner or terms.giver
        desk.haircut(terms, security.isin)
        acts = desk.signed(f"pledge/{name}", (terms.giver, _pledge_call(desk, terms, security.token, units, name)))
        runs.append((ledger, acts, terms, name))
    assert owner is not None
    told = {"free before": desk.quantity(desk.free(owner, security), security)}
    told["each system wants"] = desk.quantity(units, security)
    passes = [ledger.why_not(acts) is None for ledger, acts, _, _ in runs]
    told["found free by"] = f"{sum(passes)} of {len(passes)} systems"
    with desk.in_one_block():
        for ledger, acts, _, _ in runs:
            ledger.run(acts)
    refused = []
    for ledger, acts, terms, name in runs:
        desk.settle()
        identifier = pledge_id(desk.agreements[terms.name], security.token, _salt(name))
        if desk.ledger.pledge(identifier) is not None:
            desk.pledges[name] = identifier
            told["pledged to"] = desk.member(terms.taker).name
            continue
        try:
            ledger.run(acts)
        except ContractRefused as refusal:
            refused.append(name)
            told["refused to"] = desk.member(terms.taker).name
            told["refused"] = refusal.name
    if len(refused) != 1:
        raise LockstepError(f"{node.path}: {len(refused)} of two pledges of the same bonds were refused, not one")
    told["free after"] = desk.quantity(desk.free(owner, security), security)
    return {**told, "attempts counted": _attempts(desk)}


def recall(desk: Desk, node: Node) -> Figures:
    """What is held in excess comes back through all who pledged it on: leaves first, in one transaction.

    The value to return is rounded down to whole lots; what each link must get back is rounded up.
    """
    terms, (root, before) = desk.terms(node), desk.pledge_named(node)
    security = desk.security_of(before.token)
    lot, price = desk.units(node, security, "lot"), desk.price(security)
    haircut, due = desk.haircut(terms, security.isin), desk.reckoned(terms)
    wanted = divide_down(due.return_ * PARTS * PARTS, price.price * (PARTS - haircut) * lot) * lot
    chain = [(root, before), *((desk.pledges[name], desk.pledge(desk.pledges[name])) for name in node.texts("chain"))]
    told = {
        "to be returned": desk.money(due.return_, terms),
        "wanted back": desk.quantity(wanted, security),
        "could be released at once": desk.quantity(before.releasable, security),
    }
    taker = terms.taker
    why_not = desk.ledger.why_not(desk.signed("too early", (taker, ReleaseCall(pledge_id=root, quantity=wanted))))
    told["released alone"] = "accepted" if why_not is None else f"refused: {why_not.name}"
    releases = _unwound(chain, wanted, lot)
    calls: list[tuple[Bic, Call]] = []
    by = int((desk.now + timedelta(hours=1)).timestamp())
    for (identifier, pledge), units in zip(chain, releases, strict=True):
        giver, holder = _parties(desk, pledge)
        desk.run(f"recall/{identifier}", (giver, RecallCall(pledge_id=identifier, quantity=units, by=by)))
        calls.append((holder, ReleaseCall(pledge_id=identifier, quantity=units)))
        told[f"{desk.member(holder).name} releases"] = desk.quantity(units, security)
    desk.run(f"unwind/{root}", *reversed(calls))
    over = RecallCall(pledge_id=root, quantity=0, by=by)
    desk.run(f"recalled/{root}", (terms.giver, over))
    for (identifier, pledge), units in zip(chain, releases, strict=True):
        left = desk.pledge(identifier)
        assert left.quantity == pledge.quantity - units
        told[f"left with {desk.member(_parties(desk, pledge)[1]).name}"] = desk.quantity(left.quantity, security)
    told["bonds count"] = desk.money(desk.ledger.cover(desk.agreements[terms.name]), terms)
    return told


def _unwound(chain: list[tuple[PledgeId, Pledge]], wanted: int, lot: int) -> list[int]:
    """How much each link must release, from the root, so that what stays pledged on stays within each cap."""
    found = [wanted]
    for _, parent in chain[:-1]:
        limit = divide_down((parent.quantity - found[-1]) * parent.reuse_cap, PARTS)
        found.append(divide_up(max(parent.reused - limit, 0), lot) * lot)
    return found


def _parties(desk: Desk, pledge: Pledge) -> tuple[Bic, Bic]:
    name = next(name for name, identifier in desk.agreements.items() if identifier == pledge.agreement_id)
    return desk.day.agreements[name].giver, desk.day.agreements[name].taker


# --- calls


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
    told = _pledged(desk, node, terms, node.text("pledge"), units)
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
        "attested price": _par(position.price),
        "taken": desk.quantity(units, security),
        "credited": desk.money(state.credit, terms),
        "still owed": desk.money(state.debt, terms),
        "returned": desk.quantity(rest, security),
        "left in the pledge": desk.quantity(left.quantity, security),
    }


# --- repo


def open_repo(desk: Desk, node: Node) -> Figures:
    """Seller and buyer agree on a repo of one security, at its dirty price less the schedule's haircut."""
    terms, security = desk.terms(node), desk.security(node)
    units, haircut = desk.units(node, security), desk.haircut(desk.terms(node), security.isin)
    worth = market_value(units, desk.price(security), security.currency)
    price = price_by_haircut(worth, haircut)
    agreed = RepoTerms(
        repo_id=repo_id(node.text("repo"), field=f"{node.path}/repo"),
        agreement_id=desk.agreements[terms.name],
        seller=desk.party(terms.giver),
        buyer=desk.party(terms.taker),
        purchase_date=desk.now.date(),
        repurchase_date=node.day("repurchase"),
        purchase_price=price,
        rate=percent(node.text("rate"), field=f"{node.path}/rate"),
        basis=node.chosen("day_count", {one.value: one for one in DayCount}),
        lots=(Lot(number=1, isin=security.isin, units=units, price=price.amount),),
    )
    desk.repoing.open(agreed)
    desk.settle()
    repo = desk.repoing.require(agreed.repo_id)
    return {
        "clean": _par(desk.clean(security.isin)),
        "accrued": _par(desk.dirty(security.isin) - desk.clean(security.isin)),
        "market value": worth.text(),
        "haircut": share_text(haircut),
        "purchase price": price.text(),
        "state": repo.state.value,
        "owed by the buyer": desk.quantity(_owed(desk, repo), security),
    }


def _owed(desk: Desk, repo: Repo) -> int:
    titles = [one.pledge_id for one in repo.lots if one.pledge_id is not None]
    return sum(desk.pledge(one).owed for one in titles if one != NO_PLEDGE)


def substitute(desk: Desk, node: Node) -> Figures:
    """Other securities of at least the same market value in, then the repo's first lot out."""
    repo = desk.repoing.require(repo_id(node.text("repo")))
    old, new = repo.lots[0], desk.security(node)
    worth = market_value(old.units, desk.price(desk.market.security(old.isin)), new.currency)
    units = units_for(worth, desk.price(new), 0, lot=desk.units(node, new, "lot"))
    desk.repoing.change(repo.terms.repo_id, lambda one, now: substituted(one, old.number, old.units, new.isin, units, now))
    desk.settle()
    after = desk.repoing.require(repo.terms.repo_id)
    bond = desk.day.bonds[old.isin].bond
    _, pays = bond.period(desk.now.date())
    coupon = divide_down(old.units * bond.coupon, PARTS * bond.frequency)
    return {
        "coupon on": pays.isoformat(),
        "coupon of the lot": Money(currency=new.currency, amount=coupon).text(),
        "old is worth": worth.text(),
        "new price with interest": _par(desk.dirty(new.isin)),
        "new in": desk.quantity(after.lots[-1].units, new),
        "new is worth": market_value(after.lots[-1].units, desk.price(new), new.currency).text(),
        "old out": desk.quantity(old.units - after.lot(old.number).units, desk.market.security(old.isin)),
        "old owed": desk.quantity(after.lot(old.number).units, desk.market.security(old.isin)),
    }


def close_repo(desk: Desk, node: Node) -> Figures:
    """On the repurchase date the reverse trade settles, and the register records the return."""
    identity = repo_id(node.text("repo"))
    before = desk.repoing.require(identity)
    price = before.repurchase_price(desk.now.date())
    desk.settle()
    repo = desk.repoing.require(identity)
    return {
        "price differential": before.money(before.price_differential(desk.now.date())).text(),
        "repurchase price": price.text(),
        "state": repo.state.value,
        "owed by the buyer": str(_owed(desk, repo)),
    }


# --- days


def close_day(desk: Desk, node: Node) -> Figures:
    """The RTGS's day ends."""
    desk.settle()
    day = desk.world.rtgs.operator.close_day()
    desk.settle()
    return {"closed": day.isoformat() if day else "no day was open"}


ACTS: Mapping[str, Act] = {
    "judge": judge_all,
    "value": value,
    "pledge": pledge,
    "re-pledge": re_pledge,
    "pledge twice": pledge_twice,
    "recall": recall,
    "call": call,
    "deliver bonds": deliver_bonds,
    "pay": pay,
    "return cash": return_cash,
    "declare default": declare_default,
    "appropriate": appropriate,
    "open repo": open_repo,
    "substitute": substitute,
    "close repo": close_repo,
    "close day": close_day,
}
"""By the word in `do`."""
