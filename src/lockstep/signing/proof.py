"""From agents' attestations to the proof that the contract takes."""

from collections.abc import Iterable, Mapping

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.log_run import LogRun
from lockstep.domain.market import Network
from lockstep.domain.order import (
    Attestation,
    Batch,
    BatchSignature,
    Epoch,
    LogEntry,
    OutcomeResult,
    Proof,
    Rotation,
)
from lockstep.signing.keys import recover
from lockstep.signing.typed_data import log_digest, outcome_digest, outcomes_digest, rotation_digest, run_digest

__all__ = [
    "build_batch_proof",
    "build_proof",
    "build_quorum_proof",
    "build_rotation_proof",
    "is_by",
    "is_of",
    "is_run_of",
    "verify",
]


def verify(attestation: Attestation, epoch: Epoch, network: Network) -> None:
    """Checks that one of the epoch's agents signed exactly this outcome, for this chain and contract.

    Raises Refused by name: WrongEpoch, NotAnAgent, SignatureMismatch or InvalidSignature.
    """
    subject = {"settlement_id": attestation.settlement_id, "agent": attestation.agent}
    if attestation.epoch != epoch.number:
        raise Refused("WrongEpoch", {**subject, "actual": attestation.epoch, "expected": epoch.number})
    if attestation.agent not in epoch.agents:
        raise Refused("NotAnAgent", subject)
    digest = outcome_digest(attestation.settlement_id, attestation.result, attestation.epoch, network)
    try:
        signer = recover(digest, attestation.signature)
    except InvalidInput as error:
        raise Refused("InvalidSignature", {**subject, "rule": error.rule}) from error
    if signer != attestation.agent:
        raise Refused("SignatureMismatch", {**subject, "actual": signer, "expected": attestation.agent})


def is_by(attestation: Attestation, network: Network) -> bool:
    """Whether the agent that an attestation names signed it, for this chain and contract, whatever its epoch."""
    one = attestation
    try:
        return recover(outcome_digest(one.settlement_id, one.result, one.epoch, network), one.signature) == one.agent
    except (InvalidInput, ValueError):
        return False


def is_of(entry: LogEntry, network: Network) -> bool:
    """Whether a line of a signature log is by the agent that it names, with its signature over the outcome."""
    try:
        line = log_digest(entry.number, entry.previous, entry.attestation, network)
        return recover(line, entry.signature) == entry.attestation.agent and is_by(entry.attestation, network)
    except (InvalidInput, ValueError):
        return False


def is_run_of(run: LogRun, network: Network) -> bool:
    """Whether lines of a signature log are by the agent that each of them names.

    Of several lines the one signature covers every word, the outcomes' signatures too: they are what the agent wrote.
    """
    agent = run.agent
    if any(one.agent != agent for one in run.attestations):
        return False
    if len(run.attestations) == 1:
        (one,) = run.attestations
        line = LogEntry(number=run.first, previous=run.previous, attestation=one, signature=run.signature)
        return is_of(line, network)
    try:
        return recover(run_digest(run, network), run.signature) == agent
    except (InvalidInput, ValueError):
        return False


def build_proof(
    result: OutcomeResult, attestations: Iterable[Attestation], epoch: Epoch, network: Network
) -> Proof | None:
    """The proof for one outcome once a quorum of valid attestations is there, else None.

    What does not verify is left out: one bad agent cannot spoil the others' proof. As many
    signatures as the quorum are used, the first in agent order.
    """
    signed: dict[str, bytes] = {}
    for attestation in attestations:
        if attestation.result is not result or attestation.agent in signed:
            continue
        try:
            verify(attestation, epoch, network)
        except Refused:
            continue
        signed[attestation.agent] = attestation.signature
    return _assembled(signed, epoch)


def build_batch_proof(
    batch: Batch, signatures: Iterable[BatchSignature], epoch: Epoch, network: Network
) -> Proof | None:
    """The proof for `DvP.settleBatch` of exactly these settlements, in this order, once a quorum signed, else None.

    What does not verify is left out, as is what was signed for another batch or epoch.
    """
    if batch.epoch != epoch.number or not batch.settlements:
        return None
    digest = outcomes_digest(batch.settlements, batch.result, batch.epoch, network)
    signed: dict[str, bytes] = {}
    for one in signatures:
        if one.batch_id != batch.id or one.agent not in epoch.agents or one.agent in signed:
            continue
        try:
            signer = recover(digest, one.signature)
        except InvalidInput:
            continue
        if signer == one.agent:
            signed[one.agent] = one.signature
    return _assembled(signed, epoch)


def build_rotation_proof(
    rotation: Rotation, signatures: Iterable[bytes], epoch: Epoch, network: Network
) -> Proof | None:
    """The proof that the present `epoch` wants the next, once a quorum of it signed exactly that, else None.

    Signatures tell by themselves whose they are; what is none of the epoch's is left out.
    """
    return build_quorum_proof(rotation_digest(rotation, network), signatures, epoch)


def build_quorum_proof(digest: bytes, signatures: Iterable[bytes], epoch: Epoch) -> Proof | None:
    """The proof that a quorum of `epoch`, agents or valuers, signed `digest`, once it did, else None.

    Signatures tell by themselves whose they are; what is none of the epoch's is left out.
    """
    signed: dict[str, bytes] = {}
    for signature in signatures:
        try:
            signer = recover(digest, signature)
        except InvalidInput:
            continue
        if signer in epoch.agents:
            signed[signer] = signature
    return _assembled(signed, epoch)


def _assembled(signed: Mapping[str, bytes], epoch: Epoch) -> Proof | None:
    chosen = [agent for agent in epoch.agents if agent in signed][: epoch.quorum]
    if len(chosen) < epoch.quorum:
        return None
    return Proof(
        quorum=epoch.quorum,
        signers=sum(1 << place for place, agent in enumerate(epoch.agents) if agent in chosen),
        signatures=b"".join(_compact(signed[agent]) for agent in chosen),
        absent=tuple(agent for agent in epoch.agents if agent not in chosen),
    )


def _compact(signature: bytes) -> bytes:
    """EIP-2098: the parity of v in the top bit of s."""
    parity = signature[64] - 27
    return signature[:32] + bytes([signature[32] | parity << 7]) + signature[33:64]
