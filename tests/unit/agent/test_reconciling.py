"""An agent whose register is not what it was: it takes back what it forgot, or it is silent (I9)."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agent_cases import AT, DEBTOR, NETWORK, notice, payment, report
from agent_desk import HERE, KEYS, NEVER, PAID, Desk, said

from lockstep.agent import Register, SignatureLog, forgo
from lockstep.domain.errors import Contradiction, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, Order, OutcomeResult
from lockstep.domain.payment import PaymentState
from lockstep.signing import build_proof, outcome_digest
from lockstep.testing.fakes import key

US = KEYS[0]


def locked_order(desk: Desk, settlement: SettlementId) -> Order:
    return next(one.order for one in desk.chain.mined if one.settlement_id == settlement)


def sign_three(desk: Desk) -> list[SettlementId]:
    """Three settlements end as NEVER; a copy of the register is kept from before each: before-1.db, …"""
    settlements = []
    for number in (1, 2, 3):
        settlements.append(desk.lock_another(number))
        desk.register.close()
        shutil.copy(desk.path, desk.root / f"before-{number}.db")
        desk.start()
        desk.tell(report(PaymentState.REJECTED, settlements[-1]))
        desk.agent.step()
    assert [one.settlement_id for one in desk.register.all()] == settlements
    return settlements


def restore(desk: Desk, copy: str | None) -> None:
    """The register comes from a backup, or is gone; and the RTGS's mail now tells another story."""
    desk.register.close()
    for file in desk.root.glob("register.db*"):
        file.unlink()
    if copy:
        shutil.copy(desk.root / copy, desk.path)
    desk.start()


def tell_the_opposite(desk: Desk, *settlements: SettlementId) -> None:
    desk.rtgs.mail.clear()
    for one in settlements:
        desk.tell(report(PaymentState.BOOKED, one), notice(one))


def logs(desk: Desk, *keys: Any) -> list[SignatureLog]:
    return [SignatureLog(key=one, register=desk.register, board=desk.board, network=NETWORK) for one in (keys or (US,))]


def attestation(settlement: SettlementId, result: OutcomeResult, signer: Any = US) -> Attestation:
    digest = outcome_digest(settlement, result, 1, NETWORK)
    return Attestation(
        settlement_id=settlement, result=result, epoch=1, agent=signer.address, signature=signer.sign(digest)
    )


def silence(desk: Desk) -> str:
    """Why it is silent, and that it is."""
    before = sorted((desk.root / "board").rglob("*.json"))
    rows = desk.register.all()
    for _ in range(3):
        desk.clock.advance(60)
        assert not desk.agent.step()
    assert desk.cash.sent == [] and desk.register.all() == rows
    assert sorted((desk.root / "board").rglob("*.json")) == before
    said_why = [detail for kind, detail in desk.steps() if kind == "silent"]
    assert said_why, desk.steps()
    return said_why[-1]


@pytest.mark.parametrize(("copy", "forgotten"), [("before-2.db", 2), ("before-3.db", 1), (None, 3)])
def test_a_register_from_a_backup_is_completed_from_the_board(desk: Desk, copy: str | None, forgotten: int) -> None:
    settlements = sign_three(desk)
    restore(desk, copy)
    assert len(desk.register.all()) == 3 - forgotten
    tell_the_opposite(desk, *settlements)
    for _ in range(3):
        desk.agent.step()
    assert [(one.settlement_id, one.result) for one in desk.register.all()] == [(one, NEVER) for one in settlements]
    assert [one.result for settlement in settlements for one in desk.board.attestations(settlement)] == [NEVER] * 3
    assert ("reconciled", f"{forgotten} signatures taken from the board") in desk.steps()
    fourth = desk.lock_another(4)
    desk.tell(report(PaymentState.REJECTED, fourth))
    desk.agent.step()
    assert [one.result for one in desk.board.attestations(fourth)] == [NEVER], "and it works on"
    assert desk.board.log_numbers(US.address) == [1, 2, 3, 4]


def test_what_the_other_agents_keep_comes_back(desk: Desk, tmp_path: Path) -> None:
    """The whole folder is from a backup, board and register; the peers have seen the log."""
    settlements = sign_three(desk)
    peer = Desk(tmp_path / "peer", place=1)
    peer.board, peer.chain = desk.board, desk.chain
    peer.start().step()
    assert [one.number for one in peer.register.kept(US.address)] == [1, 2, 3]
    shutil.rmtree(tmp_path / "board")
    for _ in range(10):
        peer.agent.step()
    assert desk.board.log_numbers(US.address) == [1, 2, 3]
    restore(desk, "before-1.db")
    tell_the_opposite(desk, *settlements)
    for _ in range(2):
        desk.agent.step()
    assert [one.result for one in desk.register.all()] == [NEVER] * 3
    peer.register.close()


def test_a_peer_that_signs_two_logs_is_noted(desk: Desk, tmp_path: Path) -> None:
    (settlement, *_) = sign_three(desk)
    peer = Desk(tmp_path / "peer", place=1)
    peer.board, peer.chain = desk.board, desk.chain
    peer.start().step()
    (log,) = logs(desk)
    other = log._entry(3, log.lines()[1].previous, attestation(settlement, PAID))
    desk.board.enter(other, replace=True)
    for _ in range(10):
        peer.agent.step()
    assert peer.steps() == [("contradiction", f"{US.address} signed two lines 3 of its signature log")]
    peer.register.close()


def test_a_line_that_is_missing_keeps_it_silent(desk: Desk) -> None:
    settlements = sign_three(desk)
    (desk.root / "board" / "logs" / US.address / "2.json").unlink()
    restore(desk, "before-2.db")
    tell_the_opposite(desk, *settlements)
    assert silence(desk) == (
        f"the signature log of {US.address} has line 3 on the board; line 2 is neither there nor in the register, "
        "which has 1"
    )


def test_a_line_that_comes_back_ends_the_silence(desk: Desk) -> None:
    sign_three(desk)
    gone = desk.root / "board" / "logs" / US.address / "2.json"
    content = gone.read_bytes()
    gone.unlink()
    restore(desk, "before-2.db")
    desk.agent.step()
    gone.write_bytes(content)
    desk.agent.step()
    assert len(desk.register.all()) == 1, "it looks again after a while only"
    desk.clock.advance(20)
    desk.agent.step()
    assert len(desk.register.all()) == 3


@pytest.mark.parametrize("left", ["board", "chain"])
def test_a_signature_that_nothing_explains_keeps_it_silent(desk: Desk, left: str) -> None:
    """Its log is gone, and one signature shows that there was one: more may be forgotten."""
    settlements = sign_three(desk)
    if left == "chain":
        given = locked_order(desk, settlements[0])
        proof = build_proof(
            NEVER,
            [attestation(settlements[0], NEVER, one) for one in KEYS[:3]],
            desk.chain.current_epoch,
            NETWORK,
        )
        assert proof is not None
        desk.chain.end(given, NEVER, proof, "GivenBack")
        shutil.rmtree(desk.root / "board")
    else:
        shutil.rmtree(desk.root / "board" / "logs")
    restore(desk, None)
    tell_the_opposite(desk, *settlements)
    assert silence(desk) == (
        f"{US.address} signed NEVER for settlement {min(settlements) if left == 'board' else settlements[0]}, and "
        "neither the register nor the signature log has it: more may be forgotten"
    )


def test_its_keeper_lets_it_go_on_without_what_it_may_have_signed(desk: Desk) -> None:
    settlements = sign_three(desk)
    open_one = desk.lock_another(4)
    desk.chain.append("GivenBack", settlements[1], locked_order(desk, settlements[1]))
    desk.chain.mine(2)
    shutil.rmtree(desk.root / "board" / settlements[2])
    for number in (1, 3):
        (desk.root / "board" / "logs" / US.address / f"{number}.json").unlink()
    restore(desk, None)
    assert not desk.agent.step() and desk.register.all() == []
    done = forgo(desk.register, logs(desk), desk.assets, desk.board)
    assert {one.settlement_id for one in done.found} == {settlements[0], settlements[1]}
    assert set(done.settlements) == {settlements[0], settlements[2], open_one}
    later = desk.lock_another(5)
    tell_the_opposite(desk, *settlements, open_one, later)
    desk.start()
    for _ in range(3):
        desk.agent.step()
    assert [one.result for one in desk.board.attestations(later)] == [PAID]
    assert desk.board.attestations(open_one) == [] == desk.board.attestations(settlements[2])
    assert {one.settlement_id: one.result for one in desk.register.all()} == {
        settlements[0]: NEVER,
        settlements[1]: NEVER,
        later: PAID,
    }
    assert [line.number for line in logs(desk)[0].lines()] == [2, 3], "the log goes on after the highest known line"
    desk.start().step()
    assert desk.agent._reconciled, "and is believed at the next start"


def test_a_forgone_settlement_is_not_released_either(desk: Desk) -> None:
    """Who will not prove the payment must not help to bring it about."""
    desk.lock()
    desk.register.begin_anew({}, [HERE], [])
    desk.rtgs.available[DEBTOR.number] = 10**9
    desk.rtgs._pay(payment(HERE), "P")
    desk.agent.step()
    assert desk.cash.sent == [] and desk.steps() == []


def test_there_is_nothing_to_forgo_where_nothing_is_missing(desk: Desk) -> None:
    sign_three(desk)
    desk.lock_another(4)
    done = forgo(desk.register, logs(desk), desk.assets, desk.board)
    assert (done.found, done.settlements) == ((), ())


def test_both_outcomes_under_its_keys(desk: Desk) -> None:
    """Whoever signed the other one, this agent is done: nobody's hand makes it speak again."""
    (first, *_) = sign_three(desk)
    (desk.root / "board" / first / f"{US.address}-1.json").write_text("{}")
    desk.board.publish(attestation(first, PAID))
    desk.start()
    assert f"{US.address} signed PAID, and NEVER" in silence(desk)
    with pytest.raises(Contradiction):
        forgo(desk.register, logs(desk), desk.assets, desk.board)


def test_two_copies_of_one_register(desk: Desk, tmp_path: Path) -> None:
    """Both run, on one board, and are told opposite stories: one signature leaves, and the other copy is done."""
    sign_three(desk)
    desk.lock()
    other = Desk(tmp_path / "copy")
    desk.register.close()
    other.register.close()
    for file in other.root.glob("register.db*"):
        file.unlink()
    shutil.copy(desk.path, other.path)
    other.board, other.chain = desk.board, desk.chain
    desk.start().step()
    other.start().step()
    desk.tell(said(PaymentState.BOOKED), notice(HERE))
    other.tell(said(PaymentState.REJECTED))
    desk.agent.step()
    other.agent.step()
    assert desk.signed() == [PAID]
    why = f"line 4 of the signature log of {US.address} is settlement {HERE} PAID"
    assert next(detail for kind, detail in other.steps() if kind == "silent").startswith(why)
    other.start()
    assert silence(other).startswith(why)
    with pytest.raises(Contradiction):
        forgo(other.register, logs(other), other.assets, other.board)
    assert desk.signed() == [PAID]
    desk.agent.step()
    fifth = desk.lock_another(5)
    desk.tell(report(PaymentState.REJECTED, fifth))
    desk.agent.step()
    assert [one.result for one in desk.board.attestations(fifth)] == [NEVER], "the first one goes on"
    other.register.close()


def test_two_processes_on_one_register(desk: Desk, tmp_path: Path) -> None:
    desk.lock()
    other = Desk(tmp_path / "other")
    other.register.close()
    other.path, other.board, other.chain = desk.path, desk.board, desk.chain
    desk.agent.step()
    other.start().step()
    desk.tell(said(PaymentState.BOOKED), notice(HERE))
    other.tell(said(PaymentState.REJECTED))
    for _ in range(2):
        other.agent.step()
        desk.agent.step()
    assert desk.signed() == [NEVER] and [one.result for one in desk.register.all()] == [NEVER]
    assert ("contradiction", f"settlement {HERE}: NEVER is signed, and the mail tells the opposite") in desk.steps()
    other.register.close()


@pytest.mark.parametrize("junk", ["", "{}", "another's", "folder", "fifo"])
def test_junk_in_the_log_silences_nobody(desk: Desk, junk: str) -> None:
    """Whoever can write to the board cannot make an agent doubt itself, or hold its line back."""
    path = desk.root / "board" / "logs" / US.address / "1.json"
    path.parent.mkdir(parents=True)
    if junk == "folder":
        path.mkdir()
    elif junk == "fifo":
        os.mkfifo(path)
    elif junk == "another's":
        stranger = SignatureLog(key=KEYS[1], register=desk.register, board=desk.board, network=NETWORK)
        desk.board.enter(stranger._entry(1, "0" * 64, attestation(HERE, PAID, KEYS[1])))
        shutil.copy(path.parent.parent / KEYS[1].address / "1.json", path)
    else:
        path.write_text(junk)
    (path.parent / "77.json").write_text("junk ahead")
    desk.start()
    settlement = desk.lock_another(1)
    desk.tell(report(PaymentState.REJECTED, settlement))
    for _ in range(2):
        desk.agent.step()
    assert [one.result for one in desk.board.attestations(settlement)] == [NEVER]
    (line,) = logs(desk)[0].lines()
    assert (line.number, line.attestation.settlement_id) == (1, settlement)


def test_what_clears_the_log_is_made_good(desk: Desk) -> None:
    sign_three(desk)
    shutil.rmtree(desk.root / "board" / "logs")
    for _ in range(11):
        desk.agent.step()
    assert [line.number for line in logs(desk)[0].lines()] == [1, 2, 3]


def test_nothing_is_published_while_the_log_cannot_be_written(desk: Desk) -> None:
    """What leaves without a line in the log could be forgotten."""
    settlement = desk.lock_another(1)
    desk.tell(report(PaymentState.REJECTED, settlement))
    (desk.root / "board").mkdir(exist_ok=True)
    (desk.root / "board" / "logs").write_text("a file where a folder should be")
    for _ in range(2):
        desk.clock.advance(60)
        desk.agent.step()
    assert desk.board.attestations(settlement) == []
    (desk.root / "board" / "logs").unlink()
    desk.clock.advance(60)
    for _ in range(2):
        desk.agent.step()
    assert [one.result for one in desk.board.attestations(settlement)] == [NEVER]


@pytest.mark.parametrize("method", ["presented", "locked"])
def test_a_silent_node_keeps_it_silent_without_a_word(desk: Desk, method: str) -> None:
    settlement = desk.lock_another(1)
    desk.tell(report(PaymentState.REJECTED, settlement))
    desk.assets.before = lambda name: gone() if name == method else None
    assert not desk.agent.step()
    assert desk.register.all() == [] and desk.steps() == []
    desk.assets.before = lambda _: None
    desk.agent.step()
    assert [one.result for one in desk.board.attestations(settlement)] == [NEVER]


def gone() -> None:
    raise Unavailable("nobody answers")


def test_a_register_of_before_the_log_is_entered_at_the_first_start(desk: Desk) -> None:
    """An installation that signed before there were logs: its register is ahead of the board, which is no doubt."""
    settlements = [desk.lock_another(number) for number in (1, 2)]
    for one in settlements:
        desk.register.record(attestation(one, NEVER), ())
        desk.board.publish(attestation(one, NEVER))
    desk.agent.step()
    assert [line.attestation.settlement_id for line in logs(desk)[0].lines()] == settlements


def test_each_key_has_a_log_of_its_own(desk: Desk) -> None:
    """An agent with keys of two epochs: both are reconciled."""
    settlements = sign_three(desk)
    newer = key("a key of another epoch")
    desk.agent = replace(desk.agent, key=newer, other_keys=(US,))
    desk.agent.step()
    restore(desk, None)
    desk.agent = replace(desk.agent, key=newer, other_keys=(US,))
    desk.agent.step()
    assert [one.settlement_id for one in desk.register.all()] == settlements
    assert desk.board.log_numbers(newer.address) == []


def test_never_is_not_signed_where_the_chain_has_a_proof_of_paid(desk: Desk) -> None:
    """The chain remembers for an agent that has forgotten, whoever signed there."""
    for event in ("PaidRecorded", "Settled"):
        settlement = desk.lock_another(1 if event == "Settled" else 2)
        desk.chain.append(event, settlement, locked_order(desk, settlement))
        desk.tell(report(PaymentState.REJECTED, settlement))
        desk.agent.step()
        assert desk.board.attestations(settlement) == []
        assert any(f"EndedOtherwise(settlement_id={settlement}, actual={event}" in said for _, said in desk.steps())


def test_beginning_anew_is_all_or_nothing(tmp_path: Path) -> None:
    register = Register(tmp_path / "register.db")
    register.record(attestation(HERE, PAID), ())
    other = SettlementId("cd" * 32)
    with pytest.raises(Contradiction):
        register.begin_anew({US.address: (7, "11" * 32)}, [other], [attestation(other, PAID), attestation(HERE, NEVER)])
    assert register.beginning(US.address) == (0, 0, "0" * 64) and not register.is_forgone(other)
    assert [one.result for one in register.all()] == [PAID] and AT is not None
    register.begin_anew({US.address: (7, "11" * 32)}, [other], [attestation(other, PAID)])
    assert register.beginning(US.address) == (2, 7, "11" * 32) and register.is_forgone(other)
    register.close()
