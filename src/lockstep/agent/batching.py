"""One signature over many outcomes that this agent has signed one by one: what `DvP.settleBatch` takes.

Anyone may ask on the board. A batch is signed if every settlement of it is in the register with that outcome and
epoch, under one key, its line written: then the signature says nothing new, and no more is risked than was said.
Hence it needs no place in the register of its own.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lockstep.agent.board_batches import LARGEST_BATCH
from lockstep.agent.boarding import AgentsBoard
from lockstep.agent.register import Register
from lockstep.agent.signature_log import SignatureLog
from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, Batch, BatchSignature, OutcomeResult
from lockstep.signing import outcomes_digest

__all__ = ["BatchSigning"]

MOST_OPEN = 64
"""Batches that wait for a settlement. Who asks more pushes out those that waited longest."""
MOST_AT_ONCE = 16
"""Batches signed in one step."""
MOST_SIGNED = 1_000
"""Batches remembered as signed."""
LONGEST_WAIT = 400
"""Looks at a batch that cannot be signed yet, before it is forgotten and taken away."""


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    looks: int = 0
    lacks: SettlementId | None = None
    """The settlement that it waited for at the last look."""


@dataclass(slots=True, kw_only=True)
class BatchSigning:
    """What is asked of one agent in batches."""

    board: AgentsBoard
    register: Register
    _waiting: OrderedDict[str, _Waiting] = field(default_factory=OrderedDict)
    _signed: OrderedDict[str, tuple[Batch, BatchSignature]] = field(default_factory=OrderedDict)

    def look(self, logs: Sequence[SignatureLog]) -> list[str]:
        """Signs what may be signed now; returns the ids. Call it when the logs are written. Raises Unavailable."""
        self._take_in()
        signed: list[str] = []
        for identifier, waiting in list(self._waiting.items()):
            if len(signed) == MOST_AT_ONCE:
                break
            try:
                signature = self._signature(waiting, logs)
            except Refused:
                self._forget(identifier)
                continue
            if signature is not None:
                self.board.sign_batch(signature)
                self._signed[identifier] = waiting.batch, signature
                del self._waiting[identifier]
                signed.append(identifier)
            elif waiting.looks >= LONGEST_WAIT:
                self._forget(identifier)
        while len(self._signed) > MOST_SIGNED:
            self._signed.popitem(last=False)
        return signed

    def keep(self, is_over: Callable[[SettlementId], bool]) -> None:
        """Puts back signatures that are gone, and takes away batches of which all is over. Raises Unavailable."""
        for identifier, (batch, signature) in list(self._signed.items()):
            if all(map(is_over, batch.settlements)):
                self.board.drop_batch(identifier)
                del self._signed[identifier]
            else:
                self.board.sign_batch(signature)

    def _take_in(self) -> None:
        for batch in self.board.batches({*self._waiting, *self._signed}):
            if not _is_fit(batch):
                self.board.drop_batch(batch.id)
                continue
            self._waiting[batch.id] = _Waiting(batch)
            if len(self._waiting) > MOST_OPEN:
                self._forget(max(self._waiting, key=lambda one: self._waiting[one].looks))

    def _forget(self, identifier: str) -> None:
        """Who still wants it asks again."""
        del self._waiting[identifier]
        self.board.drop_batch(identifier)

    def _signature(self, waiting: _Waiting, logs: Sequence[SignatureLog]) -> BatchSignature | None:
        """None while it may come to be signed. Raises Refused if it never will be."""
        waiting.looks += 1
        batch = waiting.batch
        if waiting.lacks is not None and not self.register.rows_of([waiting.lacks]):
            return None
        rows = self.register.rows_of(batch.settlements)
        for settlement in batch.settlements:
            if settlement not in rows:
                waiting.lacks = settlement
                return None
        log = _log_of(batch, [one for _, one in rows.values()], logs)
        if not log.has_written(max(row for row, _ in rows.values())):
            return None
        digest = outcomes_digest(batch.settlements, batch.result, batch.epoch, log.network)
        return BatchSignature(batch_id=batch.id, agent=log.key.address, signature=log.key.sign(digest))


def _is_fit(batch: Batch) -> bool:
    """PAID only, as the contract takes no other batch."""
    count = len(batch.settlements)
    return batch.result is OutcomeResult.PAID and 0 < len(set(batch.settlements)) == count <= LARGEST_BATCH


def _log_of(batch: Batch, signed: Sequence[Attestation], logs: Sequence[SignatureLog]) -> SignatureLog:
    """The log of the key under which every settlement was signed as the batch says. Raises Refused."""
    for log in logs:
        if all((one.result, one.epoch, one.agent) == (batch.result, batch.epoch, log.key.address) for one in signed):
            return log
    raise Refused("BatchDiffers", {"batch": batch.id, "expected": f"{batch.result.name} in epoch {batch.epoch}"})
