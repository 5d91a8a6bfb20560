"""SecurityToken: what it says of itself (ERC-165, 1643, 5267, 7092) and approval by signature (ERC-2612)."""

from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from .harness import TYPES, ZERO, Key, Standing, World, high_s, sign
from .test_registry_rules import low

ENDLESS = 2**256 - 1
PERMIT = [
    {"name": "owner", "type": "address"},
    {"name": "spender", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "nonce", "type": "uint256"},
    {"name": "deadline", "type": "uint256"},
]


def selectors(*signatures: str) -> bytes:
    """An ERC-165 interface id, from the functions' signatures."""
    together = 0
    for signature in signatures:
        together ^= int.from_bytes(keccak(text=signature)[:4])
    return together.to_bytes(4)


# Terms


def test_a_bond_says_its_terms(world: World) -> None:
    functions = world.deploy_token(nominal=100, coupon_rate=21_250, coupon_frequency=2).functions
    assert tuple(functions.terms().call()) == (
        b"DE0001102580",
        0,
        b"EUR",
        2,
        100,
        1_735_689_600,
        2_051_222_400,
        21_250,
        2,
        1,
    )
    world.send(functions.issue(world.seller.address, 7), world.issuer)
    assert functions.isin().call() == "DE0001102580"
    assert functions.currency().call() == ZERO
    assert functions.denomination().call() == 100
    assert functions.issueVolume().call() == 700
    assert functions.principalOf(world.seller.address).call() == 700
    assert functions.couponRate().call() == 212
    assert functions.couponFrequency().call() == 2
    assert functions.dayCountBasis().call() == 1
    assert functions.issueDate().call() == 1_735_689_600
    assert functions.maturityDate().call() == 2_051_222_400


def test_terms_that_cannot_be_are_refused(world: World) -> None:
    made = world.artifacts["SecurityToken"]
    factory = world.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])

    def refused(**changes: Any) -> tuple[Any, ...]:
        return world.refusal_of_deployment(factory, *world.token_arguments([ZERO] * 3, **changes))

    assert refused(isin=bytes(12)) == ("InvalidTerms", bytes(12), 1_735_689_600, 2_051_222_400)
    same_day = {"issue_date": 5, "maturity_date": 5}
    assert refused(**same_day) == ("InvalidTerms", b"DE0001102580", 5, 5)
    assert refused(authorised=2**60) == ("IssuanceLimitExceeded", 0, 2**60, 2**60 - 1)
    assert refused(officer=ZERO) == ("ZeroAddress",)
    assert refused(confirmer=world.issuer.address) == ("DuplicateRole", low(world.issuer))
    world.deploy_token(maturity_date=0)


def test_it_names_the_interfaces_that_it_has(world: World) -> None:
    supports = world.token.functions.supportsInterface
    rwa = selectors(
        "forcedTransfer(address,address,uint256)",
        "setFrozenTokens(address,uint256)",
        "canSend(address)",
        "canReceive(address)",
        "getFrozenTokens(address)",
        "canTransfer(address,address,uint256)",
    )
    assert rwa.hex() == "3edbb4c4"
    erc20 = selectors(
        "totalSupply()",
        "balanceOf(address)",
        "transfer(address,uint256)",
        "transferFrom(address,address,uint256)",
        "approve(address,uint256)",
        "allowance(address,address)",
    )
    documents = selectors(
        "getDocument(bytes32)",
        "setDocument(bytes32,string,bytes32)",
        "removeDocument(bytes32)",
        "getAllDocuments()",
    )
    permit = selectors(
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", "nonces(address)", "DOMAIN_SEPARATOR()"
    )
    metadata = selectors("name()", "symbol()", "decimals()")
    erc165 = selectors("supportsInterface(bytes4)")
    for id_ in (rwa, erc20, documents, permit, metadata, erc165, selectors("eip712Domain()")):
        assert supports(id_).call(), id_.hex()
    for id_ in (b"\xff" * 4, bytes(4), bytes.fromhex("29388973")):
        assert not supports(id_).call(), id_.hex()


# Documents


def test_the_issuer_keeps_the_documents(world: World) -> None:
    functions, issuer = world.token.functions, world.issuer
    names = [bytes([n]) * 32 for n in (1, 2, 3)]
    for n, name in enumerate(names):
        receipt = world.send(functions.setDocument(name, f"https://example.org/{n}", bytes([n + 9]) * 32), issuer)
        updated = {"name": name, "uri": f"https://example.org/{n}", "documentHash": bytes([n + 9]) * 32}
        assert world.events(receipt) == [("DocumentUpdated", updated)]
    written = world.now()
    assert functions.getDocument(names[2]).call() == ["https://example.org/2", bytes([11]) * 32, written]
    world.send(functions.setDocument(names[0], "ipfs://new", bytes(32)), issuer)
    assert functions.getAllDocuments().call() == names
    receipt = world.send(functions.removeDocument(names[0]), issuer)
    removed = {"name": names[0], "uri": "ipfs://new", "documentHash": bytes(32)}
    assert world.events(receipt) == [("DocumentRemoved", removed)]
    assert functions.getAllDocuments().call() == [names[2], names[1]]
    assert functions.getDocument(names[0]).call() == ["", bytes(32), 0]
    assert world.refusal(functions.removeDocument(names[0]), issuer) == ("ERC1643MissingDocument",)
    for name in (names[2], names[1]):
        world.send(functions.removeDocument(name), issuer)
    assert functions.getAllDocuments().call() == []


def test_documents_need_name_and_place_and_are_at_most_64(world: World) -> None:
    functions, issuer = world.token.functions, world.issuer
    assert world.refusal(functions.setDocument(bytes(32), "u", bytes(32)), issuer) == ("ERC1643InvalidName",)
    one = b"\x01" * 32
    assert world.refusal(functions.setDocument(one, "", bytes(32)), issuer) == ("EmptyDocument", one)
    for n in range(64):
        world.send(functions.setDocument(bytes([n + 1]) * 32, "u", bytes(32)), issuer)
    more = functions.setDocument(b"\xff" * 32, "u", bytes(32))
    assert world.refusal(more, issuer) == ("TooManyDocuments", b"\xff" * 32, 64)
    world.send(functions.setDocument(one, "v", bytes(32)), issuer)


# Approval by signature


def domain(world: World, **changes: Any) -> dict[str, Any]:
    usual = {
        "name": "Bund 2.5% 2035",
        "version": "1",
        "chainId": world.chain_id,
        "verifyingContract": world.token.address,
    }
    return usual | changes


def permit(
    world: World,
    *,
    value: int = 60,
    nonce: int = 0,
    deadline: int = ENDLESS,
    by: Key | None = None,
    malleate: bool = False,
    **changes: Any,
) -> Any:
    """The call, signed by eth_account's own EIP-712 code."""
    owner, spender = world.seller.address, world.other.address
    message = {"owner": owner, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline}
    signable = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": TYPES["EIP712Domain"], "Permit": PERMIT},
            "primaryType": "Permit",
            "domain": domain(world, **changes),
            "message": message,
        }
    )
    digest = keccak(b"\x19" + signable.version + signable.header + signable.body)
    signature = sign(by or world.seller, digest)
    if malleate:
        signature = high_s(signature)
    r, s, v = signature[:32], signature[32:64], signature[64]
    return world.token.functions.permit(owner, spender, value, deadline, v, r, s)


def test_a_permit_approves_once_whoever_sends_it(world: World) -> None:
    functions, seller, spender = world.token.functions, world.seller.address, world.other.address
    # Several, so that both values of v occur.
    for nonce in range(6):
        call = permit(world, value=60 + nonce, nonce=nonce)
        receipt = world.send(call, world.outsider)
        approval = {"owner": seller, "spender": spender, "value": 60 + nonce}
        assert world.events(receipt) == [("Approval", approval)]
        assert functions.nonces(seller).call() == nonce + 1
        assert world.refusal(call)[0] == "ERC2612InvalidSigner"
    assert functions.allowance(seller, spender).call() == 65
    world.send(functions.transferFrom(seller, world.buyer.address, 65), world.other)


def test_a_permit_of_another_or_for_another_place_is_refused(world: World) -> None:
    seller = low(world.seller)
    refused = world.refusal(permit(world, by=world.buyer))
    assert refused == ("ERC2612InvalidSigner", low(world.buyer), seller)
    for wrong in ({"nonce": 1}, {"chainId": 1}, {"verifyingContract": ZERO}, {"name": "Bund"}, {"version": "2"}):
        name, signer, owner = world.refusal(permit(world, **wrong))
        assert (name, owner) == ("ERC2612InvalidSigner", seller)
        assert signer not in (seller, ZERO)
    assert world.refusal(permit(world, malleate=True)) == ("ERC2612InvalidSigner", ZERO, seller)
    good = permit(world).args
    for v in (0, 1, 26, 29, 255):
        call = world.token.functions.permit(*good[:4], v, *good[5:])
        assert world.refusal(call) == ("ERC2612InvalidSigner", ZERO, seller)
    zero_owner = world.token.functions.permit(ZERO, *good[1:4], 27, bytes(32), bytes(32))
    assert world.refusal(zero_owner) == ("ERC2612InvalidSigner", ZERO, ZERO)


def test_a_permit_counts_to_its_last_second_and_judges_as_approve_does(world: World) -> None:
    deadline = world.now() + 100
    call = permit(world, deadline=deadline)
    world.tester.time_travel(deadline)
    assert world.w3.eth.get_block("pending")["timestamp"] == deadline
    receipt = world.attempt(call, world.outsider)
    assert receipt["status"] == 1
    late = permit(world, deadline=deadline, nonce=1)
    world.tester.mine_block()
    assert world.refusal(late) == ("ERC2612ExpiredSignature", deadline)
    world.set_standing(world.other.address, Standing.SUSPENDED)
    assert world.refusal(permit(world, nonce=1))[:2] == ("NotEligible", low(world.other))
    world.send(permit(world, nonce=1, value=0), world.outsider)


def test_the_domain_is_told(world: World) -> None:
    functions = world.token.functions
    told = functions.eip712Domain().call()
    assert told == [b"\x0f", "Bund 2.5% 2035", "1", world.chain_id, world.token.address, bytes(32), []]
    signable = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": TYPES["EIP712Domain"], "Permit": PERMIT},
            "primaryType": "Permit",
            "domain": domain(world),
            "message": dict.fromkeys(("owner", "spender"), ZERO) | dict.fromkeys(("value", "nonce", "deadline"), 0),
        }
    )
    assert functions.DOMAIN_SEPARATOR().call() == signable.header


@pytest.mark.parametrize("value", [0, 1, ENDLESS])
def test_a_permit_takes_any_value(world: World, value: int) -> None:
    world.send(permit(world, value=value), world.outsider)
    allowance = world.token.functions.allowance(world.seller.address, world.other.address)
    assert allowance.call() == value
