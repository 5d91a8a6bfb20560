"""The service anchors its journal by itself, and a pack proves it to who asks the chain for the root (I7)."""

import json
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3

from lockstep.app.operators import add_operators
from lockstep.domain.anchor import day_number

from .running import EVERYBODY, Installation, wait_until
from .story import Writer, reference
from .test_evidence import judged_quickly

DAY = timedelta(days=1)
VIEW = [
    {
        "type": "function",
        "name": "anchorOf",
        "stateMutability": "view",
        "inputs": [{"name": "journal", "type": "bytes32"}, {"name": "day", "type": "uint32"}],
        "outputs": [
            {"name": "root", "type": "bytes32"},
            {"name": "size", "type": "uint64"},
            {"name": "previous", "type": "uint32"},
            {"name": "anchorer", "type": "address"},
        ],
    }
]
"""By hand, as whoever checks would ask his own node."""


class Anchored:
    """An installation whose market has the contract, with two operator's keys."""

    def __init__(self, day: Installation, files: Path) -> None:
        self.day, self.files = day, files
        self.keys = [one.address for one in add_operators(day.home, 2)]
        self.web3 = Web3(Web3.HTTPProvider(day.rpc))

    def next_day(self) -> None:
        """Nothing runs meanwhile; the chain's time goes on as everybody's does."""
        assert not self.day.running
        seconds = int(DAY.total_seconds())
        for method, words in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            assert "error" not in self.web3.provider.make_request(method, words)
        path = self.day.home.root / "network.json"
        facts = json.loads(path.read_text())
        path.write_text(json.dumps({**facts, "clock_offset_seconds": facts["clock_offset_seconds"] + seconds}))

    def stands(self, journal: str, day: date) -> tuple[str, int, str]:
        """Root, size and anchorer, by the chain."""
        address = self.day.home.market().network.anchor
        contract = self.web3.eth.contract(address=Web3.to_checksum_address(address), abi=VIEW)
        root, size, _, anchorer = contract.functions.anchorOf(bytes.fromhex(journal), day_number(day)).call()
        return root.hex(), size, anchorer

    def anchor(self, *arguments: str) -> tuple[int, Any]:
        code, output = self.day.run("anchor", *arguments, "--json")
        return code, json.loads(output) if output.startswith("{") else output


@pytest.fixture(scope="module")
def anchored(
    installed: Callable[[Path], Installation], small_market: Path, tmp_path_factory: pytest.TempPathFactory
) -> Anchored:
    folder = tmp_path_factory.mktemp("anchored")
    market = folder / "market.toml"
    market.write_text("anchor = true\n" + small_market.read_text())
    return Anchored(installed(market), folder / "instructions")


def test_a_pack_proves_that_its_journal_was_anchored(anchored: Anchored, tmp_path: Path) -> None:
    day, name = anchored.day, reference(Writer.SELLER.body, 1)
    day.submit(*Writer(anchored.files).trade(1, "1000.00"))
    day.start(*EVERYBODY)
    day.attend(lambda: day.shows({name: "SETTLED"}), {}, 60, "the trade settles")
    assert set(day.stop().values()) == {0}
    entries = day.book.journal()
    today = entries[-1].entry.at.date()
    assert list(day.book.day_roots()) == []

    anchored.next_day()
    day.start("rtgs", "service")
    wait_until(lambda: day.book.day_root_over(len(entries)) is not None, 30, "the day is anchored")
    root = day.book.day_root_over(len(entries))
    assert root is not None
    assert (root.day, root.size, root.journal) == (today, len(entries), entries[0].hash)
    assert anchored.stands(root.journal, today) == (root.root, root.size, anchored.keys[0])
    code, told = anchored.anchor("--day", today.isoformat())
    assert code == 0 and told["by"] is None, "the service has the key"
    assert told["keys"] == anchored.keys, "registrar and confirmer let the second one in, too"
    assert [one["standing"] for one in told["days"]] == ["anchored"] and told["others"] == {}

    pack, trust = tmp_path / "pack.json", tmp_path / "trust.json"
    words = ("evidence", name, "--out", str(pack), "--trust-out", str(trust), "--instructions", str(anchored.files))
    assert day.json(*words)["open"] == []
    own = json.loads(trust.read_bytes())
    assert own["roots"] == [{"root": root.root, "size": root.size}]
    said, size, _ = anchored.stands(root.journal, today)
    trust.write_text(json.dumps({**own, "roots": [{"root": said, "size": size}]}))
    code, verdict = judged_quickly(day.forks, pack, trust, tmp_path)
    assert code == 0 and "journal-root" in {one["link"] for one in json.loads(verdict)["proven"]}
    trust.write_text(json.dumps({**own, "roots": [{"root": "ee" * 32, "size": size}]}))
    code, verdict = judged_quickly(day.forks, pack, trust, tmp_path)
    assert (code, json.loads(verdict)["link"]) == (1, "journal-root")
    assert set(day.stop().values()) == {0}


def test_by_hand_while_no_service_runs_and_a_rewritten_journal_is_found(anchored: Anchored, tmp_path: Path) -> None:
    day = anchored.day
    day.submit(Writer(anchored.files).trade(2, "5.00")[0])
    (first,) = day.book.day_roots()
    anchored.next_day()
    code, told = anchored.anchor("--wait", "20")
    assert code == 0 and told["by"] in anchored.keys
    assert [one["standing"] for one in told["days"]] == ["anchored", "anchored"]
    second = told["days"][1]
    assert anchored.stands(first.journal, first.day + DAY) == (second["root"], second["size"], told["by"])
    assert anchored.anchor()[1]["days"] == told["days"], "asked again, nothing changes"
    code, output = day.run("anchor", "--day", (first.day + 2 * DAY).isoformat())
    assert code == 1 and "that is over and had entries" in output

    code, told = anchored.anchor("--check")
    assert code == 0 and [one["leads"] for one in told["days"]] == [True, True]
    database = sqlite3.connect(day.home.root / "service.db")
    with database:
        database.execute("UPDATE journal SET facts = ? WHERE number = 2", ('{"changed":"afterwards"}',))
    database.close()
    code, told = anchored.anchor("--check")
    assert code == 1 and [one["leads"] for one in told["days"]] == [False, False]


def test_after_a_backup_another_root_stands_and_people_accept_it(anchored: Anchored) -> None:
    """The records end earlier than what was anchored: days close otherwise, and nothing goes on unseen."""
    day = anchored.day
    name = day.home.root / "service.db"
    database = sqlite3.connect(name)
    with database:
        database.execute("UPDATE journal SET hash = ? WHERE number = (SELECT max(number) FROM journal)", ("cd" * 32,))
        database.execute("DELETE FROM anchor WHERE day = (SELECT max(day) FROM anchor)")
    database.close()
    code, output = day.run("anchor")
    assert code == 1 and "the chain has the root" in output
    (wrong,) = day.book.days_to_anchor(5)
    said = wrong.day.isoformat()
    code, output = day.run("anchorer", "accept-other", (wrong.day - DAY).isoformat(), "--by", "Ada", "--why", "x")
    assert code == 1 and "another root stands" in output
    code, output = day.run("anchorer", "accept-other", said, "--by", " ", "--why", "restored")
    assert code == 1 and "not empty" in output
    told = day.json("anchorer", "accept-other", said, "--by", "Ada Ops", "--why", "restored")
    assert told["accepted"] == anchored.stands(wrong.journal, wrong.day)[0] != wrong.root
    entry = day.book.journal("anchoring")[-1].entry
    assert (entry.kind, entry.facts["by"], entry.facts["root"]) == ("other root accepted", "Ada Ops", wrong.root)
    code, told = anchored.anchor()
    assert code == 1 and [one["standing"] for one in told["days"]] == ["anchored", "contradicted"]
    anchored.next_day()
    code, told = anchored.anchor("--wait", "20")
    assert [one["standing"] for one in told["days"]] == ["anchored", "contradicted", "anchored"]


def test_an_anchorer_is_stopped_by_one_hand_and_let_in_by_two(anchored: Anchored) -> None:
    day, (first, second) = anchored.day, anchored.keys
    day.json("anchorer", "stop", second)
    assert anchored.anchor()[1]["keys"] == [first]
    code, output = day.run("anchorer", "confirm", second)
    assert code == 1 and "NotProposed" in output
    day.json("anchorer", "propose", second)
    assert anchored.anchor()[1]["keys"] == [first]
    day.json("anchorer", "confirm", second)
    assert anchored.anchor()[1]["keys"] == [first, second]
    day.json("anchorer", "stop", first, "--key", "registrar-confirmer")
    day.json("anchorer", "stop", second)
    _, told = anchored.anchor()
    assert (told["keys"], told["by"]) == ([], None)
    code, output = day.run("anchor")
    assert "anchorer propose" in output
