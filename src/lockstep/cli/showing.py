"""How things look on a terminal."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lockstep.domain.identifiers import SettlementId

if TYPE_CHECKING:  # none of what is shown is needed to show something else
    from lockstep.app.demo import Report
    from lockstep.app.installing import Finding
    from lockstep.app.intake import Taken
    from lockstep.app.rebuilding import Done
    from lockstep.app.views import Moment, Row

__all__ = [
    "MOST_LISTED",
    "balances",
    "counted",
    "file_line",
    "findings",
    "grouped",
    "invariants",
    "rebuilt",
    "report",
    "timeline_table",
    "trade_table",
]

_STATE_STYLES = {
    "SETTLED": "green",
    "RELEASED": "yellow",
    "CANCELLED": "yellow",
    "UNMATCHED": "magenta",
    "PAID": "cyan",
}
_LEG_STYLES = {"asset": "blue", "cash": "green", "service": ""}
_LEGS = {"asset": "chain", "cash": "RTGS", "service": "service"}

INVARIANTS = {
    "I1": "delivered only what is paid, finally",
    "I2": "paid only for what is locked, finally, or due as margin",
    "I3": "earmarked never exceeds owned, nor re-use its cap; issued equals held",
    "I4": "a settlement ends once; no trade settles twice",
    "I5": "every debit has its credit; no account below its limit",
    "I6": "the service claims what the ledgers show",
    "I7": "every ending is proven by signatures; the journal's chain holds",
    "I8": "once paid, never given back",
    "I9": "one outcome at most; never means no debit",
    "I10": "open locks and pledges equal earmarks",
    "I11": "nothing moved without its owner's authorisation",
    "I12": "everything came to an end",
}


def trade_table(rows: Sequence["Row"]) -> Group:
    """One line a trade, fit for eighty columns; below, what waits or did not settle, and why."""
    table = _table("Trades")
    for name in ("trade", "reference", "ISIN"):
        table.add_column(name, no_wrap=True)
    for name in ("quantity", "cash"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for row in rows:
        table.add_row(
            _short(row),
            row.reference,
            row.isin,
            grouped(row.quantity),
            f"{grouped(row.cash)} {row.currency}",
            Text(row.state, style=_STATE_STYLES.get(row.state, "")),
        )
    why = [row for row in rows if row.reason]
    return Group(table, *([_reasons(why)] if why else []))


LISTED = 50
"""Lines of a list on a terminal; --json has them all."""


def rebuilt(console: Console, done: "Done") -> None:
    """What a rebuild did: trades by state, files that were refused, settlements that no instructions explain."""
    table = _table("Rebuilt")
    table.add_column("state", no_wrap=True)
    table.add_column("trades", justify="right", no_wrap=True)
    for state, count in done.states.items():
        table.add_row(Text(state, style=_STATE_STYLES.get(state, "")), f"{count:,}")
    console.print(table)
    for taken in done.refused[:LISTED]:
        console.print(file_line(taken))
    if done.uninstructed:
        console.print(_uninstructed(done.uninstructed))
    lines = (
        (done.waiting, "instructions only wait: no counterpart's instruction was given, and neither ledger knows them"),
        (len(done.uninstructed), "settlements have no instructions: hand them in with lockstep submit --late"),
        (len(done.of_register), "are the collateral register's payments: hand their calls in with lockstep submit"),
        (len(done.refused), "files were refused"),
    )
    for count, what in lines:
        if count:
            console.print(f"[yellow]{count:,}[/] {what}")
    console.print(f"[dim]read to message {done.mail:,} of the RTGS, in {done.seconds:.1f} seconds; nothing was sent[/]")


def _uninstructed(settlements: Mapping[SettlementId, Mapping[str, str]]) -> Table:
    table = _table("Without instructions")
    for name in ("settlement", "units", "cash", "from → to", "what"):
        table.add_column(name, no_wrap=name in ("settlement", "units", "cash"))
    for settlement, facts in list(settlements.items())[:LISTED]:
        parties = [
            facts.get(name, facts.get(other, "?")).partition(" ")[0]
            for name, other in (("seller", "creditor"), ("buyer", "debtor"))
        ]
        told = [
            f"{facts['quantity']} of {facts['isin']}" if "isin" in facts else "",
            facts.get("amount", ""),
            facts.get("receiver_reference", ""),
            facts.get("also", ""),
        ]
        what = escape(", ".join(filter(None, told)))
        table.add_row(settlement[:12], facts["units"], facts["cash"], escape(" → ".join(parties)), what)
    return table


def _reasons(rows: Sequence["Row"]) -> Table:
    table = _table("Why")
    for name in ("reference", "deliverer → receiver", "reason"):
        table.add_column(name, no_wrap=name == "reference")
    for row in rows:
        table.add_row(row.reference, f"{row.deliverer} → {row.receiver}", row.reason)
    return table


def timeline_table(moments: Iterable["Moment"], title: str) -> Table:
    """One trade's story, a line a moment, each marked with the leg that it belongs to."""
    table = _table(title)
    table.add_column("UTC", no_wrap=True)
    table.add_column("leg", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("detail")
    for moment in moments:
        style = _LEG_STYLES[moment.leg]
        table.add_row(
            f"{moment.at:%H:%M:%S}",
            Text(_LEGS[moment.leg], style=style),
            Text(moment.what, style=style),
            Text(_shortened(moment.detail), style="dim"),
        )
    return table


def _shortened(detail: str) -> str:
    """Long hashes by their beginning; `--json` has them whole."""
    return re.sub(r"(0x[0-9a-f]{10})[0-9a-f]{54}", r"\1…", re.sub(r"\bLS[0-9A-F]{33}\b", "", detail)).strip()


MOST_LISTED = 50
"""Of more files than these, those that were simply taken are counted and not listed."""


def counted(outcomes: Mapping[str, int]) -> str:
    """How many files had which outcome."""
    return ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))


def file_line(taken: "Taken") -> str | None:
    """A line for a file that was not simply taken."""
    name = escape("/".join(taken.file.split("/")[-2:]))
    if taken.outcome == "refused":
        return f"[red]refused[/]   {name}\n          {escape(str(taken.error))}"
    if taken.outcome == "duplicate":
        return f"[yellow]duplicate[/] {name}: taken before, no effect"
    if taken.outcome == "cancellation asked":
        return f"[cyan]cancel[/]    {name}: {escape(str(taken.reference))}"
    return None


_VERDICT_STYLES = {"OK": "green", "CHANGED": "yellow", "FAIL": "bold red"}


def findings(console: Console, found: Sequence["Finding"]) -> None:
    """One line a value that is as it was; for the others, what it was, what it is, and the event that made it so."""
    counts = dict.fromkeys(_VERDICT_STYLES, 0)
    for one in found:
        verdict = one.verdict.value
        counts[verdict] += 1
        console.print(Text.assemble((f"{verdict:<8}", _VERDICT_STYLES[verdict]), one.field), soft_wrap=True)
        if verdict != "OK":
            for label, text in (("expected", one.expected), ("found", one.found), ("by", one.event)):
                if text is not None:
                    console.print(Text(f"        {label:<9}{text}"), soft_wrap=True)
    console.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def report(console: Console, done: "Report") -> None:
    """The day's report."""
    console.print(_gap(trade_table(done.rows)))
    if done.told_trade is not None:
        row = done.told_trade
        title = f"Trade {row.id[:8]} ({row.reference}): both legs. UETR {row.uetr}"
        console.print(_gap(timeline_table(done.moments, title)))
    console.print(_gap(balances("Holdings on the chain at the end of the day", done.holdings)))
    console.print(_gap(balances("Cash in the RTGS at the end of the day", done.cash)))
    console.print(_gap(invariants(done.invariants)))
    states: dict[str, int] = {}
    for one in done.rows:
        states[one.state] = states.get(one.state, 0) + 1
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    console.print(f"{counted}; {done.messages_out} messages to participants; {done.seconds:.1f} seconds")


def balances(title: str, rows: Sequence[tuple[str, Mapping[str, str]]]) -> Table:
    """A line for each participant, a column for each kind of what it has."""
    table = _table(title)
    table.add_column("participant")
    kinds = list(rows[0][1]) if rows else []
    for kind in kinds:
        table.add_column(kind, justify="right")
    for name, amounts in rows:
        table.add_row(name, *(grouped(amounts[kind]) for kind in kinds))
    return table


def invariants(found: Mapping[str, Sequence[str]]) -> Table:
    """A line for each invariant, with what violates it."""
    table = _table("Invariants, read off both ledgers")
    table.show_header = False
    for _ in range(3):
        table.add_column()
    for name, meaning in INVARIANTS.items():
        violations = found[name]
        verdict = Text("✗ " + "; ".join(violations), style="bold red") if violations else Text("✓", style="green")
        table.add_row(name, meaning, verdict)
    return table


def grouped(amount: str) -> str:
    whole, point, fraction = amount.partition(".")
    return f"{int(whole):,}{point}{fraction}"


def _short(row: "Row") -> str:
    return row.id[:8] if "/" not in row.id else "–"


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _gap(what: RenderableType) -> Group:
    return Group("", what)
