"""The books of a business day, asked, compared, and the breaks kept.

Each book is asked once; one that gives no whole answer did not speak, which is told, and nothing is concluded from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any

from lockstep.app.books import chain_book, rtgs_book, service_book
from lockstep.app.books.said import LegacyBook, Said
from lockstep.app.books.scope import Scope
from lockstep.app.clocks import SystemRandomness
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.market_file import Holding
from lockstep.app.processes import open_cash
from lockstep.app.records import open_book
from lockstep.app.world import World
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.rules import PRECEDENCE, RuleBook
from lockstep.domain.target_calendar import next_business_day
from lockstep.flow.comparing import Comparison, Run, compare
from lockstep.flow.reconciling import Reconciled, reconcile
from lockstep.ports import BulkAssetLedger, CashSystem, Clock, Randomness

__all__ = ["RECONCILED", "RUNS", "Reconciliation", "Sources", "of_home", "of_world", "reconcile_day"]

EXACT = RuleBook()
"""No rule: nothing is tolerated, and a gap has one business day."""
RECONCILED, RUNS = "reconciled", "books"
"""Kind and subject of the journal's entry for each run that was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What came of a run."""

    day: date
    at: datetime
    comparison: Comparison
    reconciled: Reconciled
    """What changed, stored unless the run was only to look."""
    said: tuple[Said, ...]
    """Each book's answer."""
    open: tuple[Break, ...]
    """All breaks that are open after it, the oldest first."""
    told: tuple[str, ...] = ()
    """What people should know of the run."""

    @property
    def agrees(self) -> bool:
        """Whether no break is open."""
        return not self.open

    @property
    def silent(self) -> Mapping[Book, Mapping[Subject, str]]:
        """Who did not speak of what, and why."""
        return {one.book: one.silent for one in self.said if one.silent}

    def as_json(self) -> dict[str, Any]:
        return {
            "day": self.day.isoformat(),
            "at": self.at.isoformat(),
            "keys": self.comparison.keys,
            "alone": [one.text() for one in self.comparison.alone],
            "books": [
                {
                    "book": one.book.value,
                    "as_of": one.as_of,
                    "lines": {kind.value: sum(line.key.subject is kind for line in one.lines) for kind in Subject},
                    "spoke": sorted(kind.value for kind in one.spoke),
                    "silent": {kind.value: why for kind, why in one.silent.items()},
                    "told": list(one.told),
                }
                for one in self.said
            ],
            "found": len(self.comparison.found),
            "tolerated": len(self.comparison.tolerated),
            "changed": [one.break_id for one in self.reconciled.changed],
            "told": list(self.told),
            "open": [_break_json(one, self.day) for one in self.open],
        }


def _break_json(one: Break, today: date) -> dict[str, Any]:
    found = one.found
    return {
        "break": one.break_id,
        "book": found.book.value,
        "key": found.key.text(),
        "class": found.break_class.value,
        "differences": [
            {"class": each.break_class.value, "field": each.field, "said": each.said, "agreed": each.agreed}
            for each in found.differences
        ],
        "cause": found.cause.value,
        "evidence": [{"book": each.book.value, "origin": each.origin, "says": each.says} for each in found.evidence],
        "rule": found.rule,
        "state": one.state.value,
        "assignee": one.assignee,
        "opened_on": one.opened_on.isoformat(),
        "age": one.age(max(today, one.opened_on)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the books are asked. See `of_home` and `of_world`."""

    market: Market
    opening: Sequence[Holding]
    """With what the market was founded."""
    book: service_book.Records
    cash: CashSystem
    clock: Clock
    node: Node | None
    """None where none answers: then the chain does not speak."""
    assets: BulkAssetLedger | None
    randomness: Randomness = field(default_factory=SystemRandomness)
    wait_seconds: float = rtgs_book.WAIT_SECONDS


def of_home(home: Home) -> Sources:
    """An installation's. Raises Misconfigured."""
    settings, market = home.settings(), home.market()
    node, assets = None, None
    if settings.rpc != EMBEDDED:
        try:
            node = Node(settings.rpcs)
            assets = EvmAssetLedger(node, market.network)
        except Unavailable:
            node = None
    return Sources(
        market=market,
        opening=home.market_file().holdings,
        book=open_book(home),
        cash=open_cash(home),
        clock=home.clock(),
        node=node,
        assets=assets,
    )


def of_world(world: World) -> Sources:
    """Those of a world in this process."""
    return Sources(
        market=world.market,
        opening=world.file.holdings,
        book=world.book,
        cash=world.service_cash(),
        clock=world.clock,
        node=world.chain.node,
        assets=EvmAssetLedger(world.chain.node, world.market.network),
    )


def reconcile_day(
    sources: Sources,
    day: date,
    *,
    at: datetime | None = None,
    legacy: LegacyBook | None = None,
    rules: RuleBook = EXACT,
    keep: bool = True,
) -> Reconciliation:
    """Asks chain, RTGS, service and the legacy book of a business day, compares, and keeps the breaks.

    `at` is the moment of the books, UTC: now for today, the day's last instant for an earlier one. Without `keep`
    nothing is stored. Raises InvalidInput for a day or moment that cannot be, or a legacy book that cannot be read;
    Conflict where a person's act or another run stored a break meanwhile: then nothing is stored.
    """
    moment, book = _moment(day, at, sources.clock.now()), sources.book
    standing, told = list(book.standing_breaks()), list[str]()
    scope = Scope(
        day=day,
        at=moment,
        first=_first(book, day, standing, told),
        wanted=frozenset(one.found.key for one in standing if _is_trade(one) and one.is_open),
    )
    said = _ask(sources, scope, legacy)
    spoke = {kind: frozenset(one.book for one in said if kind in one.spoke) for kind in PRECEDENCE}
    apart = {place: why for one in said for place, why in one.set_apart.items()}
    lines = scope.of(line for one in said for line in one.lines)
    comparison = compare(lines, rules, Run(day=day, at=moment, spoke=spoke, set_apart=apart))
    known = _known(sources, standing, comparison, {*scope.wanted, *(line.key for line in lines)})
    reconciled = reconcile(known, comparison)
    if keep:
        entry = _entry(day, moment, said, comparison, reconciled)
        book.keep(reconciled.changed, (), (*reconciled.entries, entry))
    after = {one.break_id: one for one in (*standing, *reconciled.changed)}
    still = sorted((one for one in after.values() if one.is_open), key=lambda one: (one.opened_on, one.found.key))
    return Reconciliation(
        day=day,
        at=moment,
        comparison=comparison,
        reconciled=reconciled,
        said=said,
        open=tuple(still),
        told=tuple(told),
    )


def _moment(day: date, at: datetime | None, now: datetime) -> datetime:
    if day > now.date():
        raise InvalidInput("day", day, f"not after today, {now.date()}")
    if at is None:
        return now if day == now.date() else datetime.combine(day, time.max, tzinfo=UTC)
    if at.utcoffset() is None:
        raise InvalidInput("at", at, "a moment with its offset from UTC")
    if at > now or at.astimezone(UTC).date() < day:
        raise InvalidInput("at", at.isoformat(), f"from {day} on, and not after now, {now.isoformat()}")
    return at.astimezone(UTC)


def _is_trade(one: Break) -> bool:
    return one.found.key.subject is Subject.TRADE


def _first(book: service_book.Records, day: date, standing: Sequence[Break], told: list[str]) -> date:
    """The oldest day of an open break in a trade or in cash, or the first that no run has compared yet."""
    days = [one.opened_on for one in standing if one.is_open and one.found.key.subject is not Subject.POSITION]
    last = book.last_said(RUNS)
    if last is not None:
        following = next_business_day(date.fromisoformat(last.entry.facts["day"]))
        if following < day:
            told.append(f"{last.entry.facts['day']} was compared last: the trades of the days until {day} were not")
            days.append(following)
    return min([day, *(one for one in days if one <= day)])


def _ask(sources: Sources, scope: Scope, legacy: LegacyBook | None) -> tuple[Said, ...]:
    """The service first: what the ledgers have is then at least as new."""
    market, book = sources.market, sources.book
    service = service_book.read_service(book, scope)
    chain = chain_book.read_chain(sources.node, sources.assets, market, scope, own_sales=service.sales)
    rtgs = rtgs_book.read_rtgs(
        sources.cash,
        market,
        scope,
        sources.clock,
        book.cash_cursor(),
        randomness=sources.randomness,
        wait_seconds=sources.wait_seconds,
    )
    references = service_book.References(service, rtgs.uetrs)
    own = service_book.registers_own(book, service, {*rtgs.uetrs} - {*chain.settlements})
    service_lines = (
        *service_book.trade_lines(service, market, references),
        *service_book.position_lines(service, market, sources.opening, chain.register_moves),
        *service_book.cash_lines(book, rtgs.accounts),
    )
    answers = [
        _with(chain.said, chain_book.trade_lines(chain, market, references.of)),
        _with(rtgs.said, rtgs_book.trade_lines(rtgs.accounts, own, references.of)),
        _of_service(service.number, service_lines, chain.said, rtgs.said, market),
    ]
    if legacy is not None:
        ours = scope.of(line for line in service_lines if line.key.subject is Subject.TRADE)
        answers.append(_without(legacy(scope.day, ours, scope.wanted), rtgs.unasked))
    return tuple(answers)


def _of_service(number: int, lines: Sequence[Line], chain: Said, rtgs: Said, market: Market) -> Said:
    """Where a ledger is silent on which the service's own figures rest in part, it is silent of those too."""
    silent = {}
    if Subject.CASH not in rtgs.spoke:
        silent[Subject.CASH] = "it has no balances without the RTGS's"
    if Subject.POSITION not in chain.spoke and market.network.collateral is not None:
        silent[Subject.POSITION] = "it has no record of what the collateral register moves besides the chain's"
    return Said(
        book=Book.SERVICE,
        lines=tuple(one for one in lines if one.key.subject not in silent),
        spoke=frozenset(Subject) - {*silent},
        silent=silent,
        as_of=f"journal {number}",
    )


def _without(said: Said, keys: frozenset[Key]) -> Said:
    return replace(said, lines=tuple(one for one in said.lines if one.key not in keys))


def _with(said: Said, lines: Sequence[Line]) -> Said:
    return replace(said, lines=(*said.lines, *lines))


def _known(sources: Sources, standing: Sequence[Break], comparison: Comparison, looked_at: set[Key]) -> Sequence[Break]:
    """The breaks that this run can judge: those found again, closed ones too, and those whose keys it looked at."""
    again = sources.book.breaks_of({one.break_id for one in comparison.found})
    judged = {one.break_id: one for one in standing if not _is_trade(one) or one.found.key in looked_at}
    return [*(judged | dict(again)).values()]


def _entry(day: date, at: datetime, said: Sequence[Said], comparison: Comparison, reconciled: Reconciled) -> Entry:
    facts = {
        "day": day.isoformat(),
        "at": at.isoformat(),
        "keys": str(comparison.keys),
        "found": str(len(comparison.found)),
        "tolerated": str(len(comparison.tolerated)),
        "changed": str(len(reconciled.changed)),
        **{one.book.value: one.as_of for one in said if one.as_of},
    }
    for one in said:
        for kind, why in one.silent.items():
            facts[f"{one.book.value} silent of {kind.value}"] = why
    return Entry(at=at, kind=RECONCILED, subject=RUNS, facts=facts)
