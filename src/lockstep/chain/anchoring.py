"""The AnchorLedger port on the JournalAnchor contract."""

from datetime import date
from hashlib import sha256

from lockstep.chain.history import happened
from lockstep.chain.ledger import call_data, read
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.anchor import DayRoot, day_number, day_of_number
from lockstep.domain.errors import Refused

__all__ = ["EvmAnchorLedger"]

_CONTRACT = "JournalAnchor"
ANCHOR_GAS = 150_000
"""Three slots written anew, an event, and room."""


class EvmAnchorLedger:
    """One network's anchors through one node. Without a sender it can only look. It is one key's, and not a pool's, as
    the contract takes roots from some only."""

    def __init__(self, node: Node, address: str, finality_depth: int, sender: Sender | None = None) -> None:
        self._node, self.address, self._depth, self._sender = node, address, finality_depth, sender

    def final_block(self) -> int:
        return max(0, self._node.head().number - self._depth)

    def time_of(self, block: int | None = None) -> int:
        return self._node.block("latest" if block is None else block).timestamp

    def anchor_of(self, journal: str, day: date, at: int | None = None) -> DayRoot | None:
        number = day_number(day)
        (words,) = read(self._node, _CONTRACT, self.address, "anchorOf", bytes.fromhex(journal), number, block=at)
        root, size, *_ = words
        return DayRoot(journal=journal, day=day, size=size, root=root.hex()) if any(root) else None

    def last_day(self, journal: str, at: int | None = None) -> date | None:
        (number,) = read(self._node, _CONTRACT, self.address, "lastDayOf", bytes.fromhex(journal), block=at)
        return day_of_number(number) if number else None

    def may_anchor(self) -> bool:
        return self._sender is not None and self.is_anchorer(self._sender.address)

    def is_anchorer(self, account: str) -> bool:
        (allowed,) = read(self._node, _CONTRACT, self.address, "isAnchorer", account)
        return bool(allowed)

    def journals(self, first_block: int = 0) -> dict[str, date]:
        """Every journal that has roots here since a block, with its last day."""
        told = happened(self._node, _CONTRACT, self.address, ("Anchored",), first_block)
        return {
            str(one.arguments["journal"]).removeprefix("0x"): day_of_number(int(one.arguments["day"])) for one in told
        }

    def anchor(self, root: DayRoot) -> None:
        day, words = day_number(root.day), (bytes.fromhex(root.journal), bytes.fromhex(root.root))
        data = call_data(_CONTRACT, "anchor", words[0], day, root.size, words[1])
        key = f"anchor/{sha256(data).hexdigest()}"
        if self._sender is None:
            raise Refused("ReadOnly", {"call": key})
        self._sender.ensure(key, self.address, data, ANCHOR_GAS)
