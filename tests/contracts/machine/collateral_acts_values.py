"""Random acts: values, cash, default, enforcement, sales, and units owed."""

from .collateral_hands import ROOT, Hands, Try
from .collateral_model import MILLION, Claim
from .collateral_world import DAY
from .rules import broken

__all__ = ["Enforcing"]


class Enforcing(Hands):
    """What valuers and agents say, and what takers may do then."""

    def value(self) -> Try | None:
        id_, books, dice = self.deal(), self.books, self.dice
        if id_ is None:
            return None
        deal = books.deals[id_]
        exposure = dice.choice([0, 100, 500, dice.randint(0, 3_000), dice.randint(0, 3_000)])
        required = exposure + dice.choice([0, 0, 50])
        as_of = books.now - dice.choice([0] * 12 + [5, 2 * DAY, 2 * DAY + 1, -1])
        listed = [one for one in (*self.world.tokens, self.world.hostile) if dice.random() < 0.85]
        haircuts = [0, 0, 20_000, 333_333, MILLION] + [MILLION + 1] * (dice.random() < 0.1)
        prices = [(one, dice.choice([0, 1, 500_000, MILLION, 3_700_000]), dice.choice(haircuts)) for one in listed]
        head = (id_, exposure, required, as_of)
        signing = dice.random() >= 0.05
        digest = self.world.valuation_digest(head if signing else (id_, 0, 0, as_of), prices)
        forged = not signing and (exposure, required) != (0, 0)
        proof = self.world.proof(digest, self.world.valuers, 2)
        stale = books.now > as_of + deal.max_age
        names = broken(
            BadAsOf=as_of <= deal.valued or as_of > books.now,
            StaleValuation=stale,
            HaircutTooHigh=any(cut > MILLION for _, _, cut in prices),
            ProofNotFromEpoch=forged,
        )

        def effect() -> None:
            deal.exposure, deal.required, deal.valued = exposure, required, as_of
            deal.prices |= {one: (price, cut, as_of) for one, price, cut in prices}

        return self.on_desk(self.world.hostile, "value", ((*head, prices), proof), names, effect)

    def record_cash(self) -> Try | None:
        id_, books, dice = self.deal(), self.books, self.dice
        if id_ is None:
            return None
        deal, sold = books.deals[id_], [one for one, lot in books.lots.items() if lot.counted]
        call = self.number()
        if sold and dice.random() < 0.5:
            call = dice.choice(sold)
            id_ = books.claims[books.lots[call].claim].deal
            deal = books.deals[id_]
        elif books.cash and dice.random() < 0.2:
            call = sorted(books.cash)[0][1]
        amount = dice.choice([0, 1, 200, dice.randint(0, 900), -1, -deal.credit, -deal.credit - 1])
        values = (id_, call, ROOT, amount, 1)
        proof = self.world.proof(self.world.cash_digest(values), self.world.agents, 3)
        lot = books.lots.get(call)
        sale = lot if lot and lot.counted and books.claims[lot.claim].deal == id_ else None
        names = broken(
            AlreadyUsed=(id_, call) in books.cash,
            InsufficientCredit=sale is None and -amount > deal.credit,
            SaleNotEnded=sale is not None and sale.open,
        )

        def effect() -> None:
            books.cash.add((id_, call))
            if sale:
                sale.counted = False
                deal.credit += max(amount - sale.floor, 0)
            else:
                deal.credit += amount

        return self.on_desk(self.world.address("stranger"), "recordCash", (values, proof), names, effect)

    def declare(self) -> Try | None:
        id_, books = self.deal(), self.books
        if id_ is None:
            return None
        grounds = [one for one, deal in books.deals.items() if books.ground(one) and not deal.enforce]
        if grounds and self.dice.random() < 0.8:
            id_ = self.dice.choice(grounds)
        deal = books.deals[id_]
        sender = self.likely(deal.taker)
        names = (
            books.acts(sender, deal.taker)
            | books.fresh(deal)
            | broken(InDefault=deal.enforce != 0, Covered=not books.ground(id_))
        )

        def effect() -> None:
            deal.enforce = books.now + deal.wait

        return self.on_desk(sender, "declareDefault", (id_,), names, effect)

    def end_default(self) -> Try | None:
        id_, books = self.deal(), self.books
        if id_ is None:
            return None
        deal = books.deals[id_]
        sender = self.likely(deal.taker if self.dice.random() < 0.2 else deal.giver)
        names = broken(NoDefault=deal.enforce == 0)
        if sender != books.heir(deal.taker):
            names |= books.fresh(deal) | broken(NotCovered=books.ground(id_))

        def effect() -> None:
            deal.enforce = 0

        return self.on_desk(sender, "endDefault", (id_,), names, effect)

    def _in_default(self) -> bytes | None:
        """A claim, mostly of an agreement in default."""
        bad = [one for one, of in self.books.claims.items() if self.books.deals[of.deal].enforce]
        return self.dice.choice(bad) if bad and self.dice.random() < 0.9 else self.claim()

    def appropriate(self) -> Try | None:
        claim, books = self._in_default(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        deal = books.deals[of.deal]
        quantity, sender = self._affordable(of, max(of.quantity - books.reused(claim), 0)), self.likely(deal.taker)
        names = (
            books.acts(sender, deal.taker)
            | books.enforceable(of.deal, of.token, quantity)
            | books.shrinks(claim, quantity)
            | broken(NotAgreed=not deal.appropriation)
        )

        def effect() -> None:
            deal.credit += books.price_up(deal, of.token, quantity)
            root = books.claims[books.root(claim)]
            books.lose(claim, quantity)
            books.add_lane(of.token, root.holder, -quantity)
            books.move(of.token, root.holder, books.heir(deal.taker), quantity)

        return self.on_desk(sender, "appropriate", (claim, quantity), names, effect, loose=self.bad(of.token))

    def _affordable(self, of: Claim, most: int) -> int:
        """About as much as the debt pays for."""
        deal = self.books.deals[of.deal]
        price = deal.prices.get(of.token, (0, 0, 0))[0]
        due = max(deal.exposure - deal.credit - self.books.selling(of.deal), 0)
        return self.some(min(most, due * MILLION // price if price else most))

    def set_off(self) -> Try | None:
        claim, books = self._in_default(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        deal = books.deals[of.deal]
        quantity, sender = self._affordable(of, of.owed), self.likely(deal.taker)
        names = (
            books.acts(sender, deal.taker)
            | books.enforceable(of.deal, of.token, quantity)
            | broken(NoQuantity=quantity == 0, InsufficientPledge=quantity > of.owed)
        )

        def effect() -> None:
            deal.credit += books.price_up(deal, of.token, quantity)
            of.owed -= quantity

        return self.on_desk(sender, "setOff", (claim, quantity), names, effect)

    def return_units(self) -> Try | None:
        owing = [one for one, of in self.books.claims.items() if of.owed]
        claim, books = self.dice.choice(owing) if owing else self.claim(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        deal = books.deals[of.deal]
        quantity, sender = self.some(of.owed), self.likely(deal.taker)
        giver, taker = books.heir(deal.giver), books.heir(deal.taker)
        names = (
            books.acts(sender, deal.taker)
            | books.earmarks(of.token, taker, giver, quantity)
            | broken(NoQuantity=quantity == 0, InsufficientPledge=quantity > of.owed)
        )

        def effect() -> None:
            of.owed -= quantity
            books.move(of.token, taker, giver, quantity)

        return self.on_desk(sender, "returnUnits", (claim, quantity), names, effect, loose=self.bad(of.token))

    def sell(self) -> Try | None:
        claim, books = self._in_default(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        deal = books.deals[of.deal]
        previous, quantity = ROOT, self._affordable(of, max(of.quantity - books.reused(claim) - of.out, 0))
        back = [one for one, lot in books.lots.items() if lot.open and lot.claim == claim]
        if back and self.dice.random() < 0.6:
            previous = self.dice.choice(back)
            quantity = books.lots[previous].quantity
        seller = self.world.desk if self.dice.random() < 0.95 else self.people[0]
        buyer = self.dice.choice(self.people)
        id_, order, lot = self.order(of.token, seller, buyer, quantity)
        sender = self.likely(deal.taker)
        earlier = books.lots.get(previous)
        # A sale that is resold is counted once.
        if earlier and earlier.status == "back":
            earlier.counted = False
        names = books.acts(sender, deal.taker) | books.enforceable(of.deal, of.token, quantity)
        if earlier and earlier.status == "back":
            earlier.counted = True
        names |= broken(NotAgreed=not deal.floor, NotForSale=quantity == 0 or seller != self.world.desk)
        if earlier is None:
            left = of.quantity - of.out - quantity
            names |= broken(
                InsufficientPledge=left < 0, ReuseExceeded=left >= 0 and books.reused(claim) > left * of.cap // MILLION
            )
        else:
            names |= broken(SaleNotEnded=earlier.status != "back")
        if of.token != self.world.hostile:
            names |= broken(
                SecurityPaused=of.token in books.paused,
                NotEligible=bool({buyer, self.world.desk} & books.barred),
                ERC7943CannotSend=(of.token, self.world.desk) in books.frozen,
            )

        def effect() -> None:
            if earlier is None:
                holder = books.claims[books.root(claim)].holder
                of.out += quantity
                books.add_lane(of.token, holder, -quantity)
                books.move(of.token, holder, self.world.desk, quantity)
            else:
                earlier.open = earlier.counted = False
            lot.claim, lot.open, lot.counted = claim, True, True
            lot.price = books.price_up(deal, of.token, quantity)
            lot.floor = lot.price * deal.floor // MILLION
            self.note_lock(id_, lot)

        arguments = (claim, order, self.world.sign(buyer, id_), previous)
        return self.on_desk(sender, "sell", arguments, names, effect, loose=self.bad(of.token))

    def end_sale(self) -> Try | None:
        books = self.books
        sold = [one for one, lot in books.lots.items() if lot.claim]
        if not sold:
            return None
        settlement = self.dice.choice(sold)
        lot = books.lots[settlement]
        of = books.claims[lot.claim]
        deal, holder = books.deals[of.deal], books.claims[books.root(lot.claim)].holder
        names = broken(UnknownSale=not lot.open, SaleNotEnded=lot.status == "locked")
        if lot.status == "back" and of.token != self.world.hostile:
            wallets = {self.world.desk, holder, books.heir(deal.taker)}
            names |= broken(
                SecurityPaused=of.token in books.paused,
                NotEligible=bool(wallets & books.barred),
                ERC7943CannotReceive=(of.token, holder) in books.frozen,
                ERC7943CannotSend=bool({(of.token, holder), (of.token, self.world.desk)} & books.frozen),
            )

        def effect() -> None:
            lot.open = False
            of.out -= lot.quantity
            if lot.status == "back":
                lot.counted = False
                books.move(of.token, self.world.desk, holder, lot.quantity)
                books.add_lane(of.token, holder, lot.quantity)
            else:
                deal.credit += lot.floor
                books.lose(lot.claim, lot.quantity)

        sender = self.world.address("stranger")
        return self.on_desk(sender, "endSale", (settlement,), names, effect, loose=self.bad(of.token))
