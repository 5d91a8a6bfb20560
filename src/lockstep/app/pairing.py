"""A run's trades in pairs: as Lockstep has each, and as the legacy book has it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from lockstep.domain.legacy import LegacyTrade
from lockstep.domain.legacy_lines import STATUSES
from lockstep.domain.market import Market
from lockstep.domain.parallel.pairs import Side, TradePair
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.trade import Trade
from lockstep.flow.ordering import payment_uetr
from lockstep.ports import BulkBook

__all__ = ["OWN_REFERENCE", "named_trades", "pairs_of"]

OWN_REFERENCE = "legacy:"
"""Before the legacy book's reference of a trade that Lockstep does not have."""


def named_trades(book: BulkBook, trades: Sequence[Trade]) -> Mapping[str, Trade]:
    """By every reference under which a book may have them: their ids, and the UETRs of their payments."""
    views = book.cash_views([one.settlement_id for one in trades if one.settlement_id is not None])
    found: dict[str, Trade] = {}
    for one in trades:
        found[one.trade_id] = one
        if one.settlement_id is not None:
            view = views.get(one.settlement_id)
            found[payment_uetr(one)] = one
            if view is not None and view.payment is not None:
                found[view.payment.uetr] = one
    return found


def pairs_of(
    lines: Iterable[Line], trades: Mapping[str, Trade], rows: Mapping[Key, LegacyTrade], market: Market
) -> Sequence[TradePair]:
    """The trades of a run, in the order of their keys. `rows` are the legacy book's, with the moments that lines bear
    only up to the day's cut-off. Trades of a security that the market does not have are left out."""
    told: dict[Key, dict[Book, Line]] = {}
    for line in lines:
        if line.key.subject is Subject.TRADE:
            told.setdefault(line.key, {}).setdefault(line.book, line)
    pairs: dict[str, TradePair] = {}
    for key in sorted(told):
        trade, row = trades.get(key.reference), rows.get(key)
        pair = None
        if trade is not None:
            pair = _ours(trade, told[key], row, market)
        elif row is not None and row.isin in market.securities:
            pair = _theirs(row, market)
        if pair is not None:  # a trade that books name in two ways is paired where the legacy book has it
            known = pairs.get(pair.reference)
            if known is None or known.legacy.status is None:
                pairs[pair.reference] = pair
    return list(pairs.values())


def _ours(trade: Trade, told: Mapping[Book, Line], row: LegacyTrade | None, market: Market) -> TradePair | None:
    terms, ours = trade.terms, _lockstep(told)
    legacy = _legacy(row) if row is not None else _of_line(told.get(Book.LEGACY))
    if ours.status is None and legacy.status is None:
        return None
    return TradePair(
        reference=trade.trade_id,
        isin=terms.isin,
        deliverer=terms.deliverer,
        receiver=terms.receiver,
        quantity=terms.quantity.units(market.securities[terms.isin].decimals),
        amount=terms.cash.amount,
        currency=terms.cash.currency,
        agreed=terms.settlement_date,
        lockstep=ours,
        legacy=legacy,
    )


def _theirs(row: LegacyTrade, market: Market) -> TradePair:
    return TradePair(
        reference=f"{OWN_REFERENCE}{row.reference}",
        isin=row.isin,
        deliverer=row.deliverer,
        receiver=row.receiver,
        quantity=row.quantity.units(market.securities[row.isin].decimals),
        amount=row.cash.amount,
        currency=row.cash.currency,
        agreed=row.settlement_date,
        lockstep=Side(),
        legacy=_legacy(row),
    )


def _lockstep(told: Mapping[Book, Line]) -> Side:
    """Settled once the chain says so in a final block, as the units go last; else as the service has it."""
    chain, service = told.get(Book.CHAIN), told.get(Book.SERVICE)
    if chain is not None and (service is None or chain.status is LineStatus.SETTLED):
        return _of_line(chain)
    return _of_line(service)


def _of_line(line: Line | None) -> Side:
    if line is None or line.status is None:
        return Side()
    if line.status is LineStatus.SETTLED:
        return Side(status=line.status, settled_at=line.at) if line.at is not None else Side()
    ended = line.at.astimezone(UTC).date() if line.status is LineStatus.ENDED and line.at is not None else None
    return Side(status=line.status, ended_on=ended)


def _legacy(row: LegacyTrade) -> Side:
    return Side(status=STATUSES[row.status], settled_at=row.settled_at)
