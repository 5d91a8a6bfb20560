"""The auditor's typed data is what eth_account makes of the same structs."""

from collections.abc import Mapping
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.chain.audit_typed import STRUCTS, digest, order_digest, typed
from lockstep.domain.market import Network

NETWORK = Network(chain_id=31_337, dvp="0x" + "d7" * 20, finality_depth=2)
ADDRESSES = st.binary(min_size=20, max_size=20).map(to_checksum_address)


def of(kind: str) -> st.SearchStrategy[Any]:
    if kind.endswith("[]"):
        return st.lists(of(kind.removesuffix("[]")), max_size=3)
    if kind in STRUCTS:
        return message(kind)
    if kind == "address":
        return ADDRESSES
    if kind == "string":
        return st.text()
    if kind == "bytes":
        return st.binary(max_size=100)
    if kind.startswith("bytes"):
        return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))
    bits = int(kind.removeprefix("u").removeprefix("int"))
    return st.integers(0, 2**bits - 1) if kind.startswith("u") else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def message(name: str) -> st.SearchStrategy[Mapping[str, Any]]:
    return st.fixed_dictionaries({field: of(kind) for field, kind in STRUCTS[name]})


def theirs(primary: str, content: Mapping[str, Any]) -> Any:
    types = {name: [{"name": field, "type": kind} for field, kind in fields] for name, fields in STRUCTS.items()}
    domain = {"name": "Lockstep DvP", "version": "1", "chainId": NETWORK.chain_id, "verifyingContract": NETWORK.dvp}
    used = {primary, "EIP712Domain"}
    while more := {kind["type"].removesuffix("[]") for name in used for kind in types[name]} & types.keys() - used:
        used |= more
    return encode_typed_data(
        full_message={
            "types": {name: types[name] for name in used},
            "primaryType": primary,
            "domain": domain,
            "message": content,
        }
    )


@pytest.mark.parametrize("primary", sorted(STRUCTS.keys() - {"EIP712Domain"}))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_it_is_what_eth_account_makes_of_it(primary: str, data: st.DataObject) -> None:
    content = data.draw(message(primary))
    assert typed(NETWORK, primary, content) == theirs(primary, content)


@given(content=message("Order"))
@settings(max_examples=25, deadline=None)
def test_an_orders_digest_needs_the_hash_of_its_terms_only(content: Mapping[str, Any]) -> None:
    terms = typed(NETWORK, "Terms", content["terms"]).body
    assert order_digest(NETWORK, content["movement"], terms) == digest(theirs("Order", content))
