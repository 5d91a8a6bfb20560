"""From income or a sale to what is paid for it: the pacs.009, computed, never stored. Sent again it is the same to the
byte."""

from lockstep.domain.identifiers import SettlementId, derive_message_id, derive_uetr
from lockstep.domain.margin_payment import income_salt
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.payment import Payment
from lockstep.domain.register_payment import RegisterPayment
from lockstep.ports import CashBody

__all__ = ["register_payment_message", "salt_of"]


def salt_of(one: RegisterPayment) -> str:
    """Of its present attempt, 32 hex digits."""
    return one.salt if one.order is not None else income_salt(one.claim, one.attempt)


def register_payment_message(one: RegisterPayment, identifier: SettlementId, market: Market) -> Message[CashBody]:
    """The earmarked payment of the present attempt; `identifier` is its `margin_id`, or the settlement."""
    assert one.pay_by is not None
    body = Payment(
        uetr=derive_uetr(identifier, 1),
        instruction_id=derive_message_id(market.service, identifier, "instruction"),
        end_to_end_id=f"{'INCOME' if one.order is None else 'SALE'}-{one.name[:16]}",
        amount=one.amount,
        settlement_date=one.pay_by.date(),
        debtor=one.debtor,
        creditor=one.creditor,
        settlement_id=identifier,
        salt=salt_of(one),
        pay_by=one.pay_by,
    )
    return Message(
        sender=market.service,
        receiver=market.rtgs,
        message_id=derive_message_id(market.service, identifier, "pacs.009"),
        created=one.intents["cash"],
        body=body,
    )
