"""What the golden messages about margin say."""

from datetime import UTC, date, datetime

from lockstep.domain.identifiers import Bic, Reference
from lockstep.domain.margin_message import (
    CollateralKind,
    ExposureKind,
    MarginAgreement,
    MarginCallRequest,
    MarginCallResponse,
    Obligation,
)
from lockstep.domain.message import Message
from lockstep.domain.money import Money

__all__ = ["EXPECTED_COLLATERAL"]

ALDER, BIRCH = Bic("ALDRDEFFXXX"), Bic("BRCHFRPP")
AGREEMENT = MarginAgreement(
    agreement_id="5d1c0f7ab3e2946880f1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a59687",
    name="ISDA 2016 CSA (VM), Alder & Birch",
    signed_on=date(2025, 9, 1),
    currency="EUR",
)


def eur(amount: int) -> Money:
    return Money(currency="EUR", amount=amount)


def obligation(kind: ExposureKind) -> Obligation:
    return Obligation(
        party_a=ALDER, party_b=BIRCH, exposure_kind=kind, valued_at=datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
    )


EXPECTED_COLLATERAL = {
    "colr.003.001.05": Message(
        sender=ALDER,
        receiver=BIRCH,
        message_id="ALDR-MC-7",
        created=datetime(2026, 3, 4, 8, 0, tzinfo=UTC),
        body=MarginCallRequest(
            call_id=Reference("MC-20260304-7"),
            obligation=obligation(ExposureKind.DERIVATIVES),
            agreement=AGREEMENT,
            amount=eur(213_000_000),
            is_return=False,
            deliver_on=date(2026, 3, 4),
            collateral=(CollateralKind.CASH, CollateralKind.SECURITIES),
            exposure=eur(1_312_345_678),
            held=eur(1_099_999_999),
        ),
    ),
    "colr.003.001.05.return": Message(
        sender=ALDER,
        receiver=BIRCH,
        message_id="ALDR-MC-8",
        created=datetime(2026, 3, 5, 8, 0, 5, tzinfo=UTC),
        body=MarginCallRequest(
            call_id=Reference("MC-20260305-8"),
            obligation=obligation(ExposureKind.REPO),
            agreement=AGREEMENT,
            amount=eur(1),
            is_return=True,
            deliver_on=date(2026, 3, 6),
            collateral=(CollateralKind.SECURITIES,),
        ),
    ),
    "colr.004.001.05": Message(
        sender=BIRCH,
        receiver=ALDER,
        message_id="BRCH-MR-3",
        created=datetime(2026, 3, 4, 9, 30, tzinfo=UTC),
        body=MarginCallResponse(
            response_id=Reference("MR-3"),
            obligation=obligation(ExposureKind.DERIVATIVES),
            agreement=AGREEMENT,
            call_id=Reference("MC-20260304-7"),
            agreed=eur(150_000_050),
            reason="Swap 4711 is valued 630,000 lower here",
        ),
    ),
    "colr.004.001.05.whole": Message(
        sender=BIRCH,
        receiver=ALDER,
        message_id="BRCH-MR-4",
        created=datetime(2026, 3, 5, 9, 30, tzinfo=UTC),
        body=MarginCallResponse(
            response_id=Reference("MR-4"),
            obligation=obligation(ExposureKind.REPO),
            agreement=AGREEMENT,
            call_id=Reference("MC-20260305-8"),
            agreed=eur(1),
        ),
    ),
}
