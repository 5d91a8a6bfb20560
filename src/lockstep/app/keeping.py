"""Leases that a long piece of work keeps: short ones, renewed beside it, so that who dies in it holds nobody up."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

from lockstep.domain.errors import LockstepError, Unavailable
from lockstep.ports import Lease, Leases

__all__ = ["kept"]

ENDS_WITHIN_SECONDS = 30
"""For so long a renewal under way is waited for at the end; it then ends with the process."""

_log = logging.getLogger(__name__)


@contextmanager
def kept(leases: Leases, held: Sequence[Lease], seconds: int, every: float | None = None) -> Iterator[None]:
    """Renews each lease for `seconds`, a third of that apart or `every` so many seconds, until the work is done.

    A lease that is lost is not claimed again: what is written under it is judged with it. Each is renewed by a thread
    of its own: the database may make one wait, while the work writes under that one.
    """
    done = Event()
    threads = [
        Thread(target=_keep, args=(leases, one, seconds, every or seconds / 3, done), name=one.subject, daemon=True)
        for one in held
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join(ENDS_WITHIN_SECONDS)


def _keep(leases: Leases, lease: Lease, seconds: int, every: float, done: Event) -> None:
    while not done.wait(every):
        try:
            lease = leases.renew(lease, seconds)
        except Unavailable:  # late is not too late
            continue
        except LockstepError as error:
            _log.warning("%s", error)
            return
