"""The oracle beside a running world: after each step both ledgers are read and judged by I1 to I12.

Nothing is asked of the service but what it claims and its journal. The ledgers are read by `chain.audit`, which shares
no code with what it judges, and judged by `testing.invariants`. Only what is new is read; `finish` reads all anew.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from lockstep import rtgs
from lockstep.app.auditing import compose, members_of
from lockstep.chain.audit import Follower
from lockstep.chain.node import Node
from lockstep.domain.journal import JournalRow
from lockstep.domain.market import Market
from lockstep.domain.order import Attestation
from lockstep.domain.trade import TradeState, TradeTerms
from lockstep.simulation.watching_finality import Finality
from lockstep.simulation.watching_journal import Journal
from lockstep.testing.facts import Epoch, Facts, Member
from lockstep.testing.invariants import check

__all__ = ["Chain", "Watcher", "follower_of"]

Key = TypeVar("Key", bound=str)
"""A settlement id or a trade id."""


class Chain(Protocol):
    """What is watched of a chain: a node that tells the truth, of its canonical chain."""

    @property
    def node(self) -> Node: ...


def follower_of(chain: Chain, market: Market) -> Follower:
    """What reads a market's chain. Founded once, it may be forked for each life of the chain that begins there."""
    return Follower(chain.node, market.network, [security.token for security in market.securities.values()])


class Watcher:
    """Judges one world, from outside.

    `rtgs_facts` are the RTGS's own books, `votes` all signatures over outcomes wherever they lie (boards, registers,
    what was stolen or intercepted), `terms` those of all trades ever matched. `skew` is how far the clocks of chain
    and RTGS may lie apart. `follower` saves the first reading, see `follower_of`.
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
        follower: Follower | None = None,
    ) -> None:
        self._rtgs_facts, self._votes, self._terms = rtgs_facts, votes, terms
        self._market, self._skew = market, skew
        self._follower = follower or follower_of(chain, market)
        self._members: dict[str, Member] = members_of(market)
        self._epochs: dict[int, Epoch] = {}
        """All ever seen: a reorganisation that takes a lock may take the epoch that it was made in too."""
        self._finality, self._journal = Finality(market.network.finality_depth), Journal()
        self._seen: tuple[Any, ...] = ()
        self._found: dict[str, list[str]] = {}

    def check(self, claims: Mapping[Key, TradeState], journal: Sequence[JournalRow]) -> dict[str, list[str]]:
        """The violations of each invariant in a world where work goes on; all twelve keys are always there."""
        return self._judge(claims, journal, ended=False)

    def finish(self, claims: Mapping[Key, TradeState], journal: Sequence[JournalRow]) -> dict[str, list[str]]:
        """The violations where faults are off and the world came to rest: everything ended, nothing is stuck."""
        self._follower.forget()
        return self._judge(claims, journal, ended=True)

    def look(self) -> None:
        """Takes in what both ledgers are now, and judges nothing: before the chain reorganises in the middle of a step.

        What became final in that step, a worker that is held up in it may have seen, and shows later.
        """
        self._finality.see(self._follower.facts())
        self._finality.judged(self._compose(self._inputs({}, (), False)))

    def undone(self, settlements: Iterable[str]) -> None:
        """A reorganisation beyond the finality depth took locks or endings of these. What `check` and `look` saw final
        and is gone they know by themselves. Of a settlement that was never seen locked nothing is excused.
        """
        self._finality.take(settlements)
        self._seen = ()

    def restored(self) -> None:
        """The service's database is what it was earlier: from a backup, or without its last unsynced writes."""
        self._journal.restored()

    def learn(self, market: Market) -> None:
        """The market's reference data changed, such as a participant's wallet. What was remains true of what was."""
        self._market = market

    def facts(self, claims: Mapping[Key, TradeState], journal: Sequence[JournalRow], *, ended: bool) -> Facts:
        """What is judged, with those lines of the journal that are new since the last judgement."""
        self._finality.see(self._follower.facts())
        return self._compose(self._inputs(claims, journal, ended))

    def _inputs(self, claims: Mapping[Key, TradeState], journal: Sequence[JournalRow], ended: bool) -> tuple[Any, ...]:
        last = (len(journal), journal[-1].hash) if journal else (0, "")
        votes, terms = tuple(self._votes()), tuple(self._terms())
        return (
            self._follower.version,
            self._finality.fresh,
            last,
            ended,
            dict(claims),
            votes,
            terms,
            self._market,
            self._rtgs_facts(),
        )

    def _judge(
        self, claims: Mapping[Key, TradeState], journal: Sequence[JournalRow], *, ended: bool
    ) -> dict[str, list[str]]:
        self._finality.see(self._follower.facts())
        inputs = self._inputs(claims, journal, ended)
        if self._seen == inputs:  # and time goes on: more blocks make final what was not, and nothing wrong
            return self._found
        rewritten = self._journal.see(journal, whole=ended)
        facts = self._compose(inputs)
        self._found = check(facts)
        self._found["I7"] += rewritten
        self._finality.judged(facts)
        self._seen = inputs
        return self._found

    def _compose(self, inputs: tuple[Any, ...]) -> Facts:
        _, _, _, ended, claims, votes, terms, market, books = inputs
        found = self._follower.facts()
        facts = compose(
            found, market, books, votes, claims, self._journal.new, ended=ended, skew=self._skew, terms=terms
        )
        self._members |= facts.members
        self._epochs |= {one.number: one for one in facts.epochs}
        gone = {one.made.epoch for one in self._finality.undone.values()} - {one.number for one in facts.epochs}
        return replace(
            facts,
            members=dict(self._members),
            epochs=[*facts.epochs, *(self._epochs[number] for number in sorted(gone & self._epochs.keys()))],
            final_since=dict(self._finality.since),
            fresh=self._finality.fresh,
            undone=self._finality.undone,
            journal_after=self._journal.after,
            alarms=frozenset(self._journal.alarms),
            losses=frozenset(self._journal.losses),
        )
