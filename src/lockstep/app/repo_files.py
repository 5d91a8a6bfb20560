"""What people write down of repos, as JSON: terms to open, and positions to select from. No number is read as a
fraction: amounts, quantities and percentages are text, or whole numbers. What a file does not know is refused.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

from lockstep.app.json_files import JsonObject, choice, day, load
from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.allocation import Available
from lockstep.domain.collateral.assets import Agency, Asset, AssetKind, IssuerKind, Rating
from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.collateral.valuation import Price, price_of_par
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import hex32, isin, lei
from lockstep.domain.instruction import Party
from lockstep.domain.market import Market
from lockstep.domain.money import Money, Quantity
from lockstep.domain.repo.terms import Lot, RepoTerms, repo_id

__all__ = ["party_of", "percent", "percent_text", "read_positions", "read_terms"]

_PERCENT = re.compile(r"(-?)([0-9]{1,3})(?:\.([0-9]{1,4}))?")


def percent(text: str, *, field: str) -> int:
    """Parts of a million from a percentage with at most four decimals, a sign allowed. Raises InvalidInput."""
    found = _PERCENT.fullmatch(text)
    if found is None:
        raise InvalidInput(field, text, "a percentage such as 3.65 or -0.5, with at most four decimals")
    parts = int(found[2]) * 10_000 + int((found[3] or "").ljust(4, "0"))
    return -parts if found[1] else parts


def percent_text(parts: int) -> str:
    """Parts of a million as such a percentage, with no more decimals than it needs."""
    whole, rest = divmod(abs(parts), 10_000)
    decimals = f"{rest:04d}".rstrip("0")
    return f"{'-' if parts < 0 else ''}{whole}{'.' if decimals else ''}{decimals}"


def party_of(market: Market, text: str, *, field: str) -> Party:
    """A participant by its BIC or LEI. Raises InvalidInput."""
    for one in market.participants.values():
        if text in (one.bic, one.lei):
            return Party(lei=one.lei, bic=one.bic)
    raise InvalidInput(field, text, "the BIC or LEI of a participant")


def read_terms(path: Path, market: Market) -> RepoTerms:
    """A repo's terms. Raises InvalidInput with the name of what is wrong."""
    node = JsonObject(load(path), "terms")
    currency = node.text("currency")
    lots = [JsonObject(one, f"securities/{number}") for number, one in enumerate(node.items("securities"), 1)]
    repurchase = node.text("repurchaseDate", "")
    terms = RepoTerms(
        repo_id=repo_id(node.text("repoId"), field="repoId"),
        agreement_id=AgreementId(hex32(node.text("agreementId"), field="agreementId")),
        seller=party_of(market, node.text("seller"), field="seller"),
        buyer=party_of(market, node.text("buyer"), field="buyer"),
        purchase_date=day(node.text("purchaseDate"), "purchaseDate"),
        repurchase_date=day(repurchase, "repurchaseDate") if repurchase else None,
        purchase_price=Money.parse(node.text("purchasePrice"), currency, field="purchasePrice"),
        rate=percent(node.text("pricingRate"), field="pricingRate"),
        basis=choice(DayCount, node.text("dayCount"), "dayCount"),
        late_rate=percent(node.text("lateRate", "0"), field="lateRate"),
        lots=tuple(_lot(one, number, currency, market) for number, one in enumerate(lots, 1)),
    )
    node.done()
    return terms


def _lot(node: JsonObject, number: int, currency: str, market: Market) -> Lot:
    security = market.security(isin(node.text("isin"), field=f"{node.path}/isin"))
    quantity = Quantity.parse(node.text("quantity"), field=f"{node.path}/quantity")
    price = Money.parse(node.text("price"), currency, field=f"{node.path}/price")
    node.done()
    return Lot(number=number, isin=security.isin, units=quantity.units(security.decimals), price=price.amount)


def read_positions(path: Path, market: Market, as_of: datetime) -> tuple[Available, ...]:
    """Positions that may be selected, prices dirty and in percent of par. Raises InvalidInput as `read_terms`."""
    node = JsonObject(load(path), "file")
    found = [
        _position(JsonObject(one, f"positions/{number}"), market, as_of.astimezone(UTC))
        for number, one in enumerate(node.items("positions"), 1)
    ]
    node.done()
    return tuple(found)


def _position(node: JsonObject, market: Market, as_of: datetime) -> Available:
    security = market.security(isin(node.text("isin"), field=f"{node.path}/isin"))
    matures = node.text("maturity", "")
    ratings = [JsonObject(one, f"{node.path}/ratings") for one in node.items("ratings", optional=True)]
    asset = Asset(
        isin=security.isin,
        kind=choice(AssetKind, node.text("assetType"), f"{node.path}/assetType"),
        issuer=lei(node.text("issuer"), field=f"{node.path}/issuer"),
        issuer_kind=choice(IssuerKind, node.text("issuerType"), f"{node.path}/issuerType"),
        issuer_country=node.text("issuerCountry"),
        country=node.text("country"),
        currency=security.currency,
        maturity=day(matures, f"{node.path}/maturity") if matures else None,
        ratings=tuple(
            Rating(agency=choice(Agency, one.text("agency"), f"{one.path}/agency"), notation=one.text("notation"))
            for one in ratings
        ),
    )
    dirty = percent(node.text("dirtyPrice"), field=f"{node.path}/dirtyPrice")
    quantity = Quantity.parse(node.text("quantity"), field=f"{node.path}/quantity")
    lot = Quantity.parse(node.text("lot", "1"), field=f"{node.path}/lot")
    made = Available(
        position_id=node.text("id"),
        asset=asset,
        units=quantity.units(security.decimals, field=f"{node.path}/quantity"),
        price=Price(
            isin=security.isin,
            currency=security.currency,
            price=price_of_par(dirty, security.decimals, security.currency),
            as_of=as_of,
        ),
        lot=lot.units(security.decimals, field=f"{node.path}/lot"),
        cost=percent(node.text("cost", "0"), field=f"{node.path}/cost"),
    )
    for one in (*ratings, node):
        one.done()
    return made
