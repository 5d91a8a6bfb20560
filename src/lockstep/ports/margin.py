"""Margin in cash: the calls that the service has under way, and what agents leave of payments that were booked."""

from collections.abc import Callable, Sequence
from typing import Protocol

from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.enforcement import Enforcement
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_payment import CashAttestation, ValuationAttestation
from lockstep.ports.book import Book
from lockstep.ports.payments import PaymentBook

__all__ = ["CashBoard", "EnforcementBook", "MarginBook", "ValuationBoard"]


class MarginBook(Book, Protocol):
    """The service's records with its margin calls. They are stored by `Change.margin`."""

    def margin_case(self, agreement_id: AgreementId, reference: Reference) -> MarginCase | None: ...

    def open_margin_cases(self) -> Sequence[MarginCase]:
        """Those that there is anything to look at, oldest first."""

    def margin_cases(self) -> Sequence[MarginCase]: ...


class EnforcementBook(MarginBook, PaymentBook, Protocol):
    """The service's records with what is being enforced, and paid for it. They are stored by `Change.enforcements`."""

    def enforcement(self, agreement_id: AgreementId, name: Reference) -> Enforcement | None: ...

    def open_enforcements(self) -> Sequence[Enforcement]:
        """Those that have not ended, oldest first."""

    def enforcements(self) -> Sequence[Enforcement]: ...


class CashBoard(Protocol):
    """Where agents leave their signatures over margin payments for anyone to take."""

    def publish_cash(self, attestation: CashAttestation) -> None:
        """Leaves one; publishing the same twice is harmless. Raises Unavailable."""

    def cash_attestations(self, agreement_id: AgreementId, call_id: str) -> Sequence[CashAttestation]:
        """All that is there for a call, of whatever epoch and amount, unverified. Raises Unavailable."""


class ValuationBoard(Protocol):
    """Where valuers leave their signatures for anyone to take."""

    def publish_valuation(self, attestation: ValuationAttestation) -> None:
        """Leaves one; publishing the same twice is harmless.

        Raises Conflict where this valuer left other figures for the same agreement and second; Unavailable.
        """

    def agreements(self) -> Sequence[AgreementId]:
        """Those that anything is there for. Raises Unavailable."""

    def valuations(
        self,
        agreement_id: AgreementId,
        since: int,
        until: int,
        is_genuine: Callable[[ValuationAttestation], bool],
    ) -> Sequence[ValuationAttestation]:
        """Of each valuer the latest for an agreement, of the seconds from `since` to `until`; the newest first.

        What is not genuine is passed over before anything is limited: whoever writes there hides nobody's word.
        Raises Unavailable.
        """
