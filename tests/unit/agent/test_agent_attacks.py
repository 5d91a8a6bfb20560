"""What a second look tried: pages that part a story, a board that anybody writes, strangers' mail, what only grows."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from agent_cases import AT, CREDITOR, NETWORK, SALT, notice, order, payment, report
from agent_desk import HERE, KEYS, NEVER, PAID, Desk, said

from lockstep.agent import DirectoryBoard, Register
from lockstep.agent.keeping import WINDOW, keep_logs
from lockstep.domain.errors import ContractRefused, Contradiction, Misconfigured, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.order import Attestation, Epoch, LogEntry, OutcomeResult
from lockstep.domain.payment import NeverRequest, PaymentState, Resolution, ResolutionStatus
from lockstep.domain.statement import Entry, Statement
from lockstep.signing import log_digest, outcome_digest, settlement_id
from lockstep.testing.fakes import AGENTS, SERVICE, FakeBoard, key

US, PEER = KEYS[0], KEYS[1]


def end(desk: Desk, name: str, *settlements: SettlementId) -> None:
    orders = {one.settlement_id: one.order for one in desk.chain.mined}
    for settlement in settlements:
        desk.chain.append(name, settlement, orders[settlement])
    desk.chain.mine(2)


def resolved(status: ResolutionStatus) -> Resolution:
    return Resolution(case_id="C", uetr=payment(HERE).uetr, settlement_id=HERE, salt=SALT, status=status, decided_at=AT)


# --- the order of mail


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((said(PaymentState.REJECTED),), (said(PaymentState.BOOKED), notice(HERE))),
        ((said(PaymentState.BOOKED), notice(HERE)), (said(PaymentState.REJECTED),)),
    ],
)
@pytest.mark.parametrize("between", [199, 11_000])
def test_the_half_of_a_contradiction_is_no_story(desk: Desk, first: Any, second: Any, between: int) -> None:
    """The mailbox is read in pages, and again after each restart: a page's end must not part what belongs together."""
    desk.lock()
    desk.tell(*first)
    mail = desk.rtgs.mail[AGENTS[0]]
    other = report(PaymentState.HELD, settlement_id(order(7), NETWORK))
    desk.tell(other)
    mail.extend([mail[-1]] * between)
    desk.tell(*second)
    for _ in range(2):
        while desk.agent.step():
            pass
        assert desk.signed() == [] and desk.register.all() == []
        desk.start()


def test_a_cancellation_that_was_refused_is_no_outcome(desk: Desk) -> None:
    desk.lock()
    desk.tell(said(PaymentState.HELD), resolved(ResolutionStatus.REFUSED))
    desk.agent.step()
    assert desk.signed() == []


def statement(*amounts: int) -> Statement:
    """One that shows bookings for the settlement, of these amounts."""
    entries = tuple(
        Entry(
            posting=number,
            amount=Money(currency="EUR", amount=amount),
            credit=True,
            booked_at=AT,
            uetr=payment(HERE).uetr,
            settlement_id=HERE,
            salt=SALT,
        )
        for number, amount in enumerate(amounts, 1)
    )
    zero = Money(currency="EUR", amount=0)
    return Statement(
        statement_id="S",
        sequence=1,
        account=CREDITOR,
        since=AT,
        until=AT + timedelta(hours=1),
        opening=zero,
        closing=replace(zero, amount=sum(amounts)),
        entries=entries,
    )


def test_a_statement_alone_proves_nothing_and_completes_a_story(desk: Desk) -> None:
    desk.lock()
    desk.tell(statement(payment(HERE).amount.amount))
    desk.agent.step()
    assert desk.signed() == []
    desk.tell(said(PaymentState.BOOKED))
    desk.agent.step()
    assert desk.signed() == [PAID]


@pytest.mark.parametrize("amounts", [(1,), (99_000, 1)])
def test_a_statement_that_invents_stops_the_settlement(desk: Desk, amounts: tuple[int, ...]) -> None:
    desk.lock()
    desk.tell(statement(*amounts), said(PaymentState.BOOKED), notice(HERE))
    for _ in range(2):
        desk.agent.step()
    assert desk.signed() == []


@pytest.mark.parametrize("bodies", [(said(PaymentState.REJECTED),), (said(PaymentState.BOOKED), notice(HERE))])
def test_the_rtgs_alone_is_believed(desk: Desk, bodies: tuple[Any, ...]) -> None:
    """A drop's folder, or a line that carries others' mail too: who is not the RTGS has said nothing."""
    desk.lock()
    for place, body in enumerate(bodies):
        desk.rtgs.mail[AGENTS[0]].append(
            Message(sender=SERVICE, receiver=AGENTS[0], message_id=f"X{place}", created=AT, body=body)
        )
    for _ in range(2):
        desk.agent.step()
    assert desk.signed() == [] and desk.register.all() == []


# --- the board is anybody's


def attested(result: OutcomeResult, signer: Any, settlement: SettlementId) -> Attestation:
    digest = outcome_digest(settlement, result, 1, NETWORK)
    return Attestation(
        settlement_id=settlement, result=result, epoch=1, agent=signer.address, signature=signer.sign(digest)
    )


def lines(signer: Any, count: int) -> list[LogEntry]:
    made, head = [], "0" * 64
    for number in range(1, count + 1):
        one = attested(NEVER, signer, SettlementId(f"{number:064x}"))
        digest = log_digest(number, head, one, NETWORK)
        made.append(LogEntry(number=number, previous=head, attestation=one, signature=signer.sign(digest)))
        head = digest.hex()
    return made


STRANGE: list[Any] = [5, None, [], {}, True, "", "zz", "\ud800", "ab" * 31, "AB" * 32, 10**300]


@pytest.mark.parametrize("strange", STRANGE, ids=lambda one: ascii(one)[:12])
@pytest.mark.parametrize("field", ["settlement_id", "previous", "epoch", "agent"])
def test_no_file_kills_an_agent(desk: Desk, field: str, strange: Any) -> None:
    """Under its own name where it looks at its start, and in another agent's log."""
    for signer in (US, PEER):
        (line,) = lines(signer, 1)
        one = line.attestation
        said_by_it: dict[str, Any] = {
            "settlement_id": one.settlement_id,
            "result": "NEVER",
            "epoch": 1,
            "agent": one.agent,
            "signature": one.signature.hex(),
        }
        whole: dict[str, Any] = {
            "number": 1,
            "previous": line.previous,
            "attestation": said_by_it,
            "log_signature": line.signature.hex(),
        }
        (whole if field == "previous" else said_by_it)[field] = strange
        board = desk.root / "board"
        for path, content in (
            (board / ("ab" * 32) / f"{one.agent}.json", said_by_it),
            (board / "logs" / one.agent / "1.json", whole),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    for _ in range(12):
        desk.agent.step()
    assert desk.signed() in ([NEVER], [])
    assert strange is True or desk.register.kept(PEER.address) == [], "True is 1 to Python, and to JSON's reader"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    board = DirectoryBoard(tmp_path / "board")
    one = attested(PAID, US, HERE)
    board.publish(one)
    (file,) = (tmp_path / "board" / HERE).iterdir()
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    assert board.attestations(HERE) == []
    board.publish(one)
    assert board.attestations(HERE) == [one] and not file.is_symlink()


def test_a_folder_that_is_a_link_is_not_written_to(tmp_path: Path) -> None:
    """A log's folder that leads into another agent's log: nothing of that one is written over."""
    board = DirectoryBoard(tmp_path)
    theirs, ours = lines(PEER, 1)[0], lines(US, 1)[0]
    board.enter(theirs)
    (tmp_path / "logs" / US.address).symlink_to(tmp_path / "logs" / PEER.address)
    for replaced in (False, True):
        with suppress(Unavailable):
            board.enter(ours, replace=replaced)
    assert board.log_entry(PEER.address, 1) == theirs


def test_a_file_that_becomes_a_pipe_hangs_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the name and the opening of it."""
    board = DirectoryBoard(tmp_path)
    folder = tmp_path / HERE
    folder.mkdir()
    os.mkfifo(folder / "0x01.json")
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    assert board.attestations(HERE) == []


@pytest.mark.parametrize("spoilt", ["deleted", "junk", "another's line"])
@pytest.mark.parametrize("at", [1, 7, 60])
def test_any_line_of_anothers_log_is_put_back(tmp_path: Path, spoilt: str, at: int) -> None:
    """Who comes from a backup needs all lines after it, not the last one only."""
    board, register = DirectoryBoard(tmp_path / "board"), Register(tmp_path / "r.db")
    made = lines(PEER, 120)
    for one in made:
        board.enter(one)

    def look(number: int) -> list[tuple[SettlementId, str]]:
        return keep_logs(register, board, [PEER.address], NETWORK, longest=120, look=number)

    assert look(0) == [] and register.last_kept(PEER.address) == 120
    file = tmp_path / "board" / "logs" / PEER.address / f"{at}.json"
    if spoilt == "deleted":
        file.unlink()
    elif spoilt == "junk":
        file.write_text("{}")
    else:
        file.write_text((file.parent / "2.json").read_text())
    looks = -(-120 // WINDOW)
    assert [look(number) for number in range(looks)] == [[]] * looks
    assert board.log_entry(PEER.address, at) == made[at - 1]
    register.close()


def test_a_log_is_as_long_as_there_are_locks(tmp_path: Path) -> None:
    """One agent's key in wrong hands signs lines without end: no other agent's disk is filled by them."""
    register, board = Register(tmp_path / "r.db"), FakeBoard()
    for one in lines(PEER, 9):
        board.enter(one)
    for look, longest in ((0, 0), (1, 4), (2, 4)):
        assert keep_logs(register, board, [PEER.address], NETWORK, longest=longest, look=look) == []
        assert register.last_kept(PEER.address) == longest
    register.close()


def test_an_agent_that_left_is_kept_on(desk: Desk) -> None:
    """After a rotation the agents of before still prove their own locks: their logs are still worth keeping."""
    desk.lock()
    line = lines(PEER, 1)[0]
    desk.board.enter(line)
    later = tuple(sorted((key(f"new {place}").address for place in range(4)), key=lambda one: int(one, 16)))
    desk.chain.rotate(Epoch(number=2, agents=later, quorum=3))
    desk.agent.step()
    assert desk.register.kept(PEER.address) == [line]


def test_another_copys_line_over_ours_silences(desk: Desk) -> None:
    """Two copies that each found junk in the place both wrote: the one whose line went sees it at its next look."""
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    desk.agent.step()
    other = attested(PAID, US, desk.lock_another(3))
    digest = log_digest(1, "0" * 64, other, NETWORK)
    line = LogEntry(number=1, previous="0" * 64, attestation=other, signature=US.sign(digest))
    desk.board.enter(line, replace=True)
    for _ in range(11):
        desk.agent.step()
    assert any(kind == "silent" and "another copy" in detail for kind, detail in desk.steps())
    with pytest.raises(Contradiction):
        desk.agent._logs[0].recover()


@pytest.mark.parametrize("method", ["history", "epoch", "view"])
@pytest.mark.parametrize("error", [Misconfigured("no DvP answers"), ContractRefused("UnknownRevert", {})])
def test_a_node_out_of_its_mind_kills_no_agent_that_asks(desk: Desk, method: str, error: Exception) -> None:
    """Where nothing came for a lock, and it is time to ask."""
    desk.lock()
    desk.agent.step()
    desk.clock.advance(24 * 3_600)
    desk.chain.mine(3)

    def fail(name: str) -> None:
        if name == method:
            raise error

    desk.assets.before = fail
    for _ in range(3):
        desk.agent.step()
        desk.clock.advance(3_600)
    assert not any(isinstance(one.body, NeverRequest) for one in desk.cash.sent)


# --- clocks


def test_a_clock_that_goes_back_prolongs_no_silence(desk: Desk) -> None:
    desk.lock()
    desk.board.publish(attested(PAID, US, SettlementId("ab" * 32)))
    assert not desk.agent.step() and desk.steps()[-1][0] == "silent"
    for file in (desk.root / "board" / ("ab" * 32)).iterdir():
        file.unlink()
    desk.clock._now -= timedelta(days=1)
    desk.tell(said(PaymentState.REJECTED))
    assert desk.agent.step() and desk.signed() == [NEVER]


# --- what only grows


def test_what_is_over_costs_nothing(desk: Desk) -> None:
    """Neither memory, but for its name, nor a question."""
    settlements = [desk.lock_another(number) for number in range(1, 6)]
    for one in settlements:
        desk.tell(report(PaymentState.HELD, one), report(PaymentState.BOOKED, one), notice(one))
    desk.agent.step()
    assert len(desk.register.all()) == 5
    end(desk, "Settled", *settlements)
    desk.agent.step()
    asked: list[str] = []
    desk.assets.before = asked.append
    for _ in range(20):
        desk.agent.step()
    assert "history" not in asked
    agent = desk.agent
    assert not any((agent._views, agent._watched, agent._released, agent._unended, agent._asked._times))
    desk.start().step()
    agent = desk.agent
    assert not any((agent._views, agent._watched, agent._released, agent._unended, agent._asked._times)), (
        "after a restart too"
    )


def test_what_ended_before_an_agent_joined_costs_nothing(desk: Desk) -> None:
    settlements = [desk.lock_another(number) for number in range(1, 6)]
    for one in settlements:
        desk.tell(report(PaymentState.HELD, one), report(PaymentState.BOOKED, one), notice(one))
    end(desk, "Settled", *settlements)
    desk.agent = replace(desk.agent, key=key("joined"))
    desk.agent.step()
    asked: list[str] = []
    desk.assets.before = asked.append
    for _ in range(20):
        desk.agent.step()
    assert "history" not in asked and desk.register.all() == []


@pytest.mark.parametrize(
    ("told", "ended", "late"),
    [
        ((said(PaymentState.BOOKED), notice(HERE)), "Settled", said(PaymentState.REJECTED)),
        ((said(PaymentState.REJECTED),), "GivenBack", said(PaymentState.BOOKED)),
        ((said(PaymentState.REJECTED),), "GivenBack", notice(HERE)),
    ],
)
def test_what_is_told_after_the_end_is_for_people(desk: Desk, told: tuple[Any, ...], ended: str, late: Any) -> None:
    desk.lock()
    desk.tell(*told)
    desk.agent.step()
    rows = desk.register.all()
    end(desk, ended, HERE)
    desk.agent.step()
    desk.tell(late)
    for _ in range(3):
        desk.agent.step()
    assert desk.register.all() == rows
    assert [kind for kind, _ in desk.steps() if kind == "contradiction"] == ["contradiction"]


def test_a_node_that_is_away_at_the_end_forgets_nothing(desk: Desk) -> None:
    desk.lock()
    desk.tell(said(PaymentState.REJECTED))
    desk.agent.step()
    end(desk, "GivenBack", HERE)
    desk.assets.before = lambda _: (_ for _ in ()).throw(Unavailable("away"))
    for file in (desk.root / "board" / HERE).iterdir():
        file.unlink()
    with suppress(Unavailable):
        desk.agent.step()
    assert desk.signed() == [NEVER], "put back, as nothing says that it is over"
