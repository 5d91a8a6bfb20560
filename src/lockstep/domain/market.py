"""Reference data: who takes part, in what, on which network, under which rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Isin, Lei
from lockstep.domain.instruction import Party, QuantityType
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount
from lockstep.domain.values import quick

__all__ = ["Market", "Network", "Participant", "Security", "Tolerance"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A member: its legal entity, its message address, its wallet and its accounts by currency."""

    name: str
    lei: Lei
    bic: Bic
    wallet: str
    accounts: Mapping[str, str]

    def account(self, currency: str) -> CashAccount:
        """Its account in the RTGS. Raises InvalidInput where it has none in that currency."""
        if currency not in self.accounts:
            raise InvalidInput("SttlmAmt/Amt/@Ccy", currency, f"a currency in which {self.name} has an account")
        return CashAccount(owner=self.bic, number=self.accounts[currency])

    def account_in(self, currency: str) -> CashAccount | None:
        """Its account in a currency, or None."""
        return CashAccount(owner=self.bic, number=self.accounts[currency]) if currency in self.accounts else None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """One security: its token, how it counts, and the currency in which it settles."""

    isin: Isin
    name: str
    token: str
    decimals: int
    quantity_type: QuantityType
    currency: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far the cash of two instructions may lie apart, in minor units: two bands, as in T2S."""

    threshold: int
    up_to: int
    above: int

    def allows(self, first: Money, second: Money) -> bool:
        limit = self.up_to if max(first.amount, second.amount) <= self.threshold else self.above
        return abs(first.amount - second.amount) <= limit

    def ranges(self, amount: int) -> Sequence[tuple[int, int]]:
        """The amounts that `allows` beside this one, as (lowest, highest), ascending and apart; the second begins with
        the amount itself. Empty ones have a highest below their lowest.
        """
        if amount > self.threshold:
            return (amount - self.above, amount - 1), (amount, amount + self.above)
        within = min(self.threshold, amount + self.up_to)
        beyond = self.threshold + 1, amount + self.above
        return (amount - self.up_to, amount - 1), (amount, within), beyond


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The chain and the contract that a signature is for, and how deep a block must lie to be final."""

    chain_id: int
    dvp: str
    finality_depth: int
    collateral: str | None = None
    """The collateral register's address, where the market has one."""
    anchor: str | None = None
    """The address where the service's journal is anchored, where the market has one."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """All reference data of one installation. Looked up by standard identifiers only."""

    service: Bic
    rtgs: Bic
    network: Network
    participants: Mapping[Lei, Participant]
    securities: Mapping[Isin, Security]
    tolerances: Mapping[str, Tolerance]
    pay_by: time
    """UTC time of day, inclusive, until which a settlement's payment may be booked."""
    lock_within_seconds: int = 3600
    """How long a signed order may be locked."""

    def participant(self, party: Party, *, field: str) -> Participant:
        """The member behind a party. Raises InvalidInput for a stranger or an LEI with another's BIC."""
        member = self.participants.get(party.lei)
        if member is None:
            raise InvalidInput(f"{field}/LEI", party.lei, "the LEI of a participant")
        if member.bic != party.bic:
            raise InvalidInput(f"{field}/Id/AnyBIC", party.bic, f"{member.bic}, the BIC of LEI {party.lei}")
        return member

    def security(self, isin: Isin) -> Security:
        """Raises InvalidInput for an ISIN that is not settled here."""
        if isin not in self.securities:
            raise InvalidInput("FinInstrmId/ISIN", isin, "a security that is settled here")
        return self.securities[isin]

    def pay_by_on(self, day: date) -> datetime:
        return datetime.combine(day, self.pay_by, tzinfo=UTC)
