"""Whatever happens in whatever order, with whom dying when: everything ends, and the invariants hold.

I1, I2, I4, I5, I8 and I9, read from the two ledgers and the board after every run (`flow_world.check`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from flow_world import UNAVAILABLE, Bench, Crash, check
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from lockstep.agent import Agent
from lockstep.domain.errors import LockstepError
from lockstep.domain.instruction import Side
from lockstep.domain.order import Epoch
from lockstep.domain.trade import TradeState
from lockstep.signing import Key
from lockstep.testing.fakes import key

PORTS = ("assets", "cash", "wallet")


class Faulty(Bench):
    """A bench in which the next commit or the next call of a port may be the last."""

    def __init__(self) -> None:
        self._fuse: int | None = None
        self._renewed: dict[int, tuple[Key, ...]] = {}
        super().__init__(self._committed)

    def agent(self, place: int) -> Agent:
        """With every key that it ever had."""
        return replace(super().agent(place), other_keys=self._renewed.get(place, ()))

    def rotate(self) -> None:
        """One agent after the other gets a new key; each keeps its old ones, and goes on."""
        number = self.chain.current_epoch.number + 1
        place = number % len(self.agents)
        self._renewed[place] = (*self._renewed.get(place, ()), key(f"agent {place} of epoch {number}"))
        self.agents[place] = self.agent(place)
        newest = [self._renewed.get(one, (self.agent_keys[one],))[-1].address for one in range(len(self.agents))]
        ascending = tuple(sorted(newest, key=lambda one: int(one, 16)))
        self.chain.rotate(Epoch(number=number, agents=ascending, quorum=3))

    def long_stop(self) -> None:
        """Two honest roles: only what is locked and, as the RTGS tells them, not paid."""
        booked = {settlement for settlement, _, _ in self.rtgs.booked}
        for trade in self.book.trades():
            if trade.order is not None and trade.settlement_id not in booked:
                self.chain.long_stop(trade.order)

    def _committed(self, _: str) -> None:
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse < 0:
                self._fuse = None
                raise Crash

    def die_after(self, commits: int) -> None:
        self._fuse = commits

    def fail(self, port: str, moment: str, error: BaseException) -> None:
        def hook(_: str) -> None:
            setattr(getattr(self, port), moment, lambda _: None)
            raise error

        setattr(getattr(self, port), moment, hook)

    def mend(self) -> None:
        self._fuse = None
        for port in PORTS:
            for moment in ("before", "after"):
                setattr(getattr(self, port), moment, lambda _: None)


def service(bench: Faulty) -> None:
    bench.engine.run_once()


def agent(place: int) -> Callable[[Faulty], None]:
    return lambda bench: void(bench.agents[place].step())


def void(_: object) -> None:
    """What it returned is of no interest."""


def new_agent(bench: Faulty) -> None:
    bench.agents[1] = bench.agent(1)


def ask(side: Side) -> Callable[[Faulty], None]:
    return lambda bench: void(bench.ask_to_cancel(side))


def time_passes(seconds: int) -> Callable[[Faulty], None]:
    def pass_(bench: Faulty) -> None:
        bench.clock.advance(seconds)
        bench.rtgs.expire()
        bench.chain.mine()

    return pass_


STEPS: dict[str, Callable[[Faulty], None]] = {
    "service": service,
    "service again": service,
    "whole tick": lambda bench: void(bench.tick()),
    "another tick": lambda bench: void(bench.tick()),
    **{f"agent {place}": agent(place) for place in range(4)},
    "agent restarts": new_agent,
    "blocks": lambda bench: bench.chain.mine(2),
    "reorganisation": lambda bench: bench.chain.reorganise(min(2, bench.chain.head)),
    "rotation": lambda bench: bench.rotate(),
    "another rotation": lambda bench: bench.rotate(),
    "long stop": lambda bench: bench.long_stop(),
    "time": time_passes(300),
    "an hour": time_passes(3_700),
    "money": lambda bench: bench.fund(60_000),
    "day closes": lambda bench: bench.rtgs.close_day(),
    "seller cancels": ask(Side.DELIVER),
    "buyer cancels": ask(Side.RECEIVE),
    "wallet silent": lambda bench: bench.wallet.silent.add(Side.RECEIVE),
    "wallet signs": lambda bench: bench.wallet.silent.clear(),
    "dies at the next commit": lambda bench: bench.die_after(0),
    "dies two commits later": lambda bench: bench.die_after(2),
    "node is gone": lambda bench: bench.fail("assets", "before", UNAVAILABLE),
    "node's answer is lost": lambda bench: bench.fail("assets", "after", UNAVAILABLE),
    "RTGS is gone": lambda bench: bench.fail("cash", "before", UNAVAILABLE),
    "RTGS's answer is lost": lambda bench: bench.fail("cash", "after", UNAVAILABLE),
    "dies having sent a transaction": lambda bench: bench.fail("assets", "after", Crash()),
    "dies having sent a payment": lambda bench: bench.fail("cash", "after", Crash()),
    "dies having signed": lambda bench: bench.fail("wallet", "after", Crash()),
}


def take(bench: Faulty, step: Callable[[Faulty], None]) -> None:
    """What is asked at the wrong time is refused, and changes nothing."""
    try:
        with suppress(LockstepError):
            step(bench)
    except Crash:
        bench.mend()
        bench.restarted()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cash=st.sampled_from([500_000, 99_000, 98_999]),
    two=st.booleans(),
    names=st.lists(st.sampled_from(sorted(STEPS)), max_size=40),
)
def test_everything_ends_and_the_invariants_hold(cash: int, two: bool, names: list[str]) -> None:
    bench = Faulty()
    try:
        bench.set_cash(cash)
        for number in (1, 2) if two else (1,):
            bench.instruct(number)
        for name in names:
            take(bench, STEPS[name])
            check(bench)
        bench.mend()
        bench.wallet.silent.clear()
        bench.run(15)
        bench.clock.advance(16 * 3600)  # the day is over
        bench.run(30)
        for trade in bench.book.trades():
            assert trade.state.is_end, (trade.state, trade.reason)
            event(trade.state.value)
        check(bench)
        done = [trade for trade in bench.book.trades() if trade.state is TradeState.SETTLED]
        assert len(bench.rtgs.booked) == len(done) == bench.events().count("Settled"), "PAID leads to SETTLED only"
        assert bench.events().count("Locked") == len(done) + bench.events().count("GivenBack"), "I12: no lock is left"
    finally:
        bench.close()
