"""Which payments are the collateral register's: margin, income, sales of pledged units.

A payment of margin or income has no lock: its settlement id is the digest of its terms (`signing.margin_id`). So with
the agreements and claims that the register shows, whoever sees the payment can tell what it is, whatever records were
lost.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar, cast

from lockstep.domain.cash import CashView
from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, PledgeId, Register
from lockstep.domain.collateral.register_events import Agreed, IncomeRecorded
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.margin_payment import CALL_DIGITS, IncomeClaim, MarginPayment, income_salt
from lockstep.domain.market import Market
from lockstep.domain.order import Order
from lockstep.domain.payment import CashAccount, Payment
from lockstep.ports import Book, BulkBook, CollateralLedger
from lockstep.signing import margin_call_id, margin_id

__all__ = ["RegistersOwn", "account_text", "facts_of", "payment_found", "payment_named"]


Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistersOwn:
    """What is the register's own, by its final events. Each question reads them anew: it is asked after a loss."""

    market: Market
    ledger: CollateralLedger

    def named(self, views: Iterable[CashView]) -> Mapping[SettlementId, MarginPayment]:
        """Those that pay margin or income. Raises Unavailable."""
        paid = [view for view in views if view.payment is not None]
        if not paid:
            return {}
        agreements, claims = self._shown()
        register, every, heirs = self.ledger.register, agreements.items(), self._heirs(agreements.values())
        return {
            view.settlement_id: named
            for view in paid
            if (named := payment_named(view, self.market, register, every, claims, heirs)) is not None
        }

    def _heirs(self, agreements: Iterable[Agreement]) -> Mapping[str, str]:
        """Of wallets that were succeeded, members' and parties', who acts for them, by the final block."""
        parties = {one for terms in agreements for one in (terms.giver, terms.taker)}
        wallets = {*parties, *(one.wallet for one in self.market.participants.values())}
        lines = self.ledger.lines(wallets, self.ledger.final_block())
        return {wallet: line[-1] for wallet, line in lines.items() if len(line) > 1}

    def sold(self, settlement: SettlementId, order: Order) -> PledgeId | None:
        """The pledge whose units a lock sells, finally; None: it is no sale. Raises Unavailable."""
        if order.movement.seller != self.market.network.collateral:
            return None
        sale = self.ledger.sale(settlement, self.ledger.final_block())
        return None if sale is None else sale.pledge_id

    def _shown(self) -> tuple[Mapping[AgreementId, Agreement], Sequence[IncomeClaim]]:
        final = self.ledger.final_block()
        said = [one.said for one in self.ledger.events(0, final)]
        claims = []
        for one in said:
            if isinstance(one, IncomeRecorded) and one.owed:
                pledge = self.ledger.pledge(one.pledge_id, final)
                if pledge is None:
                    raise Unavailable(f"the node tells of income on pledge {one.pledge_id}, and does not know it")
                claims.append(
                    IncomeClaim(
                        agreement_id=pledge.agreement_id,
                        pledge_id=one.pledge_id,
                        income_id=one.income_id,
                        owed=one.owed,
                    )
                )
        return {one.agreement_id: one.agreement for one in said if isinstance(one, Agreed)}, claims


def facts_of(payment: MarginPayment) -> dict[str, str]:
    """What people are told of it."""
    facts = {
        "what": "margin" if payment.pledge_id == NO_PLEDGE else "income",
        "agreement_id": payment.agreement_id,
        "call_id": margin_call_id(payment.agreement_id, payment.salt),
        "amount": str(payment.amount),
        "debtor": account_text(payment.debtor),
        "creditor": account_text(payment.creditor),
    }
    return facts if payment.pledge_id == NO_PLEDGE else facts | {"pledge_id": payment.pledge_id}


def payment_found(
    book: Book,
    salts: Sequence[str],
    begun: Callable[[int, Payment, datetime], Made],
    identifier: Callable[[Made], SettlementId],
    now: datetime,
) -> Made | None:
    """What was begun before the records were lost, by a payment that the RTGS has booked or may book yet; the latest.

    `salts` are those of the attempts, from the first; `begun` makes what would be stored of an attempt, its payment and
    when that was taken; `identifier` says which payment it has. Only one that has just that payment is returned.
    """
    if hasattr(book, "unclaimed_of"):
        lost = cast(BulkBook, book).unclaimed_of(salts)
    else:
        lost = {salt: book.unclaimed(salt) for salt in salts}
    for attempt, salt in reversed([*enumerate(salts, 1)]):
        for settlement in lost.get(salt, ()):
            view = book.cash_view(settlement)
            if view is None or view.payment is None or view.is_never:
                continue
            made = begun(attempt, view.payment, (view.decided_at or now).replace(microsecond=0))
            if identifier(made) == settlement:
                return made
    return None


def account_text(account: CashAccount) -> str:
    return f"{account.owner}/{account.number}"


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


def _wallet(market: Market, account: CashAccount, currency: str) -> str | None:
    owners = [
        one.wallet
        for one in market.participants.values()
        if account.owner == one.bic and account.number == one.accounts.get(currency)
    ]
    return owners[0] if len(owners) == 1 else None
