"""Blocks as they are hashed: header, transactions and receipts, from what a node answers to the bytes, and back.

Ethereum's own rules, up to the fork of Prague: EIP-1559, 2718, 2930, 4399, 4788, 4844, 4895, 7685 and 7702. What a node
says is never believed: the bytes must hash to the block's hash and to the roots in its header.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rlp

from lockstep.domain.errors import Unavailable
from lockstep.evidence.tries import make_proofs
from lockstep.signing.words import keccak

__all__ = ["Header", "Log", "Proven", "Receipt", "header_bytes", "prove", "receipt_bytes", "transaction_bytes"]

_HEADER = (
    ("parentHash", 32), ("sha3Uncles", 32), ("miner", 20), ("stateRoot", 32), ("transactionsRoot", 32),
    ("receiptsRoot", 32), ("logsBloom", 256), ("difficulty", 0), ("number", 0), ("gasLimit", 0), ("gasUsed", 0),
    ("timestamp", 0), ("extraData", -1), ("mixHash", 32), ("nonce", 8), ("baseFeePerGas", 0), ("withdrawalsRoot", 32),
    ("blobGasUsed", 0), ("excessBlobGas", 0), ("parentBeaconBlockRoot", 32), ("requestsHash", 32),
)  # fmt: skip
"""Fields in their order, with their bytes: 0 is a number, -1 bytes of any length. A fork adds at the end."""
_FEWEST = 15
"""Fields of a header before the fork of London."""
_SIGNATURE = ("r", "s")
_TRANSACTIONS: Mapping[int, tuple[str, ...]] = {
    0: ("nonce", "gasPrice", "gas", "to", "value", "input", "v"),
    1: ("chainId", "nonce", "gasPrice", "gas", "to", "value", "input", "accessList", "yParity"),
    2: (
        "chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "input", "accessList",
        "yParity",
    ),
    3: (
        "chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "input", "accessList",
        "maxFeePerBlobGas", "blobVersionedHashes", "yParity",
    ),
    4: (
        "chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "input", "accessList",
        "authorizationList", "yParity",
    ),
}  # fmt: skip


# --- from a node's answer


def header_bytes(block: Mapping[str, Any]) -> bytes:
    """A header's RLP. Raises Unavailable where it is not what the block's hash is the hash of."""
    told = _data(block["extraData"])
    for extra in (told, told.lstrip(b"\0")):  # eth-tester fills it with zeros up to 32 bytes
        known = {**block, "extraData": extra}
        header = bytes(rlp.encode([_field(known[name], size) for name, size in _HEADER if known.get(name) is not None]))
        if keccak(header) == _data(block["hash"]):
            return header
    shown = _data(block["hash"]).hex()
    raise Unavailable(f"block {shown} is hashed otherwise than Ethereum hashes blocks up to Prague")


def transaction_bytes(transaction: Mapping[str, Any]) -> bytes:
    """A signed transaction as it is hashed. Raises Unavailable for a kind that is not known, or another hash."""
    kind = _number(transaction.get("type") or 0)
    if kind not in _TRANSACTIONS:
        raise Unavailable(f"transaction {transaction.get('hash')} is of type {kind}, which is not known")
    fields = [_transaction_field(transaction, name) for name in (*_TRANSACTIONS[kind], *_SIGNATURE)]
    found = (bytes([kind]) if kind else b"") + bytes(rlp.encode(fields))
    if keccak(found) != _data(transaction["hash"]):
        raise Unavailable(f"transaction {_data(transaction['hash']).hex()} is hashed otherwise than Ethereum does")
    return found


def receipt_bytes(receipt: Mapping[str, Any]) -> bytes:
    """A receipt as its block's root has it (EIP-658, EIP-2718)."""
    kind = _number(receipt.get("type") or 0)
    logs = [
        [_data(one["address"]), [_data(topic) for topic in one["topics"]], _data(one["data"])]
        for one in receipt["logs"]
    ]
    fields = [_whole(receipt["status"]), _whole(receipt["cumulativeGasUsed"]), _bloom(logs), logs]
    return (bytes([kind]) if kind else b"") + bytes(rlp.encode(fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """One transaction of a block and its receipt, each with the nodes from the header's root down to it."""

    header: bytes
    place: int
    transaction: bytes
    transaction_proof: tuple[bytes, ...]
    receipt: bytes
    receipt_proof: tuple[bytes, ...]


def prove(
    block: Mapping[str, Any],
    transactions: Sequence[Mapping[str, Any]],
    receipts: Sequence[Mapping[str, Any]],
    place: int,
) -> Proven:
    """The proofs for the transaction at `place`, from all of its block's, in their order, as a node answers them.

    Raises Unavailable where the block's own roots do not come of them.
    """
    header = header_bytes(block)
    lists = [[transaction_bytes(one) for one in transactions], [receipt_bytes(one) for one in receipts]]
    found = []
    for name, values in zip(("transactionsRoot", "receiptsRoot"), lists, strict=True):
        root, proofs = make_proofs(values, [place])
        if root != _data(block[name]):
            raise Unavailable(f"block {_data(block['hash']).hex()}: what the node gives is not what {name} is made of")
        found.append(tuple(proofs[place]))
    return Proven(
        header=header,
        place=place,
        transaction=lists[0][place],
        transaction_proof=found[0],
        receipt=lists[1][place],
        receipt_proof=found[1],
    )


def _field(value: Any, size: int) -> bytes:
    if size == 0:
        return _whole(value)
    if isinstance(value, int):  # eth-tester gives a bloom so
        return value.to_bytes(size)
    return _data(value)


def _transaction_field(transaction: Mapping[str, Any], name: str) -> Any:
    if name == "yParity":
        return _whole(next(transaction[one] for one in ("yParity", "y_parity", "v") if one in transaction))
    value = transaction.get(name)
    match name:
        case "to" | "input":
            return b"" if value is None else _data(value)
        case "accessList":
            return [[_data(one["address"]), [_data(key) for key in one["storageKeys"]]] for one in value or ()]
        case "blobVersionedHashes":
            return [_data(one) for one in value or ()]
        case "authorizationList":
            return [_authorization(one) for one in value or ()]
        case _:
            return _whole(value)


def _authorization(one: Mapping[str, Any]) -> list[bytes]:
    """Of EIP-7702."""
    parity = one.get("yParity", one.get("v"))
    numbers = [_whole(each) for each in (parity, one["r"], one["s"])]
    return [_whole(one["chainId"]), _data(one["address"]), _whole(one["nonce"]), *numbers]


def _number(value: Any) -> int:
    return value if isinstance(value, int) else int(value, 16)


def _whole(value: Any) -> bytes:
    """A number as RLP has it: big-endian, nothing for zero."""
    number = _number(value)
    return number.to_bytes((number.bit_length() + 7) // 8)


def _data(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes.fromhex(value.removeprefix("0x"))


def _bloom(logs: Sequence[Sequence[Any]]) -> bytes:
    """Of all addresses and topics (Yellow Paper, section 4.3.1)."""
    bloom = 0
    for address, topics, _ in logs:
        for item in (address, *topics):
            hashed = keccak(item)
            for place in (0, 2, 4):
                bloom |= 1 << (int.from_bytes(hashed[place : place + 2]) & 2047)
    return bloom.to_bytes(256)


# --- from bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is needed of a block's header. `timestamp` in seconds."""

    hash: bytes
    parent: bytes
    number: int
    timestamp: int
    transactions: bytes
    receipts: bytes

    @classmethod
    def read(cls, data: bytes) -> "Header":
        """Raises ValueError for what is no header."""
        fields = _list(data, "header")
        if not _FEWEST <= len(fields) <= len(_HEADER):
            raise ValueError(f"a header has {_FEWEST} to {len(_HEADER)} fields, not {len(fields)}")
        for (name, size), value in zip(_HEADER, fields, strict=False):
            if not isinstance(value, bytes) or (size > 0 and len(value) != size) or (size == 0 and len(value) > 32):
                raise ValueError(f"a header's {name} is not of {size or 'at most 32'} bytes")
        return cls(
            hash=keccak(data),
            parent=fields[0],
            number=int.from_bytes(fields[8]),
            timestamp=int.from_bytes(fields[11]),
            transactions=fields[4],
            receipts=fields[5],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """An event: who emitted it, its topics and its data."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of a transaction. A batch leaves hundreds of events: they are kept as they are encoded."""

    succeeded: bool
    logs: frozenset[bytes]

    @classmethod
    def read(cls, data: bytes) -> "Receipt":
        """Raises ValueError for what is no receipt of a known type."""
        typed = bool(data) and data[0] < 0x80
        if typed and data[0] not in _TRANSACTIONS:
            raise ValueError(f"a receipt of type {data[0]} is not known")
        whole = _items(data[1:] if typed else data)
        fields = _items(_listed(whole[0])) if len(whole) == 1 else []
        if len(fields) != 4:
            raise ValueError("a receipt is a list of status, gas, bloom and logs")
        return cls(succeeded=fields[0] == b"\1", logs=frozenset(_items(_listed(fields[3]))))

    def has(self, log: Log) -> bool:
        """Whether the transaction left this event. An event has one encoding only."""
        return rlp.encode([log.address, list(log.topics), log.data]) in self.logs


def _items(data: bytes) -> list[bytes]:
    """The items of RLP that stand one behind the other, each as it is encoded. Raises ValueError."""
    found, place = [], 0
    while place < len(data):
        first = data[place]
        if first < 0x80:
            end = place + 1
        elif first < 0xC0:
            end = _end(data, place, first - 0x80)
        else:
            end = _end(data, place, first - 0xC0)
        if end > len(data):
            raise ValueError("RLP ends within an item")
        found.append(data[place:end])
        place = end
    return found


def _end(data: bytes, place: int, size: int) -> int:
    """Where the item ends that begins at `place` with a prefix for `size`, or for the length of the size."""
    if size < 56:
        return place + 1 + size
    digits = size - 55
    return place + 1 + digits + int.from_bytes(data[place + 1 : place + 1 + digits])


def _listed(item: bytes) -> bytes:
    """What stands in an encoded list. Raises ValueError for what is none."""
    if not item or item[0] < 0xC0:
        raise ValueError("RLP has a text where a list should be")
    return item[1:] if item[0] < 0xF8 else item[1 + item[0] - 0xF7 :]


def _list(data: bytes, what: str) -> list[Any]:
    try:
        found = rlp.decode(data)
    except (rlp.exceptions.DecodingError, RecursionError) as error:
        raise ValueError(f"a {what} is no RLP: {error}") from error
    if not isinstance(found, list):
        raise ValueError(f"a {what} is no list")
    return found
