"""Messages that callers hand in at the same time, taken in one transaction: they share one durable commit.

While one transaction runs, the next messages wait on their connections; then all of them are read and taken
together. Nothing waits for a time: who comes alone is taken at once, as soon as no further request lies ready.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.exc import OperationalError

from lockstep.domain.identifiers import Bic
from lockstep.rtgs.metrics import Arrival, Meter

MOST_TOGETHER = 100
"""Messages in one transaction, unless one file brings more."""

QUIET_PASSES = 2
"""How many passes of the event loop bring no further message before those that came are taken: in the first, what
lies ready on a connection is read; in the second, the request that it is gets here."""


class _Waiting(NamedTuple):
    """One message, or a file's, which stay together."""

    mail: Sequence[tuple[bytes, Bic]]
    arrivals: Sequence[Arrival]
    answer: "asyncio.Future[Sequence[list[bytes] | Exception]]"


class Intake:
    """Takes messages for one event loop, in the order in which they are handed in."""

    def __init__(self, meter: Meter) -> None:
        self._meter, self._waiting = meter, list[_Waiting]()
        self._work: asyncio.Task[None] | None = None

    async def take(self, data: bytes, sender: Bic) -> list[bytes]:
        """As `Rtgs.handle`: returns once it is durable, and raises what concerns this message alone."""
        (outcome,) = await self.take_all([data], sender)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def take_all(self, messages: Sequence[bytes], sender: Bic) -> Sequence[list[bytes] | Exception]:
        """One sender's messages in one transaction, in their order: of each its answers, or what concerns it alone.

        One that breaks is found by halves, so that the rest is taken with a few transactions more.
        """
        loop = asyncio.get_running_loop()
        arrivals = [self._meter.arrived(data) for data in messages]
        waiting = _Waiting([(data, sender) for data in messages], arrivals, loop.create_future())
        self._waiting.append(waiting)
        if self._work is None:
            self._work = loop.create_task(self._take_waiting())
        return await waiting.answer

    async def _take_waiting(self) -> None:
        try:
            while self._waiting:
                await self._all_here()
                self._take(self._next())
        finally:
            self._work = None

    async def _all_here(self) -> None:
        """Returns once no further message comes without waiting, or a transaction is full."""
        seen = quiet = 0
        while quiet < QUIET_PASSES and sum(len(one.mail) for one in self._waiting) < MOST_TOGETHER:
            seen = len(self._waiting)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == seen else 0

    def _next(self) -> list[_Waiting]:
        """Who comes next, and whom the transaction has room for besides."""
        together, room = [self._waiting.pop(0)], MOST_TOGETHER
        while self._waiting:
            room -= len(together[-1].mail)
            if len(self._waiting[0].mail) > room:
                break
            together.append(self._waiting.pop(0))
        return together

    def _take(self, together: list[_Waiting]) -> None:
        mail = [letter for one in together for letter in one.mail]
        arrivals = [arrival for one in together for arrival in one.arrivals]
        found = iter(self._outcomes(mail, arrivals))
        for one in together:
            outcomes = [next(found) for _ in one.mail]
            if not one.answer.done():  # else nobody waits for it any more
                one.answer.set_result(outcomes)

    def _outcomes(
        self, mail: Sequence[tuple[bytes, Bic]], arrivals: Sequence[Arrival]
    ) -> Sequence[list[bytes] | Exception]:
        try:
            return self._meter.handle_all(mail, arrivals)
        except OperationalError as error:  # the database itself: nothing is known of any of them
            return [error] * len(mail)
        except Exception as error:  # of one of them: it shows in which when it is taken alone
            half = len(mail) // 2
            if not half:
                return [error]
            return [*self._outcomes(mail[:half], arrivals[:half]), *self._outcomes(mail[half:], arrivals[half:])]
