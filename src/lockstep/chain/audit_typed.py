"""Typed data (EIP-712) for the auditor, from its own list of structs; signers are recovered by eth_account."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from lockstep.domain.market import Network

__all__ = ["STRUCTS", "digest", "order_digest", "signer", "typed"]

STRUCTS: Mapping[str, Sequence[tuple[str, str]]] = {
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
    "Part": (("orderId", "bytes32"), ("part", "uint32"), ("quantity", "uint64")),
    "Cycle": (
        ("tokens", "address[]"), ("parties", "address[]"), ("legs", "bytes"), ("cashHash", "bytes32"),
        ("epoch", "uint32"), ("lockBy", "uint40"), ("payBy", "uint40"),
    ),
    "NetStatement": (("cycleId", "bytes32"), ("legs", "NetLeg[]"), ("limits", "NetLimit[]")),
    "NetLeg": (
        ("token", "address"), ("seller", "address"), ("buyer", "address"),
        ("quantity", "uint64"), ("termsHash", "bytes32"),
    ),
    "NetLimit": (("token", "address"), ("least", "int256")),
    "Outcome": (("settlementId", "bytes32"), ("result", "uint8"), ("epoch", "uint32")),
    "Outcomes": (("settlementIds", "bytes32[]"), ("result", "uint8"), ("epoch", "uint32")),
    "Cash": (
        ("salt", "bytes16"), ("currency", "string"), ("amount", "uint256"), ("debtor", "string"),
        ("debtorAccount", "string"), ("creditor", "string"), ("creditorAccount", "string"),
    ),
}  # fmt: skip


def typed(network: Network, primary: str, message: Mapping[str, Any]) -> SignableMessage:
    """What is signed of one struct under DvP's domain. Integers must be in their type's range."""
    domain = {
        "name": "Lockstep DvP",
        "version": "1",
        "chainId": network.chain_id,
        "verifyingContract": network.dvp,
    }
    header, body = _hash("EIP712Domain", domain), _hash(primary, message)
    return SignableMessage(version=b"\x01", header=header, body=body)


def _hash(name: str, message: Mapping[str, Any]) -> bytes:
    """EIP-712's hashStruct."""
    return keccak(_type_hash(name) + b"".join(_word(kind, message[field]) for field, kind in STRUCTS[name]))


def _word(kind: str, value: Any) -> bytes:
    """EIP-712's encodeData of one field: 32 bytes."""
    if kind.endswith("[]"):
        return keccak(b"".join(_word(kind.removesuffix("[]"), one) for one in value))
    if kind in STRUCTS:
        return _hash(kind, value)
    if kind in ("string", "bytes"):
        return keccak(text=value) if kind == "string" else keccak(value)
    if kind == "address":
        return bytes.fromhex(value.removeprefix("0x")).rjust(32, b"\0")
    if kind.startswith("bytes"):
        return bytes(value).ljust(32, b"\0")
    return int(value).to_bytes(32, signed=kind.startswith("int"))


@cache
def _type_hash(name: str) -> bytes:
    return keccak(text="".join(_type(one) for one in (name, *sorted(_structs_in(name) - {name}))))


def _type(name: str) -> str:
    return f"{name}({','.join(f'{kind} {field}' for field, kind in STRUCTS[name])})"


def _structs_in(primary: str) -> set[str]:
    """A struct and those that its fields refer to."""
    kinds = {kind.removesuffix("[]") for _, kind in STRUCTS[primary]} & STRUCTS.keys()
    return {primary}.union(*(_structs_in(kind) for kind in kinds))


def digest(message: SignableMessage) -> bytes:
    return keccak(b"\x19" + message.version + message.header + message.body)


def order_digest(network: Network, movement: Mapping[str, Any], terms_hash: bytes) -> bytes:
    """A settlement's id where only the hash of its terms is known, as in a leg."""
    moved = typed(network, "Movement", movement)
    return keccak(b"\x19\x01" + moved.header + keccak(_type_hash("Order") + moved.body + terms_hash))


def signer(message: SignableMessage, signature: bytes) -> str | None:
    """The address behind 65 bytes (r, s, v) or 64 (EIP-2098); None if there is none."""
    whole = _whole(signature)
    if whole is None:
        return None
    try:
        return str(Account.recover_message(message, signature=whole))
    except (BadSignature, ValidationError, ValueError):
        return None


def _whole(signature: bytes) -> bytes | None:
    if len(signature) == 64:
        parity = signature[32] >> 7
        signature = signature[:32] + bytes([signature[32] & 0x7F]) + signature[33:] + bytes([27 + parity])
    return signature if len(signature) == 65 else None
