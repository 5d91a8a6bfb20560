"""The agent's step: releases once what is locked and final, signs once what is decided, and survives."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agent_cases import AT, CREDITOR, DEBTOR, NETWORK, SETTLEMENT, notice, order, payment, report
from agent_desk import HERE, KEYS, NEVER, ORDER, PAID, Desk, said

from lockstep.agent import DirectoryBoard
from lockstep.domain.errors import ContractRefused, InvalidInput, Misconfigured, Refused, Unavailable
from lockstep.domain.identifiers import derive_message_id
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.order import AssetStatus, AssetView, Epoch, OutcomeResult
from lockstep.domain.payment import PaymentState, Release, Resolution, ResolutionStatus
from lockstep.ports import Unreadable
from lockstep.signing import settlement_id, verify
from lockstep.testing.fakes import (
    AGENTS,
    BUYER,
    RTGS,
    SELLER,
    key,
)


def test_release_once_the_lock_is_final(desk: Desk) -> None:
    desk.tell(said(PaymentState.HELD))
    desk.agent.step()
    assert desk.cash.sent == [] and desk.steps() == [], "no lock: time may mend it"
    desk.lock(blocks=1)
    desk.agent.step()
    assert desk.cash.sent == [], "not final"
    desk.chain.mine()
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    assert desk.agent.step()
    (message,) = desk.cash.sent
    assert message.body == Release(uetr=payment(HERE).uetr, settlement_id=HERE)
    assert message.message_id == derive_message_id(AGENTS[0], HERE, "camt.007")
    assert (message.sender, message.receiver, desk.steps()) == (AGENTS[0], RTGS, [("released", "")])
    desk.agent.step()
    assert not desk.agent.step() and len(desk.cash.sent) == 1, "once"
    desk.start().step()
    assert desk.cash.sent == [message], "and once more after a restart, the same to the byte"
    assert desk.steps() == [("released", "")]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_release_without_an_answer_is_sent_again(desk: Desk, moment: str) -> None:
    desk.lock()
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    setattr(desk.cash, moment, lambda name: gone() if name == "send" else None)
    for _ in range(3):
        desk.agent.step()
    assert desk.steps() == []
    setattr(desk.cash, moment, lambda _: None)
    desk.agent.step()
    assert desk.steps() == [("released", "")]
    assert desk.rtgs.payments[HERE].released_by == {AGENTS[0]}


def gone() -> None:
    raise Unavailable("nobody answers")


def test_a_release_that_is_refused(desk: Desk) -> None:
    desk.lock()
    desk.tell(said(PaymentState.HELD))
    desk.agent.step()
    assert desk.steps() == [("release refused", f"PaymentUnknown(uetr={payment(HERE).uetr})")]
    desk.agent.step()
    assert len(desk.cash.sent) == 2 and len(desk.steps()) == 1, "a passing refusal: tried again, noted once"
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    desk.agent.step()
    assert desk.steps()[-1] == ("released", "") and desk.rtgs.payments[HERE].released_by == {AGENTS[0]}


def test_a_release_refused_as_ended_is_not_sent_again(desk: Desk) -> None:
    desk.lock()
    desk.tell(said(PaymentState.HELD))
    desk.cash.before = lambda name: refuse("PaymentEnded") if name == "send" else None
    asked: list[str] = []
    desk.assets.before = asked.append
    desk.agent.step()
    assert desk.steps() == [("release refused", "PaymentEnded()")]
    asked.clear()
    assert not desk.agent.step() and "history" not in asked, "not even looked at"


def refuse(name: str) -> None:
    raise Refused(name)


@pytest.mark.parametrize("state", [PaymentState.PENDING, PaymentState.BOOKED, PaymentState.REJECTED])
def test_nothing_to_release(desk: Desk, state: PaymentState) -> None:
    desk.lock()
    desk.tell(said(state))
    desk.agent.step()
    assert desk.cash.sent == []


def test_no_release_for_other_terms(desk: Desk) -> None:
    desk.lock()
    wrong = payment(HERE, amount=Money(currency="EUR", amount=1))
    desk.tell(said(PaymentState.HELD, payment=wrong))
    desk.agent.step()
    desk.agent.step()
    assert desk.cash.sent == []
    ((kind, detail),) = desk.steps()
    assert kind == "refused" and detail.startswith("CashTermsDiffer(")


@pytest.mark.parametrize(
    ("bodies", "result"),
    [
        ((said(PaymentState.BOOKED), notice(HERE)), PAID),
        ((notice(HERE), said(PaymentState.BOOKED)), PAID),
        ((said(PaymentState.REJECTED),), NEVER),
        ((said(PaymentState.HELD), said(PaymentState.CANCELLED)), NEVER),
    ],
)
def test_sign(desk: Desk, bodies: tuple[Any, ...], result: OutcomeResult) -> None:
    desk.tell(*bodies)
    desk.agent.step()
    assert desk.signed() == [], "no lock on its own node"
    desk.lock(blocks=1)
    desk.agent.step()
    assert desk.signed() == [], "not final"
    desk.chain.mine()
    assert desk.agent.step()
    (attestation,) = desk.board.attestations(HERE)
    assert attestation.result is result
    verify(attestation, desk.chain.current_epoch, NETWORK)
    assert desk.register.all() == [attestation] and ("published", result.name) in desk.steps()
    assert not desk.agent.step()


def test_a_tombstone_without_a_payment(desk: Desk) -> None:
    desk.lock()
    desk.tell(
        Resolution(
            case_id="C",
            uetr=payment(HERE).uetr,
            settlement_id=HERE,
            salt="0f" * 16,
            status=ResolutionStatus.CANCELLED,
            decided_at=AT,
        )
    )
    desk.agent.step()
    assert desk.signed() == [NEVER]


def test_half_a_story_is_no_story(desk: Desk) -> None:
    desk.lock()
    for body in (said(PaymentState.BOOKED), said(PaymentState.BOOKED)):
        desk.tell(body)
        desk.agent.step()
    assert desk.signed() == [] and desk.register.all() == []
    desk.tell(notice(HERE))
    desk.agent.step()
    assert desk.signed() == [PAID]


CONTRADICTIONS = [
    (said(PaymentState.HELD), said(PaymentState.HELD, payment=payment(HERE, salt="00" * 16))),
    (said(PaymentState.BOOKED), said(PaymentState.REJECTED)),
    (said(PaymentState.REJECTED), notice(HERE)),
    (notice(HERE, amount=Money(currency="EUR", amount=1)), said(PaymentState.BOOKED)),
]


@pytest.mark.parametrize("bodies", CONTRADICTIONS)
def test_contradictory_mail_stops_the_settlement(desk: Desk, bodies: tuple[Any, ...]) -> None:
    desk.lock()
    desk.tell(*bodies)
    for _ in range(3):
        desk.agent.step()
    assert desk.cash.sent == [] and desk.signed() == [] and desk.register.all() == []
    assert len(desk.steps()) == 1 and desk.steps()[0][1].startswith("Contradiction(")
    desk.start()
    desk.agent.step()
    assert desk.cash.sent == [] and desk.signed() == [], "also after a restart"


def test_contradiction_after_signing(desk: Desk) -> None:
    """What was signed stays signed; the other outcome is never signed beside it."""
    desk.lock()
    desk.tell(said(PaymentState.BOOKED), notice(HERE))
    desk.agent.step()
    desk.tell(said(PaymentState.REJECTED))
    for _ in range(2):
        desk.agent.step()
    assert desk.signed() == [PAID]
    assert any(detail.startswith("Contradiction(") for _, detail in desk.steps())


def test_sign_once_across_a_lost_mailbox(desk: Desk) -> None:
    """The RTGS's mail is restored with another story: the register refuses."""
    desk.lock()
    desk.tell(said(PaymentState.BOOKED), notice(HERE))
    desk.agent.step()
    desk.rtgs.mail[AGENTS[0]].clear()
    desk.tell(said(PaymentState.REJECTED))
    desk.start()
    for _ in range(3):
        desk.agent.step()
    assert desk.signed() == [PAID] and [one.result for one in desk.register.all()] == [PAID]


def test_a_restart_publishes_again(desk: Desk, tmp_path: Path) -> None:
    desk.lock()
    desk.tell(said(PaymentState.BOOKED), notice(HERE))
    desk.agent.step()
    (before,) = desk.board.attestations(HERE)
    desk.board = DirectoryBoard(tmp_path / "a new board")
    desk.start().step()
    assert desk.board.attestations(HERE) == [before]


def test_dead_between_register_and_board(desk: Desk) -> None:
    desk.lock()
    desk.tell(said(PaymentState.BOOKED), notice(HERE))
    desk.register._on_commit = lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        desk.agent.step()
    assert desk.signed() == []
    desk.start().step()
    assert desk.signed() == [PAID]


def test_one_bad_settlement_holds_up_no_other(desk: Desk) -> None:
    desk.lock()
    other = settlement_id(order(5), NETWORK)
    desk.tell(report(PaymentState.HELD, other), report(PaymentState.BOOKED, SETTLEMENT), said(PaymentState.REJECTED))
    desk.agent.step()
    assert desk.signed() == [NEVER]


def test_unreadable_mail_is_passed_over(desk: Desk) -> None:
    desk.lock()
    desk.rtgs.mail[AGENTS[0]].append(Unreadable(data=b"?", error=InvalidInput("root", "?", "XML")))
    desk.tell(said(PaymentState.REJECTED))
    assert desk.agent.step()
    assert desk.signed() == [NEVER]
    assert not desk.agent.step(), "read once"


@pytest.mark.parametrize("method", ["history", "epoch"])
def test_a_silent_node_is_waited_for(desk: Desk, method: str) -> None:
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    desk.assets.before = lambda name: gone() if name == method else None
    desk.agent.step()
    assert desk.signed() == [] and desk.steps() == []
    desk.assets.before = lambda _: None
    desk.agent.step()
    assert desk.signed() == [NEVER]


def test_a_silent_rtgs_is_waited_for(desk: Desk) -> None:
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    desk.cash.before = lambda _: gone()
    assert not desk.agent.step()
    desk.cash.before = lambda _: None
    assert desk.agent.step() and desk.signed() == [NEVER]


def test_an_rtgs_that_refuses_the_mailbox_stops_nobody(desk: Desk) -> None:
    """A wrong key is not a reason to die: the agent stays up, and says so."""
    desk.cash.before = lambda _: (_ for _ in ()).throw(Refused("NotAuthorised"))
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    with suppress(Unavailable):
        assert not desk.agent.step()
    desk.cash.before = lambda _: None
    desk.agent.step()
    assert desk.signed() == [NEVER]


def test_more_mail_than_a_page(desk: Desk) -> None:
    desk.lock()
    for _ in range(250):
        desk.tell(said(PaymentState.HELD))
    desk.tell(said(PaymentState.BOOKED), notice(HERE))
    for _ in range(3):
        desk.agent.step()
    assert desk.signed() == [PAID]


def test_messages_of_other_kinds(desk: Desk) -> None:
    desk.tell(Release(uetr=payment(HERE).uetr, settlement_id=HERE), payment(HERE))
    desk.agent.step()
    assert desk.signed() == [] and desk.cash.sent == [] and CREDITOR != DEBTOR
    assert isinstance(desk.rtgs.mail[AGENTS[0]][0], Message)


# --- epochs


NEW_KEY = key("a0 of epoch 2")


def next_epoch() -> Epoch:
    """Epoch 2: the first agent under a new key, the second gone, a stranger in its place."""
    agents = (NEW_KEY, key("joined"), *KEYS[2:])
    ascending = tuple(sorted((one.address for one in agents), key=lambda one: int(one, 16)))
    return Epoch(number=2, agents=ascending, quorum=3)


@pytest.mark.parametrize("told", [(said(PaymentState.REJECTED),), (said(PaymentState.BOOKED), notice(HERE))])
def test_what_was_locked_before_a_rotation_is_proved_by_the_epoch_of_then(desk: Desk, told: tuple[Any, ...]) -> None:
    desk.lock()
    desk.chain.rotate(next_epoch())
    desk.chain.mine(3)
    desk.agent = replace(desk.agent, key=NEW_KEY, other_keys=(KEYS[0],))
    desk.tell(*told)
    desk.agent.step()
    (attestation,) = desk.board.attestations(HERE)
    assert (attestation.agent, attestation.epoch) == (KEYS[0].address, 1)
    verify(attestation, desk.chain.epochs[1], NETWORK)


def test_what_is_locked_after_it_is_proved_under_the_new_key(desk: Desk) -> None:
    desk.chain.rotate(next_epoch())
    later = replace(ORDER, movement=replace(ORDER.movement, epoch=2))
    there = settlement_id(later, NETWORK)
    digest = bytes.fromhex(there)
    desk.chain.lock(later, key(SELLER.bic).sign(digest), key(BUYER.bic).sign(digest))
    desk.chain.mine(3)
    desk.agent = replace(desk.agent, key=NEW_KEY, other_keys=(KEYS[0],))
    desk.tell(report(PaymentState.REJECTED, there))
    desk.agent.step()
    (attestation,) = desk.board.attestations(there)
    assert (attestation.agent, attestation.epoch) == (NEW_KEY.address, 2)
    verify(attestation, desk.chain.epochs[2], NETWORK)


def test_an_agent_that_joined_later_leaves_older_locks_alone(desk: Desk) -> None:
    """It releases nothing that it could not prove, and says so once."""
    desk.lock()
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    desk.chain.rotate(next_epoch())
    desk.agent = replace(desk.agent, key=key("joined"))
    for _ in range(3):
        desk.agent.step()
    assert desk.cash.sent == [] and desk.signed() == []
    ((kind, detail),) = desk.steps()
    assert kind == "refused" and detail.startswith("NotInEpoch(") and detail.endswith("an agent of epoch 1)")


def test_a_rotation_changes_nothing_that_was_signed(desk: Desk) -> None:
    """The contract takes the old epoch's word for the old epoch's locks: nothing is signed twice."""
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    desk.agent.step()
    (before,) = desk.board.attestations(HERE)
    desk.chain.rotate(next_epoch())
    desk.agent = replace(desk.agent, key=NEW_KEY, other_keys=(KEYS[0],))
    for _ in range(3):
        desk.agent.step()
    assert desk.register.all() == [before] and desk.board.attestations(HERE) == [before]


# --- what the review found


def test_no_release_while_events_and_state_disagree(desk: Desk) -> None:
    """Finding 16: logs are read by number; the contract's own state at the final block must say the same."""
    desk.lock()
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    view = desk.assets.view
    for status in (AssetStatus.NONE, AssetStatus.SETTLED, AssetStatus.GIVEN_BACK, AssetStatus.PAID):
        seen = AssetView(head=AssetStatus.LOCKED, final=status, final_time=0)
        desk.assets.view = lambda *_, seen=seen: seen
        desk.agent.step()
        assert desk.cash.sent == []
    desk.assets.view = view
    desk.agent.step()
    assert desk.steps() == [("released", "")]


def test_a_trades_second_lock_is_not_released(desk: Desk) -> None:
    """Findings 2 to 4: the trade's first lock stands in the way, until it is given back, finally."""
    first = replace(ORDER, movement=replace(ORDER.movement, nonce=9))
    digest = bytes.fromhex(settlement_id(first, NETWORK))
    desk.chain.lock(first, key(SELLER.bic).sign(digest), key(BUYER.bic).sign(digest))
    desk.lock()
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    desk.agent.step()
    assert desk.cash.sent == [] and desk.steps()[0][1].startswith("TradeOpenElsewhere(")
    desk.chain.append("GivenBack", settlement_id(first, NETWORK), first)
    desk.agent.step()
    assert desk.cash.sent == [], "not final"
    desk.chain.mine(2)
    desk.agent.step()
    assert desk.steps()[-1] == ("released", "")


def test_a_trades_first_lock_is_released_whatever_comes_after(desk: Desk) -> None:
    desk.lock()
    second = replace(ORDER, movement=replace(ORDER.movement, nonce=9))
    digest = bytes.fromhex(settlement_id(second, NETWORK))
    desk.chain.lock(second, key(SELLER.bic).sign(digest), key(BUYER.bic).sign(digest))
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    desk.agent.step()
    assert desk.steps() == [("released", "")]


@pytest.mark.parametrize(
    ("state", "result"), [(PaymentState.BOOKED, OutcomeResult.PAID), (PaymentState.REJECTED, OutcomeResult.NEVER)]
)
def test_an_outcome_is_signed_while_the_trades_earlier_lock_is_in_doubt(
    desk: Desk, state: PaymentState, result: OutcomeResult
) -> None:
    """A reorganisation took that lock below finality: nothing of the trade is released, what is decided is signed."""

    def in_doubt(name: str) -> None:
        if name == "settlements_of":
            raise Unavailable("Locked was final, a reorganisation took it, and it is not there again, finally")

    desk.lock()
    desk.assets.before = in_doubt
    desk.tell(said(PaymentState.HELD))
    desk.agent.step()
    assert (desk.cash.sent, desk.signed()) == ([], [])
    desk.tell(said(state), *([notice(HERE)] if state is PaymentState.BOOKED else []))
    desk.agent.step()
    assert desk.signed() == [result]


@pytest.mark.parametrize("method", ["history", "epoch", "settlements_of", "view"])
@pytest.mark.parametrize("error", [Misconfigured("no DvP answers"), ContractRefused("UnknownRevert", {})])
def test_a_node_out_of_its_mind_kills_no_agent(desk: Desk, method: str, error: Exception) -> None:
    """Finding 13: noted once, tried again; the settlements that can be attended to are."""
    desk.lock()
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    desk.assets.before = lambda name: (_ for _ in ()).throw(error) if name == method else None
    for _ in range(3):
        desk.agent.step()
    assert desk.cash.sent == [] and len(desk.steps()) == 1
    desk.assets.before = lambda _: None
    desk.agent.step()
    assert desk.steps()[-1] == ("released", "")


def test_what_clears_the_board_is_made_good_at_the_next_step(desk: Desk) -> None:
    """Finding 5 (a3b): until the chain shows the settlement ended, finally; without a restart."""
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    desk.agent.step()
    (file,) = (desk.path.parent / "board" / HERE).glob("*.json")
    for _ in range(2):
        file.unlink()
        desk.agent.step()
        assert desk.signed() == [NEVER]
    desk.chain.append("GivenBack", HERE, ORDER)
    file.unlink()
    desk.agent.step()
    assert desk.signed() == [NEVER], "not final"
    desk.chain.mine(2)
    desk.agent.step()
    file.unlink()
    desk.agent.step()
    assert desk.signed() == [], "over: nobody needs it any more"


def test_a_node_out_of_its_mind_kills_no_agent_that_has_signed(desk: Desk) -> None:
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    desk.agent.step()
    desk.assets.before = lambda _: (_ for _ in ()).throw(Misconfigured("no DvP answers"))
    desk.agent.step()


def test_an_rtgs_that_answers_nonsense_kills_no_agent(desk: Desk) -> None:
    desk.cash.before = lambda _: (_ for _ in ()).throw(InvalidInput("mail", "<html>", "JSON"))
    desk.agent.step()


def test_a_lock_that_goes_between_two_looks_kills_no_agent(desk: Desk) -> None:
    desk.lock()
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    desk.assets.before = lambda name: desk.chain.mined.clear() if name == "settlements_of" else None
    desk.agent.step()
