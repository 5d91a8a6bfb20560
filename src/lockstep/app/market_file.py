"""A market as a file: reference data and what everybody owns at the open (TOML).

The format is shown, with comments, by `examples/first-day/market.toml`. Amounts are texts. Wallets
and tokens are not in it: they are made for each network, see `home`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Isin, Lei, bic, isin, lei
from lockstep.domain.instruction import QuantityType
from lockstep.domain.market import Tolerance
from lockstep.domain.money import Money, Quantity

__all__ = ["Holding", "Mandate", "MarketFile", "Member", "NewSecurity", "read_market"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A participant to be: its accounts by currency, and what is on them at the open."""

    name: str
    lei: Lei
    bic: Bic
    active: bool
    accounts: Mapping[str, str]
    cash: tuple[Money, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecurity:
    """A security to be issued."""

    isin: Isin
    name: str
    symbol: str
    quantity_type: QuantityType
    decimals: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Units owned at the open, in the security's smallest denomination."""

    participant: Bic
    isin: Isin
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """A bank's leave to debit its account, per payment, through `until`."""

    debtor: Bic
    maximum: Money
    payee: Bic | None
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFile:
    """Everything that the file says."""

    business_day: date
    opens: time
    pay_by: time
    closes: time
    service: Bic
    rtgs: Bic
    members: tuple[Member, ...]
    securities: tuple[NewSecurity, ...]
    holdings: tuple[Holding, ...]
    mandates: tuple[Mandate, ...]
    tolerances: Mapping[str, Tolerance]
    collateral: bool = False
    """Whether the market has a collateral register."""
    collateral_lei: Lei | None = None
    """The entity that answers for what the register holds while it sells: without it, nothing is enforced by sale."""
    anchor: bool = False
    """Whether the service's journal has a contract to be anchored at."""

    @property
    def opening(self) -> datetime:
        return datetime.combine(self.business_day, self.opens, tzinfo=UTC)

    @property
    def pay_by_instant(self) -> datetime:
        return datetime.combine(self.business_day, self.pay_by, tzinfo=UTC)

    @property
    def closing(self) -> datetime:
        return datetime.combine(self.business_day, self.closes, tzinfo=UTC)


def read_market(path: Path) -> MarketFile:
    """Reads and checks a market file. Raises InvalidInput with field, value and rule."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return _market(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(path.name, str(error), "TOML") from error
    except KeyError as error:
        raise InvalidInput(path.name, error.args[0], "a field that must be there") from error
    except OSError as error:
        raise InvalidInput("market file", path, f"a file that can be read ({error.strerror})") from error


def _market(content: Mapping[str, Any]) -> MarketFile:
    members = tuple(_member(row) for row in content["participants"])
    _distinct("participants/lei", [one.lei for one in members])
    _distinct("participants/bic", [*(one.bic for one in members), content["service"], content["rtgs"]])
    _distinct("participants/accounts", [number for one in members for number in one.accounts.values()])
    securities = tuple(_security(row) for row in content["securities"])
    decimals = {one.isin: one.decimals for one in securities}
    return MarketFile(
        business_day=content["business_day"],
        opens=content["opens"],
        pay_by=content["pay_by"],
        closes=content["closes"],
        service=bic(content["service"], field="service"),
        rtgs=bic(content["rtgs"], field="rtgs"),
        members=members,
        securities=securities,
        holdings=tuple(_holding(row, decimals) for row in content.get("holdings", ())),
        mandates=tuple(_mandate(row) for row in content.get("mandates", ())),
        **_collateral(content),
        anchor=_flag(content, "anchor"),
        tolerances={currency: _tolerance(row, currency) for currency, row in content["tolerances"].items()},
    )


def _collateral(content: Mapping[str, Any]) -> dict[str, Any]:
    wanted, entity = _flag(content, "collateral"), content.get("collateral_lei")
    if entity is not None and not wanted:
        raise InvalidInput("collateral_lei", entity, "given only with collateral = true")
    return {
        "collateral": wanted,
        "collateral_lei": None if entity is None else lei(entity, field="collateral_lei"),
    }


def _flag(content: Mapping[str, Any], name: str) -> bool:
    wanted = content.get(name, False)
    if not isinstance(wanted, bool):
        raise InvalidInput(name, wanted, "true or false")
    return wanted


def _distinct(field: str, values: Sequence[str]) -> None:
    """Who shares an identifier with another could act in its name."""
    for value in values:
        if values.count(value) > 1:
            raise InvalidInput(field, value, "not used twice in a market")


def _member(row: Mapping[str, Any]) -> Member:
    if row["status"] not in ("active", "suspended"):
        raise InvalidInput("participants/status", row["status"], "active or suspended")
    return Member(
        name=row["name"],
        lei=lei(row["lei"], field="participants/lei"),
        bic=bic(row["bic"], field="participants/bic"),
        active=row["status"] == "active",
        accounts=dict(row["accounts"]),
        cash=tuple(Money.parse(text, currency, field="participants/cash") for currency, text in row["cash"].items()),
    )


def _security(row: Mapping[str, Any]) -> NewSecurity:
    return NewSecurity(
        isin=isin(row["isin"], field="securities/isin"),
        name=row["name"],
        symbol=row["symbol"],
        quantity_type=QuantityType(row["quantity_type"]),
        decimals=int(row["decimals"]),
        currency=row["currency"],
    )


def _holding(row: Mapping[str, Any], decimals: Mapping[Isin, int]) -> Holding:
    code = isin(row["isin"], field="holdings/isin")
    if code not in decimals:
        raise InvalidInput("holdings/isin", code, "one of the file's securities")
    quantity = Quantity.parse(row["quantity"], field="holdings/quantity")
    units = quantity.units(decimals[code], field="holdings/quantity")
    return Holding(participant=bic(row["participant"], field="holdings/participant"), isin=code, units=units)


def _mandate(row: Mapping[str, Any]) -> Mandate:
    return Mandate(
        debtor=bic(row["debtor"], field="mandates/debtor"),
        maximum=Money.parse(row["maximum"], row["currency"], field="mandates/maximum"),
        payee=bic(row["payee"], field="mandates/payee") if "payee" in row else None,
        until=row["until"],
    )


def _tolerance(row: Mapping[str, Any], currency: str) -> Tolerance:
    amounts = {
        name: Money.parse(row[name], currency, field=f"tolerances/{currency}/{name}").amount
        for name in ("threshold", "up_to", "above")
    }
    return Tolerance(**amounts)
