"""Settlements that the ledgers have and no trade of the records: which instructions may be theirs."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import cast

from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import Side
from lockstep.domain.market import Market
from lockstep.domain.money import Money
from lockstep.domain.order import Order
from lockstep.domain.payment import CashAccount
from lockstep.flow.matching import trade_of
from lockstep.flow.naming import RegistersOwn
from lockstep.ports import AssetLedger, Book, BulkBook, StoredInstruction

__all__ = ["Lost", "lost_to"]


class Lost:
    """See `matching.LostTrades`.

    A payment names the receiver's instruction by its reference, and the deliverer's by accounts, amount and day. Of a
    lock without a payment only the security, the units and the day are known of either side; wallets are left out, as
    a bank may have another by now.
    """

    def __init__(
        self, market: Market, salts: Callable[[str], bool], views: Iterable[CashView], orders: Iterable[Order]
    ) -> None:
        """`salts`: whether one is a lost payment's; `orders`: of the lost locks without a payment."""
        self._market, self._salts = market, salts
        self._payers: set[tuple[Lei, Reference]] = set()
        self._cash: set[tuple[CashAccount, CashAccount, Money, date]] = set()
        self._shapes: set[tuple[str, int, int]] = set()
        self._trades: set[TradeId] = set()
        payers = {one.bic: lei for lei, one in market.participants.items()}
        for view in views:
            payment = view.payment
            if payment is not None and not view.is_never and payment.debtor.owner in payers:
                self._payers.add((payers[payment.debtor.owner], Reference(payment.end_to_end_id)))
                self._cash.add((payment.debtor, payment.creditor, payment.amount, payment.settlement_date))
        for order in orders:
            self._shapes.add((order.movement.token, order.movement.quantity, order.terms.pay_by))
            self._trades.add(order.terms.trade_id)

    def had(self, deliver: StoredInstruction, receive: StoredInstruction, salt: str) -> bool:
        if self._salts(salt):
            return True
        if not self._trades:
            return False
        return trade_of(deliver, receive, salt, b"", receive.received_at).trade_id in self._trades

    def may_have(self, stored: StoredInstruction) -> bool:
        instruction, market = stored.instruction, self._market
        security = market.security(instruction.isin)
        pay_by = int(market.pay_by_on(instruction.settlement_date).timestamp())
        if (security.token, instruction.quantity.units(security.decimals), pay_by) in self._shapes:
            return True
        if instruction.side is Side.RECEIVE:
            return stored.key in self._payers
        currency = instruction.cash.currency
        payer, payee = market.participants[instruction.receiver.lei], market.participants[instruction.deliverer.lei]
        accounts = payer.account_in(currency), payee.account_in(currency)
        return (*accounts, instruction.cash, instruction.settlement_date) in self._cash


def lost_to(book: Book, assets: AssetLedger, market: Market, register: RegistersOwn | None = None) -> Lost | None:
    """What is lost to these records; None: nothing. What is the register's is no trade's. Raises Unavailable."""
    unclaimed = book.all_unclaimed()
    if not unclaimed:
        return None
    ids = [one.settlement_id for one in unclaimed]
    if hasattr(book, "cash_views"):
        views = cast(BulkBook, book).cash_views(ids)
    else:
        views = {one: view for one in ids if (view := book.cash_view(one)) is not None}
    salts = {one.salt for one in unclaimed if one.salt}
    unpaid = [one for one in ids if one not in views or views[one].payment is None]
    orders = [order for one in unpaid if (order := _order(assets, one)) is not None]
    own = {} if register is None else register.named(views.values())
    of_trades = [view for one, view in views.items() if one not in own]
    return Lost(market, salts.__contains__, of_trades, orders)


def _order(assets: AssetLedger, settlement: SettlementId) -> Order | None:
    return next((event.order for event in assets.history(settlement) if event.order is not None), None)
