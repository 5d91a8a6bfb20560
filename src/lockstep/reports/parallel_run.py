"""What the parallel run's page is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lockstep.domain.identifiers import Isin, Lei
from lockstep.domain.market import Market
from lockstep.domain.parallel.gates import Verdict
from lockstep.domain.parallel.scorecards import ALL, Period, Scorecard
from lockstep.domain.parallel.stages import Course
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.corrections import Correction

__all__ = ["DAY_SECONDS", "ParallelRun"]

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelRun:
    """All of it: values of `domain.parallel` and `domain.reconciliation`, and the market that names them."""

    cards: Sequence[Scorecard]
    """Each day's, of each security and of `ALL`."""
    courses: Sequence[Course] = ()
    verdicts: Sequence[Verdict] = ()
    """Of each security's gate to its next stage, as of the last day; none where it has no gate."""
    breaks: Sequence[Break] = ()
    corrections: Sequence[Correction] = ()
    market: Market | None = None
    """Whose names, decimals and currencies are shown; without it LEIs, ISINs and whole units."""

    @property
    def today(self) -> date | None:
        """The last day that was scored."""
        return max((one.day for one in self.cards), default=None)

    @property
    def isins(self) -> list[str]:
        """The securities that were scored or have a stage, in order."""
        return sorted({one.isin for one in self.cards} - {ALL} | {one.isin for one in self.courses})

    def period(self, isin: str = ALL) -> Period:
        """A security's days together, or all securities'. Raises InvalidInput for a day that was scored twice."""
        return Period.of(isin, [one for one in self.cards if one.isin == isin])

    def name(self, of: str) -> str:
        """What people call a participant or a security; what was given where nobody knows it."""
        if self.market is None:
            return of
        member, security = self.market.participants.get(Lei(of)), self.market.securities.get(Isin(of))
        return member.name if member is not None else security.name if security is not None else of

    def decimals(self, isin: str) -> int:
        """A security's; 0 where nobody knows it."""
        security = None if self.market is None else self.market.securities.get(Isin(isin))
        return 0 if security is None else security.decimals

    def currency(self, isin: str) -> str:
        """In which a security settles; "" where nobody knows it."""
        security = None if self.market is None else self.market.securities.get(Isin(isin))
        return "" if security is None else security.currency
