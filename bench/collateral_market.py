"""A market of collateral drawn from a seed, for `bench/collateral.py`: securities, schedules, positions, requirements.

LEIs and ISINs have right check digits and name nobody.
"""

import json
import random
from datetime import UTC, date, datetime, timedelta

from lockstep.domain.collateral.allocation import Available, Requirement, Task
from lockstep.domain.collateral.assets import SCALES, Agency, Asset, AssetKind, IssuerKind, Rating
from lockstep.domain.collateral.documents import parse_schedule
from lockstep.domain.collateral.schedules import EligibilitySchedule, Parties
from lockstep.domain.collateral.valuation import FxRate, Price
from lockstep.domain.identifiers import Isin, Lei, isin_check_digit, lei_check_digits

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
COUNTRIES = ("DE", "FR", "IT", "ES", "NL", "BE", "AT", "FI", "US", "GB", "JP", "CH")
CURRENCIES = {"US": "USD", "GB": "GBP", "JP": "JPY", "CH": "CHF"}
RATES = {"USD": 921_000_000, "GBP": 1_163_000_000, "JPY": 5_980_000, "CHF": 1_042_000_000}


def an_lei(number: int) -> Lei:
    body = f"LCKS{number:014d}"
    return Lei(body + lei_check_digits(body))


def an_isin(number: int, country: str) -> Isin:
    body = f"{country}{number:09d}"
    return Isin(body + isin_check_digit(body))


BANK = an_lei(0)
PARTIES = Parties(giver=BANK, giver_country="DE", giver_group=frozenset({BANK, an_lei(1), an_lei(2)}))


def securities(count: int, seed: str) -> list[Asset]:
    """A third governments, the rest companies, banks' covered bonds, securitisations and shares."""
    chance = random.Random(f"{seed} securities")
    found = []
    for number in range(count):
        country = chance.choice(COUNTRIES)
        sovereign = chance.random() < 0.35
        kind = AssetKind.DEBT if sovereign else chance.choice(
            (AssetKind.DEBT, AssetKind.DEBT, AssetKind.COVERED_BOND, AssetKind.ASSET_BACKED, AssetKind.EQUITY)
        )  # fmt: skip
        issuer = 1_000 + COUNTRIES.index(country) if sovereign else chance.randrange(600)
        equity = kind is AssetKind.EQUITY
        step = min(21, max(0, round(chance.gauss(2 if sovereign else 6, 3))))
        agencies = chance.sample(list(Agency), chance.randrange(1, 4))
        found.append(
            Asset(
                isin=an_isin(number, country),
                kind=kind,
                issuer=an_lei(issuer),
                issuer_kind=IssuerKind.SOVEREIGN if sovereign else chance.choice(
                    (IssuerKind.CORPORATE, IssuerKind.CORPORATE, IssuerKind.QUASI_GOVERNMENT)
                ),
                issuer_country=country,
                country=country,
                currency=CURRENCIES.get(country, "EUR"),
                maturity=None if equity else DAY + timedelta(days=chance.randrange(30, 11_000)),
                ratings=() if equity else tuple(
                    Rating(agency=agency, notation=SCALES[agency][min(20, max(0, step + chance.randrange(-1, 2)))])
                    for agency in agencies
                ),
                indices=frozenset({chance.choice(("EURO STOXX 50", "S&P 500", "FTSE 100", "MDAX"))} if equity else ()),
            )
        )  # fmt: skip
    return found


def schedules(count: int, seed: str) -> list[EligibilitySchedule]:
    """Of different strictness, each with five rules, bands by rating and maturity, and three limits."""
    chance = random.Random(f"{seed} schedules")
    return [parse_schedule(json.dumps(_schedule(chance, number))) for number in range(count)]


def _schedule(chance: random.Random, number: int) -> dict[str, object]:
    def bands(base: int) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for minimum, more in (("AA-", 0), ("A-", base), ("BBB-", 3 * base)):
            for period, longer in (("P1Y", 0), ("P5Y", base), ("P10Y", 2 * base)):
                when = {"assetAgencyRating": {"minimum": minimum}, "remainingMaturity": {"upTo": period}}
                found.append({"when": when, "haircutPercentage": f"{(base + more + longer) / 2:.4f}"})
            found.append(
                {"when": {"assetAgencyRating": {"minimum": minimum}}, "haircutPercentage": str(3 * base + more)}
            )
        return found

    floor = chance.choice(("AA-", "A-", "BBB-"))
    countries = chance.sample(COUNTRIES, chance.randrange(5, len(COUNTRIES) + 1))
    rules = [
        {"name": "governments", "criteria": {"assetType": ["Debt"], "issuerType": ["SovereignCentralBank"],
         "issuerCountryOfOrigin": countries, "assetAgencyRating": {"minimum": "BBB-"}}, "treatment": bands(1)},
        {"name": "agencies", "criteria": {"assetType": ["Debt"], "issuerType": ["QuasiGovernment"],
         "assetAgencyRating": {"minimum": floor}}, "treatment": bands(2)},
        {"name": "covered bonds", "criteria": {"assetType": ["CoveredBond"], "issuerCountryOfOrigin": countries,
         "assetAgencyRating": {"minimum": floor, "mismatchResolution": "Highest"}}, "treatment": bands(3)},
        {"name": "companies", "criteria": {"assetType": ["Debt"], "issuerType": ["Corporate"],
         "any": [{"denominatedCurrency": ["EUR"]}, {"assetAgencyRating": {"minimum": "AA-"}}],
         "not": {"issuerCountryOfOrigin": [chance.choice(COUNTRIES)]}, "assetAgencyRating": {"minimum": floor}},
         "treatment": bands(4)},
        {"name": "shares", "criteria": {"index": chance.sample(["EURO STOXX 50", "S&P 500", "FTSE 100"], 2)},
         "treatment": [{"haircutPercentage": "15"}]},
    ]  # fmt: skip
    return {
        "format": "lockstep-eligibility/1",
        "name": f"schedule {number}",
        "currency": "EUR",
        "fxHaircut": {"percentage": "8", "exempt": chance.sample(["USD", "GBP", "JPY", "CHF"], chance.randrange(3))},
        "criteria": rules[: chance.randrange(2, 6)],
        "concentrationLimits": [
            {"type": "Issuer", "criteria": {"not": {"issuerType": ["SovereignCentralBank"]}}, "percentageLimit": "10"},
            {"type": "IssuerCountryOfOrigin", "percentageLimit": str(chance.choice((40, 50, 60)))},
            {"type": "Asset", "percentageLimit": "25"},
        ],
    }


def task(positions: int, requirements: int, seed: str) -> Task:
    """Positions in a fifth as many securities; what is required is about a third of what they are worth."""
    chance = random.Random(f"{seed} task")
    known = securities(max(positions // 5, 1), seed)
    terms = schedules(min(50, requirements), seed)
    available = []
    for number in range(positions):
        asset = chance.choice(known)
        par = 10_000 if asset.currency == "JPY" else 1_000_000
        good = 900 if asset.issuer_kind is IssuerKind.SOVEREIGN else 300
        available.append(
            Available(
                position_id=f"P{number}",
                asset=asset,
                units=100_000 * max(1, round(chance.lognormvariate(7, 1.2))),
                price=Price(
                    isin=asset.isin, currency=asset.currency, price=round(par * chance.uniform(0.85, 1.15)), as_of=NOW
                ),
                lot=100_000,
                cost=chance.randrange(good // 3, good),
            )
        )
    wanted = [
        Requirement(
            requirement_id=f"R{number}",
            amount=round(chance.lognormvariate(21.5, 1)),
            schedule=chance.choice(terms),
            parties=PARTIES,
        )
        for number in range(requirements)
    ]
    return Task(
        on=DAY,
        currency="EUR",
        available=tuple(available),
        requirements=tuple(wanted),
        rates={(base, "EUR"): FxRate(base=base, quote="EUR", rate=rate, as_of=NOW) for base, rate in RATES.items()},
        settlement_cost=350,
    )
