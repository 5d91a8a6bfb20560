"""Securities as columns: each property an array of codes, in the order of the securities."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lockstep.domain.collateral.assets import Agency, Asset, Rating
from lockstep.domain.collateral.criteria import RatingOf, Term
from lockstep.domain.collateral.schedules import LimitBy

__all__ = ["NEVER", "UNRATED", "AssetColumns", "Bools", "Codes", "Column"]

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
NEVER = np.int32(2**31 - 1)
"""The maturity of what has none."""
UNRATED = np.int8(127)

_GET: dict[Term, Callable[[Asset], Any]] = {
    Term.ISSUER_KIND: lambda asset: asset.issuer_kind,
    Term.ASSET_KIND: lambda asset: asset.kind,
    Term.ISSUER_COUNTRY: lambda asset: asset.issuer_country,
    Term.COUNTRY: lambda asset: asset.country,
    Term.CURRENCY: lambda asset: asset.currency,
    Term.ISSUER: lambda asset: asset.issuer,
    Term.ISIN: lambda asset: asset.isin,
}
_ENUMS = (Term.ISSUER_KIND, Term.ASSET_KIND)
_RATINGS: dict[RatingOf, Callable[[Asset], tuple[Rating, ...]]] = {
    RatingOf.ASSET: lambda asset: asset.ratings,
    RatingOf.ISSUER: lambda asset: asset.issuer_ratings,
    RatingOf.SOVEREIGN: lambda asset: asset.sovereign_ratings,
}
_GROUPS = {
    LimitBy.ISSUER: Term.ISSUER,
    LimitBy.COUNTRY: Term.ISSUER_COUNTRY,
    LimitBy.KIND: Term.ASSET_KIND,
    LimitBy.ISIN: Term.ISIN,
}


@dataclass(frozen=True, slots=True)
class Column:
    """One property: a code for each security, and what each code stands for."""

    codes: Codes
    names: dict[str, int]

    def among(self, values: Iterable[str]) -> Bools:
        """Which securities have one of these values."""
        known = np.zeros(len(self.names), dtype=np.bool_)
        for value in values:
            code = self.names.get(value)
            if code is not None:
                known[code] = True
        return known[self.codes]


class AssetColumns:
    """Securities, column by column."""

    def __init__(self, assets: Sequence[Asset]) -> None:
        self.size = len(assets)
        self.columns = {term: _column(term, assets) for term in _GET}
        self.maturity = np.fromiter(
            (NEVER if asset.maturity is None else asset.maturity.toordinal() for asset in assets), np.int32, self.size
        )
        self.steps = {(of, agency): np.full(self.size, UNRATED, dtype=np.int8) for of in RatingOf for agency in Agency}
        self.indices: dict[str, Bools] = {}
        for place, asset in enumerate(assets):
            for of, ratings in _RATINGS.items():
                for rating in ratings(asset):
                    self.steps[of, rating.agency][place] = rating.step
            for index in asset.indices:
                if index not in self.indices:
                    self.indices[index] = np.zeros(self.size, dtype=np.bool_)
                self.indices[index][place] = True

    def groups(self, by: LimitBy) -> Column:
        """What each security counts towards under a limit."""
        if by is LimitBy.ALL:
            return Column(np.zeros(self.size, dtype=np.int32), {"all": 0})
        return self.columns[_GROUPS[by]]


def _column(term: Term, assets: Sequence[Asset]) -> Column:
    names: dict[Any, int] = {}
    get = _GET[term]
    found = [names.setdefault(get(asset), len(names)) for asset in assets]
    if term in _ENUMS:
        names = {name.value: code for name, code in names.items()}
    return Column(np.array(found, dtype=np.int32), names)
