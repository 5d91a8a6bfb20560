"""A day settled from a folder, in one process, and everything that a person wants to see of it."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockstep.app.auditing_world import audit_world
from lockstep.app.intake import Taken, expand, submit_files
from lockstep.app.market_file import read_market
from lockstep.app.views import Moment, Row, timeline, trade_rows
from lockstep.app.world import World
from lockstep.chain.ledger import read
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import Trade, TradeState

__all__ = ["Progress", "Report", "run_day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a wave is: trades by state."""

    wave: str
    tick: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of the day. `invariants` names each violation; an empty list means that it holds."""

    rows: list[Row]
    taken: list[Taken]
    told_trade: Row | None
    moments: list[Moment]
    holdings: list[tuple[str, Mapping[str, str]]]
    cash: list[tuple[str, Mapping[str, str]]]
    invariants: dict[str, list[str]]
    messages_out: int
    seconds: float

    @property
    def sound(self) -> bool:
        return not any(self.invariants.values())


def run_day(
    folder: Path,
    root: Path | None = None,
    *,
    told: Callable[[str], None] = lambda _: None,
    file_told: Callable[[Taken], None] = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Founds the folder's market, settles its waves in the order of their names, closes the day.

    Raises InvalidInput for a folder without market.toml or without waves.
    """
    started = time.monotonic()
    file = read_market(folder / "market.toml")
    waves = sorted(path for path in folder.iterdir() if path.is_dir())
    if not waves:
        raise InvalidInput("folder", folder, "market.toml and at least one folder of messages")
    with tempfile.TemporaryDirectory(prefix="lockstep-") as temporary:
        world = World(file, root or Path(temporary), told=told)
        try:
            taken: list[Taken] = []
            for place, wave in enumerate(waves):
                world.move_to(file.opening + place * (file.pay_by_instant - file.opening) / len(waves))
                progress(Progress(wave=wave.name, tick=0, counts={}))
                taken += submit_files(world.reception, expand([wave]), file_told)
                _settle(world, wave.name, progress)
            world.close_day()
            _settle(world, "close of day", progress)
            return _report(world, taken, started)
        finally:
            world.close()


def _settle(world: World, wave: str, progress: Callable[[Progress], None]) -> None:
    ticks = 0

    def count() -> None:
        nonlocal ticks
        ticks += 1
        counts: dict[str, int] = {}
        for trade in world.book.trades():
            counts[trade.state.value] = counts.get(trade.state.value, 0) + 1
        progress(Progress(wave=wave, tick=ticks, counts=counts))

    world.run_until_quiet(count)


def _report(world: World, taken: list[Taken], started: float) -> Report:
    rows = trade_rows(world.book, world.market, world.ledger)
    trades = world.book.trades()
    told = _most_telling(trades)
    return Report(
        rows=rows,
        taken=taken,
        told_trade=next((row for row in rows if told and row.id == told.trade_id), None),
        moments=timeline(told, world.book, world.ledger) if told else [],
        holdings=_holdings(world),
        cash=_cash(world),
        invariants=audit_world(world),
        messages_out=sum(1 for _ in (world.root / "outbox").rglob("*.xml")),
        seconds=time.monotonic() - started,
    )


def _most_telling(trades: Sequence[Trade]) -> Trade | None:
    """A settled trade that one party wanted cancelled, else any settled one."""
    settled = [one for one in trades if one.state is TradeState.SETTLED]
    return next((one for one in settled if one.cancel_asked), settled[0] if settled else None)


def _holdings(world: World) -> list[tuple[str, Mapping[str, str]]]:
    """Per participant, what the chain says it owns, by ISIN."""
    found: list[tuple[str, Mapping[str, str]]] = []
    for member in world.market.participants.values():
        owned: dict[str, str] = {}
        for security in world.market.securities.values():
            (units,) = read(world.chain.node, "SecurityToken", security.token, "balanceOf", member.wallet)
            owned[security.isin] = Quantity.of_units(units, security.decimals).text()
        found.append((member.name, owned))
    return found


def _cash(world: World) -> list[tuple[str, Mapping[str, str]]]:
    """Per participant, what the RTGS has posted, by currency."""
    accounts = {account.number: account for account in world.rtgs.facts().accounts}
    return [
        (
            member.name,
            {
                currency: Money(currency=currency, amount=accounts[number].posted).text()
                for currency, number in member.accounts.items()
            },
        )
        for member in world.market.participants.values()
    ]
