"""What others can do to one trade harms no other: odd values and bad answers in the middle of a batch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from bulk_world import BulkAssets, BulkBench
from flow_world import check

from lockstep.domain.errors import LockstepError, Misconfigured, Unavailable
from lockstep.domain.instruction import Side
from lockstep.domain.order import Order
from lockstep.domain.trade import Reason, TradeState
from lockstep.flow.ordering import order_for
from lockstep.ports import Change, Results
from lockstep.testing.fakes import example_instruction

MANY = 5


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[BulkBench]:
    bench = BulkBench(tmp_path)
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    yield bench
    check(bench)
    bench.close()


def saying(number: int) -> dict[str, str]:
    """As `BulkBench.instruct_many` has it."""
    return {"quantity": str(1000 + number), "cash": f"{900 + number}.00"}


def states(bench: BulkBench) -> Counter[TradeState]:
    return Counter(trade.state for trade in bench.book.trades())


@pytest.mark.parametrize("nonce", [2**62 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
def test_parties_that_lock_under_the_highest_nonces_stop_nobody(bench: BulkBench, nonce: int) -> None:
    """They may choose any nonce that the contract takes, 64 bits of it. Columns have 63."""
    theirs = bench.book.trades()[2]
    order = order_for(theirs, bench.market, epoch=1, nonce=nonce, now=int(bench.clock.now().timestamp()))
    seller, buyer = (bench.wallet.sign(order, theirs.terms, side) for side in (Side.DELIVER, Side.RECEIVE))
    assert seller and buyer
    bench.chain.lock(order, seller, buyer)
    bench.chain.mine(3)
    bench.run()
    bench.instruct_many(MANY, first=100)
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 2 * MANY}
    settled = bench.book.trade(theirs.trade_id)
    assert settled is not None and settled.order == order


@pytest.mark.parametrize("error", [Misconfigured("no such contract answers"), LockstepError("odd")], ids=repr)
@pytest.mark.parametrize("bad", range(MANY))
def test_an_answer_that_fails_for_one_is_not_told_of_the_others(
    bench: BulkBench, bad: int, error: LockstepError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One security whose contract is not there: its trades are for people, the others settle."""
    assets: Any = bench.assets
    theirs, whole = bench.book.trades()[bad].trade_id, cast(BulkAssets, assets).obstacles

    def obstacles(orders: Sequence[Order]) -> Sequence[Reason | None]:
        if any(order.terms.trade_id == theirs for order in orders):
            raise error
        return whole(orders)

    monkeypatch.setattr(assets, "obstacles", obstacles)
    bench.run()
    assert states(bench) == {TradeState.SETTLED: MANY - 1, TradeState.MATCHED: 1}
    left = bench.book.trade(theirs)
    assert left is not None and str(left.reason) == f"BREAK: {error}"
    assert bench.told("BREAK") == 2, "the two parties of that trade, and nobody else"
    monkeypatch.undo()
    bench.run()
    assert states(bench) == {TradeState.SETTLED: MANY}


def test_what_could_not_be_matched_now_is_matched_by_the_next_pass(tmp_path: Path) -> None:
    """An instruction is handed in again between the look at it and the match: nothing of the pair is passed over."""
    bench = BulkBench(tmp_path)
    bench.instruct_many(2)
    commit_all = bench.book.commit_all
    handed_in: list[str] = []

    def late(changes: Sequence[Change]) -> Results:
        if not handed_in and any(change.trades for change in changes):
            handed_in.append(bench.submit(example_instruction(Side.DELIVER, "D-1", **saying(1)), late=True))
        results: Results = commit_all(changes)
        return results

    bench.book.commit_all = late
    bench.run()
    assert handed_in == ["duplicate"] and states(bench) == {TradeState.SETTLED: 2}
    bench.close()


def test_what_was_lost_is_asked_for_until_the_chain_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handed in again after a loss while the node is silent: matched once it speaks, without a restart."""
    bench = BulkBench(tmp_path)
    failed = []

    def silent(*_: object) -> None:
        failed.append("nobody answers")
        raise Unavailable(failed[-1])

    with monkeypatch.context() as patched:
        patched.setattr("lockstep.flow.engine.lost_to", silent)
        for side in Side:
            bench.submit(example_instruction(side, f"{side.value[0]}-1"), late=True)
        for _ in range(3):
            bench.tick()
    assert len(failed) == 3 and not bench.book.trades()
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 1}
    bench.close()
