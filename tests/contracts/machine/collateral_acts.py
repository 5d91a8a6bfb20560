"""The random acts on DvP and collateral register together, each with what should become of it.

An act returns a `Try`: who calls what, the names of the rules that it breaks, and what it does to the books if none.
Actors are drawn mostly right and often wrong; so are amounts and times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from eth_abi.abi import default_codec
from eth_hash.auto import keccak

from .collateral_model import MILLION, Books, Claim, Deal, Lot
from .collateral_world import DAY, PEOPLE, CollateralWorld
from .rules import broken

__all__ = ["ACTS", "Hands", "Try"]

ROOT = bytes(32)
GRACE, CHALLENGE = 5 * DAY, 2 * DAY
DEPTH = 8


@dataclass
class Try:
    """One call. `loose`: a hostile token has a say, so that it may also end otherwise, and then changes nothing."""

    sender: str
    contract: str
    target: str
    function: str
    arguments: tuple[Any, ...]
    broken: frozenset[str]
    effect: Callable[[], None]
    loose: bool = False


class Hands:
    """Draws acts for one run."""

    def __init__(self, world: CollateralWorld, dice: Random) -> None:
        self.world, self.dice = world, dice
        self.books = Books(world.hostile, world.desk)
        self.books.now = world.chain.now
        self.people = [world.address(name) for name in PEOPLE]
        self.count = 0
        for token in world.tokens:
            for one in self.people:
                self.books.balance[token, one] = 1_000

    # Draws

    def likely(self, right: str) -> str:
        """Mostly who may, else anyone."""
        if self.dice.random() < 0.85:
            return self.books.heir(right)
        return self.dice.choice([*self.people, self.world.address("stranger"), right, self.world.hostile])

    def token(self) -> str:
        return self.dice.choices([*self.world.tokens, self.world.hostile], [6, 3, 1])[0]

    def some(self, most: int) -> int:
        """Up to a little more than `most`, the ends often."""
        return max(self.dice.choice([0, 1, most, most + 1, self.dice.randint(0, most + 1), most // 2]), 0)

    def number(self) -> bytes:
        self.count += 1
        return self.count.to_bytes(32)

    def deal(self) -> bytes | None:
        return self.dice.choice(list(self.books.deals)) if self.books.deals else None

    def claim(self) -> bytes | None:
        """Late ones more often: they are the leaves."""
        made = list(self.books.claims)
        if not made:
            return None
        return made[max(self.dice.randrange(len(made)), self.dice.randrange(len(made)))]

    def on_desk(
        self,
        sender: str,
        function: str,
        arguments: tuple[Any, ...],
        names: frozenset[str],
        effect: Callable[[], None],
        *,
        loose: bool = False,
    ) -> Try:
        return Try(sender, "CollateralRegister", self.world.desk, function, arguments, names, effect, loose)

    # Agreements

    def open(self) -> Try | None:
        dice, books = self.dice, self.books
        if len(books.deals) > 12:
            return None
        giver, taker = dice.choice(self.people), dice.choice(self.people)
        if books.deals and dice.random() < 0.7:
            # A link more for what was received.
            giver = books.deals[dice.choice(list(books.deals))].taker
        title, cap = dice.random() < 0.15, dice.choice([0, 333_333, 500_000, 700_001, *[MILLION] * 4, MILLION + 1])
        flags = [dice.random() < 0.9 for _ in range(2)]
        floor = dice.choice([0, 1, 333_333, 800_000, MILLION, MILLION])
        notice, cure = dice.choice([0, 0, 100]), dice.choice([0, 0, 50])
        depth = dice.choice([0, 1, 2, *[8] * 6, 9])
        until = books.now + dice.choice([-1, 2_000, 3 * DAY, *[30 * DAY] * 4, 3_660 * DAY, 3_661 * DAY])
        terms = (
            *(giver, int(title), b"EUR", cap, depth, *flags, taker, notice, cure, 2 * DAY),
            *(self.world.valuers_hash, until, floor, int.from_bytes(self.number())),
        )
        id_ = self.world.agreement_id(terms)
        signers = [books.heir(one) for one in (giver, taker)]
        if dice.random() < 0.1:
            signers[dice.randrange(2)] = self.world.address("stranger")
        signatures = tuple(self.world.sign(one, id_) for one in signers)
        names = broken(
            SameParty=giver == taker,
            ShareTooHigh=cap > MILLION,
            DepthTooGreat=depth > DEPTH,
            BadTerm=until < books.now or until > books.now + 3_660 * DAY,
            InvalidSignature=signers != [books.heir(giver), books.heir(taker)],
        )

        def effect() -> None:
            books.deals[id_] = Deal(giver, taker, title, cap, depth, *flags, notice + cure, 2 * DAY, until, floor)

        return self.on_desk(self.world.address("stranger"), "open", (terms, *signatures), names, effect)

    # Pledges

    def pledge(self) -> Try | None:
        id_, books = self.deal(), self.books
        if id_ is None:
            return None
        deal, token = books.deals[id_], self.token()
        giver, taker = books.heir(deal.giver), books.heir(deal.taker)
        quantity, salt = self.some(min(max(books.free(token, giver), 5), 300)), self.number()
        if self.dice.random() < 0.05:
            salt = (1).to_bytes(32)
        claim = self.claim_id(id_, ROOT, token, salt)
        sender = self.likely(deal.giver)
        names = (
            books.acts(sender, deal.giver)
            | books.earmarks(token, giver, taker, quantity)
            | broken(NoQuantity=quantity == 0, PledgeExists=claim in books.claims)
        )
        arguments = (id_, token, quantity, salt)
        return self.on_desk(
            sender, "pledge", arguments, names, lambda: self.take_in(claim, id_, token, quantity), loose=self.bad(token)
        )

    def take_in(self, claim: bytes, id_: bytes, token: str, quantity: int) -> None:
        books, deal = self.books, self.books.deals[id_]
        giver = books.heir(deal.giver)
        of = Claim(id_, ROOT, token, quantity, 0, 0, deal.depth, deal.cap, deal.until, giver)
        books.claims[claim] = of
        if deal.title:
            of.quantity, of.owed = 0, quantity
            books.move(token, giver, books.heir(deal.taker), quantity)
        else:
            books.add_lane(token, giver, quantity)

    def repledge(self) -> Try | None:
        parent, books = self.claim(), self.books
        if parent is None:
            return None
        roomy = [
            one
            for one, of in books.claims.items()
            if (of.quantity - of.out) * of.cap // MILLION > books.reused(one)
            and of.depth < of.reach
            and any(deal.giver == books.deals[of.deal].taker for deal in books.deals.values())
        ]
        if roomy and self.dice.random() < 0.8:
            parent = self.dice.choice(roomy)
        above = books.claims[parent]
        taker = books.heir(books.deals[above.deal].taker)
        fitting = [one for one, deal in books.deals.items() if books.heir(deal.giver) == taker]
        id_ = self.dice.choice(fitting) if fitting and self.dice.random() < 0.9 else self.deal()
        assert id_ is not None
        deal = books.deals[id_]
        room = (above.quantity - above.out) * above.cap // MILLION - books.reused(parent)
        quantity, salt = self.some(max(room if self.dice.random() < 0.5 else room * 3 // 4, 0)), self.number()
        claim, sender = self.claim_id(id_, parent, above.token, salt), self.likely(taker)
        after = books.reused(parent) + quantity
        limit = min((above.quantity - above.out) * above.cap // MILLION, max(above.quantity - above.recalled, 0))
        names = (
            books.acts(sender, books.deals[above.deal].taker)
            | books.acts(sender, deal.giver)
            | broken(
                WrongMode=deal.title,
                TermEnded=books.now > above.until,
                DepthExceeded=above.depth >= above.reach,
                NoQuantity=quantity == 0,
                ReuseExceeded=after > limit,
                TakerNotEligible=self.cannot_hold(above.token, books.heir(deal.taker)),
            )
        )

        def effect() -> None:
            depth = above.depth + 1
            reach, until = min(above.reach, depth + deal.depth), min(above.until, deal.until)
            of = Claim(id_, parent, above.token, quantity, 0, depth, reach, deal.cap, until, "")
            books.claims[claim] = of

        arguments = (parent, id_, quantity, salt)
        return self.on_desk(sender, "repledge", arguments, names, effect, loose=self.bad(above.token))

    def cannot_hold(self, token: str, wallet: str) -> bool:
        return token != self.world.hostile and (wallet in self.books.barred or (token, wallet) in self.books.frozen)

    def release(self) -> Try | None:
        drawn = self._shrinking(lambda deal: deal.taker)
        if drawn is None:
            return None
        claim, quantity, sender, names = drawn
        act = lambda: self.books.shrink(claim, quantity)  # noqa: E731
        bad = self.bad(self.books.claims[claim].token)
        if self.dice.random() < 0.25:
            return self._signed(sender, "release", (claim, quantity), names, act, bad)
        return self.on_desk(sender, "release", (claim, quantity), names, act, loose=bad)

    def release_excess(self) -> Try | None:
        drawn = self._shrinking(lambda deal: deal.giver)
        if drawn is None:
            return None
        claim, quantity, sender, names = drawn
        books, of = self.books, self.books.claims[claim]
        deal = books.deals[of.deal]
        after = books.cover(of.deal)
        if self.named(deal, of.token):
            price, haircut, _ = deal.prices[of.token]
            held = books.held(of.deal, of.token)
            after += (held - quantity) * price * (MILLION - haircut) // MILLION**2
            after -= held * price * (MILLION - haircut) // MILLION**2
        needed = deal.exposure if deal.enforce and books.now > deal.enforce else deal.required
        names |= books.fresh(deal) | broken(
            InDefault=deal.enforce != 0 and books.now <= deal.enforce, NotCovered=after + deal.credit < needed
        )
        return self.on_desk(
            sender,
            "releaseExcess",
            (claim, quantity),
            names,
            lambda: books.shrink(claim, quantity),
            loose=self.bad(of.token),
        )

    def named(self, deal: Deal, token: str) -> bool:
        return self.books.named(deal, token) and token in deal.prices

    def substitute(self) -> Try | None:
        drawn = self._shrinking(lambda deal: deal.giver)
        if drawn is None:
            return None
        claim, quantity, sender, names = drawn
        books, of, token = self.books, self.books.claims[claim], self.token()
        deal, giver = books.deals[of.deal], books.heir(books.deals[of.deal].giver)
        brought, salt = self.some(min(max(books.free(token, giver), 5), 300)), self.number()
        new = self.claim_id(of.deal, ROOT, token, salt)
        worth = [self.after_haircut(deal, one, units) for one, units in ((of.token, quantity), (token, brought))]
        names |= (
            books.fresh(deal)
            | books.earmarks(token, giver, books.heir(deal.taker), brought)
            | broken(
                NotAgreed=not deal.substitution,
                InDefault=deal.enforce != 0,
                NotValued=not (books.named(deal, of.token) and books.named(deal, token)),
                WorthLess=worth[1] < worth[0],
                NoQuantity=brought == 0,
            )
        )

        def effect() -> None:
            self.take_in(new, of.deal, token, brought)
            books.shrink(claim, quantity)

        bad = self.bad(token) or self.bad(of.token)
        return self.on_desk(sender, "substitute", (claim, quantity, token, brought, salt), names, effect, loose=bad)

    def after_haircut(self, deal: Deal, token: str, quantity: int) -> int:
        price, haircut, _ = deal.prices.get(token, (0, 0, 0))
        return quantity * price * (MILLION - haircut) // MILLION**2

    def recall(self) -> Try | None:
        claim, books = self.claim(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        quantity, sender = self.some(of.quantity), self.likely(books.deals[of.deal].giver)

        def effect() -> None:
            of.recalled = quantity

        names = books.acts(sender, books.deals[of.deal].giver)
        return self.on_desk(sender, "recall", (claim, quantity, books.now), names, effect)

    # Values, cash, enforcement

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

    # Sales

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
        id_, order, lot = self._order(of.token, seller, buyer, quantity)
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
            self._lock(id_, lot)

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

    # DvP beside it

    def lock(self) -> Try | None:
        books = self.books
        seller, buyer = self.dice.sample(self.people, 2)
        token = self.dice.choice(self.world.tokens)
        quantity = self.some(min(books.free(token, seller), 200))
        id_, order, lot = self._order(token, seller, buyer, quantity)
        names = broken(
            ZeroQuantity=quantity == 0,
            SecurityPaused=token in books.paused,
            NotEligible=bool({seller, buyer} & books.barred),
            ERC7943CannotSend=(token, seller) in books.frozen,
            InsufficientFreeUnits=quantity > books.free(token, seller),
        )
        signatures = tuple(self.world.sign(one, id_) for one in (seller, buyer))
        sender = self.world.address("stranger")
        return Try(sender, "DvP", self.world.dvp, "lock", (order, *signatures), names, lambda: self._lock(id_, lot))

    def settle(self) -> Try | None:
        return self._ending("settle", 1)

    def give_back(self) -> Try | None:
        return self._ending("giveBack", 2)

    def _ending(self, function: str, result: int) -> Try | None:
        books = self.books
        locked = [one for one, lot in books.lots.items() if lot.status == "locked"]
        if not locked:
            return None
        id_ = self.dice.choice(locked)
        lot = books.lots[id_]
        digest = self.world.orders.outcome(id_, result, 1)

        def effect() -> None:
            at = (lot.token, lot.seller)
            if lot.token != self.world.hostile:
                books.dvp_lane[at] -= lot.quantity
            if result == 1:
                books.move(lot.token, lot.seller, lot.buyer, lot.quantity)
            lot.status = "settled" if result == 1 else "back"

        arguments = ((lot.movement, lot.terms), self.world.proof(digest, self.world.agents, 3))
        sender = self.world.address("stranger")
        bad = self.bad(lot.token)
        return Try(sender, "DvP", self.world.dvp, function, arguments, frozenset(), effect, bad)

    def _order(self, token: str, seller: str, buyer: str, quantity: int) -> tuple[bytes, Any, Lot]:
        nonce = int.from_bytes(self.number())
        movement = (token, seller, buyer, quantity, 1, nonce)
        last = self.books.now + 10 * DAY
        terms = (b"\x11" * 32, 0, 0, ROOT, b"\x22" * 32, last, last)
        hashed = self.world.orders.terms(terms)
        id_ = self.world.orders.leg(movement, hashed)
        return id_, (movement, terms), Lot(token, seller, buyer, quantity, movement, hashed)

    def _lock(self, id_: bytes, lot: Lot) -> None:
        self.books.lots[id_] = lot
        if lot.token != self.world.hostile:
            at = (lot.token, lot.seller)
            self.books.dvp_lane[at] = self.books.dvp_lane.get(at, 0) + lot.quantity

    # Long stop

    def propose_stop(self) -> Try | None:
        claim, books = self.claim(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        sender = self.dice.choice([self.world.address("dvp officer")] * 4 + [self.people[0]])
        open_ = of.stop is not None and books.deals[of.deal].valued < of.stop[0]
        names = broken(
            NotInRole=sender != self.world.address("dvp officer"),
            TooEarly=books.now <= of.until + GRACE,
            AlreadyProposed=open_,
        )

        def effect() -> None:
            of.stop = (books.now, books.now + CHALLENGE)

        return self.on_desk(sender, "proposeLongStop", (claim,), names, effect)

    def confirm_stop(self) -> Try | None:
        books = self.books
        asked = [one for one, of in books.claims.items() if of.stop]
        claim = self.dice.choice(asked) if asked and self.dice.random() < 0.9 else self.claim()
        if claim is None:
            return None
        of = books.claims[claim]
        quantity = of.quantity - of.out
        sender = self.dice.choice([self.world.address("dvp confirmer")] * 4 + [self.people[0]])
        names = books.shrinks(claim, quantity) | broken(
            NotInRole=sender != self.world.address("dvp confirmer"),
            NotProposed=of.stop is None,
            TooEarly=of.stop is not None and books.now <= of.stop[1],
            ValuersAlive=of.stop is not None and books.deals[of.deal].valued >= of.stop[0],
        )
        effect = lambda: books.shrink(claim, quantity)  # noqa: E731
        return self.on_desk(sender, "confirmLongStop", (claim,), names, effect, loose=self.bad(of.token))

    # Around

    def pause(self) -> Try | None:
        token = self.dice.choice(self.world.tokens)
        if token in self.books.paused or self.dice.random() < 0.85:
            return None
        officer = self.world.address("officer")
        effect = lambda: self.books.paused.add(token)  # noqa: E731
        return Try(officer, "SecurityToken", token, "setPaused", (True,), frozenset(), effect)

    def freeze(self) -> Try | None:
        token, wallet = self.dice.choice(self.world.tokens), self.dice.choice([*self.people, self.world.desk])
        if self.dice.random() < 0.85:
            return None
        officer = self.world.address("officer")
        effect = lambda: self.books.frozen.add((token, wallet))  # noqa: E731
        return Try(officer, "SecurityToken", token, "setAccountFrozen", (wallet, True), frozenset(), effect)

    def bar(self) -> Try | None:
        """Suspends a party, or lets it act again."""
        wallet, books = self.dice.choice(self.people), self.books
        if wallet in books.heirs:
            return None
        back = wallet in books.barred
        if not back and self.dice.random() < 0.7:
            return None
        effect = lambda: (books.barred.discard if back else books.barred.add)(wallet)  # noqa: E731
        arguments = (wallet, 1 if back else 2)
        registrar = self.world.address("registrar")
        return Try(registrar, "ParticipantRegistry", self.world.registry, "setStatus", arguments, frozenset(), effect)

    def hostility(self) -> Try | None:
        """The hostile token changes its ways, or learns a call that it makes in the midst of others'."""
        payload = b""
        made = [one for one in (self.release(), self.pledge(), self.appropriate(), self.substitute()) if one]
        if made and self.dice.random() < 0.6:
            drawn = self.dice.choice([one for one in made if one.function != "run"] or made)
            payload = self.world.codec.encode(drawn.contract, drawn.function, drawn.arguments)
            if drawn.function == "run":
                payload = b""
        conduct = self.dice.choice([0, 0, 0, 1, 4, 5, 6])
        arguments = (conduct, payload)
        sender = self.world.address("stranger")
        return Try(sender, "HostileToken", self.world.hostile, "become", arguments, frozenset(), lambda: None)

    # What acts share

    def _shrinking(self, party: Callable[[Deal], str]) -> tuple[bytes, int, str, frozenset[str]] | None:
        claim, books = self.claim(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        acting = party(books.deals[of.deal])
        room = of.quantity - of.out - (-(-books.reused(claim) * MILLION // of.cap) if of.cap else 0)
        quantity, sender = self.some(max(room, 0)), self.likely(acting)
        return claim, quantity, sender, books.acts(sender, acting) | books.shrinks(claim, quantity)

    def _signed(
        self, party: str, function: str, arguments: tuple[Any, ...], names: frozenset[str], act: Any, bad: bool
    ) -> Try:
        """The act as another submits it."""
        books = self.books
        if party not in self.world.names:
            party = self.people[0]
            names = names | {"NotActing"} if books.heir(party) == party else names
            return self.on_desk(self.world.hostile, function, arguments, names | {"NotActing"}, act, loose=bad)
        call = self.world.codec.encode("CollateralRegister", function, arguments)
        nonce, by = self.dice.randrange(600), books.now + self.dice.choice([-1, 0, 100, 100])
        together = self.dice.choice([ROOT, self.world.together((party, call)), self.world.together()])
        digest = self.world.act_digest(party, call, nonce, by, together)
        signer = party if self.dice.random() < 0.9 else self.world.address("stranger")
        signature = self.world.sign(signer, digest)
        names = names | broken(
            ActExpired=books.now > by, ActUsed=(party, nonce) in books.nonces, ActNotSigned=signer != party,
            ActNotTogether=together == self.world.together(),
        )

        def effect() -> None:
            books.nonces.add((party, nonce))
            act()

        acts = [(party, call, nonce, by, together, signature)]
        # Nobody's own act, as the token that submits it is no party.
        return self.on_desk(self.world.hostile, "run", (acts,), names, effect, loose=bad)

    def bad(self, token: str) -> bool:
        return token == self.world.hostile

    @staticmethod
    def claim_id(deal: bytes, parent: bytes, token: str, salt: bytes) -> bytes:
        types = ["bytes32", "bytes32", "address", "bytes32"]
        return bytes(keccak(default_codec.encode(types, [deal, parent, token, salt])))


ACTS: dict[str, int] = {
    "open": 4,
    "pledge": 8,
    "repledge": 10,
    "release": 5,
    "release_excess": 5,
    "substitute": 4,
    "recall": 2,
    "value": 9,
    "record_cash": 4,
    "declare": 5,
    "end_default": 1,
    "appropriate": 5,
    "set_off": 3,
    "return_units": 3,
    "sell": 6,
    "end_sale": 4,
    "lock": 3,
    "settle": 3,
    "give_back": 3,
    "propose_stop": 2,
    "confirm_stop": 3,
    "pause": 1,
    "freeze": 1,
    "bar": 1,
    "hostility": 1,
}
"""How often each is drawn, beside the others."""
