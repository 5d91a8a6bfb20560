"""ERC-2612, sentence by sentence: https://eips.ethereum.org/EIPS/eip-2612 (Final).

Signatures and digests are eth_account's. Besides the standard's conditions owner and spender must be eligible, as
for approve.
"""

from typing import Any

import pytest
from eth_abi import encode
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from .hands import low
from .harness import TYPES, ZERO, Key, Standing, World, high_s, sign

ENDLESS = 2**256 - 1
PERMIT = [
    {"name": "owner", "type": "address"},
    {"name": "spender", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "nonce", "type": "uint256"},
    {"name": "deadline", "type": "uint256"},
]


def signable(world: World, message: dict[str, Any], **domain: Any) -> Any:
    usual = {
        "name": "Bund 2.5% 2035",
        "version": "1",
        "chainId": world.chain_id,
        "verifyingContract": world.token.address,
    }
    full = {"types": {"EIP712Domain": TYPES["EIP712Domain"], "Permit": PERMIT}, "primaryType": "Permit"}
    return encode_typed_data(full_message=full | {"domain": usual | domain, "message": message})


def permit(
    world: World,
    *,
    value: int = 60,
    nonce: int = 0,
    deadline: int = ENDLESS,
    by: Key | None = None,
    malleate: bool = False,
    **domain: Any,
) -> Any:
    """The call that lets `other` move the seller's units, signed by the seller unless `by` another."""
    owner, spender = world.seller.address, world.other.address
    message = {"owner": owner, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline}
    made = signable(world, message, **domain)
    signature = sign(by or world.seller, keccak(b"\x19" + made.version + made.header + made.body))
    if malleate:
        signature = high_s(signature)
    r, s, v = signature[:32], signature[32:64], signature[64]
    return world.token.functions.permit(owner, spender, value, deadline, v, r, s)


def changed(world: World, call: Any, **arguments: Any) -> Any:
    """The same call with other arguments under the same signature."""
    names = ("owner", "spender", "value", "deadline", "v", "r", "s")
    given = dict(zip(names, call.args, strict=True)) | arguments
    return world.token.functions.permit(*given.values())


def allowance(world: World) -> int:
    return int(world.token.functions.allowance(world.seller.address, world.other.address).call())


def nonce_of(world: World) -> int:
    return int(world.token.functions.nonces(world.seller.address).call())


@pytest.mark.parametrize("value", [0, 1, 60, ENDLESS])
def test_permit_sets_the_allowance_counts_the_nonce_by_one_and_emits_approval(world: World, value: int) -> None:
    receipt = world.send(permit(world, value=value), world.outsider)
    approved = {"owner": world.seller.address, "spender": world.other.address, "value": value}
    assert world.events(receipt) == [("Approval", approved)]
    assert (allowance(world), nonce_of(world)) == (value, 1)


def test_the_caller_may_be_anyone(world: World) -> None:
    for nonce, caller in enumerate((world.outsider, world.other, world.seller, world.issuer)):
        world.send(permit(world, nonce=nonce), caller)
    assert nonce_of(world) == 4


def test_a_permit_overwrites_as_approve_does(world: World) -> None:
    world.send(world.token.functions.approve(world.other.address, 500), world.seller)
    world.send(permit(world, value=60), world.outsider)
    assert allowance(world) == 60
    world.send(world.token.functions.transferFrom(world.seller.address, world.buyer.address, 60), world.other)
    assert allowance(world) == 0


def test_the_block_time_is_at_most_the_deadline(world: World) -> None:
    deadline = world.now() + 100
    call = permit(world, deadline=deadline)
    world.tester.time_travel(deadline)
    at = world.attempt(call, world.outsider)
    assert (world.w3.eth.get_block(at["blockNumber"])["timestamp"], at["status"]) == (deadline, 1)
    late = permit(world, deadline=deadline, nonce=1)
    world.tester.mine_block()
    assert world.refusal(late) == ("ERC2612ExpiredSignature", deadline)
    assert world.refusal(permit(world, deadline=0, nonce=1)) == ("ERC2612ExpiredSignature", 0)


def test_the_owner_is_not_zero_though_a_bad_signature_recovers_to_zero(world: World) -> None:
    for v in (0, 27, 28):
        call = changed(world, permit(world), owner=ZERO, v=v, r=bytes(32), s=bytes(32))
        assert world.refusal(call) == ("ERC2612InvalidSigner", ZERO, ZERO)


def test_the_nonce_signed_is_the_owners_next(world: World) -> None:
    for nonce in (1, 2, ENDLESS):
        assert world.refusal(permit(world, nonce=nonce))[0] == "ERC2612InvalidSigner"
    used = permit(world)
    world.send(used, world.outsider)
    assert world.refusal(used)[0] == "ERC2612InvalidSigner"
    assert world.refusal(permit(world, nonce=0))[0] == "ERC2612InvalidSigner"
    world.send(permit(world, nonce=1), world.outsider)
    # Each owner counts alone.
    assert world.token.functions.nonces(world.buyer.address).call() == 0


def test_the_signature_is_the_owners(world: World) -> None:
    refused = world.refusal(permit(world, by=world.buyer))
    assert refused == ("ERC2612InvalidSigner", low(world.buyer), low(world.seller))


@pytest.mark.parametrize("field", ["spender", "value", "deadline", "owner"])
def test_the_signature_is_over_each_field(world: World, field: str) -> None:
    others = {
        "spender": world.buyer.address,
        "value": 61,
        "deadline": ENDLESS - 1,
        "owner": world.buyer.address,
    }
    call = changed(world, permit(world), **{field: others[field]})
    assert world.refusal(call)[0] == "ERC2612InvalidSigner"


@pytest.mark.parametrize(
    "wrong", [{"chainId": 1}, {"verifyingContract": ZERO}, {"name": "Bund"}, {"version": "2"}], ids=str
)
def test_a_signature_for_another_domain_is_refused(world: World, wrong: dict[str, Any]) -> None:
    name, signer, owner = world.refusal(permit(world, **wrong))
    assert (name, owner) == ("ERC2612InvalidSigner", low(world.seller))
    assert signer not in (low(world.seller), ZERO)


def test_a_signature_has_the_lower_s_and_v_27_or_28(world: World) -> None:
    nobody = ("ERC2612InvalidSigner", ZERO, low(world.seller))
    assert world.refusal(permit(world, malleate=True)) == nobody
    for v in (0, 1, 26, 29, 255):
        assert world.refusal(changed(world, permit(world), v=v)) == nobody
    seen = set()
    for nonce in range(8):  # enough for both values of v, with these keys
        call = permit(world, value=nonce, nonce=nonce)
        seen.add(call.args[4])
        world.send(call, world.outsider)
    assert seen == {27, 28}


def test_a_refused_permit_changes_nothing(world: World) -> None:
    world.attempt(permit(world, by=world.buyer), world.outsider)
    world.attempt(permit(world, deadline=0), world.outsider)
    assert (allowance(world), nonce_of(world)) == (0, 0)


def test_the_domain_separator_is_that_of_eip712_for_this_contract_and_chain(world: World) -> None:
    message = dict.fromkeys(("owner", "spender"), ZERO) | dict.fromkeys(("value", "nonce", "deadline"), 0)
    assert world.token.functions.DOMAIN_SEPARATOR().call() == signable(world, message).header
    twin = world.deploy_token()
    assert twin.functions.DOMAIN_SEPARATOR().call() != world.token.functions.DOMAIN_SEPARATOR().call()


def test_the_digest_is_the_one_that_the_standard_writes_out(world: World) -> None:
    owner, spender = world.seller.address, world.other.address
    fields = ",".join(f"{one['type']} {one['name']}" for one in PERMIT)
    words = encode(
        ["bytes32", "address", "address", "uint256", "uint256", "uint256"],
        [keccak(text=f"Permit({fields})"), owner, spender, 7, 0, ENDLESS],
    )
    digest = keccak(b"\x19\x01" + world.token.functions.DOMAIN_SEPARATOR().call() + keccak(words))
    signature = sign(world.seller, digest)
    r, s, v = signature[:32], signature[32:64], signature[64]
    world.send(world.token.functions.permit(owner, spender, 7, ENDLESS, v, r, s), world.outsider)
    assert allowance(world) == 7


def test_beyond_the_standard_both_must_be_eligible_unless_it_takes_back(world: World) -> None:
    world.send(permit(world, value=9), world.outsider)
    world.set_standing(world.other.address, Standing.SUSPENDED)
    refused = world.refusal(permit(world, nonce=1))
    assert refused[:3] == ("NotEligible", low(world.other), Standing.SUSPENDED)
    world.send(permit(world, nonce=1, value=0), world.outsider)
    assert allowance(world) == 0
