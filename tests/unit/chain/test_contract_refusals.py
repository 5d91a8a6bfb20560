"""Every custom error of every contract, as an exception of its name with the error's own fields."""

import ast
import json
from keyword import iskeyword
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from lockstep.chain import binding, refusal_classes
from lockstep.chain.artifacts import CONTRACTS, MADE_BY, SHIPPED, artifact
from lockstep.chain.node import Node
from lockstep.chain.refusal_classes import REFUSALS
from lockstep.chain.refusals import (
    ContractRefusal,
    EmptyRevert,
    Panic,
    RevertString,
    UnknownRevert,
    decode_refusal,
    explain,
    refusal_from_hex,
    refusal_of,
)
from lockstep.chain.skipped import skipped_legs
from lockstep.domain.errors import UNNAMED_REVERTS, ContractRefused, InvalidInput

ERRORS = [(contract, entry) for contract in CONTRACTS for entry in artifact(contract).abi if entry["type"] == "error"]
SAMPLES: dict[str, tuple[Any, Any]] = {
    "address": ("0x" + "ab" * 20, "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"),
    "uint256": (2**256 - 1, 2**256 - 1),
    "uint40": (2**40 - 1, 2**40 - 1),
    "int256": (-(2**255), -(2**255)),
    "bool": (True, True),
    "string": ("in words", "in words"),
}
"""Solidity value and Python value; bytesN and the smaller integers are made."""


def sample(kind: str) -> tuple[Any, Any]:
    if kind.startswith("bytes"):
        raw = b"\x41" * int(kind[5:] or 40)
        return raw, "0x" + raw.hex()
    return SAMPLES.get(kind) or (3, 3)


def raw(entry: dict[str, Any]) -> bytes:
    types = [one["type"] for one in entry["inputs"]]
    selector = keccak(text=f"{entry['name']}({','.join(types)})")[:4]
    return selector + encode(types, [sample(one)[0] for one in types])


def called(field: str) -> str:
    """A field's attribute: `from` is Python's word, `name` the exception's own."""
    return field + "_" * (iskeyword(field) or field == "name")


@pytest.mark.parametrize(("contract", "entry"), ERRORS, ids=lambda one: one if isinstance(one, str) else one["name"])
def test_every_error_comes_back_as_its_class(contract: str, entry: dict[str, Any]) -> None:
    error = decode_refusal(raw(entry))
    fields = {one["name"]: sample(one["type"])[1] for one in entry["inputs"]}
    assert type(error) is getattr(refusal_classes, entry["name"])
    assert isinstance(error, ContractRefusal)
    assert isinstance(error, ContractRefused)
    assert (error.name, error.details) == (entry["name"], fields)
    assert {name: getattr(error, called(name)) for name in fields} == fields
    assert "" not in fields, "every argument has a name"
    assert str(error) == f"{entry['name']}({', '.join(f'{name}={value}' for name, value in fields.items())})"
    assert error.meaning.endswith("."), "a sentence from the interface"
    assert error.data == raw(entry), "and back"
    assert decode_refusal(raw(entry) + b"\x00" * 32).name == entry["name"], "what follows the fields is not ours"


@pytest.mark.parametrize(("contract", "entry"), ERRORS, ids=lambda one: one if isinstance(one, str) else one["name"])
def test_half_an_error_is_none(contract: str, entry: dict[str, Any]) -> None:
    data = raw(entry)
    if entry["inputs"]:
        error = decode_refusal(data[:-1])
        assert isinstance(error, UnknownRevert)
        assert error.data == data[:-1]


def test_every_attribute_is_declared_with_its_type() -> None:
    """By the file's own syntax tree, and by the ABI."""
    tree = ast.parse(Path(str(refusal_classes.__file__)).read_text())
    declared = {
        node.name: {
            item.target.id: ast.unparse(item.annotation)
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id != "forms"
        }
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    expected: dict[str, dict[str, str]] = {}
    for _, entry in ERRORS:
        for one in entry["inputs"]:
            kind = "int" if one["type"].startswith(("uint", "int")) else "bool" if one["type"] == "bool" else "str"
            expected.setdefault(entry["name"], {})[called(one["name"])] = kind
        expected.setdefault(entry["name"], {})
    assert declared == expected
    assert [kind.__name__ for kind in REFUSALS] == sorted(expected)
    assert set(refusal_classes.__all__) == {"REFUSALS", *expected}


def test_the_classes_are_those_of_the_abi_and_the_interfaces() -> None:
    assert binding.TARGET.read_text() == binding.render(), "stale: python -m lockstep.chain.binding"


def test_what_a_contract_creates_has_no_errors_of_its_own() -> None:
    """DvP runs DvPNet's code as its own: whatever that refuses must be an error of DvP's ABI."""
    selectors = {raw(entry)[:4] for _, entry in ERRORS}
    for creator, made in MADE_BY.items():
        assert creator in CONTRACTS
        for name in made:
            assert name in SHIPPED and name not in CONTRACTS
            own = {raw(entry)[:4]: entry["name"] for entry in artifact(name).abi if entry["type"] == "error"}
            assert own.keys() <= selectors, own
    assert {"BelowNetLimit", "NetMismatch", "CycleTooLarge"} <= {entry["name"] for _, entry in ERRORS}


def test_the_three_contracts_have_errors() -> None:
    assert {contract for contract, _ in ERRORS} == set(CONTRACTS)
    names = {entry["name"] for _, entry in ERRORS}
    assert {"NonceUsed", "LockByPassed", "InsufficientFreeUnits", "NotEligible", "AlreadyEnded"} <= names
    assert {"ERC20InsufficientBalance", "ERC7943CannotSend", "ERC2612ExpiredSignature"} <= names


def test_no_two_names_share_a_selector() -> None:
    by_selector: dict[bytes, set[str]] = {}
    for _, entry in ERRORS:
        by_selector.setdefault(raw(entry)[:4], set()).add(entry["name"])
    assert all(len(names) == 1 for names in by_selector.values())


def test_one_name_for_two_errors() -> None:
    """DvP and the token both know NotProposed; each has its own fields, and one class catches both."""
    of_dvp = refusal_classes.NotProposed(actual="0x" + "11" * 32, expected="0x" + "00" * 32)
    of_token = refusal_classes.NotProposed(id="0x" + "22" * 32, proposer="0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB")
    assert of_dvp.data[:4] != of_token.data[:4]
    assert decode_refusal(of_dvp.data).details == of_dvp.details
    assert decode_refusal(of_token.data).details == of_token.details
    assert not hasattr(of_token, "expected")
    with pytest.raises(InvalidInput, match=r"the fields \['id', 'proposer'\] or \['actual', 'expected'\]"):
        refusal_classes.NotProposed(id="0x", actual="0x")


def test_what_is_none_of_ours_has_a_name_too() -> None:
    empty = decode_refusal(b"")
    assert (type(empty), empty.name, empty.details) == (EmptyRevert, "EmptyRevert", {})
    panic = decode_refusal(keccak(text="Panic(uint256)")[:4] + encode(["uint256"], [0x11]))
    assert isinstance(panic, Panic)
    assert (panic.code, panic.meaning, str(panic)) == (0x11, "arithmetic overflowed", "Panic(code=0x11)")
    odd = decode_refusal(keccak(text="Panic(uint256)")[:4] + encode(["uint256"], [2**255]))
    assert odd.meaning == "a panic of an unknown kind"
    said = decode_refusal(keccak(text="Error(string)")[:4] + encode(["string"], ["no"]))
    assert isinstance(said, RevertString)
    assert (said.text, str(said)) == ("no", "RevertString(text=no)")
    assert {one.name for one in (empty, panic, said, decode_refusal(b"\x01"))} == UNNAMED_REVERTS


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        b"\xde\xad\xbe\xef",
        keccak(text="Error(string)")[:4],
        keccak(text="Error(string)")[:4] + encode(["string"], ["cut off"])[:40],
        keccak(text="Error(string)")[:4] + encode(["bytes"], [b"\xff\xfe"]),
        keccak(text="Panic(uint256)")[:4] + b"\x11",
        keccak(text="ERC20InvalidReceiver(address)")[:4],
        keccak(text="ERC20InvalidReceiver(address)")[:4] + b"\x00" * 31,
        keccak(text="ERC20InvalidReceiver(address)")[:4] + b"\xff" * 32,
    ],
)  # fmt: skip
def test_what_cannot_be_read(data: bytes) -> None:
    error = decode_refusal(data)
    assert isinstance(error, UnknownRevert)
    assert (error.name, error.details) == ("UnknownRevert", {"data": "0x" + data.hex()})


def test_what_nodes_give_as_revert_data() -> None:
    data = refusal_classes.ZeroQuantity(settlementId="0x" + "11" * 32).data
    assert isinstance(refusal_of("0x" + data.hex()), refusal_classes.ZeroQuantity)
    assert isinstance(refusal_of("0x"), EmptyRevert)
    assert isinstance(refusal_of(None), EmptyRevert)
    assert isinstance(refusal_of("0xzz"), UnknownRevert)
    assert isinstance(refusal_of({"message": "odd"}), UnknownRevert)
    assert Node is not None


def test_in_words() -> None:
    early = refusal_classes.TooEarly(time=1_764_000_000, **{"from": 1_764_000_001})
    assert early.from_ == 1_764_000_001
    assert list(explain(refusal_from_hex("0x" + early.data.hex()))) == [
        "TooEarly",
        "The wait that this needs is not over: it may be done after `from`.",
        "time = 1764000000 (2025-11-24T16:00:00+00:00)",
        "from = 1764000001 (2025-11-24T16:00:01+00:00)",
    ]
    assert list(explain(decode_refusal(b""))) == ["EmptyRevert"]
    for text in ("0x1", "hello", "0x12 zz"):
        with pytest.raises(InvalidInput, match="hexadecimal digits"):
            refusal_from_hex(text)


def test_the_reason_of_a_skipped_leg() -> None:
    """LegSkipped(settlementId, reason) carries a refusal in a refusal's place."""
    inner = refusal_classes.InsufficientFreeUnits(holder="0x" + "Ab" * 20, free=1, needed=2)
    topic = keccak(text="LegSkipped(bytes32,bytes)")
    logs = [
        {"topics": [topic, b"\x11" * 32], "data": encode(["bytes"], [inner.data])},
        {"topics": [keccak(text="Settled(bytes32)"), b"\x22" * 32], "data": b""},
        {"topics": [topic, b"\x33" * 32], "data": encode(["bytes"], [b""])},
    ]
    first, second = skipped_legs(logs)
    assert (first.settlement_id, first.reason.name, first.reason.details["needed"]) == (
        "11" * 32, "InsufficientFreeUnits", 2,
    )  # fmt: skip
    assert (second.settlement_id, second.reason.name) == ("33" * 32, "EmptyRevert")
    assert json.dumps(first.reason.details)
