"""From a trade to what is signed and paid for it: the order and the payment, computed, never stored
by hand. Sent again they are the same to the byte."""

from datetime import datetime

from lockstep.domain.cash import CashView
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import Uetr, derive_message_id, derive_uetr
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.domain.payment import CancelPayment, Payment
from lockstep.domain.trade import Trade
from lockstep.ports import CashBody
from lockstep.signing import cash_hash

__all__ = ["cancel_message", "order_for", "payment_for", "payment_message", "payment_uetr"]


def order_for(trade: Trade, market: Market, *, epoch: int, nonce: int, now: int) -> Order:
    """The order of a trade's next attempt. `now` in seconds."""
    terms = trade.terms
    security = market.security(terms.isin)
    seller, buyer = market.participants[terms.deliverer], market.participants[terms.receiver]
    currency = terms.cash.currency
    pay_by = int(market.pay_by_on(terms.settlement_date).timestamp())
    return Order(
        movement=Movement(
            token=security.token,
            seller=seller.wallet,
            buyer=buyer.wallet,
            quantity=terms.quantity.units(security.decimals),
            epoch=epoch,
            nonce=nonce,
        ),
        terms=OrderTerms(
            trade_id=terms.trade_id,
            part=0,
            cash_hash=cash_hash(terms.salt, terms.cash, buyer.account(currency), seller.account(currency)),
            lock_by=min(now + market.lock_within_seconds, pay_by),
            pay_by=pay_by,
        ),
    )


def _subject(trade: Trade) -> str:
    """What the cash leg's ids derive from. After the first attempt also from a secret of the service: whoever
    spent the first ids could compute them from the chain, but not these. The salt would not do, as both parties
    know it, and the one that gains by a trade's end could spend them all.
    """
    if trade.cash_attempt == 1:
        return str(trade.settlement_id)
    return f"{trade.settlement_id}/{trade.cash_secret or trade.terms.salt}"  # a trade of an earlier version has none


def payment_uetr(trade: Trade) -> Uetr:
    """The UETR of the trade's current payment attempt."""
    return derive_uetr(_subject(trade), trade.cash_attempt)


def payment_for(trade: Trade, market: Market) -> Payment:
    """The payment of the trade's current settlement; sent again it is the same."""
    if trade.settlement_id is None:
        raise LockstepError(f"trade {trade.trade_id} has no settlement yet")
    terms = trade.terms
    seller, buyer = market.participants[terms.deliverer], market.participants[terms.receiver]
    return Payment(
        uetr=payment_uetr(trade),
        instruction_id=derive_message_id(market.service, _subject(trade), "instruction", trade.cash_attempt),
        end_to_end_id=terms.receiver_reference,
        amount=terms.cash,
        settlement_date=terms.settlement_date,
        debtor=buyer.account(terms.cash.currency),
        creditor=seller.account(terms.cash.currency),
        settlement_id=trade.settlement_id,
        salt=terms.salt,
        pay_by=market.pay_by_on(terms.settlement_date),
    )


def payment_message(trade: Trade, market: Market, decided_at: datetime) -> Message[CashBody]:
    """The pacs.009; `decided_at` is when it was first decided on, so that it repeats to the byte."""
    payment = payment_for(trade, market)
    return Message(
        sender=market.service,
        receiver=market.rtgs,
        message_id=derive_message_id(market.service, _subject(trade), "pacs.009", trade.cash_attempt),
        created=decided_at,
        body=payment,
    )


def cancel_message(
    trade: Trade, market: Market, decided_at: datetime, cash: CashView | None = None, *, again: bool = False
) -> Message[CashBody]:
    """The camt.056 for the payment that the RTGS has, or for the one that it would get.

    Sent `again` it has ids of its own, by its time: then it is answered anew.
    """
    payment = payment_for(trade, market)

    def identifier(what: str) -> str:
        subject = f"{_subject(trade)}/{int(decided_at.timestamp())}" if again else _subject(trade)
        return derive_message_id(market.service, subject, what, trade.cash_attempt)

    return Message(
        sender=market.service,
        receiver=market.rtgs,
        message_id=identifier("camt.056"),
        created=decided_at,
        body=CancelPayment(
            case_id=identifier("case"),
            uetr=cash.payment.uetr if cash is not None and cash.payment is not None else payment.uetr,
            original_message_id=derive_message_id(
                market.service, payment.settlement_id, "pacs.009", trade.cash_attempt
            ),
            original_amount=payment.amount,
            original_settlement_date=payment.settlement_date,
            settlement_id=payment.settlement_id,
            salt=payment.salt,
        ),
    )
