"""The oracle of the collateral register beside a running world: C1 to C4 after each step, C5 at the end.

A shadow (`testing.collateral`) is made from what happened on the chain alone; the contracts' answers are held against
its books. A reorganisation takes the books back to a block that stands. Cash is `watching_margin`'s.
"""

from collections.abc import Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field
from typing import Any

from lockstep.chain.audit_abi import checksummed
from lockstep.chain.node import Head, Node
from lockstep.domain.market import Market
from lockstep.simulation.reading_collateral import CollateralReader, ask, pledge_id
from lockstep.testing.collateral import Shadow
from lockstep.testing.collateral_books import Books, Terms
from lockstep.testing.collateral_facts import Step

__all__ = ["CollateralFollower", "Figures"]

TOKEN, REGISTER = "SecurityToken", "CollateralRegister"


@dataclass(frozen=True, slots=True)
class Figures:
    """An agreement's at one moment that the chain once showed."""

    at: int
    required: int
    credit: int
    cover: int


@dataclass(slots=True)
class _Seen:
    """The books at one head, and what was wrong up to there."""

    head: Head
    books: Books
    wrong: list[str] = field(default_factory=list)


class CollateralFollower:
    """One market's register, followed through one node that tells the truth."""

    def __init__(self, node: Node, market: Market) -> None:
        assert market.network.collateral is not None
        self._node, self._register = node, checksummed(market.network.collateral)
        self._tokens = [checksummed(one.token) for one in market.securities.values()]
        self._reader = CollateralReader(node, market.network, self._tokens)
        self._seen: list[_Seen] = []
        self._judged: tuple[int, str] = (-1, "")
        self._answers: list[str] = []
        self.history: dict[str, list[Figures]] = {}
        """By agreement: all figures that any head ever showed, oldest first."""
        self.terms: dict[str, Terms] = {}
        """Of all agreements that any head ever showed, as opened or amended last."""
        self.income: dict[str, dict[str, int]] = {}
        """By agreement and pledge: the most income that its taker ever owed."""

    def fork(self) -> "CollateralFollower":
        """Another for a chain that goes on from this one's head."""
        other = copy(self)
        other._reader, other._seen, other.history = self._reader.fork(), list(self._seen), {}
        other.terms, other.income = {}, {}
        return other

    @property
    def books(self) -> Books:
        """As of the last look."""
        return self._seen[-1].books

    def look(self) -> bool:
        """Takes in the chain as it is now. True where anything of it is another than before."""
        head = self._node.head()
        if self._seen and self._seen[-1].head == head:
            return False
        kept = len(self._seen)
        while kept and not self._stands(self._seen[kept - 1].head, head):
            kept -= 1
        changed = kept < len(self._seen)
        del self._seen[kept:]
        last = self._seen[-1] if self._seen else None
        happened = self._reader.read(last.head.number + 1 if last else 0, head.number)
        if not happened and last is not None:
            self._seen.append(_Seen(head, last.books, last.wrong))
            return changed
        books = deepcopy(last.books) if last else Books()
        wrong, shadow = list(last.wrong) if last else [], Shadow(pledge_id, books)
        for one in happened:
            wrong += shadow.follow(one)
            if isinstance(one, Step):
                self._note(books)
        self._seen.append(_Seen(head, books, wrong))
        return True

    def _stands(self, seen: Head, head: Head) -> bool:
        if seen.number >= head.number:
            return seen.number == head.number and seen.hash == head.hash
        return self._node.block(seen.number).hash == seen.hash

    def _note(self, books: Books) -> None:
        for pledge, owed in books.income.items():
            known = self.income.setdefault(books.claims[pledge].deal, {})
            known[pledge] = max(known.get(pledge, 0), owed)
        for name, deal in books.deals.items():
            self.terms[name] = deal.terms
            told = Figures(books.now, deal.required, deal.credit, books.cover(name))
            figures = self.history.setdefault(name, [])
            if not figures or figures[-1] != told:
                figures.append(told)

    def check(self) -> list[str]:
        """What is wrong on the chain as it is now, in plain words; C1 to C3."""
        changed = self.look()
        head = self._seen[-1].head
        if changed or self._judged == (-1, ""):
            self._answers = [f"C1: {one}" for one in self._compare(head.number)]
        self._judged = head.number, head.hash
        return [*self._seen[-1].wrong, *self._answers]

    def left(self) -> list[str]:
        """C5: what is still pledged, or in the register's hands, where everything was to be given back."""
        found = []
        for name, one in self.books.claims.items():
            if one.quantity:
                found.append(f"C5: pledge {name[:12]}: {one.quantity} units have no way out")
        for token in self._tokens:
            kept = self._number(token, "balanceOf", self._seen[-1].head.number, self._register)
            if kept:
                found.append(f"C5: the register keeps {kept} units of {token}")
        return found

    # --- the contracts' answers

    def _compare(self, block: int) -> Iterator[str]:
        books = self.books
        for name, deal in books.deals.items():
            (state,) = self._ask("stateOf", name, block)
            told = tuple(state.values())
            wanted = (deal.exposure, deal.required, deal.credit, deal.valued, deal.enforce, books.selling(name))
            if told != wanted:
                yield f"agreement {name[:12]} is {told}, its acts come to {wanted}"
            (cover,) = self._ask("coverOf", name, block)
            if cover != books.cover(name):
                yield f"agreement {name[:12]} covers {cover}, its pledges come to {books.cover(name)}"
        for name, one in books.claims.items():
            (pledge,) = self._ask("pledgeOf", name, block)
            told = tuple(
                pledge[field]
                for field in ("quantity", "depth", "maxDepth", "reused", "owed", "recalled", "until", "selling")
            )
            mine = (one.quantity, one.depth, one.reach, books.reused(name), one.owed, one.recalled, one.until, one.out)
            if told != mine:
                yield f"pledge {name[:12]} is {told}, its acts come to {mine}"
        lanes = books.lanes()
        for token, holder in sorted(lanes.keys() | self._holders()):
            told_units = self._number(token, "earmarkedOf", block, holder, self._register)
            if told_units != lanes[token, holder]:
                pledged = lanes[token, holder]
                yield f"{told_units} units of {token} are earmarked of {holder} for pledges, pledged are {pledged}"

    def _holders(self) -> set[tuple[str, str]]:
        """Everybody who is a party of anything, in each security."""
        wallets = {
            one for deal in self.books.deals.values() for party in (deal.terms.giver, deal.terms.taker)
            for one in (party, self.books.heir(party))
        }  # fmt: skip
        return {(token, wallet) for token in self._tokens for wallet in wallets}

    def _ask(self, view: str, name: str, block: int) -> Sequence[Any]:
        return ask(self._node, REGISTER, self._register, view, [bytes.fromhex(name)], block)

    def _number(self, token: str, view: str, block: int, *addresses: str) -> int:
        words = [bytes.fromhex(one[2:]).rjust(32, b"\0") for one in addresses]
        (told,) = ask(self._node, TOKEN, token, view, words, block)
        return int(told)
