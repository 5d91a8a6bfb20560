"""How things look on a terminal."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lockstep.app.demo import Report
from lockstep.app.intake import Taken
from lockstep.app.views import Moment, Row

__all__ = ["file_line", "report", "timeline_table", "trade_table"]

_STATE_STYLES = {
    "SETTLED": "green",
    "RELEASED": "yellow",
    "CANCELLED": "yellow",
    "UNMATCHED": "magenta",
    "PAID": "cyan",
}
_LEG_STYLES = {"asset": "blue", "cash": "green", "service": "dim"}

INVARIANTS = {
    "I1": "delivered only what is paid, finally",
    "I2": "paid only for what is locked, finally, on the agreed terms",
    "I3": "earmarked never exceeds owned; issued equals held",
    "I4": "a settlement ends once; no trade settles twice",
    "I5": "every debit has its credit; no account below its limit",
    "I6": "the service claims what the ledgers show",
    "I7": "every ending is proven by signatures; the journal's chain holds",
    "I8": "once paid, never given back",
    "I9": "one outcome at most; never means no debit",
    "I10": "open locks equal earmarks",
    "I11": "nothing moved without its owner's authorisation",
    "I12": "everything came to an end",
}


def trade_table(rows: Sequence[Row]) -> Table:
    """One line a trade."""
    table = Table(title="Trades", title_justify="left", header_style="bold", pad_edge=False)
    for name in ("trade", "reference", "deliverer → receiver", "ISIN"):
        table.add_column(name, no_wrap=name != "deliverer → receiver")
    for name in ("quantity", "cash"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("reason")
    for row in rows:
        table.add_row(
            row.id[:8] if "/" not in row.id else "–",
            row.reference,
            f"{row.deliverer} → {row.receiver}",
            row.isin,
            _grouped(row.quantity),
            f"{_grouped(row.cash)} {row.currency}",
            Text(row.state, style=_STATE_STYLES.get(row.state, "")),
            row.reason or "",
        )
    return table


def timeline_table(moments: Iterable[Moment], title: str) -> Table:
    """One trade's story, a line a moment; both legs beside each other."""
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    for name in ("UTC", "service", "asset leg (chain)", "cash leg (RTGS)"):
        table.add_column(name, no_wrap=name == "UTC")
    for moment in moments:
        text = Text(moment.what, style=_LEG_STYLES.get(moment.leg, ""))
        if moment.detail:
            text.append(f"\n{moment.detail}", style="dim")
        cells = {moment.leg: text}
        table.add_row(f"{moment.at:%H:%M:%S}", cells.get("service", ""), cells.get("asset", ""), cells.get("cash", ""))
    return table


def file_line(taken: Taken) -> str | None:
    """A line for a file that was not simply taken."""
    name = "/".join(taken.file.split("/")[-2:])
    if taken.outcome == "refused":
        return f"[red]refused[/]   {name}\n          {taken.error}"
    if taken.outcome == "duplicate":
        return f"[yellow]duplicate[/] {name}: taken before, no effect"
    if taken.outcome == "cancellation asked":
        return f"[cyan]cancel[/]    {name}: {taken.reference}"
    return None


def report(console: Console, done: Report) -> None:
    """The day's report."""
    console.print(_gap(trade_table(done.rows)))
    if done.told_trade is not None:
        row = done.told_trade
        title = f"Trade {row.id[:8]} ({row.reference}): both legs. UETR {row.uetr}"
        console.print(_gap(timeline_table(done.moments, title)))
    console.print(_gap(_balances("Holdings on the chain at the end of the day", done.holdings)))
    console.print(_gap(_balances("Cash in the RTGS at the end of the day", done.cash)))
    console.print(_gap(_invariants(done.invariants)))
    states: dict[str, int] = {}
    for one in done.rows:
        states[one.state] = states.get(one.state, 0) + 1
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    console.print(f"{counted}; {done.messages_out} messages to participants; {done.seconds:.1f} seconds")


def _balances(title: str, rows: Sequence[tuple[str, Mapping[str, str]]]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("participant")
    kinds = list(rows[0][1]) if rows else []
    for kind in kinds:
        table.add_column(kind, justify="right")
    for name, amounts in rows:
        table.add_row(name, *(_grouped(amounts[kind]) for kind in kinds))
    return table


def _invariants(found: Mapping[str, Sequence[str]]) -> Table:
    table = Table(title="Invariants, read off both ledgers", title_justify="left", show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column()
    for name, meaning in INVARIANTS.items():
        violations = found[name]
        verdict = Text("✗ " + "; ".join(violations), style="bold red") if violations else Text("✓", style="green")
        table.add_row(name, meaning, verdict)
    return table


def _grouped(amount: str) -> str:
    whole, point, fraction = amount.partition(".")
    return f"{int(whole):,}{point}{fraction}"


def _gap(what: RenderableType) -> Group:
    return Group("", what)
