"""A tree of hashes over a list that only grows, and short proofs of what is in it (RFC 6962, section 2.1).

A leaf is hashed as SHA-256(0x00 | entry), a node as SHA-256(0x01 | left | right): neither can pass for the other. The
left half of a tree is the largest power of two below its size. Hashes are 32 bytes, indices count from 0.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "EMPTY",
    "Frontier",
    "consistency_path",
    "inclusion_paths",
    "inclusion_paths_since",
    "is_consistent",
    "leaf_hash",
    "root",
    "root_from",
]

EMPTY = hashlib.sha256().digest()
"""The root of a tree without leaves."""


_HIGHEST = 64
"""No tree is as high: numbers of entries are uint64 where they are anchored."""


def leaf_hash(entry: bytes) -> bytes:
    """Of one entry, any bytes."""
    return hashlib.sha256(b"\0" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """What must be kept of a tree so that it can grow: the roots of its whole subtrees, largest first.

    As many as `size` has bits set, whatever the size: a day's root costs that day's entries.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError(f"{len(self.peaks)} peaks are not those of {self.size} leaves")

    def grown(self, leaves: Iterable[bytes]) -> "Frontier":
        """With further leaves, given as their hashes."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            merged = leaf
            for _ in range((~size & size + 1).bit_length() - 1):
                merged = _node(peaks.pop(), merged)
            peaks.append(merged)
            size += 1
        return Frontier(size=size, peaks=tuple(peaks))

    @property
    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY
        *rest, found = self.peaks
        for peak in reversed(rest):
            found = _node(peak, found)
        return found


def root(leaves: Sequence[bytes]) -> bytes:
    """Of a list of leaf hashes."""
    return Frontier().grown(leaves).root


def inclusion_paths(leaves: Sequence[bytes], indices: Sequence[int]) -> list[list[bytes]]:
    """Of each leaf asked for the siblings on its way to the root, lowest first.

    Raises ValueError for an index that is not there.
    """
    for index in indices:
        if not 0 <= index < len(leaves):
            raise ValueError(f"{index} is no leaf of {len(leaves)}")
    paths: list[list[bytes]] = [[] for _ in indices]
    level, height = list(leaves), 0
    while len(level) > 1:
        for index, path in zip(indices, paths, strict=True):
            sibling = index >> height ^ 1
            if sibling < len(level):  # else it has none at this height, and is taken up as it is
                path.append(level[sibling])
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [*(_node(left, right) for left, right in pairs), *level[len(level) & ~1 :]]
        height += 1
    return paths


def inclusion_paths_since(
    before: Frontier, leaves: Iterable[bytes], indices: Sequence[int]
) -> tuple[Frontier, list[list[bytes]]]:
    """The tree `before` grown by further leaf hashes, and of some of those, counted in the whole tree, their siblings.

    As `inclusion_paths`, for a tree of which only what is new is read; what is held does not grow with it. Raises
    ValueError for an index that is not among the new ones.
    """
    nodes: dict[tuple[int, int], bytes | None] = {
        (height, index >> height ^ 1): None for index in indices for height in range(_HIGHEST)
    }
    size, peaks = before.size, list(before.peaks)
    for height, peak in zip(_heights(size), reversed(peaks), strict=True):
        if (place := (height, (size >> height) - 1)) in nodes:
            nodes[place] = peak
    for leaf in leaves:
        merged, height = leaf, 0
        if (0, size) in nodes:
            nodes[0, size] = leaf
        while size >> height & 1:
            merged, height = _node(peaks.pop(), merged), height + 1
            if (place := (height, size >> height)) in nodes:
                nodes[place] = merged
        peaks.append(merged)
        size += 1
    for index in indices:
        if not before.size <= index < size:
            raise ValueError(f"{index} is none of the leaves from {before.size} to {size}")
    grown = Frontier(size=size, peaks=tuple(peaks))
    edges = _edges(grown)
    paths = []
    for index in indices:
        siblings = [(height, index >> height ^ 1) for height in range(len(edges))]
        found = [nodes[place] or edges[place[0]] for place in siblings if place[1] <= size - 1 >> place[0]]
        paths.append([one for one in found if one is not None])
    return grown, paths


def _heights(size: int) -> list[int]:
    """Of a tree's whole subtrees, smallest first."""
    return [height for height in range(size.bit_length()) if size >> height & 1]


def _edges(tree: Frontier) -> list[bytes | None]:
    """By height below the root's, the node at the right end where it is of fewer leaves than its height could have."""
    peaks, edge = list(tree.peaks), None
    found: list[bytes | None] = []
    for height in range((tree.size - 1).bit_length()):
        found.append(edge)
        if tree.size >> height & 1:
            peak = peaks.pop()
            edge = peak if edge is None else _node(peak, edge)
    return found


def root_from(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root of the tree of `size` leaves in which `leaf`, a hash, stands at `index` with these siblings.

    Raises ValueError for a path of another length than that place has.
    """
    if not 0 <= index < size:
        raise ValueError(f"{index} is no leaf of {size}")
    found, place, last, siblings = leaf, index, size - 1, list(path[::-1])
    while last:
        if place & 1 or place != last:  # else it has no sibling at this height, and is taken up as it is
            if not siblings:
                raise ValueError(f"{len(path)} siblings are too few for leaf {index} of {size}")
            sibling = siblings.pop()
            found = _node(sibling, found) if place & 1 else _node(found, sibling)
        place, last = place >> 1, last >> 1
    if siblings:
        raise ValueError(f"{len(path)} siblings are too many for leaf {index} of {size}")
    return found


def consistency_path(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """What shows that the first `size` leaves are the whole of an earlier tree (RFC 6962, section 2.1.2).

    Raises ValueError for a size that is not from 1 to the number of leaves.
    """
    if not 0 < size <= len(leaves):
        raise ValueError(f"{size} is no earlier size of a tree of {len(leaves)} leaves")
    path: list[bytes] = []
    low, high, known = 0, len(leaves), True
    while size != high:
        middle = low + _split(high - low)
        if size <= middle:
            path.append(root(leaves[middle:high]))
            high = middle
        else:
            path.append(root(leaves[low:middle]))
            low, known = middle, False
    if not known:
        path.append(root(leaves[low:high]))
    return path[::-1]


def is_consistent(size: int, earlier: bytes, later_size: int, later: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `size` leaves with the root `earlier` is the beginning of the other."""
    if not 0 < size <= later_size:
        return False
    if size == later_size:
        return not path and earlier == later
    siblings = list(path[::-1])
    place, last = size - 1, later_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if place and not siblings:
        return False
    before = after = siblings.pop() if place else earlier
    while last:
        if place & 1 or place != last:
            if not siblings:
                return False
            sibling = siblings.pop()
            if place & 1:
                before, after = _node(sibling, before), _node(sibling, after)
            else:
                after = _node(after, sibling)
        place, last = place >> 1, last >> 1
    return not siblings and (before, after) == (earlier, later)


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1
