"""Acts of a party's wallet on the register, each run by itself alone, so that its transaction tells what it did."""

from dataclasses import dataclass

from lockstep.domain.collateral.register import Act, PledgeId
from lockstep.domain.collateral.register_events import (
    Appropriated,
    NonceUsed,
    RegisterEvent,
    Released,
    Returned,
    SetOff,
)
from lockstep.domain.errors import ContractRefused
from lockstep.domain.values import replace
from lockstep.ports import CollateralLedger, CollateralWallet
from lockstep.signing import together_of

__all__ = ["Hindrance", "is_told", "made_by", "run_alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """Why an act was not run."""

    reason: str
    is_unsigned: bool = False
    """Its party has not signed; else the register refuses."""


_DONE_BEFORE = "ActUsed"
"""The refusal that says that the act was run already: the next look shows what came of it."""
_OF_UNITS = (Appropriated, Released, Returned, SetOff)


def is_told(before: str, reason: str) -> bool:
    """Whether a reason to wait is the one that is stored: figures in brackets may change with each block."""
    return bool(before) and before.partition("(")[0] == reason.partition("(")[0]


def made_by(ledger: CollateralLedger, pledge: PledgeId, party: str, nonce: int, last: int) -> RegisterEvent | None:
    """What an act of this number did to the units of a pledge: the event in the transaction that used the number.

    None where nothing was done to them by it: it was not run, or its number was burnt. `last` is the last block looked
    at. Raises Unavailable.
    """
    used = NonceUsed(party=party, nonce=nonce)
    for one in ledger.events_of_pledge(pledge, last):
        if not isinstance(one.said, _OF_UNITS):
            continue
        beside = ledger.events(one.block, one.block)
        if any(other.transaction == one.transaction and other.said == used for other in beside):
            return one
    return None


def run_alone(ledger: CollateralLedger, wallet: CollateralWallet | None, act: Act) -> Hindrance | None:
    """Has the act signed, for no other company than itself, and run; None: it is sent, or was run before.

    Raises Unavailable where nothing is known.
    """
    act = replace(act, together=together_of([act]))
    signature = wallet.sign_act(act) if wallet is not None else None
    if signature is None:
        return Hindrance(reason=f"{act.party} has not signed", is_unsigned=True)
    try:
        ledger.run([replace(act, signature=signature)])
    except ContractRefused as error:
        if error.name != _DONE_BEFORE:
            return Hindrance(reason=f"the register refuses, retried: {error}")
    return None
