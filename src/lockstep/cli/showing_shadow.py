"""How the parallel run looks on a terminal. Shares are rounded down: what shows as 100 % is all of it."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lockstep.domain.money import Money
from lockstep.domain.rounding import PARTS, divide_nearest, share_text

if TYPE_CHECKING:
    from lockstep.domain.parallel.gates import Verdict
    from lockstep.domain.parallel.scorecards import Period, Score, Tally
    from lockstep.domain.parallel.stages import Course

__all__ = ["courses", "line", "period", "scores", "steps", "verdict"]

_DAY_SECONDS = 86_400


def line(console: Console, text: str, style: str = "") -> None:
    console.print(escape(text), style=style, soft_wrap=True, highlight=False)


def _share(tally: "Tally") -> str:
    if tally.share is None:
        return "-"
    return share_text(tally.share.numerator * PARTS // tally.share.denominator // 100 * 100)


def _seconds(seconds: Fraction | int | None) -> str:
    """As hours, minutes and seconds, with a sign where Lockstep was later."""
    if seconds is None:
        return "-"
    whole = divide_nearest(Fraction(seconds).numerator, Fraction(seconds).denominator)
    minutes, rest = divmod(abs(whole), 60)
    return f"{'-' if whole < 0 else ''}{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def scores(console: Console, title: str, rows: Iterable[tuple[str, "Score"]]) -> None:
    """A line for each scope, fit for eighty columns."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("trades", "positions", "cash", "events", "earlier", "fails", "open"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, score in rows:
        table.add_row(
            escape(name),
            *(_share(one) for one in (score.trades, score.positions, score.cash, score.events)),
            _seconds(score.finality.mean_seconds_earlier),
            f"{-score.fails.avoided + score.fails.added:+d}" if score.fails.avoided or score.fails.added else "0",
            f"{score.open_breaks} ({score.unexplained_breaks})" if score.open_breaks else "0",
        )
    console.print(table)


def period(console: Console, found: "Period", names: Mapping[str, str]) -> None:
    """One security's days together, or all securities'."""
    title = found.isin or "all securities"
    if not found.days:
        line(console, f"{title}: no day was scored")
        return
    days = f"{found.days[0]} to {found.days[-1]}, {len(found.days)} days, the last {found.days_in_a_row} without a gap"
    rows = [(names.get(name, name), score) for name, score in found.participants.items()]
    scores(console, f"{title}: {days}", [("whole", found.whole), *sorted(rows)])
    whole = found.whole
    for each in _told(whole):
        line(console, each)
    line(
        console,
        "Share of what was compared in which the books agree; how much earlier Lockstep was final, a mean; fails more "
        "or fewer than in the legacy book; open breaks (unexplained).",
        style="dim",
    )


def _told(whole: "Score") -> Iterable[str]:
    final, fails = whole.finality, whole.fails
    if whole.found:
        yield "found: " + ", ".join(f"{name} {count}" for name, count in whole.found.items())
    if final.both:
        same = final.both - final.earlier - final.later
        yield (
            f"finality: of {final.both} trades {final.earlier} earlier (at most {_seconds(final.most_earlier)}), "
            f"{final.later} later (at most {_seconds(final.most_later)}), {same} in the same second"
        )
    if fails.due:
        yield (
            f"fails: {fails.legacy} in the legacy book and {fails.lockstep} in Lockstep of {fails.due} due; "
            f"{fails.avoided} avoided{_value(fails.avoided_value)}, {fails.added} added{_value(fails.added_value)}"
        )
    freed = [f"{_money(currency, amount)} for a day" for currency, amount in whole.freed.cash.items()]
    if freed:
        yield f"cash freed: {', '.join(freed)}"
    units = [f"{divide_nearest(units, _DAY_SECONDS):,} units of {isin}" for isin, units in whole.freed.units.items()]
    if units:
        yield f"securities freed, for a day: {', '.join(units)}"


def _value(values: Mapping[str, int]) -> str:
    listed = ", ".join(f"{currency} {_grouped(currency, amount)}" for currency, amount in values.items() if amount)
    return f" ({listed})" if listed else ""


def _money(currency: str, unit_seconds: int) -> str:
    return f"{currency} {_grouped(currency, divide_nearest(unit_seconds, _DAY_SECONDS))}"


def _grouped(currency: str, amount: int) -> str:
    whole, _, decimals = Money(currency=currency, amount=abs(amount)).text().partition(".")
    return f"{'-' if amount < 0 else ''}{int(whole):,}{f'.{decimals}' if decimals else ''}"


def verdict(console: Console, found: "Verdict") -> None:
    """A gate or guard: each condition with its figure, and what it stands on."""
    state, style = ("met", "green") if found.is_met else ("not met", "red")
    line(console, f"{found.isin}: {found.about}, {found.name}: {state}", style=style)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("condition")
    table.add_column("figure", justify="right")
    for one in found.results:
        figure = one.figure or "nothing to measure"
        of = f" ({one.participant})" if one.participant else ""
        table.add_row("yes" if one.is_met else "no", escape(one.condition.text()), escape(figure + of))
    console.print(table)
    if found.evidence:
        days = f"{found.evidence[0].day} to {found.evidence[-1].day}"
        numbers = ", ".join(str(one.journal_number) for one in found.evidence)
        line(console, f"stands on {len(found.evidence)} scored days, {days}: journal {numbers}; digest {found.digest}")
    else:
        line(console, f"no day was scored since {found.since}")


def courses(console: Console, found: Sequence["Course"]) -> None:
    if not found:
        line(console, "no security is run in parallel yet: `lockstep shadow compare` begins")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("security", "stage", "since"):
        table.add_column(name, no_wrap=True)
    table.add_column("waits for a decision")
    for one in found:
        waiting = ""
        if one.pending is not None:
            waiting = f"{one.pending.proposal_id} to {one.pending.to.value}, by {one.pending.by}"
        table.add_row(one.isin, one.stage.value, str(one.since), escape(waiting))
    console.print(table)


def steps(console: Console, found: "Course") -> None:
    """Everything that happened to one security."""
    line(console, f"{found.isin}: {found.stage.value} since {found.since}")
    for one in found.steps:
        about = f" {one.proposal}" if one.proposal else ""
        why = f": {one.why}" if one.why else ""
        line(console, f"  {one.at:%Y-%m-%d %H:%M:%S}  {one.by}  {one.move.value} {one.stage.value}{about}{why}")
