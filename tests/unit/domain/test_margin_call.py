"""A margin call's life: every state with every act, refusals included, and the deadlines to the second."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockstep.domain.errors import InvalidInput, LockstepError
from lockstep.domain.identifiers import Bic
from lockstep.domain.margin_call import (
    CALL_MOVES,
    CallState,
    MarginCall,
    agree,
    deliver,
    dispute,
    overdue,
    resolve,
    withdraw,
)
from lockstep.domain.money import Money

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEADLINE = NOON + timedelta(hours=4)
CURE = DEADLINE + timedelta(hours=1)
SECOND = timedelta(seconds=1)
S = CallState


def eur(amount: int) -> Money:
    return Money(currency="EUR", amount=amount)


def issued(**changed: object) -> MarginCall:
    terms = {
        "call_id": "MC-1", "caller": Bic("ABNKDEFFXXX"), "called": Bic("BBNKDEFFXXX"), "amount": eur(1_000),
        "issued_at": NOON, "deliver_by": DEADLINE, "cure_seconds": 3_600,
    }  # fmt: skip
    return MarginCall(**{**terms, **changed})


def in_state(state: CallState) -> MarginCall:
    call = issued()
    return {
        S.ISSUED: lambda: call,
        S.AGREED: lambda: agree(call, NOON),
        S.DISPUTED: lambda: dispute(call, eur(400), "price of the swap", NOON),
        S.DELIVERED: lambda: deliver(agree(call, NOON), eur(1_000), NOON),
        S.DEFAULTED: lambda: overdue(agree(call, NOON), DEADLINE + SECOND),
        S.CURED: lambda: deliver(agree(call, NOON), eur(1_000), CURE),
        S.WITHDRAWN: lambda: withdraw(call, "sent in error", NOON),
    }[state]()


LATER = NOON + timedelta(hours=1)
ACTS: dict[str, Callable[[MarginCall], MarginCall]] = {
    "agree": lambda call: agree(call, LATER),
    "dispute": lambda call: dispute(call, eur(300), "threshold", LATER),
    "resolve": lambda call: resolve(call, eur(700), LATER),
    "deliver part": lambda call: deliver(call, eur(1), LATER),
    "deliver all": lambda call: deliver(call, eur(1_000), LATER),
    "withdraw": lambda call: withdraw(call, "netted", LATER),
    "time": lambda call: overdue(call, DEADLINE + SECOND),
}
AFTER: dict[str, dict[CallState, CallState]] = {
    "agree": {S.ISSUED: S.AGREED, S.DISPUTED: S.AGREED},
    "dispute": {S.ISSUED: S.DISPUTED},
    "resolve": {S.ISSUED: S.AGREED, S.DISPUTED: S.AGREED},
    "deliver part": {S.ISSUED: S.ISSUED, S.AGREED: S.AGREED, S.DISPUTED: S.DISPUTED, S.DEFAULTED: S.DEFAULTED},
    "deliver all": {S.ISSUED: S.DELIVERED, S.AGREED: S.DELIVERED, S.DISPUTED: S.DISPUTED, S.DEFAULTED: S.CURED},
    "withdraw": dict.fromkeys((S.ISSUED, S.AGREED, S.DISPUTED, S.DEFAULTED), S.WITHDRAWN),
    "time": {**{state: state for state in S}, S.ISSUED: S.DEFAULTED, S.AGREED: S.DEFAULTED, S.DISPUTED: S.DEFAULTED},
}  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", S)
def test_every_state_and_every_act(state: CallState, act: str) -> None:
    call = in_state(state)
    assert call.state is state
    after = AFTER[act].get(state)
    if after is None:
        with pytest.raises(LockstepError, match=f"margin call MC-1 (cannot go from|is) {state.value}"):
            ACTS[act](call)
    else:
        assert ACTS[act](call).state is after


def test_ends_are_final() -> None:
    assert {state for state in S if state.is_end} == {S.DELIVERED, S.CURED, S.WITHDRAWN}
    assert all(S.WITHDRAWN in moves for state, moves in CALL_MOVES.items() if not state.is_end)


def test_the_deadline_is_inclusive() -> None:
    call = agree(issued(), DEADLINE)
    assert overdue(call, DEADLINE) is call
    late = overdue(call, DEADLINE + SECOND)
    assert late.state is S.DEFAULTED
    assert late.reason == "10.00 EUR not delivered by 2026-11-23T16:00:00+00:00"
    assert late.decided_at == DEADLINE + SECOND
    with pytest.raises(InvalidInput, match="not after the deadline"):
        agree(issued(), DEADLINE + SECOND)
    with pytest.raises(InvalidInput, match="not after the deadline"):
        dispute(issued(), eur(0), "late", DEADLINE + SECOND)


@pytest.mark.parametrize(
    ("now", "state"),
    [(DEADLINE, S.DELIVERED), (DEADLINE + SECOND, S.CURED), (CURE, S.CURED), (CURE + SECOND, S.DEFAULTED)],
)
def test_the_cure_period_is_inclusive(now: datetime, state: CallState) -> None:
    """Whether or not anybody looked at the clock in between."""
    assert deliver(agree(issued(), NOON), eur(1_000), now).state is state
    assert deliver(issued(), eur(1_000), now).state is state


def test_no_cure_period_where_it_was_waived() -> None:
    call = agree(issued(cure_seconds=0), NOON)
    assert deliver(call, eur(1_000), DEADLINE).state is S.DELIVERED
    assert deliver(call, eur(1_000), DEADLINE + SECOND).state is S.DEFAULTED


def test_deliveries_add_up() -> None:
    call = deliver(agree(issued(), NOON), eur(999), NOON)
    assert (call.state, call.open_amount) == (S.AGREED, eur(1))
    call = deliver(call, eur(2), LATER)
    assert (call.state, call.open_amount, call.delivered, call.decided_at) == (S.DELIVERED, eur(0), 1_001, LATER)


def test_the_undisputed_part_is_owed_in_time() -> None:
    call = dispute(issued(), eur(400), "price", NOON)
    assert (call.owed, call.disputed, call.reason) == (eur(400), eur(600), "price")
    assert overdue(call, DEADLINE + SECOND).state is S.DEFAULTED
    paid = deliver(call, eur(400), LATER)
    assert paid.state is S.DISPUTED and overdue(paid, CURE).state is S.DISPUTED
    assert resolve(paid, eur(400), CURE).state is S.DELIVERED
    settled = resolve(paid, eur(700), CURE)
    assert (settled.state, settled.open_amount) == (S.AGREED, eur(300))
    assert deliver(resolve(paid, eur(700), LATER), eur(300), LATER).state is S.DELIVERED


def test_everything_may_be_disputed() -> None:
    call = dispute(issued(), eur(0), "no trade", NOON)
    assert overdue(call, CURE).state is S.DISPUTED
    assert resolve(call, eur(0), LATER).state is S.DELIVERED


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: issued(amount=eur(0)), "amount"),
        (lambda: issued(deliver_by=NOON), "deliver_by"),
        (lambda: issued(issued_at=NOON.replace(tzinfo=None)), "issued_at"),
        (lambda: issued(cure_seconds=-1), "cure_seconds"),
        (lambda: issued(agreed=eur(1_001)), "agreed"),
        (lambda: dispute(issued(), eur(1_000), "all", NOON), "undisputed"),
        (lambda: dispute(issued(), eur(-1), "x", NOON), "undisputed"),
        (lambda: dispute(issued(), Money(currency="USD", amount=1), "x", NOON), "undisputed"),
        (lambda: dispute(issued(), eur(1), "", NOON), "reason"),
        (lambda: resolve(in_state(S.DISPUTED), eur(399), NOON), "amount"),
        (lambda: resolve(in_state(S.DISPUTED), eur(1_001), NOON), "amount"),
        (lambda: deliver(issued(), eur(0), NOON), "value"),
        (lambda: deliver(issued(), Money(currency="USD", amount=1), NOON), "value"),
    ],
)
def test_what_is_refused(wrong: Callable[[], MarginCall], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        wrong()
    assert refused.value.field == field


def test_a_call_is_never_changed() -> None:
    call = issued()
    agree(call, NOON)
    assert call == replace(call) and call.state is S.ISSUED and call.agreed is None
