"""A security as collateral sees it: who issued it, what it is, how good, until when.

Names follow the FINOS Common Domain Model's collateral terms (IssuerTypeEnum, AssetType, AgencyRatingCriteria).
"""

from dataclasses import dataclass
from datetime import date
from enum import Enum

from lockstep.domain.countries import COUNTRIES
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin, Lei
from lockstep.domain.money import minor_units

__all__ = ["SCALES", "Agency", "Asset", "AssetKind", "IssuerKind", "Rating", "rating_text"]


class AssetKind(Enum):
    """What it is."""

    CASH = "Cash"
    DEBT = "Debt"
    COVERED_BOND = "CoveredBond"
    ASSET_BACKED = "AssetBacked"
    CONVERTIBLE = "Convertible"
    EQUITY = "Equity"
    FUND = "Fund"


class IssuerKind(Enum):
    """Who stands behind it."""

    SOVEREIGN = "SovereignCentralBank"
    SUPRANATIONAL = "SupraNational"
    QUASI_GOVERNMENT = "QuasiGovernment"
    REGIONAL_GOVERNMENT = "RegionalGovernment"
    CORPORATE = "Corporate"
    FUND = "Fund"
    SPECIAL_PURPOSE = "SpecialPurposeVehicle"


class Agency(Enum):
    """Who rates."""

    FITCH = "Fitch"
    MOODYS = "Moodys"
    STANDARD_AND_POORS = "StandardAndPoors"


_LETTERS = """
    AAA AA+ AA AA- A+ A A- BBB+ BBB BBB- BB+ BB BB- B+ B B- CCC+ CCC CCC- CC C D
"""
_NUMBERS = """
    Aaa Aa1 Aa2 Aa3 A1 A2 A3 Baa1 Baa2 Baa3 Ba1 Ba2 Ba3 B1 B2 B3 Caa1 Caa2 Caa3 Ca C
"""
SCALES: dict[Agency, tuple[str, ...]] = {
    Agency.FITCH: tuple(_LETTERS.split()),
    Agency.MOODYS: tuple(_NUMBERS.split()),
    Agency.STANDARD_AND_POORS: tuple(_LETTERS.split()),
}
"""Long-term notations, best first. The place in it is a rating's step: equal steps of two agencies count as equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One agency's long-term rating."""

    agency: Agency
    notation: str

    def __post_init__(self) -> None:
        if self.notation not in SCALES[self.agency]:
            raise InvalidInput("notation", self.notation, f"a long-term notation of {self.agency.value}")

    @property
    def step(self) -> int:
        """0 is the best."""
        return SCALES[self.agency].index(self.notation)


def rating_text(step: int) -> str:
    """A step as Standard & Poor's writes it."""
    return SCALES[Agency.STANDARD_AND_POORS][step]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What a schedule needs to know of one security. Not its price: that is a `Price`."""

    isin: Isin
    kind: AssetKind
    issuer: Lei
    issuer_kind: IssuerKind
    issuer_country: str
    """ISO 3166-1, as `country`."""
    country: str
    """Where it was issued."""
    currency: str
    maturity: date | None = None
    """None where it has none."""
    ratings: tuple[Rating, ...] = ()
    """Of the security itself, at most one of each agency; so the other two."""
    issuer_ratings: tuple[Rating, ...] = ()
    sovereign_ratings: tuple[Rating, ...] = ()
    """Of the issuer's country."""
    indices: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        minor_units(self.currency)
        for name, code in (("issuer_country", self.issuer_country), ("country", self.country)):
            if code not in COUNTRIES:
                raise InvalidInput(name, code, "a country of ISO 3166-1")
        for name, ratings in (
            ("ratings", self.ratings),
            ("issuer_ratings", self.issuer_ratings),
            ("sovereign_ratings", self.sovereign_ratings),
        ):
            agencies = [one.agency for one in ratings]
            if len(set(agencies)) < len(agencies):
                shown = ", ".join(one.value for one in agencies)
                raise InvalidInput(name, shown, "at most one rating of each agency")
