"""A collateral day settled from a folder, in one process, and everything that a person wants to see of it."""

import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lockstep.app.auditing_world import audit_world
from lockstep.app.collateral_day.desk import Desk, Figures
from lockstep.app.collateral_day.files import Node, read_collateral_day
from lockstep.app.collateral_day.steps import ACTS
from lockstep.app.inventory import Inventory, inventory_of
from lockstep.app.world import World
from lockstep.domain.collateral.claims import Claims
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money

__all__ = ["CollateralReport", "Told", "run_collateral_day"]

EXPECTED = "expected.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One step and what came of it. `wrong`: figures that are not those of expected.toml, with what stands there."""

    name: str
    title: str
    say: str
    at: datetime
    figures: Figures
    wrong: Mapping[str, str]
    checked: int
    """How many of the figures expected.toml has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralReport:
    """What came of the day. `invariants` names each violation; an empty list means that it holds."""

    steps: Sequence[Told]
    inventory: Inventory
    cash: Sequence[tuple[str, Mapping[str, str]]]
    invariants: Mapping[str, Sequence[str]]
    seconds: float

    @property
    def sound(self) -> bool:
        return not any(self.invariants.values()) and not any(one.wrong for one in self.steps)


def run_collateral_day(
    folder: Path,
    root: Path | None = None,
    *,
    told: Callable[[str], None] = lambda _: None,
    begun: Callable[[str], None] = lambda _: None,
    done: Callable[[Told], None] = lambda _: None,
) -> CollateralReport:
    """Founds the folder's market, opens its agreements, carries out its steps in their order.

    Figures are compared with the folder's expected.toml, where there is one. Raises InvalidInput for a folder that is
    none, or a step that cannot be; what else a step raises says that the day did not go as told.
    """
    started = time.monotonic()
    day, expected = read_collateral_day(folder), _expected(folder)
    _check(day.steps)
    with tempfile.TemporaryDirectory(prefix="lockstep-") as temporary:
        world = World(day.market, root or Path(temporary), told=told)
        try:
            with closing(Desk(day, world)) as desk:
                told(f"{len(desk.agreements)} agreements signed by both parties, {day.quorum} of {day.valuers} valuers")
                told("times are UTC")
                steps = []
                for node in day.steps:
                    begun(node.text("title"))
                    one = _step(desk, node, expected.get(node.text("name"), {}))
                    steps.append(one)
                    done(one)
                desk.final()
                return CollateralReport(
                    steps=steps,
                    inventory=_inventory(desk),
                    cash=_cash(world),
                    invariants=audit_world(world),
                    seconds=time.monotonic() - started,
                )
        finally:
            world.close()


def _check(steps: Sequence[Node]) -> None:
    """What can be seen of steps before anything is founded."""
    names: set[str] = set()
    for node in steps:
        node.chosen("do", ACTS)
        node.instant("at")
        if node.text("name") in names:
            raise InvalidInput(f"{node.path}/name", node.text("name"), "each name once")
        names.add(node.text("name"))


def _expected(folder: Path) -> Mapping[str, Mapping[str, str]]:
    path = folder / EXPECTED
    if not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(EXPECTED, str(error), "TOML") from error
    for name, figures in content.items():
        if not isinstance(figures, dict):
            raise InvalidInput(f"{EXPECTED}/{name}", figures, "a table of figures")
    return content


def _step(desk: Desk, node: Node, expected: Mapping[str, str]) -> Told:
    at = node.instant("at")
    if at < desk.now:
        raise InvalidInput(f"{node.path}/at", at.isoformat(), f"not before {desk.now.isoformat()}, when the last ended")
    if at.date() > desk.day.market.business_day and desk.world.rtgs.operator.business_day() is None:
        desk.world.move_to(at.replace(hour=desk.day.market.opens.hour, minute=desk.day.market.opens.minute))
        desk.world.rtgs.operator.open_day(at.date())
    desk.world.move_to(at)
    desk.mailed()
    name, title, say = node.text("name"), node.text("title"), node.text("say", "")
    figures = node.chosen("do", ACTS)(desk, node)
    node.done()
    desk.blocks[name] = desk.ledger.head_block()
    wrong = {key: text for key, text in expected.items() if figures.get(key) != text}
    return Told(name=name, title=title, say=say, at=at, figures=figures, wrong=wrong, checked=len(expected))


def _inventory(desk: Desk) -> Inventory:
    return inventory_of(
        desk.market,
        desk.world.chain.node,
        Claims(desk.ledger.events()),
        block=desk.ledger.final_block(),
        attempts=desk.attempts.attempts(),
    )


def _cash(world: World) -> Sequence[tuple[str, Mapping[str, str]]]:
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
