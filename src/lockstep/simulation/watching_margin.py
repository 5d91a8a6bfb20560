"""Margin payments beside a running world, C4: what the payment system booked counts once on the register, and nothing
else does.

Which payment is margin, its settlement id says: the digest of an agreement, a call and all of its terms, worked out
here anew. Such payments have no lock, so I1 to I12 hear of them as of orders that belong to no settlement.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lockstep import rtgs
from lockstep.chain.audit import hash_cash
from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.margin_payment import CashAttestation
from lockstep.domain.market import Market
from lockstep.domain.payment import PaymentState
from lockstep.rtgs.register import StoredPayment
from lockstep.simulation.reading_collateral import margin_settlement
from lockstep.simulation.watching_collateral import CollateralFollower
from lockstep.testing.collateral_books import ROOT

__all__ = ["Margin", "MarginWatcher"]

BOOKED = PaymentState.BOOKED
EARLIER = timedelta(minutes=20)
"""How old the figures may be that an agent releases by, at most: its node is behind, its last look was a while ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """One margin payment, as the payment system has it, and what it says it is."""

    settlement: str
    uetr: str
    agreement: str
    call: str
    pledge: str
    """Whose income is paid; zeros for margin."""
    amount: int
    """What the taker gets; below zero if the giver does."""
    state: PaymentState
    entered_at: datetime
    booked_at: datetime | None
    pay_by: datetime
    debtor: str
    creditor: str
    currency: str
    releases: int
    """Of agents, before it was booked."""


class MarginWatcher:
    """Of one world. `follower` has looked at the chain before."""

    def __init__(self, market: Market, follower: CollateralFollower, books: Callable[[], rtgs.Facts]) -> None:
        self._market, self._follower, self._books = market, follower, books
        self._named: dict[str, tuple[str, str, str, int] | None] = {}
        """Agreement, call, pledge and amount by settlement id; None: none that was known then."""
        self._agreements = 0
        self._of: tuple[rtgs.Facts, int] | None = None
        self._apart: rtgs.Facts | None = None
        self._found: list[Margin] = []

    def apart(self) -> rtgs.Facts:
        """The books without margin payments: their money moved by orders of no settlement."""
        self._read()
        assert self._apart is not None
        return self._apart

    def payments(self) -> list[Margin]:
        """All margin payments."""
        self._read()
        return self._found

    def _read(self) -> None:
        income = sum(len(one) for one in self._follower.income.values())
        facts, known = self._books(), len(self._follower.terms) + income
        if self._of is not None and self._of[0] is facts and self._of[1] == known:
            return
        if known != self._agreements:
            self._named = {key: one for key, one in self._named.items() if one is not None}
            self._agreements = known
        for one in facts.payments:
            if one.payment.settlement_id not in self._named:
                self._named[one.payment.settlement_id] = self._name(one)
        margin = {key for key, one in self._named.items() if one is not None}
        self._of = facts, known
        if not margin & {one.payment.settlement_id for one in facts.payments}:
            self._apart, self._found = facts, []
            return
        self._apart = _without(facts, margin)
        self._found = [self._margin(facts, one) for one in facts.payments if one.payment.settlement_id in margin]

    def _name(self, stored: StoredPayment) -> tuple[str, str, str, int] | None:
        paid = stored.payment
        money, debtor, creditor = paid.amount, paid.debtor, paid.creditor
        salt, ends = paid.salt, int(paid.pay_by.timestamp())
        hashed = hash_cash(
            salt, money.currency, money.amount, debtor.owner, debtor.number, creditor.owner, creditor.number
        )
        for agreement in self._follower.terms:
            pledges = [(ROOT, money.amount), (ROOT, -money.amount)]
            pledges += [(pledge, -money.amount) for pledge in self._follower.income.get(agreement, ())]
            for pledge, amount in pledges:
                named, call = margin_settlement(self._market.network, agreement, pledge, amount, hashed, salt, ends)
                if named == paid.settlement_id:
                    return agreement, call, pledge, amount
        return None

    def _margin(self, facts: rtgs.Facts, stored: StoredPayment) -> Margin:
        paid = stored.payment
        named = self._named[paid.settlement_id]
        assert named is not None
        order = next(one for one in facts.orders if one.order.uetr == paid.uetr)
        booked = order.booked_at
        agents = {
            one.agent
            for one in facts.releases
            if one.settlement_id == paid.settlement_id and (booked is None or one.released_at <= booked)
        }
        return Margin(
            settlement=paid.settlement_id,
            uetr=paid.uetr,
            agreement=named[0],
            call=named[1],
            pledge=named[2],
            amount=named[3],
            state=stored.state,
            entered_at=order.entered_at,
            booked_at=booked,
            pay_by=paid.pay_by,
            debtor=paid.debtor.owner,
            creditor=paid.creditor.owner,
            currency=paid.amount.currency,
            releases=len(agents & set(facts.agents)),
        )

    # --- C4

    def check(self, votes: list[CashAttestation]) -> list[str]:
        """What is wrong now, in plain words."""
        return [f"C4: {one}" for one in (*self._booked_wrongly(), *self._counted_wrongly(), *_signed_twice(votes))]

    def uncounted(self) -> list[tuple[AgreementId, str]]:
        """Agreement and call of what is booked and does not count."""
        counted = self._follower.books.counted
        calls = [(one.agreement, one.call) for one in self.payments() if one.state is BOOKED]
        return [(AgreementId(agreement), call) for agreement, call in calls if (agreement, call) not in counted]

    def left(self) -> list[str]:
        """At the end, what still does not."""
        return [f"C4: call {call[:12]} is booked, and the register does not count it" for _, call in self.uncounted()]

    def _booked_wrongly(self) -> Iterator[str]:
        quorum = self._books().quorum
        of_call: defaultdict[tuple[str, str], list[Margin]] = defaultdict(list)
        for one in self.payments():
            if one.state is not BOOKED or one.booked_at is None:
                continue
            of_call[one.agreement, one.call].append(one)
            where = f"margin payment {one.settlement[:12]} of {one.amount}"
            if one.releases < quorum:
                yield f"{where} was booked on {one.releases} agents' releases, {quorum} needed"
            if one.booked_at > one.pay_by:
                yield f"{where} was booked at {one.booked_at.isoformat()}, after {one.pay_by.isoformat()}"
            yield from self._not_the_parties(where, one)
            if not self._was_due(one):
                yield f"{where} was booked, and no figures of those minutes asked for so much"
        for (_, call), several in of_call.items():
            if len(several) > 1:
                yield f"call {call[:12]} was paid {len(several)} times"

    def _not_the_parties(self, where: str, one: Margin) -> Iterator[str]:
        terms = self._follower.terms[one.agreement]
        banks = {str(each.bic): each.wallet for each in self._market.participants.values()}
        parties = (terms.giver, terms.taker) if one.amount > 0 else (terms.taker, terms.giver)
        if (banks.get(one.debtor), banks.get(one.creditor)) != parties or one.currency != terms.currency:
            yield f"{where} went from {one.debtor} to {one.creditor} in {one.currency}, under an agreement of {parties}"

    def _was_due(self, one: Margin) -> bool:
        """Whether figures that stood while it was under way, or a little before, left room for as much."""
        assert one.booked_at is not None
        if one.pledge != ROOT:
            return -one.amount <= self._follower.income[one.agreement][one.pledge]
        first, last = (one.entered_at - EARLIER).timestamp(), one.booked_at.timestamp()
        history = self._follower.history.get(one.agreement, [])
        for place, told in enumerate(history):
            until = history[place + 1].at if place + 1 < len(history) else last
            if told.at > last or until < first:
                continue
            room = told.required - told.credit
            excess = min(told.credit, told.credit + told.cover - told.required)
            if one.amount <= room if one.amount > 0 else -one.amount <= excess:
                return True
        return False

    def _counted_wrongly(self) -> Iterator[str]:
        booked = {(one.agreement, one.call): one for one in self.payments() if one.state is BOOKED}
        sales = self._follower.books.sales
        for (agreement, call), (amount, at) in self._follower.books.counted.items():
            if call in sales:
                continue
            paid = booked.get((agreement, call))
            where = f"call {call[:12]} under {agreement[:12]}"
            if paid is None or paid.booked_at is None:
                yield f"{where} counts {amount}, and no payment of it is booked"
            elif paid.amount != amount:
                yield f"{where} counts {amount}, booked are {paid.amount}"
            elif int(paid.booked_at.timestamp()) > at:
                yield f"{where} counted at {at}, before it was booked"


def _without(facts: rtgs.Facts, margin: set[str]) -> rtgs.Facts:
    uetrs = {one.payment.settlement_id: one.payment.uetr for one in facts.payments}
    names = {f"payment/{one}": f"margin/{uetrs[SettlementId(one)]}" for one in margin & uetrs.keys()}
    return replace(
        facts,
        payments=tuple(one for one in facts.payments if one.payment.settlement_id not in margin),
        postings=tuple(replace(one, reference=names.get(one.reference, one.reference)) for one in facts.postings),
        orders=tuple(
            replace(one, order=replace(one.order, settlement_id=None)) if one.order.settlement_id in margin else one
            for one in facts.orders
        ),
        tombstones=tuple(one for one in facts.tombstones if one.settlement_id not in margin),
        releases=tuple(one for one in facts.releases if one.settlement_id not in margin),
    )


def _signed_twice(votes: list[CashAttestation]) -> Iterator[str]:
    """Two stories of one call by an agent that has its key for itself."""
    stories: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    for one in votes:
        stories[one.agent, one.cash.agreement_id, one.cash.call_id].add(one.cash.amount)
    for (agent, _, call), amounts in stories.items():
        if len(amounts) > 1:
            yield f"agent {agent} signed {len(amounts)} stories of call {call[:12]}"
