"""Agreements and pledges, as the shadow does and judges them. Standard library only."""

from collections.abc import Mapping
from typing import Any

from lockstep.testing.collateral_acts import Acting
from lockstep.testing.collateral_books import MILLION, Claim, Deal, Terms
from lockstep.testing.collateral_facts import Act

__all__ = ["Pledging"]

MAX_DEPTH, MAX_TERM = 8, 3_660 * 86_400


class Pledging(Acting):
    """What parties do by themselves."""

    # agreements

    def _open(self, act: Act, given: Mapping[str, Any]) -> None:
        self._require(act.derived not in self.books.deals, f"agreement {act.derived[:12]} was open already")
        terms = self._agreed(act, act.derived, given["agreement"])
        self.books.deals[act.derived] = Deal(terms=terms)

    def _amend(self, act: Act, given: Mapping[str, Any]) -> None:
        deal = self._deal(given["id"])
        terms = self._agreed(act, given["id"], given["next"])
        self._once(("amendment", act.derived), f"amendment {act.derived[:12]}")
        self._require(self.books.now <= given["by"], f"an amendment by {given['by']} came at {self.books.now}")
        kept = [(one.giver, one.taker, one.is_title, one.currency) for one in (terms, deal.terms)]
        self._require(kept[0] == kept[1], f"agreement {given['id'][:12]} was amended from {kept[1]} to {kept[0]}")
        deal.terms = terms

    def _agreed(self, act: Act, name: str, given: Mapping[str, Any]) -> Terms:
        books = self.books
        for party in (given["giver"], given["taker"]):
            heir = books.heir(party)
            self._require(heir in act.consents, f"agreement {name[:12]} without the signature of {heir}")
        self._require(given["giver"] != given["taker"], f"agreement {name[:12]} is of one party")
        shares = max(given["reuseCap"], given["saleFloor"])
        self._require(shares <= MILLION, f"agreement {name[:12]} has a share of {shares} millionths")
        self._require(given["maxDepth"] <= MAX_DEPTH, f"agreement {name[:12]} allows {given['maxDepth']} links")
        ends = books.now <= given["until"] <= books.now + MAX_TERM
        self._require(ends, f"agreement {name[:12]} ends at {given['until']}, opened at {books.now}")
        self._say("Agreed", agreementId=name, agreement=given)
        return Terms(
            giver=given["giver"],
            taker=given["taker"],
            is_title=given["mode"] == 1,
            currency=bytes.fromhex(given["currency"]).decode("latin-1"),
            cap=given["reuseCap"],
            depth=given["maxDepth"],
            appropriation=given["appropriation"],
            substitution=given["substitution"],
            wait=given["noticePeriod"] + given["curePeriod"],
            max_age=given["maxAge"],
            valuers=given["valuers"],
            until=given["until"],
            floor=given["saleFloor"],
        )

    # pledges

    def _pledge(self, act: Act, given: Mapping[str, Any]) -> None:
        name, books = given["agreementId"], self.books
        terms = self._deal(name).terms
        self._acts(act, terms.giver)
        self._root(name, given["token"], given["quantity"], given["salt"])
        if terms.is_title:
            parties = books.heir(terms.giver), books.heir(terms.taker)
            self._moved.append((given["token"], *parties, given["quantity"]))

    def _repledge(self, act: Act, given: Mapping[str, Any]) -> None:
        books, parent = self.books, self._claim(given["parentId"])
        terms = self._deal(given["agreementId"]).terms
        self._acts(act, books.deals[parent.deal].terms.taker)
        self._acts(act, terms.giver)
        made = self._pledge_id(given["agreementId"], given["parentId"], parent.token, given["salt"])
        short = made[:12]
        self._require(made not in books.claims, f"pledge {short} was made before")
        self._require(not terms.is_title, f"pledge {short}: units received were given on with title")
        self._require(books.now <= parent.until, f"pledge {short}: pledged on at {books.now}, until {parent.until}")
        self._require(parent.depth < parent.reach, f"pledge {short} is deeper than {parent.reach} links")
        self._require(given["quantity"] > 0, f"pledge {short} is of nothing")
        depth = parent.depth + 1
        books.claims[made] = Claim(
            deal=given["agreementId"], parent=given["parentId"], token=parent.token, quantity=given["quantity"], owed=0,
            depth=depth, reach=min(parent.reach, depth + terms.depth), cap=terms.cap,
            until=min(parent.until, terms.until), holder="",
        )  # fmt: skip
        left = max(parent.quantity - parent.recalled, 0)
        reused = books.reused(given["parentId"])
        self._require(reused <= left, f"pledge {short}: {reused} pledged on, recalled are all but {left}")
        self._pledged(made)

    def _release(self, act: Act, given: Mapping[str, Any]) -> None:
        of = self._claim(given["id"])
        self._acts(act, self.books.deals[of.deal].terms.taker)
        self._released(given["id"], given["quantity"])

    def _release_excess(self, act: Act, given: Mapping[str, Any]) -> None:
        books, of = self.books, self._claim(given["id"])
        deal = books.deals[of.deal]
        self._acts(act, deal.terms.giver)
        self._fresh(of.deal, act.name)
        enforceable = deal.enforce != 0 and books.now > deal.enforce
        self._require(deal.enforce == 0 or enforceable, f"pledge {given['id'][:12]}: taken back in a default's notice")
        self._released(given["id"], given["quantity"])
        needed = deal.exposure if enforceable else deal.required
        covered = books.cover(of.deal) + deal.credit
        self._require(covered >= needed, f"pledge {given['id'][:12]}: taken back, {covered} covers, {needed} is needed")

    def _substitute(self, act: Act, given: Mapping[str, Any]) -> None:
        books, old = self.books, self._claim(given["oldPledge"])
        deal, name = books.deals[old.deal], old.deal
        self._acts(act, deal.terms.giver)
        self._require(deal.terms.substitution, f"agreement {name[:12]} allows no substitution")
        self._require(deal.enforce == 0, f"agreement {name[:12]}: substituted in default")
        self._fresh(name, act.name)
        for token in (old.token, given["token"]):
            self._require(books.is_named(name, token), f"agreement {name[:12]}: {token} is not valued")
        needed = books.worth(name, old.token, given["quantity"])
        brought = books.worth(name, given["token"], given["newQuantity"])
        self._require(brought >= needed, f"agreement {name[:12]}: {brought} in place of {needed}")
        self._root(name, given["token"], given["newQuantity"], given["salt"])
        self._released(given["oldPledge"], given["quantity"])

    def _recall(self, act: Act, given: Mapping[str, Any]) -> None:
        of = self._claim(given["id"])
        self._acts(act, self.books.deals[of.deal].terms.giver)
        of.recalled = given["quantity"]
        self._say("Recalled", pledgeId=given["id"], quantity=given["quantity"], by=given["by"])

    def _burn_nonce(self, act: Act, given: Mapping[str, Any]) -> None:
        self._once(("number", act.party, str(given["nonce"])), f"number {given['nonce']} of {act.party}")
        self._say("NonceUsed", party=act.party, nonce=given["nonce"])
