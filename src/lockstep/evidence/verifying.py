"""A pack judged, link by link, by nothing but its bytes and what is trusted: no network, no node, no installation."""

from collections.abc import Sequence
from datetime import UTC, datetime

from lockstep.domain.cash import CashView
from lockstep.domain.errors import InvalidInput
from lockstep.domain.order import OutcomeResult
from lockstep.evidence import asset_leg, cash_leg, journal_leg, parties
from lockstep.evidence.asset_leg import AssetFacts
from lockstep.evidence.canonical import load
from lockstep.evidence.links import BrokenLink, Claim, Link, Verdict
from lockstep.evidence.pack import FORM, Moments, MomentsPart, Pack, seal_digest
from lockstep.evidence.trust import Trust
from lockstep.signing import recover

__all__ = ["CLOCKS_APART", "MOST_BYTES", "moments_of", "verify"]

CLOCKS_APART = 60
"""Seconds by which the clocks of chain and RTGS may differ."""

MOST_BYTES = 16 << 20
"""A pack has some 50,000; no more is read."""


def verify(data: bytes, trust: Trust) -> Verdict:
    """What a pack proves. Raises BrokenLink, with the first link that does not hold."""
    pack = _read(data)
    here, there = pack.network, trust.network
    if (here.chain_id, here.dvp) != (there.chain_id, there.dvp):
        raise BrokenLink(
            Link.NETWORK, f"{here.dvp} on chain {here.chain_id}, you trust {there.dvp} on chain {there.chain_id}"
        )
    terms = parties.judge_terms(pack)
    instructed = parties.judge_instructions(pack, terms, trust)
    order, settlement = parties.judge_order(pack, terms, trust)
    parties.judge_consent(pack, terms, order, settlement, trust)
    result = parties.judge_agents(pack, order, settlement, trust)
    messages = cash_leg.judge_messages(pack, terms, order, settlement, trust)
    view = cash_leg.judge_outcome(messages, order, result)
    facts = asset_leg.judge_chain(pack, order, settlement, result, trust)
    anchored = journal_leg.judge_journal(pack, terms.trade_id, settlement, trust)
    told = journal_leg.judge_mail(pack, instructed, messages, (terms.deliverer_reference, terms.receiver_reference))
    _in_time(facts, messages, view, result)
    moments = moments_of(facts, messages, view, result)
    if pack.moments != moments:
        raise BrokenLink(Link.MOMENTS, f"they are {pack.moments}, and follow to be {moments}")
    _sealed(pack, trust)
    return _verdict(pack, result, view, facts, moments, anchored=anchored, told=told)


def _read(data: bytes) -> Pack:
    if len(data) > MOST_BYTES:
        raise BrokenLink(Link.FORM, f"{len(data)} bytes are more than {MOST_BYTES}")
    try:
        pack = load(Pack, data, field="pack")
    except InvalidInput as error:
        raise BrokenLink(Link.FORM, str(error)) from error
    if pack.form != FORM:
        raise BrokenLink(Link.FORM, f"it is {pack.form!r}, not {FORM!r}")
    return pack


def _sealed(pack: Pack, trust: Trust) -> None:
    if pack.seal is None:
        raise BrokenLink(Link.SEAL, "nobody sealed it")
    if pack.seal.signer not in trust.seals:
        raise BrokenLink(Link.SEAL, f"it is by {pack.seal.signer}, whom you do not trust to make packs")
    try:
        signer = recover(seal_digest(pack), pack.seal.signature)
    except InvalidInput as error:
        raise BrokenLink(Link.SEAL, str(error)) from error
    if signer != pack.seal.signer:
        raise BrokenLink(Link.SEAL, f"its signature is by {signer}: something in the pack was changed")


def moments_of(
    facts: AssetFacts,
    messages: Sequence[cash_leg.CashMessage],
    view: CashView,
    result: OutcomeResult,
) -> MomentsPart:
    """The three moments of each leg, as they follow from what both ledgers said.

    Securities: the order is entered in the block that locks it, and irrevocable once that block is final; the transfer
    is final in the block that delivers. Cash: as the RTGS told of it; irrevocability and booking are one instant there.
    """
    paid = result is OutcomeResult.PAID
    entered, booked = cash_leg.reported_from(messages, view), cash_leg.booked_at(view) if paid else None
    return MomentsPart(
        securities=Moments(
            entered=_shown(facts.locked),
            irrevocable=_shown(facts.lock_final),
            final=_shown(facts.ended) if paid else None,
        ),
        cash=Moments(
            entered=entered.isoformat() if entered is not None else None,
            irrevocable=booked.isoformat() if booked is not None else None,
            final=booked.isoformat() if booked is not None else None,
        ),
    )


def _in_time(
    facts: AssetFacts, messages: Sequence[cash_leg.CashMessage], view: CashView, result: OutcomeResult
) -> None:
    """Whether the cash moved after the lock and ended before the units moved, as far as two clocks can tell.

    Nobody sends a payment before the lock, and no agent signs what the RTGS has not told.
    """
    entered = cash_leg.reported_from(messages, view)
    if entered is not None and entered.timestamp() < facts.locked - CLOCKS_APART:
        raise BrokenLink(Link.MOMENTS, f"the cash was in the RTGS at {entered.isoformat()}, before the lock")
    ended = cash_leg.booked_at(view) if result is OutcomeResult.PAID else view.decided_at
    if ended is not None and ended.timestamp() > facts.ended + CLOCKS_APART:
        raise BrokenLink(Link.MOMENTS, f"the cash ended at {ended.isoformat()}, after the units had moved")
    if result is OutcomeResult.PAID and ended is not None and ended.timestamp() < facts.lock_final - CLOCKS_APART:
        raise BrokenLink(Link.MOMENTS, f"the cash was booked at {ended.isoformat()}, before the lock was final")


def _shown(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _verdict(
    pack: Pack,
    result: OutcomeResult,
    view: CashView,
    facts: AssetFacts,
    moments: MomentsPart,
    *,
    anchored: bool,
    told: bool,
) -> Verdict:
    terms, order = pack.terms, pack.order
    paid = result is OutcomeResult.PAID
    cash = f"{terms.cash} {terms.currency}"
    proven = [
        (Link.CONSENT, f"seller and buyer signed to move {terms.quantity} {terms.isin} against {cash}"),
        (Link.LOCK, f"the units were locked at {moments.securities.entered}, by {facts.lock_transaction}"),
        (Link.QUORUM, f"{len(pack.attestations)} agents of epoch {order.epoch} signed {pack.outcome}"),
    ]
    left = []
    if paid:
        proven.append((Link.CASH_OUTCOME, f"the RTGS told that {cash} were booked at {moments.cash.final}"))
        proven.append((Link.END, f"the units were delivered at {moments.securities.final}, by {facts.end_transaction}"))
        if not facts.units_moved:
            left.append((Link.END, "to which wallet: not the order's buyer from its seller; one of them was succeeded"))
    else:
        proven.append((Link.CASH_OUTCOME, "the RTGS told that it will never be booked"))
        proven.append((Link.END, f"the units were given back at {_shown(facts.ended)}, by {facts.end_transaction}"))
        if view.payment is None:
            left.append((Link.CASH_MESSAGE, "which accounts were to be debited and credited: no payment is there"))
    (proven if len(pack.instructions) == 2 else left).append(
        (Link.INSTRUCTION, "both parties' instructions say these terms")
    )
    (proven if told else left).append(
        (Link.JOURNAL_MAIL, "the journal tells of each message" if told else "whether the journal told of each message")
    )
    root = f"the journal's root at {pack.journal.size} entries, {pack.journal.root.hex()}"
    if anchored:
        proven.append((Link.JOURNAL_ROOT, f"{root}, is one that you trust"))
    else:
        left.append((Link.JOURNAL_ROOT, f"{root}: not anchored as far as you told, it may have been made later"))
    return Verdict(
        trade_id=pack.trade_id,
        settlement_id=pack.settlement_id,
        outcome="SETTLED" if paid else "RELEASED",
        proven=tuple(Claim(link=link, text=text) for link, text in proven),
        open=tuple(Claim(link=link, text=text) for link, text in left),
    )
