"""An eligibility schedule: what one party takes from another, at which haircut, within which limits.

Haircuts add up, as in Commission Delegated Regulation (EU) 2016/2251, Annex II: C × (1 - HC - HFX).
"""

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TypeAlias

from lockstep.domain.collateral.assets import Asset, IssuerKind
from lockstep.domain.collateral.criteria import Criterion, Refusal, explain
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Lei
from lockstep.domain.money import minor_units
from lockstep.domain.rounding import PARTS

__all__ = [
    "ConcentrationLimit",
    "EligibilitySchedule",
    "Eligible",
    "HaircutBand",
    "Ineligible",
    "LimitBy",
    "Parties",
    "Rule",
    "Verdict",
    "judge",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HaircutBand:
    """The haircut of what meets a criterion, in parts of a million of the market value."""

    when: Criterion
    haircut: int

    def __post_init__(self) -> None:
        _require_share("haircut", self.haircut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of collateral that is taken (EligibleCollateralCriteria). The first band that fits gives the haircut."""

    name: str
    criteria: Criterion
    bands: tuple[HaircutBand, ...]


class LimitBy(Enum):
    """What a concentration limit adds up over (ConcentrationLimitTypeEnum, and two of our own)."""

    ISSUER = "Issuer"
    COUNTRY = "IssuerCountryOfOrigin"
    KIND = "AssetType"
    ISIN = "Asset"
    ALL = "Portfolio"
    """Everything that the limit's criteria meet."""

    def group(self, asset: Asset) -> str:
        """What a security counts towards."""
        return {
            LimitBy.ISSUER: asset.issuer,
            LimitBy.COUNTRY: asset.issuer_country,
            LimitBy.KIND: asset.kind.value,
            LimitBy.ISIN: asset.isin,
            LimitBy.ALL: "all",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcentrationLimit:
    """How much of a portfolio's collateral value may come of one group: a share of it, or an amount; or both."""

    by: LimitBy
    applies_to: Criterion | None = None
    """Only what meets this counts, and is limited; None: everything."""
    share: int | None = None
    """Parts of a million."""
    amount: int | None = None
    """Minor units of the schedule's currency."""

    def __post_init__(self) -> None:
        if self.share is None and self.amount is None:
            raise InvalidInput("concentrationLimits", self.by.value, "a percentage, an amount, or both")
        if self.share is not None:
            _require_share("percentageLimit", self.share)
        if self.amount is not None and self.amount < 0:
            raise InvalidInput("valueLimit", self.amount, "not below zero")

    def counts(self, asset: Asset, on: date) -> bool:
        return self.applies_to is None or explain(self.applies_to, asset, on) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilitySchedule:
    """All that one schedule says. The first rule that a security meets, with a band that fits it, decides."""

    name: str
    currency: str
    rules: tuple[Rule, ...]
    limits: tuple[ConcentrationLimit, ...] = ()
    fx_haircut: int = 0
    """Parts of a million, for what is in another currency than the schedule's and than those exempt."""
    fx_exempt: frozenset[str] = frozenset()
    own_issue_permitted: bool = False
    """May the giver give what it issued itself? (CDM: counterpartyOwnIssuePermitted)"""
    linked_issue_permitted: bool = False
    """And what somebody of its group issued? A default takes both: wrong-way risk."""
    reference_issue_permitted: bool = False
    """And what the entities issued on which the exposure itself depends?"""
    same_country_excluded: frozenset[IssuerKind] = frozenset()
    """Issuers of these kinds are refused where they are of the giver's country."""

    def __post_init__(self) -> None:
        minor_units(self.currency)
        _require_share("fxHaircut", self.fx_haircut)
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise InvalidInput("criteria/name", name, "a name of its own in the schedule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Between whom, as far as wrong-way risk goes."""

    giver: Lei
    giver_country: str
    giver_group: frozenset[Lei] = frozenset()
    reference_entities: frozenset[Lei] = frozenset()
    """On which the exposure itself depends, as those of credit default swaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligible:
    """Taken by a rule, at these haircuts in parts of a million."""

    rule: str
    haircut: int
    fx_haircut: int

    @property
    def total(self) -> int:
        """Both together, at most the whole."""
        return min(self.haircut + self.fx_haircut, PARTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ineligible:
    """Not taken: why not, by each rule in the schedule's order, or the one exclusion that no rule can lift."""

    refusals: tuple[Refusal, ...]

    def __str__(self) -> str:
        return "; ".join(str(one) for one in self.refusals)


Verdict: TypeAlias = Eligible | Ineligible


def judge(schedule: EligibilitySchedule, asset: Asset, parties: Parties, on: date) -> Verdict:
    """Whether a schedule takes a security on a day, and at which haircut."""
    excluded = _wrong_way(schedule, asset, parties)
    if excluded is not None:
        return Ineligible(refusals=(excluded,))
    if asset.maturity is not None and asset.maturity <= on:
        refusal = Refusal(rule="matured", figure=asset.maturity.isoformat(), limit=f"after {on}")
        return Ineligible(refusals=(refusal,))
    refusals = []
    for rule in schedule.rules:
        found = _by_rule(schedule, rule, asset, on)
        if isinstance(found, Eligible):
            return found
        refusals.append(Refusal(rule=f"{rule.name}/{found.rule}", figure=found.figure, limit=found.limit))
    if not refusals:
        refusals = [Refusal(rule="criteria", figure=asset.isin, limit="anything: the schedule has no rules")]
    return Ineligible(refusals=tuple(refusals))


def _by_rule(schedule: EligibilitySchedule, rule: Rule, asset: Asset, on: date) -> Eligible | Refusal:
    """What one rule says; where no band fits, the last one's refusal."""
    refusal = explain(rule.criteria, asset, on)
    if refusal is not None:
        return refusal
    for band in rule.bands:
        refusal = explain(band.when, asset, on)
        if refusal is None:
            fx = 0 if asset.currency in schedule.fx_exempt | {schedule.currency} else schedule.fx_haircut
            return Eligible(rule=rule.name, haircut=band.haircut, fx_haircut=fx)
    return refusal or Refusal(rule="treatment", figure="no band", limit="a rule with a haircut")


def _wrong_way(schedule: EligibilitySchedule, asset: Asset, parties: Parties) -> Refusal | None:
    issuer = asset.issuer
    if not schedule.own_issue_permitted and issuer == parties.giver:
        return Refusal(rule="counterpartyOwnIssuePermitted", figure=issuer, limit="another issuer than the giver")
    if not schedule.linked_issue_permitted and issuer in parties.giver_group - {parties.giver}:
        return Refusal(rule="linkedIssuePermitted", figure=issuer, limit="an issuer outside the giver's group")
    if not schedule.reference_issue_permitted and issuer in parties.reference_entities:
        return Refusal(
            rule="referenceEntityIssuePermitted", figure=issuer, limit="an issuer that the exposure does not depend on"
        )
    if asset.issuer_kind in schedule.same_country_excluded and asset.issuer_country == parties.giver_country:
        return Refusal(
            rule="sameCountryExcluded",
            figure=f"{asset.issuer_kind.value} of {asset.issuer_country}",
            limit="an issuer of another country than the giver's",
        )
    return None


def _require_share(field: str, parts: int) -> None:
    if not 0 <= parts <= PARTS:
        raise InvalidInput(field, parts, "from 0 to 1000000 parts of a million")
