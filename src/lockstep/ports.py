"""What the settlement logic needs of the world, as small protocols. Adapters are wired in `app`.

Those whose name begins with `Bulk` ask for many at once. What was done of many is told one by one, in the order given:
a `Sequence[LockstepError | None]`, None for what is done. One that fails never holds up or undoes another, and
Unavailable for one says that nothing is known of that one. Raised as a whole, an error holds for all of them;
Unavailable as a whole is raised only where certainly nothing was done.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
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
from lockstep.domain.order import (
    AssetEvent,
    AssetView,
    Attestation,
    Batch,
    BatchSignature,
    EndCall,
    Epoch,
    LockCall,
    LogEntry,
    Order,
    OutcomeResult,
    Proof,
)
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    CashAccount,
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
    "BulkAssetLedger",
    "BulkAttestationBoard",
    "BulkBook",
    "BulkCashSystem",
    "BulkMailbox",
    "CashBody",
    "CashSystem",
    "Change",
    "Claimed",
    "Clock",
    "Lease",
    "Leases",
    "Mailbox",
    "OrderWallet",
    "PartyBody",
    "Randomness",
    "Results",
    "SentTransaction",
    "SettlementBody",
    "SignOnceRegister",
    "StoredInstruction",
    "TransactionLog",
    "Unclaimed",
    "Unreadable",
    "WaitingGroup",
    "WaitingRoom",
    "WorkQueue",
]

Results = Sequence[LockstepError | None]
"""What became of each of many, in the order given; None: done."""

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


class BulkCashSystem(CashSystem, Protocol):
    """The RTGS, handed many messages at once."""

    def send_all(self, messages: Sequence[Message[CashBody]]) -> Results:
        """As `send`, each: an error is Refused, InvalidInput or Unavailable."""


class BulkMailbox(Mailbox, Protocol):
    """Where participants get many messages at once."""

    def deliver_all(self, messages: Sequence[Message[PartyBody]]) -> Results:
        """As `deliver`, each; None once it would outlive a power cut."""


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

    def final_time(self) -> int:
        """When the last final block was made, in seconds. Raises Unavailable."""

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


class BulkAssetLedger(AssetLedger, Protocol):
    """The securities side, asked for many settlements at once.

    Looks at many raise Unavailable as a whole: one that was answered by half a node is no look.
    """

    def views(self, orders: Mapping[SettlementId, Order]) -> Mapping[SettlementId, AssetView]:
        """As `view`, all at one head and one final block."""

    def histories(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[AssetEvent]]:
        """As `history`; an empty one for what never happened."""

    def settlements_of_all(self, ids: Collection[TradeId]) -> Mapping[TradeId, Sequence[SettlementId]]:
        """As `settlements_of`; an empty one where none was locked."""

    def obstacles(self, orders: Sequence[Order]) -> Sequence[Reason | None]:
        """As `obstacle`, in the order given. Those of one seller share the free units of one security: what the
        orders before it would take is no longer free for the next.
        """

    def free_nonces(self, seller: str, at_least: int, count: int) -> Sequence[int]:
        """As `next_nonce`: the first `count` of them, ascending, not always consecutive."""

    def free_nonces_of(self, wanted: Mapping[str, tuple[int, int]]) -> Mapping[str, Sequence[int]]:
        """As `free_nonces`, of many sellers in one look: from which nonce on, and how many, is given of each."""

    def lock_all(self, locks: Sequence[LockCall]) -> Results:
        """As `lock`, each: an error is ContractRefused or Unavailable."""

    def settle_all(self, endings: Sequence[EndCall]) -> Results:
        """As `settle`, each with its own proof."""

    def settle_batch(self, legs: Sequence[tuple[SettlementId, Order]], proof: Proof) -> Results:
        """Delivers many on one proof over `outcomes_digest` of exactly these, in this order. As `settle`, each."""

    def give_back_all(self, endings: Sequence[EndCall]) -> Results:
        """As `give_back`, each with its own proof."""

    def news(self) -> Collection[SettlementId]:
        """The settlements whose last event became final, or is gone, since this was last asked; none where nobody
        reads ahead. It only hurries a look that comes anyway. Raises Unavailable.
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


class BulkAttestationBoard(AttestationBoard, Protocol):
    """The board for many settlements at once, and for signatures over whole batches of them."""

    def attestations_of(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[Attestation]]:
        """As `attestations`; an empty sequence where none is there."""

    def publish_all(self, attestations: Sequence[Attestation]) -> None:
        """Leaves them all."""

    def news(self, at_least: int) -> Collection[SettlementId]:
        """Settlements that so many agents have spoken on by now, each told once, as far as is seen in passing. It only
        hurries a look that comes anyway. Raises Unavailable.
        """

    def ask_for(self, batch: Batch) -> None:
        """Asks the agents for one signature over a batch; anyone may, and twice is harmless.

        An agent signs where its register has each of the settlements with just this result, and is silent otherwise.
        """

    def batches(self) -> Sequence[Batch]:
        """Those asked for and not taken down yet, oldest first."""

    def signatures_of(self, batch_id: str) -> Sequence[BatchSignature]:
        """All that is there for a batch, unverified."""


class SignOnceRegister(Protocol):
    """An agent's memory of what it signed: one outcome per settlement, durable before it leaves."""

    def record(self, attestation: Attestation, sources: Sequence[str]) -> Attestation:
        """Stores it and returns what is stored. Raises Contradiction for another outcome."""

    def all(self) -> Sequence[Attestation]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransaction:
    """A chain transaction as decided: reserved, signed, broadcast, then mined, reverted or replaced, each step stored.

    `key` names what it is for (`lock/<settlement id>`); a batch's `serves` names each of those that it is for.
    """

    key: str
    nonce: int
    raw: bytes
    """What leaves; while it is reserved, what is to be signed."""
    hash: str
    """The chain's name for it; while it is reserved, `digest`."""
    status: str = "signed"
    """reserved, signed, broadcast, mined, reverted or replaced."""
    block: int | None = None
    gas: int | None = None
    """Block and gas come from its receipt."""
    digest: str = ""
    """Key and what it signs, hashed: which transaction it is, before it has a hash. Hex; the hash where not known."""
    serves: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    """Which of `serves` the batch went on without, and the revert data that each met, hex."""
    broadcasts: int = 0
    """How often it left."""
    first_sent: int | None = None
    last_sent: int | None = None
    """The head's number when it first left, and when it last did."""
    final: bool = False
    """What became of its nonce is below the finality depth."""
    sender: str = ""
    """Whose log it is in, where several keys share the records."""

    @property
    def identity(self) -> str:
        return self.digest or self.hash

    @property
    def in_flight(self) -> bool:
        """Not yet known to have come to an end."""
        return self.status in ("reserved", "signed", "broadcast")


class TransactionLog(Protocol):
    """The memory of one key's sender. Several workers with one key write under leases on the same subject."""

    @property
    def sender(self) -> str:
        """Its name, where several keys share the records; else empty. `SentTransaction.sender`."""

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        """All tries at one thing, of every key, oldest first; those of batches that serve it too."""

    def transactions_of(self, keys: Collection[str]) -> Mapping[str, Sequence[SentTransaction]]:
        """The same of many; a key that was never tried is left out."""

    def unmined(self) -> Sequence[SentTransaction]:
        """Those in flight, by nonce."""

    def from_nonce(self, nonce: int, most: int = 1_000) -> Sequence[SentTransaction]:
        """Every try with this nonce or a higher one, whatever became of it if that is not final, by nonce, at most so
        many."""

    def put(self, transaction: SentTransaction) -> None:
        """`put_all` of one."""

    def put_all(self, transactions: Sequence[SentTransaction]) -> None:
        """Stores or replaces by `identity`, durably, all or none.

        Raises LeaseLost, and stores nothing, if it writes under a lease that another has taken over.
        """

    def finish(self, nonce: int) -> None:
        """Those below this nonce are final. Raises LeaseLost."""


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
    late: datetime | None = None
    """When it turned out that the records were lost, and that it may have matched, and settled, before."""
    cancellations: tuple[Message[CancellationRequest], ...] = ()
    """Asked for while it waits, and not decided yet."""
    perhaps: TradeId | None = None
    """A trade that the chain has a lock of, and no record, which may be this instruction's."""

    @property
    def key(self) -> tuple[Lei, Reference]:
        return self.instruction.owner.lei, self.instruction.reference


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
        an instruction no longer waits, or is late or has cancellations and the change leaves that out; LeaseLost, and
        stores nothing, if it writes under a lease that another has taken over.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An open trade that one worker has for itself, for a time. See `Lease` for what it may trust."""

    trade: Trade
    fence: int
    """Grows with each claim of the trade."""


class WorkQueue(Protocol):
    """Which open trades are due, kept in the trades' own rows: there is no second list of work.

    A trade is due when it is new, at the time that `done_with` named, at once when it is woken, and at once when
    anybody but its claimant stores it (a cancellation asked for) or stores a cash view of its settlement.
    """

    def claim(self, worker: str, most: int, seconds: int) -> Sequence[Claimed]:
        """Open trades that are due and that no other worker has, the longest due first, leased to `worker` for so long.

        A trade whose lease has run out is anybody's. What a late worker then commits is refused by its fence.
        Raises Unavailable.
        """

    def done_with(self, looked: Sequence[tuple[Claimed, datetime | None]]) -> None:
        """Lets them go, each with the time at which it is to be looked at again at the latest; None: at once.

        One that was woken since its claim stays due. Those that another has claimed since are left alone.
        """

    def wake(self, settlements: Collection[SettlementId]) -> None:
        """Something was heard of these: their trades are due at once. Those of others are passed over."""

    def let_go_of(self, worker: str) -> None:
        """Frees, and makes due, what a dead worker of this name has: for who begins under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingGroup:
    """All instructions that wait and could match each other: `flow.matching.match_key` is the same."""

    instructions: tuple[StoredInstruction, ...]
    """Oldest first."""
    seen: tuple[tuple[int, int], ...]
    """For `WaitingRoom.matched_through`: which records these are, and how often each was touched."""


class WaitingRoom(Protocol):
    """What waits to be matched. `Book.waiting` reads all of it, this only what may have something new to say."""

    def unmatched_groups(self, aged_before: date, limit: int = 1000) -> Sequence[WaitingGroup]:
        """Groups into which an instruction came, or out of which one was cancelled, since they were matched through;
        and those that settle before a day. At most about `2 * limit` of them, the longest untouched first.
        """

    def matched_through(self, groups: Sequence[WaitingGroup]) -> None:
        """All that `match` says of these groups is stored, or was a Conflict. What came in meanwhile stays to do."""

    def match_anew(self) -> None:
        """All groups are to do: the market's tolerances may be others."""


OnCommit = Callable[[str], None]
"""Called after each durable step with its name; a crash test dies here."""
