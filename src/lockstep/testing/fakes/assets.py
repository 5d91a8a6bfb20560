"""The asset leg as one party sees it: AssetLedger over a FakeChain."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from lockstep.domain.chain_events import Reorganisation
from lockstep.domain.errors import ContractRefused, Refused
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.order import AssetEvent, AssetStatus, AssetView, Attestation, Epoch, Order, OutcomeResult, Proof
from lockstep.domain.trade import Reason
from lockstep.testing.fakes.chain import FakeChain
from lockstep.testing.fakes.simple import no_fault

__all__ = ["FakeAssetLedger"]


class FakeAssetLedger:
    """AssetLedger on a FakeChain: every transaction is mined at once, in a block of its own."""

    def __init__(self, chain: FakeChain) -> None:
        self.chain = chain
        self.before = self.after = no_fault

    def view(self, settlement_id: SettlementId, order: Order) -> AssetView:
        self.before("view")
        chain = self.chain
        final = max(0, chain.head - chain.network.finality_depth)
        return AssetView(
            head=chain.status(settlement_id, chain.head),
            final=chain.status(settlement_id, final),
            final_time=chain.time(final),
            epoch_over=chain.epoch_at(final).number > order.movement.epoch,
        )

    def history(self, settlement_id: SettlementId) -> Sequence[AssetEvent]:
        self.before("history")
        chain = self.chain
        return [
            AssetEvent(
                name=one.name,
                settlement_id=settlement_id,
                transaction=one.transaction,
                block=one.block,
                at=datetime.fromtimestamp(chain.time(one.block), UTC),
                final=one.block <= chain.head - chain.network.finality_depth,
                order=one.order if one.name == "Locked" else None,
            )
            for one in chain.mined
            if one.settlement_id == settlement_id
        ]

    def locked(self) -> Collection[SettlementId]:
        self.before("locked")
        return {one.settlement_id for one in self.chain.mined if one.name == "Locked"}

    def halts(self) -> Sequence[Reorganisation]:
        return self.chain.halts

    def settlements_of(self, trade_id: TradeId) -> Sequence[SettlementId]:
        self.before("settlements_of")
        mined = [one for one in self.chain.mined if one.name == "Locked"]
        return [one.settlement_id for one in mined if one.order.terms.trade_id == trade_id]

    def final_time(self) -> int:
        self.before("final_time")
        return self.chain.time(max(0, self.chain.head - self.chain.network.finality_depth))

    def gas_of(self, transaction: str) -> int | None:
        return 100_000 if any(one.transaction == transaction for one in self.chain.mined) else None

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

    def epoch(self, number: int | None = None) -> Epoch:
        self.before("epoch")
        if number is None:
            return self.chain.current_epoch
        if number not in self.chain.epochs:
            raise Refused("UnknownEpoch", {"actual": number, "dvp": self.chain.network.dvp})
        return self.chain.epochs[number]

    def presented(self, known: Mapping[SettlementId, OutcomeResult]) -> Sequence[Attestation]:
        self.before("presented")
        return [
            attestation
            for one in self.chain.mined
            for attestation in one.presented
            if known.get(one.settlement_id) is not attestation.result
        ]

    def why_not(self, token: str, source: str, target: str, units: int) -> ContractRefused | None:
        self.before("why_not")
        return self.chain.why_not(token, source, target, units)

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
