"""A parallel week as a folder: market, rules, gates, a folder of the legacy system's files for each day, what people
do. `examples/parallel-week` shows each file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from lockstep.app.collateral_day.files import Node, load
from lockstep.app.legacy_books import days_of
from lockstep.app.market_file import MarketFile, read_market
from lockstep.app.rules_file import read_rules
from lockstep.app.shadow import GATES, load_gates
from lockstep.domain.errors import InvalidInput
from lockstep.domain.parallel.gate_text import Gates
from lockstep.domain.reconciliation.books import Book, Subject
from lockstep.domain.reconciliation.differences import BreakClass
from lockstep.domain.reconciliation.rules import RuleBook

__all__ = ["PLANTED", "WEEK", "Place", "Planted", "Week", "read_week"]

WEEK, RULES, PLANTED, EXPECTED = "week.toml", "rules.toml", "planted.json", "expected.toml"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where a break is, in names that the folder knows: a trade by the legacy system's reference."""

    book: str
    subject: str
    name: str

    def __str__(self) -> str:
        return f"{self.book} {self.subject} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One discrepancy of planted.json."""

    number: int
    error: str
    place: Place
    found: Mapping[date, BreakClass]
    """On which days it has to be found, as what; on no other."""
    story: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Everything that the folder says."""

    folder: Path
    market: MarketFile
    rules: RuleBook
    gates: Gates
    days: tuple[date, ...]
    outside: Sequence[Node]
    """What happens past the service: `issue`, `credit`."""
    acts: Sequence[Node]
    """What people do on a morning, about the day before."""
    planted: tuple[Planted, ...]
    """Empty where the folder has no answers: then nothing is judged."""
    expected: Mapping[str, Mapping[str, str]]
    """Figures of scorecards by scope, worked out by hand; empty likewise."""

    @property
    def ends(self) -> date:
        """The day after the last: by its morning, what came late is there."""
        return self.days[-1] + timedelta(days=1)


def read_week(folder: Path) -> Week:
    """Reads and checks a folder, but for the days' files and what its acts need. Raises InvalidInput."""
    market = read_market(folder / "market.toml")
    file = load(folder / WEEK)
    days = tuple(days_of(folder))
    if not days:
        raise InvalidInput("folder", folder, "a folder for each business day in it, named as 2026-11-23")
    if days[0] != market.business_day:
        raise InvalidInput("market.toml/business_day", market.business_day, f"{days[0]}, the first day's folder")
    week = Week(
        folder=folder,
        market=market,
        rules=read_rules(folder / RULES),
        gates=load_gates(folder / GATES),
        days=days,
        outside=file.nodes("outside") if file.has("outside") else (),
        acts=file.nodes("acts") if file.has("acts") else (),
        planted=_planted(folder / PLANTED),
        expected=_expected(folder / EXPECTED),
    )
    file.done()
    for one in week.acts:
        if one.day("day") not in days:
            raise InvalidInput(f"{one.path}/day", one.day("day"), "one of the folder's days")
    return week


def instant(node: Node, days: Sequence[date]) -> datetime:
    """When something happens: within one of the days. Raises InvalidInput."""
    at = node.instant("at")
    if at.date() not in days:
        raise InvalidInput(f"{node.path}/at", at.isoformat(), "on one of the folder's days")
    return at


def _planted(path: Path) -> tuple[Planted, ...]:
    if not path.exists():
        return ()
    try:
        content = json.loads(path.read_text("utf-8"))
        return tuple(_one(each) for each in content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(path.name, str(error), "the list that scripts/plant_week.py writes") from error


def _one(row: Mapping[str, Any]) -> Planted:
    return Planted(
        number=int(row["number"]),
        error=str(row["error"]),
        place=Place(book=Book(row["book"]).value, subject=Subject(row["subject"]).value, name=str(row["name"])),
        found={date.fromisoformat(day): BreakClass(said) for day, said in row["found"].items()},
        story=str(row["story"]),
    )


def _expected(path: Path) -> Mapping[str, Mapping[str, str]]:
    if not path.exists():
        return {}
    node = load(path)
    found: dict[str, Mapping[str, str]] = {}
    for name in node.names():
        figures = node.node(name)
        found[name] = {each: figures.text(each) for each in figures.names()}
    return found
