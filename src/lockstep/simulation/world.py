"""One run's world: the cast on its ground, what is done to it, and what can be seen of it from outside."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, cast

from lockstep.app.founding import AGENTS, agent_bic
from lockstep.app.intake import submit_file
from lockstep.chain.node import Node
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.instruction import CancellationRequest, Instruction
from lockstep.domain.journal import JournalRow
from lockstep.domain.market import Market
from lockstep.domain.order import Attestation
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Trade
from lockstep.iso20022 import read
from lockstep.rtgs import Facts, Posting, Rtgs
from lockstep.simulation.actors import COLLATERAL, play
from lockstep.simulation.actors import KINDS as ACTORS
from lockstep.simulation.actors_hands import with_heirs
from lockstep.simulation.cast import AgentProcess, Door, Process, RtgsProcess, Worker
from lockstep.simulation.clock import PartyClock
from lockstep.simulation.collateral_side import CollateralSide
from lockstep.simulation.disks import Disks
from lockstep.simulation.faults import FaultPlan, Injector
from lockstep.simulation.ground import WORKERS, Ground
from lockstep.simulation.late_nodes import LateNodes
from lockstep.simulation.lines import line_uses, node_faults, rules_of
from lockstep.simulation.market import BUSINESS_DAY, MARKET, TIMETABLE
from lockstep.simulation.mining import Miner
from lockstep.simulation.points import Crashed, Points
from lockstep.simulation.promising_witness import Witness
from lockstep.simulation.stage import WorldStage
from lockstep.simulation.stores import BROKEN, Boundary
from lockstep.simulation.streams import Streams
from lockstep.simulation.timeline import Timeline
from lockstep.simulation.trades import Post, posts
from lockstep.store import SqlBook

__all__ = ["World", "is_halted"]

LATEST_START, LATE_START, LATE = 7 * 3600, 9 * 3600 - 2400, 0.1
"""Seconds after the opening at which a run may begin, at the latest; a share of them begin near the cut-off."""
LONGEST_DOWN = 10
"""Steps that a dead process stays down, at most."""
DEEPEST = 3
"""Processes that are held up within one another."""


def is_halted(trade: Trade) -> bool:
    """Whether people were told that two facts exclude each other, and nothing goes on without them."""
    return not trade.state.is_end and trade.reason is not None and trade.reason.code == "BREAK"


class World:
    """A seed's world, step by step; `lockstep.simulation.scheduling` decides on the steps."""

    def __init__(self, ground: Ground, seed: int, plan: FaultPlan, *, sharing: bool = False) -> None:
        """`sharing`: there are two keys to send with, whatever the seed says of `workers-share`."""
        ground.reset()
        self._sharing = sharing
        self.ground, self.chain, self.clock, self.market = ground, ground.chain, ground.clock, ground.market
        self.faults, self.streams = Injector(seed, plan), Streams(seed)
        self.timeline = Timeline(self.clock.now)
        self.problems: list[str] = []
        """What no process may ever do, as dying of an error that nobody planned."""
        self.votes: list[Attestation] = []
        """Every outcome signature that an agent made, restored registers or not."""
        self.collateral = CollateralSide()
        addresses = {f"agent-{number}": key.address for number, key in enumerate(ground.roles.agents, 1)}
        self.witness = Witness(ground.root, addresses)
        self._points = Points(self.faults, self._meanwhile, self.witness.passes)
        self._stack: list[str] = []
        self.decide_at = 0  # the step at which people decide on what halts the service
        self._late = LateNodes(ground, self.faults)
        self.disks = Disks(ground, self.faults, self.timeline, self.witness, lambda: self.cast)
        self._facts: Facts | None = None
        self.line_uses: Counter[str] = Counter()
        rng = self.streams.stream("world")
        self.steps = rng.randint(90, 230)
        self.holds_until = 0
        """Up to this step time stands still."""
        begun = rng.randrange(LATEST_START) if rng.random() > LATE else LATE_START + rng.randrange(1800)
        self.clock.move_to(MARKET.opening + timedelta(seconds=begun))
        self.miner = Miner(self.chain, self.clock, self.faults, self.timeline, self.market.network.dvp)
        self.chain.automine = False
        self._people(rng)
        self._books = Rtgs(f"sqlite:///{ground.root / 'rtgs.db'}", self.clock, bic=MARKET.rtgs)
        self._processes()
        self.stage = WorldStage(
            ground,
            self.clock,
            self._knock,
            self.rtgs.take,
            lambda: [one.data for one in self.handed_in],
            self.open_trades,
            self.collateral,
        )
        self.collateral.open(self.door, self._boundary("margin"), self.rtgs, self.faults, self.stage.ledger)
        self.rtgs.overheard = self.stage.overhear
        self.learnt: Callable[[Market], None] = lambda _: None
        """Called when the market's reference data changed."""

    # --- the cast

    def _boundary(self, actor: str) -> Boundary:
        boundary = Boundary(actor, self._points, self.faults, self.disks.stored, self.votes.append, self.problem)
        boundary.cash_signed = self.collateral.cash_votes.append
        boundary.instructed = lambda data: self.witness.handed_in(data, self.clock.now(), "")
        boundary.delivered = lambda box, message_id: self.witness.delivered(box, message_id)
        return boundary

    def _rtgs_died(self, crashed: Crashed) -> None:
        self._died(self.rtgs, crashed)

    def _processes(self) -> None:
        self.rtgs = RtgsProcess(
            self.ground, self._boundary("rtgs"), PartyClock(self.clock), self._rtgs_died, self._booked
        )
        more = zip(("second-worker", "third-worker"), WORKERS[1:], strict=True)
        workers = [WORKERS[0], *(name for kind, name in more if self.faults.strikes(kind))]
        self.sharing = len(workers) > 1
        keys = 2 if self._sharing or (self.sharing and self.faults.strikes("workers-share")) else 1
        service = PartyClock(self.clock)  # one machine: its workers read one clock
        self.door = Door(self.ground, self._boundary("door"), service)
        self.cast: dict[str, Process] = {"rtgs": self.rtgs}
        for name in workers:
            self.cast[name] = Worker(
                name, self.ground, self._boundary(name), service, self._node(name), self.rtgs, self.faults, keys
            )
        for number in range(1, AGENTS + 1):
            name = f"agent-{number}"
            clock = PartyClock(self.clock)
            self.cast[name] = AgentProcess(
                number, self.ground, self._boundary(name), clock, self._node(name), self.rtgs, self.faults
            )
        holiday = self.faults.strikes("holiday") is not None
        agents = [agent_bic(MARKET.service, number) for number in range(1, AGENTS + 1)]
        rules = rules_of(self.faults, agents, MARKET.service)
        with self.faults.paused():
            for process in self.cast.values():
                process.start()
            if holiday:
                day = BUSINESS_DAY + timedelta(days=1)
                self._desk().operator.set_timetable(TIMETABLE, {day: "Simulation Day"})
                self.timeline.tell("calendar", f"{day} is a holiday")
            if rules is not None:
                self._desk().faults.set(rules, by="simulation")
                self.timeline.tell("rtgs", f"its line: {rules.to_json()}")

    def _node(self, name: str) -> Node:
        """The node of one party: the one chain, and what goes wrong between the two."""
        provider, node = self.ground.nodes[name]
        provider.decide, provider.behind = node_faults(self.faults), 0
        return node

    def _desk(self) -> Rtgs:
        assert self.rtgs.rtgs is not None
        return self.rtgs.rtgs

    def _people(self, rng: random.Random) -> None:
        cancel = self.faults.strikes("cancellation")
        self.posts: list[Post] = posts(
            MARKET, self.clock.now(), self.streams.stream("trades"), steps=self.steps, cancel=cancel
        )
        self.handed_in: list[Post] = []
        self._lost: set[str] = set()
        """Names of messages that are handed in again because the service's records were lost: late, if need be."""

    # --- what can be done

    def run(self, name: str) -> bool:
        """One pass of a process, which is started first if it is down and may be up again. True if anything moved."""
        process = self.cast[name]
        if not process.up and not self._started(process):
            return False
        self._late.draw(name)
        self._stack.append(name)
        try:
            return process.step()
        except Crashed as crashed:
            self._died(process, crashed)
        except BROKEN as error:
            self._broken(process.end, name, error)
            process.back_at = self.faults.step + 1
        except Exception as error:
            self.problem(f"{name} died of {type(error).__name__}: {error}")
            process.end()
        finally:
            self._stack.pop()
        return True

    def _started(self, process: Process) -> bool:
        if self.faults.active and self.faults.step < process.back_at:
            return False
        try:
            process.start()
        except (Unavailable, Crashed):
            process.end()
            return False
        except BROKEN as error:
            self._broken(process.end, process.name, error)
            return False
        self.timeline.tell(process.name, "up again")
        return True

    def _died(self, process: Process, crashed: Crashed) -> None:
        self.timeline.tell(process.name, f"dies: {crashed.kind}")
        process.end()
        drawn = self.streams.stream("down", self.faults.step, process.name)
        process.back_at = self.faults.step + drawn.randrange(LONGEST_DOWN)

    def _broken(self, end: Callable[[], None], name: str, error: Exception) -> None:
        end()
        if "disk I/O error" not in str(error):  # that one we planned
            self.problem(f"{name}: {type(error).__name__}: {error}")
        self.timeline.tell(name, "ends: its disk failed")

    def problem(self, what: str) -> None:
        self.timeline.tell("PROBLEM", what)
        self.problems.append(what)

    def _meanwhile(self, actor: str, how: random.Random) -> None:
        """Others go on while `actor` is held up in the middle of its pass."""
        if len(self._stack) >= DEEPEST or "rtgs" in self._stack:
            return
        seconds = how.choice((0, 1, 5, 30, 120, 600))
        self.timeline.tell(actor, f"is held up, {seconds} seconds")
        self.clock.advance(seconds)
        for _ in range(how.randint(1, 5)):
            self._somebody(how)
        self.timeline.tell(actor, "goes on")

    def _somebody(self, how: random.Random) -> None:
        """Another than those who are held up: a process, the chain, the service's door, or who is at large."""
        others = [name for name in self.cast if name not in self._stack]
        favoured = [name for name in others if name.startswith("worker")]
        drawn = how.random()
        if drawn < 0.25:
            self.mine()
        elif drawn < 0.5 and "door" not in self._stack:
            if not self.hand_in():
                self._knock_again(how)
        elif drawn < 0.6 and (known := [kind for kind in ACTORS if self.faults.has(kind)]):
            self.play(how.choice(known), how)
        else:
            self.run(how.choice(favoured if favoured and how.random() < 0.5 else others))

    def _knock_again(self, how: random.Random) -> None:
        """A participant asks to cancel, or hands in what it handed in before, while a worker is in the middle of it."""
        rights = [kind for kind in ("party-cancels", "cancellation-race", "party-resubmits") if self.faults.has(kind)]
        if rights:
            self.play(how.choice(rights), how)

    def mine(self) -> None:
        """A block, or another end of the chain."""
        self.miner.mine()

    def has_mail(self) -> bool:
        """Whether a participant has something to hand in now."""
        return bool(self.posts) and (self.posts[0].after <= self.faults.step or not self.faults.active)

    def hand_in(self) -> bool:
        """The next message that a participant has for the service."""
        if not self.has_mail():
            return False
        post = self.posts.pop(0)
        again = self.faults.strikes("message-doubled")
        if again is not None:
            self.posts.insert(min(len(self.posts), again.randrange(6)), post)
        self._submit(post)
        return True

    def _submit(self, post: Post) -> None:
        path = self.ground.root / "inbox" / f"{post.name}.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(post.data)
        self._stack.append("door")
        try:
            taken = submit_file(self.door.open(), path, late=post.name in self._lost)
        except Crashed as crashed:
            self.timeline.tell("door", f"dies: {crashed.kind}")
            self.door.end()
            self.witness.handed_in(post.data, self.clock.now(), "")
            self.posts.insert(0, post)  # who has no answer hands it in again
            return
        except BROKEN as error:
            self._broken(self.door.end, "door", error)
            self.witness.handed_in(post.data, self.clock.now(), "")
            self.posts.insert(0, post)
            return
        finally:
            self._stack.pop()
        self.witness.handed_in(post.data, self.clock.now(), taken.outcome)
        rule = "" if taken.error is None else f" ({taken.error})"
        self.timeline.tell("participant", f"hands in {post.name}: {taken.outcome}{rule}")
        if post not in self.handed_in:
            self.handed_in.append(post)

    def _knock(self, data: bytes) -> str:
        """A message at the service's door, from whomever. Raises LockstepError."""
        said = "refused"
        try:
            message = read(data)
            if not isinstance(message.body, Instruction | CancellationRequest):
                raise InvalidInput("AppHdr/MsgDefIdr", type(message.body).__name__, "what participants send")
            with self.faults.paused():
                said = self.door.open().submit(cast(Any, message), data)
            return said
        finally:
            self.witness.handed_in(data, self.clock.now(), said)

    def play(self, kind: str, how: random.Random) -> None:
        """One act of one actor."""
        with self.faults.paused() if kind in COLLATERAL else nullcontext():
            said = play(kind, self.stage, how)
        if said is None:
            return
        self.witness.acts.append((kind, said))
        self.timeline.tell(kind, said)
        if kind == "wallet-recovered":
            self.learnt(with_heirs(self.market))  # who reads the ledgers knows whose a recovered wallet's heir is

    def lose_writes(self, *, backup: bool) -> None:
        """The service's disk is back at an earlier commit; participants hear of it, and hand everything in again.

        What is known is known, and nothing is done twice.
        """
        if self.disks.lose_writes(backup=backup):
            self._lost |= {one.name for one in self.handed_in}
            self.posts = [*self.handed_in, *self.posts]
            self.collateral.lost()

    # --- what can be seen

    def book(self) -> SqlBook:
        return SqlBook(self.ground.engines["door"])

    def trades(self) -> list[Trade]:
        return list(self.book().trades())

    def open_trades(self) -> list[Trade]:
        return list(self.book().open_trades())

    def is_over(self, *, but_for_people: bool = False) -> bool:
        """Whether every trade and every payment in the RTGS has ended, and nobody has more to say or to be told.

        `but_for_people`: or nothing else is left than trades that were halted, which wait for nobody else.
        """
        pending = (PaymentState.HELD, PaymentState.PENDING)
        return (
            not self.posts
            and all(but_for_people and is_halted(one) for one in self.book().open_trades())
            and not any(one.state in pending for one in self.facts().orders)
            and not self.book().undelivered()
            and not any(one.cancellations and one.perhaps is None for one in self.book().waiting())
            and not self.collateral.goes_on(self.book())
        )

    def journal(self, after: int = 0) -> list[JournalRow]:
        return list(self.book().journal(after=after))

    def facts(self) -> Facts:
        """The RTGS's books, read by a connection of the oracle's own: also while the RTGS is down."""
        if self._facts is None:
            self._facts = self._books.facts()
        return self._facts

    def _booked(self) -> None:
        self._facts = None

    def postings(self) -> list[Posting]:
        return self._books.operator.postings()

    def close(self) -> None:
        """Everybody ends, and lets go of files."""
        for process in self.cast.values():
            process.end()
        self._books.close()
        self.ground.let_go()

    # --- healing

    def heal(self) -> None:
        """From now on nothing goes wrong, and what did is mended as far as people mend it without a decision."""
        self.faults.active = False
        self.witness.calm_since = self.clock.now()
        for process in self.cast.values():
            process.clock.step(0)
            if not process.up:
                self._started(process)
        self.line_uses.update(line_uses(self._desk().faults.status()))
        self._desk().faults.clear(by="simulation")
        self.timeline.tell("world", "no more faults")
