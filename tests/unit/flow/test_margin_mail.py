"""Margin calls as messages: a colr.003 becomes a call and reaches who is called, its colr.004 reaches the caller; each
once, wherever the service dies, and what may not be said is refused by field, value and rule."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lockstep.app import margin_desk, records
from lockstep.app.intake import submit_files
from lockstep.cli.commands import app
from lockstep.domain.errors import Conflict, InvalidInput, LockstepError, Misconfigured, Refused, Unavailable
from lockstep.domain.identifiers import Bic, Reference
from lockstep.domain.margin_call import CallState, deliver
from lockstep.domain.margin_case import MarginCase
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
from lockstep.flow.margin_mail import MarginMail
from lockstep.flow.margining import Margining
from lockstep.flow.receiving import Reception
from lockstep.iso20022 import read, write
from lockstep.ports import Change
from lockstep.testing.fakes import BUYER, DAY, MORNING, SELLER, SERVICE, FakeAssetLedger, FakeBook
from margin_world import MARKET, PAY_BY, TERMS, MarginWorld

CALL = Reference("MC-1")
AGREED = "AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt/AgrdAmt"
CALL_ID = "AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt/MrgnCallReqId"
DELIVERED_ON = "XpctdCollDueToA/XpctdCollDtls/VartnMrgn/Dlvry/Dt"


def euros(cents: int) -> Money:
    return Money(currency="EUR", amount=cents)


class Killed(BaseException):
    """The process is gone."""


class Desk:
    """The parties' messages, and the service that takes them. The seller gives, the buyer takes."""

    def __init__(self, root: Path) -> None:
        self.world, self.killed_at = MarginWorld(root), ""
        self.book = FakeBook(self._committed)
        self.mail = self.start()
        self.said = 0

    def start(self) -> MarginMail:
        world = self.world
        self.mail = MarginMail(
            margining=Margining(
                market=MARKET,
                clock=world.clock,
                book=self.book,
                assets=FakeAssetLedger(world.chain),
                ledger=world.ledger,
                cash=world.cash,
                board=world.board,
            )
        )
        return self.mail

    def _committed(self, kind: str) -> None:
        if kind == self.killed_at:
            self.killed_at = ""
            raise Killed(kind)

    def agreement(self) -> MarginAgreement:
        return MarginAgreement(agreement_id=self.world.agreement, name="GMRA", signed_on=DAY, currency="EUR")

    def obligation(self) -> Obligation:
        valued = self.world.ledger.state(self.world.agreement).valued_at
        return Obligation(
            party_a=BUYER.bic,
            party_b=SELLER.bic,
            exposure_kind=ExposureKind.REPO,
            valued_at=self.world.clock.now().fromtimestamp(valued, self.world.clock.now().tzinfo),
        )

    def request(self, **changes: Any) -> MarginCallRequest:
        stated: dict[str, Any] = {
            "call_id": CALL,
            "obligation": self.obligation(),
            "agreement": self.agreement(),
            "amount": euros(60_000),
            "is_return": False,
            "deliver_on": DAY,
            "collateral": (CollateralKind.CASH, CollateralKind.SECURITIES),
            "exposure": euros(100_000),
            "held": euros(40_000),
        }
        return MarginCallRequest(**{**stated, **changes})

    def response(self, cents: int = 60_000, **changes: Any) -> MarginCallResponse:
        stated: dict[str, Any] = {
            "response_id": Reference("MR-1"),
            "obligation": self.obligation(),
            "agreement": self.agreement(),
            "call_id": CALL,
            "agreed": euros(cents),
            "reason": None if cents == 60_000 else "due 250.00 here",
        }
        return MarginCallResponse(**{**stated, **changes})

    def message(self, body: Any, sender: Bic | None = None, **changes: Any) -> Message[Any]:
        """Under an id of its own, unless `changes` name one."""
        self.said += 1
        usual = BUYER.bic if isinstance(body, MarginCallRequest) else SELLER.bic
        stated: dict[str, Any] = {
            "sender": sender or usual,
            "receiver": SERVICE,
            "message_id": f"M-{self.said}",
            "created": self.world.clock.now(),
            "body": body,
        }
        return Message(**{**stated, **changes})

    def hand_in(self, body: Any, sender: Bic | None = None, **changes: Any) -> str:
        message = self.message(body, sender, **changes)
        return self.mail.submit(message, write(message))

    def case(self) -> MarginCase:
        found = self.book.margin_case(self.world.agreement, CALL)
        assert found is not None
        return found

    def told(self, bic: Bic) -> list[Any]:
        """What a participant's outbox has, as read from what is written there."""
        return [read(write(one)).body for one in self.book.undelivered() if one.receiver == bic]

    def kinds(self) -> list[str]:
        return [row.entry.kind for row in self.book.journal(CALL)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.world.close()


def test_a_call_reaches_who_is_called_and_the_answer_the_caller(desk: Desk) -> None:
    request, response = desk.request(), desk.response()
    assert desk.hand_in(request) == "margin called"
    case = desk.case()
    assert (case.call.state, case.call.amount, case.request) == (CallState.ISSUED, euros(60_000), request)
    assert (case.call.caller, case.call.called, case.call.deliver_by) == (BUYER.bic, SELLER.bic, PAY_BY)
    assert (desk.told(SELLER.bic), desk.told(BUYER.bic)) == ([request], [])
    assert desk.hand_in(response) == "margin answered"
    assert (desk.case().call.state, desk.case().response) == (CallState.AGREED, response)
    assert desk.told(BUYER.bic) == [response]
    assert {one.sender for one in desk.book.undelivered()} == {SERVICE}
    assert desk.kinds() == ["margin called", "margin answered"]


def test_a_dispute_holds_back_what_is_disputed(desk: Desk) -> None:
    desk.hand_in(desk.request())
    desk.hand_in(desk.response(25_000))
    case = desk.case()
    assert (case.call.state, case.call.owed, case.call.disputed) == (
        CallState.DISPUTED,
        euros(25_000),
        euros(35_000),
    )
    assert case.call.reason == "due 250.00 here"
    assert desk.mail.margining.resolve(*case.key, euros(40_000), "by telephone").call.state is CallState.AGREED
    assert desk.case().call.owed == euros(40_000)
    with pytest.raises(Refused) as caught:
        desk.mail.margining.resolve(*case.key, euros(50_000), "again")
    assert (caught.value.name, caught.value.details["actual"]) == ("NotDisputed", "AGREED")


def test_a_dispute_is_not_resolved_below_what_was_never_disputed(desk: Desk) -> None:
    desk.hand_in(desk.request())
    desk.hand_in(desk.response(25_000))
    with pytest.raises(InvalidInput) as caught:
        desk.mail.margining.resolve(*desk.case().key, euros(24_999), "by telephone")
    assert caught.value.rule == "at least 250.00 EUR, which was not disputed"
    assert desk.case().call.state is CallState.DISPUTED


def test_the_giver_asks_for_a_return(desk: Desk) -> None:
    parties = replace(desk.obligation(), party_a=SELLER.bic, party_b=BUYER.bic)
    request = desk.request(obligation=parties, is_return=True, exposure=None, held=None)
    desk.hand_in(request, SELLER.bic)
    case = desk.case()
    assert (case.is_return, case.call.caller, case.call.called) == (True, SELLER.bic, BUYER.bic)
    assert desk.told(BUYER.bic) == [request]
    assert desk.hand_in(desk.response(obligation=parties), BUYER.bic) == "margin answered"


def test_the_cure_period_is_the_agreement_s(desk: Desk) -> None:
    terms = replace(TERMS, notice_seconds=600, cure_seconds=3_000, salt=1)
    desk.world.agreement = desk.world.ledger.agreed(terms)
    desk.world.value(100_000)
    desk.hand_in(desk.request())
    assert desk.case().call.cure_by == PAY_BY + timedelta(seconds=3_600)


# Said again


def test_said_again_it_is_a_duplicate_and_told_once(desk: Desk) -> None:
    request, response = desk.message(desk.request()), desk.message(desk.response())
    for message, kind in ((request, "margin called"), (response, "margin answered")):
        assert desk.mail.submit(message, write(message)) == kind
        assert desk.mail.submit(message, write(message)) == "duplicate"
    assert desk.hand_in(desk.request()) == "duplicate"  # under another message id
    assert desk.hand_in(desk.response()) == "duplicate"
    assert len(desk.book.undelivered()) == 2
    assert desk.case().version == 2


def test_another_content_under_the_same_id_is_a_conflict(desk: Desk) -> None:
    desk.hand_in(desk.request(), message_id="M-A")
    desk.hand_in(desk.response(), message_id="M-B")
    before = desk.case()
    for body, message_id, field, value in (
        (desk.request(amount=euros(1)), "M-A", "message", f"{BUYER.bic}/M-A"),
        (desk.request(amount=euros(1)), "M-C", "margin call", CALL),
        (desk.response(1), "M-D", "answer to margin call", CALL),
    ):
        with pytest.raises(Conflict) as caught:
            desk.hand_in(body, message_id=message_id)
        assert (caught.value.field, caught.value.value) == (field, value)
    assert desk.case() == before


def test_a_message_id_is_its_sender_s_own(desk: Desk) -> None:
    desk.hand_in(desk.request(), message_id="M-A")
    assert desk.hand_in(desk.response(), message_id="M-A") == "margin answered"


@pytest.mark.parametrize("kind", ["margin called", "margin answered", "duplicate"])
def test_killed_after_any_commit_each_is_told_once(desk: Desk, kind: str) -> None:
    messages = [desk.message(desk.request()), desk.message(desk.response())]
    desk.killed_at = kind
    deaths = 0
    for _ in range(3):
        for message in messages:
            try:
                desk.mail.submit(message, write(message))
            except Killed:
                deaths += 1
                desk.start()
    assert deaths == 1
    assert (desk.told(SELLER.bic), desk.told(BUYER.bic)) == ([messages[0].body], [messages[1].body])
    assert desk.case().call.state is CallState.AGREED


def test_a_call_that_the_service_moves_meanwhile_is_judged_anew(desk: Desk) -> None:
    desk.hand_in(desk.request())
    commit, moved = desk.book.commit, []

    def late(change: Change) -> None:
        if change.margin and not moved:
            moved.append(True)
            case = desk.case()
            other = replace(case, call=deliver(case.call, euros(10_000), desk.world.clock.now()))
            commit(Change(margin=(other,)))
        commit(change)

    desk.book.commit = late
    assert desk.hand_in(desk.response()) == "margin answered"
    assert (desk.case().call.delivered, desk.case().call.state) == (10_000, CallState.AGREED)


# What is refused

Change_ = Callable[[Desk], tuple[Any, Bic | None, dict[str, Any]]]


def request_of(**changes: Any) -> Change_:
    return lambda desk: (desk.request(**changes), None, {})


def parties_of(party_a: Bic, party_b: Bic, sender: Bic) -> Change_:
    return lambda desk: (
        desk.request(obligation=replace(desk.obligation(), party_a=party_a, party_b=party_b)),
        sender,
        {},
    )


STRANGER = Bic("NOBODEFFXXX")


@pytest.mark.parametrize(
    ("said", "field", "value", "rule"),
    [
        (lambda desk: (desk.request(), None, {"receiver": STRANGER}), "AppHdr/To", STRANGER, f"{SERVICE}, this"),
        (lambda desk: (desk.request(), SELLER.bic, {}), "AppHdr/Fr", SELLER.bic, f"{BUYER.bic}, who calls"),
        (parties_of(SELLER.bic, BUYER.bic, SELLER.bic), "Oblgtn/PtyA/AnyBIC", SELLER.bic, "agreement's taker"),
        (parties_of(BUYER.bic, STRANGER, BUYER.bic), "Oblgtn/PtyB/AnyBIC", STRANGER, "agreement's giver"),
        (parties_of(STRANGER, SELLER.bic, STRANGER), "Oblgtn/PtyA/AnyBIC", STRANGER, "agreement's taker"),
        (
            lambda desk: (desk.request(is_return=True), None, {}),
            "Oblgtn/PtyA/AnyBIC",
            BUYER.bic,
            "agreement's giver, who asks for a return",
        ),
        (
            lambda desk: (
                desk.request(agreement=replace(desk.agreement(), agreement_id="ab" * 32)),
                None,
                {},
            ),
            "Agrmt/AgrmtId",
            "ab" * 32,
            "an agreement that is open, finally",
        ),
        (
            lambda desk: (
                desk.request(
                    agreement=replace(desk.agreement(), currency="USD"),
                    amount=Money(currency="USD", amount=1),
                    exposure=None,
                    held=None,
                ),
                None,
                {},
            ),
            "Agrmt/BaseCcy",
            "USD",
            "EUR, the agreement's",
        ),
        (
            lambda desk: (
                desk.request(
                    obligation=replace(desk.obligation(), valued_at=MORNING + timedelta(hours=1))
                ),
                None,
                {},
            ),
            "Oblgtn/ValtnDt/DtTm",
            "2026-11-23T09:00:00+00:00",
            "not after 2026-11-23T08:",
        ),
        (request_of(deliver_on=DAY + timedelta(days=367)), DELIVERED_ON, "2027-11-25", "at most 366 days"),
    ],
)  # fmt: skip
def test_a_call_that_may_not_be(desk: Desk, said: Change_, field: str, value: str, rule: str) -> None:
    body, sender, changes = said(desk)
    with pytest.raises(InvalidInput) as caught:
        desk.hand_in(body, sender, **changes)
    assert (caught.value.field, caught.value.value) == (field, value)
    assert rule in caught.value.rule
    assert desk.book.margin_cases() == []
    assert desk.told(SELLER.bic if sender != SELLER.bic else BUYER.bic) == []


def test_a_day_on_which_nothing_can_be_paid_any_more(desk: Desk) -> None:
    desk.world.clock.move_to(PAY_BY - timedelta(seconds=1))
    desk.world.value(100_000)
    assert desk.world.clock.now() == PAY_BY
    with pytest.raises(InvalidInput) as caught:
        desk.hand_in(desk.request())
    assert (caught.value.field, caught.value.value) == (DELIVERED_ON, DAY.isoformat())
    assert desk.hand_in(desk.request(deliver_on=DAY + timedelta(days=1))) == "margin called"


def test_no_call_by_figures_that_are_too_old(desk: Desk) -> None:
    desk.world.clock.advance(3_700)
    desk.world.chain.mine(3)
    with pytest.raises(Refused) as caught:
        desk.hand_in(desk.request())
    assert caught.value.name == "StaleValuation"
    assert desk.book.margin_cases() == []
    desk.world.value(100_000)
    assert desk.hand_in(desk.request()) == "margin called"


ANSWERS: list[tuple[Callable[[Desk], Any], str, str, str]] = [
    (lambda desk: desk.response(call_id=Reference("MC-9")), CALL_ID, "MC-9", "a margin call under agreement"),
    (
        lambda desk: desk.response(agreement=replace(desk.agreement(), agreement_id="ab" * 32)),
        CALL_ID,
        CALL,
        "under agreement abab",
    ),
    (lambda desk: desk.response(60_001), AGREED, "600.01 EUR", "at most 600.00 EUR"),
    (
        lambda desk: desk.response(obligation=replace(desk.obligation(), exposure_kind=ExposureKind.PAYMENT)),
        "Oblgtn",
        f"{BUYER.bic}, {SELLER.bic}, PAYM, 2026-11-23T08:00:01+00:00",
        "the same as in the call",
    ),
    (
        lambda desk: desk.response(agreement=replace(desk.agreement(), name="ISDA")),
        "Agrmt",
        "ISDA, 2026-11-23, EUR",
        "the same as in the call",
    ),
]


@pytest.mark.parametrize(("said", "field", "value", "rule"), ANSWERS)
def test_an_answer_that_may_not_be(desk: Desk, said: Callable[[Desk], Any], field: str, value: str, rule: str) -> None:
    desk.hand_in(desk.request())
    before = desk.case()
    with pytest.raises(InvalidInput) as caught:
        desk.hand_in(said(desk))
    assert (caught.value.field, caught.value.value) == (field, value)
    assert rule in caught.value.rule
    assert desk.case() == before
    assert not any(isinstance(one, MarginCallResponse) for one in desk.told(BUYER.bic))


def test_nobody_else_answers(desk: Desk) -> None:
    desk.hand_in(desk.request())
    with pytest.raises(InvalidInput) as caught:
        desk.hand_in(desk.response(), BUYER.bic)
    assert (caught.value.field, caught.value.value, caught.value.rule) == (
        "AppHdr/Fr",
        BUYER.bic,
        f"{SELLER.bic}, who was called",
    )


def test_an_answer_after_the_deadline_or_the_end(desk: Desk) -> None:
    desk.hand_in(desk.request())
    response = desk.response()
    desk.world.clock.move_to(PAY_BY + timedelta(seconds=1))
    with pytest.raises(InvalidInput) as caught:
        desk.hand_in(response)
    assert (caught.value.field, caught.value.rule) == (CALL_ID, f"a call answered by {PAY_BY.isoformat()}")
    desk.mail.margining.withdraw(*desk.case().key, "an error")
    with pytest.raises(InvalidInput) as caught:
        desk.hand_in(response)
    assert caught.value.rule == "a call that waits for an answer; it is WITHDRAWN"


def test_a_refusal_is_journalled_and_told_to_its_sender_alone(desk: Desk) -> None:
    request = desk.request(amount=euros(70_000))
    desk.hand_in(desk.request())
    message = desk.message(request)
    for _ in range(2):
        with pytest.raises(Conflict):
            desk.mail.submit(message, write(message))
    (rejection,) = [one for one in desk.told(BUYER.bic) if isinstance(one, Rejection)]
    assert (rejection.related_message_id, rejection.code, rejection.location) == (
        message.message_id,
        "InvalidMessage",
        "margin call",
    )
    assert rejection.description == "MC-1: not used before with other content"
    assert desk.kinds() == ["margin called", "refused", "refused"]
    with pytest.raises(InvalidInput):
        desk.hand_in(replace(request, obligation=replace(desk.obligation(), party_a=STRANGER)), STRANGER)
    assert desk.told(STRANGER) == []


def test_nothing_is_concluded_from_no_answer(desk: Desk) -> None:
    def silent(_: str) -> None:
        raise Unavailable("no answer")

    message = desk.message(desk.request())
    desk.world.ledger.before = silent
    with pytest.raises(Unavailable):
        desk.mail.submit(message, write(message))
    assert (desk.book.margin_cases(), desk.kinds(), desk.book.undelivered()) == ([], [], [])
    desk.world.ledger.before = lambda _: None
    assert desk.mail.submit(message, write(message)) == "margin called"


# Files


def folder(desk: Desk, root: Path) -> Path:
    root.mkdir()
    bodies = (desk.request(), desk.response(25_000), desk.response(1), desk.request())
    for place, body in enumerate(bodies):
        (root / f"{place}.xml").write_bytes(write(desk.message(body)))
    return root


def test_files_are_handed_in_in_their_order(desk: Desk, tmp_path: Path) -> None:
    reception = Reception(book=desk.book, market=MARKET, clock=desk.world.clock)
    paths = sorted(folder(desk, tmp_path / "in").iterdir())
    taken = submit_files(reception, paths, margin=lambda: desk.mail)
    assert [one.outcome for one in taken] == ["margin called", "margin answered", "refused", "duplicate"]
    assert {one.reference for one in taken} == {CALL}
    assert taken[2].as_json()["field"] == "answer to margin call"


def test_one_that_breaks_the_schema_is_answered_too(desk: Desk, tmp_path: Path) -> None:
    reception = Reception(book=desk.book, market=MARKET, clock=desk.world.clock)
    good = write(desk.message(desk.request()))
    broken = [
        good.replace(b">600.00<", b">600.001<"),
        good.replace(b"<XpsrTp>REPO", b"<XpsrTp>GOLD").replace(b">M-1<", b">M-2<"),
        good.replace(b"<XpsrTp>REPO", b"<XpsrTp>GOLD").replace(b">M-1<", b">M 3<"),  # an id that no answer can name
    ]
    for place, data in enumerate(broken):
        assert data != good
        (tmp_path / f"{place}.xml").write_bytes(data)
    taken = submit_files(reception, sorted(tmp_path.glob("*.xml")), margin=lambda: desk.mail)
    assert [one.outcome for one in taken] == ["refused"] * 3
    told = desk.told(BUYER.bic)
    assert [one.related_message_id for one in told] == ["M-1", "M-2"]
    path = "Document/MrgnCallReq/MrgnCallRslt/MrgnCallRslt/MrgnCallAmt/DueToPtyA"
    assert (told[0].location, told[0].description) == (path, "600.001: at most 2 decimals for EUR")
    assert told[1].location == "Document/MrgnCallReq/Oblgtn/XpsrTp"
    assert desk.book.margin_cases() == []


def test_a_market_without_a_register_takes_none(desk: Desk, tmp_path: Path) -> None:
    reception = Reception(book=desk.book, market=MARKET, clock=desk.world.clock)
    path = min(folder(desk, tmp_path / "in").iterdir())

    def none() -> MarginMail:
        raise Misconfigured("this market has no collateral register")

    for margin, said in ((None, "none is called for here"), (none, "no collateral register")):
        (taken,) = submit_files(reception, [path], margin=margin)
        assert taken.outcome == "refused"
        assert isinstance(taken.error, LockstepError) and said in str(taken.error)


def test_the_command_hands_them_in(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reception = Reception(book=desk.book, market=MARKET, clock=desk.world.clock)
    opened: list[int] = []

    def mail(_: Any) -> MarginMail:
        opened.append(1)
        return desk.mail

    monkeypatch.setattr(records, "open_reception", lambda _: reception)
    monkeypatch.setattr(margin_desk, "open_margin_mail", mail)
    done = CliRunner().invoke(app, ["submit", str(folder(desk, tmp_path / "in")), "--home", str(tmp_path)])
    assert done.exit_code == 1, done.output  # one was refused
    assert "1 duplicate, 1 margin answered, 1 margin called, 1 refused" in done.output
    assert opened == [1]


def test_a_call_to_a_party_whose_wallet_was_replaced_is_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seller = replace(MARKET.participants[SELLER.lei], wallet="0x" + "77" * 20)
    moved = replace(MARKET, participants={**MARKET.participants, SELLER.lei: seller})
    monkeypatch.setattr(f"{__name__}.MARKET", moved)
    desk.start()
    with pytest.raises(InvalidInput) as caught:
        desk.hand_in(desk.request())
    assert (caught.value.field, caught.value.value) == ("Oblgtn/PtyB/AnyBIC", SELLER.bic)
    desk.world.ledger.succeed(TERMS.giver, seller.wallet)
    desk.world.chain.mine(2)
    assert desk.hand_in(desk.request()) == "margin called"
    assert desk.case().call.called == SELLER.bic
