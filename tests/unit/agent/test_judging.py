"""What an agent must see before it releases or signs: each refusal by its name (I1, I2, I9)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from agent_cases import (
    AT,
    BOOKED,
    CASH,
    EPOCH,
    HELD,
    MARKET,
    NETWORK,
    NEVER,
    ORDER,
    PAY_BY,
    SETTLEMENT,
    event,
    evidence,
    order,
)
from agent_cases import payment as a_payment

from lockstep.agent.judging import Evidence, judge_outcome, judge_release
from lockstep.domain.cash import CashView
from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.money import Money
from lockstep.domain.order import Order, OutcomeResult
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.signing import cash_hash, settlement_id
from lockstep.testing.fakes import BUYER, SELLER, key

Judge = Callable[[Evidence], object]
OTHER_ORDER = order(1)
JUDGEMENTS: list[tuple[Judge, CashView]] = [
    (judge_release, HELD),
    (judge_outcome, BOOKED),
    (judge_outcome, NEVER),
]


def refusal(judge: Judge, seen: Evidence) -> Refused:
    with pytest.raises(Refused) as caught:
        judge(seen)
    assert caught.value.details["settlement_id"] == seen.cash.settlement_id
    return caught.value


def test_good() -> None:
    judge_release(evidence(HELD, event()))
    assert judge_outcome(evidence(BOOKED, event())) is OutcomeResult.PAID
    assert judge_outcome(evidence(NEVER, event())) is OutcomeResult.NEVER
    cancelled = CashView(settlement_id=SETTLEMENT, state=PaymentState.CANCELLED)
    assert judge_outcome(evidence(cancelled, event())) is OutcomeResult.NEVER, "a tombstone names no payment"


@pytest.mark.parametrize(
    "cash",
    [
        CashView(settlement_id=SETTLEMENT),
        HELD,
        replace(HELD, state=PaymentState.PENDING),
        replace(BOOKED, noticed_at=None),
        replace(HELD, state=None, noticed_at=AT),
        replace(HELD, cancel_refused=True),
    ],
)
def test_unknown_is_no_outcome(cash: CashView) -> None:
    assert judge_outcome(evidence(cash, event())) is None
    assert judge_outcome(evidence(cash)) is None


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS)
def test_the_lock(judge: Judge, cash: CashView) -> None:
    assert refusal(judge, evidence(cash)).name == "LockMissing"
    assert refusal(judge, evidence(cash, event("Settled"))).name == "LockMissing"
    assert refusal(judge, evidence(cash, replace(event(), order=None))).name == "LockMissing"
    error = refusal(judge, evidence(cash, event(final=False)))
    assert (error.name, error.details["actual"], error.details["expected"]) == ("LockNotFinal", 7, 2)


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS)
@pytest.mark.parametrize("elsewhere", [replace(NETWORK, chain_id=1), replace(NETWORK, dvp=key("another DvP").address)])
def test_another_chain_or_contract(judge: Judge, cash: CashView, elsewhere: Any) -> None:
    error = refusal(judge, evidence(cash, event(), market=replace(MARKET, network=elsewhere)))
    assert error.name == "SettlementDiffers"
    assert error.details["actual"] == settlement_id(ORDER, elsewhere) and error.details["expected"] == SETTLEMENT


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS)
def test_another_order_under_this_id(judge: Judge, cash: CashView) -> None:
    """A node that shows a lock of other terms under the settlement's id is not believed."""
    error = refusal(judge, evidence(cash, event(locked=OTHER_ORDER)))
    assert (error.name, error.details["actual"]) == ("SettlementDiffers", settlement_id(OTHER_ORDER, NETWORK))


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS)
def test_another_epoch(judge: Judge, cash: CashView) -> None:
    error = refusal(judge, evidence(cash, event(), epoch=replace(EPOCH, number=2)))
    assert (error.name, error.details["actual"], error.details["expected"]) == ("WrongEpoch", 1, 2)


@pytest.mark.parametrize(("judge", "cash"), [(judge_release, HELD), (judge_outcome, BOOKED), (judge_outcome, NEVER)])
def test_only_an_agent_of_the_orders_epoch(judge: Any, cash: CashView) -> None:
    """Who can prove nothing releases nothing either: else it would be paid and never be proved."""
    stranger = key("joined later").address
    error = refusal(judge, evidence(cash, event(), agents=(stranger,)))
    assert (error.name, error.details["actual"], error.details["expected"]) == (
        "NotInEpoch",
        stranger,
        "an agent of epoch 1",
    )
    judge(evidence(cash, event(), agents=(stranger, EPOCH.agents[3])))  # under its key of then


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS)
def test_a_contradiction(judge: Judge, cash: CashView) -> None:
    error = refusal(judge, evidence(replace(cash, contradiction="two stories"), event()))
    assert (error.name, error.details["actual"]) == ("Contradiction", "two stories")


@pytest.mark.parametrize("ended", ["PaidRecorded", "Settled", "GivenBack"])
def test_no_release_for_a_lock_that_ended(ended: str) -> None:
    error = refusal(judge_release, evidence(HELD, event(), event(ended, final=False)))
    assert (error.name, error.details["actual"], error.details["expected"]) == ("LockEnded", ended, "Locked")


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS[:2])
@pytest.mark.parametrize("changes", [{"part": 1}, {"minimum_lot": 1}, {"group": "01" + "00" * 31}])
def test_a_part_or_one_of_a_group(judge: Judge, cash: CashView, changes: dict[str, Any]) -> None:
    """The contract locks them; the service pays whole orders only, and the cash hash is the whole order's."""
    locked = order(0, **changes)
    identifier = settlement_id(locked, NETWORK)
    seen = replace(cash, settlement_id=identifier, payment=a_payment(identifier))
    error = refusal(judge, evidence(seen, event(locked=locked, settlement=identifier)))
    assert error.name == "NotWhole"


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS[:2])
@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(currency="EUR", amount=CASH.amount - 1)},
        {"amount": Money(currency="EUR", amount=CASH.amount + 1)},
        {"salt": "00" * 16},
    ],
)
def test_cash_terms(judge: Judge, cash: CashView, changes: dict[str, Any]) -> None:
    error = refusal(judge, evidence(replace(cash, payment=a_payment(**changes)), event()))
    assert (error.name, error.details["expected"]) == ("CashTermsDiffer", ORDER.terms.cash_hash)


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS[:2])
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"debtor": CashAccount(owner=BUYER.bic, number="X")}, "BuyerDiffers"),
        ({"debtor": CashAccount(owner=SELLER.bic, number="ACC-BUYER")}, "BuyerDiffers"),
        ({"debtor": a_payment().creditor, "creditor": a_payment().debtor}, "BuyerDiffers"),
        ({"amount": Money(currency="USD", amount=CASH.amount)}, "BuyerDiffers"),
        ({"creditor": CashAccount(owner=SELLER.bic, number="X")}, "SellerDiffers"),
        ({"creditor": CashAccount(owner=BUYER.bic, number="ACC-SELLER")}, "SellerDiffers"),
        ({"creditor": a_payment().debtor}, "SellerDiffers"),
    ],
)
def test_the_accounts_are_of_those_who_signed(judge: Judge, cash: CashView, changes: dict[str, Any], name: str) -> None:
    """Finding 1: a cash hash can name any account; only the market says whose wallet pays from which."""
    paid = a_payment(**changes)
    hashed = cash_hash(paid.salt, paid.amount, paid.debtor, paid.creditor)
    locked = replace(ORDER, terms=replace(ORDER.terms, cash_hash=hashed))
    assert refusal(judge, made_of(locked, cash, payment=paid)).name == name


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS[:2])
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"token": key("a token of code STOP").address}, "TokenUnknown"),
        ({"buyer": key("nobody").address}, "BuyerDiffers"),
        ({"buyer": ORDER.movement.seller}, "BuyerDiffers"),
        ({"seller": key("nobody").address}, "SellerDiffers"),
        ({"seller": key("nobody").address, "buyer": key("another nobody").address}, "BuyerDiffers"),
        ({"seller": ORDER.movement.buyer}, "SellerDiffers"),
    ],
)
def test_two_throw_away_keys_debit_nobody(judge: Judge, cash: CashView, changes: dict[str, str], name: str) -> None:
    """Finding 1: both signatures on a lock are worth nothing but from the wallets of those banks."""
    locked = replace(ORDER, movement=replace(ORDER.movement, **changes))
    error = refusal(judge, made_of(locked, cash))
    assert (error.name, error.details["settlement_id"]) == (name, settlement_id(locked, NETWORK))


def made_of(locked: Order, cash: CashView, **changes: Any) -> Evidence:
    """Everything fits the order, by its own id, but what the test has put in it."""
    here = settlement_id(locked, NETWORK)
    paid = replace(changes.get("payment") or a_payment(), settlement_id=here)
    seen = replace(cash, settlement_id=here, payment=paid)
    return evidence(seen, event(locked=locked, settlement=here))


def test_an_account_of_two_participants_is_nobodys() -> None:
    twins = {f"{lei}2": replace(one, name="twin") for lei, one in MARKET.participants.items()}
    doubled = replace(MARKET, participants={**MARKET.participants, **twins})
    assert refusal(judge_release, evidence(HELD, event(), market=doubled)).name == "BuyerDiffers"


@pytest.mark.parametrize(
    "names", [["Locked"], ["Locked", "PaidRecorded"], ["Locked", "Settled"]], ids=lambda names: names[-1]
)
def test_a_trade_locked_twice_is_released_once(names: list[str]) -> None:
    """Findings 2 to 4: one trade, one payment, however many orders its wallets have signed."""
    other = settlement_id(OTHER_ORDER, NETWORK)
    before = [event(name, locked=OTHER_ORDER, settlement=other) for name in names]
    error = refusal(judge_release, evidence(HELD, event(), earlier=[before]))
    assert (error.name, error.details["actual"]) == ("TradeOpenElsewhere", f"{other} {names[-1]}")


def test_a_trade_given_back_may_be_locked_again() -> None:
    other = settlement_id(OTHER_ORDER, NETWORK)
    locked = event(locked=OTHER_ORDER, settlement=other)
    judge_release(evidence(HELD, event(), earlier=[[locked, event("GivenBack", settlement=other)]]))
    early = [locked, event("GivenBack", settlement=other, final=False)]
    assert refusal(judge_release, evidence(HELD, event(), earlier=[early])).name == "TradeOpenElsewhere"


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS[:2])
def test_pay_by(judge: Judge, cash: CashView) -> None:
    later = PAY_BY + timedelta(seconds=1)
    error = refusal(judge, evidence(replace(cash, payment=a_payment(pay_by=later)), event()))
    assert (error.name, error.details["actual"]) == ("PayByDiffers", int(later.timestamp()))


@pytest.mark.parametrize(("judge", "cash"), JUDGEMENTS[:2])
def test_no_payment_shown(judge: Judge, cash: CashView) -> None:
    assert refusal(judge, evidence(replace(cash, payment=None), event())).name == "PaymentUnknown"


@pytest.mark.parametrize("field", ["booked_at", "noticed_at"])
def test_booked_late(field: str) -> None:
    """`payBy` is inclusive, judged on the RTGS's booking time, whichever message tells it."""
    in_time = replace(BOOKED, **{field: PAY_BY})
    assert judge_outcome(evidence(in_time, event())) is OutcomeResult.PAID
    for late in (PAY_BY + timedelta(microseconds=1), PAY_BY + timedelta(seconds=1)):
        error = refusal(judge_outcome, evidence(replace(BOOKED, **{field: late}), event()))
        assert (error.name, error.details["actual"]) == ("BookedLate", late.isoformat())
        assert error.details["expected"] == ORDER.terms.pay_by


def test_never_needs_no_terms() -> None:
    """The tombstone is the settlement's, whatever payment was refused."""
    refused = replace(NEVER, payment=a_payment(amount=Money(currency="EUR", amount=1)))
    assert judge_outcome(evidence(refused, event())) is OutcomeResult.NEVER
    other = replace(NEVER, settlement_id=SettlementId("cd" * 32))
    assert refusal(judge_outcome, evidence(other, event())).name == "SettlementDiffers"
