"""From attestations to a proof: only what verifies, in agent order; and every refusal by name (I9)."""

from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import pytest

from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.domain.order import Attestation, Epoch, OutcomeResult, Rotation
from lockstep.signing import build_proof, build_rotation_proof, outcome_digest, recover, rotation_digest, verify
from lockstep.testing.fakes import key

NETWORK = Network(chain_id=31_337, dvp=key("dvp").address, finality_depth=2)
KEYS = sorted((key(f"agent {number}") for number in range(4)), key=lambda one: int(one.address, 16))
EPOCH = Epoch(number=1, agents=tuple(one.address for one in KEYS), quorum=3)
SETTLEMENT = SettlementId("ab" * 32)
PAID, NEVER = OutcomeResult.PAID, OutcomeResult.NEVER
ORDER_OF_CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def attestation(
    place: int,
    result: OutcomeResult = PAID,
    *,
    settlement: SettlementId = SETTLEMENT,
    epoch: int = 1,
    network: Network = NETWORK,
) -> Attestation:
    return Attestation(
        settlement_id=settlement,
        result=result,
        epoch=epoch,
        agent=KEYS[place].address,
        signature=KEYS[place].sign(outcome_digest(settlement, result, epoch, network)),
    )


GOOD = attestation(0)


def high_s(signature: bytes) -> bytes:
    s = ORDER_OF_CURVE - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])


def test_good() -> None:
    for place in range(4):
        for result in OutcomeResult:
            verify(attestation(place, result), EPOCH, NETWORK)


@pytest.mark.parametrize(
    ("forged", "name", "details"),
    [
        (attestation(0, epoch=2), "WrongEpoch", {"actual": 2, "expected": 1}),
        (replace(GOOD, epoch=0), "WrongEpoch", {"actual": 0, "expected": 1}),
        (replace(GOOD, agent=key("stranger").address), "NotAnAgent", {}),
        (replace(GOOD, agent=GOOD.agent.lower()), "NotAnAgent", {}),
        (replace(GOOD, agent=KEYS[1].address), "SignatureMismatch", {"actual": KEYS[0].address}),
        (replace(GOOD, result=NEVER), "SignatureMismatch", {"expected": KEYS[0].address}),
        (replace(GOOD, settlement_id=SettlementId("cd" * 32)), "SignatureMismatch", {"expected": KEYS[0].address}),
        (attestation(0, network=replace(NETWORK, chain_id=1)), "SignatureMismatch", {"expected": KEYS[0].address}),
        (
            attestation(0, network=replace(NETWORK, dvp=key("else").address)),
            "SignatureMismatch",
            {"expected": KEYS[0].address},
        ),
        (replace(GOOD, signature=b""), "InvalidSignature", {"rule": "65 bytes: r, s, and v of 27 or 28"}),
        (
            replace(GOOD, signature=high_s(GOOD.signature)),
            "InvalidSignature",
            {"rule": "s in the lower half of the curve's order (EIP-2)"},
        ),
        (replace(GOOD, signature=b"\xff" * 32 + GOOD.signature[32:]), "InvalidSignature", {}),
    ],
)
def test_forged(forged: Attestation, name: str, details: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        verify(forged, EPOCH, NETWORK)
    error = caught.value
    assert error.name == name
    assert {"settlement_id": forged.settlement_id, "agent": forged.agent, **details}.items() <= error.details.items()
    everyone_else = [attestation(place) for place in (1, 2)]
    if forged.agent == GOOD.agent or forged.agent not in EPOCH.agents:
        assert build_proof(PAID, [forged, *everyone_else], EPOCH, NETWORK) is None
    assert build_proof(PAID, [forged, GOOD, *everyone_else], EPOCH, NETWORK) is not None, "one cannot spoil the rest"


@pytest.mark.parametrize("signers", [pair for size in range(5) for pair in combinations(range(4), size)])
def test_quorum(signers: tuple[int, ...]) -> None:
    for result in OutcomeResult:
        given = [attestation(place, result) for place in signers]
        proof = build_proof(result, given, EPOCH, NETWORK)
        other = NEVER if result is PAID else PAID
        assert build_proof(other, given, EPOCH, NETWORK) is None
        if len(signers) < 3:
            assert proof is None
            continue
        assert proof is not None
        used = signers[:3]
        assert (proof.quorum, proof.signers) == (3, sum(1 << place for place in used))
        assert proof.absent == tuple(EPOCH.agents[place] for place in range(4) if place not in used)
        digest = outcome_digest(SETTLEMENT, result, 1, NETWORK)
        for count, place in enumerate(used):
            compact = proof.signatures[64 * count : 64 * count + 64]
            signature = compact[:32] + bytes([compact[32] & 127]) + compact[33:] + bytes([27 + (compact[32] >> 7)])
            assert recover(digest, signature) == EPOCH.agents[place]
        assert len(proof.signatures) == 3 * 64


def test_order_and_doubles_do_not_matter() -> None:
    given = [attestation(place) for place in (3, 1, 2)]
    proofs = {build_proof(PAID, [*order, *order], EPOCH, NETWORK) for order in permutations(given)}
    assert len(proofs) == 1 and None not in proofs


def test_one_agent_twice_is_one() -> None:
    given = [attestation(0), attestation(0), attestation(1), replace(attestation(1), agent=KEYS[2].address)]
    assert build_proof(PAID, given, EPOCH, NETWORK) is None


def test_two_and_two_prove_nothing() -> None:
    """I9: what honest agents sign apart reaches the quorum on neither side."""
    given = [attestation(place, PAID if place < 2 else NEVER) for place in range(4)]
    assert [build_proof(result, given, EPOCH, NETWORK) for result in OutcomeResult] == [None, None]


NEXT = Rotation(
    number=2,
    agents=EPOCH.agents,
    quorum=4,
    faulty=1,
    officer=key("officer").address,
    confirmer=key("confirmer").address,
)


@pytest.mark.parametrize("signers", [pair for size in range(5) for pair in combinations(range(4), size)])
def test_a_quorum_of_the_present_epoch_begins_the_next(signers: tuple[int, ...]) -> None:
    digest = rotation_digest(NEXT, NETWORK)
    words = [KEYS[place].sign(digest) for place in signers]
    elsewhere = rotation_digest(NEXT, replace(NETWORK, chain_id=1))
    junk = [b"", b"\xff" * 65, key("stranger").sign(digest), KEYS[3].sign(elsewhere)]
    proof = build_rotation_proof(NEXT, [*junk, *words, *words], EPOCH, NETWORK)
    if len(signers) < 3:
        assert proof is None
        return
    assert proof is not None
    assert (proof.quorum, proof.signers) == (3, sum(1 << place for place in signers[:3]))
    assert len(proof.signatures) == 3 * 64
    assert build_rotation_proof(replace(NEXT, faulty=0), words, EPOCH, NETWORK) is None, "not what they signed"
