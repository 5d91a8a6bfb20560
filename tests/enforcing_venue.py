"""Enforcement on the compiled register and DvP: `margin_venue`, with a buyer for what is sold.

DvP's agents are everyone's hands: `end` settles a sale's lock, or gives it back.
"""

from typing import Any

from collateral_venue import DEPTH, SECOND, TAKER
from lockstep.domain.collateral.register import PledgeId
from lockstep.domain.enforcement import Enforcement
from lockstep.domain.identifiers import Reference, SettlementId
from lockstep.domain.margin_bonds import ActState
from lockstep.domain.order import Order, OutcomeResult
from lockstep.domain.values import replace
from lockstep.flow.register_paying import RegisterPaying
from lockstep.signing import cash_hash, settlement_id
from lockstep.testing.fakes import FakeBoard
from margin_venue import MarginVenue, euros

__all__ = ["E1", "SALT", "EnforcingVenue"]

E1 = Reference("E-1")
SALT = "5a" * 16


class EnforcingVenue(MarginVenue):
    """With enforcement, and what it pays, stepped beside the calls."""

    def turn(self) -> None:
        self.hear()
        self.margining.run()
        self.enforcing.run()
        self.paying.run()
        self.venue.chain.mine(DEPTH)

    def rest(self) -> None:
        """Until two turns in a row change nothing: an act is sent in one, and seen in the next."""
        still = 0
        while still < 2:
            before = self.records()
            self.turn()
            still = still + 1 if self.records() == before else 0

    def records(self) -> Any:
        return self.book.enforcements(), self.book.margin_cases(), self.book.register_payments()

    def begin(self, **changes: Any) -> Enforcement:
        return self.enforcing.begin(self.agreement, E1, **changes)

    def one(self) -> Enforcement:
        found = self.book.enforcement(self.agreement, E1)
        assert found is not None
        return found

    def pledged(self, units: int = 1_000, number: int = 0, token: str = "") -> PledgeId:
        made = self.venue.pledge(self.agreement, units, number, token)
        self.venue.chain.mine(DEPTH)
        return made

    def taken(self) -> list[tuple[str, int, int]]:
        return [(one.kind.name, one.units, one.value) for one in self.one().moves if one.state is ActState.DONE]

    def state(self) -> Any:
        return self.venue.ledger.state(self.agreement)

    # --- sales

    def end(self, order: Order, result: OutcomeResult) -> None:
        self.venue.end(order, result)
        self.venue.chain.mine(DEPTH)

    def offered(self, units: int, cents: int, nonce: int = 0) -> Order:
        plain = self.venue.order(self.venue.register.address, SECOND.address, units, nonce)
        owners = {one.wallet: one.account("EUR") for one in self.market.participants.values()}
        hidden = cash_hash(SALT, euros(cents), owners[SECOND.address], owners[TAKER.address])
        return replace(plain, terms=replace(plain.terms, cash_hash=hidden))

    def sell(self, pledge: PledgeId, order: Order, cents: int, **changes: Any) -> SettlementId:
        identifier = settlement_id(order, self.market.network)
        (signature,) = self.venue.signed(identifier, SECOND)
        self.paying.take_sale(pledge, order, euros(cents), SALT)
        self.enforcing.sell(self.agreement, E1, pledge, order, signature, **changes)
        return identifier

    @property
    def paying(self) -> RegisterPaying:
        return RegisterPaying.beside(self.margining, self.book, FakeBoard())
