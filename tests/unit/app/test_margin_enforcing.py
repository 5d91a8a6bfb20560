"""`lockstep margin enforce`, over the compiled register: from a call that failed to units taken and the rest back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collateral_venue import DEPTH, TAKER, CollateralVenue
from lockstep.app import margin_desk
from lockstep.cli.commands import app
from lockstep.domain.errors import Conflict, InvalidInput, Refused
from lockstep.flow.margin_mail import MarginMail
from lockstep.testing.fakes import BUYER
from margin_venue import BUND, CALL, MarginVenue


@pytest.fixture(scope="module")
def founded() -> CollateralVenue:
    return CollateralVenue.open()


@pytest.fixture
def desk(founded: CollateralVenue) -> Iterator[MarginVenue]:
    """2,000 units of a cent are pledged, at a haircut of 10 %; 10.00 are owed, and 20.00 required."""
    snapshot = founded.snapshot()
    founded.log.stored.clear()
    founded.attempts.clear()
    founded.renew()
    made = MarginVenue(founded)
    made.venue.pledge(made.agreement, 2_000, 0)
    made.venue.chain.mine(DEPTH)
    made.value(1_000, required=2_000)
    yield made
    founded.revert(snapshot)


@pytest.fixture
def run(desk: MarginVenue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(margin_desk, "open_margin_mail", lambda _: MarginMail(margining=desk.margining))

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["margin", *arguments, "--home", str(tmp_path)])

    return invoke


def told(run: Any, *arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.output))


def rest(desk: MarginVenue) -> None:
    for _ in range(14):
        desk.margining.enforcing.run()
        desk.venue.chain.mine(DEPTH)


def test_taken_up_to_what_is_owed_and_shown(desk: MarginVenue, run: Any) -> None:
    assert run("enforcements").output == "there are no enforcements\n"
    begun = told(run, "enforce", desk.agreement[:8], "E-1")
    assert (begun["name"], begun["declared"], begun["outcome"], begun["acts"]) == ("E-1", False, None, [])
    assert told(run, "enforce", desk.agreement, "E-1") == begun  # the same again changes nothing
    rest(desk)
    (done,) = told(run, "enforcements")["enforcements"]
    assert (done["outcome"], done["left"], done["currency"]) == ("ENFORCED", "0.00", "EUR")
    acts = [(one["kind"], one["isin"], one["quantity"], one["value"], one["state"]) for one in done["acts"]]
    assert acts == [
        ("DECLARE", None, "0", "0.00", "DONE"),
        ("APPROPRIATE", BUND, "10", "10.00", "DONE"),
        ("RELEASE", BUND, "10", "0.00", "DONE"),
        ("END", None, "0", "0.00", "DONE"),
    ]
    assert {one["party"] for one in done["acts"]} == {BUYER.bic}
    assert desk.venue.units(TAKER) == (1_000, 1_000)
    shown = run("enforcements").output
    assert "E-1  ENFORCED" in shown and f"2. {BUYER.bic} APPROPRIATE 10 of {BUND}: DONE, 10.00 EUR" in shown
    assert told(run, "enforcements", "--open") == {"enforcements": []}


def test_given_up(desk: MarginVenue, run: Any) -> None:
    told(run, "enforce", desk.agreement, "E-1", "--only-sales")
    rest(desk)
    assert told(run, "enforcements")["enforcements"][0]["declared"]
    assert told(run, "end-enforcement", desk.agreement, "E-1")["given_up"]
    rest(desk)
    assert "CURED" in run("enforcements").output
    assert desk.venue.units(TAKER) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("enforce", "{}", "E 1"), InvalidInput, "name"),
        (("enforce", "deadbeef", "E-1"), InvalidInput, "agreement"),
        (("enforce", "{}", "E-1", "--call", "MC-9"), InvalidInput, "call"),
        (("enforce", "{}", "E-1", "--call", CALL), Refused, "CallNotFailed"),
        (("end-enforcement", "{}", "E-9"), InvalidInput, "enforcement"),
    ],
)
def test_what_may_not_be_said(
    desk: MarginVenue, run: Any, arguments: tuple[str, ...], error: type[Exception], said: str
) -> None:
    desk.call(200)
    done = run(*(one.format(desk.agreement) for one in arguments))
    assert isinstance(done.exception, error), done.output
    assert said in (getattr(done.exception, "field", None) or getattr(done.exception, "name", ""))
    assert desk.book.enforcements() == []


def test_other_terms_under_the_same_name_are_a_conflict(desk: MarginVenue, run: Any) -> None:
    told(run, "enforce", desk.agreement, "E-1")
    assert isinstance(run("enforce", desk.agreement, "E-1", "--only-sales").exception, Conflict)
    other = run("enforce", desk.agreement, "E-2").exception
    assert isinstance(other, Refused) and other.name == "EnforcementUnderWay"
