"""`lockstep rebuild`: the service's records anew, from the RTGS's mail, the chain and the participants' messages.

Both ledgers are only read, and which locks there are is asked last: a lock is older than its payment, so what the mail
tells of, the chain shows. All records are stored in one transaction: killed, it leaves nothing behind.
"""

import gc
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, Protocol, TypeVar, cast

from lockstep.app.collateral import open_collateral
from lockstep.app.home import Home
from lockstep.app.intake import Taken, expand
from lockstep.app.processes import alone_with_chain, open_cash
from lockstep.domain.errors import InvalidInput, InvalidMessage, LockstepError, Misconfigured, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import CancellationRequest, Instruction
from lockstep.domain.margin_message import MarginCallRequest, MarginCallResponse
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.order import AssetEvent
from lockstep.flow.gathering import Gathered, Heard
from lockstep.flow.naming import RegistersOwn
from lockstep.flow.rebuilding import rebuild
from lockstep.iso20022 import read
from lockstep.ports import AssetLedger, BulkAssetLedger, CashSystem, Change

__all__ = ["Done", "heard_from", "rebuild_home", "rebuild_records"]

PAGE = 1_000
"""Messages of the RTGS, and settlements of the chain, that are read at once."""
FILES = 500
"""Files that one process reads before it looks which are still to be read."""
BATCH = 2_000
"""Changes that are judged and written at once, in the one transaction."""

Told = Callable[[str, int], None]
One = TypeVar("One")
_Given = tuple[Message[Instruction] | Message[CancellationRequest], str]


class Records(Protocol):
    """What is written: see `SqlBook`."""

    def require_empty(self) -> None: ...

    def begin_with(self, batches: Iterable[Sequence[Change]]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a rebuild did."""

    states: Mapping[str, int]
    waiting: int
    uninstructed: Mapping[SettlementId, Mapping[str, str]]
    of_register: Mapping[SettlementId, Mapping[str, str]]
    """Payments of margin and income, and sales of pledged units."""
    outcomes: Mapping[str, int]
    """Files by what became of them: instructed, cancellation asked, duplicate or refused."""
    refused: Sequence[Taken]
    mail: int
    """The number of the last message of the RTGS that was read."""
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            "trades": dict(self.states),
            "waiting": self.waiting,
            "without_instructions": [{"settlement_id": one, **facts} for one, facts in self.uninstructed.items()],
            "of_register": [{"settlement_id": one, **facts} for one, facts in self.of_register.items()],
            "files": dict(self.outcomes),
            "refused": [one.as_json() for one in self.refused],
            "mail": self.mail,
            "seconds": round(self.seconds, 3),
        }


def rebuild_home(home: Home, paths: Iterable[Path], told: Told = lambda _what, _count: None) -> Done:
    """Rebuilds an installation's records. `told` hears what is read, and how much of it, now and then.

    The mail is read by a second process, at the same time as the files, of which it then reads some too. Raises
    Misconfigured where a service runs or there are records, Unavailable where a ledger does not answer.
    """
    with alone_with_chain(home) as (book, assets):
        now = home.clock().now()
        reading = partial(_heard_at, home.root, now)
        market = home.market()
        has_register = market.network.collateral is not None
        register = RegistersOwn(market=market, ledger=open_collateral(home)) if has_register else None
        return rebuild_records(book, reading, assets, market, home.salt_key(), now, expand(paths), told, register)


def _heard_at(root: Path, now: datetime) -> Heard | LockstepError:
    home = Home(root)
    try:
        return heard_from(open_cash(home), now)
    except LockstepError as error:  # as a value: not every error can be raised again in another process
        return Unavailable(str(error)) if isinstance(error, Unavailable) else Misconfigured(str(error))


def heard_from(cash: CashSystem, now: datetime) -> Heard:
    """All of the RTGS's mail. Raises what `receive` raises."""
    heard = Heard(now)
    with _without_collecting():
        while mail := cash.receive(heard.cursor, PAGE):
            heard.hear(mail)
    return heard


def rebuild_records(
    book: Records,
    reading: Callable[[], Heard | LockstepError],
    assets: AssetLedger,
    market: Market,
    salt_key: bytes,
    now: datetime,
    files: Iterable[Path],
    told: Told = lambda _what, _count: None,
    register: RegistersOwn | None = None,
) -> Done:
    """As `rebuild_home`, on what it is given; `reading` reads the mail, in the second process.

    Nothing is sent, and nothing stored before all was read.
    """
    started = time.monotonic()
    book.require_empty()
    gathered, outcomes, refused = Gathered(market, now), dict[str, int](), list[Taken]()
    with _without_collecting(), _second_process() as beside:
        mail = beside.submit(reading)
        for place, (path, given) in enumerate(_read_by_both(beside, files)):
            taken = _take(gathered, path, given)
            outcomes[taken.outcome] = outcomes.get(taken.outcome, 0) + 1
            if taken.outcome == "refused":
                refused.append(taken)
            if place % PAGE == 0:
                told("files", place)
        final_time = assets.final_time()
        histories = dict(_histories(assets, assets.locked(), told))
        told("settlements of the chain; the RTGS's mail is still read", len(histories))
        heard = mail.result()
        if isinstance(heard, LockstepError):
            raise heard
        histories.update(_histories(assets, set(assets.locked()) - histories.keys(), told))
        rebuilt = rebuild(gathered, heard, salt_key, histories.items(), final_time, register)
        book.begin_with(_parts(rebuilt.changes, BATCH))
    return Done(
        states=rebuilt.states,
        waiting=rebuilt.waiting,
        uninstructed=rebuilt.uninstructed,
        of_register=rebuilt.of_register,
        outcomes=outcomes,
        refused=refused,
        mail=heard.cursor,
        seconds=time.monotonic() - started,
    )


@contextmanager
def _second_process() -> Iterator[ProcessPoolExecutor]:
    """What it has not begun when the block ends is not done any more. It dies with this one."""
    beside = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield beside
    finally:
        beside.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Who waits for work from a process that was killed waits for ever."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=wait, daemon=True).start()


def _read_by_both(beside: Executor, files: Iterable[Path]) -> Iterator[tuple[Path, _Given | None]]:
    """Each file and what it holds, in their order. This process begins at the front, and the other one, once it has
    read the mail, at the end, until they meet.
    """
    parts = [*_parts(files, FILES)]
    there = [beside.submit(_read_files, part) for part in reversed(parts)]
    for part in parts:
        future = there.pop()
        yield from zip(part, _read_files(part) if future.cancel() else future.result(), strict=True)


def _read_files(paths: Sequence[Path]) -> list[_Given | None]:
    """What each holds, and the digest of its bytes; None for what is no participant's message."""
    found: list[_Given | None] = []
    for path in paths:
        try:
            found.append(_read(path))
        except (LockstepError, OSError):  # said where it is refused: not every error comes over from another process
            found.append(None)
    return found


def _read(path: Path) -> _Given:
    with open(path, "rb", buffering=0) as file:
        data = file.read()
    message = read(data)
    if isinstance(message.body, MarginCallRequest | MarginCallResponse):
        rule = "sese.023 or sese.020: margin calls are handed in by `lockstep submit`, once the records are there"
        raise InvalidMessage("AppHdr/MsgDefIdr", type(message.body).__name__, rule)
    if not isinstance(message.body, Instruction | CancellationRequest):
        kind = type(message.body).__name__
        raise InvalidMessage("AppHdr/MsgDefIdr", kind, "sese.023 or sese.020, what participants send")
    return cast(Message[Instruction] | Message[CancellationRequest], message), hashlib.sha256(data).hexdigest()


def _take(gathered: Gathered, path: Path, given: _Given | None) -> Taken:
    reference = None
    try:
        message, digest = given or _read(path)
        reference = message.body.reference
        outcome = gathered.take(message, digest)
    except OSError as wrong:
        error = InvalidInput("file", path, f"readable ({wrong.strerror})")
        return Taken(file=str(path), outcome="refused", error=error)
    except LockstepError as error:
        return Taken(file=str(path), outcome="refused", reference=reference, error=error)
    return Taken(file=str(path), outcome=outcome, reference=reference)


def _histories(
    assets: AssetLedger, wanted: Iterable[SettlementId], told: Told
) -> Iterator[tuple[SettlementId, Sequence[AssetEvent]]]:
    for count, ids in enumerate(_parts(tuple(wanted), PAGE)):
        told("settlements of the chain", count * PAGE)
        if hasattr(assets, "histories"):
            yield from cast(BulkAssetLedger, assets).histories(ids).items()
        else:
            yield from ((one, assets.history(one)) for one in ids)


def _parts(values: Iterable[One], most: int) -> Iterator[Sequence[One]]:
    coming = iter(values)
    while part := tuple(islice(coming, most)):
        yield part


@contextmanager
def _without_collecting() -> Iterator[None]:
    """What is read is all kept until the end: looking for garbage in it, again and again, would find none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
