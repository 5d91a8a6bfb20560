"""Mutated messages at the RTGS's doors: each refused with its reason or taken, none lost, and the sums stand."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.iso20022 import read, write
from lockstep.rtgs import Rtgs, door
from lockstep.rtgs.drop import DirectoryDoor
from lockstep.testing.mutation import Mutant, Mutator

__all__ = ["Doors", "good_messages"]

SECONDS_EACH = 5
"""No message takes that long at a door, on a machine shared with others."""
GOLDEN = Path(__file__).parents[2] / "golden"


def good_messages(rtgs: Bic, sender: Bic, own: Sequence[bytes]) -> list[bytes]:
    """The golden messages from this sender to this RTGS where their own rules allow it, and the test's own."""
    found = list(own)
    for file in sorted(GOLDEN.glob("*.xml")):
        message = read(file.read_bytes())
        try:
            found.append(write(replace(message, sender=sender, receiver=rtgs)))
        except InvalidInput:
            found.append(file.read_bytes())
    return found


class Doors:
    """Both doors of one RTGS, as one party uses them."""

    def __init__(self, rtgs: Rtgs, party: Bic, key: str, root: Path) -> None:
        self.rtgs, self.party, self._key, self._root = rtgs, party, key, root / party
        self._application = door.application(rtgs)
        self.drop = DirectoryDoor(rtgs, root, (party,))
        self.seen: Counter[str] = Counter()

    def close(self) -> None:
        self.drop.close()

    def judge(self, mutants: Sequence[Mutant]) -> None:
        """Every second mutant by HTTP, the others as files, swept together; raises for what may not happen."""
        by_http, by_file = mutants[::2], mutants[1::2]
        asyncio.run(self._all(by_http))
        before = {folder: set(self._files(folder)) for folder in ("archive", "error")}
        for mutant in by_file:
            (self._root / "in" / f"{mutant.seed}-{mutant.number:06d}.xml").write_bytes(mutant.data)
        started = time.perf_counter()
        self.drop.sweep()
        spent = time.perf_counter() - started
        assert spent < max(SECONDS_EACH, len(by_file)), f"the drop took {spent:.1f} s"
        assert self._files("in") == []
        archived = set(self._files("archive")) - before["archive"]
        refused = {name for name in set(self._files("error")) - before["error"] if not name.endswith(".admi.002.xml")}
        assert archived | refused == {f"{one.seed}-{one.number:06d}.xml" for one in by_file}
        assert not archived & refused
        for name in refused:
            self._is_told((self._root / "error" / f"{name[:-4]}.admi.002.xml").read_bytes(), name)
        self.seen.update({"taken": len(archived), "refused": len(refused)})
        self.sums_stand()

    async def _all(self, mutants: Sequence[Mutant]) -> None:
        for mutant in mutants:
            where = f"seed {mutant.seed}, number {mutant.number}: {mutant.kind}"
            started = time.perf_counter()
            status, answer = await self._post(mutant.data)
            spent = time.perf_counter() - started
            assert spent < SECONDS_EACH, f"{where} took {spent:.1f} s"
            if status == 202:
                self.seen["taken"] += 1
                assert isinstance(answer["answers"], list), where
                continue
            self.seen["refused"] += 1
            assert status in (403, 413, 422), (status, answer, where)
            assert answer["field"] and answer["rule"] and "value" in answer, (answer, where)
            self._is_told(answer["answer"].encode(), where)

    async def _post(self, data: bytes) -> tuple[int, dict[str, Any]]:
        """One request to the application, in the words that a server speaks to it."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/messages",
            "raw_path": b"/messages",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(b"authorization", f"Bearer {self._key}".encode()), (b"content-type", b"application/xml")],
        }
        parts = [data[at : at + 65_536] for at in range(0, len(data), 65_536)] or [b""]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(event: Any) -> None:
            sent.append(event)

        await self._application(scope, receive, send)
        body = b"".join(event.get("body", b"") for event in sent)
        return sent[0]["status"], json.loads(body)

    def _files(self, folder: str) -> list[str]:
        return [path.name for path in (self._root / folder).iterdir()]

    def _is_told(self, data: bytes, where: str) -> None:
        """A valid admi.002 that names the field and the rule."""
        message: Message[Any] = read(data)
        assert isinstance(message.body, Rejection), where
        assert (message.sender, message.receiver) == (self.rtgs.bic, self.party), where
        assert message.body.code and message.body.location and message.body.description, where

    def sums_stand(self) -> None:
        """Computed from the postings: no money made, each balance what was moved, nobody below zero."""
        facts = self.rtgs.facts()
        moved: Counter[str] = Counter()
        for posting in facts.postings:
            moved[posting.credit] += posting.amount.amount
            moved[posting.debit] -= posting.amount.amount
        assert sum(moved.values()) == 0
        for account in facts.accounts:
            assert account.posted == moved[account.number]
            assert account.technical or account.posted >= account.earmarked >= 0


def mutants(seed: int, count: int, messages: Sequence[bytes]) -> list[Mutant]:
    return list(Mutator(seed, messages).mutants(count))
