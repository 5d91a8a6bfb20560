"""Which of the last blocks the event reader reads again with the next ones, since their logs may have been cut short.

A node behind a load balancer may name a head and then give the logs of another that lags: of the newest blocks none,
and no error. A block's header tells of that, by the bloom of its events. A block is sure that has events of ours in the
node's answer, as a node has a block's events or does not have the block; and one whose bloom denies any. All others are
read again with each new block, and every block once more, whatever its header says.

Some nodes give no bloom, or one of zeros. So none is believed before one was seen to tell what the logs tell, and none
ever again once one did not.
"""

from collections.abc import Mapping, Sequence

from lockstep.chain.bloom import may_have
from lockstep.chain.decoding import Log, topics
from lockstep.chain.node import Head
from lockstep.domain.errors import Unavailable

__all__ = ["Overlap", "has_more", "is_linked"]


class Overlap:
    """What is not sure of the last blocks of one contract's events. `blocks` is how many of them ever count."""

    def __init__(self, address: str) -> None:
        self._address = bytes.fromhex(address.removeprefix("0x"))
        self._topics = [bytes.fromhex(one.removeprefix("0x")) for one in topics()]
        self._unsure: set[int] = set()
        self._once = 0
        """From this block on each was read once only."""
        self._is_believed: bool | None = None

    def begin(self, read_to: int, blocks: int) -> None:
        """Nothing is known of how the blocks up to `read_to` were read."""
        self._once = max(0, read_to + 1 - blocks)
        self._unsure = set(range(self._once, read_to + 1))

    def first(self, read_to: int, blocks: int) -> int:
        """From where to read on after `read_to`."""
        oldest = max(0, read_to + 1 - blocks)
        if read_to + 1 - self._once >= blocks:
            return oldest
        return min((one for one in self._unsure if one >= oldest), default=read_to + 1)

    def read_again(self, first: int, read_to: int, blocks: int) -> None:
        """The blocks from `first` through `read_to` were read again, and had no more than before."""
        if first <= max(self._once, read_to + 1 - blocks):
            self._once = read_to + 1

    def drop_above(self, number: int) -> None:
        self._unsure = {one for one in self._unsure if one <= number}
        self._once = min(self._once, number + 1)

    def take(self, first: int, last: int, blocks: int, logs: Sequence[Log], heads: Mapping[int, Head]) -> None:
        """The blocks `first` through `last` were read, of which these are the logs and some of the headers."""
        self._judge({(block, log["topics"][0]) for block, _, log in logs}, heads)
        having = {block for block, _, _ in logs}
        oldest = last + 1 - blocks
        self._unsure = {one for one in self._unsure if one >= oldest}
        self._unsure.update(
            one
            for one in range(max(first, oldest), last + 1)
            if not (self._is_believed and (one in having or self._is_without(heads.get(one))))
        )

    def _judge(self, told: set[tuple[int, str]], heads: Mapping[int, Head]) -> None:
        for block, topic in told:
            bloom = heads[block].bloom
            if bloom is None or not may_have(bloom, self._address, [bytes.fromhex(topic[2:])]):
                self._is_believed = False
        if told and self._is_believed is None:
            self._is_believed = True

    def _is_without(self, head: Head | None) -> bool:
        return head is not None and head.bloom is not None and not may_have(head.bloom, self._address, self._topics)


def has_more(logs: Sequence[Log], known: Sequence[tuple[int, int]], first: int, last: int) -> bool:
    """Whether blocks that were read again, `first` through `last`, have more events than `known`, by block and place.

    Raises Unavailable where some are gone that were there: the answer is that of a node that lags.
    """
    again = {(block, place) for block, place, _ in logs if block <= last}
    before = {one for one in known if first <= one[0] <= last}
    if not again >= before:
        raise Unavailable(f"the node has block {last} and not the events of blocks before it: its logs lag")
    return again > before


def is_linked(heads: Mapping[int, Head], first: int, last: int, before: str) -> bool:
    """Whether each of the blocks names the one before it as its parent, the first the block with the hash `before`."""
    for number in range(first, last + 1):
        if number not in heads or heads[number].parent != before:
            return False
        before = heads[number].hash
    return True
