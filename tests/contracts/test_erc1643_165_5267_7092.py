"""ERC-165 (Final), ERC-1643 (Draft of 2026), ERC-5267 (Final) and the views of ERC-7092 (Review), sentence by sentence.

Texts: https://eips.ethereum.org/EIPS/eip-165 and so on; ERC-1643 in ethereum/ERCs at 197364fd.
"""

from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak

from .hands import interface_id
from .harness import ZERO, World

NAMES = [bytes([n]) * 32 for n in (1, 2, 3)]

SUPPORTED = {
    "ERC-165": ["supportsInterface(bytes4)"],
    "ERC-20": [
        "totalSupply()",
        "balanceOf(address)",
        "transfer(address,uint256)",
        "transferFrom(address,address,uint256)",
        "approve(address,uint256)",
        "allowance(address,address)",
    ],
    "ERC-20 metadata": ["name()", "symbol()", "decimals()"],
    "ERC-2612": [
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
        "nonces(address)",
        "DOMAIN_SEPARATOR()",
    ],
    "ERC-5267": ["eip712Domain()"],
    "ERC-1643": [
        "getDocument(bytes32)",
        "setDocument(bytes32,string,bytes32)",
        "removeDocument(bytes32)",
        "getAllDocuments()",
    ],
    "ERC-7943": [
        "forcedTransfer(address,address,uint256)",
        "setFrozenTokens(address,uint256)",
        "canSend(address)",
        "canReceive(address)",
        "getFrozenTokens(address)",
        "canTransfer(address,address,uint256)",
    ],
}
# What ERC-7092 asks for besides ERC-20; its setters are not here, so its id is not claimed.
BOND_VIEWS = {
    "isin()": "string",
    "name()": "string",
    "symbol()": "string",
    "currency()": "address",
    "denomination()": "uint256",
    "issueVolume()": "uint256",
    "couponRate()": "uint256",
    "issueDate()": "uint256",
    "maturityDate()": "uint256",
    "principalOf(address)": "uint256",
    "couponFrequency()": "uint256",
    "dayCountBasis()": "uint8",
}


def functions_of(world: World) -> dict[str, Any]:
    return {
        f"{entry['name']}({','.join(one['type'] for one in entry['inputs'])})": entry
        for entry in world.token.abi
        if entry["type"] == "function"
    }


# ERC-165


@pytest.mark.parametrize("standard", SUPPORTED)
def test_an_interface_that_is_there_in_full_is_supported(world: World, standard: str) -> None:
    assert set(SUPPORTED[standard]) <= functions_of(world).keys()
    assert world.token.functions.supportsInterface(interface_id(*SUPPORTED[standard])).call()


def test_the_ids_are_those_that_the_standards_print() -> None:
    printed = {"ERC-165": "01ffc9a7", "ERC-20": "36372b07", "ERC-5267": "84b0196e", "ERC-7943": "3edbb4c4"}
    assert {name: interface_id(*SUPPORTED[name]).hex() for name in printed} == printed


@pytest.mark.parametrize("unknown", ["ffffffff", "00000000", "29388973", "80ac58cd", "d9b67a26"])
def test_no_other_interface_is_supported_and_ffffffff_never(world: World, unknown: str) -> None:
    assert not world.token.functions.supportsInterface(bytes.fromhex(unknown)).call()


def test_the_answer_takes_less_than_30000_gas(world: World) -> None:
    for id_ in (b"\xff" * 4, interface_id("eip712Domain()")):
        world.token.functions.supportsInterface(id_).call({"gas": 21_000 + 500 + 30_000})


# ERC-1643


def written(name: bytes, uri: str, hash_: bytes) -> dict[str, Any]:
    return {"name": name, "uri": uri, "documentHash": hash_}


def test_a_new_document_is_kept_told_and_listed(world: World) -> None:
    functions = world.token.functions
    for n, name in enumerate(NAMES):
        receipt = world.send(functions.setDocument(name, f"https://example.org/{n}", bytes([n]) * 32), world.issuer)
        event = ("DocumentUpdated", written(name, f"https://example.org/{n}", bytes([n]) * 32))
        assert world.events(receipt) == [event]
        time = world.w3.eth.get_block(receipt["blockNumber"])["timestamp"]
        assert functions.getDocument(name).call() == [f"https://example.org/{n}", bytes([n]) * 32, time]
    assert functions.getAllDocuments().call() == NAMES


def test_a_document_of_the_same_name_is_overwritten_with_a_later_time_and_listed_once(world: World) -> None:
    functions = world.token.functions
    world.send(functions.setDocument(NAMES[0], "ipfs://old", b"a" * 32), world.issuer)
    earlier = functions.getDocument(NAMES[0]).call()[2]
    world.tester.time_travel(earlier + 60)
    receipt = world.send(functions.setDocument(NAMES[0], "ipfs://new", bytes(32)), world.issuer)
    assert world.events(receipt) == [("DocumentUpdated", written(NAMES[0], "ipfs://new", bytes(32)))]
    uri, hash_, later = functions.getDocument(NAMES[0]).call()
    assert (uri, hash_) == ("ipfs://new", bytes(32))
    assert later >= earlier + 60
    assert functions.getAllDocuments().call() == [NAMES[0]]


def test_a_document_that_is_not_there_is_empty_and_no_error(world: World) -> None:
    for name in (NAMES[0], bytes(32)):
        assert world.token.functions.getDocument(name).call() == ["", bytes(32), 0]


@pytest.mark.parametrize("gone", range(3))
def test_a_removed_document_is_told_with_what_it_was_and_is_gone(world: World, gone: int) -> None:
    functions = world.token.functions
    for name in NAMES:
        world.send(functions.setDocument(name, "ipfs://" + name.hex(), name), world.issuer)
    receipt = world.send(functions.removeDocument(NAMES[gone]), world.issuer)
    removed = written(NAMES[gone], "ipfs://" + NAMES[gone].hex(), NAMES[gone])
    assert world.events(receipt) == [("DocumentRemoved", removed)]
    assert functions.getDocument(NAMES[gone]).call() == ["", bytes(32), 0]
    left = [name for name in NAMES if name != NAMES[gone]]
    assert sorted(functions.getAllDocuments().call()) == left
    # The others can still be changed and removed, whatever place they took.
    for name in left:
        world.send(functions.setDocument(name, "new", name), world.issuer)
        world.send(functions.removeDocument(name), world.issuer)
    assert functions.getAllDocuments().call() == []


def test_what_cannot_be_done_reverts_by_the_standards_names(world: World) -> None:
    functions, issuer = world.token.functions, world.issuer
    assert world.refusal(functions.setDocument(bytes(32), "u", bytes(32)), issuer) == ("ERC1643InvalidName",)
    assert world.refusal(functions.removeDocument(NAMES[0]), issuer) == ("ERC1643MissingDocument",)
    # A policy of ours, which the standard leaves open.
    assert world.refusal(functions.setDocument(NAMES[0], "", bytes(32)), issuer) == ("EmptyDocument", NAMES[0])


def test_documents_are_at_most_64_and_the_65th_reverts(world: World) -> None:
    functions, issuer = world.token.functions, world.issuer
    for n in range(64):
        world.send(functions.setDocument(bytes([n + 1]) * 32, "u", bytes(32)), issuer)
    more = functions.setDocument(b"\xff" * 32, "u", bytes(32))
    assert world.refusal(more, issuer) == ("TooManyDocuments", b"\xff" * 32, 64)
    world.send(functions.setDocument(NAMES[0], "v", bytes(32)), issuer)


def test_documents_are_the_issuers_to_change(world: World) -> None:
    functions = world.token.functions
    world.send(functions.setDocument(NAMES[0], "u", bytes(32)), world.issuer)
    for caller in (world.officer, world.confirmer, world.seller, world.outsider):
        for call in (functions.setDocument(NAMES[0], "v", bytes(32)), functions.removeDocument(NAMES[0])):
            assert world.refusal(call, caller)[0] == "WrongRole"


# ERC-5267


def test_the_domain_is_declared_exactly(world: World) -> None:
    outputs = functions_of(world)["eip712Domain()"]["outputs"]
    assert [one["type"] for one in outputs] == [
        "bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]",
    ]  # fmt: skip


def test_the_values_describe_the_separator_that_signatures_are_judged_by(world: World) -> None:
    functions = world.token.functions
    fields, name, version, chain_id, contract, salt, extensions = functions.eip712Domain().call()
    assert (name, version, chain_id, contract) == ("Bund 2.5% 2035", "1", world.chain_id, world.token.address)
    # Bit i stands for field i: all but the salt, and no extension.
    assert (fields[0], salt, extensions) == (0b01111, bytes(32), [])
    type_hash = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    hashes = [type_hash, keccak(text=name), keccak(text=version), chain_id, contract]
    separator = keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], hashes))
    assert functions.DOMAIN_SEPARATOR().call() == separator


# ERC-7092


def test_each_view_is_declared_as_the_standard_does(world: World) -> None:
    declared = functions_of(world)
    for signature, returned in BOND_VIEWS.items():
        assert [one["type"] for one in declared[signature]["outputs"]] == [returned], signature
        assert declared[signature]["stateMutability"] in ("view", "pure")


def test_the_id_is_not_claimed_while_its_setters_are_left_out(world: World) -> None:
    claimed = interface_id(
        *(name for name in BOND_VIEWS if name not in ("couponFrequency()", "dayCountBasis()")),
        "allowance(address,address)",
        "approve(address,uint256)",
        "decreaseAllowance(address,uint256)",
        "transfer(address,uint256,bytes)",
        "transferFrom(address,address,uint256,bytes)",
        "batchApprove(address[],uint256[])",
        "batchDecreaseAllowance(address[],uint256[])",
        "batchTransfer(address[],uint256[],bytes[])",
        "batchTransferFrom(address[],address[],uint256[],bytes[])",
    )
    assert not world.token.functions.supportsInterface(claimed).call()


@pytest.mark.parametrize("nominal", [1, 100, 2**64 - 1])
def test_volume_and_principal_are_units_times_denomination(world: World, nominal: int) -> None:
    functions = world.deploy_token(nominal=nominal).functions
    for wallet, quantity in ((world.seller.address, 7), (world.buyer.address, 2**59)):
        world.send(functions.issue(wallet, quantity), world.issuer)
        assert functions.principalOf(wallet).call() == quantity * functions.denomination().call()
        assert functions.principalOf(wallet).call() // nominal == functions.balanceOf(wallet).call()
    assert functions.issueVolume().call() // functions.denomination().call() == functions.totalSupply().call()


def test_dates_are_seconds_rates_basis_points_and_the_currency_no_token(world: World) -> None:
    functions = world.deploy_token(coupon_rate=21_250, coupon_frequency=2).functions
    assert functions.isin().call() == "DE0001102580"
    assert functions.issueDate().call() == 1_735_689_600
    assert functions.maturityDate().call() == 2_051_222_400
    assert functions.couponRate().call() == 212  # 2.125 %, rounded down
    assert functions.couponFrequency().call() == 2
    assert functions.dayCountBasis().call() == 1
    assert functions.currency().call() == ZERO
