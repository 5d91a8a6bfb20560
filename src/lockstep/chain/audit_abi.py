"""Events and calls by the contracts' ABI, for the auditor: eth_abi decodes, the ABI names what it found."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from lockstep.chain.artifacts import artifact

__all__ = ["checksummed", "function_in", "read_event", "selector", "topic"]


@lru_cache(maxsize=65_536)
def checksummed(address: str) -> str:
    """An address as the facts write it."""
    return str(to_checksum_address(address))


@cache
def topic(contract: str, event: str) -> bytes:
    """An event's first topic."""
    return keccak(text=_signature(_entry(contract, "event", event)))


@cache
def selector(contract: str, function: str) -> bytes:
    """The first four bytes of a call."""
    return keccak(text=_signature(_entry(contract, "function", function)))[:4]


def read_event(contract: str, event: str, log: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name: bytes, integers, checksummed addresses, mappings for structs, lists for arrays."""
    indexed, plain = _places(contract, event)
    values = decode([collapse_if_tuple(item) for item in plain], bytes(log["data"]))
    named = {item["name"]: _named(item, value) for item, value in zip(plain, values, strict=True)}
    for item, word in zip(indexed, log["topics"][1:], strict=True):  # none of ours indexes what is longer than a word
        named[item["name"]] = _named(item, decode([item["type"]], bytes(word))[0])
    return named


def function_in(contract: str, data: bytes) -> tuple[str, dict[str, Any]] | None:
    """Name and arguments of a call; None for one that is none of this contract's."""
    entry = _functions(contract).get(data[:4])
    if entry is None:
        return None
    try:
        values = decode([collapse_if_tuple(item) for item in entry["inputs"]], data[4:])
    except (DecodingError, ValueError):
        return None
    arguments = {item["name"]: _named(item, value) for item, value in zip(entry["inputs"], values, strict=True)}
    return entry["name"], arguments


@cache
def _functions(contract: str) -> Mapping[bytes, Any]:
    return {keccak(text=_signature(one))[:4]: one for one in artifact(contract).abi if one["type"] == "function"}


@cache
def _places(contract: str, event: str) -> tuple[Sequence[Any], Sequence[Any]]:
    """An event's arguments in topics, and in its data."""
    inputs = _entry(contract, "event", event)["inputs"]
    return [item for item in inputs if item["indexed"]], [item for item in inputs if not item["indexed"]]


def _entry(contract: str, kind: str, name: str) -> Any:
    return next(one for one in artifact(contract).abi if one["type"] == kind and one["name"] == name)


def _signature(entry: Any) -> str:
    return f"{entry['name']}({','.join(collapse_if_tuple(item) for item in entry['inputs'])})"


def _named(item: Any, value: Any) -> Any:
    kind = item["type"]
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return [_named(inner, one) for one in value]
    if kind == "tuple":
        return {one["name"]: _named(one, part) for one, part in zip(item["components"], value, strict=True)}
    return checksummed(value) if kind == "address" else value
