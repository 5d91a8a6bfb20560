"""`lockstep margin reckon`: worked by hand from files and from the register; and what its files may not say."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from lockstep.app import margin_reckoning
from lockstep.app.margin_files import read_margin_file
from lockstep.app.margin_reckoning import reckon
from lockstep.cli.commands import app
from lockstep.domain.collateral.register import Position
from lockstep.domain.errors import InvalidInput
from lockstep.domain.margin import Rounding
from lockstep.testing.fakes import BOND, BUYER, DAY, MORNING, SELLER, FakeClock
from margin_world import MARKET, MarginWorld

SCHEDULE = {
    "format": "lockstep-eligibility/1",
    "name": "governments",
    "currency": "EUR",
    "criteria": [
        {
            "name": "governments",
            "criteria": {"assetType": ["Debt"], "issuerType": ["SovereignCentralBank"]},
            "treatment": [
                {"when": {"remainingMaturity": {"upTo": "P5Y"}}, "haircutPercentage": "2"},
                {"haircutPercentage": "4"},
            ],
        }
    ],
}
TERMS: dict[str, Any] = {
    "format": "lockstep-csa/1",
    "currency": "EUR",
    "threshold": "1000.00",
    "minimumTransfer": "500.00",
    "multiple": "100.00",
    "giver": SELLER.bic,
    "giverCountry": "FR",
    "cash": "300.00",
    "transactions": [
        {"id": "T1", "currency": "EUR", "value": "12000.00"},
        {"id": "T2", "currency": "USD", "value": "-2000.00"},
    ],
    "rates": [{"currency": "USD", "rate": "0.92"}],
}
POSITION: dict[str, Any] = {
    "id": "P1",
    "isin": BOND,
    "assetType": "Debt",
    "issuer": BUYER.lei,
    "issuerType": "SovereignCentralBank",
    "issuerCountry": "DE",
    "country": "DE",
    "maturity": "2035-08-15",
    "dirtyPrice": "101.25",
    "quantity": "5000",
}


class Files:
    """What one party has on its disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = SimpleNamespace(market=lambda: MARKET, clock=lambda: FakeClock(MORNING))
        self.put("schedule", SCHEDULE)
        self.put("positions", {"positions": [POSITION]})

    def put(self, name: str, content: Any) -> Path:
        path = self.root / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def reckon(self, terms: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        given = self.put("terms", TERMS if terms is None else terms)
        paths = {name: self.root / f"{name}.json" for name in options.pop("files", ())}
        return dict(reckon(self.home, given, **paths, **options))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


ALL = ("schedule", "positions")


def test_worked_by_hand(files: Files) -> None:
    # Exposure 12,000.00 - 2,000.00 USD at 0.92 = 10,160.00; less the threshold, 9,160.00 is required.
    # 5,000.00 face at 101.25 % is 5,062.50, less 4 %: 4,860.00; with 300.00 of cash 5,160.00 is held.
    # 4,000.00 is short, a whole multiple already.
    told = files.reckon(files=ALL)
    assert {name: told[name] for name in ("exposure", "required", "collateral", "cash", "held")} == {
        "exposure": "10160.00",
        "required": "9160.00",
        "collateral": "4860.00",
        "cash": "300.00",
        "held": "5160.00",
    }
    assert (told["delivery"], told["return"], told["reason"]) == ("4000.00", "0.00", None)
    assert told["securities"] == [
        {
            "isin": BOND,
            "quantity": "5000",
            "value": "4860.00",
            "rule": "governments",
            "haircut": "4 %",
            "refused": None,
        }
    ]


@pytest.mark.parametrize(
    ("changes", "delivery", "return_", "reason"),
    [
        ({"cash": "299.99"}, "4100.00", "0.00", None),  # 4,000.01 is rounded up
        ({"cash": "299.99", "rounding": "down"}, "4000.00", "0.00", None),
        ({"cash": "249.99", "rounding": "nearest"}, "4100.00", "0.00", None),
        ({"cash": "3800.01"}, "0.00", "0.00", "delivery of 49999 is below the minimum transfer amount 50000"),
        ({"cash": "3800.00"}, "500.00", "0.00", None),
        ({"cash": "5099.99"}, "0.00", "700.00", None),  # 799.99 too much: rounded down
        ({"cash": "5099.99", "minimumReturn": "800.00"}, "0.00", "0.00", "return of 79999 is below the minimum"),
        ({"independentGiver": "1000.00"}, "5000.00", "0.00", None),
        ({"independentTaker": "1000.00"}, "3000.00", "0.00", None),
        ({"transactions": []}, "0.00", "5160.00", None),  # nothing is required: everything goes back
        ({"transactions": [], "returnAll": False, "multiple": "1000.00"}, "0.00", "5000.00", None),
    ],
)
def test_elections(files: Files, changes: dict[str, Any], delivery: str, return_: str, reason: str | None) -> None:
    told = files.reckon({**TERMS, **changes}, files=ALL)
    assert (told["delivery"], told["return"]) == (delivery, return_)
    assert (told["reason"] or "").startswith(reason or "") and (reason is None) == (told["reason"] is None)


def test_what_the_schedule_does_not_take_counts_nothing(files: Files) -> None:
    files.put("positions", {"positions": [{**POSITION, "issuer": SELLER.lei}]})
    told = files.reckon(files=ALL)
    (row,) = told["securities"]
    assert (told["collateral"], row["value"], row["rule"]) == ("0.00", "0.00", None)
    assert row["refused"] == f"counterpartyOwnIssuePermitted: {SELLER.lei} is not another issuer than the giver"


def test_a_shorter_bond_on_another_day(files: Files) -> None:
    files.put("positions", {"positions": [{**POSITION, "maturity": "2031-11-24"}]})
    assert files.reckon(files=ALL)["collateral"] == "4860.00"
    later = files.reckon(files=ALL, on=DAY.replace(day=24))
    assert (later["collateral"], later["securities"][0]["haircut"]) == ("4961.25", "2 %")


def test_a_limit_that_is_broken_is_told(files: Files) -> None:
    limit = {"type": "Issuer", "valueLimit": "4000.00"}
    files.put("schedule", {**SCHEDULE, "concentrationLimits": [limit]})
    told = files.reckon(files=ALL)
    assert told["limits"] == [f"concentration/Issuer/{BUYER.lei}: 4860.00 EUR is not at most 4000.00 EUR"]


def test_prices_of_a_valuer_s_file(files: Files) -> None:
    # 1,000,000 base units are 10,000.00 face: at 99.00 % 9,900.00, that is 990,000 minor units.
    row = {"isin": BOND, "currency": "EUR", "price": "990000"}
    head = {"format": "lockstep-prices/1", "as_of": "2026-11-23T08:00:00Z"}
    files.put("prices", {**head, "prices": [row]})
    assert files.reckon(files=(*ALL, "prices"))["collateral"] == "4752.00"
    files.put("prices", {**head, "prices": [{**row, "currency": "USD"}]})
    with pytest.raises(InvalidInput) as caught:
        files.reckon(files=(*ALL, "prices"))
    assert (caught.value.field, caught.value.value) == ("prices", f"{BOND} in EUR")


# By the register


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MarginWorld]:
    """1,000.00 is the exposure, 400.00 of cash are held, and 102.00 of bonds."""
    world = MarginWorld(tmp_path / "world")
    held = world.payment(40_000, call="MC-0")
    world.pay(held)
    world.settle()
    world.count(held)
    token = MARKET.securities[BOND].token
    valued = world.ledger.state(world.agreement).valued_at
    lying = Position(token=token, held=10_000, price=1_012_500, haircut=40_000, priced_at=valued)
    world.ledger.lying[world.agreement] = [lying]
    world.ledger.worth[world.agreement] = 9_720
    monkeypatch.setattr(margin_reckoning, "register_ledger", lambda _: world.ledger)
    yield world
    world.close()


BARE = {name: TERMS[name] for name in ("format", "currency", "giver", "giverCountry")}


def test_the_register_s_own_figures(files: Files, world: MarginWorld) -> None:
    told = files.reckon(BARE, agreement=world.agreement[:8])
    assert {name: told[name] for name in ("exposure", "collateral", "cash", "held", "delivery", "securities")} == {
        "exposure": "1000.00",
        "collateral": "97.20",
        "cash": "400.00",
        "held": "497.20",
        "delivery": "502.80",
        "securities": [],
    }


def test_the_register_s_units_by_own_schedule_and_exposure(files: Files, world: MarginWorld) -> None:
    transactions = [{"id": "T1", "currency": "EUR", "value": "800.00"}]
    told = files.reckon({**BARE, "transactions": transactions}, agreement=world.agreement, files=ALL)
    assert (told["exposure"], told["collateral"], told["delivery"]) == ("800.00", "97.20", "302.80")
    assert told["securities"][0]["quantity"] == "100"


def test_each_security_that_lies_there_must_be_known(files: Files, world: MarginWorld) -> None:
    files.put("positions", {"positions": []})
    with pytest.raises(InvalidInput) as caught:
        files.reckon(BARE, agreement=world.agreement, files=ALL)
    assert (caught.value.field, caught.value.value) == ("positions", BOND)
    strange = Position(token="0x" + "11" * 20, held=1, price=1, haircut=0, priced_at=1)
    world.ledger.lying[world.agreement] = [strange]
    with pytest.raises(InvalidInput) as caught:
        files.reckon(BARE, agreement=world.agreement, files=ALL)
    assert caught.value.value == strange.token


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"currency": "USD"}, "terms/currency"), ({"giver": BUYER.bic}, "terms/giver")],
)
def test_terms_of_another_agreement(files: Files, world: MarginWorld, changes: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        files.reckon({**BARE, **changes}, agreement=world.agreement)
    assert caught.value.field == field


# What the files may not say


def test_terms_are_read(files: Files) -> None:
    elections = {"rounding": "nearest", "returnAll": False, "minimumReturn": "1", "giverGroup": [BUYER.lei]}
    given = read_margin_file(files.put("terms", {**TERMS, **elections}), MARKET, MORNING)
    assert (given.terms.threshold, given.terms.minimum_transfer, given.terms.minimum_return) == (100_000, 50_000, 100)
    assert (given.terms.multiple, given.terms.rounding, given.terms.return_all) == (10_000, Rounding.NEAREST, False)
    assert (given.parties.giver, given.parties.giver_group) == (SELLER.lei, {BUYER.lei})
    assert [one.amount for one in given.transactions or ()] == [1_200_000, -200_000]
    assert given.rates["USD"].rate == 920_000_000
    exact = read_margin_file(files.put("terms", {**TERMS, "threshold": 1.5}), MARKET, MORNING)
    assert exact.terms.threshold == 150  # digit by digit, whether text or number
    bare = read_margin_file(files.put("terms", BARE), MARKET, MORNING)
    assert (bare.transactions, bare.cash, bare.terms.multiple) == (None, None, 1)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in TERMS.items() if key != name}


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (without("format"), "terms/format"),
        ({**TERMS, "format": "lockstep-csa/2"}, "terms/format"),
        ({**TERMS, "currency": "EUX"}, "terms/currency"),
        ({**TERMS, "threshold": "-1"}, "terms/threshold"),
        ({**TERMS, "threshold": 1.505}, "terms/threshold"),
        ({**TERMS, "minimumTransfer": "0.001"}, "terms/minimumTransfer"),
        ({**TERMS, "multiple": "0"}, "multiple"),
        ({**TERMS, "rounding": "up"}, "terms/rounding"),
        ({**TERMS, "returnAll": "yes"}, "terms/returnAll"),
        ({**TERMS, "giver": "NOBODEFFXXX"}, "terms/giver"),
        ({**TERMS, "giverCountry": "XX"}, "terms/giverCountry"),
        ({**TERMS, "giverGroup": ["X"]}, "terms/giverGroup"),
        ({**TERMS, "transactions": [{"id": "T1", "currency": "EUR"}]}, "terms/transactions/1/value"),
        ({**TERMS, "transactions": [{"id": "T1", "currency": "EUR", "value": "--1"}]}, "terms/transactions/1/value"),
        ({**TERMS, "rates": [{"currency": "EUR", "rate": "1"}]}, "terms/rates/1/currency"),
        ({**TERMS, "rates": [{"currency": "USD", "rate": "0"}]}, "terms/rates/1/rate"),
        ({**TERMS, "rates": [{"currency": "USD", "rate": "0.9200000001"}]}, "terms/rates/1/rate"),
        ({**TERMS, "rates": TERMS["rates"] * 2}, "terms/rates"),
        ({**TERMS, "rates": []}, "currency"),
        ({**TERMS, "thresold": "1"}, "terms/thresold"),
        ("[]", "terms"),
        ("{", "terms"),
        ('{"format": 1, "format": 2}', "terms"),
        (without("transactions"), "terms/transactions"),
    ],
)
def test_what_the_terms_may_not_say(files: Files, terms: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        files.reckon(terms, files=ALL)
    assert caught.value.field == field
    assert caught.value.rule


@pytest.mark.parametrize(
    ("change", "options", "field"),
    [
        (lambda one: None, {"files": ("schedule",)}, "schedule"),
        (lambda one: None, {"files": ("positions",)}, "schedule"),
        (lambda one: one.put("schedule", {**SCHEDULE, "currency": "USD"}), {"files": ALL}, "schedule/currency"),
        (lambda one: (one.root / "schedule.json").unlink(), {"files": ALL}, "schedule"),
        (lambda one: (one.root / "positions.json").unlink(), {"files": ALL}, "file"),
    ],
)
def test_what_the_other_files_may_not_say(
    files: Files, change: Callable[[Files], Any], options: dict[str, Any], field: str
) -> None:
    change(files)
    with pytest.raises(InvalidInput) as caught:
        files.reckon(**options)
    assert caught.value.field == field


def test_the_command_shows_it(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.cli.margin.Home", lambda _: files.home)
    terms = files.put("terms", TERMS)
    options = ["--schedule", str(files.root / "schedule.json"), "--positions", str(files.root / "positions.json")]
    done = CliRunner().invoke(app, ["margin", "reckon", str(terms), *options, "--on", "2026-11-23"])
    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert f"{BOND} 5,000: 4,860.00 EUR, governments, 4 %" in lines
    assert "exposure 10,160.00 EUR" in lines and "delivery 4,000.00 EUR" in lines
    again = CliRunner().invoke(app, ["margin", "reckon", str(terms), *options, "--json"])
    assert json.loads(again.output)["delivery"] == "4000.00"
    terms.write_text(json.dumps({**TERMS, "cash": "3800.01"}))
    done = CliRunner().invoke(app, ["margin", "reckon", str(terms), *options])
    assert "nothing moves: delivery of 49999 is below the minimum transfer amount 50000" in done.output
