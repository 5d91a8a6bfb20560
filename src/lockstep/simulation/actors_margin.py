"""Banks that call for margin and are called, over the real margin calls of the service (`flow.margining`)."""

import random
from collections.abc import Callable
from datetime import timedelta

from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_call import CallState, MarginCall
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import (
    ExposureKind,
    MarginAgreement,
    MarginCallResponse,
    Obligation,
)
from lockstep.domain.money import Money
from lockstep.flow.margining import Margining
from lockstep.simulation.actors_hands import Hands
from lockstep.simulation.collateral_hands import Desk

__all__ = ["answers", "calls", "gives_bonds", "pays", "takes_it_back"]


def calls(hands: Hands, rng: random.Random) -> str | None:
    """A taker for what is short by the register's final figures, or a giver for what is too much of its cash."""
    desk, ledger = Desk(hands, rng), hands.stage.collateral
    assert ledger is not None
    final = ledger.final_block()
    due: list[tuple[AgreementId, int, bool]] = []
    for name in desk.agreements:
        state = ledger.state(name, final)
        covered = state.credit + ledger.cover(name, final)
        if state.required > covered:
            due.append((name, state.required - covered, False))
        elif state.credit and covered > state.required:
            due.append((name, min(state.credit, covered - state.required), True))
    if not due:
        return None
    name, amount, is_return = rng.choice(due)
    terms = desk.agreements[name]
    caller, called = (terms.giver, terms.taker) if is_return else (terms.taker, terms.giver)
    now = hands.stage.clock.now().replace(microsecond=0)
    call = MarginCall(
        call_id=f"MC{rng.getrandbits(40):010X}",
        caller=desk.member(caller).bic,
        called=desk.member(called).bic,
        amount=Money(currency=terms.currency, amount=max(1, rng.choice((amount, amount, amount // 2, amount + 1_000)))),
        issued_at=now,
        deliver_by=now + timedelta(seconds=rng.choice((600, 7_200, 20_000))),
        cure_seconds=rng.choice((0, 3_600)),
    )

    def say(desk: Margining) -> MarginCase:
        return desk.issue(name, call, is_return=is_return)

    made = _said(hands, say)
    kind = "the return of" if is_return else "the delivery of"
    return f"{call.caller} calls {call.called} for {kind} {made.call.amount} under {name[:12]}, {call.call_id}"


def _said(hands: Hands, say: Callable[[Margining], MarginCase]) -> MarginCase:
    """What came of it; where it was heard, it is said again should the records be lost."""
    made = hands.stage.margin(say)
    hands.stage.remember(lambda: hands.stage.margin(say))
    return made


def _open(hands: Hands) -> list[MarginCase]:
    return list(hands.stage.margin(lambda desk: desk.book.open_margin_cases()))


def _answer(hands: Hands, case: MarginCase, agreed: int, reason: str | None) -> MarginCallResponse:
    call, now = case.call, hands.stage.clock.now().replace(microsecond=0)
    return MarginCallResponse(
        response_id=Reference(f"A{call.call_id}"),
        obligation=Obligation(
            party_a=call.caller, party_b=call.called, exposure_kind=ExposureKind.DERIVATIVES, valued_at=now
        ),
        agreement=MarginAgreement(
            agreement_id=case.agreement_id, name="CSA", signed_on=now.date(), currency=call.amount.currency
        ),
        call_id=case.reference,
        agreed=Money(currency=call.amount.currency, amount=agreed),
        reason=reason,
    )


def answers(hands: Hands, rng: random.Random) -> str | None:
    """Agrees, or disputes a part."""
    waiting = [one for one in _open(hands) if one.call.state is CallState.ISSUED]
    if not waiting:
        return None
    case = rng.choice(waiting)
    whole = case.call.amount.amount
    agreed = rng.choice((whole, whole, whole // 2))
    said = _answer(hands, case, agreed, None if agreed == whole else "our prices are others")

    def say(desk: Margining) -> MarginCase:
        return desk.answer(case.agreement_id, said, case.call.called)

    made = _said(hands, say)
    return f"{case.call.called} agrees to {said.agreed} of {case.reference}: {made.call.state.value}"


def pays(hands: Hands, rng: random.Random) -> str | None:
    """Who is called pays in cash, mostly all of it."""
    unpaid = [one for one in _open(hands) if not one.attempt and not one.call.state.is_end and one.unmet]
    if not unpaid:
        return None
    case = rng.choice(unpaid)
    part = max(1, rng.choice((case.unmet, case.unmet, case.unmet // 2)))
    money = Money(currency=case.call.amount.currency, amount=part)

    def say(desk: Margining) -> MarginCase:
        return desk.pay(case.agreement_id, case.reference, money)

    _said(hands, say)
    return f"{case.call.called} pays {money} for {case.reference}"


def gives_bonds(hands: Hands, rng: random.Random) -> str | None:
    """Who is called gives units for it, or gives units back."""
    desk = Desk(hands, rng)
    unmet = [one for one in _open(hands) if not one.call.state.is_end and one.unmet]
    if not unmet:
        return None
    case = rng.choice(unmet)
    name = Reference(f"B{rng.getrandbits(24):06X}")
    if case.is_return:
        mine = [one for one in desk.live() if desk.pledges[one].agreement_id == case.agreement_id]
        if not mine:
            return None
        pledge = rng.choice(mine)
        units = max(1, desk.pledges[pledge].releasable // rng.choice((1, 4, 20)))
        hands.stage.margin(lambda one: one.return_bonds(case.agreement_id, case.reference, name, pledge, units))
        return f"{case.call.called} gives back {units} of {pledge[:12]} for {case.reference}"
    security = desk.security()
    units = max(1, case.unmet // rng.choice((1, 1, 2)) // (1 if security.decimals else 100))
    hands.stage.margin(lambda one: one.deliver_bonds(case.agreement_id, case.reference, name, security.isin, units))
    return f"{case.call.called} gives {units} of {security.isin} for {case.reference}"


def takes_it_back(hands: Hands, rng: random.Random) -> str | None:
    """Who called withdraws it; once it is being paid it cannot."""
    waiting = [one for one in _open(hands) if not one.call.state.is_end]
    if not waiting:
        return None
    case = rng.choice(waiting)
    made = hands.stage.margin(lambda desk: desk.withdraw(case.agreement_id, case.reference, "called in error"))
    return f"{case.call.caller} withdraws {case.reference}: {made.call.state.value}"
