"""`lockstep up`: everything with one command, and nothing left of it after SIGTERM."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lockstep.app import supervising
from lockstep.app.founding import agent_bic
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.processes import open_book
from lockstep.cli.commands import app
from lockstep.domain.errors import Misconfigured
from lockstep.domain.trade import TradeState
from lockstep.iso20022 import peek

from .running import COMMAND, Child, Executed, Forks, descendants, is_alive, stop, wait_until
from .story import Writer, market_of


def told(output: Path) -> dict[str, list[str]]:
    """What `up --json` said, by event; children's own lines are left out."""
    events: dict[str, list[str]] = {}
    for line in output.read_text().splitlines():
        if line.startswith("{"):
            content = json.loads(line)
            events.setdefault(content["event"], []).append(content["detail"])
    return events


def settles(home: Home, forks: Forks, folder: Path, number: int) -> None:
    """Hands a trade in, as its parties would, and waits until it has settled."""
    writer = Writer(folder)
    submitted = forks.start(
        ["submit", *(str(path) for path in writer.trade(number, "100000.00")), "--home", str(home.root)],
        folder / "submit.log",
        {},
    )
    wait_until(lambda: submitted.poll() is not None, 20, "submitted")
    assert submitted.poll() == 0, submitted.output.read_text()
    book = open_book(home)
    wait_until(
        lambda: [trade.state for trade in book.trades()][-1:] == [TradeState.SETTLED] and len(book.trades()) == number,
        60,
        "the trade settles",
        pause=0.2,
    )


def stopped(child: Child) -> None:
    """Stops it by SIGTERM and sees that no process of its is left."""
    family = descendants(child.pid)
    assert stop(child) == 0, child.output.read_text()
    assert [pid for pid in family if is_alive(pid)] == []


def brought_up(
    home: Home, market: Path, output: Path, forks: Forks | None = None, *options: str, count: int = 6
) -> Child:
    """`lockstep up`, once all processes beside the chain, `count`, are started."""
    arguments = ["up", "--home", str(home.root), "--market", str(market), "--rtgs-port", "0", "--json", *options]
    child = forks.start(arguments, output, {}) if forks else Executed([*COMMAND, *arguments], output, {})
    try:
        wait_until(lambda: len(told(output).get("started", [])) == count, 60, f"{count} are started", pause=0.1)
    except BaseException:
        stop(child)
        raise
    return child


def test_up_with_anvil(forks: Forks, small_market: Path, tmp_path: Path) -> None:
    """Founds, starts everybody, two workers among them, settles, stops."""
    home, output = Home(tmp_path / "home"), tmp_path / "up.log"
    child = brought_up(home, small_market, output, forks, "--workers", "2", count=7)
    try:
        names = [detail.partition(" ")[0] for detail in told(output)["started"]]
        assert names == ["rtgs", "agent-1", "agent-2", "agent-3", "agent-4", "service-1", "service-2"]
        assert [one.partition(" ")[0] for one in told(output)["key"]] == ["operator-2"] and "unpaid" not in told(output)
        assert re.fullmatch(r"anvil on http://127\.0\.0\.1:\d+", told(output)["chain"][0])
        *addresses, last = told(output)["founded"]
        assert len(addresses) == 3, "registry, DvP and one token"
        assert last.startswith("3 of 3 contracts created")
        assert len(descendants(child.pid)) == 8
        settles(home, forks, tmp_path / "messages", 1)
    finally:
        stopped(child)
    assert told(output)["stopped"] == [str(home.root)]
    assert "died" not in told(output)


def test_up_without_anvil_is_one_process(forks: Forks, small_market: Path, tmp_path: Path) -> None:
    """It serves the drop as well: a settlement's messages and their answers lie in the folder."""
    home = Home(tmp_path / "home")
    arguments = ["up", "--home", str(home.root), "--market", str(small_market), "--rtgs-drop", "--json"]
    output = tmp_path / "up.log"
    child = forks.start(arguments, output, {"HIDE_ANVIL": "1"})
    try:
        wait_until(lambda: "started" in told(output), 30, "it is up")
        assert "embedded chain" in told(output)["started"][0]
        assert (home.settings().rpc, home.settings().rtgs_drop) == (EMBEDDED, home.root / "drop")
        assert descendants(child.pid) == set()
        settles(home, forks, tmp_path / "messages", 1)
    finally:
        stopped(child)
    market = home.market_file()
    assert in_drop(home, market.service, "archive") == ["pacs.009.001.08"]
    assert {"pacs.002.001.10", "camt.054.001.08"} <= set(in_drop(home, market.service, "out"))
    releases = [in_drop(home, agent_bic(market.service, number), "archive") for number in range(1, 5)]
    assert sum(map(len, releases)) >= 3 and {name for one in releases for name in one} == {"camt.007.001.08"}
    assert all((home.root / "drop" / member.bic / "in").is_dir() for member in market.members)
    assert [*(home.root / "drop").glob("*/error/*")] == []
    again = forks.start(arguments, tmp_path / "again.log", {"HIDE_ANVIL": "1"})
    wait_until(lambda: again.poll() is not None, 20, "it refuses")
    assert again.poll() == 1
    assert "is not empty, and an embedded chain always begins anew" in again.output.read_text()


def in_drop(home: Home, party: str, folder: str) -> list[str]:
    """The types of the messages that lie there, in order."""
    found = [peek(path.read_bytes()) for path in sorted((home.root / "drop" / party / folder).iterdir())]
    return [one.definition for one in found if one is not None]


# --- options that would change nothing

FOUNDED = {"rpc": "http://127.0.0.1:8545", "rtgs_url": "http://127.0.0.1:8020", "clock_offset_seconds": 0}


def refused(folder: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["up", "--home", str(folder), *options])
    return done.exit_code, done.stderr if done.exception is None or done.exit_code == 2 else str(done.exception)


@pytest.mark.parametrize(
    ("options", "field", "rule"),
    [
        (["--rpc", "http://127.0.0.1:9"], "--rpc: 'http://127.0.0.1:9'", "founded on, http://127.0.0.1:8545, or none"),
        (["--rtgs-port", "8021"], "--rtgs-port: '8021'", "founded with, http://127.0.0.1:8020, or none"),
        (["--rtgs-drop"], "--rtgs-drop: 'given'", "an installation founded with a directory drop"),
        (["--market", "OTHER"], "--market: 'OTHER'", "was founded with, or none"),
        (["--rpc", "http://127.0.0.1:8545,http://127.0.0.1:8546"], "--rpc: ", "http://127.0.0.1:8545, or none"),
        (["--rpc", "http://127.0.0.1:8545,ws://node"], "--rpc: 'ws://node'", "http://HOST:PORT"),
        (["--rpc", "http://node:1,http://node:1"], "--rpc: 'http://node:1'", "not named twice"),
        (
            ["--db", "postgresql://me@host/other"],
            "--db: 'postgresql+psycopg://me@host/other'",
            "service.db of the folder",
        ),
        (["--db", "sqlite:///service.db"], "--db: 'sqlite:///service.db'", "postgresql://USER@HOST:PORT/DATABASE"),
        (["--db", "postgresql://me:secret@host/db"], "--db: 'postgresql://***@host/db'", "a URL without a password"),
        (["--db", "postgresql://host/db?user=me&password=secret"], "--db: 'postgresql://host/db?***'", "without a"),
    ],
)
def test_a_founded_installation_keeps_what_it_was_founded_with(
    small_market: Path, tmp_path: Path, options: list[str], field: str, rule: str
) -> None:
    """An option that says otherwise is refused, not passed over."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(small_market, home / "market.toml")
    (home / "network.json").write_text(json.dumps(FOUNDED))
    other = tmp_path / "other.toml"
    other.write_text(market_of(("FABLZZ2A", "UTOPZZ2A"), ("ZZ00EXB20314",)))
    said = refused(home, *(str(other) if one == "OTHER" else one for one in options))
    assert said[0] == 2
    assert field.replace("OTHER", str(other)) in said[1] and rule in said[1]
    assert "secret" not in said[1]


def test_where_the_records_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """network.json names the database and never its password; that is in the environment or in a file of its own."""
    opened: list[str] = []
    monkeypatch.setattr("lockstep.store.open_database", opened.append)
    home, keys = Home(tmp_path), tmp_path / "keys"
    url = "postgresql+psycopg://me@host:5433/records?sslmode=require"
    assert home.service_database == f"sqlite:///{tmp_path}/service.db"
    home.open_database()
    (tmp_path / "network.json").write_text(json.dumps({**FOUNDED, "database": url}))
    home.open_database()
    keys.mkdir()
    (keys / "database.password").write_text("of a file/\n")
    (keys / "database.password").chmod(0o640)
    with pytest.raises(Misconfigured, match="mode 640 breaks the rule: for its owner alone"):
        home.open_database()
    (keys / "database.password").chmod(0o600)
    home.open_database()
    monkeypatch.setenv("LOCKSTEP_DATABASE_PASSWORD", "p@ss")
    home.open_database()
    given = "postgresql+psycopg://me{}@host:5433/records?sslmode=require"
    passwords = ("", ":of%20a%20file%2F", ":p%40ss")
    assert opened == [f"sqlite:///{tmp_path}/service.db", *map(given.format, passwords)]
    assert home.service_database == url == home.settings().database, "what is shown has none"
    (tmp_path / "network.json").write_text(json.dumps({**FOUNDED, "database": "postgresql://me:secret@host/db"}))
    with pytest.raises(Misconfigured, match=r"network\.json, database: .*a URL without a password") as refusal:
        home.settings()
    assert "secret" not in str(refusal.value)


def test_what_up_cannot_bring_up_again(tmp_path: Path, small_market: Path) -> None:
    shutil.copyfile(small_market, tmp_path / "market.toml")
    for changed, said in (
        ({"rpc": EMBEDDED, "rtgs_url": EMBEDDED}, "an embedded chain always begins anew"),
        ({"rtgs_url": "https://127.0.0.1:8020"}, "for mutual TLS start `rtgs serve` with its certificates"),
        ({"rtgs_url": "file:///srv/gateway"}, "beside a directory drop set rtgs_operator_url"),
    ):
        (tmp_path / "network.json").write_text(json.dumps({**FOUNDED, **changed}))
        code, error = refused(tmp_path)
        assert code == 1 and said in error


def test_one_process_has_neither_port_nor_database_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "find_anvil", lambda: None)
    for option, value in (("--rtgs-port", "8021"), ("--workers", "2"), ("--db", "postgresql+psycopg://me@host/db")):
        code, error = refused(tmp_path / "home", option, value)
        assert code == 2 and f"{option}: '{value}' breaks the rule: none where all runs in one process" in error
    monkeypatch.setenv("LOCKSTEP_RTGS_DATABASE", "postgresql://lockstep:secret@127.0.0.1/rtgs")
    code, error = refused(tmp_path / "home")
    assert code == 2 and "LOCKSTEP_RTGS_DATABASE: 'a URL' breaks the rule: none where all runs" in error
    assert "secret" not in error
    assert not (tmp_path / "home").exists()
