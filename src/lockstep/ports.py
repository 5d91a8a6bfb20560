"""What the settlement logic needs of the world, as small protocols. Adapters are wired in `app`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lockstep.domain.cash import CashView
from lockstep.domain.chain_events import Reorganisation
from lockstep.domain.errors import ContractRefused, LockstepError
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import (
    CancellationAdvice,
    CancellationRequest,
    Instruction,
    SettlementConfirmation,
    Side,
    StatusAdvice,
)
from lockstep.domain.journal import Entry, JournalRow
from lockstep.domain.message import Message
from lockstep.domain.notice import Acknowledgement
from lockstep.domain.order import AssetEvent, AssetView, Attestation, Epoch, LogEntry, Order, OutcomeResult, Proof
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    NeverRequest,
    Payment,
    PaymentReport,
    Release,
    Resolution,
)
from lockstep.domain.statement import Statement, StatementRequest
from lockstep.domain.trade import Reason, Trade, TradeTerms
from lockstep.domain.transfer import StatusRequest

__all__ = [
    "AssetLedger",
    "AttestationBoard",
    "Book",
    "CashBody",
    "CashSystem",
    "Change",
    "Clock",
    "Lease",
    "Leases",
    "Mailbox",
    "OrderWallet",
    "PartyBody",
    "Randomness",
    "SentTransaction",
    "SettlementBody",
    "SignOnceRegister",
    "StoredInstruction",
    "TransactionLog",
    "Unreadable",
]

SettlementBody = Payment | PaymentReport | CancelPayment | NeverRequest | Resolution | BookingNotice | Release
"""What is said of one settlement's cash."""
CashBody = SettlementBody | StatusRequest | StatementRequest | Statement | Acknowledgement
PartyBody = StatusAdvice | CancellationAdvice | SettlementConfirmation


class Clock(Protocol):
    """Business time: UTC, in whole seconds, as messages carry it."""

    def now(self) -> datetime: ...


class Randomness(Protocol):
    """Unpredictable bytes; a seeded stream in a simulation."""

    def token(self, size: int) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Mail that could not be read. It is set apart with its reason; what follows it goes on."""

    data: bytes
    error: LockstepError


class CashSystem(Protocol):
    """The RTGS as one of its parties sees it."""

    def send(self, message: Message[CashBody]) -> None:
        """Hands over a message; returning means the RTGS has it durably.

        Raises Refused or InvalidInput when it says no, Unavailable when nothing is known.
        """

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[CashBody] | Unreadable]]:
        """This party's mail after a sequence number, in order; re-readable for ever. Raises Unavailable."""


class Mailbox(Protocol):
    """Where participants get their messages. Delivering the same message twice is harmless."""

    def deliver(self, message: Message[PartyBody]) -> None: ...


class AssetLedger(Protocol):
    """The securities side: the contracts of one network, as one party's node shows them."""

    def view(self, settlement_id: SettlementId, order: Order) -> AssetView:
        """Where a settlement stands. Raises Unavailable."""

    def history(self, settlement_id: SettlementId) -> Sequence[AssetEvent]:
        """What happened to a settlement, oldest first, whoever sent it. Raises Unavailable."""

    def locked(self) -> Collection[SettlementId]:
        """Every settlement that was ever locked. Raises Unavailable."""

    def settlements_of(self, trade_id: TradeId) -> Sequence[SettlementId]:
        """Every settlement of a trade that was ever locked, in the order of the locks. Raises Unavailable."""

    def gas_of(self, transaction: str) -> int | None:
        """What a transaction cost, or None while it is in no block. Raises Unavailable."""

    def obstacle(self, order: Order) -> Reason | None:
        """What would refuse the lock now, judged without signatures: eligibility or units."""

    def next_nonce(self, seller: str, at_least: int) -> int:
        """The first order nonce of a seller, from `at_least` on, that the chain has not seen."""

    def epoch(self, number: int | None = None) -> Epoch:
        """The agents of an epoch, of the present one if none is named. A settlement is proved by those whom its
        order names, whoever serves now. Raises Refused UnknownEpoch for one that never began.
        """

    def presented(self, known: Mapping[SettlementId, OutcomeResult]) -> Sequence[Attestation]:
        """The agents' signatures with which settlements were ended, as the calls to the contract carried them.

        Settlements that ended as `known` says are left out. What another contract called shows no signature. Of a
        batch each settlement has the signature over all of it. Raises Unavailable.
        """

    def why_not(self, token: str, source: str, target: str, units: int) -> ContractRefused | None:
        """What a transfer would be refused for now; None: it would pass. Anyone may ask, nothing is sent."""

    def lock(self, settlement_id: SettlementId, order: Order, seller: bytes, buyer: bytes) -> None:
        """Has the lock sent, once; called again it watches over the same transaction.

        Raises ContractRefused when the contract says no, Unavailable when nothing is known.
        """

    def settle(self, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        """As `lock`, for delivery on proof of *paid*."""

    def give_back(self, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        """As `lock`, for release on proof of *never*."""

    def halts(self) -> Sequence[Reorganisation]:
        """Reorganisations below the finality depth that people have not accepted: while there is one, nothing but the
        delivery of what is paid goes to the chain. Where the node does not answer, those known so far.
        """


class OrderWallet(Protocol):
    """A party's wallet, wherever it lives. It checks the order against the terms it knows."""

    def sign(self, order: Order, terms: TradeTerms, side: Side) -> bytes | None:
        """The signature, or None where it has not been given yet. Raises Refused."""


class AttestationBoard(Protocol):
    """Where agents leave their signatures for anyone to take."""

    def publish(self, attestation: Attestation) -> None:
        """Leaves one; publishing the same twice is harmless."""

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        """All that is there for a settlement, unverified."""

    def signed_by(self, agent: str) -> Sequence[Attestation]:
        """All that is there under an agent's name, for whatever settlement, unverified. Raises Unavailable."""

    def enter(self, entry: LogEntry, *, replace: bool = False) -> LogEntry:
        """Leaves a line of an agent's signature log and returns what stands in its place.

        Of two who enter the same number at the same moment one prevails, and both are told which, unless it is to
        `replace`. Raises Unavailable.
        """

    def log_entry(self, agent: str, number: int) -> LogEntry | None:
        """A line of an agent's signature log, unverified."""

    def log_numbers(self, agent: str) -> Sequence[int]:
        """Which lines of an agent's signature log are there, ascending. Raises Unavailable."""


class SignOnceRegister(Protocol):
    """An agent's memory of what it signed: one outcome per settlement, durable before it leaves."""

    def record(self, attestation: Attestation, sources: Sequence[str]) -> Attestation:
        """Stores it and returns what is stored. Raises Contradiction for another outcome."""

    def all(self) -> Sequence[Attestation]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransaction:
    """A chain transaction as decided: stored before it is first broadcast, then completed.

    `key` names what it is for (`lock/<settlement id>`); `gas` and `status` come from its receipt.
    """

    key: str
    nonce: int
    raw: bytes
    hash: str
    status: str = "signed"
    """signed, mined, reverted or replaced."""
    block: int | None = None
    gas: int | None = None


class TransactionLog(Protocol):
    """The sender's memory. Of several workers with one key, each writes under a lease on the same subject."""

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        """All tries at one thing, oldest first."""

    def unmined(self) -> Sequence[SentTransaction]:
        """Those not yet known to be in a block, by nonce."""

    def from_nonce(self, nonce: int) -> Sequence[SentTransaction]:
        """Every try with this nonce or a higher one, whatever became of it, by nonce."""

    def put(self, transaction: SentTransaction) -> None:
        """Stores or replaces by hash, durably.

        Raises LeaseLost, and stores nothing, if it writes under a lease that another has taken over.
        """


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

    @property
    def key(self) -> tuple[Lei, Reference]:
        return self.instruction.owner.lei, self.instruction.reference


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

    def __bool__(self) -> bool:
        return any(getattr(self, name) not in ((), None) for name in self.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one subject. It ends when another claims it, not by the clock alone.

    Who pauses cannot know it, so no holder trusts `until`: records refuse what comes under an older `fence`.
    """

    subject: str
    """What is held: the whole service, or one trade, or one key's nonces."""
    holder: str
    fence: int
    """Grows with each claim of the subject, and is never used again."""
    until: datetime
    """From then on others may claim it. UTC, whole seconds."""


class Leases(Protocol):
    """Who works on what, kept with the records that it guards: one transaction judges the fence and writes.

    A holder's name is borne by one worker at a time. Borne by two, the later claim fences the earlier out.
    """

    def claim(self, subject: str, holder: str, seconds: int) -> Lease | None:
        """A new lease if nobody holds the subject, its lease has run out, or `holder` itself had it; else None.

        A lease that would last more than `2 * seconds` counts as run out: a clock was put back since.
        Raises Unavailable.
        """

    def renew(self, lease: Lease, seconds: int) -> Lease:
        """The same lease, for so long from now. Late is not too late. Raises LeaseLost, Unavailable."""

    def release(self, lease: Lease) -> None:
        """Lets it go, so that the next need not wait. One that was lost is left alone. Raises Unavailable."""


class Book(Protocol):
    """The service's records: work queue and journal in one, so that a step and its entry are one."""

    def commit(self, change: Change) -> None:
        """Stores a change and numbers its entries, durably and in one transaction.

        Raises Conflict, and stores nothing, if a trade was stored by another since it was read, or if
        an instruction no longer waits; LeaseLost, and stores nothing, if it writes under a lease that
        another has taken over.
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

    def next_order_nonce(self, seller: str) -> int:
        """One more than the highest nonce ordered for a seller; 0 at first."""

    def cancellations(self, trade_id: TradeId) -> Sequence[Message[CancellationRequest]]: ...

    def undelivered(self) -> Sequence[Message[PartyBody]]: ...

    def journal(self, subject: str | None = None, after: int = 0) -> Sequence[JournalRow]: ...


OnCommit = Callable[[str], None]
"""Called after each durable step with its name; a crash test dies here."""
