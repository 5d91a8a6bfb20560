"""Packs changed anywhere, in any way that is still a pack, and sealed again by the one who is trusted to make them.

Each is refused by the name of a link, or it proves what the true pack proves: a maker who lies can leave things out,
and what people wrote beside the trade he can change, but he cannot have another trade, payment or moment proven.
"""

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from evidence_day import Day

from lockstep.domain.errors import InvalidInput
from lockstep.evidence import BrokenLink, Link, Pack, Verdict, verify
from lockstep.evidence.canonical import dump, load

CASES = 400
SEEDS = range(4)
COUNTED = (Link.QUORUM, Link.INSTRUCTION, Link.JOURNAL_MAIL, Link.JOURNAL_ROOT)
"""Claims that may be told of fewer signatures, or not at all, of a pack from which something was left out."""
Place = tuple[Any, Any]
"""An object or a list, and a key or an index of it."""


def places(content: Any) -> Iterator[Place]:
    """Every value of a JSON document, by where it stands."""
    for key in content.keys() if isinstance(content, dict) else range(len(content)):
        yield content, key
        if isinstance(content[key], (dict, list)):
            yield from places(content[key])


def disturb(content: Any, other: Any, dice: random.Random) -> None:
    """Changes one value: another number, a text that is a little longer, shorter or different, another pack's value,
    null, nothing, twice."""
    inside, key = dice.choice(list(places(content)))
    value = inside[key]
    theirs, there = dice.choice(list(places(other)))
    ways = ["other", "null", "gone"] + ["changed"] * 5 + (["twice", "turned"] if isinstance(inside, list) else [])
    match dice.choice(ways):
        case "other":
            inside[key] = theirs[there]
        case "null":
            inside[key] = None
        case "gone":
            del inside[key]
        case "twice":
            inside.insert(key, value)
        case "turned":
            inside.reverse()
        case _:
            inside[key] = changed(value, dice)


def changed(value: Any, dice: random.Random) -> Any:
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int):
        return dice.choice([value + 1, value - 1, -value - 1, 0, 2**63, value * 2])
    if isinstance(value, str):
        place = dice.randrange(len(value) + 1)
        letter = dice.choice("0123456789abcdef")
        cut = dice.choice([0, 1, 2])
        return value[:place] + letter * dice.choice([0, 1, 2]) + value[place + cut :]
    return type(value)()


def core(verdict: Verdict) -> object:
    """What has been proven of the trade itself."""
    return (
        verdict.trade_id,
        verdict.settlement_id,
        verdict.outcome,
        [one for one in verdict.proven if one.link not in COUNTED],
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_liar_proves_nothing_else(day: Day, seed: int) -> None:
    dice, other = random.Random(seed), json.loads(day.second.pack)
    refused: set[Link] = set()
    for _ in range(CASES):
        content = json.loads(day.first.pack)
        for _ in range(dice.choice([1, 1, 1, 2])):
            disturb(content, other, dice)
        data = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        with suppress(InvalidInput):
            data = dump(day.sealed(load(Pack, data, field="pack")))
        try:
            verdict = verify(data, day.trust)
        except BrokenLink as broken:
            refused.add(broken.link)
        else:
            assert core(verdict) == core(day.first.verdict), data
    assert len(refused) > 8, refused
