"""Messages that callers hand in at the same time, taken in one transaction: they share one durable commit.

While one transaction runs, the next messages wait on their connections; then all of them are read and taken
together. Nothing waits for a time: who comes alone is taken at once, as soon as no further request lies ready.
"""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from sqlalchemy.exc import OperationalError

from lockstep.domain.identifiers import Bic
from lockstep.rtgs.metrics import Meter

MOST_TOGETHER = 100
"""Messages in one transaction."""

QUIET_PASSES = 2
"""How many passes of the event loop bring no further message before those that came are taken: in the first, what
lies ready on a connection is read; in the second, the request that it is gets here."""


class _Waiting(NamedTuple):
    data: bytes
    sender: Bic
    since: ExitStack
    """Its time at the door, while it runs."""
    answer: "asyncio.Future[list[bytes]]"


class Intake:
    """Takes messages for one event loop, in the order in which they are handed in."""

    def __init__(self, meter: Meter) -> None:
        self._meter, self._waiting = meter, list[_Waiting]()
        self._work: asyncio.Task[None] | None = None

    async def take(self, data: bytes, sender: Bic) -> list[bytes]:
        """As `Rtgs.handle`: returns once it is durable, and raises what concerns this message alone."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(data, sender, self._meter.arrived(data), loop.create_future())
        self._waiting.append(waiting)
        if self._work is None:
            self._work = loop.create_task(self._take_all())
        return await waiting.answer

    async def _take_all(self) -> None:
        try:
            while self._waiting:
                await self._all_here()
                together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                self._take(together)
        finally:
            self._work = None

    async def _all_here(self) -> None:
        """Returns once no further message comes without waiting, or a transaction is full."""
        seen = quiet = 0
        while quiet < QUIET_PASSES and len(self._waiting) < MOST_TOGETHER:
            seen = len(self._waiting)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == seen else 0

    def _take(self, together: list[_Waiting]) -> None:
        mail = [(one.data, one.sender) for one in together]
        since = [one.since for one in together]
        found: Sequence[list[bytes] | Exception]
        try:
            found = self._meter.handle_all(mail, since)
        except OperationalError as error:  # the database itself: nothing is known of any of them
            found = [error] * len(together)
        except Exception:  # of one of them: it shows in which when each is taken alone, and is raised there
            found = [self._alone(one) for one in together]
        for one, outcome in zip(together, found, strict=True):
            if one.answer.done():  # nobody waits for it any more
                continue
            if isinstance(outcome, Exception):
                one.answer.set_exception(outcome)
            else:
                one.answer.set_result(outcome)

    def _alone(self, one: _Waiting) -> list[bytes] | Exception:
        try:
            return self._meter.handle_all([(one.data, one.sender)], [one.since])[0]
        except Exception as error:
            return error
