"""`lockstep margin deliver` and `give-back`, over the compiled register: bonds in, and bonds back."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from collateral_venue import CollateralVenue
from lockstep.app import margin_cases, margin_desk
from lockstep.cli.commands import app
from lockstep.domain.errors import Conflict, InvalidInput
from lockstep.domain.identifiers import Reference
from lockstep.flow.margin_mail import MarginMail
from margin_venue import BUND, CALL, MarginVenue

BACK = Reference("MR-1")


@pytest.fixture(scope="module")
def founded() -> CollateralVenue:
    return CollateralVenue.open()


@pytest.fixture
def desk(founded: CollateralVenue) -> Iterator[MarginVenue]:
    """A unit of the bond is worth a cent, and counts for 0.9; 9.00 are required."""
    snapshot = founded.snapshot()
    founded.log.stored.clear()
    founded.attempts.clear()
    founded.renew()
    made = MarginVenue(founded)
    made.value(900)
    yield made
    founded.revert(snapshot)


@pytest.fixture
def run(desk: MarginVenue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(margin_desk, "open_margin_mail", lambda _: MarginMail(margining=desk.margining))
    monkeypatch.setattr(margin_cases, "open_book", lambda _: desk.book)
    monkeypatch.setattr("lockstep.cli.margin.Home", lambda _: SimpleNamespace(market=lambda: desk.market))

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["margin", *arguments, "--home", str(tmp_path)])

    return invoke


def told(run: Any, *arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.output))


def test_delivered_and_given_back(desk: MarginVenue, run: Any) -> None:
    assert told(run, "call", desk.agreement[:8], CALL)["amount"] == "9.00"
    begun = told(run, "deliver", CALL, BUND, "10")
    (bonds,) = begun["bonds"]
    assert (bonds["name"], bonds["isin"], bonds["quantity"]) == (f"{BUND}/1000", BUND, "10")
    assert (bonds["state"], bonds["expected"], bonds["value"]) == ("UNDER_WAY", "9.00", "0.00")
    assert told(run, "deliver", CALL, BUND, "10.00") == begun  # the same again changes nothing
    assert f"bonds {BUND}/1000: 10 of {BUND}, UNDER_WAY, about 9.00" in run("show", CALL).output
    desk.turns(3)
    met = told(run, "show", CALL)
    assert (met["state"], met["delivered"], met["bonds"][0]["value"]) == ("DELIVERED", "9.00", "9.00")
    pledge = met["bonds"][0]["pledge"]
    assert desk.venue.ledger.pledge(pledge).quantity == 1_000

    desk.value(450)
    assert told(run, "call", desk.agreement, BACK, "--return")["amount"] == "4.50"
    assert told(run, "give-back", BACK, pledge[:8], "5", "--name", "R-1")["bonds"][0]["name"] == "R-1"
    desk.turns(3)
    assert told(run, "show", BACK)["state"] == "DELIVERED"
    assert desk.venue.ledger.pledge(pledge).quantity == 500


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("deliver", CALL, "DE0001102581", "1"), "security"),
        (("deliver", CALL, "XS0000000009", "1"), "FinInstrmId/ISIN"),
        (("deliver", CALL, BUND, "0.001"), "quantity"),
        (("deliver", CALL, BUND, "1", "--name", "a b"), "name"),
        (("deliver", "MC-9", BUND, "1"), "call"),
        (("give-back", CALL, "00000000", "1"), "pledge"),
        (("give-back", CALL, "", "1"), "pledge"),
    ],
)
def test_what_may_not_be_said(desk: MarginVenue, run: Any, arguments: tuple[str, ...], field: str) -> None:
    desk.call()
    done = run(*arguments)
    assert isinstance(done.exception, InvalidInput), done.output
    assert done.exception.field == field
    assert desk.case().bonds == ()


def test_another_movement_under_the_same_name_is_a_conflict(desk: MarginVenue, run: Any) -> None:
    desk.call()
    told(run, "deliver", CALL, BUND, "1", "--name", "D-1")
    done = run("deliver", CALL, BUND, "2", "--name", "D-1")
    assert isinstance(done.exception, Conflict)
    assert len(desk.case().bonds) == 1
