"""`lockstep up`: everything with one command, and nothing left of it after SIGTERM."""

import json
import re
from pathlib import Path

from lockstep.app.home import EMBEDDED, Home
from lockstep.app.processes import open_book
from lockstep.domain.trade import TradeState

from .running import COMMAND, Child, Executed, Forks, descendants, is_alive, stop, wait_until
from .story import Writer


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


def brought_up(home: Home, market: Path, output: Path, forks: Forks | None = None) -> Child:
    """`lockstep up`, once all six processes beside the chain are started."""
    arguments = ["up", "--home", str(home.root), "--market", str(market), "--rtgs-port", "0", "--json"]
    child = forks.start(arguments, output, {}) if forks else Executed([*COMMAND, *arguments], output, {})
    try:
        wait_until(lambda: len(told(output).get("started", [])) == 6, 60, "six are started", pause=0.1)
    except BaseException:
        stop(child)
        raise
    return child


def test_up_with_anvil(forks: Forks, small_market: Path, tmp_path: Path) -> None:
    """Founds, starts everybody, settles, stops."""
    home, output = Home(tmp_path / "home"), tmp_path / "up.log"
    child = brought_up(home, small_market, output, forks)
    try:
        names = [detail.partition(" ")[0] for detail in told(output)["started"]]
        assert names == ["rtgs", "agent-1", "agent-2", "agent-3", "agent-4", "service"]
        assert re.fullmatch(r"anvil on http://127\.0\.0\.1:\d+", told(output)["chain"][0])
        *addresses, last = told(output)["founded"]
        assert len(addresses) == 3, "registry, DvP and one token"
        assert last.startswith("3 of 3 contracts created")
        assert len(descendants(child.pid)) == 7
        settles(home, forks, tmp_path / "messages", 1)
    finally:
        stopped(child)
    assert told(output)["stopped"] == [str(home.root)]
    assert "died" not in told(output)


def test_up_without_anvil_is_one_process(forks: Forks, small_market: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    arguments = ["up", "--home", str(home.root), "--market", str(small_market), "--json"]
    output = tmp_path / "up.log"
    child = forks.start(arguments, output, {"HIDE_ANVIL": "1"})
    try:
        wait_until(lambda: "started" in told(output), 30, "it is up")
        assert "embedded chain" in told(output)["started"][0]
        assert home.settings().rpc == EMBEDDED
        assert descendants(child.pid) == set()
        settles(home, forks, tmp_path / "messages", 1)
    finally:
        stopped(child)
    again = forks.start(arguments, tmp_path / "again.log", {"HIDE_ANVIL": "1"})
    wait_until(lambda: again.poll() is not None, 20, "it refuses")
    assert again.poll() == 1
    assert "is not empty, and an embedded chain always begins anew" in again.output.read_text()
