"""Every state × every state: the moves that exist, and the refusal of all others (I4, I8)."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product

import pytest

from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import Isin, Lei, Reference
from lockstep.domain.instruction import Side
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import MOVES, Reason, Trade, TradeState, TradeTerms

TERMS = TradeTerms(
    deliverer=Lei("5493001KJTIIGC8Y1R12"),
    receiver=Lei("529900T8BM49AURSDO55"),
    deliverer_reference=Reference("FABL-D-01"),
    receiver_reference=Reference("UTOP-R-01"),
    isin=Isin("US0378331005"),
    quantity=Quantity.parse("100"),
    cash=Money.parse("4230.00", "EUR"),
    settlement_date=date(2026, 11, 23),
    salt="00" * 16,
)
TRADE = Trade(
    trade_id=TERMS.trade_id,
    terms=TERMS,
    state=TradeState.MATCHED,
    matched_at=datetime(2026, 11, 23, 7, tzinfo=UTC),
    reason=Reason(code="LACK", text="short of units"),
)
STATES = ("MATCHED", "LOCKED", "EARMARKED", "PAID", "SETTLED", "CANCELLED", "RELEASED")
# Row: from. Column: to, in the order of STATES. + may move, = stays, . is refused.
TABLE = {
    "MATCHED":   "= + + + + + +",
    "LOCKED":    ". = + + + . +",
    "EARMARKED": ". . = + + . +",
    "PAID":      ". . . = + . .",
    "SETTLED":   ". . . . = . .",
    "CANCELLED": ". . . . . = .",
    "RELEASED":  ". . . . . . =",
}  # fmt: skip
ENDS = {"SETTLED", "CANCELLED", "RELEASED"}
WAITS = Reason(code="MONY", text="short of cash")


def cell(before: str, after: str) -> str:
    return TABLE[before].split()[STATES.index(after)]


def test_the_table_has_every_state() -> None:
    assert tuple(state.value for state in TradeState) == STATES
    assert tuple(TABLE) == STATES


@pytest.mark.parametrize(("before", "after"), product(STATES, STATES))
def test_move(before: str, after: str) -> None:
    trade = replace(TRADE, state=TradeState(before))
    if cell(before, after) == ".":
        with pytest.raises(LockstepError) as caught:
            trade.moved(TradeState(after), WAITS)
        assert str(caught.value) == f"trade {TRADE.trade_id} cannot go from {before} to {after}"
        assert trade.state is TradeState(before)
        return
    assert trade.moved(TradeState(after), WAITS) == replace(trade, state=TradeState(after), reason=WAITS)


@pytest.mark.parametrize("state", STATES)
def test_moves_are_the_table(state: str) -> None:
    assert {other.value for other in MOVES[TradeState(state)]} == {to for to in STATES if cell(state, to) == "+"}


@pytest.mark.parametrize("state", STATES)
def test_ends(state: str) -> None:
    assert TradeState(state).is_end == (state in ENDS)


@pytest.mark.parametrize("state", STATES)
def test_no_move_leads_back(state: str) -> None:
    """From nowhere can a state be reached again: nothing that ends begins anew."""
    reached: set[TradeState] = set()
    frontier = {TradeState(state)}
    while frontier:
        frontier = {to for origin in frontier for to in MOVES[origin]} - reached
        reached |= frontier
    assert TradeState(state) not in reached


@pytest.mark.parametrize("state", sorted(set(STATES) - ENDS))
def test_every_state_has_a_way_to_an_end(state: str) -> None:
    assert {to.value for to in MOVES[TradeState(state)]} & ENDS


def test_once_paid_the_only_way_is_forward() -> None:
    assert MOVES[TradeState.PAID] == {TradeState.SETTLED}


def test_a_move_without_reason_clears_the_old_one() -> None:
    assert TRADE.moved(TradeState.LOCKED).reason is None


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [(set(), False), ({Side.DELIVER}, False), ({Side.RECEIVE}, False), ({Side.DELIVER, Side.RECEIVE}, True)],
)
def test_cancelling_takes_both(asked: set[Side], agreed: bool) -> None:
    assert replace(TRADE, cancel_asked=frozenset(asked)).cancel_agreed is agreed


def test_reason_reads_as_code_and_words() -> None:
    assert str(WAITS) == "MONY: short of cash"
