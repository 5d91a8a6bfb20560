"""Proofs in Merkle-Patricia tries, made by a library and judged by the package, and forged in each way."""

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from lockstep.evidence.tries import EMPTY_ROOT, make_proofs, value_at

VALUES = st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=300)


def test_the_empty_root_is_the_published_one() -> None:
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert make_proofs([], [])[0] == EMPTY_ROOT


@settings(deadline=None)  # whole tries are made; a busy machine is no failure
@given(VALUES, st.data())
def test_every_place_of_a_list_is_proved(values: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    root, proofs = make_proofs(values, [place])
    key, proof = rlp.encode(place), proofs[place]
    assert value_at(root, key, proof) == values[place]
    with pytest.raises(ValueError, match="belong to no way"):
        value_at(root, key, [*proof, proof[-1]])
    with pytest.raises(ValueError, match=r"missing|there under"):
        value_at(root, key, proof[:-1])
    with pytest.raises(ValueError, match="not the one"):
        value_at(bytes(32), key, proof)
    other = data.draw(st.integers(0, 2 * len(values)).filter(lambda one: one != place))
    try:
        found = value_at(root, rlp.encode(other), proof)
    except ValueError:
        return
    assert other < len(values) and found == values[other]  # short nodes beside it stand in the same parent


@settings(deadline=None)  # whole tries are made; a busy machine is no failure
@given(st.dictionaries(st.binary(min_size=1, max_size=3), st.binary(min_size=1, max_size=40), min_size=1))
def test_keys_of_any_length_with_short_nodes_inside_others(items: dict[bytes, bytes]) -> None:
    made = HexaryTrie(db={})
    for key, value in items.items():
        made[key] = value
    for key, value in items.items():
        nodes = [rlp.encode(one) for one in made.get_proof(key)]
        proof = [one for place, one in enumerate(nodes) if place == 0 or len(one) >= 32]
        assert value_at(made.root_hash, key, proof) == value


def test_every_bit_of_a_proof_counts() -> None:
    values = [bytes([place]) * (place % 50 + 1) for place in range(200)]
    root, proofs = make_proofs(values, [0, 127, 128, 199])
    for place, proof in proofs.items():
        for position, node in enumerate(proof):
            for bit in range(8 * len(node)):
                changed = bytearray(node)
                changed[bit // 8] ^= 1 << bit % 8
                with pytest.raises(ValueError, match="not the one"):
                    value_at(root, rlp.encode(place), [*proof[:position], bytes(changed), *proof[position + 1 :]])


def test_nodes_of_a_wrong_form_are_refused_though_their_hash_is_right() -> None:
    from lockstep.signing.words import keccak

    def judged(node: object, *more: bytes) -> str:
        data = rlp.encode(node)
        with pytest.raises(ValueError) as refused:  # noqa: PT011 -- the text is what is returned
            value_at(keccak(data), b"\x12", [data, *more])
        return str(refused.value)

    assert "neither" in judged([b"\x20"])
    assert "neither" in judged(b"text")
    assert "no beginning" in judged([b"\x41", b"value"])
    assert "no beginning" in judged([b"", b"value"])
    assert "no beginning" in judged([[b"\x20"], b"value"])
    assert "filled" in judged([b"\x21\x12", b"value"])
    assert "past the key" in judged([b"\x20\x13", b"value"])
    assert "before the key" in judged([b"\x31", b"value"])
    assert "extends nothing" in judged([b"\x00", [b"\x20\x12", b"value"]])
    assert "nothing is there" in judged([b"\x20\x12", b""])
    assert "nothing is there" in judged([b"\x20\x12", [b"value"]])
    assert "nothing is there" in judged([b""] * 17)
    data = b"\xc1"
    with pytest.raises(ValueError, match="no RLP"):
        value_at(keccak(data), b"\x12", [data])
