"""A collateral day as a folder: market, agreements, bonds, schedules, prices and exposures by time, and what is done.

`examples/collateral-day` shows each file with comments. Amounts, percentages and quantities are texts. A name that
nothing knows is refused, so that no term is silently left out.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from lockstep.app.market_file import MarketFile, read_market
from lockstep.app.repo_files import percent
from lockstep.domain.accrual import Bond, DayCount
from lockstep.domain.collateral.assets import Agency, Asset, AssetKind, IssuerKind, Rating
from lockstep.domain.collateral.documents import parse_schedule
from lockstep.domain.collateral.register import AgreementMode
from lockstep.domain.collateral.schedules import EligibilitySchedule
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Isin, bic, lei
from lockstep.domain.margin import CsaTerms
from lockstep.domain.money import Money

__all__ = ["AgreementFile", "BondTerms", "CollateralDay", "Node", "Quoted", "load", "read_collateral_day"]

DAY = "day.toml"
_MODES = {"security interest": AgreementMode.SECURITY_INTEREST, "title transfer": AgreementMode.TITLE_TRANSFER}
Choice = TypeVar("Choice", bound=Enum)
Chosen = TypeVar("Chosen")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementFile:
    """Two parties' terms, before there are wallets and valuers to name."""

    name: str
    giver: Bic
    taker: Bic
    mode: AgreementMode
    margin: CsaTerms
    schedule: EligibilitySchedule
    max_age_seconds: int
    reuse_cap: int
    max_depth: int
    appropriation: bool
    notice_seconds: int
    cure_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BondTerms:
    """What a schedule and a price need to know of one security."""

    asset: Asset
    bond: Bond


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Figures from an instant on, until the next: clean prices in parts of a million, or exposures in minor units."""

    since: datetime
    figures: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralDay:
    """Everything that the folder says."""

    market: MarketFile
    until: date
    """Last day of all agreements."""
    valuers: int
    quorum: int
    agreements: Mapping[str, AgreementFile]
    bonds: Mapping[Isin, BondTerms]
    prices: Sequence[Quoted]
    exposures: Sequence[Quoted]
    steps: Sequence["Node"]

    @property
    def ends(self) -> int:
        """The agreements' last second."""
        return int(datetime.combine(self.until + timedelta(days=1), time(), tzinfo=UTC).timestamp()) - 1


def read_collateral_day(folder: Path) -> CollateralDay:
    """Reads and checks a folder, but for what its steps need. Raises InvalidInput with file, field and rule."""
    market = read_market(folder / "market.toml")
    if not market.collateral:
        raise InvalidInput("market.toml/collateral", market.collateral, "true: the market needs a collateral register")
    known = {one.isin for one in market.securities}
    terms = load(folder / "agreements.toml")
    agreements: dict[str, AgreementFile] = {}
    for one in terms.nodes("agreements"):
        if one.text("name") in agreements:
            raise InvalidInput(f"{one.path}/name", one.text("name"), "each name once")
        agreements[one.text("name")] = _agreement(one, folder, market)
    bonds = {}
    file = load(folder / "bonds.toml")
    for name in sorted(known):
        bonds[name] = _bond(file.node(name), name)
    file.done()
    day = CollateralDay(
        market=market,
        until=terms.day("until"),
        valuers=terms.number("valuers", 1, 8),
        quorum=terms.number("quorum", 1, 8),
        agreements=agreements,
        bonds=bonds,
        prices=_quoted(load(folder / "prices.toml"), "prices", sorted(known), _clean),
        exposures=_quoted(load(folder / "exposures.toml"), "exposures", list(agreements), _exposure(agreements)),
        steps=load(folder / DAY).nodes("steps"),
    )
    terms.done()
    return day


class Node:
    """A table of a file, of which everything is to be asked for: `done` refuses what nobody asked for."""

    def __init__(self, content: Mapping[str, Any], path: str) -> None:
        self._content, self._left, self.path = content, dict(content), path

    def has(self, name: str) -> bool:
        return name in self._content

    def names(self) -> list[str]:
        return list(self._content)

    def raw(self, name: str, kind: type[Chosen], rule: str) -> Chosen:
        value = self._left.pop(name, None) if name in self._left else self._content.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InvalidInput(f"{self.path}/{name}", value, rule)
        return value

    def text(self, name: str, usual: str | None = None) -> str:
        if usual is not None and not self.has(name):
            return usual
        return self.raw(name, str, "given, as text")

    def truth(self, name: str) -> bool:
        """False where it is absent."""
        return self.raw(name, bool, "true or false") if self.has(name) else False

    def number(self, name: str, least: int, most: int, usual: int | None = None) -> int:
        if usual is not None and not self.has(name):
            return usual
        value = self.raw(name, int, f"a whole number from {least} to {most}")
        if not least <= value <= most:
            raise InvalidInput(f"{self.path}/{name}", value, f"from {least} to {most}")
        return value

    def day(self, name: str) -> date:
        return self.raw(name, date, "a day such as 2026-11-23")

    def instant(self, name: str) -> datetime:
        moment = self.raw(name, datetime, "an instant such as 2026-11-23T09:00:00Z")
        if moment.utcoffset() != timedelta(0) or moment.microsecond:
            raise InvalidInput(f"{self.path}/{name}", moment, "a whole second, in UTC")
        return moment.astimezone(UTC)

    def texts(self, name: str) -> list[str]:
        found = self.raw(name, list, "a list of texts")
        if not all(isinstance(one, str) for one in found):
            raise InvalidInput(f"{self.path}/{name}", found, "a list of texts")
        return found

    def node(self, name: str) -> "Node":
        return Node(self.raw(name, dict, "a table"), f"{self.path}/{name}")

    def nodes(self, name: str) -> list["Node"]:
        found = self.raw(name, list, "at least one table")
        if not found or not all(isinstance(one, dict) for one in found):
            raise InvalidInput(f"{self.path}/{name}", found, "at least one table")
        return [Node(one, f"{self.path}/{name}/{number}") for number, one in enumerate(found, 1)]

    def chosen(self, name: str, of: Mapping[str, Chosen], usual: str | None = None) -> Chosen:
        """One of these, by its name."""
        text = self.text(name, usual)
        if text not in of:
            raise InvalidInput(f"{self.path}/{name}", text, f"one of {', '.join(of)}")
        return of[text]

    def done(self) -> None:
        for name, value in self._left.items():
            raise InvalidInput(f"{self.path}/{name}", value, "not given: nothing of this name is known here")


def load(path: Path) -> Node:
    """A TOML file. Raises InvalidInput."""
    try:
        return Node(tomllib.loads(path.read_text("utf-8")), path.name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(path.name, str(error), "TOML") from error
    except OSError as error:
        raise InvalidInput("file", path, f"a file that can be read ({error.strerror})") from error


def _values(kind: type[Choice]) -> Mapping[str, Choice]:
    return {str(one.value): one for one in kind}


def _agreement(node: Node, folder: Path, market: MarketFile) -> AgreementFile:
    parties = {role: bic(node.text(role), field=f"{node.path}/{role}") for role in ("giver", "taker")}
    for role, party in parties.items():
        if party not in {one.bic for one in market.members}:
            raise InvalidInput(f"{node.path}/{role}", party, "the BIC of a participant of market.toml")
    currency = node.text("currency")

    def amount(name: str, usual: int) -> int:
        if not node.has(name):
            return usual
        return Money.parse(node.text(name), currency, field=f"{node.path}/{name}").amount

    margin = CsaTerms(
        currency=currency,
        threshold=amount("threshold", 0),
        minimum_transfer=amount("minimum_transfer", 0),
        multiple=amount("multiple", 1),
    )
    schedule = folder / "schedules" / f"{node.text('schedule')}.json"
    try:
        text = schedule.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{node.path}/schedule", schedule, f"a file in UTF-8 that can be read ({error})") from error
    made = AgreementFile(
        name=node.text("name"),
        **parties,
        mode=node.chosen("mode", _MODES),
        margin=margin,
        schedule=parse_schedule(text),
        max_age_seconds=node.number("max_age", 1, 2**32 - 1),
        reuse_cap=percent(node.text("reuse_cap", "0"), field=f"{node.path}/reuse_cap"),
        max_depth=node.number("max_depth", 0, 8, 0),
        appropriation=node.truth("appropriation"),
        notice_seconds=node.number("notice", 0, 2**32 - 1, 0),
        cure_seconds=node.number("cure", 0, 2**32 - 1, 0),
    )
    node.done()
    return made


def _bond(node: Node, name: Isin) -> BondTerms:
    rating = Rating(agency=Agency.STANDARD_AND_POORS, notation=node.text("rating"))
    country, matures = node.text("country"), node.day("maturity")
    made = BondTerms(
        asset=Asset(
            isin=name,
            kind=AssetKind.DEBT,
            issuer=lei(node.text("issuer"), field=f"{node.path}/issuer"),
            issuer_kind=node.chosen("issuer_type", _values(IssuerKind)),
            issuer_country=country,
            country=country,
            currency=node.text("currency", "EUR"),
            maturity=matures,
            ratings=(rating,),
        ),
        bond=Bond(
            issued=node.day("issued"),
            maturity=matures,
            coupon=percent(node.text("coupon"), field=f"{node.path}/coupon"),
            frequency=node.number("frequency", 1, 12),
            basis=node.chosen("day_count", _values(DayCount)),
        ),
    )
    node.done()
    return made


def _clean(node: Node, name: str) -> int:
    return percent(node.text(name), field=f"{node.path}/{name}")


def _exposure(agreements: Mapping[str, AgreementFile]) -> Any:
    def read(node: Node, name: str) -> int:
        currency = agreements[name].margin.currency
        return Money.parse(node.text(name), currency, field=f"{node.path}/{name}").amount

    return read


def _quoted(file: Node, name: str, known: Sequence[str], read: Any) -> Sequence[Quoted]:
    """In the order of their times, which must be that of the file."""
    found: list[Quoted] = []
    for node in file.nodes(name):
        since = node.instant("from")
        if found and since <= found[-1].since:
            raise InvalidInput(f"{node.path}/from", since, f"after {found[-1].since}")
        found.append(Quoted(since=since, figures={one: read(node, one) for one in known if node.has(one)}))
        node.done()
    file.done()
    return found
