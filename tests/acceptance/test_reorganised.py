"""A real node that reorganises (`anvil_reorg`): above the finality depth healed, below it halted until people accept.

The chain makes a block for each transaction and none beside, so that each story decides how deep a block lies.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.agent import DirectoryBoard
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.journal import JournalRow
from lockstep.domain.order import AssetStatus
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Trade
from lockstep.store import SqlTransactionLog, open_database

from .running import AGENTS, Installation, anvil, wait_until
from .story import Writer, seller_reference

FIRST, SECOND = seller_reference(1), seller_reference(2)
DEPTH = 2


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[str]:
    with anvil(tmp_path, "--order", "fifo") as url:
        yield url


class Town(Installation):
    """An installation, and hands on its chain."""

    def ask(self, method: str, *parameters: Any) -> Any:
        answer = Node(self.rpc).web3.provider.make_request(method, list(parameters))
        assert "error" not in answer, answer
        return answer["result"]

    def mine(self, blocks: int) -> None:
        self.ask("anvil_mine", hex(blocks))

    def reorganise(self, depth: int, *kept: tuple[str, int]) -> None:
        """The last `depth` blocks are others now: empty, but for raw transactions that are kept, each in a block."""
        before = self.head()
        self.ask("anvil_reorg", depth, [list(one) for one in kept])
        assert self.head()["number"] == before["number"] and self.head()["hash"] != before["hash"]
        pending = self.ask("eth_getBlockByNumber", "pending", False)["timestamp"]
        behind = int(self.home.clock().now().timestamp()) - int(pending, 16)
        self.ask("evm_increaseTime", max(0, behind))  # anvil's own clock went back with the blocks

    def head(self) -> Any:
        return self.ask("eth_getBlockByNumber", "latest", False)

    def hash_of(self, block: int) -> str:
        return str(self.ask("eth_getBlockByNumber", hex(block), False)["hash"])[2:]

    @property
    def looking(self) -> EvmAssetLedger:
        return EvmAssetLedger(Node(self.rpc), self.market.network)

    def trade(self, reference: str = FIRST) -> Trade:
        return self.trades()[reference]

    def status(self, trade: Trade) -> AssetStatus:
        assert trade.settlement_id is not None and trade.order is not None
        return self.looking.view(trade.settlement_id, trade.order).head

    def settled_by_service(self) -> None:
        """Passes of the service until nothing moves."""
        code, said = self.run("run", "--until-quiet", "0.4")
        assert code == 0, said

    def breaks(self, subject: str) -> list[JournalRow]:
        return [row for row in self.book.journal(subject) if row.entry.kind == "break"]

    def sent(self) -> int:
        """Transactions of the service, mined or not."""
        address = self.home.key("operator").address
        return int(self.ask("eth_getTransactionCount", address, "pending"), 16)

    def told(self, prefix: bytes) -> int:
        """Messages of a kind in the participants' boxes."""
        return sum(prefix in path.read_bytes() for path in self.home.outbox.rglob("*.xml"))


@pytest.fixture
def town(chain: str, small_market: Path, forks: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    one = Town(tmp_path_factory.mktemp("installation"), small_market, chain, forks)
    assert one.market.network.finality_depth == DEPTH
    yield one
    one.close()


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "messages")


def until(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, 30, what, pause=0.1)


def held(town: Town) -> None:
    """Trade 1 is locked, finally, and its money is held; nobody has released it."""
    town.start("rtgs")
    town.settled_by_service()
    town.mine(DEPTH + 1)
    town.settled_by_service()
    assert town.trade().state.value == "EARMARKED"


def test_above_the_finality_depth_it_is_healed(town: Town, writer: Writer) -> None:
    town.submit(*writer.trade(1, "1000000.00"))
    town.start("rtgs")
    town.settled_by_service()
    first = town.trade()
    assert (town.status(first), first.state.value) == (AssetStatus.LOCKED, "MATCHED"), "seen, and not final"
    town.reorganise(1)
    assert town.status(first) is AssetStatus.NONE
    town.settled_by_service()
    assert (town.status(first), town.trade().settlement_id) == (AssetStatus.LOCKED, first.settlement_id), "sent again"
    assert town.book.cash_view(first.settlement_id) is None, (
        "nothing was asked of the RTGS on a lock that was not final"
    )
    town.mine(DEPTH)
    town.start("service", *AGENTS)
    until(lambda: town.status(town.trade()) is AssetStatus.SETTLED, "delivered")
    town.stop("service")
    town.reorganise(1)
    assert town.status(town.trade()) is AssetStatus.LOCKED, "the delivery went with its block"
    town.start("service")
    until(lambda: town.status(town.trade()) is AssetStatus.SETTLED, "delivered again")
    assert town.trade().state.value == "PAID" and town.told(b"sese.025") == 0
    town.mine(DEPTH)
    until(lambda: town.shows({FIRST: "SETTLED"}), "settled")
    assert town.told(b"sese.025") == 2
    assert town.breaks("chain") == [] and town.run("resume")[0] == 0
    town.stop()
    assert town.violations() == {}


def test_below_it_the_service_halts_and_people_have_it_go_on(town: Town, writer: Writer) -> None:
    town.submit(*writer.trade(1, "400000.00"))
    held(town)
    first = town.trade()
    (lock,) = town.looking.history(first.settlement_id)
    head = int(town.head()["number"], 16)
    depth = head - lock.block + 1
    before = town.hash_of(lock.block)
    town.reorganise(depth)
    town.start(*AGENTS)
    town.settled_by_service()

    (told,) = town.breaks("chain")
    facts = dict(told.entry.facts)
    assert (facts["block"], facts["hash read"], facts["hash now"], facts["depth"]) == (
        str(lock.block),
        before,
        town.hash_of(lock.block),
        str(depth),
    )
    assert len(town.breaks(str(first.settlement_id))) == 1
    code, said = town.run("trades")
    assert code == 0 and said.startswith("THE SERVICE IS HALTED") and "--accept-reorganisation" in said
    code, said = town.run("resume")
    assert code == 1 and before in said and str(first.settlement_id) in said

    sent, passes = town.sent(), len(town.book.journal("chain"))
    assert town.submit(*writer.trade(2, "300000.00"))[0] == 0
    town.mine(5)
    town.settled_by_service()  # in another process
    assert town.trade(SECOND).state.value == "MATCHED" and town.trade(SECOND).order is None, "taken, and not begun"
    assert (town.sent(), len(town.book.journal("chain"))) == (sent, passes), "nothing sent, nothing told twice"
    cash = town.book.cash_view(first.settlement_id)
    assert cash is not None and cash.state is PaymentState.HELD, "no agent released what its node does not show"

    code, said = town.run("resume", "--accept-reorganisation", "--by", "A. Turing")
    assert code == 2 and "--why" in said
    code, said = town.run("resume", "--accept-reorganisation", "--by", "A. Turing", "--why", "looked at both forks")
    assert (code, town.run("resume")[0]) == (0, 0)
    accepted = town.book.journal("chain")[-1].entry
    assert (accepted.kind, accepted.facts["by"], accepted.facts["why"]) == (
        "reorganisation accepted",
        "A. Turing",
        "looked at both forks",
    )

    def goes_on() -> bool:
        town.mine(1)  # what waits before a nonce is sent again with each block
        second = town.trade(SECOND)
        return second.order is not None and town.status(second) is not AssetStatus.NONE

    town.start("service")
    until(goes_on, "it goes on")
    reason = town.trade().reason
    assert reason is not None and reason.code == "BREAK", "the trade itself is for people"
    town.mine(DEPTH)
    until(lambda: town.status(town.trade(SECOND)) is AssetStatus.SETTLED, "the other trade is delivered")
    town.mine(DEPTH)
    until(lambda: town.shows({SECOND: "SETTLED"}), "and settled")
    cash = town.book.cash_view(first.settlement_id)
    assert cash is not None
    assert cash.state is PaymentState.HELD or town.status(first) is not AssetStatus.NONE, (
        "paid only where the same lock was sent again, as the sender does with what waits before a nonce"
    )


def test_what_is_paid_is_delivered_while_the_service_is_halted(town: Town, writer: Writer) -> None:
    """After PAID the only way is forward; what the chain says then is told once people have accepted it."""
    town.submit(*writer.trade(1, "400000.00"))
    held(town)
    first = town.trade()
    town.start(*AGENTS)
    board = DirectoryBoard(town.home.attestations)
    until(lambda: len(board.attestations(first.settlement_id)) >= 3, "paid and signed")
    (lock,) = town.looking.history(first.settlement_id)
    log = SqlTransactionLog(open_database(town.home.service_database))
    (sent,) = log.transactions(f"lock/{first.settlement_id}")
    depth = int(town.head()["number"], 16) - lock.block + 1
    town.reorganise(depth, ("0x" + sent.raw.hex(), 1))
    assert town.status(first) is AssetStatus.LOCKED, "in another block"
    town.mine(DEPTH)
    town.settled_by_service()
    assert len(town.breaks("chain")) == 1 and town.run("resume")[0] == 1
    assert town.status(first) is AssetStatus.SETTLED, "on the agents' proof"
    town.mine(DEPTH)
    town.settled_by_service()
    assert town.trade().state.value == "EARMARKED" and town.told(b"sese.025") == 0, "nothing is concluded meanwhile"
    assert town.run("resume", "--accept-reorganisation", "--by", "A. Turing", "--why", "both forks agree")[0] == 0
    town.settled_by_service()
    assert town.trade().state.value == "SETTLED" and town.told(b"sese.025") == 2
