"""The service's book, as of a journal number: trades, positions, and the mirror of what the RTGS said.

The service keeps no accounts. Its positions are what the market was founded with and what its trades have moved since,
so a unit that came from nowhere shows. Its cash is the balance with which the RTGS opened the days that are followed,
what other business moved there, and every payment that the service has as booked: so a payment that only one of the
two knows shows, and one of another amount.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from lockstep.app.books.rtgs_book import Account
from lockstep.app.books.scope import Scope
from lockstep.app.market_file import Holding
from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import SettlementId, TradeId, Uetr, derive_uetr
from lockstep.domain.journal import JournalRow
from lockstep.domain.market import Market
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.ordering import payment_uetr
from lockstep.ports import BreakBook, BulkBook, PaymentBook

__all__ = [
    "Records",
    "References",
    "Service",
    "cash_lines",
    "journal_number_at",
    "position_lines",
    "read_service",
    "recalled",
    "registers_own",
    "trade_lines",
]

TOGETHER = 500
LONGEST_END = timedelta(days=7)
"""A trade that was to settle longer ago is looked up only where a ledger shows it in the run's days."""
_STATES = {one.value.lower(): one for one in TradeState}
_STATUS = {
    TradeState.SETTLED: LineStatus.SETTLED,
    TradeState.CANCELLED: LineStatus.ENDED,
    TradeState.RELEASED: LineStatus.ENDED,
}


class Records(BreakBook, BulkBook, PaymentBook, Protocol):
    """The service's records, whole; `store.SqlBook` is one."""

    def journal(self, subject: str | None = None, after: int = 0, limit: int | None = None) -> Sequence[JournalRow]:
        """In order, those with a number above `after`; at most `limit`."""

    def journal_size(self) -> int:
        """The newest entry's number; 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a trade stood by a journal number, and which entry says so."""

    state: TradeState
    at: datetime | None
    """When the service had it so; None where its records are from a rebuild, which came later."""
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service's records as a run needs them."""

    number: int
    """The newest entry of the journal that counts."""
    trades: tuple[Trade, ...]
    """Those that were matched by then."""
    told: Mapping[TradeId, Told]
    """How each of them stood then, by trade id; of one that ended long before the run it is not looked up."""
    views: Mapping[SettlementId, CashView]
    """What the mirror has of their payments."""
    sales: frozenset[SettlementId]
    """Settlements of the collateral register's sales: no trades."""


class References:
    """How a settlement is called in every book: the UETR of its payment, as the service has it, as the RTGS told, or as
    it derives from the settlement; a trade that has no settlement yet by its own id."""

    def __init__(self, service: Service, told: Mapping[SettlementId, Uetr]) -> None:
        self._known: dict[SettlementId, Uetr] = dict(told)
        for trade in service.trades:
            if trade.settlement_id is not None:
                view = service.views.get(trade.settlement_id)
                paid = view.payment.uetr if view is not None and view.payment is not None else None
                self._known[trade.settlement_id] = paid or payment_uetr(trade)

    def of(self, settlement: SettlementId) -> Key:
        return Key.trade(self._known.get(settlement) or derive_uetr(settlement, 1))

    def of_trade(self, trade: Trade) -> Key:
        return Key.trade(trade.trade_id) if trade.settlement_id is None else self.of(trade.settlement_id)


def journal_number_at(book: Records, at: datetime) -> int:
    """The newest entry that is not younger than a moment; 0 where there is none. A few entries are looked at."""
    low, high = 0, 1
    while _row(book, high) is not None:
        low, high = high, 2 * high
    while low + 1 < high:  # `low` is there, or 0; `high` is not
        middle = (low + high) // 2
        low, high = (low, middle) if _row(book, middle) is None else (middle, high)
    newest, low = low, 0
    last = _row(book, newest)
    if last is None or last.entry.at <= at:
        return newest
    while low + 1 < newest:
        middle = (low + newest) // 2
        row = _row(book, middle)
        low, newest = (middle, newest) if row is not None and row.entry.at <= at else (low, middle)
    return low


def _row(book: Records, number: int) -> JournalRow | None:
    found = book.journal(None, number - 1, 1) if number > 0 else ()
    return found[0] if found else None


def read_service(book: Records, scope: Scope) -> Service:
    """As of the newest entry of the run's moment."""
    number = journal_number_at(book, scope.at)
    trades = tuple(one for one in book.trades() if one.matched_at <= scope.at)
    ids = [one.settlement_id for one in trades if one.settlement_id is not None]
    views: dict[SettlementId, CashView] = {}
    for start in range(0, len(ids), TOGETHER):
        views.update(book.cash_views(ids[start : start + TOGETHER]))
    recent = scope.first - LONGEST_END
    told = {
        one.trade_id: said
        for one in trades
        if not one.state.is_end or one.terms.settlement_date >= recent
        if (said := _told(book.journal(one.trade_id), number)) is not None
    }
    sales = frozenset(SettlementId(one.name) for one in book.register_payments() if one.order is not None)
    return Service(number=number, trades=trades, told=told, views=views, sales=sales)


def recalled(book: Records, service: Service, shown: Collection[SettlementId]) -> Service:
    """With the states, too, of trades that a ledger shows in the run's days, however long ago they were due."""
    more = {
        one.trade_id: said
        for one in service.trades
        if one.settlement_id in shown
        and one.trade_id not in service.told
        and (said := _told(book.journal(one.trade_id), service.number)) is not None
    }
    return replace(service, told={**service.told, **more})


def _told(rows: Iterable[JournalRow], number: int) -> Told | None:
    said = None
    for row in rows:
        if row.number > number:
            break
        entry, rebuilt = row.entry, row.entry.kind == "rebuilt"
        kind = entry.facts.get("state", "").lower() if rebuilt else entry.kind
        if kind in _STATES:
            at = None if rebuilt else entry.at
            said = Told(state=_STATES[kind], at=at, origin=f"journal {row.number}")
    return said


def registers_own(book: Records, service: Service, shown: Iterable[SettlementId]) -> frozenset[SettlementId]:
    """Of the settlements that the RTGS shows those that the service paid for the collateral register: it knows them,
    they are no trade's, and none is of a trade whose records were lost."""
    trades = {one.settlement_id for one in service.trades}
    others = sorted({*shown} - trades - service.sales)
    known: set[SettlementId] = set()
    for start in range(0, len(others), TOGETHER):
        known.update(book.cash_views(others[start : start + TOGETHER]))
    lost = {one.settlement_id for one in book.all_unclaimed()} if known else set()
    return service.sales | frozenset(known - lost)


def trade_lines(service: Service, market: Market, references: References) -> tuple[Line, ...]:
    """A line for each trade whose state is known as of the run; what ended long before is none of its business.

    The amount is what was agreed, so that a payment of another one shows though the mirror follows the RTGS in it; a
    mirror that is off by itself shows in `cash_lines`.
    """
    return tuple(
        _trade_line(one, service, market, references) for one in service.trades if one.trade_id in service.told
    )


def _trade_line(trade: Trade, service: Service, market: Market, references: References) -> Line:
    said, terms = service.told[trade.trade_id], trade.terms
    status = _STATUS.get(said.state, LineStatus.OPEN)
    view = None if trade.settlement_id is None else service.views.get(trade.settlement_id)
    booked = None if view is None else view.booked_at
    at = None if status is LineStatus.OPEN else said.at or booked
    settled = booked or at if status is LineStatus.SETTLED else None
    return Line(
        book=Book.SERVICE,
        key=references.of_trade(trade),
        quantity=terms.quantity.units(market.securities[terms.isin].decimals),
        amount=terms.cash.amount,
        instrument=terms.isin,
        currency=terms.cash.currency,
        deliverer=terms.deliverer,
        receiver=terms.receiver,
        status=status,
        day=terms.settlement_date if settled is None else settled.astimezone(UTC).date(),
        at=at,
        origin=said.origin,
    )


def position_lines(
    service: Service, market: Market, opening: Sequence[Holding], register_moves: Mapping[Key, int]
) -> tuple[Line, ...]:
    """What the market was founded with, what trades have moved since, and what the collateral register moved."""
    owners = {one.bic: one.lei for one in market.participants.values()}
    held: Counter[Key] = Counter(register_moves)
    for one in opening:
        held[Key.position(owners[one.participant], one.isin)] += one.units
    for trade in service.trades:
        said = service.told.get(trade.trade_id)
        if (trade.state if said is None else said.state) is TradeState.SETTLED:
            terms = trade.terms
            units = terms.quantity.units(market.securities[terms.isin].decimals)
            held[Key.position(terms.deliverer, terms.isin)] -= units
            held[Key.position(terms.receiver, terms.isin)] += units
    return tuple(
        Line(book=Book.SERVICE, key=key, quantity=units, origin=f"journal {service.number}")
        for key, units in sorted(held.items())
    )


def cash_lines(book: Records, accounts: Sequence[Account]) -> tuple[Line, ...]:
    """A line for each account that the RTGS told of."""
    return tuple(_cash_line(book, one) for one in accounts)


def _cash_line(book: Records, one: Account) -> Line:
    shown = {entry.settlement_id for entry in one.entries if entry.settlement_id is not None}
    ids = sorted(shown.union(book.booked(one.account, one.since, one.until)))
    moved = 0
    for start in range(0, len(ids), TOGETHER):
        views = book.cash_views(ids[start : start + TOGETHER])
        moved += sum(_moved(view, one.account, one.since, one.until) for view in views.values())
    others = sum(entry.signed for entry in one.entries if entry.settlement_id is None)
    return Line(
        book=Book.SERVICE,
        key=Key.cash(one.lei, one.currency),
        amount=one.opening + others + moved,
        origin=f"mirror of {one.account.number}: {len(ids)} payments since {one.since:%Y-%m-%d %H:%M:%S} UTC",
    )


def _moved(view: CashView, account: CashAccount, since: datetime, until: datetime) -> int:
    """What a payment has moved on an account in a time, as the mirror has it."""
    booked = view.booked_at if view.state is PaymentState.BOOKED else view.noticed_at
    if view.payment is None or booked is None or not since <= booked <= until:
        return 0
    amount = view.payment.amount.amount
    return (account == view.payment.creditor) * amount - (account == view.payment.debtor) * amount
