"""One deployed world for the contract tests: eth-tester on py-evm, explicit gas and fees, decoded refusals.

Hashes and signatures come from eth_account's own EIP-712 code, not from the contracts or from `lockstep.signing`.
"""

import ast
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import pytest
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys import keys
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_utils import keccak, to_checksum_address
from eth_utils.abi import event_abi_to_log_topic, function_abi_to_4byte_selector
from web3 import EthereumTesterProvider, Web3
from web3._utils.events import get_event_data
from web3.contract import Contract

from lockstep.chain.compiler import COMPILED

ZERO = "0x" + "00" * 20
FAR = 2**40 - 1
DAY = 86_400
GAS = 2_000_000
FEE = 10**10
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER_OF_CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
EMPTY_PROOF = (0, 0, b"", [])

TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Movement": [
        {"name": "token", "type": "address"},
        {"name": "seller", "type": "address"},
        {"name": "buyer", "type": "address"},
        {"name": "quantity", "type": "uint64"},
        {"name": "epoch", "type": "uint32"},
        {"name": "nonce", "type": "uint64"},
    ],
    "Terms": [
        {"name": "tradeId", "type": "bytes32"},
        {"name": "part", "type": "uint32"},
        {"name": "minimumLot", "type": "uint64"},
        {"name": "group", "type": "bytes32"},
        {"name": "cashHash", "type": "bytes32"},
        {"name": "lockBy", "type": "uint40"},
        {"name": "payBy", "type": "uint40"},
    ],
    "Order": [{"name": "movement", "type": "Movement"}, {"name": "terms", "type": "Terms"}],
    "Outcome": [
        {"name": "settlementId", "type": "bytes32"},
        {"name": "result", "type": "uint8"},
        {"name": "epoch", "type": "uint32"},
    ],
    "Outcomes": [
        {"name": "settlementIds", "type": "bytes32[]"},
        {"name": "result", "type": "uint8"},
        {"name": "epoch", "type": "uint32"},
    ],
    "Part": [
        {"name": "orderId", "type": "bytes32"},
        {"name": "part", "type": "uint32"},
        {"name": "quantity", "type": "uint64"},
    ],
    "Rotation": [
        {"name": "epoch", "type": "uint32"},
        {"name": "agents", "type": "address[]"},
        {"name": "quorum", "type": "uint8"},
        {"name": "faulty", "type": "uint8"},
        {"name": "officer", "type": "address"},
        {"name": "confirmer", "type": "address"},
    ],
}


class Status(IntEnum):
    """IDvP.Status."""

    NONE = 0
    LOCKED = 1
    PAID = 2
    SETTLED = 3
    GIVEN_BACK = 4
    CANCELLED = 5
    IN_PARTS = 6


class Standing(IntEnum):
    """IParticipantRegistry.Status."""

    NONE = 0
    ACTIVE = 1
    SUSPENDED = 2
    CLOSED = 3


PAID, NEVER = 1, 2


@dataclass(frozen=True)
class Key:
    """A private key and its address."""

    secret: bytes
    address: str

    @classmethod
    def named(cls, name: str) -> "Key":
        secret = keccak(text=name)
        return cls(secret, Account.from_key(secret).address)


@dataclass(frozen=True, kw_only=True)
class Order:
    """The order struct; `words` is what the contract takes."""

    token: str
    seller: str
    buyer: str
    quantity: int = 100
    epoch: int = 1
    nonce: int = 0
    trade_id: bytes = b"\x11" * 32
    part: int = 0
    minimum_lot: int = 0
    group: bytes = b"\x00" * 32
    cash_hash: bytes = b"\x22" * 32
    lock_by: int
    pay_by: int

    @property
    def movement(self) -> tuple[Any, ...]:
        return (self.token, self.seller, self.buyer, self.quantity, self.epoch, self.nonce)

    @property
    def terms(self) -> tuple[Any, ...]:
        return (
            self.trade_id,
            self.part,
            self.minimum_lot,
            self.group,
            self.cash_hash,
            self.lock_by,
            self.pay_by,
        )

    @property
    def words(self) -> tuple[Any, ...]:
        return (self.movement, self.terms)

    @property
    def message(self) -> dict[str, Any]:
        return {
            "movement": dict(zip([f["name"] for f in TYPES["Movement"]], self.movement, strict=True)),
            "terms": dict(zip([f["name"] for f in TYPES["Terms"]], self.terms, strict=True)),
        }

    def but(self, **changes: Any) -> "Order":
        return replace(self, **changes)


def typed_digest(primary: str, message: dict[str, Any], chain_id: int, contract: str) -> bytes:
    """EIP-712 digest by eth_account."""
    used = {"EIP712Domain", primary} | ({"Movement", "Terms"} if primary == "Order" else set())
    signable = encode_typed_data(
        full_message={
            "types": {name: TYPES[name] for name in used},
            "primaryType": primary,
            "domain": {
                "name": "Lockstep DvP",
                "version": "1",
                "chainId": chain_id,
                "verifyingContract": contract,
            },
            "message": message,
        }
    )
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def sign(key: Key, digest: bytes) -> bytes:
    """65 bytes: r, s, v (27 or 28)."""
    return bytes(Account.unsafe_sign_hash(digest, key.secret).signature)


def compact(signature: bytes) -> bytes:
    """EIP-2098 form of a 65-byte signature."""
    vs = int.from_bytes(signature[32:64]) | (signature[64] - 27) << 255
    return signature[:32] + vs.to_bytes(32)


def high_s(signature: bytes) -> bytes:
    """The other signature that the curve accepts."""
    s = ORDER_OF_CURVE - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])


def packed(proof: tuple[Any, ...]) -> bytes:
    """The proof (quorum, signers, signatures, absent) as the contract takes it."""
    quorum, signers, signatures, absent = proof
    return bytes([quorum, signers]) + signatures + b"".join(bytes.fromhex(one[2:]) for one in absent)


def artifact(name: str) -> dict[str, Any]:
    return json.loads((COMPILED / f"{name}.json").read_text())


class World:
    """Chain, contracts and the keys of everyone."""

    def __init__(self, mocks: dict[str, dict[str, Any]]) -> None:
        backend = PyEVMBackend()
        self.tester = EthereumTester(backend)
        self.w3 = Web3(EthereumTesterProvider(self.tester))
        self.chain_id = self.w3.eth.chain_id
        self.keys = [Key(k.to_bytes(), k.public_key.to_checksum_address()) for k in backend.account_keys]
        self.registrar, self.issuer, self.seller, self.buyer, self.outsider, self.other = self.keys[:6]
        self.collateral, self.gateway = self.keys[6:8]
        self.agents = sorted((Key.named(f"agent {i}") for i in range(4)), key=lambda key: key.address.lower())
        self.artifacts = {
            n: artifact(n) for n in ("ParticipantRegistry", "SecurityToken", "DvP", "JournalAnchor")
        } | mocks
        abis = [entry for a in self.artifacts.values() for entry in a["abi"]]
        self._errors = {function_abi_to_4byte_selector(e): e for e in abis if e["type"] == "error"}
        self._events = {event_abi_to_log_topic(e): e for e in abis if e["type"] == "event"}

        self.officer, self.confirmer = self.keys[8:10]
        self.registry = self.deploy("ParticipantRegistry", self.registrar.address, self.confirmer.address)
        self.dvp = self.deploy("DvP", self.epoch())
        # Within the longest lock of any test's first blocks, and a round number for all orders alike.
        self.deadline = self.now() + 20 * DAY
        self.token = self.deploy_token()
        self.lane_token = self.token
        for party in (self.seller, self.buyer, self.other):
            self.register(party.address)
        self.send(self.token.functions.issue(self.seller.address, 10_000), self.issuer)

    # Chain

    def deploy(self, name: str, *arguments: Any) -> Contract:
        made = self.artifacts[name]
        factory = self.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        terms = {"from": self.outsider.address, "gas": 9_000_000, "gasPrice": FEE}
        receipt = self.w3.eth.get_transaction_receipt(factory.constructor(*arguments).transact(terms))
        assert receipt["status"] == 1, f"{name} was not deployed"
        return self.w3.eth.contract(receipt["contractAddress"], abi=made["abi"])

    def deploy_token(self, earmarkers: Sequence[str] | None = None, **changes: Any) -> Contract:
        lanes = earmarkers or [self.dvp.address, self.collateral.address, self.gateway.address]
        return self.deploy("SecurityToken", *self.token_arguments(lanes, **changes))

    def token_arguments(self, earmarkers: Sequence[str], **changes: Any) -> tuple[Any, ...]:
        """Name, symbol and the structs Terms and Setup: a bond that everyone may hold."""
        terms = {
            "isin": b"DE0001102580",
            "kind": 0,
            "currency": b"EUR",
            "decimals": 2,
            "nominal": 1,
            "issue_date": 1_735_689_600,
            "maturity_date": 2_051_222_400,
            "coupon_rate": 25_000,
            "coupon_frequency": 1,
            "day_count": 1,
        }
        setup = {
            "registry": self.registry.address,
            "issuer": self.issuer.address,
            "officer": self.officer.address,
            "confirmer": self.confirmer.address,
            "earmarkers": list(earmarkers),
            "authorised": 2**60 - 1,
            "jurisdictions": 2**192 - 1,
            "investor_classes": 2**32 - 1,
            "predecessor": ZERO,
        }
        assert changes.keys() <= terms.keys() | setup.keys()
        chosen = [tuple(changes.get(name, usual) for name, usual in of.items()) for of in (terms, setup)]
        return ("Bund 2.5% 2035", "BUND35", *chosen)

    def send(self, call: Any, sender: Key, gas: int = GAS) -> Any:
        """Send, mine, and return the receipt of a transaction that must succeed."""
        receipt = self.attempt(call, sender, gas)
        if receipt["status"] != 1:
            call.call({"from": sender.address, "gas": gas})
            raise AssertionError("failed as a transaction, not as a call")
        return receipt

    def attempt(self, call: Any, sender: Key, gas: int = GAS) -> Any:
        """Send, mine, and return the receipt whatever the result."""
        sent = call.transact({"from": sender.address, "gas": gas, "gasPrice": FEE})
        return self.w3.eth.get_transaction_receipt(sent)

    def refusal_of_deployment(self, factory: Any, *arguments: Any) -> tuple[Any, ...]:
        """(name, argument, …) of the custom error that a constructor ends in."""
        request = factory.constructor(*arguments).build_transaction(
            {"from": self.outsider.address, "gas": 9_000_000, "gasPrice": FEE, "nonce": 0, "chainId": self.chain_id}
        )
        with pytest.raises(TransactionFailed) as caught:
            self.w3.eth.call({"from": request["from"], "data": request["data"], "gas": request["gas"]})
        return self._refused(caught.value)

    def refusal(self, call: Any, sender: Key | None = None, gas: int = GAS) -> tuple[Any, ...]:
        """(name, argument, …) of the custom error that the call ends in."""
        with pytest.raises(TransactionFailed) as caught:
            call.call({"from": (sender or self.outsider).address, "gas": gas})
        return self._refused(caught.value)

    def _refused(self, error: BaseException) -> tuple[Any, ...]:
        # eth-tester hands revert data over as the repr of bytes inside the message.
        prefix, _, shown = str(error).partition(": ")
        data = ast.literal_eval(shown) if prefix == "execution reverted" else b""
        assert len(data) >= 4, f"refused without a named error: {error!r}"
        return self.decode_error(data)

    def decode_error(self, data: bytes) -> tuple[Any, ...]:
        error = self._errors[data[:4]]
        types = [entry["type"] for entry in error["inputs"]]
        values = self.w3.codec.decode(types, data[4:])
        return (error["name"], *values)

    def events(self, receipt: Any) -> list[tuple[str, dict[str, Any]]]:
        """(name, arguments) of each log, in order."""
        found = []
        for log in receipt["logs"]:
            abi = self._events[bytes(log["topics"][0])]
            found.append((abi["name"], dict(get_event_data(self.w3.codec, abi, log)["args"])))
        return found

    def now(self) -> int:
        return self.w3.eth.get_block("latest")["timestamp"]

    # Participants

    def register(self, wallet: str, expires: int = FAR) -> None:
        lei = b"5299" + keccak(text=wallet).hex().upper()[:16].encode()
        self.send(self.registry.functions.register(wallet, lei, b"DE", 1, expires), self.registrar)

    def set_standing(self, wallet: str, standing: Standing) -> None:
        self.send(self.registry.functions.setStatus(wallet, standing), self.registrar)

    # Settlements

    def order(self, **changes: Any) -> Order:
        usual = {
            "token": self.token.address,
            "seller": self.seller.address,
            "buyer": self.buyer.address,
            "lock_by": self.deadline,
            "pay_by": self.deadline,
        }
        return Order(**(usual | changes))

    def epoch(self, agents: Sequence[Key] | None = None, quorum: int = 3, faulty: int = 1, **roles: str) -> Any:
        """The struct Epoch: agents, quorum, faulty, officer, confirmer."""
        given = [key.address for key in (self.agents if agents is None else agents)]
        officer, confirmer = self.officer.address, self.confirmer.address
        return (given, quorum, faulty, roles.get("officer", officer), roles.get("confirmer", confirmer))

    def id_of(self, order: Order, chain_id: int | None = None, contract: str | None = None) -> bytes:
        return typed_digest("Order", order.message, chain_id or self.chain_id, contract or self.dvp.address)

    def lock_call(self, order: Order, seller: bytes | None = None, buyer: bytes | None = None) -> Any:
        digest = self.id_of(order)
        seller_signature = compact(sign(self.seller, digest)) if seller is None else seller
        buyer_signature = compact(sign(self.buyer, digest)) if buyer is None else buyer
        return self.dvp.functions.lock(order.words, seller_signature, buyer_signature)

    def signed(self, order: Order) -> tuple[Any, ...]:
        """The struct SignedOrder, signed by seller and buyer."""
        digest = self.id_of(order)
        return (order.words, compact(sign(self.seller, digest)), compact(sign(self.buyer, digest)))

    def part_call(self, order: Order, part: int, quantity: int) -> Any:
        words, *signatures = self.signed(order)
        return self.dvp.functions.lockPart(
            words, part, quantity, *signatures, self.part_signature(order, part, quantity)
        )

    def part_signature(self, order: Order, part: int, quantity: int) -> bytes:
        """The seller's word for this part of the order."""
        message = {"orderId": self.id_of(order), "part": part, "quantity": quantity}
        return compact(sign(self.seller, typed_digest("Part", message, self.chain_id, self.dvp.address)))

    def part_of(self, order: Order, part: int, quantity: int) -> Order:
        """The settlement that a part is."""
        return order.but(part=part, minimum_lot=0, quantity=quantity, nonce=2**63 + 2**24 * order.nonce + part)

    def lock(self, order: Order) -> bytes:
        self.send(self.lock_call(order), self.outsider)
        return self.id_of(order)

    def outcome(
        self, id_: bytes, result: int, epoch: int = 1, chain_id: int | None = None, contract: str | None = None
    ) -> bytes:
        message = {"settlementId": id_, "result": result, "epoch": epoch}
        return typed_digest("Outcome", message, chain_id or self.chain_id, contract or self.dvp.address)

    def proof(
        self, digest: bytes, signers: Iterable[int] = (0, 1, 2), quorum: int = 3, agents: Sequence[Key] | None = None
    ) -> tuple[Any, ...]:
        """The proof that `signers` of `agents` give over `digest`."""
        chosen = sorted(signers)
        everyone = list(self.agents if agents is None else agents)
        signatures = b"".join(compact(sign(everyone[i], digest)) for i in chosen)
        absent = [key.address for i, key in enumerate(everyone) if i not in chosen]
        return (quorum, sum(1 << i for i in chosen), signatures, absent)

    def outcomes(self, ids: Sequence[bytes], result: int, epoch: int = 1) -> bytes:
        message = {"settlementIds": list(ids), "result": result, "epoch": epoch}
        return typed_digest("Outcomes", message, self.chain_id, self.dvp.address)

    def rotation(self, epoch: int, next_: Any) -> bytes:
        names = [field["name"] for field in TYPES["Rotation"]]
        message = dict(zip(names, (epoch, *next_), strict=True))
        return typed_digest("Rotation", message, self.chain_id, self.dvp.address)

    def leg(self, order: Order) -> tuple[Any, ...]:
        """The struct Leg."""
        return (order.movement, self.terms_hash(order))

    def settle_batch(self, orders: Sequence[Order], signed: Sequence[Order] | None = None, result: int = PAID) -> Any:
        """settleBatch of `orders`, with a proof over those of `signed`."""
        ids = [self.id_of(order) for order in (orders if signed is None else signed)]
        proof = self.proof(self.outcomes(ids, result))
        return self.dvp.functions.settleBatch([self.leg(order) for order in orders], packed(proof))

    def group_of(self, orders: Sequence[Order]) -> bytes:
        fields = ",".join(f"{one['type']} {one['name']}" for one in TYPES["Movement"])
        types = ["bytes32", *(one["type"] for one in TYPES["Movement"])]
        type_hash = keccak(text=f"Movement({fields})")
        return keccak(b"".join(keccak(encode(types, [type_hash, *order.movement])) for order in orders))

    def call(self, name: str, order: Order, proof: tuple[Any, ...]) -> Any:
        """settle, recordPaid or giveBack."""
        return self.dvp.functions[name](self.leg(order), packed(proof))

    def terms_hash(self, order: Order) -> bytes:
        fields = ",".join(f"{one['type']} {one['name']}" for one in TYPES["Terms"])
        type_hash = keccak(text=f"Terms({fields})")
        types = ["bytes32", *(one["type"] for one in TYPES["Terms"])]
        return keccak(encode(types, [type_hash, *order.terms]))

    def epoch_hash(self, agents: Sequence[str], epoch: int = 1, quorum: int = 3) -> bytes:
        return keccak(encode(["uint256", "uint256", *(["address"] * len(agents))], [epoch, quorum, *agents]))

    def prove(self, name: str, order: Order, result: int) -> Any:
        """The call with a good proof of `result` by agents 0, 1 and 2."""
        return self.call(name, order, self.proof(self.outcome(self.id_of(order), result)))

    def brought_to(self, status: Status, **changes: Any) -> Order:
        """An order whose settlement stands at `status`."""
        order = self.order(**changes)
        if Status.LOCKED <= status <= Status.GIVEN_BACK:
            self.lock(order)
        if status == Status.CANCELLED:
            self.send(self.dvp.functions.cancelOrder(order.words, b""), self.seller)
        if status == Status.IN_PARTS:
            self.send(self.part_call(order.but(minimum_lot=max(order.minimum_lot, 1)), 1, 10), self.outsider)
        if status == Status.PAID:
            self.send(self.prove("recordPaid", order, PAID), self.outsider)
        if status == Status.SETTLED:
            self.send(self.prove("settle", order, PAID), self.outsider)
        if status == Status.GIVEN_BACK:
            self.send(self.prove("giveBack", order, NEVER), self.outsider)
        return order

    def status(self, order: Order) -> Status:
        return Status(self.dvp.functions.statusOfSettlement(self.id_of(order), order.seller, order.nonce).call())

    def holding(self, wallet: str) -> tuple[int, int]:
        """(owned, free)."""
        return self.token.functions.balanceOf(wallet).call(), self.token.functions.freeOf(wallet).call()


def recovered(digest: bytes, compact_signature: bytes) -> str:
    """The address that a compact signature recovers to, by eth_keys."""
    r, vs = int.from_bytes(compact_signature[:32]), int.from_bytes(compact_signature[32:])
    signature = keys.Signature(vrs=(vs >> 255, r, vs & (2**255 - 1)))
    return to_checksum_address(signature.recover_public_key_from_msg_hash(digest).to_address())
