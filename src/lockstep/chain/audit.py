"""What a chain says of all settlements, read for an auditor.

Shares no code with what it judges: events and calls are decoded by web3 from the ABI, typed data is
hashed and signatures are recovered by eth_account. `collect` reads one block's state and all logs up
to it, so that what it returns is of one moment. It needs a node that keeps that block's state, and the
state of each lock whose party is a contract (ERC-1271).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eth_utils.crypto import keccak
from requests import RequestException

from lockstep.chain import audit_typed
from lockstep.chain.artifacts import artifact
from lockstep.chain.audit_calls import (
    LOCK_NET,
    NEVER,
    PAID,
    PROPOSE_STOP,
    Calls,
    Consent,
    consents,
    proof_in,
    recover_outcome,
)
from lockstep.chain.audit_cycles import legs_of, statements
from lockstep.chain.audit_facts import (
    CancelFact,
    ChainFacts,
    CycleFact,
    EpochFact,
    HoldingFact,
    LegFact,
    LockFact,
    LongStopFact,
    MoveFact,
    PartyFact,
    TransferFact,
)
from lockstep.chain.node import Node
from lockstep.domain.errors import ContractRefused, Unavailable
from lockstep.domain.market import Network

__all__ = [
    "NEVER",
    "PAID",
    "CancelFact",
    "ChainFacts",
    "CycleFact",
    "EpochFact",
    "HoldingFact",
    "LegFact",
    "LockFact",
    "LongStopFact",
    "MoveFact",
    "PartyFact",
    "TransferFact",
    "collect",
    "hash_cash",
    "recover_outcome",
]

ZERO = "0x" + "0" * 40
_OUTCOME_OF = {"Settled": PAID, "PaidRecorded": PAID, "GivenBack": NEVER}


def collect(node: Node, network: Network, tokens: Sequence[str]) -> ChainFacts:
    """Reads everything. Raises Unavailable when the node does not answer."""
    try:
        return _Reader(node, network, tokens).facts()
    except (RequestException, OSError, TimeoutError) as error:
        raise Unavailable(f"the node does not answer: {error}") from error


def hash_cash(
    salt: str, currency: str, amount: int, debtor: str, debtor_account: str, creditor: str, creditor_account: str
) -> str:
    """The salted hash of cash terms, as an order names it. Hex."""
    values: tuple[object, ...] = (
        bytes.fromhex(salt), currency, amount, debtor, debtor_account, creditor, creditor_account
    )  # fmt: skip
    message = dict(zip((name for name, _ in audit_typed.STRUCTS["Cash"]), values, strict=True))
    return audit_typed.typed(Network(chain_id=0, dvp=ZERO, finality_depth=0), "Cash", message).body.hex()


class _Reader:
    """One audit's reading, of one block."""

    def __init__(self, node: Node, network: Network, tokens: Sequence[str]) -> None:
        self._node, self._network = node, network
        self._head = node.head().number
        self._dvp: Any = self._contract("DvP", network.dvp)
        contracts = [self._contract("SecurityToken", token) for token in tokens]
        self._tokens = {str(contract.address): contract for contract in contracts}
        self._times: dict[int, int] = {}
        self._calls = Calls(node, self._dvp)
        self._proofs_in: dict[tuple[str, int, int], tuple[frozenset[str], tuple[str, ...]]] = {}

    def facts(self) -> ChainFacts:
        events = self._events()
        parts = {bytes(log["args"]["settlementId"]): log["args"] for log in events if log["event"] == "PartLocked"}
        locks = [self._lock(log, parts) for log in events if log["event"] == "Locked"]
        cycles = [self._cycle(log, events) for log in events if log["event"] == "NetLocked"]
        made: list[LockFact | CycleFact] = [*locks, *cycles]
        for one in made:
            final = one.block + self._network.finality_depth
            if final <= self._head:
                self._time(final)
        epochs = {one.settlement: one.epoch for one in made}
        transfers = [_transfer(log) for log in events if log["event"] == "Transfer"]
        self._time(self._head)
        return ChainFacts(
            head=self._head,
            locks=tuple(locks),
            cycles=tuple(cycles),
            moves=tuple(self._move(log, epochs, events) for log in events if log["event"] in _OUTCOME_OF),
            cancellations=tuple(self._cancellation(log) for log in events if log["event"] == "OrderCancelled"),
            epochs=tuple(_epoch(log) for log in events if log["event"] == "EpochStarted"),
            transfers=tuple(transfers),
            holdings=self._holdings(locks, cycles, transfers),
            supplies={token: self._read(contract, "totalSupply") for token, contract in self._tokens.items()},
            times=self._times,
        )

    def _contract(self, name: str, address: str) -> Any:
        web3 = self._node.web3
        return web3.eth.contract(address=web3.to_checksum_address(address), abi=artifact(name).abi)

    def _events(self) -> list[Any]:
        """Every event that matters, decoded, of DvP and of the tokens, in one query."""
        query: Any = {"fromBlock": 0, "toBlock": self._head, "address": [self._dvp.address, *self._tokens]}
        readers = {}
        for contract, names in (
            (
                self._dvp,
                (
                    "EpochStarted",
                    "Locked",
                    "PartLocked",
                    "NetLocked",
                    "OrderCancelled",
                    "LongStopProposed",
                    "NetSecurityEnded",
                    *_OUTCOME_OF,
                ),
            ),
            *((token, ("Transfer",)) for token in self._tokens.values()),
        ):
            for name in names:
                event = contract.events[name]()
                readers[contract.address, bytes.fromhex(event.topic.removeprefix("0x"))] = event
        logs = sorted(self._node.web3.eth.get_logs(query), key=lambda log: (log["blockNumber"], log["logIndex"]))
        known = ((readers.get((log["address"], bytes(log["topics"][0]))), log) for log in logs)
        return [reader.process_log(log) for reader, log in known if reader is not None]

    def _time(self, block: int) -> int:
        if block not in self._times:
            self._times[block] = self._node.block(block).timestamp
        return self._times[block]

    def _lock(self, log: Any, parts: Mapping[bytes, Any]) -> LockFact:
        movement, terms = dict(log["args"]["movement"]), dict(log["args"]["terms"])
        order = {"movement": movement, "terms": terms}
        settlement, transaction, block = _settlement(log), _transaction(log), int(log["blockNumber"])
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
            at=self._time(block),
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

    def _cycle(self, log: Any, events: Sequence[Any]) -> CycleFact:
        cycle, transaction, block = dict(log["args"]["cycle"]), _transaction(log), int(log["blockNumber"])
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
        apart = {
            cycle["tokens"][one["args"]["place"]]: _transaction(one)
            for one in events
            if one["event"] == "NetSecurityEnded" and _settlement(one) == _settlement(log)
        }
        return CycleFact(
            settlement=_settlement(log),
            derived=derived.hex(),
            parties=parties,
            legs=legs_of(cycle),
            cash_hash=bytes(cycle["cashHash"]).hex(),
            epoch=cycle["epoch"],
            pay_by=cycle["payBy"],
            block=block,
            at=self._time(block),
            transaction=transaction,
            call=call.name,
            apart=apart or None,
        )

    def _consent(self, party: str, typed: Any, signature: bytes, block: int) -> str:
        if audit_typed.signer(typed, signature) == party:
            return "key"
        if not self._node.web3.eth.get_code(party, block_identifier=block):  # type: ignore[arg-type]
            return "none"
        selector = keccak(text="isValidSignature(bytes32,bytes)")[:4]
        question = self._node.web3.codec.encode(["bytes32", "bytes"], [audit_typed.digest(typed), signature])
        try:
            answer = self._node.call(party, selector + question, block)
        except ContractRefused:
            return "none"
        return "wallet" if answer[:32] == selector + bytes(28) else "none"

    def _move(self, log: Any, epochs: Mapping[str, int], events: Sequence[Any]) -> MoveFact:
        settlement, transaction, block = _settlement(log), _transaction(log), int(log["blockNumber"])
        outcome, epoch = _OUTCOME_OF[log["event"]], epochs.get(settlement, 0)
        call = self._calls.of(transaction)
        stopped = call.confirms_stop
        may_be_stopped = stopped or (log["event"] == "GivenBack" and not call.name)
        return MoveFact(
            name=log["event"],
            settlement=settlement,
            block=block,
            at=self._time(block),
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
        before = [one for one in events if _place(one) < _place(log)]
        settlement = log["args"]["settlementId"]
        proposals = [
            one for one in before if one["event"] == "LongStopProposed" and one["args"]["settlementId"] == settlement
        ]
        if not proposals:
            return None
        proposal = proposals[-1]
        at_proposal = [one for one in before if one["event"] == "EpochStarted" and _place(one) < _place(proposal)]
        at_end = [one for one in before if one["event"] == "EpochStarted"]
        proposing, confirming = self._calls.of(_transaction(proposal)), self._calls.of(_transaction(log))
        return LongStopFact(
            proposed_by=proposing.sender if proposing.name in PROPOSE_STOP else None,
            proposed_at=self._time(int(proposal["blockNumber"])),
            proposed_in=at_proposal[-1]["args"]["epoch"],
            confirmed_in=at_end[-1]["args"]["epoch"],
            officer=at_proposal[-1]["args"]["officer"],
            confirmed_by=confirming.sender if confirming.confirms_stop else None,
            confirmer=at_end[-1]["args"]["confirmer"],
        )

    def _cancellation(self, log: Any) -> CancelFact:
        call, block = self._calls.of(_transaction(log)), int(log["blockNumber"])
        settlement, by = _settlement(log), str(log["args"]["by"])
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

    def _holdings(
        self, locks: list[LockFact], cycles: list[CycleFact], transfers: list[TransferFact]
    ) -> tuple[HoldingFact, ...]:
        holders = {(one.token, holder) for one in transfers for holder in (one.source, one.target) if holder}
        traded: list[LockFact | LegFact] = [*locks, *(leg for cycle in cycles for leg in cycle.legs)]
        holders |= {(one.token, holder) for one in traded for holder in (one.seller, one.buyer)}
        return tuple(
            HoldingFact(
                token=token,
                holder=holder,
                balance=self._read(self._tokens[token], "balanceOf", holder),
                free=self._read(self._tokens[token], "freeOf", holder),
                earmarked=self._read(self._tokens[token], "earmarkedTotalOf", holder),
                earmarked_by_dvp=self._read(self._tokens[token], "earmarkedOf", holder, self._network.dvp),
                frozen=self._read(self._tokens[token], "getFrozenTokens", holder),
            )
            for token, holder in sorted(holders)
            if token in self._tokens
        )

    def _read(self, contract: Any, name: str, *arguments: object) -> int:
        return int(contract.functions[name](*arguments).call(block_identifier=self._head))


def _settlement(log: Any) -> str:
    return bytes(log["args"]["settlementId"]).hex()


def _transaction(log: Any) -> str:
    return "0x" + bytes(log["transactionHash"]).hex()


def _place(log: Any) -> tuple[int, int]:
    return log["blockNumber"], log["logIndex"]


def _transfer(log: Any) -> TransferFact:
    source = log["args"]["from"]
    return TransferFact(
        token=log["address"],
        source=None if source == ZERO else source,
        target=None if log["args"]["to"] == ZERO else log["args"]["to"],
        units=log["args"]["value"],
        transaction="0x" + bytes(log["transactionHash"]).hex(),
    )


def _epoch(log: Any) -> EpochFact:
    args = log["args"]
    return EpochFact(
        number=args["epoch"],
        agents=tuple(args["agents"]),
        quorum=args["quorum"],
        officer=args["officer"],
        confirmer=args["confirmer"],
    )
