"""Bugs in the contracts: a market founded with contracts that were compiled with a few words changed.

What the compiler made is kept in `.build/planted`, by the hash of what it was given, as it takes a minute.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cache

import pytest

from lockstep.chain import compiler, planning
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.simulation import running
from lockstep.simulation.ground import Ground
from lockstep.store import SqlBook
from simulation.planting import Planted, rewrite

__all__ = ["PLANTED", "Change", "changed", "compiled", "numbers_free_again"]

KEPT = compiler.REPOSITORY / ".build" / "planted"
Change = tuple[str, str, str]
"""Source unit, what stands there once, what stands there then."""


@cache
def compiled(*changes: Change) -> dict[str, str]:
    """The creation code of each contract with the changes in."""
    mocks = compiler.CONTRACTS / "mocks"
    sources = compiler.sources_in(path for path in compiler.CONTRACTS.rglob("*.sol") if mocks not in path.parents)
    for unit, old, new in changes:
        if sources[unit].count(old) != 1:
            raise ValueError(f"{unit} has {sources[unit].count(old)} times, not once: {old}")
        sources[unit] = sources[unit].replace(old, new)
    given = json.dumps([sources, compiler.SETTINGS, compiler.pinned_version()], sort_keys=True)
    path = KEPT / f"{hashlib.sha256(given.encode()).hexdigest()}.json"
    if not path.exists():
        made = compiler.compile_sources(sources)
        KEPT.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: made[name]["bytecode"] for name in compiler.SHIPPED}))
    codes: dict[str, str] = json.loads(path.read_text())
    return codes


@cache
def _ground(*changes: Change) -> Ground:
    codes = compiled(*changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "creation_code", lambda contract: bytes.fromhex(codes[contract].removeprefix("0x")))
        return Ground()


def changed(*changes: Change) -> Callable[[pytest.MonkeyPatch], None]:
    """Has runs begin in a market whose contracts have the bug."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(running, "ground", lambda: _ground(*changes))

    return plant


def numbers_free_again(patch: pytest.MonkeyPatch) -> None:
    """`DvP` takes an order nonce again once its settlement has ended."""
    changed(
        (
            "contracts/DvP.sol",
            "if (previous != Status.None) revert NonceUsed(id, seller, nonce, previous, prefix);",
            "if (previous == Status.Locked) revert NonceUsed(id, seller, nonce, previous, prefix);",
        )
    )(patch)


def _numbers_again(patch: pytest.MonkeyPatch) -> None:
    numbers_free_again(patch)
    rewrite(patch, SqlBook.next_order_nonce, ("return int(rows[0].next) if rows else 0", "return 0"))
    rewrite(patch, SqlBook.reserve_nonces, ("return int(row[0]) - count", "return at_least"))
    again = "{seller: [at_least] * count for seller, (at_least, count) in wanted.items()}"
    free = "looking.free_nonces(self._node, self._network.dvp, wanted)"
    rewrite(patch, EvmAssetLedger.free_nonces_of, (free, again))


PLANTED = (
    Planted(
        name="settle without proof",
        needs=("operator-stolen",),
        rates={"operator-stolen": 0.3},
        what="`DvP.settle` asks for the agents' proof of a settlement recorded as paid, and not of a locked one",
        plant=changed(
            ("contracts/DvP.sol", "if (status == Status.Locked || !_state.paid[id])", "if (status != Status.Locked)")
        ),
    ),
    Planted(
        name="empty signature is consent",
        needs=("operator-stolen",),
        rates={"operator-stolen": 0.3},
        what="`DvP.lock` judges a signature only where there is one",
        plant=changed(
            (
                "contracts/DvP.sol",
                "        if (!movement.seller.isFrom(id, sellerSignature)) "
                "revert InvalidSignature(id, movement.seller);\n"
                "        if (!movement.buyer",
                "        if (sellerSignature.length != 0 && !movement.seller.isFrom(id, sellerSignature)) {\n"
                "            revert InvalidSignature(id, movement.seller);\n"
                "        }\n"
                "        if (buyerSignature.length != 0 && !movement.buyer",
            )
        ),
    ),
    Planted(
        name="earmark what is owned",
        what="`SecurityToken` compares a new earmark with what the holder owns, not with what of it is free",
        plant=changed(
            (
                "contracts/SecurityToken.sol",
                "uint256 free = account.unearmarked();",
                "uint256 free = account.balance();",
            )
        ),
    ),
    Planted(
        name="reuse a nonce",
        what="the service gives each order of a seller the same nonce",
        guard="`DvP`, which burns a nonce for good (with the bug: until the settlement has ended)",
        plant=_numbers_again,
    ),
)
