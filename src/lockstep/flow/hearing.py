"""What the RTGS's mail makes of the mirror: a page of it is one change, with its cursor and its journal entries."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.payment import PaymentReport
from lockstep.domain.statement import Statement
from lockstep.domain.trade import Trade
from lockstep.flow.mirroring import fold, missing_in, said_by, settlement_of
from lockstep.flow.recovering import payer_of, unclaimed_by
from lockstep.ports import Book, BulkBook, CashBody, Change, StoredInstruction, Unclaimed, Unreadable

__all__ = ["Mail", "heard", "pages"]

Mail = Sequence[tuple[int, Message[CashBody] | Unreadable]]
"""Messages by sequence number, ascending."""


def pages(mail: Mail) -> Iterator[Mail]:
    """What can be heard in one change each: a statement is compared with what is stored, so it stands alone."""
    start = 0
    for place, (_, item) in enumerate(mail):
        if not isinstance(item, Unreadable) and isinstance(item.body, Statement):
            if start < place:
                yield mail[start:place]
            yield mail[place : place + 1]
            start = place + 1
    if start < len(mail):
        yield mail[start:]


def heard(book: Book, market: Market, mail: Mail, now: datetime) -> Change:
    """The change that a page makes: each view as the last message leaves it, each message in the journal."""
    page = _Page(book=book, market=market, now=now)
    page.read_ahead([item for _, item in mail if not isinstance(item, Unreadable)])
    for sequence, item in mail:
        page.take(sequence, item)
    return Change(
        entries=tuple(page.entries),
        cash=tuple(page.views[one] for one in page.changed),
        cash_cursor=mail[-1][0] if mail else None,
        unclaimed=tuple(page.unclaimed),
    )


@dataclass(slots=True, kw_only=True)
class _Page:
    book: Book
    market: Market
    now: datetime
    views: dict[SettlementId, CashView] = field(default_factory=dict)
    """As they are after the messages that were taken."""
    changed: dict[SettlementId, None] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    unclaimed: list[Unclaimed] = field(default_factory=list)
    _asked: Collection[SettlementId] = ()
    """What is not among `views`, though it was asked for, has no view."""
    _instructions: Mapping[tuple[Lei, Reference], StoredInstruction] = field(default_factory=dict)
    _trades: Mapping[TradeId, Trade] = field(default_factory=dict)

    def read_ahead(self, messages: Sequence[Message[CashBody]]) -> None:
        """All that the page speaks of, where the book can give many at once."""
        if not hasattr(self.book, "cash_views"):
            return
        book = cast(BulkBook, self.book)
        said = [one for message in messages for one in said_by(message.body)]
        self._asked = dict.fromkeys(map(settlement_of, said))
        self.views.update(book.cash_views(self._asked))
        new = [one.payment for one in said if isinstance(one, PaymentReport) and settlement_of(one) not in self.views]
        named = {key for payment in new if (key := payer_of(payment, self.market)) is not None}
        self._instructions = book.instructions_of(sorted(named))
        ids = {stored.trade_id for stored in self._instructions.values() if stored.trade_id is not None}
        self._trades = book.trades_of(sorted(ids))

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None:
        return self._instructions.get((owner, reference)) or self.book.instruction(owner, reference)

    def trade(self, trade_id: TradeId) -> Trade | None:
        return self._trades.get(trade_id) or self.book.trade(trade_id)

    def take(self, sequence: int, item: Message[CashBody] | Unreadable) -> None:
        if isinstance(item, Unreadable):
            self._note("unreadable", "mail", {"sequence": str(sequence), "rule": str(item.error)})
            return
        for said in said_by(item.body):
            settlement = settlement_of(said)
            before = self._view(settlement)
            if isinstance(item.body, Statement) and before is None:
                continue  # of a settlement that is not ours
            after = self.views[settlement] = fold(before, said)
            if after != before:
                self.changed[settlement] = None
            elif isinstance(item.body, Statement):
                continue  # it repeats what was heard: asked for again and again, it is no news
            if before is None and (one := unclaimed_by(self, self.market, said, self.now)) is not None:
                self.unclaimed.append(one)
            facts = {
                "message": type(item.body).__name__,
                "message_id": item.message_id,
                "state": after.state.value if after.state else "",
            }
            self._note("heard", settlement, facts)
            if after.contradiction is not None and (before is None or before.contradiction is None):
                facts = {"message_id": item.message_id, "rule": "one story", "actual": after.contradiction}
                self._note("break", settlement, facts)
        if isinstance(item.body, Statement):
            self._breaks(item.body)

    def _breaks(self, statement: Statement) -> None:
        """What is booked as far as we know, and the statement does not show: people decide."""
        if hasattr(self.book, "booked"):
            book = cast(BulkBook, self.book)
            known = book.cash_views(book.booked(statement.account, statement.since, statement.until))
            views = list(known.values())
        else:
            settlements = [trade.settlement_id for trade in self.book.trades() if trade.settlement_id is not None]
            views = [view for one in settlements if (view := self.book.cash_view(one)) is not None]
        account = f"{statement.account.owner}/{statement.account.number}"
        facts = {"statement": statement.statement_id, "account": account, "rule": "shows every booked payment"}
        for view in missing_in(statement, views):
            self._note("break", view.settlement_id, facts)

    def _view(self, settlement: SettlementId) -> CashView | None:
        known = self.views.get(settlement)
        return known if known is not None or settlement in self._asked else self.book.cash_view(settlement)

    def _note(self, kind: str, subject: str, facts: Mapping[str, str]) -> None:
        self.entries.append(Entry(at=self.now, kind=kind, subject=subject, facts=facts))
