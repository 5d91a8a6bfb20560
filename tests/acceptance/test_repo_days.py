"""Two repos over four business days through the whole system: chain, RTGS, four agents and the service, which steps
them by itself.

Fable sells 5,000,000.00 of a government bond to Mirage until Wednesday; margin, a new rate, a substitution and a coupon
fall in between. Mirage uses the bonds in a repo of its own that ends a day later, so that Fable's close fails, and is
made good on Thursday. All figures are worked by hand here.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from lockstep.app.auditing import audit
from lockstep.app.collateral import LocalCollateralWallets
from lockstep.app.market_file import read_market
from lockstep.app.repos import shown
from lockstep.app.world import World
from lockstep.chain.ledger import read
from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.register import Agreement, AgreementId, AgreementMode, Income
from lockstep.domain.identifiers import Isin
from lockstep.domain.instruction import Party
from lockstep.domain.money import Money
from lockstep.domain.repo.life import LegState, Repo, RepoState
from lockstep.domain.repo.moves import repriced, substituted, topped_up
from lockstep.domain.repo.terms import Lot, RepoTerms, repo_id
from lockstep.flow.register_paying import RegisterPaying
from lockstep.signing import agreement_id, build_quorum_proof, income_digest, valuers_epoch, valuers_hash
from lockstep.simulation.chain import SimulatedChain
from lockstep.testing.fakes import key

from .story import market_of

MONDAY = date(2026, 11, 23)
TUESDAY, WEDNESDAY, THURSDAY = (MONDAY + timedelta(days) for days in (1, 2, 3))
BOND, SHARES = Isin("ZZ00EXB20314"), Isin("ZZ00LOREM014")
FABLE, MIRAGE, TATOE = "FABLZZ2A", "MIRGZZ2AXXX", "TATOZZ2ATKY"
VALUERS = tuple(key(f"valuer {number}") for number in range(3))
WHO = valuers_epoch([one.address for one in VALUERS], 2)
R1, R2 = repo_id("R1"), repo_id("R2")


class Days:
    """The world, and people's hands."""

    def __init__(self, root: Path) -> None:
        path = root / "market.toml"
        path.write_text("collateral = true\n" + market_of((FABLE, MIRAGE, TATOE), (BOND, SHARES)))
        self.world = World(read_market(path), root / "world", chain=SimulatedChain)
        assert self.world.collateral is not None and self.world.repoing is not None
        assert self.world.margining is not None
        self.ledger, self.repoing = self.world.collateral, self.world.repoing
        self.members = {one.bic: one for one in self.world.market.participants.values()}

    def agreed(self, giver: str, taker: str) -> AgreementId:
        """Title passes from one to the other, signed by both."""
        terms = Agreement(
            giver=self.members[giver].wallet,
            taker=self.members[taker].wallet,
            mode=AgreementMode.TITLE_TRANSFER,
            currency="EUR",
            valuers=valuers_hash(WHO),
            until=int(self.world.clock.now().timestamp()) + 30 * 86_400,
            max_age_seconds=3_600,
        )
        keys = {one.address: one for one in self.world.roles.wallets.values()}
        wallets = LocalCollateralWallets(keys, self.ledger.register)
        signed = [wallets.sign_agreement(terms, one) for one in (terms.giver, terms.taker)]
        self.ledger.open(terms, signed[0] or b"", signed[1] or b"")
        self.world.chain.mine(2)
        return AgreementId(agreement_id(terms, self.ledger.register))

    def terms(self, identity: str, agreement: AgreementId, seller: str, buyer: str, **changes: object) -> RepoTerms:
        parties = [Party(lei=self.members[one].lei, bic=self.members[one].bic) for one in (seller, buyer)]
        return RepoTerms(
            repo_id=repo_id(identity),
            agreement_id=agreement,
            seller=parties[0],
            buyer=parties[1],
            basis=DayCount.ACTUAL_360,
            **changes,
        )

    def until_quiet(self, identity: str = R1) -> Repo:
        self.world.run_until_quiet()
        return self.repoing.require(repo_id(identity))

    def next_day(self, day: date) -> None:
        """The RTGS closes, and opens for another day."""
        world = self.world
        closing = datetime.combine(
            world.rtgs.operator.business_day() or day, world.file.closes, world.file.opening.tzinfo
        )
        world.move_to(closing)
        world.rtgs.operator.close_day()
        world.run_until_quiet()
        world.move_to(datetime.combine(day, world.file.opens, world.file.opening.tzinfo))
        world.rtgs.operator.open_day(day)

    def held(self, security: Isin) -> list[int]:
        """Of Fable, Mirage and Tatoe, in base units."""
        token = self.world.market.security(security).token
        wallets = [self.members[one].wallet for one in (FABLE, MIRAGE, TATOE)]
        return [read(self.world.chain.node, "SecurityToken", token, "balanceOf", one)[0] for one in wallets]

    def cash(self) -> list[str]:
        """Of the same, in euros."""
        posted = {one.number: one.posted for one in self.world.rtgs.facts().accounts}
        numbers = [self.members[one].accounts["EUR"] for one in (FABLE, MIRAGE, TATOE)]
        return [Money(currency="EUR", amount=posted[one]).text() for one in numbers]

    def owed(self, repo: Repo) -> list[int]:
        """What the register says that the buyer owes, lot by lot."""
        found = [self.ledger.pledge(one.pledge_id) for one in repo.lots if one.pledge_id is not None]
        return [one.owed for one in found if one is not None]

    def violations(self) -> dict[str, list[str]]:
        world, trades = self.world, self.world.book.trades()
        told = audit(
            world.chain.node,
            world.market,
            world.rtgs.facts(),
            [one for trade in trades if trade.settlement_id for one in world.board.attestations(trade.settlement_id)],
            {str(one.settlement_id or one.trade_id): one.state for one in trades},
            world.book.journal(),
            ended=True,
            terms=[one.terms for one in trades],
        )
        assert list(told) == [f"I{number}" for number in range(1, 13)]
        return {name: said for name, said in told.items() if said}


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    made = Days(tmp_path)
    yield made
    made.world.close()


def eur(text: str) -> Money:
    return Money.parse(text, "EUR")


def test_a_repo_lives_through_margin_income_substitution_a_fail_and_its_late_close(days: Days) -> None:
    world, repoing = days.world, days.repoing

    # Monday: it opens against payment, Fable gives margin, both agree on half the rate from Tuesday on.
    lot = Lot(number=1, isin=BOND, units=500_000_000, price=500_000_000)
    first = days.terms(
        R1,
        days.agreed(FABLE, MIRAGE),
        FABLE,
        MIRAGE,
        purchase_date=MONDAY,
        repurchase_date=WEDNESDAY,
        purchase_price=eur("5000000.00"),
        rate=36_000,
        lots=(lot,),
    )
    repoing.open(first)
    repo = days.until_quiet()
    assert (repo.state, repo.waits) == (RepoState.OPEN, "")
    assert days.held(BOND) == [3_500_000_000, 550_000_000, 1_000_000_000]
    assert days.cash() == ["30000000.00", "13000000.00", "12000000.00"]
    assert days.owed(repo) == [500_000_000]
    repoing.change(R1, lambda one, now: topped_up(one, BOND, 20_000_000, now))
    repo = days.until_quiet()
    assert (repo.is_quiet, days.owed(repo)) == (True, [500_000_000, 20_000_000])
    repoing.change(R1, lambda one, now: repriced(one, 18_000, TUESDAY, now))

    # Tuesday: a fifth is replaced by shares; the bond pays 1.25 %, which Mirage owes Fable and pays in the RTGS; it
    # sells what it has on, until Thursday.
    days.next_day(TUESDAY)
    repoing.change(R1, lambda one, now: substituted(one, 1, 100_000_000, SHARES, 10_000, now))
    repo = days.until_quiet()
    assert days.owed(repo) == [400_000_000, 20_000_000, 10_000]
    assert days.held(SHARES) == [70_000, 310_000, 0]
    title = repo.lots[0].pledge_id
    assert title is not None
    income = Income(
        pledge_id=title,
        income_id="c0" * 32,
        record_date=days.ledger.time_of(),
        entitled=5_000_000,
        owed=5_000_000,  # 4,000,000.00 at 1.25 %: 50,000.00
    )
    digest = income_digest(income, days.ledger.register)
    proof = build_quorum_proof(digest, [one.sign(digest) for one in VALUERS[:2]], WHO)
    assert proof is not None
    world.chain.mine()
    days.ledger.record_income(income, proof)
    assert days.ledger.income_owed(title) == 5_000_000
    world.chain.mine(2)
    paying = RegisterPaying.beside(world.margining, world.book, world.board)
    paying.pay_income(title, income.income_id)
    days.until_quiet()
    assert days.ledger.income_owed(title) == 0
    assert days.cash() == ["30050000.00", "12950000.00", "12000000.00"]
    second = days.terms(
        R2,
        days.agreed(MIRAGE, TATOE),
        MIRAGE,
        TATOE,
        purchase_date=TUESDAY,
        repurchase_date=THURSDAY,
        purchase_price=eur("3900000.00"),
        rate=18_000,
        lots=(replace(lot, units=400_000_000, price=390_000_000),),
    )
    repoing.open(second)
    assert days.until_quiet(R2).state is RepoState.OPEN
    assert days.held(BOND) == [3_580_000_000, 70_000_000, 1_400_000_000]

    # Wednesday: 500.00 for Monday and 250.00 for Tuesday are due with the price. The shares come back; of the bonds
    # Mirage has too few.
    days.next_day(WEDNESDAY)
    repo = days.until_quiet()
    assert repo.state is RepoState.CLOSING
    assert [(one.reference, one.cash, one.state) for one in repo.legs[1:]] == [
        ("R1-C1.1", eur("4000600.00"), LegState.INSTRUCTED),
        ("R1-C3.1", eur("1000150.00"), LegState.RECORDED),
    ]
    assert days.held(SHARES) == [80_000, 300_000, 0]

    # Thursday: the RTGS's day has ended the leg. Tatoe returns what it had, and Mirage delivers a day late.
    days.next_day(THURSDAY)
    failed = repoing.require(R1)
    assert failed.state is RepoState.FAILED
    assert failed.leg(failed.legs[1].reference).reason.startswith("LACK")
    assert failed.failed_cash == eur("4000600.00")
    repo = days.until_quiet()
    assert repo.state is RepoState.CLOSED
    assert repoing.require(R2).state is RepoState.CLOSED
    assert [(one.reference, one.cash) for one in repo.legs[3:]] == [("R1-C1.2", eur("4000600.00"))]
    late = shown(repo, world.market, THURSDAY)["late"]
    assert (late["on"], late["amount"], late["rate"]) == (
        "4000600.00",
        "200.03",
        "1.8",
    )  # a day at 1.8 %, for people to claim

    # All is as it was, but for the coupon and what the repos cost: 750.00, and 390.00 for two days of the other.
    assert days.owed(repo) == [0, 0, 0]
    assert days.held(BOND) == [4_000_000_000, 50_000_000, 1_000_000_000]
    assert days.cash() == ["25049250.00", "17950360.00", "12000390.00"]
    days.next_day(THURSDAY + timedelta(1))
    assert repoing.run() is False
    assert days.violations() == {}
    told = [row.entry.facts["what"] for row in world.book.journal(R1) if row.entry.kind == "repo"]
    assert told == [one.what for one in repo.history]
