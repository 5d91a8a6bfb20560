"""The books of a business day, asked, compared, and the breaks kept.

Each book is asked once; one that gives no whole answer did not speak, which is told, and nothing is concluded from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
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
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.rules import PRECEDENCE, RuleBook
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
    standing, told = list(book.standing_breaks()), list[str]()
    followed = _followed(book, day)
    if followed.trades < day:
        told.append(
            f"the trades from {followed.trades} until {day} were not compared by both ledgers, and are looked at again"
        )
    scope = Scope(
        day=day,
        at=moment,
        first=_first(followed.balances, standing),
        trades_since=followed.trades,
        wanted=frozenset(one.found.key for one in standing if _is_trade(one) and one.is_open),
    )
    said = tuple(_expected(one, rules) for one in _ask(sources, scope, legacy))
    spoke = {kind: frozenset(one.book for one in said if kind in one.spoke) for kind in PRECEDENCE}
    apart = {place: why for one in said for place, why in one.set_apart.items()}
    lines = scope.of(line for one in said for line in one.lines)
    of_the_day = {one.key for one in replace(scope, trades_since=None).of(lines)}
    excused = frozenset((Book.LEGACY, one.key) for one in lines if one.key not in of_the_day)
    comparison = compare(lines, rules, Run(day=day, at=moment, spoke=spoke, set_apart=apart, excused=excused))
    looked_at = {*scope.wanted, *(line.key for line in lines)}

    def can_judge(one: Break) -> bool:
        return not _is_trade(one) or one.found.key in looked_at

    def entry(done: Reconciled) -> tuple[Entry]:
        return (_entry(scope, intraday, said, comparison, done, _latest(book)),)

    def is_past() -> bool:
        latest = _latest(book)
        return latest is not None and moment < latest

    if keep:
        done = keep_run(book, comparison, can_judge, entry, is_past=is_past, now=sources.clock.now)
    else:
        done = judged(book, comparison, can_judge, is_past=is_past())
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


def _is_trade(one: Break) -> bool:
    return one.found.key.subject is Subject.TRADE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Followed:
    """From which days on a run follows what an earlier one left."""

    balances: date
    trades: date


def _followed(book: service_book.Records, day: date) -> _Followed:
    """Balances from the last day that the RTGS told of, so that what it opens with is what it had closed with; trades
    from the day after the last in which both ledgers spoke. Each run's entry bears its own, for one that follows."""
    last = book.last_said(RUNS)
    if last is None:
        return _Followed(balances=day, trades=day)
    facts = last.entry.facts
    compared = date.fromisoformat(facts["day"])
    balances = date.fromisoformat(facts.get("balances_since", facts["day"]))
    trades = date.fromisoformat(facts.get("trades_since", facts["day"]))
    if compared < day and not _was_silent(facts, Subject.CASH):
        balances = compared
    if compared < day and not _was_silent(facts, Subject.TRADE):
        trades = compared + timedelta(days=1)
    return _Followed(balances=min(balances, day), trades=min(trades, day))


def _was_silent(facts: Mapping[str, str], subject: Subject) -> bool:
    return any(f"{one.value} silent of {subject.value}" in facts for one in (Book.CHAIN, Book.RTGS))


def _latest(book: service_book.Records) -> datetime | None:
    """The latest moment of the books that a kept run was of."""
    rows = [row for name in (RUNS, INTRADAY) if (row := book.last_said(name)) is not None]
    told = [row.entry.facts.get("latest", row.entry.facts["at"]) for row in rows]
    return max(map(datetime.fromisoformat, told), default=None)


def _first(balances: date, standing: Sequence[Break]) -> date:
    """The day from which balances are followed, or the oldest of an open break in a trade or in cash."""
    days = [one.opened_on for one in standing if one.is_open and one.found.key.subject is not Subject.POSITION]
    return min([balances, *days])


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
    service = service_book.recalled(book, service, {*rtgs.uetrs, *_recent(chain, scope.first)})
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


def _recent(chain: chain_book.ChainSaid, first: date) -> Iterator[SettlementId]:
    """Settlements that are open on the chain, or ended there since a day."""
    for name, one in chain.settlements.items():
        if one.end is None or one.end.at is None or one.end.at.date() >= first:
            yield name


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
    scope: Scope,
    intraday: bool,
    said: Sequence[Said],
    comparison: Comparison,
    done: Reconciled,
    latest: datetime | None,
) -> Entry:
    facts = {
        "day": scope.day.isoformat(),
        "at": scope.at.isoformat(),
        "latest": max(scope.at, latest or scope.at).isoformat(),
        "balances_since": scope.first.isoformat(),
        "trades_since": (scope.trades_since or scope.day).isoformat(),
        "keys": str(comparison.keys),
        "found": str(len(comparison.found)),
        "tolerated": str(len(comparison.tolerated)),
        "changed": str(len(done.changed)),
        **{one.book.value: one.as_of for one in said if one.as_of},
    }
    for one in said:
        for kind, why in one.silent.items():
            facts[f"{one.book.value} silent of {kind.value}"] = why
    return Entry(at=scope.at, kind=RECONCILED, subject=INTRADAY if intraday else RUNS, facts=facts)


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
