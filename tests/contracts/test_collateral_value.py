"""The register and the rules off chain count the same collateral value: units x price x (10^6 - haircut) / 10^12,
divided once, rounded down. One table of cases, worked by hand, for both; then drawn ones beside exact fractions.
"""

from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from random import Random

import pytest

from lockstep.domain.collateral.valuation import Price, collateral_value
from lockstep.domain.identifiers import Isin

from .collateral import Desk

ISIN = Isin("DE0001102580")
HELD = 2**59

# Units, minor units for a million of them, haircut in parts of a million, value in minor units.
CASES = [
    # The whole price of a million units, and what a haircut of 2 % leaves of it.
    (1_000_000, 1_012_500, 0, 1_012_500),
    (1_000_000, 1_012_500, 20_000, 992_250),
    # Bonds of 50,000.00 euro at 99.5 %, less 4.5 %: 4,975,000 x 0.955.
    (5_000_000, 995_000, 45_000, 4_751_125),
    # A unit: just worth one, just short of it.
    (1, 1_000_000, 0, 1),
    (1, 999_999, 0, 0),
    (1, 1_000_000, 1, 0),
    # 2.999997 is two; and a millionth of a million less is all that is missing.
    (3, 999_999, 0, 2),
    (1_000_000, 1_000_000, 1, 999_999),
    # 3 x 0.9 x 0.666667 = 1.8000009; 7 x 0.9 x 0.9 = 5.67.
    (3, 900_000, 333_333, 1),
    (7, 900_000, 100_000, 5),
    # Divided once: 19 x 0.55 x 0.96 = 10.032. Rounded between, it would be 10 x 0.96: nine.
    (19, 550_000, 40_000, 10),
    # Nothing is left, or nothing there.
    (1_000, 1_000_000, 1_000_000, 0),
    (1_000, 0, 0, 0),
    # Half of all units that can be issued, at 10^18: 2^59 = 576,460,752,303,423,488, 10^12 times that less a millionth.
    (HELD, 10**18, 1, 576_460_175_842_671_184_576_512_000_000),
    # The highest price: 5 x 18,446,744,073,709,551,615 / 10^6 = 92,233,720,368,547.758075.
    (5, 2**64 - 1, 0, 92_233_720_368_547),
]


def off_chain(units: int, price: int, haircut: int) -> int:
    as_of = datetime(2026, 11, 23, 17, tzinfo=UTC)
    valued = Price(isin=ISIN, currency="EUR", price=price, as_of=as_of)
    return collateral_value(units, valued, haircut, "EUR").amount


class Scale:
    """An agreement under which as much is pledged as is to be weighed."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.send(desk.token.functions.issue(desk.seller.address, HELD), desk.issuer)
        desk.send(desk.second.functions.issue(desk.seller.address, HELD), desk.issuer)
        self.salt = 0

    def agreement(self, *quantities: int) -> bytes:
        """Under which so many units of the first security and of the second are pledged."""
        self.salt += 1
        id_ = self.desk.open(salt=self.salt)
        for token, quantity in zip((self.desk.token, self.desk.second), quantities, strict=False):
            self.desk.pledge(id_, quantity, salt=self.salt, token=token)
        return id_

    def cover(self, id_: bytes, *prices: tuple[int, int]) -> int:
        tokens = (self.desk.token, self.desk.second)
        self.desk.value(id_, 0, [(token, *price) for token, price in zip(tokens, prices, strict=False)])
        return int(self.desk.f.coverOf(id_).call())


@pytest.fixture
def scale(desk: Desk) -> Scale:
    return Scale(desk)


@pytest.mark.parametrize(("units", "price", "haircut", "value"), CASES)
def test_the_rules_off_chain_count_what_the_table_says(units: int, price: int, haircut: int, value: int) -> None:
    assert off_chain(units, price, haircut) == value


def test_the_register_counts_what_the_table_says(scale: Scale) -> None:
    """Each pledge is released again, as the largest takes all there is."""
    for units, price, haircut, value in CASES:
        id_ = scale.agreement(units)
        assert scale.cover(id_, (price, haircut)) == value, (units, price, haircut)
        pledge = scale.desk.pledge_id(id_, salt=scale.salt)
        scale.desk.send(scale.desk.f.release(pledge, units), scale.desk.buyer)


def test_several_securities_each_rounded_down(scale: Scale) -> None:
    """1.8000009 of each is one of each: 2, not 3."""
    id_ = scale.agreement(3, 3)
    assert scale.cover(id_, (900_000, 333_333), (900_000, 333_333)) == 2
    assert off_chain(3, 900_000, 333_333) * 2 == 2


def test_drawn_values_are_the_same_on_both_sides(scale: Scale) -> None:
    dice = Random(7)
    for _ in range(8):
        units = [dice.randrange(1, 2 ** dice.randrange(1, 50)) for _ in range(2)]
        id_ = scale.agreement(*units)
        for _ in range(3):
            prices = [(dice.randrange(2 ** dice.randrange(1, 64)), dice.randrange(1_000_001)) for _ in range(2)]
            ours = [off_chain(one, *price) for one, price in zip(units, prices, strict=True)]
            exact = [
                floor(one * Fraction(price, 10**6) * (1 - Fraction(haircut, 10**6)))
                for one, (price, haircut) in zip(units, prices, strict=True)
            ]
            assert ours == exact
            assert scale.cover(id_, *prices) == sum(ours)
            scale.desk.pass_time(1)
