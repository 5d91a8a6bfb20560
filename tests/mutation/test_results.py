"""A run goes on where it stopped, tries again what may have changed, and explains only what is there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from .building import Contracts
from .mutants import Edit, Mutant
from .ordering import Ordering
from .results import Explanations, Result, Results, Summary, wilson_interval

HERE = Path(__file__).parent
MUTANT = Mutant.of("A.sol", b"one\n  a  < b\nthree\n", "f", Edit(start=9, end=10, text=">", kind="comparison"))


def result(status: str, **changes: Any) -> Result:
    usual = Result(
        id=MUTANT.id,
        source=MUTANT.source,
        status=status,
        function=MUTANT.function,
        before=MUTANT.before,
        after=MUTANT.after,
        line=MUTANT.first_line,
        tests="tests 1",
    )
    return replace(usual, **changes)


def explained(folder: Path, text: str) -> Explanations:
    path = folder / "survivors.toml"
    path.write_text(text)
    return Explanations(path)


ENTRY = '[[survivor]]\nfile = "A.sol"\nfunction = "f"\nbefore = "a < b"\nafter = "a > b"\nreason = "No matter."\n'


def test_a_mutant_tells_its_lines() -> None:
    assert (MUTANT.first_line, MUTANT.last_line, MUTANT.before, MUTANT.after) == (2, 2, "a < b", "a > b")
    assert MUTANT.applied("one\n  a  < b\nthree\n") == "one\n  a  > b\nthree\n"


def test_results_are_found_again_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results = Results(path)
    assert results.of(MUTANT, "tests 1") is None
    results.add(result("survived"))
    results.add(result("killed", test="t"))
    with path.open("a") as file:
        file.write('{"id": "A.sol:9:comp')
    found = Results(path).of(MUTANT, "tests 1")
    assert found == result("killed", test="t")


def test_only_a_survivor_meets_new_tests(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    for status, again in (("survived", True), ("killed", False), ("timeout", False), ("equivalent", False)):
        results.add(result(status))
        assert (results.of(MUTANT, "tests 2") is None) is again
        assert results.of(MUTANT, "tests 1") is not None


def test_a_result_says_nothing_of_another_version_of_the_file(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    results.add(result("killed", source="another"))
    assert results.of(MUTANT, "tests 1") is None


def test_the_very_same_code_is_tested_once(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    results.add(result("equivalent", code="c"))
    assert results.twin("c", "tests 1") is None
    results.add(result("survived", code="d"))
    assert results.twin("d", "tests 2") is None
    twin = results.twin("d", "tests 1")
    assert twin is not None and twin.status == "survived"


def test_the_score_counts_what_was_killed_of_what_can_be(tmp_path: Path) -> None:
    known = [
        result("killed"),
        result("timeout"),
        result("survived"),
        result("survived", after="a >> b"),
        result("equivalent"),
        result("compile-error"),
    ]
    summary = Summary.of(7, known, explained(tmp_path, ENTRY))
    assert (summary.killed, len(summary.explained), len(summary.unexplained)) == (2, 1, 1)
    assert summary.killed_though_explained == (known[0],)
    assert summary.score_permyriad == 5_000
    assert summary.judged_score_permyriad == 6_666
    assert summary.figures()["mutants"] == 7


def test_the_interval_is_wilsons() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for part, whole, low, high in (
        (81, 263, 2553, 3662), (15, 148, 624, 1605), (0, 20, 0, 1611), (1, 29, 61, 1718),
    ):  # fmt: skip
        found = wilson_interval(part, whole)
        assert low - 1 <= found[0] <= low
        assert high <= found[1] <= high + 1
    assert wilson_interval(0, 0) == (0, 10_000)
    assert wilson_interval(10, 10)[1] == 10_000


def test_code_that_a_constructor_creates_is_tested_in_its_creator(contracts: Contracts) -> None:
    for file in ("contracts/DvPNet.sol", "contracts/libraries/Words.sol"):
        assert "DvP" in contracts.users(file)
        assert "SecurityToken" not in contracts.users(file)
    assert contracts.users("contracts/token/Holdings.sol") == ["SecurityToken"]
    assert contracts.users("contracts/CollateralEnforcement.sol") == ["CollateralRegister", "CollateralEnforcement"]
    tried = {mutant.file for mutant in contracts.mutants()}
    assert tried >= {"contracts/DvPNet.sol", "contracts/libraries/Words.sol", "contracts/token/Holdings.sol"}
    assert tried >= {"contracts/CollateralEnforcement.sol", "contracts/collateral/Cover.sol"}


def test_a_mutant_is_compiled_with_what_the_shipped_code_is_compiled_with(contracts: Contracts) -> None:
    """One request for each run of the compiler that makes what the mutant is in."""
    of = {mutant.file: mutant for mutant in contracts.mutants()}
    shared, later = of["contracts/libraries/Signatures.sol"], of["contracts/collateral/Cover.sol"]
    first, second = contracts.requests(shared)
    assert not any("ollateral" in name for name in first["sources"])
    assert first["sources"].keys() < second["sources"].keys() < contracts.sources.keys()
    assert contracts.sources.keys() - second["sources"].keys() <= {
        "contracts/JournalAnchor.sol",
        "contracts/interfaces/IJournalAnchor.sol",
    }, "what came last is compiled apart"
    assert all(one["sources"][shared.file]["content"] != contracts.sources[shared.file] for one in (first, second))
    (only,) = contracts.requests(later)
    made = {"contracts/CollateralRegister.sol", "contracts/CollateralEnforcement.sol"}
    assert only["settings"]["outputSelection"].keys() == made
    assert only["sources"][later.file]["content"] == later.applied(contracts.sources[later.file])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ENTRY.replace("No matter.", " "), "survivor 1 must have"),
        (ENTRY.replace("reason", "why"), "survivor 1 must have"),
        (ENTRY + ENTRY.replace("No matter.", "Other."), "explained twice"),
    ],
)
def test_a_bad_explanation_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        explained(tmp_path, text)


def test_every_explanation_is_of_a_mutant_that_there_is(contracts: Contracts) -> None:
    explanations = Explanations(HERE / "survivors.toml")
    assert explanations.stale(contracts.mutants()) == []


def test_tests_that_went_over_the_line_go_first_and_those_that_killed_before_them() -> None:
    seconds = {"far": 0.1, "around": 0.2, "slow": 2.0, "quick": 1.0}
    lines = {"far": {"B.sol": [2]}, "around": {"A.sol": [1]}, "slow": {"A.sol": [1, 2]}, "quick": {"A.sol": [2]}}
    ordering = Ordering(seconds, lines, 3.0)
    assert ordering.tests_for(MUTANT, (1, 3)) == ["quick", "slow", "around", "far"]
    ordering.learn(MUTANT, "slow")
    assert ordering.tests_for(MUTANT, (1, 3)) == ["slow", "quick", "around", "far"]
