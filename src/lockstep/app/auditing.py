"""Reading both ledgers and judging them by the invariants, past the service and without its help."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from lockstep import rtgs
from lockstep.app.auditing_collateral import read_collateral
from lockstep.app.founding import AGENTS, agent_bic
from lockstep.chain import audit as chain
from lockstep.chain.node import Node
from lockstep.domain.journal import JournalRow
from lockstep.domain.market import Market
from lockstep.domain.order import Attestation
from lockstep.domain.trade import TradeState, TradeTerms
from lockstep.testing import facts as oracle
from lockstep.testing.invariants import check

__all__ = ["audit", "compose", "cycle_of", "gather", "lock_of", "members_of"]

Key = TypeVar("Key", bound=str)
"""A settlement id or a trade id."""


def audit(
    node: Node,
    market: Market,
    rtgs_facts: rtgs.Facts,
    attestations: Sequence[Attestation],
    claims: Mapping[Key, TradeState],
    journal: Sequence[JournalRow],
    *,
    ended: bool,
    skew: timedelta = timedelta(),
    terms: Iterable[TradeTerms] = (),
) -> dict[str, list[str]]:
    """The violations of I1 to I12 in plain words; all twelve keys are always there.

    `claims` are the service's states by settlement id, or by trade id before there is one. `ended` says
    that nothing may be under way any more. `skew` is how far the clocks of chain and RTGS may lie apart.
    `terms` are those of all trades ever matched, of records that were lost too: they tell whether the
    same instructions settled twice.
    The chain is read now: `rtgs_facts` must be of the same moment, so nobody may act in between. Raises
    Unavailable.
    """
    facts = gather(node, market, rtgs_facts, attestations, claims, journal, ended=ended, skew=skew, terms=terms)
    return check(facts)


def gather(
    node: Node,
    market: Market,
    rtgs_facts: rtgs.Facts,
    attestations: Sequence[Attestation],
    claims: Mapping[Key, TradeState],
    journal: Sequence[JournalRow],
    *,
    ended: bool,
    skew: timedelta = timedelta(),
    terms: Iterable[TradeTerms] = (),
) -> oracle.Facts:
    """What `audit` judges."""
    tokens = [security.token for security in market.securities.values()]
    found = chain.collect(node, market.network, tokens)
    facts = compose(found, market, rtgs_facts, attestations, claims, journal, ended=ended, skew=skew, terms=terms)
    if market.network.collateral is None:
        return facts
    return replace(facts, **read_collateral(node, market, rtgs_facts))


def compose(
    found: chain.ChainFacts,
    market: Market,
    rtgs_facts: rtgs.Facts,
    attestations: Iterable[Attestation],
    claims: Mapping[Key, TradeState],
    journal: Iterable[JournalRow],
    *,
    ended: bool,
    skew: timedelta = timedelta(),
    terms: Iterable[TradeTerms] = (),
) -> oracle.Facts:
    """The facts of `gather`, from a chain that was read already."""
    return oracle.Facts(
        locks=[lock_of(one) for one in found.locks],
        cycles=[cycle_of(one) for one in found.cycles],
        moves=[_move(one) for one in found.moves],
        cancellations=[
            oracle.Cancellation(
                settlement=one.settlement,
                by=one.by,
                buyer=one.buyer,
                seller_agreed=one.seller_proof in ("caller", "key", "wallet"),
                hidden=one.seller_proof == "hidden",
            )
            for one in found.cancellations
        ],
        epochs=[
            oracle.Epoch(number=one.number, agents=frozenset(one.agents), quorum=one.quorum) for one in found.epochs
        ],
        holdings=[_holding(one) for one in found.holdings],
        supplies=found.supplies,
        transfers=[_transfer(one) for one in found.transfers],
        recoveries=[
            oracle.Recovery(token=one.token, wallet=one.wallet, transfers=one.transfers) for one in found.recoveries
        ],
        successions=[
            oracle.Succession(wallet=one.wallet, successor=one.successor, transfers=one.transfers)
            for one in found.successions
        ],
        block_times={number: _instant(seconds) for number, seconds in found.times.items()},
        finality_depth=market.network.finality_depth,
        skew=skew,
        members=members_of(market),
        accounts=[
            oracle.Account(
                number=one.number,
                currency=one.currency,
                technical=one.technical,
                posted=one.posted,
                earmarked=one.earmarked,
                owner=one.owner,
                credit_limit=one.credit_limit,
            )
            for one in rtgs_facts.accounts
        ],
        postings=[_posting(one) for one in rtgs_facts.postings],
        orders=[_order(one) for one in rtgs_facts.orders if one.order.settlement_id is None],
        payments=[_payment(one) for one in rtgs_facts.payments],
        releases=[
            oracle.Release(settlement=one.settlement_id, agent=one.agent, released_at=one.released_at)
            for one in rtgs_facts.releases
        ],
        releasers=frozenset(agent_bic(market.service, number) for number in range(1, AGENTS + 1)),
        mandates=[_mandate(one) for one in rtgs_facts.mandates],
        tombstones=frozenset(one.settlement_id for one in rtgs_facts.tombstones),
        votes=[*_votes_left(attestations, market), *_votes_presented(found.moves)],
        instructions={
            one.trade_id: ((one.deliverer, one.deliverer_reference), (one.receiver, one.receiver_reference))
            for one in terms
        },
        claims={key: state.value for key, state in claims.items()},
        journal=[_row(one) for one in journal],
        ended=ended,
    )


def members_of(market: Market) -> dict[str, oracle.Member]:
    """Who is behind each wallet, as the market's reference data has it."""
    return {
        chain.checksummed(member.wallet): oracle.Member(bank=member.bic, accounts=frozenset(member.accounts.values()))
        for member in market.participants.values()
    }


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def lock_of(one: chain.LockFact) -> oracle.Lock:
    """A lock as the oracle hears of it."""
    return oracle.Lock(
        settlement=one.settlement,
        derived=one.derived,
        trade=one.trade,
        token=one.token,
        seller=one.seller,
        buyer=one.buyer,
        quantity=one.quantity,
        epoch=one.epoch,
        nonce=one.nonce,
        cash_hash=one.cash_hash,
        pay_by=_instant(one.pay_by),
        block=one.block,
        seller_signed=one.seller_proof != "none",
        buyer_signed=one.buyer_proof != "none",
        hidden="hidden" in (one.seller_proof, one.buyer_proof),
        of_order=one.of_order,
        order_quantity=one.order_quantity,
    )


def cycle_of(one: chain.CycleFact) -> oracle.Cycle:
    """A cycle as the oracle hears of it."""
    return oracle.Cycle(
        settlement=one.settlement,
        derived=one.derived,
        parties=[
            oracle.Party(wallet=party.wallet, signed=party.proof in ("key", "wallet"), least=party.least)
            for party in one.parties
        ],
        legs=[
            oracle.Leg(
                token=leg.token,
                seller=leg.seller,
                buyer=leg.buyer,
                quantity=leg.quantity,
                terms_hash=leg.terms_hash,
            )
            for leg in one.legs
        ],
        cash_hash=one.cash_hash,
        epoch=one.epoch,
        pay_by=_instant(one.pay_by),
        block=one.block,
        hidden=any(party.proof == "hidden" for party in one.parties),
        apart=one.apart,
    )


def _move(one: chain.MoveFact) -> oracle.Move:
    return oracle.Move(
        name=one.name,
        settlement=one.settlement,
        at=_instant(one.at),
        transaction=one.transaction,
        signers=frozenset(one.signers),
        hidden=one.hidden,
        long_stop=_long_stop(one.long_stop) if one.long_stop else None,
    )


def _long_stop(one: chain.LongStopFact) -> oracle.LongStop:
    return oracle.LongStop(
        proposed_by=one.proposed_by,
        proposed_at=_instant(one.proposed_at),
        proposed_in=one.proposed_in,
        confirmed_in=one.confirmed_in,
        officer=one.officer,
        confirmed_by=one.confirmed_by,
        confirmer=one.confirmer,
    )


def _holding(one: chain.HoldingFact) -> oracle.Holding:
    return oracle.Holding(
        token=one.token,
        holder=one.holder,
        balance=one.balance,
        free=one.free,
        earmarked=one.earmarked,
        earmarked_by_dvp=one.earmarked_by_dvp,
        frozen=one.frozen,
    )


def _transfer(one: chain.TransferFact) -> oracle.Transfer:
    return oracle.Transfer(
        token=one.token, source=one.source, target=one.target, units=one.units, transaction=one.transaction
    )


def _posting(one: rtgs.Posting) -> oracle.Posting:
    kind, _, subject = one.reference.partition("/")
    return oracle.Posting(
        number=one.number,
        settlement=subject if kind == "payment" else None,
        debit=one.debit,
        credit=one.credit,
        currency=one.amount.currency,
        amount=one.amount.amount,
        booked_at=one.booked_at,
        order=subject if kind not in ("payment", "batch", "funding") else None,
    )


def _order(one: rtgs.StoredOrder) -> oracle.Order:
    return oracle.Order(
        uetr=one.order.uetr,
        state=one.state.name,
        instructing=one.instructing,
        settlement_date=one.order.settlement_date,
        mandate=one.mandate,
        debtor_account=one.order.debtor.number,
        amount=one.order.amount.amount,
    )


def _payment(one: rtgs.StoredPayment) -> oracle.Payment:
    payment = one.payment
    money, debtor, creditor = payment.amount, payment.debtor, payment.creditor
    return oracle.Payment(
        settlement=payment.settlement_id,
        uetr=payment.uetr,
        state=one.state.name,
        decided_at=one.decided_at,
        debtor=debtor.owner,
        debtor_account=debtor.number,
        creditor=creditor.owner,
        creditor_account=creditor.number,
        currency=money.currency,
        amount=money.amount,
        cash_hash=chain.hash_cash(
            payment.salt, money.currency, money.amount, debtor.owner, debtor.number, creditor.owner, creditor.number
        ),
        settlement_date=payment.settlement_date,
        instructing=one.instructing,
        mandate=one.mandate,
    )


def _mandate(one: rtgs.Mandate) -> oracle.Mandate:
    return oracle.Mandate(
        number=one.number,
        account=one.account,
        currency=one.maximum.currency,
        maximum=one.maximum.amount,
        until=one.until,
        payee=one.payee,
        instructing=one.instructing,
        given_at=one.given_at,
    )


def _votes_left(attestations: Iterable[Attestation], market: Market) -> Iterator[oracle.Vote]:
    """Signatures from boards and registers, by whom they recover to, whatever they claim."""
    for one in attestations:
        settlement, result = one.settlement_id, one.result
        agent = chain.recover_outcome(market.network, settlement, int(result), one.epoch, one.signature)
        if agent is not None:
            yield oracle.Vote(settlement=settlement, outcome=result.name, epoch=one.epoch, agent=agent)


def _votes_presented(moves: Sequence[chain.MoveFact]) -> Iterator[oracle.Vote]:
    """Signatures that were presented to the contract."""
    for move in moves:
        outcome = "PAID" if move.outcome == chain.PAID else "NEVER"
        for agent in move.signers:
            yield oracle.Vote(settlement=move.settlement, outcome=outcome, epoch=move.epoch, agent=agent)


def _row(one: JournalRow) -> oracle.Row:
    entry = one.entry
    return oracle.Row(
        number=one.number,
        at=entry.at.isoformat(),
        kind=entry.kind,
        subject=entry.subject,
        facts=dict(entry.facts),
        hash=one.hash,
    )
