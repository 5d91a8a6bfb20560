"""What other keys have under way for the same things: it is waited for, within reason.

A trade that one worker sent something for may be another's by now, who has a key of its own. What is under way under
the first key stands in the records that both read, and whoever holds that key carries it on. So nothing more is sent
for the same thing, until it has shown in no block for so long that nobody seems to. Then it is sent with the own key
too, and does no harm: of two locks, or two ends, of one settlement the contract takes one, and refuses the other
whichever comes first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockstep.chain.attempts import as_seen
from lockstep.ports import SentTransaction

__all__ = ["Elsewhere"]

Tries = Mapping[str, Sequence[SentTransaction]]
Receipts = Mapping[str, Mapping[str, Any] | None]


class Elsewhere:
    """In memory: who begins anew waits anew."""

    def __init__(self, *, blocks: int, looks: int) -> None:
        """How many blocks, or how many looks where there are none, a transaction of another key is waited for."""
        self._blocks, self._looks = blocks, looks
        self._waited: dict[str, tuple[int, int]] = {}
        """By identity: the head at the first look, and how many looks there were."""

    def followed(
        self, tries: Tries, own: str, receipts: Callable[[Sequence[SentTransaction]], Receipts], head: int
    ) -> dict[str, list[SentTransaction]]:
        """The tries, those of others as the chain has them now, without those that are not waited for any more.

        Nothing of theirs is stored: that is for who holds their key. Raises what `receipts` raises.
        """
        theirs = {one.identity: one for given in tries.values() for one in given if one.sender != own}
        if not theirs:
            return {key: [*given] for key, given in tries.items()}
        found = receipts([*theirs.values()])
        seen = {one.identity: _seen(one, found[one.hash]) for one in theirs.values()}
        used = {(one.sender, one.nonce) for one in seen.values() if one.block is not None}
        for identity, one in seen.items():
            if one.in_flight and (one.sender, one.nonce) in used:  # by the one that replaced it, or that it replaced
                seen[identity] = replace(one, status="replaced")
        lost = {one.identity for one in seen.values() if one.in_flight and not self._is_waited_for(one, head)}
        for identity, one in seen.items():
            if not one.in_flight:
                self._waited.pop(identity, None)
        return {
            key: [seen.get(one.identity, one) for one in given if one.identity not in lost]
            for key, given in tries.items()
        }

    def _is_waited_for(self, one: SentTransaction, head: int) -> bool:
        since, looks = self._waited.get(one.identity, (head, 0))
        self._waited[one.identity] = since, looks + 1
        return head < since + self._blocks and looks < self._looks


def _seen(one: SentTransaction, receipt: Mapping[str, Any] | None) -> SentTransaction:
    if one.status in ("reserved", "replaced") and receipt is None:
        return one
    return as_seen(one, receipt, gone=False)
