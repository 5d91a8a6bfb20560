"""One run: choose mutants, compile, test, note, report."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .building import Built, Compilers, Contracts
from .mutants import Mutant
from .ordering import Ordering, ordering_of, tests_digest
from .results import COMPILE_ERROR, EQUIVALENT, KILLED, Explanations, Result, Results, Summary
from .running import Bench, at_the_bench

__all__ = ["Survey", "report"]

LEAST_LIMIT_SECONDS = 60


@dataclass(kw_only=True)
class Survey:
    """A set of mutants, and what is known of them."""

    folder: Path
    """Where results and the trace of the tests are kept."""
    explanations: Explanations
    jobs: int = 1
    """Compilers beside the tests."""
    say: Callable[[str], None] = lambda _: None
    contracts: Contracts = field(default_factory=Contracts)

    def __post_init__(self) -> None:
        self.all = self.contracts.mutants()
        self.results = Results(self.folder / "results.jsonl")
        self.tests = tests_digest()

    def sample(self, mutants: Sequence[Mutant], size: int | None = None, seed: str | None = None) -> list[Mutant]:
        """`size` of the mutants, or all, in an order that `seed` draws: a run that is cut short tried a fair sample.

        Without a seed the contracts' own text is it: another version, another sample, the same for everybody.
        """
        count = len(mutants) if size is None else min(size, len(mutants))
        return random.Random(seed or self.contracts.digest).sample(mutants, count)

    def open(self, mutants: Sequence[Mutant]) -> list[Mutant]:
        """Those of which nothing is known that still holds."""
        return [one for one in mutants if self.results.of(one, self.tests) is None]

    def run(self, mutants: Sequence[Mutant], budget_seconds: float | None = None) -> None:
        """Try the open ones of `mutants` until all are tried or the budget is spent, the explained ones last.

        They take every test each, and the score that a run is judged by leaves them out. Raises what running.py and
        building.py raise.
        """
        ahead = sorted(self.open(mutants), key=lambda one: self.explanations.of(one) is not None)
        if ahead:
            deadline = None if budget_seconds is None else time.monotonic() + budget_seconds
            at_the_bench(lambda bench: self._try(bench, ahead, deadline))

    def summary(self, mutants: Sequence[Mutant]) -> Summary:
        known = (self.results.of(one, self.tests) for one in mutants)
        return Summary.of(len(mutants), (one for one in known if one is not None), self.explanations)

    def _try(self, bench: Bench, ahead: Sequence[Mutant], deadline: float | None) -> None:
        ordering = ordering_of(self.contracts, bench, self.folder)
        limit = max(LEAST_LIMIT_SECONDS, 4 * ordering.cpu_seconds)
        with Compilers(self.jobs) as compilers:
            usual = compilers.unchanged(self.contracts)
            started = time.monotonic()
            for number, (mutant, built) in enumerate(compilers.each(self.contracts, _until(deadline, ahead)), 1):
                result = self._judged(bench, ordering, limit, mutant, built, usual)
                self.results.add(result)
                if result.status == KILLED:
                    ordering.learn(mutant, result.test)
                pace = (time.monotonic() - started) / number
                self.say(f"{number}/{len(ahead)} {pace:.1f} s each  {result.status:<13} {mutant.id}  {result.test}")

    def _judged(
        self, bench: Bench, ordering: Ordering, limit: float, mutant: Mutant, built: Built, usual: Built
    ) -> Result:
        def ended(status: str, test: str = "", seconds: float = 0.0) -> Result:
            return Result(
                id=mutant.id,
                source=mutant.source,
                status=status,
                function=mutant.function,
                before=mutant.before,
                after=mutant.after,
                line=mutant.first_line,
                test=test,
                code=built.code if built.bytecode else "",
                tests=self.tests,
                seconds=seconds,
            )

        if not built.bytecode:
            return ended(COMPILE_ERROR)
        if all(usual.bytecode[name] == code for name, code in built.bytecode.items()):
            return ended(EQUIVALENT)
        if (twin := self.results.twin(built.code, self.tests)) is not None:
            return ended(twin.status, twin.test)
        order = ordering.tests_for(mutant, self.contracts.around(mutant))
        verdict = bench.judge(built.bytecode, order, limit)
        if verdict.status == KILLED and bench.judge(built.bytecode, [verdict.test], limit).status != KILLED:
            # Only what fails again has seen the mutant, and not the weather.
            self.say(f"{verdict.test} failed once and passed then on {mutant.id}")
            verdict = bench.judge(built.bytecode, [one for one in order if one != verdict.test], limit)
        return ended(verdict.status, verdict.test, verdict.seconds)


def _until(deadline: float | None, mutants: Sequence[Mutant]) -> Iterator[Mutant]:
    for mutant in mutants:
        if deadline is not None and time.monotonic() >= deadline:
            return
        yield mutant


def report(summary: Summary, explanations: Explanations) -> list[str]:
    """The lines that a reader gets."""
    known = sum(summary.counts.values())
    lines = [f"{known:,} of {summary.mutants:,} mutants tried"]
    lines += [f"  {status:<14}{count:>6,}" for status, count in summary.counts.items()]
    lines.append(f"score {_per_cent(summary.score_permyriad)}, {_per_cent(summary.judged_score_permyriad)} but for")
    lines[-1] += f" the {len(summary.explained)} survivors that are explained"
    if known < summary.mutants:
        low, high = summary.judged_interval_permyriad
        lines.append(f"of all, if these are a fair sample: {_per_cent(low)} to {_per_cent(high)} with 95 % confidence")
    sections = {
        "Explained": summary.explained,
        "Explained, and yet killed": summary.killed_though_explained,
        "Unexplained": summary.unexplained,
    }
    for title, mutants in sections.items():
        for one in mutants:
            lines += ["", f"{title}: {one.file}:{one.line} {one.function}, {one.kind}"]
            lines += [f"  - {one.before}", f"  + {one.after}"]
            if (found := explanations.of(one)) is not None:
                lines.append(f"  {found.reason.strip()}")
    return lines


def _per_cent(permyriad: int) -> str:
    return f"{permyriad // 100}.{permyriad % 100:02d} %"
