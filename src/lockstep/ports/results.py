"""How the ports that are asked for many at once answer; the rule is in the package's docstring."""

from collections.abc import Sequence

from lockstep.domain.errors import LockstepError

__all__ = ["Results"]

Results = Sequence[LockstepError | None]
"""What became of each of many, in the order given; None: done."""
