"""Every custom error of every contract, by name and with its arguments by name."""

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from lockstep.chain.artifacts import CONTRACTS, artifact, decode_refusal

ERRORS = [(contract, entry) for contract in CONTRACTS for entry in artifact(contract).abi if entry["type"] == "error"]
SAMPLES: dict[str, tuple[Any, Any]] = {
    "address": ("0x" + "ab" * 20, "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"),
    "bytes32": (b"\x11" * 32, "0x" + "11" * 32),
    "bytes20": (b"\x22" * 20, "0x" + "22" * 20),
    "bytes12": (b"DE0001102580", "0x" + b"DE0001102580".hex()),
    "bytes2": (b"DE", "0x4445"),
    "bytes15": (b"\x33" * 15, "0x" + "33" * 15),
    "bytes31": (b"\x44" * 31, "0x" + "44" * 31),
    "int256": (-(2**255), -(2**255)),
    "uint256": (2**256 - 1, 2**256 - 1),
    "uint64": (2**64 - 1, 2**64 - 1),
    "uint40": (2**40 - 1, 2**40 - 1),
    "uint32": (7, 7),
    "uint8": (3, 3),
}


def raw(entry: dict[str, Any]) -> bytes:
    types = [one["type"] for one in entry["inputs"]]
    selector = keccak(text=f"{entry['name']}({','.join(types)})")[:4]
    return selector + encode(types, [SAMPLES[one][0] for one in types])


@pytest.mark.parametrize(("contract", "entry"), ERRORS, ids=lambda one: one if isinstance(one, str) else one["name"])
def test_every_error(contract: str, entry: dict[str, Any]) -> None:
    error = decode_refusal(raw(entry))
    assert error.name == entry["name"]
    assert error.details == {one["name"]: SAMPLES[one["type"]][1] for one in entry["inputs"]}
    assert "" not in error.details, "every argument has a name"
    assert str(error).startswith(f"{entry['name']}(")


def test_the_three_contracts_have_errors() -> None:
    assert {contract for contract, _ in ERRORS} == set(CONTRACTS)
    names = {entry["name"] for _, entry in ERRORS}
    assert {"NonceUsed", "LockByPassed", "InsufficientFreeUnits", "NotEligible", "AlreadyEnded"} <= names


def test_no_two_share_a_selector() -> None:
    by_selector: dict[bytes, set[str]] = {}
    for _, entry in ERRORS:
        by_selector.setdefault(raw(entry)[:4], set()).add(entry["name"])
    assert all(len(names) == 1 for names in by_selector.values())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\xde\xad\xbe\xef",
        keccak(text="Error(string)")[:4] + encode(["string"], ["no"]),
        keccak(text="Panic(uint256)")[:4] + encode(["uint256"], [0x11]),
        keccak(text="ERC20InvalidReceiver(address)")[:4],
        keccak(text="ERC20InvalidReceiver(address)")[:4] + b"\x00" * 31,
        keccak(text="ERC20InvalidReceiver(address)")[:4] + b"\xff" * 32,
    ],
)
def test_what_is_none_of_ours(data: bytes) -> None:
    error = decode_refusal(data)
    assert (error.name, error.details) == ("UnknownRevert", {"data": "0x" + data.hex()})
