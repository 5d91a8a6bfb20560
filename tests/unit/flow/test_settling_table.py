"""`decide` and `observed` as tables: every trade state × asset × cash × wish × proofs (I1, I4, I8)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from flow_cases import LATER, MATCHED, MORNING, ORDER, ORDERED, SIGNED, cash

from lockstep.domain.cash import CashView
from lockstep.domain.errors import LockstepError
from lockstep.domain.instruction import Side
from lockstep.domain.order import AssetStatus, AssetView
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Reason, Trade, TradeState
from lockstep.flow.settling import Sight, Step, decide, is_doubted, observed

FRESH, STALE = ORDER.terms.lock_by, ORDER.terms.lock_by + 1
CASH: dict[str, CashView | None] = {
    "nothing": None,
    "silent": cash(payment=None),
    "pending": cash(PaymentState.PENDING),
    "held": cash(PaymentState.HELD),
    "report": cash(PaymentState.BOOKED),
    "booked": cash(PaymentState.BOOKED, noticed_at=LATER),
    "refused": cash(PaymentState.REJECTED),
    "cancelled": cash(PaymentState.CANCELLED),
    "torn": cash(PaymentState.BOOKED, noticed_at=LATER, contradiction="two stories"),
}
# Row: the chain at its head / where it is final. Column: the cash leg, in the order of CASH.
# L lock, Q request cash, C cancel cash, S settle, s settle if proven, g give back if proven,
# R renew, X cancel, . wait, H halt. What a wish to get out changes stands after the slash.
TABLE = {
    #                        nothing silent pending held report booked refused cancelled torn
    "NONE/NONE":             "L/.     L/.    H       H    H      H      L/.     L/.       H",
    "CANCELLED/NONE":        ".     .      H       H    H      H      .      .         H",
    "CANCELLED/CANCELLED":   "R/X   R/X    H       H    H      H      R/X    R/X       H",
    "LOCKED/NONE":           ".       .      .       .    .      .      .       .         H",
    "LOCKED/LOCKED":         "Q/C     Q/C    ./C     ./C  .      s      g       g         H",
    "PAID/LOCKED":           "Q/C     Q/C    ./C     ./C  .      s      g       g         H",
    "PAID/PAID":             "S       S      S       S    S      S      H       H         H",
    "SETTLED/LOCKED":        ".       .      .       .    .      .      .       .         H",
    "SETTLED/PAID":          ".       .      .       .    .      .      H       H         H",
    "SETTLED/SETTLED":       ".       .      .       .    .      .      H       H         .",
    "GIVEN_BACK/LOCKED":     ".       .      .       .    .      .      .       .         H",
    "GIVEN_BACK/GIVEN_BACK": ".       .      C       C    H      H      .       .         .",
}  # fmt: skip
LETTERS = {
    "L": Step.LOCK,
    "Q": Step.REQUEST_CASH,
    "C": Step.CANCEL_CASH,
    "S": Step.SETTLE,
    "R": Step.RENEW,
    "X": Step.CANCEL,
    ".": Step.WAIT,
    "H": Step.HALT,
}
BOTH_ASKED = frozenset(Side)
WISHES = {
    "stays": {},
    "one asked": {"cancel_asked": frozenset({Side.DELIVER})},
    "both asked": {"cancel_asked": BOTH_ASKED},
    "given up": {"intents": {"give up": MORNING}},
    "late": {},
}
LATE = MORNING.replace(hour=16, second=1)


def asset(row: str, final_time: int = FRESH) -> AssetView:
    head, final = row.split("/")
    return AssetView(head=AssetStatus[head], final=AssetStatus[final], final_time=final_time)


def sight(row: str, column: str, *, late: bool = False, paid: bool = False, never: bool = False) -> Sight:
    return Sight(
        now=LATE if late else MORNING,
        asset=asset(row),
        cash=CASH[column],
        paid_proven=paid,
        never_proven=never,
    )


def expected(row: str, column: str, *, out: bool, paid: bool, never: bool) -> Step:
    letters = TABLE[row].split()[list(CASH).index(column)].split("/")
    letter = letters[-1] if out else letters[0]
    if letter in "sg":
        proven, step = (paid, Step.SETTLE) if letter == "s" else (never, Step.GIVE_BACK)
        return step if proven else Step.WAIT
    return LETTERS[letter]


@pytest.mark.parametrize(("row", "column"), product(TABLE, CASH))
def test_cell(row: str, column: str) -> None:
    """Both have signed, the order is fresh: for every open state, wish and proof."""
    for state, wish, paid, never in product(TradeState, WISHES, (False, True), (False, True)):
        trade = replace(SIGNED, state=state, **WISHES[wish])
        out = wish not in ("stays", "one asked")
        wanted = expected(row, column, out=out, paid=paid, never=never)
        seen = sight(row, column, late=wish == "late", paid=paid, never=never)
        assert decide(trade, seen) is (Step.WAIT if state.is_end else wanted), (state, wish, paid, never)


@pytest.mark.parametrize(("row", "column"), product(TABLE, CASH))
def test_it_is_asked_again_where_the_chain_ended_otherwise(row: str, column: str) -> None:
    """What was told twice already needs no other word, and what has no end on the chain is no other end."""
    ended = row.split("/")[1] in ("PAID", "SETTLED", "GIVEN_BACK")
    halts = expected(row, column, out=False, paid=False, never=False) is Step.HALT
    assert is_doubted(sight(row, column)) is (ended and halts and column != "torn")


@pytest.mark.parametrize("signed", ["none", "seller", "buyer", "both"])
@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("wish", WISHES)
def test_before_the_lock(signed: str, stale: bool, wish: str) -> None:
    """Once both have signed, anyone may lock until `lock_by`: only then is it over, and then finally."""
    trade = replace(
        ORDERED,
        seller_signature=b"s" if signed in ("seller", "both") else None,
        buyer_signature=b"b" if signed in ("buyer", "both") else None,
        **WISHES[wish],
    )
    now = LATE if wish == "late" else MORNING
    seen = Sight(now=now, asset=asset("NONE/NONE", STALE if stale else FRESH), cash=None)
    if wish in ("stays", "one asked"):
        wanted = Step.RENEW if stale else Step.LOCK if signed == "both" else Step.SIGN
    else:
        wanted = Step.CANCEL if stale or signed != "both" else Step.WAIT
    assert decide(trade, seen) is wanted


@pytest.mark.parametrize("wish", ["stays", "one asked", "both asked", "given up"])
@pytest.mark.parametrize("days", [-1, 0])
def test_before_the_order(wish: str, days: int) -> None:
    trade, now = replace(MATCHED, **WISHES[wish]), MORNING + timedelta(days=days)
    wanted = Step.PREPARE if days == 0 else Step.WAIT
    if wish in ("both asked", "given up"):
        wanted = Step.CANCEL
    assert decide(trade, Sight(now=now, asset=None, cash=None)) is wanted


def test_a_trade_never_ordered_ends_with_its_day() -> None:
    """With faults off, everything ends: also what waited for units until its day was over."""
    waits = replace(MATCHED, reason=Reason(code="LACK", text="short of units"))
    evening, tomorrow = MORNING.replace(hour=23), MORNING + timedelta(days=1)
    assert decide(waits, Sight(now=MORNING, asset=None, cash=None)) is Step.PREPARE
    assert decide(waits, Sight(now=evening, asset=None, cash=None)) in (Step.PREPARE, Step.CANCEL)
    assert decide(waits, Sight(now=tomorrow, asset=None, cash=None)) is Step.CANCEL


def every_case() -> Iterator[tuple[Trade, Sight]]:
    trades = [
        replace(trade, state=state, **WISHES[wish])
        for trade in (ORDERED, replace(ORDERED, seller_signature=b"s"), SIGNED)
        for state in TradeState
        for wish in ("stays", "both asked", "given up")
    ]
    rows = [
        asset(f"{head.name}/{final.name}", time)
        for head, final, time in product(AssetStatus, AssetStatus, (FRESH, STALE))
    ]
    sights = [
        Sight(now=now, asset=row, cash=CASH[column], paid_proven=paid, never_proven=never)
        for row, column, now, paid, never in product(rows, CASH, (MORNING, LATE), (False, True), (False, True))
    ]
    return product(trades, sights)


def test_the_rules_hold_everywhere() -> None:
    """The protocol's own words over all cases, those that cannot come about included."""
    nothing_is_done = (Step.WAIT, Step.HALT)
    for trade, seen in every_case():
        step, view, paid = decide(trade, seen), seen.asset, seen.cash
        assert view is not None
        case = (trade.state, view, paid, step)
        if trade.state.is_end:
            assert step is Step.WAIT, case
        if paid is not None and paid.contradiction and not trade.state.is_end:
            decided = view.final in (AssetStatus.SETTLED, AssetStatus.GIVEN_BACK)
            assert step is (Step.WAIT if decided else Step.HALT), case
        if step is Step.GIVE_BACK:
            assert seen.never_proven and paid is not None and paid.is_never, case
            assert view.final is AssetStatus.LOCKED, case
        if step is Step.SETTLE:
            proven = seen.paid_proven and paid is not None and paid.is_booked
            assert proven or view.final is AssetStatus.PAID, case
        if paid is not None and paid.state is PaymentState.BOOKED:
            assert step in (*nothing_is_done, Step.SETTLE), case
        if step in (Step.REQUEST_CASH, Step.SETTLE, Step.GIVE_BACK):
            assert view.final in (AssetStatus.LOCKED, AssetStatus.PAID), case
        if step is Step.CANCEL_CASH:
            assert view.final is not AssetStatus.SETTLED, case
        unlocked = (view.head, view.final) == (AssetStatus.NONE, AssetStatus.NONE)
        burnt = (view.head, view.final) == (AssetStatus.CANCELLED, AssetStatus.CANCELLED)
        if step in (Step.LOCK, Step.SIGN):
            assert unlocked, case
        if step in (Step.RENEW, Step.CANCEL):
            assert unlocked or burnt, case
        if step is Step.RENEW:
            assert burnt or view.final_time > ORDER.terms.lock_by, case
        let_go = view.final is AssetStatus.GIVEN_BACK and paid is not None and paid.state is not None
        if view.head.is_done and not burnt:
            assert step in (*nothing_is_done, Step.CANCEL_CASH) if let_go else step in nothing_is_done, case


@pytest.mark.parametrize("wish", WISHES)
def test_an_order_of_an_epoch_that_is_over_is_made_anew(wish: str) -> None:
    """Finally over: as if its time were. Not yet finally: it waits, as it may still be locked."""
    seen = Sight(now=LATE if wish == "late" else MORNING, asset=asset("NONE/NONE"), cash=None)
    assert seen.asset is not None
    trade = replace(SIGNED, **WISHES[wish])
    over = replace(seen, asset=replace(seen.asset, epoch_over=True))
    wants_out = wish not in ("stays", "one asked")
    assert decide(trade, over) is (Step.CANCEL if wants_out else Step.RENEW)
    assert decide(trade, seen) is (Step.WAIT if wants_out else Step.LOCK)


@pytest.mark.parametrize("column", ["nothing", "silent"])
def test_given_back_while_the_payment_may_be_on_its_way(column: str) -> None:
    """By the long stop: a payment that was asked for is cancelled though the RTGS has not answered yet."""
    asked = replace(SIGNED, state=TradeState.LOCKED, intents={"cash": MORNING})
    seen = sight("GIVEN_BACK/GIVEN_BACK", column)
    after = observed(asked, seen)
    assert (after.state, str(after.reason)) == (
        TradeState.LOCKED,
        "NVER: given back by the long stop; the payment is being cancelled",
    )
    assert decide(after, seen) is Step.CANCEL_CASH
    over = sight("GIVEN_BACK/GIVEN_BACK", "cancelled")
    assert observed(after, over).state is TradeState.RELEASED
    told = replace(asked, reason=Reason(code="CASH", text="the RTGS does not take the message"))
    assert observed(told, seen) == told, "told once, not at each look"


# --- what a look makes of a trade

# As TABLE; the state that a trade in LOCKED is moved to. B: stays, with reason BREAK. =: untouched.
SEEN = {
    #                        nothing silent pending held report booked refused cancelled torn
    "NONE/NONE":             "=       =      B       B    B      B      =       =         B",
    "CANCELLED/NONE":        "=       =      B       B    B      B      =       =         B",
    "CANCELLED/CANCELLED":   "=       =      B       B    B      B      =       =         B",
    "LOCKED/NONE":           "=       =      =       =    =      =      =       =         B",
    "LOCKED/LOCKED":         "L       L      LM      E    L      P      LN      LN        B",
    "PAID/LOCKED":           "L       L      LM      E    L      P      LN      LN        B",
    "PAID/PAID":             "P       P      P       P    P      P      B       B         B",
    "SETTLED/LOCKED":        "L       L      LM      E    L      P      LN      LN        B",
    "SETTLED/SETTLED":       "S       S      S       S    S      S      B       B         S",
    "GIVEN_BACK/LOCKED":     "L       L      LM      E    L      P      LN      LN        B",
    "GIVEN_BACK/GIVEN_BACK": "RN      RN     LN      LN   B      B      RN      RN        RN",
}  # fmt: skip
STATES = {state.value[0]: state for state in TradeState if state.value[0] not in "MC"}
CODES = {"M": "MONY", "N": "NVER", "B": "BREAK"}


@pytest.mark.parametrize(("row", "column"), product(SEEN, CASH))
def test_observed(row: str, column: str) -> None:
    letters = SEEN[row].split()[list(CASH).index(column)]
    trade = replace(SIGNED, state=TradeState.LOCKED, reason=Reason(code="MISC", text="earlier"))
    after = observed(trade, sight(row, column))
    if letters == "=":
        assert after == trade
        return
    code = CODES.get(letters[-1])
    assert after.state is (TradeState.LOCKED if letters == "B" else STATES[letters[0]])
    assert (after.reason.code if after.reason else None) == code
    assert replace(after, state=trade.state, reason=trade.reason) == trade


@pytest.mark.parametrize(("row", "column"), product(SEEN, CASH))
def test_looking_twice_shows_nothing_new(row: str, column: str) -> None:
    seen = sight(row, column)
    once = observed(replace(SIGNED, state=TradeState.LOCKED), seen)
    assert observed(once, seen) == once


@pytest.mark.parametrize(
    ("state", "row", "column"),
    [
        (TradeState.PAID, "LOCKED/LOCKED", "nothing"),  # the mirror was lost: what was seen once stays
        (TradeState.PAID, "LOCKED/LOCKED", "held"),
        (TradeState.EARMARKED, "LOCKED/LOCKED", "nothing"),
        (TradeState.EARMARKED, "LOCKED/LOCKED", "refused"),
        (TradeState.EARMARKED, "LOCKED/LOCKED", "pending"),
    ],
)
def test_no_look_moves_a_trade_back(state: TradeState, row: str, column: str) -> None:
    trade = replace(SIGNED, state=state)
    assert observed(trade, sight(row, column)).state is state


@pytest.mark.parametrize("state", [TradeState.MATCHED, TradeState.LOCKED, TradeState.EARMARKED])
def test_a_late_pass_skips_states(state: TradeState) -> None:
    trade = replace(SIGNED, state=state)
    assert observed(trade, sight("LOCKED/LOCKED", "booked")).state is TradeState.PAID
    assert observed(trade, sight("SETTLED/SETTLED", "booked")).state is TradeState.SETTLED
    assert observed(trade, sight("GIVEN_BACK/GIVEN_BACK", "cancelled")).state is TradeState.RELEASED


def test_what_was_paid_is_never_seen_released() -> None:
    """I8: a ledger that says so breaks the state machine instead of moving it."""
    paid = replace(SIGNED, state=TradeState.PAID)
    with pytest.raises(LockstepError) as caught:
        observed(paid, sight("GIVEN_BACK/GIVEN_BACK", "nothing"))
    assert str(caught.value) == f"trade {paid.trade_id} cannot go from PAID to RELEASED"


@pytest.mark.parametrize(
    ("changes", "view", "code", "text"),
    [
        ({"cancel_asked": BOTH_ASKED}, cash(PaymentState.CANCELLED, reason="x"), "CANI", "both parties asked"),
        ({}, cash(PaymentState.REJECTED), "NVER", "never be paid"),
        ({}, cash(PaymentState.HELD), "NVER", "given back by the long stop; the payment is being cancelled"),
        ({}, cash(PaymentState.REJECTED, reason_code="TM01", reason="too late"), "TM01", "too late"),
        ({}, cash(PaymentState.REJECTED, reason="too late"), "NVER", "too late"),
        (
            {"reason": Reason(code="MONY", text="short")},
            cash(PaymentState.REJECTED, reason_code="ED06", reason="the day is over"),
            "MONY",
            "the buyer was short of cash; the day is over",
        ),
    ],
)
def test_why_never(changes: dict[str, object], view: CashView, code: str, text: str) -> None:
    trade = replace(SIGNED, state=TradeState.LOCKED, **changes)
    seen = Sight(now=MORNING, asset=asset("GIVEN_BACK/GIVEN_BACK"), cash=view)
    reason = observed(trade, seen).reason
    assert reason is not None and reason.code == code and text in reason.text


@pytest.mark.parametrize("code", ["CASH", "CHAIN"])
@pytest.mark.parametrize(
    ("state", "column"),
    [
        (TradeState.LOCKED, "nothing"),
        (TradeState.LOCKED, "refused"),
        (TradeState.EARMARKED, "held"),
        (TradeState.EARMARKED, "cancelled"),
        (TradeState.PAID, "booked"),
    ],
)
def test_a_refusal_that_was_told_stays_told(code: str, state: TradeState, column: str) -> None:
    """Else each pass would clear it, meet it and tell it again, for ever."""
    trade = replace(SIGNED, state=state, reason=Reason(code=code, text="refused"))
    assert observed(trade, sight("LOCKED/LOCKED", column)) == trade
