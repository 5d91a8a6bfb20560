"""What the random acts of the joint machine share: draws, calls, signed acts, and how units come into the books."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from eth_abi.abi import default_codec
from eth_hash.auto import keccak

from .collateral_model import MILLION, Books, Claim, Deal, Lot
from .collateral_world import DAY, PEOPLE, CollateralWorld
from .rules import broken

__all__ = ["ROOT", "Hands", "Try"]

ROOT = bytes(32)


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
    """Draws for one run."""

    def __init__(self, world: CollateralWorld, dice: Random) -> None:
        self.world, self.dice = world, dice
        self.books = Books(world.hostile, world.desk)
        self.books.now = world.chain.now
        self.people = [world.address(name) for name in PEOPLE]
        self.count = 0
        for token in world.tokens:
            for one in self.people:
                self.books.balance[token, one] = 1_000

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

    def shrinking(self, party: Callable[[Deal], str]) -> tuple[bytes, int, str, frozenset[str]] | None:
        claim, books = self.claim(), self.books
        if claim is None:
            return None
        of = books.claims[claim]
        acting = party(books.deals[of.deal])
        room = of.quantity - of.out - (-(-books.reused(claim) * MILLION // of.cap) if of.cap else 0)
        quantity, sender = self.some(max(room, 0)), self.likely(acting)
        return claim, quantity, sender, books.acts(sender, acting) | books.shrinks(claim, quantity)

    def signed(
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
            ActExpired=books.now > by,
            ActUsed=(party, nonce) in books.nonces,
            ActNotSigned=signer != party,
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

    def named(self, deal: Deal, token: str) -> bool:
        return self.books.named(deal, token) and token in deal.prices

    def after_haircut(self, deal: Deal, token: str, quantity: int) -> int:
        price, haircut, _ = deal.prices.get(token, (0, 0, 0))
        return quantity * price * (MILLION - haircut) // MILLION**2

    def cannot_hold(self, token: str, wallet: str) -> bool:
        return token != self.world.hostile and (wallet in self.books.barred or (token, wallet) in self.books.frozen)

    def order(self, token: str, seller: str, buyer: str, quantity: int) -> tuple[bytes, Any, Lot]:
        nonce = int.from_bytes(self.number())
        movement = (token, seller, buyer, quantity, 1, nonce)
        last = self.books.now + 10 * DAY
        terms = (b"\x11" * 32, 0, 0, ROOT, b"\x22" * 32, last, last)
        hashed = self.world.orders.terms(terms)
        id_ = self.world.orders.leg(movement, hashed)
        return id_, (movement, terms), Lot(token, seller, buyer, quantity, movement, hashed)

    def note_lock(self, id_: bytes, lot: Lot) -> None:
        self.books.lots[id_] = lot
        if lot.token != self.world.hostile:
            at = (lot.token, lot.seller)
            self.books.dvp_lane[at] = self.books.dvp_lane.get(at, 0) + lot.quantity
