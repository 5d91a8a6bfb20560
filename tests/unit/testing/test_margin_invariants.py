"""The oracle over margin in cash: a payment without a lock is margin, or a violation; and what is planted is found."""

from dataclasses import replace
from datetime import timedelta

import pytest
from oracle_world import PAY_BY, at, but, less, over, payment, plus, posting, released

from lockstep.testing.facts import Facts
from lockstep.testing.facts_margin import Counted, Margin
from lockstep.testing.invariants import check

CALL = "dd"


def paid() -> Facts:
    """A day that is over, on which the buyer also gave 100 of margin, booked in block 70 and counted in 72."""
    facts = over()
    facts = plus(facts, "payments", payment(CALL, 100, "BOOKED", at(70)))
    facts = plus(facts, "releases", *released(CALL, 69, "AGT1", "AGT2", "AGT4"))
    facts = plus(facts, "postings", posting(3, CALL, "BUYER-EUR", "SELLER-EUR", 100, at(70)))
    facts = but(facts, "accounts", 0, posted=600)
    facts = but(facts, "accounts", 2, posted=400)
    named = Margin(settlement=CALL, agreement="a1", call="c1", amount=100, pay_by=PAY_BY)
    return replace(facts, margin=[named], counted=[Counted(agreement="a1", call="c1", amount=100, at=at(72))])


PAID = paid()


def found(facts: Facts) -> dict[str, list[str]]:
    return {name: violations for name, violations in check(facts).items() if violations}


def test_margin_that_is_in_order() -> None:
    assert found(PAID) == {}
    back = but(PAID, "margin", 0, amount=-100)
    assert found(but(back, "counted", 0, amount=-100)) == {}


def test_under_way_it_need_not_count_yet() -> None:
    assert found(replace(PAID, counted=[], ended=False)) == {}


def twice() -> Facts:
    """The same call paid again under another attempt."""
    other = "ee"
    facts = plus(PAID, "payments", payment(other, 100, "BOOKED", at(75)))
    facts = plus(facts, "releases", *released(other, 74, "AGT1", "AGT2", "AGT4"))
    facts = plus(facts, "postings", posting(4, other, "BUYER-EUR", "SELLER-EUR", 100, at(75)))
    facts = but(facts, "accounts", 0, posted=500)
    facts = but(facts, "accounts", 2, posted=500)
    return plus(facts, "margin", replace(PAID.margin[0], settlement=other))


@pytest.mark.parametrize(
    ("facts", "violated", "said"),
    [
        (replace(PAID, margin=[], counted=[]), {"I2"}, "the payment for settlement dd is booked and it has 0 locks"),
        (but(PAID, "counted", 0, amount=90), {"I1"}, "call c1 of agreement a1 counts as 90, and no such payment"),
        (but(PAID, "counted", 0, amount=-100), {"I1"}, "counts as -100, and no such payment is booked"),
        (but(PAID, "counted", 0, call="c2"), {"I1", "I12"}, "call c2 of agreement a1 counts as 100, and no such"),
        (but(PAID, "counted", 0, at=at(69)), {"I1"}, "was counted at 2026-11-20T09:13:48+00:00, before its payment"),
        (less(PAID, "releases", -1), {"I2"}, "the margin payment dd was booked on 2 agents' releases, 3 needed"),
        (
            but(PAID, "margin", 0, pay_by=at(70) - timedelta(seconds=1)),
            {"I2"},
            "the margin payment dd was booked at 2026-11-20T09:14:00+00:00, after 2026-11-20T09:13:59+00:00",
        ),
        (but(but(PAID, "margin", 0, amount=110), "counted", 0, amount=110), {"I2"}, "booked as 100, its id names 110"),
        (twice(), {"I4"}, "call c1 of agreement a1 was paid 2 times"),
        (plus(PAID, "counted", PAID.counted[0]), {"I4"}, "call c1 of agreement a1 was counted 2 times"),
        (replace(PAID, counted=[]), {"I12"}, "the margin payment dd is booked, and the register does not count it"),
        (but(PAID, "mandates", 0, maximum=99), {"I11"}, "debits account BUYER-EUR without a mandate that covers it"),
    ],
    ids=[
        "no agreement names it",
        "counted as less",
        "counted the other way",
        "another call counted",
        "counted before it was booked",
        "too few releases",
        "too late",
        "another amount",
        "paid twice",
        "counted twice",
        "never counted",
        "no mandate",
    ],
)
def test_what_is_planted_is_found(facts: Facts, violated: set[str], said: str) -> None:
    judged = found(facts)
    assert violated <= set(judged), judged
    assert any(said in one for name in violated for one in judged[name]), judged


def test_a_lock_is_no_margin() -> None:
    """What an agreement names and a lock stands behind is judged as the settlement that it is."""
    facts = but(PAID, "locks", 0, pay_by=at(1))
    named = Margin(settlement=facts.locks[0].settlement, agreement="a1", call="c9", amount=300, pay_by=PAY_BY)
    judged = found(plus(facts, "margin", named))
    assert any("settlement aa was booked" in one and "the last second to pay" in one for one in judged["I2"])
