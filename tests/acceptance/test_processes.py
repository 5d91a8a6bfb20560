"""RTGS, four agents, chain and service as processes of their own settle the first day, with the same result."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from lockstep.agent import Register
from lockstep.domain.order import Attestation

from .running import AGENTS, COMMAND, EVERYBODY, Installation, stop, stopped_outside_a_transaction, wait_until
from .story import EXPECTED, FIRST_DAY, WAVES, Writer, seller_reference
from .workers import QUICKLY

GUARD = """
import os, sys

def refuse(event, arguments):
    if event in ("open", "sqlite3.connect") and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path = os.fsdecode(arguments[0]).partition("?")[0]
        if os.path.basename(path).startswith("rtgs.db"):
            raise PermissionError(f"{path} is another organisation's")

sys.addaudithook(refuse)
"""
"""A sitecustomize.py for the service: whoever opens the RTGS's database fails."""


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("guard")
    (folder / "sitecustomize.py").write_text(GUARD)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


def executed(installation: Installation, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments, *installation.place], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_day_in_processes(
    installed: Callable[[Path], Installation], guard: Mapping[str, str], tmp_path: Path
) -> None:
    day = installed(FIRST_DAY / "market.toml")
    day.start("rtgs", "agent-1", executed=True)
    day.start(*AGENTS[1:])
    final = {one["deliverer_reference"]: one["state"] for one in EXPECTED["trades"] if one["state"] != "UNMATCHED"}
    refused = []
    for wave in WAVES:
        code, files = day.submit(FIRST_DAY / wave)
        refused += [one for one in files if one["outcome"] == "refused"]
        assert code == (1 if any(one["outcome"] == "refused" for one in files) else 0)
        if "service" not in day.running:
            day.start("service", executed=True, environment=guard)
        standing = standing_after(wave)
        day.attend(lambda now=standing: day.shows(now), {}, 60, f"{wave}: {standing}")
    assert [(one["field"], Path(one["file"]).name) for one in refused] == [
        (one["field"], Path(one["file"]).name) for one in EXPECTED["refused"]
    ]
    assert json.loads(executed(day, "rtgs", "close-day", "--json")) == {"day": str(EXPECTED["business_day"])}
    day.attend(lambda: day.shows(final), {}, 30, "the end of the day")

    rows = {row["reference"]: row for row in day.json("trades")["trades"]}
    for one in EXPECTED["trades"]:
        row = rows[one["deliverer_reference"]]
        assert row["state"] == one["state"]
        assert (row["reason"] or "").partition(":")[0] == one["code"]
        assert bool(row["lock_tx"] and row["settle_tx"] and row["uetr"]) is (one["state"] in ("SETTLED", "RELEASED"))
    assert set(day.stop().values()) == {0}
    as_expected(day)
    assert day.violations() == {}
    _guard_bites(day, guard)


def standing_after(wave: str) -> dict[str, str]:
    """Where the trades sent so far stand once a wave has come to rest, by the example's README."""
    waiting = {"FABL-D-10": "LOCKED"}
    if wave == WAVES[0]:
        waiting |= {"MIRG-D-12": "MATCHED", "TATO-D-11": "LOCKED"}
    return {
        one["deliverer_reference"]: waiting.get(one["deliverer_reference"], one["state"])
        for one in EXPECTED["trades"]
        if one["state"] != "UNMATCHED" and max(file.partition("/")[0] for file in one["files"]) <= wave
    }


def as_expected(day: Installation) -> None:
    picture = day.picture()
    assert picture.states == {
        one["deliverer_reference"]: one["state"] for one in EXPECTED["trades"] if one["state"] != "UNMATCHED"
    }
    assert {key: money.text() for key, money in picture.cash.items()} == {
        (one["participant"], currency): one[currency] for one in EXPECTED["final_cash"] for currency in ("EUR", "JPY")
    }
    assert picture.earmarked == 0
    stated = {(one["participant"], one["isin"]): float(one["quantity"]) for one in EXPECTED["final_holdings"]}
    held = {key: float(quantity.text()) for key, quantity in picture.holdings.items()}
    assert {key: units for key, units in held.items() if units or key in stated} == stated


def _guard_bites(day: Installation, guard: Mapping[str, str]) -> None:
    """Under the same guard nobody opens the RTGS's database; without it, it is there to be opened."""
    path = str(day.home.root / "rtgs.db")
    for attempt in (f"open({path!r})", f"sqlite3.connect({path!r})", f"os.open({path + '-wal'!r}, os.O_RDONLY)"):
        script = f"import os, sqlite3\ntry:\n    {attempt}\nexcept PermissionError as error:\n    print(error)"
        done = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, **guard}, capture_output=True, text=True, check=True
        )
        assert done.stdout.endswith("is another organisation's\n"), attempt
    with open(path, "rb") as file:
        assert file.read(6) == b"SQLite"
    assert not list(day.home.root.glob("rtgs.db-wal")), "the RTGS closed its database"


# --- one small installation: what is shown, and what keeps two apart


@pytest.fixture(scope="module")
def small(installed: Callable[[Path], Installation], small_market: Path) -> Installation:
    return installed(small_market)


def test_a_day_with_restarts_of_everything(small: Installation, tmp_path: Path) -> None:
    """Everything stops cleanly on SIGTERM in the middle of a trade, and goes on where it was."""
    writer = Writer(tmp_path)
    small.start(*EVERYBODY)
    assert small.submit(*writer.trade(1, "100000.00"), *writer.trade(2, "9000000.00"))[0] == 0
    small.attend(lambda: any(one.settlement_id for one in small.trades().values()), {}, 20, "a trade is ordered")
    assert set(small.stop().values()) == {0}
    small.start(*EVERYBODY)
    small.attend(
        lambda: small.shows({seller_reference(1): "SETTLED", seller_reference(2): "LOCKED"}), {}, 20, "it settles"
    )
    assert set(small.stop().values()) == {0}
    assert small.violations(ended=False) == {}
    assert small.picture().states == {seller_reference(1): "SETTLED", seller_reference(2): "LOCKED"}


def test_trades_are_shown(small: Installation, tmp_path: Path) -> None:
    """After the day with restarts; nothing runs but the chain."""
    if not small.book.trades():
        test_a_day_with_restarts_of_everything(small, tmp_path)
    rows = {row["reference"]: row for row in small.json("trades")["trades"]}
    row = rows[seller_reference(1)]
    assert (row["state"], row["reason"], row["cash"]) == ("SETTLED", None, "100000.00")
    assert rows[seller_reference(2)]["reason"].startswith("MONY: ")
    told = small.json("trade", row["id"][:12])
    assert told["trade"] == row
    legs = [(moment["leg"], moment["what"]) for moment in told["timeline"]]
    assert [what for leg, what in legs if leg == "asset"] == ["Locked", "Settled"]
    assert {leg for leg, _ in legs} == {"service", "asset", "cash"}
    times = [moment["at"] for moment in told["timeline"]]
    assert times == sorted(times)
    assert small.json("trade", "ATLS-R-T1") == told
    wide = {"COLUMNS": "220"}
    code, shown = small.run("trades", environment=wide)
    assert code == 0
    assert seller_reference(1) in shown and "SETTLED" in shown and seller_reference(2) in shown and "LOCKED" in shown
    code, shown = small.run("trade", seller_reference(1), environment=wide)
    assert code == 0
    assert f"Trade {row['id']}" in shown and row["lock_tx"][:10] in shown
    code, shown = small.run("trade", "no such trade")
    assert code == 1
    assert shown.count("\n") == 1
    assert "trade: 'no such trade' breaks the rule: the beginning of one trade's id or its reference; 0 fit" in shown


def test_an_agent_that_lost_its_register(small: Installation, tmp_path: Path) -> None:
    """It takes back from the board what it signed; where the board lost it too, it is silent until told to go on."""
    if not small.book.trades():
        test_a_day_with_restarts_of_everything(small, tmp_path)
    signed = {number: signatures(small, number) for number in range(1, 5)}
    number = next(one for one, rows in signed.items() if rows)
    (there,) = signed[number]
    register = small.home.register(number)
    for file in register.parent.glob(f"{number}.db*"):
        file.unlink()
    assert small.json("agent", "reconcile", str(number)) == {"signatures_found": 1}
    assert signatures(small, number) == [there]
    for file in register.parent.glob(f"{number}.db*"):
        file.unlink()
    shutil.rmtree(small.home.attestations / "logs" / there.agent)
    code, said = small.run("agent", "reconcile", str(number))
    assert code == 1 and f"{there.agent} signed PAID for settlement {there.settlement_id}" in said
    assert "more may be forgotten" in said
    found = small.json("agent", "reconcile", str(number), "--forgo-open")
    assert found == {"signatures_found": 1, "settlements_forgone": 1}, "and the trade that waits for money is left"
    assert small.json("agent", "reconcile", str(number)) == {"signatures_found": 0}
    assert signatures(small, number) == [there]


def signatures(installation: Installation, number: int) -> list[Attestation]:
    register = Register(installation.home.register(number))
    try:
        return list(register.all())
    finally:
        register.close()


@pytest.mark.parametrize("role", ["service", "agent-1", "rtgs"])
def test_a_second_of_a_kind_is_kept_out(small: Installation, role: str) -> None:
    """Of the service: one that is to stop once all is quiet. Else it stands by."""
    small.start(role)
    lock = small.home.root / f"{role}.lock"
    wait_until(lambda: _is_held(lock), 20, f"{role} runs")
    arguments = [one for one in small.arguments(role) if one not in small.place]
    arguments += ["--until-quiet", "1"] if role == "service" else []
    assert small.run(*arguments) == (1, f"lockstep: another {role} is running on {small.home.root}\n")
    small.stop(role)


@pytest.mark.parametrize("falls_by", [signal.SIGKILL, signal.SIGSTOP])
def test_a_second_service_stands_by_and_takes_over(
    small: Installation, tmp_path: Path, falls_by: signal.Signals
) -> None:
    """There is one key: its worker, dead or stopped, is followed after its lease; woken up it does no harm."""
    writer, number = Writer(tmp_path), 90 + int(falls_by)
    holder = partial(lease_holder, small)
    small.start("rtgs", *AGENTS)
    small.start("service", environment=QUICKLY)
    wait_until(lambda: holder() is not None, 20, "the first works")
    first, first_holder = small.running["service"], holder()
    second = small.forks.start(small.arguments("service"), tmp_path / "second.log", QUICKLY)
    try:
        small.submit(*writer.trade(number, "1000.00"))
        small.attend(lambda: bool(small.trades().get(seller_reference(number))), {}, 20, "a trade is matched")
        assert holder() == first_holder, "the second stands by"
        if falls_by is signal.SIGSTOP:
            database = small.home.root / "service.db"
            wait_until(lambda: stopped_outside_a_transaction(first.pid, database), 20, "the first is stopped")
        else:
            os.kill(first.pid, falls_by)
        wait_until(lambda: small.shows({seller_reference(number): "SETTLED"}), 60, "it settles", pause=0.2)
        if falls_by is signal.SIGSTOP:
            assert holder() != first_holder
            os.kill(first.pid, signal.SIGCONT)
            taken_over = holder()
            small.submit(*writer.trade(number + 1, "1000.00"))
            wait_until(lambda: small.shows({seller_reference(number + 1): "SETTLED"}), 60, "it settles", pause=0.2)
            assert first.poll() is None and holder() == taken_over, "the first stands by now"
        else:
            small.running.pop("service")
        assert stop(second) == 0
    finally:
        stop(second)
    assert set(small.stop().values()) == {0}
    assert small.violations(ended=False) == {}


def lease_holder(installation: Installation) -> tuple[str, int] | None:
    """Who works, and under which fence; None if nobody does."""
    connection = sqlite3.connect(installation.home.root / "service.db")
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'lease'").fetchone():
            return None  # the first service has not come so far
        query = "SELECT holder, fence FROM lease WHERE subject LIKE 'key/%' AND until > 0"
        row = connection.execute(query).fetchone()
    finally:
        connection.close()
    return None if row is None else (str(row[0]), int(row[1]))


def _is_held(lock: Path) -> bool:
    import fcntl

    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_commands_on_no_installation(tmp_path: Path, small: Installation) -> None:
    for arguments in (["trades"], ["run"], ["agent", "run", "1"], ["rtgs", "serve"], ["rtgs", "close-day"]):
        output = tmp_path / "output"
        child = small.forks.start([*arguments, "--home", str(tmp_path / "none")], output, {})
        wait_until(lambda one=child: one.poll() is not None, 20, str(arguments))
        said = output.read_text()
        output.unlink()
        assert child.poll() == 1, said
        assert said.startswith("lockstep: ") and said.count("\n") == 1, (arguments, said)
        assert str(tmp_path / "none") in said


def test_the_rtgs_out_of_reach(small: Installation) -> None:
    """Its operator's command says so in one line; the service waits."""
    code, said = small.run("rtgs", "close-day")
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("lockstep: the RTGS does not answer at http://127.0.0.1:")
    code, said = small.run("run", "--until-quiet", "0.3", "--json")
    assert code == 0, said
    assert "states" in json.loads(said)
