"""Locks, deliveries and releases by the batch: one transaction where the contract takes many, else many under way.

A settlement is in one transaction under way at most: which keys a transaction serves is stored with it, and who is
under way is not sent again. What a batch went on without is told with the error that it met, and only that is tried
again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Protocol

from lockstep.chain.attempts import Call, Look, State
from lockstep.chain.encoding import end_data, lock_batch_data, lock_data, settle_batch_data
from lockstep.chain.node import Node
from lockstep.domain.errors import ContractRefused, InvalidInput, LockstepError, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import AssetStatus, LockCall, Order

__all__ = ["END_GAS", "LOCK_GAS", "Acts", "Sending", "ended"]

LOCK_GAS, END_GAS = 700_000, 300_000
"""Limits with room for ERC-1271 wallets; what is not used is not paid."""
MOST_GAS = 2**24
"""Of one transaction (EIP-7825)."""
MOST_LEGS = 120
_BASE = 21_000
_LEG, _DELIVERY = 80_000, 55_000
"""What a leg of a batch takes, with room to spare: it is 52,000 and 31,000 where nothing of it was used before."""
_WALLET = 200_000 * 64 // 63
"""The most that an ERC-1271 wallet may use for its answer."""
_LOCK_ROOM, _DELIVERY_ROOM = 771_112, 263_175
"""What must be left when a leg begins, so that it gets all that it may need (contracts/libraries/Attempts.sol)."""
_PROOF = 120_000
"""Eight signatures checked, and the epoch's hash."""
_KEPT = 65_536

Results = list[LockstepError | None]


class Sending(Protocol):
    """A sender, or a pool of them."""

    def look(self, keys: Collection[str], *, eager: bool = False) -> Mapping[str, Look]: ...

    def refusals(self, calls: Sequence[Call]) -> dict[str, LockstepError | None]: ...

    def send(self, calls: Sequence[Call], *, tried: bool = False) -> dict[str, LockstepError | None]: ...

    def ensure(self, key: str, to: str, data: bytes, gas: int) -> None: ...


def ended(error: LockstepError | None) -> bool:
    """It was ended before, by whoever: the next look shows it."""
    if not isinstance(error, ContractRefused):
        return False
    over = (AssetStatus.SETTLED, AssetStatus.GIVEN_BACK)
    return error.name == "AlreadyEnded" or (error.name == "WrongStatus" and error.details.get("actual") in over)


class Acts:
    """What is done on one DvP contract, many at once. Results are in the order given; None: it is taken care of."""

    def __init__(self, node: Node, dvp: str, sender: Sending) -> None:
        self._node, self._dvp, self._sender = node, dvp, sender
        self._has_code: dict[str, bool] = {}

    def lock_all(self, locks: Sequence[LockCall]) -> Results:
        """Each leg is tried out by itself first, all in one request, as a batch goes on without a bad one and says so
        only in the block. The rest go by `lockBatch`. Raises Unavailable where nothing was done."""
        given = {f"lock/{one.settlement_id}": one for one in locks}
        looks, found = self._looked(given)
        calls = {
            key: Call(key=key, to=self._dvp, data=lock_data(one.order, one.seller, one.buyer), gas=LOCK_GAS)
            for key, one in ((key, given[key]) for key in _due(looks))
        }
        found |= self._sender.refusals([*calls.values()])
        fresh = [key for key in calls if looks[key].state is State.NEW and found[key] is None]
        together = [key for key in fresh if not looks[key].alone]
        sent = [calls[key] for key in fresh if looks[key].alone]
        for run in self._runs({key: given[key] for key in together}):
            sent.append(calls[run[0]] if len(run) == 1 else self._lock_batch({key: given[key] for key in run}))
        found |= _of_each(sent, self._sender.send(sent, tried=True) if sent else {})
        return [found[f"lock/{one.settlement_id}"] for one in locks]

    def end_all(self, function: str, legs: Mapping[SettlementId, tuple[Order, bytes]]) -> Results:
        """settle or giveBack, each with its packed proof."""
        given = {f"{function}/{one}": leg for one, leg in legs.items()}
        looks, found = self._looked(given)
        calls = {
            key: Call(key=key, to=self._dvp, data=end_data(function, *given[key]), gas=END_GAS) for key in _due(looks)
        }
        found |= self._sender.refusals([one for key, one in calls.items() if looks[key].state is State.WAITS])
        found |= self._sender.send([one for key, one in calls.items() if looks[key].state is State.NEW])
        return [None if ended(found[key]) else found[key] for key in given]

    def settle_batch(self, legs: Sequence[tuple[SettlementId, Order]], proof: bytes) -> Results:
        """One proof over exactly these legs. While one of them is under way elsewhere, all others wait for it."""
        keys = [f"settle/{one}" for one, _ in legs]
        looks, found = self._looked(keys)
        fresh = [key for key in keys if looks[key].state is State.NEW and not ended(found[key])]
        if fresh and any(one.state is State.UNDER_WAY for one in looks.values()):
            found |= dict.fromkeys(fresh, Unavailable("another leg of the batch is under way in another transaction"))
        elif fresh:
            data = settle_batch_data([order for _, order in legs], proof)
            gas = _BASE + _PROOF + _calldata(data) + _DELIVERY * len(legs) + _DELIVERY_ROOM
            most = self._most_gas()
            if gas > most:
                raise InvalidInput("legs", len(legs), f"so few that their gas, {gas}, is at most {most}")
            call = Call(key=_name("settleBatch", keys), to=self._dvp, data=data, gas=gas, serves=tuple(fresh))
            found |= _of_each([call], self._sender.send([call]))
        return [None if ended(found[key]) else found[key] for key in keys]

    def _looked(self, keys: Collection[str]) -> tuple[Mapping[str, Look], dict[str, LockstepError | None]]:
        looks = self._sender.look(keys)
        return looks, {key: one.error for key, one in looks.items()}

    def _lock_batch(self, run: Mapping[str, LockCall]) -> Call:
        data = lock_batch_data([(one.order, one.seller, one.buyer) for one in run.values()])
        gas = _BASE + _LOCK_ROOM + _calldata(data) + sum(map(self._gas, run.values()))
        return Call(key=_name("lockBatch", run), to=self._dvp, data=data, gas=gas, serves=tuple(run))

    def _runs(self, legs: Mapping[str, LockCall]) -> Iterator[list[str]]:
        """As many legs to each as one transaction takes."""
        self._learn_code(
            {one for leg in legs.values() for one in (leg.order.movement.seller, leg.order.movement.buyer)}
        )
        run: list[str] = []
        used = start = _BASE + _LOCK_ROOM
        most = self._most_gas() if len(legs) > 1 else MOST_GAS
        for key, leg in legs.items():
            gas = self._gas(leg) + _calldata(lock_data(leg.order, leg.seller, leg.buyer)) + 640
            if run and (len(run) == MOST_LEGS or used + gas > most):
                yield run
                run, used = [], start
            run.append(key)
            used += gas
        if run:
            yield run

    def _most_gas(self) -> int:
        """Of one transaction: one that no block takes would hold up all that follow it, for ever."""
        return min(MOST_GAS, self._node.gas_limit())

    def _gas(self, leg: LockCall) -> int:
        one = leg.order.movement
        return _LEG + _WALLET * sum(self._has_code.get(wallet, False) for wallet in (one.seller, one.buyer))

    def _learn_code(self, wallets: Collection[str]) -> None:
        """Which wallets are contracts; one that becomes one later makes its batch starve, and is then sent alone."""
        if len(self._has_code) > _KEPT:
            self._has_code.clear()
        new = [one for one in wallets if one not in self._has_code]
        self._has_code |= dict(zip(new, map(bool, self._node.codes(new)), strict=True))


def _due(looks: Mapping[str, Look]) -> list[str]:
    """What may be sent, and what failed in a block for a reason that is to be asked for."""
    return [
        key
        for key, one in looks.items()
        if (one.state is State.NEW and not ended(one.error)) or (one.state is State.WAITS and not one.error)
    ]


def _of_each(calls: Sequence[Call], met: Mapping[str, LockstepError | None]) -> dict[str, LockstepError | None]:
    return {key: met.get(one.key) for one in calls for key in one.serves or (one.key,)}


def _name(function: str, keys: Collection[str]) -> str:
    return f"{function}/{sha256(' '.join(keys).encode()).hexdigest()}"


def _calldata(data: bytes) -> int:
    """What a transaction's data costs: EIP-2028, or the floor of EIP-7623, whatever is more."""
    tokens = 4 * len(data) - 3 * data.count(0)
    return 10 * tokens
