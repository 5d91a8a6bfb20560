"""Batches on the board: `<root>/<batch id>/asked.json`, and beside it each agent's signature over all of it.

Anyone may ask. An id is the hash of what is asked, so nobody can change another's question; and nothing depends on
these files, as the agents' words on each settlement lie on the board too.
"""

import json
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from lockstep.agent.board_files import content_of, names, put, understood, written
from lockstep.agent.board_forms import hash_from
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Batch, BatchSignature, OutcomeResult

__all__ = ["LARGEST_BATCH", "BatchFiles"]

LARGEST_BATCH = 200
"""Settlements; what one transaction holds."""
LARGEST_ASKED = 200 + 65 * LARGEST_BATCH
"""Bytes."""
LOOKED_AT = 10_000
"""Names in one look: who floods the folder holds up batches, and nothing else."""
_ID = re.compile(r"[0-9a-f]{64}")


class BatchFiles:
    """All that is asked below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._junk: OrderedDict[str, int] = OrderedDict()
        """Names that said nothing, and when their folder last changed."""

    def ask(self, batch: Batch) -> None:
        """Raises InvalidInput for what no agent would sign, Unavailable."""
        if not 0 < len(set(batch.settlements)) == len(batch.settlements) <= LARGEST_BATCH:
            rule = f"1 to {LARGEST_BATCH} settlements, each once"
            raise InvalidInput("batch/settlements", len(batch.settlements), rule)
        folder = self._root / batch.id
        if self._asked(batch.id) is not None:
            return
        head = json.dumps({"result": batch.result.name, "epoch": batch.epoch})
        with written(folder, "\n".join((head, *batch.settlements, ""))) as part:
            put(part, names(folder, "asked"))

    def all(self, known: Collection[str] = ()) -> Iterator[Batch]:
        """What is asked and whole, oldest first, but for those whose ids are known. Raises Unavailable."""
        try:
            with os.scandir(self._root) as entries:
                some = (one for one in islice(entries, LOOKED_AT) if one.name not in known)
                dated = sorted((one.stat(follow_symlinks=False).st_mtime_ns, one.name) for one in some)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(f"the board cannot be read: {error}") from error
        for name in filter(_ID.fullmatch, (name for _, name in dated)):
            batch = self._fresh(name)
            if batch is not None:
                yield batch

    def _fresh(self, name: str) -> Batch | None:
        try:
            changed = os.lstat(self._root / name).st_mtime_ns
        except OSError:
            return None
        if self._junk.get(name) == changed:
            return None
        batch = self._asked(name)
        if batch is None:
            self._junk[name] = changed
            if len(self._junk) > LOOKED_AT:
                self._junk.popitem(last=False)
        return batch

    def sign(self, signature: BatchSignature) -> None:
        """Raises Unavailable. A batch that is gone is left alone: who asked has what he wanted."""
        folder = self._root / signature.batch_id
        if not folder.is_dir():
            return
        for path in names(folder, signature.agent):
            if understood(content_of(path), _signed) == (signature.agent, signature.signature):
                return
        with written(folder, json.dumps({"agent": signature.agent, "signature": signature.signature.hex()})) as part:
            put(part, names(folder, signature.agent))

    def signatures(self, batch_id: str) -> Sequence[BatchSignature]:
        """Unverified; what cannot be read as one is left out."""
        if not _ID.fullmatch(batch_id):
            return []
        found: list[BatchSignature] = []
        for path in sorted((self._root / batch_id).glob("0x*.json")):
            one = understood(content_of(path), _signed)
            if one is not None:
                found.append(BatchSignature(batch_id=batch_id, agent=one[0], signature=one[1]))
        return found

    def signed_by(self, agent: str) -> Iterator[tuple[Batch, BatchSignature]]:
        """All that is there under an agent's name, unverified. Raises Unavailable."""
        for batch in self.all():
            for one in self.signatures(batch.id):
                if one.agent == agent:
                    yield batch, one

    def drop(self, batch_id: str) -> None:
        """Takes a batch away that nobody needs any more. What cannot be deleted stays."""
        if _ID.fullmatch(batch_id):
            shutil.rmtree(self._root / batch_id, ignore_errors=True)

    def _asked(self, batch_id: str) -> Batch | None:
        for path in names(self._root / batch_id, "asked"):
            data = content_of(path, LARGEST_ASKED)
            if data is not None:
                batch = _batch(data)
                if batch is not None and batch.id == batch_id:
                    return batch
        return None


def _batch(data: bytes) -> Batch | None:
    head, *settlements = data.split(b"\n")
    begun = understood(head, lambda content: (OutcomeResult[content["result"]], int(content["epoch"])))
    if begun is None:
        return None
    try:
        ids = tuple(SettlementId(hash_from(one.decode())) for one in settlements if one)
    except ValueError:
        return None
    return Batch(result=begun[0], epoch=begun[1], settlements=ids)


def _signed(content: Any) -> tuple[str, bytes]:
    return str(content["agent"]), bytes.fromhex(content["signature"])
