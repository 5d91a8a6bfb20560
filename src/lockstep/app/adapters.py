"""Small adapters of this machine: wallets in its keystores, participants' mail in a directory."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lockstep.domain.errors import LockstepError
from lockstep.domain.instruction import Side
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.order import Order
from lockstep.domain.trade import TradeTerms
from lockstep.durable import File, make_folder, put_file, put_files, sync_folder
from lockstep.iso20022 import write
from lockstep.ports import PartyBody
from lockstep.signing import Key, check_order, settlement_id

__all__ = ["DirectoryMailbox", "LocalWallets"]


class LocalWallets:
    """Participants' wallets on this machine, for rehearsals: elsewhere each party holds its own.

    Each checks the order against the terms, by itself, before it signs.
    """

    def __init__(self, keys: Mapping[str, Key], market: Market) -> None:
        """`keys` by wallet address; an address that is missing has not signed yet."""
        self._keys, self._market = keys, market

    def sign(self, order: Order, terms: TradeTerms, side: Side) -> bytes | None:
        check_order(order, terms, self._market)
        key = self._keys.get(order.movement.seller if side is Side.DELIVER else order.movement.buyer)
        return key.sign(bytes.fromhex(settlement_id(order, self._market.network))) if key else None


class DirectoryMailbox:
    """`<root>/<receiver BIC>/<message id>.xml`, each file whole and on disk before it has its name."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def deliver(self, message: Message[PartyBody]) -> None:
        """See `ports.Mailbox.deliver`. Raises OSError."""
        folder = self._root / message.receiver
        make_folder(folder)
        put_file(folder, f"{message.message_id}.xml", write(message))
        sync_folder(folder)  # it is noted as delivered next

    def deliver_all(self, messages: Sequence[Message[PartyBody]]) -> Sequence[LockstepError | None]:
        """See `ports.BulkMailbox.deliver_all`. Raises OSError."""
        results: list[LockstepError | None] = []
        folders: dict[str, Path] = {}
        written: list[File] = []
        for message in messages:
            if message.receiver not in folders:
                folders[message.receiver] = self._root / message.receiver
                make_folder(folders[message.receiver])
            try:
                data = write(message)
            except LockstepError as error:  # of this one alone: it has no place in a message
                results.append(error)
            else:
                results.append(None)
                written.append((folders[message.receiver], f"{message.message_id}.xml", data))
        if written:
            put_files(written)
        return results
