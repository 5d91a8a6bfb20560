"""Every trade as it stood: who, what, when each step was taken, and how it ended."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

from lockstep.domain.target_calendar import due_on
from lockstep.domain.trade import TradeState
from lockstep.reports.fails import code_of
from lockstep.reports.model import Chart, ChartKind, Column, ColumnKind, Figure, Report, Table, Tone
from lockstep.reports.records import Records, Story, in_order
from lockstep.reports.words import counted, money, span

__all__ = ["transactions"]

_K = ColumnKind
_STATE_TONES = (
    (TradeState.SETTLED.value, Tone.GOOD),
    (TradeState.CANCELLED.value, Tone.BAD),
    (TradeState.RELEASED.value, Tone.BAD),
)
_ENDS = (TradeState.SETTLED, TradeState.CANCELLED, TradeState.RELEASED)


def transactions(records: Records, trade_dates: Mapping[str, date], *, since: date | None = None) -> Report:
    """Trades agreed to settle on a day or later, or all. `trade_dates` are by trade id, as the instructions say."""
    stories = [one for one in in_order(records.stories) if since is None or one.terms.settlement_date >= since]
    states = Counter(one.last.state for one in stories)
    settled = [one for one in stories if one.last.state is TradeState.SETTLED]
    return Report(
        kind="transactions",
        title="Transactions",
        subtitle=f"{counted(len(stories), 'trade')}" + (f" agreed to settle from {since}" if since else ""),
        as_of=records.as_of,
        source=records.source,
        figures=tuple(_figures(stories, settled, states)),
        charts=tuple(_charts(stories, states)),
        tables=(_trades_table(stories, records, trade_dates), _securities_table(stories, records)),
        notes=(
            "Moments are when the service had seen a step on its ledger, and final there; UTC.",
            "Terms are those whose hash is the trade's id.",
        ),
    )


def _at(story: Story, *states: TradeState) -> datetime | None:
    move = story.first(*states)
    return None if move is None else move.at


def _trades_table(stories: Sequence[Story], records: Records, trade_dates: Mapping[str, date]) -> Table:
    rows = []
    for one in stories:
        terms, last = one.terms, one.last
        seller, buyer = (records.market.participants.get(lei) for lei in (terms.deliverer, terms.receiver))
        rows.append(
            (
                last.state.value,
                seller.name if seller else "",
                buyer.name if buyer else "",
                str(terms.isin),
                terms.quantity.value,
                terms.quantity.scale,
                terms.cash.currency,
                terms.cash.amount,
                trade_dates.get(one.trade_id),
                terms.settlement_date,
                one.matched_at,
                _at(one, TradeState.LOCKED),
                _at(one, TradeState.PAID),
                _at(one, *_ENDS),
                code_of(last.reason) if last.reason else "",
                last.reason.partition(": ")[2],
                str(terms.deliverer_reference),
                str(terms.receiver_reference),
                seller.bic if seller else "",
                buyer.bic if buyer else "",
                str(terms.deliverer),
                str(terms.receiver),
                str(one.trade_id),
                one.settlement_id,
            )
        )
    return Table(
        name="trades",
        title="Trades",
        columns=(
            Column(name="state", title="State", tones=_STATE_TONES),
            Column(name="deliverer_name", title="Seller"),
            Column(name="receiver_name", title="Buyer"),
            Column(name="isin", title="ISIN"),
            Column(name="quantity", title="Quantity", kind=_K.QUANTITY, decimals_in="quantity_decimals"),
            Column(name="quantity_decimals", title="Decimals", kind=_K.COUNT),
            Column(name="currency", title="Currency"),
            Column(name="cash", title="Cash", kind=_K.MONEY, currency_in="currency"),
            Column(name="trade_date", title="Traded on", kind=_K.DAY),
            Column(name="settlement_date", title="Agreed for", kind=_K.DAY),
            Column(name="matched_at", title="Matched", kind=_K.MOMENT),
            Column(name="locked_at", title="Locked", kind=_K.MOMENT),
            Column(name="paid_at", title="Paid", kind=_K.MOMENT),
            Column(name="ended_at", title="Ended", kind=_K.MOMENT),
            Column(name="reason_code", title="Reason"),
            Column(name="reason", title="In words"),
            Column(name="deliverer_reference", title="Seller's reference"),
            Column(name="receiver_reference", title="Buyer's reference"),
            Column(name="deliverer_bic", title="Seller's BIC"),
            Column(name="receiver_bic", title="Buyer's BIC"),
            Column(name="deliverer", title="Seller's LEI"),
            Column(name="receiver", title="Buyer's LEI"),
            Column(name="trade_id", title="Trade"),
            Column(name="settlement_id", title="Settlement"),
        ),
        rows=tuple(rows),
    )


def _securities_table(stories: Sequence[Story], records: Records) -> Table:
    sums: dict[tuple[str, str], list[int]] = {}
    for one in stories:
        counted_ = sums.setdefault((one.terms.isin, one.terms.cash.currency), [0, 0, 0, 0])
        counted_[0] += 1
        counted_[1] += one.terms.cash.amount
        if one.last.state is TradeState.SETTLED:
            counted_[2] += 1
            counted_[3] += one.terms.cash.amount
    names: Mapping[str, str] = {one.isin: one.name for one in records.market.securities.values()}
    return Table(
        name="securities",
        title="By security",
        columns=(
            Column(name="isin", title="ISIN"),
            Column(name="name", title="Security"),
            Column(name="currency", title="Currency"),
            Column(name="trades", title="Trades", kind=_K.COUNT),
            Column(name="value", title="Value", kind=_K.MONEY, currency_in="currency"),
            Column(name="settled", title="Settled", kind=_K.COUNT),
            Column(name="settled_value", title="Value settled", kind=_K.MONEY, currency_in="currency"),
        ),
        rows=tuple(
            (isin, names.get(isin, ""), currency, *figures) for (isin, currency), figures in sorted(sums.items())
        ),
    )


def _figures(stories: Sequence[Story], settled: Sequence[Story], states: Counter[TradeState]) -> Iterator[Figure]:
    under_way = sum(number for state, number in states.items() if not state.is_end)
    yield Figure(title="Settled", value=f"{len(settled):,}", note=f"of {counted(len(stories), 'trade')}")
    for currency in sorted({one.terms.cash.currency for one in settled}):
        amount = sum(one.terms.cash.amount for one in settled if one.terms.cash.currency == currency)
        yield Figure(title=f"Value settled, {currency}", value=money(amount, currency))
    yield Figure(title="Under way", value=f"{under_way:,}")
    ended = sum(states[one] for one in (TradeState.CANCELLED, TradeState.RELEASED))
    yield Figure(title="Ended unsettled", value=f"{ended:,}", tone=Tone.WARN if ended else Tone.PLAIN)
    taken = sorted(_seconds(one) for one in settled if _was_waited_for(one))
    if taken:
        middle = taken[(len(taken) - 1) // 2]
        yield Figure(
            title="From match to settled",
            value=span(middle),
            note="the middle one of those that matched on their day or later",
        )


def _was_waited_for(story: Story) -> bool:
    """Whether it could be settled from its match on: of one that matches ahead of its day the time says nothing."""
    return story.matched_at.astimezone(UTC).date() >= due_on(story.terms.settlement_date)


def _seconds(story: Story) -> int:
    settled = story.settled_at
    assert settled is not None
    return int((settled - story.matched_at).total_seconds())


def _charts(stories: Sequence[Story], states: Counter[TradeState]) -> Iterator[Chart]:
    shown = [one for one in TradeState if states[one]]
    if shown:
        yield Chart(
            title="Trades by state",
            kind=ChartKind.BARS,
            labels=tuple(one.value for one in shown),
            series=(("trades", tuple(states[one] for one in shown)),),
            unit="trades",
        )
    settled = [at.astimezone(UTC).hour for one in stories if (at := one.settled_at) is not None]
    if settled:
        hours = range(min(settled), max(settled) + 1)
        yield Chart(
            title="Settled, by hour of the day (UTC)",
            kind=ChartKind.BARS,
            labels=tuple(f"{hour:02d}:00" for hour in hours),
            series=(("trades", tuple(settled.count(hour) for hour in hours)),),
            unit="trades",
            tones=(Tone.GOOD,),
        )
