"""What became of each mutant, a line each; and what is said of those that live.

Lines are only appended, so a run can be stopped at any time and goes on where it was. A later line of the same mutant
replaces the earlier one.
"""

import json
import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .mutants import Mutant

__all__ = ["ENDED", "Explained", "Explanations", "Result", "Results", "Summary", "wilson_interval"]

KILLED, SURVIVED, TIMEOUT, EQUIVALENT, COMPILE_ERROR = "killed", "survived", "timeout", "equivalent", "compile-error"
ENDED = (KILLED, TIMEOUT, SURVIVED, EQUIVALENT, COMPILE_ERROR)
TWO_SIDED_95 = 1.959964
"""Standard deviations of a normal distribution about its mean that 95 % lie within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One mutant's end."""

    id: str
    source: str
    """Digest of the source unit: of another version, the result says nothing."""
    status: str
    """killed by a test; timeout (killed, too); survived all tests; equivalent: compiles to the very same code;
    compile-error: is no program."""
    function: str
    before: str
    after: str
    line: int
    test: str = ""
    """The test that killed it."""
    code: str = ""
    """Digest of its creation code."""
    tests: str = ""
    """Digest of the tests; a survivor is tried again when they changed."""
    seconds: float = 0.0
    """Tests alone, without the compiler."""

    @property
    def file(self) -> str:
        return self.id.partition(":")[0]

    @property
    def kind(self) -> str:
        return self.id.split(":")[2]


class Results:
    """The file of results."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._by_id: dict[str, Result] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                # The last line may be half written, if the run was killed.
                if line.endswith("}"):
                    self._keep(Result(**json.loads(line)))

    def add(self, result: Result) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        self._keep(result)

    def of(self, mutant: Mutant, tests: str) -> Result | None:
        """What is known of the mutant, if it still holds: killed stays killed, survivors meet new tests again."""
        found = self._by_id.get(mutant.id)
        if found is None or found.source != mutant.source:
            return None
        return None if found.status == SURVIVED and found.tests != tests else found

    def twin(self, code: str, tests: str) -> Result | None:
        """A tested mutant of the very same code."""
        for found in self._by_id.values():
            if found.code == code and found.status in (KILLED, TIMEOUT, SURVIVED):
                return None if found.status == SURVIVED and found.tests != tests else found
        return None

    def _keep(self, result: Result) -> None:
        self._by_id[result.id] = result


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A survivor that is accepted, and why. Found by its text, so that it outlives changes elsewhere in the file."""

    file: str
    function: str
    before: str
    after: str
    reason: str


class Explanations:
    """The checked-in explanations.

    Raises ValueError on an entry that lacks a field, has another, or is empty.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            entries = tomllib.load(file).get("survivor", [])
        fields = sorted(Explained.__dataclass_fields__)
        for number, entry in enumerate(entries, 1):
            if sorted(entry) != fields or not all(isinstance(text, str) and text.strip() for text in entry.values()):
                raise ValueError(f"{path.name}: survivor {number} must have {', '.join(fields)}, each a text")
        self.entries = [Explained(**entry) for entry in entries]
        self._by_text = {(one.file, one.function, one.before, one.after): one for one in self.entries}
        if len(self._by_text) < len(self.entries):
            raise ValueError(f"{path.name}: a survivor is explained twice")

    def of(self, one: Result | Mutant) -> Explained | None:
        return self._by_text.get((one.file, one.function, one.before, one.after))

    def stale(self, mutants: Iterable[Mutant]) -> list[Explained]:
        """Entries of which there is no such mutant any more."""
        there = {(one.file, one.function, one.before, one.after) for one in mutants}
        return [entry for text, entry in self._by_text.items() if text not in there]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Figures of a set of results."""

    mutants: int
    """In the set, tried or not."""
    counts: Mapping[str, int]
    explained: tuple[Result, ...]
    unexplained: tuple[Result, ...]
    killed_though_explained: tuple[Result, ...]
    """Their entries can go."""

    @classmethod
    def of(cls, mutants: int, results: Iterable[Result], explanations: Explanations) -> "Summary":
        known = list(results)
        living = sorted((one for one in known if one.status == SURVIVED), key=lambda one: (one.file, one.line))
        counts = Counter(one.status for one in known)
        return cls(
            mutants=mutants,
            counts={status: counts[status] for status in ENDED},
            explained=tuple(one for one in living if explanations.of(one)),
            unexplained=tuple(one for one in living if not explanations.of(one)),
            killed_though_explained=tuple(one for one in known if one.status == KILLED and explanations.of(one)),
        )

    @property
    def killed(self) -> int:
        return self.counts[KILLED] + self.counts[TIMEOUT]

    def figures(self) -> dict[str, object]:
        """As they are written down."""
        return {
            "mutants": self.mutants,
            **self.counts,
            "explained": len(self.explained),
            "unexplained": len(self.unexplained),
            "score_permyriad": self.score_permyriad,
            "score_but_for_explained_permyriad": self.judged_score_permyriad,
            "score_but_for_explained_interval_permyriad": self.judged_interval_permyriad,
        }

    @property
    def score_permyriad(self) -> int:
        """Killed of killed and survived, explained ones included, in hundredths of a per cent, rounded down."""
        return _share(self.killed, self.killed + self.counts[SURVIVED])

    @property
    def judged_score_permyriad(self) -> int:
        """The same without the explained survivors."""
        return _share(self.killed, self.killed + len(self.unexplained))

    @property
    def judged_interval_permyriad(self) -> tuple[int, int]:
        """Where that score of all mutants lies with 95 % confidence, if the tried ones are a fair sample."""
        return wilson_interval(self.killed, self.killed + len(self.unexplained))


def wilson_interval(part: int, whole: int) -> tuple[int, int]:
    """95 % confidence interval of a share, in hundredths of a per cent, rounded outwards (Wilson 1927)."""
    if whole == 0:
        return 0, 10_000
    share, square = part / whole, TWO_SIDED_95**2
    middle = share + square / (2 * whole)
    width = TWO_SIDED_95 * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    low, high = ((middle + side) / (1 + square / whole) for side in (-width, width))
    return max(0, math.floor(10_000 * low)), min(10_000, math.ceil(10_000 * high))


def _share(part: int, whole: int) -> int:
    return 10_000 * part // whole if whole else 10_000
