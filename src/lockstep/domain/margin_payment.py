"""Margin in cash: one payment in the RTGS for one margin call, or for the return of what is held too much.

It is the earmarked payment that a trade's is. Where that names a lock, this names itself: `signing.margin_id` covers
all of it, so whoever knows the agreement, the call and the payment can tell which payment it is.
"""

import hashlib
from dataclasses import dataclass

from lockstep.domain.collateral.register import NO_PLEDGE, AgreementId, CashPayment, PledgeId, Valuation
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Reference
from lockstep.domain.money import Money
from lockstep.domain.order import Epoch
from lockstep.domain.payment import CashAccount, require_positive

__all__ = [
    "CALL_DIGITS",
    "CashAttestation",
    "IncomeClaim",
    "MarginPayment",
    "ValuationAttestation",
    "income_salt",
    "margin_salt",
]

CALL_DIGITS = 24
"""Hex digits of a payment's salt that say which call it pays. The other eight are the attempt."""
_LARGEST = 2**63 - 1
"""Minor units that the register counts at once, at most."""


def margin_salt(agreement: AgreementId, call: Reference, attempt: int) -> str:
    """The salt of a call's payment, 32 hex digits: the same for the same attempt, whoever works it out.

    It hides nothing: the register shows what was paid for which call. Of two attempts at one call the first 24 digits
    are the same, so that they count as one there.
    """
    return _salt(f"lockstep margin call\n{agreement}\n{call}", attempt)


def income_salt(claim: "IncomeClaim", attempt: int) -> str:
    """The salt of an income claim's payment, likewise: each claim is one call, which the register counts once."""
    said = f"lockstep income\n{claim.agreement_id}\n{claim.pledge_id}\n{claim.income_id}"
    return _salt(said, attempt)


def _salt(said: str, attempt: int) -> str:
    if not 0 < attempt < 1 << 32:
        raise InvalidInput("attempt", attempt, "1 to 4294967295")
    return f"{hashlib.sha256(said.encode()).hexdigest()[:CALL_DIGITS]}{attempt:08x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeClaim:
    """A coupon or dividend that the taker of a pledge owes to its giver, as the valuers recorded it: paid whole."""

    agreement_id: AgreementId
    pledge_id: PledgeId
    income_id: str
    """64 hex digits."""
    owed: int
    """Minor units of the agreement's currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginPayment:
    """What one attempt at paying a call is: terms that nothing can be changed of without it being another payment."""

    agreement_id: AgreementId
    amount: Money
    """Above zero, whoever pays."""
    is_return: bool
    """From taker to giver."""
    pledge_id: PledgeId = NO_PLEDGE
    """The pledge whose income is paid; NO_PLEDGE: margin."""
    debtor: CashAccount
    creditor: CashAccount
    salt: str
    """32 hex digits: see `margin_salt`."""
    pay_by: int
    """UTC seconds, inclusive."""

    def __post_init__(self) -> None:
        require_positive(self.amount, "margin/amount")
        if self.pledge_id != NO_PLEDGE and not self.is_return:
            raise InvalidInput("margin/pledge", self.pledge_id, "none: income is paid by the taker alone")
        if self.amount.amount > _LARGEST:
            raise InvalidInput("margin/amount", self.amount, f"at most {_LARGEST} minor units")

    @property
    def signed_amount(self) -> int:
        """As the register counts it: to the taker; negative: to the giver."""
        return -self.amount.amount if self.is_return else self.amount.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class CashAttestation:
    """One agent's signature over one booked payment, for the register. Worth nothing alone."""

    cash: CashPayment
    agent: str
    signature: bytes
    """65 bytes: r, s, v (27 or 28), s in the lower half, over `signing.cash_digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuationAttestation:
    """One valuer's signature over a valuation, with those of whom it counts one. Worth nothing alone."""

    valuation: Valuation
    valuers: Epoch
    """As the agreement names them by their hash: number 0, ascending, and how many must agree."""
    valuer: str
    signature: bytes
    """65 bytes: r, s, v (27 or 28), s in the lower half, over `signing.valuation_digest`."""
