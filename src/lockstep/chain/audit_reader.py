"""One fact for one event, for the auditor: decoded from the ABI, with the call that made it.

Everything here depends on the chain up to the event's block only, so that what was read once stays true as long as
that block stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any, cast

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak

from lockstep.chain import audit_typed
from lockstep.chain.audit_abi import checksummed, read_event, selector, topic
from lockstep.chain.audit_calls import (
    LOCK_NET,
    NEVER,
    PAID,
    PROPOSE_STOP,
    Calls,
    Consent,
    consents,
    proof_in,
)
from lockstep.chain.audit_cycles import legs_of, statements
from lockstep.chain.audit_facts import (
    CancelFact,
    CycleFact,
    EpochFact,
    LockFact,
    LongStopFact,
    MoveFact,
    PartyFact,
    RecoveryFact,
    SuccessionFact,
    TransferFact,
)
from lockstep.chain.node import Node
from lockstep.domain.errors import ContractRefused
from lockstep.domain.market import Network

__all__ = [
    "OUTCOME_OF",
    "ZERO",
    "Reader",
    "epoch_of",
    "place_of",
    "recovery_of",
    "settlement_of",
    "succession_of",
    "transaction_of",
    "transfer_of",
]

ZERO = "0x" + "0" * 40
OUTCOME_OF = {"Settled": PAID, "PaidRecorded": PAID, "GivenBack": NEVER}
_OF_DVP = (
    "EpochStarted",
    "Locked",
    "PartLocked",
    "NetLocked",
    "OrderCancelled",
    "LongStopProposed",
    "NetSecurityEnded",
    *OUTCOME_OF,
)
_OF_TOKENS = ("Transfer", "Recovered")
_OF_REGISTRIES = ("Succeeded",)


class Reader:
    """Reads one market's contracts through one node. Transactions and proofs are read once: a hash pins them."""

    def __init__(self, node: Node, network: Network, tokens: Sequence[str]) -> None:
        self._node, self._network = node, network
        self.tokens = [checksummed(token) for token in tokens]
        self._dvp = checksummed(network.dvp)
        self._kinds: dict[tuple[str, bytes], tuple[str, str]] = {}
        """(contract, event) by address and first topic."""
        self._known: dict[tuple[bytes, int], Any] = {}
        """Events by block hash and place in the block; None for one of no interest."""
        self.times: dict[int, int] = {}
        """Timestamps of blocks, in seconds. Who sees a block replaced takes its time away."""
        register = network.collateral
        self._calls = Calls(node, self._dvp, None if register is None else checksummed(register))
        self._proofs_in: dict[tuple[str, int, int], tuple[frozenset[str], tuple[str, ...]]] = {}

    def fork(self) -> "Reader":
        """A reader for another life of the same chain, which begins with what this one knows."""
        other = copy(self)
        other.times, other._calls = dict(self.times), self._calls.fork()
        other._known, other._proofs_in = dict(self._known), dict(self._proofs_in)
        return other

    def events(self, first: int, last: int) -> tuple[list[Any], bool]:
        """(every event that matters, decoded, whether there was any at all) from block `first` through `last`, in the
        chain's order: of DvP, of the tokens and of the registries that they ask."""
        if not self._kinds:
            self._kinds = self._all_kinds(last)
        addresses = list(dict.fromkeys(address for address, _ in self._kinds))
        logs = sorted(self._node.logs(addresses, [], first, last), key=place_of)
        return [one for one in map(self._decoded, logs) if one is not None], bool(logs)

    def _decoded(self, log: Any) -> Any:
        """None for an event of no interest."""
        key = (bytes(log["blockHash"]), int(log["logIndex"]))
        if key not in self._known:
            address = checksummed(log["address"])
            kind = self._kinds.get((address, bytes(log["topics"][0]))) if log["topics"] else None
            read = None if kind is None else {"event": kind[1], "args": read_event(*kind, log)}
            self._known[key] = None if read is None else {**log, **read, "address": address}
        return self._known[key]

    def _all_kinds(self, block: int) -> dict[tuple[str, bytes], tuple[str, str]]:
        registries = {self.address(token, "registry", block) for token in self.tokens}
        return {
            (address, topic(name, event)): (name, event)
            for name, addresses, events in (
                ("DvP", [self._dvp], _OF_DVP),
                ("SecurityToken", self.tokens, _OF_TOKENS),
                ("ParticipantRegistry", sorted(registries), _OF_REGISTRIES),
            )
            for address in addresses
            for event in events
        }

    def number(self, token: str, name: str, block: int, *holders: str) -> int:
        """What a view function of a token returns, given addresses."""
        data = selector("SecurityToken", name) + b"".join(
            bytes(12) + bytes.fromhex(one.removeprefix("0x")) for one in holders
        )
        return int.from_bytes(self._node.call(token, data, block)[:32])

    def address(self, token: str, name: str, block: int) -> str:
        return checksummed(f"0x{self.number(token, name, block):040x}")

    def time(self, block: int) -> int:
        """A block's timestamp, in seconds."""
        if block not in self.times:
            self.times[block] = self._node.block(block).timestamp
        return self.times[block]

    def lock(self, log: Any, parts: Mapping[bytes, Any]) -> LockFact:
        movement, terms = dict(log["args"]["movement"]), dict(log["args"]["terms"])
        order = {"movement": movement, "terms": terms}
        settlement, transaction, block = settlement_of(log), transaction_of(log), int(log["blockNumber"])
        call = self._calls.of(transaction)
        proofs = self._proofs(consents(call, order), block) if call.shows_consents else ("hidden", "hidden")
        whole = parts.get(bytes(log["args"]["settlementId"]))
        return LockFact(
            settlement=settlement,
            derived=audit_typed.digest(audit_typed.typed(self._network, "Order", order)).hex(),
            trade=bytes(terms["tradeId"]).hex(),
            token=movement["token"],
            seller=movement["seller"],
            buyer=movement["buyer"],
            quantity=movement["quantity"],
            epoch=movement["epoch"],
            nonce=movement["nonce"],
            cash_hash=bytes(terms["cashHash"]).hex(),
            pay_by=terms["payBy"],
            block=block,
            at=self.time(block),
            transaction=transaction,
            seller_proof=proofs[0],
            buyer_proof=proofs[1],
            call=call.name,
            of_order=bytes(whole["orderId"]).hex() if whole else None,
            order_quantity=whole["orderQuantity"] if whole else 0,
        )

    def _proofs(self, given: Iterable[Consent], block: int) -> tuple[str, str]:
        """How seller and buyer consented: by the first that shows both, else by the last that was given."""
        found = ("none", "none")
        for one in given:
            typed = audit_typed.typed(self._network, "Order", one.order)
            seller, buyer = one.order["movement"]["seller"], one.order["movement"]["buyer"]
            found = (self._consent(seller, typed, one.seller, block), self._consent(buyer, typed, one.buyer, block))
            if one.part is not None and one.part_signature is not None:
                message = {"orderId": audit_typed.digest(typed), **one.part}
                part = audit_typed.typed(self._network, "Part", message)
                if self._consent(seller, part, one.part_signature, block) == "none":
                    found = ("none", found[1])
            if "none" not in found:
                break
        return found

    def cycle(self, log: Any) -> CycleFact:
        cycle, transaction, block = dict(log["args"]["cycle"]), transaction_of(log), int(log["blockNumber"])
        derived, call = (
            audit_typed.digest(audit_typed.typed(self._network, "Cycle", cycle)),
            self._calls.of(transaction),
        )
        if call.name == LOCK_NET:
            parties = tuple(
                PartyFact(
                    wallet=one.party,
                    proof="none" if one.typed is None else self._consent(one.party, one.typed, one.signature, block),
                    least=one.least,
                )
                for one in statements(self._network, cycle, call)
            )
        else:
            parties = tuple(PartyFact(wallet=wallet, proof="hidden", least={}) for wallet in cycle["parties"])
        return CycleFact(
            settlement=settlement_of(log),
            derived=derived.hex(),
            parties=parties,
            legs=legs_of(cycle),
            cash_hash=bytes(cycle["cashHash"]).hex(),
            epoch=cycle["epoch"],
            pay_by=cycle["payBy"],
            block=block,
            at=self.time(block),
            transaction=transaction,
            call=call.name,
        )

    def _consent(self, party: str, typed: Any, signature: bytes, block: int) -> str:
        if audit_typed.signer(typed, signature) == party:
            return "key"
        if not self._node.web3.eth.get_code(cast(ChecksumAddress, party), block_identifier=block):
            return "none"
        selector = keccak(text="isValidSignature(bytes32,bytes)")[:4]
        question = self._node.web3.codec.encode(["bytes32", "bytes"], [audit_typed.digest(typed), signature])
        try:
            answer = self._node.call(party, selector + question, block)
        except ContractRefused:
            return "none"
        return "wallet" if answer[:32] == selector + bytes(28) else "none"

    def move(self, log: Any, epochs: Mapping[str, int], events: Sequence[Any]) -> MoveFact:
        settlement, transaction, block = settlement_of(log), transaction_of(log), int(log["blockNumber"])
        outcome, epoch = OUTCOME_OF[log["event"]], epochs.get(settlement, 0)
        call = self._calls.of(transaction)
        stopped = call.confirms_stop
        may_be_stopped = stopped or (log["event"] == "GivenBack" and not call.name)
        return MoveFact(
            name=log["event"],
            settlement=settlement,
            block=block,
            at=self.time(block),
            transaction=transaction,
            outcome=outcome,
            epoch=epoch,
            signers=self._signers(transaction, settlement, outcome, epoch),
            call=call.name,
            hidden=not call.shows_proof and not stopped,
            long_stop=self._long_stop(log, events) if may_be_stopped else None,
        )

    def _signers(self, transaction: str, settlement: str, outcome: int, epoch: int) -> tuple[str, ...]:
        """Who signed the outcome of the settlement in the transaction's proof; nobody where it presents none."""
        key = (transaction, outcome, epoch)
        if key not in self._proofs_in:
            self._proofs_in[key] = proof_in(self._network, self._calls.of(transaction), outcome, epoch)
        settlements, signers = self._proofs_in[key]
        return signers if settlement in settlements else ()

    def _long_stop(self, log: Any, events: Sequence[Any]) -> LongStopFact | None:
        """The two acts behind a give-back by long stop; None if none was proposed before it."""
        before = [one for one in events if place_of(one) < place_of(log)]
        settlement = log["args"]["settlementId"]
        proposals = [
            one for one in before if one["event"] == "LongStopProposed" and one["args"]["settlementId"] == settlement
        ]
        if not proposals:
            return None
        proposal = proposals[-1]
        at_proposal = [one for one in before if one["event"] == "EpochStarted" and place_of(one) < place_of(proposal)]
        at_end = [one for one in before if one["event"] == "EpochStarted"]
        proposing, confirming = self._calls.of(transaction_of(proposal)), self._calls.of(transaction_of(log))
        return LongStopFact(
            proposed_by=proposing.sender if proposing.name in PROPOSE_STOP else None,
            proposed_at=self.time(int(proposal["blockNumber"])),
            proposed_in=at_proposal[-1]["args"]["epoch"],
            confirmed_in=at_end[-1]["args"]["epoch"],
            officer=at_proposal[-1]["args"]["officer"],
            confirmed_by=confirming.sender if confirming.confirms_stop else None,
            confirmer=at_end[-1]["args"]["confirmer"],
        )

    def cancellation(self, log: Any) -> CancelFact:
        call, block = self._calls.of(transaction_of(log)), int(log["blockNumber"])
        settlement, by = settlement_of(log), str(log["args"]["by"])
        if call.name != "cancelOrder":
            return CancelFact(settlement=settlement, by=by, buyer=None, seller_proof="hidden")
        order = call.arguments["order"]
        movement = dict(order["movement"])
        typed = audit_typed.typed(self._network, "Order", {"movement": movement, "terms": dict(order["terms"])})
        if audit_typed.digest(typed).hex() != settlement:
            return CancelFact(settlement=settlement, by=by, buyer=None, seller_proof="none")
        signature = bytes(call.arguments["sellerSignature"])
        proof = "caller" if by == movement["seller"] else self._consent(movement["seller"], typed, signature, block)
        return CancelFact(settlement=settlement, by=by, buyer=movement["buyer"], seller_proof=proof)


def settlement_of(log: Any) -> str:
    return bytes(log["args"]["settlementId"]).hex()


def transaction_of(log: Any) -> str:
    return "0x" + bytes(log["transactionHash"]).hex()


def place_of(log: Any) -> tuple[int, int]:
    return log["blockNumber"], log["logIndex"]


def transfer_of(log: Any) -> TransferFact:
    source = log["args"]["from"]
    return TransferFact(
        token=log["address"],
        source=None if source == ZERO else source,
        target=None if log["args"]["to"] == ZERO else log["args"]["to"],
        units=log["args"]["value"],
        transaction="0x" + bytes(log["transactionHash"]).hex(),
    )


def epoch_of(log: Any) -> EpochFact:
    args = log["args"]
    return EpochFact(
        number=args["epoch"],
        agents=tuple(args["agents"]),
        quorum=args["quorum"],
        officer=args["officer"],
        confirmer=args["confirmer"],
    )


def recovery_of(log: Any, transfers: int) -> RecoveryFact:
    """`transfers`: how many of the tokens' transfers came before it."""
    return RecoveryFact(token=log["address"], wallet=log["args"]["from"], transfers=transfers)


def succession_of(log: Any, transfers: int) -> SuccessionFact:
    """`transfers` as for a recovery."""
    return SuccessionFact(wallet=log["args"]["wallet"], successor=log["args"]["successor"], transfers=transfers)
