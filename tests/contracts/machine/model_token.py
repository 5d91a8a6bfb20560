"""A security as `docs/explanation`, the ERCs and `docs/reference/errors.md` describe it, in dictionaries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from .model_registry import RegistryModel
from .rules import ZERO, Broken, Context, Hands, broken, stop
from .typed import Digests, Keyring

__all__ = ["MAX_UNITS", "TokenModel"]

MAX_UNITS = 2**60 - 1
EVERYTHING = 2**256 - 1
MAX_DOCUMENTS = 64
ISSUER, OFFICER, CONFIRMER = 0, 1, 2


def counter() -> dict[str, int]:
    return defaultdict(int)


@dataclass
class TokenModel:
    """One security. A method is a call: it raises Broken, or changes the model."""

    address: str
    lanes: tuple[str, str, str]
    roles: dict[int, str]
    registry: RegistryModel
    digests: Digests
    keyring: Keyring
    maturity: int
    authorised: int
    predecessor: "TokenModel | None" = None
    jurisdictions: int = 2**192 - 1
    classes: int = 2**32 - 1
    paused: bool = False
    supply: int = 0
    successor: "TokenModel | None" = None
    balance: dict[str, int] = field(default_factory=counter)
    earmarks: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    frozen: dict[str, int] = field(default_factory=counter)
    stopped: set[str] = field(default_factory=set)
    recovered: set[str] = field(default_factory=set)
    allowance: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    nonces: dict[str, int] = field(default_factory=counter)
    documents: dict[bytes, tuple[str, bytes, int]] = field(default_factory=dict)
    hands: Hands = field(default_factory=Hands)
    # Tokens that could be named successor, by address.
    fit: dict[str, "TokenModel"] = field(default_factory=dict)

    # What is asked

    def unearmarked(self, holder: str) -> int:
        return self.balance[holder] - sum(self.earmarks[holder, lane] for lane in range(3))

    def free(self, holder: str) -> int:
        return max(0, self.unearmarked(holder) - self.frozen[holder])

    def judged(self, now: int, *wallets: str) -> frozenset[str]:
        return broken(SecurityPaused=self.paused) | self.registry.judged(
            now, self.jurisdictions, self.classes, *wallets
        )

    def untransferable(self, now: int, from_: str, to: str, value: int) -> frozenset[str]:
        return self.judged(now, from_, to) | self._not_free(from_, value) | self._closed_to(to)

    # ERC-20 and ERC-2612

    def transfer(self, at: Context, to: str, value: int) -> None:
        stop(self.untransferable(at.now, at.sender, to, value))
        self._move(at.sender, to, value)

    def approve(self, at: Context, spender: str, value: int) -> None:
        stop(self._unapprovable(at, at.sender, spender, value))
        self.allowance[at.sender, spender] = value

    def transfer_from(self, at: Context, from_: str, to: str, value: int) -> None:
        stop(
            self.untransferable(at.now, from_, to, value)
            | self.registry.ineligible(at.now, at.sender)
            | self._not_allowed(at, from_, value)
        )
        self._spend(at, from_, value)
        self._move(from_, to, value)

    def permit(
        self, at: Context, owner: str, spender: str, value: int, deadline: int, v: int, r: bytes, s: bytes
    ) -> None:
        digest = self.digests.permit(owner, spender, value, self.nonces[owner], deadline)
        signed = self.keyring.signer(r + s + bytes([v]), digest) == owner
        stop(
            broken(ERC2612ExpiredSignature=at.now > deadline, ERC2612InvalidSigner=not signed)
            | self._unapprovable(at, owner, spender, value)
        )
        self.nonces[owner] += 1
        self.allowance[owner, spender] = value

    # Supply

    def issue(self, at: Context, to: str, quantity: int) -> None:
        stop(
            self._not(ISSUER, at)
            | broken(SuccessorAlreadyNamed=self.successor is not None)
            | self.judged(at.now, to)
            | self._closed_to(to)
            | broken(IssuanceLimitExceeded=self.supply + quantity > self.authorised)
        )
        self._create(to, quantity)

    def tap(self, at: Context, quantity: int) -> None:
        stop(
            self._not_confirmed(at, ISSUER)
            | broken(
                SuccessorAlreadyNamed=self.successor is not None,
                IssuanceLimitExceeded=self.authorised + quantity > MAX_UNITS,
            )
        )
        self._confirm(at, ISSUER)
        self.authorised += quantity

    def redeem(self, at: Context, holders: Sequence[str], quantities: Sequence[int]) -> None:
        against = self._not_confirmed(at, ISSUER) | broken(
            NotMatured=self.maturity == 0 or at.now < self.maturity,
            LengthMismatch=len(holders) != len(quantities),
        )
        left: dict[str, int] = {}
        for holder, quantity in zip(holders, quantities, strict=False):
            left[holder] = left.get(holder, self.unearmarked(holder)) - quantity
        stop(against | broken(ERC20InsufficientBalance=any(one < 0 for one in left.values())))
        self._confirm(at, ISSUER)
        for holder, quantity in zip(holders, quantities, strict=True):
            self._take_frozen_last(holder, quantity)
            self._destroy(holder, quantity)

    def buy_back(self, at: Context, from_: str, quantity: int) -> None:
        stop(
            self._not(ISSUER, at)
            | self.judged(at.now, from_)
            | self._not_allowed(at, from_, quantity)
            | self._not_free(from_, quantity)
        )
        self._spend(at, from_, quantity)
        self._destroy(from_, quantity)

    # Rules and exceptions

    def set_rules(self, at: Context, jurisdictions: int, classes: int) -> None:
        stop(self._not(ISSUER, at))
        self.jurisdictions, self.classes = jurisdictions, classes

    def set_paused(self, at: Context, paused: bool) -> None:
        self._restrict_or_lift(at, not paused)
        self.paused = paused

    def set_account_frozen(self, at: Context, account: str, frozen: bool) -> None:
        self._restrict_or_lift(at, not frozen)
        (self.stopped.add if frozen else self.stopped.discard)(account)

    def set_frozen_tokens(self, at: Context, account: str, amount: int) -> None:
        self._restrict_or_lift(at, amount < self.frozen[account])
        self.frozen[account] = amount

    def _restrict_or_lift(self, at: Context, lifts: bool) -> None:
        """The officer restricts alone; what lifts it takes two hands."""
        if lifts:
            stop(self._not_confirmed(at, OFFICER))
            self._confirm(at, OFFICER)
        else:
            stop(self._not(OFFICER, at))

    def forced_transfer(self, at: Context, from_: str, to: str, amount: int) -> None:
        stop(
            self._not_confirmed(at, OFFICER)
            | self.registry.judged(at.now, self.jurisdictions, self.classes, to)
            | self._closed_to(to)
            | broken(ERC20InsufficientBalance=amount > self.unearmarked(from_))
        )
        self._confirm(at, OFFICER)
        if from_ != to:
            self._take_frozen_last(from_, amount)
            self._move(from_, to, amount)

    def recover(self, at: Context, wallet: str) -> None:
        heir = self.registry.heir(wallet)
        stop(broken(NotSucceeded=heir == wallet))
        nothing = not self.unearmarked(wallet) and not self.frozen[wallet] and wallet not in self.stopped
        stop(broken(NothingToRecover=wallet in self.recovered and nothing))
        self.frozen[heir] = min(EVERYTHING, self.frozen[heir] + self.frozen[wallet])
        self.frozen[wallet] = 0
        if wallet in self.stopped:
            self.stopped.remove(wallet)
            self.stopped.add(heir)
        self.recovered.add(wallet)
        self._move(wallet, heir, self.unearmarked(wallet))

    def assign_role(self, at: Context, role: int, next_: str) -> None:
        holders = [self.roles[one] for one in sorted(self.roles)]
        others = [one for one in holders if one != at.sender]
        stop(
            self.hands.against(at, *others)
            | broken(NoRole=at.sender not in holders, ZeroAddress=next_ == ZERO, DuplicateRole=next_ in holders)
        )
        self.hands.use(at, *others)
        self.roles[role] = next_

    # Outliving the contract

    def name_successor(self, at: Context, next_: str) -> None:
        named = self.successor is not None
        stop(
            self._not_confirmed(at, ISSUER)
            | broken(SuccessorAlreadyNamed=named, UnfitSuccessor=not named and next_ not in self.fit)
        )
        self._confirm(at, ISSUER)
        self.successor = self.fit[next_]

    def migrate(self, at: Context, quantity: int) -> None:
        next_ = self.successor
        if next_ is None:
            raise Broken(frozenset({"NoSuccessor"}))
        stop(
            self.judged(at.now, at.sender)
            | self._not_free(at.sender, quantity)
            | broken(IssuanceLimitExceeded=next_.authorised + quantity > MAX_UNITS)
        )
        self._destroy(at.sender, quantity)
        next_.authorised += quantity
        next_._create(at.sender, quantity)

    def accept_migration(self, at: Context, holder: str, quantity: int) -> None:
        """Called by the predecessor, inside its `migrate`, and by nobody else with success."""
        raise Broken(frozenset({"NotPredecessor"}))

    # Earmarks

    def unearmarkable(self, at: Context, holder: str, beneficiary: str, quantity: int) -> frozenset[str]:
        return (
            self._no_lane(at)
            | self.judged(at.now, holder, beneficiary)
            | broken(ERC7943CannotSend=holder in self.stopped, InsufficientFreeUnits=quantity > self.free(holder))
        )

    def make_earmark(self, at: Context, holder: str, beneficiary: str, quantity: int) -> None:
        stop(self.unearmarkable(at, holder, beneficiary, quantity))
        self.earmarks[holder, self.lanes.index(at.sender)] += quantity

    def release_earmark(self, at: Context, holder: str, quantity: int) -> None:
        self._leave_lane(at, holder, quantity)
        if holder in self.recovered:
            self._move(holder, self.registry.heir(holder), quantity)

    def settle_earmark(self, at: Context, holder: str, to: str, quantity: int) -> None:
        if to == ZERO:
            raise Broken(frozenset({"ERC20InvalidReceiver"}) | self._no_lane(at))
        self._leave_lane(at, holder, quantity)
        self._move(holder, self.registry.heir(to) if to in self.recovered else to, quantity)

    # Net: words of a party and 96 bits, signed

    def unearmarkable_net(self, at: Context, words: Sequence[int]) -> frozenset[str]:
        positions = [_position(one) for one in words]
        against = self._no_lane(at) | broken(
            UnbalancedNet=sum(units for _, units in positions) != 0, SecurityPaused=self.paused
        )
        if positions:
            against |= self.judged(at.now, *(party for party, _ in positions))
        for giver, given in _given(positions).items():
            against |= broken(ERC7943CannotSend=giver in self.stopped, InsufficientFreeUnits=given > self.free(giver))
        return against

    def earmark_net(self, at: Context, words: Sequence[int]) -> None:
        stop(self.unearmarkable_net(at, words))
        for giver, given in _given([_position(one) for one in words]).items():
            self.earmarks[giver, self.lanes.index(at.sender)] += given

    def settle_net(self, at: Context, words: Sequence[int]) -> None:
        """Asks for the lane only where something is to leave one."""
        positions = [_position(one) for one in words]
        given = _given(positions)
        takers = [(party, units) for party, units in positions if units > 0]
        against = broken(
            UnbalancedNet=sum(units for _, units in positions) != 0,
            ERC20InvalidReceiver=any(party == ZERO for party, _ in takers),
        )
        if not given:
            stop(against)
            return
        if no_lane := self._no_lane(at):
            raise Broken(against | no_lane)
        lane = self.lanes.index(at.sender)
        short = any(units > self.earmarks[one, lane] for one, units in given.items())
        stop(against | broken(InsufficientEarmark=short))
        for giver, units in given.items():
            self.earmarks[giver, lane] -= units
            self.balance[giver] -= units
        for taker, units in takers:
            self.balance[self.registry.heir(taker) if taker in self.recovered else taker] += units

    # Documents and proposals

    def set_document(self, at: Context, name: bytes, uri: str, hash_: bytes) -> None:
        full = name not in self.documents and len(self.documents) >= MAX_DOCUMENTS
        stop(
            self._not(ISSUER, at)
            | broken(ERC1643InvalidName=not any(name), EmptyDocument=not uri, TooManyDocuments=full)
        )
        self.documents[name] = (uri, hash_, at.now)

    def remove_document(self, at: Context, name: bytes) -> None:
        stop(self._not(ISSUER, at) | broken(ERC1643MissingDocument=name not in self.documents))
        del self.documents[name]

    def propose(self, at: Context, action: bytes) -> None:
        stop(broken(NoRole=at.sender not in self.roles.values()))
        self.hands.propose(at, action)

    def withdraw(self, at: Context, id_: bytes) -> None:
        self.hands.withdraw(at, id_)

    # Shared

    def _not(self, role: int, at: Context) -> frozenset[str]:
        return broken(WrongRole=at.sender != self.roles[role])

    def _not_confirmed(self, at: Context, proposer: int) -> frozenset[str]:
        return self._not(CONFIRMER, at) | self.hands.against(at, self.roles[proposer])

    def _confirm(self, at: Context, proposer: int) -> None:
        self.hands.use(at, self.roles[proposer])

    def _no_lane(self, at: Context) -> frozenset[str]:
        return broken(NotEarmarker=at.sender not in self.lanes)

    def _closed_to(self, to: str) -> frozenset[str]:
        return broken(ERC7943CannotReceive=to in self.stopped)

    def _not_free(self, from_: str, value: int) -> frozenset[str]:
        there, free = self.unearmarked(from_), self.free(from_)
        return broken(
            ERC7943CannotSend=from_ in self.stopped,
            ERC20InsufficientBalance=value > there,
            ERC7943InsufficientUnfrozenBalance=there >= value > free,
        )

    def _unapprovable(self, at: Context, owner: str, spender: str, value: int) -> frozenset[str]:
        against = broken(ERC20InvalidSpender=spender == ZERO)
        return against | self.registry.ineligible(at.now, owner, spender) if value else against

    def _not_allowed(self, at: Context, from_: str, value: int) -> frozenset[str]:
        return broken(ERC20InsufficientAllowance=value > self.allowance[from_, at.sender])

    def _spend(self, at: Context, from_: str, value: int) -> None:
        if self.allowance[from_, at.sender] != EVERYTHING:
            self.allowance[from_, at.sender] -= value

    def _leave_lane(self, at: Context, holder: str, quantity: int) -> None:
        stop(self._no_lane(at))
        lane = self.lanes.index(at.sender)
        stop(broken(InsufficientEarmark=quantity > self.earmarks[holder, lane]))
        self.earmarks[holder, lane] -= quantity

    def _take_frozen_last(self, holder: str, quantity: int) -> None:
        self.frozen[holder] -= max(0, quantity - self.free(holder))

    def _move(self, from_: str, to: str, quantity: int) -> None:
        self.balance[from_] -= quantity
        self.balance[to] += quantity

    def _create(self, to: str, quantity: int) -> None:
        self.supply += quantity
        self.balance[to] += quantity

    def _destroy(self, holder: str, quantity: int) -> None:
        self.supply -= quantity
        self.authorised -= quantity
        self.balance[holder] -= quantity


def _position(word: int) -> tuple[str, int]:
    units = word % 2**96
    return f"0x{word >> 96:040x}", units - 2**96 if units >= 2**95 else units


def _given(positions: Sequence[tuple[str, int]]) -> dict[str, int]:
    """What each giver gives in all."""
    found: dict[str, int] = {}
    for party, units in positions:
        if units < 0:
            found[party] = found.get(party, 0) - units
    return found
