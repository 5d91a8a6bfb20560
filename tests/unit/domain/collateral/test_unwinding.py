"""Unwinding re-use, against a register of a few lines that releases one by one as the contract does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.collateral.claims import Claim
from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, AgreementMode, Pledge, PledgeId
from lockstep.domain.collateral.unwinding import unwinding
from lockstep.domain.errors import InvalidInput

TERMS = Agreement(
    giver="0x" + "1" * 40,
    taker="0x" + "2" * 40,
    mode=AgreementMode.SECURITY_INTEREST,
    currency="EUR",
    valuers="00" * 32,
    until=2**39,
    max_age_seconds=1,
)


class Shelf:
    """Pledges as numbers: quantity, re-used, cap in parts of a million, parent, for sale."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []

    def make(self, quantity: int, cap: int, parent: int = -1) -> int:
        if parent >= 0:
            self.rows[parent][1] += quantity
        self.rows.append([quantity, 0, cap, parent, 0])
        return len(self.rows) - 1

    def release(self, place: int, quantity: int) -> None:
        row = self.rows[place]
        assert 0 < quantity <= row[0] - row[4], "more than is at hand"
        row[0] -= quantity
        assert row[1] * 1_000_000 <= (row[0] - row[4]) * row[2], "more re-used than the cap allows"
        if row[3] >= 0:
            self.rows[row[3]][1] -= quantity

    def claims(self) -> list[Claim]:
        return [
            Claim(pledge_id=name(place), agreement=TERMS, pledge=pledge_of(row))
            for place, row in enumerate(self.rows)
            if row[0]
        ]


def name(place: int) -> PledgeId:
    return PledgeId(f"{place + 1:064x}")


def pledge_of(row: list[int]) -> Pledge:
    return Pledge(
        agreement_id=AgreementId("ab" * 32),
        parent=name(row[3]) if row[3] >= 0 else NO_PLEDGE,
        token="0x" + "3" * 40,
        quantity=row[0],
        depth=0,
        max_depth=8,
        holder="0x" + "0" * 40,
        reused=row[1],
        reuse_cap=row[2],
        owed=0,
        recalled=0,
        until=2**39,
        selling=row[4],
    )


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    shelf = Shelf()
    shelf.make(draw(st.integers(1, 10_000)), draw(st.integers(0, 1_000_000)))
    for _ in range(draw(st.integers(0, 8))):
        parent = draw(st.integers(0, len(shelf.rows) - 1))
        quantity, reused, cap, _, _ = shelf.rows[parent]
        room = quantity * cap // 1_000_000 - reused
        if room > 0:
            shelf.make(draw(st.integers(1, room)), draw(st.integers(0, 1_000_000)), parent)
    return shelf


@settings(max_examples=150, deadline=None)
@given(shelves(), st.data())
def test_the_register_takes_every_release_in_the_order_given(shelf: Shelf, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(shelf.rows) - 1))
    before = shelf.rows[place][0]
    quantity = data.draw(st.integers(1, before))
    steps = unwinding(shelf.claims(), name(place), quantity)
    for claim, units in steps:
        shelf.release(int(claim.pledge_id, 16) - 1, units)
    assert shelf.rows[place][0] == before - quantity
    assert len({claim.pledge_id for claim, _ in steps}) == len(steps)  # each link once


def test_what_is_left_alone_stays() -> None:
    shelf = Shelf()
    root = shelf.make(1_000, 500_000)
    first, last = shelf.make(300, 0, root), shelf.make(100, 0, root)
    assert [claim.pledge_id for claim, _ in unwinding(shelf.claims(), name(root), 200)] == [name(root)]
    steps = [(claim.pledge_id, units) for claim, units in unwinding(shelf.claims(), name(root), 500)]
    assert steps == [(name(last), 100), (name(first), 50), (name(root), 500)]  # 250 may stay pledged on


def test_what_is_not_there_or_for_sale_is_refused() -> None:
    shelf = Shelf()
    root = shelf.make(1_000, 1_000_000)
    child = shelf.make(800, 0, root)
    for quantity in (0, 1_001):
        with pytest.raises(InvalidInput) as caught:
            unwinding(shelf.claims(), name(root), quantity)
        assert caught.value.field == "quantity"
    shelf.rows[child][4] = 700
    with pytest.raises(InvalidInput, match="600 base units fewer"):
        unwinding(shelf.claims(), name(root), 900)
    assert len(unwinding(shelf.claims(), name(root), 300)) == 2
    with pytest.raises(InvalidInput) as caught:
        unwinding(shelf.claims(), PledgeId("ff" * 32), 1)
    assert caught.value.field == "pledge"
