"""Before an agent signs anything: does its register still know all that its keys have signed?

A register may come from a backup, from another machine, or be gone. What left the agent is on the board (its
signature log and its attestations, which the other agents put back), and in the calls that ended settlements on
the chain. What these know and the register does not is taken in where nothing is missing between; else the agent
stays silent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lockstep.agent.boarding import AgentsBoard
from lockstep.agent.register import Register
from lockstep.agent.signature_log import SignatureLog
from lockstep.domain.errors import Contradiction, InvalidInput, SignaturesLost
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, Batch, BatchSignature
from lockstep.ports import AssetLedger
from lockstep.signing import is_by, outcome_digest, outcomes_digest, recover

__all__ = ["Forgone", "forgo", "reconcile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgone:
    """What an agent that has forgotten signatures goes on with."""

    found: Sequence[Attestation]
    """Signatures of its own that the register did not have."""
    settlements: Sequence[SettlementId]
    """Locked and not ended, finally: it will sign for none of them, whatever it sees."""


def reconcile(register: Register, logs: Sequence[SignatureLog], assets: AssetLedger, board: AgentsBoard) -> int:
    """Completes the register from the board; returns how many signatures it had forgotten.

    Raises Contradiction if another copy of the register signed, or the keys signed both outcomes of a settlement;
    SignaturesLost if there are signatures that neither register nor log explains; Unavailable if a source is silent.
    """
    recovered = sum(log.recover() for log in logs)
    for attestation in _own(register, logs, assets, board):
        stored = register.find(attestation.settlement_id)
        if stored is None:
            raise SignaturesLost(
                f"{attestation.agent} signed {attestation.result.name} for settlement {attestation.settlement_id}, "
                "and neither the register nor the signature log has it: more may be forgotten"
            )
        _same(stored, attestation)
    for log in logs:
        log.write()
    return recovered


def forgo(register: Register, logs: Sequence[SignatureLog], assets: AssetLedger, board: AgentsBoard) -> Forgone:
    """Lets an agent go on that has forgotten what cannot be found: by its keeper's hand, while it does not run.

    Whatever it forgot was for settlements that were locked, finally, by now. It leaves those that are still open to
    the other agents, for ever. Raises Contradiction, and changes nothing, if another copy of its register signed, or
    both outcomes of a settlement are found; Unavailable if a source gave no answer.
    """
    try:
        reconcile(register, logs, assets, board)
    except SignaturesLost:
        pass
    else:
        return Forgone(found=(), settlements=())
    lines = [line.attestation for log in logs for line in log.lines()]
    found: dict[SettlementId, Attestation] = {}
    for attestation in [*lines, *_own(register, logs, assets, board)]:
        stored = register.find(attestation.settlement_id) or found.get(attestation.settlement_id)
        if stored is None:
            found[attestation.settlement_id] = _signed_alone(attestation, logs)
        else:
            _same(stored, attestation)
    settlements = [one for one in sorted(assets.locked()) if not _is_over(assets, one)]
    register.begin_anew({log.key.address: log.end() for log in logs}, settlements, list(found.values()))
    return Forgone(found=tuple(found.values()), settlements=tuple(settlements))


def _own(
    register: Register, logs: Sequence[SignatureLog], assets: AssetLedger, board: AgentsBoard
) -> Iterator[Attestation]:
    """What is found on board and chain under these keys, and verifies. Of a batch each settlement has the signature
    over all of it."""
    known = {one.settlement_id: one for one in register.all()}
    for log in logs:
        for attestation in board.signed_by(log.key.address):
            if known.get(attestation.settlement_id) == attestation or is_by(attestation, log.network):
                yield attestation
        for batch, signature in board.batches_signed_by(log.key.address):
            if _is_over_batch(batch, signature, log):
                yield from _parts(batch, signature)
    keys = {log.key.address for log in logs}
    for attestation in assets.presented({settlement: one.result for settlement, one in known.items()}):
        if attestation.agent in keys:  # the contract has verified it
            yield attestation


def _is_over_batch(batch: Batch, signature: BatchSignature, log: SignatureLog) -> bool:
    try:
        digest = outcomes_digest(batch.settlements, batch.result, batch.epoch, log.network)
        return recover(digest, signature.signature) == log.key.address
    except (InvalidInput, ValueError):
        return False


def _parts(batch: Batch, signature: BatchSignature) -> Iterator[Attestation]:
    for settlement in batch.settlements:
        yield Attestation(
            settlement_id=settlement,
            result=batch.result,
            epoch=batch.epoch,
            agent=signature.agent,
            signature=signature.signature,
        )


def _signed_alone(found: Attestation, logs: Sequence[SignatureLog]) -> Attestation:
    """With the key's own signature over this one settlement, where it was found as part of a batch."""
    for log in logs:
        if log.key.address == found.agent and not is_by(found, log.network):
            digest = outcome_digest(found.settlement_id, found.result, found.epoch, log.network)
            return replace(found, signature=log.key.sign(digest))
    return found


def _is_over(assets: AssetLedger, settlement: SettlementId) -> bool:
    return any(event.final and event.name in ("Settled", "GivenBack") for event in assets.history(settlement))


def _same(stored: Attestation, found: Attestation) -> None:
    if stored.result is not found.result:
        raise Contradiction(
            f"settlement {found.settlement_id}: {found.agent} signed {found.result.name}, and {stored.result.name}: "
            "another copy of its register has signed"
        )
