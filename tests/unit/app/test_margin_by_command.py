"""What `lockstep margin` does, and shows: calls by the register's figures, answers, payments, ends; each again without
effect, and refused by field, value and rule."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from lockstep.app import margin_cases, margin_desk
from lockstep.app.margin_cases import agreement_named
from lockstep.app.margin_desk import Asked, answer, call, pay, resolve, withdraw
from lockstep.cli.commands import app
from lockstep.domain.errors import Conflict, InvalidInput, Misconfigured, Refused, Unavailable
from lockstep.domain.margin_call import CallState
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import CollateralKind, ExposureKind
from lockstep.flow.hearing import heard
from lockstep.flow.margin_mail import MarginMail
from lockstep.flow.margining import Margining
from lockstep.ports import Change
from lockstep.testing.fakes import BUYER, DAY, SELLER, FakeAssetLedger, FakeBook
from margin_world import MARKET, PAY_BY, TERMS, MarginWorld

RUN = CliRunner()


class Office:
    """An installation's margin calls over the fakes. A thousand euros are required, 400.00 of cash are held."""

    def __init__(self, root: Path) -> None:
        self.world = MarginWorld(root)
        self.start()
        self.agreement: str = self.world.agreement
        held = self.world.payment(40_000, call="MC-0")
        self.world.pay(held)
        self.world.settle()
        self.world.count(held)

    def start(self) -> None:
        """A service without records."""
        self.book = FakeBook()
        self.margining = Margining(
            market=MARKET,
            clock=self.world.clock,
            book=self.book,
            assets=FakeAssetLedger(self.world.chain),
            ledger=self.world.ledger,
            cash=self.world.cash,
            board=self.world.board,
        )
        self.mail = MarginMail(margining=self.margining)

    def call(self, call_id: str = "MC-1", **asked: Any) -> MarginCase:
        return call(self.mail, self.agreement, call_id, Asked(**asked))

    def case(self, call_id: str = "MC-1") -> MarginCase:
        return margin_cases.case_named(self.book.margin_cases(), call_id)

    def turn(self) -> None:
        mail = self.world.cash.receive(self.book.cash_cursor())
        if mail:
            self.book.commit(heard(self.book, MARKET, mail, self.world.clock.now()))
        self.margining.run()
        self.world.step()
        self.world.chain.mine()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.world.close()


def test_a_call_for_what_the_register_shows_to_be_short(office: Office) -> None:
    case = office.call()
    assert (case.call.amount.text(), case.call.caller, case.call.called) == ("600.00", BUYER.bic, SELLER.bic)
    assert case.call.deliver_by == PAY_BY
    request = case.request
    assert request is not None and request.exposure is not None and request.held is not None
    assert (request.exposure.text(), request.held.text()) == ("1000.00", "400.00")
    assert request.obligation.valued_at == datetime.fromtimestamp(
        office.world.ledger.state(office.world.agreement).valued_at, UTC
    )
    assert request.agreement.signed_on == DAY  # as opened on the chain
    assert request.collateral == (CollateralKind.CASH, CollateralKind.SECURITIES)
    assert [(one.receiver, one.body) for one in office.book.undelivered()] == [(SELLER.bic, request)]


def test_a_call_as_it_is_asked_for(office: Office) -> None:
    asked = {
        "amount": "12.5",
        "on": DAY + timedelta(days=2),
        "collateral": (CollateralKind.CASH,),
        "exposure_kind": ExposureKind.SECURITIES_LENDING,
        "name": "GMSLA",
        "signed_on": DAY - timedelta(days=9),
    }
    case = office.call(**asked)
    request = case.request
    assert request is not None
    assert (request.amount.amount, request.deliver_on, request.collateral) == (
        1_250,
        DAY + timedelta(days=2),
        (CollateralKind.CASH,),
    )
    assert (request.obligation.exposure_kind.value, request.agreement.name) == ("SLEB", "GMSLA")
    assert request.agreement.signed_on == DAY - timedelta(days=9)


def test_a_return_of_what_is_held_too_much(office: Office) -> None:
    office.world.value(15_000)
    case = office.call("MR-1", is_return=True)
    assert (case.is_return, case.call.amount.text()) == (True, "250.00")
    assert (case.call.caller, case.call.called) == (SELLER.bic, BUYER.bic)


def test_said_again_a_call_is_the_same_and_otherwise_a_conflict(office: Office) -> None:
    first = office.call()
    office.world.value(200_000)  # what would be short now
    assert office.call() == first
    assert office.call(amount="600") == first
    for other in ({"amount": "600.01"}, {"is_return": True}, {"on": DAY + timedelta(days=1)},
                  {"collateral": (CollateralKind.CASH,)}):  # fmt: skip
        with pytest.raises(Conflict):
            office.call(**other)
    assert len(office.book.undelivered()) == 1


@pytest.mark.parametrize(("required", "is_return"), [(40_000, False), (30_000, False), (40_000, True)])
def test_nothing_is_called_where_nothing_is_due(office: Office, required: int, is_return: bool) -> None:
    office.world.value(required)
    with pytest.raises(InvalidInput) as caught:
        office.call(is_return=is_return)
    assert (caught.value.field, caught.value.value) == ("amount", f"required {required}, held 40000")
    assert office.book.margin_cases() == []


def test_no_call_by_figures_that_are_too_old(office: Office) -> None:
    office.world.clock.advance(3_700)
    office.world.chain.mine(3)
    with pytest.raises(Refused) as caught:
        office.call()
    assert caught.value.name == "StaleValuation"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("abc", "8 to 64 hex digits"),
        ("wxyzwxyz", "8 to 64 hex digits"),
        ("0" * 65, "8 to 64 hex digits"),
        ("0" * 64, "an agreement that is open, finally"),
        ("dead0000", "an agreement that is open, finally"),
    ],
)
def test_what_names_no_agreement(office: Office, text: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        agreement_named(office.world.ledger, text)
    assert (caught.value.field, caught.value.value) == ("agreement", text)
    assert rule in caught.value.rule


def test_an_agreement_by_the_beginning_of_its_id(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (office.agreement[:8], office.agreement[:9].upper(), f"0x{office.agreement}"):
        assert agreement_named(office.world.ledger, text) == (office.agreement, TERMS)
    others = [office.world.ledger.agreed(replace(TERMS, salt=salt)) for salt in range(1, 400)]
    office.world.chain.mine(2)
    twin = next(one for one in others if sum(other[:2] == one[:2] for other in others) > 1)
    monkeypatch.setattr(margin_cases, "FEWEST_DIGITS", 2)
    with pytest.raises(InvalidInput) as caught:
        agreement_named(office.world.ledger, twin[:2])
    assert caught.value.rule.startswith("the beginning of one agreement's id, not of ")


def test_a_call_id_under_two_agreements_is_named_by_both(office: Office) -> None:
    office.call()
    first = office.world.agreement
    office.world.agreement = office.world.ledger.agreed(replace(TERMS, salt=7))
    office.agreement = office.world.agreement
    office.world.value(5_000)
    office.call()
    known = office.book.margin_cases()
    with pytest.raises(InvalidInput) as caught:
        margin_cases.case_named(known, "MC-1")
    assert "--agreement" in caught.value.rule
    assert margin_cases.case_named(known, "MC-1", first[:8]).agreement_id == first
    with pytest.raises(InvalidInput):
        margin_cases.case_named(known, "MC-1", "ffff" if first[:4] != "ffff" else "0000")


def test_answered_in_full_in_part_and_never_twice_otherwise(office: Office) -> None:
    office.call()
    with pytest.raises(InvalidInput) as caught:
        answer(office.mail, office.case(), "250")
    assert caught.value.field == "reason"
    disputed = answer(office.mail, office.case(), "250", "due 250.00 here")
    assert (disputed.call.state, disputed.call.owed.text()) == (CallState.DISPUTED, "250.00")
    assert answer(office.mail, disputed, "250.00", "due 250.00 here") == disputed
    with pytest.raises(Conflict):
        answer(office.mail, disputed)
    (to_caller,) = [one.body for one in office.book.undelivered() if one.receiver == BUYER.bic]
    assert (to_caller, to_caller.call_id) == (disputed.response, "MC-1")
    settled = resolve(office.margining, disputed, "400", "by telephone with both")
    assert (settled.call.state, settled.call.owed.text()) == (CallState.AGREED, "400.00")
    office.call("MC-2", amount="1")
    assert answer(office.mail, office.case("MC-2")).call.state is CallState.AGREED


def test_called_answered_paid_and_counted(office: Office) -> None:
    office.call()
    answer(office.mail, office.case(), "250", "due 250.00 here")
    begun = pay(office.margining, office.case())
    assert pay(office.margining, office.case(), "250") == begun
    with pytest.raises(Conflict):
        pay(office.margining, office.case(), "249")
    for _ in range(14):
        office.turn()
    told = margin_cases.shown(office.case(), MARKET)
    assert (told["delivered"], told["open"], told["state"]) == ("250.00", "0.00", "DISPUTED")
    assert told["payment"] == {"amount": "250.00", "attempt": 1, "pay_by": PAY_BY.isoformat(), "counted": True}
    assert office.world.ledger.state(office.world.agreement).credit == 65_000


def test_after_the_records_are_lost_nothing_is_paid_twice(office: Office) -> None:
    said = office.call().request
    pay(office.margining, office.case())
    for _ in range(14):
        office.turn()
    assert (office.case().is_counted, len(office.world.rtgs.booked)) == (True, 2)  # with the one of before
    office.start()
    assert office.book.margin_cases() == []
    office.world.value(100_000)
    assert said is not None
    again = office.call(amount="600")  # the valuation is another: so is its content, and nobody has the first
    pay(office.margining, again)
    for _ in range(14):
        office.turn()
    assert (office.case().call.state, office.case().is_counted) == (CallState.DELIVERED, True)
    assert len(office.world.rtgs.booked) == 2
    assert office.world.ledger.state(office.world.agreement).credit == 100_000


def test_taken_back_once(office: Office) -> None:
    office.call()
    assert withdraw(office.margining, office.case(), "an error").call.state is CallState.WITHDRAWN
    with pytest.raises(InvalidInput) as caught:
        withdraw(office.margining, office.case(), "an error")
    assert caught.value.rule == "a call that has not ended; it is WITHDRAWN"


def test_a_call_that_the_service_keeps_moving_is_said_again_a_few_times(office: Office) -> None:
    office.call()
    tries = []

    def moved(change: Change) -> None:
        tries.append(change)
        raise Conflict("margin call version", "moved")

    office.book.commit = moved
    with pytest.raises(Unavailable):
        pay(office.margining, office.case())
    assert len(tries) == margin_desk.TRIES


# The command


@pytest.fixture
def run(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(margin_desk, "open_margin_mail", lambda _: office.mail)
    monkeypatch.setattr(margin_cases, "open_book", lambda _: office.book)
    monkeypatch.setattr("lockstep.cli.margin.Home", lambda _: SimpleNamespace(market=lambda: MARKET))

    def invoke(*arguments: str) -> Any:
        return RUN.invoke(app, ["margin", *arguments, "--home", str(tmp_path)])

    return invoke


def test_a_day_by_the_command(office: Office, run: Any) -> None:
    assert run("list").output == "there are no margin calls\n"
    done = run("call", office.agreement[:8], "MC-1", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["state"], told["amount"], told["agreed"], told["payment"]) == ("ISSUED", "600.00", None, None)
    assert told["collateral"] == ["CASH", "SECU"]
    done = run("answer", "MC-1", "--agreed", "250.00", "--reason", "due 250.00 here")
    assert done.exit_code == 0, done.output
    assert "MC-1  DISPUTED" in done.output and "agreed 250.00, disputed 350.00" in done.output
    assert run("resolve", "MC-1", "600", "--reason", "by telephone").exit_code == 0
    done = run("pay", "MC-1")
    assert "paying 600.00 in cash by 2026-11-23T16:00:00+00:00: attempt 1" in done.output
    for _ in range(14):
        office.turn()
    done = run("show", "MC-1")
    assert "DELIVERED" in done.output and "counted by the register" in done.output
    history = json.loads(run("show", "MC-1", "--json").output)["history"]
    kinds = ["margin called", "margin answered", "margin resolved", "margin payment intended"]
    assert [one["kind"] for one in history][:4] == kinds
    assert history[2]["facts"] == {"agreed": "600.00 EUR", "reason": "by telephone"}
    done = run("list")
    assert "MC-1" in done.output and "600.00 EUR" in done.output and "DELIVERED" in done.output
    assert json.loads(run("list", "--open", "--json").output) == {"calls": []}


def test_returned_and_taken_back_by_the_command(office: Office, run: Any) -> None:
    done = run("call", office.agreement, "MR-1", "--return", "--amount", "5", "--on", "2026-11-24",
               "--collateral", "CASH", "--exposure", "OTCD", "--name", "CSA", "--signed-on", "2026-01-02")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert f"{SELLER.bic} calls {BUYER.bic}" in done.output
    assert "return of 5.00 EUR by 2026-11-24T16:00:00+00:00" in done.output
    done = run("withdraw", "MR-1", "--reason", "an error")
    assert "MR-1  WITHDRAWN" in done.output and "reason: an error" in done.output


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("call", "dead0000", "MC-1"), "agreement"),
        (("call", "{}", "MC 1"), "call"),
        (("call", "{}", "MC-1", "--on", "tomorrow"), "--on"),
        (("call", "{}", "MC-1", "--collateral", "GOLD"), "--collateral"),
        (("call", "{}", "MC-1", "--exposure", "BETS"), "--exposure"),
        (("call", "{}", "MC-1", "--amount", "1.001"), "amount"),
        (("answer", "MC-9"), "call"),
        (("show", "MC-9"), "call"),
    ],
)
def test_what_a_command_may_not_say(office: Office, run: Any, arguments: tuple[str, ...], field: str) -> None:
    done = run(*(one.format(office.agreement) for one in arguments))
    assert isinstance(done.exception, InvalidInput), done.output
    assert done.exception.field == field
    assert office.book.margin_cases() == []


def test_without_a_register_there_is_no_margin() -> None:
    network = replace(MARKET.network, collateral=None)
    home = SimpleNamespace(market=lambda: replace(MARKET, network=network))
    with pytest.raises(Misconfigured, match="no collateral register"):
        margin_desk.register_ledger(home)
