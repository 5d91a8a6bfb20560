"""Valuers who say what is owed and what collateral is worth, and takers who enforce by it. All of it by right."""

import random

from lockstep.chain.ledger import call_data, packed
from lockstep.domain.collateral.calls import (
    AppropriateCall,
    DeclareDefaultCall,
    EndDefaultCall,
    SellCall,
    SetOffCall,
)
from lockstep.domain.collateral.register import AgreementId, Income, PledgeId, PricedToken, Valuation
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.margin import CsaTerms
from lockstep.domain.order import ALONE, Movement, Order, OrderTerms
from lockstep.domain.rounding import PARTS
from lockstep.flow.valuing import Exposure, sign_valuation, valued
from lockstep.signing import build_quorum_proof, income_digest, settlement_id
from lockstep.simulation.actors_hands import Hands
from lockstep.simulation.collateral_hands import REGISTER, Desk, proof_of, the_valuers, valuation_words

__all__ = [
    "appropriates",
    "declares_a_default",
    "ends_a_default",
    "ends_a_sale",
    "records_income",
    "sells",
    "sets_off",
    "values",
    "values_at_once",
]

HAIRCUTS = (0, 20_000, 100_000)
PRICES = (500_000, 900_000, 1_000_000, 1_100_000)
"""Minor units for a million base units of a bond, about par."""
SHARE = 100
"""What a share costs more than a cent of a bond."""


def _figures(desk: Desk, name: AgreementId) -> tuple[Exposure, dict[str, int]]:
    """Exposures about what is covered, prices that move a little."""
    rng, state = desk.rng, desk.state(name)
    prices = {one.token: rng.choice(PRICES) * (1 if one.decimals else SHARE) for one in desk.hands.securities}
    held = state.credit + desk.ledger.cover(name)
    exposure = rng.choice((0, held // 2, held, held + 5_000, held * 5 // 4, rng.randint(0, 50_000)))
    terms = CsaTerms(
        currency=desk.agreements[name].currency,
        threshold=rng.choice((0, 0, 1_000)),
        minimum_transfer=rng.choice((0, 0, 500)),
        multiple=rng.choice((1, 1, 100)),
    )
    final = desk.ledger.time_of(desk.ledger.final_block())
    told = Exposure(
        agreement_id=name,
        exposure=exposure,
        terms=terms,
        haircuts={token: rng.choice(HAIRCUTS) for token in prices},
        valuers=the_valuers(),
        as_of=final - 1,
    )
    return told, prices


def values(hands: Hands, rng: random.Random) -> str | None:
    """Two valuers, each by itself, from the same figures, and leave what they signed on the board."""
    desk = Desk(hands, rng)
    if not desk.agreements:
        return None
    name = rng.choice(list(desk.agreements))
    exposure, prices = _figures(desk, name)
    told = valued(desk.ledger, exposure, prices)
    for one in hands.keys_like("valuer"):
        word = sign_valuation(desk.ledger, told, exposure.valuers, hands.key(one))
        hands.stage.valuations.publish_valuation(word)
    return f"{name[:12]}: exposure {told.exposure}, required {told.required}, as of {told.as_of}"


def values_at_once(hands: Hands, rng: random.Random) -> str | None:
    """As of this very block, and presented by anybody: a margin may have to be found at once."""
    desk = Desk(hands, rng)
    if not desk.agreements:
        return None
    name = rng.choice(list(desk.agreements))
    exposure, prices = _figures(desk, name)
    told = Valuation(
        agreement_id=name,
        exposure=exposure.exposure,
        required=exposure.exposure + rng.choice((0, 0, 1_000)),
        as_of=desk.now,
        prices=tuple(
            PricedToken(token=token, price=price, haircut=exposure.haircuts[token])
            for token, price in sorted(prices.items())
            if rng.random() < 0.9
        ),
    )
    proof = proof_of(told, [hands.key(one) for one in hands.keys_like("valuer")], desk)
    if proof is None:
        return None
    data = call_data(REGISTER, "value", valuation_words(told), proof)
    said = desk.present(data)
    return f"{name[:12]}: exposure {told.exposure}, required {told.required}: {said}"


def records_income(hands: Hands, rng: random.Random) -> str | None:
    """A coupon on what is pledged: what the taker owes of it, as valuers count. The service has it paid."""
    desk = Desk(hands, rng)
    live = desk.live()
    if not live:
        return None
    told = Income(
        pledge_id=rng.choice(live),
        income_id=f"{rng.getrandbits(256):064x}",
        record_date=desk.now,
        entitled=rng.choice((0, 1_000)),
        owed=rng.choice((0, 1, 500, 5_000)),
    )
    digest = income_digest(told, desk.ledger.register)
    proof = build_quorum_proof(
        digest, [hands.key(one).sign(digest) for one in hands.keys_like("valuer")], the_valuers()
    )
    if proof is None:
        return None
    ids = (bytes.fromhex(one) for one in (told.pledge_id, told.income_id))
    words = (*ids, told.record_date, told.entitled, told.owed)
    said = desk.present(call_data(REGISTER, "recordIncome", words, packed(proof)))
    return f"{told.owed} owed on {told.pledge_id[:12]}: {said}"


# --- enforcement


def declares_a_default(hands: Hands, rng: random.Random) -> str | None:
    """A taker, on a shortfall that is attested, or on none."""
    desk = Desk(hands, rng)
    short = [
        name
        for name in desk.agreements
        if (state := desk.state(name)).required > state.credit + desk.ledger.cover(name) and not state.in_default
    ]
    known = short if short and rng.random() < 0.9 else list(desk.agreements)
    if not known:
        return None
    name = rng.choice(known)
    return f"{name[:12]}: {desk.do((desk.agreements[name].taker, DeclareDefaultCall(agreement_id=name)))}"


def _in_default(desk: Desk) -> list[AgreementId]:
    return [name for name in desk.agreements if desk.state(name).in_default]


def ends_a_default(hands: Hands, rng: random.Random) -> str | None:
    """Its taker withdraws it, or its giver shows that it is covered."""
    desk = Desk(hands, rng)
    bad = _in_default(desk)
    if not bad:
        return None
    name = rng.choice(bad)
    terms = desk.agreements[name]
    who = rng.choice((terms.giver, terms.giver, terms.taker))
    return f"{name[:12]}: {desk.do((who, EndDefaultCall(agreement_id=name)))}"


def _of_defaulted(desk: Desk, *, owed: bool = False) -> tuple[PledgeId, int] | None:
    """A pledge under a defaulted agreement, and about as many units as what is owed pays for."""
    bad = set(_in_default(desk))
    found = [
        name
        for name, one in desk.pledges.items()
        if one.agreement_id in bad and (one.owed if owed else one.releasable) > 0
    ]
    if not found:
        return None
    name = desk.rng.choice(found)
    of = desk.pledges[name]
    state = desk.state(of.agreement_id)
    price = next(one.price for one in desk.ledger.positions(of.agreement_id) if one.token == of.token)
    due = max(state.debt - state.selling, 0)
    most = min(of.owed if owed else of.releasable, due * PARTS // price if price else 1)
    return name, max(desk.rng.choice((most, most, most // 2, most + 1)), 1)


def appropriates(hands: Hands, rng: random.Random) -> str | None:
    """A taker takes units at their attested price, up to what is owed; or a unit more, which it must not."""
    desk = Desk(hands, rng)
    found = _of_defaulted(desk)
    if found is None:
        return None
    name, quantity = found
    taker = desk.agreements[desk.pledges[name].agreement_id].taker
    return f"{quantity} of {name[:12]}: {desk.do((taker, AppropriateCall(pledge_id=name, quantity=quantity)))}"


def sets_off(hands: Hands, rng: random.Random) -> str | None:
    """What the taker owes in units against what it is owed."""
    desk = Desk(hands, rng)
    found = _of_defaulted(desk, owed=True)
    if found is None:
        return None
    name, quantity = found
    taker = desk.agreements[desk.pledges[name].agreement_id].taker
    return f"{quantity} of {name[:12]}: {desk.do((taker, SetOffCall(pledge_id=name, quantity=quantity)))}"


def sells(hands: Hands, rng: random.Random) -> str | None:
    """A taker puts units out for sale: the register locks a DvP order, whose buyer signed it. Nobody pays for it."""
    desk = Desk(hands, rng)
    found = _of_defaulted(desk)
    if found is None:
        return None
    name, quantity = found
    of = desk.pledges[name]
    buyer = rng.choice(hands.members)
    key = desk.names().get(desk.heir(buyer.wallet).lower())
    if key is None or not key.startswith("wallet-"):
        return None
    by = int(hands.stage.clock.now().timestamp()) + rng.choice((300, 1_200))
    order = Order(
        movement=Movement(
            token=of.token,
            seller=desk.address,
            buyer=buyer.wallet,
            quantity=quantity,
            epoch=hands.stage.ledger.epoch().number,
            nonce=rng.getrandbits(62),
        ),
        terms=OrderTerms(
            trade_id=TradeId(f"{rng.getrandbits(256):064x}"),
            part=0,
            cash_hash=f"{rng.getrandbits(256):064x}",
            lock_by=by,
            pay_by=by,
            minimum_lot=0,
            group=ALONE,
        ),
    )
    signature = hands.key(key).sign(bytes.fromhex(settlement_id(order, hands.market.network)))
    taker = desk.agreements[of.agreement_id].taker
    call = SellCall(pledge_id=name, order=order, buyer_signature=signature)
    return f"{quantity} of {name[:12]} to {buyer.bic}: {desk.do((taker, call))}"


def ends_a_sale(hands: Hands, rng: random.Random) -> str | None:
    """Anybody writes down how one ended, or has not."""
    desk = Desk(hands, rng)
    begun = [one.settlement_id for one in desk.sales() if one.open]
    if not begun:
        return None
    settlement: SettlementId = rng.choice(begun)
    data = call_data(REGISTER, "endSale", bytes.fromhex(settlement))
    return f"{settlement[:12]}: {desk.present(data)}"
