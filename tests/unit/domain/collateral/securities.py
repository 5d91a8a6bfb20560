"""Securities and parties that these tests judge. LEIs and ISINs have right check digits and name nobody."""

from datetime import date
from typing import Any

from lockstep.domain.collateral.assets import Agency, Asset, AssetKind, IssuerKind, Rating
from lockstep.domain.collateral.schedules import Parties
from lockstep.domain.identifiers import Isin, Lei, isin_check_digit, lei_check_digits

DAY = date(2026, 11, 23)


def an_isin(number: int, country: str = "DE") -> Isin:
    body = f"{country}{number:09d}"
    return Isin(body + isin_check_digit(body))


def an_lei(number: int) -> Lei:
    body = f"LCKS{number:014d}"
    return Lei(body + lei_check_digits(body))


BANK, SUBSIDIARY, STATE, OTHER = (an_lei(number) for number in (1, 2, 3, 4))
PARTIES = Parties(giver=BANK, giver_country="DE", giver_group=frozenset({BANK, SUBSIDIARY}))


def rated(notation: str, agency: Agency = Agency.STANDARD_AND_POORS) -> tuple[Rating, ...]:
    return (Rating(agency=agency, notation=notation),)


def bund(**changed: Any) -> Asset:
    """A government bond of nine years, AAA."""
    terms: dict[str, Any] = {
        "isin": an_isin(1),
        "kind": AssetKind.DEBT,
        "issuer": STATE,
        "issuer_kind": IssuerKind.SOVEREIGN,
        "issuer_country": "DE",
        "country": "DE",
        "currency": "EUR",
        "maturity": date(2035, 8, 15),
        "ratings": rated("AAA"),
    }
    return Asset(**{**terms, **changed})
