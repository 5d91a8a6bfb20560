"""The compiled contracts that ship with the package, so that no user needs a compiler."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from lockstep.domain.errors import ContractRefused

__all__ = ["CONTRACTS", "Artifact", "artifact", "decode_refusal", "event_topic"]

CONTRACTS = ("ParticipantRegistry", "SecurityToken", "DvP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One contract as compiled: its ABI, its creation and runtime bytecode (0x-prefixed hex).

    `immutables` are the bytes of the runtime code that its constructor sets: `start` and `length` of each.
    """

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    deployed_bytecode: str
    compiler: dict[str, Any]
    immutables: list[dict[str, int]]


@cache
def artifact(name: str) -> Artifact:
    """A contract of this package by name, e.g. "DvP"."""
    text = resources.files("lockstep.chain").joinpath(f"compiled/{name}.json").read_text()
    content = json.loads(text)
    return Artifact(
        name=name,
        abi=content["abi"],
        bytecode=content["bytecode"],
        deployed_bytecode=content["deployedBytecode"],
        compiler=content["compiler"],
        immutables=content["immutableReferences"],
    )


@cache
def event_topic(name: str) -> str:
    """The first topic of one of DvP's events, 0x-prefixed."""
    entry = next(one for one in artifact("DvP").abi if one["type"] == "event" and one["name"] == name)
    types = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
    return "0x" + keccak(text=f"{name}({types})").hex()


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    """Every custom error of every contract by selector: a token's error surfaces through DvP."""
    return {
        bytes(function_abi_to_4byte_selector(entry)): entry  # type: ignore[arg-type]
        for name in CONTRACTS
        for entry in artifact(name).abi
        if entry["type"] == "error"
    }


def decode_refusal(data: bytes) -> ContractRefused:
    """The exception for a contract's revert data: named as the contract's error, with its arguments."""
    entry = _errors().get(data[:4])
    if entry is None:
        return ContractRefused("UnknownRevert", {"data": "0x" + data.hex()})
    try:
        values = decode([collapse_if_tuple(item) for item in entry["inputs"]], data[4:])
    except DecodingError:
        return ContractRefused("UnknownRevert", {"data": "0x" + data.hex()})
    told = zip(entry["inputs"], values, strict=True)
    return ContractRefused(entry["name"], {item["name"]: _shown(item["type"], value) for item, value in told})


def _shown(kind: str, value: object) -> object:
    """Addresses in EIP-55 text, bytes as 0x-prefixed hex, the rest as it is."""
    if kind == "address":
        return to_checksum_address(str(value))
    return "0x" + value.hex() if isinstance(value, bytes) else value
