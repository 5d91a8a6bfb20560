"""Many transactions under way: stuck ones replaced, keys side by side, and a process that dies in between."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from anvil import AnvilChain, running
from ledger_venues import ISSUER, OPERATOR, REGISTRAR

from lockstep.chain.attempts import Call
from lockstep.chain.fees import SendingRules, dearer
from lockstep.chain.node import Head, Node, Standing
from lockstep.chain.pool import SenderPool
from lockstep.chain.sender import Sender
from lockstep.domain.errors import Refused, Unavailable
from lockstep.ports import SentTransaction
from lockstep.signing import Key
from lockstep.signing.transactions import Unsigned
from lockstep.store import SqlTransactionLog, open_database
from lockstep.testing.fakes import FakeTransactionLog

KEYS = (OPERATOR, REGISTRAR, ISSUER)
NOTHING = "0x" + "00" * 19 + "44"
"""Nobody's address: a call to it does nothing."""


class Line(Node):
    """A node that forgets what it is sent while `deaf`, and takes it without an answer while `mute`."""

    def __init__(self, node: Node) -> None:
        self.web3 = node.web3
        self.deaf = self.mute = False
        self.sent: list[bytes] = []

    def broadcast_all(self, raws: Sequence[bytes]) -> list[str | Unavailable | None]:
        self.sent += raws
        if self.deaf:
            return [None] * len(raws)
        answers = super().broadcast_all(raws)
        return [Unavailable("no answer")] * len(raws) if self.mute else answers


@pytest.fixture
def chain() -> Iterator[AnvilChain]:
    """Nothing is mined before it is told to."""
    with running() as anvil:
        for one in KEYS:
            anvil.ask("anvil_setBalance", one.address, hex(10**20))
        anvil.mines()
        yield anvil


@pytest.fixture
def line(chain: AnvilChain) -> Line:
    return Line(chain.node)


def calls(count: int, first: int = 0) -> list[Call]:
    return [
        Call(key=f"call/{number}", to=NOTHING, data=bytes([number]), gas=60_000)
        for number in range(first, first + count)
    ]


def made(
    node: Node, log: Any, key: Key = OPERATOR, told: Callable[[str], None] = lambda _: None, **rules: Any
) -> Sender:
    return Sender(node, key, log, told, SendingRules(**rules))


def states(log: FakeTransactionLog) -> list[tuple[int, str]]:
    return [(one.nonce, one.status) for one in log.stored.values()]


def test_many_leave_at_once_and_end_together(chain: AnvilChain, line: Line) -> None:
    log, given = FakeTransactionLog(), calls(30)
    sender, start = made(line, log), line.transaction_count(OPERATOR.address)
    assert sender.ensure_all(given) == [None] * 30
    assert states(log) == [(start + number, "broadcast") for number in range(30)]
    assert sender.ensure_all(given) == [None] * 30 and len(line.sent) == 30, "no block went by"
    chain.mine()
    assert sender.ensure_all(given) == [None] * 30
    assert states(log) == [(start + number, "mined") for number in range(30)]
    kept = next(iter(log.stored.values()))
    assert (kept.broadcasts, kept.first_sent, kept.block) == (1, (kept.block or 0) - 1, line.head().number)
    assert {one.key for one in log.stored.values()} == {one.key for one in given} and len(line.sent) == 30


def test_what_was_sent_waits_a_block_and_leaves_again(chain: AnvilChain, line: Line) -> None:
    log, given = FakeTransactionLog(), calls(3)
    sender, line.deaf = made(line, log), True
    sender.ensure_all(given)
    line.deaf = False
    for _ in range(3):
        chain.mine()
        assert sender.ensure_all(given) == [None] * 3
    chain.mine()
    sender.ensure_all(given)
    assert [state for _, state in states(log)] == ["mined"] * 3
    assert len(set(line.sent)) == 3 and [one.broadcasts for one in log.stored.values()] == [2] * 3


def test_a_node_that_takes_them_and_does_not_say_so(chain: AnvilChain, line: Line) -> None:
    log, given = FakeTransactionLog(), calls(4)
    sender, line.mute = made(line, log), True
    assert [type(one) for one in sender.ensure_all(given)] == [Unavailable] * 4
    assert [state for _, state in states(log)] == ["signed"] * 4
    line.mute, sent = False, len(line.sent)
    assert sender.ensure_all(given) == [None] * 4 and len(line.sent) == sent + 4, "nobody knows that they arrived"
    assert [state for _, state in states(log)] == ["broadcast"] * 4
    chain.mine()
    assert sender.ensure_all(given) == [None] * 4
    assert [state for _, state in states(log)] == ["mined"] * 4 and len(log.stored) == 4


class Dies(FakeTransactionLog):
    """The process ends after so many stores."""

    def __init__(self, stores: int) -> None:
        super().__init__()
        self.left = stores

    def put_all(self, transactions: Sequence[SentTransaction]) -> None:
        super().put_all(transactions)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("stores", "status"), [(1, "reserved"), (2, "signed"), (3, "broadcast")])
def test_dead_after_each_store(chain: AnvilChain, line: Line, stores: int, status: str) -> None:
    """Another process goes on with the same nonces, and signs what was only reserved: one transaction for each call."""
    log, given, start = Dies(stores), calls(5), line.transaction_count(OPERATOR.address)
    with pytest.raises(KeyboardInterrupt):
        made(line, log).ensure_all(given)
    assert states(log) == [(start + number, status) for number in range(5)]
    another = made(line, log)
    assert another.ensure_all(given) == [None] * 5
    chain.mine()
    assert another.ensure_all(given) == [None] * 5
    assert states(log) == [(start + number, "mined") for number in range(5)]
    assert line.transaction_count(OPERATOR.address) == start + 5


def test_a_reserved_nonce_that_another_took(chain: AnvilChain, line: Line) -> None:
    """It never left, and never will: the call goes under another nonce."""
    log, given, start = Dies(1), calls(2), line.transaction_count(OPERATOR.address)
    with pytest.raises(KeyboardInterrupt):
        made(line, log).ensure_all(given)
    foreign = made(line, FakeTransactionLog())
    assert foreign.ensure_all(calls(2, 10)) == [None] * 2
    chain.mine(3)
    another = made(line, log)
    assert another.ensure_all(given) == [None] * 2
    chain.mine()
    assert another.ensure_all(given) == [None] * 2
    assert states(log) == [(start, "replaced"), (start + 1, "replaced"), (start + 2, "mined"), (start + 3, "mined")]


def test_what_is_stuck_is_replaced_under_its_nonce(chain: AnvilChain, line: Line) -> None:
    """The base fee has risen above what was offered: after some blocks each is offered dearer, and both never count."""
    log, given = FakeTransactionLog(), calls(3)
    sender = made(line, log, patience_blocks=4)
    sender.ensure_all(given)
    first = [Unsigned.read(one.raw) for one in log.stored.values()]
    for _ in range(12):
        chain.ask("anvil_setNextBlockBaseFeePerGas", hex(40 * 10**9))
        chain.mine()
        assert sender.ensure_all(given) == [None] * 3
    chain.mine()
    assert sender.ensure_all(given) == [None] * 3
    ended = [*log.stored.values()]
    assert sorted(one.nonce for one in ended if one.status == "mined") == sorted(one.nonce for one in first)
    assert {one.status for one in ended} == {"mined", "replaced"}
    for old, new in (
        (Unsigned.read(one.raw), Unsigned.read(two.raw)) for one, two in zip(ended, ended[3:], strict=False)
    ):
        assert new.max_fee * 8 >= old.max_fee * 9 and new.priority_fee * 8 >= old.priority_fee * 9
        assert (new.nonce, new.data, new.gas) == (old.nonce, old.data, old.gas)


def test_at_the_cap_it_waits_and_says_so_once(chain: AnvilChain, line: Line) -> None:
    log, given = FakeTransactionLog(), calls(2)
    sender = made(line, log, patience_blocks=2, fee_cap=3 * 10**9)
    told: list[Any] = []
    for _ in range(10):
        told.append(sender.ensure_all(given))
        chain.ask("anvil_setNextBlockBaseFeePerGas", hex(40 * 10**9))
        chain.mine()
    refused = [one for found in told for one in found if one is not None]
    assert [one.name for one in refused if isinstance(one, Refused)] == ["FeeCapReached"] * 2 and len(refused) == 2
    assert refused[0].details["cap"] == 3 * 10**9 and refused[0].details["sender"] == OPERATOR.address
    assert all(Unsigned.read(one.raw).max_fee <= 3 * 10**9 for one in log.stored.values())
    for _ in range(4):
        chain.ask("anvil_setNextBlockBaseFeePerGas", hex(10**8))
        chain.mine()
        assert sender.ensure_all(given) == [None] * 2
    assert sorted({one.status for one in log.stored.values()}) in (["mined"], ["mined", "replaced"])


@pytest.mark.parametrize("old", [1, 7, 8, 100, 10**9, 3 * 10**9 + 1])
def test_dearer_is_an_eighth_more_at_least(old: int) -> None:
    stuck = Unsigned(chain_id=1, nonce=0, to=NOTHING, data=b"", gas=21_000, priority_fee=old, max_fee=2 * old)
    standing = Standing(head=Head(number=1, timestamp=1, hash=""), base_fee=0, count=0)
    more = dearer(stuck, standing, SendingRules())
    assert more is not None and more.priority_fee * 8 >= old * 9 and more.max_fee * 8 >= 2 * old * 9
    assert dearer(stuck, standing, SendingRules(fee_cap=2 * old)) is None
    risen = dearer(stuck, replace(standing, base_fee=50 * old), SendingRules())
    assert risen is not None and risen.max_fee >= 100 * old + risen.priority_fee


def test_a_count_that_lies_once_replaces_nothing(
    chain: AnvilChain, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, given = FakeTransactionLog(), calls(3)
    sender, honest = made(line, log), line.standing
    sender.ensure_all(given)
    lies = [7, 0]

    def standing(address: str) -> Standing:
        return replace(honest(address), count=honest(address).count + (lies.pop(0) if lies else 0))

    monkeypatch.setattr(line, "standing", standing)
    assert sender.ensure_all(given) == [None] * 3
    assert [state for _, state in states(log)] == ["broadcast"] * 3
    monkeypatch.setattr(line, "standing", lambda address: replace(honest(address), count=honest(address).count + 7))
    assert sender.ensure_all(given) == [None] * 3
    assert [state for _, state in states(log)] == ["broadcast"] * 3, "the block before knows nothing of it"


def test_a_count_that_goes_down_and_is_made_up(chain: AnvilChain, line: Line) -> None:
    """The block with all of it is gone: the same bytes leave again, in their order."""
    log, given = FakeTransactionLog(), calls(4)
    sender = made(line, log)
    snapshot = chain.ask("evm_snapshot")
    sender.ensure_all(given)
    chain.mine()
    sender.ensure_all(given)
    chain.ask("evm_revert", snapshot)
    chain.mine(2)
    for _ in range(3):
        assert sender.ensure_all(given) == [None] * 4
        chain.mine(2)
    assert [state for _, state in states(log)] == ["mined"] * 4
    assert len(log.stored) == 4 and len(set(line.sent)) == 4


def test_what_is_final_is_closed(chain: AnvilChain, line: Line) -> None:
    log = FakeTransactionLog()
    sender = made(line, log, finality_depth=2, window=4)
    for first in range(0, 20, 4):
        for _ in range(2):
            assert sender.ensure_all(calls(4, first)) == [None] * 4
            chain.mine(3)
    kept = sorted(log.stored.values(), key=lambda one: one.nonce)
    assert {(one.status, one.final) for one in kept[:16]} == {("mined", True)}
    sender.ensure_all(calls(2, 30))
    assert [one.key for one in log.from_nonce(0) if one.status == "broadcast"] == ["call/30", "call/31"]
    assert not [one for one in log.from_nonce(0) if one.final]


def test_a_node_that_counts_less_than_is_final_is_behind(
    chain: AnvilChain, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = FakeTransactionLog()
    sender = made(line, log, finality_depth=0, window=2)
    start = line.transaction_count(OPERATOR.address)
    for _ in range(3):
        sender.ensure_all(calls(2))
        chain.mine()
    honest = line.standing
    monkeypatch.setattr(line, "standing", lambda address: replace(honest(address), count=start))
    with pytest.raises(Unavailable, match="it lags"):
        sender.ensure_all(calls(4))
    assert len(log.stored) == 2


def test_keys_side_by_side(chain: AnvilChain, line: Line, tmp_path: Any) -> None:
    """Each under its own nonces; what one has begun it goes on with, whoever is chosen since."""
    engine = open_database(f"sqlite:///{tmp_path}/service.db")
    keys = {one.address: one for one in KEYS}
    logs = {name: SqlTransactionLog(engine, sender=name) for name in keys}

    def pool(*names: str) -> SenderPool:
        return SenderPool({name: made(line, logs[name], keys[name]) for name in names}, next(iter(logs.values())))

    given = calls(40)
    assert pool(*keys).ensure_all(given) == [None] * 40
    begun = logs[OPERATOR.address].transactions_of([one.key for one in given])
    by_key = {key: tries[-1].sender for key, tries in begun.items()}
    assert set(by_key.values()) == set(keys), "each has its share"
    assert sum(len(log.unmined()) for log in logs.values()) == 40
    assert pool(*reversed(keys)).ensure_all(given) == [None] * 40
    chain.mine()
    two = pool(OPERATOR.address, ISSUER.address)
    assert two.ensure_all([one for one in given if by_key[one.key] != REGISTRAR.address]) is not None
    assert pool(*keys).ensure_all(given) == [None] * 40
    ended = logs[OPERATOR.address].transactions_of([one.key for one in given])
    assert {key: [one.status for one in tries] for key, tries in ended.items()} == {one.key: ["mined"] for one in given}
    two.ensure("call/200", NOTHING, b"", 60_000)
    chain.mine()
    assert two.look(["call/200"])["call/200"].state.name == "DONE"
    engine.dispose()
