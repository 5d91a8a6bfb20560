"""What the collateral register, by its acts alone, should hold: books of the shadow (`testing.collateral`). Standard
library only.

A pledge is a `Claim`. Wherever the contract keeps a sum, units are counted anew from the claims.
"""

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["MILLION", "ROOT", "Books", "Claim", "Deal", "Sale", "Terms"]

MILLION = 10**6
ROOT = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What two parties agreed."""

    giver: str
    taker: str
    is_title: bool
    currency: str
    cap: int
    depth: int
    appropriation: bool
    substitution: bool
    wait: int
    """Notice and cure, seconds."""
    max_age: int
    valuers: str
    until: int
    floor: int


@dataclass(slots=True, kw_only=True)
class Deal:
    """An agreement and its figures, minor units."""

    terms: Terms
    exposure: int = 0
    required: int = 0
    credit: int = 0
    valued: int = 0
    enforce: int = 0
    prices: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """By token: price, haircut, as of."""


@dataclass(slots=True, kw_only=True)
class Claim:
    """A pledge: so many units pledged, owed by its taker, and out for sale."""

    deal: str
    parent: str
    token: str
    quantity: int
    owed: int
    depth: int
    reach: int
    cap: int
    until: int
    holder: str
    recalled: int = 0
    out: int = 0
    stop: tuple[int, int, int] | None = None
    """Second of the long stop's proposal, after which it may be confirmed, and the epoch."""


@dataclass(slots=True, kw_only=True)
class Sale:
    """Units out for sale through DvP; amounts as attested when it began."""

    claim: str
    quantity: int
    price: int
    floor: int
    is_open: bool = True
    is_counted: bool = True


@dataclass(slots=True)
class Books:
    """All of it, at one moment."""

    now: int = 0
    deals: dict[str, Deal] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    sales: dict[str, Sale] = field(default_factory=dict)
    used: set[tuple[str, ...]] = field(default_factory=set)
    """Amendments, payments, settlements, incomes, numbers of signed acts: each counts once."""
    counted: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Payments, by agreement and call: the amount, and when it counted."""
    income: Counter[str] = field(default_factory=Counter)
    """Minor units owed, by pledge."""
    heirs: dict[str, str] = field(default_factory=dict)
    """Each wallet's successor."""
    epoch: int = 0
    body: str = ""
    """Of the present epoch's agents; `officer` and `confirmer` likewise."""
    officer: str = ""
    confirmer: str = ""
    locked: dict[str, tuple[str, str, str, int]] = field(default_factory=dict)
    """DvP's orders by settlement: token, seller, buyer, quantity."""
    ended: dict[str, str] = field(default_factory=dict)
    """By settlement: Settled or GivenBack."""

    def heir(self, wallet: str) -> str:
        """The last in the line of its successors."""
        seen = {wallet}
        while (following := self.heirs.get(wallet, wallet)) not in seen:
            wallet = following
            seen.add(wallet)
        return wallet

    def reused(self, claim: str) -> int:
        return sum(one.quantity for one in self.claims.values() if one.parent == claim)

    def limit(self, claim: str) -> int:
        """How much of it may be pledged on."""
        of = self.claims[claim]
        return (of.quantity - of.out) * of.cap // MILLION

    def root(self, claim: str) -> str:
        while self.claims[claim].parent != ROOT:
            claim = self.claims[claim].parent
        return claim

    def held(self, deal: str, token: str) -> int:
        mine = [one for one in self.claims.values() if (one.deal, one.token) == (deal, token)]
        return sum(one.quantity + one.owed for one in mine)

    def tokens(self, deal: str) -> set[str]:
        """Of which securities its collateral is."""
        return {one.token for one in self.claims.values() if one.deal == deal and one.quantity + one.owed}

    def is_named(self, deal: str, token: str) -> bool:
        """Whether the latest valuation names the security."""
        of = self.deals[deal]
        return of.prices.get(token, (0, 0, 0))[2] == of.valued

    def worth(self, deal: str, token: str, quantity: int) -> int:
        """After the haircut, rounded down; what is not named is worth nothing."""
        price, haircut, _ = self.deals[deal].prices.get(token, (0, 0, 0))
        return quantity * price * (MILLION - haircut) // MILLION**2 if self.is_named(deal, token) else 0

    def price_up(self, deal: str, token: str, quantity: int) -> int:
        return -(-quantity * self.deals[deal].prices.get(token, (0, 0, 0))[0] // MILLION)

    def cover(self, deal: str) -> int:
        return sum(self.worth(deal, token, self.held(deal, token)) for token in self.tokens(deal))

    def selling(self, deal: str) -> int:
        """What sales are about to pay, at attested prices."""
        mine = [one for one in self.sales.values() if one.is_counted and self.claims[one.claim].deal == deal]
        return sum(one.price if one.is_open else one.price - one.floor for one in mine)

    def is_fresh(self, deal: str) -> bool:
        of = self.deals[deal]
        return of.valued != 0 and self.now <= of.valued + of.terms.max_age

    def ground(self, deal: str) -> bool:
        """Whether there is one for a default."""
        of = self.deals[deal]
        if self.now > of.terms.until:
            return of.exposure > of.credit
        return of.required > self.cover(deal) + of.credit

    def is_defeated(self, claim: str) -> bool:
        """Whether a valuation since the long stop's proposal shows a debt."""
        of = self.claims[claim]
        deal = self.deals[of.deal]
        return of.stop is not None and deal.valued >= of.stop[0] and deal.exposure > deal.credit

    def lanes(self) -> Counter[tuple[str, str]]:
        """What the register should have earmarked: by token and holder."""
        found: Counter[tuple[str, str]] = Counter()
        for name, one in self.claims.items():
            if one.parent == ROOT:
                found[one.token, one.holder] += one.quantity
            if one.out:
                root = self.claims[self.root(name)]
                found[root.token, root.holder] -= one.out
        return found

    # --- moves that several acts share

    def shrink(self, claim: str, quantity: int) -> None:
        of = self.claims[claim]
        of.quantity -= quantity
        of.recalled = max(of.recalled - quantity, 0)

    def lose(self, claim: str, quantity: int) -> list[str]:
        """Units of a claim are gone, and its own share is taken off already: every claim above loses as many, and its
        taker owes them. Those above, in order."""
        above, of = [], self.claims[claim]
        while of.parent != ROOT:
            above.append(of.parent)
            of = self.claims[of.parent]
            of.quantity -= quantity
            of.owed += quantity
        return above

    # --- what must hold whatever happened

    def complaints(self) -> list[str]:
        """The bounds of re-use, from the claims alone (docs/explanation/re-use-bound.md)."""
        found = []
        for name, one in self.claims.items():
            short = name[:12]
            if min(one.quantity, one.owed, one.out) < 0 or one.out > one.quantity:
                found.append(f"pledge {short}: {one.quantity} pledged, {one.owed} owed, {one.out} for sale")
            if self.reused(name) > self.limit(name):
                found.append(
                    f"pledge {short}: {self.reused(name)} of {one.quantity} pledged on, at most {self.limit(name)}"
                )
            parent = self.claims.get(one.parent)
            if parent is not None and one.quantity and (one.depth != parent.depth + 1 or one.depth > parent.reach):
                found.append(f"pledge {short} is {one.depth} links deep, its parent allows {parent.reach}")
            if parent is not None and one.token != parent.token:
                found.append(f"pledge {short} is of another security than its parent")
            if one.parent == ROOT:
                found += self._depths(name, one)
        return found

    def _depths(self, root: str, claim: Claim) -> list[str]:
        """Σ claims at each depth is at most the root's units times the product of the greatest caps above."""
        found, level, numerator, depth = [], {root}, claim.quantity, 0
        while level:
            cap = max((self.claims[one].cap for one in level), default=0)
            level = {name for name, one in self.claims.items() if one.parent in level}
            numerator, depth = numerator * cap, depth + 1
            claimed = sum(self.claims[one].quantity for one in level)
            if claimed * MILLION**depth > numerator:
                found.append(f"pledge {root[:12]}: {claimed} claimed {depth} links below its {claim.quantity} units")
        return found
