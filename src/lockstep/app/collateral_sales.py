"""The order by which pledged units are sold through DvP: the register sells, its buyer signs, the taker is paid."""

import hashlib
import secrets

from lockstep.app.collateral_files import SaleOrder
from lockstep.app.collateral_names import CollateralNames
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.money import Money
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.flow.register_parties import owner_of
from lockstep.ports import AssetLedger, Clock
from lockstep.signing import cash_hash

__all__ = ["offered"]

ORDER_NONCES = 2**62
"""DvP keeps the upper half of 64 bits for parts of orders."""


def offered(
    names: CollateralNames,
    assets: AssetLedger,
    clock: Clock,
    pledge: str,
    quantity: str,
    buyer: str,
    amount: str,
    previous: SettlementId | None = None,
) -> SaleOrder:
    """An order of today for a buyer to sign. The cash goes from the buyer's account to the taker's, who says so under
    the pledge's agreement; salt and nonce are new each time.

    Raises InvalidInput, also once today's last second to pay is over.
    """
    identifier, given = names.find_pledge(pledge)
    terms = names.ledger.agreement(given.agreement_id)
    register, market = names.ledger.register, names.market
    ledger = names.ledger
    taker = owner_of(ledger, market, terms.taker, ledger.final_block()) if terms is not None else None
    bidder = names.owner(names.wallet(buyer))
    if terms is None or taker is None or bidder is None:
        raise InvalidInput("buyer", buyer, "a participant, as the pledge's taker is one")
    cash = Money.parse(amount, terms.currency)
    now = clock.now()
    pay_by = market.pay_by_on(now.date())
    if now >= pay_by:
        raise InvalidInput("time", now.isoformat(), f"before {pay_by.isoformat()}, today's last second to pay")
    salt, nonce = secrets.token_hex(16), secrets.randbelow(ORDER_NONCES)
    named = hashlib.sha256(f"lockstep sale\n{register.address}\n{identifier}\n{nonce}".encode()).hexdigest()
    movement = Movement(
        token=given.token,
        seller=register.address,
        buyer=bidder.wallet,
        quantity=names.units(quantity, given.token),
        epoch=assets.epoch().number,
        nonce=nonce,
    )
    last = int(pay_by.timestamp())
    stated = OrderTerms(
        trade_id=TradeId(named),
        part=0,
        cash_hash=cash_hash(salt, cash, bidder.account(cash.currency), taker.account(cash.currency)),
        lock_by=min(int(now.timestamp()) + market.lock_within_seconds, last),
        pay_by=last,
    )
    return SaleOrder(
        pledge_id=identifier,
        order=Order(movement=movement, terms=stated),
        cash=cash,
        salt=salt,
        previous=previous,
    )
