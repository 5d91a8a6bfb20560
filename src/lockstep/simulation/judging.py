"""The oracle at work in a run: what it is shown after each step, and what it says goes into the timeline."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from lockstep.domain.journal import JournalRow
from lockstep.domain.message import Message
from lockstep.domain.payment import PaymentReport, PaymentState
from lockstep.domain.trade import TradeState, TradeTerms
from lockstep.iso20022 import Body, read
from lockstep.simulation.market import MARKET
from lockstep.simulation.promising import Promises
from lockstep.simulation.watching import Watcher
from lockstep.simulation.watching_margin import MarginWatcher
from lockstep.simulation.watching_repo import repos_follow_the_register
from lockstep.simulation.world import World, is_halted
from lockstep.testing.facts import Lock

__all__ = ["Judge", "begun_while_halted", "untold"]

BOOKED = PaymentState.BOOKED
CHAIN = "chain"
"""Under which the journal has what is about the chain as a whole."""
PAGE = 200
"""Messages of a mailbox at once."""
MAY_WAIT = frozenset(
    {
        "ordered",
        "signed",
        "locked",
        "earmarked",
        "paid",
        "settled",
        "released",
        "cancelled",
        "lock intended",
        "cash intended",
        "give back intended",
        "status asked",
        "adopted from the chain",
    }
)
"""What the service begins, takes back or concludes: not while it is halted. See docs/explanation/protocol.md."""


def untold(mail: Sequence[Message[Body]], journal: Sequence[JournalRow]) -> Iterator[str]:
    """Settlements of which the service read two endings in its mail and did not tell people of a break at once.

    By the second of them at the latest, as the service took them in; one that it could not read it did not hear.
    """
    endings: dict[str, dict[str, bool]] = defaultdict(dict)
    for one in mail:
        if isinstance(one.body, PaymentReport) and (one.body.state is BOOKED or one.body.state.is_never):
            endings[one.body.payment.settlement_id][one.message_id] = one.body.state is BOOKED
    heard: dict[str, set[bool]] = defaultdict(set)
    told: set[str] = set()
    for place, row in enumerate(journal):
        subject, facts = row.entry.subject, row.entry.facts
        if row.entry.kind != "heard" or facts.get("message_id") not in endings[subject]:
            continue
        heard[subject].add(endings[subject][facts["message_id"]])
        if len(heard[subject]) == 2 and subject not in told:
            told.add(subject)
            earlier = (one.entry for one in journal[: place + 2])
            if not any(one.kind == "break" and one.subject == subject for one in earlier):
                yield f"settlement {subject}: two endings were heard by line {row.number}, and no break was told"


def begun_while_halted(journal: Sequence[JournalRow]) -> Iterator[str]:
    """What a service of one worker did between the `break` of the chain and people's acceptance, and had to leave."""
    halts = set[str]()
    for row in journal:
        kind, facts = row.entry.kind, row.entry.facts
        if row.entry.subject == CHAIN and kind == "break":
            halts.add(facts["halt"])
        elif row.entry.subject == CHAIN and kind == "reorganisation accepted":
            halts.discard(facts["halt"])
        elif halts and kind in MAY_WAIT:
            yield f"line {row.number}: {kind} {row.entry.subject[:12]}, while final blocks were replaced"


def mail_of(world: World) -> list[Message[Body]]:
    """All that ever lay in the service's mailbox, as it lay there. For the end, with the RTGS up."""
    found: list[Message[Body]] = []
    after = 0
    while page := world.rtgs.mailbox(MARKET.service, after, PAGE):
        found += [read(data) for _, data in page]
        after = page[-1][0]
    return found


class Judge:
    """Looks at the ledgers past the service, and at what the service claims of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._journal: list[JournalRow] = []
        self._claims: Mapping[str, TradeState] = {}
        self._terms: dict[str, TradeTerms] = {}
        self._outcomes: dict[tuple[str, str], set[str]] = {}
        """By agent and settlement, of those votes that were looked at."""
        self._judged = 0
        follower = world.ground.follower.fork()
        self._promises = Promises(world, follower.facts)
        base = world.ground.collateral
        self._collateral = None if base is None else base.fork()
        self._margin = None if self._collateral is None else MarginWatcher(world.market, self._collateral, world.facts)
        self._watcher = Watcher(
            world.chain,
            world.facts if self._margin is None else self._margin.apart,
            lambda: world.votes,
            world.market,
            terms=self._terms.values,
            follower=follower,
        )
        if self._margin is not None:
            world.collateral.uncounted = self._margin.uncounted
        world.miner.before_reorganising = self._before_reorganising
        world.learnt = self._watcher.learn

    def _before_reorganising(self) -> None:
        if self._collateral is not None:
            self._collateral.look()
        self._watcher.look()
        self._promises.see()

    def look(self) -> None:
        """After a step."""
        self._read()
        if self._collateral is not None:
            self._collateral.look()  # it knows which payments are margin
        self._tell(self._watcher.check(self._claims, self._journal))
        self._tell({"I9": self._signed_twice()})
        self._look_at_collateral()

    def _look_at_collateral(self) -> None:
        if self._collateral is not None:
            assert self._margin is not None
            for violation in (*self._collateral.check(), *self._margin.check(self._world.collateral.cash_votes)):
                self._world.problem(violation)

    def _signed_twice(self) -> list[str]:
        """What no agent that has its key for itself does, also where fewer than the quorum do it."""
        for vote in self._world.votes[self._judged :]:
            self._outcomes.setdefault((vote.agent, vote.settlement_id), set()).add(vote.result.name)
        self._judged = len(self._world.votes)
        return [
            f"settlement {settlement}: agent {agent} signed both outcomes"
            for (agent, settlement), results in self._outcomes.items()
            if len(results) > 1
        ]

    def finish(self) -> None:
        """When all has come to rest, with nothing going wrong any more."""
        self._read()
        self._tell(self._watcher.finish(self._claims, self._journal))
        for silence in untold(mail_of(self._world), self._journal):
            self._world.problem(silence)
        if not self._world.sharing:  # of several at work, one may be in the middle of it as another is told
            for deed in begun_while_halted(self._journal):
                self._world.problem(deed)
        undone = self._watcher.facts(self._claims, self._journal, ended=True).undone
        lost = {two.made.trade for two in undone.values() if isinstance(two.made, Lock)}
        for one in self._world.trades():
            # made again after a loss, a trade has no settlement while the chain does not show its lock
            gone = one.settlement_id in undone or (one.settlement_id is None and one.trade_id in lost)
            told = gone and is_halted(one)
            if not one.state.is_end and not told:
                self._world.problem(f"trade {one.trade_id[:12]} has not ended: {one.state.value}, {one.reason}")
        for violation in self._promises.finish(undone, lost):
            self._world.problem(violation)
        self._look_at_collateral()
        if self._collateral is not None:
            assert self._margin is not None
            repos = self._repos()
            over = repos_follow_the_register(repos, self._collateral.books)
            for violation in (*self._collateral.left(), *self._margin.left(), *over):
                self._world.problem(violation)

    def _repos(self) -> list[tuple[str, str, bool, Counter[str]]]:
        """None where the records were lost, or a reorganisation below the finality depth took what they say."""
        world = self._world
        if world.witness.life or world.miner.deepest > world.market.network.finality_depth:
            return []
        return [
            (
                str(one.terms.repo_id),
                one.state.value,
                not one.is_quiet or bool(one.waits),
                Counter({str(lot.pledge_id): lot.units for lot in one.lots if lot.pledge_id is not None}),
            )
            for one in world.book().repos()
        ]

    def _read(self) -> None:
        world = self._world
        moved, anew = world.disks.moved()
        if not moved:
            self._promises.look(())
            return
        if anew:
            self._journal = []
            self._watcher.restored()
        rows = world.journal(len(self._journal))
        for row in rows:
            facts = " ".join(f"{name}={value[:60]}" for name, value in row.entry.facts.items())
            world.timeline.tell("journal", f"{row.number} {row.entry.kind} {row.entry.subject[:12]} {facts}")
        self._journal += rows
        self._promises.look(rows)
        trades = world.trades()
        self._claims = {str(one.settlement_id or one.trade_id): one.state for one in trades}
        self._terms |= {one.trade_id: one.terms for one in trades}

    def _tell(self, found: Mapping[str, list[str]]) -> None:
        for invariant, violations in found.items():
            for one in violations:
                self._world.problem(f"{invariant}: {one}")
