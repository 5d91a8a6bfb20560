"""What others can do to one trade harms no other: odd values and bad answers in the middle of a batch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from bulk_world import BulkAssets, BulkBench
from flow_world import check

from lockstep.domain.errors import LockstepError, Misconfigured
from lockstep.domain.instruction import Side
from lockstep.domain.order import Order
from lockstep.domain.trade import Reason, TradeState
from lockstep.flow.ordering import order_for

MANY = 5


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[BulkBench]:
    bench = BulkBench(tmp_path)
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    yield bench
    check(bench)
    bench.close()


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
