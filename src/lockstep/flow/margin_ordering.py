"""From a margin call to what is paid for it: the payment and its pacs.009, computed, never stored. Sent again it is the
same to the byte."""

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, SettlementId, derive_message_id, derive_uetr
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_payment import MarginPayment, margin_salt
from lockstep.domain.market import Market, Participant
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import Payment
from lockstep.ports import CashBody

__all__ = ["member_of", "payment_message", "payment_of"]


def member_of(market: Market, bic: Bic) -> Participant:
    """Raises InvalidInput where it is not one participant's."""
    found = [one for one in market.participants.values() if one.bic == bic]
    if len(found) != 1:
        raise InvalidInput("party", bic, "the BIC of one participant")
    return found[0]


def payment_of(case: MarginCase, market: Market) -> MarginPayment:
    """What is paid by a call's present attempt, which there must be."""
    assert case.pay_by is not None
    money = Money(currency=case.call.amount.currency, amount=case.paying)
    return MarginPayment(
        agreement_id=case.agreement_id,
        amount=money,
        is_return=case.is_return,
        debtor=member_of(market, case.call.called).account(money.currency),
        creditor=member_of(market, case.call.caller).account(money.currency),
        salt=margin_salt(case.agreement_id, case.reference, case.attempt),
        pay_by=int(case.pay_by.timestamp()),
    )


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
