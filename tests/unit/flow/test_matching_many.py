"""Many instructions that could match: the same pairs as by comparing each with each, in time that grows with them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from flow_cases import DELIVER, MARKET, MORNING, RECEIVE, stored
from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.domain.identifiers import Reference
from lockstep.domain.instruction import Side
from lockstep.domain.market import Market, Tolerance
from lockstep.domain.money import Money
from lockstep.flow.matching import LOOKS, match
from lockstep.ports import Change, StoredInstruction
from lockstep.testing.fakes import SALT_KEY


def market(tolerance: Tolerance | None) -> Market:
    return replace(MARKET, tolerances={} if tolerance is None else {"EUR": tolerance})


def instructed(side: Side, reference: str, cents: int, named: str | None = None) -> StoredInstruction:
    like = DELIVER if side is Side.DELIVER else RECEIVE
    counterparty = None if named is None else Reference(named)
    cash = Money(currency="EUR", amount=cents)
    return stored(replace(like, reference=Reference(reference), cash=cash, counterparty_reference=counterparty))


def pairs(changes: Sequence[Change]) -> list[tuple[str, str]]:
    return [
        (trade.terms.deliverer_reference, trade.terms.receiver_reference)
        for change in changes
        for trade in change.trades
    ]


# --- the rule, written down anew


def expected(group: Sequence[StoredInstruction], tolerance: Tolerance | None) -> list[tuple[str, str]]:
    """Each deliver in its turn takes the nearest receive in cash that is left, the oldest of those."""
    left = [one.instruction for one in group if one.instruction.side is Side.RECEIVE]
    found = []
    for deliver in (one.instruction for one in group if one.instruction.side is Side.DELIVER):
        chosen = None
        for other in left:
            if deliver.counterparty_reference is not None and deliver.counterparty_reference != other.reference:
                continue
            if other.counterparty_reference is not None and other.counterparty_reference != deliver.reference:
                continue
            apart, higher = sorted((deliver.cash.amount, other.cash.amount))
            difference, limit = higher - apart, 0
            if tolerance is not None:
                limit = tolerance.above if higher > tolerance.threshold else tolerance.up_to
            if difference <= limit and (chosen is None or difference < chosen[0]):
                chosen = difference, other
        if chosen is not None:
            found.append((str(deliver.reference), str(chosen[1].reference)))
            left.remove(chosen[1])
    return found


TOLERANCES = st.none() | st.builds(
    Tolerance, threshold=st.integers(1, 40), up_to=st.integers(0, 12), above=st.integers(0, 12)
)


@st.composite
def groups(draw: st.DrawFn) -> list[StoredInstruction]:
    """Up to twenty of each side, few amounts and few references, so that most could match more than one."""
    most = draw(st.integers(1, 20))
    sides = draw(st.lists(st.sampled_from(Side), min_size=1, max_size=2 * most))
    counts, group = dict.fromkeys(Side, 0), []
    for side in sides:
        counts[side] += 1
        other = draw(st.none() | st.integers(0, most))
        named = None if other is None else f"{side.other.name[0]}-{other}"
        group.append(instructed(side, f"{side.name[0]}-{counts[side]}", draw(st.integers(1, 40)), named))
    return group


@given(groups(), TOLERANCES)
@example(
    [
        instructed(Side.DELIVER, "D-1", 9),
        instructed(Side.RECEIVE, "R-1", 10),
        instructed(Side.RECEIVE, "R-2", 12),
    ],
    Tolerance(threshold=11, up_to=0, above=5),
)
def test_as_by_comparing_each_with_each(group: list[StoredInstruction], tolerance: Tolerance | None) -> None:
    assert pairs(match(group, market(tolerance), SALT_KEY, MORNING)) == expected(group, tolerance)


class Lost:
    """The ledgers have some of the pairs."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = pairs

    def had(self, deliver: StoredInstruction, receive: StoredInstruction, salt: str) -> bool:
        return (deliver.instruction.reference, receive.instruction.reference) in self.pairs

    def may_have(self, stored: StoredInstruction) -> bool:
        return False


@given(groups(), TOLERANCES, st.randoms(use_true_random=False))
def test_what_was_lost_first(group: list[StoredInstruction], tolerance: Tolerance | None, chance: object) -> None:
    """Of the pairs that agree, those that the ledgers have come before all others, in the order of the group."""
    delivers, receives = ([one for one in group if one.instruction.side is side] for side in Side)
    known = [
        (str(one.instruction.reference), str(other.instruction.reference))
        for one in delivers
        for other in receives
        if chance.random() < 0.3
    ]
    late = [replace(one, late=MORNING) if chance.random() < 0.5 else one for one in group]
    is_late = {str(one.instruction.reference): one.late is not None for one in late}
    wanted, used = list[tuple[str, str]](), set[str]()
    for deliver in delivers:
        for receive in receives:
            pair = str(deliver.instruction.reference), str(receive.instruction.reference)
            agrees = expected([deliver, receive], tolerance)
            if agrees and pair in known and (is_late[pair[0]] or is_late[pair[1]]) and not used & set(pair):
                wanted.append(pair)
                used |= set(pair)
    rest = [one for one in group if str(one.instruction.reference) not in used]
    found = match(late, market(tolerance), SALT_KEY, MORNING, Lost(known))
    assert pairs(found) == wanted + expected(rest, tolerance)


@given(TOLERANCES.filter(lambda one: one is not None), st.integers(1, 60))
def test_the_ranges_are_what_is_allowed(tolerance: Tolerance, amount: int) -> None:
    def euro(cents: int) -> Money:
        return Money(currency="EUR", amount=cents)

    inside = [one for low, high in tolerance.ranges(amount) for one in range(low, high + 1) if one > 0]
    assert inside == [one for one in range(1, 100) if tolerance.allows(euro(amount), euro(one))]


# --- in time


def never(count: int) -> list[StoredInstruction]:
    """So many of each side: amounts too far apart, and as many with one amount that name each another."""
    half = count // 2
    told = [instructed(Side.DELIVER, f"D-{one}", 10_000_000 + 1_000 * one) for one in range(half)]
    told += [instructed(Side.RECEIVE, f"R-{one}", 90_000_000 + 1_000 * one) for one in range(half)]
    told += [instructed(Side.DELIVER, f"DN-{one}", 5_000, f"X-{one}") for one in range(half)]
    told += [instructed(Side.RECEIVE, f"RN-{one}", 5_000, f"Y-{one}") for one in range(half)]
    changes = match(told, MARKET, SALT_KEY, MORNING)
    assert not pairs(changes)
    known = {one.key: one for change in changes for one in change.instructions}
    return [known[one.key] for one in told]  # with their reasons: what follows is the looking alone


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often anything was read of an instruction that waits, in its one number."""
    counted, real = [0], StoredInstruction.__dict__["instruction"]

    def read(stored: StoredInstruction) -> object:
        counted[0] += 1
        return real.__get__(stored, StoredInstruction)

    monkeypatch.setattr(StoredInstruction, "instruction", property(read, real.__set__))
    return counted


def test_work_grows_as_what_waits_does(looks: list[int]) -> None:
    def looked(waiting: Sequence[StoredInstruction]) -> int:
        looks[0] = 0
        assert match(waiting, MARKET, SALT_KEY, MORNING) == []
        return looks[0]

    few, many = looked(never(200)), looked(never(1_600))
    assert many < 12 * few, "8 times as many: 64 times the work, if each were compared with each"


@pytest.mark.parametrize("cents", [5_000, None], ids=["one amount", "different amounts"])
def test_work_grows_as_what_matches_does(cents: int | None, looks: list[int]) -> None:
    """The oldest of many of one amount are taken first, one by one, and those of many amounts."""

    def looked(count: int) -> int:
        waiting = [
            instructed(side, f"{side.name[0]}-{one}", cents or 5_000 + 1_000 * (count - one))
            for side in Side
            for one in range(count)
        ]
        looks[0] = 0
        assert len(pairs(match(waiting, MARKET, SALT_KEY, MORNING))) == count
        return looks[0]

    assert looked(800) < 12 * looked(100)


def test_the_lease_is_kept_while_it_looks() -> None:
    waiting, kept = never(600), []
    assert match(waiting, MARKET, SALT_KEY, MORNING, keep=lambda: kept.append(1)) == []
    assert len(kept) >= (len(waiting) + 600) // LOOKS
