"""The pages about the state machine against the contracts: every cell is a call, every assertion has its test."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from .machine.artifacts import mutant
from .machine.page import page
from .machine.planted import PLANTED
from .machine.table import CALLS, ENDS, Row, StateTable
from .machine.table_net import NET_CALLS, ONE_LEFT, NetTable
from .machine.world import World

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "reference" / "state-table.md"
ASSERTIONS = ROOT / "docs" / "explanation" / "state-machine.md"
# Whoever must not be needed to end a lock (I12).
PARTIES = ("seller", "buyer", "part", "operator", "issuer")


LOCKS = ("lock", "lockGroup", "lockBatch", "lockPart", "lockNet")
KINDS = {"settlement": StateTable, "cycle": NetTable}


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def table(request: pytest.FixtureRequest, world: World) -> StateTable:
    return request.param(world)


@pytest.fixture(scope="module")
def cells(table: StateTable) -> dict[str, dict[Row, list[str]]]:
    return table.all_cells()


def test_the_page_is_what_the_contracts_do() -> None:
    """As the script writes it."""
    specification = importlib.util.spec_from_file_location("state_table", ROOT / "scripts" / "state_table.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.PAGE == TABLE
    assert module.page() == TABLE.read_text(), "stale: python scripts/state_table.py"


def test_every_call_that_moves_a_settlement_is_in_the_table(world: World) -> None:
    epochs = {"rotate", "proposeRotation", "confirmRotation"}
    assert {row.function for row in (*CALLS, *NET_CALLS)} == world.codec.mutating["DvP"] - epochs


@pytest.mark.parametrize("state", ["Locked", "Paid"])
def test_every_lock_has_a_way_out_without_its_parties(
    table: StateTable, cells: dict[str, dict[Row, list[str]]], state: str
) -> None:
    """I12; and from Paid anyone can take it, at any time (I8)."""
    found = [(to.removesuffix(ONE_LEFT), row, when) for to, row, when in table.exits(state, cells[state])]
    ways = [way for way in found if not any(one in way[1].by for one in PARTIES)]
    assert {to for to, _, _ in ways} >= ({"Settled"} if state == "Paid" else {"Settled", "GivenBack"})
    if state == "Paid":
        assert {to for to, _, _ in found} == {"Settled"}
        assert any(row.by == "anyone" and when == "at any time" for _, row, when in ways)
    else:
        assert ("GivenBack", "officer and confirmer") in {(to, row.by) for to, row, _ in ways}


def test_what_is_left_of_a_cycle_ends_as_the_cycle_did(world: World) -> None:
    """Once, by anyone, as soon as the cycle is ended (I8, I12)."""
    table = NetTable(world)
    for end in ("Settled", "GivenBack"):
        ways = list(table.exits(end + ONE_LEFT, table.cells(end + ONE_LEFT)))
        assert {to for to, _, _ in ways} == {end}
        since = "after the grace" if end == "Settled" else "at any time"
        assert any(row.by == "anyone" and when == since for _, row, when in ways)
        assert not any("of the first" in row.given for _, row, _ in ways)


def test_an_end_is_final(table: StateTable, cells: dict[str, dict[Row, list[str]]]) -> None:
    for state in cells.keys() & set(ENDS):
        assert list(table.exits(state, cells[state])) == []


def test_positions_that_were_not_locked_end_nothing(cells: dict[str, dict[Row, list[str]]]) -> None:
    for found in cells.values():
        for row, results in found.items():
            if row.given.startswith("of other positions"):
                assert not [one for one in results if one.startswith("→") or one == "accepted"], row.title


@pytest.mark.parametrize("state", ["Locked", "Paid", "Settled", "GivenBack"])
def test_nothing_that_others_decide_changes_how_a_lock_ends(
    table: StateTable, cells: dict[str, dict[Row, list[str]]], state: str
) -> None:
    """Paused, frozen, closed, forbidden, and other agents serving: the same cells, but for new locks; a long stop
    that was proposed under the earlier epoch is proposed again."""
    besieged = type(table)(table.world, siege=True)
    for one in {state, state + ONE_LEFT} & cells.keys():
        for row, found in besieged.cells(one).items():
            if row.function not in LOCKS:
                assert found == cells[one][row], row.title


def test_a_changed_contract_changes_the_page() -> None:
    """That the page is compared at all: where what was paid can be given back, it is another."""
    bug = PLANTED[0]
    assert "| Paid | GivenBack |" in page(World(planted=mutant(bug.contract, bug.changes)))
    assert "| Paid | GivenBack |" not in TABLE.read_text()


def cited() -> list[tuple[str, str]]:
    """Each file and test that the page of assertions names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", ASSERTIONS.read_text())


def test_every_assertion_has_a_test() -> None:
    rows = [row for row in ASSERTIONS.read_text().splitlines() if re.match(r"\| A\d+ \|", row)]
    assert len(rows) > 25
    assert [re.match(r"\| A(\d+)", row)[1] for row in rows] == [str(i + 1) for i in range(len(rows))]
    assert not [row for row in rows if "::" not in row]


@pytest.mark.parametrize(("file", "test"), sorted(set(cited())))
def test_every_test_that_is_named_exists(file: str, test: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert test in {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
