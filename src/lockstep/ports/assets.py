"""The securities side: the contracts of one network."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from lockstep.domain.chain_events import Reorganisation
from lockstep.domain.errors import ContractRefused
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.order import (
    AssetEvent,
    AssetView,
    Attestation,
    EndCall,
    Epoch,
    LockCall,
    Order,
    OutcomeResult,
    Proof,
)
from lockstep.domain.trade import Reason
from lockstep.ports.results import Results

__all__ = ["AssetLedger", "BulkAssetLedger"]


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

    def ended(self, ids: Collection[SettlementId]) -> Collection[SettlementId]:
        """Those that their histories show ended, finally; of one that cannot be answered for, nothing is known."""

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
