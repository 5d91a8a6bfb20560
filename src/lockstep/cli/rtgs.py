"""The commands of the RTGS's operator: serve it, look at its books, lead its day. All but `serve` ask its door."""

import getpass
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lockstep.app.home import Home
from lockstep.cli import showing_rtgs as showing
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.domain.errors import InvalidInput

__all__ = ["rtgs_app"]

rtgs_app = typer.Typer(help="The simulated RTGS.", no_args_is_help=True)

AccountArgument = Annotated[str, typer.Argument(help="An account's number, as `rtgs accounts` shows it.")]
LimitOption = Annotated[int, typer.Option(min=1, max=500, help="Lines at most.")]


class DayAct(StrEnum):
    """What can be done to the business day."""

    SHOW = "show"
    OPEN = "open"
    CLOSE = "close"
    PHASE = "phase"
    ADVANCE = "advance"


def _operate(home: Path, act: str, parameters: dict[str, Any] | None = None, **query: str | None) -> Any:
    from lockstep.app.operating import operate_rtgs

    return operate_rtgs(Home(home), act, parameters, {name: value for name, value in query.items() if value})


@rtgs_app.command("serve")
def rtgs_serve(
    drop: Annotated[
        Path | None,
        typer.Option("--drop", help="Serve a directory drop in this folder besides; that of `rtgs_url` if absent."),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", help="Mutual TLS: the RTGS's certificate, PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Mutual TLS: the certificate's key, PEM.")] = None,
    tls_callers_authority: Annotated[
        Path | None,
        typer.Option("--tls-callers-authority", help="Mutual TLS: whose certificates callers must show, PEM."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            envvar="LOCKSTEP_RTGS_DATABASE",
            help="The ledger's database by URL, as postgresql+psycopg://…; rtgs.db of the installation if absent.",
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Serve the RTGS, with its page, until stopped: on HTTP, and beside it on a directory drop."""
    from lockstep.app.home import RtgsCertificates
    from lockstep.app.processes import RtgsDoors, run_rtgs

    def ready(url: str) -> None:
        if as_json:
            print_json({"url": url})
        else:
            typer.echo(f"RTGS on {url}")

    pem = {"--tls-certificate": tls_certificate, "--tls-key": tls_key, "--tls-callers-authority": tls_callers_authority}
    for name, path in pem.items():
        if any(pem.values()) and (path is None or not path.is_file()):
            raise InvalidInput(name, path or "", "a PEM file; TLS needs all three")
    tls = None
    if tls_certificate and tls_key and tls_callers_authority:
        tls = RtgsCertificates(certificate=tls_certificate, key=tls_key, authority=tls_callers_authority)
    run_rtgs(Home(home), RtgsDoors(drop=drop, tls=tls, database=database), ready=ready)


@rtgs_app.command("accounts")
def rtgs_accounts(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show all accounts: posted, earmarked, available, credit limit and reservations."""
    answer = _operate(home, "desk/accounts")
    _tell(answer, as_json, showing.accounts)


@rtgs_app.command("payments")
def rtgs_payments(
    state: Annotated[str | None, typer.Option(help="Only those HELD, PENDING, BOOKED, REJECTED or CANCELLED.")] = None,
    limit: LimitOption = 50,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the newest payments of every kind, newest first."""
    _tell(_operate(home, "desk/payments", state=state, limit=str(limit)), as_json, showing.payments)


@rtgs_app.command("queue")
def rtgs_queue(
    account: Annotated[str | None, typer.Argument(help="One debtor's account; all if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what waits, by debtor and in order of service, and what is held, with its releases."""
    answer = _operate(home, "desk/queue", account=account)
    if account is None:
        answer = {**answer, "held": _operate(home, "desk/held")}
    _tell(answer, as_json, showing.queue)


@rtgs_app.command("day")
def rtgs_day(
    act: Annotated[DayAct, typer.Argument(help="What to do.")] = DayAct.SHOW,
    value: Annotated[
        str | None,
        typer.Argument(help="open: the day, 2026-11-23. phase: its name. advance: how far, as 90s, 15m or 2h."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the business day, its phase and cut-offs; open or close it, enter a phase, or put the clock ahead."""
    needs = act in (DayAct.OPEN, DayAct.PHASE, DayAct.ADVANCE)
    if needs != (value is not None):
        raise InvalidInput(f"day {act.value}", value or "", "a value" if needs else "no value")
    if act is DayAct.OPEN:
        _operate(home, "day/open", {"day": value})
    elif act is DayAct.CLOSE:
        _operate(home, "day/close", {})
    elif act is DayAct.PHASE:
        _operate(home, "day/phase", {"phase": value})
    elif act is DayAct.ADVANCE:
        _operate(home, "clock/advance", {"seconds": _seconds(value or "")})
    _tell(_operate(home, "desk/day"), as_json, showing.day)


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    if found is None:
        raise InvalidInput("day advance", text, "a number of seconds, or with s, m, h or d: 90s, 15m, 2h, 1d")
    return int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]


@rtgs_app.command("close-day")
def rtgs_close_day(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """End the RTGS's business day: all that is held or pending is refused for good."""
    answer = _operate(home, "day/close", {})
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"closed {answer['day']}" if answer["day"] else "no day is open")


@rtgs_app.command("statement")
def rtgs_statement(
    account: AccountArgument,
    day: Annotated[str | None, typer.Option(help="A business day, as 2026-11-23; the newest if absent.")] = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write it as camt.053 into this folder too, a file a page.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show an account's day, entry by entry; of the day that is open, what there is so far."""
    answer = _operate(home, "desk/statement", account=account, day=day)
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        pages = _operate(home, "desk/statement/messages", account=account, day=answer["day"])["messages"]
        answer["files"] = []
        for number, page in enumerate(pages, 1):
            path = write / f"camt.053-{answer['account']}-{answer['day']}-{number}.xml"
            path.write_text(page["message"], encoding="utf-8")
            answer["files"].append(str(path))
    _tell(answer, as_json, showing.statement)


@rtgs_app.command("messages")
def rtgs_messages(
    party: Annotated[str | None, typer.Option(help="Only those from and to this BIC.")] = None,
    limit: LimitOption = 50,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the newest messages in and out, newest first, by their headers."""
    _tell(_operate(home, "desk/messages", party=party, limit=str(limit)), as_json, showing.messages)


@rtgs_app.command("message")
def rtgs_message(
    reference: Annotated[str, typer.Argument(help="in/NUMBER or out/BIC/NUMBER, as `rtgs messages` shows it.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Print one message's XML, as it came or went."""
    answer = _operate(home, "desk/message", reference=reference)
    if as_json:
        print_json(answer)
    else:
        typer.echo(answer["message"])


@rtgs_app.command("faults")
def rtgs_faults(
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Put this plan in force, a TOML file, in place of any other.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="End all misbehaviour.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who says so; the system's user if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show which misbehaviour is in force and what it has done; set a plan of it, or clear it."""
    if plan is not None and clear:
        raise InvalidInput("--clear", "with --plan", "one of the two")
    who = by or getpass.getuser()
    if plan is not None:
        try:
            text = plan.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput("--plan", plan, f"a file of UTF-8 text that can be read ({error})") from error
        _operate(home, "faults", {"plan": text, "by": who})
    elif clear:
        _operate(home, "faults/clear", {"by": who})
    _tell(_operate(home, "faults"), as_json, showing.faults)


def _tell(answer: Any, as_json: bool, shown: Any) -> None:
    if as_json:
        print_json(answer)
    else:
        Console().print(shown(answer))
