"""A network with its DvP contract, in memory: shared by all who look at it."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from lockstep.domain.chain_events import Reorganisation
from lockstep.domain.errors import ContractRefused, InvalidInput
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.domain.order import AssetStatus, Attestation, Epoch, Order, OutcomeResult, Proof
from lockstep.ports import Clock
from lockstep.signing import outcome_digest, recover, settlement_id

__all__ = ["FakeChain", "Mined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """A transaction that succeeded."""

    name: str
    block: int
    settlement_id: SettlementId
    order: Order
    presented: tuple[Attestation, ...] = ()
    """The signatures that the call carried."""

    @property
    def transaction(self) -> str:
        return "0x" + hashlib.sha256(f"{self.name}/{self.settlement_id}/{self.block}".encode()).hexdigest()


_STATUS = {
    "Locked": AssetStatus.LOCKED,
    "PaidRecorded": AssetStatus.PAID,
    "Settled": AssetStatus.SETTLED,
    "GivenBack": AssetStatus.GIVEN_BACK,
}


class FakeChain:
    """One network with its DvP contract, tokens and registry: a list of what happened, all else computed."""

    def __init__(self, clock: Clock, network: Network, epoch: Epoch) -> None:
        self.network, self.epochs = network, {epoch.number: epoch}
        self._rotations = [(0, epoch)]
        self.issued: dict[tuple[str, str], int] = defaultdict(int)
        """Opening units by (token, wallet)."""
        self.eligible: set[str] = set()
        self.mined: list[Mined] = []
        self.halts: list[Reorganisation] = []
        """Reorganisations below the finality depth that nobody has accepted yet."""
        self._clock = clock
        self._times = [int(clock.now().timestamp())]

    @property
    def current_epoch(self) -> Epoch:
        return self.epoch_at(self.head)

    def epoch_at(self, block: int) -> Epoch:
        """Who served at a block."""
        return [epoch for started, epoch in self._rotations if started <= max(0, block)][-1]

    def rotate(self, epoch: Epoch) -> None:
        """The next epoch begins, in a block of its own."""
        self.mine()
        self.epochs[epoch.number] = epoch
        self._rotations.append((self.head, epoch))

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
        self._rotations = [(block, epoch) for block, epoch in self._rotations if block <= self.head]
        self.epochs = {epoch.number: epoch for _, epoch in self._rotations}
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

    def append(
        self, name: str, settlement: SettlementId, order: Order, presented: tuple[Attestation, ...] = ()
    ) -> None:
        """What one successful transaction did, in a block of its own."""
        self.mine()
        one = Mined(name=name, block=self.head, settlement_id=settlement, order=order, presented=presented)
        self.mined.append(one)

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

    def why_not(self, token: str, source: str, target: str, units: int) -> ContractRefused | None:
        """SecurityToken.whyNot."""
        for wallet in (source, target):
            if wallet not in self.eligible:
                return ContractRefused("NotEligible", {"wallet": wallet})
        free = self.free(token, source)
        if free < units:
            return ContractRefused("ERC20InsufficientBalance", {"sender": source, "balance": free, "needed": units})
        return None

    def long_stop(self, order: Order) -> None:
        """Officer and confirmer ended it: confirmLongStop."""
        identifier = settlement_id(order, self.network)
        status = self.status(identifier, self.head)
        if status is not AssetStatus.LOCKED:
            details = {"settlementId": "0x" + identifier, "actual": int(status), "expected": 1}
            raise ContractRefused("AlreadyEnded" if status.is_done else "WrongStatus", details)
        self.append("GivenBack", identifier, order)

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
        presented: tuple[Attestation, ...] = ()
        if status is AssetStatus.LOCKED:
            presented = self._require(identifier, result, proof, self.epochs[order.movement.epoch])
        self.append(name, identifier, order, presented)

    def _require(
        self, identifier: SettlementId, result: OutcomeResult, proof: Proof, epoch: Epoch
    ) -> tuple[Attestation, ...]:
        count = len(proof.signatures) // 64
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
        each = [_expanded(proof.signatures[64 * place : 64 * place + 64]) for place in range(count)]
        return tuple(
            Attestation(
                settlement_id=identifier,
                result=result,
                epoch=epoch.number,
                agent=recover(digest, one),
                signature=one,
            )
            for one in each
        )


def _is_from(party: str, digest: bytes, signature: bytes) -> bool:
    try:
        return recover(digest, signature) == party
    except InvalidInput:
        return False


def _expanded(compact: bytes) -> bytes:
    """An EIP-2098 signature as 65 bytes."""
    return compact[:32] + bytes([compact[32] & 0x7F]) + compact[33:] + bytes([27 + (compact[32] >> 7)])
