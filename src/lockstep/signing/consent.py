"""What a wallet checks before it signs: that the order says exactly what its owner agreed."""

from lockstep.domain.errors import Refused
from lockstep.domain.market import Market
from lockstep.domain.order import ALONE, Order
from lockstep.domain.trade import TradeTerms
from lockstep.signing.typed_data import cash_hash

__all__ = ["check_order"]


def check_order(order: Order, terms: TradeTerms, market: Market) -> None:
    """Compares an order with the trade's terms, each part computed anew. Raises Refused, by name."""
    security = market.security(terms.isin)
    seller, buyer = market.participants[terms.deliverer], market.participants[terms.receiver]
    currency = terms.cash.currency
    expected = {
        "part": 0,
        "minimum_lot": 0,
        "group": ALONE,
        "token": security.token,
        "seller": seller.wallet,
        "buyer": buyer.wallet,
        "quantity": terms.quantity.units(security.decimals),
        "trade_id": terms.trade_id,
        "cash_hash": cash_hash(terms.salt, terms.cash, buyer.account(currency), seller.account(currency)),
        "pay_by": int(market.pay_by_on(terms.settlement_date).timestamp()),
    }
    movement, stated = order.movement, order.terms
    actual = {
        "part": stated.part,
        "minimum_lot": stated.minimum_lot,
        "group": stated.group,
        "token": movement.token,
        "seller": movement.seller,
        "buyer": movement.buyer,
        "quantity": movement.quantity,
        "trade_id": stated.trade_id,
        "cash_hash": stated.cash_hash,
        "pay_by": stated.pay_by,
    }
    for name, value in expected.items():
        if actual[name] != value:
            raise Refused("OrderDiffers", {"term": name, "actual": actual[name], "expected": value})
    if stated.lock_by > stated.pay_by:
        raise Refused("OrderDiffers", {"term": "lock_by", "actual": stated.lock_by, "expected": "≤ pay_by"})
