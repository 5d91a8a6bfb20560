"""The keys that the service's workers send with: one each, found in the folder, paid for, and taken over."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from lockstep.app.founding import LOW_BALANCE
from lockstep.app.home import Home
from lockstep.app.installing import faucet_of
from lockstep.app.officiating import open_office
from lockstep.chain.anchoring import EvmAnchorLedger
from lockstep.chain.deployment import Deployer
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.errors import Misconfigured
from lockstep.flow.sharing import key_subject
from lockstep.ports import Lease
from lockstep.signing import Key
from lockstep.store import Database, SqlTransactionLog

__all__ = ["FIRST", "Operator", "OperatorKeys", "add_operators"]

FIRST = "operator"
"""The keystore of the key that every installation has."""
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A key that a worker may send with, and the wei that it has for fees."""

    name: str
    address: str
    balance: int


def operators(home: Home, node: Node) -> list[Operator]:
    """All of this folder. Raises Misconfigured where there is none, Unavailable."""
    found = [
        Operator(name=name, address=address, balance=node.balance(address))
        for address, name in home.operators().items()
    ]
    if not found:
        raise Misconfigured(f"{home.root}: no keystore {FIRST} or {FIRST}-N is there to send with")
    return found


def add_operators(home: Home, count: int | None = None) -> list[Operator]:
    """The keys operator-2 … operator-`count`, made where they are missing; one more than there are if None.

    In a rehearsal, whose time is its own, the test chain's first account gives those with little money for fees some,
    and registrar and confirmer let them write the journal's roots, where the market has a contract for that: any worker
    may then do it. Returns all of the folder, with or without. Raises Misconfigured, Unavailable, ContractRefused.
    """
    node, settings = Node(home.settings().rpcs), home.settings()
    there = {_number(name) for name in home.operators().values()}
    last = max(there, default=1)
    wanted = {last + 1} if count is None else set(range(2, count + 1)) - there
    for number in sorted(wanted):
        home.new_key(f"{FIRST}-{number}")
    poor = [one for one in operators(home, node) if one.balance < LOW_BALANCE]
    faucet = faucet_of(node) if poor and settings.clock_offset_seconds else None
    if faucet is not None:
        giver = Deployer(node, home.key(poor[0].name), poll=lambda: time.sleep(POLL_SECONDS))
        for one in poor:
            giver.fund(faucet, one.address)
        giver.flush()
    found = operators(home, node)
    if settings.clock_offset_seconds:
        _let_anchor(home, node, [one.address for one in found])
    return found


def _let_anchor(home: Home, node: Node, addresses: Sequence[str]) -> None:
    contract = home.market().network.anchor
    if contract is None:
        return
    ledger = EvmAnchorLedger(node, contract, home.market().network.finality_depth)
    for address in addresses:
        if not ledger.is_anchorer(address):
            open_office(home, "registrar").allow_anchorer(address, confirm=False)
            open_office(home, "registrar-confirmer").allow_anchorer(address, confirm=True)


def _number(name: str) -> int:
    return int(name.removeprefix(FIRST).removeprefix("-") or 1)


class OperatorKeys:
    """The folder's keys as one worker sends with them: with its own, and for who is gone (`LeftBehind`)."""

    def __init__(self, home: Home, node: Node, database: Database, on_commit: Callable[[str], None]) -> None:
        self._home, self._node, self._database, self._on_commit = home, node, database, on_commit
        self._names = home.operators()
        self._keys: dict[str, Key] = {}
        self._senders: dict[str, tuple[int, Sender]] = {}

    def in_use(self, place: int, told: Callable[[str], None]) -> Sequence[str]:
        """The addresses of those with money for fees, in the order in which the worker in this place tries them.

        One without can send nothing: it would hold trades up. If none has money it is the first, and the trades say
        what is wrong. Raises Unavailable.
        """
        found = operators(self._home, self._node)
        paying = [one.address for one in found if one.balance]
        for one in found:
            if not one.balance:
                told(f"{one.name} {one.address} has no money for fees: not used until the service starts again")
        turn = (place - 1) % len(paying) if paying else 0
        return paying[turn:] + paying[:turn] or [found[0].address]

    def sender(self, lease: Lease | None) -> Sender | None:
        """Who sends with the key of a lease; None without. Raises Misconfigured, LeaseLost, Unavailable."""
        if lease is None:
            return None
        (address,) = (one for one in self._names if key_subject(one) == lease.subject)
        fence, sender = self._senders.get(address, (0, None))
        if sender is None or fence != lease.fence:
            log = SqlTransactionLog(self._database, lease, sender=address)
            if self._names[address] == FIRST:
                log.adopt()
            sender = Sender(self._node, self._key(address), log, self._on_commit)
            self._senders[address] = lease.fence, sender
        return sender

    def senders(self) -> Collection[str]:
        return SqlTransactionLog(self._database).senders_under_way()

    def carry_on(self, address: str, lease: Lease) -> bool:
        sender = self.sender(lease)
        assert sender is not None
        sender.look(())
        return bool(SqlTransactionLog(self._database, sender=address).unmined())

    def _key(self, address: str) -> Key:
        if address not in self._keys:
            key = self._home.key(self._names[address])
            if key.address != address:
                raise Misconfigured(
                    f"keystore {self._names[address]}: it names {address}, and has the key of {key.address}"
                )
            self._keys[address] = key
        return self._keys[address]
