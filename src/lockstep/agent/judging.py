"""What an agent must see before it releases or signs: pure judgements, each refusal by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.cash import CashView
from lockstep.domain.collateral.register import Agreement
from lockstep.domain.errors import Refused
from lockstep.domain.market import Market
from lockstep.domain.order import ALONE, AssetEvent, AssetStatus, AssetView, Epoch, Order, OutcomeResult
from lockstep.domain.payment import Payment
from lockstep.signing import cash_hash, settlement_id

__all__ = ["Evidence", "judge_never_request", "judge_outcome", "judge_proceeds", "judge_release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one agent has seen of one settlement: the chain by its node, the cash by its mailbox."""

    history: Sequence[AssetEvent]
    cash: CashView
    market: Market
    """This agent's own reference data: securities, and whose wallet and accounts are whose."""
    epoch: Epoch
    """The epoch that the locked order names: its agents prove the outcome, whoever serves now."""
    agents: Sequence[str]
    """Under which addresses this agent signs, of this and of earlier epochs."""
    earlier: Sequence[Sequence[AssetEvent]] = ()
    """The histories of settlements of the same trade that were locked before this one."""
    sold_under: Agreement | None = None
    """Where the collateral register sells: the pledge's agreement, whose taker is paid, in its currency; see
    `MarginDesk.sold_under`."""


def judge_release(evidence: Evidence) -> None:
    """May the earmarked payment be released? Raises Refused: why not, or not yet.

    The lock must be final, still open, the trade's only one, in a security of the market, between the
    wallets of the banks that pay and are paid, and for exactly the payment that the RTGS holds.
    """
    _one_story(evidence)
    order = _final_order(evidence)
    _open(evidence)
    for history in evidence.earlier:
        if not any(event.name == "GivenBack" and event.final for event in history):
            other = history[-1]
            expected = "every earlier settlement of this trade given back, finally"
            raise _refused(
                evidence, "TradeOpenElsewhere", actual=f"{other.settlement_id} {other.name}", expected=expected
            )
    _same_terms(evidence, order, _payment(evidence))


def judge_never_request(evidence: Evidence, seen: AssetView, now: datetime) -> None:
    """May the RTGS be asked for the tombstone of a payment that never came? Raises Refused: why not, or not yet.

    The lock must be final and open, its last second to pay past by the agent's clock and by the chain's final block,
    and nothing known of a payment: one that came ends by itself.
    """
    _one_story(evidence)
    order, cash = _final_order(evidence), evidence.cash
    _open(evidence)
    if seen.final is not AssetStatus.LOCKED:
        raise _refused(evidence, "LockNotFinal", actual=seen.final.name, expected="LOCKED at the final block")
    if (cash.payment, cash.state, cash.noticed_at) != (None, None, None):
        raise _refused(evidence, "PaymentKnown", actual=cash.state, expected="no message about a payment")
    passed = min(int(now.timestamp()), seen.final_time)
    if passed <= order.terms.pay_by:
        raise _refused(evidence, "PayByNotPassed", actual=passed, expected=f"later than {order.terms.pay_by}")


def judge_outcome(evidence: Evidence) -> OutcomeResult | None:
    """The outcome that the RTGS's messages show, or None while they show none.

    Raises Refused for evidence that must not be signed.
    """
    _one_story(evidence)
    cash = evidence.cash
    if cash.is_booked:
        _booked_for(evidence, _final_order(evidence))
        return OutcomeResult.PAID
    if cash.is_never:
        _final_order(evidence)
        paid = [event.name for event in evidence.history if event.name in ("PaidRecorded", "Settled")]
        if paid:
            raise _refused(evidence, "EndedOtherwise", actual=paid[-1], expected="no proof of PAID on the chain")
        return OutcomeResult.NEVER
    return None


def judge_proceeds(evidence: Evidence) -> bool:
    """Whether the RTGS's messages show what a sale fetched. So may agents say who cannot prove the outcome of its lock,
    as the epoch is a later one by now. Raises Refused as `judge_outcome`.
    """
    _one_story(evidence)
    if evidence.sold_under is None or not evidence.cash.is_booked:
        return False
    _booked_for(evidence, _locked_order(evidence))
    return True


def _booked_for(evidence: Evidence, order: Order) -> None:
    cash = evidence.cash
    _same_terms(evidence, order, _payment(evidence))
    booked = max(at for at in (cash.booked_at, cash.noticed_at) if at is not None)
    if booked.timestamp() > order.terms.pay_by:
        raise _refused(evidence, "BookedLate", actual=booked.isoformat(), expected=order.terms.pay_by)


def _open(evidence: Evidence) -> None:
    ended = [event.name for event in evidence.history if event.name != "Locked"]
    if ended:
        raise _refused(evidence, "LockEnded", actual=ended[-1], expected="Locked")


def _one_story(evidence: Evidence) -> None:
    contradiction = evidence.cash.contradiction
    if contradiction is not None:
        raise _refused(evidence, "Contradiction", actual=contradiction, expected="one story")


def _payment(evidence: Evidence) -> Payment:
    if evidence.cash.payment is None:
        raise _refused(evidence, "PaymentUnknown", actual="no report", expected="a pacs.002 that shows the payment")
    return evidence.cash.payment


def _final_order(evidence: Evidence) -> Order:
    """As `_locked_order`, of an epoch that this agent is of."""
    order = _locked_order(evidence)
    if not set(evidence.agents) & set(evidence.epoch.agents):
        # Its word would prove nothing; and who cannot prove PAID must not help to bring a payment about.
        expected = f"an agent of epoch {evidence.epoch.number}"
        raise _refused(evidence, "NotInEpoch", actual=", ".join(evidence.agents), expected=expected)
    return order


def _locked_order(evidence: Evidence) -> Order:
    """The order as locked, its id computed anew: for this chain, this contract, this epoch."""
    lock = next((event for event in evidence.history if event.name == "Locked"), None)
    if lock is None or lock.order is None:
        raise _refused(evidence, "LockMissing", actual="no lock", expected="a lock on this chain and contract")
    if not lock.final:
        raise _refused(evidence, "LockNotFinal", actual=lock.block, expected=evidence.market.network.finality_depth)
    computed = settlement_id(lock.order, evidence.market.network)
    if computed != evidence.cash.settlement_id:
        raise _refused(evidence, "SettlementDiffers", actual=computed, expected=evidence.cash.settlement_id)
    if lock.order.movement.epoch != evidence.epoch.number:
        raise _refused(evidence, "WrongEpoch", actual=lock.order.movement.epoch, expected=evidence.epoch.number)
    return lock.order


def _same_terms(evidence: Evidence, order: Order, payment: Payment) -> None:
    # The cash hash is the whole order's, also in a part or as one of a group: its whole cash must not pay for those.
    pieces = (order.terms.part, order.terms.minimum_lot, order.terms.group)
    if pieces != (0, 0, ALONE):
        raise _refused(evidence, "NotWhole", actual=pieces, expected="no part, no minimum lot, no group")
    _same_parties(evidence, order, payment)
    paid = cash_hash(payment.salt, payment.amount, payment.debtor, payment.creditor)
    if paid != order.terms.cash_hash:
        raise _refused(evidence, "CashTermsDiffer", actual=paid, expected=order.terms.cash_hash)
    pay_by = int(payment.pay_by.timestamp())
    if pay_by != order.terms.pay_by:
        raise _refused(evidence, "PayByDiffers", actual=pay_by, expected=order.terms.pay_by)


def _same_parties(evidence: Evidence, order: Order, payment: Payment) -> None:
    """Both signatures on a lock prove nothing unless they are those of the banks behind the accounts."""
    market, movement, sold = evidence.market, order.movement, evidence.sold_under
    if movement.token not in {security.token for security in market.securities.values()}:
        raise _refused(evidence, "TokenUnknown", actual=movement.token, expected="a security of this market")
    for name, wallet, account in (
        ("BuyerDiffers", movement.buyer, payment.debtor),
        ("SellerDiffers", sold.taker if sold is not None else movement.seller, payment.creditor),
    ):
        owners = [
            one
            for one in market.participants.values()
            if account.owner == one.bic and account.number == one.accounts.get(payment.amount.currency)
        ]
        expected = owners[0].wallet if len(owners) == 1 else "one participant's account"
        if wallet != expected:
            raise _refused(evidence, name, actual=f"{wallet}, {account.number}", expected=expected)
    if sold is not None and payment.amount.currency != sold.currency:  # the register counts minor units of this alone
        raise _refused(evidence, "CurrencyDiffers", actual=payment.amount.currency, expected=sold.currency)


def _refused(evidence: Evidence, name: str, *, actual: object, expected: object) -> Refused:
    settlement = evidence.cash.settlement_id
    return Refused(name, {"settlement_id": settlement, "actual": actual, "expected": expected})
