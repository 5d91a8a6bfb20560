"""One lock and one payment that fit each other, as an agent would see them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lockstep.agent.judging import Evidence
from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import SettlementId, TradeId, derive_uetr
from lockstep.domain.market import Network
from lockstep.domain.money import Money
from lockstep.domain.order import AssetEvent, Attestation, Epoch, Movement, Order, OrderTerms, OutcomeResult
from lockstep.domain.payment import BookingNotice, CashAccount, Payment, PaymentReport, PaymentState
from lockstep.signing import cash_hash, outcome_digest, settlement_id
from lockstep.testing.fakes import BUYER, DAY, SELLER, example_market, key

NETWORK = Network(chain_id=31_337, dvp=key("dvp").address, finality_depth=2)
MARKET = example_market(NETWORK)
EPOCH = Epoch(number=1, agents=tuple(sorted((key(f"a{n}").address for n in range(4)), key=str.lower)), quorum=3)
PAY_BY = datetime(2026, 11, 23, 16, tzinfo=UTC)
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
SALT = "0f" * 16
CASH = Money.parse("990.00", "EUR")
DEBTOR = CashAccount(owner=BUYER.bic, number="ACC-BUYER")
CREDITOR = CashAccount(owner=SELLER.bic, number="ACC-SELLER")


def order(number: int = 0, **terms: Any) -> Order:
    stated = OrderTerms(
        trade_id=TradeId("11" * 32),
        part=0,
        cash_hash=cash_hash(SALT, CASH, DEBTOR, CREDITOR),
        lock_by=int(AT.timestamp()),
        pay_by=int(PAY_BY.timestamp()),
    )
    movement = Movement(
        token=key("bond").address,
        seller=key(SELLER.bic).address,
        buyer=key(BUYER.bic).address,
        quantity=100,
        epoch=1,
        nonce=number,
    )
    return Order(movement=movement, terms=replace(stated, **terms))


ORDER = order()
SETTLEMENT = settlement_id(ORDER, NETWORK)


def payment(settlement: SettlementId = SETTLEMENT, **changes: Any) -> Payment:
    body = Payment(
        uetr=derive_uetr(settlement, 1),
        instruction_id="I",
        end_to_end_id="E",
        amount=CASH,
        settlement_date=DAY,
        debtor=DEBTOR,
        creditor=CREDITOR,
        settlement_id=settlement,
        salt=SALT,
        pay_by=PAY_BY,
    )
    return replace(body, **changes)


def event(
    name: str = "Locked", *, final: bool = True, locked: Order = ORDER, settlement: str = SETTLEMENT
) -> AssetEvent:
    return AssetEvent(
        name=name,
        settlement_id=SettlementId(settlement),
        transaction="0x" + "ab" * 32,
        block=7,
        at=AT,
        final=final,
        order=locked if name == "Locked" else None,
    )


HELD = CashView(settlement_id=SETTLEMENT, state=PaymentState.HELD, payment=payment(), decided_at=AT)
BOOKED = replace(HELD, state=PaymentState.BOOKED, booked_at=AT, noticed_at=AT, noticed=CASH)
NEVER = replace(HELD, state=PaymentState.REJECTED)


def evidence(cash: CashView, *history: AssetEvent, **changes: Any) -> Evidence:
    seen = Evidence(history=history, cash=cash, market=MARKET, epoch=EPOCH, agents=EPOCH.agents[:1])
    return replace(seen, **changes)


def report(state: PaymentState, settlement: SettlementId = SETTLEMENT, **changes: Any) -> PaymentReport:
    one = payment(settlement)
    body = PaymentReport(original_message_id="P", uetr=one.uetr, state=state, decided_at=AT, payment=one)
    return replace(body, **changes)


def notice(settlement: SettlementId = SETTLEMENT, **changes: Any) -> BookingNotice:
    one = payment(settlement)
    body = BookingNotice(
        account=CREDITOR,
        amount=one.amount,
        credit=True,
        booked_at=AT,
        posting=1,
        uetr=one.uetr,
        settlement_id=settlement,
        salt=SALT,
    )
    return replace(body, **changes)


def attestation(result: OutcomeResult, signer: str = "a0", settlement: SettlementId = SETTLEMENT) -> Attestation:
    return Attestation(
        settlement_id=settlement,
        result=result,
        epoch=1,
        agent=key(signer).address,
        signature=key(signer).sign(outcome_digest(settlement, result, 1, NETWORK)),
    )
