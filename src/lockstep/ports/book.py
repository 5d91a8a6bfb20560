"""The service's records: what a step reads of them, and the change that it wants remembered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lockstep.domain.cash import CashView
from lockstep.domain.enforcement import Enforcement
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import CancellationRequest, Instruction
from lockstep.domain.journal import Entry, JournalRow
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.message import Message
from lockstep.domain.parallel.pairs import Paired
from lockstep.domain.parallel.scorecards import StoredCard
from lockstep.domain.parallel.stages import Course
from lockstep.domain.payment import CashAccount
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.corrections import Correction
from lockstep.domain.register_payment import RegisterPayment
from lockstep.domain.repo.life import Repo
from lockstep.domain.trade import Reason, Trade
from lockstep.domain.values import quick
from lockstep.ports.mailbox import PartyBody
from lockstep.ports.results import Results

__all__ = ["Book", "BulkBook", "Change", "StoredInstruction", "Unclaimed"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstruction:
    """An instruction as received. `status` is WAITING, MATCHED, CANCELLED or AGED_OUT."""

    message_id: str
    content_hash: str
    instruction: Instruction
    status: str
    received_at: datetime
    trade_id: TradeId | None = None
    reason: Reason | None = None
    """Why it waits or has ended, as its party was told. None while it waits: its party was told nothing yet, and not
    that it is accepted either."""
    late: datetime | None = None
    """When it turned out that the records were lost, and that it may have matched, and settled, before."""
    cancellations: tuple[Message[CancellationRequest], ...] = ()
    """Asked for while it waits, and not decided yet."""
    perhaps: TradeId | None = None
    """A trade that the chain has a lock of, and no record, which may be this instruction's."""

    @property
    def key(self) -> tuple[Lei, Reference]:
        return self.instruction.owner.lei, self.instruction.reference


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """A settlement that no trade of the records has, though the RTGS told of a payment for it, or a rebuild found its
    lock on the chain: the records were lost.
    """

    settlement_id: SettlementId
    salt: str
    """The trade's, as the payment carries it; empty where none is known."""
    due: datetime | None
    """When it is to be looked at, UTC, whole seconds; None: nothing is left to find out."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one step wants remembered. Stored whole or not at all."""

    entries: tuple[Entry, ...] = ()
    instructions: tuple[StoredInstruction, ...] = ()
    trades: tuple[Trade, ...] = ()
    cash: tuple[CashView, ...] = ()
    cash_cursor: int | None = None
    seen: tuple[tuple[str, str, str], ...] = ()
    """(sender, message id, content hash) of messages taken."""
    requests: tuple[Message[CancellationRequest], ...] = ()
    outgoing: tuple[Message[PartyBody], ...] = ()
    delivered: tuple[str, ...] = ()
    """Message ids that their receivers now have."""
    unclaimed: tuple[Unclaimed, ...] = ()
    claimed: tuple[SettlementId, ...] = ()
    """No longer unclaimed, if they were."""
    margin: tuple[MarginCase, ...] = ()
    payments: tuple[RegisterPayment, ...] = ()
    repos: tuple[Repo, ...] = ()
    enforcements: tuple[Enforcement, ...] = ()
    breaks: tuple[Break, ...] = ()
    corrections: tuple[Correction, ...] = ()
    courses: tuple[Course, ...] = ()
    scorecards: tuple[StoredCard, ...] = ()
    pairs: tuple[Paired, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, name) not in ((), None) for name in self.__dataclass_fields__)


class Book(Protocol):
    """The service's records: work queue and journal in one, so that a step and its entry are one."""

    def commit(self, change: Change) -> None:
        """Stores a change and numbers its entries, durably and in one transaction.

        Raises Conflict, and stores nothing, if a trade, a margin call, a repo, an enforcement, a break, a correction or
        a record of the parallel run was stored by another since it was read, or if an instruction no longer waits, or
        is late or has cancellations and the change leaves that out; LeaseLost, and stores nothing, if it writes under a
        lease that another has taken over.
        """

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None: ...

    def seen(self, sender: str, message_id: str) -> str | None:
        """The content hash of a message received before, or None."""

    def waiting(self) -> Sequence[StoredInstruction]:
        """Instructions not yet matched, oldest first."""

    def trade(self, trade_id: TradeId) -> Trade | None: ...

    def open_trades(self) -> Sequence[Trade]:
        """Trades that have not ended, oldest first."""

    def trades(self) -> Sequence[Trade]: ...

    def instructions(self) -> Sequence[StoredInstruction]: ...

    def cash_view(self, settlement_id: SettlementId) -> CashView | None: ...

    def cash_cursor(self) -> int: ...

    def unclaimed(self, salt: str) -> Sequence[SettlementId]:
        """The unclaimed settlements whose payments carry this salt."""

    def all_unclaimed(self) -> Sequence[Unclaimed]:
        """Every unclaimed settlement, due or not."""

    def unclaimed_due(self, now: datetime, limit: int) -> Sequence[Unclaimed]:
        """The unclaimed settlements to look at, those first that were due first."""

    def next_order_nonce(self, seller: str) -> int:
        """One more than the highest nonce ordered for a seller; 0 at first."""

    def cancellations(self, trade_id: TradeId) -> Sequence[Message[CancellationRequest]]: ...

    def undelivered(self, limit: int | None = None, after: str | None = None) -> Sequence[Message[PartyBody]]:
        """Oldest first; at most `limit`, from behind the message with the id `after` on."""

    def last_said(self, subject: str) -> JournalRow | None:
        """A subject's newest entry in the journal."""

    def journal(self, subject: str | None = None, after: int = 0) -> Sequence[JournalRow]: ...


class BulkBook(Book, Protocol):
    """The records for many trades at once."""

    def commit_all(self, changes: Sequence[Change]) -> Results:
        """All in one transaction, each whole or not at all: an error is Conflict, or LeaseLost where another worker
        has claimed the trade since. Raises LeaseLost, and stores nothing, where the whole service is another's.
        """

    def cash_views(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, CashView]:
        """As `cash_view`; those not known are missing."""

    def booked(self, account: CashAccount, since: datetime, until: datetime) -> Collection[SettlementId]:
        """The trades' settlements whose payment from or to an account was booked in a time, both ends included."""

    def unclaimed_of(self, salts: Collection[str]) -> Mapping[str, Sequence[SettlementId]]:
        """As `unclaimed`; an empty sequence where there is none."""

    def waiting_to_cancel(self) -> Sequence[StoredInstruction]:
        """Of `waiting`, those with cancellations."""

    def trades_of(self, ids: Collection[TradeId]) -> Mapping[TradeId, Trade]:
        """As `trade`; those not known are missing."""

    def seen_of(self, messages: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """As `seen`, by sender and message id; those not seen before are missing."""

    def instructions_of(
        self, keys: Collection[tuple[Lei, Reference]]
    ) -> Mapping[tuple[Lei, Reference], StoredInstruction]:
        """As `instruction`; those not known are missing."""

    def cancellations_of(self, ids: Collection[TradeId]) -> Mapping[TradeId, Sequence[Message[CancellationRequest]]]:
        """As `cancellations`; an empty sequence where nobody asked."""

    def reserve_nonces(self, seller: str, at_least: int, count: int) -> int:
        """The first of `count` consecutive order nonces of a seller, none of them ordered or reserved before.
        Durable: no other worker is ever given one of them.
        """
