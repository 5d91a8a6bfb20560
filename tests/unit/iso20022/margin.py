"""Hypothesis strategies for margin calls and their answers."""

from datetime import date

from hypothesis import strategies as st

from iso20022.pieces import bics, days, hashes, instants, references, words
from lockstep.domain.currencies import MINOR_UNITS
from lockstep.domain.margin_message import (
    CollateralKind,
    ExposureKind,
    MarginAgreement,
    MarginCallRequest,
    MarginCallResponse,
    Obligation,
)
from lockstep.domain.money import Money

__all__ = ["MARGIN_BODIES"]


@st.composite
def obligations(draw: st.DrawFn) -> Obligation:
    a, b = draw(st.lists(bics, min_size=2, max_size=2, unique=True))
    return Obligation(party_a=a, party_b=b, exposure_kind=draw(st.sampled_from(ExposureKind)), valued_at=draw(instants))


agreements = st.builds(
    MarginAgreement,
    agreement_id=hashes,
    name=words,
    signed_on=days,
    currency=st.sampled_from(sorted(MINOR_UNITS)),
)


@st.composite
def calls(draw: st.DrawFn) -> MarginCallRequest:
    obligation, agreement = draw(obligations()), draw(agreements)
    amounts = st.integers(0, 10**17).map(lambda amount: Money(currency=agreement.currency, amount=amount))
    return MarginCallRequest(
        call_id=draw(references),
        obligation=obligation,
        agreement=agreement,
        amount=Money(currency=agreement.currency, amount=draw(st.integers(1, 10**17))),
        is_return=draw(st.booleans()),
        deliver_on=draw(st.dates(obligation.valued_at.date(), date(2299, 12, 31))),
        collateral=tuple(draw(st.lists(st.sampled_from(CollateralKind), min_size=1, max_size=2, unique=True))),
        exposure=draw(st.none() | amounts),
        held=draw(st.none() | amounts),
    )


@st.composite
def responses(draw: st.DrawFn) -> MarginCallResponse:
    agreement = draw(agreements)
    return MarginCallResponse(
        response_id=draw(references),
        obligation=draw(obligations()),
        agreement=agreement,
        call_id=draw(references),
        agreed=Money(currency=agreement.currency, amount=draw(st.integers(0, 10**17))),
        reason=draw(st.none() | words),
    )


MARGIN_BODIES: dict[type, st.SearchStrategy[object]] = {MarginCallRequest: calls(), MarginCallResponse: responses()}
