"""Securities, schedules and tasks drawn at random, as plain dictionaries; and made into the domain's values."""

import json
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lockstep.domain.collateral.allocation import Available, Requirement, Task
from lockstep.domain.collateral.assets import Agency, Asset, AssetKind, IssuerKind, Rating
from lockstep.domain.collateral.concentration import Held
from lockstep.domain.collateral.documents import parse_schedule
from lockstep.domain.collateral.schedules import Parties
from lockstep.domain.collateral.valuation import FxRate, Price
from lockstep.domain.identifiers import Isin, Lei, isin_check_digit, lei_check_digits

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
COUNTRIES = ["DE", "FR", "US"]
KINDS = [one.value for one in AssetKind]
ISSUERS = [one.value for one in IssuerKind]
INDICES = ["DAX", "CAC 40", "S&P 500"]
SP = ["AAA", "AA", "A", "BBB", "BB"]
MOODYS = ["Aaa", "Aa2", "A2", "Baa2", "Ba2"]
PERIODS = {"P1Y": date(2027, 11, 23), "P5Y": date(2031, 11, 23), "P10Y": date(2036, 11, 23)}


def an_lei(number: int) -> Lei:
    body = f"LCKS{number:014d}"
    return Lei(body + lei_check_digits(body))


def an_isin(number: int) -> Isin:
    body = f"DE{number:09d}"
    return Isin(body + isin_check_digit(body))


def security(chance: random.Random, number: int) -> dict[str, Any]:
    """What an oracle sees: plain values, ratings as (agency, place on a scale of five)."""
    return {
        "isin": an_isin(number),
        "kind": chance.choice(KINDS),
        "issuer": an_lei(chance.randrange(8)),
        "issuer_kind": chance.choice(ISSUERS),
        "issuer_country": chance.choice(COUNTRIES),
        "country": chance.choice(COUNTRIES),
        "currency": chance.choice(["EUR", "USD", "JPY"]),
        "maturity": chance.choice([None, *(DAY + timedelta(one) for one in (0, 1, 365, 366, 1826, 1827, 4000))]),
        "ratings": {
            of: [(agency, chance.randrange(5)) for agency in chance.sample(["sp", "moodys"], chance.randrange(3))]
            for of in ("asset", "issuer", "sovereign")
        },
        "indices": set(chance.sample(INDICES, chance.randrange(3))),
    }  # fmt: skip


def as_asset(of: dict[str, Any]) -> Asset:
    def ratings(given: list[tuple[str, int]]) -> tuple[Rating, ...]:
        return tuple(
            Rating(agency=Agency.STANDARD_AND_POORS, notation=SP[place]) if agency == "sp"
            else Rating(agency=Agency.MOODYS, notation=MOODYS[place])
            for agency, place in given
        )  # fmt: skip

    return Asset(
        isin=of["isin"], kind=AssetKind(of["kind"]), issuer=of["issuer"], issuer_kind=IssuerKind(of["issuer_kind"]),
        issuer_country=of["issuer_country"], country=of["country"], currency=of["currency"], maturity=of["maturity"],
        ratings=ratings(of["ratings"]["asset"]), issuer_ratings=ratings(of["ratings"]["issuer"]),
        sovereign_ratings=ratings(of["ratings"]["sovereign"]), indices=frozenset(of["indices"]),
    )  # fmt: skip


def criteria(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    """A criterion as a document writes it."""
    if depth < 3 and chance.random() < 0.4:
        kind = chance.choice(["all", "any", "not", "two"])
        if kind == "not":
            return {"not": criteria(chance, depth + 1)}
        if kind == "two":
            return {**criteria(chance, 9), **criteria(chance, 9)}
        return {kind: [criteria(chance, depth + 1) for _ in range(chance.randrange(1, 4))]}
    of = chance.choice(["asset", "issuer", "sovereign"])
    rated: dict[str, Any] = {"minimum": chance.choice([*SP, *MOODYS])}
    if chance.random() < 0.5:
        rated["agencies"] = chance.choice([["Moodys"], ["StandardAndPoors"], ["Fitch"], ["Moodys", "StandardAndPoors"]])
    if chance.random() < 0.5:
        rated["mismatchResolution"] = chance.choice(["Lowest", "Highest"])
    maturity = {name: chance.choice(list(PERIODS)) for name in chance.choice([["over"], ["upTo"], ["over", "upTo"]])}
    name, value = chance.choice([
        ("issuerType", chance.sample(ISSUERS, 4)),
        ("assetType", chance.sample(KINDS, 4)),
        ("issuerCountryOfOrigin", chance.sample(COUNTRIES, 2)),
        ("assetCountryOfOrigin", chance.sample(COUNTRIES, 2)),
        ("denominatedCurrency", chance.sample(["EUR", "USD", "JPY"], 2)),
        ("issuerName", [an_lei(number) for number in chance.sample(range(10), 4)]),
        ("specificAsset", [an_isin(number) for number in chance.sample(range(60), 30)]),
        ("index", chance.sample([*INDICES, "FTSE 100"], 2)),
        (f"{of}AgencyRating", rated),
        ("remainingMaturity", maturity),
    ])  # fmt: skip
    return {name: value}


def document(chance: random.Random) -> dict[str, Any]:
    rules = []
    for number in range(chance.randrange(1, 4)):
        bands = [
            {"when": criteria(chance), "haircutPercentage": str(chance.randrange(100))}
            for _ in range(chance.randrange(1, 4))
        ]
        if chance.random() < 0.5:
            bands.append({"haircutPercentage": str(chance.randrange(100))})
        rules.append({"name": f"rule {number}", "criteria": criteria(chance), "treatment": bands})
    return {
        "format": "lockstep-eligibility/1",
        "name": "drawn",
        "currency": "EUR",
        "counterpartyOwnIssuePermitted": chance.random() < 0.3,
        "wrongWay": {
            "linkedIssuePermitted": chance.random() < 0.3,
            "referenceEntityIssuePermitted": chance.random() < 0.3,
            "sameCountryExcluded": chance.sample(ISSUERS, chance.randrange(3)),
        },
        "fxHaircut": {
            "percentage": str(chance.randrange(30)), "exempt": chance.sample(["USD", "JPY"], chance.randrange(2)),
        },
        "criteria": rules,
    }  # fmt: skip


PARTIES = Parties(
    giver=an_lei(0), giver_country="DE", giver_group=frozenset({an_lei(0), an_lei(1)}),
    reference_entities=frozenset({an_lei(2)}),
)  # fmt: skip


def simple_schedule(chance: random.Random, limits: list[dict[str, Any]]) -> dict[str, Any]:
    """One that takes most things, so that allocations have something to do."""
    return {
        "format": "lockstep-eligibility/1", "name": f"simple {chance.random()}", "currency": "EUR",
        "fxHaircut": {"percentage": "8"},
        "criteria": [
            {"name": "one", "criteria": {"assetType": chance.sample(KINDS, 4)},
             "treatment": [{"haircutPercentage": str(chance.randrange(20))}]},
            {"name": "two", "criteria": {"issuerCountryOfOrigin": chance.sample(COUNTRIES, 2)},
             "treatment": [{"haircutPercentage": str(chance.randrange(40))}]},
        ],
        "concentrationLimits": limits,
    }  # fmt: skip


LOTS = (1, 7, 1_000_00, 10_000_00)
LIMITS: list[dict[str, Any]] = [
    {"type": "Issuer", "percentageLimit": "30"},
    {"type": "IssuerCountryOfOrigin", "percentageLimit": "60"},
    {"type": "Asset", "percentageLimit": "40", "valueLimit": "200000"},
    {"type": "AssetType", "percentageLimit": "50"},
    {"type": "Portfolio", "criteria": {"assetType": ["Equity"]}, "percentageLimit": "20"},
]


@dataclass(frozen=True)
class Drawn:
    """A task, and the same as an oracle sees it: securities by ISIN, and schedules by name."""

    task: Task
    securities: dict[str, dict[str, Any]]
    documents: dict[str, dict[str, Any]]


def task(seed: int, positions: int, requirements: int, *, limits: int = 2, lots: tuple[int, ...] = LOTS) -> Drawn:
    chance = random.Random(f"task {seed}")
    plain = [security(chance, number) for number in range(max(positions // 2, 1))]
    assets = [as_asset(one) for one in plain]
    available = []
    for number in range(positions):
        asset = chance.choice(assets)
        available.append(
            Available(
                position_id=f"P{number}", asset=asset, units=chance.randrange(0, 400_000_00),
                price=Price(
                    isin=asset.isin, currency=asset.currency, price=chance.randrange(500_000, 1_500_000), as_of=NOW
                ),
                lot=chance.choice(lots), cost=chance.randrange(0, 3_000),
            )
        )  # fmt: skip
    documents = [simple_schedule(chance, chance.sample(LIMITS, limits)) for _ in range(2)]
    schedules = [parse_schedule(json.dumps(one)) for one in documents]
    wanted = [
        Requirement(
            requirement_id=f"R{number}",
            amount=chance.choice([0, chance.randrange(1, 400_000_00)]),
            schedule=chance.choice(schedules), parties=PARTIES,
            held=tuple(
                Held(asset=chance.choice(assets), value=chance.randrange(100_000_00))
                for _ in range(chance.randrange(3))
            ),
        )
        for number in range(requirements)
    ]  # fmt: skip
    rates = {("USD", "EUR"): FxRate(base="USD", quote="EUR", rate=921_658_986, as_of=NOW),
             ("JPY", "EUR"): FxRate(base="JPY", quote="EUR", rate=5_988_024, as_of=NOW)}  # fmt: skip
    found = Task(
        on=DAY, currency="EUR", available=tuple(available), requirements=tuple(wanted), rates=rates,
        settlement_cost=chance.choice([0, 500]),
    )  # fmt: skip
    return Drawn(found, {one["isin"]: one for one in plain}, {one["name"]: one for one in documents})
