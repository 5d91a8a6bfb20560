"""Random acts: agreements, pledges, re-use and what is given up."""

from .collateral_hands import ROOT, Hands, Try
from .collateral_model import MILLION, Claim, Deal
from .collateral_world import DAY
from .rules import broken

__all__ = ["Pledging"]

DEPTH = 8


class Pledging(Hands):
    """How pledges begin and end by the parties' own acts."""

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
            books.deals[id_] = Deal(
                giver, taker, title, cap, depth, flags[0], flags[1], notice + cure, 2 * DAY, until, floor
            )

        return self.on_desk(self.world.address("stranger"), "open", (terms, *signatures), names, effect)

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

    def release(self) -> Try | None:
        drawn = self.shrinking(lambda deal: deal.taker)
        if drawn is None:
            return None
        claim, quantity, sender, names = drawn
        act = lambda: self.books.shrink(claim, quantity)  # noqa: E731
        bad = self.bad(self.books.claims[claim].token)
        if self.dice.random() < 0.25:
            return self.signed(sender, "release", (claim, quantity), names, act, bad)
        return self.on_desk(sender, "release", (claim, quantity), names, act, loose=bad)

    def release_excess(self) -> Try | None:
        drawn = self.shrinking(lambda deal: deal.giver)
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

    def substitute(self) -> Try | None:
        drawn = self.shrinking(lambda deal: deal.giver)
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
