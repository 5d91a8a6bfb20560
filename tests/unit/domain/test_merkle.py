"""The tree of the journal, against RFC 6962's own recursive definitions and the published test vectors."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.merkle import (
    EMPTY,
    Frontier,
    consistency_path,
    inclusion_paths,
    inclusion_paths_since,
    is_consistent,
    leaf_hash,
    root,
    root_from,
)

# The inputs and roots that the log of Certificate Transparency tests itself with.
INPUTS = [
    bytes.fromhex(one)
    for one in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mth(entries: Sequence[bytes]) -> bytes:
    """MTH of section 2.1, as it stands there."""
    if not entries:
        return sha(b"")
    if len(entries) == 1:
        return sha(b"\x00" + entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


def leaves_of(entries: Sequence[bytes]) -> list[bytes]:
    return [leaf_hash(one) for one in entries]


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    assert root(leaves_of(INPUTS[:size])).hex() == ROOTS[size - 1]


def test_the_empty_tree() -> None:
    assert root([]) == EMPTY == sha(b"")


def test_published_inclusion_and_consistency() -> None:
    leaves = leaves_of(INPUTS)
    assert [one.hex() for one in inclusion_paths(leaves, [0])[0]] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [one.hex() for one in consistency_path(leaves, 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65])
def test_every_leaf_of_every_size(size: int) -> None:
    entries = [str(one).encode() for one in range(size)]
    leaves, expected = leaves_of(entries), mth(entries)
    assert root(leaves) == expected
    for index, path in enumerate(inclusion_paths(leaves, range(size))):
        assert root_from(leaves[index], index, size, path) == expected
        if size > 1:
            other = (index + 1) % size
            assert root_from(leaves[other], index, size, path) != expected
            with pytest.raises(ValueError, match="few"):
                root_from(leaves[index], index, size, path[1:])
        with pytest.raises(ValueError, match="many"):
            root_from(leaves[index], index, size, [*path, EMPTY])


@pytest.mark.parametrize("later", range(1, 34))
def test_every_earlier_tree(later: int) -> None:
    entries = [str(one).encode() for one in range(later)]
    leaves = leaves_of(entries)
    for size in range(1, later + 1):
        path = consistency_path(leaves, size)
        assert is_consistent(size, mth(entries[:size]), later, mth(entries), path)
        assert not is_consistent(size, mth([*entries[: size - 1], b"other"]), later, mth(entries), path)
        assert not is_consistent(size, mth(entries[:size]), later, mth([*entries[:-1], b"other"]), path)
        assert not is_consistent(size, mth(entries[:size]), later, mth(entries), [*path, EMPTY])
        assert not path or not is_consistent(size, mth(entries[:size]), later, mth(entries), path[:-1])


@given(st.integers(0, 70), st.lists(st.integers(0, 20), max_size=6))
def test_a_frontier_grows_as_the_whole_tree(start: int, steps: list[int]) -> None:
    entries = [str(one).encode() for one in range(start)]
    frontier = Frontier().grown(leaves_of(entries))
    for step in steps:
        more = [str(len(entries) + one).encode() for one in range(step)]
        entries += more
        frontier = frontier.grown(leaves_of(more))
    assert (frontier.size, frontier.root) == (len(entries), mth(entries))
    assert frontier == Frontier().grown(leaves_of(entries))


def test_what_is_no_place_in_a_tree_is_refused() -> None:
    leaves = leaves_of(INPUTS)
    for index, size in ((8, 8), (-1, 8), (0, 0)):
        with pytest.raises(ValueError, match="no leaf"):
            root_from(leaves[0], index, size, [])
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_paths(leaves, [0, 8])
    for size in (0, 9):
        with pytest.raises(ValueError, match="earlier size"):
            consistency_path(leaves, size)
    assert not is_consistent(0, EMPTY, 8, root(leaves), [])
    assert not is_consistent(9, root(leaves), 8, root(leaves), [])
    with pytest.raises(ValueError, match="peaks"):
        Frontier(size=3, peaks=(leaves[0],))


@pytest.mark.parametrize("before", range(18))
def test_paths_in_a_tree_of_which_only_the_end_is_read(before: int) -> None:
    """They are those of the whole tree, and it grows as it does anyway."""
    all_leaves = [leaf_hash(bytes([number])) for number in range(40)]
    for size in range(before + 1, len(all_leaves) + 1):
        leaves, new = all_leaves[:size], range(before, size)
        tree, paths = inclusion_paths_since(Frontier().grown(leaves[:before]), iter(leaves[before:]), new)
        assert paths == inclusion_paths(leaves, new)
        assert tree == Frontier().grown(leaves)
    for index in (before - 1, len(all_leaves)):
        with pytest.raises(ValueError, match="none of the leaves"):
            inclusion_paths_since(Frontier().grown(all_leaves[:before]), all_leaves[before:], [index])
