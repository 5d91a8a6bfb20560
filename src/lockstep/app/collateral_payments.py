"""Payments of income and of sales, by command: taken into the service's records, which the service then steps."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from lockstep.agent import DirectoryBoard
from lockstep.app.collateral_files import SaleOrder
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.margin import open_margining
from lockstep.app.processes import open_book, open_cash, open_ledger
from lockstep.chain.node import Node
from lockstep.domain.collateral.register import PledgeId, register_of
from lockstep.domain.errors import Misconfigured, Unavailable
from lockstep.domain.identifiers import hex32
from lockstep.domain.register_payment import RegisterPayment
from lockstep.flow.register_paying import RegisterPaying
from lockstep.ports import PaymentBook

__all__ = ["open_paying", "pay_income", "payments_shown", "shown", "take_sale"]


def open_paying(home: Home) -> RegisterPaying:
    """Payments to take down; nothing is sent. Raises Misconfigured where the market has no register, Unavailable."""
    if home.settings().rpc == EMBEDDED:
        raise Misconfigured("an embedded chain is inside its own process alone: no other can look at it")
    register_of(home.market().network)
    assets, book = open_ledger(home), open_book(home)
    if assets is None:
        raise Unavailable("no node of this installation answers")
    margining = open_margining(home, Node(home.settings().rpcs), None, book, assets, open_cash(home))
    assert margining is not None  # the market has a register
    return RegisterPaying.beside(margining, cast(PaymentBook, book), DirectoryBoard(home.attestations))


def pay_income(home: Home, pledge_id: PledgeId, income_id: str) -> Mapping[str, Any]:
    """The taker wants an income claim paid. Raises as `RegisterPaying.pay_income`."""
    return shown(open_paying(home).pay_income(pledge_id, hex32(income_id, field="income")))


def take_sale(home: Home, sale: SaleOrder) -> Mapping[str, Any]:
    """The buyer of pledged units is to pay for them. Raises as `RegisterPaying.take_sale`."""
    return shown(open_paying(home).take_sale(sale.pledge_id, sale.order, sale.cash, sale.salt))


def payments_shown(home: Home) -> Sequence[Mapping[str, Any]]:
    """All that were taken down; the ledgers need not be up."""
    return [shown(one) for one in open_book(home).register_payments()]


def shown(one: RegisterPayment) -> Mapping[str, Any]:
    """One as a person or a program reads it."""
    return {
        "payment": one.name,
        "kind": "income" if one.order is None else "sale",
        "stage": one.stage.value,
        "agreement": one.agreement_id,
        "pledge": one.pledge_id,
        "income": one.income_id or None,
        "amount": one.amount.text(),
        "currency": one.amount.currency,
        "debtor": one.debtor.owner,
        "creditor": one.creditor.owner,
        "attempt": one.attempt,
        "reason": one.reason,
    }
