"""What can go wrong, how often, and whether it does now.

Each time a fault of some kind could happen the injector is asked. Its answer is a hash of the seed, the kind, the step
of the schedule and how often it was asked in that step: nothing that happens elsewhere changes it. So a run is the
list of the decisions that struck, and any of them can be left out without moving the others, which is what
`minimising` does. Each seed switches only some kinds on (swarm testing): what never happens together otherwise, and
what hides behind another fault, comes to light.

Swarm testing: Groce, Zhang, Eide, Chen, Regehr, ISSTA 2012.
"""

import random
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lockstep.domain.errors import InvalidInput
from lockstep.simulation.actors import COLLATERAL
from lockstep.simulation.actors import KINDS as ACTORS
from lockstep.simulation.streams import Streams, bits

__all__ = ["KINDS", "Decision", "FaultPlan", "Injector", "read_plan"]

ENDING = (
    "party-cancels",
    "cancellation-race",
    "token-paused",
    "holding-frozen",
    "participant-suspended",
    "officer-stolen",
)
"""Acts that end trades before the lock. What comes after the payment is what matters most, so these are rare."""

KINDS: Mapping[str, float] = {
    # a process dies, at a boundary
    "crash-before-commit": 0.01,
    "crash-after-commit": 0.007,
    "crash-before-send": 0.02,
    "crash-after-send": 0.02,
    "crash-on-receive": 0.004,
    # storage
    "failed-commit": 0.01,
    "lost-writes": 0.02,
    "restore-service": 0.01,
    "restore-agent": 0.02,
    # workers
    "worker-pause": 0.03,
    "agent-pause": 0.01,
    "second-worker": 1.0,
    "third-worker": 1.0,
    "workers-share": 1.0,
    # the RTGS's line: on for the whole run
    "line-loss": 1.0,
    "line-duplicate": 1.0,
    "line-delay": 1.0,
    "line-reorder": 1.0,
    "line-notice-first": 1.0,
    "line-recall-race": 1.0,
    "line-statement": 1.0,
    "line-contradict": 1.0,
    "line-answer-lost": 1.0,
    "line-outage": 1.0,
    "file-loss": 1.0,
    "file-duplicate": 1.0,
    "file-delay": 1.0,
    "file-reorder": 1.0,
    "line-corrupt": 0.03,
    # each party's node
    "rpc-timeout-before": 0.004,
    "rpc-timeout-after": 0.2,
    "rpc-stale": 0.02,
    "rpc-forgotten": 0.15,
    "rpc-twice": 0.2,
    "rpc-wrong-nonce": 0.15,
    "rpc-error": 0.004,
    "node-behind": 0.03,
    # the chain
    "reorg": 0.15,
    "reorg-at-once": 0.15,
    "deep-reorg": 0.04,
    # time
    "clock-forward": 0.006,
    "clock-back": 0.006,
    "lock-by": 0.01,
    "cut-off": 0.02,
    "end-of-day": 0.006,
    "long-stop": 0.03,
    "holiday": 1.0,
    # people
    "message-doubled": 0.2,
    "cancellation": 1.0,
    # people and enemies: see `actors`
    **dict.fromkeys(ACTORS, 0.025),
    **dict.fromkeys(ENDING, 0.012),
    **dict.fromkeys(COLLATERAL, 0.06),
    "collateral-moved": 0.35,
    "collateral-valued": 0.12,
    "collateral-enforced": 0.15,
    "margin-called": 0.3,
    "repo-agreed": 0.2,
}
"""Kinds with the share of occasions on which each strikes, where a seed has it on. docs/reference/simulation.md says
what each does."""

SWARM = 0.33
"""How many of the kinds a seed has on, on average."""
RARE = {
    **dict.fromkeys(ACTORS, 0.1),
    **dict.fromkeys(COLLATERAL, 0.5),
    "collateral-moved": 1.0,
    "collateral-valued": 0.9,
    "collateral-enforced": 0.7,
    "margin-called": 0.9,
    "cancellation": 0.2,
    "cut-off": 0.3,
    "end-of-day": 0.2,
    "long-stop": 0.3,
    "holiday": 0.25,
    "workers-share": 0.5,
    "line-contradict": 0.15,
    "restore-service": 0.3,
    "lost-writes": 0.3,
}
"""Those that end trades early, or change a run much, are on in fewer seeds, so that most trades settle. Workers share
only where there are several, so that is on in more."""

_WHOLE = 1 << 64


@dataclass(frozen=True, slots=True, order=True)
class Decision:
    """A fault that struck: its kind, the step, and which of that step's occasions."""

    kind: str
    step: int
    occasion: int

    def __str__(self) -> str:
        return f"{self.kind}@{self.step}.{self.occasion}"

    @classmethod
    def parse(cls, text: str) -> "Decision":
        """Raises InvalidInput."""
        kind, _, place = text.partition("@")
        step, _, occasion = place.partition(".")
        if kind not in KINDS or not (step.isdecimal() and occasion.isdecimal()):
            raise InvalidInput("only", text, "KIND@STEP.OCCASION, of a known kind")
        return cls(kind, int(step), int(occasion))


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Rates by kind; a kind that is not named has its usual rate, 0 switches one off."""

    rates: Mapping[str, float] = field(default_factory=dict)
    swarm: bool = True
    """Whether each seed leaves a part of the kinds out."""
    only: frozenset[Decision] | None = None
    """If given, what strikes is these and nothing else."""
    collateral: bool = False
    """Whether the market has a collateral register, and people who pledge, value, enforce and call for margin."""

    def to_toml(self) -> str:
        lines = [f"swarm = {str(self.swarm).lower()}"]
        if self.collateral:
            lines.append("collateral = true")
        if self.only is not None:
            lines += ["only = [", *(f'  "{one}",' for one in sorted(self.only)), "]"]
        if self.rates:
            lines += ["", "[rates]", *(f"{kind} = {rate}" for kind, rate in sorted(self.rates.items()))]
        return "\n".join(lines) + "\n"


def read_plan(path: Path) -> FaultPlan:
    """A plan as TOML. Raises InvalidInput with field, value and rule."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(path.name, str(error), "TOML") from error
    except OSError as error:
        raise InvalidInput("faults", path, f"a file that can be read ({error.strerror})") from error
    for name in content:
        if name not in ("rates", "swarm", "only", "collateral"):
            raise InvalidInput(name, content[name], "rates, swarm, only or collateral")
    rates, swarm, only = content.get("rates", {}), content.get("swarm", True), content.get("only")
    collateral = content.get("collateral", False)
    for name, given in (("swarm", swarm), ("collateral", collateral)):
        if not isinstance(given, bool):
            raise InvalidInput(name, given, "true or false")
    if not isinstance(rates, dict):
        raise InvalidInput("rates", rates, "a table of rates by kind")
    for kind, rate in rates.items():
        if kind not in KINDS:
            raise InvalidInput("rates", kind, f"one of {', '.join(KINDS)}")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise InvalidInput(f"rates/{kind}", rate, "a number from 0 to 1")
    if only is not None and not (isinstance(only, list) and all(isinstance(one, str) for one in only)):
        raise InvalidInput("only", only, "a list of decisions")
    decided = None if only is None else frozenset(Decision.parse(one) for one in only)
    return FaultPlan(rates=rates, swarm=swarm, only=decided, collateral=collateral)


class Injector:
    """One seed's faults. `step` is set by the schedule; faults strike while `active`."""

    def __init__(self, seed: int, plan: FaultPlan) -> None:
        self._seed, self._only = seed, plan.only
        self.step = 0
        self.active = True
        self.struck: list[Decision] = []
        self._asked: Counter[str] = Counter()
        self._asked_in = 0
        chosen = {kind: KINDS[kind] if kind not in plan.rates else plan.rates[kind] for kind in KINDS}
        if not plan.collateral:
            chosen = {kind: rate for kind, rate in chosen.items() if kind not in COLLATERAL}
        if plan.swarm:
            chosen = {kind: rate for kind, rate in chosen.items() if self._is_on(kind)}
        self._least = {kind: int(rate * _WHOLE) for kind, rate in chosen.items() if rate}

    def _is_on(self, kind: str) -> bool:
        return bits(self._seed, "swarm", kind) < int(RARE.get(kind, SWARM) * _WHOLE)

    def has(self, kind: str) -> bool:
        """Whether this seed can have such a fault at all."""
        return kind in self._least if self._only is None else any(one.kind == kind for one in self._only)

    def strikes(self, kind: str) -> random.Random | None:
        """Whether such a fault happens now: what it is like is drawn from the answer. None: not now."""
        if not self.active or (self._only is None and kind not in self._least):
            return None
        if self._asked_in != self.step:
            self._asked.clear()
            self._asked_in = self.step
        occasion = self._asked[kind]
        self._asked[kind] = occasion + 1
        drawn = bits(self._seed, kind, self.step, occasion)
        decision = Decision(kind, self.step, occasion)
        if decision not in self._only if self._only is not None else drawn >= self._least[kind]:
            return None
        self.struck.append(decision)
        return Streams(drawn).stream(kind)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing strikes meanwhile."""
        before, self.active = self.active, False
        try:
            yield
        finally:
            self.active = before

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind struck."""
        return dict(sorted(Counter(one.kind for one in self.struck).items()))
