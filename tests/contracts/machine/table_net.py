"""Every state of a cycle × every call × time × who calls, by really making each call."""

from collections.abc import Callable
from typing import Any, ClassVar

from .model_dvp import GRACE
from .model_net import Gross, Leg
from .table import LOCK_BY, PAY_BY, PROPOSED_BEFORE, STATES, TIMES, Cell, Row, StateTable, proofs
from .typed import compact
from .world import START, Cycle, World

__all__ = ["NET_CALLS", "NET_STATES", "ONE_LEFT", "NetTable"]

ONE_LEFT = ", one left"
NET_STATES = ("None", "Locked", "Paid", f"Settled{ONE_LEFT}", f"GivenBack{ONE_LEFT}", "Settled", "GivenBack")
FIRST, SECOND, THIRD = range(3)
# Three parties in two securities; the second one's positions in the first cancel out.
TRADES = (Leg(0, 1, 0, 100, b"\3" * 32), Leg(1, 2, 0, 100, b"\4" * 32), Leg(2, 0, 1, 40, b"\5" * 32))


def net(t: StateTable) -> tuple[Any, ...]:
    return t.presented


def other(t: StateTable) -> tuple[Any, ...]:
    """The id with positions twice as large."""
    assert isinstance(t, NetTable)
    gross = t.cycle.gross
    double = gross._replace(legs=packed([leg._replace(quantity=2 * leg.quantity) for leg in TRADES]))
    return (t.cycle.id, Cycle(double, t.cycle.id).net)


def net_of(place: int, *proof: bytes) -> Callable[[StateTable], tuple[Any, ...]]:
    return lambda t: (*t.presented, place, *proof)


def locking(t: StateTable, by_all: bool = True, slack: int = 0) -> tuple[Any, ...]:
    assert isinstance(t, NetTable)
    limits = [least + slack for least in t.limits()]
    signed = t.statements(limits)
    return (t.cycle.gross, limits, signed if by_all else [*signed[:-1], signed[0]])


NET_CALLS: tuple[Row, ...] = (
    Row("lockNet", "with all signatures", "anyone", "all parties", locking),
    Row("lockNet", "without the last one's", "anyone", "the other parties", lambda t: locking(t, by_all=False)),
    Row("lockNet", "with signed limits that it breaks", "anyone", "no party", lambda t: locking(t, slack=1)),
    *proofs("settleNet", 1, 2),
    Row(
        "settleNet",
        "of other positions, with a quorum's PAID",
        "anyone",
        "a quorum of agents",
        lambda t: (*other(t), t.proof(1, (0, 1, 2))),
    ),
    *proofs("recordPaidNet", 1, 2),
    *proofs("giveBackNet", 2, 1),
    Row(
        "giveBackNet",
        "of other positions, with a quorum's NEVER",
        "anyone",
        "a quorum of agents",
        lambda t: (*other(t), t.proof(2, (0, 1, 2))),
    ),
    Row("settleNetOf", "of the first", "anyone", "anyone", net_of(FIRST)),
    Row("settleNetOf", "of the second", "anyone", "anyone", net_of(SECOND)),
    Row("settleNetOf", "of a third, which is not in it", "anyone", "anyone", net_of(THIRD)),
    Row("settleNetOf", "of other positions", "anyone", "anyone", lambda t: (*other(t), SECOND)),
    Row(
        "giveBackNetOf",
        "of the first, with a quorum's NEVER",
        "anyone",
        "a quorum of agents",
        lambda t: (*t.presented, FIRST, t.proof(2, (0, 1, 2))),
    ),
    *proofs("giveBackNetOf", 2, 1, "of the second, ", (SECOND,)),
    Row(
        "giveBackNetOf",
        "of a third, with a quorum's NEVER",
        "anyone",
        "a quorum of agents",
        lambda t: (*t.presented, THIRD, t.proof(2, (0, 1, 2))),
    ),
    Row(
        "giveBackNetOf",
        "of other positions, with a quorum's NEVER",
        "anyone",
        "a quorum of agents",
        lambda t: (*other(t), SECOND, t.proof(2, (0, 1, 2))),
    ),
    Row("giveBackNetOf", "of the second, no proof", "confirmer", "officer and confirmer", net_of(SECOND, b"")),
    Row("giveBackNetOf", "of the second, no proof", "officer", "the officer", net_of(SECOND, b"")),
    Row("giveBackNetOf", "of the second, no proof", "anyone", "anyone", net_of(SECOND, b"")),
    Row("proposeNetLongStop", "", "officer", "the officer", net),
    Row("proposeNetLongStop", "", "confirmer", "the confirmer", net),
    Row("proposeNetLongStop", "", "anyone", "anyone", net),
    Row("confirmNetLongStop", "", "confirmer", "officer and confirmer", net),
    Row("confirmNetLongStop", "of other positions", "confirmer", "officer and confirmer", other),
    Row("confirmNetLongStop", "", "officer", "the officer", net),
    Row("confirmNetLongStop", "", "anyone", "anyone", net),
)


class NetTable(StateTable):
    """One world with one cycle; each cell begins from its opening."""

    calls: ClassVar[tuple[Row, ...]] = NET_CALLS
    states: ClassVar[tuple[str, ...]] = NET_STATES

    def __init__(self, world: World, siege: bool = False) -> None:
        super().__init__(world, siege)
        self.wallets = sorted((world.wallets[0], world.wallets[2], world.wallets[3]), key=lambda one: int(one, 16))
        self.tokens = sorted((world.token, world.other_token), key=lambda one: int(one, 16))
        gross = Gross(tuple(self.tokens), tuple(self.wallets), packed(TRADES), b"\2" * 32, 1, LOCK_BY, PAY_BY)
        self.cycle = Cycle(gross, self.digests.cycle(*gross))

    @property
    def presented(self) -> tuple[Any, ...]:
        return (self.cycle.id, self.cycle.net)

    @property
    def id(self) -> bytes:
        return self.cycle.id

    def limits(self) -> list[int]:
        """Each party's exact positions, by party, then security."""
        sums = self.cycle.gross.sums()
        return [sums.get((t, p), 0) for p in range(len(self.wallets)) for t in range(len(self.tokens))]

    def statements(self, limits: list[int]) -> list[bytes]:
        """Each party's signature over its own trades and limits."""
        made, width = [], len(self.tokens)
        keys = {key.address: key for key in self.world.keys.values()}
        for p, wallet in enumerate(self.wallets):
            least = zip(self.tokens, limits[p * width : (p + 1) * width], strict=True)
            digest = self.digests.statement(self.cycle.id, self.cycle.gross.own(p), least)
            made.append(compact(self.keyring.sign(keys[wallet], digest)))
        return made

    def status(self) -> str:
        status = STATES[self.reading.ask("DvP", self.world.dvp, "statusOfNet", self.cycle.id)]
        return status + ONE_LEFT if self.reading.left(self.cycle.id) else status

    def cell(self, state: str, time: str, row: Row) -> Cell:
        """As every cell; "–" where the state cannot have been reached by then."""
        if state == f"Settled{ONE_LEFT}" and TIMES[time] <= PAY_BY + GRACE:
            return "–"
        return super().cell(state, time, row)

    def _bring(self, state: str, row: Row, proposed: bool) -> None:
        chain = self.world.chain
        chain.now = START
        if state == "None":
            return
        self._send("anyone", "lockNet", *locking(self))
        if proposed:
            chain.now = PROPOSED_BEFORE
            self._propose()
        if state == f"Settled{ONE_LEFT}":
            self._send("anyone", "recordPaidNet", *self.presented, self.proof(1, (0, 1, 2)))
            chain.now = PAY_BY + GRACE + 1
            self._send("anyone", "settleNetOf", *self.presented, FIRST)
        elif state == f"GivenBack{ONE_LEFT}":
            self._send("anyone", "giveBackNetOf", *self.presented, FIRST, self.proof(2, (0, 1, 2)))
        elif state != "Locked":
            function = {"Paid": "recordPaidNet", "Settled": "settleNet", "GivenBack": "giveBackNet"}[state]
            self._send("anyone", function, *self.presented, self.proof(2 if state == "GivenBack" else 1, (0, 1, 2)))

    def _propose(self) -> None:
        self._send("officer", "proposeNetLongStop", *self.presented)


def packed(trades: tuple[Leg, ...] | list[Leg]) -> bytes:
    return b"".join(bytes(leg[:3]) + leg.quantity.to_bytes(8) + leg.terms for leg in trades)
