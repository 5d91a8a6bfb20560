"""`lockstep reconcile run` on an installation of processes: it agrees, finds what went past the service, and tells who
did not answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.chain.deployment import Deployer
from lockstep.chain.node import Node

from .running import EVERYBODY, Installation, wait_until
from .story import Writer, seller_reference


@pytest.fixture(scope="module")
def day(installed: Callable[[Path], Installation], small_market: Path, tmp_path_factory: Any) -> Installation:
    """One trade settled; another waits for money."""
    made, writer = installed(small_market), Writer(tmp_path_factory.mktemp("messages"))
    made.start(*EVERYBODY)
    assert made.submit(*writer.trade(1, "100000.00"), *writer.trade(2, "9000000.00"))[0] == 0
    made.attend(lambda: made.shows({seller_reference(1): "SETTLED", seller_reference(2): "LOCKED"}), {}, 30, "settled")
    made.stop(*(one for one in EVERYBODY if one.startswith("agent")))
    return made


def ran(day: Installation, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, output = day.run("reconcile", "run", *arguments, "--json")
    return code, json.loads(output)


def test_a_day_by_command(day: Installation, tmp_path: Path) -> None:
    code, told = ran(day, "--intraday")
    assert (code, told["open"], told["found"]) == (0, [], 0), told
    books = {one["book"]: one for one in told["books"]}
    members = day.market.participants.values()
    mandated = {(one.debtor, one.maximum.currency) for one in day.home.market_file().mandates}
    others = [
        number for one in members for currency, number in one.accounts.items() if (one.bic, currency) not in mandated
    ]
    accounts = sum(len(one.accounts) for one in members) - len(others)
    assert others and [line.split()[1] for line in books["rtgs"]["told"]] == others, (
        "nobody lets the service ask for it"
    )
    assert {name: one["lines"] for name, one in books.items()} == {
        "chain": {"position": 3, "trade": 2, "cash": 0},
        "rtgs": {"position": 0, "trade": 1, "cash": accounts},
        "service": {"position": 3, "trade": 2, "cash": accounts},
    }
    assert all(not one["silent"] for one in books.values())
    code, shown = day.run("reconcile", "run", "--look", environment={"COLUMNS": "80"})
    assert code == 0 and "no break" in shown and "did not speak" not in shown

    security = next(iter(day.market.securities.values()))
    holder = next(one for one in members if one.bic == "FABLZZ2A")
    node = Node(day.rpc)
    issuer = Deployer(node, day.home.key("issuer"), poll=lambda: None)
    issuer.call("SecurityToken", security.token, "issue", holder.wallet, 12_345)
    issuer.flush()
    final = node.head().number + day.market.network.finality_depth
    wait_until(lambda: node.head().number > final, 30, "it is final")
    code, told = ran(day)
    assert code == 1
    (one,) = told["open"]
    assert (one["book"], one["key"], one["class"]) == ("service", f"position|{holder.lei}|{security.isin}", "amount")
    (listed,) = day.json("reconcile", "breaks")["breaks"]
    assert listed["break"] == one["break"]
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "lots"\nsubject = "position"\ntolerated_quantity = 12345\n')
    code, told = ran(day, "--rules", str(rules))
    assert (code, told["open"], told["tolerated"]) == (0, [], 1)


def test_a_ledger_that_does_not_answer_is_told_with_a_code_of_its_own(day: Installation) -> None:
    day.stop("rtgs")
    try:
        code, told = ran(day, "--look")
    finally:
        day.start("rtgs")
    silent = {one["book"]: one["silent"] for one in told["books"]}
    assert set(silent["rtgs"]) == {"trade", "cash"} and set(silent["service"]) == {"cash"} and not silent["chain"]
    assert code == (1 if told["open"] else 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--day", "23.11.2026"), "--day: '23.11.2026' breaks the rule: a date, as 2026-11-23"),
        (("--day", "2026-11-20", "--intraday"), "--intraday: "),
        (("--day", "2099-01-01"), "not after today"),
        (("--legacy", "/nowhere"), "a folder"),
        (("--rules", "/nowhere.toml"), "a file that can be read"),
    ],
)
def test_what_cannot_be_compared_is_an_error(day: Installation, arguments: tuple[str, ...], said: str) -> None:
    code, output = day.run("reconcile", "run", *arguments)
    assert code == 2 and output.startswith("lockstep: ") and said in output and output.count("\n") == 1
