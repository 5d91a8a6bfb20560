"""Every state of a single settlement × every call × time × who calls, by really making each call; cycles: table_net.

The page `docs/reference/state-table.md` is written from it by `scripts/state_table.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, ClassVar

from .model_dvp import CHALLENGE, GRACE, Movement, Terms
from .reading import Layout, Reading
from .typed import Digests, Keyring, compact
from .world import DAY, START, Order, World

__all__ = [
    "CALLS",
    "ENDS",
    "GAS",
    "LOCK_BY",
    "PAY_BY",
    "PROPOSED_BEFORE",
    "STATES",
    "TIMES",
    "Cell",
    "Row",
    "StateTable",
    "proofs",
]

STATES = ("None", "Locked", "Paid", "Settled", "GivenBack", "Cancelled", "InParts")
ENDS = ("Settled", "GivenBack", "Cancelled")
LOCK_BY, PAY_BY = START + DAY, START + 3 * DAY
# Each column with its second; the last two of a long stop that the officer proposed one second after the grace.
TIMES = {
    "until `lockBy`": LOCK_BY,
    "until `payBy`": PAY_BY,
    "until the grace ends": PAY_BY + GRACE,
    "after the grace": PAY_BY + GRACE + 1,
    "until the challenge ends": PAY_BY + GRACE + 1 + CHALLENGE,
    "after the challenge": PAY_BY + GRACE + 2 + CHALLENGE,
}
PROPOSED_BEFORE = PAY_BY + GRACE + 1
LOT, QUANTITY = 10, 100
GAS = 3_000_000
Cell = str


@dataclass(frozen=True)
class Row:
    """A call: what is sent, with what, by whom; `by` is who has to want it for it to end a settlement."""

    function: str
    given: str
    sender: str
    by: str
    arguments: Callable[["StateTable"], tuple[Any, ...]] = field(compare=False)
    grouped: bool = False

    @property
    def title(self) -> str:
        return f"`{self.function}`" + (f" {self.given}" if self.given else "")


def proofs(function: str, right: int, wrong: int, of: str = "", place: tuple[int, ...] = ()) -> list[Row]:
    """With each of four proofs, of what `presented` gives, and of its security at `place`."""
    said = {1: "PAID", 2: "NEVER"}

    def row(given: str, by: str, proof: Callable[["StateTable"], bytes]) -> Row:
        return Row(function, of + given, "anyone", by, lambda t: (*t.presented, *place, proof(t)))

    return [
        row(f"with a quorum's {said[right]}", "a quorum of agents", lambda t: t.proof(right, (0, 1, 2))),
        row(f"with a quorum's {said[wrong]}", "a quorum of agents", lambda t: t.proof(wrong, (0, 1, 2))),
        row(f"with {said[right]} of one less than a quorum", "agents", lambda t: t.proof(right, (0, 1))),
        row("with nobody's signature", "anyone", lambda t: t.proof(right, ())),
    ]


CALLS: tuple[Row, ...] = (
    Row("lock", "with both signatures", "anyone", "both parties", lambda t: (t.order.words, *t.signed())),
    Row("lock", "without the buyer's", "anyone", "the seller", lambda t: (t.order.words, t.signed()[0], b"")),
    Row(
        "lockGroup",
        "of a group of one, with both signatures",
        "anyone",
        "both parties",
        lambda t: ([(t.order.words, *t.signed())],),
        grouped=True,
    ),
    Row(
        "lockBatch",
        "of one, with both signatures",
        "anyone",
        "both parties",
        lambda t: ([(t.order.words, *t.signed())],),
    ),
    Row(
        "lockPart",
        "with both signatures and the seller's over the part",
        "anyone",
        "both parties",
        lambda t: (t.order.words, 2, LOT, *t.signed(), t.part_signed(2)),
    ),
    Row(
        "lockPart",
        "with both signatures",
        "seller",
        "both parties",
        lambda t: (t.order.words, 2, LOT, *t.signed(), b""),
    ),
    Row(
        "lockPart",
        "with both signatures",
        "anyone",
        "both parties",
        lambda t: (t.order.words, 2, LOT, *t.signed(), b""),
    ),
    Row(
        "lockPart",
        "without the seller's",
        "anyone",
        "the buyer",
        lambda t: (t.order.words, 2, LOT, b"", t.signed()[1], b""),
    ),
    Row("cancelOrder", "", "seller", "the seller", lambda t: (t.order.words, b"")),
    Row(
        "cancelOrder", "with the seller's signature", "buyer", "both parties", lambda t: (t.order.words, t.signed()[0])
    ),
    Row("cancelOrder", "without it", "buyer", "the buyer", lambda t: (t.order.words, b"")),
    Row("cancelOrder", "with the seller's signature", "anyone", "the seller", lambda t: (t.order.words, t.signed()[0])),
    *proofs("settle", 1, 2),
    Row(
        "settleBatch",
        "of one, with a quorum's PAID",
        "anyone",
        "a quorum of agents",
        lambda t: ([t.order.leg], t.batch_proof(1, (0, 1, 2))),
    ),
    Row(
        "settleBatch",
        "of one, with a quorum's NEVER",
        "anyone",
        "a quorum of agents",
        lambda t: ([t.order.leg], t.batch_proof(2, (0, 1, 2))),
    ),
    *proofs("recordPaid", 1, 2),
    *proofs("giveBack", 2, 1),
    Row("proposeLongStop", "", "officer", "the officer", lambda t: (t.order.words,)),
    Row("proposeLongStop", "", "confirmer", "the confirmer", lambda t: (t.order.words,)),
    Row("proposeLongStop", "", "anyone", "anyone", lambda t: (t.order.words,)),
    Row("confirmLongStop", "", "confirmer", "officer and confirmer", lambda t: (t.order.leg,)),
    Row("confirmLongStop", "", "officer", "the officer", lambda t: (t.order.leg,)),
    Row("confirmLongStop", "", "anyone", "anyone", lambda t: (t.order.leg,)),
)


class StateTable:
    """One world; each cell begins from its opening."""

    order: Order
    calls: ClassVar[tuple[Row, ...]] = CALLS
    states: ClassVar[tuple[str, ...]] = STATES

    def __init__(self, world: World, siege: bool = False) -> None:
        self.world, self.siege = world, siege
        self.reading = Reading(world, Layout(world))
        self.keyring, self.digests = Keyring(), Digests("Lockstep DvP", 131_277_322_940_537, world.dvp)
        at = world.address
        self.senders = {
            "seller": at("wallet 0"),
            "buyer": at("wallet 2"),
            "officer": at("dvp_officer"),
            "confirmer": at("dvp_confirmer"),
            "anyone": at("stranger"),
        }
        self.wallets = [self.senders["seller"], self.senders["buyer"]]
        self.tokens = [world.token]
        self.order = self.order_of(grouped=False)

    def order_of(self, grouped: bool) -> Order:
        movement = Movement(self.world.token, self.senders["seller"], self.senders["buyer"], QUANTITY, 1, 7)
        group = self.digests.group([movement]) if grouped else bytes(32)
        terms = Terms(b"\1" * 32, 0, 0 if grouped else LOT, group, b"\2" * 32, LOCK_BY, PAY_BY)
        return Order(movement, terms, self.digests.order(movement, terms))

    @property
    def presented(self) -> tuple[Any, ...]:
        """What ends it, but for the proof."""
        return (self.order.leg,)

    @property
    def id(self) -> bytes:
        return self.order.id

    def signed(self) -> tuple[bytes, bytes]:
        keys = self.world.keys["wallet 0"], self.world.keys["wallet 2"]
        first, second = (compact(self.keyring.sign(key, self.order.id)) for key in keys)
        return first, second

    def part_signed(self, part: int) -> bytes:
        return compact(self.keyring.sign(self.world.keys["wallet 0"], self.digests.part(self.order.id, part, LOT)))

    def proof(self, result: int, signers: tuple[int, ...]) -> bytes:
        return self._proof(self.digests.outcome(self.id, result, 1), signers)

    def batch_proof(self, result: int, signers: tuple[int, ...]) -> bytes:
        return self._proof(self.digests.outcomes([self.order.id], result, 1), signers)

    def _proof(self, digest: bytes, signers: tuple[int, ...]) -> bytes:
        agents = self.world.agents[:4]
        given = b"".join(compact(self.keyring.sign(agents[i], digest)) for i in signers)
        absent = b"".join(bytes.fromhex(key.address[2:]) for i, key in enumerate(agents) if i not in signers)
        return bytes([3, sum(1 << i for i in signers)]) + given + absent

    # Bringing about

    def cell(self, state: str, time: str, row: Row) -> Cell:
        """What the call does there and then: a new state, "accepted", or the refusal's name."""
        chain = self.world.chain
        chain.revert(self.world.mark)
        self.world.mark = chain.snapshot()
        proposed = TIMES[time] > PROPOSED_BEFORE
        self._bring(state, row, proposed)
        if self.siege:
            self._besiege()
            if proposed and state == "Locked":
                # A proposal dies with its epoch: the new one's officer makes it again.
                self._propose()
        chain.now = TIMES[time]
        before = self.status()
        data = self.world.codec.encode("DvP", row.function, row.arguments(self))
        outcome = chain.call(self.senders[row.sender], self.world.dvp, data, GAS)
        if not outcome.done:
            return f"`{self.world.codec.name_of(outcome.data)}`"
        for log in outcome.logs:
            name, values = self.world.codec.event(log)
            if name == "LegSkipped":
                return f"skipped: `{self.world.codec.name_of(values['reason'])}`"
        after = self.status()
        return f"→ {after}" if after != before else "accepted"

    def status(self) -> str:
        return STATES[self.reading.lane(self.order.movement.seller, self.order.movement.nonce)[0]]

    def _bring(self, state: str, row: Row, proposed: bool) -> None:
        # A group's order is never divided: in parts, the divisible one is presented.
        grouped = row.grouped and state != "InParts"
        self.order = self.order_of(grouped)
        chain = self.world.chain
        chain.now = START
        if state in ("Locked", "Paid", "Settled", "GivenBack"):
            if grouped:
                self._send("anyone", "lockGroup", [(self.order.words, *self.signed())])
            else:
                self._send("anyone", "lock", self.order.words, *self.signed())
            if proposed:
                chain.now = PROPOSED_BEFORE
                self._propose()
        if state in ("Paid", "Settled", "GivenBack"):
            function = {"Paid": "recordPaid", "Settled": "settle", "GivenBack": "giveBack"}[state]
            result = 2 if state == "GivenBack" else 1
            self._send("anyone", function, self.order.leg, self.proof(result, (0, 1, 2)))
        elif state == "Cancelled":
            self._send("seller", "cancelOrder", self.order.words, b"")
        elif state == "InParts":
            self._send("seller", "lockPart", self.order.words, 1, LOT, *self.signed(), b"")

    def _propose(self) -> None:
        self._send("officer", "proposeLongStop", self.order.words)

    def _besiege(self) -> None:
        """All that registrar, issuer and officer can do, and other agents that serve."""
        world = self.world
        for wallet in self.wallets:
            world.send("registrar", "ParticipantRegistry", world.registry, "setStatus", wallet, 3)
        for token in self.tokens:
            for wallet in self.wallets:
                world.send("officer", "SecurityToken", token, "setAccountFrozen", wallet, True)
                world.send("officer", "SecurityToken", token, "setFrozenTokens", wallet, 2**256 - 1)
            world.send("issuer", "SecurityToken", token, "setRules", 0, 0)
            world.send("officer", "SecurityToken", token, "setPaused", True)
        agents = tuple(key.address for key in world.agents[5:9])
        next_ = (agents, 3, 1, self.senders["officer"], self.senders["confirmer"])
        proof = self._proof(self.digests.rotation(2, *next_), (0, 1, 2))
        self._send("anyone", "rotate", next_, proof)

    def _send(self, sender: str, function: str, *arguments: Any) -> None:
        data = self.world.codec.encode("DvP", function, arguments)
        outcome = self.world.chain.call(self.senders[sender], self.world.dvp, data, GAS)
        if not outcome.done:
            raise RuntimeError(f"{function}: {self.world.codec.refusal(outcome.data)}")

    # The whole

    def cells(self, state: str) -> dict[Row, list[Cell]]:
        return {row: [self.cell(state, time, row) for time in TIMES] for row in self.calls}

    def all_cells(self) -> dict[str, dict[Row, list[Cell]]]:
        return {state: self.cells(state) for state in self.states}

    def exits(self, state: str, cells: dict[Row, list[Cell]]) -> Iterator[tuple[str, Row, str]]:
        """What leads on from a state: the new state, the call, and when."""
        times = list(TIMES)
        for row, found in cells.items():
            for to, run in groupby(range(len(times)), key=found.__getitem__):
                places = list(run)
                if to.startswith("→"):
                    always = len(places) == len(times)
                    when = "at any time" if always else _span(times, places)
                    yield to.removeprefix("→ "), row, when


def _span(times: list[str], places: list[int]) -> str:
    first, last = places[0], places[-1]
    if last == len(times) - 1:
        return f"from then on: {times[first]}" if not times[first].startswith("after") else times[first]
    return times[last]
