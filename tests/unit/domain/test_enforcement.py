"""What follows in an enforcement, by the figures of one block."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.collateral.register import (
    NO_PLEDGE,
    Agreement,
    AgreementId,
    AgreementMode,
    Pledge,
    PledgeId,
    PricedToken,
    State,
)
from lockstep.domain.enforcement import (
    Ended,
    Enforcement,
    Move,
    MoveKind,
    Outcome,
    Planned,
    Standing,
    Waiting,
    move_nonce,
    next_step,
)
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_bonds import ActState
from lockstep.domain.values import replace

AGREEMENT = AgreementId("5a" * 32)
FIRST, SECOND = PledgeId("01" * 32), PledgeId("02" * 32)
BOND, BILL = "0x" + "0b" * 20, "0x" + "0c" * 20
GIVER, TAKER = "0x" + "01" * 20, "0x" + "02" * 20
NOW = 1_795_420_800
TERMS = Agreement(
    giver=GIVER,
    taker=TAKER,
    mode=AgreementMode.SECURITY_INTEREST,
    currency="EUR",
    valuers="00" * 32,
    until=NOW + 86_400,
    max_age_seconds=3_600,
    appropriation=True,
    reuse_cap=1_000_000,
)
DECLARED = State(exposure=1_000, required=1_000, credit=0, valued_at=NOW - 60, enforce_from=NOW - 1, selling=0)
BEGUN = Enforcement(
    agreement_id=AGREEMENT,
    name=Reference("E-1"),
    currency="EUR",
    begun_at=datetime(2026, 11, 23, tzinfo=UTC),
    is_declared=True,
)
TAKE = Move(
    number=1, kind=MoveKind.APPROPRIATE, party=TAKER, act_by=NOW, decided_at=BEGUN.begun_at, pledge_id=FIRST, units=5
)


def pledge(quantity: int, token: str = BOND, **changes: Any) -> Pledge:
    usual: dict[str, Any] = {
        "agreement_id": AGREEMENT,
        "parent": NO_PLEDGE,
        "token": token,
        "quantity": quantity,
        "depth": 0,
        "max_depth": 1,
        "holder": GIVER,
        "reused": 0,
        "reuse_cap": 1_000_000,
        "owed": 0,
        "recalled": 0,
        "until": TERMS.until,
        "selling": 0,
    }
    return Pledge(**(usual | changes))


def standing(*pledges: Pledge, price: int = 1_000_000, cover: int = 0, now: int = NOW, **state: Any) -> Standing:
    """A cent a unit; the bill has no price."""
    terms = state.pop("terms", TERMS)
    return Standing(
        terms=terms,
        state=replace(DECLARED, **state),
        cover=cover,
        prices={BOND: PricedToken(token=BOND, price=price, haircut=0)},
        pledges=list(zip((FIRST, SECOND), pledges, strict=False)),
        now=now,
    )


@given(st.integers(0, 10**7), st.integers(1, 10**9))
def test_as_many_units_as_their_price_rounded_up_allows(due: int, price: int) -> None:
    most = standing(price=price).most_within(due, BOND)

    def cost(units: int) -> int:
        whole, rest = divmod(units * price, 1_000_000)
        return whole + (rest > 0)

    assert cost(most) <= due < cost(most + 1)


@pytest.mark.parametrize(
    ("pledges", "changes", "expected"),
    [
        ((pledge(500),), {}, Planned(kind=MoveKind.APPROPRIATE, pledge_id=FIRST, units=500)),
        ((pledge(2_000),), {}, Planned(kind=MoveKind.APPROPRIATE, pledge_id=FIRST, units=1_000)),
        ((pledge(2_000),), {"credit": 400}, Planned(kind=MoveKind.APPROPRIATE, pledge_id=FIRST, units=600)),
        ((pledge(500, BILL), pledge(500)), {}, Planned(kind=MoveKind.APPROPRIATE, pledge_id=SECOND, units=500)),
        ((pledge(500, owed=70),), {}, Planned(kind=MoveKind.SET_OFF, pledge_id=FIRST, units=70)),
        ((pledge(500, reused=300),), {}, Planned(kind=MoveKind.APPROPRIATE, pledge_id=FIRST, units=200)),
        ((), {}, Planned(kind=MoveKind.END)),
    ],
)
def test_what_is_taken_next(pledges: tuple[Pledge, ...], changes: dict[str, int], expected: Planned) -> None:
    assert next_step(BEGUN, standing(*pledges, **changes)) == expected


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (standing(pledge(500), enforce_from=NOW), "notice and cure periods"),
        (standing(pledge(500), valued_at=NOW - 3_601), "too old to enforce by"),
        (standing(pledge(500, BILL)), "or a price is awaited"),
        (standing(pledge(500, reused=500)), "what is pledged on"),
        (standing(pledge(500), terms=replace(TERMS, appropriation=False)), "a sale is awaited"),
        (standing(pledge(500), exposure=0), "nothing is owed that could be taken"),
        (standing(pledge(500), credit=500, selling=500), "the proceeds of a sale"),
    ],
)
def test_why_it_waits(at: Standing, why: str) -> None:
    follows = next_step(BEGUN, at)
    assert isinstance(follows, Waiting) and why in follows.reason


def test_the_ground_is_the_contract_s() -> None:
    """Before the end of the term cover counts against what is required; after it only what was paid, against debt."""
    begun = replace(BEGUN, is_declared=False)
    none = {"enforce_from": 0}
    assert next_step(begun, standing(cover=999, **none)) == Planned(kind=MoveKind.DECLARE)
    covered = next_step(begun, standing(cover=1_000, **none))
    assert isinstance(covered, Ended) and covered.outcome is Outcome.CURED
    late = replace(TERMS, until=NOW - 1)
    assert next_step(begun, standing(cover=10**9, terms=late, **none)) == Planned(kind=MoveKind.DECLARE)
    paid = next_step(begun, standing(terms=late, credit=1_000, **none))
    assert isinstance(paid, Ended)
    stale = next_step(begun, standing(valued_at=0, **none))
    assert isinstance(stale, Waiting)


def test_cured_after_the_periods_as_well() -> None:
    assert next_step(BEGUN, standing(pledge(500), cover=1_000)) == Planned(kind=MoveKind.END)


def test_what_is_over_goes_back_once_something_was_taken_and_nothing_is_owed() -> None:
    taken = replace(BEGUN, moves=(replace(TAKE, state=ActState.DONE, value=1_000),))
    over = standing(pledge(500, reused=100), credit=1_000)
    assert next_step(taken, over) == Planned(kind=MoveKind.RELEASE, pledge_id=FIRST, units=400)
    assert next_step(taken, standing(pledge(0), credit=1_000)) == Planned(kind=MoveKind.END)
    covered = standing(pledge(500), credit=600, cover=400)  # 4.00 are owed still, and margin for them stays
    assert next_step(taken, covered) == Planned(kind=MoveKind.END)
    ended = next_step(taken, standing(enforce_from=0, credit=900))
    assert ended == Ended(outcome=Outcome.ENFORCED, left=100, reason=ended.reason)


def test_withdrawn_it_takes_and_releases_nothing() -> None:
    taken = replace(BEGUN, withdrawn=True, moves=(replace(TAKE, state=ActState.DONE, value=10),))
    assert next_step(taken, standing(pledge(500))) == Planned(kind=MoveKind.END)
    assert isinstance(next_step(replace(BEGUN, is_declared=False, withdrawn=True), standing(enforce_from=0)), Ended)


def test_every_act_has_a_number_of_its_own() -> None:
    numbers = {
        move_nonce(agreement, name, replace(TAKE, number=number, act_by=by))
        for agreement in (AGREEMENT, AgreementId("5b" * 32))
        for name in (Reference("E-1"), Reference("E-2"))
        for number in (1, 2)
        for by in (NOW, NOW + 1)
    }
    assert len(numbers) == 16
    assert all(0 <= number < 2**256 for number in numbers)
