"""Collateral as an auditor reads it: pledges and their earmarks, and which payments of the RTGS are margin.

A payment is margin, or income, where its id is that of a call under an agreement that the register has, or of a pledge
with recorded income, between the banks that pay and are paid: which one, the id itself proves (`signing.margin_id`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lockstep import rtgs
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.holdings import holdings_at
from lockstep.chain.node import Node
from lockstep.domain.collateral.register import (
    NO_PLEDGE,
    Agreement,
    AgreementId,
    PledgeId,
    Register,
    register_of,
)
from lockstep.domain.collateral.register import Pledge as RegisteredPledge
from lockstep.domain.collateral.register_events import Agreed, CashRecorded, IncomeRecorded, Pledged, SaleStarted
from lockstep.domain.errors import InvalidInput
from lockstep.domain.margin_payment import MarginPayment
from lockstep.domain.market import Market
from lockstep.domain.payment import Payment
from lockstep.domain.values import replace
from lockstep.signing import margin_call_id, margin_id
from lockstep.testing.facts_collateral import Counted, Margin, Pledge

__all__ = ["read_collateral"]


def read_collateral(node: Node, market: Market, facts: rtgs.Facts) -> Mapping[str, Any]:
    """The fields of `testing.facts_collateral.CollateralFacts`, at the head. Raises Unavailable."""
    ledger = EvmCollateralLedger(node, register_of(market.network))
    head = ledger.head_block()
    events = ledger.events(last=head)
    opened = {one.said.agreement_id: one.said.agreement for one in events if isinstance(one.said, Agreed)}
    agreements = _between_members(opened, market, ledger, head)
    with_income = {one.said.pledge_id for one in events if isinstance(one.said, IncomeRecorded)}
    income = {name: one.agreement_id for name, one in ledger.pledges(with_income, head).items()}
    paid = (_named(one.payment, market, ledger.register, agreements, income) for one in facts.payments)
    started = {one.said.settlement_id: one.said.pledge_id for one in events if isinstance(one.said, SaleStarted)}
    of_sales = ledger.pledges(started.values(), head)
    counted = [
        Counted(
            agreement=one.said.agreement_id,
            call=one.said.call_id,
            amount=one.said.amount,
            at=datetime.fromtimestamp(node.block(one.block).timestamp, UTC),
        )
        for one in events
        if isinstance(one.said, CashRecorded)
    ]
    made = [one.said.pledge_id for one in events if isinstance(one.said, Pledged)]
    pledges = [_pledge(identifier, one) for identifier, one in ledger.pledges(made, head).items()]
    tokens = [one.token for one in market.securities.values()]
    wallets = sorted({one.wallet for one in market.participants.values()} | {one.holder for one in pledges} - {""})
    held = holdings_at(node, market.network, tokens, wallets, head)
    return {
        "margin": [one for one in paid if one is not None],
        "counted": counted,
        "sold": {sale: agreements[of_sales[pledge].agreement_id].taker for sale, pledge in started.items()},
        "pledges": pledges,
        "register_lanes": {(one.token, one.wallet): one.in_register for one in held if one.in_register},
    }


def _pledge(identifier: str, one: RegisteredPledge) -> Pledge:
    return Pledge(
        pledge=identifier,
        parent=None if one.is_root else one.parent,
        token=one.token,
        holder=one.holder if one.is_root else "",
        quantity=one.quantity,
        reused=one.reused,
        selling=one.selling,
        cap=one.reuse_cap,
    )


def _named(
    payment: Payment,
    market: Market,
    register: Register,
    agreements: Mapping[AgreementId, Agreement],
    income: Mapping[PledgeId, AgreementId],
) -> Margin | None:
    """`income`: pledges with recorded income, each with its agreement."""
    owners = {one.bic: one.wallet for one in market.participants.values()}
    debtor, creditor = owners.get(payment.debtor.owner), owners.get(payment.creditor.owner)
    for identifier, terms in _between(agreements.items(), debtor, creditor):
        for pledge in (NO_PLEDGE, *(one for one, its in income.items() if its == identifier)):
            try:
                named = MarginPayment(
                    agreement_id=identifier,
                    amount=payment.amount,
                    is_return=debtor == terms.taker,
                    pledge_id=pledge,
                    debtor=payment.debtor,
                    creditor=payment.creditor,
                    salt=payment.salt,
                    pay_by=int(payment.pay_by.timestamp()),
                )
                if margin_id(named, register) == payment.settlement_id:
                    return Margin(
                        settlement=payment.settlement_id,
                        agreement=identifier,
                        call=margin_call_id(identifier, payment.salt),
                        amount=named.signed_amount,
                        pay_by=payment.pay_by,
                    )
            except (InvalidInput, ValueError):  # more than the register can count, or a salt that is none
                continue
    return None


def _between_members(
    agreements: Mapping[AgreementId, Agreement], market: Market, ledger: EvmCollateralLedger, head: int
) -> Mapping[AgreementId, Agreement]:
    """With the members' wallets as the market has them, where a party's was succeeded, or is its successor."""
    members = [one.wallet for one in market.participants.values()]
    parties = {one for terms in agreements.values() for one in (terms.giver, terms.taker)}
    lines = ledger.lines({*members, *parties}, head)
    named = {lines[one][-1]: one for one in members}
    named = {one: one if one in members else named.get(lines[one][-1], one) for one in parties}
    return {
        identifier: replace(terms, giver=named[terms.giver], taker=named[terms.taker])
        for identifier, terms in agreements.items()
    }


def _between(
    agreements: Iterable[tuple[AgreementId, Agreement]], debtor: str | None, creditor: str | None
) -> Sequence[tuple[AgreementId, Agreement]]:
    wanted = {debtor, creditor}
    return [(identifier, terms) for identifier, terms in agreements if {terms.giver, terms.taker} == wanted]
