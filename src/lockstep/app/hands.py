"""Who talks to a neighbour while the service goes on: a thread for each, which waits for sockets and disks.

Python lets another thread run while one waits; what has to be worked out takes turns.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["Hands"]

Result = TypeVar("Result")


class Hands:
    """See `flow.beside.Beside`. Threads begin when they are needed, and end with `close`."""

    def __init__(self) -> None:
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def __call__(self, neighbour: str, act: Callable[[], Result]) -> Callable[[], Result]:
        if neighbour not in self._threads:
            self._threads[neighbour] = ThreadPoolExecutor(1, thread_name_prefix=neighbour)
        return self._threads[neighbour].submit(act).result

    def close(self) -> None:
        """Waits for what has begun; what has not is left undone."""
        for thread in self._threads.values():
            thread.shutdown(cancel_futures=True)
        self._threads.clear()
