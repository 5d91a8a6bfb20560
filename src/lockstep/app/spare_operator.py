"""An operator's key for a command that sends: one that no running service has, its own meanwhile."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lockstep.app.home import Home
from lockstep.app.keeping import kept
from lockstep.app.operators import OperatorKeys
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.errors import Misconfigured
from lockstep.flow.sharing import LEASE_SECONDS, key_subject
from lockstep.ports import Lease
from lockstep.store import SqlLeases

__all__ = ["spare_sender"]

PATIENCE_SECONDS = LEASE_SECONDS + 1
"""A service that took another key, and a command that was killed, have the old one for so long."""


@contextmanager
def spare_sender(home: Home, purpose: str) -> Iterator[Sender]:
    """A sender with a key that is leased while it is used. Raises Misconfigured where every key is in use."""
    node, database = Node(home.settings().rpcs), home.open_database()
    leases = SqlLeases(database, home.clock())
    keys = OperatorKeys(home, node, database, lambda _: None)
    holder = f"{socket.gethostname()}/{purpose}/{os.getpid()}"
    until = time.monotonic() + PATIENCE_SECONDS
    while (lease := _claimed(keys, leases, holder)) is None:
        if time.monotonic() > until:
            rule = "every operator's key is in use by a service: `lockstep key add-operator` makes one more"
            raise Misconfigured(rule)
        time.sleep(0.25)
    try:
        with kept(leases, [lease], LEASE_SECONDS):
            sender = keys.sender(lease)
            assert sender is not None
            yield sender
    finally:
        leases.release(lease)


def _claimed(keys: OperatorKeys, leases: SqlLeases, holder: str) -> Lease | None:
    addresses = keys.in_use(1, lambda _: None)
    return next(filter(None, (leases.claim(key_subject(one), holder, LEASE_SECONDS) for one in addresses)), None)
