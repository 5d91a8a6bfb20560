"""Terms that a security meets or not, joined by all, any and not: the CDM's CollateralCriteria.

Each says of itself what it looked at (the figure) and what it asks for (the limit), so that a refusal can.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import TypeAlias

from lockstep.domain.accrual import add_months
from lockstep.domain.collateral.assets import Agency, Asset, rating_text
from lockstep.domain.errors import InvalidInput

__all__ = [
    "AllOf",
    "AnyOf",
    "Criterion",
    "Maturity",
    "NoneOf",
    "OneOf",
    "Period",
    "Rated",
    "RatingOf",
    "Refusal",
    "Resolution",
    "Term",
    "explain",
    "walk",
]

LONGEST_MONTHS = 12 * 1_000
_PERIOD = re.compile(r"P(?:([0-9]{1,4})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,5})D)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why something is not taken: the rule, what was found, and what the rule allows."""

    rule: str
    figure: str
    limit: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.figure} is not {self.limit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time by the calendar: first the months, then the days."""

    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str, *, field: str) -> "Period":
        """From an ISO 8601 duration of years, months and days, as P5Y or P90D. Raises InvalidInput."""
        found = _PERIOD.fullmatch(text)
        if found is None or not any(found.groups()):
            raise InvalidInput(field, text, "an ISO 8601 duration of years, months and days, as P5Y, P18M or P90D")
        years, months, days = (int(part or 0) for part in found.groups())
        if 12 * years + months > LONGEST_MONTHS:
            raise InvalidInput(field, text, f"at most {LONGEST_MONTHS // 12} years")
        return cls(months=12 * years + months, days=days)

    def text(self) -> str:
        years, months = divmod(self.months, 12)
        said = f"{f'{years}Y' if years else ''}{f'{months}M' if months else ''}{f'{self.days}D' if self.days else ''}"
        return f"P{said or '0D'}"

    def after(self, day: date) -> date:
        """The day so much later."""
        return add_months(day, self.months) + timedelta(days=self.days)


class Term(Enum):
    """A property that has one of a list of values; CDM's name in brackets where it differs."""

    ISSUER_KIND = "issuerType"
    ASSET_KIND = "assetType"
    ISSUER_COUNTRY = "issuerCountryOfOrigin"
    COUNTRY = "assetCountryOfOrigin"
    CURRENCY = "denominatedCurrency"
    ISSUER = "issuerName"
    """By LEI."""
    ISIN = "specificAsset"
    INDEX = "index"

    def found(self, asset: Asset) -> frozenset[str]:
        """What a security has of it; only of indices more than one."""
        if self is Term.INDEX:
            return asset.indices
        return frozenset({_ONE[self](asset)})


_ONE = {
    Term.ISSUER_KIND: lambda asset: asset.issuer_kind.value,
    Term.ASSET_KIND: lambda asset: asset.kind.value,
    Term.ISSUER_COUNTRY: lambda asset: asset.issuer_country,
    Term.COUNTRY: lambda asset: asset.country,
    Term.CURRENCY: lambda asset: asset.currency,
    Term.ISSUER: lambda asset: asset.issuer,
    Term.ISIN: lambda asset: asset.isin,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """The property is one of these."""

    term: Term
    values: frozenset[str]

    def met(self, asset: Asset, on: date) -> bool:
        return not self.values.isdisjoint(self.term.found(asset))

    def figure(self, asset: Asset, on: date) -> str:
        return ", ".join(sorted(self.term.found(asset))) or "nothing"

    def limit(self, on: date) -> str:
        return _listed(self.values)

    @property
    def name(self) -> str:
        return self.term.value


class RatingOf(Enum):
    """Whose rating counts."""

    ASSET = "assetAgencyRating"
    ISSUER = "issuerAgencyRating"
    SOVEREIGN = "sovereignAgencyRating"


class Resolution(Enum):
    """Which of several agencies' ratings counts (CollateralAgencyRating mismatchResolution)."""

    LOWEST = "Lowest"
    HIGHEST = "Highest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """At least so good. What no counted agency rates does not meet it."""

    of: RatingOf
    step: int
    """The worst that is taken; 0 is the best."""
    agencies: frozenset[Agency] = frozenset(Agency)
    resolution: Resolution = Resolution.LOWEST

    def counted(self, asset: Asset) -> int | None:
        """The step that counts; None where it is not rated."""
        ratings = {
            RatingOf.ASSET: asset.ratings,
            RatingOf.ISSUER: asset.issuer_ratings,
            RatingOf.SOVEREIGN: asset.sovereign_ratings,
        }[self.of]
        steps = [one.step for one in ratings if one.agency in self.agencies]
        if not steps:
            return None
        return max(steps) if self.resolution is Resolution.LOWEST else min(steps)

    def met(self, asset: Asset, on: date) -> bool:
        step = self.counted(asset)
        return step is not None and step <= self.step

    def figure(self, asset: Asset, on: date) -> str:
        step = self.counted(asset)
        return "no rating" if step is None else rating_text(step)

    def limit(self, on: date) -> str:
        return f"{rating_text(self.step)} or better"

    @property
    def name(self) -> str:
        return self.of.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Maturity:
    """The remaining maturity, by the calendar: more than `above`, at most `up_to` (CDM: RemainingMaturity).

    What never matures is above every limit.
    """

    above: Period | None = None
    up_to: Period | None = None

    def met(self, asset: Asset, on: date) -> bool:
        above = self.above is None or asset.maturity is None or asset.maturity > self.above.after(on)
        up_to = self.up_to is None or (asset.maturity is not None and asset.maturity <= self.up_to.after(on))
        return above and up_to

    def figure(self, asset: Asset, on: date) -> str:
        return "no maturity" if asset.maturity is None else asset.maturity.isoformat()

    def limit(self, on: date) -> str:
        above = "" if self.above is None else f"after {self.above.after(on)}"
        up_to = "" if self.up_to is None else f"by {self.up_to.after(on)}"
        return " and ".join(one for one in (above, up_to) if one) or "any day"

    @property
    def name(self) -> str:
        return "remainingMaturity"


Leaf: TypeAlias = OneOf | Rated | Maturity


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every one of these (AllCriteria); of none, true."""

    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """At least one of these (AnyCriteria); of none, false."""

    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoneOf:
    """Not this (NegativeCriteria)."""

    part: "Criterion"


Criterion: TypeAlias = Leaf | AllOf | AnyOf | NoneOf


def explain(criterion: Criterion, asset: Asset, on: date) -> Refusal | None:
    """Why a security does not meet a criterion on a day; None where it does."""
    if isinstance(criterion, AllOf):
        return next(filter(None, (explain(part, asset, on) for part in criterion.parts)), None)
    if isinstance(criterion, AnyOf):
        refusals = []
        for part in criterion.parts:
            refusal = explain(part, asset, on)
            if refusal is None:
                return None
            refusals.append(refusal)
        return Refusal(
            rule=" or ".join(one.rule for one in refusals) or "any",
            figure=" / ".join(one.figure for one in refusals) or asset.isin,
            limit=" / ".join(one.limit for one in refusals) or "anything",
        )
    if isinstance(criterion, NoneOf):
        if explain(criterion.part, asset, on) is not None:
            return None
        leaves = tuple(walk(criterion.part))
        return Refusal(
            rule=f"not {' and '.join(one.name for one in leaves)}",
            figure=" / ".join(one.figure(asset, on) for one in leaves),
            limit=f"outside {' / '.join(one.limit(on) for one in leaves)}",
        )
    if criterion.met(asset, on):
        return None
    return Refusal(rule=criterion.name, figure=criterion.figure(asset, on), limit=criterion.limit(on))


def walk(criterion: Criterion) -> Iterator[Leaf]:
    """Every leaf of a criterion, in its order."""
    if isinstance(criterion, AllOf | AnyOf):
        for part in criterion.parts:
            yield from walk(part)
    elif isinstance(criterion, NoneOf):
        yield from walk(criterion.part)
    else:
        yield criterion


def _listed(values: frozenset[str]) -> str:
    shown = sorted(values)
    if len(shown) > 8:
        return f"one of {', '.join(shown[:8])} … ({len(shown)} values)"
    return f"one of {', '.join(shown)}" if len(shown) > 1 else (shown[0] if shown else "nothing")
