"""Which trade of ours is a legacy book's trade, where the book has no UETR: by rule, then by score, never silently.

Three rules, in this order, each for the trades that the one before left:

1. `uetr`: both have the same, and it is nobody else's.
2. `terms`: all terms are equal, and equal to no other trade's on either side.
3. `score`: each is the other's best, by at least LEAD over its second best, with a score of at least ENOUGH.

What fits no rule stays apart, with its best candidates and why: a wrong pair would hide two breaks and invent a third.
The scores are a judgement of likeness, not a probability.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Generic, Protocol, TypeVar

from lockstep.domain.identifiers import Isin, Lei, Uetr
from lockstep.domain.money import Money, Quantity

__all__ = ["ENOUGH", "LEAD", "WEIGHTS", "Candidate", "Match", "Matching", "Rule", "Terms", "Unmatched", "match_trades"]

WEIGHTS: Mapping[str, int] = {
    "deliverer": 20,
    "receiver": 20,
    "isin": 20,
    "quantity": 15,
    "cash": 15,
    "settlement_date": 10,
}
"""What a term that agrees counts; together 100."""
ENOUGH, LEAD = 75, 10
SHOWN = 3
"""So many candidates of an unmatched trade are told."""


class Terms(Protocol):
    """What both books know of a trade."""

    @property
    def uetr(self) -> Uetr | None: ...
    @property
    def deliverer(self) -> Lei: ...
    @property
    def receiver(self) -> Lei: ...
    @property
    def isin(self) -> Isin: ...
    @property
    def quantity(self) -> Quantity: ...
    @property
    def cash(self) -> Money: ...
    @property
    def settlement_date(self) -> date: ...


Theirs = TypeVar("Theirs", bound=Terms)
Ours = TypeVar("Ours", bound=Terms)
Left = TypeVar("Left", bound=Terms)


class Rule(Enum):
    """By what two trades were held for one."""

    UETR = "uetr"
    TERMS = "terms"
    SCORE = "score"


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Ours]):
    """A trade that might be meant, and how alike it is."""

    ours: Ours
    score: int
    agreed: tuple[str, ...]

    @property
    def differing(self) -> tuple[str, ...]:
        """The terms that are not the same."""
        return tuple(name for name in WEIGHTS if name not in self.agreed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Generic[Theirs, Ours]):
    """Two trades held for one: by which rule, which terms agreed, and which was next best."""

    theirs: Theirs
    found: Candidate[Ours]
    rule: Rule
    runner_up: Candidate[Ours] | None = None

    def __str__(self) -> str:
        differing = ", ".join(self.found.differing) or "nothing"
        second = f"next best {self.runner_up.score}" if self.runner_up else "no other candidate"
        return f"by {self.rule.value}: score {self.found.score}, {differing} differs; {second}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched(Generic[Theirs, Ours]):
    """A trade that no rule finds a counterpart for."""

    theirs: Theirs
    why: str
    candidates: tuple[Candidate[Ours], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching(Generic[Theirs, Ours]):
    """Every trade of both books, once: matched, or apart."""

    matched: tuple[Match[Theirs, Ours], ...]
    unmatched: tuple[Unmatched[Theirs, Ours], ...]
    left: tuple[Ours, ...]
    """Ours that no trade of theirs was held for."""


def match_trades(theirs: Sequence[Theirs], ours: Sequence[Ours]) -> Matching[Theirs, Ours]:
    """Matches two books' trades. The order of either book changes nothing but the order of the result."""
    matched: dict[int, Match[Theirs, Ours]] = {}
    open_theirs, open_ours = dict(enumerate(theirs)), dict(enumerate(ours))
    for rule, key in ((Rule.UETR, _uetr), (Rule.TERMS, _terms)):
        by_key = _unique(open_ours, key)
        for of_value, place in _unique(open_theirs, key).items():
            other = by_key.get(of_value)
            if other is None:
                continue
            if rule is Rule.TERMS and _contradict(open_theirs[place], open_ours[other]):
                continue
            found = _compared(open_theirs.pop(place), open_ours.pop(other))
            matched[place] = Match(theirs=theirs[place], found=found, rule=rule)
    unmatched = _by_score(open_theirs, open_ours, matched)
    return Matching(
        matched=tuple(matched[place] for place in sorted(matched)),
        unmatched=tuple(unmatched),
        left=tuple(open_ours.values()),
    )


def _by_score(
    open_theirs: dict[int, Theirs], open_ours: dict[int, Ours], matched: dict[int, Match[Theirs, Ours]]
) -> list[Unmatched[Theirs, Ours]]:
    """The third rule: takes out of both what it matches, and tells the rest."""
    likely: dict[int, list[tuple[Candidate[Ours], int]]] = {}
    of_ours: defaultdict[int, list[int]] = defaultdict(list)
    blocks = _blocks(open_ours)
    for place, trade in open_theirs.items():
        near = {other for block in _block_keys(trade) for other in blocks.get(block, ())}
        compared = [(_compared(trade, open_ours[other]), other) for other in near]
        agreeing = [one for one in compared if not _contradict(trade, one[0].ours)]
        likely[place] = sorted(agreeing, key=lambda one: (-one[0].score, one[1]))
        for candidate, other in agreeing:
            of_ours[other].append(candidate.score)
    unmatched = []
    for place, candidates in likely.items():
        trade = open_theirs[place]
        shown = tuple(candidate for candidate, _ in candidates[:SHOWN])
        if not candidates or shown[0].score < ENOUGH:
            why = f"no candidate reaches a score of {ENOUGH}" if candidates else "no trade shares two of its terms"
            unmatched.append(Unmatched(theirs=trade, why=why, candidates=shown))
            continue
        best, other = candidates[0]
        rivals = sorted(of_ours[other], reverse=True)
        second = shown[1].score if len(shown) > 1 else 0
        if best.score - second < LEAD:
            why = f"its best two candidates lie less than {LEAD} apart"
            unmatched.append(Unmatched(theirs=trade, why=why, candidates=shown))
        elif rivals[0] > best.score or (len(rivals) > 1 and best.score - rivals[1] < LEAD):
            why = f"another trade fits its best candidate as well, or less than {LEAD} worse"
            unmatched.append(Unmatched(theirs=trade, why=why, candidates=shown))
        else:
            runner_up = shown[1] if len(shown) > 1 else None
            matched[place] = Match(theirs=trade, found=best, rule=Rule.SCORE, runner_up=runner_up)
            del open_ours[other]
    return unmatched


def _unique(trades: Mapping[int, Left], key: Callable[[Terms], Hashable | None]) -> dict[Hashable, int]:
    """Where each key is, of those that exactly one trade has."""
    found: dict[Hashable, int] = {}
    twice = set()
    for place, trade in trades.items():
        of_it = key(trade)
        if of_it is not None and found.setdefault(of_it, place) != place:
            twice.add(of_it)
    return {of_it: place for of_it, place in found.items() if of_it not in twice}


def _uetr(trade: Terms) -> Hashable | None:
    return trade.uetr


def _terms(trade: Terms) -> Hashable | None:
    return tuple(getattr(trade, name) for name in WEIGHTS)


def _contradict(theirs: Terms, ours: Terms) -> bool:
    """Two different UETRs are two trades, however alike."""
    return theirs.uetr is not None and ours.uetr is not None and theirs.uetr != ours.uetr


def _compared(theirs: Terms, ours: Ours) -> Candidate[Ours]:
    agreed = tuple(name for name in WEIGHTS if getattr(theirs, name) == getattr(ours, name))
    return Candidate(ours, sum(WEIGHTS[name] for name in agreed), agreed)


def _block_keys(trade: Terms) -> Iterable[Hashable]:
    """A trade that is alike enough shares one of these: two of the three heavy terms, or it could not reach ENOUGH."""
    yield "deliverer, receiver", trade.deliverer, trade.receiver
    yield "deliverer, isin", trade.deliverer, trade.isin
    yield "receiver, isin", trade.receiver, trade.isin


def _blocks(trades: Mapping[int, Terms]) -> Mapping[Hashable, Sequence[int]]:
    blocks: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, trade in trades.items():
        for key in _block_keys(trade):
            blocks[key].append(place)
    return blocks
