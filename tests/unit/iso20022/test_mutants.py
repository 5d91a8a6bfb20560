"""Two thousand mutated messages; `tests/deep` has a hundred thousand."""

from golden.mutants import judge
from lockstep.testing.mutation import Mutator

MESSAGES = [b'<?xml version="1.0"?><a xmlns="urn:x"><b>1</b><c><b>2</b></c></a>', b"<d><e>3</e></d>"]


def test_every_mutant_is_taken_or_refused_by_name() -> None:
    seen = judge(seed=20022, count=2000)
    assert seen["taken"] + seen["refused"] == 2000
    assert seen["refused"] > 1500
    assert seen["taken"] > 100
    assert seen["by form"] > 30
    ways = {way.__name__ for way in Mutator(1, MESSAGES)._ways}
    assert ways <= set(seen)


def test_the_same_seed_gives_the_same_mutants() -> None:
    first, again = list(Mutator(5, MESSAGES).mutants(50)), list(Mutator(5, MESSAGES).mutants(50))
    assert first == again
    assert first != list(Mutator(6, MESSAGES).mutants(50))
    assert [one.number for one in first] == list(range(50))


def test_a_mutant_stays_within_the_size_given() -> None:
    assert max(len(one.data) for one in Mutator(5, MESSAGES, most_bytes=4096).mutants(300)) < 200_000
