"""The ports in memory: what each promises, without database, chain or network.

Each fake can be made to fail: `before` and `after` are called with a method's name, before it has any
effect and after it had all; a test raises there what it wants to see survived. `FakeChain` and
`FakeRtgs` are the two ledgers that several parties share, `FakeWorld` one small market on top of both.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict, ContractRefused, InvalidInput, Refused
from lockstep.domain.identifiers import Bic, Isin, Lei, Reference, SettlementId, TradeId, Uetr
from lockstep.domain.instruction import CancellationRequest, Instruction, Party, QuantityType, Side
from lockstep.domain.journal import GENESIS, JournalRow, entry_hash
from lockstep.domain.market import Market, Network, Participant, Security, Tolerance
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.order import AssetEvent, AssetStatus, AssetView, Attestation, Epoch, Order, OutcomeResult, Proof
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Resolution,
    ResolutionStatus,
)
from lockstep.domain.trade import Reason, Trade, TradeTerms
from lockstep.flow.stepping import Settler
from lockstep.ports import CashBody, Change, Clock, PartyBody, SentTransaction, StoredInstruction, Unreadable
from lockstep.signing import Key, check_order, outcome_digest, recover, settlement_id

__all__ = [
    "FakeAssetLedger",
    "FakeBoard",
    "FakeBook",
    "FakeCashSystem",
    "FakeChain",
    "FakeClock",
    "FakeMailbox",
    "FakeRandomness",
    "FakeRtgs",
    "FakeTransactionLog",
    "FakeWallet",
    "FakeWorld",
    "Hook",
    "example_instruction",
    "example_market",
    "key",
]

Hook = Callable[[str], None]
"""Called with a method's name; raises to make it fail."""


def _no_fault(_: str) -> None:
    """Nothing goes wrong."""


def key(name: str) -> Key:
    """The private key that belongs to a name. For tests only: whoever knows the name has the key."""
    return Key(hashlib.sha256(name.encode()).digest())


class FakeClock:
    """Stands still until moved."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def move_to(self, instant: datetime) -> None:
        self._now = max(self._now, instant)


class FakeRandomness:
    """The same stream at every run."""

    def __init__(self, seed: str = "") -> None:
        self._seed, self._drawn = seed, 0

    def token(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(f"{self._seed}/{self._drawn}".encode()).digest(size)


class FakeMailbox:
    """Messages by receiver and id."""

    def __init__(self) -> None:
        self.messages: dict[tuple[Bic, str], Message[PartyBody]] = {}
        self.before = self.after = _no_fault

    def deliver(self, message: Message[PartyBody]) -> None:
        self.before("deliver")
        self.messages[message.receiver, message.message_id] = message
        self.after("deliver")


class FakeBoard:
    """Attestations in the order in which they came."""

    def __init__(self) -> None:
        self._left: list[Attestation] = []

    def publish(self, attestation: Attestation) -> None:
        if attestation not in self._left:
            self._left.append(attestation)

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        return [one for one in self._left if one.settlement_id == settlement_id]


class FakeTransactionLog:
    """Transactions by hash, in the order in which they were first stored."""

    def __init__(self) -> None:
        self.stored: dict[str, SentTransaction] = {}

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        return [one for one in self.stored.values() if one.key == key]

    def unmined(self) -> Sequence[SentTransaction]:
        return sorted((one for one in self.stored.values() if one.status == "signed"), key=lambda one: one.nonce)

    def put(self, transaction: SentTransaction) -> None:
        self.stored[transaction.hash] = transaction


class FakeWallet:
    """Both parties' wallets. Each checks the order by itself, then signs, waits or refuses."""

    def __init__(self, keys: Mapping[str, Key], market: Market) -> None:
        """`keys` by address. Sides in `silent` have not signed yet; those in `refusing` never will."""
        self._keys, self._market = keys, market
        self.silent: set[Side] = set()
        self.refusing: set[Side] = set()
        self.before = self.after = _no_fault

    def sign(self, order: Order, terms: TradeTerms, side: Side) -> bytes | None:
        self.before("sign")
        if side in self.refusing:
            raise Refused("Declined", {"side": side.value})
        check_order(order, terms, self._market)
        if side in self.silent:
            return None
        signer = self._keys[order.movement.seller if side is Side.DELIVER else order.movement.buyer]
        signature = signer.sign(bytes.fromhex(settlement_id(order, self._market.network)))
        self.after("sign")
        return signature


class FakeBook:
    """The service's records in dictionaries. `on_commit` is called as the real one's."""

    def __init__(self, on_commit: Callable[[str], None] = lambda _: None) -> None:
        self._on_commit = on_commit
        self._instructions: dict[tuple[Lei, Reference], StoredInstruction] = {}
        self._trades: dict[TradeId, Trade] = {}
        self._cash: dict[SettlementId, CashView] = {}
        self._cursor = 0
        self._seen: dict[tuple[str, str], str] = {}
        self._requests: list[Message[CancellationRequest]] = []
        self._nonces: dict[str, int] = {}
        self._outgoing: dict[str, Message[PartyBody]] = {}
        self._delivered: set[str] = set()
        self._journal: list[JournalRow] = []

    def commit(self, change: Change) -> None:
        self._check(change)
        for stored in change.instructions:
            self._instructions[stored.key] = stored
        for trade in change.trades:
            self._trades[trade.trade_id] = replace(trade, version=trade.version + 1)
            if trade.order is not None:
                seller, nonce = trade.order.movement.seller, trade.order.movement.nonce
                self._nonces[seller] = max(self._nonces.get(seller, 0), nonce + 1)
        self._cash.update({view.settlement_id: view for view in change.cash})
        self._cursor = self._cursor if change.cash_cursor is None else change.cash_cursor
        self._seen.update({(sender, message_id): content for sender, message_id, content in change.seen})
        self._requests.extend(change.requests)
        for message in change.outgoing:
            self._outgoing.setdefault(message.message_id, message)
        self._delivered.update(change.delivered)
        for entry in change.entries:
            number, previous = len(self._journal) + 1, self._journal[-1].hash if self._journal else GENESIS
            self._journal.append(JournalRow(number=number, entry=entry, hash=entry_hash(previous, number, entry)))
        self._on_commit(change.entries[-1].kind if change.entries else "delivered")

    def _check(self, change: Change) -> None:
        """Everything is judged before anything is stored."""
        for stored in change.instructions:
            there = self._instructions.get(stored.key)
            if there is not None and (there.status != "WAITING" or there.message_id != stored.message_id):
                raise Conflict("instruction", "/".join(stored.key))
        for trade in change.trades:
            known = self._trades.get(trade.trade_id)
            if trade.version != (known.version if known else 0):
                raise Conflict("trade version", f"{trade.trade_id}/{trade.version}")

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None:
        return self._instructions.get((owner, reference))

    def seen(self, sender: str, message_id: str) -> str | None:
        return self._seen.get((sender, message_id))

    def waiting(self) -> Sequence[StoredInstruction]:
        return [one for one in self._instructions.values() if one.status == "WAITING"]

    def trade(self, trade_id: TradeId) -> Trade | None:
        return self._trades.get(trade_id)

    def open_trades(self) -> Sequence[Trade]:
        return [one for one in self._trades.values() if not one.state.is_end]

    def trades(self) -> Sequence[Trade]:
        return list(self._trades.values())

    def instructions(self) -> Sequence[StoredInstruction]:
        return list(self._instructions.values())

    def cash_view(self, settlement_id: SettlementId) -> CashView | None:
        return self._cash.get(settlement_id)

    def cash_cursor(self) -> int:
        return self._cursor

    def next_order_nonce(self, seller: str) -> int:
        return self._nonces.get(seller, 0)

    def cancellations(self, trade_id: TradeId) -> Sequence[Message[CancellationRequest]]:
        about = {key for key, stored in self._instructions.items() if stored.trade_id == trade_id}
        return [one for one in self._requests if (one.body.owner.lei, one.body.reference) in about]

    def undelivered(self) -> Sequence[Message[PartyBody]]:
        return [one for message_id, one in self._outgoing.items() if message_id not in self._delivered]

    def journal(self, subject: str | None = None, after: int = 0) -> Sequence[JournalRow]:
        rows = self._journal[max(0, after) :]
        return [row for row in rows if subject is None or row.entry.subject == subject]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mined:
    """A transaction that succeeded."""

    name: str
    block: int
    settlement_id: SettlementId
    order: Order


_STATUS = {
    "Locked": AssetStatus.LOCKED,
    "PaidRecorded": AssetStatus.PAID,
    "Settled": AssetStatus.SETTLED,
    "GivenBack": AssetStatus.GIVEN_BACK,
}


class FakeChain:
    """One network with its DvP contract, tokens and registry: a list of what happened, all else computed."""

    def __init__(self, clock: Clock, network: Network, epoch: Epoch) -> None:
        self.network, self.current_epoch = network, epoch
        self.issued: dict[tuple[str, str], int] = defaultdict(int)
        """Opening units by (token, wallet)."""
        self.eligible: set[str] = set()
        self.mined: list[_Mined] = []
        self._clock = clock
        self._times = [int(clock.now().timestamp())]

    @property
    def head(self) -> int:
        return len(self._times) - 1

    def time(self, block: int) -> int:
        """A block's timestamp, seconds; the genesis block's below it."""
        return self._times[max(0, block)]

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self._times.append(max(int(self._clock.now().timestamp()), self._times[-1] + 1))

    def reorganise(self, depth: int) -> None:
        """The last blocks and all in them never were; as many empty ones take their place."""
        del self._times[len(self._times) - depth :]
        self.mined = [one for one in self.mined if one.block <= self.head]
        self.mine(depth)

    def status(self, settlement_id: SettlementId, block: int) -> AssetStatus:
        found = [one.name for one in self.mined if one.settlement_id == settlement_id and one.block <= block]
        return _STATUS[found[-1]] if found else AssetStatus.NONE

    def owned(self, token: str, wallet: str) -> int:
        moved = [
            one.order.movement for one in self.mined if one.name == "Settled" and one.order.movement.token == token
        ]
        came = sum(one.quantity for one in moved if one.buyer == wallet)
        return self.issued[token, wallet] + came - sum(one.quantity for one in moved if one.seller == wallet)

    def earmarked(self, token: str, wallet: str) -> int:
        locked = {one.settlement_id: one.order.movement for one in self.mined if one.name == "Locked"}
        return sum(
            movement.quantity
            for settlement, movement in locked.items()
            if (movement.token, movement.seller) == (token, wallet) and not self.status(settlement, self.head).is_done
        )

    def free(self, token: str, wallet: str) -> int:
        return self.owned(token, wallet) - self.earmarked(token, wallet)

    def used(self, seller: str, nonce: int) -> SettlementId | None:
        """Which settlement burnt a nonce."""
        for one in self.mined:
            movement = one.order.movement
            if one.name == "Locked" and (movement.seller, movement.nonce) == (seller, nonce):
                return one.settlement_id
        return None

    def append(self, name: str, settlement: SettlementId, order: Order) -> None:
        """What one successful transaction did, in a block of its own."""
        self.mine()
        self.mined.append(_Mined(name=name, block=self.head, settlement_id=settlement, order=order))

    def lock(self, order: Order, seller: bytes, buyer: bytes) -> None:
        """DvP.lock, with the contract's refusals in its order."""
        identifier, movement, terms = settlement_id(order, self.network), order.movement, order.terms
        word, at = "0x" + identifier, max(int(self._clock.now().timestamp()), self._times[-1] + 1)
        if at > terms.lock_by:
            raise ContractRefused("LockByPassed", {"settlementId": word, "time": at, "lockBy": terms.lock_by})
        if movement.epoch != self.current_epoch.number:
            details = {"settlementId": word, "actual": movement.epoch, "expected": self.current_epoch.number}
            raise ContractRefused("NotCurrentEpoch", details)
        if movement.quantity == 0:
            raise ContractRefused("ZeroQuantity", {"settlementId": word})
        taken = self.used(movement.seller, movement.nonce)
        if taken is not None:
            details = {"seller": movement.seller, "nonce": movement.nonce, "prefix": f"0x{taken[:30]}"}
            status = int(self.status(taken, self.head))
            raise ContractRefused("NonceUsed", {"settlementId": word, **details, "status": status})
        for party, signature in ((movement.seller, seller), (movement.buyer, buyer)):
            if not _is_from(party, bytes.fromhex(identifier), signature):
                raise ContractRefused("InvalidSignature", {"settlementId": word, "party": party})
        for party in (movement.seller, movement.buyer):
            if party not in self.eligible:
                raise ContractRefused("NotEligible", {"wallet": party})
        free = self.free(movement.token, movement.seller)
        if free < movement.quantity:
            details = {"holder": movement.seller, "free": free, "needed": movement.quantity}
            raise ContractRefused("InsufficientFreeUnits", details)
        self.append("Locked", identifier, order)

    def end(self, order: Order, result: OutcomeResult, proof: Proof, name: str) -> None:
        """DvP.settle, recordPaid and giveBack."""
        identifier = settlement_id(order, self.network)
        word, status = "0x" + identifier, self.status(identifier, self.head)
        if status is AssetStatus.NONE:
            raise ContractRefused("WrongStatus", {"settlementId": word, "actual": 0, "expected": 1})
        if status.is_done:
            raise ContractRefused("AlreadyEnded", {"settlementId": word, "actual": int(status), "expected": 1})
        if status is AssetStatus.PAID and name != "Settled":
            raise ContractRefused("WrongStatus", {"settlementId": word, "actual": int(status), "expected": 1})
        if status is AssetStatus.LOCKED:
            self._require(identifier, result, proof)
        self.append(name, identifier, order)

    def _require(self, identifier: SettlementId, result: OutcomeResult, proof: Proof) -> None:
        count, epoch = len(proof.signatures) // 64, self.current_epoch
        if count < proof.quorum:
            details = {"settlementId": "0x" + identifier, "signed": count, "quorum": proof.quorum}
            raise ContractRefused("QuorumNotReached", details)
        if proof.signers.bit_count() != count or proof.signers >> (count + len(proof.absent)):
            raise ContractRefused("MalformedProof", {"settlementId": "0x" + identifier, "signers": proof.signers})
        digest = outcome_digest(identifier, result, epoch.number, self.network)
        signatures = iter([proof.signatures[64 * place : 64 * place + 64] for place in range(count)])
        absent = iter(proof.absent)
        agents = [
            recover(digest, _expanded(next(signatures))) if proof.signers >> place & 1 else next(absent)
            for place in range(count + len(proof.absent))
        ]
        if (tuple(agents), proof.quorum) != (epoch.agents, epoch.quorum):
            raise ContractRefused("ProofNotFromEpoch", {"settlementId": "0x" + identifier})


def _is_from(party: str, digest: bytes, signature: bytes) -> bool:
    try:
        return recover(digest, signature) == party
    except InvalidInput:
        return False


def _expanded(compact: bytes) -> bytes:
    """An EIP-2098 signature as 65 bytes."""
    return compact[:32] + bytes([compact[32] & 0x7F]) + compact[33:] + bytes([27 + (compact[32] >> 7)])


class FakeAssetLedger:
    """AssetLedger on a FakeChain: every transaction is mined at once, in a block of its own."""

    def __init__(self, chain: FakeChain) -> None:
        self.chain = chain
        self.before = self.after = _no_fault

    def view(self, settlement_id: SettlementId, order: Order) -> AssetView:
        self.before("view")
        chain = self.chain
        final = max(0, chain.head - chain.network.finality_depth)
        return AssetView(
            head=chain.status(settlement_id, chain.head),
            final=chain.status(settlement_id, final),
            final_time=chain.time(final),
        )

    def history(self, settlement_id: SettlementId) -> Sequence[AssetEvent]:
        self.before("history")
        chain = self.chain
        return [
            AssetEvent(
                name=one.name,
                settlement_id=settlement_id,
                transaction=_transaction(one),
                block=one.block,
                at=datetime.fromtimestamp(chain.time(one.block), UTC),
                final=one.block <= chain.head - chain.network.finality_depth,
                order=one.order if one.name == "Locked" else None,
            )
            for one in chain.mined
            if one.settlement_id == settlement_id
        ]

    def gas_of(self, transaction: str) -> int | None:
        return 100_000 if any(_transaction(one) == transaction for one in self.chain.mined) else None

    def obstacle(self, order: Order) -> Reason | None:
        self.before("obstacle")
        movement = order.movement
        for role, wallet in (("seller", movement.seller), ("buyer", movement.buyer)):
            if wallet not in self.chain.eligible:
                return Reason(code="BLOC", text=f"the {role} is not eligible in the participant registry ({wallet})")
        free = self.chain.free(movement.token, movement.seller)
        if free < movement.quantity:
            text = f"the seller is short of free units: {free} free, {movement.quantity} needed"
            return Reason(code="LACK", text=text)
        return None

    def next_nonce(self, seller: str, at_least: int) -> int:
        self.before("next_nonce")
        nonce = at_least
        while self.chain.used(seller, nonce) is not None:
            nonce += 1
        return nonce

    def epoch(self) -> Epoch:
        self.before("epoch")
        return self.chain.current_epoch

    def lock(self, settlement_id: SettlementId, order: Order, seller: bytes, buyer: bytes) -> None:
        self.before("lock")
        if self.chain.status(settlement_id, self.chain.head) is AssetStatus.NONE:
            self.chain.lock(order, seller, buyer)
        self.after("lock")

    def settle(self, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        self._end("settle", order, proof, OutcomeResult.PAID, "Settled")

    def give_back(self, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        self._end("give_back", order, proof, OutcomeResult.NEVER, "GivenBack")

    def _end(self, method: str, order: Order, proof: Proof, result: OutcomeResult, name: str) -> None:
        self.before(method)
        try:
            self.chain.end(order, result, proof, name)
        except ContractRefused as error:
            if error.name != "AlreadyEnded":
                raise
        self.after(method)


def _transaction(mined: _Mined) -> str:
    return "0x" + hashlib.sha256(f"{mined.name}/{mined.settlement_id}/{mined.block}".encode()).hexdigest()


@dataclass(slots=True, kw_only=True)
class _Held:
    """A payment as the RTGS keeps it."""

    payment: Payment
    message_id: str
    state: PaymentState
    decided_at: datetime
    reason_code: str | None = None
    reason: str | None = None
    released_by: set[Bic] = field(default_factory=set)


class FakeRtgs:
    """Payments by settlement, each party's mail, accounts by number. Obeys the real one's rules on
    idempotency, release by a quorum, tombstones and `pay_by`; knows no mandates and no roles.
    """

    def __init__(self, clock: Clock, *, bic: Bic, service: Bic, agents: Sequence[Bic], quorum: int) -> None:
        self._clock, self._bic, self._service, self._agents, self._quorum = clock, bic, service, agents, quorum
        self.available: dict[str, int] = defaultdict(int)
        self.payments: dict[SettlementId, _Held] = {}
        self.tombstones: dict[SettlementId, datetime] = {}
        self.booked: list[tuple[SettlementId, Payment, datetime]] = []
        """Every debit, with its settlement and time."""
        self.mail: dict[Bic, list[Message[CashBody]]] = defaultdict(list)
        self._taken: dict[tuple[Bic, str], CashBody] = {}

    def handle(self, message: Message[CashBody]) -> None:
        """Takes a message once. Raises Refused."""
        known = self._taken.setdefault((message.sender, message.message_id), message.body)
        if known != message.body:
            raise Refused("MessageConflict", {"message_id": message.message_id})
        self.expire()
        match message.body:
            case Payment() as payment:
                self._pay(payment, message.message_id)
            case CancelPayment() as wish:
                self._cancel(wish)
            case Release() as release:
                self._release(release, message.sender)

    def expire(self) -> None:
        """What is not booked by its time never will be."""
        for held in self._open():
            if self._clock.now() > held.payment.pay_by:
                self._never(held, PaymentState.REJECTED, "TM01", "not booked in time")

    def close_day(self) -> None:
        for held in self._open():
            self._never(held, PaymentState.REJECTED, "ED06", "the day is over")

    def fund(self, account: str, amount: int) -> None:
        """Money comes in; what waited for it is held, in order of arrival."""
        self.available[account] += amount
        for held in self._open():
            if held.state is PaymentState.PENDING:
                self._hold(held)

    def _open(self) -> list[_Held]:
        return [one for one in self.payments.values() if one.state in (PaymentState.HELD, PaymentState.PENDING)]

    def _pay(self, payment: Payment, message_id: str) -> None:
        known = self.payments.get(payment.settlement_id)
        if known is not None and known.payment != payment:
            raise Refused("SettlementConflict", {"settlement_id": payment.settlement_id})
        if known is not None:
            return self._report(known)
        held = _Held(payment=payment, message_id=message_id, state=PaymentState.PENDING, decided_at=self._clock.now())
        self.payments[payment.settlement_id] = held
        if payment.settlement_id in self.tombstones:
            return self._never(held, PaymentState.REJECTED, "AM05", "a tombstone stands")
        if self._clock.now() > payment.pay_by:
            return self._never(held, PaymentState.REJECTED, "TM01", "not booked in time")
        if not self._hold(held):
            held.reason_code, held.reason = "AM04", "the debtor is short of funds"
            self._tell([self._service], self._reported(held))
        return None

    def _hold(self, held: _Held) -> bool:
        amount, account = held.payment.amount.amount, held.payment.debtor.number
        if self.available[account] < amount:
            return False
        self.available[account] -= amount
        self._enter(held, PaymentState.HELD)
        return True

    def _cancel(self, wish: CancelPayment) -> None:
        held = self.payments.get(wish.settlement_id)
        status, at = ResolutionStatus.CANCELLED, self._clock.now()
        if held is not None and held.state is PaymentState.BOOKED:
            return self._tell([self._service], self._resolution(wish, ResolutionStatus.REFUSED, at))
        if held is not None and not held.state.is_never:
            self._never(held, PaymentState.CANCELLED, wish.reason_code, "cancelled on request")
        at = self.tombstones.setdefault(wish.settlement_id, at)
        return self._tell([self._service, *self._agents], self._resolution(wish, status, at))

    def _release(self, release: Release, agent: Bic) -> None:
        held = self.payments.get(release.settlement_id)
        if held is None or held.payment.uetr != release.uetr:
            raise Refused("PaymentUnknown", {"uetr": release.uetr})
        if held.state is PaymentState.BOOKED:
            return self._report(held)
        if held.state is not PaymentState.HELD:
            raise Refused("PaymentEnded", {"uetr": release.uetr})
        held.released_by.add(agent)
        if agent in self._agents and len(held.released_by & set(self._agents)) >= self._quorum:
            self._book(held)
        return None

    def _book(self, held: _Held) -> None:
        payment, now = held.payment, self._clock.now()
        self.booked.append((payment.settlement_id, payment, now))
        self._enter(held, PaymentState.BOOKED)
        for account, credit in ((payment.debtor, False), (payment.creditor, True)):
            notice = BookingNotice(
                account=account,
                amount=payment.amount,
                credit=credit,
                booked_at=now,
                posting=len(self.booked),
                uetr=payment.uetr,
                settlement_id=payment.settlement_id,
                salt=payment.salt,
            )
            self._tell([self._service, *self._agents], notice)
        self.fund(payment.creditor.number, payment.amount.amount)

    def _never(self, held: _Held, state: PaymentState, code: str, reason: str) -> None:
        if held.state is PaymentState.HELD:
            self.available[held.payment.debtor.number] += held.payment.amount.amount
        held.reason_code, held.reason = code, reason
        self.tombstones.setdefault(held.payment.settlement_id, self._clock.now())
        self._enter(held, state, code, reason)

    def _enter(self, held: _Held, state: PaymentState, code: str | None = None, reason: str | None = None) -> None:
        held.state, held.decided_at, held.reason_code, held.reason = state, self._clock.now(), code, reason
        self._report(held)

    def _report(self, held: _Held) -> None:
        watchers = [self._service] if held.state is PaymentState.PENDING else [self._service, *self._agents]
        self._tell(watchers, self._reported(held))

    @staticmethod
    def _reported(held: _Held) -> PaymentReport:
        return PaymentReport(
            original_message_id=held.message_id,
            uetr=held.payment.uetr,
            state=held.state,
            decided_at=held.decided_at,
            payment=held.payment,
            reason_code=held.reason_code,
            reason=held.reason,
        )

    @staticmethod
    def _resolution(wish: CancelPayment, status: ResolutionStatus, at: datetime) -> Resolution:
        return Resolution(
            case_id=wish.case_id,
            uetr=wish.uetr,
            settlement_id=wish.settlement_id,
            salt=wish.salt,
            status=status,
            decided_at=at,
        )

    def _tell(self, parties: Sequence[Bic], body: CashBody) -> None:
        for party in parties:
            message_id = f"R{sum(map(len, self.mail.values()))}"
            self.mail[party].append(
                Message(sender=self._bic, receiver=party, message_id=message_id, created=self._clock.now(), body=body)
            )


class FakeCashSystem:
    """The RTGS as one party sees it."""

    def __init__(self, rtgs: FakeRtgs, party: Bic) -> None:
        self._rtgs, self._party = rtgs, party
        self.sent: list[Message[CashBody]] = []
        """What this party handed over, refused or not."""
        self.before = self.after = _no_fault

    def send(self, message: Message[CashBody]) -> None:
        self.before("send")
        self.sent.append(message)
        self._rtgs.handle(message)
        self.after("send")

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[CashBody] | Unreadable]]:
        self.before("receive")
        page = self._rtgs.mail[self._party][after : after + limit]
        return [(after + place, message) for place, message in enumerate(page, 1)]


SERVICE, RTGS = Bic("LSTPZZ2AXXX"), Bic("CBNKZZ2AXXX")
AGENTS = tuple(Bic(f"LSTPZZ2AA{number:02d}") for number in range(1, 5))
SELLER = Party(lei=Lei("5493001KJTIIGC8Y1R12"), bic=Bic("FABLZZ2A"))
BUYER = Party(lei=Lei("529900T8BM49AURSDO55"), bic=Bic("UTOPZZ2A"))
BOND = Isin("DE0001102580")
DAY = date(2026, 11, 23)
MORNING = datetime(2026, 11, 23, 8, tzinfo=UTC)


def example_market(network: Network | None = None) -> Market:
    """Two members, one bond with two decimals that settles in EUR until 16:00."""
    return Market(
        service=SERVICE,
        rtgs=RTGS,
        network=network or Network(chain_id=31_337, dvp=key("dvp").address, finality_depth=2),
        participants={
            party.lei: Participant(
                name=party.bic, lei=party.lei, bic=party.bic, wallet=key(party.bic).address, accounts={"EUR": account}
            )
            for party, account in ((SELLER, "ACC-SELLER"), (BUYER, "ACC-BUYER"))
        },
        securities={
            BOND: Security(
                isin=BOND,
                name="Bund 2.5% 2035",
                token=key("bond").address,
                decimals=2,
                quantity_type=QuantityType.FACE_AMOUNT,
                currency="EUR",
            )
        },
        tolerances={"EUR": Tolerance(threshold=10_000_000, up_to=200, above=2_500)},
        pay_by=time(16),
    )


def example_instruction(side: Side, reference: str, *, quantity: str = "1000", cash: str = "990.00") -> Instruction:
    """One party's instruction for the bond, for the same day."""
    return Instruction(
        reference=Reference(reference),
        side=side,
        deliverer=SELLER,
        receiver=BUYER,
        isin=BOND,
        quantity=Quantity.parse(quantity),
        quantity_type=QuantityType.FACE_AMOUNT,
        cash=Money.parse(cash, "EUR"),
        trade_date=DAY,
        settlement_date=DAY,
    )


class FakeWorld:
    """One market on the fakes: all ports of a Settler, and the agents' keys. Starts in the morning."""

    def __init__(self, on_commit: Callable[[str], None] = lambda _: None) -> None:
        self.clock = FakeClock(MORNING)
        self.market = example_market()
        agents = sorted((key(f"agent {number}") for number in range(1, 5)), key=lambda one: int(one.address, 16))
        self.agent_keys = tuple(agents)
        epoch = Epoch(number=1, agents=tuple(one.address for one in agents), quorum=3)
        self.chain = FakeChain(self.clock, self.market.network, epoch)
        self.rtgs = FakeRtgs(self.clock, bic=RTGS, service=SERVICE, agents=AGENTS, quorum=3)
        self.book = FakeBook(on_commit)
        self.assets = FakeAssetLedger(self.chain)
        self.cash = FakeCashSystem(self.rtgs, SERVICE)
        self.wallet = FakeWallet({key(one.bic).address: key(one.bic) for one in (SELLER, BUYER)}, self.market)
        self.board = FakeBoard()
        self.mailbox = FakeMailbox()
        self.randomness = FakeRandomness()
        for party in (SELLER, BUYER):
            self.chain.eligible.add(self.wallet_of(party))
        self.chain.issued[self.token, self.wallet_of(SELLER)] = 500_000
        self.rtgs.available["ACC-BUYER"] = 500_000

    @property
    def token(self) -> str:
        return self.market.securities[BOND].token

    def wallet_of(self, party: Party) -> str:
        return self.market.participants[party.lei].wallet

    def settler(self) -> Settler:
        """A new one over the same records and ledgers, as after a restart."""
        return Settler(
            market=self.market,
            book=self.book,
            assets=self.assets,
            cash=self.cash,
            wallet=self.wallet,
            board=self.board,
            clock=self.clock,
        )

    def attest(self, settlement: SettlementId, result: OutcomeResult, agents: Sequence[int] = (0, 1, 2)) -> None:
        """Agents' signatures over an outcome, as they are: whether it is true is the test's affair."""
        epoch = self.chain.current_epoch.number
        digest = outcome_digest(settlement, result, epoch, self.market.network)
        for place in agents:
            signer = self.agent_keys[place]
            self.board.publish(
                Attestation(
                    settlement_id=settlement,
                    result=result,
                    epoch=epoch,
                    agent=signer.address,
                    signature=signer.sign(digest),
                )
            )

    def release(self, settlement: SettlementId, uetr: Uetr) -> None:
        """Three agents release a payment."""
        for agent in AGENTS[:3]:
            release = Release(uetr=uetr, settlement_id=settlement)
            self.rtgs.handle(
                Message(
                    sender=agent,
                    receiver=RTGS,
                    message_id=f"release/{settlement[:20]}",
                    created=self.clock.now(),
                    body=release,
                )
            )
