"""Multilateral offsetting settles what the algorithm of Bech and Soramäki settles, written out plainly."""

import random
from datetime import timedelta
from itertools import product

import pytest
from banks import BOOKED, PENDING, A, B, Banks, C, D
from hypothesis import given, settings
from hypothesis import strategies as st
from rtgs_world import NOON, World

from lockstep.domain.payment import CashAccount
from lockstep.rtgs.gridlock import NOWHERE, Queued, settle_together

Instance = tuple[list[int], list[list[tuple[int, int | None]]]]
"""Liquidity of each bank; each bank's queue of (amount, creditor or None where nothing arrives)."""


def written_out(liquidity: list[int], queues: list[list[tuple[int, int | None]]]) -> list[int]:
    """All queued payments settle in thought; as long as a bank's balance would be below zero, its last
    one is taken back, and every balance reckoned anew."""
    left = [len(queue) for queue in queues]
    while True:
        balances = list(liquidity)
        for bank, queue in enumerate(queues):
            for amount, creditor in queue[: left[bank]]:
                balances[bank] -= amount
                if creditor is not None:
                    balances[creditor] += amount
        short = [bank for bank, balance in enumerate(balances) if balance < 0 and left[bank]]
        if not short:
            return left
        left[short[0]] -= 1


def by_search(liquidity: list[int], queues: list[list[tuple[int, int | None]]]) -> list[int]:
    """The largest choice of fronts of the queues that leaves no paying bank below zero: all are tried."""
    best: list[int] = []
    for counts in product(*(range(len(queue) + 1) for queue in queues)):
        balances = list(liquidity)
        for bank, count in enumerate(counts):
            for amount, creditor in queues[bank][:count]:
                balances[bank] -= amount
                if creditor is not None:
                    balances[creditor] += amount
        possible = all(balance >= 0 or not count for balance, count in zip(balances, counts, strict=True))
        if possible and sum(counts) > sum(best):
            best = list(counts)
    return best or [0] * len(queues)


def solved(liquidity: list[int], queues: list[list[tuple[int, int | None]]]) -> list[int]:
    prepared = []
    for queue in queues:
        needed, found = 0, []
        for amount, creditor in queue:
            needed += amount
            found.append(Queued(needed, amount, NOWHERE if creditor is None else creditor))
        prepared.append(found)
    return settle_together(liquidity, prepared)


@st.composite
def instances(draw: st.DrawFn, most_banks: int = 6, most_queued: int = 8) -> Instance:
    count = draw(st.integers(1, most_banks))
    creditors = st.one_of(st.none(), st.integers(0, count - 1))
    liquidity = draw(st.lists(st.integers(-3, 20), min_size=count, max_size=count))
    queues = []
    for bank in range(count):
        payments = draw(st.lists(st.tuples(st.integers(1, 20), creditors), max_size=most_queued))
        queues.append([(amount, to) for amount, to in payments if to != bank])
    return liquidity, queues


@settings(max_examples=400, deadline=None)
@given(instances())
def test_the_same_payments_settle_as_written_out(instance: Instance) -> None:
    assert solved(*instance) == written_out(*instance)


@settings(max_examples=150, deadline=None)
@given(instances(most_banks=3, most_queued=4))
def test_no_larger_set_could_settle(instance: Instance) -> None:
    """Written out or not, the algorithm finds the best."""
    assert solved(*instance) == by_search(*instance)


def test_nothing_queued_settles_nothing() -> None:
    assert settle_together([], []) == []
    assert settle_together([-5, 0], [[], []]) == [0, 0]


ACCOUNTS: list[CashAccount] = [A, B, C, D]


@pytest.mark.parametrize("seed", range(6))
def test_the_ledger_offsets_as_written_out(world: World, seed: int) -> None:
    """Every payment is more than anybody has, and a payment not yet due is first in each queue of two:
    all wait until the moment comes, then the ledger must settle what the plain algorithm does."""
    dice = random.Random(seed)
    banks, later = Banks(world), NOON + timedelta(minutes=1)
    liquidity = [dice.randrange(0, 90) for _ in ACCOUNTS]
    for account, cents in zip(ACCOUNTS, liquidity, strict=True):
        banks.fund(account, cents + 1)
        liquidity[ACCOUNTS.index(account)] += 1
    queues: list[list[tuple[int, int | None]]] = [[] for _ in ACCOUNTS]
    numbers: list[list[int]] = [[] for _ in ACCOUNTS]
    for number in range(1, 21):
        debtor, creditor = dice.sample(range(4), 2)
        cents = dice.randrange(91, 200)
        assert banks.pay(number, ACCOUNTS[debtor], ACCOUNTS[creditor], cents, not_before=later) is PENDING
        queues[debtor].append((cents, creditor))
        numbers[debtor].append(number)
    world.clock.instant = later
    expected = written_out(liquidity, queues)
    assert banks.desk.offset("EUR") == sum(expected)
    for count, of_bank in zip(expected, numbers, strict=True):
        assert banks.states(*of_bank[:count]) == [BOOKED] * count
    balances = [one.posted for one in map(banks.account, ACCOUNTS)]
    assert min(balances) >= 0
    assert sum(balances) == sum(liquidity)
