"""Cycles for the tests: what parties and agents sign, by eth_account's own EIP-712 code, and the net by plain sums."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_account.messages import encode_typed_data
from eth_utils import keccak

from .harness import PAID, TYPES, Key, World, compact, packed, sign

__all__ = ["Cycle", "NetWorld", "Trade", "position"]

NET_TYPES = {
    "EIP712Domain": TYPES["EIP712Domain"],
    "Cycle": [
        {"name": "tokens", "type": "address[]"},
        {"name": "parties", "type": "address[]"},
        {"name": "legs", "type": "bytes"},
        {"name": "cashHash", "type": "bytes32"},
        {"name": "epoch", "type": "uint32"},
        {"name": "lockBy", "type": "uint40"},
        {"name": "payBy", "type": "uint40"},
    ],
    "NetStatement": [
        {"name": "cycleId", "type": "bytes32"},
        {"name": "legs", "type": "NetLeg[]"},
        {"name": "limits", "type": "NetLimit[]"},
    ],
    "NetLeg": [
        {"name": "token", "type": "address"},
        {"name": "seller", "type": "address"},
        {"name": "buyer", "type": "address"},
        {"name": "quantity", "type": "uint64"},
        {"name": "termsHash", "type": "bytes32"},
    ],
    "NetLimit": [{"name": "token", "type": "address"}, {"name": "least", "type": "int256"}],
}
USED = {"Cycle": ("Cycle",), "NetStatement": ("NetStatement", "NetLeg", "NetLimit")}


@dataclass(frozen=True)
class Trade:
    """One gross leg; parties and token by their places in the cycle."""

    seller: int
    buyer: int
    quantity: int
    token: int = 0
    terms: bytes = b"\x33" * 32

    @property
    def words(self) -> bytes:
        return bytes([self.seller, self.buyer, self.token]) + self.quantity.to_bytes(8) + self.terms


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """A cycle and who signs for which party; `legs` overrides the packed trades."""

    tokens: tuple[str, ...]
    keys: tuple[Key, ...]
    trades: tuple[Trade, ...]
    lock_by: int
    pay_by: int
    epoch: int = 1
    cash_hash: bytes = b"\x44" * 32
    legs: bytes | None = None
    wallets: Mapping[int, str] = field(default_factory=dict)

    @property
    def parties(self) -> tuple[str, ...]:
        return tuple(self.wallets.get(i, key.address) for i, key in enumerate(self.keys))

    @property
    def words(self) -> tuple[Any, ...]:
        legs = b"".join(trade.words for trade in self.trades) if self.legs is None else self.legs
        return (
            list(self.tokens), list(self.parties), legs, self.cash_hash, self.epoch, self.lock_by, self.pay_by,
        )  # fmt: skip

    @property
    def message(self) -> dict[str, Any]:
        return dict(zip([one["name"] for one in NET_TYPES["Cycle"]], self.words, strict=True))

    def but(self, **changes: Any) -> "Cycle":
        return replace(self, **changes)

    def nets(self) -> dict[tuple[int, int], int]:
        """Received less delivered, by (token, party), of each party with a trade in it."""
        sums: Counter[tuple[int, int]] = Counter()
        for trade in self.trades:
            sums[trade.token, trade.seller] -= trade.quantity
            sums[trade.token, trade.buyer] += trade.quantity
        return dict(sums)

    def net(self) -> tuple[Any, ...]:
        """The struct Net."""
        sums, parties = self.nets(), self.parties
        movements = [
            (token, [position(party, sums[t, p]) for p, party in enumerate(parties) if (t, p) in sums])
            for t, token in enumerate(self.tokens)
        ]
        return (self.epoch, self.pay_by, movements)

    def limits(self) -> list[int]:
        """Each party's exact positions, by party, then token."""
        sums = self.nets()
        return [sums.get((t, p), 0) for p in range(len(self.keys)) for t in range(len(self.tokens))]

    def legs_of(self, party: int) -> list[dict[str, Any]]:
        """The messages NetLeg of the party's own trades, in the cycle's order."""
        return [
            {
                "token": self.tokens[trade.token],
                "seller": self.parties[trade.seller],
                "buyer": self.parties[trade.buyer],
                "quantity": trade.quantity,
                "termsHash": trade.terms,
            }
            for trade in self.trades
            if party in (trade.seller, trade.buyer)
        ]


def position(party: str, units: int) -> int:
    """The packed word: party, then 96 bits, signed."""
    return int(party, 16) << 96 | units % 2**96


class NetWorld:
    """What a world can do with cycles."""

    def __init__(self, world: World) -> None:
        self.world = world

    def members(self, count: int, units: int = 1_000, tokens: Sequence[Any] = ()) -> tuple[Key, ...]:
        """Registered parties, ascending, who hold `units` of each token."""
        world = self.world
        keys = sorted((Key.named(f"member {i}") for i in range(count)), key=lambda key: int(key.address, 16))
        for key in keys:
            world.register(key.address)
            for token in tokens or (world.token,):
                world.send(token.functions.issue(key.address, units), world.issuer)
        return tuple(keys)

    def cycle(self, keys: Sequence[Key], trades: Sequence[Trade], **changes: Any) -> Cycle:
        world = self.world
        usual = {"tokens": (world.token.address,), "lock_by": world.deadline, "pay_by": world.deadline}
        return Cycle(keys=tuple(keys), trades=tuple(trades), **(usual | changes))

    def digest(self, primary: str, message: dict[str, Any], chain_id: int | None = None) -> bytes:
        world = self.world
        signable = encode_typed_data(
            full_message={
                "types": {name: NET_TYPES[name] for name in ("EIP712Domain", *USED[primary])},
                "primaryType": primary,
                "domain": {
                    "name": "Lockstep DvP",
                    "version": "1",
                    "chainId": world.chain_id if chain_id is None else chain_id,
                    "verifyingContract": world.dvp.address,
                },
                "message": message,
            }
        )
        return keccak(b"\x19" + signable.version + signable.header + signable.body)

    def id_of(self, cycle: Cycle, chain_id: int | None = None) -> bytes:
        return self.digest("Cycle", cycle.message, chain_id)

    def statement(self, cycle: Cycle, party: int, limits: Sequence[int], **changes: Any) -> bytes:
        """What the party signs; `limits` are the party's own."""
        message = {
            "cycleId": self.id_of(cycle),
            "legs": cycle.legs_of(party),
            "limits": [{"token": t, "least": least} for t, least in zip(cycle.tokens, limits, strict=True)],
        }
        return self.digest("NetStatement", message | changes)

    def signatures(self, cycle: Cycle, limits: Sequence[int]) -> list[bytes]:
        """By each party's key, EIP-2098."""
        width = len(cycle.tokens)
        return [
            compact(sign(key, self.statement(cycle, p, limits[p * width : (p + 1) * width])))
            for p, key in enumerate(cycle.keys)
        ]

    def lock_call(
        self, cycle: Cycle, limits: Sequence[int] | None = None, signatures: Sequence[bytes] | None = None
    ) -> Any:
        least = cycle.limits() if limits is None else list(limits)
        given = self.signatures(cycle, least) if signatures is None else list(signatures)
        return self.world.dvp.functions.lockNet(cycle.words, least, given)

    def lock(self, cycle: Cycle) -> bytes:
        self.world.send(self.lock_call(cycle), self.world.outsider, 15_000_000)
        return self.id_of(cycle)

    def prove(self, name: str, cycle: Cycle, result: int, net: Any = None) -> Any:
        """settleNet, recordPaidNet or giveBackNet with a good proof of `result`."""
        world, id_ = self.world, self.id_of(cycle)
        proof = world.proof(world.outcome(id_, result, cycle.epoch))
        return world.dvp.functions[name](id_, cycle.net() if net is None else net, packed(proof))

    def settle(self, cycle: Cycle) -> Any:
        return self.world.send(self.prove("settleNet", cycle, PAID), self.world.outsider, 15_000_000)

    def status(self, cycle: Cycle) -> int:
        return int(self.world.dvp.functions.statusOfNet(self.id_of(cycle)).call()[0])

    def holdings(self, cycle: Cycle, token: Any = None) -> list[tuple[int, int]]:
        """(owned, free) of each party."""
        functions = (token or self.world.token).functions
        return [(functions.balanceOf(p).call(), functions.freeOf(p).call()) for p in cycle.parties]
