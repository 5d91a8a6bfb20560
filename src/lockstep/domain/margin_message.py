"""A margin call as it is said to the other party (colr.003), and the answer (colr.004).

Party A is owed the collateral, party B is to give it. Sender and receiver need not be them: an agent may call for one.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import TypeAlias

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Reference
from lockstep.domain.money import Money
from lockstep.domain.payment import require_positive

__all__ = [
    "CollateralKind",
    "ExposureKind",
    "MarginAgreement",
    "MarginBody",
    "MarginCallRequest",
    "MarginCallResponse",
    "Obligation",
]


class ExposureKind(Enum):
    """What the exposure comes of (ExposureType11Code), as far as it is used here."""

    REPO = "REPO"
    DERIVATIVES = "OTCD"
    SECURITIES_LENDING = "SLEB"
    PAYMENT = "PAYM"


class CollateralKind(Enum):
    """What is expected (CollateralType1Code)."""

    CASH = "CASH"
    SECURITIES = "SECU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """Between whom, for what, and as of when the exposure was valued (Oblgtn)."""

    party_a: Bic
    party_b: Bic
    exposure_kind: ExposureKind
    valued_at: datetime
    """UTC."""

    def __post_init__(self) -> None:
        if self.party_a == self.party_b:
            raise InvalidInput("Oblgtn/PtyB/AnyBIC", self.party_b, "another party than PtyA")
        if self.valued_at.utcoffset() != timedelta(0):
            raise InvalidInput("Oblgtn/ValtnDt/DtTm", self.valued_at, "an instant in UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAgreement:
    """The agreement under which margin is called (Agrmt)."""

    agreement_id: str
    """64 lower-case hex digits: as the collateral register knows it."""
    name: str
    """Max140Text, for people."""
    signed_on: date
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCallRequest:
    """Please deliver, or return, collateral of this value (colr.003).

    All amounts are in the agreement's currency. `exposure` is A's, net, and `held` the collateral value that A has of
    it; each None where it is not said.
    """

    call_id: Reference
    """TxId."""
    obligation: Obligation
    agreement: MarginAgreement
    amount: Money
    is_return: bool
    """A asks for its own collateral back, of which B has too much."""
    deliver_on: date
    collateral: tuple[CollateralKind, ...]
    """What is taken: one or more, each once."""
    exposure: Money | None = None
    held: Money | None = None

    def __post_init__(self) -> None:
        amount = "MrgnCallRslt/MrgnCallRslt/MrgnCallAmt/DueToPtyA"
        require_positive(self.amount, amount)
        for field, money in (
            (amount, self.amount),
            ("MrgnDtlsDueToA/XpsdAmtPtyA", self.exposure),
            ("MrgnDtlsDueToA/CollBal/TtlColl", self.held),
        ):
            _require_currency(field, money, self.agreement)
        expected = f"XpctdCollDueToA/XpctdCollDtls/VartnMrgn/{'Rtr' if self.is_return else 'Dlvry'}"
        if not self.collateral or len(set(self.collateral)) < len(self.collateral):
            shown = ", ".join(one.value for one in self.collateral)
            raise InvalidInput(f"{expected}/CollTp", shown, "one or more kinds of collateral, each once")
        if self.deliver_on < self.obligation.valued_at.date():
            raise InvalidInput(f"{expected}/Dt", self.deliver_on, "not before the day of the valuation")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCallResponse:
    """How much of a call B agrees to (colr.004): all of it, less if it disputes the rest, or nothing."""

    response_id: Reference
    """TxId."""
    obligation: Obligation
    agreement: MarginAgreement
    call_id: Reference
    """Of the call that this answers (MrgnCallReqId)."""
    agreed: Money
    reason: str | None = None
    """Max210Text: why not all."""

    def __post_init__(self) -> None:
        field = "AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt/AgrdAmt"
        if self.agreed.amount < 0:
            raise InvalidInput(field, self.agreed, "not below zero")
        _require_currency(field, self.agreed, self.agreement)


MarginBody: TypeAlias = MarginCallRequest | MarginCallResponse


def _require_currency(field: str, money: Money | None, agreement: MarginAgreement) -> None:
    if money is not None and money.currency != agreement.currency:
        raise InvalidInput(f"{field}/@Ccy", money.currency, f"{agreement.currency}, the agreement's")
