"""What a node's JSON-RPC answers say, as Python values: numbers, bytes, logs, receipts.

web3 does the same for every field of every answer, checksums and all, which takes longer than most questions take to
answer. Here it is done for the fields that Lockstep reads. Numbers come as hexadecimal text; eth-tester gives numbers.
"""

from collections.abc import Mapping
from typing import Any

from hexbytes import HexBytes

__all__ = ["data", "lineage", "log", "number", "outcome", "receipt", "transaction"]

_LOG_NUMBERS = ("blockNumber", "transactionIndex", "logIndex")
_RECEIPT_NUMBERS = ("blockNumber", "transactionIndex", "status", "gasUsed", "cumulativeGasUsed", "effectiveGasPrice")
_HASHES = ("blockHash", "transactionHash")


def number(value: Any) -> int:
    """Raises ValueError or TypeError for what is no quantity."""
    if isinstance(value, int):
        return value
    return int(value, 16)


def data(value: Any) -> bytes:
    """Raises ValueError or TypeError for what is no data."""
    if isinstance(value, bytes):
        return bytes(value)
    if not value.startswith("0x"):
        raise ValueError(f"{value!r} does not start with 0x")
    return bytes.fromhex(value[2:])


def lineage(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block's `parent` and `bloom`, as `node.Head` has them, where they are told."""
    parent, bloom = block.get("parentHash"), block.get("logsBloom")
    return {
        "parent": "" if parent is None else data(parent).hex(),
        "bloom": None if bloom is None else number(bloom),
    }


def log(value: Mapping[str, Any]) -> dict[str, Any]:
    """One event's log, with its topics, data and hashes as bytes; a pending one has no place yet."""
    read = dict(value)
    for name in _LOG_NUMBERS:
        read[name] = None if value.get(name) is None else number(value[name])
    for name in _HASHES:
        read[name] = None if value.get(name) is None else HexBytes(data(value[name]))
    read["topics"] = [HexBytes(data(one)) for one in value["topics"]]
    read["data"] = HexBytes(data(value["data"]))
    return read


def receipt(value: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt, its logs included."""
    read = dict(value)
    for name in _RECEIPT_NUMBERS:
        if value.get(name) is not None:
            read[name] = number(value[name])
    for name in _HASHES:
        read[name] = HexBytes(data(value[name]))
    read["logs"] = [log(one) for one in value.get("logs", ())]
    return read


def outcome(value: Mapping[str, Any]) -> dict[str, Any]:
    """Of a receipt the numbers of what became of the transaction. A batch has many logs: they stay as they came."""
    read = {name: number(value[name]) for name in ("blockNumber", "status", "gasUsed")}
    return {**read, "logs": value.get("logs", ())}


def transaction(value: Mapping[str, Any]) -> dict[str, Any]:
    """A transaction: whom it calls (None: it creates), and with what data."""
    return {
        **value,
        "to": value.get("to"),
        "input": HexBytes(data(value["input"] if "input" in value else value["data"])),
    }
