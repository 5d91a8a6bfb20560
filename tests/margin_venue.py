"""Margin on the compiled register: the service's steps on a simulated chain, an RTGS beside it, and everyone's hands.

The seller of the example market gives, its buyer takes. What agents do is done by hand: they release what is held, and
sign what was booked. How they judge it, `margin_world` shows.
"""

from datetime import time, timedelta
from typing import Any

from collateral_venue import AGENTS as AGENT_KEYS
from collateral_venue import DEPTH, GIVER, SECOND, TAKER, CollateralVenue
from lockstep.app.collateral import LocalCollateralWallets
from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.identifiers import Bic, Isin, Lei, Reference, derive_message_id, lei_check_digits
from lockstep.domain.instruction import Party, QuantityType
from lockstep.domain.margin_call import MarginCall
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_payment import CashAttestation
from lockstep.domain.market import Market, Participant, Security
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import PaymentState, Release
from lockstep.flow.enforcing import Enforcing
from lockstep.flow.hearing import heard
from lockstep.flow.margining import Margining
from lockstep.ports import CashBody
from lockstep.signing import cash_digest, margin_cash
from lockstep.testing.fakes import AGENTS as AGENT_BICS
from lockstep.testing.fakes import BUYER, RTGS, SELLER, SERVICE, FakeBook, FakeCashSystem, FakeRtgs

BUND, OBL = Isin("DE0001102580"), Isin("DE0001102606")
CALL = Reference("MC-1")


_LEI = "529900000000000777"
THIRD = Party(lei=Lei(_LEI + lei_check_digits(_LEI)), bic=Bic("THRDDEFFXXX"))
"""Who buys what is sold in enforcement."""


def euros(cents: int) -> Money:
    return Money(currency="EUR", amount=cents)


def market_of(venue: CollateralVenue) -> Market:
    members = ((SELLER, GIVER), (BUYER, TAKER), (THIRD, SECOND))
    tokens = {BUND: venue.token, OBL: venue.second}
    return Market(
        service=SERVICE,
        rtgs=RTGS,
        network=venue.network,
        participants={
            one.lei: Participant(
                name=one.bic, lei=one.lei, bic=one.bic, wallet=wallet.address, accounts={"EUR": f"ACC-{one.bic}"}
            )
            for one, wallet in members
        },
        securities={
            isin: Security(
                isin=isin,
                name="Bund",
                token=token,
                decimals=2,
                quantity_type=QuantityType.FACE_AMOUNT,
                currency="EUR",
            )
            for isin, token in tokens.items()
        },
        tolerances={},
        pay_by=time(16),
    )


class Killed(BaseException):
    """The process is gone."""


class Hooked:
    """A ledger, told of before and after each call that is named."""

    def __init__(self, desk: "MarginVenue", ledger: Any, names: tuple[str, ...]) -> None:
        self._desk, self._ledger, self._names = desk, ledger, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if name not in self._names:
            return found

        def called(*arguments: Any) -> Any:
            self._desk.hook(f"before {name}")
            answer = found(*arguments)
            self._desk.hook(f"after {name}")
            return answer

        return called


class CashSheets:
    """`ports.CashBoard` in memory."""

    def __init__(self) -> None:
        self.left: list[CashAttestation] = []

    def publish_cash(self, attestation: CashAttestation) -> None:
        self.left.append(attestation)

    def cash_attestations(self, agreement_id: AgreementId, call_id: str) -> list[CashAttestation]:
        wanted = (agreement_id, call_id)
        return [one for one in self.left if (one.cash.agreement_id, one.cash.call_id) == wanted]


class MarginVenue:
    """What survives the service, and the service's steps."""

    ACTS = ("run", "record_cash", "end_sale")

    def __init__(self, venue: CollateralVenue, **terms: Any) -> None:
        self.venue, self.clock = venue, venue.clock
        self.market = market_of(venue)
        self.hook: Any = lambda _: None
        self.book = FakeBook(lambda kind: self.hook(kind))
        self.rtgs = FakeRtgs(self.clock, bic=RTGS, service=SERVICE, agents=AGENT_BICS, quorum=3)
        for member in self.market.participants.values():
            self.rtgs.available[member.account("EUR").number] = 1_000_000
        self.cash, self.board = FakeCashSystem(self.rtgs, SERVICE), CashSheets()
        self.wallet: Any = LocalCollateralWallets({one.address: one for one in (GIVER, TAKER)}, venue.register)
        venue.chain.mine(DEPTH)
        self.agreement = venue.agree(**terms)
        venue.chain.mine(DEPTH)

    @property
    def ledger(self) -> Any:
        return Hooked(self, self.venue.ledger, self.ACTS)

    @property
    def margining(self) -> Margining:
        """As after a start: nothing is kept in memory."""
        return Margining(
            market=self.market,
            clock=self.clock,
            book=self.book,
            assets=self.venue.dvp(),
            ledger=self.ledger,
            cash=self.cash,
            board=self.board,
            wallet=self.wallet,
        )

    @property
    def enforcing(self) -> Enforcing:
        """As after a start."""
        return self.margining.enforcing

    # --- calls

    def value(self, exposure: int, *prices: tuple[str, int, int], **changes: Any) -> None:
        """The valuers' figures, final. Without prices a cent buys a unit of the first bond, at a haircut of 10 %."""
        given = prices or ((self.venue.token, 1_000_000, 100_000),)
        self.venue.value(self.agreement, exposure, *given, **changes)
        self.venue.chain.mine(DEPTH)

    def call(self, cents: int = 900, *, is_return: bool = False, **changes: Any) -> MarginCase:
        now = self.clock.now()
        caller, called = (SELLER, BUYER) if is_return else (BUYER, SELLER)
        stated: dict[str, Any] = {
            "call_id": CALL,
            "caller": caller.bic,
            "called": called.bic,
            "amount": euros(cents),
            "issued_at": now,
            "deliver_by": now + timedelta(hours=2),
            "cure_seconds": 3_600,
        }
        return self.margining.issue(self.agreement, MarginCall(**{**stated, **changes}), is_return=is_return)

    def case(self, reference: Reference = CALL) -> MarginCase:
        found = self.book.margin_case(self.agreement, reference)
        assert found is not None
        return found

    def kinds(self, reference: Reference = CALL) -> list[str]:
        return [row.entry.kind for row in self.book.journal(reference)]

    def credit(self) -> int:
        return self.venue.ledger.state(self.agreement).credit

    # --- everybody's next step

    def turn(self) -> None:
        self.hear()
        self.margining.run()
        self.agents()
        self.venue.chain.mine(DEPTH)

    def turns(self, count: int = 6) -> None:
        for _ in range(count):
            self.turn()

    def hear(self) -> None:
        mail = self.cash.receive(self.book.cash_cursor())
        if mail:
            self.book.commit(heard(self.book, self.market, mail, self.clock.now()))

    def agents(self) -> None:
        """They release what is held for a call, and sign what was booked."""
        for case in self.book.open_margin_cases():
            if not case.is_paying:
                continue
            payment = self.margining._payment(case)
            identifiers = [one for one, held in self.rtgs.payments.items() if held.payment.salt == payment.salt]
            for identifier in identifiers:
                held = self.rtgs.payments[identifier]
                if held.state is PaymentState.HELD:
                    self._release(identifier, held.payment.uetr)
                if held.state is PaymentState.BOOKED:
                    cash = margin_cash(payment, 1)
                    digest = cash_digest(cash, self.venue.register)
                    for one in AGENT_KEYS[:3]:
                        self.board.publish_cash(
                            CashAttestation(cash=cash, agent=one.address, signature=one.sign(digest))
                        )

    def _release(self, identifier: Any, uetr: Any) -> None:
        for one in AGENT_BICS[:3]:
            body = Release(uetr=uetr, settlement_id=identifier)
            message: Message[CashBody] = Message(
                sender=Bic(one),
                receiver=RTGS,
                message_id=derive_message_id(one, identifier, "camt.007"),
                created=self.clock.now(),
                body=body,
            )
            self.rtgs.handle(message)

    def unsigned(self) -> None:
        """No wallet signs any more, until `signing`."""
        self.wallet = LocalCollateralWallets({}, self.venue.register)

    def signing(self) -> None:
        self.wallet = LocalCollateralWallets({one.address: one for one in (GIVER, TAKER)}, self.venue.register)


__all__ = ["BUND", "CALL", "OBL", "THIRD", "Killed", "MarginVenue", "euros"]
