"""One pass of the settlement service: hear the cash side, match, move the trades that are due one step."""

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import cast

from lockstep.domain.errors import Conflict, LeaseLost, LockstepError, StepFailed, Unavailable
from lockstep.domain.identifiers import Lei, Reference
from lockstep.domain.journal import Entry
from lockstep.domain.message import Message
from lockstep.domain.order import EndCall
from lockstep.domain.trade import Trade
from lockstep.flow.anchoring import Anchoring
from lockstep.flow.answering import commit_all, deliver_all
from lockstep.flow.batching import PATIENCE, Batching
from lockstep.flow.beside import OUTBOX, RTGS, UnderWay
from lockstep.flow.halting import tell
from lockstep.flow.hearing import Mail, heard, pages
from lockstep.flow.lost import lost_to
from lockstep.flow.margining import Margining
from lockstep.flow.matching import AGE_OUT, match, put_off
from lockstep.flow.naming import RegistersOwn
from lockstep.flow.pacing import Moved, OpenTrades, Pacing
from lockstep.flow.recovering import decide_cancellations, look_at_unclaimed
from lockstep.flow.register_paying import RegisterPaying
from lockstep.flow.repoing import Repoing
from lockstep.flow.stepping import Settler
from lockstep.flow.valuing import present_valuations
from lockstep.ports import (
    AnchorBook,
    BulkAssetLedger,
    BulkAttestationBoard,
    BulkBook,
    Change,
    Claimed,
    EnforcementBook,
    Mailbox,
    PartyBody,
    PaymentBook,
    RepoBook,
    Results,
    StoredInstruction,
    ValuationBoard,
    WaitingRoom,
    WorkQueue,
)

_log = logging.getLogger(__name__)

__all__ = ["ANCHORING", "BATCH", "CLAIM_SECONDS", "DUTIES", "Engine"]

PAGE = 1_000
"""Messages of the RTGS that are heard at once."""
SHEAF = 4_000
"""Messages to parties that are written at once: one sheaf a pass, so it must be more than a pass brings about."""
MUCH = 100
"""So many messages, and there are more: these are written, or those asked for, while something else is done."""
BATCH = 400
"""Trades that are stepped side by side."""
BATCHES_A_PASS = 2
"""Then the mail is heard again, and what has moved meanwhile goes before what only waits."""
CLAIM_SECONDS = 30
"""Longer than a batch may take; who dies in it holds its trades up for so long."""
DUTIES = ("mail", "matching", "recovery", "outbox")
"""What is not a trade's own: hearing the RTGS, pairing what waits, ending what the records lost (and margin calls and
repos), delivering."""
ANCHORING = "anchoring"
"""Another duty, of who may: writing the journal's roots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The service's loop body. Whoever calls it decides when; nothing here waits or sleeps."""

    settler: Settler
    mailbox: Mailbox
    salt_key: bytes
    """Secret, at least 16 bytes, kept apart from the database: see `matching`."""
    keep: Callable[[], None] = lambda: None
    """Called before each piece of a pass: where a worker keeps its lease. See `sharing`."""
    worker: str = "service"
    """Under what name it claims trades: no other that works at the same time has it."""
    pacing: Pacing = field(default_factory=Pacing)
    batching: Batching = field(default_factory=Batching)
    under_way: UnderWay = field(default_factory=UnderWay)
    margining: Margining | None = None
    """Where the market has a collateral register."""
    valuations: ValuationBoard | None = None
    repoing: Repoing | None = None
    anchoring: Anchoring | None = None
    """Where the market has a contract for its journal's roots."""

    def run_once(self) -> bool:
        """One pass. True if anything moved. What fails holds up only its own trade.

        Raises LeaseLost where another worker has taken over: the pass is not this one's to finish.
        """
        moved = self.do("mail")
        moved |= self.do("matching")
        moved |= self.do("recovery")
        moved |= self.step_trades()
        moved |= self.anchors_now() and self.do(ANCHORING)
        moved |= self.do("outbox")
        return moved

    def anchors_now(self) -> bool:
        """Whether it is time to see to the journal's roots, with a key that may write them: others leave it to it."""
        return self.anchoring is not None and self.anchoring.falls_due()

    def do(self, duty: str) -> bool:
        """What one worker does at a time, of `DUTIES` or ANCHORING. True if anything moved. Raises LeaseLost."""
        if duty == "mail":
            return self._hear_cash()
        if duty == "matching":
            return self._match()
        if duty == "recovery":
            return (
                not self._is_halted()
                and self._step_margin() | self._step_payments() | self._step_repos() | self._recover()
            )
        if duty == ANCHORING:
            return not self._is_halted() and self._anchor()
        return self._deliver_all()

    def _is_halted(self) -> bool:
        """Whether final blocks were replaced and people have not accepted it yet. They are told, once."""
        halts = self.settler.assets.halts()
        tell(self.settler.book, halts, self.settler.clock.now())
        return bool(halts)

    def begin(self) -> None:
        """For who takes over: what a dead predecessor of this name had is free, and all that waits is looked at."""
        book = self.settler.book
        if hasattr(book, "claim"):
            cast(WorkQueue, book).let_go_of(self.worker)
        if hasattr(book, "match_anew"):
            cast(WaitingRoom, book).match_anew()

    def _queue(self) -> WorkQueue:
        book = self.settler.book
        return cast(WorkQueue, book) if hasattr(book, "claim") else OpenTrades(book)

    def _hear_cash(self) -> bool:
        """Folds new mail of the RTGS into the mirror; cursor, mirror and journal are one commit."""
        book = self.settler.book
        try:
            mail = self._mail(book.cash_cursor())
        except Unavailable:
            return False
        except LockstepError as error:  # a key or an answer that is wrong: shown once, tried again
            return self._note_once("mailbox", "mail unreadable", {"rule": str(error)})
        for page in pages(mail):
            self.keep()
            change = heard(book, self.settler.market, page, self.settler.clock.now())
            book.commit(change)  # this wakes the trades that it speaks of
        beside = self.settler.beside
        if beside is not None and len(mail) >= MUCH:
            after = mail[-1][0]
            self.under_way.mail = after, beside(RTGS, partial(self.settler.cash.receive, after, PAGE))
        return bool(mail)

    def _mail(self, after: int) -> Mail:
        """A page of it: one that was asked for ahead, unless nothing had come by then. Raises LockstepError."""
        ahead, self.under_way.mail = self.under_way.mail, None
        if ahead is not None:
            with suppress(LockstepError):  # it is asked again
                mail = ahead[1]()
                if mail and ahead[0] == after:
                    return mail
        return self.settler.cash.receive(after, PAGE)

    def _match(self) -> bool:
        """Instructions that say the same become trades. Of two that were cancelled meanwhile the next pass knows."""
        book, now = self.settler.book, self.settler.clock.now()
        if not hasattr(book, "unmatched_groups"):
            return self._match_these(book.waiting(), now)[0]
        room = cast(WaitingRoom, book)
        groups = room.unmatched_groups(now.date() - AGE_OUT)
        moved, left = self._match_these([one for group in groups for one in group.instructions], now)
        room.matched_through([group for group in groups if not any(one.key in left for one in group.instructions)])
        return moved

    def _match_these(
        self, waiting: Sequence[StoredInstruction], now: datetime
    ) -> tuple[bool, Collection[tuple[Lei, Reference]]]:
        """Whether anything moved, and the instructions that the next pass is to look at again."""
        settler, book, lost = self.settler, self.settler.book, None
        left: set[tuple[Lei, Reference]] = set()
        told: list[Change] = []
        if any(one.late for one in waiting):
            try:
                lost = lost_to(book, settler.assets, settler.market, self._register())
            except Unavailable:  # what may be lost is not known: the next pass
                waiting, left, told = put_off(waiting, settler.market, now)
        changes = [*told, *match(waiting, settler.market, self.salt_key, now, lost, self.keep)]
        for start in range(0, len(changes), BATCH):
            self.keep()
            some = changes[start : start + BATCH]
            for change, error in zip(some, commit_all(book, some), strict=True):
                if error is not None and not isinstance(error, Conflict):
                    raise error
                if error is not None:
                    left.update(one.key for one in change.instructions)
        return bool(changes), left

    def _step_margin(self) -> bool:
        """Before what was lost is looked for: a margin payment is no lost trade's."""
        if self.margining is None:
            return False
        try:
            sent = self.valuations is not None and present_valuations(self.margining.ledger, self.valuations)
            own = replace(self.margining, book=cast(EnforcementBook, self.settler.book))  # under this worker's lease
            return own.run() | own.enforcing.run(self.keep) | sent
        except Unavailable:
            return False

    def _register(self) -> RegistersOwn | None:
        margining = self.margining
        return None if margining is None else RegistersOwn(market=margining.market, ledger=margining.ledger)

    def _step_payments(self) -> bool:
        """As margin: what is paid here is no lost trade's."""
        if self.margining is None:
            return False
        book = cast(PaymentBook, self.settler.book)  # under this worker's lease
        try:
            return RegisterPaying.beside(self.margining, book, self.settler.board).run()
        except Unavailable:
            return False

    def _step_repos(self) -> bool:
        """A repo's legs are instructed here; then they are matched and stepped as anybody's."""
        if self.repoing is None:
            return False
        try:
            own = replace(self.repoing, book=cast(RepoBook, self.settler.book))  # under this worker's lease
            return own.run(self.keep)
        except Unavailable:
            return False

    def _anchor(self) -> bool:
        """Roots of days that are over. What is wrong with them is told once, and holds up no trade."""
        if self.anchoring is None:
            return False
        own = replace(self.anchoring, book=cast(AnchorBook, self.settler.book))  # under this worker's lease
        try:
            return own.step()
        except LockstepError as error:
            if isinstance(error, LeaseLost):
                raise
            told = not isinstance(error, Unavailable)  # another root stands, or no more are taken: for people
            return told and self._note_once(ANCHORING, "not anchored", {"rule": str(error)})

    def _recover(self) -> bool:
        """What the ledgers show of trades that the records lost. Nothing to do unless they were."""
        settler, moved = self.settler, False
        book = settler.book
        waiting = cast(BulkBook, book).waiting_to_cancel() if hasattr(book, "waiting_to_cancel") else book.waiting()
        now = settler.clock.now()
        unclaimed = look_at_unclaimed(book, settler.assets, settler.board, settler.market, now, self._register())
        for changes in (unclaimed, decide_cancellations(waiting, book, settler.assets, settler.market, now)):
            try:
                for change in changes:
                    self.keep()
                    book.commit(change)
                    moved |= change != Change(unclaimed=change.unclaimed)  # to look again later is no movement
            except (Conflict, Unavailable):  # the next pass looks again
                continue
        return moved

    def step_trades(self) -> bool:
        """A step of each trade that is due and nobody else's. True if any moved. Raises LeaseLost.

        While the chain is halted no more than what is paid is delivered.
        """
        queue, moved = self._queue(), False
        settler = self.settler
        self._hear_chain(queue)
        self._hear_agents(queue)
        halted = self._is_halted()  # after the last look at the chain: what that showed counts at once
        queue.wake(self.batching.look(settler.assets, settler.board, settler.market.network, settler.clock.now()))
        for _ in range(BATCHES_A_PASS):
            self.keep()
            claimed = queue.claim(self.worker, BATCH, CLAIM_SECONDS)
            for start in range(0, len(claimed), BATCH):
                moved |= self._step(queue, claimed[start : start + BATCH], halted)
            if len(claimed) != BATCH:
                break
        return moved

    def _hear_chain(self, queue: WorkQueue) -> None:
        """Trades of which the chain shows something new are due, where the ledger reads ahead."""
        if hasattr(self.settler.assets, "news"):
            try:
                queue.wake(cast(BulkAssetLedger, self.settler.assets).news(), self.worker)
            except Unavailable:
                return

    def _hear_agents(self, queue: WorkQueue) -> None:
        """Trades of which a quorum has signed the outcome are due, where the board tells."""
        if hasattr(self.settler.board, "news"):
            try:
                quorum = self.settler.assets.epoch().quorum
                queue.wake(cast(BulkAttestationBoard, self.settler.board).news(quorum), self.worker)
            except LockstepError:  # a node that is behind knows no such contract, or epoch: trades look by themselves
                return

    def _settle(self, calls: Sequence[EndCall]) -> Results:
        return self.batching.settle(calls, self.settler.assets, self.settler.board, self.settler.clock.now())

    def _step(self, queue: WorkQueue, claimed: Sequence[Claimed], halted: bool) -> bool:
        """One batch. Each trade that another has claimed meanwhile is left to it."""
        trades = [one.trade for one in claimed]
        results = self.settler.advance_all(trades, self.keep, self._settle, halted=halted)
        any_moved, broken = False, list[tuple[Trade, LockstepError]]()
        looked = []
        now = self.settler.clock.now()
        for one, result in zip(claimed, results, strict=True):
            moved = result if isinstance(result, bool | Moved) else isinstance(result, Conflict)
            any_moved |= bool(moved)  # after a conflict, a cancellation that came in, the trade is read anew
            if isinstance(result, LeaseLost):
                continue
            if isinstance(result, LockstepError) and not isinstance(result, Conflict | Unavailable):
                broken.append((one.trade, result))  # this trade is for people; the others go on
            failed = isinstance(result, LockstepError)
            again = self.pacing.next_look(one.trade, moved, now, failed=failed)
            if not failed and self.batching.waits_for(one.trade.settlement_id):
                again = now + PATIENCE
            looked.append((one, again))
        if broken:
            any_moved |= self._set_apart(broken)
        unable = {  # perhaps another can, with its node and its key's money
            one.trade.trade_id
            for one, result in zip(claimed, results, strict=True)
            if isinstance(result, LockstepError) and not isinstance(result, Conflict)
        }
        queue.done_with(looked, unable)
        return any_moved

    def _set_apart(self, broken: Sequence[tuple[Trade, LockstepError]]) -> bool:
        """Trades that are for people: stored with the reason, and looked at ever less often. What nobody foresaw is
        logged each time, and also where it cannot be stored.
        """
        told = self.settler.set_apart(broken, self.keep)
        for (trade, error), stored in zip(broken, told, strict=True):
            for one in (error, stored):
                if isinstance(one, StepFailed):
                    where = "is set apart" if one is error else "cannot be set apart"
                    _log.error("trade %s %s: %s", trade.trade_id, where, one, exc_info=one.__cause__)
        return True in told

    def _deliver_all(self) -> bool:
        """What is to be delivered, by the sheaf; those that cannot be written are passed over. Many are written beside,
        a sheaf at a time, and noted as delivered once they are; nobody waits for that."""
        book, beside, under_way = self.settler.book, self.settler.beside, self.under_way
        moved = False
        if under_way.outbox is not None:
            messages, written = under_way.outbox
            if not written.has_ended():
                return False
            under_way.outbox = None
            moved = self._note_delivered(messages, written())
        after, under_way.written_through = under_way.written_through, None
        messages = book.undelivered(SHEAF, after)
        while messages:
            self.keep()
            deliver = partial(deliver_all, self.mailbox, messages)
            through = messages[-1].message_id if len(messages) == SHEAF else None
            if beside is not None and len(messages) >= MUCH:
                under_way.outbox, under_way.written_through = (messages, beside(OUTBOX, deliver)), through
                return moved
            moved |= self._note_delivered(messages, deliver())
            messages = book.undelivered(SHEAF, through) if through is not None else ()
        return moved

    def _note_delivered(self, messages: Sequence[Message[PartyBody]], results: Results) -> bool:
        """Messages that their receivers have. One that could not be written is noted once; the others went out."""
        book = self.settler.book
        delivered = tuple(one.message_id for one, error in zip(messages, results, strict=True) if error is None)
        if delivered:
            book.commit(Change(delivered=delivered))
        noted = False
        for message, error in zip(messages, results, strict=True):
            if error is not None:
                facts = {"receiver": message.receiver, "rule": str(error)}
                noted |= self._note_once(message.message_id, "undeliverable", facts)
        return bool(delivered) or noted

    def _note_once(self, subject: str, kind: str, facts: dict[str, str]) -> bool:
        """A journal entry, unless the subject's last one says the same."""
        book = self.settler.book
        told = book.last_said(subject)
        if told is not None and told.entry.facts == facts:
            return False
        book.commit(Change(entries=(Entry(at=self.settler.clock.now(), kind=kind, subject=subject, facts=facts),)))
        return True
