"""A legacy book's rows as lines, so that they can be compared with the other books'.

What a row says in a line:

| row | line |
|---|---|
| a trade's settlement date; of a settled one the UTC day of `settled_at` | `day`: another in one book is `timing` |
| when the book had it: settled, at the latest the cut-off of the day whose file tells it | `at` |
| a row that a day's file lacked and a later one brought | `at` is the cut-off of the day that brought it: `late` |
| pending or failing; settled; cancelled | `open`; `settled`; `ended` |
| a second row of one UETR, or of one account and security or currency | a second line: `duplicate` |
| accounts of one owner, where balances are keyed by LEI | one line, their sum |

A trade's key is its UETR. Where the row has none it is the key of the trade of ours that `legacy_matching` holds it
for, and the line's origin says how it was matched; what nothing matches has a key of its own, `legacy:` and the row's
reference.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin, Lei, Uetr
from lockstep.domain.legacy import LegacyCash, LegacyPosition, LegacyRow, LegacyStatus, LegacyTrade
from lockstep.domain.legacy_matching import WEIGHTS, Matching, match_trades
from lockstep.domain.money import Money, Quantity
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.values import quick, replace

__all__ = [
    "NONE_MATCHED",
    "STATUSES",
    "LegacyProfile",
    "OurTrade",
    "Told",
    "TradeLines",
    "cash_lines",
    "of_day",
    "position_lines",
    "trade_lines",
]

STATUSES: Mapping[LegacyStatus, LineStatus] = {
    LegacyStatus.PENDING: LineStatus.OPEN,
    LegacyStatus.FAILING: LineStatus.OPEN,
    LegacyStatus.SETTLED: LineStatus.SETTLED,
    LegacyStatus.CANCELLED: LineStatus.ENDED,
}
OWN_KEY = "legacy:"
"""Before the reference of a trade that is no known trade of ours."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyProfile:
    """How one legacy book is to be read."""

    cut_off: time = time(18)
    """UTC: by then a day's files tell all that the book had that day."""
    decimals: Mapping[str, int] = field(default_factory=dict)
    """By ISIN: of its base units; a security that is not named has none."""
    by_account: frozenset[Subject] = frozenset()
    """Balances of these are keyed by the book's account, not by the owner's LEI."""

    def __post_init__(self) -> None:
        if self.cut_off.tzinfo is not None or self.cut_off.microsecond:
            raise InvalidInput("cut_off", self.cut_off, "a time of day in UTC in whole seconds, without an offset")
        if Subject.TRADE in self.by_account:
            raise InvalidInput("by_account", Subject.TRADE.value, "position or cash")

    def units(self, quantity: Quantity, isin: str) -> int:
        """Base units. Raises InvalidInput where the quantity has more decimals than the security."""
        return quantity.units(self.decimals.get(isin, 0))

    def units_of(self, row: LegacyPosition) -> int:
        """A position in base units, below zero where short. Raises InvalidInput likewise."""
        return row.units(self.decimals.get(row.isin, 0))

    def check(self, row: LegacyRow) -> None:
        """Raises InvalidInput for a quantity of more decimals than the security."""
        if isinstance(row, LegacyTrade):
            self.units(row.quantity, row.isin)
        elif isinstance(row, LegacyPosition):
            self.units_of(row)

    def key(self, row: LegacyRow) -> Key | None:
        """What a row is about; None for a trade without a UETR."""
        if isinstance(row, LegacyTrade):
            return None if row.uetr is None else Key.trade(row.uetr)
        if isinstance(row, LegacyPosition):
            return Key.position(row.account if Subject.POSITION in self.by_account else row.owner, row.isin)
        return Key.cash(row.account if Subject.CASH in self.by_account else row.owner, row.balance.currency)

    def end_of(self, day: date) -> datetime:
        """The cut-off of a day."""
        return datetime.combine(day, self.cut_off, tzinfo=UTC)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A row, where it stands, and the business day on which it was told."""

    row: LegacyRow
    origin: str
    received: date
    is_late: bool = False
    """It should have been told on an earlier day."""

    def at(self, profile: LegacyProfile) -> datetime:
        """When the book had it: at the cut-off, of a settled trade at its settlement if that was before."""
        end = profile.end_of(self.received)
        settled_at = self.row.settled_at if isinstance(self.row, LegacyTrade) else None
        return end if self.is_late or settled_at is None else min(settled_at, end)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class OurTrade:
    """A trade of ours that one of theirs may be: `legacy_matching.Terms`, and the key under which books have it."""

    key: Key
    uetr: Uetr | None
    deliverer: Lei
    receiver: Lei
    isin: Isin
    quantity: Quantity
    cash: Money
    settlement_date: date

    @classmethod
    def of(cls, line: Line, *, decimals: int = 0, uetr: Uetr | None = None) -> "OurTrade | None":
        """From a line of another book; None where that does not know all terms."""
        known = (line.deliverer, line.receiver, line.instrument, line.quantity, line.currency, line.amount, line.day)
        if None in known:
            return None
        return cls(
            key=line.key,
            uetr=uetr,
            deliverer=Lei(str(line.deliverer)),
            receiver=Lei(str(line.receiver)),
            isin=Isin(str(line.instrument)),
            quantity=Quantity.of_units(int(line.quantity or 0), decimals),
            cash=Money(currency=str(line.currency), amount=int(line.amount or 0)),
            settlement_date=line.day or date.min,
        )


NONE_MATCHED: Matching[LegacyTrade, OurTrade] = Matching(matched=(), unmatched=(), left=())


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLines:
    """A book's trades as lines, and how those without a UETR were matched."""

    lines: tuple[Line, ...]
    rows: Mapping[Key, LegacyTrade]
    """The row behind each key; of several the first."""
    matching: Matching[LegacyTrade, OurTrade] = NONE_MATCHED
    """Of the rows without a UETR, with the trades of ours that no row's UETR names."""


def trade_lines(told: Iterable[Told], ours: Iterable[OurTrade], profile: LegacyProfile) -> TradeLines:
    """Trades, matched where they have no UETR. Raises InvalidInput for more decimals than the security has."""
    trades = [(one, one.row) for one in told if isinstance(one.row, LegacyTrade)]
    known = list(ours)
    by_uetr = {one.uetr: one.key for one in known if one.uetr is not None}
    taken = {by_uetr.get(row.uetr, Key.trade(row.uetr)) for _, row in trades if row.uetr is not None}
    nameless = [row for _, row in trades if row.uetr is None]
    matching = match_trades(nameless, [one for one in known if one.key not in taken]) if nameless else NONE_MATCHED
    keys = _keys(matching)
    lines: list[Line] = []
    rows: dict[Key, LegacyTrade] = {}
    for one, row in trades:
        if row.uetr is not None:
            key, origin = by_uetr.get(row.uetr, Key.trade(row.uetr)), one.origin
        else:
            key, how = keys[id(row)]
            origin = f"{one.origin}, {row.reference} {how}"
        rows.setdefault(key, row)
        lines.append(_trade_line(one, row, key, origin, profile))
    return TradeLines(lines=tuple(lines), rows=rows, matching=matching)


def of_day(row: LegacyRow, day: date) -> None:
    """Raises InvalidInput for a balance of another day."""
    if not isinstance(row, LegacyTrade) and row.as_of != day:
        raise InvalidInput("as_of", row.as_of, f"the day of the book, {day}")


def _keys(matching: Matching[LegacyTrade, OurTrade]) -> dict[int, tuple[Key, str]]:
    """By a row's identity: its key, and how that was found."""
    keys = {id(one.theirs): (one.found.ours.key, f"matched {one}") for one in matching.matched}
    keys |= {
        id(one.theirs): (Key.trade(f"{OWN_KEY}{one.theirs.reference}"), f"not matched: {one.why}")
        for one in matching.unmatched
    }
    alike: defaultdict[tuple[object, ...], list[LegacyTrade]] = defaultdict(list)
    for one in matching.unmatched:
        alike[_terms(one.theirs)].append(one.theirs)
    meant: defaultdict[tuple[object, ...], list[OurTrade]] = defaultdict(list)
    for ours in matching.left:
        meant[_terms(ours)].append(ours)
    for terms, theirs in alike.items():
        theirs.sort(key=lambda row: (row.settled_at is None, row.line))
        if ours_alike := sorted(meant[terms], key=lambda one: one.key):
            for place, row in enumerate(theirs):
                again = "told again; " if place >= len(ours_alike) else ""
                how = f"matched by order: {again}{len(theirs)} of these terms, {len(ours_alike)} of ours"
                keys[id(row)] = ours_alike[min(place, len(ours_alike) - 1)].key, how
    return keys


def _terms(trade: LegacyTrade | OurTrade) -> tuple[object, ...]:
    return tuple(getattr(trade, name) for name in WEIGHTS)


def _trade_line(one: Told, row: LegacyTrade, key: Key, origin: str, profile: LegacyProfile) -> Line:
    return Line(
        book=Book.LEGACY,
        key=key,
        quantity=profile.units(row.quantity, row.isin),
        amount=row.cash.amount,
        instrument=row.isin,
        currency=row.cash.currency,
        deliverer=row.deliverer,
        receiver=row.receiver,
        status=STATUSES[row.status],
        day=row.settlement_date if row.settled_at is None else row.settled_at.astimezone(UTC).date(),
        at=None if row.settled_at is None else one.at(profile),
        origin=origin,
    )


def position_lines(told: Iterable[Told], profile: LegacyProfile) -> list[Line]:
    """Positions, and a second line for an account that tells a security again. Raises InvalidInput as trade_lines."""
    named = []
    for one in told:
        if isinstance(row := one.row, LegacyPosition):
            named.append((one, row.account, profile.units_of(row)))
    return _balances(named, "quantity", profile)


def cash_lines(told: Iterable[Told], profile: LegacyProfile) -> list[Line]:
    """Balances of cash, and a second line for an account that tells a currency again."""
    named = []
    for one in told:
        if isinstance(row := one.row, LegacyCash):
            named.append((one, row.account, row.balance.amount))
    return _balances(named, "amount", profile)


def _balances(told: Iterable[tuple[Told, str, int]], figure: str, profile: LegacyProfile) -> list[Line]:
    lines: dict[Key, Line] = {}
    again: list[Line] = []
    seen: set[tuple[Key, str]] = set()
    for one, account, value in told:
        key = profile.key(one.row)
        assert key is not None  # only trades have none
        quantity, amount = (value, None) if figure == "quantity" else (None, value)
        line = Line(book=Book.LEGACY, key=key, quantity=quantity, amount=amount, at=one.at(profile), origin=one.origin)
        before = lines.get(key)
        if (key, account) in seen:
            again.append(line)
        elif before is None:
            lines[key] = line
        else:
            whole = getattr(before, figure) + value
            at = max(one.at(profile), before.at or one.at(profile))
            lines[key] = replace(before, at=at, origin=f"{before.origin}, {one.origin}", **{figure: whole})
        seen.add((key, account))
    return [*lines.values(), *again]
