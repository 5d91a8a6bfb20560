"""Income and the proceeds of a sale through the whole system: chain, RTGS, four agents and the service, by themselves.

Fable gives bonds to Utopia; Atlantis, which has 1.2 million euros, buys some of them after a default. All figures are
worked by hand here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lockstep.app.auditing import audit
from lockstep.app.collateral_acts import ActDesk
from lockstep.app.collateral_files import AgreementFile
from lockstep.app.collateral_names import CollateralNames
from lockstep.app.collateral_office import CollateralOffice, How
from lockstep.app.collateral_sales import offered
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.chain.ledger import read
from lockstep.domain.collateral.register import (
    Agreement,
    AgreementId,
    AgreementMode,
    Income,
    PledgeId,
    PricedToken,
    Valuation,
)
from lockstep.domain.collateral.register_events import CashRecorded
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Isin, SettlementId
from lockstep.domain.money import Money
from lockstep.domain.register_payment import PaymentStage, RegisterPayment
from lockstep.flow.register_paying import RegisterPaying
from lockstep.ports import CollateralLedger
from lockstep.signing import (
    agreement_id,
    build_quorum_proof,
    income_digest,
    settlement_id,
    valuation_digest,
    valuers_epoch,
    valuers_hash,
)
from lockstep.simulation.chain import SimulatedChain
from lockstep.testing.fakes import key

from .story import market_of

BOND = Isin("ZZ00EXB20314")
FABLE, UTOPIA, ATLANTIS = "FABLZZ2A", "UTOPZZ2A", "ATLSZZ2A"
VALUERS = tuple(key(f"valuer {number}") for number in range(3))
WHO = valuers_epoch([one.address for one in VALUERS], 2)
COUPON = "c0" * 32
LEI = "5493001KJTIIGC8Y1R12"
"""The register's own: while it sells, units are its."""


class Day:
    """The world, and people's hands."""

    def __init__(self, root: Path) -> None:
        path = root / "market.toml"
        path.write_text(
            f'collateral = true\ncollateral_lei = "{LEI}"\n' + market_of((FABLE, UTOPIA, ATLANTIS), (BOND,))
        )
        self.world = world = World(read_market(path), root / "world", chain=SimulatedChain)
        assert world.collateral is not None and world.margining is not None
        self.ledger = ledger = world.collateral
        self.members = {one.bic: one for one in world.market.participants.values()}
        self.token = world.market.security(BOND).token
        self.paying = RegisterPaying.beside(world.margining, world.book, world.board)
        keys = {one.address: one for one in world.roles.wallets.values()}

        @contextmanager
        def acting() -> Iterator[CollateralLedger]:
            yield ledger

        desk = ActDesk(ledger=ledger, acting=acting, folder=root / "acts", keys=keys.__getitem__, poll=world.chain.mine)
        self.names = CollateralNames(market=world.market, node=world.chain.node, ledger=ledger)
        self.office = CollateralOffice(market=world.market, ledger=ledger, desk=desk, names=self.names)

    def agreed(self, **changes: object) -> AgreementId:
        stated: dict[str, object] = {
            "giver": self.members[FABLE].wallet,
            "taker": self.members[UTOPIA].wallet,
            "mode": AgreementMode.SECURITY_INTEREST,
            "currency": "EUR",
            "valuers": valuers_hash(WHO),
            "until": int(self.world.clock.now().timestamp()) + 30 * 86_400,
            "max_age_seconds": 86_400,
            "sale_floor": 500_000,
        }
        terms = Agreement(**(stated | changes))
        self.office.open(AgreementFile(terms=terms, valuers=WHO))
        return agreement_id(terms, self.ledger.register)

    def income(self, pledge: PledgeId, owed: int, identity: str = COUPON) -> None:
        income = Income(pledge_id=pledge, income_id=identity, record_date=self.ledger.time_of(), entitled=0, owed=owed)
        digest = income_digest(income, self.ledger.register)
        proof = build_quorum_proof(digest, [one.sign(digest) for one in VALUERS[:2]], WHO)
        assert proof is not None
        self.ledger.record_income(income, proof)
        self.world.chain.mine(2)

    def value(self, agreement: AgreementId, exposure: int) -> None:
        """A euro of price for a euro of face."""
        self.world.chain.mine()
        valuation = Valuation(
            agreement_id=agreement,
            exposure=exposure,
            required=exposure,
            as_of=self.ledger.time_of(),
            prices=(PricedToken(token=self.token, price=1_000_000, haircut=0),),
        )
        digest = valuation_digest(valuation, self.ledger.register)
        proof = build_quorum_proof(digest, [one.sign(digest) for one in VALUERS[:2]], WHO)
        assert proof is not None
        self.ledger.value(valuation, proof)

    def defaulted(self) -> tuple[AgreementId, PledgeId]:
        """10,000.00 pledged, 20,000.00 owed, and nothing more to wait for."""
        agreement = self.agreed()
        pledge = PledgeId(self.office.pledge(agreement, BOND, "10000")["pledge"])
        self.value(agreement, 2_000_000)
        self.office.declare_default(agreement)
        self.world.chain.mine(3)
        return agreement, pledge

    def sold(self, pledge: PledgeId, amount: str, *, locked: bool = True) -> RegisterPayment:
        """4,000.00 of it offered to Atlantis and, if it comes to that, locked in DvP."""
        sale = offered(self.names, self.world.ledger, self.world.clock, pledge, "4000", ATLANTIS, amount)
        signature = self.world.roles.wallets[self.members[ATLANTIS].bic].sign(
            bytes.fromhex(settlement_id(sale.order, self.world.market.network))
        )
        if locked:
            self.office.sell(replace(sale, buyer_signature=signature))
        return self.paying.take_sale(pledge, sale.order, sale.cash, sale.salt)

    def stored(self, payment: RegisterPayment) -> RegisterPayment:
        found = self.world.book.register_payment(payment.name)
        assert found is not None
        return found

    def cash(self) -> list[int]:
        """Of Fable, Utopia and Atlantis, in cents."""
        posted = {one.number: one.posted for one in self.world.rtgs.facts().accounts}
        return [posted[self.members[one].accounts["EUR"]] for one in (FABLE, UTOPIA, ATLANTIS)]

    def units(self) -> list[int]:
        node, wallets = self.world.chain.node, [self.members[one].wallet for one in (FABLE, UTOPIA, ATLANTIS)]
        return [int(read(node, "SecurityToken", self.token, "balanceOf", one)[0]) for one in wallets]

    def counted(self, agreement: AgreementId) -> list[tuple[str, int]]:
        said = (one.said for one in self.ledger.events_of(agreement))
        return [(one.call_id, one.amount) for one in said if isinstance(one, CashRecorded)]

    def violations(self) -> dict[str, list[str]]:
        """What the oracle finds of the whole day, by both ledgers' own facts."""
        world = self.world
        sales = [one for one in world.book.register_payments() if one.order is not None]
        told = audit(
            world.chain.node,
            world.market,
            world.rtgs.facts(),
            [each for one in sales for each in world.board.attestations(SettlementId(one.name))],
            {},
            world.book.journal(),
            ended=True,
            terms=[],
        )
        assert list(told) == [f"I{number}" for number in range(1, 13)]
        return {name: said for name, said in told.items() if said}


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    made = Day(tmp_path)
    yield made
    made.world.close()


def moved(before: list[int], after: list[int]) -> list[int]:
    return [late - early for early, late in zip(before, after, strict=True)]


def test_the_taker_pays_a_manufactured_payment(day: Day) -> None:
    agreement = day.agreed(mode=AgreementMode.TITLE_TRANSFER, sale_floor=0)
    title = PledgeId(day.office.pledge(agreement, BOND, "10000")["pledge"])
    with pytest.raises(InvalidInput) as caught:
        day.paying.pay_income(title, COUPON)
    assert caught.value.field == "pledge"  # not final yet
    day.income(title, 12_500)
    with pytest.raises(InvalidInput) as caught:
        day.paying.pay_income(title, "00" * 32)
    assert caught.value.field == "income"
    # Utopia pays out of what it has.
    before = day.cash()
    payment = day.paying.pay_income(title, COUPON)
    assert day.paying.pay_income(title, COUPON).name == payment.name
    day.world.run_until_quiet()
    assert moved(before, day.cash()) == [12_500, -12_500, 0]
    assert day.counted(agreement) == [(payment.name, -12_500)]
    assert (day.ledger.income_owed(title), day.ledger.state(agreement).credit) == (0, 0)
    assert day.stored(payment).stage is PaymentStage.COUNTED
    day.income(title, 500, "c1" * 32)
    second = day.paying.pay_income(title, "c1" * 32)
    day.world.run_until_quiet()
    assert day.counted(agreement) == [(payment.name, -12_500), (second.name, -500)]
    assert not day.world.book.open_register_payments()
    assert day.violations() == {}
    assert not any(agent._watched for agent in day.world.agents)


def test_income_that_was_acknowledged_is_paid_by_nobody(day: Day) -> None:
    agreement = day.agreed(mode=AgreementMode.TITLE_TRANSFER, sale_floor=0)
    title = PledgeId(day.office.pledge(agreement, BOND, "10000")["pledge"])
    day.income(title, 12_500)
    before = day.cash()
    payment = day.paying.pay_income(title, COUPON)
    day.office.acknowledge_income(title, "125.00")  # outside the RTGS, meanwhile
    day.world.chain.mine(2)
    day.world.run_until_quiet()
    assert day.cash() == before
    assert (day.stored(payment).stage, day.counted(agreement)) == (PaymentStage.OPEN, [])
    day.income(title, 100, "c2" * 32)
    day.office.acknowledge_income(title, "0.50")
    with pytest.raises(Refused, match="IncomeMet"):
        day.paying.pay_income(title, "c2" * 32)


def test_a_sale_is_paid_to_the_taker_and_counts_what_it_fetched(day: Day) -> None:
    agreement, pledge = day.defaulted()
    cash, units = day.cash(), day.units()
    payment = day.sold(pledge, "3900.00")
    day.world.run_until_quiet()
    assert moved(cash, day.cash()) == [0, 390_000, -390_000]
    assert moved(units, day.units()) == [-400_000, 0, 400_000]
    assert day.counted(agreement) == [(payment.name, 390_000)]
    state, left = day.ledger.state(agreement), day.ledger.pledge(pledge)
    assert left is not None
    assert (state.credit, state.selling, left.quantity, left.selling) == (390_000, 0, 600_000, 0)
    assert day.stored(payment).stage is PaymentStage.COUNTED
    assert day.violations() == {}
    assert not any(agent._watched for agent in day.world.agents)


def test_a_sale_that_is_not_paid_comes_back_under_the_pledge(day: Day) -> None:
    agreement, pledge = day.defaulted()
    cash, units = day.cash(), day.units()
    payment = day.sold(pledge, "99999999.00")  # more than Atlantis has
    day.world.run_until_quiet()
    day.world.close_day()
    day.world.run_until_quiet()
    assert (day.cash(), day.units()) == (cash, units)
    assert day.stored(payment).stage is PaymentStage.GIVEN_BACK
    assert day.violations() == {}
    left = day.ledger.pledge(pledge)
    assert left is not None and (left.quantity, left.selling) == (1_000_000, 0)
    assert (day.counted(agreement), day.ledger.state(agreement).selling) == ([], 0)


def test_a_sale_that_nobody_locked_lapses_and_wrong_terms_are_refused(day: Day) -> None:
    _, pledge = day.defaulted()
    payment = day.sold(pledge, "3900.00", locked=False)
    order = payment.order
    assert order is not None
    with pytest.raises(InvalidInput) as caught:
        day.paying.take_sale(
            pledge, replace(order, movement=replace(order.movement, nonce=7)), Money.parse("1", "EUR"), payment.salt
        )
    assert caught.value.field == "sale/amount"
    day.world.run_until_quiet()
    assert day.stored(payment).stage is PaymentStage.OPEN
    day.world.close_day()
    day.world.run_until_quiet()
    assert day.stored(payment).stage is PaymentStage.LAPSED


def test_acts_of_a_world_are_named_by_their_content(day: Day) -> None:
    agreement = day.agreed()
    one, again = (day.office.pledge(agreement, BOND, "1") for _ in range(2))
    other = day.office.pledge(agreement, BOND, "1", How(reference="2"))
    assert one["pledge"] == again["pledge"] != other["pledge"]
