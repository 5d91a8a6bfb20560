"""The 200 seeds of every `make test`, in files of their own so that several workers share them evenly.

Each half is large enough for every kind of fault to strike in it, many times but for the rarest.
"""

from lockstep.simulation.actors import COLLATERAL
from lockstep.simulation.faults import KINDS, FaultPlan
from lockstep.simulation.report import run_seeds

__all__ = ["sound"]

SEEDS, PARTS = 200, 2
PART = SEEDS // PARTS


def sound(part: int) -> None:
    """No invariant breaks in a half, every trade ends, most settle, and every kind of fault has really struck."""
    total = run_seeds(range(1 + part * PART, 1 + (part + 1) * PART), FaultPlan())
    assert not [(one.seed, one.violations[0]) for one in total.failed]
    assert total.seeds == PART
    assert total.ended["SETTLED"] > total.seeds / 2
    assert not {kind for kind in KINDS if kind not in COLLATERAL and not total.faults.get(kind)}
