"""The files that people write of repos: read whole, and refused by the name of what is wrong in them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lockstep.app.repo_files import percent, percent_text, read_positions, read_terms
from lockstep.app.repos import shown
from lockstep.domain.accrual import DayCount
from lockstep.domain.errors import InvalidInput
from lockstep.domain.repo.moves import agreed
from lockstep.testing.fakes import BOND, BUYER, DAY, MORNING, SELLER, example_market

TERMS: dict[str, Any] = {
    "repoId": "R1",
    "agreementId": "ab" * 32,
    "seller": SELLER.bic,
    "buyer": BUYER.lei,
    "purchaseDate": DAY.isoformat(),
    "repurchaseDate": "2027-01-04",
    "currency": "EUR",
    "purchasePrice": "9000.00",
    "pricingRate": "-0.5",
    "dayCount": "Actual/365 (Fixed)",
    "securities": [{"isin": BOND, "quantity": "90", "price": "9000.00"}],
}
POSITION: dict[str, Any] = {
    "id": "P1",
    "isin": BOND,
    "assetType": "Debt",
    "issuer": SELLER.lei,
    "issuerType": "SovereignCentralBank",
    "issuerCountry": "DE",
    "country": "DE",
    "maturity": "2035-08-15",
    "dirtyPrice": "101.25",
    "quantity": 500,
    "cost": "0.05",
    "ratings": [{"agency": "StandardAndPoors", "notation": "AAA"}],
}


def file(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "given.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_terms_are_read(tmp_path: Path) -> None:
    terms = read_terms(file(tmp_path, TERMS), example_market())
    assert (terms.seller, terms.buyer) == (SELLER, BUYER)
    assert (terms.rate, terms.late_rate, terms.basis) == (-5_000, 0, DayCount.ACTUAL_365_FIXED)
    assert (terms.lots[0].units, terms.lots[0].price) == (9_000, 900_000)
    assert terms.repurchase_date == date(2027, 1, 4)
    demand = {name: value for name, value in TERMS.items() if name != "repurchaseDate"}
    assert read_terms(file(tmp_path, demand), example_market()).repurchase_date is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"repoId": "r"}, "repoId"),
        ({"agreementId": "AB"}, "agreementId"),
        ({"seller": "NOBODEFFXXX"}, "seller"),
        ({"purchaseDate": "23.11.2026"}, "purchaseDate"),
        ({"purchasePrice": "9000.001"}, "purchasePrice"),
        ({"pricingRate": "3,6"}, "pricingRate"),
        ({"dayCount": "30/360"}, "basis"),
        ({"dayCount": "none"}, "dayCount"),
        ({"purchasePrice": None}, "terms/purchasePrice"),
        ({"haircut": "2"}, "terms/haircut"),
        ({"securities": {}}, "terms/securities"),
        ({"securities": [{"isin": BOND, "quantity": "90", "price": "9000", "lot": 1}]}, "securities/1/lot"),
    ],
)
def test_terms_that_are_wrong_are_refused_by_name(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_terms(file(tmp_path, TERMS | changes), example_market())
    assert caught.value.field == field


def test_positions_are_read(tmp_path: Path) -> None:
    (one,) = read_positions(file(tmp_path, {"positions": [POSITION]}), example_market(), MORNING)
    assert (one.units, one.lot, one.cost) == (50_000, 100, 500)
    assert one.price.price == 1_012_500  # cents for 1,000,000 base units of a cent's face each
    assert one.asset.ratings[0].notation == "AAA"
    for wrong in ({"dirtyPrice": "1e2"}, {"quantity": "-1"}, {"more": 1}, {"assetType": "Bond"}):
        with pytest.raises(InvalidInput):
            read_positions(file(tmp_path, {"positions": [POSITION | wrong]}), example_market(), MORNING)


def test_what_is_no_file_of_json_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", file(tmp_path, "{"), file(tmp_path, "[]")):
        with pytest.raises(InvalidInput):
            read_terms(path, example_market())


def test_percentages_are_read_digit_by_digit() -> None:
    assert [percent(one, field="f") for one in ("3.65", "-0.5", "0", "102.0001")] == [36_500, -5_000, 0, 1_020_001]
    for text in ("3.65", "-0.5", "0", "102.0001", "-12"):
        assert percent_text(percent(text, field="f")) == text
    for wrong in ("", "1.00001", ".5", "1e2", "+1", "1000"):
        with pytest.raises(InvalidInput):
            percent(wrong, field="f")


def test_a_repo_is_shown_with_its_interest_so_far(tmp_path: Path) -> None:
    repo = agreed(read_terms(file(tmp_path, TERMS), example_market()), MORNING)
    told = shown(repo, example_market(), date.fromordinal(DAY.toordinal() + 10))
    assert (told["state"], told["purchasePrice"], told["priceDifferential"]) == ("AGREED", "9000.00", "-1.23")
    assert told["securities"][0]["quantity"] == "90"
    assert (told["pricingRate"], told["late"], told["waits"]) == ("-0.5", None, "")
    assert json.dumps(told)
