"""The books of a business day, asked, compared, and the breaks kept.

Each book is asked once; one that gives no whole answer did not speak, which is told, and nothing is concluded from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from lockstep.app.books import chain_book, rtgs_book, service_book
from lockstep.app.books.legacy_book import in_folder
from lockstep.app.books.said import LegacyBook, Said
from lockstep.app.books.scope import Scope
from lockstep.app.books.sources import Sources, of_home, of_world
from lockstep.app.breaks import judged, keep_run
from lockstep.app.home import Home
from lockstep.app.rules_file import read_rules
from lockstep.domain.errors import InvalidInput
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.rules import PRECEDENCE, RuleBook
from lockstep.domain.target_calendar import next_business_day
from lockstep.flow.comparing import Comparison, Run, compare
from lockstep.flow.reconciling import Reconciled

__all__ = [
    "INTRADAY",
    "RECONCILED",
    "RUNS",
    "Reconciliation",
    "Sources",
    "of_home",
    "of_world",
    "reconcile_day",
    "run_reconciliation",
]

EXACT = RuleBook()
"""No rule: nothing is tolerated, and a gap has one business day."""
RECONCILED, RUNS, INTRADAY = "reconciled", "books", "books intraday"
"""Kind of the journal's entry for each run that was kept; its subject, of a day's end and of a moment before."""


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
    intraday: bool = False
    told: tuple[str, ...] = ()
    """What people should know of the run."""
    lines: tuple[Line, ...] = ()
    """What was compared, of all books."""

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
            "intraday": self.intraday,
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


def reconcile_day(
    sources: Sources,
    day: date,
    *,
    at: datetime | None = None,
    legacy: LegacyBook | None = None,
    rules: RuleBook = EXACT,
    intraday: bool = False,
    keep: bool = True,
) -> Reconciliation:
    """Asks chain, RTGS, service and the legacy book of a business day, compares, and keeps the breaks.

    `at` is the moment of the books, UTC: now for today, the day's last instant for an earlier one. An `intraday` run
    does not count as the day's. Without `keep` nothing is stored. Raises InvalidInput for a day or moment that cannot
    be, or a legacy book that cannot be read; Conflict where others stored breaks meanwhile, again and again.
    """
    moment, book = _moment(day, at, sources.clock.now()), sources.book
    if keep:
        _require_in_order(book, moment)
    standing, told = list(book.standing_breaks()), list[str]()
    scope = Scope(
        day=day,
        at=moment,
        first=_first(book, day, standing, told),
        wanted=frozenset(one.found.key for one in standing if _is_trade(one) and one.is_open),
    )
    said = tuple(_expected(one, rules) for one in _ask(sources, scope, legacy))
    spoke = {kind: frozenset(one.book for one in said if kind in one.spoke) for kind in PRECEDENCE}
    apart = {place: why for one in said for place, why in one.set_apart.items()}
    lines = scope.of(line for one in said for line in one.lines)
    comparison = compare(lines, rules, Run(day=day, at=moment, spoke=spoke, set_apart=apart))
    looked_at = {*scope.wanted, *(line.key for line in lines)}

    def can_judge(one: Break) -> bool:
        return not _is_trade(one) or one.found.key in looked_at

    def entry(done: Reconciled) -> tuple[Entry]:
        return (_entry(day, moment, intraday, said, comparison, done),)

    done = keep_run(book, comparison, can_judge, entry) if keep else judged(book, comparison, can_judge)
    after = {one.break_id: one for one in (*book.standing_breaks(), *done.changed)}
    still = sorted((one for one in after.values() if one.is_open), key=lambda one: (one.opened_on, one.found.key))
    return Reconciliation(
        day=day,
        at=moment,
        comparison=comparison,
        reconciled=done,
        said=said,
        open=tuple(still),
        intraday=intraday,
        told=tuple(told),
        lines=tuple(lines),
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


def _require_in_order(book: service_book.Records, moment: datetime) -> None:
    """What later books found, earlier ones neither close nor change. Raises InvalidInput."""
    for subject in (RUNS, INTRADAY):
        last = book.last_said(subject)
        if last is not None and moment < last.entry.at:
            rule = f"not before {last.entry.at.isoformat()}, of which books were compared and kept already"
            raise InvalidInput("at", moment.isoformat(), f"{rule}; one may still look")


def _is_trade(one: Break) -> bool:
    return one.found.key.subject is Subject.TRADE


def _first(book: service_book.Records, day: date, standing: Sequence[Break], told: list[str]) -> date:
    """The oldest day of an open break in a trade or in cash, or the first that no run has compared yet."""
    days = [one.opened_on for one in standing if one.is_open and one.found.key.subject is not Subject.POSITION]
    last = book.last_said(RUNS)
    if last is not None:
        compared = date.fromisoformat(last.entry.facts["day"])
        if (following := next_business_day(compared)) < day:
            told.append(f"{compared} was compared last: the trades of the days from then until {day} were not")
            days.append(following)
    return min([day, *(one for one in days if one <= day)])


def _ask(sources: Sources, scope: Scope, legacy: LegacyBook | None) -> tuple[Said, ...]:
    """The service first: what the ledgers have is then at least as new."""
    market, book = sources.market, sources.book
    service = service_book.read_service(book, scope)
    chain = chain_book.read_chain(
        sources.node, sources.assets, market, scope, own_sales=service.sales, first_block=sources.first_block
    )
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
        ours = [line for line in service_lines if line.key.subject is Subject.TRADE]
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


def _expected(said: Said, rules: RuleBook) -> Said:
    """Nobody misses what a book says of a subject in which no rule compares it."""
    silent = {}
    for kind, why in said.silent.items():
        about = [one for one in rules.rules if one.subject is kind]
        whole = any(not one.instrument and not one.participant for one in about)
        if not whole or any(said.book in one.compared for one in about):
            silent[kind] = why
    return replace(said, silent=silent)


def _without(said: Said, keys: frozenset[Key]) -> Said:
    return replace(said, lines=tuple(one for one in said.lines if one.key not in keys))


def _with(said: Said, lines: Sequence[Line]) -> Said:
    return replace(said, lines=(*said.lines, *lines))


def _entry(
    day: date, at: datetime, intraday: bool, said: Sequence[Said], comparison: Comparison, done: Reconciled
) -> Entry:
    facts = {
        "day": day.isoformat(),
        "at": at.isoformat(),
        "keys": str(comparison.keys),
        "found": str(len(comparison.found)),
        "tolerated": str(len(comparison.tolerated)),
        "changed": str(len(done.changed)),
        **{one.book.value: one.as_of for one in said if one.as_of},
    }
    for one in said:
        for kind, why in one.silent.items():
            facts[f"{one.book.value} silent of {kind.value}"] = why
    return Entry(at=at, kind=RECONCILED, subject=INTRADAY if intraday else RUNS, facts=facts)


def run_reconciliation(
    home: Home,
    *,
    day: str | None = None,
    intraday: bool = False,
    legacy: Path | None = None,
    rules: Path | None = None,
    keep: bool = True,
) -> Reconciliation:
    """As `lockstep reconcile run` says it. Raises InvalidInput, Misconfigured, Conflict."""
    wanted = EXACT if rules is None else read_rules(rules)
    sources = of_home(home)
    today = sources.clock.now().date()
    chosen = today if day is None else _day(day)
    if intraday and chosen != today:
        raise InvalidInput("--intraday", chosen, f"today, {today}: of another day there is only its end")
    book = None if legacy is None else in_folder(legacy, sources.market)
    return reconcile_day(sources, chosen, legacy=book, rules=wanted, intraday=intraday, keep=keep)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("--day", text, "a date, as 2026-11-23") from None
