"""The compiled contracts that ship with the package, so that no user needs a compiler."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

__all__ = ["CONTRACTS", "MADE_BY", "SHIPPED", "Artifact", "artifact", "event_topic"]

CONTRACTS = ("ParticipantRegistry", "SecurityToken", "DvP", "CollateralRegister", "JournalAnchor")
"""What is deployed. Their ABIs have every error and every event."""

MADE_BY = {"DvP": ("DvPNet",), "CollateralRegister": ("CollateralEnforcement",)}
"""Contracts that another one's constructor creates, in the order in which it does."""

SHIPPED = (*CONTRACTS, *(made for all_made in MADE_BY.values() for made in all_made))


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One contract as compiled: its ABI, its creation and runtime bytecode (0x-prefixed hex).

    `immutables` are the bytes of the runtime code that its constructor sets: `start` and `length` of each.
    """

    name: str
    abi: Any
    """A list of entries, as the compiler's JSON has them."""
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
