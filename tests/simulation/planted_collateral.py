"""Bugs in the collateral register, in margin calls and in the agents' margin desks: what the shadow must find."""

from collections.abc import Callable
from functools import cache

import pytest

from lockstep.agent import margin as judging
from lockstep.agent.margin_desk import MarginDesk
from lockstep.chain import planning
from lockstep.flow.margining import Margining
from lockstep.simulation import running
from lockstep.simulation.ground import Ground
from lockstep.simulation.market import COLLATERAL_MARKET
from simulation.planted_contracts import Change, compiled
from simulation.planting import Planted, rewrite

__all__ = ["PLANTED", "UNMEASURED"]

BOOKS, REGISTER, ENFORCEMENT, COVER = (
    "contracts/collateral/CollateralBooks.sol",
    "contracts/CollateralRegister.sol",
    "contracts/CollateralEnforcement.sol",
    "contracts/collateral/Cover.sol",
)


@cache
def _ground(*changes: Change) -> Ground:
    codes = compiled(*changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "creation_code", lambda contract: bytes.fromhex(codes[contract].removeprefix("0x")))
        return Ground(COLLATERAL_MARKET)


def _changed(*changes: Change) -> Callable[[pytest.MonkeyPatch], None]:
    """Has runs begin in a market whose contracts have the bug."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(running, "collateral_ground", lambda: _ground(*changes))

    return plant


def _counted_before_it_is_booked(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        judging.judge_margin_booking,
        ("    if not cash.is_booked:\n        return False\n", ""),
        ("booked = max(at for at in (cash.booked_at, cash.noticed_at) if at is not None)", "return True"),
    )
    rewrite(patch, MarginDesk._attend, ("return self._release(evidence) or asked", "pass"))
    rewrite(patch, Margining.step, ("if view is not None and view.is_booked:", "if view is not None:"))


def _never_counted(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, Margining._count, ("        if proof is None:\n", "        if True:\n"))


def _pays_too_much(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, Margining.pay, ("replace(case, paying=wanted.amount)", "replace(case, paying=50 * wanted.amount)"))
    rewrite(
        patch,
        judging.judge_margin_release,
        (
            '        if amount > most:\n            raise _refused(evidence, "ExceedsRequired"',
            '        if False:\n            raise _refused(evidence, "ExceedsRequired"',
        ),
    )


PLANTED = (
    Planted(
        name="re-use beyond the cap",
        collateral=True,
        what="a taker may pledge on all that it received, whatever the cap, if there is one",
        plant=_changed(
            (
                BOOKS,
                "return uint64(uint256(quantity) * given.reuseCap / Cover.MILLION);",
                "return given.reuseCap == 0 ? 0 : quantity;",
            )
        ),
    ),
    Planted(
        name="release what was pledged on",
        collateral=True,
        what="a pledge shrinks below what its taker pledged on",
        plant=_changed(
            (
                BOOKS,
                "        given.quantity = before - quantity;\n        _requireKept(id, given);\n",
                "        given.quantity = before - quantity;\n",
            )
        ),
    ),
    Planted(
        name="anyone acts",
        collateral=True,
        what="the register does not ask whose act a call is",
        plant=_changed((BOOKS, "if (_actor() != acting) revert NotActing(_actor(), acting);", "")),
    ),
    Planted(
        name="counted before it is booked",
        collateral=True,
        what="agents sign a margin payment for the register while its money is only set aside, and do not release it",
        guard="the service, which presents what is booked only",
        plant=_counted_before_it_is_booked,
    ),
    Planted(
        name="never counted",
        collateral=True,
        what="the service does not present what agents signed of margin payments",
        plant=_never_counted,
    ),
    Planted(
        name="margin beyond what is required",
        collateral=True,
        what="a margin call is paid fifty times over",
        guard="agents, who compare the amount with the valuers' figures",
        plant=_pays_too_much,
    ),
)
UNMEASURED = (
    Planted(
        name="an old price",
        collateral=True,
        what="a price that the latest valuation does not name counts as cover",
        plant=_changed((COVER, "if (holding.pricedAt == valuedAt) sum +=", "if (holding.pricedAt <= valuedAt) sum +=")),
    ),
    Planted(
        name="take back uncovered",
        collateral=True,
        what="a giver takes back what is needed as cover",
        plant=_changed(
            (REGISTER, "        if (covered < needed) revert NotCovered(agreementId, needed, covered);\n", "")
        ),
    ),
    Planted(
        name="an act counts again",
        collateral=True,
        what="a signed act can be run as often as one likes",
        plant=_changed((REGISTER, "if (word & bit != 0) revert ActUsed(party, nonce);", "")),
    ),
    Planted(
        name="one valuer is enough",
        collateral=True,
        what="a valuation counts on any proof",
        plant=_changed(
            (
                ENFORCEMENT,
                "        proof.requireQuorum(id, _digest(CollateralTypedData.hashValuation(valuation)), 0, "
                "book.terms.valuers);\n        book.accept",
                "        (proof);\n        book.accept",
            )
        ),
    ),
)
"""Written, and not yet run against enough seeds to be stated."""
