"""Penalties as tables: each day's of each trade, and what every participant pays and receives for a month."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from lockstep.reports.fails import Following
from lockstep.reports.model import Column, ColumnKind, Table
from lockstep.reports.penalties import Penalty, PenaltyTerms
from lockstep.reports.records import Records

__all__ = ["penalties_table", "penalty_notes", "totals_table"]

_K = ColumnKind


def penalties_table(charged: Sequence[tuple[Following, Penalty]], records: Records) -> Table:
    """One row for each day that costs something: all that the amount is computed from (2018/1229, Article 16(4))."""
    rows = [
        (
            each.day,
            each.kind.value,
            records.name(each.by),
            records.name(each.to),
            str(one.story.terms.isin),
            each.fail_class,
            one.story.terms.cash.currency,
            each.value,
            each.rate_told,
            each.amount,
            each.value_from,
            each.by,
            each.to,
            str(one.story.trade_id),
        )
        for one, each in sorted(charged, key=lambda pair: (pair[1].day, pair[0].story.trade_id))
    ]
    return Table(
        name="penalties",
        title="Penalties",
        columns=(
            Column(name="day", title="Business day", kind=_K.DAY),
            Column(name="kind", title="Kind"),
            Column(name="payer_name", title="Who pays"),
            Column(name="payee_name", title="Who receives"),
            Column(name="isin", title="ISIN"),
            Column(name="class", title="Lack of"),
            Column(name="currency", title="Currency"),
            Column(name="reference_value", title="Reference value", kind=_K.MONEY, currency_in="currency"),
            Column(name="daily_rate", title="Daily rate"),
            Column(name="amount", title="Penalty", kind=_K.MONEY, currency_in="currency"),
            Column(name="value_from", title="Valued by"),
            Column(name="payer", title="LEI of who pays"),
            Column(name="payee", title="LEI of who receives"),
            Column(name="trade_id", title="Trade"),
        ),
        rows=tuple(rows),
        note="SEFP: failed to settle. LMFP: matched after the agreed day. No amount: no rate is given for that day.",
    )


def totals_table(charged: Sequence[tuple[Following, Penalty]], records: Records) -> Table:
    """By month, participant and currency (2018/1229, Article 17: collected and distributed net, at least monthly)."""
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for one, each in charged:
        if each.amount is not None:
            month, currency = f"{each.day:%Y-%m}", one.story.terms.cash.currency
            sums[month, each.by, currency][0] += each.amount
            sums[month, each.to, currency][1] += each.amount
    rows = [
        (month, lei, records.name(lei), currency, pays, receives, receives - pays)
        for (month, lei, currency), (pays, receives) in sorted(sums.items())
    ]
    return Table(
        name="penalty_totals",
        title="Penalties by participant",
        columns=(
            Column(name="month", title="Month"),
            Column(name="participant", title="LEI"),
            Column(name="name", title="Participant"),
            Column(name="currency", title="Currency"),
            Column(name="pays", title="Pays", kind=_K.MONEY, currency_in="currency"),
            Column(name="receives", title="Receives", kind=_K.MONEY, currency_in="currency"),
            Column(name="net", title="Net", kind=_K.MONEY, currency_in="currency"),
        ),
        rows=tuple(rows),
        note="Net below zero: to be paid.",
    )


def penalty_notes(charged: Sequence[tuple[Following, Penalty]], tables: PenaltyTerms) -> Iterator[str]:
    """Where rates and values are from, and what is missing."""
    if not charged:
        return
    yield f"Penalty rates: {'; '.join(tables.sources)}."
    if any(each.value_from == "agreed cash" for _, each in charged):
        yield "Without a price of the security, the reference value is the cash that was agreed."
    missing: dict[str, date] = {}
    for one, each in charged:
        if each.rate is None:
            missing.setdefault(one.story.terms.cash.currency, each.day)
    for currency, day in sorted(missing.items()):
        yield (
            f"No rate for overnight credit in {currency} is given for {day.isoformat()}: what lack of cash costs there "
            "is not in the sums."
        )
