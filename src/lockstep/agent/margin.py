"""What an agent must see before it releases a margin payment or signs that it was booked: pure judgements.

A margin payment has no lock. It names itself (`signing.margin_id`), and what stands behind it is on the collateral
register: an agreement that both wallets signed, and figures that its valuers signed. The service alone can neither make
a payment that no agreement allows, nor one of more than the valuers say is due.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from lockstep.domain.cash import CashView
from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, Register, State
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.margin_payment import CALL_DIGITS, IncomeClaim, MarginPayment, income_salt
from lockstep.domain.market import Market
from lockstep.domain.order import Epoch
from lockstep.domain.payment import CashAccount
from lockstep.signing import margin_id

__all__ = ["MarginEvidence", "judge_margin_booking", "judge_margin_release", "payment_named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginEvidence:
    """What one agent has seen of one margin payment. Figures are the register's at the final block."""

    cash: CashView
    payment: MarginPayment
    """What the payment's id says it is: see `payment_named`."""
    terms: Agreement
    state: State
    cover: int
    """What the collateral is worth by the latest valuation, cash aside."""
    final_time: int
    """Of the final block, seconds."""
    is_counted: bool
    """The register counts a payment of this call already, finally or not."""
    under_way: int
    """Minor units that this agent let go, or the RTGS tells as booked, the same way under the agreement, and that do
    not count yet; without this."""
    others: Sequence[str]
    """Other payments of the same call that this agent released, and that may yet be booked: their ids."""
    booked_besides: Sequence[str]
    """Other payments of the same call that the RTGS tells as booked."""
    epoch: Epoch
    """DvP's present one: the register takes no other's word."""
    agents: Sequence[str]
    """Under which addresses this agent signs."""
    claim: IncomeClaim | None = None
    """Of income: what is paid, as it was recorded finally."""
    owed: int = 0
    """Of income: what the pledge's taker owes still, of this and other claims."""


def payment_named(
    view: CashView,
    market: Market,
    register: Register,
    agreements: Iterable[tuple[AgreementId, Agreement]],
    claims: Collection[IncomeClaim] = (),
    heirs: Mapping[str, str] = MappingProxyType({}),
) -> MarginPayment | None:
    """The payment of margin, or of income of one of these claims, that a payment's id says it is. None: it is none that
    these agreements and claims know.

    Parties and currency are an agreement's for life; of a wallet that has one its heir, by `heirs`, stands behind it.
    Another amount, account, pledge or last second is another id.
    """
    paid = view.payment
    if paid is None or paid.settlement_id != view.settlement_id:
        return None
    currency = paid.amount.currency
    owners = [_wallet(market, account, currency) for account in (paid.debtor, paid.creditor)]
    pays, gets = (one and heirs.get(one, one) for one in owners)
    if pays is None or gets is None:
        return None
    for identifier, terms in agreements:
        giver, taker = (heirs.get(one, one) for one in (terms.giver, terms.taker))
        if terms.currency != currency or (pays, gets) not in ((giver, taker), (taker, giver)):
            continue
        is_return = pays == taker
        own = [one for one in claims if one.agreement_id == identifier] if is_return else []
        pledges = [one.pledge_id for one in own if income_salt(one, 1)[:CALL_DIGITS] == paid.salt[:CALL_DIGITS]]
        for pledge in (NO_PLEDGE, *pledges):
            try:
                named = MarginPayment(
                    agreement_id=identifier,
                    amount=paid.amount,
                    is_return=is_return,
                    pledge_id=pledge,
                    debtor=paid.debtor,
                    creditor=paid.creditor,
                    salt=paid.salt,
                    pay_by=int(paid.pay_by.timestamp()),
                )
                if margin_id(named, register) == view.settlement_id:
                    return named
            except (InvalidInput, ValueError):  # more than the register can count, or a salt that is none
                continue
    return None


def judge_margin_release(evidence: MarginEvidence, now: datetime) -> None:
    """May the earmarked payment be released? Raises Refused: why not, or not yet.

    It must be in time, its call not paid, and no more than what the valuers' latest figures, not too old, say: what
    is given never raises the cash above what is required; what is returned leaves what is required covered. Income is
    paid whole, as it was recorded, and no more than is owed: of that the valuers' figures say nothing.
    """
    _one_story(evidence)
    _serving(evidence)
    payment, state, amount = evidence.payment, evidence.state, evidence.payment.amount.amount
    if evidence.is_counted:
        raise _refused(evidence, "CallCounted", actual="counted by the register", expected="a call not paid yet")
    for other in (*evidence.others, *evidence.booked_besides):
        raise _refused(evidence, "CallPaidElsewhere", actual=other, expected="one payment of a call")
    if max(int(now.timestamp()), evidence.final_time) > payment.pay_by:
        raise _refused(evidence, "PayByPassed", actual="later", expected=payment.pay_by)
    if payment.pledge_id != NO_PLEDGE:
        _judge_income(evidence)
        return
    oldest = evidence.terms.max_age_seconds
    if not state.fresh(oldest, evidence.final_time):
        raise _refused(evidence, "StaleValuation", actual=state.valued_at, expected=f"at most {oldest} seconds old")
    if not payment.is_return:
        most = max(0, state.required - state.credit - evidence.under_way)
        if amount > most:
            raise _refused(evidence, "ExceedsRequired", actual=amount, expected=f"at most {most}")
        return
    if state.in_default:
        raise _refused(evidence, "InDefault", actual=state.enforce_from, expected="no default declared")
    excess = state.credit + evidence.cover - state.required
    most = max(0, min(state.credit, excess) - evidence.under_way)
    if amount > most:
        raise _refused(evidence, "ExceedsExcess", actual=amount, expected=f"at most {most}")


def _judge_income(evidence: MarginEvidence) -> None:
    claim, amount = evidence.claim, evidence.payment.amount.amount
    if claim is None or amount != claim.owed:
        recorded = "nothing" if claim is None else claim.owed
        raise _refused(evidence, "IncomeDiffers", actual=amount, expected=f"{recorded}, as it was recorded")
    most = max(0, evidence.owed - evidence.under_way)
    if amount > most:
        raise _refused(evidence, "ExceedsIncome", actual=amount, expected=f"at most {most}")


def judge_margin_booking(evidence: MarginEvidence) -> bool:
    """Whether the RTGS's messages show it booked, both of them. Raises Refused for what must not be signed.

    The valuers' figures matter no more: the money has moved, and is to count.
    """
    _one_story(evidence)
    cash = evidence.cash
    if not cash.is_booked:
        return False
    _serving(evidence)
    for other in evidence.booked_besides:  # which of them counts, people decide
        raise _refused(evidence, "CallPaidTwice", actual=other, expected="one payment of a call")
    booked = max(at for at in (cash.booked_at, cash.noticed_at) if at is not None)
    if booked.timestamp() > evidence.payment.pay_by:
        raise _refused(evidence, "BookedLate", actual=booked.isoformat(), expected=evidence.payment.pay_by)
    return True


def _one_story(evidence: MarginEvidence) -> None:
    contradiction = evidence.cash.contradiction
    if contradiction is not None:
        raise _refused(evidence, "Contradiction", actual=contradiction, expected="one story")


def _serving(evidence: MarginEvidence) -> None:
    """Who cannot prove that it was booked must not help to bring a payment about."""
    if not set(evidence.agents) & set(evidence.epoch.agents):
        expected = f"an agent of epoch {evidence.epoch.number}"
        raise _refused(evidence, "NotInEpoch", actual=", ".join(evidence.agents), expected=expected)


def _wallet(market: Market, account: CashAccount, currency: str) -> str | None:
    owners = [
        one.wallet
        for one in market.participants.values()
        if account.owner == one.bic and account.number == one.accounts.get(currency)
    ]
    return owners[0] if len(owners) == 1 else None


def _refused(evidence: MarginEvidence, name: str, *, actual: object, expected: object) -> Refused:
    details = {"settlement_id": evidence.cash.settlement_id, "agreement_id": evidence.payment.agreement_id}
    return Refused(name, {**details, "actual": actual, "expected": expected})
