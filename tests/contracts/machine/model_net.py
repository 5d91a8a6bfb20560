"""Cycles as `docs/reference/errors.md` and the interface's promises describe them, in lists and sums."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from .model_dvp import (
    CHALLENGE,
    GIVEN_BACK,
    GRACE,
    LOCKED,
    NONE,
    NOTHING,
    PAID,
    RESULT_NEVER,
    RESULT_PAID,
    SETTLED,
    DvPModel,
)
from .model_proofs import unsigned
from .rules import ZERO, Broken, Context, broken, stop

__all__ = ["DvPNetModel", "Gross", "Leg", "position"]

LEG_BYTES = 43
MAX_LEGS, MAX_PARTIES, MAX_POSITIONS = 2_000, 256, 400

Position = tuple[str, int]
# Epoch, payBy, and in each security the positions, party and units.
Net = tuple[int, int, tuple[tuple[str, tuple[Position, ...]], ...]]


class Leg(NamedTuple):
    """A gross trade; the first three are places in the cycle's lists."""

    seller: int
    buyer: int
    token: int
    quantity: int
    terms: bytes


class Gross(NamedTuple):
    """As the contract's struct Cycle."""

    tokens: tuple[str, ...]
    parties: tuple[str, ...]
    legs: bytes
    cash_hash: bytes
    epoch: int
    lock_by: int
    pay_by: int

    def trades(self) -> list[Leg]:
        """The legs, as far as they are whole."""
        whole = len(self.legs) // LEG_BYTES
        parts = [self.legs[LEG_BYTES * i : LEG_BYTES * (i + 1)] for i in range(whole)]
        return [Leg(one[0], one[1], one[2], int.from_bytes(one[3:11]), one[11:]) for one in parts]

    def sums(self) -> dict[tuple[int, int], int]:
        """Received less delivered by (token, party), of each party with a trade in it."""
        found: Counter[tuple[int, int]] = Counter()
        for leg in self.trades():
            found[leg.token, leg.seller] -= leg.quantity
            found[leg.token, leg.buyer] += leg.quantity
        return dict(found)

    def net(self) -> Net:
        sums = self.sums()
        return (
            self.epoch,
            self.pay_by,
            tuple(
                (token, tuple((party, sums[t, p]) for p, party in enumerate(self.parties) if (t, p) in sums))
                for t, token in enumerate(self.tokens)
            ),
        )

    def own(self, party: int) -> list[tuple[str, str, str, int, bytes]]:
        """The legs of the party at this place, as it signs them."""
        return [
            (self.tokens[leg.token], self.parties[leg.seller], self.parties[leg.buyer], leg.quantity, leg.terms)
            for leg in self.trades()
            if party in (leg.seller, leg.buyer)
        ]


def position(party: str, units: int) -> int:
    """The packed word: party, then 96 bits, signed."""
    return int(party, 16) << 96 | units % 2**96


def unpacked(word: int) -> Position:
    units = word & 2**96 - 1
    return f"0x{word >> 96:040x}", units - 2**96 if units >> 95 else units


def net_of(words: Any) -> Net:
    epoch, pay_by, movements = words
    return (
        epoch,
        pay_by,
        tuple((token, tuple(unpacked(one) for one in positions)) for token, positions in movements),
    )


@dataclass
class DvPNetModel(DvPModel):
    """DvP with its cycles: by id, where each stands and its net positions."""

    cycles: dict[bytes, tuple[int, Net]] = field(default_factory=dict)
    # Of a cycle that ends security by security, the places of those that are not ended yet.
    left: dict[bytes, set[int]] = field(default_factory=dict)

    def lock_net(self, at: Context, words: Any, limits: Sequence[int], signatures: Sequence[bytes]) -> None:
        cycle = Gross(tuple(words[0]), tuple(words[1]), *words[2:])
        id_ = self.digests.cycle(*cycle)
        against = self._untimely(at, cycle.epoch, cycle.lock_by, cycle.pay_by)
        against |= broken(WrongStatus=id_ in self.cycles)
        misshapen = self.misshapen(cycle) | broken(
            NetLengthMismatch=len(signatures) != len(cycle.parties)
            or len(limits) != len(cycle.parties) * len(cycle.tokens)
        )
        # Who gives what cannot be told of a cycle that is not well-formed.
        stop(misshapen and misshapen | against)
        stop(against | self._unagreed_net(id_, cycle, limits, signatures) | self._unearmarkable_net(at, cycle))
        # A whole copy is taken only where a hostile token may call back: nothing else can fail after this.
        undo = self.checkpoint() if self._calls_back(cycle) else None
        self.cycles[id_] = (LOCKED, cycle.net())
        try:
            for token, positions in cycle.net()[2]:
                self._earmark_net(at, token, positions)
        except Broken:
            assert undo is not None
            undo()
            raise

    def settle_net(self, at: Context, id_: bytes, words: Any, proof: bytes) -> None:
        net = net_of(words)
        stop(self._ended_net(id_, net))
        if self.cycles[id_][0] == LOCKED:
            stop(self._unproved(id_, RESULT_PAID, net[0], proof) | self._misbehaviour_net(net))
        stop(self._misbehaviour_net(net))
        self.cycles[id_] = (SETTLED, net)
        for address, positions in net[2]:
            if address in self.tokens:
                self.tokens[address].settle_net(self._mine(at), [position(*one) for one in positions])
            else:
                self._let_reenter(at, address)

    def record_paid_net(self, at: Context, id_: bytes, words: Any, proof: bytes) -> None:
        net = net_of(words)
        stop(self._not_locked_net(id_, net) or self._unproved(id_, RESULT_PAID, net[0], proof))
        self.cycles[id_] = (PAID, net)

    def give_back_net(self, at: Context, id_: bytes, words: Any, proof: bytes) -> None:
        net = net_of(words)
        against = self._not_locked_net(id_, net)
        stop(against or self._unproved(id_, RESULT_NEVER, net[0], proof) | self._misbehaviour_net(net, giving=True))
        self._give_back_net(at, id_, net)

    def settle_net_of(self, at: Context, id_: bytes, words: Any, place: int) -> None:
        net = net_of(words)
        stop(self._unknown_net(id_, net))
        begins = self.cycles[id_][0] == PAID
        stop(
            broken(
                WrongStatus=self.cycles[id_][0] not in (PAID, SETTLED),
                TooEarly=begins and at.now <= net[1] + GRACE,
            )
            | self._not_left(id_, net, place, begins)
        )
        self._take_off(id_, net, place, SETTLED if begins else None)
        token, positions = net[2][place]
        if token in self.tokens:
            self.tokens[token].settle_net(self._mine(at), [position(*one) for one in positions])
        else:
            self._let_reenter(at, token)

    def give_back_net_of(self, at: Context, id_: bytes, words: Any, place: int, proof: bytes) -> None:
        net = net_of(words)
        stop(self._unknown_net(id_, net))
        begins = self.cycles[id_][0] == LOCKED
        against = broken(WrongStatus=self.cycles[id_][0] not in (LOCKED, GIVEN_BACK))
        if begins and proof:
            against |= self._unproved(id_, RESULT_NEVER, net[0], proof)
        elif begins:
            against |= broken(NotInRole=at.sender != self.epochs[self.current].confirmer) | self._not_ripe(at, id_)
        stop(against | self._not_left(id_, net, place, begins, giving=True))
        self._take_off(id_, net, place, GIVEN_BACK if begins else None)
        self._release_net(at, *net[2][place])

    def propose_net_long_stop(self, at: Context, id_: bytes, words: Any) -> None:
        net = net_of(words)
        against = broken(NotInRole=at.sender != self.epochs[self.current].officer)
        waits = broken(TooEarly=at.now <= net[1] + GRACE, AlreadyProposed=self.long_stop_from(id_) > 0)
        stop(against | (self._not_locked_net(id_, net) or waits))
        self.long_stop[id_] = (at.now + CHALLENGE, self.current)

    def confirm_net_long_stop(self, at: Context, id_: bytes, words: Any) -> None:
        net = net_of(words)
        against = broken(NotInRole=at.sender != self.epochs[self.current].confirmer)
        waits = self._not_ripe(at, id_) | self._misbehaviour_net(net, giving=True)
        stop(against | (self._not_locked_net(id_, net) or waits))
        self._give_back_net(at, id_, net)

    # Shared

    def _mine(self, at: Context) -> Context:
        return Context(self.address, at.now)

    def misshapen(self, cycle: Gross) -> frozenset[str]:
        trades, parties, tokens = cycle.trades(), len(cycle.parties), len(cycle.tokens)
        traders = {one for leg in trades for one in (leg.seller, leg.buyer)}
        traded = {leg.token for leg in trades}
        return broken(
            NetLengthMismatch=not cycle.legs or len(cycle.legs) % LEG_BYTES != 0,
            CycleTooLarge=len(trades) > MAX_LEGS or parties > MAX_PARTIES or parties * tokens > MAX_POSITIONS,
            NotAscending=not (ascending(cycle.parties) and ascending(cycle.tokens)),
            NoToken=any(one not in self.tokens and one not in self.hostile for one in cycle.tokens),
            LegOutOfRange=any(one >= parties for one in traders) or any(one >= tokens for one in traded),
            LegWithSelf=any(leg.seller == leg.buyer for leg in trades),
            LegWithoutQuantity=any(leg.quantity == 0 for leg in trades),
            WithoutLegs=not set(range(parties)) <= traders or not set(range(tokens)) <= traded,
        )

    def _unagreed_net(
        self, id_: bytes, cycle: Gross, limits: Sequence[int], signatures: Sequence[bytes]
    ) -> frozenset[str]:
        against, sums, width = NOTHING, cycle.sums(), len(cycle.tokens)
        for p, party in enumerate(cycle.parties):
            least = limits[p * width : (p + 1) * width]
            against |= broken(BelowNetLimit=any(sums.get((t, p), 0) < one for t, one in enumerate(least)))
            digest = self.digests.statement(id_, cycle.own(p), zip(cycle.tokens, least, strict=True))
            against |= unsigned(self.keyring, self.wallets, party, digest, signatures[p])
        return against

    def _unearmarkable_net(self, at: Context, cycle: Gross) -> frozenset[str]:
        """As it stands before the first token is called. One that calls back may change it: asked again then."""
        if self._calls_back(cycle):
            return NOTHING
        against = NOTHING
        for token, positions in cycle.net()[2]:
            if token in self.tokens:
                words = [position(*one) for one in positions]
                against |= self.tokens[token].unearmarkable_net(self._mine(at), words)
            else:
                against |= self.hostile[token].refusal
        return against

    def _calls_back(self, cycle: Gross) -> bool:
        return any(self.hostile[one].payload for one in cycle.tokens if one in self.hostile)

    def _earmark_net(self, at: Context, token: str, positions: Sequence[Position]) -> None:
        if token in self.tokens:
            self.tokens[token].earmark_net(self._mine(at), [position(*one) for one in positions])
        else:
            stop(self.hostile[token].refusal)
            self._let_reenter(at, token)

    def _misbehaviour_net(self, net: Net, giving: bool = False) -> frozenset[str]:
        """A token is not called for a release if nobody gives."""
        return frozenset().union(
            *(
                self.hostile[token].refusal
                for token, positions in net[2]
                if token in self.hostile and (not giving or any(units < 0 for _, units in positions))
            )
        )

    def _unknown_net(self, id_: bytes, net: Net) -> frozenset[str]:
        status, kept = self.cycles.get(id_, (NONE, None))
        if status == NONE:
            return frozenset({"WrongStatus"})
        return broken(NetMismatch=kept != net)

    def _ended_net(self, id_: bytes, net: Net) -> frozenset[str]:
        return self._unknown_net(id_, net) or broken(AlreadyEnded=self.cycles[id_][0] in (SETTLED, GIVEN_BACK))

    def _not_left(self, id_: bytes, net: Net, place: int, begins: bool, giving: bool = False) -> frozenset[str]:
        """A cycle that ended whole left nothing; what was never in it is not left either."""
        left = set(range(len(net[2]))) if begins else self.left.get(id_, set())
        if place not in left:
            return frozenset({"AlreadyEnded"})
        return self._misbehaviour_net((*net[:2], (net[2][place],)), giving)

    def _take_off(self, id_: bytes, net: Net, place: int, end: int | None) -> None:
        if end is not None:
            self.cycles[id_] = (end, net)
            self.left[id_] = set(range(len(net[2])))
        self.left[id_].remove(place)

    def _not_locked_net(self, id_: bytes, net: Net) -> frozenset[str]:
        return self._ended_net(id_, net) or broken(WrongStatus=self.cycles[id_][0] != LOCKED)

    def _give_back_net(self, at: Context, id_: bytes, net: Net) -> None:
        self.cycles[id_] = (GIVEN_BACK, net)
        for movement in net[2]:
            self._release_net(at, *movement)

    def _release_net(self, at: Context, token: str, positions: Sequence[Position]) -> None:
        for party, units in positions:
            if units >= 0:
                continue
            if token in self.tokens:
                self.tokens[token].release_earmark(self._mine(at), party, -units)
            else:
                self._let_reenter(at, token)


def ascending(addresses: Sequence[str]) -> bool:
    """Strictly, and none is zero."""
    numbers = [int(one, 16) for one in (ZERO, *addresses)]
    return all(one < other for one, other in pairwise(numbers))
