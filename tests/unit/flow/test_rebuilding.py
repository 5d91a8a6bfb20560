"""Records made anew from the ledgers and the original instructions: as they were, and what is missing is named.

What is expected are the records as they were before they were lost.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import permutations

import pytest
from flow_world import Bench, check

from lockstep.domain.errors import Conflict, InvalidInput, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import Reference
from lockstep.domain.instruction import (
    CancellationAdvice,
    CancellationRequest,
    CancellationStatus,
    Instruction,
    SettlementConfirmation,
    Side,
)
from lockstep.domain.message import Message
from lockstep.domain.order import AssetStatus, OutcomeResult
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.gathering import Gathered, Heard
from lockstep.flow.ordering import payment_for
from lockstep.flow.rebuilding import Rebuilt, rebuild
from lockstep.testing.fakes import BUYER, SALT_KEY, SELLER, FakeBook, example_instruction

Given = Message[Instruction] | Message[CancellationRequest]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    check(bench)
    bench.close()


def original(bench: Bench, instruction: Instruction) -> Given:
    """As `Bench.submit` hands it in."""
    return Message(
        sender=instruction.owner.bic,
        receiver=bench.market.service,
        message_id=f"M-{instruction.reference}",
        created=bench.clock.now(),
        body=instruction,
    )


def pair(number: int, **changes: str) -> list[Instruction]:
    return [
        example_instruction(Side.DELIVER, f"D-{number}", **changes),
        example_instruction(Side.RECEIVE, f"R-{number}", **changes),
    ]


def wish(bench: Bench, side: Side, number: int = 1) -> Given:
    owner, letter = (SELLER, "D") if side is Side.DELIVER else (BUYER, "R")
    body = CancellationRequest(reference=Reference(f"{letter}-{number}"), side=side, owner=owner)
    return Message(
        sender=owner.bic,
        receiver=bench.market.service,
        message_id=f"C-{side.value}-{number}",
        created=bench.clock.now(),
        body=body,
    )


def rebuilt(bench: Bench, given: Iterable[Instruction | Given], salt_key: bytes = SALT_KEY) -> Rebuilt:
    """All records and messages lost; made anew, without a word to either ledger."""
    blocks, money, posted = bench.chain.head, dict(bench.rtgs.available), len(bench.rtgs.payments)
    gathered = Gathered(bench.market, bench.clock.now())
    for one in given:
        message = original(bench, one) if isinstance(one, Instruction) else one
        gathered.take(message, hashlib.sha256(repr(message.body).encode()).hexdigest())
    heard = Heard(bench.clock.now())
    while mail := bench.cash.receive(heard.cursor, 2):
        heard.hear(mail)
    assets = bench.assets
    histories = [(one, assets.history(one)) for one in assets.locked()]
    done = rebuild(gathered, heard, salt_key, histories, assets.final_time())
    bench.book = FakeBook()
    bench.mailbox.messages.clear()
    bench.restarted()
    changes = list(done.changes)
    for change in changes:
        bench.book.commit(change)
    assert (blocks, money, posted) == (bench.chain.head, dict(bench.rtgs.available), len(bench.rtgs.payments))
    return replace(done, changes=iter(changes))


def essence(trade: Trade) -> tuple[object, ...]:
    return trade.trade_id, trade.terms, trade.state, trade.settlement_id, trade.order, trade.reason, trade.cash_secret


def confirmed(bench: Bench) -> list[tuple[str, str]]:
    """Who was told by sese.025, under which id: each file once, as a mailbox has them."""
    return sorted(
        (one.receiver, one.message_id)
        for one in bench.mailbox.messages.values()
        if isinstance(one.body, SettlementConfirmation)
    )


def paid(bench: Bench) -> None:
    """Booked, and nothing delivered yet."""
    bench.run_to_locked()
    for _ in range(10):
        for agent in bench.agents:
            agent.step()
        bench.chain.mine()
        if bench.rtgs.booked:
            return
    raise AssertionError("not paid")


# --- as it was


@pytest.mark.parametrize(
    "state",
    [TradeState.MATCHED, TradeState.LOCKED, TradeState.EARMARKED, TradeState.PAID, TradeState.SETTLED],
)
def test_a_trade_in_each_state_is_as_it_was_and_goes_on(bench: Bench, state: TradeState) -> None:
    bench.instruct()
    if state is TradeState.SETTLED:
        bench.run()
    elif state is TradeState.PAID:
        paid(bench)
        bench.engine.do("mail")
        bench.engine.step_trades()
    elif state is TradeState.MATCHED:
        bench.engine.do("matching")
    else:
        if state is TradeState.LOCKED:
            bench.set_cash(0)
        for _ in range(6):
            bench.tick(agents=False)
    before = bench.trade
    assert before.state is state
    was = confirmed(bench)
    done = rebuilt(bench, pair(1))
    assert done.states == {state.value: 1} and not done.uninstructed and not done.waiting
    assert essence(bench.trade) == essence(before)
    if state is TradeState.LOCKED:
        bench.fund(500_000)
    bench.run()
    assert bench.trade.state is TradeState.SETTLED
    told = confirmed(bench)
    assert [receiver for receiver, _ in told] == sorted([SELLER.bic, BUYER.bic])
    assert told == was or not was, "under the ids that they had"


def test_what_was_given_back_and_what_was_never_locked(bench: Bench) -> None:
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    wishes = [wish(bench, side) for side in Side]
    for one in wishes:
        bench.reception.submit(one, one.message_id.encode())
    bench.run()
    assert bench.trade.state is TradeState.RELEASED
    bench.instruct(2)
    bench.chain.eligible.clear()
    bench.run()
    cancelled = next(one for one in bench.book.trades() if one.terms.deliverer_reference == "D-2")
    assert cancelled.state is TradeState.CANCELLED
    released = next(one for one in bench.book.trades() if one.state is TradeState.RELEASED)
    done = rebuilt(bench, [*pair(1), *wishes, *pair(2)])
    assert done.states == {"RELEASED": 1, "MATCHED": 1}, "of what was never locked the ledgers know nothing"
    again = {one.trade_id: one for one in bench.book.trades()}
    assert essence(again[released.trade_id]) == essence(released)
    bench.run()
    assert bench.book.trade(cancelled.trade_id).state is TradeState.CANCELLED
    answers = [one.body for one in bench.mailbox.messages.values() if isinstance(one.body, CancellationAdvice)]
    assert [one.status for one in answers] == [CancellationStatus.CANCELLED] * 2


def test_the_journal_begins_with_what_was_found(bench: Bench) -> None:
    bench.instruct()
    bench.run()
    rebuilt(bench, [*pair(1), *pair(2)[:1]])
    first, second, *_ = bench.book.journal()
    assert (first.number, first.entry.kind, first.entry.subject) == (1, "rebuilt", "service")
    facts = first.entry.facts
    assert facts["mail"] == str(bench.book.cash_cursor()) and int(facts["mail"]) > 0
    assert {name: facts[name] for name in ("locks", "payments", "instructions", "waiting", "trades_settled")} == {
        "locks": "1",
        "payments": "1",
        "instructions": "3",
        "waiting": "1",
        "trades_settled": "1",
    }
    assert (second.entry.kind, second.entry.subject, second.entry.facts["state"]) == (
        "rebuilt",
        bench.trade.trade_id,
        "SETTLED",
    )


def test_many_of_the_same_terms_find_each_its_own(bench: Bench) -> None:
    """Whatever order they come in: the ledgers tell which two were one."""
    for number in range(1, 4):
        bench.instruct(number)
    paid(bench)
    before = {essence(one)[:2] for one in bench.book.trades()}
    delivers = [pair(number)[0] for number in range(1, 4)]
    receives = [pair(number)[1] for number in range(1, 4)]
    for order in permutations(delivers):
        done = rebuilt(bench, [*order, *receives])
        assert {essence(one)[:2] for one in bench.book.trades()} == before and not done.uninstructed
    bench.run()
    assert {one.state for one in bench.book.trades()} == {TradeState.SETTLED}


def test_references_lead_to_the_other_side(bench: Bench) -> None:
    deliver, receive = pair(1)
    named = replace(deliver, counterparty_reference=receive.reference)
    answer = replace(pair(2)[1], counterparty_reference=Reference("D-2"))
    for one in (named, receive, pair(2)[0], answer):
        bench.submit(one)
    bench.run()
    before = {essence(one) for one in bench.book.trades()}
    rebuilt(bench, [answer, receive, pair(2)[0], named])
    assert {essence(one) for one in bench.book.trades()} == before


def test_without_the_key_the_payments_tell_the_salt(bench: Bench) -> None:
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    before = bench.trade
    done = rebuilt(bench, pair(1), salt_key=b"another key, of a new machine")
    assert done.states == {"EARMARKED": 1}
    assert essence(bench.trade)[:-1] == essence(before)[:-1]


# --- what is not given


@pytest.mark.parametrize("booked", [True, False])
def test_none_of_the_instructions_given(bench: Bench, booked: bool) -> None:
    """The settlement ends as the payment does; its parties are told when their instructions come."""
    bench.instruct()
    if booked:
        paid(bench)
    else:
        bench.run_to(TradeState.EARMARKED)
        payment = payment_for(bench.trade, bench.market)
    before = bench.trade
    assert before.settlement_id is not None and before.order is not None
    done = rebuilt(bench, [])
    (facts,) = done.uninstructed.values()
    assert list(done.uninstructed) == [before.settlement_id]
    assert facts["trade_id"] == before.trade_id and facts["receiver_reference"] == "R-1"
    assert facts["units"] == "LOCKED" and facts["cash"] == ("BOOKED" if booked else "HELD")
    assert facts["seller"].startswith(SELLER.bic) and facts["buyer"].startswith(BUYER.bic)
    assert facts["quantity"] == str(before.order.movement.quantity) and facts["amount"] == str(before.terms.cash)
    if not booked:
        bench.clock.advance(int((payment.pay_by - bench.clock.now()).total_seconds()) + 3600)
    for _ in range(20):
        bench.tick()
    assert bench.events() == ["Locked", "Settled" if booked else "GivenBack"]
    assert not bench.book.trades() and not bench.mailbox.messages
    assert [row.entry.facts["step"] for row in bench.book.journal() if row.entry.kind == "carried"] == [
        "settle" if booked else "give back"
    ]
    bench.instruct(late=True)
    bench.run()
    assert bench.trade.trade_id == before.trade_id
    assert bench.trade.state is (TradeState.SETTLED if booked else TradeState.RELEASED)
    assert len(confirmed(bench)) == (2 if booked else 0)


def test_a_lock_without_payment_and_without_instructions(bench: Bench) -> None:
    """Nobody asks for its money any more. The agents have it declared never, and the units go back."""
    bench.instruct()
    for _ in range(3):
        bench.engine.run_once()
        bench.chain.mine()
    assert bench.events() == ["Locked"] and not bench.rtgs.payments
    bench.tick(agents=False)
    done = rebuilt(bench, [])
    (facts,) = done.uninstructed.values()
    assert "receiver_reference" not in facts or facts["cash"] != "BOOKED"
    bench.clock.advance(24 * 3600)
    for _ in range(30):
        bench.tick()
    assert bench.events() == ["Locked", "GivenBack"]


def test_half_of_the_instructions_given(bench: Bench) -> None:
    for number in range(1, 5):
        bench.instruct(number)
    paid(bench)
    before = {one.terms.deliverer_reference: one for one in bench.book.trades()}
    done = rebuilt(bench, [*pair(1), *pair(2), pair(3)[0], pair(4)[1]])
    assert sum(done.states.values()) == 2 and len(done.uninstructed) == 2 and done.waiting == 2
    assert set(done.uninstructed) == {before["D-3"].settlement_id, before["D-4"].settlement_id}
    bench.run()
    for _ in range(10):
        bench.tick()
    assert sorted(bench.events()) == ["Locked"] * 4 + ["Settled"] * 4, "the others are carried"
    assert len(confirmed(bench)) == 4
    bench.submit(pair(3)[1], late=True)
    bench.submit(pair(4)[0], late=True)
    bench.run()
    assert {one.trade_id for one in bench.book.trades()} == {one.trade_id for one in before.values()}
    assert {one.state for one in bench.book.trades()} == {TradeState.SETTLED} and len(confirmed(bench)) == 8


def test_a_contradicted_payment_is_not_carried(bench: Bench) -> None:
    bench.instruct()
    paid(bench)
    settlement = bench.trade.settlement_id
    assert settlement is not None
    gathered_before = bench.cash.receive
    payment = payment_for(bench.trade, bench.market)

    def lying(after: int, limit: int = 200) -> object:
        """The last message says the opposite of what was booked."""
        from lockstep.domain.payment import PaymentReport, PaymentState

        mail = list(gathered_before(after, limit))
        if mail or after > 1_000:
            return mail
        report = PaymentReport(
            original_message_id="X", uetr=payment.uetr, state=PaymentState.REJECTED, decided_at=bench.clock.now(),
            payment=payment,
        )  # fmt: skip
        told = Message(
            sender=bench.market.rtgs,
            receiver=bench.market.service,
            message_id="LIE",
            created=bench.clock.now(),
            body=report,
        )
        return [(1_001, told)]

    bench.cash.receive = lying
    rebuilt(bench, [])
    bench.cash.receive = gathered_before
    for _ in range(6):
        bench.engine.run_once()
        bench.chain.mine()
    assert bench.events() == ["Locked"], "people decide"
    assert [row.entry.subject for row in bench.book.journal() if row.entry.kind == "break"] == [settlement]


# --- what is given and is wrong


def test_messages_are_judged_as_when_they_were_handed_in(bench: Bench) -> None:
    gathered = Gathered(bench.market, bench.clock.now())
    deliver, receive = pair(1)
    assert gathered.take(original(bench, deliver), "aa") == "instructed"
    assert gathered.take(original(bench, deliver), "aa") == "duplicate"
    with pytest.raises(Conflict):
        gathered.take(original(bench, deliver), "bb")
    with pytest.raises(InvalidInput, match="AcctOwnrTxId"):
        gathered.take(wish(bench, Side.RECEIVE), "cc")
    gathered.take(original(bench, receive), "dd")
    assert gathered.take(wish(bench, Side.RECEIVE), "cc") == "cancellation asked"
    assert [one.late for one in gathered.instructions.values()] == [bench.clock.now()] * 2


def test_a_lock_of_other_terms_is_not_taken_for_the_trades(bench: Bench) -> None:
    """Both parties locked something else under the trade's id: the service shows people that, and settles nothing."""
    bench.instruct()
    bench.run_to(TradeState.EARMARKED)
    order = bench.trade.order
    assert order is not None
    gathered = Gathered(bench.market, bench.clock.now())
    for one in pair(1):
        gathered.take(original(bench, one), one.reference)
    ((settlement, events),) = [(one, bench.assets.history(one)) for one in bench.assets.locked()]
    other = replace(order, movement=replace(order.movement, quantity=order.movement.quantity + 1))
    heard = Heard(bench.clock.now())
    histories = [(settlement, [replace(events[0], order=other)])]
    done = rebuild(gathered, heard, SALT_KEY, histories, bench.assets.final_time())
    (trade,) = [trade for change in done.changes for trade in change.trades]
    assert trade.state is TradeState.MATCHED and trade.order is None
    assert list(done.uninstructed) == [settlement]


def test_what_is_proved_never_is_not_what_is_asked_of_a_paid_one(bench: Bench) -> None:
    """Which proof is wanted, the mail decides."""
    from lockstep.flow.carrying import carry, is_open

    bench.instruct()
    paid(bench)
    settlement = bench.trade.settlement_id
    assert settlement is not None
    history = bench.assets.history(settlement)
    assert is_open(history)
    assert carry(history, None, bench.assets, bench.board, bench.market) is None, "no proof of never"
    bench.engine.do("mail")
    view = bench.book.cash_view(settlement)
    for _ in range(3):
        for agent in bench.agents:
            agent.step()
    assert view is not None and view.is_booked
    assert carry(history, view, bench.assets, bench.board, bench.market) == "settle"
    after = bench.assets.history(settlement)
    assert not is_open(after) and carry(after, view, bench.assets, bench.board, bench.market) is None
    assert bench.chain.status(settlement, bench.chain.head) is AssetStatus.SETTLED
    assert {one.result for one in bench.board.attestations(settlement)} == {OutcomeResult.PAID}


@pytest.mark.parametrize("error", [Refused("NodeObjects", {"objection": "no money"}), Unavailable("no room"),
                                   LockstepError("odd")], ids=repr)  # fmt: skip
@pytest.mark.parametrize("call", ["settle", "history"])
def test_one_that_cannot_be_carried_keeps_nobody_waiting(bench: Bench, call: str, error: LockstepError) -> None:
    """Neither the other lost ones, nor the trades that are there."""
    for number in (1, 2):
        bench.instruct(number)
    for _ in range(8):
        bench.tick(agents=False)
    bench.tick()
    first, second = sorted(str(trade.settlement_id) for trade in bench.book.trades())
    assert bench.events() == ["Locked"] * 2
    rebuilt(bench, [])
    whole = getattr(bench.assets, call)

    def failing(settlement: str, *arguments: object) -> object:
        if settlement == first:
            raise error
        return whole(settlement, *arguments)

    setattr(bench.assets, call, failing)
    bench.instruct(3)
    for _ in range(20):
        bench.tick()
    settled = {one.settlement_id for one in bench.chain.mined if one.name == "Settled"}
    assert len(settled) == 2 and second in settled and bench.trade.state is TradeState.SETTLED
    carried = [row.entry.facts["step"] for row in bench.book.journal(first) if row.entry.kind == "carried"]
    assert carried == ([f"refused: {error}"] if call == "settle" and isinstance(error, Refused) else [])
    setattr(bench.assets, call, whole)
    for _ in range(10):
        bench.tick()
    assert {one.settlement_id for one in bench.chain.mined if one.name == "Settled"} == settled | {first}
