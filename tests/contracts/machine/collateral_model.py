"""What the collateral register should do, in plain Python: rules by name, books as dictionaries, no code of its own.

A pledge is `Claim`; what a call breaks is a set of names, of which the contract may report any. Units of a chain are
counted anew from the claims wherever the contract keeps a sum.
"""

from dataclasses import dataclass, field

from .rules import broken

__all__ = ["Books", "Claim", "Deal", "Lot"]

MILLION = 10**6
CLOSED = "closed"


@dataclass
class Deal:
    """An agreement and its figures."""

    giver: str
    taker: str
    title: bool
    cap: int
    depth: int
    appropriation: bool
    substitution: bool
    wait: int
    max_age: int
    until: int
    floor: int
    exposure: int = 0
    required: int = 0
    credit: int = 0
    valued: int = 0
    enforce: int = 0
    prices: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """By token: price, haircut, as of."""


@dataclass
class Claim:
    """A pledge: `quantity` as pledged, `owed` by its taker, `out` for sale."""

    deal: bytes
    parent: bytes
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
    stop: tuple[int, int] | None = None
    """Second of the long stop's proposal, and after which it may be confirmed."""


@dataclass
class Lot:
    """An order in DvP; of a sale, with its claim and attested price."""

    token: str
    seller: str
    buyer: str
    quantity: int
    movement: tuple[object, ...]
    terms: bytes
    status: str = "locked"
    claim: bytes = b""
    price: int = 0
    floor: int = 0
    open: bool = False
    counted: bool = False


@dataclass
class Books:
    """Everything that the register, DvP and the tokens should hold."""

    hostile: str
    desk: str
    now: int = 0
    deals: dict[bytes, Deal] = field(default_factory=dict)
    claims: dict[bytes, Claim] = field(default_factory=dict)
    lots: dict[bytes, Lot] = field(default_factory=dict)
    balance: dict[tuple[str, str], int] = field(default_factory=dict)
    dvp_lane: dict[tuple[str, str], int] = field(default_factory=dict)
    lane: dict[tuple[str, str], int] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    frozen: set[tuple[str, str]] = field(default_factory=set)
    barred: set[str] = field(default_factory=set)
    heirs: dict[str, str] = field(default_factory=dict)
    cash: set[tuple[bytes, bytes]] = field(default_factory=set)
    nonces: set[tuple[str, int]] = field(default_factory=set)

    # Who, and how much

    def heir(self, wallet: str) -> str:
        return self.heirs.get(wallet, wallet)

    def free(self, token: str, wallet: str) -> int:
        at = (token, wallet)
        return self.balance.get(at, 0) - self.dvp_lane.get(at, 0) - self.lane.get(at, 0)

    def reused(self, claim: bytes) -> int:
        return sum(one.quantity for one in self.claims.values() if one.parent == claim)

    def held(self, deal: bytes, token: str) -> int:
        mine = [one for one in self.claims.values() if one.deal == deal and one.token == token]
        return sum(one.quantity + one.owed for one in mine)

    def root(self, claim: bytes) -> bytes:
        while self.claims[claim].parent != bytes(32):
            claim = self.claims[claim].parent
        return claim

    def cover(self, deal: bytes) -> int:
        found = self.deals[deal]
        total = 0
        for token, (price, haircut, as_of) in found.prices.items():
            if as_of == found.valued:
                total += self.held(deal, token) * price * (MILLION - haircut) // MILLION**2
        return total

    def selling(self, deal: bytes) -> int:
        mine = [one for one in self.lots.values() if one.counted and self.claims[one.claim].deal == deal]
        return sum(one.price if one.open else one.price - one.floor for one in mine)

    # Rules that several acts share

    def acts(self, sender: str, party: str) -> frozenset[str]:
        return broken(NotActing=sender != self.heir(party))

    def earmarks(self, token: str, holder: str, beneficiary: str, quantity: int) -> frozenset[str]:
        if token == self.hostile:
            return frozenset()
        return broken(
            SecurityPaused=token in self.paused,
            NotEligible=bool({holder, beneficiary} & self.barred),
            ERC7943CannotSend=(token, holder) in self.frozen,
            InsufficientFreeUnits=quantity > self.free(token, holder),
        )

    def fresh(self, deal: Deal) -> frozenset[str]:
        return broken(StaleValuation=deal.valued == 0 or self.now > deal.valued + deal.max_age)

    def shrinks(self, claim: bytes, quantity: int) -> frozenset[str]:
        of = self.claims[claim]
        left = of.quantity - quantity - of.out
        return broken(
            NoQuantity=quantity == 0,
            InsufficientPledge=left < 0,
            ReuseExceeded=left >= 0 and self.reused(claim) > left * of.cap // MILLION,
        )

    def named(self, deal: Deal, token: str) -> bool:
        return deal.prices.get(token, (0, 0, 0))[2] == deal.valued

    def enforceable(self, deal_id: bytes, token: str, quantity: int) -> frozenset[str]:
        deal = self.deals[deal_id]
        due = max(deal.exposure - deal.credit - self.selling(deal_id), 0)
        return self.fresh(deal) | broken(
            NoDefault=deal.enforce == 0,
            TooEarly=deal.enforce != 0 and self.now <= deal.enforce,
            NotValued=not self.named(deal, token) or deal.prices.get(token, (0, 0, 0))[0] == 0,
            ExceedsExposure=self.named(deal, token) and self.price_up(deal, token, quantity) > due,
        )

    def price_up(self, deal: Deal, token: str, quantity: int) -> int:
        return -(-quantity * deal.prices.get(token, (0, 0, 0))[0] // MILLION)

    def ground(self, deal_id: bytes) -> bool:
        """Whether there is one for a default."""
        deal = self.deals[deal_id]
        if self.now > deal.until:
            return deal.exposure > deal.credit
        return deal.required > self.cover(deal_id) + deal.credit

    def stop_defeated(self, claim: bytes) -> bool:
        """Whether a valuation since the long stop's proposal shows a debt."""
        of = self.claims[claim]
        deal = self.deals[of.deal]
        return of.stop is not None and deal.valued >= of.stop[0] and deal.exposure > deal.credit

    # Moves

    def add_lane(self, token: str, holder: str, quantity: int) -> None:
        if token != self.hostile:
            self.lane[token, holder] = self.lane.get((token, holder), 0) + quantity

    def move(self, token: str, source: str, target: str, quantity: int) -> None:
        if token != self.hostile:
            self.balance[token, source] -= quantity
            self.balance[token, target] = self.balance.get((token, target), 0) + quantity

    def shrink(self, claim: bytes, quantity: int) -> None:
        """Released: a root's units leave the lane."""
        of = self.claims[claim]
        of.quantity -= quantity
        of.recalled = max(of.recalled - quantity, 0)
        if of.parent == bytes(32):
            self.add_lane(of.token, of.holder, -quantity)

    def lose(self, claim: bytes, quantity: int) -> None:
        """Units of the claim are gone: so they are for every claim above, whose taker owes them."""
        of = self.claims[claim]
        of.quantity -= quantity
        of.recalled = max(of.recalled - quantity, 0)
        while of.parent != bytes(32):
            of = self.claims[of.parent]
            of.quantity -= quantity
            of.owed += quantity

    # What must hold whatever happened

    def complaints(self) -> list[str]:
        """The re-use bound and the lanes, from the claims alone."""
        found = []
        lanes: dict[tuple[str, str], int] = {}
        for id_, claim in self.claims.items():
            name = id_.hex()[:8]
            if min(claim.quantity, claim.owed, claim.out) < 0 or claim.out > claim.quantity:
                found.append(f"{name}: {claim}")
            if self.reused(id_) > claim.quantity * claim.cap // MILLION:
                found.append(f"{name}: {self.reused(id_)} of {claim.quantity} pledged on, cap {claim.cap}")
            if claim.parent == bytes(32):
                at = (claim.token, claim.holder)
                lanes[at] = lanes.get(at, 0) + claim.quantity
                found += self._bound(id_, claim)
        for id_, claim in self.claims.items():
            root = self.claims[self.root(id_)]
            lanes[root.token, root.holder] -= claim.out
        for (token, holder), quantity in lanes.items():
            if token != self.hostile and self.lane.get((token, holder), 0) != quantity:
                found.append(f"lane of {holder}: {self.lane.get((token, holder))}, pledged {quantity}")
        for at, owned in self.balance.items():
            if self.dvp_lane.get(at, 0) + self.lane.get(at, 0) > owned:
                found.append(f"{at}: over-committed")
        return found

    def _bound(self, root: bytes, claim: Claim) -> list[str]:
        """Σ claims at depth k ≤ what is earmarked times the product of the greatest caps above."""
        found, level, numerator, depth = [], {root}, claim.quantity, 0
        while level:
            cap = max((self.claims[one].cap for one in level), default=0)
            level = {id_ for id_, one in self.claims.items() if one.parent in level}
            numerator, depth = numerator * cap, depth + 1
            if sum(self.claims[one].quantity for one in level) * MILLION**depth > numerator:
                found.append(f"{root.hex()[:8]}: the bound is broken at depth {depth}")
        return found
