"""Sign once: one outcome per settlement, whoever asks, in whatever order, across restarts (I9)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations, product
from pathlib import Path
from types import SimpleNamespace

import pytest
from agent_cases import AT, SETTLEMENT, attestation

from lockstep.agent import Register
from lockstep.agent import register as register_module
from lockstep.domain.errors import Contradiction
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.log_run import LogRun
from lockstep.domain.order import Attestation, OutcomeResult

PAID, NEVER = attestation(OutcomeResult.PAID), attestation(OutcomeResult.NEVER)
OTHER = SettlementId("cd" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent" / "register.db"


@pytest.fixture
def register(path: Path) -> Iterator[Register]:
    register = Register(path)
    yield register
    register.close()


def test_record(register: Register) -> None:
    assert register.find(SETTLEMENT) is None and register.all() == []
    assert register.record(PAID, ("uetr",)) == PAID
    assert register.record(PAID, ("uetr",)) == PAID, "again is harmless"
    assert register.find(SETTLEMENT) == PAID and register.all() == [PAID]


@pytest.mark.parametrize(("first", "second"), [(PAID, NEVER), (NEVER, PAID)])
def test_never_the_other(register: Register, first: Attestation, second: Attestation) -> None:
    register.record(first, ())
    with pytest.raises(Contradiction) as caught:
        register.record(second, ())
    signed, wanted = first.result.name, second.result.name
    assert str(caught.value) == f"settlement {SETTLEMENT}: {signed} is signed, {wanted} never can be"
    assert register.all() == [first]


def test_what_is_stored_is_what_leaves(register: Register) -> None:
    """The same outcome signed anew does not replace what may have left already."""
    register.record(PAID, ())
    assert register.record(attestation(OutcomeResult.PAID, "a1"), ()) == PAID


def test_settlements_apart(register: Register) -> None:
    other = attestation(OutcomeResult.NEVER, settlement=OTHER)
    register.record(PAID, ())
    register.record(other, ())
    assert register.all() == [PAID, other] and register.find(OTHER) == other


def test_a_restart_forgets_nothing(path: Path) -> None:
    first = Register(path)
    first.record(PAID, ())
    first.note(AT, "released", SETTLEMENT)
    first.close()
    second = Register(path)
    assert second.all() == [PAID] and second.steps() == [(AT.isoformat(), "released", SETTLEMENT, "")]
    with pytest.raises(Contradiction):
        second.record(NEVER, ())
    second.close()


def test_dead_after_the_commit(path: Path) -> None:
    def die(_: str) -> None:
        raise KeyboardInterrupt

    dying = Register(path, die)
    with pytest.raises(KeyboardInterrupt):
        dying.record(PAID, ())
    dying.close()
    after = Register(path)
    assert after.all() == [PAID], "on disk before it could leave"
    after.close()


@pytest.mark.parametrize("results", list(product((PAID, NEVER), repeat=3)))
def test_every_interleaving_of_two_processes(path: Path, results: tuple[Attestation, ...]) -> None:
    """Two connections to one file take turns in every order: what was first stands, for both."""
    for place, turns in enumerate(set(permutations((0, 0, 1)))):
        file = path.with_name(f"{place}.db")
        registers = (Register(file), Register(file))
        signed = []
        for turn, wanted in zip(turns, results, strict=True):
            try:
                signed.append(registers[turn].record(wanted, ()))
            except Contradiction:
                assert wanted.result is not results[0].result
        assert {one.result for one in signed} == {results[0].result}
        assert [one.all() for one in registers] == [[results[0]]] * 2
        for one in registers:
            one.close()


def test_many_at_once(path: Path) -> None:
    Register(path).close()

    def record(wanted: Attestation) -> OutcomeResult | None:
        register = Register(path)
        try:
            return register.record(wanted, ()).result
        except Contradiction:
            return None
        finally:
            register.close()

    with ThreadPoolExecutor(8) as pool:
        results = set(pool.map(record, [PAID, NEVER] * 8))
    assert len(results - {None}) == 1


def test_steps_are_noted_once(register: Register) -> None:
    for detail in ("a", "a", "b"):
        register.note(AT, "refused", SETTLEMENT, detail)
    register.note(AT, "refused", OTHER, "a")
    assert [(kind, settlement, detail) for _, kind, settlement, detail in register.steps()] == [
        ("refused", SETTLEMENT, "a"),
        ("refused", SETTLEMENT, "b"),
        ("refused", OTHER, "a"),
    ]


def test_told_after_each_commit(path: Path) -> None:
    told: list[str] = []
    register = Register(path, told.append)
    register.record(PAID, ())
    register.note(AT, "published", SETTLEMENT)
    assert told == ["signed", "published"]
    register.close()


def test_of_a_kept_log_so_many_lines_and_no_more(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole runs from a line on, as few as have so many lines; of the others not even the text is read."""
    lengths = [1, 40, 1, 2, 30, 1, 1, 25, 40, 3] * 4
    runs, first = [], 1
    for length in lengths:
        said = [
            attestation(OutcomeResult.PAID, settlement=SettlementId(f"{number:064x}"))
            for number in range(first, first + length)
        ]
        runs.append(LogRun(first=first, previous="0" * 64, attestations=tuple(said), signature=b"s" * 65))
        first += length
    register.keep(runs)
    assert register.last_kept(PAID.agent) == sum(lengths) and register.kept_runs(PAID.agent) == runs
    read: list[int] = []
    loads = register_module.orjson.loads
    monkeypatch.setattr(register_module, "orjson", SimpleNamespace(loads=lambda text: read.append(1) or loads(text)))
    for after, lines in product(range(0, first + 2, 7), (0, 1, 50, 500)):
        later = [run for run in runs if run.last > after]
        count = next((n for n in range(len(later)) if sum(len(one.attestations) for one in later[:n]) >= lines), None)
        read.clear()
        assert register.kept_runs(PAID.agent, after, lines) == later[:count]
        assert len(read) <= len(later[:count]) + 1
