"""Delivery versus payment as `docs/explanation/protocol.md`, `contracts.md` and `errors.md` describe it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .model_proofs import Epoch, HostileTokenModel, WalletModel, misfit, same_run, unproved, unsigned
from .model_token import TokenModel
from .rules import Broken, Context, broken, stop
from .typed import Digests, Keyring

__all__ = ["DvPModel", "Movement", "Terms", "nonce_of_part"]

DAY = 86_400
MAX_LOCK, GRACE, CHALLENGE, ROTATION_DELAY = 30 * DAY, 5 * DAY, 2 * DAY, 45 * DAY
NONE, LOCKED, PAID, SETTLED, GIVEN_BACK, CANCELLED, IN_PARTS = range(7)
RESULT_PAID, RESULT_NEVER = 1, 2
FIRST_OF_PARTS = 2**63
PART_BITS = 24
NOTHING: frozenset[str] = frozenset()
FREE = b"\0" * 32


class Movement(NamedTuple):
    """As the contract's struct."""

    token: str
    seller: str
    buyer: str
    quantity: int
    epoch: int
    nonce: int


class Terms(NamedTuple):
    """As the contract's struct."""

    trade_id: bytes
    part: int
    minimum_lot: int
    group: bytes
    cash_hash: bytes
    lock_by: int
    pay_by: int


@dataclass
class DvPModel:
    """Settlements by seller and nonce. A method is a call: it raises Broken, or changes the model.

    A batch returns its skipped legs: (settlement id, the rules that it broke).
    """

    address: str
    # What parties sign, for the chain's id at the deployment; and what agents sign, for its id as it is.
    digests: Digests
    said: Digests
    keyring: Keyring
    wallets: dict[str, WalletModel]
    tokens: dict[str, TokenModel]
    hostile: dict[str, HostileTokenModel]
    epochs: dict[int, Epoch]
    # What a hostile token sends back in the middle of a call; the market's own door.
    reenter: Callable[[str, bytes, int], None] = lambda token, payload, now: None
    # How to take back what such a call did, if a group fails after it.
    checkpoint: Callable[[], Callable[[], None]] = lambda: lambda: None
    current: int = 1
    lanes: dict[tuple[str, int], tuple[int, bytes]] = field(default_factory=dict)
    paid: set[bytes] = field(default_factory=set)
    in_parts: dict[bytes, int] = field(default_factory=dict)
    # Since when the confirmer may, and whose officer proposed it.
    long_stop: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    proposal: tuple[int, Epoch, int] | None = None
    renamed: bool = False

    # Locks

    def lock(self, at: Context, order: Any, seller_signature: bytes, buyer_signature: bytes) -> None:
        self._lock(at, order, seller_signature, buyer_signature, FREE)

    def lock_group(self, at: Context, legs: Sequence[Any]) -> None:
        group = self.digests.group([leg[0][0] for leg in legs])
        undo = self._undoing(legs)
        done: list[Movement] = []
        for leg in legs:
            try:
                self._lock(at, leg[0], leg[1], leg[2], group)
            except Broken:
                if undo is not None:
                    undo()
                else:
                    for movement in reversed(done):
                        self._unlock(movement)
                raise
            done.append(Movement(*leg[0][0]))

    def _undoing(self, legs: Sequence[Any]) -> Callable[[], None] | None:
        """A whole copy is taken only where a hostile token may call back."""
        hostile = (self.hostile.get(leg[0][0][0]) for leg in legs)
        return self.checkpoint() if any(one and one.payload for one in hostile) else None

    def lock_batch(self, at: Context, legs: Sequence[Any]) -> list[tuple[bytes, frozenset[str]]]:
        skipped = []
        inner = Context(self.address, at.now)
        for run in same_run([leg[0][1][3] for leg in legs]):
            chosen = [legs[i] for i in run]
            try:
                if any(chosen[0][0][1][3]):
                    self.lock_group(inner, chosen)
                else:
                    self.lock(inner, *chosen[0])
            except Broken as refusal:
                skipped += [(self.digests.order(*leg[0]), refusal.names) for leg in chosen]
        return skipped

    def lock_part(
        self,
        at: Context,
        order: Any,
        part: int,
        quantity: int,
        seller_signature: bytes,
        buyer_signature: bytes,
        part_signature: bytes,
    ) -> None:
        movement, terms = Movement(*order[0]), Terms(*order[1])
        id_ = self.digests.order(movement, terms)
        whole, locked = (movement.seller, movement.nonce), self.in_parts.get(id_, 0)
        remaining = movement.quantity - locked
        nonce = nonce_of_part(movement.nonce, part)
        status = self.lanes.get(whole, (NONE, b""))[0]
        stop(
            self._unlockable(at, movement, terms)
            | broken(
                NotDivisible=terms.minimum_lot == 0
                or any(terms.group)
                or not 0 < part < 2**PART_BITS
                or nonce >= 2**64,
                NonceUsed=status != (IN_PARTS if locked else NONE) or (movement.seller, nonce) in self.lanes,
                BadPart=not min(max(1, terms.minimum_lot), max(remaining, 1)) <= quantity <= remaining,
            )
            | self._unagreed(id_, movement, seller_signature, buyer_signature)
            | self._unagreed_part(at, movement, self.digests.part(id_, part, quantity), part_signature)
            | self._unearmarkable(at, movement, quantity)
        )
        child = movement._replace(quantity=quantity, nonce=nonce)
        self.lanes[whole] = (IN_PARTS, id_)
        self.in_parts[id_] = locked + quantity
        self._locked(at, child, self.digests.order(child, terms._replace(part=part, minimum_lot=0)))

    def cancel_order(self, at: Context, order: Any, seller_signature: bytes) -> None:
        movement, terms = Movement(*order[0]), Terms(*order[1])
        id_ = self.digests.order(movement, terms)
        lane = (movement.seller, movement.nonce)
        against = broken(NotParty=at.sender not in (movement.seller, movement.buyer))
        if at.sender != movement.seller:
            against |= unsigned(self.keyring, self.wallets, movement.seller, id_, seller_signature)
        status, kept = self.lanes.get(lane, (NONE, id_))
        open_ = status == NONE or (status == IN_PARTS and kept == id_)
        stop(against | broken(NonceUsed=not open_) | reserved(movement))
        self.lanes[lane] = (CANCELLED, id_)

    # Endings

    def settle(self, at: Context, leg: Any, proof: bytes) -> None:
        movement, id_ = self._leg(leg)
        stop(self._ended(movement, id_))
        if id_ not in self.paid:
            stop(self._unproved(id_, RESULT_PAID, movement.epoch, proof) | self._misbehaviour(movement))
        stop(self._misbehaviour(movement))
        self.lanes[movement.seller, movement.nonce] = (SETTLED, id_)
        self._deliver(at, movement)

    def settle_batch(self, at: Context, legs: Sequence[Any], proof: bytes) -> list[tuple[bytes, frozenset[str]]]:
        if not legs:
            return []
        known = [self._leg(leg) for leg in legs]
        number = known[0][0].epoch
        digest = self.said.outcomes([id_ for _, id_ in known], RESULT_PAID, number)
        stop(
            broken(MixedEpochs=any(movement.epoch != number for movement, _ in known))
            | unproved(self.keyring, proof, digest, self.epochs.get(number))
        )
        skipped = []
        for movement, id_ in known:
            lane = (movement.seller, movement.nonce)
            if self._ended(movement, id_):
                skipped.append((id_, frozenset({"WrongStatus"})))
            elif refusal := self._misbehaviour(movement):
                self.lanes[lane] = (PAID, id_)
                self.paid.add(id_)
                skipped.append((id_, refusal))
            else:
                self.lanes[lane] = (SETTLED, id_)
                self._deliver(at, movement)
        return skipped

    def record_paid(self, at: Context, leg: Any, proof: bytes) -> None:
        movement, id_ = self._leg(leg)
        stop(self._not_locked(movement, id_) or self._unproved(id_, RESULT_PAID, movement.epoch, proof))
        self.lanes[movement.seller, movement.nonce] = (PAID, id_)
        self.paid.add(id_)

    def give_back(self, at: Context, leg: Any, proof: bytes) -> None:
        movement, id_ = self._leg(leg)
        stop(
            self._not_locked(movement, id_)
            or self._unproved(id_, RESULT_NEVER, movement.epoch, proof) | self._misbehaviour(movement)
        )
        self._give_back(at, movement, id_)

    # Long stop and epochs

    def propose_long_stop(self, at: Context, order: Any) -> None:
        movement, terms = Movement(*order[0]), Terms(*order[1])
        id_ = self.digests.order(movement, terms)
        against = broken(NotInRole=at.sender != self.epochs[self.current].officer)
        ended = self._not_locked(movement, id_)
        stop(
            against
            | (ended or broken(TooEarly=at.now <= terms.pay_by + GRACE, AlreadyProposed=self.long_stop_from(id_) > 0))
        )
        self.long_stop[id_] = (at.now + CHALLENGE, self.current)

    def confirm_long_stop(self, at: Context, leg: Any) -> None:
        movement, id_ = self._leg(leg)
        against = broken(NotInRole=at.sender != self.epochs[self.current].confirmer)
        stop(against | (self._not_locked(movement, id_) or self._not_ripe(at, id_) | self._misbehaviour(movement)))
        self._give_back(at, movement, id_)

    def long_stop_from(self, id_: bytes) -> int:
        """Since when the confirmer may; 0 if the officer of this epoch did not propose it."""
        from_, epoch = self.long_stop.get(id_, (0, 0))
        return from_ if epoch == self.current else 0

    def _not_ripe(self, at: Context, id_: bytes) -> frozenset[str]:
        from_ = self.long_stop_from(id_)
        return broken(NotProposed=from_ == 0, TooEarly=from_ > 0 and at.now <= from_)

    def rotate(self, at: Context, next_: Any, proof: bytes) -> None:
        epoch, number = _epoch(next_), self.current + 1
        digest = self.said.rotation(number, *next_)
        stop(unproved(self.keyring, proof, digest, self.epochs[self.current]) | misfit(epoch))
        self._start(number, epoch)

    def propose_rotation(self, at: Context, next_: Any) -> None:
        stop(broken(NotInRole=at.sender != self.epochs[self.current].officer))
        self.proposal = (self.current + 1, _epoch(next_), at.now + ROTATION_DELAY)

    def confirm_rotation(self, at: Context, next_: Any) -> None:
        epoch, number = _epoch(next_), self.current + 1
        same = self.proposal is not None and self.proposal[:2] == (number, epoch)
        early = same and self.proposal is not None and at.now <= self.proposal[2]
        stop(
            broken(NotInRole=at.sender != self.epochs[self.current].confirmer, NotProposed=not same, TooEarly=early)
            | misfit(epoch)
        )
        self._start(number, epoch)

    # Shared

    def _start(self, number: int, epoch: Epoch) -> None:
        self.current = number
        self.epochs[number] = epoch

    def _lock(self, at: Context, order: Any, seller_signature: bytes, buyer_signature: bytes, group: bytes) -> None:
        movement, terms = Movement(*order[0]), Terms(*order[1])
        id_ = self.digests.order(movement, terms)
        stop(
            self._unlockable(at, movement, terms)
            | broken(
                GroupMismatch=terms.group != group,
                NonceUsed=(movement.seller, movement.nonce) in self.lanes,
            )
            | reserved(movement)
            | self._unagreed(id_, movement, seller_signature, buyer_signature)
            | self._unearmarkable(at, movement, movement.quantity)
        )
        self._locked(at, movement, id_)

    def _locked(self, at: Context, movement: Movement, id_: bytes) -> None:
        self.lanes[movement.seller, movement.nonce] = (LOCKED, id_)
        if movement.token in self.tokens:
            self.tokens[movement.token].earmarks[movement.seller, 0] += movement.quantity
        else:
            self._let_reenter(at, movement.token)

    def _unlock(self, movement: Movement) -> None:
        del self.lanes[movement.seller, movement.nonce]
        if movement.token in self.tokens:
            self.tokens[movement.token].earmarks[movement.seller, 0] -= movement.quantity

    def _untimely(self, at: Context, epoch: int, lock_by: int, pay_by: int) -> frozenset[str]:
        return broken(
            LockByPassed=at.now > lock_by,
            PayByBeforeLockBy=pay_by < lock_by,
            PayByTooFar=pay_by > at.now + MAX_LOCK,
            NotCurrentEpoch=epoch != self.current,
            ChainChanged=self.renamed,
        )

    def _unlockable(self, at: Context, movement: Movement, terms: Terms) -> frozenset[str]:
        return self._untimely(at, movement.epoch, terms.lock_by, terms.pay_by) | broken(
            NotDivisible=terms.part != 0 and terms.minimum_lot != 0,
            ZeroQuantity=movement.quantity == 0,
            SameParty=movement.seller == movement.buyer,
            NoToken=movement.token not in self.tokens and movement.token not in self.hostile,
        )

    def _unagreed(self, id_: bytes, movement: Movement, seller: bytes, buyer: bytes) -> frozenset[str]:
        return unsigned(self.keyring, self.wallets, movement.seller, id_, seller) | unsigned(
            self.keyring, self.wallets, movement.buyer, id_, buyer
        )

    def _unagreed_part(self, at: Context, movement: Movement, digest: bytes, signature: bytes) -> frozenset[str]:
        """The seller says how much is to go now: by its call or by its signature."""
        if at.sender == movement.seller:
            return NOTHING
        return unsigned(self.keyring, self.wallets, movement.seller, digest, signature)

    def _unearmarkable(self, at: Context, movement: Movement, quantity: int) -> frozenset[str]:
        token = self.tokens.get(movement.token)
        if token is None:
            return self._misbehaviour(movement)
        mine = Context(self.address, at.now)
        return token.unearmarkable(mine, movement.seller, movement.buyer, quantity)

    def _misbehaviour(self, movement: Movement) -> frozenset[str]:
        hostile = self.hostile.get(movement.token)
        return hostile.refusal if hostile else NOTHING

    def _leg(self, leg: Any) -> tuple[Movement, bytes]:
        movement = Movement(*leg[0])
        return movement, self.digests.leg(movement, leg[1])

    def _ended(self, movement: Movement, id_: bytes) -> frozenset[str]:
        status, kept = self.lanes.get((movement.seller, movement.nonce), (NONE, b""))
        if status in (NONE, CANCELLED, IN_PARTS):
            return frozenset({"WrongStatus"})
        if kept != id_:
            return frozenset({"OrderMismatch"})
        return broken(AlreadyEnded=status in (SETTLED, GIVEN_BACK))

    def _not_locked(self, movement: Movement, id_: bytes) -> frozenset[str]:
        status = self.lanes.get((movement.seller, movement.nonce), (NONE, b""))[0]
        return self._ended(movement, id_) or broken(WrongStatus=status != LOCKED)

    def _unproved(self, id_: bytes, result: int, number: int, proof: bytes) -> frozenset[str]:
        digest = self.said.outcome(id_, result, number)
        return unproved(self.keyring, proof, digest, self.epochs.get(number))

    def _deliver(self, at: Context, movement: Movement) -> None:
        token = self.tokens.get(movement.token)
        if token is None:
            self._let_reenter(at, movement.token)
        else:
            mine = Context(self.address, at.now)
            token.settle_earmark(mine, movement.seller, movement.buyer, movement.quantity)

    def _give_back(self, at: Context, movement: Movement, id_: bytes) -> None:
        self.lanes[movement.seller, movement.nonce] = (GIVEN_BACK, id_)
        token = self.tokens.get(movement.token)
        if token is None:
            self._let_reenter(at, movement.token)
        else:
            token.release_earmark(Context(self.address, at.now), movement.seller, movement.quantity)

    def _let_reenter(self, at: Context, token: str) -> None:
        hostile = self.hostile[token]
        if not hostile.payload or hostile.busy:
            return
        hostile.busy = True
        try:
            self.reenter(token, hostile.payload, at.now)
        finally:
            hostile.busy = False


def nonce_of_part(nonce: int, part: int) -> int:
    """2^63, the order's nonce, 24 bits of the part's number."""
    return FIRST_OF_PARTS + (nonce << PART_BITS) + part


def reserved(movement: Movement) -> frozenset[str]:
    return broken(NonceReserved=movement.nonce >= FIRST_OF_PARTS)


def _epoch(words: Any) -> Epoch:
    return Epoch(tuple(words[0]), *words[1:])
