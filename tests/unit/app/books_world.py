"""The first day settled in one process, and books that lie about it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lockstep.app.intake import expand, submit_files
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.statement import Statement
from lockstep.domain.trade import Trade
from lockstep.domain.values import replace
from lockstep.ports import CashBody, Unreadable
from lockstep.simulation.chain import SimulatedChain
from lockstep.store import SqlBook

FIRST_DAY = Path(__file__).parents[3] / "examples" / "first-day"
WAVES = ("1-opening", "2-midday", "3-afternoon")


def founded(root: Path) -> World:
    return World(read_market(FIRST_DAY / "market.toml"), root, chain=SimulatedChain)


def wave(world: World, name: str) -> None:
    submit_files(world.reception, expand([FIRST_DAY / name]), lambda _: None)


def settle(world: World) -> World:
    for name in WAVES:
        wave(world, name)
        world.run_until_quiet()
        (world.root / name).write_text(world.clock.now().isoformat())
    world.close_day()
    world.run_until_quiet()
    return world


def quiet_after(world: World, name: str) -> datetime:
    """When nothing moved any more after a wave."""
    return datetime.fromisoformat((world.root / name).read_text())


class Records:
    """The service's records, with some trades lost and some views of the mirror changed."""

    def __init__(
        self,
        book: SqlBook,
        *,
        lost: Collection[SettlementId] = (),
        changed: Callable[[CashView], CashView] = lambda view: view,
    ) -> None:
        self._book, self._lost, self._changed = book, lost, changed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def trades(self) -> Sequence[Trade]:
        return [one for one in self._book.trades() if one.settlement_id not in self._lost]

    def cash_views(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, CashView]:
        views = self._book.cash_views([one for one in ids if one not in self._lost])
        return {name: self._changed(view) for name, view in views.items()}


Mail = Sequence[tuple[int, Message[CashBody] | Unreadable]]


class Line:
    """The way to the RTGS, with its statements changed; None in place of one: it never came."""

    def __init__(self, cash: Any, changed: Callable[[Statement], Statement | None]) -> None:
        self._cash, self._changed = cash, changed

    def send(self, message: Message[CashBody]) -> None:
        self._cash.send(message)

    def receive(self, after: int, limit: int = 200) -> Mail:
        found: list[tuple[int, Message[CashBody] | Unreadable]] = []
        for number, item in self._cash.receive(after, limit):
            if isinstance(item, Unreadable) or not isinstance(item.body, Statement):
                found.append((number, item))
            elif (told := self._changed(item.body)) is not None:
                found.append((number, replace(item, body=told)))
        return found


def without(statement: Statement, settlement: SettlementId) -> Statement:
    """The statement as if the payment had never been booked: it still adds up."""
    entries = tuple(one for one in statement.entries if one.settlement_id != settlement)
    gone = sum(one.signed for one in statement.entries) - sum(one.signed for one in entries)
    closing = Money(currency=statement.closing.currency, amount=statement.closing.amount - gone)
    return replace(statement, entries=entries, closing=closing)
