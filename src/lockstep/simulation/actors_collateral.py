"""What banks do with collateral by right: they agree, pledge, top up, give back, pledge on, recall, substitute.

Each act finds by itself what there is to do it to; now and then it asks for more than there is.
"""

import random

from lockstep.chain.ledger import call_data
from lockstep.domain.collateral.calls import (
    BurnNonceCall,
    PledgeCall,
    RecallCall,
    ReleaseCall,
    ReleaseExcessCall,
    RepledgeCall,
    ReturnUnitsCall,
    SubstituteCall,
)
from lockstep.domain.collateral.register import Agreement, AgreementId, AgreementMode, PledgeId
from lockstep.domain.values import replace
from lockstep.signing import agreement_id, amendment_digest, valuers_hash
from lockstep.simulation.actors_hands import Hands
from lockstep.simulation.collateral_hands import REGISTER, Desk, a_share, the_valuers

__all__ = [
    "agrees",
    "amends",
    "burns_a_number",
    "gives_back",
    "gives_units_back",
    "pledges",
    "pledges_on",
    "recalls",
    "substitutes",
    "substitutes_by_consent",
    "takes_back_what_is_too_much",
    "unwinds",
]

HOUR, DAY = 3_600, 86_400
MOST = 8
"""Agreements of a run, about."""


def agrees(hands: Hands, rng: random.Random) -> str | None:
    """Two banks agree, often so that who received may pledge on."""
    desk = Desk(hands, rng)
    known = desk.agreements
    if len(known) >= MOST:
        return None
    wallets = [one.wallet for one in hands.members]
    chained = [one.taker for one in known.values() if one.reuse_cap and one.taker in wallets]
    giver = rng.choice(chained) if chained and rng.random() < 0.6 else rng.choice(wallets)
    taker = rng.choice([one for one in wallets if one != giver])
    terms = Agreement(
        giver=giver,
        taker=taker,
        mode=AgreementMode(rng.random() < 0.12),
        currency=rng.choice(("EUR", "EUR", "EUR", "JPY")),
        valuers=valuers_hash(the_valuers()),
        until=desk.now + rng.choice((HOUR, DAY, 20 * DAY, 20 * DAY)),
        max_age_seconds=rng.choice((600, HOUR, DAY, DAY)),
        reuse_cap=rng.choice((0, 333_333, 500_000, 1_000_000, 1_000_000, 1_000_000)),
        max_depth=rng.choice((0, 1, 2, 8, 8)),
        appropriation=rng.random() < 0.9,
        substitution=rng.random() < 0.9,
        notice_seconds=rng.choice((0, 0, 60)),
        cure_seconds=rng.choice((0, 0, 120)),
        sale_floor=rng.choice((0, 800_000, 1_000_000)),
        salt=rng.getrandbits(128),
    )
    return open_agreement(desk, terms)


def open_agreement(desk: Desk, terms: Agreement) -> str:
    """Both sign, and anybody opens it. What came of it."""
    digest = bytes.fromhex(agreement_id(terms, desk.ledger.register))
    wallets = (terms.giver, terms.taker)
    parties = [desk.member(one) for one in wallets]
    names = [desk.names().get(desk.heir(one).lower()) for one in wallets]
    if None in names:
        return f"{parties[0].bic} and {parties[1].bic} cannot sign"
    signatures = [desk.hands.key(str(name)).sign(digest) for name in names]
    data = call_data(REGISTER, "open", agreement_words(terms), *signatures)
    return f"{parties[0].bic} with {parties[1].bic}: {desk.present(data)}"


def agreement_words(one: Agreement) -> tuple[object, ...]:
    """ICollateral.Agreement."""
    return (
        one.giver, int(one.mode), one.currency.encode(), one.reuse_cap, one.max_depth, one.appropriation,
        one.substitution, one.taker, one.notice_seconds, one.cure_seconds, one.max_age_seconds,
        bytes.fromhex(one.valuers), one.until, one.sale_floor, one.salt,
    )  # fmt: skip


def _an_agreement(desk: Desk) -> tuple[AgreementId, Agreement] | None:
    known = list(desk.agreements.items())
    return desk.rng.choice(known) if known else None


def _a_pledge(desk: Desk) -> PledgeId | None:
    live = desk.live()
    return desk.rng.choice(live) if live else None


def amends(hands: Hands, rng: random.Random) -> str | None:
    """Both sign other terms: a later last day, another cap; sometimes what they cannot change."""
    desk = Desk(hands, rng)
    found = _an_agreement(desk)
    if found is None:
        return None
    name, terms = found
    following = rng.choice(
        (
            replace(terms, until=desk.now + DAY),
            replace(terms, reuse_cap=rng.choice((0, 250_000, 1_000_000)), max_depth=rng.choice((0, 3))),
            replace(terms, substitution=not terms.substitution),
            replace(terms, currency="USD"),
        )
    )
    by = desk.now + rng.choice((60, 600))
    digest = amendment_digest(name, following, by, desk.ledger.register)
    signers = [desk.names().get(desk.heir(one).lower()) for one in (terms.giver, terms.taker)]
    if None in signers:
        return None
    signatures = [hands.key(str(one)).sign(digest) for one in signers]
    data = call_data(REGISTER, "amend", bytes.fromhex(name), agreement_words(following), by, *signatures)
    return f"{name[:12]}: {desk.present(data)}"


def pledges(hands: Hands, rng: random.Random) -> str | None:
    """The first, or a top-up."""
    desk = Desk(hands, rng)
    found = _an_agreement(desk)
    if found is None:
        return None
    name, terms = found
    security = desk.security()
    free = hands.units(security.token, desk.heir(terms.giver))
    quantity = a_share(rng, max(free // 2, 1))
    call = PledgeCall(agreement_id=name, token=security.token, quantity=quantity, salt=desk.salt())
    return f"{quantity} of {security.isin} under {name[:12]}: {desk.do((terms.giver, call))}"


def pledges_on(hands: Hands, rng: random.Random) -> str | None:
    """A taker pledges what it received to a third, or to its giver."""
    desk = Desk(hands, rng)
    agreements = desk.agreements
    pairs = [
        (parent, name)
        for parent in desk.live()
        for name, terms in agreements.items()
        if terms.giver == agreements[desk.pledges[parent].agreement_id].taker
    ]
    if not pairs:
        return None
    useful = [pair for pair in pairs if desk.pledges[pair[0]].reusable(desk.now)]
    parent, name = rng.choice(useful if useful and rng.random() < 0.8 else pairs)
    of = desk.pledges[parent]
    quantity = a_share(rng, of.reusable(desk.now))
    call = RepledgeCall(parent=parent, agreement_id=name, quantity=quantity, salt=desk.salt())
    return f"{quantity} of {parent[:12]} under {name[:12]}: {desk.do((agreements[name].giver, call))}"


def gives_back(hands: Hands, rng: random.Random) -> str | None:
    """A taker gives up its claim, or some of it."""
    desk = Desk(hands, rng)
    name = _a_pledge(desk)
    if name is None:
        return None
    of = desk.pledges[name]
    quantity = a_share(rng, of.releasable)
    taker = desk.agreements[of.agreement_id].taker
    return f"{quantity} of {name[:12]}: {desk.do((taker, ReleaseCall(pledge_id=name, quantity=quantity)))}"


def takes_back_what_is_too_much(hands: Hands, rng: random.Random) -> str | None:
    """A giver, on attested values, without its taker."""
    desk = Desk(hands, rng)
    name = _a_pledge(desk)
    if name is None:
        return None
    of = desk.pledges[name]
    quantity = a_share(rng, of.releasable)
    giver = desk.agreements[of.agreement_id].giver
    return f"{quantity} of {name[:12]}: {desk.do((giver, ReleaseExcessCall(pledge_id=name, quantity=quantity)))}"


def recalls(hands: Hands, rng: random.Random) -> str | None:
    """A giver wants units out of re-use; or no more."""
    desk = Desk(hands, rng)
    name = _a_pledge(desk)
    if name is None:
        return None
    of = desk.pledges[name]
    quantity = rng.choice((0, of.quantity, a_share(rng, of.quantity)))
    call = RecallCall(pledge_id=name, quantity=quantity, by=desk.now + DAY)
    return f"{quantity} of {name[:12]}: {desk.do((desk.agreements[of.agreement_id].giver, call))}"


def substitutes(hands: Hands, rng: random.Random) -> str | None:
    """Other units in, then the old ones out, on attested values."""
    desk = Desk(hands, rng)
    name = _a_pledge(desk)
    if name is None:
        return None
    of, security = desk.pledges[name], desk.security()
    giver = desk.agreements[of.agreement_id].giver
    free = hands.units(security.token, desk.heir(giver))
    call = SubstituteCall(
        old_pledge=name,
        quantity=a_share(rng, max(of.releasable // 2, 1)),
        token=security.token,
        new_quantity=a_share(rng, free),
        salt=desk.salt(),
    )
    return f"{call.quantity} of {name[:12]} by {call.new_quantity} of {security.isin}: {desk.do((giver, call))}"


def substitutes_by_consent(hands: Hands, rng: random.Random) -> str | None:
    """The giver's pledge and the taker's release, run as one or not at all."""
    desk = Desk(hands, rng)
    name = _a_pledge(desk)
    if name is None:
        return None
    of, security = desk.pledges[name], desk.security()
    terms = desk.agreements[of.agreement_id]
    new = a_share(rng, max(hands.units(security.token, desk.heir(terms.giver)) // 2, 1))
    given = PledgeCall(agreement_id=of.agreement_id, token=security.token, quantity=new, salt=desk.salt())
    freed = ReleaseCall(pledge_id=name, quantity=a_share(rng, of.releasable))
    return f"{freed.quantity} of {name[:12]} by {new}: {desk.do((terms.giver, given), (terms.taker, freed))}"


def unwinds(hands: Hands, rng: random.Random) -> str | None:
    """A whole chain, from its last taker back to its first, in one transaction."""
    desk = Desk(hands, rng)
    roots = [one for one in desk.live() if desk.pledges[one].is_root and desk.children(one)]
    if not roots:
        return None
    order, level = list[PledgeId](), [rng.choice(roots)]
    while level:
        order += level
        level = [child for one in level for child in desk.children(one)]
    wanted = [
        (
            desk.agreements[desk.pledges[one].agreement_id].taker,
            ReleaseCall(pledge_id=one, quantity=desk.pledges[one].quantity),
        )
        for one in reversed(order)
    ]
    return f"{len(wanted)} links from {order[0][:12]}: {desk.do(*wanted)}"


def gives_units_back(hands: Hands, rng: random.Random) -> str | None:
    """A taker returns units that it owes: of title, or lost further down."""
    desk = Desk(hands, rng)
    owing = [name for name, one in desk.pledges.items() if one.owed]
    if not owing:
        return None
    name = rng.choice(owing)
    of = desk.pledges[name]
    taker = desk.agreements[of.agreement_id].taker
    quantity = a_share(rng, min(of.owed, hands.units(of.token, desk.heir(taker))))
    return f"{quantity} of {name[:12]}: {desk.do((taker, ReturnUnitsCall(pledge_id=name, quantity=quantity)))}"


def burns_a_number(hands: Hands, rng: random.Random) -> str | None:
    """A party's own, of what it may have signed, or not."""
    desk = Desk(hands, rng)
    member = rng.choice(hands.members)
    return f"{member.bic}: {desk.do((member.wallet, BurnNonceCall(nonce=rng.getrandbits(64))))}"
