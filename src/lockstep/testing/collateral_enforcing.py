"""Values, cash, enforcement, title and the long stop, as the shadow does and judges them. Standard library only."""

from collections.abc import Mapping
from typing import Any

from lockstep.testing.collateral_acts import Acting, Wrong
from lockstep.testing.collateral_books import MILLION, ROOT, Sale
from lockstep.testing.collateral_facts import Act

__all__ = ["Enforcing"]

GRACE, CHALLENGE = 5 * 86_400, 2 * 86_400


class Enforcing(Acting):
    """What valuers, agents and officers say, and what takers may do then."""

    # values and cash

    def _quorum(self, act: Act, body: str, what: str) -> None:
        proof = act.proof
        signed = proof is not None and proof.body == body and proof.signers >= max(proof.quorum, 1)
        count = proof.signers if proof is not None else 0
        self._require(signed, f"{what} on {count} signatures, which are no quorum of those who may say so")

    def _value(self, act: Act, given: Mapping[str, Any]) -> None:
        one = given["valuation"]
        deal, name = self._deal(one["agreementId"]), one["agreementId"]
        self._quorum(act, deal.terms.valuers, f"agreement {name[:12]} valued")
        newer = deal.valued < one["asOf"] <= self.books.now
        self._require(newer, f"agreement {name[:12]} valued as of {one['asOf']}, after {deal.valued}, {self.books.now}")
        deal.exposure, deal.required, deal.valued = one["exposure"], one["required"], one["asOf"]
        self._fresh(name, act.name)
        for price in one["prices"]:
            self._require(price["haircut"] <= MILLION, f"agreement {name[:12]}: a haircut of {price['haircut']}")
            deal.prices[price["token"]] = (price["price"], price["haircut"], one["asOf"])
        said = {field: one[field] for field in ("exposure", "required", "asOf", "prices")}
        self._say("Valued", agreementId=name, **said)

    def _record_cash(self, act: Act, given: Mapping[str, Any]) -> None:
        books, one = self.books, given["cash"]
        name, call, amount = one["agreementId"], one["callId"], one["amount"]
        deal = self._deal(name)
        self._require(one["epoch"] == books.epoch, f"call {call[:12]}: proved by epoch {one['epoch']}")
        self._quorum(act, books.body, f"call {call[:12]} counted")
        self._once(("cash", name, call), f"call {call[:12]} of agreement {name[:12]} counted")
        if one["pledgeId"] != ROOT:
            of = self._claim(one["pledgeId"])
            self._require(of.deal == name and amount < 0, f"call {call[:12]} pays no income of {one['pledgeId'][:12]}")
            self._pay_income(one["pledgeId"], -amount)
            books.counted[name, call] = amount, books.now
            self._say("CashRecorded", agreementId=name, callId=call, amount=amount, credit=deal.credit)
            return
        sale = books.sales.get(call)
        if sale is not None and sale.is_counted and books.claims[sale.claim].deal == name:
            self._require(not sale.is_open, f"sale {call[:12]}: its proceeds count before it has ended")
            sale.is_counted = False
            deal.credit += max(amount - sale.floor, 0)
        else:
            deal.credit += amount
        self._require(deal.credit >= 0, f"agreement {name[:12]}: more cash came back than was there, {deal.credit}")
        books.counted[name, call] = amount, books.now
        self._say("CashRecorded", agreementId=name, callId=call, amount=amount, credit=deal.credit)

    # enforcement

    def _declare_default(self, act: Act, given: Mapping[str, Any]) -> None:
        name = given[""]
        deal = self._deal(name)
        self._acts(act, deal.terms.taker)
        self._require(deal.enforce == 0, f"agreement {name[:12]}: a default was declared twice")
        self._fresh(name, act.name)
        self._require(self.books.ground(name), f"agreement {name[:12]}: a default without a ground")
        deal.enforce = self.books.now + deal.terms.wait
        self._say("DefaultDeclared", agreementId=name, **{"from": deal.enforce})

    def _end_default(self, act: Act, given: Mapping[str, Any]) -> None:
        name = given[""]
        deal = self._deal(name)
        self._require(deal.enforce != 0, f"agreement {name[:12]}: no default ended")
        if act.party != self.books.heir(deal.terms.taker):
            self._fresh(name, act.name)
            self._require(not self.books.ground(name), f"agreement {name[:12]}: a default ended on its ground")
        deal.enforce = 0
        self._say("DefaultEnded", agreementId=name, by=act.party)

    def _enforce(self, act: Act, name: str, quantity: int) -> int:
        """The price of units that enforcement takes, if it may."""
        books = self.books
        of = self._claim(name)
        deal = books.deals[of.deal]
        short = name[:12]
        self._acts(act, deal.terms.taker)
        over = deal.enforce != 0 and books.now > deal.enforce
        self._require(over, f"pledge {short}: {act.name} at {books.now}, enforceable after {deal.enforce or 'none'}")
        self._fresh(of.deal, act.name)
        priced = books.is_named(of.deal, of.token) and deal.prices[of.token][0] > 0
        self._require(priced, f"pledge {short}: {act.name} of what has no price")
        price, due = books.price_up(of.deal, of.token, quantity), deal.exposure - deal.credit - books.selling(of.deal)
        self._require(price <= max(due, 0), f"pledge {short}: {act.name} worth {price}, owed is {max(due, 0)}")
        return price

    def _appropriate(self, act: Act, given: Mapping[str, Any]) -> None:
        name, quantity, books = given["pledgeId"], given["quantity"], self.books
        of = self._claim(name)
        deal = books.deals[of.deal]
        self._require(deal.terms.appropriation, f"agreement {of.deal[:12]} allows no appropriation")
        price = self._enforce(act, name, quantity)
        deal.credit += price
        kept = 0 < quantity <= of.quantity - of.out
        self._require(kept, f"pledge {name[:12]}: {quantity} of {of.quantity} appropriated")
        books.shrink(name, quantity)
        self._require(books.reused(name) <= books.limit(name), f"pledge {name[:12]}: appropriated what was pledged on")
        self._say("Appropriated", pledgeId=name, quantity=quantity, value=price)
        self._take(name, quantity)
        root = books.claims[books.root(name)]
        self._moved.append((root.token, root.holder, books.heir(deal.terms.taker), quantity))

    def _take(self, name: str, quantity: int) -> None:
        for above in self.books.lose(name, quantity):
            self._say("EquivalentOwed", pledgeId=above, quantity=quantity)

    def _set_off(self, act: Act, given: Mapping[str, Any]) -> None:
        name, quantity = given["pledgeId"], given["quantity"]
        of = self._claim(name)
        price = self._enforce(act, name, quantity)
        self.books.deals[of.deal].credit += price
        self._meet(name, quantity)
        self._say("SetOff", pledgeId=name, quantity=quantity, value=price)

    def _meet(self, name: str, quantity: int) -> None:
        of = self.books.claims[name]
        self._require(0 < quantity <= of.owed, f"pledge {name[:12]}: {quantity} of {of.owed} owed are met")
        of.owed -= quantity

    def _sell(self, act: Act, given: Mapping[str, Any]) -> None:
        books, name, previous = self.books, given["pledgeId"], given["previous"]
        of = self._claim(name)
        terms, movement = books.deals[of.deal].terms, given["order"]["movement"]
        quantity = movement["quantity"]
        self._require(terms.floor > 0, f"agreement {of.deal[:12]} allows no sale")
        self._require(movement["token"] == of.token, f"pledge {name[:12]}: another security is sold")
        self._require(act.derived not in books.sales, f"sale {act.derived[:12]} was begun before")
        if previous == ROOT:
            of.out += quantity
            self._require(of.out <= of.quantity, f"pledge {name[:12]}: {of.out} for sale of {of.quantity}")
            self._require(books.reused(name) <= books.limit(name), f"pledge {name[:12]}: for sale what was pledged on")
        else:
            earlier = books.sales.get(previous)
            if earlier is None or not earlier.is_open:
                raise Wrong(f"sale {previous[:12]} is not open")
            same = (earlier.claim, earlier.quantity) == (name, quantity)
            self._require(same and books.ended.get(previous) == "GivenBack", f"sale {previous[:12]} is sold anew")
            earlier.is_open = earlier.is_counted = False
            self._say("SaleEnded", pledgeId=name, settlementId=previous, settled=False)
        price = self._enforce(act, name, quantity)
        floor = price * terms.floor // MILLION
        books.sales[act.derived] = Sale(claim=name, quantity=quantity, price=price, floor=floor)
        self._say("SaleStarted", pledgeId=name, settlementId=act.derived, quantity=quantity, price=price)
        if previous == ROOT:
            holder = books.claims[books.root(name)].holder
            self._moved.append((of.token, holder, movement["seller"], quantity))

    def _end_sale(self, act: Act, given: Mapping[str, Any]) -> None:
        books, settlement = self.books, given[""]
        sale = books.sales.get(settlement)
        if sale is None or not sale.is_open:
            raise Wrong(f"sale {settlement[:12]} is not open")
        ended = books.ended.get(settlement)
        self._require(ended is not None, f"sale {settlement[:12]} has not ended")
        of = books.claims[sale.claim]
        sale.is_open = False
        of.out -= sale.quantity
        self._say("SaleEnded", pledgeId=sale.claim, settlementId=settlement, settled=ended == "Settled")
        if ended == "Settled":
            books.deals[of.deal].credit += sale.floor
            books.shrink(sale.claim, sale.quantity)
            self._take(sale.claim, sale.quantity)
            return
        sale.is_counted = False
        seller = books.locked[settlement][1]
        self._moved.append((of.token, seller, books.claims[books.root(sale.claim)].holder, sale.quantity))

    # income, title, long stop

    def _record_income(self, act: Act, given: Mapping[str, Any]) -> None:
        one = given["income"]
        name = one["pledgeId"]
        of = self._claim(name)
        self._quorum(act, self.books.deals[of.deal].terms.valuers, f"income of pledge {name[:12]} recorded")
        self._once(("income", name, one["incomeId"]), f"income {one['incomeId'][:12]} of pledge {name[:12]}")
        self.books.income[name] += one["owed"]
        self._say("IncomeRecorded", **one)

    def _acknowledge_income(self, act: Act, given: Mapping[str, Any]) -> None:
        of = self._claim(given["pledgeId"])
        self._acts(act, self.books.deals[of.deal].terms.giver)
        self._pay_income(given["pledgeId"], given["amount"])

    def _pay_income(self, name: str, amount: int) -> None:
        left = self.books.income[name] - amount
        self._require(left >= 0, f"pledge {name[:12]}: income paid beyond what is owed, {left}")
        self.books.income[name] = left
        self._say("IncomePaid", pledgeId=name, amount=amount, left=left)

    def _return_units(self, act: Act, given: Mapping[str, Any]) -> None:
        books, name, quantity = self.books, given["pledgeId"], given["quantity"]
        of = self._claim(name)
        terms = books.deals[of.deal].terms
        self._acts(act, terms.taker)
        self._meet(name, quantity)
        self._say("Returned", pledgeId=name, quantity=quantity, settlementId=ROOT)
        self._moved.append((of.token, books.heir(terms.taker), books.heir(terms.giver), quantity))

    def _settled(self, act: Act, seller: str, buyer: str) -> tuple[str, int]:
        """Security and units of a settled order between these two, which counts for the first time."""
        books, settlement = self.books, act.derived
        self._require(books.ended.get(settlement) == "Settled", f"settlement {settlement[:12]} is not settled")
        if settlement not in books.locked:
            raise Wrong(f"settlement {settlement[:12]} was never locked")
        token, gives, gets, quantity = books.locked[settlement]
        same = (books.heir(gives), books.heir(gets)) == (books.heir(seller), books.heir(buyer))
        self._require(same, f"settlement {settlement[:12]} is of {gives} and {gets}")
        self._once(("settlement", settlement), f"settlement {settlement[:12]} moved title")
        return token, quantity

    def _record_title(self, act: Act, given: Mapping[str, Any]) -> None:
        name = given["agreementId"]
        terms = self._deal(name).terms
        self._acts(act, terms.taker)
        self._require(terms.is_title, f"agreement {name[:12]} is of a security interest")
        token, quantity = self._settled(act, terms.giver, terms.taker)
        self._root(name, token, quantity, act.derived, act.derived)

    def _record_return(self, act: Act, given: Mapping[str, Any]) -> None:
        name = given["pledgeId"]
        of = self._claim(name)
        terms = self.books.deals[of.deal].terms
        self._acts(act, terms.giver)
        token, quantity = self._settled(act, terms.taker, terms.giver)
        self._require(token == of.token, f"pledge {name[:12]}: another security was returned")
        self._meet(name, quantity)
        self._say("Returned", pledgeId=name, quantity=quantity, settlementId=act.derived)

    def _propose_long_stop(self, act: Act, given: Mapping[str, Any]) -> None:
        books, name = self.books, given[""]
        of = self._claim(name)
        self._require(act.party == books.officer, f"pledge {name[:12]}: its long stop is proposed by {act.party}")
        self._require(books.now > of.until + GRACE, f"pledge {name[:12]}: its long stop is proposed at {books.now}")
        again = of.stop is not None and of.stop[2] == books.epoch and not books.is_defeated(name)
        self._require(not again, f"pledge {name[:12]}: its long stop is proposed twice")
        of.stop = (books.now, books.now + CHALLENGE, books.epoch)
        self._say("LongStopProposed", pledgeId=name, **{"from": books.now + CHALLENGE})

    def _confirm_long_stop(self, act: Act, given: Mapping[str, Any]) -> None:
        books, name = self.books, given[""]
        of = self._claim(name)
        self._require(act.party == books.confirmer, f"pledge {name[:12]}: its long stop is confirmed by {act.party}")
        stop = of.stop
        proposed = stop is not None and stop[2] == books.epoch and books.now > stop[1]
        self._require(proposed, f"pledge {name[:12]}: its long stop is confirmed at {books.now}, proposed {stop}")
        self._require(not books.is_defeated(name), f"pledge {name[:12]} is ended by long stop, and debt is attested")
        self._released(name, of.quantity - of.out)
