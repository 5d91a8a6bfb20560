"""How a process runs: alone in its role, step by step until it is stopped, and killed where a test asks for it."""

import fcntl
import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

from lockstep.app.home import Home
from lockstep.domain.errors import Misconfigured, Unavailable

Opened = TypeVar("Opened")

__all__ = [
    "AGENT_PAUSE_SECONDS",
    "alone",
    "crash_hook",
    "lock_file",
    "patiently",
    "spare_collector",
    "taken",
    "until_stopped",
]

PAUSE_SECONDS = 0.25
"""Between two looks at ledgers that have not moved for a while."""
SHORTEST_PAUSE_SECONDS = 0.01
"""Between two looks right after a move; it doubles while nothing moves."""
BUSY_PAUSE_SECONDS, BUSY_SECONDS = 0.04, 2.0
"""No pause is longer for so long after a move: what is under way is mostly answered by then."""
AGENT_PAUSE_SECONDS = 0.2
"""The same for an agent, and after each of its steps: what came meanwhile is done, and signed, together."""
AGENT_REST, AGENT_LONGEST_PAUSE_SECONDS = 4, 0.8
"""An agent that took long over a step pauses so many times as long, and at most so long."""

YOUNG_OBJECTS = 20_000
"""So many more containers than before, and the collector of cycles looks at the young ones; by default 700."""

CRASH_VARIABLE = "LOCKSTEP_CRASH_AFTER"
"""For crash tests: the process kills itself (SIGKILL) right after so many durable steps."""


def crash_hook() -> Callable[[str], None]:
    """What to call after each commit: nothing, unless the environment asks for a crash."""
    left = int(os.environ.get(CRASH_VARIABLE, "0"))

    def count(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


@contextmanager
def lock_file(home: Home, role: str) -> Iterator[TextIO]:
    """A role's file, to try to take. Raises Misconfigured where there is no installation."""
    home.settings()  # an installation, before a file is left in it
    os.umask(0o077)  # databases, registers and mail are for this user alone
    with (home.root / f"{role}.lock").open("w") as file:
        yield file


def taken(file: TextIO) -> bool:
    """Whether this process holds the lock file. The kernel lets it go when a process ends, however it ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def alone(home: Home, role: str) -> Iterator[None]:
    """Raises Misconfigured while another process of this role runs."""
    with lock_file(home, role) as file:
        if not taken(file):
            raise Misconfigured(f"another {role} is running on {home.root}")
        yield


def spare_collector() -> None:
    """Has Python's collector of cycles leave alone what was loaded, and come less often: for who stays, or does much.

    Values go when nobody refers to them any more; a batch of trades makes many that live for a moment, and no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)


def until_stopped(
    step: Callable[[], bool],
    *,
    quiet_seconds: float | None = None,
    shortest: float = SHORTEST_PAUSE_SECONDS,
    always: bool = False,
) -> None:
    """Steps until SIGTERM or SIGINT, or until nothing moved for `quiet_seconds`.

    `shortest` is the pause in seconds right after a move that brought no other; `always`: after each step that moved,
    and longer after one that took long itself, so that a busy machine has fewer and larger steps to do.
    """
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    spare_collector()
    last_move, pause = time.monotonic(), PAUSE_SECONDS
    while not stopping:
        begun = time.monotonic()
        if step():
            last_move, pause = time.monotonic(), shortest
            if always:
                time.sleep(min(max(shortest, AGENT_REST * (last_move - begun)), AGENT_LONGEST_PAUSE_SECONDS))
            continue
        if quiet_seconds is not None and time.monotonic() - last_move >= quiet_seconds:
            return
        time.sleep(pause)
        busy = time.monotonic() - last_move < BUSY_SECONDS
        pause = min(2 * pause, max(BUSY_PAUSE_SECONDS, shortest) if busy else PAUSE_SECONDS)


def patiently(opened: Callable[[], Opened]) -> Opened:
    """Waits for a node that is still starting, a while."""
    for _ in range(120):
        try:
            return opened()
        except Unavailable:
            time.sleep(PAUSE_SECONDS)
    return opened()
