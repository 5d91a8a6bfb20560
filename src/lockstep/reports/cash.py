"""The service's mirror of the banks' accounts against the RTGS's own statements (camt.053), entry by entry.

The mirror has what the RTGS told of settlements: a booking counts once the journal's prefix has heard of it. A
statement's other entries are the banks' own business, and only carry the balance.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise

from lockstep.domain.cash import CashView
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Market
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.domain.statement import Entry, Statement
from lockstep.domain.values import replace
from lockstep.reports.model import Chart, ChartKind, Column, ColumnKind, Figure, Report, Source, Table, Tone
from lockstep.reports.records import Prefix
from lockstep.reports.words import counted

__all__ = ["Mirror", "cash", "heard", "whole"]

_K = ColumnKind
_BOOKED = PaymentState.BOOKED.value
_REBUILT = "rebuilt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The bookings that the prefix has heard of."""

    as_of: datetime
    source: Source
    settlements: Mapping[str, datetime]
    """When each was first heard to be booked."""
    rebuilt_at: datetime | None
    """When these records were made anew: what was booked before and no entry names counts, as the rebuild read it."""

    def has(self, view: CashView) -> bool:
        if view.booked_at is None or view.payment is None:
            return False
        known = view.settlement_id in self.settlements
        return known or (self.rebuilt_at is not None and view.booked_at <= self.rebuilt_at)


def heard(prefix: Prefix) -> Mirror:
    """Raises as Prefix."""
    found, rebuilt_at = dict[str, datetime](), None
    for row in prefix:
        entry = row.entry
        if entry.kind == "heard" and entry.facts.get("state") == _BOOKED:
            found.setdefault(entry.subject, entry.at)
        elif entry.kind == _REBUILT and rebuilt_at is None:
            rebuilt_at = entry.at
    as_of, source = prefix.finish()
    return Mirror(as_of=as_of, source=source, settlements=found, rebuilt_at=rebuilt_at)


def whole(pages: Iterable[Statement]) -> list[Statement]:
    """Statements put together from their pages, in the order of accounts and days.

    Raises InvalidInput for one of which a page is missing or comes twice, or whose pages do not join.
    """
    by_id: dict[tuple[str, CashAccount, datetime, datetime], list[Statement]] = defaultdict(list)
    for one in pages:
        by_id[one.statement_id, one.account, one.since, one.until].append(one)
    found = []
    for (name, *_), some in by_id.items():
        some.sort(key=lambda one: one.page)
        numbers = [one.page for one in some]
        if numbers != list(range(1, len(some) + 1)) or any(one.is_last is not (one is some[-1]) for one in some):
            raise InvalidInput(f"statement {name}", numbers, "each page from 1 to the last, once")
        for before, after in pairwise(some):
            if before.closing != after.opening:
                raise InvalidInput(
                    f"statement {name}, page {after.page}", after.opening, f"opens with {before.closing}"
                )
        entries = tuple(entry for one in some for entry in one.entries)
        found.append(replace(some[0], closing=some[-1].closing, entries=entries, is_last=True))
    return sorted(found, key=lambda one: (one.account.owner, one.account.number, one.since, one.statement_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One booking of one account as one side has it. Minor units, a debit below zero."""

    amount: int
    uetr: str
    at: datetime
    entries: int = 1

    def plus(self, other: "_Side") -> "_Side":
        """Both entries of one settlement: a statement that has it twice is not taken for one that has it once."""
        names = dict.fromkeys((*self.uetr.split(), *other.uetr.split()))
        return _Side(
            amount=self.amount + other.amount,
            uetr=" ".join(names),
            at=min(self.at, other.at),
            entries=self.entries + other.entries,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """One statement against the mirror."""

    statement: Statement
    stated: Mapping[str, _Side]
    mirrored: Mapping[str, _Side]
    others: Sequence[Entry]
    """Of no settlement."""

    @property
    def differing(self) -> list[str]:
        """Settlements, in order, of which the two sides do not say the same amount and payment."""
        both = sorted({*self.stated, *self.mirrored})
        return [one for one in both if _said(self.stated.get(one)) != _said(self.mirrored.get(one))]


def _said(side: _Side | None) -> tuple[int, str, int] | None:
    return None if side is None else (side.amount, side.uetr, side.entries)


def cash(
    statements: Iterable[Statement], views: Mapping[SettlementId, CashView], mirror: Mirror, market: Market
) -> Report:
    """`statements` are whole ones (`whole`); `views` at least those that the mirror has and the statements name.

    Raises InvalidInput where two statements of an account overlap.
    """
    compared, last = [], dict[CashAccount, Statement]()
    for one in statements:
        before = last.get(one.account)
        if before is not None and before.until >= one.since:
            raise InvalidInput(f"statement {one.statement_id}", one.since, f"after {before.until}, the other's end")
        last[one.account] = one
        compared.append(_compare(one, views, mirror))
    differing = sum(len(one.differing) for one in compared)
    entries = sum(side.entries for one in compared for side in one.stated.values())
    return Report(
        kind="cash",
        title="Cash mirror against the RTGS",
        subtitle=f"{counted(len(compared), 'statement')} of {counted(len(last), 'account')}",
        as_of=mirror.as_of,
        source=mirror.source,
        figures=(
            Figure(
                title="Differences",
                value=str(differing),
                note="bookings that the two sides do not state alike",
                tone=Tone.BAD if differing else Tone.GOOD,
            ),
            Figure(title="Entries compared", value=f"{entries:,}", note="of settlements, on the statements"),
            Figure(
                title="Other entries",
                value=f"{sum(len(one.others) for one in compared):,}",
                note="the banks' own business: they carry the balance",
            ),
        ),
        charts=tuple(_charts(compared, market)),
        tables=(_accounts_table(compared, market), _differences_table(compared)),
        notes=(
            "The mirror has what the journal had heard of by its last entry; the statement is the RTGS's own.",
            "A balance is carried by all entries, and the mirror knows those of settlements alone.",
        ),
    )


def _compare(one: Statement, views: Mapping[SettlementId, CashView], mirror: Mirror) -> _Compared:
    stated: dict[str, _Side] = {}
    for entry in one.entries:
        if entry.settlement_id is not None:
            name, side = str(entry.settlement_id), _Side(amount=entry.signed, uetr=str(entry.uetr), at=entry.booked_at)
            stated[name] = stated[name].plus(side) if name in stated else side
    mirrored = {}
    for settlement, view in views.items():
        if not mirror.has(view) or view.payment is None or view.booked_at is None:
            continue
        debited_credited = (view.payment.debtor == one.account, view.payment.creditor == one.account)
        if any(debited_credited) and one.since <= view.booked_at <= one.until:
            amount = view.payment.amount.amount * (debited_credited[1] - debited_credited[0])
            mirrored[str(settlement)] = _Side(amount=amount, uetr=str(view.payment.uetr), at=view.booked_at)
    others = [entry for entry in one.entries if entry.settlement_id is None]
    return _Compared(statement=one, stated=stated, mirrored=mirrored, others=others)


def _days(one: Statement) -> tuple[date, date]:
    return one.since.astimezone(UTC).date(), one.until.astimezone(UTC).date()


def _accounts_table(compared: Iterable[_Compared], market: Market) -> Table:
    names: Mapping[str, str] = {one.bic: one.name for one in market.participants.values()}
    rows = []
    for one in compared:
        said = one.statement
        of_settlements = sum(side.amount for side in one.stated.values())
        mirrored = sum(side.amount for side in one.mirrored.values())
        rows.append(
            (
                str(said.account.owner),
                names.get(said.account.owner, ""),
                said.account.number,
                *_days(said),
                said.opening.currency,
                said.opening.amount,
                of_settlements,
                sum(entry.signed for entry in one.others),
                said.closing.amount,
                mirrored,
                of_settlements - mirrored,
                len(one.differing),
                "differs" if one.differing else "agrees",
                said.statement_id,
            )
        )
    money = tuple(
        Column(name=name, title=title, kind=_K.MONEY, currency_in="currency")
        for name, title in (
            ("opening", "Opening balance"),
            ("settlements", "Settlements, by the statement"),
            ("others", "Other entries"),
            ("closing", "Closing balance"),
            ("mirror", "Settlements, by the mirror"),
            ("difference", "Difference"),
        )
    )
    return Table(
        name="accounts",
        title="Accounts",
        columns=(
            Column(name="bic", title="BIC"),
            Column(name="name", title="Participant"),
            Column(name="account", title="Account"),
            Column(name="first", title="From", kind=_K.DAY),
            Column(name="last", title="To", kind=_K.DAY),
            Column(name="currency", title="Currency"),
            *money,
            Column(name="differences", title="Differences", kind=_K.COUNT),
            Column(name="verdict", title="Verdict", tones=(("agrees", Tone.GOOD), ("differs", Tone.BAD))),
            Column(name="statement", title="Statement"),
        ),
        rows=tuple(rows),
    )


def _differences_table(compared: Iterable[_Compared]) -> Table:
    rows = []
    for one in compared:
        for settlement in one.differing:
            stated, mirrored = one.stated.get(settlement), one.mirrored.get(settlement)
            what = "other content" if stated is None or stated.entries == 1 else "more than once on the statement"
            if stated is None or mirrored is None:
                what = "not on the statement" if stated is None else "not in the mirror"
            rows.append(
                (
                    what,
                    one.statement.account.number,
                    settlement,
                    one.statement.opening.currency,
                    stated.amount if stated else None,
                    mirrored.amount if mirrored else None,
                    stated.uetr if stated else "",
                    mirrored.uetr if mirrored else "",
                    stated.at if stated else None,
                    mirrored.at if mirrored else None,
                )
            )
    return Table(
        name="differences",
        title="Differences",
        columns=(
            Column(name="what", title="What"),
            Column(name="account", title="Account"),
            Column(name="settlement_id", title="Settlement"),
            Column(name="currency", title="Currency"),
            Column(name="stated", title="By the statement", kind=_K.MONEY, currency_in="currency"),
            Column(name="mirrored", title="By the mirror", kind=_K.MONEY, currency_in="currency"),
            Column(name="stated_uetr", title="UETR, statement"),
            Column(name="mirrored_uetr", title="UETR, mirror"),
            Column(name="stated_at", title="Booked, statement", kind=_K.MOMENT),
            Column(name="mirrored_at", title="Booked, mirror", kind=_K.MOMENT),
        ),
        rows=tuple(rows),
    )


def _charts(compared: Sequence[_Compared], market: Market) -> Iterator[Chart]:
    names: Mapping[str, str] = {one.bic: one.name for one in market.participants.values()}
    for currency in sorted({one.statement.opening.currency for one in compared}):
        mine = [one.statement for one in compared if one.statement.opening.currency == currency]
        closing = {one.account: one for one in mine}  # the latest of each
        accounts = sorted(closing, key=lambda one: (one.owner, one.number))
        opening = {one.account: one for one in reversed(mine)}
        yield Chart(
            title=f"Balances, {currency}",
            kind=ChartKind.BARS,
            labels=tuple(names.get(one.owner, one.number) for one in accounts),
            series=(
                ("opening", tuple(opening[one].opening.amount for one in accounts)),
                ("closing", tuple(closing[one].closing.amount for one in accounts)),
            ),
            unit=currency,
        )
