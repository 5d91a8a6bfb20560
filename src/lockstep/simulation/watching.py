"""The oracle beside a running world: after each step both ledgers are read and judged by I1 to I12.

Nothing is asked of the service but what it claims. The ledgers are read by `chain.audit`, which shares no
code with what it judges, and judged by `testing.invariants`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

from lockstep import rtgs
from lockstep.app.auditing import gather
from lockstep.chain.node import Node
from lockstep.domain.journal import JournalRow
from lockstep.domain.market import Market
from lockstep.domain.order import Attestation
from lockstep.domain.trade import TradeState, TradeTerms
from lockstep.testing.facts import Facts
from lockstep.testing.invariants import check

__all__ = ["Chain", "Watcher"]

Key = TypeVar("Key", bound=str)
"""A settlement id or a trade id."""


class Chain(Protocol):
    """What is watched of a chain: a node that tells the truth, of its canonical chain."""

    @property
    def node(self) -> Node: ...


class Watcher:
    """Judges one world, from outside.

    `rtgs_facts` are the RTGS's own books, `votes` all signatures over outcomes wherever they lie (boards, registers,
    what was stolen or intercepted), `terms` those of all trades ever matched. `skew` is how far the clocks of chain
    and RTGS may lie apart.
    """

    def __init__(
        self,
        chain: Chain,
        rtgs_facts: Callable[[], rtgs.Facts],
        votes: Callable[[], Sequence[Attestation]],
        market: Market,
        *,
        terms: Callable[[], Iterable[TradeTerms]] = tuple,
        skew: timedelta = timedelta(),
    ) -> None:
        self._chain, self._rtgs_facts, self._votes, self._market = chain, rtgs_facts, votes, market
        self._terms, self._skew = terms, skew

    def check(self, claims: Mapping[Key, TradeState], journal: Sequence[JournalRow]) -> dict[str, list[str]]:
        """The violations of each invariant in a world where work goes on; all twelve keys are always there."""
        return check(self.facts(claims, journal, ended=False))

    def finish(self, claims: Mapping[Key, TradeState], journal: Sequence[JournalRow]) -> dict[str, list[str]]:
        """The violations where faults are off and the world came to rest: everything ended, nothing is stuck."""
        return check(self.facts(claims, journal, ended=True))

    def undone(self, settlements: Collection[str]) -> None:
        """A reorganisation beyond the finality depth took the locks or endings of these settlements."""

    def facts(self, claims: Mapping[Key, TradeState], journal: Sequence[JournalRow], *, ended: bool) -> Facts:
        """What is judged."""
        return gather(
            self._chain.node,
            self._market,
            self._rtgs_facts(),
            self._votes(),
            claims,
            journal,
            ended=ended,
            skew=self._skew,
            terms=self._terms(),
        )
