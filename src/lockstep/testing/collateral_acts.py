"""What each act of the collateral register does in the shadow's books, and by which right: the ground of it. Standard
library only."""

from collections.abc import Callable

from lockstep.testing.collateral_books import ROOT, Books, Claim, Deal
from lockstep.testing.collateral_facts import Act, Event

__all__ = ["Acting", "PledgeId", "Wrong"]

PledgeId = Callable[[str, str, str, str], str]
"""A pledge's id by agreement, parent, security and salt."""


class Wrong(Exception):
    """The act names what is not there: it cannot even be done in the books."""


class Acting:
    """Books, with what the acts of one transaction broke, should have said and should have moved."""

    def __init__(self, pledge_id: PledgeId, books: Books | None = None) -> None:
        self.books = books or Books()
        self._pledge_id = pledge_id
        self._begin()

    def _begin(self) -> None:
        self._wrong: list[str] = []
        self._said: list[Event] = []
        self._moved: list[tuple[str, str, str, int]] = []

    def _require(self, holds: bool, rule: str) -> None:
        if not holds:
            self._wrong.append(rule)

    def _say(self, event: str, **arguments: object) -> None:
        self._said.append(Event(event, arguments))

    def _once(self, key: tuple[str, ...], what: str) -> None:
        self._require(key not in self.books.used, f"{what}, for the second time")
        self.books.used.add(key)

    def _acts(self, act: Act, party: str) -> None:
        heir = self.books.heir(party)
        self._require(act.party == heir, f"{act.name} by {act.party}, whose act it is is {heir}")

    def _deal(self, name: str) -> Deal:
        if name not in self.books.deals:
            raise Wrong(f"agreement {name[:12]} was never opened")
        return self.books.deals[name]

    def _claim(self, name: str) -> Claim:
        if name not in self.books.claims:
            raise Wrong(f"pledge {name[:12]} was never made")
        return self.books.claims[name]

    def _root(self, name: str, token: str, quantity: int, salt: str, settlement: str = ROOT) -> str:
        books, deal = self.books, self._deal(name)
        made = self._pledge_id(name, ROOT, token, salt)
        self._require(made not in books.claims, f"pledge {made[:12]} was made before")
        self._require(quantity > 0, f"pledge {made[:12]} is of nothing")
        title = deal.terms.is_title
        holder = books.heir(deal.terms.giver) if settlement == ROOT else books.locked[settlement][1]
        books.claims[made] = Claim(
            deal=name, parent=ROOT, token=token, quantity=0 if title else quantity, owed=quantity if title else 0,
            depth=0, reach=deal.terms.depth, cap=deal.terms.cap, until=deal.terms.until, holder=holder,
        )  # fmt: skip
        if title:
            said = {"pledgeId": made, "agreementId": name, "token": token, "quantity": quantity}
            self._say("TitleTransferred", **said, settlementId=settlement)
        else:
            self._pledged(made)
        return made

    def _pledged(self, name: str) -> None:
        of = self.books.claims[name]
        said = {"token": of.token, "quantity": of.quantity, "depth": of.depth, "until": of.until}
        self._say("Pledged", pledgeId=name, agreementId=of.deal, parent=of.parent, **said)

    def _released(self, name: str, quantity: int) -> None:
        """Shrinks a claim whose end was the right of whoever asked for it."""
        books, of = self.books, self.books.claims[name]
        short = name[:12]
        self._require(0 < quantity <= of.quantity - of.out, f"pledge {short}: {quantity} of {of.quantity} released")
        books.shrink(name, quantity)
        kept = books.reused(name) <= books.limit(name)
        self._require(kept, f"pledge {short}: {quantity} released, of what its taker pledged on")
        self._say("Released", pledgeId=name, quantity=quantity)

    def _fresh(self, deal: str, what: str) -> None:
        self._require(self.books.is_fresh(deal), f"{what} under {deal[:12]} by figures that are too old")
