"""Random acts around the register: DvP, the long stop, and what issuer and registrar do."""

from .collateral_hands import Hands, Try
from .collateral_world import DAY
from .rules import broken

__all__ = ["Around"]

GRACE, CHALLENGE = 5 * DAY, 2 * DAY


class Around(Hands):
    """DvP beside it, officers, issuer and registrar."""

    def lock(self) -> Try | None:
        books = self.books
        seller, buyer = self.dice.sample(self.people, 2)
        token = self.dice.choice(self.world.tokens)
        quantity = self.some(min(books.free(token, seller), 200))
        id_, order, lot = self.order(token, seller, buyer, quantity)
        names = broken(
            ZeroQuantity=quantity == 0,
            SecurityPaused=token in books.paused,
            NotEligible=bool({seller, buyer} & books.barred),
            ERC7943CannotSend=(token, seller) in books.frozen,
            InsufficientFreeUnits=quantity > books.free(token, seller),
        )
        signatures = tuple(self.world.sign(one, id_) for one in (seller, buyer))
        sender = self.world.address("stranger")
        return Try(sender, "DvP", self.world.dvp, "lock", (order, *signatures), names, lambda: self.note_lock(id_, lot))

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

    def propose_stop(self) -> Try | None:
        claim, books = self.claim(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        sender = self.dice.choice([self.world.address("dvp officer")] * 4 + [self.people[0]])
        open_ = of.stop is not None and not books.stop_defeated(claim)
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
            StillOwed=books.stop_defeated(claim),
        )
        effect = lambda: books.shrink(claim, quantity)  # noqa: E731
        return self.on_desk(sender, "confirmLongStop", (claim,), names, effect, loose=self.bad(of.token))

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
