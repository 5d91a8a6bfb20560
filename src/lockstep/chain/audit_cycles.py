"""What the parties of a cycle signed, worked out for the auditor from the event NetLocked and the call lockNet.

The event has the gross trades, packed as IDvPNet.Cycle draws them; the call has each party's limits and signature. So
each party's statement, its own trades and its limits, is put together anew and never taken from the call as signed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eth_account.messages import SignableMessage

from lockstep.chain import audit_typed
from lockstep.chain.audit_calls import Call
from lockstep.chain.audit_facts import LegFact
from lockstep.domain.market import Network

__all__ = ["Statement", "legs_of", "statements"]

LEG_BYTES = 43
"""Seller, buyer and token by their places, a byte each; quantity, 8; hash of the terms, 32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one party must have signed, and the signature that the call gave for it; None: the call is of another
    cycle, or lacks it. `least` are the party's limits by token."""

    party: str
    least: Mapping[str, int]
    typed: SignableMessage | None
    signature: bytes


def legs_of(cycle: Mapping[str, Any]) -> tuple[LegFact, ...]:
    """The gross trades, in their order; none where the bytes are not whole legs between the cycle's parties."""
    packed, tokens, parties = bytes(cycle["legs"]), cycle["tokens"], cycle["parties"]
    rows = [packed[start : start + LEG_BYTES] for start in range(0, len(packed), LEG_BYTES)]
    for row in rows:
        if len(row) < LEG_BYTES or max(row[0], row[1]) >= len(parties) or row[2] >= len(tokens):
            return ()
    return tuple(
        LegFact(
            token=tokens[row[2]],
            seller=parties[row[0]],
            buyer=parties[row[1]],
            quantity=int.from_bytes(row[3:11]),
            terms_hash=row[11:].hex(),
        )
        for row in rows
    )


def statements(network: Network, cycle: Mapping[str, Any], call: Call) -> Iterator[Statement]:
    """One for each party of `cycle`, as locked; `call` is the lockNet that locked it."""
    given, legs, tokens = call.arguments, legs_of(cycle), cycle["tokens"]
    derived = audit_typed.digest(audit_typed.typed(network, "Cycle", cycle))
    same = derived == audit_typed.digest(audit_typed.typed(network, "Cycle", dict(given["cycle"])))
    limits, signatures = given["limits"], given["signatures"]
    for place, party in enumerate(cycle["parties"]):
        own = limits[place * len(tokens) : (place + 1) * len(tokens)]
        if not same or len(own) != len(tokens) or place >= len(signatures):
            yield Statement(party=party, least={}, typed=None, signature=b"")
            continue
        least = dict(zip(tokens, own, strict=True))
        message = {
            "cycleId": derived,
            "legs": [_leg(one) for one in legs if party in (one.seller, one.buyer)],
            "limits": [{"token": token, "least": units} for token, units in least.items()],
        }
        typed = audit_typed.typed(network, "NetStatement", message)
        yield Statement(party=party, least=least, typed=typed, signature=bytes(signatures[place]))


def _leg(one: LegFact) -> dict[str, Any]:
    return {
        "token": one.token,
        "seller": one.seller,
        "buyer": one.buyer,
        "quantity": one.quantity,
        "termsHash": bytes.fromhex(one.terms_hash),
    }
