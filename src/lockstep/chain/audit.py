"""What a chain says of all settlements, read for an auditor.

Shares no code with what it judges: events and calls are decoded by web3 from the ABI, typed data is
hashed and signatures are recovered by eth_account. `collect` reads one block's state and all logs up
to it, so that what it returns is of one moment. It needs a node that keeps that block's state, and the
state of each lock whose party is a contract (ERC-1271). Longer than our modules are: one list of facts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from requests import RequestException
from web3.exceptions import Web3Exception

from lockstep.chain.artifacts import artifact
from lockstep.chain.node import Node
from lockstep.domain.errors import ContractRefused, Unavailable
from lockstep.domain.market import Network

__all__ = [
    "ChainFacts",
    "EpochFact",
    "HoldingFact",
    "LockFact",
    "MoveFact",
    "TransferFact",
    "collect",
    "hash_cash",
    "recover_outcome",
]

ZERO = "0x" + "0" * 40
PAID, NEVER = 1, 2
_OUTCOME_OF = {"settle": PAID, "recordPaid": PAID, "giveBack": NEVER}
_CALL_OF = {"Settled": "settle", "PaidRecorded": "recordPaid", "GivenBack": "giveBack"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFact:
    """A Locked event with its whole order. `derived` is the id that the order really has."""

    settlement: str
    derived: str
    trade: str
    token: str
    seller: str
    buyer: str
    quantity: int
    epoch: int
    nonce: int
    cash_hash: str
    pay_by: int
    block: int
    at: int
    transaction: str
    seller_proof: str
    """How the seller's consent was verified: "key", "wallet" (ERC-1271, asked at the lock's block) or "none"."""
    buyer_proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFact:
    """PaidRecorded, Settled or GivenBack. `signers` signed `outcome` (1 paid, 2 never) in the call's proof."""

    name: str
    settlement: str
    block: int
    at: int
    transaction: str
    outcome: int
    epoch: int
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFact:
    """An EpochStarted event."""

    number: int
    agents: tuple[str, ...]
    quorum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFact:
    """A Transfer event of a token; `source` is None for units issued."""

    token: str
    source: str | None
    target: str
    units: int
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingFact:
    """One holder's units of one token, as the token says."""

    token: str
    holder: str
    balance: int
    free: int
    earmarked: int
    earmarked_by_dvp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFacts:
    """All of it at block `head`; events in the chain's order, times in seconds."""

    head: int
    times: Mapping[int, int]
    """Of each block with an event, of each that makes a lock final, and of the head."""
    locks: tuple[LockFact, ...]
    moves: tuple[MoveFact, ...]
    epochs: tuple[EpochFact, ...]
    transfers: tuple[TransferFact, ...]
    holdings: tuple[HoldingFact, ...]
    supplies: Mapping[str, int]


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
    message = dict(zip((name for name, _ in _STRUCTS["Cash"]), values, strict=True))
    return _typed(Network(chain_id=0, dvp=ZERO, finality_depth=0), "Cash", message).body.hex()


def recover_outcome(network: Network, settlement: str, outcome: int, epoch: int, signature: bytes) -> str | None:
    """Who signed this outcome (1 paid, 2 never); None if the signature is none."""
    message = {"settlementId": bytes.fromhex(settlement), "result": outcome, "epoch": epoch}
    return _signer(_typed(network, "Outcome", message), signature)


_STRUCTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "EIP712Domain": (
        ("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"),
    ),
    "Movement": (
        ("token", "address"), ("seller", "address"), ("buyer", "address"),
        ("quantity", "uint64"), ("epoch", "uint32"), ("nonce", "uint64"),
    ),
    "Terms": (
        ("tradeId", "bytes32"), ("part", "uint32"), ("minimumLot", "uint64"), ("group", "bytes32"),
        ("cashHash", "bytes32"), ("lockBy", "uint40"), ("payBy", "uint40"),
    ),
    "Order": (("movement", "Movement"), ("terms", "Terms")),
    "Outcome": (("settlementId", "bytes32"), ("result", "uint8"), ("epoch", "uint32")),
    "Cash": (
        ("salt", "bytes16"), ("currency", "string"), ("amount", "uint256"), ("debtor", "string"),
        ("debtorAccount", "string"), ("creditor", "string"), ("creditorAccount", "string"),
    ),
}  # fmt: skip


def _typed(network: Network, primary: str, message: Mapping[str, Any]) -> SignableMessage:
    used = {"EIP712Domain", primary} | ({"Movement", "Terms"} if primary == "Order" else set())
    return encode_typed_data(
        full_message={
            "types": {name: [{"name": field, "type": kind} for field, kind in _STRUCTS[name]] for name in sorted(used)},
            "primaryType": primary,
            "domain": {
                "name": "Lockstep DvP",
                "version": "1",
                "chainId": network.chain_id,
                "verifyingContract": network.dvp,
            },
            "message": message,
        }
    )


def _digest(typed: SignableMessage) -> bytes:
    return keccak(b"\x19" + typed.version + typed.header + typed.body)


def _signer(typed: SignableMessage, signature: bytes) -> str | None:
    """The address behind 65 bytes (r, s, v) or 64 (EIP-2098); None if there is none."""
    if len(signature) == 64:
        parity = signature[32] >> 7
        signature = signature[:32] + bytes([signature[32] & 0x7F]) + signature[33:] + bytes([27 + parity])
    if len(signature) != 65:
        return None
    try:
        return str(Account.recover_message(typed, signature=signature))
    except (BadSignature, ValidationError, ValueError):
        return None


class _Reader:
    """One audit's reading, of one block."""

    def __init__(self, node: Node, network: Network, tokens: Sequence[str]) -> None:
        self._node, self._network = node, network
        self._head = node.head().number
        self._dvp: Any = self._contract("DvP", network.dvp)
        contracts = [self._contract("SecurityToken", token) for token in tokens]
        self._tokens = {str(contract.address): contract for contract in contracts}
        self._times: dict[int, int] = {}
        self._inputs: dict[str, tuple[str, dict[str, Any]]] = {}

    def facts(self) -> ChainFacts:
        events = self._events()
        locks = [self._lock(log) for log in events if log["event"] == "Locked"]
        for lock in locks:
            final = lock.block + self._network.finality_depth
            if final <= self._head:
                self._time(final)
        epochs = {lock.settlement: lock.epoch for lock in locks}
        transfers = [_transfer(log) for log in events if log["event"] == "Transfer"]
        self._time(self._head)
        return ChainFacts(
            head=self._head,
            locks=tuple(locks),
            moves=tuple(self._move(log, epochs) for log in events if log["event"] in _CALL_OF),
            epochs=tuple(_epoch(log) for log in events if log["event"] == "EpochStarted"),
            transfers=tuple(transfers),
            holdings=self._holdings(locks, transfers),
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
            (self._dvp, ("EpochStarted", "Locked", *_CALL_OF)),
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

    def _input(self, transaction: str) -> tuple[str, dict[str, Any]]:
        """Function and arguments of a call to DvP; no name if the transaction is none."""
        if transaction not in self._inputs:
            content = self._node.web3.eth.get_transaction(transaction)  # type: ignore[arg-type]
            try:
                function, arguments = self._dvp.decode_function_input(content["input"])
                self._inputs[transaction] = (function.fn_name, arguments)
            except (ValueError, Web3Exception):
                self._inputs[transaction] = ("", {})
        return self._inputs[transaction]

    def _lock(self, log: Any) -> LockFact:
        movement, terms = dict(log["args"]["movement"]), dict(log["args"]["terms"])
        typed = _typed(self._network, "Order", {"movement": movement, "terms": terms})
        transaction, block = "0x" + bytes(log["transactionHash"]).hex(), int(log["blockNumber"])
        name, arguments = self._input(transaction)
        given = arguments if name == "lock" else {}
        return LockFact(
            settlement=bytes(log["args"]["settlementId"]).hex(),
            derived=_digest(typed).hex(),
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
            seller_proof=self._consent(movement["seller"], typed, given.get("sellerSignature", b""), block),
            buyer_proof=self._consent(movement["buyer"], typed, given.get("buyerSignature", b""), block),
        )

    def _consent(self, party: str, typed: SignableMessage, signature: bytes, block: int) -> str:
        if _signer(typed, signature) == party:
            return "key"
        if not self._node.web3.eth.get_code(party, block_identifier=block):  # type: ignore[arg-type]
            return "none"
        selector = keccak(text="isValidSignature(bytes32,bytes)")[:4]
        question = self._node.web3.codec.encode(["bytes32", "bytes"], [_digest(typed), signature])
        try:
            answer = self._node.call(party, selector + question, block)
        except ContractRefused:
            return "none"
        return "wallet" if answer[:32] == selector + bytes(28) else "none"

    def _move(self, log: Any, epochs: Mapping[str, int]) -> MoveFact:
        settlement = bytes(log["args"]["settlementId"]).hex()
        transaction, block = "0x" + bytes(log["transactionHash"]).hex(), int(log["blockNumber"])
        name, arguments = self._input(transaction)
        outcome, epoch = _OUTCOME_OF[_CALL_OF[log["event"]]], epochs.get(settlement, 0)
        proof = bytes(arguments["proof"]) if name == _CALL_OF[log["event"]] else b""
        signed = proof[1].bit_count() if len(proof) > 1 else 0
        each = [proof[start : start + 64] for start in range(2, 2 + 64 * signed, 64)]
        signers = [recover_outcome(self._network, settlement, outcome, epoch, one) for one in each]
        return MoveFact(
            name=log["event"],
            settlement=settlement,
            block=block,
            at=self._time(block),
            transaction=transaction,
            outcome=outcome,
            epoch=epoch,
            signers=tuple(signer for signer in signers if signer is not None),
        )

    def _holdings(self, locks: list[LockFact], transfers: list[TransferFact]) -> tuple[HoldingFact, ...]:
        holders = {(one.token, holder) for one in transfers for holder in (one.source, one.target) if holder}
        holders |= {(lock.token, holder) for lock in locks for holder in (lock.seller, lock.buyer)}
        return tuple(
            HoldingFact(
                token=token,
                holder=holder,
                balance=self._read(self._tokens[token], "balanceOf", holder),
                free=self._read(self._tokens[token], "freeOf", holder),
                earmarked=self._read(self._tokens[token], "earmarkedTotalOf", holder),
                earmarked_by_dvp=self._read(self._tokens[token], "earmarkedOf", holder, self._network.dvp),
            )
            for token, holder in sorted(holders)
            if token in self._tokens
        )

    def _read(self, contract: Any, name: str, *arguments: object) -> int:
        return int(contract.functions[name](*arguments).call(block_identifier=self._head))


def _transfer(log: Any) -> TransferFact:
    source = log["args"]["from"]
    return TransferFact(
        token=log["address"],
        source=None if source == ZERO else source,
        target=log["args"]["to"],
        units=log["args"]["value"],
        transaction="0x" + bytes(log["transactionHash"]).hex(),
    )


def _epoch(log: Any) -> EpochFact:
    args = log["args"]
    return EpochFact(number=args["epoch"], agents=tuple(args["agents"]), quorum=args["quorum"])
