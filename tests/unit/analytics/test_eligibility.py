"""Many securities at once, against an oracle that reads the documents by itself; and the domain's `judge` with it."""

import json
import random
from datetime import date
from typing import Any

import pytest

from analytics.drawn import DAY, MOODYS, PARTIES, PERIODS, SP, as_asset, document, security
from lockstep.analytics.columns import AssetColumns
from lockstep.analytics.eligibility import INELIGIBLE, Judge
from lockstep.domain.collateral.documents import parse_schedule
from lockstep.domain.collateral.schedules import Eligible, judge

PLAIN = {
    "issuerType": "issuer_kind", "assetType": "kind", "issuerCountryOfOrigin": "issuer_country",
    "assetCountryOfOrigin": "country", "denominatedCurrency": "currency", "issuerName": "issuer",
    "specificAsset": "isin",
}  # fmt: skip
NAMES = {"Moodys": "moodys", "StandardAndPoors": "sp", "Fitch": "fitch"}


def meets(criteria: dict[str, Any], of: dict[str, Any]) -> bool:
    """The oracle: a document's criteria on a plain security."""
    return all(one_meets(name, value, of) for name, value in criteria.items())


def one_meets(name: str, value: Any, of: dict[str, Any]) -> bool:
    if name == "all":
        return all(meets(one, of) for one in value)
    if name == "any":
        return any(meets(one, of) for one in value)
    if name == "not":
        return not meets(value, of)
    if name == "index":
        return bool(set(value) & of["indices"])
    if name == "remainingMaturity":
        maturity = of["maturity"] or date.max
        over = "over" not in value or maturity > PERIODS[value["over"]]
        return over and ("upTo" not in value or maturity <= PERIODS[value["upTo"]])
    if name.endswith("AgencyRating"):
        least = SP.index(value["minimum"]) if value["minimum"] in SP else MOODYS.index(value["minimum"])
        counted = [NAMES[one] for one in value.get("agencies", NAMES)]
        places = [place for agency, place in of["ratings"][name.removesuffix("AgencyRating")] if agency in counted]
        if not places:
            return False
        return (max if value.get("mismatchResolution", "Lowest") == "Lowest" else min)(places) <= least
    return of[PLAIN[name]] in value


def verdict(document: dict[str, Any], of: dict[str, Any]) -> tuple[int, int]:
    """The oracle: the rule's place and the haircut in parts of a million, or -1 twice."""
    refused = (INELIGIBLE, INELIGIBLE)
    wrong = document["wrongWay"]
    if of["issuer"] == PARTIES.giver:
        if not document["counterpartyOwnIssuePermitted"]:
            return refused
    elif of["issuer"] in PARTIES.giver_group and not wrong["linkedIssuePermitted"]:
        return refused
    if of["issuer"] in PARTIES.reference_entities and not wrong["referenceEntityIssuePermitted"]:
        return refused
    if of["issuer_kind"] in wrong["sameCountryExcluded"] and of["issuer_country"] == "DE":
        return refused
    if of["maturity"] is not None and of["maturity"] <= DAY:
        return refused
    for place, rule in enumerate(document["criteria"]):
        if meets(rule["criteria"], of):
            for band in rule["treatment"]:
                if meets(band.get("when", {}), of):
                    fx = document["fxHaircut"]
                    foreign = of["currency"] != "EUR" and of["currency"] not in fx["exempt"]
                    percent = int(band["haircutPercentage"]) + (int(fx["percentage"]) if foreign else 0)
                    return place, min(percent, 100) * 10_000
    return refused


@pytest.mark.parametrize("seed", range(40))
def test_as_the_oracle_has_it(seed: int) -> None:
    chance = random.Random(f"eligibility {seed}")
    plain = [security(chance, number) for number in range(60)]
    assets = [as_asset(one) for one in plain]
    bulk = Judge(AssetColumns(assets), DAY)
    taken = 0
    for _ in range(6):
        written = document(chance)
        schedule = parse_schedule(json.dumps(written))
        found = bulk.verdicts(schedule, PARTIES)
        expected = [verdict(written, one) for one in plain]
        assert list(zip(found.rules.tolist(), found.haircuts.tolist(), strict=True)) == expected
        for asset, (place, haircut) in zip(assets, expected, strict=True):
            alone = judge(schedule, asset, PARTIES, DAY)
            if place == INELIGIBLE:
                assert not isinstance(alone, Eligible)
                assert all(one.rule and one.figure and one.limit for one in alone.refusals)
            else:
                assert isinstance(alone, Eligible)
                assert (alone.rule, alone.total) == (f"rule {place}", haircut)
                taken += 1
    assert taken > 10


def test_nothing_at_all() -> None:
    written = document(random.Random(1))
    found = Judge(AssetColumns([]), DAY).all_verdicts([(parse_schedule(json.dumps(written)), PARTIES)])
    assert len(found) == 1 and found[0].haircuts.tolist() == []


def test_what_schedules_have_in_common_is_worked_out_once_and_not_spoiled() -> None:
    chance = random.Random("common")
    assets = [as_asset(security(chance, number)) for number in range(50)]
    schedules = [parse_schedule(json.dumps(document(chance))) for _ in range(10)]
    together = Judge(AssetColumns(assets), DAY)
    pairs = [(schedule, PARTIES) for schedule in schedules]
    first, second = together.all_verdicts(pairs), together.all_verdicts(pairs)
    for schedule, one, two in zip(schedules, first, second, strict=True):
        alone = Judge(AssetColumns(assets), DAY).verdicts(schedule, PARTIES)
        assert one.haircuts.tolist() == two.haircuts.tolist() == alone.haircuts.tolist()
