"""What the two ledgers and the service say, as the oracle wants to hear it. Standard library only.

Who collects these facts takes them from the ledgers, never from the service, and has hashes and
signatures recomputed by code that the service does not use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from lockstep.testing.facts_collateral import CollateralFacts

__all__ = [
    "Account",
    "Cancellation",
    "Cycle",
    "Epoch",
    "Facts",
    "Holding",
    "Leg",
    "Lock",
    "LongStop",
    "Mandate",
    "Member",
    "Move",
    "Order",
    "Party",
    "Payment",
    "Posting",
    "Recovery",
    "Release",
    "Row",
    "Succession",
    "Transfer",
    "Undone",
    "Vote",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Units earmarked for a settlement, with the whole order that both parties signed (event Locked)."""

    settlement: str
    derived: str
    """The settlement id computed anew from the order."""
    trade: str
    token: str
    seller: str
    buyer: str
    quantity: int
    epoch: int
    nonce: int
    cash_hash: str
    pay_by: datetime
    block: int
    seller_signed: bool
    """The seller's signature over `derived` was found and verified; `buyer_signed` likewise."""
    buyer_signed: bool
    hidden: bool = False
    """Calldata does not show what the parties signed: another contract made the call, or an unknown function."""
    of_order: str | None = None
    """The id of the whole order that this is a part of, and its quantity."""
    order_quantity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One gross trade of a cycle, with the salted hash of its terms."""

    token: str
    seller: str
    buyer: str
    quantity: int
    terms_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One party of a cycle: its signature over its own legs and limits was found and verified, or not.

    `least`, by token: the least that it wants to receive less what it delivers; empty where calldata hides it.
    """

    wallet: str
    signed: bool
    least: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """The net givers' units earmarked for many trades under one settlement (event NetLocked)."""

    settlement: str
    derived: str
    """The settlement id computed anew from the cycle."""
    parties: Sequence[Party]
    legs: Sequence[Leg]
    """None where the event's bytes are no legs."""
    cash_hash: str
    epoch: int
    pay_by: datetime
    block: int
    hidden: bool = False
    """As in Lock."""
    apart: Mapping[str, str] | None = None
    """Where it ends security by security: the transaction that ended each one, by token; the others' units are still
    earmarked. None: it ends whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What became of a lock or a cycle: PaidRecorded, Settled or GivenBack. Facts list them in the chain's order."""

    name: str
    settlement: str
    at: datetime
    transaction: str
    signers: frozenset[str]
    """Who signed the proof that was presented, over the outcome that this move needs."""
    hidden: bool = False
    """Calldata shows no proof, as in Lock."""
    long_stop: "LongStop | None" = None
    """What stands in the place of a proof where two roles ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongStop:
    """The two acts of a long stop, each with its epoch, and who held the two roles.

    A caller is None where calldata does not show it.
    """

    proposed_by: str | None
    proposed_at: datetime
    proposed_in: int
    confirmed_in: int
    officer: str
    confirmed_by: str | None
    confirmer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """An order that was burnt before its lock, or before its next part. `buyer` is None where calldata hides it."""

    settlement: str
    by: str
    buyer: str | None
    seller_agreed: bool
    """The caller was the seller, or brought the seller's signature."""
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The agents who may prove outcomes, and how many must agree."""

    number: int
    agents: frozenset[str]
    quorum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One holder's units of one token, as the token says."""

    token: str
    holder: str
    balance: int
    free: int
    earmarked: int
    earmarked_by_dvp: int
    frozen: int = 0
    """May be more than is owned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Units that moved; `source` is None for units issued, `target` for units ended. In the chain's order."""

    token: str
    source: str | None
    target: str | None
    units: int
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A token gave a lost wallet's units to its heir; what arrives for the wallet later goes to the heir too.

    `transfers`: how many of `Facts.transfers` came before; likewise in Succession.
    """

    token: str
    wallet: str
    transfers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """A wallet got its successor, for good. Its heir is the last in the line of successors."""

    wallet: str
    successor: str
    transfers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """A settlement whose lock or ending had been final, and a reorganisation beyond the finality depth took it.

    The one fault that the protocol cannot undo. `made` is what was locked, as it stood; `states` what the two ledgers
    had made of the settlement.
    """

    settlement: str
    made: Lock | Cycle
    states: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A cash account in minor units. A technical one is the central bank's own and may go below zero."""

    number: str
    currency: str
    technical: bool
    posted: int
    earmarked: int
    owner: str = ""
    """The bank whose it is."""
    credit_limit: int = 0
    """How far below zero it may go, or ever might."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A debit and its credit, in the order of booking. `settlement` is None for what pays no settlement."""

    number: int
    settlement: str | None
    debit: str
    credit: str
    currency: str
    amount: int
    booked_at: datetime
    order: str | None = None
    """The UETR of the order that it carries out, where that is no settlement's payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A payment order that belongs to no settlement. `state` as in Payment."""

    uetr: str
    state: str
    instructing: str
    settlement_date: date
    mandate: int | None
    debtor_account: str = ""
    amount: int = 0
    """What it would debit: set aside while it is HELD, as a margin payment is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment as the RTGS has it. `state`: HELD, PENDING, BOOKED, REJECTED or CANCELLED."""

    settlement: str
    uetr: str
    state: str
    decided_at: datetime
    debtor: str
    """The debtor's bank; `creditor` likewise."""
    debtor_account: str
    creditor: str
    creditor_account: str
    currency: str
    amount: int
    cash_hash: str
    """The salted hash of these cash terms, computed anew."""
    settlement_date: date
    instructing: str
    mandate: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An agent's release of a payment, as the RTGS counted it."""

    settlement: str
    agent: str
    """The party that sent it, by its BIC."""
    released_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """An account owner's leave to debit it. None stands for any payee account, any instructing party."""

    number: int
    account: str
    currency: str
    maximum: int
    until: date
    payee: str | None
    instructing: str | None
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A signature over an outcome (PAID or NEVER), wherever it was found, by who really made it."""

    settlement: str
    outcome: str
    epoch: int
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Whose wallet it is: the bank, and the cash accounts that settle for it."""

    bank: str
    accounts: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the service's journal; `at` in ISO 8601 as it was hashed."""

    number: int
    at: str
    kind: str
    subject: str
    facts: Mapping[str, str]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(CollateralFacts):
    """Everything that is judged. Ids, addresses and account numbers are compared as text."""

    locks: Sequence[Lock] = ()
    cycles: Sequence[Cycle] = ()
    moves: Sequence[Move] = ()
    cancellations: Sequence[Cancellation] = ()
    epochs: Sequence[Epoch] = ()
    holdings: Sequence[Holding] = ()
    supplies: Mapping[str, int] = field(default_factory=dict)
    """Units issued, by token; the tokens that are audited: all those of the market."""
    transfers: Sequence[Transfer] = ()
    recoveries: Sequence[Recovery] = ()
    successions: Sequence[Succession] = ()
    block_times: Mapping[int, datetime] = field(default_factory=dict)
    """At least of every block that makes a lock final; a number that is missing was not mined yet."""
    finality_depth: int = 0
    final_since: Mapping[str, datetime] = field(default_factory=dict)
    """By settlement since when its lock was final, where somebody watched: a reorganisation within the depth leaves the
    lock where it is and puts later blocks upon it, and what was booked in between was booked rightly."""
    fresh: frozenset[tuple[str, str]] = frozenset()
    """(settlement, what happened: Locked or a move's name) that is on the chain and was never final yet, where somebody
    watched."""
    undone: Mapping[str, Undone] = field(default_factory=dict)
    """By settlement, where somebody watched."""
    skew: timedelta = timedelta()
    """How far the chain's clock and the RTGS's may lie apart."""
    members: Mapping[str, Member] = field(default_factory=dict)
    """By wallet."""
    accounts: Sequence[Account] = ()
    postings: Sequence[Posting] = ()
    payments: Sequence[Payment] = ()
    orders: Sequence[Order] = ()
    releases: Sequence[Release] = ()
    releasers: frozenset[str] = frozenset()
    """The BICs of the agents, from the market's own reference data, not from the RTGS."""
    mandates: Sequence[Mandate] = ()
    tombstones: frozenset[str] = frozenset()
    """Settlements that the RTGS will never pay."""
    votes: Sequence[Vote] = ()
    instructions: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """By trade id the instructions it was made of, each as its owner's LEI and reference; those known.

    From wherever the instructions were kept: books that are gone included.
    """
    claims: Mapping[str, str] = field(default_factory=dict)
    """The state that the service shows, by settlement id, or by trade id before there is one."""
    journal: Sequence[Row] = ()
    journal_after: tuple[int, str] = (0, "0" * 64)
    """Number and hash of the line before the first of `journal`: that far it was judged before."""
    alarms: frozenset[str] = frozenset()
    """Settlements and trades for which the service has told people of two facts that exclude each other."""
    losses: frozenset[str] = frozenset()
    """Settlements that had ended when the service told people that a reorganisation took a final event of them."""
    ended: bool = False
    """Faults are off and the day is closed: nothing may be under way any more."""
