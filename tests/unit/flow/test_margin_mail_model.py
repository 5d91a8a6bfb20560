"""Margin messages in any order, from anybody, said again, the service killed after any commit, beside a plain model:
each is taken, a duplicate or refused as the model says, and each party has been told what the model says, once."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.collateral.register import Valuation
from lockstep.domain.errors import Conflict, InvalidInput
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
from lockstep.domain.notice import Rejection
from lockstep.domain.order import Epoch
from lockstep.flow.margin_mail import MarginMail
from lockstep.flow.margining import Margining
from lockstep.iso20022 import write
from lockstep.signing import build_quorum_proof, valuation_digest
from lockstep.testing.fakes import (
    BUYER,
    DAY,
    MORNING,
    SELLER,
    SERVICE,
    FakeBook,
    FakeChain,
    FakeClock,
    FakeCollateralLedger,
)
from margin_world import KEYS, MARKET, NETWORK, TERMS, VALUERS, WHO

GIVER, TAKER, STRANGER = SELLER.bic, BUYER.bic, Bic("NOBODEFFXXX")


class Killed(BaseException):
    """The process is gone."""


@dataclass(frozen=True)
class Said:
    """One message: a call for, or agreement to, so many euros."""

    is_call: bool
    call: str
    euros: int
    sender: Bic
    message_id: str

    @property
    def content(self) -> tuple[Any, ...]:
        return self.is_call, self.call, self.euros


@dataclass
class Model:
    """What must come of it. Shares nothing with what it judges."""

    seen: dict[tuple[Bic, str], tuple[Any, ...]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    told: dict[Bic, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, said: Said) -> str:
        key = said.sender, said.message_id
        if key in self.seen:
            return "duplicate" if self.seen[key] == said.content else "conflict"
        outcome = self._call(said) if said.is_call else self._answer(said)
        if outcome in ("taken", "duplicate"):
            self.seen[key] = said.content
        return outcome

    def _call(self, said: Said) -> str:
        if said.sender != TAKER:
            return "invalid"
        if said.call in self.calls:
            return "duplicate" if self.calls[said.call] == said.euros else "conflict"
        self.calls[said.call] = said.euros
        self.told[GIVER].append(said.content)
        return "taken"

    def _answer(self, said: Said) -> str:
        if said.call not in self.calls or said.sender != GIVER:
            return "invalid"
        if self.answers.get(said.call) == said.euros:
            return "duplicate"
        if said.euros > self.calls[said.call]:
            return "invalid"
        if said.call in self.answers:
            return "conflict"
        if said.call in self.withdrawn:
            return "invalid"
        self.answers[said.call] = said.euros
        self.told[TAKER].append(said.content)
        return "taken"


class Service:
    """The real one, over fakes."""

    def __init__(self) -> None:
        self.clock = FakeClock(MORNING)
        chain = FakeChain(self.clock, NETWORK, Epoch(number=1, agents=tuple(one.address for one in KEYS), quorum=3))
        assert NETWORK.collateral is not None
        self.ledger = FakeCollateralLedger(chain, NETWORK.collateral, WHO)
        self.agreement = self.ledger.agreed(TERMS)
        self.clock.advance(1)
        chain.mine()
        valuation = Valuation(
            agreement_id=self.agreement, exposure=900, required=900, as_of=int(self.clock.now().timestamp())
        )
        digest = valuation_digest(valuation, self.ledger.register)
        proof = build_quorum_proof(digest, [one.sign(digest) for one in VALUERS[:2]], WHO)
        assert proof is not None
        self.ledger.value(valuation, proof)
        chain.mine(2)
        self.kills = 0
        self.book = FakeBook(self._committed)

    def _committed(self, _: str) -> None:
        if self.kills:
            self.kills -= 1
            raise Killed

    @property
    def mail(self) -> MarginMail:
        """As after a start."""
        nothing: Any = None
        return MarginMail(
            margining=Margining(
                market=MARKET,
                clock=self.clock,
                book=self.book,
                assets=nothing,
                ledger=self.ledger,
                cash=nothing,
                board=nothing,
            )
        )

    def message(self, said: Said) -> Message[Any]:
        parties = Obligation(party_a=TAKER, party_b=GIVER, exposure_kind=ExposureKind.REPO, valued_at=MORNING)
        agreement = MarginAgreement(agreement_id=self.agreement, name="GMRA", signed_on=DAY, currency="EUR")
        amount, call = Money(currency="EUR", amount=said.euros * 100), Reference(said.call)
        body: MarginCallRequest | MarginCallResponse
        if said.is_call:
            body = MarginCallRequest(
                call_id=call,
                obligation=parties,
                agreement=agreement,
                amount=amount,
                is_return=False,
                deliver_on=DAY,
                collateral=(CollateralKind.CASH,),
            )
        else:
            body = MarginCallResponse(
                response_id=call, obligation=parties, agreement=agreement, call_id=call, agreed=amount, reason="so"
            )
        return Message(sender=said.sender, receiver=SERVICE, message_id=said.message_id, created=MORNING, body=body)

    def take(self, said: Said, *, dies: bool) -> str:
        message, self.kills = self.message(said), int(dies)
        try:
            kind = self.mail.submit(message, write(message))
        except Killed:
            return "killed"
        except Conflict:
            return "conflict"
        except InvalidInput:
            return "invalid"
        finally:
            self.kills = 0
        return "duplicate" if kind == "duplicate" else "taken"

    def told(self, bic: Bic) -> list[tuple[Any, ...]]:
        bodies = [one.body for one in self.book.undelivered() if one.receiver == bic]
        return [
            (
                isinstance(one, MarginCallRequest),
                one.call_id,
                (one.amount if isinstance(one, MarginCallRequest) else one.agreed).amount // 100,
            )
            for one in bodies
            if not isinstance(one, Rejection)
        ]


CALLS, IDS = st.sampled_from(["MC-1", "MC-2"]), st.sampled_from(["M-1", "M-2", "M-3", "M-4"])
SENDERS = st.sampled_from([TAKER, TAKER, GIVER, GIVER, STRANGER])
MESSAGES = st.builds(Said, is_call=st.booleans(), call=CALLS, euros=st.integers(1, 3), sender=SENDERS, message_id=IDS)
STEPS = st.lists(st.one_of(st.tuples(MESSAGES, st.booleans()), CALLS), max_size=14)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whatever_is_said_in_whatever_order(steps: list[Any]) -> None:
    service, model = Service(), Model()
    for step in steps:
        if isinstance(step, str):
            if step in model.calls and step not in model.withdrawn:
                service.mail.margining.withdraw(service.agreement, Reference(step), "an error")
                model.withdrawn.add(step)
            continue
        said, dies = step
        expected = model.take(said)
        found = service.take(said, dies=dies)
        if found == "killed":  # its sender knows nothing, and says it again
            again = service.take(said, dies=False)
            assert again == ("duplicate" if expected == "taken" else expected)
        else:
            assert found == expected
        for bic in (GIVER, TAKER, STRANGER):
            assert service.told(bic) == model.told[bic]
    assert {one.reference for one in service.book.margin_cases()} == set(model.calls)
    for case in service.book.margin_cases():
        assert case.call.amount.amount == model.calls[case.reference] * 100
        agreed = model.answers.get(case.reference)
        assert (case.call.agreed.amount if case.call.agreed else None) == (None if agreed is None else agreed * 100)
