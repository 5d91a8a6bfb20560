"""Margin in cash: what agents leave for others of payments that were booked."""

from collections.abc import Sequence
from typing import Protocol

from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.margin_payment import CashAttestation

__all__ = ["CashBoard"]


class CashBoard(Protocol):
    """Where agents leave their signatures over margin payments for anyone to take."""

    def publish_cash(self, attestation: CashAttestation) -> None:
        """Leaves one; publishing the same twice is harmless. Raises Unavailable."""

    def cash_attestations(self, agreement_id: AgreementId, call_id: str) -> Sequence[CashAttestation]:
        """All that is there for a call, of whatever epoch and amount, unverified. Raises Unavailable."""
