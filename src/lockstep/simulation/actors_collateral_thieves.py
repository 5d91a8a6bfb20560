"""Who tries with collateral what is not its right: with one bank's wallet, one valuer's key, one agent's, or none.

Only the register stands in its way.
"""

import random
from dataclasses import replace
from typing import Any

from lockstep.chain.audit_abi import function_in
from lockstep.chain.ledger import call_data, packed
from lockstep.domain.collateral.calls import (
    AppropriateCall,
    Call,
    ConfirmLongStopCall,
    EndDefaultCall,
    PledgeCall,
    ProposeLongStopCall,
    RecallCall,
    ReleaseCall,
    ReleaseExcessCall,
    RepledgeCall,
    SubstituteCall,
)
from lockstep.domain.collateral.register import Act, AgreementId, CashPayment, PledgeId, PricedToken, Valuation
from lockstep.domain.errors import Conflict
from lockstep.domain.margin_payment import CashAttestation, ValuationAttestation
from lockstep.domain.order import Epoch, Proof
from lockstep.signing import call_bytes, cash_digest, valuation_digest
from lockstep.simulation.actors_hands import Hands
from lockstep.simulation.collateral_hands import REGISTER, Desk, a_share, the_valuers, valuation_words

__all__ = [
    "acts_for_another",
    "counts_cash_alone",
    "ends_a_pledge_early",
    "leaves_false_cash",
    "lies_on_the_board",
    "pledges_on_too_much",
    "pledges_twice",
    "runs_apart",
    "runs_late",
    "substitutes_worthless_units",
    "takes_without_a_default",
    "values_alone",
    "values_with_a_quorum_of_its_own",
]

NEWEST = 60


def _own(hands: Hands) -> str:
    """Its one wallet's name."""
    return hands.keys_like("wallet")[0]


def pledges_twice(hands: Hands, rng: random.Random) -> str | None:
    """All its free units under two agreements, or twice under one, sent before the first is in a block."""
    desk, wallet = Desk(hands, rng), _own(hands)
    own = hands.key(wallet).address
    mine = [name for name, one in desk.agreements.items() if one.giver == own]
    if not mine:
        return None
    token = desk.security().token
    free = hands.units(token, own)
    calls = [
        PledgeCall(agreement_id=rng.choice(mine), token=token, quantity=max(free, 1), salt=desk.salt())
        for _ in range(2)
    ]
    first = hands.send_data(wallet, desk.address, call_bytes(calls[0]), blindly=True)
    (second,) = desk.signed([(wallet, calls[1])])
    return f"{free} units twice: {first}; {desk.carry([second], blindly=True)}"


def pledges_on_too_much(hands: Hands, rng: random.Random) -> str | None:
    """What it received, and a little more; or what it did not receive at all; or twice as one."""
    desk, wallet = Desk(hands, rng), _own(hands)
    own = hands.key(wallet).address
    agreements = desk.agreements
    mine = [name for name, one in agreements.items() if one.giver == own]
    live = desk.live()
    if not mine or not live:
        return None
    received = [one for one in live if agreements[desk.pledges[one].agreement_id].taker == own]
    parent = rng.choice(received if received and rng.random() < 0.85 else live)
    of = desk.pledges[parent]
    most = of.reusable(desk.now)
    wanted = rng.choice((most + 1, of.quantity, of.quantity + 1, most))
    calls: list[tuple[str, Call]] = [
        (wallet, RepledgeCall(parent=parent, agreement_id=rng.choice(mine), quantity=max(wanted, 1), salt=desk.salt()))
        for _ in range(rng.choice((1, 1, 2)))
    ]
    return f"{len(calls)} times {wanted} of {parent[:12]}, at most {most}: {desk.carry(desk.signed(calls))}"


def acts_for_another(hands: Hands, rng: random.Random) -> str | None:
    """Another party's act, in its name, under its own signature, an empty one, or by its own call."""
    desk, wallet = Desk(hands, rng), _own(hands)
    own, live = hands.key(wallet).address, desk.live()
    if not live:
        return None
    name = rng.choice(live)
    of = desk.pledges[name]
    terms = desk.agreements[of.agreement_id]
    quantity = max(of.releasable, 1)
    call: Call = rng.choice(
        (
            ReleaseCall(pledge_id=name, quantity=quantity),
            ReleaseExcessCall(pledge_id=name, quantity=quantity),
            AppropriateCall(pledge_id=name, quantity=quantity),
            RecallCall(pledge_id=name, quantity=of.quantity, by=desk.now),
            EndDefaultCall(agreement_id=of.agreement_id),
        )
    )
    victim = rng.choice([one for one in (terms.giver, terms.taker) if one != own] or [terms.giver])
    if rng.random() < 0.3:
        return f"{type(call).__name__} of {name[:12]}: {hands.send_data(wallet, desk.address, call_bytes(call))}"
    (act,) = desk.signed([(wallet, call)])
    forged = replace(act, party=victim, signature=rng.choice((act.signature, b"", bytes(65))))
    return f"{type(call).__name__} of {name[:12]} as {victim[:8]}: {desk.carry([forged])}"


def takes_without_a_default(hands: Hands, rng: random.Random) -> str | None:
    """Units that it holds as a taker, though nothing is owed, or enforceable yet."""
    desk, wallet = Desk(hands, rng), _own(hands)
    own = hands.key(wallet).address
    held = [one for one in desk.live() if desk.agreements[desk.pledges[one].agreement_id].taker == own]
    if not held:
        return None
    name = rng.choice(held)
    quantity = a_share(rng, desk.pledges[name].releasable)
    (act,) = desk.signed([(wallet, AppropriateCall(pledge_id=name, quantity=quantity))])
    return f"{quantity} of {name[:12]}: {desk.carry([act])}"


def substitutes_worthless_units(hands: Hands, rng: random.Random) -> str | None:
    """One unit in place of all."""
    desk, wallet = Desk(hands, rng), _own(hands)
    own = hands.key(wallet).address
    given = [one for one in desk.live() if desk.agreements[desk.pledges[one].agreement_id].giver == own]
    if not given:
        return None
    name = rng.choice(given)
    of = desk.pledges[name]
    call = SubstituteCall(
        old_pledge=name, quantity=max(of.releasable, 1), token=desk.security().token, new_quantity=1, salt=desk.salt()
    )
    (act,) = desk.signed([(wallet, call)])
    return f"{name[:12]}: {desk.carry([act])}"


# --- what others signed


def _overheard(hands: Hands, desk: Desk) -> list[list[Act]]:
    """Acts that were run, as they went over the network."""
    found = []
    for one in hands.stage.transactions()[-NEWEST:]:
        call = function_in(REGISTER, one.data) if one.to == desk.address else None
        if call is not None and call[0] == "run":
            found.append([_act(each) for each in call[1]["acts"]])
    return found


def _act(given: Any) -> Act:
    return Act(
        party=given["party"],
        call=given["call"],
        nonce=given["nonce"],
        by=given["by"],
        together=given["together"].hex(),
        signature=given["signature"],
    )


def runs_apart(hands: Hands, rng: random.Random) -> str | None:
    """Of acts that were signed to be run together only one, or another order of them, or one beside a stranger's."""
    desk = Desk(hands, rng)
    several = [one for one in _overheard(hands, desk) if len(one) > 1]
    if not several:
        return None
    acts = rng.choice(several)
    some = rng.choice(([rng.choice(acts)], list(reversed(acts)), acts[:-1]))
    return f"{len(some)} of {len(acts)} acts: {desk.carry(some)}"


def runs_late(hands: Hands, rng: random.Random) -> str | None:
    """An act that was run before, once more: as it was, under another number, or with another last second."""
    desk = Desk(hands, rng)
    known = _overheard(hands, desk)
    if not known:
        return None
    acts = rng.choice(known)
    changed = rng.choice((acts, [replace(one, nonce=one.nonce + 1) for one in acts]))
    changed = rng.choice((changed, [replace(one, by=desk.now + 600) for one in changed]))
    return f"{len(changed)} acts again: {desk.carry(changed)}"


# --- one valuer's key


def _lie(desk: Desk) -> Valuation | None:
    """Figures that suit somebody: nothing is owed, or everything is."""
    rng = desk.rng
    if not desk.agreements:
        return None
    name: AgreementId = rng.choice(list(desk.agreements))
    price = rng.choice((1, 10**9))
    exposure = rng.choice((0, 10**9))
    return Valuation(
        agreement_id=name,
        exposure=exposure,
        required=exposure,
        as_of=rng.choice((desk.now, desk.now - 1, desk.now + 3_600)),
        prices=tuple(
            PricedToken(token=one.token, price=price, haircut=0)
            for one in sorted(desk.hands.securities, key=lambda one: one.token)
        ),
    )


def _presents(hands: Hands, desk: Desk, lie: Valuation, proof: Proof) -> str:
    data = call_data(REGISTER, "value", valuation_words(lie), packed(proof))
    said = desk.present(data)
    return f"{lie.agreement_id[:12]}: exposure {lie.exposure}: {said}"


def _signed_alone(hands: Hands, digest: bytes, body: Epoch, quorum: int) -> Proof:
    (name,) = hands.keys_like("valuer") or hands.keys_like("agent")
    key = hands.key(name)
    signature = key.sign(digest)
    compact = signature[:32] + bytes([signature[32] | (signature[64] - 27) << 7]) + signature[33:64]
    places = [place for place, one in enumerate(body.agents) if one == key.address]
    return Proof(
        quorum=quorum,
        signers=sum(1 << place for place in places),
        signatures=compact * len(places),
        absent=tuple(one for one in body.agents if one != key.address),
    )


def values_alone(hands: Hands, rng: random.Random) -> str | None:
    """On one signature where two are needed."""
    desk = Desk(hands, rng)
    lie = _lie(desk)
    if lie is None:
        return None
    body, digest = the_valuers(), valuation_digest(lie, desk.ledger.register)
    return _presents(hands, desk, lie, _signed_alone(hands, digest, body, body.quorum))


def values_with_a_quorum_of_its_own(hands: Hands, rng: random.Random) -> str | None:
    """A proof that says that one is enough, or one that counts itself twice."""
    desk = Desk(hands, rng)
    lie = _lie(desk)
    if lie is None:
        return None
    body, digest = the_valuers(), valuation_digest(lie, desk.ledger.register)
    proof = _signed_alone(hands, digest, body, 1)
    if rng.random() < 0.5:
        proof = replace(proof, quorum=2, signers=0b011, signatures=proof.signatures * 2, absent=body.agents[:1])
    return _presents(hands, desk, lie, proof)


def lies_on_the_board(hands: Hands, rng: random.Random) -> str | None:
    """Left where valuers leave their word, under its own name, or under another's."""
    desk = Desk(hands, rng)
    lie = _lie(desk)
    if lie is None or lie.as_of > desk.now:
        return None
    (name,) = hands.keys_like("valuer")
    key = hands.key(name)
    as_whom = rng.choice((key.address, key.address, the_valuers().agents[0]))
    word = ValuationAttestation(
        valuation=lie,
        valuers=the_valuers(),
        valuer=as_whom,
        signature=key.sign(valuation_digest(lie, desk.ledger.register)),
    )
    try:
        hands.stage.valuations.publish_valuation(word)
    except Conflict as error:
        return f"{lie.agreement_id[:12]}: {error}"
    return f"{lie.agreement_id[:12]}: exposure {lie.exposure}, as of {lie.as_of}"


# --- one agent's key


def _cash(desk: Desk, epoch: int) -> CashPayment | None:
    if not desk.agreements:
        return None
    rng = desk.rng
    return CashPayment(
        agreement_id=rng.choice(list(desk.agreements)),
        call_id=f"{rng.getrandbits(256):064x}",
        amount=rng.choice((1, 100_000, -1)),
        epoch=epoch,
    )


def counts_cash_alone(hands: Hands, rng: random.Random) -> str | None:
    """A payment that nobody made, on one agent's word."""
    desk, epoch = Desk(hands, rng), hands.stage.ledger.epoch()
    cash = _cash(desk, epoch.number)
    if cash is None:
        return None
    digest = cash_digest(cash, desk.ledger.register)
    proof = _signed_alone(hands, digest, epoch, rng.choice((1, epoch.quorum)))
    words = (
        *(bytes.fromhex(one) for one in (cash.agreement_id, cash.call_id, cash.pledge_id)),
        cash.amount,
        cash.epoch,
    )
    said = desk.present(call_data(REGISTER, "recordCash", words, packed(proof)))
    return f"{cash.amount} under {cash.agreement_id[:12]}: {said}"


def leaves_false_cash(hands: Hands, rng: random.Random) -> str | None:
    """Its word over a payment that nobody made, on the board; of a call that is being paid, if there is one."""
    desk, epoch = Desk(hands, rng), hands.stage.ledger.epoch()
    cash = _cash(desk, epoch.number)
    if cash is None:
        return None
    (name,) = hands.keys_like("agent")
    key = hands.key(name)
    signature = key.sign(cash_digest(cash, desk.ledger.register))
    hands.stage.cash_board.publish_cash(CashAttestation(cash=cash, agent=key.address, signature=signature))
    return f"{cash.amount} for call {cash.call_id[:12]} on the board"


# --- officers' keys, too early


def ends_a_pledge_early(hands: Hands, rng: random.Random) -> str | None:
    """Officer and confirmer, before the term and its grace are over, or while a debt is attested."""
    desk, live = Desk(hands, rng), Desk(hands, rng).live()
    if not live:
        return None
    name: PledgeId = rng.choice(live)
    told = []
    for who, call in (
        ("officer", ProposeLongStopCall(pledge_id=name)),
        ("confirmer", ConfirmLongStopCall(pledge_id=name)),
    ):
        if who in hands.keys:
            told.append(hands.send_data(who, desk.address, call_bytes(call)))
    return f"{name[:12]}: {'; '.join(told)}"
