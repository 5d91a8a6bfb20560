"""`lockstep demo reconcile`: a parallel week told day by day, and whether all that was planted was found."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lockstep.cli import showing
from lockstep.cli.options import print_json
from lockstep.domain.money import minor_units
from lockstep.domain.reconciliation.books import Subject

if TYPE_CHECKING:  # loading the chain takes longer than showing help
    from lockstep.app.demo_reconcile import DayTold, WeekReport
    from lockstep.app.market_file import MarketFile
    from lockstep.domain.parallel.scorecards import Tally
    from lockstep.domain.reconciliation.breaks import Break
    from lockstep.domain.reconciliation.differences import Found

__all__ = ["tell"]

_PLAIN: Any = {"box": box.SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True}
_STYLES = {"identity": "magenta", "timing": "dim", "late": "yellow"}


def tell(folder: Path, keep: Path | None, page: Path | None, *, as_json: bool) -> None:
    """Runs the folder's week and writes its page, if wanted. Exits with 1 where something planted was not found as what
    it is, or something else was found, a figure is another than expected.toml has, or an invariant does not hold."""
    from lockstep.app.demo_reconcile import run_parallel_week
    from lockstep.app.parallel_week.files import read_week
    from lockstep.reports.rendering import render

    console = Console(quiet=as_json)
    names = _Names(read_week(folder).market)
    with console.status("founding the market") as status:
        report = run_parallel_week(
            folder,
            keep,
            told=lambda line: console.print(f"[dim]{escape(line)}[/]"),
            begun=status.update,
            done=lambda one: _show_day(console, one, names),
        )
    if page is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_bytes(render(report.page, "html"))
    if as_json:
        print_json(_as_json(report))
    else:
        _show_report(console, report, names)
        if page is not None:
            console.print(f"the week on one page: {page}", soft_wrap=True)
    if not report.sound:
        raise typer.Exit(1)


class _Names:
    """What people call participants and securities, and how finely each thing is counted."""

    def __init__(self, market: "MarketFile") -> None:
        self._names: dict[str, str] = {one.lei: one.name for one in market.members}
        self._names |= {one.isin: one.symbol for one in market.securities}
        self._decimals: dict[str, int] = {one.isin: one.decimals for one in market.securities}
        self._currencies: dict[str, str] = {one.isin: one.currency for one in market.securities}

    def of(self, name: str) -> str:
        """With people's names in place of LEIs and ISINs."""
        return " ".join(self._names.get(part, part) for word in name.split() for part in word.split("|"))

    def said(self, found: "Found", text: str) -> str:
        """What a book says of the gravest difference's field."""
        field, about = found.differences[0].field, found.about
        if field == "quantity":
            return showing.grouped(_decimal(text, self._decimals.get(about, 0)))
        if field == "amount":
            return showing.grouped(_decimal(text, minor_units(self._currencies.get(about, about))))
        if field == "at":
            return f"{datetime.fromisoformat(text):%a %H:%M}"
        return self._names.get(text, text)

    def differs(self, found: "Found") -> str:
        """What the book says otherwise, in few words; of a balance how much more or less."""
        gravest = found.differences[0]
        if gravest.field == "line":
            return "not there" if not gravest.said else "nobody else has it"
        if gravest.field == "lines":
            return f"told {gravest.said} times"
        if found.key.subject is not Subject.TRADE and gravest.by and gravest.field != "at":
            return f"{'+' if gravest.by > 0 else '-'}{self.said(found, str(abs(gravest.by)))}"
        field = "" if gravest.field == "at" else f"{gravest.field} "
        return f"{field}{self.said(found, gravest.said)}, not {self.said(found, gravest.agreed)}"


def _decimal(units: str, decimals: int) -> str:
    sign, digits = units[: units.startswith("-")], units.removeprefix("-").rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else units


def _show_day(console: Console, one: "DayTold", names: _Names) -> None:
    console.print()
    instructed = sum(fed.outcome == "instructed" for fed in one.fed)
    of_late = len(one.run.comparison.found)
    console.print(
        f"[bold]{one.day:%A %d %B}[/]  {instructed} trades mirrored; {one.run.comparison.keys} keys compared, "
        f"{of_late} breaks found"
    )
    for fed in one.fed:
        if fed.error is not None:
            console.print(
                Padding(f"[red]{fed.instruction.reference} {fed.outcome}: {escape(str(fed.error))}[/]", (0, 0, 0, 2))
            )
    for line in one.happened:
        console.print(Padding(f"[yellow]past the service, {escape(line)}[/]", (0, 0, 0, 2)))
    if one.findings:
        console.print(_findings(one, names))
    for line in one.set_apart:
        console.print(Padding(f"[dim]{escape(line)}[/]", (0, 0, 0, 2)))
    for line in one.silent:
        console.print(Padding(f"[red]{escape(line)}[/]", (0, 0, 0, 2)))
    closed = Counter(gone.reason.value if gone.reason else "" for _, gone in one.closed)
    if closed:
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(closed.items()))
        console.print(Padding(f"closed by themselves: {listed}", (0, 0, 0, 2)))
    if one.acts:
        console.print(Padding(_acts(one, names), (1, 0, 0, 2)))
    for line in one.judged.wrong:
        console.print(Padding(f"[bold red]✗ {escape(line)}[/]", (0, 0, 0, 2)))


def _findings(one: "DayTold", names: _Names) -> Table:
    table = Table(**_PLAIN)
    for title in ("no.", "class", "at", "of", "says", "cause", ""):
        table.add_column(title, justify="right" if title == "no." else "left", no_wrap=title in ("no.", "class", "at"))
    right = {planted.number for planted in one.judged.right}
    for finding in sorted(one.findings, key=lambda each: (each.numbers or (1_000,), each.place)):
        kind = finding.found.break_class.value
        table.add_row(
            ", ".join(map(str, finding.numbers)),
            Text(kind, style=_STYLES.get(kind, "")),
            finding.place.book,
            names.of(finding.place.name),
            names.differs(finding.found),
            finding.found.cause.value,
            Text("✓", style="green") if right.issuperset(finding.numbers) and finding.numbers else Text("✗", "red"),
        )
    return table


def _acts(one: "DayTold", names: _Names) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for title in ("at", "by", "about", "what"):
        table.add_column(no_wrap=title in ("at", "by"), style="dim" if title == "at" else "")
    for act in one.acts:
        result = Text(act.result, style="red" if act.result.startswith("refused") else "")
        table.add_row(
            f"{act.at:%a %H:%M}", act.by, names.of(act.about.split(" ", 2)[-1]), Text(f"{act.what}: ") + result
        )
    return table


def _show_report(console: Console, report: "WeekReport", names: _Names) -> None:
    console.print()
    console.print(_scorecard(report, names))
    console.print(_gates(report, names))
    console.print(_left(report.parallel.breaks))
    console.print(showing.invariants(report.invariants))
    if report.anchored:
        days = ", ".join(f"{one.day:%a}" for one in report.anchored)
        console.print(f"the journal's root of {days} stands on the chain, over {report.anchored[-1].size} entries")
    for scope, name, found, expected in report.wrong_figures:
        console.print(f"[red]✗ {escape(names.of(scope))}, {name}: {found or 'nothing'}, expected {expected}[/]")
    figures, off = sum(len(one) for one in report.week.expected.values()), len(report.wrong_figures)
    if figures and off:
        console.print(f"[bold red]{off} of {figures} figures are not those worked out by hand in expected.toml[/]")
    elif figures:
        console.print(f"[green]{figures} figures are those worked out by hand in expected.toml[/]")
    planted = len(report.week.planted)
    wrong = [line for one in report.days for line in one.judged.wrong]
    if planted and not wrong and not report.never_found:
        console.print(
            f"[green]all {planted} planted discrepancies found on their days, each as what it is; none more[/]"
        )
    elif planted:
        found_right = planted - len(report.never_found)
        console.print(f"[bold red]{found_right} of {planted} planted discrepancies found as what they are[/]")
        for line in wrong:
            console.print(f"[red]✗ {escape(line)}[/]")
    breaks = len(report.parallel.breaks)
    console.print(f"{len(report.days)} business days; {breaks} breaks; {report.seconds:.1f} seconds")


def _scorecard(report: "WeekReport", names: _Names) -> Table:
    table = Table(title="Scorecard of the week", title_justify="left", **_PLAIN)
    for title in (
        "",
        "trades",
        "positions",
        "cash",
        "events",
        "earlier by",
        "fails avoided",
        "breaks unclear",
        "stage",
    ):
        table.add_column(title, justify="left" if title in ("", "stage") else "right")
    stages = {one.isin: one.stage.value for one in report.parallel.courses}
    for isin in ("", *report.parallel.isins):
        score = report.parallel.period(isin).whole
        mean = score.finality.mean_seconds_earlier
        table.add_row(
            names.of(isin) if isin else "all",
            _share(score.trades),
            _share(score.positions),
            _share(score.cash),
            _share(score.events),
            "" if mean is None else _span(round(mean)),
            str(score.fails.avoided),
            str(score.unexplained_breaks),
            stages.get(isin, ""),
        )
    return table


def _share(tally: "Tally") -> str:
    return f"{tally.agreed}/{tally.compared}" if tally.compared else ""


def _span(seconds: int) -> str:
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else ''}{hours} h {minutes:02d}"


def _gates(report: "WeekReport", names: _Names) -> Table:
    table = Table(title=f"Gates, after {report.days[-1].day:%A}", title_justify="left", **_PLAIN)
    for title in ("security", "gate", "what must hold", "what is", ""):
        table.add_column(title, no_wrap=title == "security")
    for verdict in report.parallel.verdicts:
        about = (names.of(verdict.isin), verdict.about)
        for result in verdict.results:
            mark = Text("✓", style="green") if result.is_met else Text("✗", style="red")
            table.add_row(*about, result.condition.text().replace("_", " "), result.figure or "nothing", mark)
            about = ("", "")
    return table


def _left(breaks: Iterable["Break"]) -> Table:
    counts: dict[tuple[str, str], int] = {}
    for one in breaks:
        why = one.reason.value if one.reason else ""
        counts[one.state.value, why] = counts.get((one.state.value, why), 0) + 1
    table = Table(title="Breaks at the end of the week", title_justify="left", **_PLAIN)
    table.add_column("state")
    table.add_column("why")
    table.add_column("breaks", justify="right")
    for (state, why), count in sorted(counts.items()):
        table.add_row(state, why, str(count))
    return table


def _as_json(report: "WeekReport") -> Mapping[str, object]:
    plain = _Names(report.week.market)
    return {
        "days": [
            {
                "day": one.day.isoformat(),
                "mirrored": {fed.instruction.reference: fed.outcome for fed in one.fed},
                "past_the_service": list(one.happened),
                "found": [
                    {
                        "planted": list(each.numbers),
                        "book": each.place.book,
                        "subject": each.place.subject,
                        "name": each.place.name,
                        "class": each.found.break_class.value,
                        "cause": each.found.cause.value,
                        "differs": plain.differs(each.found),
                    }
                    for each in one.findings
                ],
                "set_apart": list(one.set_apart),
                "silent": list(one.silent),
                "closed": {str(place): gone.reason.value if gone.reason else "" for place, gone in one.closed},
                "acts": [{"by": act.by, "do": act.what, "about": act.about, "result": act.result} for act in one.acts],
                "wrong": list(one.judged.wrong),
            }
            for one in report.days
        ],
        "scorecard": {scope: dict(figures) for scope, figures in report.figures.items()},
        "wrong_figures": [list(one) for one in report.wrong_figures],
        "stages": {one.isin: one.stage.value for one in report.parallel.courses},
        "gates": {one.isin: {"met": one.is_met, "unmet": one.broken()} for one in report.parallel.verdicts},
        "never_found": list(report.never_found),
        "breaks": len(report.parallel.breaks),
        "open": sum(one.is_open for one in report.parallel.breaks),
        "anchored": {str(one.day): one.root for one in report.anchored},
        "invariants": {name: not violations for name, violations in report.invariants.items()},
        "violations": {name: list(found) for name, found in report.invariants.items() if found},
        "seconds": round(report.seconds, 3),
    }
