"""Merkle-Patricia tries, as the roots in a block's header are made (Yellow Paper, appendix D).

Proofs are made by the library that the EVM in Python uses, and judged here: a judge has to refuse what a library lets
pass, such as nodes that nothing refers to.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import rlp

from lockstep.signing.words import keccak

__all__ = ["EMPTY_ROOT", "make_proofs", "value_at"]

EMPTY_ROOT = keccak(rlp.encode(b""))
_HASH = 32
"""Bytes from which a node is referred to by its hash; a shorter one stands in its parent."""


def value_at(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes:
    """The value under a key in the trie with this root, proved by the nodes on the way to it, in their order.

    Raises ValueError, in words, for nodes that are not exactly that way.
    """
    nibbles = [half for byte in key for half in (byte >> 4, byte & 15)]
    nodes = list(proof[::-1])
    node, taken = _opened(root, nodes), 0
    while True:
        if not isinstance(node, list) or len(node) not in (2, 17):
            raise ValueError("a node is neither a branch nor a leaf nor an extension")
        if len(node) == 17:
            if taken == len(nibbles):
                return _value(node[16], nodes)
            child, taken = node[nibbles[taken]], taken + 1
        else:
            path, is_leaf = _path(node[0])
            if nibbles[taken : taken + len(path)] != path:
                raise ValueError("the way leads past the key")
            taken += len(path)
            if is_leaf:
                if taken != len(nibbles):
                    raise ValueError("the way ends before the key")
                return _value(node[1], nodes)
            if not path:
                raise ValueError("an extension extends nothing")
            child = node[1]
        node = child if isinstance(child, list) else _opened(child, nodes)


def _opened(reference: bytes, nodes: list[bytes]) -> Any:
    """The next node, if it is the one that is referred to."""
    if len(reference) != _HASH:
        raise ValueError("nothing is there under the key")
    if not nodes:
        raise ValueError("a node is missing")
    node = nodes.pop()
    if keccak(node) != reference:
        raise ValueError("a node is not the one that is referred to")
    try:
        return rlp.decode(node)
    except (rlp.exceptions.DecodingError, RecursionError) as error:
        raise ValueError(f"a node is no RLP: {error}") from error


def _path(encoded: Any) -> tuple[list[int], bool]:
    """Nibbles of a leaf's or an extension's path, and whether it is a leaf (appendix C)."""
    if not isinstance(encoded, bytes) or not encoded or encoded[0] >> 4 > 3:
        raise ValueError("a path has no beginning that is known")
    nibbles = [half for byte in encoded for half in (byte >> 4, byte & 15)]
    is_odd, is_leaf = encoded[0] >> 4 & 1, encoded[0] >> 5 == 1
    if not is_odd and nibbles[1]:
        raise ValueError("a path is not filled with zero")
    return nibbles[1 if is_odd else 2 :], is_leaf


def _value(value: Any, nodes: Sequence[bytes]) -> bytes:
    if not isinstance(value, bytes) or not value:
        raise ValueError("nothing is there under the key")
    if nodes:
        raise ValueError(f"{len(nodes)} nodes belong to no way")
    return value


def make_proofs(values: Sequence[bytes], wanted: Sequence[int]) -> tuple[bytes, Mapping[int, list[bytes]]]:
    """The root of the trie of a block's list, under the RLP of each place, and the proofs of the places wanted."""
    from trie import HexaryTrie  # only who makes a pack needs it

    made = HexaryTrie(db={})
    for place, value in enumerate(values):
        made[rlp.encode(place)] = value
    proofs = {place: _hashed(made.get_proof(rlp.encode(place))) for place in wanted}
    return bytes(made.root_hash), proofs


def _hashed(nodes: Sequence[Any]) -> list[bytes]:
    """Those that are referred to by their hash; the first one always is."""
    encoded = [rlp.encode(one) for one in nodes]
    return [one for place, one in enumerate(encoded) if place == 0 or len(one) >= _HASH]
