"""The registry as `docs/explanation` and `docs/reference/errors.md` describe it."""

from dataclasses import dataclass, field, replace

from .rules import ZERO, Broken, Context, Hands, broken, stop

__all__ = ["Record", "RegistryModel"]

NONE, ACTIVE, CLOSED = 0, 1, 3
CLASSES = 32
JURISDICTIONS = 192


@dataclass(frozen=True, slots=True)
class Record:
    """A registered wallet; `jurisdiction` is its code."""

    lei: bytes
    status: int
    jurisdiction: bytes
    investor_class: int
    expires: int


@dataclass
class RegistryModel:
    """Who may hold and act. A method is a call: it raises Broken, or changes the model."""

    registrar: str
    confirmer: str
    proposed: str = ZERO
    records: dict[str, Record] = field(default_factory=dict)
    successors: dict[str, str] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    hands: Hands = field(default_factory=Hands)

    # What others ask

    def may_act(self, wallet: str, now: int) -> bool:
        record = self.records.get(wallet)
        return record is not None and record.status == ACTIVE and now <= record.expires

    def heir(self, wallet: str) -> str:
        while wallet in self.successors:
            wallet = self.successors[wallet]
        return wallet

    def ineligible(self, now: int, *wallets: str) -> frozenset[str]:
        return broken(NotEligible=not all(self.may_act(one, now) for one in wallets))

    def judged(self, now: int, jurisdictions: int, classes: int, *wallets: str) -> frozenset[str]:
        """What a security's rules say against these wallets."""
        against: frozenset[str] = self.ineligible(now, *wallets)
        for record in (self.records[one] for one in wallets if self.may_act(one, now)):
            against |= broken(
                JurisdictionNotAllowed=not jurisdictions >> self.numbers[record.jurisdiction] & 1,
                InvestorClassNotAllowed=not classes >> record.investor_class & 1,
            )
        return against

    # Calls

    def register(self, at: Context, wallet: str, lei: bytes, jurisdiction: bytes, class_: int, expires: int) -> None:
        stop(
            self._not_registrar(at)
            | broken(
                ZeroAddress=wallet == ZERO,
                EmptyLei=not any(lei),
                AlreadyRegistered=wallet in self.records,
                InvestorClassOutOfRange=class_ >= CLASSES,
            )
            | self._no_number(jurisdiction)
        )
        self._number(jurisdiction)
        self.records[wallet] = Record(lei, ACTIVE, jurisdiction, class_, expires)

    def amend(self, at: Context, wallet: str, jurisdiction: bytes, class_: int, expires: int) -> None:
        record = self._known(at, wallet)
        stop(
            self._not_registrar(at)
            | broken(StatusNotReachable=record.status == CLOSED, InvestorClassOutOfRange=class_ >= CLASSES)
            | self._no_number(jurisdiction)
        )
        self._number(jurisdiction)
        self.records[wallet] = Record(record.lei, record.status, jurisdiction, class_, expires)

    def set_status(self, at: Context, wallet: str, status: int) -> None:
        record = self._known(at, wallet)
        reachable = status != NONE and (record.status != CLOSED or status == CLOSED)
        stop(self._not_registrar(at) | broken(StatusNotReachable=not reachable))
        self.records[wallet] = replace(record, status=status)

    def add_jurisdiction(self, at: Context, jurisdiction: bytes) -> None:
        stop(self._not_registrar(at) | self._no_number(jurisdiction))
        self._number(jurisdiction)

    def propose_registrar(self, at: Context, successor: str) -> None:
        stop(self._not_registrar(at) | broken(SameHands=successor == self.confirmer))
        self.proposed = successor

    def accept_registrar(self, at: Context) -> None:
        stop(broken(NotRegistrar=at.sender != self.proposed, SameHands=at.sender == self.confirmer))
        self.registrar, self.proposed = at.sender, ZERO

    def propose(self, at: Context, action: bytes) -> None:
        stop(broken(NotRegistrar=at.sender not in (self.registrar, self.confirmer)))
        self.hands.propose(at, action)

    def withdraw(self, at: Context, id_: bytes) -> None:
        self.hands.withdraw(at, id_)

    def succeed(self, at: Context, wallet: str, successor: str) -> None:
        against = broken(NotConfirmer=at.sender != self.confirmer) | self.hands.against(at, self.registrar)
        if wallet not in self.records:
            raise Broken(against | {"NotRegistered"})
        mine, other = self.records[wallet].lei, self.records.get(successor)
        stop(
            against
            | broken(
                AlreadySucceeded=wallet in self.successors,
                DifferentEntity=wallet == successor or other is None or other.lei != mine,
            )
            | self.ineligible(at.now, successor)
        )
        self.hands.use(at, self.registrar)
        self.successors[wallet] = successor
        self.records[wallet] = replace(self.records[wallet], status=CLOSED)

    def change_confirmer(self, at: Context, next_: str) -> None:
        two = {self.registrar, self.confirmer}
        stop(
            broken(NotConfirmer=at.sender not in two, ZeroAddress=next_ == ZERO, SameHands=next_ == self.registrar)
            | self.hands.against(at, *(two - {at.sender}))
        )
        self.hands.use(at, *(two - {at.sender}))
        self.confirmer = next_

    # Shared

    def _not_registrar(self, at: Context) -> frozenset[str]:
        return broken(NotRegistrar=at.sender != self.registrar)

    def _known(self, at: Context, wallet: str) -> Record:
        if wallet not in self.records:
            raise Broken(self._not_registrar(at) | {"NotRegistered"})
        return self.records[wallet]

    def _no_number(self, jurisdiction: bytes) -> frozenset[str]:
        full = len(self.numbers) >= JURISDICTIONS and jurisdiction not in self.numbers
        return broken(TooManyJurisdictions=full)

    def _number(self, jurisdiction: bytes) -> None:
        self.numbers.setdefault(jurisdiction, len(self.numbers))
