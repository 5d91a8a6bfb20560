"""A mutant's code is what the tests meet, and each mutant meets them alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep.chain import compiler

from .building import Compilers, Contracts
from .mutants import Edit, Mutant
from .ordering import ordering_of
from .running import Bench, Traced

FILE = "tests/contracts/test_participant_registry.py"
SEES_IT = f"{FILE}::test_registering_is_the_registrars"
DOES_NOT = f"{FILE}::test_a_registered_wallet_is_active_and_known"

# A session of pytest of its own: it cannot be started within another.
PROGRAM = """
import json, sys
from pathlib import Path
from mutation.running import at_the_bench

codes, sees_it, does_not, answers = sys.argv[1:]
usual, harmful, dead = json.loads(Path(codes).read_text())

def use(bench):
    verdicts = [
        bench.judge(harmful, [does_not, sees_it, does_not], 60),
        bench.judge(usual, [does_not, sees_it], 60),
        bench.judge(harmful, [does_not], 60),
        bench.judge(dead, [does_not], 60),
        bench.judge(usual, [sees_it], 0.001),
    ]
    Path(answers).write_text(json.dumps([[one.status, one.test] for one in verdicts]))

at_the_bench(use)
"""


def the(contracts: Contracts, file: str, kind: str, before: str) -> Mutant:
    (found,) = [
        one for one in contracts.mutants() if (one.file, one.edit.kind, one.before) == (file, kind, before)
    ]  # fmt: skip
    return found


def test_verdicts(contracts: Contracts, tmp_path: Path) -> None:
    check = "if (msg.sender != registrar) revert NotRegistrar(msg.sender, registrar);"
    harmful = the(contracts, "contracts/ParticipantRegistry.sol", "check-removed", check)
    broken = Edit(start=harmful.edit.start, end=harmful.edit.end, text="_; nonsense();", kind="check-removed")
    text = contracts.sources[harmful.file].encode()
    with Compilers(1) as compilers:
        mutants = [harmful, Mutant.of(harmful.file, text, "", broken)]
        (_, built), (_, refused) = compilers.each(contracts, mutants)
    artefacts = {name: json.loads((compiler.COMPILED / f"{name}.json").read_text()) for name in compiler.SHIPPED}
    usual = {name: one["bytecode"] for name, one in artefacts.items()}
    assert set(built.bytecode) == {"ParticipantRegistry"}
    assert built.bytecode["ParticipantRegistry"] != usual["ParticipantRegistry"]
    assert not refused.bytecode
    assert "nonsense" in refused.complaint

    answers = tmp_path / "answers.json"
    # Code that reverts at once: the world cannot be deployed.
    codes = tmp_path / "codes.json"
    codes.write_text(json.dumps([dict(one) for one in (usual, built.bytecode, {"DvP": "0x5f5ffd"})]))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(compiler.REPOSITORY / "tests"), *sys.path])}
    command = [sys.executable, "-c", PROGRAM, str(codes), SEES_IT, DOES_NOT, str(answers)]
    done = subprocess.run(
        command, env=environment, cwd=compiler.REPOSITORY, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(answers.read_text()) == [
        ["killed", SEES_IT],
        ["survived", ""],
        ["survived", ""],
        ["killed", DOES_NOT],
        ["timeout", ""],
    ]


class _Traced(Bench):
    """Says where tests went without running them."""

    def trace(self, limit_seconds: float) -> Traced:
        # The first instruction of a contract is at 0.
        return Traced(seconds={"t": 1.0}, visited={"t": {"ParticipantRegistry": [0, 1 << 20]}}, cpu_seconds=2.0)


def test_a_trace_is_told_in_lines_and_kept(
    contracts: Contracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Compilers(1) as compilers:
        answers = compilers.answers(contracts.requests(contracts=["ParticipantRegistry"]))
    monkeypatch.setattr(contracts, "compile", lambda: answers)
    mutant = contracts.mutants()[0]
    ordering = ordering_of(contracts, _Traced(lambda _: None), tmp_path)
    assert ordering.tests_for(mutant, (1, 2)) == ["t"]
    (kept,) = tmp_path.glob("trace-*.json")
    lines = json.loads(kept.read_text())["lines"]["t"]
    declared = 1 + contracts.sources["contracts/ParticipantRegistry.sol"].split("contract ")[0].count("\n")
    assert lines == {"contracts/ParticipantRegistry.sol": [declared]}
    assert ordering_of(contracts, Bench(lambda _: None), tmp_path).cpu_seconds == 2.0
