"""What became of the transactions for one thing, and what follows from it: values and pure functions of the sender."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from eth_utils.crypto import keccak

from lockstep.chain import answers
from lockstep.chain.artifacts import event_topic
from lockstep.chain.refusals import refusal_from_hex
from lockstep.domain.errors import LockstepError
from lockstep.domain.values import replace
from lockstep.ports import SentTransaction
from lockstep.signing.transactions import Unsigned

__all__ = ["NOTHING_YET", "Call", "Look", "State", "as_seen", "as_sent", "judged", "latest", "reservation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is to get into a block: `key` names it for ever, `gas` is its limit.

    A batch `serves` the keys that are asked for; each ends with its settlement's id, as `lock/<id>`.
    """

    key: str
    to: str
    data: bytes
    gas: int
    serves: tuple[str, ...] = ()


class State(Enum):
    """What is to be done about a key."""

    NEW = "nothing of it is under way: it may be sent"
    UNDER_WAY = "a transaction for it is under way"
    DONE = "it is in a block"
    WAITS = "it failed in a block, and is not to be tried again yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where a key stands. `error`: what it met in a batch, or what people must mend. `alone`: it failed in a batch
    that failed as a whole, so not in a batch again. `tries` count the transactions."""

    state: State
    error: LockstepError | None = None
    alone: bool = False
    tries: int = 0


NOTHING_YET = Look(state=State.NEW)


def latest(tries: Sequence[SentTransaction]) -> Sequence[SentTransaction]:
    """The last try and those that it replaced, under the same key's nonce: a block may have taken any of them."""
    return [one for one in tries if _place(one) == _place(tries[-1])]


def _place(one: SentTransaction) -> tuple[str, int]:
    return one.sender, one.nonce


def judged(key: str, tries: Sequence[SentTransaction], head: int) -> Look:
    """Of all tries at one key, oldest first, as they were last seen; `head` is the head's number."""
    if any(one.in_flight for one in tries):
        return Look(state=State.UNDER_WAY, tries=len(tries))
    ended = next((one for one in reversed(tries) if one.status in ("mined", "reverted")), None)
    if ended is None or _place(ended) != _place(tries[-1]):
        return Look(state=State.NEW, tries=len(tries))
    skipped = dict(ended.skipped).get(key)
    if ended.status == "mined" and skipped is None:
        return Look(state=State.DONE, tries=len(tries))
    alone = ended.status == "reverted" and bool(ended.serves)
    failed = sum(1 for one in tries if one.status == "reverted" or key in dict(one.skipped))
    # It failed in a block though it was tried out before: tried again ever more rarely.
    state = State.WAITS if head < (ended.block or 0) + 2**failed else State.NEW
    error = None if skipped is None else refusal_from_hex(skipped)
    return Look(state=state, error=error, alone=alone, tries=len(tries))


def reservation(call: Call, unsigned: Unsigned, sender: str) -> SentTransaction:
    """A call under its nonce, before the key of `sender` has signed it. Two keys may sign the same under one number."""
    digest = keccak(bytes.fromhex(sender.removeprefix("0x")) + unsigned.digest()).hex()
    return SentTransaction(
        key=call.key,
        nonce=unsigned.nonce,
        raw=unsigned.payload(),
        hash=digest,
        digest=digest,
        status="reserved",
        serves=call.serves,
    )


def as_sent(one: SentTransaction, head: int) -> SentTransaction:
    """It left while `head` was the head's number."""
    first = head if one.first_sent is None else one.first_sent
    return replace(one, status="broadcast", broadcasts=one.broadcasts + 1, first_sent=first, last_sent=head)


def as_seen(one: SentTransaction, receipt: Mapping[str, Any] | None, *, gone: bool) -> SentTransaction:
    """By its receipt; without one it is under way still, or `gone`: another has its nonce."""
    if receipt is None:
        lost = "broadcast" if one.broadcasts else "signed"
        return replace(one, status="replaced" if gone else lost, block=None, gas=None, skipped=())
    return replace(
        one,
        status="mined" if receipt["status"] else "reverted",
        block=int(receipt["blockNumber"]),
        gas=int(receipt["gasUsed"]),
        skipped=_skipped(one.serves, receipt["logs"]) if one.serves else (),
    )


def _skipped(serves: Sequence[str], logs: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """DvP's LegSkipped events of a batch: which key, and the revert data, hex."""
    topic, found = bytes.fromhex(event_topic("LegSkipped")[2:]), []
    names = {key.rpartition("/")[2]: key for key in serves}
    for log in logs:
        topics = log["topics"]
        if len(topics) == 2 and answers.data(topics[0]) == topic:
            key, data = names.get(answers.data(topics[1]).hex()), answers.data(log["data"])
            size = int.from_bytes(data[32:64])
            if key is not None:
                found.append((key, data[64 : 64 + size].hex()))
    return tuple(found)
