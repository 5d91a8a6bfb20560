"""A bench whose ports are asked for many at once, over real records; it counts what it is asked."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from flow_world import Bench

from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.message import Message
from lockstep.domain.order import (
    AssetEvent,
    AssetView,
    Batch,
    BatchSignature,
    EndCall,
    LockCall,
    Order,
    OutcomeResult,
    Proof,
)
from lockstep.domain.trade import Reason
from lockstep.flow.engine import Engine
from lockstep.ports import CashBody, Change, PartyBody, Results
from lockstep.signing import build_proof, outcomes_digest, recover
from lockstep.store import Database, SqlBook, open_database
from lockstep.testing.fakes import (
    SELLER,
    SERVICE,
    FakeAssetLedger,
    FakeBoard,
    FakeCashSystem,
    FakeChain,
    FakeMailbox,
    FakeRtgs,
)


def each(call: Any, items: Sequence[Any]) -> Results:
    results: list[LockstepError | None] = []
    for item in items:
        try:
            call(item)
            results.append(None)
        except LockstepError as error:
            results.append(error)
    return results


class Counted:
    """Counts calls in bulk and their items; `before_all` gets the method's name."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.items: Counter[str] = Counter()
        self.before_all: Callable[[str], None] = lambda _: None

    def count(self, name: str, items: Collection[Any]) -> None:
        self.calls[name] += 1
        self.items[name] += len(items)
        self.before_all(name)


class BulkAssets(FakeAssetLedger):
    """The fake chain, asked for many. Asked for one it complains: whoever can ask for many does."""

    def __init__(self, chain: FakeChain, board: "BatchBoard") -> None:
        super().__init__(chain)
        self.counted, self.board = Counted(), board
        self.refuses: dict[SettlementId, LockstepError] = {}

    def views(self, orders: Mapping[SettlementId, Order]) -> Mapping[SettlementId, AssetView]:
        self.counted.count("views", orders)
        return {one: super(BulkAssets, self).view(one, order) for one, order in orders.items()}

    def view(self, settlement_id: SettlementId, order: Order) -> AssetView:
        raise AssertionError("asked for one")

    def histories(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[AssetEvent]]:
        self.counted.count("histories", ids)
        return {one: super(BulkAssets, self).history(one) for one in ids}

    def history(self, settlement_id: SettlementId) -> Sequence[AssetEvent]:
        raise AssertionError("asked for one")

    def settlements_of_all(self, ids: Collection[TradeId]) -> Mapping[TradeId, Sequence[SettlementId]]:
        self.counted.count("settlements_of_all", ids)
        return {one: super(BulkAssets, self).settlements_of(one) for one in ids}

    def settlements_of(self, trade_id: TradeId) -> Sequence[SettlementId]:
        raise AssertionError("asked for one")

    def obstacles(self, orders: Sequence[Order]) -> Sequence[Reason | None]:
        self.counted.count("obstacles", orders)
        taken: Counter[tuple[str, str]] = Counter()
        told = []
        for order in orders:
            movement = order.movement
            held = (movement.token, movement.seller)
            reason = self.obstacle(order)
            free = self.chain.free(*held) - taken[held]
            if reason is None and free < movement.quantity:
                reason = Reason(code="LACK", text=f"{free} free, {movement.quantity} needed")
            if reason is None:
                taken[held] += movement.quantity
            told.append(reason)
        return told

    def free_nonces(self, seller: str, at_least: int, count: int) -> Sequence[int]:
        self.counted.count("free_nonces", range(count))
        free: list[int] = []
        while len(free) < count:
            free.append(self.next_nonce(seller, free[-1] + 1 if free else at_least))
        return free

    def lock_all(self, locks: Sequence[LockCall]) -> Results:
        self.counted.count("lock_all", locks)

        def lock(one: LockCall) -> None:
            if one.settlement_id in self.refuses:
                raise self.refuses[one.settlement_id]
            super(BulkAssets, self).lock(one.settlement_id, one.order, one.seller, one.buyer)

        return each(lock, locks)

    def lock(self, settlement_id: SettlementId, order: Order, seller: bytes, buyer: bytes) -> None:
        raise AssertionError("asked for one")

    def settle_all(self, endings: Sequence[EndCall]) -> Results:
        self.counted.count("settle_all", endings)
        return each(lambda one: self.settle(one.settlement_id, one.order, one.proof), endings)

    def settle_batch(self, legs: Sequence[tuple[SettlementId, Order]], proof: Proof) -> Results:
        """Judges the proof over all legs as the contract does, then has each delivered on its own."""
        self.counted.count("settle_batch", legs)
        epoch = self.chain.epochs[legs[0][1].movement.epoch]
        digest = outcomes_digest([one for one, _ in legs], OutcomeResult.PAID, epoch.number, self.chain.network)
        signers = [agent for place, agent in enumerate(epoch.agents) if proof.signers >> place & 1]
        signed = [proof.signatures[at : at + 64] for at in range(0, len(proof.signatures), 64)]
        assert len(signers) == len(signed) == proof.quorum == epoch.quorum
        assert [recover(digest, _whole(one)) for one in signed] == signers

        def settle(leg: tuple[SettlementId, Order]) -> None:
            if leg[0] in self.refuses:
                raise self.refuses[leg[0]]
            single = build_proof(OutcomeResult.PAID, self.board.attestations(leg[0]), epoch, self.chain.network)
            assert single is not None
            self.settle(*leg, single)

        return each(settle, legs)

    def give_back_all(self, endings: Sequence[EndCall]) -> Results:
        self.counted.count("give_back_all", endings)
        return each(lambda one: self.give_back(one.settlement_id, one.order, one.proof), endings)


def _whole(compact: bytes) -> bytes:
    return compact[:32] + bytes([compact[32] & 0x7F]) + compact[33:] + bytes([27 + (compact[32] >> 7)])


class BatchBoard(FakeBoard):
    """The fake board; remembers what was asked for, and can hide agents' signatures over batches."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_batches: dict[str, Batch] = {}
        self.hidden: set[str] = set()
        """Agents whose signatures over batches do not show."""
        self.forged: list[BatchSignature] = []

    def ask_for(self, batch: Batch) -> None:
        self.asked_batches[batch.id] = batch
        super().ask_for(batch)

    def signatures_of(self, batch_id: str) -> Sequence[BatchSignature]:
        shown = [one for one in super().signatures_of(batch_id) if one.agent not in self.hidden]
        return [*(one for one in self.forged if one.batch_id == batch_id), *shown]


class BulkCash(FakeCashSystem):
    def __init__(self, rtgs: FakeRtgs) -> None:
        super().__init__(rtgs, SERVICE)
        self.counted = Counted()

    def send_all(self, messages: Sequence[Message[CashBody]]) -> Results:
        self.counted.count("send_all", messages)
        return each(self.send, messages)


class BulkMailbox(FakeMailbox):
    def __init__(self) -> None:
        super().__init__()
        self.counted = Counted()

    def deliver_all(self, messages: Sequence[Message[PartyBody]]) -> Results:
        self.counted.count("deliver_all", messages)
        return each(self.deliver, messages)


class CountedBook(SqlBook):
    """Real records; counts their commits. `before_commit` may die."""

    commits = 0

    def commit(self, change: Change) -> None:
        self.commits += 1
        super().commit(change)

    def commit_all(self, changes: Sequence[Change]) -> Results:
        self.commits += 1
        return super().commit_all(changes)


class BulkBench(Bench):
    """Many trades of one seller at a time."""

    def __init__(self, root: Path) -> None:
        self.root, self.databases = root, list[Database]()
        super().__init__()
        self.board = BatchBoard()
        self.assets = BulkAssets(self.chain, self.board)
        self.cash, self.mailbox = BulkCash(self.rtgs), BulkMailbox()
        self.book = self.opened()
        self.agents = [self.agent(place) for place in range(len(self.agents))]
        self.chain.issued[self.token, self.wallet_of(SELLER)] = 10**9
        self.set_cash(10**9)
        self.restarted()

    def opened(self) -> CountedBook:
        self.databases.append(open_database(f"sqlite:///{self.root}/service.db"))
        return CountedBook(self.databases[-1], clock=self.clock)

    def restarted(self) -> Engine:
        engine = super().restarted()
        engine.begin()
        return engine

    def instruct_many(self, count: int, first: int = 1) -> None:
        for number in range(first, first + count):
            self.instruct(number, quantity=str(1000 + number), cash=f"{900 + number}.00")

    def sign_batches(self, *places: int) -> None:
        """The agents go on; only these sign what they are asked to."""
        self.board.hidden = {key.address for place, key in enumerate(self.agent_keys) if place not in places}
        for agent in self.agents:
            agent.step()

    def close(self) -> None:
        super().close()
        for one in self.databases:
            one.dispose()
