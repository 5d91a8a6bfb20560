"""Small random worlds for the watcher: the real system on a simulated chain, moved by a seed."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from lockstep.app.clocks import ManualClock
from lockstep.app.market_file import MarketFile, read_market
from lockstep.app.world import World
from lockstep.domain.identifiers import Reference
from lockstep.domain.instruction import Instruction, Party, Side
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.order import Attestation
from lockstep.domain.trade import TradeState, TradeTerms
from lockstep.iso20022 import write
from lockstep.simulation.chain import SimulatedChain
from lockstep.simulation.watching import Watcher
from lockstep.simulation.watching_cash import CashBooks

FIRST_DAY = Path(__file__).parents[2] / "examples" / "first-day" / "market.toml"
DEPTH = 2


@cache
def market_file() -> MarketFile:
    return read_market(FIRST_DAY)


class SeededBytes:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self, size: int) -> bytes:
        return self._random.randbytes(size)


class Watched:
    """A world, its trades, and a watcher beside it."""

    def __init__(self, root: Path, seed: int, depth: int = DEPTH) -> None:
        self.random = random.Random(seed)
        self.world = World(
            market_file(),
            root,
            finality_depth=depth,
            randomness=SeededBytes(seed),
            chain=SimulatedChain,
        )
        assert isinstance(self.world.chain, SimulatedChain) and isinstance(self.world.clock, ManualClock)
        self.chain, self.clock = self.world.chain, self.world.clock
        self.books = CashBooks(root / "rtgs.db", self.world.rtgs.facts)
        self.watcher = Watcher(self.chain, self.books, self.votes, self.world.market, terms=self.terms)
        self._count = 0

    def instruct(self) -> None:
        """Both sides of one trade that can settle."""
        members = [one for one in market_file().members if one.active]
        holding = self.random.choice(market_file().holdings)
        security = next(one for one in market_file().securities if one.isin == holding.isin)
        seller = next(one for one in members if one.bic == holding.participant)
        buyer = self.random.choice([one for one in members if one is not seller and security.currency in one.accounts])
        self._count += 1
        now = self.world.clock.now()
        for side, owner in ((Side.DELIVER, seller), (Side.RECEIVE, buyer)):
            message = Message(
                sender=owner.bic,
                receiver=self.world.market.service,
                message_id=f"W{self._count}-{side.name}",
                created=now.replace(microsecond=0),
                body=Instruction(
                    reference=Reference(f"W{self._count}-{side.name}"),
                    side=side,
                    deliverer=Party(lei=seller.lei, bic=seller.bic),
                    receiver=Party(lei=buyer.lei, bic=buyer.bic),
                    isin=security.isin,
                    quantity=Quantity.parse("100"),
                    quantity_type=security.quantity_type,
                    cash=Money.parse("100", security.currency, field="cash"),
                    trade_date=now.date(),
                    settlement_date=now.date(),
                ),
            )
            self.world.reception.submit(message, write(message))

    def votes(self) -> list[Attestation]:
        board = self.world.board
        known = [one.settlement_id for one in self.world.book.trades() if one.settlement_id]
        return [vote for settlement in known for vote in board.attestations(settlement)]

    def terms(self) -> list[TradeTerms]:
        return [one.terms for one in self.world.book.trades()]

    def claims(self) -> Mapping[str, TradeState]:
        return {str(one.settlement_id or one.trade_id): one.state for one in self.world.book.trades()}

    def check(self) -> dict[str, list[str]]:
        return self.watcher.check(self.claims(), self.world.book.journal())

    def finish(self) -> dict[str, list[str]]:
        return self.watcher.finish(self.claims(), self.world.book.journal())

    def act(self, deepest: int = DEPTH) -> str:
        """One random act of one party; reorganisations go as deep as `deepest`."""
        act = self.random.choice(("instruct", "service", "service", "agent", "rtgs", "mine", "fork", "time"))
        if act == "instruct" and self._count < 5:
            self.instruct()
        elif act == "service":
            self.world.engine.run_once()
        elif act == "agent":
            self.random.choice(self.world.agents).step()
        elif act == "rtgs":
            self.world.rtgs.tick()
        elif act == "mine":
            self.chain.mine(self.random.randint(1, 2))
        elif act == "fork":
            self.chain.reorganise(self.random.randint(1, deepest), order=self.random)
        elif act == "time":
            self.world.tick()
        self.clock.move_to(datetime.fromtimestamp(self.chain.time, UTC))  # blocks of one instant run ahead
        return act

    def close(self) -> None:
        self.books.close()
        self.world.close()
