"""Reports of an installation: what each is made from, read and handed to `lockstep.reports`.

A report of trades, cash, people or breaks is made from the journal up to an entry; one of holdings or re-use from the
chain up to a final block. Asked again for the same, it is the same to the byte.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

from lockstep.app.books.chain_book import owners
from lockstep.app.books.rtgs_book import Account, read_rtgs
from lockstep.app.books.scope import Scope
from lockstep.app.penalties_file import read_penalties
from lockstep.app.reconciling import Sources
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.node import Head, Node
from lockstep.chain.transfers import balances_by, block_at, transfers
from lockstep.domain.anchor import end_of
from lockstep.domain.cash import CashView
from lockstep.domain.collateral.claims import Claims
from lockstep.domain.collateral.register import register_of
from lockstep.domain.collateral.register_events import RegisterEvent
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.identifiers import Isin, SettlementId
from lockstep.domain.journal import JournalRow
from lockstep.domain.money import Money
from lockstep.domain.statement import Statement
from lockstep.flow.rebuilding import SUBJECT
from lockstep.iso20022 import is_file, read, unpack
from lockstep.reports.audit import audit
from lockstep.reports.breaks import breaks
from lockstep.reports.cash import cash, heard, whole
from lockstep.reports.efficiency import efficiency
from lockstep.reports.holders import Held, Point, holders
from lockstep.reports.model import Report
from lockstep.reports.penalties import PenaltyTerms
from lockstep.reports.records import Known, Prefix, fold
from lockstep.reports.reuse import reuse
from lockstep.reports.transactions import transactions

__all__ = ["KINDS", "Asked", "make_report"]

_PAGE = 4_096
"""Entries of the journal, or records, read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What report, as of when, of what. None: not given."""

    kind: str
    as_of: datetime | None = None
    journal: int | None = None
    """The last entry that counts."""
    since: date | None = None
    """Trades due from this day on."""
    day: date | None = None
    """Record date of holders; the business day whose statements are asked for."""
    block: int | None = None
    penalties: Path | None = None
    statements: tuple[Path, ...] = ()


def make_report(sources: Sources, asked: Asked) -> Report:
    """Raises InvalidInput for what cannot be asked of that kind, or of the future; Contradiction for a journal whose
    entries do not follow from each other; Unavailable where a ledger that is needed does not answer."""
    maker = _MAKERS.get(asked.kind)
    if maker is None:
        raise InvalidInput("kind", asked.kind, f"one of {', '.join(KINDS)}")
    taken = _TAKES[asked.kind]
    for name in ("journal", "since", "day", "block", "penalties", "statements"):
        if getattr(asked, name) not in (None, ()) and name not in taken:
            rule = f"not for {asked.kind}: it takes {', '.join(('as-of', *sorted(taken)))}"
            raise InvalidInput(name, getattr(asked, name), rule)
    now = sources.clock.now()
    if asked.as_of is not None and (asked.as_of.utcoffset() is None or asked.as_of > now):
        raise InvalidInput("as-of", asked.as_of.isoformat(), f"a moment with its offset from UTC, not after {now}")
    return maker(sources, asked)


# --- from the journal


def _prefix(sources: Sources, asked: Asked) -> Prefix:
    """Made before other records are read: without a number the journal's end counts, as it is now, and they know all
    that it tells of."""
    as_of, number = asked.as_of, asked.journal
    if as_of is None and asked.journal is None:
        as_of = sources.clock.now().replace(microsecond=0)
    if asked.journal is not None and asked.journal < 1:
        raise InvalidInput("journal", asked.journal, "1 or more")
    number = sources.book.journal_size() if number is None else number
    return Prefix(_rows(sources), number=number, as_of=None if as_of is None else as_of.astimezone(UTC))


def _rows(sources: Sources) -> Iterator[JournalRow]:
    after = 0
    while rows := sources.book.journal(after=after, limit=_PAGE):
        yield from rows
        after = rows[-1].number


def _known(sources: Sources) -> Mapping[str, Known]:
    """What never changes of all trades."""
    trades, booked = sources.book.trades(), dict[SettlementId, datetime]()
    if any(row.entry.kind == "rebuilt" for row in sources.book.journal(SUBJECT)):
        views = _views(sources, [one.settlement_id for one in trades if one.settlement_id is not None])
        booked = {name: one.booked_at for name, one in views.items() if one.booked_at is not None}
    return {
        one.trade_id: Known(
            terms=one.terms,
            matched_at=one.matched_at,
            booked_at=None if one.settlement_id is None else booked.get(one.settlement_id),
        )
        for one in trades
    }


def _views(sources: Sources, ids: Sequence[SettlementId]) -> dict[SettlementId, CashView]:
    found, left = dict[SettlementId, CashView](), iter(ids)
    while some := list(islice(left, _PAGE)):
        found.update(sources.book.cash_views(some))
    return found


def _efficiency(sources: Sources, asked: Asked) -> Report:
    tables, others = PenaltyTerms(), tuple[str, ...]()
    if asked.penalties is not None:
        tables, others = read_penalties(asked.penalties), (_named(asked.penalties),)
    prefix = _prefix(sources, asked)
    records = fold(prefix, _known(sources), sources.market)
    return _with(efficiency(records, tables, since=asked.since), others)


def _transactions(sources: Sources, asked: Asked) -> Report:
    prefix = _prefix(sources, asked)
    records = fold(prefix, _known(sources), sources.market)
    keys = {
        (one.terms.deliverer, one.terms.deliverer_reference): one.trade_id
        for one in records.stories
        if asked.since is None or one.terms.settlement_date >= asked.since
    }
    dates, left = dict[str, date](), iter(keys)
    while some := list(islice(left, _PAGE)):
        for key, stored in sources.book.instructions_of(some).items():
            dates[keys[key]] = stored.instruction.trade_date
    return transactions(records, dates, since=asked.since)


def _audit(sources: Sources, asked: Asked) -> Report:
    return audit(_prefix(sources, asked), sources.market)


def _breaks(sources: Sources, asked: Asked) -> Report:
    return breaks(_prefix(sources, asked), sources.market)


def _named(path: Path) -> str:
    """A file as a report's source: whoever has the same content gets the same report."""
    return f"file {path.name}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _with(report: Report, others: Sequence[str]) -> Report:
    return replace(report, source=replace(report.source, others=(*report.source.others, *others)))


# --- the cash mirror


def _cash(sources: Sources, asked: Asked) -> Report:
    """From camt.053 files, or from the RTGS itself, asked for the statements of a business day."""
    if asked.statements and asked.day is not None:
        raise InvalidInput("day", asked.day, "not beside statements, which say their days themselves")
    mirror = heard(_prefix(sources, asked))
    if asked.statements:
        files = sorted(asked.statements)
        statements = whole(one for path in files for one in _statements(path))
        others = [_named(path) for path in files]
    else:
        statements = _asked_for(sources, asked.day or mirror.as_of.astimezone(UTC).date())
        others = [
            f"statement {one.statement_id} of {one.account.number}, until {one.until.isoformat()}" for one in statements
        ]
    ids = dict.fromkeys(SettlementId(one) for one in mirror.settlements)
    if mirror.rebuilt_at is not None:
        ids |= dict.fromkeys(one.settlement_id for one in sources.book.trades() if one.settlement_id is not None)
    return _with(cash(statements, _views(sources, list(ids)), mirror, sources.market), others)


def _statements(path: Path) -> Iterator[Statement]:
    """Every camt.053 in a file of one message or of many. Raises InvalidInput for a file that has none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput("statement", path, f"a readable file ({error.strerror})") from error
    for one in unpack(content).messages if is_file(content) else (content,):
        message = read(one)
        if not isinstance(message.body, Statement):
            raise InvalidInput(f"statement {path}", type(message.body).__name__, "camt.053")
        yield message.body


def _asked_for(sources: Sources, day: date) -> list[Statement]:
    """Raises InvalidInput for a day to come, Unavailable where the RTGS does not answer for every account that the
    service may ask for."""
    if day > (now := sources.clock.now().astimezone(UTC)).date():
        raise InvalidInput("day", day, f"not after today, {now.date()}")
    at = min(now, end_of(day) - timedelta(microseconds=1))
    said = read_rtgs(
        sources.cash,
        sources.market,
        Scope(day=day, at=at, first=day),
        sources.clock,
        sources.book.cash_cursor(),
        randomness=sources.randomness,
        wait_seconds=sources.wait_seconds,
    )
    if said.said.silent:
        raise Unavailable(next(iter(said.said.silent.values())))
    return whole(_statement(one) for one in said.accounts)


def _statement(one: Account) -> Statement:
    return Statement(
        statement_id=one.statement_id,
        sequence=1,
        account=one.account,
        since=one.since,
        until=one.until,
        opening=Money(currency=one.currency, amount=one.opening),
        closing=Money(currency=one.currency, amount=one.closing),
        entries=one.entries,
    )


# --- from the chain


def _node(sources: Sources) -> Node:
    if sources.node is None:
        raise Unavailable("no node answers: holdings are the chain's")
    return sources.node


def _point(sources: Sources, asked: Asked) -> Point:
    """The final block that was asked for, by number, moment or record date; the latest final one where none was.

    Raises InvalidInput for more than one of these, a block that is not final, a day that is not over.
    """
    given = [name for name in ("as_of", "block", "day") if getattr(asked, name) is not None]
    if len(given) > 1:
        raise InvalidInput(given[1], getattr(asked, given[1]), f"not beside {given[0]}")
    node, network = _node(sources), sources.market.network
    final = node.head().number - network.finality_depth
    if asked.day is not None and asked.day >= sources.clock.now().astimezone(UTC).date():
        raise InvalidInput("day", asked.day, "a day that is over (UTC)")
    number = final if asked.block is None else asked.block
    if asked.as_of is not None or asked.day is not None:
        second = int(asked.as_of.timestamp()) if asked.as_of else int(end_of(asked.day or date.max).timestamp()) - 1
        found = block_at(node, second, final)
        if found is None:
            raise InvalidInput(given[0], getattr(asked, given[0]), "not before the chain's first final block")
        number = found
    if not 0 <= number <= final:
        raise InvalidInput("block", number, f"0 to {final}, the last that is final")
    head: Head = node.block(number)
    return Point(
        chain_id=network.chain_id,
        block=number,
        block_hash=head.hash,
        at=datetime.fromtimestamp(head.timestamp, UTC),
        record_date=asked.day,
    )


def _register_events(sources: Sources, point: Point) -> Sequence[RegisterEvent]:
    """Empty where the market has no register."""
    network = sources.market.network
    if network.collateral is None:
        return ()
    return list(EvmCollateralLedger(_node(sources), register_of(network)).events(last=point.block))


def _holders(sources: Sources, asked: Asked) -> Report:
    point, node, market = _point(sources, asked), _node(sources), sources.market
    isins: Mapping[str, Isin] = {one.token: one.isin for one in market.securities.values()}
    owner = owners(node, market, point.block)
    sums: dict[tuple[str, str], list[int]] = {}
    for (token, wallet), units in balances_by(transfers(node, list(isins), point.block)).items():
        sums.setdefault((owner(wallet), isins[token]), [0, 0, 0])[0] += units
    for one in Claims(_register_events(sources, point)).live(point.block):
        if one.pledge.quantity and one.pledge.token in isins:
            isin = isins[one.pledge.token]
            sums.setdefault((owner(one.agreement.taker), isin), [0, 0, 0])[2] += one.pledge.quantity
            if one.pledge.is_root:
                sums.setdefault((owner(one.agreement.giver), isin), [0, 0, 0])[1] += one.pledge.quantity
    held = (
        Held(holder=holder, isin=isin, owned=owned, pledged=pledged, received=received)
        for (holder, isin), (owned, pledged, received) in sums.items()
    )
    return holders(held, market, point)


def _reuse(sources: Sources, asked: Asked) -> Report:
    if sources.market.network.collateral is None:
        raise InvalidInput("kind", "reuse", "a market with a collateral register")
    point = _point(sources, asked)
    owner = owners(_node(sources), sources.market, point.block)
    return reuse(_register_events(sources, point), sources.market, owner, point)


_MAKERS = {
    "efficiency": _efficiency,
    "transactions": _transactions,
    "holders": _holders,
    "reuse": _reuse,
    "cash": _cash,
    "audit": _audit,
    "breaks": _breaks,
}
_TAKES: Mapping[str, frozenset[str]] = {
    "efficiency": frozenset({"journal", "since", "penalties"}),
    "transactions": frozenset({"journal", "since"}),
    "holders": frozenset({"day", "block"}),
    "reuse": frozenset({"day", "block"}),
    "cash": frozenset({"journal", "day", "statements"}),
    "audit": frozenset({"journal"}),
    "breaks": frozenset({"journal"}),
}
KINDS = tuple(_MAKERS)
