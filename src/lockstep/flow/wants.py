"""What a trade's step wants of the world, as values that it yields; `together` has many wants answered at once.

A step is a generator. It reads as if it were alone: `view = yield from View(settlement_id, order)` gives the answer,
or raises at that place the error that became of it.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Generic, TypeVar

from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import CancellationRequest, Side
from lockstep.domain.message import Message
from lockstep.domain.order import (
    AssetEvent,
    AssetView,
    Attestation,
    EndCall,
    Epoch,
    LockCall,
    Order,
)
from lockstep.domain.trade import Reason, Trade, TradeTerms
from lockstep.ports import CashBody, Change, StoredInstruction

__all__ = [
    "AttestationsOf",
    "CancellationsOf",
    "CashViewOf",
    "Commit",
    "EpochOf",
    "FinalTime",
    "FreeNonce",
    "GiveBack",
    "History",
    "InstructionOf",
    "Lock",
    "NewNonce",
    "Obstacle",
    "Rank",
    "Send",
    "Settle",
    "SettlementsOf",
    "Sign",
    "Steps",
    "TradeOf",
    "UnclaimedOf",
    "View",
    "Want",
]

Answer = TypeVar("Answer", covariant=True)
Result = TypeVar("Result")


class Rank(IntEnum):
    """Which wants come first when several trades are at different places: who only looks does not wait for who
    stores, so that as many as possible store, and then act, at the same time. A trade's own order is never changed.
    """

    LOOK = 0
    SIGN = 1
    STORE = 2
    ACT = 3


class Want(Generic[Answer]):
    """One thing wanted of the world, once."""

    __slots__ = ()
    rank: ClassVar[Rank] = Rank.LOOK

    def __iter__(self) -> Generator["Want[Any]", Any, Answer]:
        answer: Answer = yield self
        return answer


Steps = Generator[Want[Any], Any, Result]
"""A step on its way, and what comes of it."""


# --- looking


@dataclass(frozen=True, slots=True)
class View(Want[AssetView]):
    """Where a settlement stands on the chain."""

    settlement_id: SettlementId
    order: Order


@dataclass(frozen=True, slots=True)
class History(Want[Sequence[AssetEvent]]):
    """What happened to a settlement on the chain."""

    settlement_id: SettlementId


@dataclass(frozen=True, slots=True)
class SettlementsOf(Want[Sequence[SettlementId]]):
    """Every settlement of a trade that was ever locked."""

    trade_id: TradeId


@dataclass(frozen=True, slots=True)
class FinalTime(Want[int]):
    """When the last final block was made, in seconds."""


@dataclass(frozen=True, slots=True)
class Obstacle(Want[Reason | None]):
    """What would refuse a lock now. The order's nonce is not looked at."""

    order: Order


@dataclass(frozen=True, slots=True)
class FreeNonce(Want[int]):
    """The first order nonce from this one on that the chain has not seen."""

    seller: str
    at_least: int


@dataclass(frozen=True, slots=True)
class NewNonce(Want[int]):
    """An order nonce that no other trade has or gets."""

    seller: str


@dataclass(frozen=True, slots=True)
class EpochOf(Want[Epoch]):
    """The agents of an epoch; None: of the present one."""

    number: int | None = None


@dataclass(frozen=True, slots=True)
class AttestationsOf(Want[Sequence[Attestation]]):
    """What agents signed of a settlement, unverified."""

    settlement_id: SettlementId


@dataclass(frozen=True, slots=True)
class CashViewOf(Want[CashView | None]):
    """What the RTGS said of a settlement."""

    settlement_id: SettlementId


@dataclass(frozen=True, slots=True)
class UnclaimedOf(Want[Sequence[SettlementId]]):
    """The settlements with a trade's salt that a payment was told of, and that no trade has."""

    salt: str


@dataclass(frozen=True, slots=True)
class TradeOf(Want[Trade | None]):
    """A trade as it is stored now."""

    trade_id: TradeId


@dataclass(frozen=True, slots=True)
class InstructionOf(Want[StoredInstruction | None]):
    """A participant's instruction."""

    owner: Lei
    reference: Reference


@dataclass(frozen=True, slots=True)
class CancellationsOf(Want[Sequence[Message[CancellationRequest]]]):
    """Who asked to cancel a trade."""

    trade_id: TradeId


# --- signing, storing, acting


@dataclass(frozen=True, slots=True)
class Sign(Want[bytes | None]):
    """A party's signature; None: not given yet."""

    rank: ClassVar[Rank] = Rank.SIGN
    order: Order
    terms: TradeTerms
    side: Side


@dataclass(frozen=True, slots=True)
class Commit(Want[None]):
    """A change to be stored: durable once answered."""

    rank: ClassVar[Rank] = Rank.STORE
    change: Change


@dataclass(frozen=True, slots=True)
class Lock(Want[None]):
    """A lock to be sent."""

    rank: ClassVar[Rank] = Rank.ACT
    call: LockCall


@dataclass(frozen=True, slots=True)
class Settle(Want[None]):
    """A delivery to be sent."""

    rank: ClassVar[Rank] = Rank.ACT
    call: EndCall


@dataclass(frozen=True, slots=True)
class GiveBack(Want[None]):
    """A release to be sent."""

    rank: ClassVar[Rank] = Rank.ACT
    call: EndCall


@dataclass(frozen=True, slots=True)
class Send(Want[None]):
    """A message to the RTGS."""

    rank: ClassVar[Rank] = Rank.ACT
    message: Message[CashBody]
