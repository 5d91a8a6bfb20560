"""The parallel run on one page: how far the books agree, what stays open, what was gained, which security may go on.

From the values of `domain.parallel` and `domain.reconciliation` alone. Whatever is summed over days is summed as a
Period does it; a share or a mean is made once, of the sums.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction

from lockstep.domain.parallel.scorecards import ALL, Period, Score
from lockstep.domain.parallel.scoring import is_unexplained
from lockstep.domain.reconciliation.differences import BreakClass
from lockstep.reports.break_tables import breaks_table, corrections_table
from lockstep.reports.cells import per_cent
from lockstep.reports.model import Chart, ChartKind, Figure, Report, Source, Tone
from lockstep.reports.parallel_run import DAY_SECONDS, ParallelRun
from lockstep.reports.parallel_tables import (
    conditions_table,
    days_table,
    freed_table,
    gains_table,
    participants_table,
    securities_table,
    steps_table,
)
from lockstep.reports.words import counted, money, span

__all__ = ["parallel_report"]

_BARS = 12
"""Securities or participants that a chart has at most: those with the most of what it shows."""


def parallel_report(run: ParallelRun, *, as_of: datetime, source: Source, title: str = "") -> Report:
    """The page. Raises InvalidInput for a day that a security was scored twice on."""
    whole = run.period()
    days = whole.days
    over = f"{days[0].isoformat()} to {days[-1].isoformat()}, {counted(len(days), 'business day')}" if days else ""
    return Report(
        kind="parallel",
        title=title or "Parallel run beside the legacy book",
        subtitle=over or "No day has been scored yet",
        as_of=as_of,
        source=source,
        figures=tuple(_figures(run, whole)),
        charts=tuple(_charts(run, whole)),
        tables=(
            securities_table(run),
            conditions_table(run),
            breaks_table(run, [one for one in run.breaks if one.is_open], name="open_breaks", title="Open breaks"),
            gains_table(run),
            days_table(run),
            participants_table(run),
            freed_table(run),
            steps_table(run),
            corrections_table(run),
            breaks_table(
                run, [one for one in run.breaks if not one.is_open], name="closed_breaks", title="Closed breaks"
            ),
        ),
        notes=(
            "Agreement: keys of which no book says otherwise, of those that the legacy book and another spoke of. An "
            "event is a settlement, a fail or a cancellation, compared on the first day on which a book has it.",
            "Finality: of each trade that settled in both books, the legacy book's moment less Lockstep's, counted "
            "once. Freed: that time, times the cash for who is paid and times the units for who receives them; 100 EUR "
            "an hour earlier are 360,000 EUR-seconds, shown as 4.17 EUR for one day.",
            "A break is unexplained while neither figures account for all of it nor a correction of it was approved.",
        ),
    )


def _figures(run: ParallelRun, period: Period) -> Iterator[Figure]:
    score = period.whole
    for title, tally in (
        ("Trades agree", score.trades),
        ("Positions agree", score.positions),
        ("Cash agrees", score.cash),
    ):
        if tally.share is not None:
            yield Figure(
                title=title,
                value=per_cent(tally.share),
                note=f"{tally.agreed:,} of {tally.compared:,} compared",
                tone=Tone.GOOD if tally.share == 1 else Tone.WARN,
            )
    yield _open_figure(run)
    yield from _gain_figures(score)
    if run.verdicts:
        met = [one for one in run.verdicts if one.is_met]
        yield Figure(
            title="May go on",
            value=f"{len(met)} of {len(run.verdicts)}",
            note="securities whose gate is met: " + (", ".join(run.name(one.isin) for one in met) or "none"),
            tone=Tone.GOOD if met else Tone.PLAIN,
        )


def _open_figure(run: ParallelRun) -> Figure:
    left = [one for one in run.breaks if one.is_open]
    unexplained, today = sum(map(is_unexplained, left)), run.today
    ages = [one.age(today) for one in left if today is not None and one.opened_on <= today]
    oldest = f", the oldest for {counted(max(ages), 'business day')}" if ages else ""
    return Figure(
        title="Open breaks",
        value=f"{len(left):,}",
        note=f"{unexplained:,} unexplained{oldest}" if left else f"{len(run.breaks):,} were found and closed",
        tone=Tone.BAD if unexplained else Tone.WARN if left else Tone.GOOD,
    )


def _gain_figures(score: Score) -> Iterator[Figure]:
    mean, finality = score.finality.mean_seconds_earlier, score.finality
    if mean is not None:
        yield Figure(
            title="Final earlier, on average by" if mean >= 0 else "Final later, on average by",
            value=span(round(abs(mean))),
            note=f"{finality.earlier:,} of {counted(finality.both, 'trade')} earlier, {finality.later:,} later",
            tone=Tone.GOOD if mean > 0 else Tone.PLAIN if not mean else Tone.WARN,
        )
    fails = score.fails
    if fails.due:
        worth = ", ".join(money(amount, currency) for currency, amount in fails.avoided_value.items() if amount)
        more = f"{fails.added:,} added" if fails.added else "none added"
        yield Figure(
            title="Fails avoided",
            value=f"{fails.avoided:,}",
            note=f"{worth}; {more}" if worth else more,
            tone=Tone.BAD if fails.added else Tone.GOOD if fails.avoided else Tone.PLAIN,
        )
    for currency, freed in score.freed.cash.items():
        yield Figure(
            title="Cash freed, for one day",
            value=money(round(Fraction(freed, DAY_SECONDS)), currency),
            note="to those who are paid, by earlier finality",
            tone=Tone.GOOD if freed > 0 else Tone.PLAIN if not freed else Tone.WARN,
        )


def _charts(run: ParallelRun, period: Period) -> Iterator[Chart]:
    cards = sorted((one for one in run.cards if one.isin == ALL), key=lambda one: one.day)
    if not cards:
        return
    labels, scores = tuple(one.day.isoformat() for one in cards), [one.whole for one in cards]
    kinds = (
        ("trades", [one.trades.share for one in scores]),
        ("positions", [one.positions.share for one in scores]),
        ("cash", [one.cash.share for one in scores]),
        ("events", [one.events.share for one in scores]),
    )
    yield Chart(
        title="Agreement, day by day",
        kind=ChartKind.LINES,
        labels=labels,
        series=tuple((name, tuple(shares)) for name, shares in kinds if any(one is not None for one in shares)),
        unit="%",
    )
    classes = [one.value for one in BreakClass if any(score.found.get(one.value) for score in scores)]
    if classes:
        yield Chart(
            title="Breaks found, by class",
            kind=ChartKind.STACKED,
            labels=labels,
            series=tuple((name, tuple(score.found.get(name, 0) for score in scores)) for name in classes),
            unit="breaks",
        )
    yield Chart(
        title="Breaks open at the day's end",
        kind=ChartKind.STACKED,
        labels=labels,
        series=(
            ("explained", tuple(one.open_breaks - one.unexplained_breaks for one in scores)),
            ("unexplained", tuple(one.unexplained_breaks for one in scores)),
        ),
        unit="breaks",
        tones=(Tone.WARN, Tone.BAD),
    )
    if any(one.fails.legacy or one.fails.lockstep for one in scores):
        yield Chart(
            title="Trades that failed on their day",
            kind=ChartKind.BARS,
            labels=labels,
            series=(
                ("legacy book", tuple(one.fails.legacy for one in scores)),
                ("Lockstep", tuple(one.fails.lockstep for one in scores)),
            ),
            unit="trades",
        )
    yield from _gain_charts(run, period)


def _gain_charts(run: ParallelRun, period: Period) -> Iterator[Chart]:
    minutes: list[tuple[str, int | Fraction]] = []
    for isin in run.isins:
        mean = run.period(isin).whole.finality.mean_seconds_earlier
        if mean is not None:
            minutes.append((run.name(isin), mean / 60))
    if minutes:
        yield _ranked("Final earlier than in the legacy book, on average", minutes, "minutes")
    for currency in period.whole.freed.cash:
        freed: list[tuple[str, int | Fraction]] = [
            (run.name(lei), Fraction(score.freed.cash[currency], DAY_SECONDS))
            for lei, score in period.participants.items()
            if score.freed.cash.get(currency)
        ]
        if freed:
            yield _ranked("Cash freed for one day, by participant", freed, currency)


def _ranked(title: str, values: Iterable[tuple[str, int | Fraction]], unit: str) -> Chart:
    chosen = sorted(values, key=lambda one: (-abs(Fraction(one[1])), one[0]))[:_BARS]
    return Chart(
        title=title,
        kind=ChartKind.BARS,
        labels=tuple(name for name, _ in chosen),
        series=((unit, tuple(value for _, value in chosen)),),
        unit=unit,
    )
