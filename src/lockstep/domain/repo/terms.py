"""What the two parties of a repo agree (GMRA 2011, paragraph 2 and Annex II, the confirmation)."""

import re
from dataclasses import dataclass
from datetime import date
from typing import NewType

from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin
from lockstep.domain.instruction import Party
from lockstep.domain.money import Money
from lockstep.domain.repo.pricing import BASES
from lockstep.domain.rounding import PARTS

__all__ = ["MOST_LOTS", "Lot", "RepoId", "RepoTerms", "repo_id"]

RepoId = NewType("RepoId", str)
"""The parties' own, 1 to 24 capital letters, digits or dashes: references of all its legs begin with it."""
MOST_LOTS = 999

_ID = re.compile(r"[A-Z0-9]([A-Z0-9\-]{0,22}[A-Z0-9])?")


def repo_id(text: str, *, field: str = "repo_id") -> RepoId:
    """Raises InvalidInput for what is none."""
    if not _ID.fullmatch(text):
        raise InvalidInput(field, text, "1 to 24 capital letters, digits or dashes, no dash at an end")
    return RepoId(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Purchased Securities of one kind, or Margin Securities, and what of the purchase price was paid for them."""

    number: int
    """From 1, never used again."""
    isin: Isin
    units: int
    """Base units that the buyer owes as Equivalent Securities; 0: all came back."""
    price: int
    """Its part of the purchase price not repaid yet, minor units; 0 for margin securities."""
    pledge_id: PledgeId | None = None
    """Under which the register has the transfer of title; None: not recorded yet."""

    def __post_init__(self) -> None:
        for name, least in (("number", 1), ("units", 0), ("price", 0)):
            if getattr(self, name) < least:
                raise InvalidInput(f"lot/{name}", getattr(self, name), f"at least {least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoTerms:
    """A repo as agreed. The seller sells and repurchases; the buyer owns in between.

    `agreement_id` is the register's agreement in title-transfer mode of the two, the seller its giver.
    """

    repo_id: RepoId
    agreement_id: AgreementId
    seller: Party
    buyer: Party
    purchase_date: date
    repurchase_date: date | None
    """None: on demand, until one of the two terminates it."""
    purchase_price: Money
    rate: int
    """Pricing rate, parts of a million a year; may be below zero."""
    basis: DayCount
    lots: tuple[Lot, ...]
    late_rate: int = 0
    """For what is paid late, if the pricing rate is not higher (paragraph 12); parts of a million a year."""

    def __post_init__(self) -> None:
        repo_id(self.repo_id)
        if self.seller.lei == self.buyer.lei:
            raise InvalidInput("buyer/LEI", self.buyer.lei, "another party than the seller")
        if self.repurchase_date is not None and self.repurchase_date <= self.purchase_date:
            raise InvalidInput("repurchase_date", self.repurchase_date, f"after the purchase date {self.purchase_date}")
        if self.purchase_price.amount <= 0:
            raise InvalidInput("purchase_price", self.purchase_price, "above zero")
        if self.basis not in BASES:
            raise InvalidInput("basis", self.basis.value, " or ".join(one.value for one in BASES))
        for name in ("rate", "late_rate"):
            if not -PARTS < getattr(self, name) <= PARTS:
                raise InvalidInput(name, getattr(self, name), "above -1000000 and at most 1000000 parts of a million")
        if not 1 <= len(self.lots) <= MOST_LOTS:
            raise InvalidInput("lots", len(self.lots), f"1 to {MOST_LOTS}")
        if [one.number for one in self.lots] != list(range(1, len(self.lots) + 1)):
            raise InvalidInput("lots/number", [one.number for one in self.lots], "1, 2, 3 and so on")
        for one in self.lots:
            if one.units == 0 or one.price == 0 or one.pledge_id is not None:
                raise InvalidInput(f"lots/{one.number}", one, "units and a part of the price, and nothing recorded yet")
        paid = sum(one.price for one in self.lots)
        if paid != self.purchase_price.amount:
            raise InvalidInput("lots/price", paid, f"{self.purchase_price.amount} in all, the purchase price")
