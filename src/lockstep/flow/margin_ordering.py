"""From a margin call to what is paid for it: the pacs.009, computed, never stored. Sent again it is the same to the
byte."""

from lockstep.domain.identifiers import SettlementId, derive_message_id, derive_uetr
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_payment import MarginPayment
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.payment import Payment
from lockstep.ports import CashBody

__all__ = ["payment_message"]


def payment_message(
    case: MarginCase, payment: MarginPayment, identifier: SettlementId, market: Market
) -> Message[CashBody]:
    """The earmarked payment of a call's present attempt; `identifier` is its `signing.margin_id`."""
    assert case.pay_by is not None
    body = Payment(
        uetr=derive_uetr(identifier, 1),
        instruction_id=derive_message_id(market.service, identifier, "instruction"),
        end_to_end_id=case.reference,
        amount=payment.amount,
        settlement_date=case.pay_by.date(),
        debtor=payment.debtor,
        creditor=payment.creditor,
        settlement_id=identifier,
        salt=payment.salt,
        pay_by=case.pay_by,
    )
    return Message(
        sender=market.service,
        receiver=market.rtgs,
        message_id=derive_message_id(market.service, identifier, "pacs.009"),
        created=case.intents["cash"],
        body=body,
    )
