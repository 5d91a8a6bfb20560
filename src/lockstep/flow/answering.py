"""Wants answered by the ports: in bulk where a port can, one by one where it cannot.

Asked one by one each want has its own answer or error. A look in bulk that fails, and not for want of an answer, is
asked again in halves: what is wrong with one trade is not told of another.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from lockstep.domain.errors import LeaseLost, LockstepError, Unavailable
from lockstep.domain.message import Message
from lockstep.domain.order import EndCall
from lockstep.flow.beside import RTGS, Beside
from lockstep.flow.wants import (
    AttestationsOf,
    CancellationsOf,
    CashViewOf,
    Commit,
    EpochOf,
    FinalTime,
    FreeNonce,
    GiveBack,
    History,
    InstructionOf,
    Lock,
    NewNonce,
    Obstacle,
    Rank,
    Send,
    Settle,
    SettlementsOf,
    Sign,
    TradeOf,
    UnclaimedOf,
    View,
    Want,
)
from lockstep.ports import (
    AssetLedger,
    AttestationBoard,
    Book,
    BulkAssetLedger,
    BulkAttestationBoard,
    BulkBook,
    BulkCashSystem,
    BulkMailbox,
    CashSystem,
    Change,
    Mailbox,
    OrderWallet,
    PartyBody,
    Results,
)

__all__ = ["Answering", "SettleAll", "commit_all", "deliver_all", "has_failed", "one_by_one", "settle_each"]

Asked = TypeVar("Asked")

SettleAll = Callable[[Sequence[EndCall]], Results]

RESERVATIONS_AT_MOST = 5
"""Tries at order nonces that neither the chain nor another worker has taken meanwhile."""


def one_by_one(call: Callable[[Asked], Any], asked: Sequence[Asked]) -> list[Any]:
    """Each one's answer, or the error in place of it. Raises LeaseLost: what comes after it is not ours to do."""
    answers: list[Any] = []
    for one in asked:
        try:
            answers.append(call(one))
        except LeaseLost:
            raise
        except LockstepError as error:
            answers.append(error)
    return answers


def commit_all(book: Book, changes: Sequence[Change]) -> Results:
    """See `BulkBook.commit_all`."""
    if not hasattr(book, "commit_all"):
        return one_by_one(book.commit, changes)
    return cast(BulkBook, book).commit_all(changes)


def has_failed(book: Book) -> Callable[[Exception], bool]:
    """Whether an error says that the records themselves fail: then nothing is to be done any more. Some can tell."""
    found: Callable[[Exception], bool] = getattr(book, "has_failed", lambda _: False)
    return found


def deliver_all(mailbox: Mailbox, messages: Sequence[Message[PartyBody]]) -> Results:
    """See `BulkMailbox.deliver_all`."""
    if not hasattr(mailbox, "deliver_all"):
        return one_by_one(mailbox.deliver, messages)
    return cast(BulkMailbox, mailbox).deliver_all(messages)


def settle_each(assets: AssetLedger, calls: Sequence[EndCall]) -> Results:
    """See `BulkAssetLedger.settle_all`."""
    if not hasattr(assets, "settle_all"):
        return one_by_one(lambda one: assets.settle(one.settlement_id, one.order, one.proof), calls)
    return cast(BulkAssetLedger, assets).settle_all(calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """The world as the steps of one batch meet it."""

    book: Book
    assets: AssetLedger
    cash: CashSystem
    wallet: OrderWallet
    board: AttestationBoard
    keep: Callable[[], None]
    """Called before anything is asked: where a worker keeps its lease."""
    settle: SettleAll | None = None
    """Delivers many, where that is not the ledger's alone."""
    beside: Beside | None = None
    """Who talks to the RTGS meanwhile."""
    _given: dict[str, int] = field(default_factory=dict)
    """Seller and the next nonce, of a book that does not reserve: until the orders are stored."""
    _free_ones: dict[tuple[str, int, int], Sequence[int]] = field(default_factory=dict)
    """What one look found, by seller, from which nonce on, and how many."""

    def __call__(self, kind: type[Want[Any]], wants: Sequence[Want[Any]]) -> Sequence[Any]:
        self.keep()
        try:
            return _BY_KIND[kind](self, wants)
        except (LeaseLost, Unavailable):
            raise
        except LockstepError as error:
            if len(wants) == 1:
                return [error]
            if kind.rank is not Rank.LOOK:
                raise
        half = len(wants) // 2
        return [*self._part(kind, wants[:half]), *self._part(kind, wants[half:])]

    def begin(self, kind: type[Want[Any]], wants: Sequence[Want[Any]]) -> Callable[[], Sequence[Any]] | None:
        """What is asked while other things go on: what the RTGS is sent, if there is somebody to do it."""
        if self.beside is None or kind is not Send:
            return None
        try:
            self.keep()
        except Unavailable:  # asked in its place it is each one's answer
            return None
        return self.beside(RTGS, partial(self._sends, cast(Sequence[Send], wants)))

    def _part(self, kind: type[Want[Any]], wants: Sequence[Want[Any]]) -> Sequence[Any]:
        try:
            return self(kind, wants)
        except Unavailable as error:
            return [error] * len(wants)

    # --- the chain

    def _views(self, wants: Sequence[View]) -> Sequence[Any]:
        if not hasattr(self.assets, "views"):
            return one_by_one(lambda want: self.assets.view(want.settlement_id, want.order), wants)
        seen = cast(BulkAssetLedger, self.assets).views({want.settlement_id: want.order for want in wants})
        return [seen[want.settlement_id] for want in wants]

    def _histories(self, wants: Sequence[History]) -> Sequence[Any]:
        if not hasattr(self.assets, "histories"):
            return one_by_one(lambda want: self.assets.history(want.settlement_id), wants)
        told = cast(BulkAssetLedger, self.assets).histories([want.settlement_id for want in wants])
        return [told[want.settlement_id] for want in wants]

    def _settlements(self, wants: Sequence[SettlementsOf]) -> Sequence[Any]:
        if not hasattr(self.assets, "settlements_of_all"):
            return one_by_one(lambda want: self.assets.settlements_of(want.trade_id), wants)
        known = cast(BulkAssetLedger, self.assets).settlements_of_all([want.trade_id for want in wants])
        return [known[want.trade_id] for want in wants]

    def _obstacles(self, wants: Sequence[Obstacle]) -> Sequence[Any]:
        if not hasattr(self.assets, "obstacles"):
            return one_by_one(lambda want: self.assets.obstacle(want.order), wants)
        return cast(BulkAssetLedger, self.assets).obstacles([want.order for want in wants])

    def _free_nonces(self, wants: Sequence[FreeNonce]) -> Sequence[Any]:
        return one_by_one(lambda want: self.assets.next_nonce(want.seller, want.at_least), wants)

    def _epochs(self, wants: Sequence[EpochOf]) -> Sequence[Any]:
        numbers = list(dict.fromkeys(want.number for want in wants))
        known = dict(zip(numbers, one_by_one(self.assets.epoch, numbers), strict=True))
        return [known[want.number] for want in wants]

    def _final_times(self, wants: Sequence[FinalTime]) -> Sequence[Any]:
        return [self.assets.final_time()] * len(wants)

    # --- order nonces

    def _new_nonces(self, wants: Sequence[NewNonce]) -> Sequence[Any]:
        sellers: dict[str, list[int]] = defaultdict(list)
        for place, want in enumerate(wants):
            sellers[want.seller].append(place)
        answers: list[Any] = [None] * len(wants)
        self._look_ahead({seller: len(places) for seller, places in sellers.items()})
        for seller, places in sellers.items():
            found: Sequence[Any]
            try:
                found = self._nonces(seller, len(places))
            except LeaseLost:
                raise
            except LockstepError as error:
                found = [error] * len(places)
            for place, nonce in zip(places, found, strict=True):
                answers[place] = nonce
        return answers

    def _look_ahead(self, counts: Mapping[str, int]) -> None:
        """All sellers' free nonces in one look, where the ledger can. What fails is asked again, for each."""
        self._free_ones.clear()
        if hasattr(self.assets, "free_nonces_of"):
            wanted = {seller: (self._at_least(seller), count) for seller, count in counts.items()}
            with suppress(Unavailable):
                found = cast(BulkAssetLedger, self.assets).free_nonces_of(wanted)
                self._free_ones.update({(seller, *wanted[seller]): free for seller, free in found.items()})

    def _at_least(self, seller: str) -> int:
        return max(self.book.next_order_nonce(seller), self._given.get(seller, 0))

    def _nonces(self, seller: str, count: int) -> Sequence[int]:
        """Raises Unavailable where others are faster each time."""
        at_least = self._at_least(seller)
        if not hasattr(self.book, "reserve_nonces"):
            free = self._free(seller, at_least, count)
            self._given[seller] = free[-1] + 1
            return free
        for _ in range(RESERVATIONS_AT_MOST):
            free = self._free(seller, at_least, count)
            span = free[-1] + 1 - free[0]
            first = cast(BulkBook, self.book).reserve_nonces(seller, free[0], span)
            if first == free[0]:
                return free
            free = self._free(seller, first, count)  # another worker has had some of them
            if free[-1] < first + span:
                return free
            at_least = first
        raise Unavailable(f"no {count} order nonces of {seller} could be reserved")

    def _free(self, seller: str, at_least: int, count: int) -> Sequence[int]:
        known = self._free_ones.pop((seller, at_least, count), None)
        if known is not None:
            return known
        if hasattr(self.assets, "free_nonces"):
            return cast(BulkAssetLedger, self.assets).free_nonces(seller, at_least, count)
        free: list[int] = []
        for _ in range(count):
            free.append(self.assets.next_nonce(seller, free[-1] + 1 if free else at_least))
        return free

    # --- signatures

    def _attestations(self, wants: Sequence[AttestationsOf]) -> Sequence[Any]:
        if not hasattr(self.board, "attestations_of"):
            return one_by_one(lambda want: self.board.attestations(want.settlement_id), wants)
        left = cast(BulkAttestationBoard, self.board).attestations_of([want.settlement_id for want in wants])
        return [left[want.settlement_id] for want in wants]

    def _signatures(self, wants: Sequence[Sign]) -> Sequence[Any]:
        return one_by_one(lambda want: self.wallet.sign(want.order, want.terms, want.side), wants)

    # --- the records

    def _cash_views(self, wants: Sequence[CashViewOf]) -> Sequence[Any]:
        if not hasattr(self.book, "cash_views"):
            return one_by_one(lambda want: self.book.cash_view(want.settlement_id), wants)
        known = cast(BulkBook, self.book).cash_views([want.settlement_id for want in wants])
        return [known.get(want.settlement_id) for want in wants]

    def _unclaimed(self, wants: Sequence[UnclaimedOf]) -> Sequence[Any]:
        if not hasattr(self.book, "unclaimed_of"):
            return one_by_one(lambda want: self.book.unclaimed(want.salt), wants)
        known = cast(BulkBook, self.book).unclaimed_of([want.salt for want in wants])
        return [known.get(want.salt, ()) for want in wants]

    def _trades(self, wants: Sequence[TradeOf]) -> Sequence[Any]:
        if not hasattr(self.book, "trades_of"):
            return one_by_one(lambda want: self.book.trade(want.trade_id), wants)
        known = cast(BulkBook, self.book).trades_of([want.trade_id for want in wants])
        return [known.get(want.trade_id) for want in wants]

    def _instructions(self, wants: Sequence[InstructionOf]) -> Sequence[Any]:
        if not hasattr(self.book, "instructions_of"):
            return one_by_one(lambda want: self.book.instruction(want.owner, want.reference), wants)
        known = cast(BulkBook, self.book).instructions_of([(want.owner, want.reference) for want in wants])
        return [known.get((want.owner, want.reference)) for want in wants]

    def _cancellations(self, wants: Sequence[CancellationsOf]) -> Sequence[Any]:
        if not hasattr(self.book, "cancellations_of"):
            return one_by_one(lambda want: self.book.cancellations(want.trade_id), wants)
        known = cast(BulkBook, self.book).cancellations_of([want.trade_id for want in wants])
        return [known.get(want.trade_id, ()) for want in wants]

    def _commits(self, wants: Sequence[Commit]) -> Sequence[Any]:
        return commit_all(self.book, [want.change for want in wants])

    # --- acting

    def _locks(self, wants: Sequence[Lock]) -> Sequence[Any]:
        calls = [want.call for want in wants]
        if hasattr(self.assets, "lock_all"):
            return cast(BulkAssetLedger, self.assets).lock_all(calls)
        return one_by_one(lambda one: self.assets.lock(one.settlement_id, one.order, one.seller, one.buyer), calls)

    def _settles(self, wants: Sequence[Settle]) -> Sequence[Any]:
        calls = [want.call for want in wants]
        return settle_each(self.assets, calls) if self.settle is None else self.settle(calls)

    def _give_backs(self, wants: Sequence[GiveBack]) -> Sequence[Any]:
        calls = [want.call for want in wants]
        if hasattr(self.assets, "give_back_all"):
            return cast(BulkAssetLedger, self.assets).give_back_all(calls)
        return one_by_one(lambda one: self.assets.give_back(one.settlement_id, one.order, one.proof), calls)

    def _sends(self, wants: Sequence[Send]) -> Sequence[Any]:
        if hasattr(self.cash, "send_all"):
            return cast(BulkCashSystem, self.cash).send_all([want.message for want in wants])
        return one_by_one(lambda want: self.cash.send(want.message), wants)


_BY_KIND: Mapping[type[Want[Any]], Callable[[Answering, Sequence[Any]], Sequence[Any]]] = {
    View: Answering._views,
    History: Answering._histories,
    SettlementsOf: Answering._settlements,
    Obstacle: Answering._obstacles,
    FreeNonce: Answering._free_nonces,
    NewNonce: Answering._new_nonces,
    EpochOf: Answering._epochs,
    FinalTime: Answering._final_times,
    UnclaimedOf: Answering._unclaimed,
    AttestationsOf: Answering._attestations,
    Sign: Answering._signatures,
    CashViewOf: Answering._cash_views,
    TradeOf: Answering._trades,
    InstructionOf: Answering._instructions,
    CancellationsOf: Answering._cancellations,
    Commit: Answering._commits,
    Lock: Answering._locks,
    Settle: Answering._settles,
    GiveBack: Answering._give_backs,
    Send: Answering._sends,
}
