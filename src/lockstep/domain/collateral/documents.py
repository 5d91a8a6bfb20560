"""Eligibility schedules as JSON documents: format `lockstep-eligibility/1`, docs/reference/eligibility-schedules.md.

No number is read as a fraction: percentages are text, or whole numbers. A document that says more than the format knows
is refused, so that no term of an agreement is silently left out.
"""

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NoReturn, TypeVar

from lockstep.domain.collateral.assets import SCALES, Agency, AssetKind, IssuerKind
from lockstep.domain.collateral.criteria import (
    AllOf,
    AnyOf,
    Criterion,
    Maturity,
    NoneOf,
    OneOf,
    Period,
    Rated,
    RatingOf,
    Resolution,
    Term,
)
from lockstep.domain.collateral.schedules import ConcentrationLimit, EligibilitySchedule, HaircutBand, LimitBy, Rule
from lockstep.domain.countries import COUNTRIES
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import isin, lei
from lockstep.domain.money import Money, minor_units

__all__ = ["FORMAT", "parse_schedule", "percentage"]

FORMAT = "lockstep-eligibility/1"
DEEPEST = 16
LONGEST = 1_000_000
"""Characters of a document."""
MOST_OPEN = 4 * DEEPEST
"""Brackets open at once, before anything is parsed: the parser recurses, and some libraries lift Python's own limit."""
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_PERCENTAGE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))?")
Choice = TypeVar("Choice", bound=Enum)


def parse_schedule(text: str) -> EligibilitySchedule:
    """A schedule from its document. Raises InvalidInput with the path of what is wrong in it."""
    if len(text) > LONGEST:
        raise InvalidInput("schedule", f"{len(text)} characters", f"at most {LONGEST}")
    _require_depth(text)
    try:
        document = json.loads(text, parse_float=str, parse_constant=_no_number, object_pairs_hook=_once)
    except json.JSONDecodeError as broken:
        raise InvalidInput("schedule", broken.doc[broken.pos : broken.pos + 20], f"JSON: {broken.msg}") from None
    except ValueError:
        raise InvalidInput("schedule", "a whole number", "at most 4300 digits") from None
    top = _Node(document, "schedule")
    top.know(
        "format", "name", "currency", "counterpartyOwnIssuePermitted", "wrongWay", "fxHaircut", "criteria",
        "concentrationLimits",
    )  # fmt: skip
    if top["format"].text() != FORMAT:
        raise InvalidInput("schedule/format", top["format"].text(), FORMAT)
    currency = top["currency"].text()
    minor_units(currency, field="schedule/currency")
    wrong, fx = top.get("wrongWay"), top.get("fxHaircut")
    if wrong is not None:
        wrong.know("linkedIssuePermitted", "referenceEntityIssuePermitted", "sameCountryExcluded")
    if fx is not None:
        fx.know("percentage", "exempt")
    excluded = None if wrong is None else wrong.get("sameCountryExcluded")
    exempt = None if fx is None else fx.get("exempt")
    return EligibilitySchedule(
        name=top["name"].text(),
        currency=currency,
        rules=tuple(_rule(one) for one in top["criteria"].items()),
        limits=tuple(_limit(one, currency) for one in top.items("concentrationLimits")),
        fx_haircut=0 if fx is None else percentage(fx["percentage"].text(), field=fx["percentage"].path),
        fx_exempt=frozenset() if exempt is None else frozenset(_value(Term.CURRENCY, one) for one in exempt.items()),
        own_issue_permitted=top.truth("counterpartyOwnIssuePermitted"),
        linked_issue_permitted=wrong is not None and wrong.truth("linkedIssuePermitted"),
        reference_issue_permitted=wrong is not None and wrong.truth("referenceEntityIssuePermitted"),
        same_country_excluded=frozenset(
            () if excluded is None else (one.choice(IssuerKind) for one in excluded.items())
        ),
    )


def percentage(text: str, *, field: str) -> int:
    """Parts of a million from a percentage from 0 to 100 with at most four decimals. Raises InvalidInput."""
    found = _PERCENTAGE.fullmatch(text)
    parts = int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0")) if found else -1
    if not 0 <= parts <= 1_000_000:
        raise InvalidInput(field, text, "a percentage from 0 to 100 with at most four decimals")
    return parts


class _Node:
    """A value in the document and where it stands."""

    def __init__(self, value: Any, path: str, depth: int = 0) -> None:
        self.value, self.path, self.depth = value, path, depth

    def wrong(self, rule: str) -> NoReturn:
        raise InvalidInput(self.path, json.dumps(self.value), rule)

    def know(self, *names: str) -> None:
        """It is an object with no other members than these."""
        for name in self.members():
            if name not in names:
                raise InvalidInput(f"{self.path}/{name}", name, f"one of {', '.join(names)}")

    def members(self) -> Mapping[str, Any]:
        if not isinstance(self.value, dict):
            self.wrong("an object")
        return self.value

    def get(self, name: str) -> "_Node | None":
        members = self.members()
        return _Node(members[name], f"{self.path}/{name}", self.depth + 1) if name in members else None

    def __getitem__(self, name: str) -> "_Node":
        found = self.get(name)
        if found is None:
            raise InvalidInput(f"{self.path}/{name}", "", "there")
        return found

    def items(self, name: str | None = None) -> Sequence["_Node"]:
        """Of a list; of a member that may be absent, none then."""
        if name is not None:
            inner = self.get(name)
            return () if inner is None else inner.items()
        if not isinstance(self.value, list):
            self.wrong("a list")
        return [_Node(one, f"{self.path}[{place}]", self.depth + 1) for place, one in enumerate(self.value, 1)]

    def text(self) -> str:
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        if not isinstance(self.value, str) or not self.value:
            self.wrong("a text")
        return self.value

    def truth(self, name: str) -> bool:
        """A member that is false where it is absent."""
        inner = self.get(name)
        if inner is None:
            return False
        if not isinstance(inner.value, bool):
            inner.wrong("true or false")
        return inner.value

    def choice(self, of: type[Choice]) -> Choice:
        found = {one.value: one for one in of}
        if not isinstance(self.value, str) or self.value not in found:
            self.wrong(f"one of {', '.join(found)}")
        return found[self.value]


def _rule(node: _Node) -> Rule:
    node.know("name", "criteria", "treatment")
    bands = []
    for band in node["treatment"].items():
        band.know("when", "haircutPercentage")
        when = band.get("when")
        haircut = band["haircutPercentage"]
        bands.append(
            HaircutBand(
                when=AllOf(parts=()) if when is None else _criterion(when),
                haircut=percentage(haircut.text(), field=haircut.path),
            )
        )
    if not bands:
        node["treatment"].wrong("at least one haircut")
    return Rule(name=node["name"].text(), criteria=_criterion(node["criteria"]), bands=tuple(bands))


def _limit(node: _Node, currency: str) -> ConcentrationLimit:
    node.know("type", "criteria", "percentageLimit", "valueLimit")
    criteria, share, amount = node.get("criteria"), node.get("percentageLimit"), node.get("valueLimit")
    if share is None and amount is None:
        node.wrong("percentageLimit, valueLimit, or both")
    return ConcentrationLimit(
        by=node["type"].choice(LimitBy),
        applies_to=None if criteria is None else _criterion(criteria),
        share=None if share is None else percentage(share.text(), field=share.path),
        amount=None if amount is None else Money.parse(amount.text(), currency, field=amount.path).amount,
    )


def _criterion(node: _Node) -> Criterion:
    """An object whose members must all be met."""
    if node.depth > 2 * DEEPEST:
        raise InvalidInput(node.path, "", f"at most {DEEPEST} levels deep")
    parts = [_part(name, node[name]) for name in node.members()]
    if not parts:
        node.wrong("at least one criterion")
    return parts[0] if len(parts) == 1 else AllOf(parts=tuple(parts))


def _part(name: str, node: _Node) -> Criterion:
    if name in ("all", "any"):
        parts = tuple(_criterion(one) for one in node.items())
        if not parts:
            node.wrong("at least one criterion")
        return AllOf(parts=parts) if name == "all" else AnyOf(parts=parts)
    if name == "not":
        return NoneOf(part=_criterion(node))
    if name == "remainingMaturity":
        node.know("over", "upTo")
        above, up_to = node.get("over"), node.get("upTo")
        if above is None and up_to is None:
            node.wrong("over, upTo, or both")
        return Maturity(above=_period(above), up_to=_period(up_to))
    for of in RatingOf:
        if name == of.value:
            return _rated(of, node)
    for term in Term:
        if name == term.value:
            values = frozenset(_value(term, one) for one in node.items())
            if not values:
                node.wrong("at least one value")
            return OneOf(term=term, values=values)
    known = ["all", "any", "not", "remainingMaturity", *(of.value for of in RatingOf), *(term.value for term in Term)]
    raise InvalidInput(node.path, name, f"one of {', '.join(known)}")


def _period(node: _Node | None) -> Period | None:
    return None if node is None else Period.parse(node.text(), field=node.path)


def _rated(of: RatingOf, node: _Node) -> Rated:
    node.know("minimum", "agencies", "mismatchResolution")
    minimum, agencies, resolution = node["minimum"].text(), node.get("agencies"), node.get("mismatchResolution")
    steps = {scale.index(minimum) for scale in SCALES.values() if minimum in scale}
    if not steps:
        node["minimum"].wrong("a long-term notation, as A- or A3")
    return Rated(
        of=of,
        step=steps.pop(),
        agencies=frozenset(Agency) if agencies is None else frozenset(one.choice(Agency) for one in agencies.items()),
        resolution=Resolution.LOWEST if resolution is None else resolution.choice(Resolution),
    )


def _value(term: Term, node: _Node) -> str:
    """A listed value, judged as what it names."""
    text = node.text()
    if term is Term.ISSUER:
        return lei(text, field=node.path)
    if term is Term.ISIN:
        return isin(text, field=node.path)
    if term is Term.CURRENCY:
        minor_units(text, field=node.path)
    elif term in (Term.ISSUER_COUNTRY, Term.COUNTRY) and text not in COUNTRIES:
        raise InvalidInput(node.path, text, "a country of ISO 3166-1")
    elif term is Term.ISSUER_KIND:
        node.choice(IssuerKind)
    elif term is Term.ASSET_KIND:
        node.choice(AssetKind)
    return text


def _require_depth(text: str) -> None:
    """Brackets outside of texts are open at most so deep. Raises InvalidInput."""
    depth = 0
    for found in _BRACKETS.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        if depth > MOST_OPEN:
            raise InvalidInput("schedule", text[found.start() : found.start() + 20], f"at most {DEEPEST} levels deep")


def _no_number(text: str) -> NoReturn:
    raise InvalidInput("schedule", text, "a number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidInput(f"schedule/…/{name}", name, "once in its object")
        found[name] = value
    return found
