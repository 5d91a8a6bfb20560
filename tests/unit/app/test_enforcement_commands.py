"""`lockstep enforcement`, over the compiled register: begun, taken, sold, withdrawn, shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from collateral_venue import SECOND, UNITS, CollateralVenue
from enforcing_venue import E1, SALT, EnforcingVenue
from lockstep.app import enforcing as desk_of
from lockstep.app.collateral_files import SaleOrder, sale_text
from lockstep.cli.commands import app
from lockstep.domain.order import OutcomeResult
from lockstep.signing import settlement_id
from margin_venue import BUND, euros


@pytest.fixture(scope="module")
def founded() -> CollateralVenue:
    return CollateralVenue.open()


@pytest.fixture
def desk(founded: CollateralVenue) -> Iterator[EnforcingVenue]:
    """1,000 units of a cent, at a haircut of 10 %, where 10.00 are owed and required."""
    snapshot = founded.snapshot()
    founded.log.stored.clear()
    founded.renew()
    made = EnforcingVenue(founded)
    made.pledge = made.pledged(1_000)
    made.value(1_000)
    yield made
    founded.revert(snapshot)


@pytest.fixture
def run(desk: EnforcingVenue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(desk_of, "open_enforcing", lambda _: (desk.enforcing, desk.paying))
    monkeypatch.setattr(desk_of, "open_book", lambda _: desk.book)
    monkeypatch.setattr("lockstep.cli.enforcement.Home", lambda _: SimpleNamespace(market=lambda: desk.market))

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["enforcement", *arguments, "--home", str(tmp_path)])

    return invoke


def told(run: Any, *arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.output))


def test_begun_taken_and_shown(desk: EnforcingVenue, run: Any) -> None:
    assert "nothing is or was enforced" in run("list").output
    begun = told(run, "begin", desk.agreement[:8], "--name", E1)
    assert (begun["state"], begun["declared"], begun["acts"]) == ("OPEN", False, [])
    assert told(run, "begin", desk.agreement, "--name", E1) == begun  # said again
    desk.rest()
    shown = told(run, "show", E1)
    assert (shown["state"], shown["taken"], shown["left"]) == ("ENFORCED", "10.00", "0.00")
    taken = shown["acts"][1]
    assert (taken["act"], taken["isin"], taken["quantity"], taken["value"]) == ("APPROPRIATE", BUND, "10", "10.00")
    assert shown["history"][0]["kind"] == "enforcement begun"
    lines = run("show", E1).output
    assert "2  appropriate 10 of DE0001102580, done, 10.00" in lines
    assert told(run, "list", "--open") == {"enforcements": []}
    assert told(run, "list")["enforcements"][0]["state"] == "ENFORCED"


def test_sold_by_an_order_that_its_buyer_signed(desk: EnforcingVenue, run: Any, tmp_path: Path) -> None:
    told(run, "begin", desk.agreement, "--name", E1, "--only-sales")
    desk.value(1_000, required=1_500)
    desk.rest()
    order = desk.offered(1_000, 950)
    identifier = settlement_id(order, desk.market.network)
    (signature,) = desk.venue.signed(identifier, SECOND)
    given: dict[str, Any] = {"pledge_id": desk.pledge, "order": order, "cash": euros(950), "salt": SALT}
    path = tmp_path / "sale.json"
    path.write_text(sale_text(SaleOrder(**given)))
    unsigned = run("sell", E1, str(path))
    assert unsigned.exit_code == 1
    assert desk.book.register_payments() == []
    path.write_text(sale_text(SaleOrder(**given, buyer_signature=signature)))
    sold = told(run, "sell", E1, str(path))
    assert sold == told(run, "sell", E1, str(path))  # said again
    assert sold["acts"][-1]["settlement"] == identifier
    desk.rest()
    desk.end(order, OutcomeResult.PAID)
    desk.rest()
    ended = told(run, "show", E1)["acts"][-1]
    assert (ended["sold"], ended["value"], ended["state"]) == (True, "5.00", "DONE")
    assert "sell 10 of DE0001102580, done, sold, 5.00" in run("list").output


def test_withdrawn(desk: EnforcingVenue, run: Any) -> None:
    told(run, "begin", desk.agreement, "--name", E1, "--only-sales")
    desk.rest()
    assert told(run, "withdraw", E1)["withdrawn"] is True
    desk.rest()
    assert told(run, "show", E1)["state"] == "CURED"
    assert desk.venue.units(SECOND) == (0, 0)
    assert run("withdraw", E1).exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("begin", "00000000"),
        ("begin", "zz"),
        ("show", "E-9"),
        ("withdraw", "E-9"),
        ("sell", "E-9", "nowhere.json"),
    ],
)
def test_what_is_not_there_is_named(desk: EnforcingVenue, run: Any, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 1
    assert desk.book.enforcements() == []
    assert desk.venue.units(desk.venue.ledger.agreement(desk.agreement).giver)[0] == UNITS


def test_covered_nothing_is_begun(desk: EnforcingVenue, run: Any) -> None:
    desk.value(800)
    refused = run("begin", desk.agreement, "--name", E1)
    assert refused.exit_code == 1
    assert "Covered" in str(refused.output) + str(refused.exception)
