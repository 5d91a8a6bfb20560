"""Who talks to a neighbour while the service goes on: a thread for each, which waits for sockets and disks.

Python lets another thread run while one waits; what has to be worked out takes turns.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Hands"]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Begun(Generic[Result]):
    future: Future[Result]

    def __call__(self) -> Result:
        return self.future.result()

    def has_ended(self) -> bool:
        return self.future.done()


class Hands:
    """See `flow.beside.Beside`. Threads begin when they are needed, and end with `close`."""

    def __init__(self) -> None:
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def __call__(self, neighbour: str, act: Callable[[], Result]) -> _Begun[Result]:
        if neighbour not in self._threads:
            self._threads[neighbour] = ThreadPoolExecutor(1, thread_name_prefix=neighbour)
        return _Begun(self._threads[neighbour].submit(act))

    def close(self) -> None:
        """Waits for what has begun; what has not is left undone."""
        for thread in self._threads.values():
            thread.shutdown(cancel_futures=True)
        self._threads.clear()
