"""Deliveries of one epoch that want to go at one moment go in one transaction, on one signature of each agent.

Each of them is proved by itself already; the batch only saves transactions. So nothing waits for it longer than a few
seconds: where an agent of the quorum is down, or does not know batches, each goes alone.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from lockstep.domain.errors import ContractRefused, InvalidInput, LeaseLost, LockstepError
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.domain.order import Batch, EndCall, Order, OutcomeResult, Proof
from lockstep.flow.answering import settle_each
from lockstep.ports import AssetLedger, AttestationBoard, BulkAssetLedger, BulkAttestationBoard, Results
from lockstep.signing import build_batch_proof

__all__ = ["PATIENCE", "Batching"]

PATIENCE = timedelta(seconds=5)
"""For the agents' signatures over a batch."""
INSISTENCE = timedelta(seconds=60)
"""For a batch that was sent to be seen on the chain."""
REMEMBERED = timedelta(minutes=10)
LEGS_AT_MOST = 100
"""Of a transaction; that many fit under 2^24 gas (EIP-7825), whatever their tokens do within reason."""


@dataclass(slots=True, kw_only=True)
class _Asked:
    batch: Batch
    legs: Sequence[tuple[SettlementId, Order]]
    since: datetime
    """When the agents were asked; once there is a proof, when it was found."""
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Batching:
    """The batches under way. In memory: after a restart others are asked for, and a settlement ends once."""

    _asked: dict[SettlementId, _Asked] = field(default_factory=dict)
    _alone: dict[SettlementId, datetime] = field(default_factory=dict)
    """Those that no batch delivered, and since when they go by themselves."""

    def waits_for(self, settlement: SettlementId | None) -> bool:
        """Whether the agents are asked about it, or their answer is on its way to the chain."""
        return settlement in self._asked

    def settle(self, calls: Sequence[EndCall], assets: AssetLedger, board: AttestationBoard, now: datetime) -> Results:
        """Has each delivered: now, or with a batch once its signatures are there; then it is to be asked again.

        Results as of `BulkAssetLedger.settle_all`; None also for one that waits.
        """
        if not (hasattr(assets, "settle_batch") and hasattr(board, "ask_for")):
            return settle_each(assets, calls)
        results: list[LockstepError | None] = [None] * len(calls)
        fresh: dict[int, list[int]] = defaultdict(list)
        alone, ready = list[int](), dict[str, list[int]]()
        for place, call in enumerate(calls):
            asked = self._asked.get(call.settlement_id)
            if asked is not None and now - asked.since < (PATIENCE if asked.proof is None else INSISTENCE):
                if asked.proof is not None:
                    ready.setdefault(asked.batch.id, []).append(place)
            elif asked is None and call.proof.quorum and call.settlement_id not in self._alone:
                fresh[call.order.movement.epoch].append(place)
            else:
                self._go_alone(call.settlement_id, now)
                alone.append(place)
        for epoch, places in fresh.items():
            for start in range(0, len(places), LEGS_AT_MOST):
                some = places[start : start + LEGS_AT_MOST]
                if len(some) == 1 or not self._ask(epoch, [calls[place] for place in some], board, now):
                    alone.extend(some)
        for places in ready.values():
            self._send([calls[place].settlement_id for place in places], places, results, assets, now)
        if alone:
            for place, error in zip(alone, settle_each(assets, [calls[place] for place in alone]), strict=True):
                results[place] = error
        return results

    def look(
        self, assets: AssetLedger, board: AttestationBoard, network: Network, now: datetime
    ) -> Collection[SettlementId]:
        """The settlements of batches that a quorum has signed since the last look: they are to be settled now."""
        self._forget(now)
        signed: list[SettlementId] = []
        for asked in {one.batch.id: one for one in self._asked.values() if one.proof is None}.values():
            try:
                signatures = cast(BulkAttestationBoard, board).signatures_of(asked.batch.id)
                epoch = assets.epoch(asked.batch.epoch)
            except LockstepError:  # there is time, and then each goes alone
                continue
            proof = None
            if len(signatures) >= epoch.quorum:
                proof = build_batch_proof(asked.batch, signatures, epoch, network)
            if proof is not None:
                asked.proof, asked.since = proof, now
                signed.extend(asked.batch.settlements)
        return signed

    def _ask(self, epoch: int, calls: Sequence[EndCall], board: AttestationBoard, now: datetime) -> bool:
        legs = [(call.settlement_id, call.order) for call in calls]
        batch = Batch(result=OutcomeResult.PAID, epoch=epoch, settlements=tuple(one for one, _ in legs))
        try:
            cast(BulkAttestationBoard, board).ask_for(batch)
        except LockstepError:
            return False
        self._asked.update(dict.fromkeys(batch.settlements, _Asked(batch=batch, legs=legs, since=now)))
        return True

    def _send(
        self, wanted: Sequence[SettlementId], places: Sequence[int], results: list[LockstepError | None],
        assets: AssetLedger, now: datetime,
    ) -> None:  # fmt: skip
        """Sends a whole batch. Which of its legs the contract refuses shows when they go alone, as all do where it is
        more than a transaction takes."""
        asked = self._asked[wanted[0]]
        assert asked.proof is not None
        told: Results
        try:
            told = cast(BulkAssetLedger, assets).settle_batch(asked.legs, asked.proof)
        except LeaseLost:
            raise
        except LockstepError as error:
            told = [error] * len(asked.legs)
        except Exception:  # nobody foresaw it: alone it shows whose it is
            for settlement in asked.batch.settlements:
                self._go_alone(settlement, now)
            raise
        became = dict(zip(asked.batch.settlements, told, strict=True))
        for settlement, place in zip(wanted, places, strict=True):
            if isinstance(became[settlement], ContractRefused | InvalidInput):
                self._go_alone(settlement, now)
            else:
                results[place] = became[settlement]

    def _go_alone(self, settlement: SettlementId, now: datetime) -> None:
        self._asked.pop(settlement, None)
        self._alone[settlement] = now

    def _forget(self, now: datetime) -> None:
        """What was begun so long ago has ended, or begins anew."""
        for settlement in [one for one, asked in self._asked.items() if now - asked.since >= REMEMBERED]:
            del self._asked[settlement]
        for settlement in [one for one, since in self._alone.items() if now - since >= REMEMBERED]:
            del self._alone[settlement]
