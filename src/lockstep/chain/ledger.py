"""The AssetLedger port on the DvP contract: calls encoded, events decoded, refusals by name."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from lockstep.chain import looking
from lockstep.chain.acting import END_GAS, LOCK_GAS, Acts, Sending, ended
from lockstep.chain.artifacts import artifact, event_topic
from lockstep.chain.encoding import end_data, lock_data
from lockstep.chain.events import Deep, EventReader, SeenEvent, checksummed
from lockstep.chain.node import Node
from lockstep.chain.presented import ENDS, attestations_in
from lockstep.chain.refusals import decode_refusal
from lockstep.domain.chain_events import ChainEvents, Reorganisation
from lockstep.domain.errors import ChainHalted, ContractRefused, LockstepError, Misconfigured, Refused, Unavailable
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.market import Network
from lockstep.domain.order import (
    AssetEvent,
    AssetStatus,
    AssetView,
    Attestation,
    EndCall,
    Epoch,
    LockCall,
    Movement,
    Order,
    OutcomeResult,
    Proof,
    Rotation,
)
from lockstep.domain.trade import Reason
from lockstep.signing import terms_hash

__all__ = [
    "EvmAssetLedger",
    "call_data",
    "leg_words",
    "order_words",
    "outputs_of",
    "packed",
    "read",
    "rotation_words",
    "serving",
]


@cache
def _function(contract: str, name: str) -> tuple[bytes, list[str], list[str]]:
    entry = next(one for one in artifact(contract).abi if one["type"] == "function" and one["name"] == name)
    inputs = [collapse_if_tuple(item) for item in entry["inputs"]]
    outputs = [collapse_if_tuple(item) for item in entry["outputs"]]
    return bytes(function_abi_to_4byte_selector(entry)), inputs, outputs


def call_data(contract: str, name: str, *arguments: object) -> bytes:
    """Selector and arguments of one call."""
    selector, inputs, _ = _function(contract, name)
    return selector + encode(inputs, arguments)


def outputs_of(contract: str, name: str) -> list[str]:
    """The types of what a view function returns."""
    return _function(contract, name)[2]


def read(node: Node, contract: str, address: str, name: str, *arguments: object, block: int | None = None) -> Any:
    """The values that a view function returns. Raises Misconfigured where no such contract answers."""
    answer = node.call(address, call_data(contract, name, *arguments), block)
    if not answer:
        raise Misconfigured(f"no {contract} answers at {address}")
    return decode(_function(contract, name)[2], answer)


def serving(node: Node, dvp: str) -> Rotation:
    """Agents and roles of the present epoch."""
    (number,) = read(node, "DvP", dvp, "currentEpoch")
    return _started(node, dvp, int(number), int(number))[0]


def _started(node: Node, dvp: str, number: int, last: int | None = None) -> tuple[Rotation, int]:
    """An epoch as its event tells it, and in which block. `last`: the present one, where that is known.

    Raises Refused UnknownEpoch for one that never began, Unavailable where the node, or another that answers in its
    place, has not read that far.
    """
    topic = "0x" + number.to_bytes(32, "big").hex()
    logs = node.logs(dvp, [event_topic("EpochStarted"), topic], 0)
    if not logs:
        if last is None:
            (last,) = read(node, "DvP", dvp, "currentEpoch")
        if 0 < number <= last:
            raise Unavailable(f"the node is at epoch {last} and does not show how epoch {number} began")
        raise Refused("UnknownEpoch", {"actual": number, "dvp": dvp})
    kinds = ["bytes32", "uint8", "uint8", "address[]", "address", "address"]
    _, quorum, faulty, agents, officer, confirmer = decode(kinds, bytes(logs[-1]["data"]))
    began = Rotation(
        number=number,
        agents=tuple(checksummed(one) for one in agents),
        quorum=quorum,
        faulty=faulty,
        officer=checksummed(officer),
        confirmer=checksummed(confirmer),
    )
    return began, int(logs[-1]["blockNumber"])


class EvmAssetLedger:
    """One network's DvP contract through one node.

    Without a sender it can only look, which is all that an agent needs.
    """

    def __init__(
        self,
        node: Node,
        network: Network,
        sender: Sending | None = None,
        *,
        events: ChainEvents | None = None,
        deep: Deep = Deep.FOLLOW,
        live: bool = True,
    ) -> None:
        """`events` is where what was read is kept, in memory if None; `deep` and `live` as `EventReader` has them."""
        if node.chain_id() != network.chain_id:
            raise Misconfigured(f"the node is on chain {node.chain_id()}, configured is {network.chain_id}")
        self._node, self._network, self._sender = node, network, sender
        self._epochs: dict[int, Epoch] = {}
        self._at, self._present = (-1, ""), 0
        """The head at which the present epoch was asked for last, and its number."""
        self._reader = EventReader(node, network, events, deep=deep, live=live)
        self._acts = None if sender is None else Acts(node, network.dvp, sender)

    # --- looking

    def view(self, settlement_id: SettlementId, order: Order) -> AssetView:
        head = self._node.head()
        final = self._node.block(max(0, head.number - self._network.finality_depth))
        at_head = self._status(settlement_id, order.movement, None)
        if at_head is AssetStatus.NONE:  # and so it was below: a status is never taken back
            (serving,) = self._read("DvP", self._network.dvp, "currentEpoch", block=final.number)
            over = serving > order.movement.epoch
            return AssetView(head=at_head, final=at_head, final_time=final.timestamp, epoch_over=over)
        at_final = self._status(settlement_id, order.movement, final.number)
        return AssetView(head=at_head, final=at_final, final_time=final.timestamp)

    def _status(self, settlement_id: SettlementId, movement: Movement, block: int | None) -> AssetStatus:
        (status,) = self._read(
            "DvP",
            self._network.dvp,
            "statusOfSettlement",
            bytes.fromhex(settlement_id),
            movement.seller,
            movement.nonce,
            block=block,
        )
        return AssetStatus(status)

    def history(self, settlement_id: SettlementId) -> Sequence[AssetEvent]:
        events = self._reader.events(settlement_id)
        return [_shown(settlement_id, event, self._final) for event in events]

    @property
    def _final(self) -> int:
        """The final block, as of the reader's last look."""
        return self._reader.read_to()[0] - self._network.finality_depth

    def locked(self) -> Collection[SettlementId]:
        return self._reader.locked()

    def settlements_of(self, trade_id: TradeId) -> Sequence[SettlementId]:
        return self.settlements_of_all([trade_id])[trade_id]

    def final_time(self) -> int:
        head = self._node.head()
        return self._node.block(max(0, head.number - self._network.finality_depth)).timestamp

    def gas_of(self, transaction: str) -> int | None:
        receipt = self._node.receipt(transaction)
        return int(receipt["gasUsed"]) if receipt else None

    def obstacle(self, order: Order) -> Reason | None:
        movement = order.movement
        (address,) = self._read("SecurityToken", movement.token, "registry")
        registry = checksummed(address)
        for role, wallet in (("seller", movement.seller), ("buyer", movement.buyer)):
            (eligible,) = self._read("ParticipantRegistry", registry, "isEligible", wallet)
            if not eligible:
                return Reason(code="BLOC", text=f"the {role} is not eligible in the participant registry ({wallet})")
        (free,) = self._read("SecurityToken", movement.token, "freeOf", movement.seller)
        if free < movement.quantity:
            text = f"the seller is short of free units: {free} free, {movement.quantity} needed"
            return Reason(code="LACK", text=text)
        return None

    def next_nonce(self, seller: str, at_least: int) -> int:
        nonce = at_least
        while self._read("DvP", self._network.dvp, "statusOf", seller, nonce)[0] != AssetStatus.NONE:
            nonce += 1
        return nonce

    def epoch(self, number: int | None = None) -> Epoch:
        last = None
        if number is None:
            number = last = self._serving()
        if number in self._epochs:
            return self._epochs[number]
        began, block = _started(self._node, self._network.dvp, number, last)
        epoch = Epoch(number=began.number, agents=began.agents, quorum=began.quorum)
        if block <= self._node.head().number - self._network.finality_depth:
            self._epochs[epoch.number] = epoch  # an epoch keeps its agents for ever; its event may yet go
        return epoch

    def _serving(self) -> int:
        """The present epoch's number: asked once at each head where all questions are answered from one look."""
        at = self._reader.read_to()
        if self._reader.live or self._at != at or at[0] < 0:
            block = None if self._reader.live or at[0] < 0 else at[0]
            (number,) = self._read("DvP", self._network.dvp, "currentEpoch", block=block)
            self._at, self._present = at, int(number)
        return self._present

    def presented(self, known: Mapping[SettlementId, OutcomeResult]) -> Sequence[Attestation]:
        epochs: dict[SettlementId, int] = {}
        transactions: dict[str, None] = {}
        for settlement in tuple(self._reader.locked()):  # a block with another lock may come in between
            for event in self._reader.events(settlement, doubtful=True):
                if event.order is not None:
                    epochs[settlement] = event.order.movement.epoch
                elif event.name in ENDS and known.get(settlement) is not ENDS[event.name]:
                    transactions[event.transaction] = None
        return [
            one
            for transaction in transactions
            for one in attestations_in(self._network, self._node.transaction(transaction), epochs)
            if known.get(one.settlement_id) is not one.result
        ]

    def why_not(self, token: str, source: str, target: str, units: int) -> ContractRefused | None:
        (refusal,) = self._read("SecurityToken", token, "whyNot", source, target, units)
        return decode_refusal(refusal) if refusal else None

    def halts(self) -> Sequence[Reorganisation]:
        return self._reader.halts()

    # --- looking at many

    def news(self) -> Collection[SettlementId]:
        """Looks at the chain, and tells which settlements' last events are newly final, or gone. Raises Unavailable."""
        self._reader.refresh()
        return self._reader.changed(final=True)

    def ended(self, ids: Collection[SettlementId]) -> Collection[SettlementId]:
        return self._reader.ended(ids)

    def views(self, orders: Mapping[SettlementId, Order]) -> Mapping[SettlementId, AssetView]:
        if not orders:
            return {}
        seen = self._reader.events_of(orders, doubtful=True)
        last = {one: events[-1].block for one, events in seen.items() if events}
        return looking.views(self._node, self._network, orders, self._reader.read_to()[0], last)

    def histories(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[AssetEvent]]:
        found = self._reader.events_of(ids)
        return {one: [_shown(one, event, self._final) for event in events] for one, events in found.items()}

    def settlements_of_all(self, ids: Collection[TradeId]) -> Mapping[TradeId, Sequence[SettlementId]]:
        return self._reader.settlements_of_all(ids)

    def obstacles(self, orders: Sequence[Order]) -> Sequence[Reason | None]:
        return looking.obstacles(self._node, orders)

    def free_nonces(self, seller: str, at_least: int, count: int) -> Sequence[int]:
        return self.free_nonces_of({seller: (at_least, count)})[seller]

    def free_nonces_of(self, wanted: Mapping[str, tuple[int, int]]) -> Mapping[str, Sequence[int]]:
        return looking.free_nonces(self._node, self._network.dvp, wanted)

    def _read(self, contract: str, address: str, name: str, *arguments: object, block: int | None = None) -> Any:
        return read(self._node, contract, address, name, *arguments, block=block)

    # --- acting

    def lock(self, settlement_id: SettlementId, order: Order, seller: bytes, buyer: bytes) -> None:
        self._require_not_halted()
        self._send(f"lock/{settlement_id}", lock_data(order, seller, buyer), LOCK_GAS)

    def settle(self, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        self._end("settle", settlement_id, order, proof)

    def give_back(self, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        self._require_not_halted()
        self._end("giveBack", settlement_id, order, proof)

    def _require_not_halted(self) -> None:
        """What is paid is delivered all the same: from there the only way is forward."""
        halts = self.halts()
        if halts:
            raise ChainHalted(str(halts[0]))

    def _end(self, function: str, settlement_id: SettlementId, order: Order, proof: Proof) -> None:
        try:
            self._send(f"{function}/{settlement_id}", end_data(function, order, packed(proof)), END_GAS)
        except ContractRefused as error:
            if not ended(error):  # by someone else's hand: the next look shows it
                raise

    def _send(self, key: str, data: bytes, gas: int) -> None:
        if self._sender is None:
            raise Refused("ReadOnly", {"call": key})
        self._sender.ensure(key, self._network.dvp, data, gas)

    # --- acting on many

    def lock_all(self, locks: Sequence[LockCall]) -> Sequence[LockstepError | None]:
        self._require_not_halted()
        return self._acting("lock").lock_all(locks)

    def settle_all(self, endings: Sequence[EndCall]) -> Sequence[LockstepError | None]:
        return self._end_all("settle", endings)

    def give_back_all(self, endings: Sequence[EndCall]) -> Sequence[LockstepError | None]:
        self._require_not_halted()
        return self._end_all("giveBack", endings)

    def settle_batch(self, legs: Sequence[tuple[SettlementId, Order]], proof: Proof) -> Sequence[LockstepError | None]:
        return self._acting("settleBatch").settle_batch(legs, packed(proof)) if legs else []

    def _end_all(self, function: str, endings: Sequence[EndCall]) -> Sequence[LockstepError | None]:
        given = {one.settlement_id: (one.order, packed(one.proof)) for one in endings}
        found = dict(zip(given, self._acting(function).end_all(function, given), strict=True))
        return [found[one.settlement_id] for one in endings]

    def _acting(self, call: str) -> Acts:
        if self._acts is None:
            raise Refused("ReadOnly", {"call": call})
        return self._acts


def _shown(settlement_id: SettlementId, event: SeenEvent, final: int) -> AssetEvent:
    return AssetEvent(
        name=event.name,
        settlement_id=settlement_id,
        transaction=event.transaction,
        block=event.block,
        at=event.at,
        final=event.block <= final,
        order=event.order,
    )


def packed(proof: Proof) -> bytes:
    """Quorum, signers, 64 bytes per signature, 20 per absent agent: see IDvP."""
    absent = b"".join(bytes.fromhex(agent.removeprefix("0x")) for agent in proof.absent)
    return bytes([proof.quorum, proof.signers]) + proof.signatures + absent


def order_words(order: Order) -> tuple[object, ...]:
    """IDvP.Order."""
    return (_movement(order), _terms(order))


def leg_words(order: Order) -> tuple[object, ...]:
    """IDvP.Leg."""
    return (_movement(order), terms_hash(order.terms))


def rotation_words(rotation: Rotation) -> tuple[object, ...]:
    """IDvP.Epoch, which the contract numbers itself."""
    one = rotation
    return (list(one.agents), one.quorum, one.faulty, one.officer, one.confirmer)


def _movement(order: Order) -> tuple[object, ...]:
    one = order.movement
    return (one.token, one.seller, one.buyer, one.quantity, one.epoch, one.nonce)


def _terms(order: Order) -> tuple[object, ...]:
    one = order.terms
    return (
        bytes.fromhex(one.trade_id),
        one.part,
        one.minimum_lot,
        bytes.fromhex(one.group),
        bytes.fromhex(one.cash_hash),
        one.lock_by,
        one.pay_by,
    )
