"""What the collateral register's events say (ICollateral), in the chain's order. Units and texts as in `register`."""

from dataclasses import dataclass

from lockstep.domain.collateral.register import Agreement, AgreementId, PledgeId, PricedToken
from lockstep.domain.identifiers import SettlementId

__all__ = [
    "Agreed",
    "Appropriated",
    "CashRecorded",
    "DefaultDeclared",
    "DefaultEnded",
    "EquivalentOwed",
    "IncomePaid",
    "IncomeRecorded",
    "LongStopProposed",
    "NonceUsed",
    "OverCommitment",
    "Pledged",
    "Recalled",
    "RegisterEvent",
    "Released",
    "Returned",
    "Said",
    "SaleEnded",
    "SaleStarted",
    "SetOff",
    "TitleTransferred",
    "Valued",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Both parties agreed; again: on other terms."""

    agreement_id: AgreementId
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledged:
    """Units are pledged; a parent of NO_PLEDGE: a root."""

    pledge_id: PledgeId
    agreement_id: AgreementId
    parent: PledgeId
    token: str
    quantity: int
    depth: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleTransferred:
    """Title went to the taker, who owes as many. `settlement_id` of zeros: through the register's lane."""

    pledge_id: PledgeId
    agreement_id: AgreementId
    token: str
    quantity: int
    settlement_id: SettlementId


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Units are pledged no more, and of a root free again."""

    pledge_id: PledgeId
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """The giver wants units out of re-use by a second; 0 units: the recall is over."""

    pledge_id: PledgeId
    quantity: int
    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """A quorum of valuers said what is owed, and what collateral is worth."""

    agreement_id: AgreementId
    exposure: int
    required: int
    as_of: int
    prices: tuple[PricedToken, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CashRecorded:
    """A payment between the parties counts: `credit` after it."""

    agreement_id: AgreementId
    call_id: str
    amount: int
    credit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultDeclared:
    """The taker declared a default; it can be enforced after a second."""

    agreement_id: AgreementId
    enforce_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultEnded:
    """The default was cured, or the taker withdrew it."""

    agreement_id: AgreementId
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Appropriated:
    """The taker took units for a value."""

    pledge_id: PledgeId
    quantity: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleStarted:
    """The taker put units out for sale."""

    pledge_id: PledgeId
    settlement_id: SettlementId
    quantity: int
    price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleEnded:
    """The sale settled, or was given back and the units are pledged as before, or sold anew."""

    pledge_id: PledgeId
    settlement_id: SettlementId
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeRecorded:
    """Income on pledged units, or owed by the taker."""

    pledge_id: PledgeId
    income_id: str
    record_date: int
    entitled: int
    owed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomePaid:
    """The taker met `amount` of what it owed of income; `left` of it."""

    pledge_id: PledgeId
    amount: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOff:
    """Units that the taker owed were set off at a value."""

    pledge_id: PledgeId
    quantity: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EquivalentOwed:
    """Units of this pledge were taken by one further down: its taker owes as many to its giver."""

    pledge_id: PledgeId
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The taker gave units that it owed. `settlement_id` of zeros: through the register's lane."""

    pledge_id: PledgeId
    quantity: int
    settlement_id: SettlementId


@dataclass(frozen=True, slots=True, kw_only=True)
class LongStopProposed:
    """The officer wants the pledge ended; the confirmer may do it after a second."""

    pledge_id: PledgeId
    confirm_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NonceUsed:
    """A party used a number, or burnt it."""

    party: str
    nonce: int


Said = (
    Agreed
    | Pledged
    | TitleTransferred
    | Released
    | Recalled
    | Valued
    | CashRecorded
    | DefaultDeclared
    | DefaultEnded
    | Appropriated
    | SaleStarted
    | SaleEnded
    | IncomeRecorded
    | IncomePaid
    | SetOff
    | EquivalentOwed
    | Returned
    | LongStopProposed
    | NonceUsed
)
"""One event's content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterEvent:
    """One event where it stands on the chain. Block and place are its identity there."""

    block: int
    place: int
    """Its index among its block's events (`logIndex`)."""
    transaction: str
    """The hash, 0x-prefixed hex."""
    said: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class OverCommitment:
    """A refused attempt to commit units that were not there to commit: not free, or not left for re-use."""

    attempt: str
    """What was tried, by its content: tried again, it has the same name."""
    party: str
    """Who tried: the wallet whose units, or claim, it was."""
    token: str
    """The security's, or empty where the call names a pledge that is not known."""
    name: str
    """The refusal's: InsufficientFreeUnits or ReuseExceeded."""
    actual: int
    """What there was, or in re-use the limit."""
    needed: int
    """What it would have taken."""
    block: int
    """The head's number when it was refused."""
