"""One pass of the settlement service: hear the cash side, match, move every open trade one step."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict, LeaseLost, LockstepError, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.journal import Entry
from lockstep.domain.message import Message
from lockstep.domain.statement import Statement
from lockstep.flow.halting import tell
from lockstep.flow.matching import match
from lockstep.flow.mirroring import fold, missing_in, said_by, settlement_of
from lockstep.flow.stepping import Settler
from lockstep.ports import CashBody, Change, Mailbox, PartyBody, Unreadable

__all__ = ["Engine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The service's loop body. Whoever calls it decides when; nothing here waits or sleeps."""

    settler: Settler
    mailbox: Mailbox
    salt_key: bytes
    """Secret, at least 16 bytes, kept apart from the database: see `matching`."""
    keep: Callable[[], None] = lambda: None
    """Called before each piece of a pass: where a worker keeps its lease. See `working`."""

    def run_once(self) -> bool:
        """One pass. True if anything moved. What fails holds up only its own trade.

        Raises LeaseLost where another worker has taken over: the pass is not this one's to finish.
        """
        moved = self._hear_cash()
        settler = self.settler
        step = settler.deliver_paid if self._is_halted() else settler.advance
        for change in match(settler.book.waiting(), settler.market, self.salt_key, settler.clock.now()):
            moved = True
            try:
                settler.book.commit(change)
            except Conflict:  # one of the two was cancelled meanwhile: the next pass matches anew
                continue
        for trade in settler.book.open_trades():
            self.keep()
            try:
                moved |= step(trade)
            except Unavailable:
                continue
            except Conflict:  # a cancellation came in meanwhile: the next pass reads it anew
                moved = True
            except LeaseLost:
                raise
            except LockstepError as error:  # this trade is for people; the others go on
                moved |= settler.set_apart(trade, error)
        for message in settler.book.undelivered():
            self.keep()
            moved |= self._deliver(message)
        return moved

    def _is_halted(self) -> bool:
        """Whether final blocks were replaced and people have not accepted it yet. They are told, once."""
        halts = self.settler.assets.halts()
        tell(self.settler.book, halts, self.settler.clock.now())
        return bool(halts)

    def _deliver(self, message: Message[PartyBody]) -> bool:
        """One message to its receiver. One that cannot be written is noted once; the others go out."""
        book = self.settler.book
        try:
            self.mailbox.deliver(message)
        except LockstepError as error:
            facts = {"receiver": message.receiver, "rule": str(error)}
            return self._note_once(message.message_id, "undeliverable", facts)
        book.commit(Change(delivered=(message.message_id,)))
        return True

    def _note_once(self, subject: str, kind: str, facts: dict[str, str]) -> bool:
        """A journal entry, unless the subject's last one says the same."""
        book = self.settler.book
        told = book.journal(subject)
        if told and told[-1].entry.facts == facts:
            return False
        book.commit(Change(entries=(Entry(at=self.settler.clock.now(), kind=kind, subject=subject, facts=facts),)))
        return True

    def _hear_cash(self) -> bool:
        """Folds new mail of the RTGS into the mirror; cursor, mirror and journal are one commit."""
        book = self.settler.book
        try:
            mail = self.settler.cash.receive(book.cash_cursor())
        except Unavailable:
            return False
        except LockstepError as error:  # a key or an answer that is wrong: shown once, tried again
            return self._note_once("mailbox", "mail unreadable", {"rule": str(error)})
        for sequence, item in mail:
            self.keep()
            book.commit(self._heard(sequence, item))
        return bool(mail)

    def _heard(self, sequence: int, item: Message[CashBody] | Unreadable) -> Change:
        now = self.settler.clock.now()
        if isinstance(item, Unreadable):
            facts = {"sequence": str(sequence), "rule": str(item.error)}
            return Change(
                entries=(Entry(at=now, kind="unreadable", subject="mail", facts=facts),), cash_cursor=sequence
            )
        views: dict[SettlementId, CashView] = {}
        entries: list[Entry] = []
        changed: dict[SettlementId, CashView] = {}
        for said in said_by(item.body):
            settlement = settlement_of(said)
            before = views.get(settlement) or self.settler.book.cash_view(settlement)
            if isinstance(item.body, Statement) and before is None:
                continue  # of a settlement that is not ours
            after = views[settlement] = fold(before, said)
            if after != before:
                changed[settlement] = after
            facts = {
                "message": type(item.body).__name__,
                "message_id": item.message_id,
                "state": after.state.value if after.state else "",
            }
            entries.append(Entry(at=now, kind="heard", subject=settlement, facts=facts))
            if after.contradiction is not None and (before is None or before.contradiction is None):
                facts = {"message_id": item.message_id, "rule": "one story", "actual": after.contradiction}
                entries.append(Entry(at=now, kind="break", subject=settlement, facts=facts))
        if isinstance(item.body, Statement):
            entries.extend(self._breaks(item.body, now))
        return Change(entries=tuple(entries), cash=tuple(changed.values()), cash_cursor=sequence)

    def _breaks(self, statement: Statement, now: datetime) -> list[Entry]:
        """What is booked as far as we know, and the statement does not show: people decide."""
        book = self.settler.book
        settlements = [trade.settlement_id for trade in book.trades() if trade.settlement_id is not None]
        views = [view for one in settlements if (view := book.cash_view(one)) is not None]
        account = f"{statement.account.owner}/{statement.account.number}"
        facts = {"statement": statement.statement_id, "account": account, "rule": "shows every booked payment"}
        return [
            Entry(at=now, kind="break", subject=view.settlement_id, facts=facts)
            for view in missing_in(statement, views)
        ]
