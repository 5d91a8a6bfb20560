"""Clock, randomness, mailbox, board, transaction log and wallets, in memory."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lockstep.domain.errors import LeaseLost, LockstepError, Refused
from lockstep.domain.identifiers import Bic, SettlementId
from lockstep.domain.instruction import Side
from lockstep.domain.log_run import LogRun
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.order import Attestation, Batch, BatchSignature, LogEntry, Order
from lockstep.domain.trade import TradeTerms
from lockstep.ports import Lease, PartyBody, SentTransaction
from lockstep.signing import Key, check_order, settlement_id

__all__ = [
    "FakeBoard",
    "FakeClock",
    "FakeLeases",
    "FakeMailbox",
    "FakeRandomness",
    "FakeTransactionLog",
    "FakeWallet",
    "Hook",
    "key",
    "no_fault",
]


Hook = Callable[[str], None]
"""Called with a method's name; raises to make it fail."""


def no_fault(_: str) -> None:
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
        self.before = self.after = no_fault

    def deliver(self, message: Message[PartyBody]) -> None:
        self.before("deliver")
        self.messages[message.receiver, message.message_id] = message
        self.after("deliver")

    def deliver_all(self, messages: Sequence[Message[PartyBody]]) -> Sequence[LockstepError | None]:
        results: list[LockstepError | None] = []
        for message in messages:
            try:
                self.deliver(message)
                results.append(None)
            except LockstepError as error:
                results.append(error)
        return results


class FakeBoard:
    """Attestations in the order in which they came, signature logs, and batches."""

    def __init__(self) -> None:
        self._left: list[Attestation] = []
        self.logs: dict[tuple[str, int], LogRun] = {}
        """Runs of signature logs by agent and first number."""
        self.asked: dict[str, tuple[Batch, list[BatchSignature]]] = {}
        """Batches by id, with what was signed."""

    def publish(self, attestation: Attestation) -> None:
        self.publish_all([attestation])

    def publish_all(self, attestations: Sequence[Attestation]) -> None:
        self._left += [one for one in attestations if one not in self._left]

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        return [one for one in self._left if one.settlement_id == settlement_id]

    def attestations_of(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[Attestation]]:
        return {one: self.attestations(one) for one in ids}

    def archive(self, agent: str, is_over: Callable[[SettlementId], bool]) -> None:
        """Nothing is set apart: a list is short."""

    def signed_by(self, agent: str) -> Sequence[Attestation]:
        return [one for one in self._left if one.agent == agent]

    def enter(self, entry: LogEntry, *, replace: bool = False) -> LogEntry:
        for other in self.enter_run(LogRun.alone(entry), replace=replace):
            return _line(other, entry.number)
        return entry

    def enter_run(self, run: LogRun, *, replace: bool = False) -> Sequence[LogRun]:
        there = self.logs.get((run.agent, run.first))
        if there is not None and there != run and not replace:
            return [there]
        self.logs[run.agent, run.first] = run
        ours = dict(run.numbered())
        others = [one for (agent, _), one in self.logs.items() if agent == run.agent and one != run]
        return [one for one in others if any(ours.get(number, said) != said for number, said in one.numbered())]

    def runs_with(self, agent: str, number: int) -> Iterator[LogRun]:
        found = [run for (whose, _), run in self.logs.items() if whose == agent and run.first <= number <= run.last]
        yield from sorted(found, key=lambda run: -run.first)

    def run_numbers(self, agent: str) -> Sequence[int]:
        return sorted(first for whose, first in self.logs if whose == agent)

    def log_entry(self, agent: str, number: int) -> LogEntry | None:
        return next((_line(run, number) for run in self.runs_with(agent, number)), None)

    def log_numbers(self, agent: str) -> Sequence[int]:
        runs = (run for (whose, _), run in self.logs.items() if whose == agent)
        return sorted({number for run in runs for number, _ in run.numbered()})

    def ask_for(self, batch: Batch) -> None:
        self.asked.setdefault(batch.id, (batch, []))

    def batches(self, known: Collection[str] = ()) -> Sequence[Batch]:
        return [batch for identifier, (batch, _) in self.asked.items() if identifier not in known]

    def sign_batch(self, signature: BatchSignature) -> None:
        if signature.batch_id in self.asked and signature not in self.asked[signature.batch_id][1]:
            self.asked[signature.batch_id][1].append(signature)

    def signatures_of(self, batch_id: str) -> Sequence[BatchSignature]:
        return tuple(self.asked[batch_id][1]) if batch_id in self.asked else ()

    def batches_signed_by(self, agent: str) -> Sequence[tuple[Batch, BatchSignature]]:
        return [(batch, one) for batch, signed in self.asked.values() for one in signed if one.agent == agent]

    def drop_batch(self, batch_id: str) -> None:
        self.asked.pop(batch_id, None)


def _line(run: LogRun, number: int) -> LogEntry:
    previous = run.previous if number == run.first else "0" * 64
    said = run.attestations[number - run.first]
    return LogEntry(number=number, previous=previous, attestation=said, signature=run.signature)


class FakeLeases:
    """Leases in memory."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.held: dict[str, Lease] = {}
        """The newest of each subject."""

    def claim(self, subject: str, holder: str, seconds: int) -> Lease | None:
        now, known = self._clock.now().replace(microsecond=0), self.held.get(subject)
        longest = now + timedelta(seconds=2 * seconds)
        if known is not None and known.holder != holder and now < known.until <= longest:
            return None
        fence = known.fence + 1 if known is not None else 1
        until = now + timedelta(seconds=seconds)
        self.held[subject] = Lease(subject=subject, holder=holder, fence=fence, until=until)
        return self.held[subject]

    def renew(self, lease: Lease, seconds: int) -> Lease:
        self.require(lease)
        until = self._clock.now().replace(microsecond=0) + timedelta(seconds=seconds)
        self.held[lease.subject] = replace(lease, until=until)
        return self.held[lease.subject]

    def release(self, lease: Lease) -> None:
        known = self.held.get(lease.subject)
        if known is not None and (known.holder, known.fence) == (lease.holder, lease.fence):
            self.held[lease.subject] = replace(known, until=datetime.fromtimestamp(0, UTC))

    def require(self, lease: Lease) -> None:
        """Raises LeaseLost unless the lease is the newest of its subject."""
        known = self.held.get(lease.subject)
        if known is None or (known.holder, known.fence) != (lease.holder, lease.fence):
            raise LeaseLost(lease.subject, lease.fence)


class FakeTransactionLog:
    """Transactions by identity, in the order in which they were first stored."""

    sender = ""

    def __init__(self) -> None:
        self.stored: dict[str, SentTransaction] = {}

    def transactions(self, key: str) -> Sequence[SentTransaction]:
        return [one for one in self.stored.values() if one.key == key or key in one.serves]

    def transactions_of(self, keys: Collection[str]) -> Mapping[str, Sequence[SentTransaction]]:
        found = {key: self.transactions(key) for key in keys}
        return {key: tries for key, tries in found.items() if tries}

    def unmined(self) -> Sequence[SentTransaction]:
        return sorted((one for one in self.stored.values() if one.in_flight), key=lambda one: one.nonce)

    def from_nonce(self, nonce: int, most: int = 1_000) -> Sequence[SentTransaction]:
        found = (one for one in self.stored.values() if one.nonce >= nonce and not one.final)
        return sorted(found, key=lambda one: one.nonce)[:most]

    def put(self, transaction: SentTransaction) -> None:
        self.put_all([transaction])

    def put_all(self, transactions: Sequence[SentTransaction]) -> None:
        for one in transactions:
            self.stored[one.identity] = one

    def finish(self, nonce: int) -> None:
        for name, one in self.stored.items():
            if one.nonce < nonce:
                self.stored[name] = replace(one, final=True)


class FakeWallet:
    """Both parties' wallets. Each checks the order by itself, then signs, waits or refuses."""

    def __init__(self, keys: Mapping[str, Key], market: Market) -> None:
        """`keys` by address. Sides in `silent` have not signed yet; those in `refusing` never will."""
        self._keys, self._market = keys, market
        self.silent: set[Side] = set()
        self.refusing: set[Side] = set()
        self.before = self.after = no_fault

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
