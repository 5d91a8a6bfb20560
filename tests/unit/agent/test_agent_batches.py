"""One signature over many settlements: only over what was signed one by one, whoever asks for whatever (I9)."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace

import pytest
from agent_cases import NETWORK
from agent_desk import KEYS, NEVER, ORDER, PAID, Desk
from test_in_bulk import locks, log_of, tell_never, tell_paid

from lockstep.agent import DirectoryBoard, forgo
from lockstep.agent.batching import LONGEST_WAIT, MOST_AT_ONCE, MOST_OPEN
from lockstep.agent.board_batches import LARGEST_BATCH
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Batch, BatchSignature
from lockstep.signing import build_batch_proof, outcome_digest, outcomes_digest, recover
from lockstep.testing.fakes import FakeBoard

US = KEYS[0]
NOBODYS = SettlementId("ab" * 32)


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.chain.issued[ORDER.movement.token, ORDER.movement.seller] = 10**9
    return desk


def asked(desk: Desk, settlements: Sequence[SettlementId], **changes: object) -> Batch:
    batch = replace(Batch(result=PAID, epoch=1, settlements=tuple(settlements)), **changes)
    desk.board.ask_for(batch)
    return batch


def signers(desk: Desk, batch: Batch) -> list[str]:
    digest = outcomes_digest(batch.settlements, batch.result, batch.epoch, NETWORK)
    return [recover(digest, one.signature) for one in DirectoryBoard(desk.root / "board").signatures_of(batch.id)]


def test_what_was_signed_one_by_one_is_signed_as_a_batch(desk: Desk) -> None:
    settlements = locks(desk, 5)
    batch = asked(desk, settlements[::-1])
    desk.agent.step()
    assert signers(desk, batch) == [], "nothing is known of them yet"
    tell_paid(desk, settlements)
    desk.agent.step()
    assert signers(desk, batch) == [US.address]
    assert ("batch signed", batch.id) in desk.steps()
    rows = desk.register.all()
    for _ in range(3):
        assert not desk.agent.step()
    assert desk.register.all() == rows, "no outcome more"
    desk.start().step()
    assert signers(desk, batch) == [US.address], "once, also after a restart"


@pytest.mark.parametrize("odd", ["unknown", "never", "forgone", "not told", "another epoch", "another result"])
def test_a_batch_with_one_that_was_not_signed_so_is_not_signed(desk: Desk, odd: str) -> None:
    settlements = locks(desk, 4)
    if odd == "forgone":
        desk.register.begin_anew({}, [settlements[2]], [])
    tell_paid(desk, settlements[:2])
    if odd == "never":
        tell_never(desk, settlements[2:3])
    elif odd != "not told":
        tell_paid(desk, settlements[2:3])
    desk.agent.step()
    three = [*settlements[:2], NOBODYS if odd == "unknown" else settlements[2]]
    changes = {"epoch": 2} if odd == "another epoch" else {"result": NEVER} if odd == "another result" else {}
    batch, fine = asked(desk, three, **changes), asked(desk, settlements[:2])
    for _ in range(3):
        desk.agent.step()
    assert signers(desk, batch) == [] and signers(desk, fine) == [US.address]
    waits = odd in ("unknown", "forgone", "not told")
    assert bool(desk.agent._batches._waiting) is waits, "what never will be is forgotten at once"
    assert {one.id for one in desk.board.batches()} == ({batch.id, fine.id} if waits else {fine.id})
    if odd == "not told":
        tell_paid(desk, settlements[2:3])
        desk.agent.step()
        assert signers(desk, batch) == [US.address]


def test_nothing_is_signed_that_the_log_has_not(desk: Desk) -> None:
    settlements = locks(desk, 2)
    tell_paid(desk, settlements)
    batch = asked(desk, settlements)
    (desk.root / "board" / "logs").write_text("a file where a folder should be")
    for _ in range(3):
        desk.clock.advance(60)
        desk.agent.step()
    assert signers(desk, batch) == []
    (desk.root / "board" / "logs").unlink()
    for _ in range(3):
        desk.clock.advance(60)
        desk.agent.step()
    assert signers(desk, batch) == [US.address]


def test_a_silent_agent_signs_no_batch(desk: Desk) -> None:
    settlements = locks(desk, 2)
    tell_paid(desk, settlements)
    desk.agent.step()
    shutil.rmtree(desk.root / "board" / "logs")
    desk.register.close()
    desk.path.unlink()
    desk.start()
    batch = asked(desk, settlements)
    assert not desk.agent.step() and signers(desk, batch) == []


@pytest.mark.parametrize("settlements", [[], [NOBODYS, NOBODYS], [f"{n:064x}" for n in range(LARGEST_BATCH + 1)]])
def test_what_no_agent_would_sign_cannot_be_asked(desk: Desk, settlements: list[SettlementId]) -> None:
    with pytest.raises(InvalidInput) as caught:
        asked(desk, settlements)
    assert (caught.value.field, caught.value.rule) == ("batch/settlements", "1 to 200 settlements, each once")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" * 3_000,
        '{"result": "PAID", "epoch": 1}\nzz\n',
        '{"result": "PAID", "epoch": 1}\n' + "\n".join(f"{n:064x}" for n in range(500)),
        '{"result": "MAYBE", "epoch": 1}\n' + "ab" * 32,
        '{"result": "PAID", "epoch": 1}\n' + "ab" * 32,
        '{"result": "PAID", "epoch": 99999999999}\n' + "ab" * 32,
        "\udcff",
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_junk_where_questions_lie_kills_and_stops_nobody(desk: Desk, text: str) -> None:
    settlements = locks(desk, 2)
    tell_paid(desk, settlements)
    folder = desk.root / "board" / "batches" / ("cd" * 32)
    folder.mkdir(parents=True)
    (folder / "asked.json").write_bytes(text.encode(errors="surrogateescape"))
    (desk.root / "board" / "batches" / ("ef" * 32)).write_text("a file where a folder should be")
    batch = asked(desk, settlements)
    for _ in range(3):
        desk.agent.step()
    assert signers(desk, batch) == [US.address]
    assert desk.board.batches() == [batch]


def test_another_epoch_that_is_no_number_of_one_is_not_signed(desk: Desk) -> None:
    settlements = locks(desk, 2)
    tell_paid(desk, settlements)
    batch = asked(desk, settlements, epoch=2**40)
    fine = asked(desk, settlements)
    for _ in range(2):
        desk.agent.step()
    assert signers(desk, fine) == [US.address] and desk.board.signatures_of(batch.id) == []


def test_a_flood_of_questions_is_bounded_and_passes(desk: Desk) -> None:
    """Hundreds that will never be signed: a bounded number waits, all are forgotten, an honest one is answered."""
    settlements = locks(desk, 2)
    tell_paid(desk, settlements)
    desk.board = desk.agent.board = desk.agent._batches.board = FakeBoard()
    for number in range(300):
        asked(desk, [*settlements, SettlementId(f"{number:064x}")])
    honest = asked(desk, settlements)
    for _ in range(10):
        desk.agent.step()
        assert len(desk.agent._batches._waiting) <= MOST_OPEN
    assert [one.agent for one in desk.board.signatures_of(honest.id)] == [US.address]
    for _ in range(LONGEST_WAIT):
        desk.agent._batches.look(desk.agent._logs)
    assert desk.board.batches() == [honest]


def test_no_more_than_some_are_signed_in_one_step(desk: Desk) -> None:
    settlements = locks(desk, 8)
    tell_paid(desk, settlements)
    desk.agent.step()
    batches = [asked(desk, settlements[first:last]) for first in range(7) for last in range(first + 1, 9)]
    desk.agent.step()
    assert sum(bool(signers(desk, one)) for one in batches) == MOST_AT_ONCE
    for _ in range(3):
        desk.agent.step()
    assert all(signers(desk, one) == [US.address] for one in batches)


def test_what_somebody_takes_away_is_put_back_until_all_is_over(desk: Desk) -> None:
    settlements = locks(desk, 2)
    tell_paid(desk, settlements)
    batch = asked(desk, settlements)
    desk.agent.step()
    (file,) = (desk.root / "board" / "batches" / batch.id).glob("0x*.json")
    file.write_text(json.dumps({"agent": US.address, "signature": "00" * 65}))
    for _ in range(10):
        desk.agent.step()
    assert signers(desk, batch) == [US.address]
    orders = {one.settlement_id: one.order for one in desk.chain.mined}
    for one in settlements:
        desk.chain.append("Settled", one, orders[one])
    desk.chain.mine(2)
    for _ in range(11):
        desk.agent.step()
    assert not (desk.root / "board" / "batches" / batch.id).exists()
    assert [one.result for one in DirectoryBoard(desk.root / "board").attestations(settlements[0])] == [PAID]


def test_a_batch_is_evidence_against_a_register_that_forgot(desk: Desk) -> None:
    """Log and attestations are gone; the signature over the batch shows that there was more."""
    settlements = locks(desk, 2)
    tell_paid(desk, settlements)
    asked(desk, settlements)
    desk.agent.step()
    for name in ("logs", "sheets"):
        shutil.rmtree(desk.root / "board" / name)
    desk.register.close()
    desk.path.unlink()
    desk.rtgs.mail.clear()
    tell_never(desk, settlements)
    desk.start()
    for _ in range(3):
        assert not desk.agent.step()
    assert desk.register.all() == []
    assert desk.steps()[-1][0] == "silent" and f"{US.address} signed PAID for settlement" in desk.steps()[-1][1]
    forgo(desk.register, [log_of(desk)], desk.assets, desk.board)
    desk.start()
    for _ in range(3):
        desk.agent.step()
    assert {one.result for one in desk.register.all()} == {PAID} and len(desk.register.all()) == 2
    assert [line.attestation for line in log_of(desk).lines()] == []
    left = DirectoryBoard(desk.root / "board").attestations(settlements[0])
    assert [one.result for one in left] == [PAID], "signed anew by itself, as it was before"
    outcomes = [recover(outcome_digest(one.settlement_id, PAID, 1, NETWORK), one.signature) for one in left]
    assert outcomes == [US.address]


# --- the proof


def signature(batch: Batch, place: int, **changes: object) -> BatchSignature:
    digest = outcomes_digest(batch.settlements, batch.result, batch.epoch, NETWORK)
    made = BatchSignature(batch_id=batch.id, agent=KEYS[place].address, signature=KEYS[place].sign(digest))
    return replace(made, **changes)


def test_the_proof_of_a_batch(desk: Desk) -> None:
    batch = Batch(result=PAID, epoch=1, settlements=(NOBODYS, SettlementId("cd" * 32)))
    epoch = desk.chain.current_epoch
    three = [signature(batch, place) for place in (3, 0, 2)]
    proof = build_batch_proof(batch, three, epoch, NETWORK)
    assert proof is not None
    assert (proof.quorum, proof.signers, proof.absent) == (3, 0b1101, (KEYS[1].address,))
    assert len(proof.signatures) == 3 * 64
    other = replace(batch, settlements=batch.settlements[::-1])
    assert other.id != batch.id
    refused = [
        three[:2],
        [*three[:2], three[0]],
        [*three[:2], signature(batch, 2, agent=KEYS[1].address)],
        [*three[:2], signature(other, 2)],
        [*three[:2], replace(signature(other, 2), batch_id=batch.id)],
        [*three[:2], signature(batch, 2, signature=b"\x01" * 65)],
    ]
    assert [build_batch_proof(batch, ones, epoch, NETWORK) for ones in refused] == [None] * len(refused)
    assert build_batch_proof(replace(batch, epoch=2), three, epoch, NETWORK) is None
    spoilt = replace(three[0], signature=b"")
    assert build_batch_proof(batch, [spoilt, *three], epoch, NETWORK) == proof, "what does not verify is left out"
