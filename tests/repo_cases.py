"""A repo of two bonds, as tests begin with it."""

from datetime import UTC, date, datetime
from typing import Any

from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.identifiers import Isin, SettlementId, TradeId
from lockstep.domain.money import Money
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.domain.repo.life import LegState, Repo
from lockstep.domain.repo.moves import agreed, leg_recorded, leg_settled
from lockstep.domain.repo.terms import Lot, RepoTerms, repo_id
from lockstep.testing.fakes import BUYER, SELLER

NOW = datetime(2026, 11, 23, 8, 30, 15, 999, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 23), date(2026, 12, 23)
BUND, OBL, OTHER = Isin("DE0001102580"), Isin("DE0001102606"), Isin("DE0001135275")
AGREEMENT = AgreementId("a1" * 32)


def eur(amount: int) -> Money:
    return Money(currency="EUR", amount=amount)


def terms(**changes: Any) -> RepoTerms:
    usual: dict[str, Any] = {
        "repo_id": repo_id("R1"),
        "agreement_id": AGREEMENT,
        "seller": SELLER,
        "buyer": BUYER,
        "purchase_date": FIRST,
        "repurchase_date": LAST,
        "purchase_price": eur(300_000_000),
        "rate": 36_000,
        "basis": DayCount.ACTUAL_360,
        "lots": (
            Lot(number=1, isin=BUND, units=1_000, price=100_000_000),
            Lot(number=2, isin=OBL, units=2_000, price=200_000_000),
        ),
    }
    return RepoTerms(**(usual | changes))


ORDER = Order(
    movement=Movement(
        token="0x" + "1" * 40, seller="0x" + "2" * 40, buyer="0x" + "3" * 40, quantity=1, epoch=1, nonce=0
    ),
    terms=OrderTerms(trade_id=TradeId("11" * 32), part=0, cash_hash="22" * 32, lock_by=1, pay_by=2),
)


def settle_all(repo: Repo, now: datetime = NOW) -> Repo:
    """Every leg that waits settles and is recorded."""
    for leg in repo.legs:
        if leg.state is LegState.INSTRUCTED:
            repo = leg_settled(repo, leg.reference, ORDER, SettlementId("33" * 32), now)
            repo = leg_recorded(repo, leg.reference, now, PledgeId(f"{leg.lot:064x}"))
    return repo


def opened(**changes: Any) -> Repo:
    return settle_all(agreed(terms(**changes), NOW))
