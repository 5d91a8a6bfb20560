"""The oracle's rules for what only happens while a world runs under faults: each lets through what is right, no more.

Reorganisations within and beyond the depth (I2, I6, I12), wallets that were recovered (I1, I8), intraday credit (I5),
owners' own payments (I11), a journal that was judged in part before (I7).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest
from oracle_world import (
    BUYER,
    GIVEN_BACK,
    SELLER,
    SETTLED,
    TOKEN,
    UNDER_WAY,
    at,
    but,
    clean,
    less,
    net_settled,
    over,
    plus,
    posting,
)

from lockstep.testing.facts import Facts, Order, Recovery, Succession, Transfer, Undone
from lockstep.testing.invariants import check

CLEAN, OVER = clean(), over()
HEIR, HEIRS_HEIR = "0xHeir", "0xHeirsHeir"


def found(facts: Facts) -> dict[str, list[str]]:
    return {name: lines for name, lines in check(facts).items() if lines}


# --- finality


def test_i2_a_lock_that_was_final_when_it_was_paid_may_get_later_blocks_on_top() -> None:
    later = replace(CLEAN, block_times={number: at(number) + timedelta(hours=1) for number in range(100)})
    assert found(later).keys() == {"I2"}
    assert not found(replace(later, final_since={SETTLED: at(30)}))
    assert found(replace(later, final_since={SETTLED: at(31)})).keys() == {"I2"}
    assert found(replace(later, final_since={UNDER_WAY: at(30)})).keys() == {"I2"}


def undone(states: str, facts: Facts = OVER) -> Mapping[str, Undone]:
    made = next(one for one in facts.locks if one.settlement == SETTLED)
    return {SETTLED: Undone(settlement=SETTLED, made=made, states=frozenset(states.split()))}


def without_the_lock(facts: Facts = OVER) -> Facts:
    """A reorganisation took lock and ending of what was settled: the seller has its units, the payment stays."""
    facts = less(less(less(facts, "locks", 0), "moves", 0), "transfers", 1)
    return replace(facts, holdings=[replace(facts.holdings[0], balance=1000, free=1000)], final_since={SETTLED: at(20)})


def test_a_lock_that_is_gone_though_it_was_final_must_have_been_told() -> None:
    gone = without_the_lock()
    assert found(gone).keys() == {"I2", "I6"}
    quiet = replace(gone, undone=undone("LOCKED PAID SETTLED"))
    assert found(replace(quiet, ended=False)) == {}
    assert found(quiet).keys() == {"I6", "I12"}
    for told in (SETTLED, f"trade-{SETTLED}"):
        assert found(replace(quiet, alarms=frozenset({told}))) == {}
    assert found(replace(quiet, alarms=frozenset({GIVEN_BACK}))).keys() == {"I6", "I12"}


def test_a_lock_that_is_gone_excuses_no_other_wrong() -> None:
    gone = replace(without_the_lock(), undone=undone("LOCKED PAID SETTLED"), alarms=frozenset({SETTLED}))
    assert found(replace(gone, final_since={SETTLED: at(31)}, block_times={})).keys() == {"I2"}
    other = replace(gone.undone[SETTLED].made, cash_hash="other")
    forged = Undone(settlement=SETTLED, made=other, states=frozenset({"SETTLED"}))
    assert found(replace(gone, undone={SETTLED: forged})).keys() == {"I2"}
    assert found(replace(gone, undone=undone("LOCKED PAID"))).keys() == {"I6"}
    assert found(replace(gone, releases=gone.releases[:2])).keys() == {"I2"}


def test_an_ending_that_is_gone_must_have_been_told() -> None:
    facts = less(less(OVER, "moves", 0), "transfers", 1)
    seller = replace(facts.holdings[0], balance=1000, free=970, earmarked=30, earmarked_by_dvp=30)
    facts = replace(facts, holdings=[seller])
    assert found(facts).keys() == {"I6", "I12"}
    facts = replace(facts, undone=undone("PAID SETTLED"))
    assert found(replace(facts, ended=False)) == {}
    assert found(facts).keys() == {"I6", "I12"}
    assert found(replace(facts, alarms=frozenset({SETTLED}))) == {}


def test_of_what_had_ended_the_loss_itself_is_told() -> None:
    """No state is left once it is an end: of a delivery, or a lock given back, nothing else can be told."""
    gone = replace(without_the_lock(), undone=undone("LOCKED PAID SETTLED"))
    assert found(replace(gone, losses=frozenset({SETTLED}))) == {}
    assert found(replace(gone, losses=frozenset({GIVEN_BACK}))).keys() == {"I6", "I12"}
    assert found(replace(gone, undone=undone("LOCKED PAID"), losses=frozenset({SETTLED}))).keys() == {"I6"}
    late = replace(gone, claims=gone.claims | {SETTLED: "EARMARKED"}, undone=undone("LOCKED EARMARKED PAID SETTLED"))
    assert found(replace(late, losses=frozenset({SETTLED}))).keys() == {"I6"}


def test_a_loss_that_was_told_leaves_no_unit_locked() -> None:
    facts = less(less(OVER, "moves", 0), "transfers", 1)
    seller = replace(facts.holdings[0], balance=1000, free=970, earmarked=30, earmarked_by_dvp=30)
    facts = replace(facts, holdings=[seller], undone=undone("PAID SETTLED"), losses=frozenset({SETTLED}))
    assert found(facts).keys() == {"I12"}


def test_what_was_locked_and_settled_anew_is_whole_again() -> None:
    assert found(replace(OVER, undone=undone("LOCKED PAID SETTLED"))) == {}


@pytest.mark.parametrize(
    ("fresh", "claims"),
    [
        ((SETTLED, "Settled"), {"SETTLED": "PAID", "RELEASED": "RELEASED", "EARMARKED": "EARMARKED"}),
        ((GIVEN_BACK, "GivenBack"), {"SETTLED": "SETTLED", "RELEASED": "LOCKED", "EARMARKED": "EARMARKED"}),
        ((UNDER_WAY, "Locked"), {"SETTLED": "SETTLED", "RELEASED": "RELEASED", "EARMARKED": "MATCHED"}),
    ],
)
def test_i6_what_is_not_final_is_not_shown(fresh: tuple[str, str], claims: dict[str, str]) -> None:
    facts = replace(CLEAN, fresh=frozenset({fresh}))
    assert found(facts).keys() == {"I6"}
    shown = dict(zip((SETTLED, GIVEN_BACK, UNDER_WAY), claims.values(), strict=True))
    assert found(replace(facts, claims=shown)) == {}


# --- wallets that were recovered


def to_heir(wallet: str, after: int, *line: str) -> Facts:
    """What was settled went to the last of `line`; the buyer's wallet was recovered after so many transfers."""
    facts = but(CLEAN, "transfers", 1, target=line[-1])
    facts = but(facts, "holdings", 1, holder=line[-1])
    successors = [
        Succession(wallet=one, successor=next_one, transfers=0)
        for one, next_one in zip((wallet, *line), line, strict=False)
    ]
    recovered = Recovery(token=TOKEN, wallet=wallet, transfers=after)
    return replace(facts, recoveries=[recovered], successions=successors)


def test_i8_units_for_a_lost_wallet_go_to_its_heir() -> None:
    assert found(to_heir(BUYER, 1, HEIR)) == {}
    assert found(to_heir(BUYER, 0, HEIR, HEIRS_HEIR)) == {}
    assert found(to_heir(BUYER, 2, HEIR)).keys() == {"I8"}, "it was lost only later"
    assert found(to_heir("0xOther", 0, HEIR)).keys() == {"I8"}, "another wallet's heir"
    elsewhere = replace(to_heir(BUYER, 0, HEIR), recoveries=[Recovery(token="0xShare", wallet=BUYER, transfers=0)])
    assert found(elsewhere).keys() == {"I8"}, "recovered of another token only"
    late = to_heir(BUYER, 0, HEIR)
    late = replace(late, successions=[replace(late.successions[0], transfers=2)])
    assert found(late).keys() == {"I8"}, "it got its heir only later"


def test_i8_a_lost_wallet_gets_nothing_itself() -> None:
    lost = replace(
        CLEAN,
        recoveries=[Recovery(token=TOKEN, wallet=BUYER, transfers=0)],
        successions=[Succession(wallet=BUYER, successor=HEIR, transfers=0)],
    )
    assert found(lost).keys() == {"I8"}


def test_i8_a_ring_of_successors_ends_the_search() -> None:
    ring = to_heir(BUYER, 0, HEIR)
    ring = plus(ring, "successions", Succession(wallet=HEIR, successor=BUYER, transfers=0))
    assert found(ring) == {}


def test_i8_the_takers_of_a_cycle_have_heirs_too() -> None:
    facts = net_settled()
    heir = replace(
        but(but(facts, "transfers", 2, target=HEIR), "holdings", 1, holder=HEIR, balance=4, free=4),
        recoveries=[Recovery(token=TOKEN, wallet=BUYER, transfers=2)],
        successions=[Succession(wallet=BUYER, successor=HEIR, transfers=2)],
    )
    buyer = replace(facts.holdings[1], balance=30, free=30)
    assert found(plus(heir, "holdings", buyer)) == {}
    assert found(plus(replace(heir, recoveries=[]), "holdings", buyer)).keys() == {"I8"}


def test_i1_units_given_back_do_not_go_to_the_buyers_heir() -> None:
    taken = Transfer(token=TOKEN, source=SELLER, target=HEIR, units=20, transaction="tx-50")
    facts = plus(CLEAN, "transfers", taken)
    seller = replace(facts.holdings[0], balance=950, free=940)
    facts = plus(replace(facts, holdings=[seller, facts.holdings[1]]), "holdings", heir_of(20))
    assert found(facts) == {}, "a transfer to a stranger"
    lost = replace(
        facts,
        recoveries=[Recovery(token=TOKEN, wallet=BUYER, transfers=2)],
        successions=[Succession(wallet=BUYER, successor=HEIR, transfers=2)],
    )
    assert found(lost).keys() == {"I1"}


def heir_of(units: int) -> object:
    return replace(CLEAN.holdings[1], holder=HEIR, balance=units, free=units)


# --- cash


@pytest.mark.parametrize(("limit", "wrong"), [(0, True), (199, True), (200, False)])
def test_i5_an_account_goes_below_zero_as_far_as_its_credit(limit: int, wrong: bool) -> None:
    """700 there, of which 100 are set aside, and 900 more are paid by the bank's own order."""
    facts = own_payment(800)
    facts = but(but(facts, "accounts", 0, posted=-100, credit_limit=limit), "accounts", 2, posted=1100)
    assert found(facts).keys() == ({"I5"} if wrong else set())


def own_payment(amount: int, **changes: object) -> Facts:
    order = Order(uetr="u", state="BOOKED", instructing="BUYRBIC", settlement_date=date(2026, 11, 20), mandate=None)
    paid = replace(posting(3, None, "BUYER-EUR", "SELLER-EUR", amount, at(70)), order="u")
    facts = plus(plus(CLEAN, "postings", paid), "orders", replace(order, **changes))
    facts = but(facts, "accounts", 0, owner="BUYRBIC", posted=700 - amount)
    return but(facts, "accounts", 2, owner="SELLBIC", posted=300 + amount)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, False),
        ({"instructing": "SELLBIC"}, True),
        ({"instructing": "SERVICE"}, True),
        ({"instructing": "SERVICE", "mandate": 1}, False),
        ({"instructing": "SELLBIC", "mandate": 1}, True),
        ({"instructing": "SERVICE", "mandate": 2}, True),
        ({"instructing": "SERVICE", "mandate": 1, "settlement_date": date(2027, 1, 1)}, True),
        ({"uetr": "other"}, True),
    ],
)
def test_i11_an_owner_pays_by_its_own_order_or_under_its_mandate(changes: dict[str, object], wrong: bool) -> None:
    assert found(own_payment(100, **changes)).keys() == ({"I11"} if wrong else set())


@pytest.mark.parametrize(("state", "wrong"), [("HELD", True), ("PENDING", True), ("REJECTED", False)])
def test_i12_no_payment_of_any_kind_waits_for_ever(state: str, wrong: bool) -> None:
    order = Order(uetr="u", state=state, instructing="BUYRBIC", settlement_date=date(2026, 11, 20), mandate=None)
    facts = plus(OVER, "orders", order)
    assert found(facts) == ({"I12": [f"payment u is still {state}"]} if wrong else {})
    assert found(replace(facts, ended=False)) == {}


def test_i12_no_money_stays_set_aside() -> None:
    facts = but(OVER, "accounts", 2, earmarked=7)
    assert found(facts)["I12"] == ["account SELLER-EUR: 7 are still set aside"]


# --- the journal


def test_i7_a_journal_is_judged_from_where_it_was_judged_before() -> None:
    first, *rest = CLEAN.journal
    assert found(replace(CLEAN, journal=rest, journal_after=(1, first.hash))) == {}
    assert found(replace(CLEAN, journal=rest)).keys() == {"I7"}
    assert found(replace(CLEAN, journal=rest, journal_after=(1, "0" * 64))).keys() == {"I7"}
    assert found(replace(CLEAN, journal=rest, journal_after=(2, first.hash))).keys() == {"I7"}
