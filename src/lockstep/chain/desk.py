"""One role's hand on the contracts: an act is asked about first, stored before it leaves, and watched into a block."""

from collections.abc import Callable

from lockstep.chain.ledger import call_data
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.errors import ContractRefused, Unavailable
from lockstep.ports import SentTransaction, TransactionLog
from lockstep.signing import Key

__all__ = ["Desk"]

ACT_GAS = 600_000
"""Room for a rotation of eight agents; what is not used is not paid."""

LOOKS = 240


class Desk:
    """Acts of one key, one at a time. Killed anywhere and called again, it goes on with the same transaction."""

    def __init__(
        self,
        node: Node,
        key: Key,
        log: TransactionLog,
        *,
        poll: Callable[[], None],
        on_commit: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`poll` is called between looks for a receipt: mining a block, or waiting a moment."""
        self._node, self._key, self._log, self._poll = node, key, log, poll
        self._sender = Sender(node, key, log, on_commit)

    @property
    def address(self) -> str:
        return self._key.address

    def act(self, contract: str, address: str, function: str, *arguments: object) -> str:
        """Makes one call and returns its transaction, in a block.

        Raises ContractRefused, of the class of the contract's error, where the contract says no: before anything
        is sent, or after, had something changed in between. Raises Unavailable where it got into no block; called
        again it watches on.
        """
        data = call_data(contract, function, *arguments)
        key = self._open_key(f"{function}/{address}/{data.hex()}")
        for _ in range(LOOKS):
            self._sender.ensure(key, address, data, ACT_GAS)
            latest = self._log.transactions(key)[-1]
            if latest.status == "mined":
                return latest.hash
            if latest.status == "reverted":
                raise self._reason(latest, address, data)
            self._poll()
        raise Unavailable(f"{function} is in no block after {LOOKS} looks: try again to watch on")

    def propose(self, contract: str, address: str, function: str, *arguments: object) -> str:
        """Proposes a call of a contract under dual control, word for word (IDualControl)."""
        return self.act(contract, address, "propose", call_data(contract, function, *arguments))

    def _open_key(self, purpose: str) -> str:
        """The same act may be wanted again one day: each that came to an end is numbered and left behind."""
        number = 0
        while True:
            key = f"{purpose}#{number}"
            tries = self._log.transactions(key)
            if not tries or tries[-1].status not in ("mined", "reverted"):
                return key
            number += 1

    def _reason(self, sent: SentTransaction, address: str, data: bytes) -> ContractRefused:
        """Why it reverted: the same call again, on the state as it is now."""
        try:
            self._node.call(address, data, sender=self._key.address, gas=ACT_GAS)
        except ContractRefused as refusal:
            return refusal
        return ContractRefused("Reverted", {"transaction": sent.hash})
