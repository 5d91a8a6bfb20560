"""What people asked for, what they were told, and what the ledgers made of it. Standard library only.

Who collects these facts reads messages as bytes, by code that the service does not use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

__all__ = [
    "Asked",
    "BoxRow",
    "Delivered",
    "Given",
    "Heard",
    "PromiseFacts",
    "Signed",
    "Spoke",
    "Statement",
    "Terms",
    "Told",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one party instructs (sese.023), or is told to have settled (sese.025), as the message has it."""

    reference: str
    side: str
    """DELI or RECE: of whose instruction it is."""
    deliverer: str
    receiver: str
    """LEIs; the BICs beside them."""
    deliverer_bic: str
    receiver_bic: str
    isin: str
    quantity: Decimal
    counted: str
    """FaceAmt or Unit."""
    cash: Decimal
    currency: str
    trade_date: date
    settlement_date: date
    counterparty: str | None = None
    """The other's reference, where it names one."""

    @property
    def owner(self) -> str:
        """The LEI of who instructs."""
        return self.deliverer if self.side == "DELI" else self.receiver

    @property
    def owner_bic(self) -> str:
        return self.deliverer_bic if self.side == "DELI" else self.receiver_bic


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A message that somebody handed in at the service's door, in the order of these, and what the door said."""

    at: datetime
    data: bytes
    outcome: str
    """taken, again (known already), refused, or none: the door died before it answered."""
    life: int
    """Of the service's records: counts up whenever they were lost."""
    sender: str | None = None
    message_id: str | None = None
    reference: str | None = None
    side: str | None = None
    cancels: bool = False
    """sese.020; what could not be read at all is neither that nor has it terms."""
    terms: Terms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message in a participant's box, as it was first seen there."""

    box: str
    """Whose, as a BIC."""
    receiver: str
    """As its header says."""
    message_id: str
    kind: str
    """sese.024, sese.025 or sese.027."""
    reference: str
    side: str
    status: str = ""
    """Rjctd, Canc, Mtchd, …, as the message has it; none in sese.025. Where acceptance stands beside another status,
    that other one."""
    accepted: bool = False
    """Whether a sese.024 says that the instruction is accepted, alone or beside another status."""
    code: str | None = None
    trade: str | None = None
    settlement: str | None = None
    request: str | None = None
    """Of sese.027: the message id of the sese.020."""
    terms: Terms | None = None
    settled_at: datetime | None = None
    final: bool = True
    """Whether the chain had the delivery at its depth when this was first seen."""
    changed: bool = False
    """Whether other content was seen under the same id later, in the same life of the service's records."""
    life: int = 0
    """The last one in which it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRow:
    """A line of the service's table of outgoing messages."""

    message_id: str
    delivered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A settlement that the two ledgers have done: units delivered, finally, and its payment booked."""

    settlement: str
    trade: str
    seller: str
    buyer: str
    """LEIs of whose wallets these are; empty for a stranger's."""
    isin: str
    units: Decimal
    """As the security counts: of its nominal, or pieces."""
    at: datetime
    pay_by: datetime
    cash: Decimal
    currency: str
    salt: str
    debtor: str
    creditor: str
    """Accounts of the RTGS."""
    earlier: frozenset[datetime] = frozenset()
    """When it was done before, finally, where a reorganisation below the depth took it and it was done again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one message of the RTGS said of a settlement to one party that listens, as the line carried it."""

    receiver: str
    position: int
    """In that party's mail: what is read comes in this order."""
    settlement: str
    word: str
    """paid (pacs.002 ACSC), noticed (camt.054, or an entry of camt.053), never (RJCT, CANC, CNCL)."""
    cash: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A camt.053 in one piece, as the service received it."""

    position: int
    account: str
    since: datetime
    until: datetime
    shows: frozenset[str]
    """Settlements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An agent signed an outcome."""

    agent: str
    settlement: str
    paid: bool
    told: frozenset[str]
    """The words (as in Heard) of that settlement that lay in its mail by then."""
    told_before: frozenset[str]
    """And those that had lain there already before the step in which it signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke:
    """Something left an agent whose register is a backup: a message, a signature, a line of its log."""

    agent: str
    forgotten: Sequence[str]
    """Settlements that it had signed, as its own log on the board shows, and that its register did not have then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the market and the run were: reference data, and what could have kept a trade from settling."""

    accounts: Mapping[tuple[str, str], str]
    """The RTGS's account of a LEI in a currency."""
    tolerances: Mapping[str, tuple[Decimal, Decimal, Decimal]]
    """Of a currency: up to the first amount the second, above it the third."""
    units: Mapping[tuple[str, str], Decimal]
    """What each LEI held of each ISIN at the open, and of each currency in `money`."""
    money: Mapping[tuple[str, str], Decimal]
    pay_by: Mapping[date, datetime]
    """The last second to pay of each business day; of no other day."""
    calm_since: datetime | None = None
    """From when on nothing went wrong any more; None if that cannot be said."""
    hindered: Sequence[str] = ()
    """Kinds of what struck, and could have stopped a trade for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseFacts:
    """All of it, when the world has come to rest."""

    given: Given
    asked: Sequence[Asked] = ()
    told: Sequence[Told] = ()
    rows: Sequence[BoxRow] = ()
    delivered: Sequence[Delivered] = ()
    undone: frozenset[str] = frozenset()
    """Settlements that a reorganisation beyond the finality depth took something of."""
    trades_undone: frozenset[str] = frozenset()
    heard: Sequence[Heard] = ()
    """Without what the receiver could not read."""
    service: str = ""
    """Its BIC: the receiver of what it hears."""
    statements: Sequence[Statement] = ()
    breaks: frozenset[str] = frozenset()
    """Settlements and trades that the journal ever showed people as a break."""
    undeliverable: frozenset[str] = frozenset()
    """Ids of messages that the journal says cannot be delivered."""
    booked: Mapping[str, tuple[datetime, str, str]] = field(default_factory=dict)
    """When each settlement's payment was booked, and the debited and the credited account."""
    known_settlements: frozenset[str] = frozenset()
    """Those of trades that the service works on, at the end."""
    garbled: bool = False
    """Whether what a party reads may not be what lies in its mail."""
    life: int = 0
    """Of the service's records, at the end."""
    signed: Sequence[Signed] = ()
    spoke: Sequence[Spoke] = ()
