"""What a chain says of all settlements, read for an auditor.

Shares no code with what it judges: events and calls are decoded by eth_abi from the ABI, typed data is hashed from a
list of structs of its own, signatures are recovered by eth_account. `collect` reads one block's state and all logs up
to it, so that what it returns is of one moment. It needs a node that keeps that block's state, and the state of each
lock whose party is a contract (ERC-1271). `audit_following` reads only what is new.
"""

from collections.abc import Sequence
from functools import lru_cache

from lockstep.chain import audit_typed
from lockstep.chain.audit_abi import checksummed
from lockstep.chain.audit_calls import NEVER, PAID, recover_outcome
from lockstep.chain.audit_facts import (
    CancelFact,
    ChainFacts,
    CycleFact,
    EpochFact,
    HoldingFact,
    LegFact,
    LockFact,
    LongStopFact,
    MoveFact,
    PartyFact,
    RecoveryFact,
    SuccessionFact,
    TransferFact,
)
from lockstep.chain.audit_following import Follower
from lockstep.chain.audit_reader import ZERO
from lockstep.chain.node import Node
from lockstep.domain.market import Network

__all__ = [
    "NEVER",
    "PAID",
    "CancelFact",
    "ChainFacts",
    "CycleFact",
    "EpochFact",
    "Follower",
    "HoldingFact",
    "LegFact",
    "LockFact",
    "LongStopFact",
    "MoveFact",
    "PartyFact",
    "RecoveryFact",
    "SuccessionFact",
    "TransferFact",
    "checksummed",
    "collect",
    "hash_cash",
    "recover_outcome",
]


def collect(node: Node, network: Network, tokens: Sequence[str]) -> ChainFacts:
    """Reads everything. Raises Unavailable when the node does not answer."""
    return Follower(node, network, tokens).facts()


@lru_cache(maxsize=4096)
def hash_cash(
    salt: str, currency: str, amount: int, debtor: str, debtor_account: str, creditor: str, creditor_account: str
) -> str:
    """The salted hash of cash terms, as an order names it. Hex."""
    values: tuple[object, ...] = (
        bytes.fromhex(salt), currency, amount, debtor, debtor_account, creditor, creditor_account
    )  # fmt: skip
    message = dict(zip((name for name, _ in audit_typed.STRUCTS["Cash"]), values, strict=True))
    return audit_typed.typed(Network(chain_id=0, dvp=ZERO, finality_depth=0), "Cash", message).body.hex()
