"""`lockstep reconcile run` SIGKILLed at random moments, and two at once: a run is stored whole or not at all."""

import json
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from acceptance.conftest import chain, forks, installed, small_market
from acceptance.running import COMMAND, EVERYBODY, Installation, wait_until
from acceptance.story import Writer, seller_reference
from lockstep.chain.deployment import Deployer
from lockstep.chain.node import Node
from lockstep.domain.journal import GENESIS, entry_hash

__all__ = ["chain", "forks", "installed", "small_market"]

pytestmark = pytest.mark.deep

KILLS, PAIRS = 30, 5


def begin(day: Installation) -> "subprocess.Popen[bytes]":
    arguments = [*COMMAND, "reconcile", "run", *day.place, "--json"]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ)


def test_what_was_found_is_kept_once_whatever_died(
    installed: Callable[[Path], Installation], small_market: Path, tmp_path: Path
) -> None:
    day, writer, dice = installed(small_market), Writer(tmp_path), random.Random(20261122)
    day.start(*EVERYBODY)
    assert day.submit(*writer.trade(1, "100000.00"))[0] == 0
    day.attend(lambda: day.shows({seller_reference(1): "SETTLED"}), {}, 30, "settled")
    day.stop(*(one for one in EVERYBODY if one.startswith("agent")))
    security = next(iter(day.market.securities.values()))
    holder = next(one for one in day.market.participants.values() if one.bic == "FABLZZ2A")
    node = Node(day.rpc)
    issuer = Deployer(node, day.home.key("issuer"), poll=lambda: None)
    issuer.call("SecurityToken", security.token, "issue", holder.wallet, 12_345)
    issuer.flush()
    final = node.head().number + day.market.network.finality_depth
    wait_until(lambda: node.head().number > final, 30, "it is final")

    started = time.monotonic()
    begin(day).communicate()
    whole = time.monotonic() - started
    killed = 0
    for _ in range(KILLS):
        child = begin(day)
        time.sleep(dice.uniform(0.3, 1.0) * whole)
        killed += child.poll() is None
        child.kill()
        child.communicate()
    assert killed > KILLS // 3, "most were still at work"
    told: list[dict[str, Any]] = []
    for _ in range(PAIRS):
        pair = begin(day), begin(day)
        told += [json.loads(one.communicate()[0]) for one in pair]
        assert [one.returncode for one in pair] == [1, 1]
    assert all(len(one["open"]) == 1 for one in told)

    (found,) = day.book.breaks()
    assert (found.found.key.participant, found.found.key.instrument) == (holder.lei, security.isin)
    assert len(found.notes) == 1, "opened once"
    rows = list(day.book.journal())
    kinds = Counter((row.entry.kind, row.entry.facts.get("act", "")) for row in rows)
    assert kinds["reconciliation", "opened"] == 1
    before = GENESIS
    for number, row in enumerate(rows, start=1):
        assert (row.number, row.hash) == (number, entry_hash(before, number, row.entry))
        before = row.hash
    assert rows[-1].entry.at - rows[0].entry.at < timedelta(days=1)
