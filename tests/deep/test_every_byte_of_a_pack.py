"""One evidence pack, every byte of it changed in two ways, and all bits of a sample: each change is found (I7)."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.evidence import BrokenLink, Link, verify

UNIT = Path(__file__).parents[1] / "unit" / "evidence"

pytestmark = pytest.mark.deep


def anything_else(data: bytes) -> Iterator[bytes]:
    """At each place any other byte."""
    dice = random.Random(7)
    for place, byte in enumerate(data):
        yield data[:place] + bytes([(byte + dice.randrange(1, 256)) % 256]) + data[place + 1 :]


def test_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(UNIT))
    from byte_changes import every_bit, likely_changes
    from evidence_day import played

    with played(tmp_path) as day:
        data, trust = day.first.pack, day.trust
    verify(data, trust)
    every = range(len(data))
    found = Counter[Link]()
    for changed in itertools.chain(likely_changes(data, every), every_bit(data, every[::101]), anything_else(data)):
        with pytest.raises(BrokenLink) as refused:
            verify(changed, trust)
        found[refused.value.link] += 1
    assert sum(found.values()) == 2 * len(data) + 8 * len(every[::101])
    never = {Link.QUORUM, Link.LOCK, Link.END, Link.JOURNAL_MAIL, Link.JOURNAL_ROOT, Link.CASH_OUTCOME, Link.FINALITY}
    assert found.keys() >= set(Link) - never, found
