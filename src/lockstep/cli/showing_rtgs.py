"""How the RTGS's books look on a terminal. Everything from outside is put in as text, never as markup."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["accounts", "day", "faults", "messages", "payments", "queue", "statement"]

Answer = Mapping[str, Any]

_STATE_STYLES = {"BOOKED": "green", "HELD": "cyan", "PENDING": "yellow", "REJECTED": "red", "CANCELLED": "red"}
_PRIORITY_STYLES = {"URGENT": "bold red", "HIGH": "yellow"}


def accounts(answer: Answer) -> RenderableType:
    """One line an account."""
    numbers = ("posted", "earmarked", "credit limit", "available", "urgent", "high")
    table = _table("Accounts", ["account", "owner", "cur."], numbers)
    for one in answer["accounts"]:
        own = not one["technical"]
        amounts = [one["posted"], one["earmarked"], one["credit_limit"], one["available"] if own else None]
        amounts += [one["reserved_urgent"], one["reserved_high"]]
        shown = [_grouped(amount) if own or at < 2 else Text("–", style="dim") for at, amount in enumerate(amounts)]
        _row(table, one["number"], one["owner"], one["currency"], *shown, style="" if own else "dim")
    return table


def payments(answer: Answer) -> RenderableType:
    """One line a payment, newest first, and how many there are of each state."""
    table = _table("Payments, newest first", ["at", "kind", "state", "from", "to"], ["amount"], ["cur.", "UETR", "why"])
    for one in answer["payments"]:
        state = Text(one["state"], style=_STATE_STYLES.get(one["state"], ""))
        parties = one["debtor_account"], one["creditor_account"]
        why = one["reason"] if one["state"] != "BOOKED" else None
        amount = _grouped(one["amount"])
        _row(table, _clock(one["decided_at"]), one["kind"], state, *parties, amount, one["currency"], one["uetr"], why)
    counted = ", ".join(f"{count} {state}" for state, count in answer["counts"].items())
    return Group(table, Text(counted or "no payments"))


def queue(answer: Answer) -> RenderableType:
    """What waits, then what is held."""
    parts: list[RenderableType] = []
    for one in answer["queues"]:
        title = f"{one['account']} ({one['owner']}): {one['waiting']} waiting, {one['value']} {one['currency']}"
        table = _table(title, ["", "priority", "kind"], ["amount"], ["to", "UETR", "since", "pay by", "why"])
        for place, payment in enumerate(one["payments"], 1):
            priority = Text(payment["priority"], style=_PRIORITY_STYLES.get(payment["priority"], ""))
            times = _clock(payment["entered_at"]), _clock(payment["pay_by"])
            amount, to = _grouped(payment["amount"]), payment["creditor_account"]
            _row(table, place, priority, payment["kind"], amount, to, payment["uetr"], *times, payment["reason"])
        parts.append(table)
        if one["waiting"] > len(one["payments"]):
            parts.append(Text(f"{one['waiting'] - len(one['payments'])} more are not shown", style="dim"))
    if not parts:
        parts.append(Text("nothing waits"))
    if "held" in answer:
        parts.append(_held(answer["held"]))
    return Group(*parts)


def _held(held: Answer) -> RenderableType:
    if not held["payments"]:
        return Text("nothing is held")
    title = f"Held: {held['held']}, each waits for {held['quorum']} of {len(held['agents'])} agents"
    table = _table(title, ["releases"], ["amount"], ["cur.", "from", "to", "UETR", "pay by"])
    for one in held["payments"]:
        releases = f"{len(one['releases'])}: {', '.join(one['releases'])}" if one["releases"] else "none yet"
        parties = one["debtor_account"], one["creditor_account"]
        amount = _grouped(one["amount"])
        _row(table, releases, amount, one["currency"], *parties, one["uetr"], _clock(one["pay_by"]))
    return table


def day(answer: Answer) -> RenderableType:
    """The day in a few lines, then its cut-offs."""
    open_day = answer["date"] or f"none open; {answer['last_closed'] or 'none yet'} was the last to be closed"
    lines = [("business day", open_day), ("phase", answer["phase"]), ("clock", answer["now"])]
    if answer["zone"]:
        phases = ", ".join(f"{one['name']} from {one['starts']}" for one in answer["phases"])
        lines.append(("timetable", f"{phases}; closes {answer['closes']} ({answer['zone']})"))
    table = _table("", ["payment", "now", "cut-off, UTC"])
    for one in answer["cut_offs"]:
        taken = Text("taken", style="green") if one["taken"] else Text("not taken", style="red")
        _row(table, one["kind"], taken, one["until"] or ("–" if answer["zone"] else "when the operator closes"))
    return Group(*(Text(f"{name:<13} {value}") for name, value in lines), table)


def statement(answer: Answer) -> RenderableType:
    """Opening, entries, closing."""
    number = "so far" if answer["number"] is None else f"number {answer['number']}"
    title = f"Account {answer['account']} on {answer['day']}, {answer['currency']}, {number}"
    table = _table(title, ["entry", "at", "reference", "counterparty"], ["amount"])
    _row(table, "", "", "opening", "", _grouped(answer["opening"]), style="dim")
    for one in answer["entries"]:
        at = _clock(one["booked_at"])
        _row(table, one["entry"], at, one["reference"], one["counterparty"], _grouped(one["amount"]))
    _row(table, "", "", "closing", "", _grouped(answer["closing"]), style="bold")
    return Group(table, *(Text(f"written to {path}") for path in answer.get("files", ())))


def messages(answer: Answer) -> RenderableType:
    """One line a message; `reference` is what `rtgs message` takes."""
    table = _table("Messages, newest first", ["at", "type", "from", "to", "status", "message id", "reference"])
    for one in answer["messages"]:
        sides = one["from"], one["to"]
        _row(table, _clock(one["at"]), one["type"], *sides, one["status"], one["id"], one["reference"])
    return table if answer["messages"] else Text("no message yet")


def faults(answer: Answer) -> RenderableType:
    """The plan in force, rule by rule, with how often each struck."""
    plan = answer["plan"]
    if plan is None:
        return Text("no misbehaviour is in force")
    title = f"Plan {answer['number']} of {answer['set_by']}, since {answer['set_at']}, seed {plan['seed']}"
    table = _table(title, ["rule", "fault", "strikes"], ["seen", "struck"])
    for number, rule in enumerate(plan["rules"], 1):
        uses = [use for use in answer["uses"] if use["rule"] == number]
        terms = ", ".join(f"{name} {value}" for name, value in rule.items() if name != "kind" and value is not None)
        counts = sum(use["seen"] for use in uses), sum(use["struck"] for use in uses)
        _row(table, number, rule["kind"], terms or "everything", *map(str, counts))
    mail, arrivals = answer["mail"], answer["arrivals"]
    out, in_ = (
        f"{mail['waiting']} waiting, {mail['lost']} lost",
        f"{arrivals['waiting']} waiting, {arrivals['lost']} lost",
    )
    return Group(table, Text(f"to parties: {out}; from parties: {in_}"))


def _table(title: str, left: Sequence[str], right: Sequence[str] = (), after: Sequence[str] = ()) -> Table:
    table = Table(
        title=Text(title) if title else None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    for name in after:
        table.add_column(name, overflow="fold")
    return table


def _row(table: Table, *cells: object, style: str = "") -> None:
    shown = [cell if isinstance(cell, Text) else Text("" if cell is None else str(cell)) for cell in cells]
    table.add_row(*shown, style=style)


def _grouped(amount: str) -> Text:
    whole, point, fraction = amount.partition(".")
    return Text(f"{int(whole):,}{point}{fraction}" if not whole.startswith("-0") else amount)


def _clock(instant: str | None) -> str:
    return "" if instant is None else f"{instant[:10]} {instant[11:19]}"
