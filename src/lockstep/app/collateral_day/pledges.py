"""Pledges: what may be given, is given, given on, given twice, and comes back."""

import hashlib
from datetime import timedelta

from lockstep.app.collateral_acts import Wanted
from lockstep.app.collateral_day.desk import Desk, Figures, par
from lockstep.app.collateral_day.files import AgreementFile, Node
from lockstep.app.inventory import inventory_of
from lockstep.domain.collateral.calls import PledgeCall, RecallCall, ReleaseCall, RepledgeCall
from lockstep.domain.collateral.claims import Claims
from lockstep.domain.collateral.schedules import Eligible
from lockstep.domain.collateral.unwinding import unwinding
from lockstep.domain.collateral.valuation import collateral_value
from lockstep.domain.errors import ContractRefused, InvalidInput, LockstepError
from lockstep.domain.rounding import PARTS, divide_down, share_text
from lockstep.signing import pledge_id

__all__ = ["judge_all", "look_back", "pledge", "pledge_twice", "re_pledge", "recall"]

NOTICE = timedelta(hours=1)
"""Of a recall: for the record."""


def judge_all(desk: Desk, node: Node) -> Figures:
    """What the agreement's schedule says of each security that its giver owns."""
    terms = desk.terms(node)
    told = {}
    for one in sorted(desk.day.market.holdings, key=lambda holding: holding.isin):
        if one.participant != terms.giver:
            continue
        found = desk.verdict(terms, one.isin)
        symbol = desk.symbol(one.isin)
        if isinstance(found, Eligible):
            told[symbol] = f"{found.rule}, haircut {share_text(found.total)}"
        else:
            told[symbol] = f"refused: {found}"
    return told


def pledge(desk: Desk, node: Node) -> Figures:
    """The giver pledges units of a security that the schedule takes."""
    terms, security, name = desk.terms(node), desk.security(node), node.text("pledge")
    units, haircut = desk.units(node, security), desk.haircut(terms, security.isin)
    desk.run(desk.wanted(terms.giver, _pledge_call(desk, terms, security.token, units, name)))
    desk.pledges[name] = pledge_id(desk.agreements[terms.name], security.token, _salt(name))
    made = desk.pledge(desk.pledges[name])
    worth = collateral_value(made.quantity, desk.price(security), haircut, security.currency)
    return {
        "with interest": par(desk.dirty(security.isin)),
        "haircut": share_text(haircut),
        "pledged": desk.quantity(made.quantity, security),
        "counts": worth.text(),
    }


def _pledge_call(desk: Desk, terms: AgreementFile, token: str, units: int, name: str) -> PledgeCall:
    return PledgeCall(agreement_id=desk.agreements[terms.name], token=token, quantity=units, salt=_salt(name))


def re_pledge(desk: Desk, node: Node) -> Figures:
    """The parent's taker pledges on. With `refused`, the refusal of that name is what is to come."""
    terms, (parent, before) = desk.terms(node), desk.pledge_named(node, "parent")
    security, name = desk.security_of(before.token), node.text("pledge")
    units = desk.units(node, security)
    call = RepledgeCall(parent=parent, agreement_id=desk.agreements[terms.name], quantity=units, salt=_salt(name))
    told = {
        "received": desk.quantity(before.quantity, security),
        "may be pledged on": desk.quantity(divide_down(before.quantity * before.reuse_cap, PARTS), security),
    }
    wanted = node.text("refused", "")
    try:
        desk.run(desk.wanted(terms.giver, call))
    except ContractRefused as refusal:
        if refusal.name != wanted:
            raise
        told["refused"] = refusal.name
        for text, field in (("would be pledged on", "reused"), ("limit", "limit")):
            if field in refusal.details:
                told[text] = desk.quantity(int(str(refusal.details[field])), security)
        return {**told, "attempts counted": _attempts(desk)}
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
    units, owner = desk.units(node, security), desk.terms(node.node("first")).giver
    runs = []
    for field, ledger in (("first", desk.ledger), ("second", desk.second_system())):
        one = node.node(field)
        terms, name = desk.terms(one), one.text("pledge")
        one.done()
        if terms.giver != owner:
            raise InvalidInput(f"{one.path}/agreement", terms.name, f"one whose giver is {owner}, as of the first")
        desk.haircut(terms, security.isin)
        acts = desk.signed(desk.wanted(terms.giver, _pledge_call(desk, terms, security.token, units, name)))
        runs.append((ledger, acts, terms, name))
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

    The value to return is rounded down to whole lots of the root's; each link gives up what the one above it needs.
    """
    terms, (root, before) = desk.terms(node), desk.pledge_named(node)
    security, agreement = desk.security_of(before.token), desk.agreements[desk.terms(node).name]
    lot, price, haircut = desk.units(node, security, "lot"), desk.price(security), desk.haircut(terms, security.isin)
    due = desk.reckoned(terms)
    wanted = divide_down(due.return_ * PARTS * PARTS, price.price * (PARTS - haircut) * lot) * lot
    alone = desk.wanted(terms.taker, ReleaseCall(pledge_id=root, quantity=wanted))
    why_not = desk.ledger.why_not(desk.signed(alone))
    told = {
        "to be returned": desk.money(due.return_, terms),
        "wanted back": desk.quantity(wanted, security),
        "could be released at once": desk.quantity(before.releasable, security),
        "released alone": "accepted" if why_not is None else f"refused: {why_not.name}",
    }
    steps = unwinding(Claims(desk.ledger.events()).live(), root, wanted)
    by = int((desk.now + NOTICE).timestamp())
    for claim, units in reversed(steps):
        call = RecallCall(pledge_id=claim.pledge_id, quantity=units, by=by)
        desk.run(Wanted(party=claim.agreement.giver, call=call))
    releases = [
        (claim.agreement.taker, ReleaseCall(pledge_id=claim.pledge_id, quantity=units)) for claim, units in steps
    ]
    desk.run(*(Wanted(party=party, call=call) for party, call in releases))
    for claim, units in steps:
        told[f"{desk.named(claim.agreement.taker)} releases"] = desk.quantity(units, security)
    for claim, _ in reversed(steps):
        desk.run(Wanted(party=claim.agreement.giver, call=RecallCall(pledge_id=claim.pledge_id, quantity=0, by=by)))
        left = desk.pledge(claim.pledge_id).quantity
        told[f"left with {desk.named(claim.agreement.taker)}"] = desk.quantity(left, security)
    told["bonds count"] = desk.money(desk.ledger.cover(agreement), terms)
    return told


def look_back(desk: Desk, node: Node) -> Figures:
    """Who had what of a security when another step had ended: the inventory of a past block."""
    security, block = desk.security(node), node.chosen("after", desk.blocks)
    found = inventory_of(
        desk.market, desk.world.chain.node, Claims(desk.ledger.events()), block=block, security=security.isin
    )
    told = {"as of": f"{found.at:%H:%M} UTC"}
    words = ("owned", "free", "pledged", "received", "reused", "reusable")
    for one in found.positions:
        told |= {f"{one.name} {word}": getattr(one, word) for word in words if getattr(one, word) != "0"}
    return told


def _salt(name: str) -> str:
    return hashlib.sha256(f"collateral day/{name}".encode()).hexdigest()
