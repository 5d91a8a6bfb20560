"""The oracle over collateral: a payment without a lock is margin, or a violation; pledges are there, once, and pledged
on within their caps; and what is planted is found."""

from dataclasses import replace
from datetime import timedelta

import pytest
from oracle_world import BUYER, PAY_BY, SELLER, TOKEN, at, but, less, over, payment, plus, posting, released

from lockstep.testing.facts import Facts
from lockstep.testing.facts_collateral import Counted, Margin, Pledge
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


def test_a_sale_counts_as_what_its_settlement_fetched() -> None:
    settlement = PAID.locks[0].settlement
    facts = replace(PAID, sold={settlement: SELLER})
    sold = Counted(agreement="a1", call=settlement, amount=300, at=at(72))
    assert found(plus(facts, "counted", sold)) == {}
    for wrong in (replace(sold, amount=299), replace(sold, at=at(29)), replace(sold, call=PAID.locks[1].settlement)):
        assert found(plus(facts, "counted", wrong)).keys() == {"I1"}
    assert found(plus(PAID, "counted", sold)).keys() == {"I1"}  # of what the register did not sell
    stranger = replace(facts, sold={settlement: BUYER})
    assert found(plus(stranger, "counted", sold)).keys() == {"I2"}  # it was not the taker who was paid


# --- pledges


def pledged() -> Facts:
    """500 units of the seller's pledged, 300 of them pledged on, 100 of those once more; 50 of the root for sale."""

    def pledge(name: str, parent: str | None, quantity: int, reused: int, **more: int) -> Pledge:
        holder = "" if parent else SELLER
        stated = {"selling": 0, "cap": 800_000, **more}
        return Pledge(
            pledge=name, parent=parent, token=TOKEN, holder=holder, quantity=quantity, reused=reused, **stated
        )

    pledges = [
        pledge("p1", None, 500, 300, selling=50),
        pledge("p2", "p1", 300, 100),
        pledge("p3", "p2", 100, 0, cap=0),
        pledge("p4", None, 20, 0),
    ]
    facts = replace(over(), pledges=pledges, register_lanes={(TOKEN, SELLER): 470})
    return but(facts, "holdings", 0, free=500, earmarked=470)


PLEDGED = pledged()


def test_pledges_that_are_in_order() -> None:
    assert found(PLEDGED) == {}
    assert found(but(PLEDGED, "pledges", 0, cap=666_667)) == {}  # 300.00015, down to 300


@pytest.mark.parametrize(
    ("facts", "violated", "said"),
    [
        (but(PLEDGED, "pledges", 0, cap=666_666), "I3", "pledge p1: 300 units pledged on, where 299 may be"),
        (but(PLEDGED, "pledges", 0, selling=126), "I3", "pledge p1: 300 units pledged on, where 299 may be"),
        (but(PLEDGED, "pledges", 0, reused=290), "I3", "pledge p1: 290 units pledged on, its pledges on have 300"),
        (but(PLEDGED, "pledges", 2, quantity=240), "I3", "pledge p2: 100 units pledged on, its pledges on have 240"),
        (but(PLEDGED, "pledges", 1, parent="p9"), "I3", "pledge p2 is on pledge p9, which there is not"),
        (but(PLEDGED, "pledges", 1, token="0xShare"), "I3", "pledge p2 is of another security than pledge p1"),
        (replace(PLEDGED, register_lanes={(TOKEN, SELLER): 469}), "I10", "470 units pledged, 469 earmarked"),
        (replace(PLEDGED, register_lanes={}), "I10", "470 units pledged, 0 earmarked by the register"),
        (
            replace(PLEDGED, register_lanes={**PLEDGED.register_lanes, (TOKEN, BUYER): 1}),
            "I10",
            f"token {TOKEN}, holder {BUYER}: 0 units pledged, 1 earmarked by the register",
        ),
        (but(PLEDGED, "pledges", 1, selling=10), "I10", "460 units pledged, 470 earmarked by the register"),
    ],
    ids=[
        "beyond the cap",
        "what is for sale counts no more",
        "less pledged on than pledges say",
        "more pledged on than pledges say",
        "no parent",
        "another security",
        "a unit not earmarked",
        "nothing earmarked",
        "earmarked for no pledge",
        "sold further down",
    ],
)
def test_what_is_planted_among_pledges_is_found(facts: Facts, violated: str, said: str) -> None:
    judged = found(facts)
    assert any(said in one for one in judged.get(violated, [])), judged
