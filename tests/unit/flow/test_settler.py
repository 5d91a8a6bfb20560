"""Each step of a settlement over the fakes, with what may go wrong in it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flow_cases import MARKET
from flow_world import UNAVAILABLE, Bench, Crash, check, once

from lockstep.domain.errors import Conflict, ContractRefused, InvalidInput, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import TradeId, derive_uetr
from lockstep.domain.instruction import (
    CancellationAdvice,
    CancellationStatus,
    SettlementConfirmation,
    Side,
)
from lockstep.domain.money import Money
from lockstep.domain.order import AssetStatus, AssetView, OutcomeResult
from lockstep.domain.payment import CancelPayment, Payment, PaymentState
from lockstep.domain.trade import TradeState
from lockstep.flow.ordering import payment_message
from lockstep.flow.stepping import CASH_ATTEMPTS_AT_MOST
from lockstep.ports import Change, Unreadable
from lockstep.signing import build_proof, settlement_id
from lockstep.testing.fakes import BUYER, SELLER, SERVICE, FakeBook, key


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.instruct()
    yield bench
    check(bench)
    bench.close()


@pytest.fixture
def ordered(bench: Bench) -> Bench:
    """Matched, ordered and signed; not yet locked."""
    bench.tick()
    assert bench.trade.seller_signature and bench.trade.buyer_signature
    return bench


@pytest.fixture
def locked(bench: Bench) -> Bench:
    """Locked, finally; the payment is sent and heard of at the next pass."""
    bench.run_to(TradeState.LOCKED)
    return bench


def bodies(bench: Bench, kind: type) -> list[object]:
    return [message.body for message in bench.mailbox.messages.values() if isinstance(message.body, kind)]


def answers(bench: Bench) -> list[CancellationStatus]:
    return [one.status for one in bodies(bench, CancellationAdvice) if isinstance(one, CancellationAdvice)]


def rests(bench: Bench) -> bool:
    """Two passes in which nothing moves and nothing is written."""
    bench.tick()
    before = len(bench.book.journal())
    return not bench.tick() and not bench.tick() and len(bench.book.journal()) == before


# --- the one good way


def test_the_whole_way(bench: Bench) -> None:
    states = []
    for _ in range(20):
        bench.tick(agents=TradeState.EARMARKED.value in states)
        states.append(bench.trade.state.value)
    assert list(dict.fromkeys(states)) == ["MATCHED", "LOCKED", "EARMARKED", "PAID", "SETTLED"]
    assert bench.events() == ["Locked", "Settled"]
    assert bench.chain.owned(bench.token, bench.wallet_of(BUYER)) == 100_000
    assert [payment.amount for _, payment, _ in bench.rtgs.booked] == [Money.parse("990.00", "EUR")]
    confirmed = bodies(bench, SettlementConfirmation)
    assert len(confirmed) == 2
    settled_at = bench.chain.time(bench.chain.mined[-1].block)
    for one in confirmed:
        assert isinstance(one, SettlementConfirmation)
        assert (one.settlement_id, int(one.settled_at.timestamp())) == (bench.trade.settlement_id, settled_at)
    assert [kind for kind in bench.kinds() if kind != "heard"] == [
        "instructed", "instructed", "matched", "ordered", "signed", "lock intended", "locked", "cash intended",
        "earmarked", "paid", "settle intended", "settled",
    ]  # fmt: skip
    assert rests(bench)


def test_nothing_is_confirmed_before_finality(bench: Bench) -> None:
    while "Settled" not in bench.events():
        bench.tick()
    while bench.trade.state is not TradeState.SETTLED:
        assert bodies(bench, SettlementConfirmation) == []
        bench.tick()


def test_nothing_is_asked_of_the_rtgs_before_finality(ordered: Bench) -> None:
    ordered.engine.run_once()
    assert ordered.events() == ["Locked"]
    for _ in range(2):
        assert not ordered.engine.run_once() and ordered.cash.sent == []
        ordered.chain.mine()
    ordered.engine.run_once()
    assert [type(one.body) for one in ordered.cash.sent] == [Payment]


def test_a_trade_of_a_later_day_waits(bench: Bench) -> None:
    bench.engine.run_once()
    before = replace(
        bench.trade,
        terms=replace(
            bench.trade.terms, settlement_date=MARKET.pay_by_on(bench.clock.now().date() + timedelta(days=1)).date()
        ),
    )
    assert bench.settler().advance(replace(before, order=None, settlement_id=None)) is False


# --- every call fails once, before or after it had its effect

CALLS = [
    ("assets", "view"), ("assets", "obstacle"), ("assets", "next_nonce"), ("assets", "epoch"), ("assets", "lock"),
    ("assets", "settle"), ("assets", "history"), ("cash", "send"), ("cash", "receive"), ("wallet", "sign"),
]  # fmt: skip


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("fault", [UNAVAILABLE, Crash()], ids=["unavailable", "crash"])
@pytest.mark.parametrize(("port", "method"), CALLS, ids=lambda value: value)
def test_one_failure_changes_nothing(bench: Bench, port: str, method: str, fault: BaseException, moment: str) -> None:
    for skip in range(3):
        setattr(getattr(bench, port), moment, once(fault, method, skip=skip))
        for _ in range(5):
            try:
                bench.tick()
            except Crash:
                bench.restarted()
    bench.run()
    assert bench.trade.state is TradeState.SETTLED
    assert bench.events() == ["Locked", "Settled"] and len(bench.rtgs.booked) == 1
    assert bench.trade.attempt == 1 and bench.told("CASH") == 0


def test_unavailable_concludes_nothing(locked: Bench) -> None:
    """Unknown is held, never failed: nobody is told anything."""
    locked.cash.before = lambda _: (_ for _ in ()).throw(UNAVAILABLE)
    locked.assets.before = once(UNAVAILABLE, "view")
    before, told = locked.trade, len(locked.mailbox.messages)
    with pytest.raises(Unavailable):
        locked.settler().advance(before)
    assert locked.trade == before and len(locked.mailbox.messages) == told
    for _ in range(3):
        locked.engine.run_once()
    assert locked.trade.reason is None and len(locked.mailbox.messages) == told


def test_dead_after_each_commit() -> None:
    """Whatever step was the last to be stored, a new service ends the trade the same way."""
    commits = [0]
    for fatal in range(1, 80):

        def die(_: str, fatal: int = fatal) -> None:
            commits[0] += 1
            if commits[0] == fatal:
                raise Crash

        bench = Bench(die)
        commits[0] = -2  # the two instructions
        bench.instruct()
        for _ in range(20):
            try:
                bench.tick()
            except Crash:
                bench.restarted()
        assert bench.trade.state is TradeState.SETTLED, fatal
        assert bench.events() == ["Locked", "Settled"] and len(bench.rtgs.booked) == 1, fatal
        check(bench)
        bench.close()
        if commits[0] < fatal:
            break
    assert commits[0] < fatal, "each commit was the last one once"


# --- before the lock


def test_short_of_units_waits_and_is_told_once(bench: Bench) -> None:
    bench.chain.issued[bench.token, bench.wallet_of(SELLER)] = 99_999
    bench.tick()
    reason = bench.trade.reason
    assert reason is not None and (reason.code, bench.trade.order) == ("LACK", None)
    assert "99999 free, 100000 needed" in reason.text
    assert rests(bench) and bench.told("LACK") == 2
    bench.chain.issued[bench.token, bench.wallet_of(SELLER)] = 100_000
    bench.run()
    assert bench.trade.state is TradeState.SETTLED


def test_short_of_units_for_ever_ends(bench: Bench) -> None:
    bench.chain.issued[bench.token, bench.wallet_of(SELLER)] = 0
    bench.tick()
    bench.clock.advance(86_400)
    bench.run()
    assert bench.trade.state is TradeState.CANCELLED
    assert bench.trade.reason is not None and bench.trade.reason.code == "LACK"


@pytest.mark.parametrize("party", [SELLER, BUYER])
def test_not_eligible_before_the_order(bench: Bench, party: object) -> None:
    bench.chain.eligible.discard(bench.wallet_of(party))
    bench.run()
    trade = bench.trade
    assert (trade.state, trade.order) == (TradeState.CANCELLED, None)
    assert trade.reason is not None and trade.reason.code == "BLOC"
    assert bench.events() == [] and bench.told("BLOC") == 2


@pytest.mark.parametrize("side", list(Side))
def test_a_wallet_that_has_not_signed(bench: Bench, side: Side) -> None:
    bench.wallet.silent.add(side)
    bench.tick()
    trade = bench.trade
    given = trade.buyer_signature if side is Side.DELIVER else trade.seller_signature
    assert given is not None and None in (trade.seller_signature, trade.buyer_signature)
    assert rests(bench) and bench.events() == []
    bench.wallet.silent.clear()
    bench.run()
    assert bench.trade.state is TradeState.SETTLED and bench.trade.settlement_id == trade.settlement_id


@pytest.mark.parametrize("side", list(Side))
def test_a_wallet_that_refuses(bench: Bench, side: Side) -> None:
    bench.wallet.refusing.add(side)
    bench.run()
    trade = bench.trade
    assert trade.state is TradeState.CANCELLED and bench.events() == []
    assert trade.reason is not None and trade.reason.code == "WLLT"
    assert f"Declined(side={side.value})" in trade.reason.text


def test_too_late_to_order(bench: Bench) -> None:
    bench.clock.advance(10 * 3600)
    bench.run()
    assert bench.trade.state is TradeState.CANCELLED
    assert bench.trade.reason is not None and bench.trade.reason.code == "LATE"


# --- the lock


def refuse_lock(bench: Bench, name: str) -> None:
    bench.assets.before = once(ContractRefused(name, {}), "lock")


def test_units_gone_since_the_order(ordered: Bench) -> None:
    wallet = (ordered.token, ordered.wallet_of(SELLER))
    ordered.chain.issued[wallet] -= 450_000
    settlement = ordered.trade.settlement_id
    assert ordered.engine.run_once()
    assert ordered.trade.reason is not None and ordered.trade.reason.code == "LACK"
    assert rests(ordered) and ordered.told("LACK") == 2
    ordered.chain.issued[wallet] += 450_000
    ordered.run()
    assert (ordered.trade.state, ordered.trade.settlement_id) == (TradeState.SETTLED, settlement)
    assert ordered.trade.reason is None


def test_not_eligible_at_the_lock_is_terminal(ordered: Bench) -> None:
    ordered.chain.eligible.discard(ordered.wallet_of(BUYER))
    ordered.run(3)
    assert ordered.trade.state is TradeState.MATCHED, "both have signed: over only when nobody can lock any more"
    assert "give up" in ordered.trade.intents and rests(ordered)
    ordered.clock.advance(3600)
    ordered.run()
    assert ordered.trade.state is TradeState.CANCELLED and ordered.events() == []
    assert ordered.trade.reason is not None and ordered.trade.reason.code == "LOCK"
    assert "NotEligible" in ordered.trade.reason.text


def test_given_up_but_locked_by_another_hand(ordered: Bench) -> None:
    """Who gave up still follows the ledger: what got locked all the same is led to its end."""
    trade = ordered.trade
    refuse_lock(ordered, "NotEligible")
    ordered.engine.run_once()
    assert trade.order and trade.seller_signature and trade.buyer_signature
    ordered.chain.lock(trade.order, trade.seller_signature, trade.buyer_signature)
    ordered.run()
    assert ordered.trade.state is TradeState.RELEASED and ordered.events() == ["Locked", "GivenBack"]


def test_nonce_used_by_this_very_order(ordered: Bench) -> None:
    """I4: somebody else locked it between our look and our call. It is not ordered anew."""
    trade = ordered.trade
    assert trade.order and trade.seller_signature and trade.buyer_signature
    ordered.assets.before = once(ContractRefused("NonceUsed", {"prefix": f"0x{str(trade.settlement_id)[:30]}"}), "lock")
    ordered.engine.run_once()
    ordered.chain.lock(trade.order, trade.seller_signature, trade.buyer_signature)
    ordered.run()
    assert (ordered.trade.state, ordered.trade.attempt) == (TradeState.SETTLED, 1)
    assert ordered.events() == ["Locked", "Settled"]


def test_nonce_used_by_another_order(ordered: Bench) -> None:
    """The order is dead, but a new one is written only when that is final."""
    trade = ordered.trade
    assert trade.order is not None
    other = replace(trade.order, terms=replace(trade.order.terms, trade_id=TradeId("77" * 32)))
    digest = bytes.fromhex(settlement_id(other, ordered.market.network))
    ordered.chain.lock(other, key(SELLER.bic).sign(digest), key(BUYER.bic).sign(digest))
    for _ in range(5):
        ordered.tick()
    assert ordered.trade.attempt == 1 and ordered.trade.settlement_id == trade.settlement_id
    ordered.clock.advance(3600)
    ordered.run()
    assert (ordered.trade.state, ordered.trade.attempt) == (TradeState.SETTLED, 2)
    assert ordered.trade.order is not None and ordered.trade.order.movement.nonce == trade.order.movement.nonce + 1


def test_locked_by_both_on_other_terms_is_never_locked_again(ordered: Bench) -> None:
    """Finding 3: a lock of this trade that is not the trade's order is for people; no second one is written."""
    trade = ordered.trade
    assert trade.order is not None
    other = replace(trade.order, terms=replace(trade.order.terms, part=1))
    digest = bytes.fromhex(settlement_id(other, ordered.market.network))
    ordered.chain.lock(other, key(SELLER.bic).sign(digest), key(BUYER.bic).sign(digest))
    ordered.clock.advance(3700)
    ordered.run(15)
    assert not ordered.trade.state.is_end and ordered.trade.order is None
    assert ordered.trade.reason is not None and ordered.trade.reason.code == "BREAK"
    assert "OrderDiffers(term=part, actual=1, expected=0)" in ordered.trade.reason.text
    assert ordered.events() == ["Locked"] and ordered.rtgs.payments == {} and rests(ordered)


def test_the_order_goes_stale(ordered: Bench) -> None:
    """Renewed under a new id and the same nonce, but not before the last block that could hold it is final."""
    old = ordered.trade
    assert old.order is not None
    ordered.clock.advance(3601)
    assert ordered.engine.run_once(), "the intent is stored, the contract says LockByPassed"
    ordered.chain.mine()
    assert not ordered.engine.run_once() and ordered.trade.attempt == 1, "not final yet"
    ordered.chain.mine(2)
    ordered.engine.run_once()
    renewed = ordered.trade
    assert (renewed.attempt, renewed.order, renewed.settlement_id) == (2, None, None)
    assert (renewed.seller_signature, renewed.buyer_signature, renewed.intents) == (None, None, {})
    assert "order lapsed" in ordered.kinds()
    ordered.run()
    new = ordered.trade
    assert new.order is not None and new.state is TradeState.SETTLED
    assert new.settlement_id != old.settlement_id, "other terms, so that each signature is for one of them"
    assert new.order.movement.nonce == old.order.movement.nonce, "the chain lets at most one of the two be locked"
    assert new.order.terms.trade_id == old.order.terms.trade_id


def test_a_reorganised_lock_is_locked_again(ordered: Bench) -> None:
    ordered.engine.run_once()
    ordered.chain.mine()
    ordered.chain.reorganise(2)
    assert ordered.events() == []
    ordered.run()
    assert ordered.trade.state is TradeState.SETTLED and ordered.events() == ["Locked", "Settled"]


# --- the cash leg


def test_short_of_cash_waits_then_settles(bench: Bench) -> None:
    bench.set_cash(98_999)
    bench.run(8)
    assert bench.trade.state is TradeState.LOCKED
    assert bench.trade.reason is not None and bench.trade.reason.code == "MONY"
    assert rests(bench) and bench.told("MONY") == 2
    bench.fund(401_001)
    bench.run()
    assert bench.trade.state is TradeState.SETTLED


@pytest.mark.parametrize("how", ["closed", "expired"])
def test_short_of_cash_until_the_end(bench: Bench, how: str) -> None:
    bench.set_cash(0)
    bench.run(8)
    if how == "closed":
        bench.rtgs.close_day()
    else:
        bench.clock.advance(10 * 3600)
    bench.run()
    assert bench.trade.state is TradeState.RELEASED and bench.events() == ["Locked", "GivenBack"]
    assert bench.trade.reason is not None and bench.trade.reason.code == "MONY"
    bench.fund(500_000)
    assert bench.rtgs.booked == []


@pytest.mark.parametrize(
    "error", [Refused("MandateMissing", {"account": "ACC-BUYER"}), InvalidInput("UETR", "x", "known")]
)
def test_the_rtgs_refuses_the_payment(bench: Bench, error: LockstepError) -> None:
    """Told once, tried again at each pass, and no end by itself: the day's end brings never."""

    def refuse(method: str) -> None:
        if method == "send":
            raise error

    bench.cash.before = refuse
    bench.run(8)
    assert bench.trade.state is TradeState.LOCKED
    assert bench.trade.reason is not None and str(error) in bench.trade.reason.text
    assert rests(bench) and bench.told("CASH") == 2
    bench.cash.before = lambda _: None
    bench.clock.advance(10 * 3600)
    bench.run()
    assert bench.trade.state is TradeState.RELEASED
    assert isinstance(bench.cash.sent[0].body, CancelPayment)


def test_sent_again_it_is_the_same(locked: Bench) -> None:
    locked.assets.before = lambda _: None
    locked.cash.after = once(UNAVAILABLE, "send")
    locked.cash.sent.clear()
    trade = locked.trade
    mail = locked.rtgs.mail.pop(SERVICE, [])
    for _ in range(2):
        locked.clock.advance(100)
        try:
            locked.settler().advance(locked.trade)
        except Unavailable:
            continue
    locked.rtgs.mail[SERVICE] = mail
    first, again = locked.cash.sent
    assert first == again
    assert isinstance(first.body, Payment) and first.body.uetr == derive_uetr(str(trade.settlement_id), 1)


# --- wishes to cancel


def test_both_cancel_before_the_order(bench: Bench) -> None:
    bench.chain.issued[bench.token, bench.wallet_of(SELLER)] = 0
    bench.tick()
    bench.ask_to_cancel(Side.DELIVER)
    assert rests(bench) and bench.trade.state is TradeState.MATCHED, "one alone cancels nothing"
    bench.ask_to_cancel(Side.RECEIVE)
    bench.run()
    assert bench.trade.state is TradeState.CANCELLED
    assert bench.trade.reason is not None and bench.trade.reason.code == "CANI"
    assert answers(bench).count(CancellationStatus.CANCELLED) == 2


def test_both_cancel_a_signed_order(ordered: Bench) -> None:
    for side in Side:
        ordered.ask_to_cancel(side)
    ordered.run(3)
    assert ordered.trade.state is TradeState.MATCHED and ordered.events() == []
    ordered.clock.advance(3600)
    ordered.run()
    assert ordered.trade.state is TradeState.CANCELLED and ordered.events() == []


@pytest.mark.parametrize("state", [TradeState.LOCKED, TradeState.EARMARKED])
def test_both_cancel_what_is_locked(bench: Bench, state: TradeState) -> None:
    bench.run_to(state)
    for side in Side:
        bench.ask_to_cancel(side)
    bench.tick(agents=False)
    assert "GivenBack" not in bench.events(), "a request for the outcome never, not a release"
    bench.run()
    assert bench.trade.state is TradeState.RELEASED and bench.rtgs.booked == []
    assert bench.trade.reason is not None and bench.trade.reason.code == "CANI"
    assert answers(bench).count(CancellationStatus.CANCELLED) == 2
    assert answers(bench).count(CancellationStatus.DENIED) == 0


def test_a_cancel_before_the_payment_leaves_a_tombstone(ordered: Bench) -> None:
    ordered.engine.run_once()
    for side in Side:
        ordered.ask_to_cancel(side)
    ordered.run()
    assert ordered.trade.state is TradeState.RELEASED
    assert [type(one.body) for one in ordered.cash.sent] and Payment not in [
        type(one.body) for one in ordered.cash.sent
    ]
    assert ordered.trade.settlement_id in ordered.rtgs.tombstones


def test_no_cancel_after_booking(bench: Bench) -> None:
    """PAID is the commit point, even where the service has not heard of it yet."""
    bench.run_to(TradeState.EARMARKED)
    settlement = bench.trade.settlement_id
    assert settlement is not None
    bench.release(settlement, derive_uetr(settlement, 1))
    for side in Side:
        bench.ask_to_cancel(side)
    bench.run()
    assert bench.trade.state is TradeState.SETTLED
    assert answers(bench).count(CancellationStatus.DENIED) == 2
    assert answers(bench).count(CancellationStatus.CANCELLED) == 0


def test_a_cancellation_in_the_midst_of_a_step(bench: Bench) -> None:
    """The step that was decided on an older trade is not stored; the next pass reads anew."""
    bench.wallet.silent.add(Side.RECEIVE)
    bench.tick()

    def asked(method: str) -> None:
        bench.wallet.before = lambda _: None
        bench.wallet.silent.clear()
        for side in Side:
            bench.ask_to_cancel(side)

    bench.wallet.before = asked
    with pytest.raises(Conflict) as caught:
        bench.settler().advance(bench.trade)
    assert caught.value.kind == "trade version"
    assert bench.trade.buyer_signature is None and bench.trade.cancel_agreed
    bench.run()
    assert bench.trade.state is TradeState.CANCELLED


def test_the_engine_goes_on_after_a_conflict(bench: Bench) -> None:
    bench.wallet.before = once(Conflict("trade version", "x"), "sign")
    assert bench.engine.run_once()
    bench.run()
    assert bench.trade.state is TradeState.SETTLED


# --- outcomes


def test_no_proof_no_end(bench: Bench) -> None:
    bench.run_to(TradeState.EARMARKED)
    settlement = bench.trade.settlement_id
    assert settlement is not None
    bench.release(settlement, derive_uetr(settlement, 1))
    bench.attest(settlement, OutcomeResult.PAID, (0, 1))
    for _ in range(5):
        bench.tick(agents=False)
    assert bench.trade.state is TradeState.PAID and bench.events() == ["Locked"]
    bench.attest(settlement, OutcomeResult.PAID, (3,))
    bench.tick(agents=False)
    assert bench.events() == ["Locked", "Settled"]


def test_a_proof_of_paid_alone_settles_nothing(bench: Bench) -> None:
    """I1: what the RTGS did not say, no signature makes true for the service."""
    bench.run_to(TradeState.EARMARKED)
    settlement = bench.trade.settlement_id
    assert settlement is not None
    bench.attest(settlement, OutcomeResult.PAID)
    for _ in range(5):
        bench.tick(agents=False)
    assert bench.events() == ["Locked"] and bench.trade.state is TradeState.EARMARKED
    bench.attested_falsely = True


@pytest.mark.parametrize(("method", "result"), [("settle", TradeState.SETTLED), ("give_back", TradeState.RELEASED)])
def test_the_contract_refuses_the_end(bench: Bench, method: str, result: TradeState) -> None:
    """After payment nothing is terminal: shown once, retried at each pass."""

    def refuse(name: str) -> None:
        if name == method:
            raise ContractRefused("ProofNotFromEpoch", {"actual": "a", "expected": "b"})

    bench.assets.before = refuse
    if result is TradeState.RELEASED:
        bench.set_cash(0)
        bench.run(8)
        bench.rtgs.close_day()
    bench.run(15)
    assert not bench.trade.state.is_end
    assert bench.trade.reason is not None and "ProofNotFromEpoch(actual=a, expected=b)" in bench.trade.reason.text
    assert rests(bench) and bench.told("CHAIN") == 2
    bench.assets.before = lambda _: None
    bench.run()
    assert bench.trade.state is result


def test_settled_by_another_hand(bench: Bench) -> None:
    bench.assets.before = lambda name: (_ for _ in ()).throw(UNAVAILABLE) if name == "settle" else None
    bench.run(15)
    trade = bench.trade
    assert trade.order and trade.settlement_id and trade.state is TradeState.PAID
    proof = build_proof(
        OutcomeResult.PAID, bench.board.attestations(trade.settlement_id), bench.chain.current_epoch, MARKET.network
    )
    assert proof is not None
    bench.chain.end(trade.order, OutcomeResult.PAID, proof, "PaidRecorded")
    bench.chain.end(trade.order, OutcomeResult.PAID, proof, "Settled")
    bench.run()
    assert bench.trade.state is TradeState.SETTLED


def test_contradictory_mail_stops_one_settlement(bench: Bench) -> None:
    bench.instruct(2)
    bench.set_cash(0)
    bench.run(8)
    first, second = bench.book.trades()
    held = bench.rtgs.payments[str(first.settlement_id)]
    forged = replace(held, payment=replace(held.payment, amount=Money(currency="EUR", amount=1)))
    bench.rtgs._tell([SERVICE, *(agent.bic for agent in bench.agents)], bench.rtgs._reported(forged))
    bench.fund(500_000)
    bench.run()
    first, second = bench.book.trades()
    assert second.state is TradeState.SETTLED
    assert not first.state.is_end and first.reason is not None and first.reason.code == "BREAK"
    assert bench.told("BREAK") == 2 and rests(bench)
    assert first.settlement_id not in [settlement for settlement, _, _ in bench.rtgs.booked]
    assert bench.board.attestations(str(first.settlement_id)) == []


def test_a_lock_lost_below_finality_halts(bench: Bench) -> None:
    bench.run_to(TradeState.EARMARKED)
    settlement = bench.trade.settlement_id
    assert settlement is not None
    bench.release(settlement, derive_uetr(settlement, 1))
    gone = bench.chain.mined.pop()
    for _ in range(4):
        bench.tick(agents=False)
    assert bench.trade.reason is not None and bench.trade.reason.code == "BREAK"
    assert "below its finality depth" in bench.trade.reason.text and bench.events() == []
    bench.chain.mined.append(gone)


def test_no_new_order_takes_the_place_of_a_lock_that_is_gone(bench: Bench) -> None:
    """Below finality, and nothing heard of the payment yet: it may be on its way, so the trade stops, loudly."""
    bench.run_to(TradeState.LOCKED)
    settlement = bench.trade.settlement_id
    bench.cash.before = lambda method: (_ for _ in ()).throw(UNAVAILABLE)
    bench.chain.mined.clear()
    bench.clock.advance(7200)
    for _ in range(6):
        bench.tick(agents=False)
    assert bench.trade.settlement_id == settlement and "order lapsed" not in bench.kinds()
    assert bench.trade.state is TradeState.LOCKED and bench.trade.reason is not None
    assert bench.trade.reason.code == "BREAK" and "below its finality depth" in bench.trade.reason.text


# --- the engine's pass


def test_a_refusal_is_journalled_first(bench: Bench) -> None:
    changed = replace(bench.book.instructions()[0].instruction, cash=Money.parse("1", "EUR"))
    with pytest.raises(Conflict):
        bench.submit(changed)
    entry = bench.book.journal()[-1].entry
    assert (entry.kind, entry.subject, entry.facts["error"]) == ("refused", "D-1", "Conflict")
    assert entry.facts["rule"] == f"message {SELLER.bic}/M-D-1 exists already with other content"


def test_a_wish_that_meets_a_moving_trade_is_judged_anew(bench: Bench) -> None:
    bench.tick()
    commit, moves = bench.book.commit, [3]

    def moved_meanwhile(change: Change) -> None:
        if change.requests and moves[0]:
            moves[0] -= 1
            commit(Change(trades=(bench.trade,)))
        commit(change)

    bench.book.commit = moved_meanwhile
    assert bench.ask_to_cancel(Side.DELIVER) == "cancellation asked"
    assert bench.trade.cancel_asked == {Side.DELIVER} and moves == [0]
    moves[0] = 100
    with pytest.raises(Conflict):
        bench.ask_to_cancel(Side.RECEIVE)
    assert not bench.trade.cancel_agreed and moves[0] > 50, "tries are bounded"


def test_unreadable_mail_blocks_nothing(bench: Bench) -> None:
    bench.rtgs.mail[SERVICE].append(Unreadable(data=b"?", error=InvalidInput("root", "?", "XML")))
    bench.run()
    assert bench.trade.state is TradeState.SETTLED
    (entry,) = [row.entry for row in bench.book.journal() if row.entry.kind == "unreadable"]
    assert entry.facts == {"sequence": "1", "rule": "root: '?' breaks the rule: XML"}


def test_mail_that_we_may_not_read(bench: Bench) -> None:
    bench.cash.before = once(Refused("NotAuthorised"), "receive")
    bench.run()
    assert [row.entry.kind for row in bench.book.journal("mailbox")] == ["mail unreadable"]
    assert bench.trade.state is TradeState.SETTLED


def test_mail_not_delivered_is_delivered_later(bench: Bench) -> None:
    bench.mailbox.before = once(UNAVAILABLE, "deliver")
    try:
        bench.engine.run_once()
    except Unavailable:
        assert bench.book.undelivered()
    waiting = {one.message_id for one in bench.book.undelivered()}
    bench.engine.run_once()
    assert waiting and bench.book.undelivered() == []
    assert waiting <= {message_id for _, message_id in bench.mailbox.messages}


def test_one_broken_trade_holds_up_no_other(bench: Bench) -> None:
    """A trade that the state machine refuses to move is one trade's break, not the day's end."""
    bench.instruct(2)
    bench.run_to_locked()
    first, _ = bench.book.trades()
    bench.book.commit(Change(trades=(replace(first, state=TradeState.PAID),)))
    held = bench.rtgs.payments[str(first.settlement_id)]
    assert held.state is PaymentState.HELD
    bench.rtgs._never(held, PaymentState.REJECTED, "X", "refused")
    assert first.order is not None and first.settlement_id is not None
    bench.chain.append("GivenBack", first.settlement_id, first.order)
    bench.run(25)
    first, second = bench.book.trades()
    assert first.state is TradeState.PAID and second.state is TradeState.SETTLED


# --- what the review found


@pytest.mark.parametrize("name", ["UetrConflict", "MessageConflict"])
@pytest.mark.parametrize("taken", [1, 3])
def test_an_id_that_somebody_spent_is_replaced(bench: Bench, name: str, taken: int) -> None:
    """Findings 9b and 9c: our ids can be computed by all who see the lock."""

    def refuse(method: str) -> None:
        if method == "send" and len({one.message_id for one in bench.cash.sent}) < taken:
            bench.cash.sent.append(payment_message(bench.trade, MARKET, bench.clock.now()))
            raise Refused(name)

    bench.cash.before = refuse
    bench.run()
    assert bench.trade.state is TradeState.SETTLED and bench.trade.cash_attempt > 1
    ((settlement, paid, _),) = bench.rtgs.booked
    subject = f"{settlement}/{bench.trade.cash_secret}"  # nobody who sees the chain, or knows the salt, can compute it
    assert paid.uetr == derive_uetr(subject, bench.trade.cash_attempt)
    assert "cash id taken" in bench.kinds() and bench.told("CASH") == 0


def test_ids_that_are_all_spent_are_shown_and_no_loop(bench: Bench) -> None:
    bench.cash.before = lambda method: (_ for _ in ()).throw(Refused("UetrConflict")) if method == "send" else None
    bench.run(40)
    assert bench.trade.cash_attempt == CASH_ATTEMPTS_AT_MOST and bench.trade.state is TradeState.LOCKED
    assert bench.trade.reason is not None and bench.trade.reason.code == "CASH"
    assert rests(bench) and bench.told("CASH") == 2


@pytest.mark.parametrize("state", [TradeState.LOCKED, TradeState.EARMARKED, TradeState.SETTLED])
def test_records_lost_go_on_from_the_chain(bench: Bench, state: TradeState) -> None:
    """Finding 2 (I6): the same instructions, a new book, the same locks and payments."""
    if state is TradeState.SETTLED:
        bench.run()
    else:
        bench.run_to(state)
    before = bench.trade
    bench.book = FakeBook()
    bench.restarted()
    bench.instruct()
    bench.run()
    after = bench.trade
    assert (after.trade_id, after.settlement_id, after.order) == (before.trade_id, before.settlement_id, before.order)
    assert after.state is TradeState.SETTLED and bench.events() == ["Locked", "Settled"]
    assert len(bench.rtgs.booked) == 1 and "adopted from the chain" in bench.kinds()
    assert "ordered" not in bench.kinds() and "signed" not in bench.kinds()


def test_records_lost_and_handed_in_after_their_day_go_on_too(bench: Bench) -> None:
    """The lock of a day that is over is found again, and ends; what was not locked in time ends as too late."""
    bench.run_to(TradeState.EARMARKED)
    before = bench.trade
    for agent in bench.agents:
        agent.step()
    assert len(bench.rtgs.booked) == 1, "in time, and the service does not know it yet"
    bench.book = FakeBook()
    bench.restarted()
    bench.clock.advance(timedelta(days=1).total_seconds())
    with pytest.raises(InvalidInput, match="not before"):
        bench.instruct()
    bench.instruct(late=True)
    bench.instruct(2, late=True)
    bench.run()
    settled, unlocked = bench.book.trades()
    assert (settled.trade_id, settled.settlement_id) == (before.trade_id, before.settlement_id)
    assert settled.state is TradeState.SETTLED and len(bench.rtgs.booked) == 1
    assert unlocked.state is TradeState.CANCELLED and unlocked.reason is not None and unlocked.reason.code == "LATE"
    late = [row.entry.facts["late"] for row in bench.book.journal() if row.entry.kind == "instructed"]
    assert late == [f"after its settlement date, {before.terms.settlement_date}"] * 4


def test_records_lost_and_given_back_stay_so(bench: Bench) -> None:
    bench.set_cash(0)
    bench.run(8)
    bench.rtgs.close_day()
    bench.run()
    assert bench.trade.state is TradeState.RELEASED
    bench.book = FakeBook()
    bench.restarted()
    bench.instruct()
    bench.fund(500_000)
    bench.run()
    assert bench.trade.state is TradeState.RELEASED and bench.events() == ["Locked", "GivenBack"]
    assert bench.rtgs.booked == []


@pytest.mark.parametrize("lie", ["before the cash", "while it is held"])
def test_one_false_look_is_no_reason_to_lock_again(bench: Bench, lie: str) -> None:
    """Finding 4: the node says once that no lock is there and that its time is over."""
    bench.run_to(TradeState.LOCKED if lie == "before the cash" else TradeState.EARMARKED)
    view, settlement = bench.assets.view, bench.trade.settlement_id
    bench.assets.view = lambda _, order: AssetView(
        head=AssetStatus.NONE, final=AssetStatus.NONE, final_time=order.terms.lock_by + 1
    )
    if lie == "before the cash":
        bench.book._cash.clear()
        trade = replace(bench.trade, intents={"lock": bench.clock.now()})
        bench.book.commit(Change(trades=(trade,)))
    if lie == "before the cash":
        with pytest.raises(LockstepError, match="below its finality depth"):
            bench.settler().advance(bench.trade)
    else:
        bench.settler().advance(bench.trade)
        assert bench.trade.reason is not None and bench.trade.reason.code == "BREAK"
    bench.assets.view = view
    bench.run()
    assert (bench.trade.state, bench.trade.settlement_id) == (TradeState.SETTLED, settlement)
    assert bench.events() == ["Locked", "Settled"] and len(bench.rtgs.booked) == 1


def test_equal_cancellation_ids_of_both_parties_are_two_requests(bench: Bench) -> None:
    """Finding 15: one party's sese.027 must not swallow the other's."""
    bench.wallet.silent.add(Side.DELIVER)
    bench.tick()
    for side in Side:
        bench.cancelled = 0  # so that both say C-1
        bench.ask_to_cancel(side)
    bench.run()
    told = [(one.receiver, one.body.status) for one in bench.mailbox.messages.values()
            if isinstance(one.body, CancellationAdvice)]  # fmt: skip
    assert {receiver for receiver, status in told if status is CancellationStatus.CANCELLED} == {SELLER.bic, BUYER.bic}


def test_one_false_look_cancels_nothing_that_is_locked(bench: Bench) -> None:
    bench.run_to(TradeState.LOCKED)
    bench.book._cash.clear()
    bench.book.commit(Change(trades=(replace(bench.trade, state=TradeState.MATCHED),)))
    for side in Side:
        bench.ask_to_cancel(side)
    view = bench.assets.view
    bench.assets.view = lambda _, order: AssetView(
        head=AssetStatus.NONE, final=AssetStatus.NONE, final_time=order.terms.lock_by + 1
    )
    bench.settler().advance(bench.trade)
    bench.assets.view = view
    bench.run()
    assert bench.trade.state is TradeState.RELEASED and bench.events() == ["Locked", "GivenBack"]


def test_a_node_that_shows_the_end_and_not_yet_its_event_stops_nobody(bench: Bench) -> None:
    bench.run_to(TradeState.EARMARKED)
    history = bench.assets.history
    bench.assets.history = lambda _: []
    settlement = bench.trade.settlement_id
    assert settlement is not None
    bench.release(settlement, derive_uetr(settlement, 1))
    bench.attest(settlement, OutcomeResult.PAID)
    for _ in range(8):
        bench.tick(agents=False)
    bench.assets.history = history
    bench.run()
    assert bench.trade.state is TradeState.SETTLED


def test_an_operator_without_its_line_locks_nothing_for_good(ordered: Bench) -> None:
    """Its payment never leaves. After `payBy` the agents ask for never; once back it takes the tombstone's word."""
    bench = ordered

    def away(name: str) -> None:
        if name in ("send", "receive"):
            raise UNAVAILABLE

    bench.cash.before = away
    for _ in range(20):
        bench.tick()
    assert bench.events() == ["Locked"] and bench.rtgs.payments == {} and bench.rtgs.tombstones == {}
    assert bench.trade.order is not None and bench.trade.settlement_id is not None
    bench.clock.advance(bench.trade.order.terms.pay_by - bench.clock.now().timestamp() + 1)
    for _ in range(60):  # twenty minutes: asked for at most a quarter of an hour after the block that shows it
        bench.tick()
    assert list(bench.rtgs.tombstones) == [bench.trade.settlement_id] and bench.events() == ["Locked"]
    signed = {one.agent: one.result for one in bench.board.attestations(bench.trade.settlement_id)}
    assert len(signed) == 4 and set(signed.values()) == {OutcomeResult.NEVER}
    bench.cash.before = lambda _: None
    for _ in range(12):
        bench.tick()
    assert bench.trade.state is TradeState.RELEASED
    assert bench.events() == ["Locked", "GivenBack"] and bench.rtgs.booked == []
