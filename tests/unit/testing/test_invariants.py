"""The oracle finds what is planted, by its number, and nothing in a clean history."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from oracle_world import (
    BUYER,
    GIVEN_BACK,
    PAID_AGENTS,
    PAY_BY,
    SELLER,
    SETTLED,
    THIRD,
    TOKEN,
    UNDER_WAY,
    at,
    but,
    clean,
    leg,
    less,
    lock,
    move,
    net_settled,
    netted,
    over,
    payment,
    plus,
    posting,
    released,
    votes,
)

from lockstep.testing.facts import Cancellation, Facts, LongStop, Member, Party, Transfer
from lockstep.testing.invariants import INVARIANTS, check

CLEAN, OVER = clean(), over()
NETTED, NET_SETTLED = netted(), net_settled()
TWO = frozenset(sorted(PAID_AGENTS)[:2])
ALL = [f"I{number}" for number in range(1, 13)]


def stopped(name: str = "GivenBack", after: timedelta = timedelta(seconds=1), **changes: object) -> Facts:
    """What was given back is ended by two roles instead, `after` the challenge; the proposal in the first second."""
    proposed = PAY_BY + timedelta(days=5, seconds=1)
    stop = LongStop(
        proposed_by="0xO",
        proposed_at=proposed,
        proposed_in=1,
        confirmed_in=1,
        officer="0xO",
        confirmed_by="0xC",
        confirmer="0xC",
    )
    stop = replace(stop, **changes)
    ended = stop.proposed_at + timedelta(days=2) + after
    return but(CLEAN, "moves", 1, name=name, signers=frozenset(), at=ended, long_stop=stop)


def in_parts(quantity: int, *trades: str) -> Facts:
    """Two parts of one order locked, the first of them settled before, on one trade or on two."""
    first = replace(CLEAN.locks[0], of_order="whole", order_quantity=quantity)
    second = replace(CLEAN.locks[2], of_order="whole", order_quantity=quantity, trade=first.trade)
    return replace(CLEAN, locks=[first, CLEAN.locks[1], second], claims={}, instructions={})


BURNT = Cancellation(settlement="ee", by=SELLER, buyer=BUYER, seller_agreed=True)
HIDDEN = but(CLEAN, "moves", 0, signers=frozenset(), hidden=True)


def booked(facts: Facts, settlement: str, amount: int, block: int) -> Facts:
    """The payment of a settlement booked besides, with balances to match."""
    others = [one for one in facts.payments if one.settlement != settlement]
    facts = replace(facts, payments=[*others, payment(settlement, amount, "BOOKED", at(block))])
    facts = plus(facts, "releases", *released(settlement, block, "AGT1", "AGT2", "AGT4"))
    facts = plus(facts, "postings", posting(3, settlement, "BUYER-EUR", "SELLER-EUR", amount, at(block)))
    facts = but(facts, "accounts", 0, posted=700 - amount)
    return but(facts, "accounts", 2, posted=300 + amount)


def handed_over(settlement: str, units: int, transaction: str, **sides: str) -> Transfer:
    sides = {"source": SELLER, "target": BUYER} | sides
    return Transfer(token=TOKEN, units=units, transaction=transaction, **sides)


def twice(word: str, *instructions: tuple[str, str]) -> Facts:
    """Another trade of these instructions, paid or delivered besides."""
    trades = {**CLEAN.instructions, f"trade-{UNDER_WAY}": instructions}
    facts = replace(CLEAN, instructions=trades)
    if word == "paid":
        return booked(facts, UNDER_WAY, 100, 70)
    return plus(facts, "moves", move("Settled", UNDER_WAY, 70))


PLANTED = {
    # no delivery without a final payment
    "delivered and never paid": ("I1", plus(CLEAN, "moves", move("Settled", UNDER_WAY, 70))),
    "delivered before it was paid": ("I1", but(CLEAN, "postings", 1, booked_at=at(40) + timedelta(seconds=1))),
    "paid twice": ("I1", booked(CLEAN, SETTLED, 300, 31)),
    "given back to the buyer": ("I1", plus(CLEAN, "transfers", handed_over(GIVEN_BACK, 20, "tx-50"))),
    # no payment without a final lock of those terms
    "paid and never locked": ("I2", less(CLEAN, "locks", 0)),
    "paid one block too early": ("I2", but(CLEAN, "locks", 0, block=26)),
    "paid and the final block is not there": ("I2", replace(CLEAN, block_times={})),
    "paid on other terms": ("I2", but(CLEAN, "payments", 0, cash_hash="other")),
    "paid a second too late": ("I2", but(CLEAN, "locks", 0, pay_by=at(30) - timedelta(seconds=1))),
    "paid from a stranger's account": ("I2", but(CLEAN, "payments", 0, debtor="OTHRBIC")),
    "paid to another account": (
        "I2",
        replace(CLEAN, members=CLEAN.members | {SELLER: Member(bank="SELLBIC", accounts=frozenset())}),
    ),
    "buyer and seller swapped": ("I2", but(CLEAN, "locks", 0, seller=BUYER, buyer=SELLER)),
    "paid for a token of nobody's": ("I2", but(CLEAN, "locks", 0, token="0xStop")),
    "booked by the RTGS alone": ("I2", replace(CLEAN, releases=())),
    "booked on two agents' releases": ("I2", less(CLEAN, "releases", 1)),
    "booked on one agent's releases, told thrice": (
        "I2",
        replace(CLEAN, releases=released(SETTLED, 29, "AGT1", "AGT1", "AGT1")),
    ),
    "booked on a stranger's release": ("I2", but(CLEAN, "releases", 0, agent="RIVAL")),
    "booked on releases of another payment": ("I2", but(CLEAN, "releases", 1, settlement=UNDER_WAY)),
    "booked before the third release": ("I2", but(CLEAN, "releases", 2, released_at=at(30) + timedelta(seconds=1))),
    "booked on an epoch that never was": ("I2", but(CLEAN, "locks", 0, epoch=7)),
    # units
    "more earmarked than owned": ("I3", but(CLEAN, "holdings", 1, earmarked=31, free=0)),
    "free too high": ("I3", but(CLEAN, "holdings", 0, free=961)),
    "lane above the total": ("I3", but(CLEAN, "holdings", 1, earmarked_by_dvp=1)),
    "a unit from nowhere": ("I3", but(CLEAN, "holdings", 1, balance=31, free=31)),
    "supply too high": ("I3", replace(CLEAN, supplies={TOKEN: 1001})),
    "a holder not listed": ("I3", less(CLEAN, "holdings", 1)),
    "more passed on than owned": ("I3", replace(CLEAN, transfers=CLEAN.transfers[::-1])),
    # endings
    "ended twice": ("I4", plus(CLEAN, "moves", move("Settled", SETTLED, 41))),
    "settled and given back": ("I4", plus(CLEAN, "moves", move("GivenBack", SETTLED, 41))),
    "ended and never locked": ("I4", less(CLEAN, "locks", 1)),
    "locked twice": ("I4", plus(CLEAN, "locks", replace(CLEAN.locks[0], nonce=9))),
    "a nonce used twice": ("I4", but(CLEAN, "locks", 1, nonce=0)),
    "a trade settled twice": (
        "I4",
        plus(but(CLEAN, "locks", 2, trade=f"trade-{SETTLED}"), "moves", move("Settled", UNDER_WAY, 70)),
    ),
    "a trade paid twice": ("I4", booked(but(CLEAN, "locks", 2, trade=f"trade-{SETTLED}"), UNDER_WAY, 100, 70)),
    "the same instructions paid twice": (
        "I4",
        twice("paid", ("LEI-S", f"D-{SETTLED}"), ("LEI-B", f"R-{SETTLED}")),
    ),
    "the same instructions settled twice": (
        "I4",
        twice("settled", ("LEI-S", f"D-{SETTLED}"), ("LEI-B", f"R-{SETTLED}")),
    ),
    "one instruction in two trades": ("I4", twice("paid", ("LEI-S", f"D-{SETTLED}"), ("LEI-B", "R-NEW"))),
    # money
    "a cent too much": ("I5", but(CLEAN, "accounts", 2, posted=301)),
    "below zero": ("I5", but(CLEAN, "postings", 0, amount=200)),
    "earmarked beyond what is there": ("I5", but(CLEAN, "accounts", 0, earmarked=701)),
    "an earmark that no payment holds": ("I5", but(CLEAN, "accounts", 2, earmarked=1)),
    "a debit without its credit": ("I5", but(CLEAN, "postings", 1, credit="GONE")),
    "a posting in another currency": ("I5", but(CLEAN, "postings", 1, currency="JPY")),
    "a posting of nothing": ("I5", but(CLEAN, "postings", 0, amount=0)),
    "a posting number twice": ("I5", but(CLEAN, "postings", 1, number=1)),
    "booked and not posted": ("I5", but(CLEAN, "payments", 2, state="BOOKED")),
    "posted otherwise than paid": ("I5", but(CLEAN, "payments", 0, amount=299)),
    "posted and cancelled": ("I5", but(CLEAN, "payments", 0, state="CANCELLED")),
    "frozen units shown as free": ("I3", but(CLEAN, "holdings", 0, frozen=100)),
    "cancelled and locked": ("I4", plus(CLEAN, "cancellations", replace(BURNT, settlement=SETTLED))),
    "more in parts than the order": ("I4", in_parts(39)),
    # claims
    "claims ahead of the ledgers": ("I6", replace(CLEAN, claims={UNDER_WAY: "PAID"})),
    "claims another end": ("I6", replace(CLEAN, claims={SETTLED: "RELEASED"})),
    "claims a cancellation of what is locked": ("I6", replace(CLEAN, claims={f"trade-{UNDER_WAY}": "CANCELLED"})),
    "claims what nobody saw": ("I6", replace(CLEAN, claims={"ff": "SETTLED"})),
    "claims less, at the end": ("I6", replace(OVER, claims={SETTLED: "PAID"})),
    # proof
    "two signatures of three": ("I7", but(CLEAN, "moves", 0, signers=TWO)),
    "a stranger's signature": ("I7", but(CLEAN, "moves", 1, signers=TWO | {"0xStranger"})),
    "signed by another epoch": ("I7", but(CLEAN, "locks", 0, epoch=2)),
    "a long stop proposed by another": ("I7", stopped(proposed_by="0xX")),
    "a long stop confirmed by another": ("I7", stopped(confirmed_by="0xO")),
    "a long stop by one hand": ("I7", stopped(proposed_by="0xO", confirmed_by="0xO", confirmer="0xO")),
    "a long stop of an epoch that is over": ("I7", stopped(confirmed_in=2)),
    "a long stop within the grace": ("I7", stopped(proposed_at=PAY_BY + timedelta(days=5))),
    "a long stop within the challenge": ("I7", stopped(after=timedelta())),
    "a long stop that delivers": ("I7", stopped(name="Settled")),
    "a long stop proposed through a contract": ("I7", stopped(proposed_by=None)),
    "not provable from calldata, and nothing kept": ("I7", replace(HIDDEN, votes=votes(GIVEN_BACK, "NEVER"))),
    "a line of the journal changed": ("I7", but(CLEAN, "journal", 1, subject="another")),
    "a line of the journal taken out": ("I7", less(CLEAN, "journal", 1)),
    "the journal's first line taken out": ("I7", less(CLEAN, "journal", 0)),
    # once paid
    "given back and paid": ("I8", booked(CLEAN, GIVEN_BACK, 200, 49)),
    "given back after paid was recorded": (
        "I8",
        replace(CLEAN, moves=[CLEAN.moves[0], move("PaidRecorded", GIVEN_BACK, 49), CLEAN.moves[1]]),
    ),
    "recorded twice": (
        "I8",
        plus(CLEAN, "moves", move("PaidRecorded", UNDER_WAY, 70), move("PaidRecorded", UNDER_WAY, 71)),
    ),
    "delivered to the seller": ("I8", but(CLEAN, "transfers", 1, target=SELLER)),
    "delivered short": ("I8", but(CLEAN, "transfers", 1, units=29)),
    "delivered in a token that is not audited, and paid": (
        "I8",
        replace(but(CLEAN, "locks", 0, token="0xOther"), claims={}),
    ),
    # one outcome
    "both outcomes signed": ("I9", plus(CLEAN, "votes", *votes(SETTLED, "NEVER"))),
    "debited after never": ("I9", booked(CLEAN, GIVEN_BACK, 200, 49)),
    "signed paid on nothing": ("I9", plus(CLEAN, "votes", *votes(UNDER_WAY, "PAID"))),
    "signed never without a tombstone": ("I9", replace(CLEAN, tombstones=frozenset())),
    # locks and earmarks
    "an earmark without a lock": ("I10", but(CLEAN, "holdings", 1, earmarked=5, free=25, earmarked_by_dvp=5)),
    "a lock without its earmark": ("I10", but(CLEAN, "holdings", 0, earmarked=9, free=961, earmarked_by_dvp=9)),
    "released and still locked": ("I10", less(CLEAN, "moves", 1)),
    "the service shows a lock that is not audited": ("I10", but(CLEAN, "locks", 2, token="0xOther")),
    "paid for a lock that is not audited": (
        "I10",
        replace(less(but(CLEAN, "locks", 0, token="0xOther"), "moves", 0), claims={}),
    ),
    # leave
    "no signature of the seller": ("I11", but(CLEAN, "locks", 2, seller_signed=False)),
    "locked through another contract": ("I11", but(CLEAN, "locks", 2, hidden=True)),
    "cancelled without the seller": ("I11", plus(CLEAN, "cancellations", replace(BURNT, seller_agreed=False))),
    "cancelled through another contract": ("I11", plus(CLEAN, "cancellations", replace(BURNT, hidden=True))),
    "no signature of the buyer": ("I11", but(CLEAN, "locks", 0, buyer_signed=False)),
    "locked under another id": ("I11", but(CLEAN, "locks", 2, derived="dd")),
    "no mandate": ("I11", replace(CLEAN, mandates=[])),
    "refused for want of a mandate, and booked": ("I11", but(CLEAN, "payments", 0, mandate=None)),
    "more than the mandate's maximum": ("I11", but(CLEAN, "mandates", 0, maximum=299)),
    "a mandate for another payee": ("I11", but(CLEAN, "mandates", 0, payee="OTHER-EUR")),
    "a mandate for another service": ("I11", but(CLEAN, "mandates", 0, instructing="OTHER")),
    "a mandate on another account": ("I11", but(CLEAN, "mandates", 0, account="SELLER-EUR")),
    "a mandate in another currency": ("I11", but(CLEAN, "mandates", 0, currency="JPY")),
    "a mandate that is over": ("I11", but(CLEAN, "mandates", 0, until=date(2026, 11, 19))),
    "a mandate given afterwards": ("I11", but(CLEAN, "mandates", 0, given_at=at(31))),
    "debited for no settlement": ("I11", but(CLEAN, "postings", 1, settlement=None)),
    # cycles
    "a cycle delivered and never paid": ("I1", plus(NETTED, "moves", move("Settled", UNDER_WAY, 80))),
    "a cycle delivered before it was paid": ("I1", but(NET_SETTLED, "postings", 2, booked_at=at(81))),
    "a cycle given back to its takers": (
        "I1",
        plus(
            plus(NETTED, "moves", move("GivenBack", UNDER_WAY, 80)),
            "transfers",
            handed_over(UNDER_WAY, 6, "tx-80", target=THIRD),
        ),
    ),
    "a cycle paid before its lock was final": ("I2", but(NET_SETTLED, "cycles", 0, block=66)),
    "a cycle paid on other cash terms": ("I2", but(NET_SETTLED, "cycles", 0, cash_hash="other")),
    "a cycle paid from a stranger's account": ("I2", but(NET_SETTLED, "payments", 2, debtor="OTHRBIC")),
    "a cycle paid after its time": ("I2", but(NET_SETTLED, "cycles", 0, pay_by=at(69))),
    "a cycle paid for a token of nobody's": (
        "I2",
        but(
            NET_SETTLED,
            "cycles",
            0,
            legs=[*NET_SETTLED.cycles[0].legs, replace(leg(SELLER, BUYER, 1, "t4"), token="0x")],
        ),
    ),
    "a cycle booked by the RTGS alone": ("I2", replace(NET_SETTLED, releases=NET_SETTLED.releases[:3])),
    "a cycle that took what nobody had": ("I3", but(NET_SETTLED, "holdings", 2, balance=7, free=7)),
    "a cycle ended twice": ("I4", plus(NET_SETTLED, "moves", move("GivenBack", UNDER_WAY, 81))),
    "a cycle locked twice": ("I4", plus(NETTED, "cycles", NETTED.cycles[0])),
    "a cycle under a single lock's id": ("I4", plus(NETTED, "locks", lock(UNDER_WAY, 10, 60, 2))),
    "a cycle ended and never locked": ("I4", replace(NET_SETTLED, cycles=())),
    "a trade twice in a cycle": (
        "I4",
        but(NET_SETTLED, "cycles", 0, legs=[*NET_SETTLED.cycles[0].legs, NET_SETTLED.cycles[0].legs[0]]),
    ),
    "a trade in two cycles": (
        "I4",
        plus(
            plus(NET_SETTLED, "cycles", replace(NET_SETTLED.cycles[0], settlement="ee", derived="ee")),
            "moves",
            move("Settled", "ee", 81),
        ),
    ),
    "a cycle settled on two signatures": ("I7", but(NET_SETTLED, "moves", 2, signers=TWO)),
    "a cycle settled by another epoch": ("I7", but(NET_SETTLED, "cycles", 0, epoch=2)),
    "a cycle whose giver kept its units": ("I8", less(NET_SETTLED, "transfers", 2)),
    "a cycle whose taker got less": ("I8", but(NET_SETTLED, "transfers", 3, units=5)),
    "a cycle whose taker got another's": ("I8", but(NET_SETTLED, "transfers", 3, target=BUYER)),
    "a cycle without its earmark": (
        "I10",
        but(NETTED, "holdings", 0, earmarked=9, free=961, earmarked_by_dvp=9),
    ),
    "a cycle whose taker's units are earmarked": (
        "I10",
        but(NETTED, "holdings", 1, earmarked=4, free=26, earmarked_by_dvp=4),
    ),
    "a cycle settled and still earmarked": ("I10", replace(NET_SETTLED, holdings=NETTED.holdings)),
    "a cycle that one party did not sign": (
        "I11",
        but(NETTED, "cycles", 0, parties=[*NETTED.cycles[0].parties[:2], Party(wallet=THIRD, signed=False, least={})]),
    ),
    "a cycle beyond a party's limit": (
        "I11",
        but(
            NETTED,
            "cycles",
            0,
            parties=[*NETTED.cycles[0].parties[:2], Party(wallet=THIRD, signed=True, least={TOKEN: 7})],
        ),
    ),
    "a cycle with a trade of somebody else": ("I11", but(NETTED, "cycles", 0, parties=NETTED.cycles[0].parties[:2])),
    "a cycle under another id": ("I11", but(NETTED, "cycles", 0, derived="dd")),
    "a cycle whose trades cannot be read": ("I11", but(NETTED, "cycles", 0, legs=[])),
    "a cycle locked through another contract": ("I11", but(NETTED, "cycles", 0, hidden=True)),
    "a cycle without end": ("I12", replace(NETTED, ended=True)),
    # the end
    "a lock without end": ("I12", plus(OVER, "locks", CLEAN.locks[2])),
    "paid, recorded and never delivered": (
        "I12",
        replace(OVER, moves=[move("PaidRecorded", SETTLED, 40), OVER.moves[1]]),
    ),
    "a payment held": ("I12", plus(OVER, "payments", payment("ee", 100, "HELD", at(65)))),
    "a payment that waits": ("I12", plus(OVER, "payments", payment("ee", 100, "PENDING", at(65)))),
}


@pytest.mark.parametrize(
    "facts",
    [CLEAN, OVER, Facts(), NETTED, NET_SETTLED],
    ids=["under way", "over", "nothing", "a cycle under way", "a cycle settled"],
)
def test_clean_history_passes(facts: Facts) -> None:
    assert check(facts) == {name: [] for name in ALL}


@pytest.mark.parametrize(("number", "facts"), PLANTED.values(), ids=PLANTED)
def test_planted_violation_is_found_by_its_number(number: str, facts: Facts) -> None:
    found = check(facts)
    assert list(found) == ALL
    assert found[number], f"not found by {number}; found were {[name for name in found if found[name]]}"
    assert len(set(found[number])) == len(found[number])


def test_every_invariant_has_two_planted_violations() -> None:
    planted = Counter(number for number, _ in PLANTED.values())
    assert list(INVARIANTS) == ALL
    assert all(planted[name] >= 2 for name in ALL)


BOUNDARIES = {
    "a long stop in the first second of each wait": stopped(),
    "part of a holding is frozen": but(CLEAN, "holdings", 0, frozen=100, free=860),
    "more is frozen than is owned": but(CLEAN, "holdings", 1, frozen=31, free=0),
    "units were ended": replace(
        but(CLEAN, "holdings", 1, balance=25, free=25),
        supplies={TOKEN: 995},
        transfers=[
            *CLEAN.transfers,
            Transfer(token=TOKEN, source=BUYER, target=None, units=5, transaction="tx-90"),
        ],
    ),
    "an order cancelled before its lock": plus(CLEAN, "cancellations", BURNT),
    "all of an order in parts": in_parts(40),
    "hidden in calldata, proved by what agents left": HIDDEN,
    "booked in the last second to pay": but(CLEAN, "locks", 0, pay_by=at(30)),
    "booked as the lock became final": but(CLEAN, "locks", 0, block=25),
    "delivered in the second of the booking": but(
        but(CLEAN, "postings", 1, booked_at=at(40)), "payments", 0, decided_at=at(40)
    ),
    "delivered by a block that rounds down": but(
        but(CLEAN, "postings", 1, booked_at=at(40) + timedelta(milliseconds=900)),
        "payments",
        0,
        decided_at=at(40) + timedelta(milliseconds=900),
    ),
    "clocks apart, within the skew": replace(but(CLEAN, "locks", 0, block=26), skew=timedelta(seconds=12)),
    "delivered on the proof that was recorded": replace(
        CLEAN,
        moves=[move("PaidRecorded", SETTLED, 39), move("Settled", SETTLED, 40, frozenset()), CLEAN.moves[1]],
    ),
    "the service is a step behind": replace(CLEAN, claims={SETTLED: "PAID", UNDER_WAY: "LOCKED"}),
    "the service speaks of the trade": replace(CLEAN, claims={f"trade-{UNDER_WAY}": "EARMARKED"}),
    "one agent signed both outcomes": plus(CLEAN, "votes", *votes(SETTLED, "NEVER", frozenset({"0xA1"}))),
    "strangers signed the other outcome": plus(
        CLEAN, "votes", *votes(SETTLED, "NEVER", frozenset({"0xB1", "0xB2", "0xB3"}))
    ),
    "a lock on a token that is not audited": plus(CLEAN, "locks", replace(lock("ee", 7, 61, 3), token="0xOther")),
    "an agent's release came late": plus(CLEAN, "releases", *released(SETTLED, 90, "AGT4")),
    "the same references of other owners": but(
        twice("paid", ("LEI-X", f"D-{SETTLED}"), ("LEI-Y", f"R-{SETTLED}")), "accounts", 0, earmarked=0
    ),
    "given back, and matched anew": replace(
        CLEAN,
        instructions={
            f"trade-{SETTLED}": CLEAN.instructions[f"trade-{SETTLED}"],
            f"trade-{GIVEN_BACK}": CLEAN.instructions[f"trade-{SETTLED}"],
        },
    ),
    "nobody knows the instructions": replace(CLEAN, instructions={}),
    "a mandate for any payee and service": but(CLEAN, "mandates", 0, payee=None, instructing=None),
    "at the end, cancelled with no lock": replace(OVER, claims=OVER.claims | {"trade-dd": "CANCELLED"}),
    "at the end, matched for another day": replace(OVER, claims=OVER.claims | {"trade-dd": "MATCHED"}),
    "in the last second of the day": but(CLEAN, "payments", 2, decided_at=PAY_BY),
}


@pytest.mark.parametrize("facts", BOUNDARIES.values(), ids=BOUNDARIES)
def test_what_is_allowed_is_not_found(facts: Facts) -> None:
    assert {name: found for name, found in check(facts).items() if found} == {}


def test_payments_that_offset_each_other_are_judged_together() -> None:
    """Two that wait for each other's money are booked at once; one after the other would have overdrawn."""
    most = [
        posting(3, None, "SELLER-EUR", "BUYER-EUR", 5_000, at(50)),
        posting(4, None, "BUYER-EUR", "SELLER-EUR", 5_000, at(50)),
    ]
    assert check(plus(CLEAN, "postings", *most))["I5"] == []
    later = replace(most[1], booked_at=at(50) + timedelta(seconds=1))
    (told,) = check(plus(CLEAN, "postings", most[0], later))["I5"]
    assert told == "posting 3 took account SELLER-EUR below zero, or its limit"
    assert len(check(plus(CLEAN, "postings", most[0]))["I5"]) > 1, "also as the last"
