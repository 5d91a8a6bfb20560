"""The inventory against a plain count, at every block; sums at the edge of 64 bits; re-use and what exceeds it."""

import random
from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lockstep.analytics.inventory import ENDLESS, Attempts, Holdings, Inventory, Pledges, inventory, where_pledged
from lockstep.domain.errors import InvalidInput

HOLDING = ("participant", "security", "network", "owned", "earmarked", "frozen", "since", "until")
PLEDGE = (
    "pledge", "parent", "giver", "taker", "security", "network", "quantity", "cap", "last_day", "since", "until",
)  # fmt: skip
FIGURES = ("owned", "free", "earmarked", "pledged", "received", "reused", "reusable", "frozen", "over_committed")


def holdings(*rows: dict[str, int]) -> Holdings:
    return Holdings(*(np.array([row.get(name, _default(name)) for row in rows], dtype=np.int64) for name in HOLDING))


def pledges(*rows: dict[str, int]) -> Pledges:
    return Pledges(*(np.array([row.get(name, _default(name)) for row in rows], dtype=np.int64) for name in PLEDGE))


def _default(name: str) -> int:
    return {"until": ENDLESS, "parent": -1, "last_day": 740_000}.get(name, 0)


def sheet(of: Inventory) -> dict[tuple[int, int, int], dict[str, int]]:
    keys = zip(of.participant.tolist(), of.security.tolist(), of.network.tolist(), strict=True)
    return {key: {name: int(getattr(of, name)[place]) for name in FIGURES} for place, key in enumerate(keys)}


def plain(accounts: list[dict[str, int]], claims: list[dict[str, int]], block: int) -> dict[Any, dict[str, int]]:
    """The oracle: one row after the other."""
    found: dict[Any, dict[str, int]] = defaultdict(lambda: dict.fromkeys(FIGURES, 0))
    accounts = [row for row in accounts if row["since"] <= block < row["until"]]
    claims = [row for row in claims if row["since"] <= block < row["until"]]
    for row in accounts:
        at = found[row["participant"], row["security"], row["network"]]
        for name in ("owned", "earmarked", "frozen"):
            at[name] += row[name]
        at["free"] += max(0, max(0, row["owned"] - row["earmarked"]) - row["frozen"])
    for row in claims:
        giver, taker = (found[row[who], row["security"], row["network"]] for who in ("giver", "taker"))
        children = sum(other["quantity"] for other in claims if other["parent"] == row["pledge"])
        if row["parent"] == -1:
            giver["pledged"] += row["quantity"]
        allowed = int(Fraction(row["quantity"] * row["cap"], 1_000_000))
        taker["received"] += row["quantity"]
        taker["reused"] += children
        taker["reusable"] += max(0, allowed - children)
        taker["over_committed"] += max(0, children - allowed)
    for at in found.values():
        at["over_committed"] += max(0, max(at["earmarked"], at["pledged"]) - at["owned"])
    return dict(found)


@pytest.mark.parametrize("seed", range(15))
def test_as_a_plain_count_has_it_in_every_block(seed: int) -> None:
    chance = random.Random(f"inventory {seed}")
    wide = 1 if seed % 2 else 10**9  # codes that lie apart, too
    accounts = []
    for _ in range(60):
        since = chance.randrange(20)
        accounts.append(
            {"participant": chance.randrange(5) * wide, "security": chance.randrange(4), "network": chance.randrange(2),
             "owned": chance.randrange(1_000), "earmarked": chance.randrange(800), "frozen": chance.randrange(500),
             "since": since, "until": chance.choice([ENDLESS, since + chance.randrange(1, 15)])}
        )  # fmt: skip
    claims: list[dict[str, int]] = []
    for number in range(40):
        parent = chance.choice([None, *claims]) if claims else None
        since = chance.randrange(10) if parent is None else parent["since"]
        until = chance.choice([ENDLESS, since + chance.randrange(1, 15)]) if parent is None else parent["until"]
        claims.append(
            {"pledge": 1_000 - number, "parent": -1 if parent is None else parent["pledge"],
             "giver": chance.randrange(5) * wide if parent is None else parent["taker"],
             "taker": chance.randrange(5) * wide,
             "security": chance.randrange(4) if parent is None else parent["security"],
             "network": 0 if parent is None else parent["network"],
             "quantity": chance.randrange(700), "cap": chance.choice([0, 333_333, 500_000, 1_000_000]),
             "last_day": 740_000, "since": since, "until": until}
        )  # fmt: skip
    for block in range(0, 26, 5):
        found = inventory(holdings(*accounts), pledges(*claims), block)
        assert sheet(found) == plain(accounts, claims, block)
        order = list(sheet(found))
        assert order == sorted(order)


def test_a_chain_of_re_use() -> None:
    """A owns 100 and pledges 80 to B, who may give half on, and gives 30 to C, who gives 10 of them to D."""
    chain = (
        {"pledge": 1, "giver": 1, "taker": 2, "quantity": 80, "cap": 500_000},
        {"pledge": 2, "parent": 1, "giver": 2, "taker": 3, "quantity": 30, "cap": 500_000},
        {"pledge": 3, "parent": 2, "giver": 3, "taker": 4, "quantity": 10},
    )
    owner = {"participant": 1, "owned": 100, "earmarked": 80}
    found = sheet(inventory(holdings(owner), pledges(*chain), 0))
    zero = dict.fromkeys(FIGURES, 0)
    assert found == {
        (1, 0, 0): {**zero, "owned": 100, "free": 20, "earmarked": 80, "pledged": 80},
        (2, 0, 0): {**zero, "received": 80, "reused": 30, "reusable": 10},
        (3, 0, 0): {**zero, "received": 30, "reused": 10, "reusable": 5},
        (4, 0, 0): {**zero, "received": 10},
    }


def test_what_lies_says_so() -> None:
    doubled = {"participant": 1, "owned": 100, "earmarked": 120}
    claims = (
        {"pledge": 1, "giver": 1, "taker": 2, "quantity": 90, "cap": 500_000},
        {"pledge": 2, "parent": 1, "giver": 2, "taker": 3, "quantity": 46},
    )
    found = sheet(inventory(holdings(doubled), pledges(*claims), 0))
    assert (found[1, 0, 0]["over_committed"], found[1, 0, 0]["free"]) == (20, 0)
    assert (found[2, 0, 0]["over_committed"], found[2, 0, 0]["reusable"]) == (1, 0)


def test_attempts_are_counted_up_to_the_block() -> None:
    tried = Attempts(*(np.array(column, dtype=np.int64) for column in ([1, 1, 2], [5, 5, 5], [0, 0, 1], [3, 4, 5])))
    for block, found in ((2, {}), (3, {(1, 5, 0): 1}), (4, {(1, 5, 0): 2}), (9, {(1, 5, 0): 2, (2, 5, 1): 1})):
        counted = inventory(holdings(), pledges(), block, tried)
        keys = zip(counted.participant.tolist(), counted.security.tolist(), counted.network.tolist(), strict=True)
        assert dict(zip(keys, counted.attempts.tolist(), strict=True)) == found
        assert not counted.owned.any()
    assert inventory(holdings({"participant": 1, "owned": 1}), pledges(), 9).attempts.tolist() == [0]


def test_where_pledged() -> None:
    table = pledges(
        {"pledge": 1, "giver": 1, "taker": 2, "security": 5, "quantity": 80, "until": 7},
        {"pledge": 2, "giver": 1, "taker": 3, "security": 6, "quantity": 30, "since": 3},
        {"pledge": 3, "giver": 2, "taker": 4, "security": 5, "quantity": 10},
    )
    assert where_pledged(table, 5, 1).taker.tolist() == [2, 3]
    assert where_pledged(table, 7, 1).taker.tolist() == [3]
    assert where_pledged(table, 2, 1).taker.tolist() == [2]
    assert where_pledged(table, 5, 1, security=6).quantity.tolist() == [30]


def test_sums_are_exact_and_refused_where_they_do_not_fit() -> None:
    half = 2**62
    rows = [{"participant": 1, "owned": half}, {"participant": 1, "owned": half - 1}]
    assert sheet(inventory(holdings(*rows), pledges(), 0))[1, 0, 0]["owned"] == 2**63 - 1
    with pytest.raises(InvalidInput) as refused:
        inventory(holdings(*rows, {"participant": 1, "owned": 1}), pledges(), 0)
    assert (refused.value.field, refused.value.rule) == ("owned", "less than 2^63 base units in one sum")
    # 2^53 + 1 is what floating point would lose
    odd = [{"owned": 2**53}, {"owned": 1}]
    assert sheet(inventory(holdings(*odd), pledges(), 0))[0, 0, 0]["owned"] == 2**53 + 1


def test_caps_of_large_quantities() -> None:
    large = {"pledge": 1, "giver": 1, "taker": 2, "quantity": 2**63 - 1, "cap": 999_999}
    found = sheet(inventory(holdings(), pledges(large), 0))
    assert found[2, 0, 0]["reusable"] == (2**63 - 1) * 999_999 // 1_000_000


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: holdings({"owned": -1}), "owned"),
        (lambda: pledges({"cap": 1_000_001}), "cap"),
        (lambda: pledges({"parent": -2}), "parent"),
        (lambda: inventory(holdings(), pledges({"pledge": 1}, {"pledge": 1}), 0), "pledge"),
        (lambda: inventory(holdings(), pledges({"pledge": 1, "parent": 2}), 0), "parent"),
        (lambda: inventory(holdings({"participant": 2**62, "security": 2}), pledges(), 0), "participant"),
        (lambda: Holdings(*(np.zeros(place % 2) for place in range(8))), "participant"),
        (lambda: Holdings(*(np.zeros(place % 2, dtype=np.int64) for place in range(8))), "security"),
    ],
)
def test_tables_that_cannot_be(wrong: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        wrong()
    assert refused.value.field == field


def test_nothing_at_all() -> None:
    assert sheet(inventory(holdings(), pledges(), 0)) == {}
