"""The invariants, from the chain alone: its logs and its words. Neither model nor actors are asked, but for one
thing: which outcome the payment system said, and how many liars there are, is the world's and not the chain's.

Numbers are those of `docs/reference/invariants.md`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .evm import Log
from .reading import Reading, account_of
from .rules import ZERO

__all__ = ["Watch"]

NONE, LOCKED, PAID, SETTLED, GIVEN_BACK, CANCELLED, IN_PARTS = range(7)
STEPS = {
    NONE: {LOCKED, CANCELLED, IN_PARTS, PAID, SETTLED, GIVEN_BACK},
    LOCKED: {PAID, SETTLED, GIVEN_BACK},
    PAID: {SETTLED},
    IN_PARTS: {CANCELLED},
}
LAST = {"Locked": LOCKED, "PaidRecorded": PAID, "Settled": SETTLED, "GivenBack": GIVEN_BACK}
RESULT_PAID, RESULT_NEVER = 1, 2
LEG_BYTES = 43


@dataclass(slots=True)
class Settlement:
    """One settlement, as told by the logs."""

    token: str
    seller: str
    buyer: str
    quantity: int
    nonce: int
    events: list[str] = field(default_factory=lambda: ["Locked"])

    @property
    def is_open(self) -> bool:
        return "Settled" not in self.events and "GivenBack" not in self.events


@dataclass(slots=True)
class Netted:
    """A cycle, as told by the logs: who gives how much of what, and what became of it."""

    tokens: tuple[str, ...]
    giving: dict[tuple[str, str], int]
    events: list[str] = field(default_factory=lambda: ["Locked"])
    # The places of its securities that are not ended, once it ends security by security.
    left: set[int] = field(default_factory=set)

    @property
    def is_open(self) -> bool:
        return "Settled" not in self.events and "GivenBack" not in self.events


class Watch:
    """Follows one run by its logs."""

    def __init__(self, reading: Reading, opening: dict[str, dict[str, int]]) -> None:
        self.reading, self.world = reading, reading.world
        self.settlements: dict[bytes, Settlement] = {}
        self.cycles: dict[bytes, Netted] = {}
        self.events: Counter[str] = Counter()
        self._held: dict[str, Counter[str]] = {token: Counter(held) for token, held in opening.items()}
        self._supply = {token: sum(held.values()) for token, held in opening.items()}
        self._open: dict[tuple[str, str], int] = defaultdict(int)
        self._seen: dict[tuple[str, int], tuple[int, bytes]] = {}
        self._long_stops: set[bytes] = set()
        self._orders: dict[bytes, tuple[int, int]] = {}
        # What DvP said last, and of what.
        self._said: tuple[str, bytes] = ("", b"")

    def after(self, logs: Iterable[Log], words: list[int], truth: dict[bytes, int]) -> Iterator[str]:
        """What the last call broke; nothing, if all holds. `words` are those of {Reading.words}."""
        touched: set[str] = set()
        ids: set[bytes] = set()
        for log in logs:
            name, values = self.world.codec.event(log)
            self.events[name] += 1
            if log[0] == self.world.dvp:
                id_ = values.get("settlementId", b"")
                yield from self._of_dvp(name, values, truth)
                self._said = (name, id_)
                ids.add(id_)
            elif log[0] in self._held:
                touched.add(log[0])
                if name == "Transfer":
                    self._transfer(log[0], values)
        yield from self._holdings(touched, words)
        yield from self.lanes(ids & self.settlements.keys())
        yield from self.records(ids & self.cycles.keys())

    def _of_dvp(self, name: str, values: dict[str, Any], truth: dict[bytes, int]) -> Iterator[str]:
        id_ = values.get("settlementId", b"")
        if name == "Locked":
            if id_ in self.settlements:
                yield f"I4: {id_.hex()} was locked twice"
            token, seller, buyer, quantity, _, nonce = values["movement"]
            self.settlements[id_] = Settlement(token, seller, buyer, quantity, nonce)
            self._open[token, seller] += quantity
        elif name == "NetLocked":
            if id_ in self.cycles or id_ in self.settlements:
                yield f"I4: the cycle {id_.hex()} was locked twice"
            self.cycles[id_] = Netted(tuple(values["cycle"][0]), giving(*values["cycle"][:3]))
            for place, units in self.cycles[id_].giving.items():
                self._open[place] += units
        elif name == "PartLocked":
            whole, before = self._orders.get(values["orderId"], (values["orderQuantity"], 0))
            self._orders[values["orderId"]] = (whole, values["lockedQuantity"])
            added = self.settlements[id_].quantity
            if values["lockedQuantity"] != before + added or before + added > whole:
                yield f"I4: parts of {values['orderId'].hex()}: {before} and {added} of {whole}"
        elif name == "LongStopProposed":
            self._long_stops.add(id_)
        elif name in ("PaidRecorded", "Settled", "GivenBack"):
            yield from self._ending(name, id_, truth)
        elif name == "NetSecurityEnded":
            yield from self._security_ended(id_, values["place"], values["left"])

    def _ending(self, name: str, id_: bytes, truth: dict[bytes, int]) -> Iterator[str]:
        settlement = self.settlements.get(id_) or self.cycles.get(id_)
        if settlement is None:
            yield f"I4: {name} of {id_.hex()}, which was never locked"
            return
        if not settlement.is_open:
            yield f"I4: {name} after {settlement.events} of {id_.hex()}"
        if name == "GivenBack" and "PaidRecorded" in settlement.events:
            yield f"I8: {id_.hex()} was given back after it was paid"
        said = truth.get(id_)
        if name == "GivenBack" and said != RESULT_NEVER and id_ not in self._long_stops:
            yield f"I9: {id_.hex()} was given back, and the outcome is {said}"
        if name != "GivenBack" and said != RESULT_PAID:
            yield f"I9: {name} of {id_.hex()}, and the outcome is {said}"
        settlement.events.append(name)
        if name == "PaidRecorded":
            return
        if isinstance(settlement, Netted):
            for place in range(len(settlement.tokens)):
                self._let_go(settlement, place)
        else:
            self._open[settlement.token, settlement.seller] -= settlement.quantity

    def _let_go(self, cycle: Netted, place: int, sign: int = 1) -> None:
        for (token, giver), units in cycle.giving.items():
            if token == cycle.tokens[place]:
                self._open[token, giver] -= sign * units

    def _security_ended(self, id_: bytes, place: int, left: int) -> Iterator[str]:
        """The first one follows the cycle's own end at once; where none follows, the cycle ended whole."""
        cycle = self.cycles.get(id_)
        if cycle is None or cycle.is_open:
            yield f"I4: a security of {id_.hex()} ended, and the cycle did not"
            return
        if self._said in (("Settled", id_), ("GivenBack", id_)):
            if cycle.events[-1] == "Settled" and "PaidRecorded" not in cycle.events:
                yield f"I8: {id_.hex()} is delivered security by security, and PAID is not recorded"
            cycle.left = set(range(len(cycle.tokens)))
            for one in cycle.left:
                self._let_go(cycle, one, sign=-1)
        if place not in cycle.left:
            yield f"I4: security {place} of {id_.hex()} ended twice"
            return
        cycle.left.remove(place)
        self._let_go(cycle, place)
        if left != sum(1 << one for one in cycle.left):
            yield f"I4: {left:#b} is said to be left of {id_.hex()}, and {cycle.left} are"

    def _transfer(self, token: str, values: dict[str, Any]) -> None:
        from_, to, units = values["from"], values["to"], values["value"]
        if from_ == ZERO:
            self._supply[token] += units
        else:
            self._held[token][from_] -= units
        if to == ZERO:
            self._supply[token] -= units
        else:
            self._held[token][to] += units

    def _holdings(self, touched: set[str], words: list[int]) -> Iterator[str]:
        """I3, I10 and conservation, of every holder."""
        for token, held in self._held.items():
            total = 0
            for holder, word in zip(self.reading.people, self.reading.accounts(words, token), strict=True):
                if not word and not held[holder]:
                    continue
                balance, first, second, third, _ = account_of(word)
                total += balance
                if first + second + third > balance:
                    yield f"I3: {holder} owns {balance} of {token} and {first}, {second}, {third} are earmarked"
                if balance != held[holder]:
                    yield f"conservation: {holder} owns {balance} of {token}, by its transfers {held[holder]}"
                if first != self._open[token, holder]:
                    yield f"I10: DvP's lane of {holder} in {token} has {first}, open locks {self._open[token, holder]}"
            if total != self._supply[token]:
                yield f"I3: holdings of {token} are {total}, issued {self._supply[token]}"
        for token in touched:
            supply = self.reading.ask("SecurityToken", token, "totalSupply")
            if supply != self._supply[token]:
                yield f"I3: the supply of {token} is {supply}, by its transfers {self._supply[token]}"

    def lanes(self, ids: Iterable[bytes]) -> Iterator[str]:
        """I4: a lane only ever steps on, keeps its settlement, and says what the logs say."""
        for id_ in ids:
            settlement = self.settlements[id_]
            lane = (settlement.seller, settlement.nonce)
            status, prefix = self.reading.lane(*lane)
            if self._seen.get(lane) == (status, prefix):
                continue
            before = self._seen.get(lane, (NONE, prefix))
            if status != before[0] and status not in STEPS.get(before[0], set()):
                yield f"I4: lane {lane} went from {before[0]} to {status}"
            if prefix != id_[:15] or prefix != before[1]:
                yield f"I4: lane {lane} belongs to {prefix.hex()}, not to {id_.hex()}"
            if status != LAST[settlement.events[-1]]:
                yield f"I4: lane {lane} stands at {status}, its logs end with {settlement.events[-1]}"
            self._seen[lane] = (status, prefix)

    def records(self, ids: Iterable[bytes]) -> Iterator[str]:
        """I4: a cycle stands where its logs say."""
        for id_ in ids:
            status = self.reading.ask("DvP", self.world.dvp, "statusOfNet", id_)
            last = self.cycles[id_].events[-1]
            if status != LAST[last]:
                yield f"I4: cycle {id_.hex()} stands at {status}, its logs end with {last}"
            left = self.reading.left(id_)
            if left != self.cycles[id_].left:
                yield f"I4: {left} are left of cycle {id_.hex()}, by its logs {self.cycles[id_].left}"

    def free_units(self, token: str, holder: str) -> Iterator[str]:
        """I3: what the token calls free is owned less earmarked less frozen, never below 0."""
        balance, *lanes, _ = account_of(self.reading.account(token, holder))
        expected = max(0, balance - sum(lanes) - self.reading.frozen(token, holder))
        free = self.reading.ask("SecurityToken", token, "freeOf", holder)
        if free != expected:
            yield f"I3: {free} units of {holder} in {token} are free, not {expected}"


def giving(tokens: Sequence[str], parties: Sequence[str], legs: bytes) -> dict[tuple[str, str], int]:
    """By security and party, what a cycle's parties give of its gross trades, net."""
    sums: Counter[tuple[str, str]] = Counter()
    for start in range(0, len(legs), LEG_BYTES):
        seller, buyer, token = legs[start : start + 3]
        units = int.from_bytes(legs[start + 3 : start + 11])
        sums[tokens[token], parties[seller]] += units
        sums[tokens[token], parties[buyer]] -= units
    return {place: units for place, units in sums.items() if units > 0}
