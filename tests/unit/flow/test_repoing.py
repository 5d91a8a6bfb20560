"""A repo's steps over the compiled register and DvP on a simulated chain; the trades are settled there by hand.

Each test drives `Repoing` as a worker would, look by look. The last one kills it at every effect.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

import pytest

from collateral_venue import DEPTH, GIVER, TAKER, UNITS, CollateralVenue
from lockstep.app.collateral import LocalCollateralWallets
from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.calls import PledgeCall, RecordTitleCall, ReturnUnitsCall
from lockstep.domain.collateral.register import AgreementId, AgreementMode
from lockstep.domain.errors import Conflict, InvalidInput, LeaseLost, Refused, Unavailable
from lockstep.domain.identifiers import Bic, Isin, Lei, lei_check_digits
from lockstep.domain.instruction import Instruction, Party, QuantityType, Side
from lockstep.domain.market import Market, Participant, Security
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.domain.repo.life import LegState, Repo, RepoState
from lockstep.domain.repo.moves import (
    partly_returned,
    returned_free,
    rolled,
    substituted,
    terminated,
    topped_up,
)
from lockstep.domain.repo.terms import Lot, RepoId, RepoTerms, repo_id
from lockstep.domain.trade import Reason, Trade, TradeState, TradeTerms
from lockstep.flow.receiving import INSTRUCTED
from lockstep.flow.repo_legs import leg_instruction, lot_salt
from lockstep.flow.repoing import Repoing
from lockstep.iso20022 import write
from lockstep.ports import Change, CollateralLedger, StoredInstruction
from lockstep.signing import settlement_id
from lockstep.testing.fakes import MORNING, FakeBook

BUND, OBL = Isin("DE0001102580"), Isin("DE0001102606")
R1 = RepoId("R1")
TODAY = MORNING.date()


def party(letters: str, number: int) -> Party:
    body = f"5299000000{number:08d}"
    return Party(lei=Lei(body + lei_check_digits(body)), bic=Bic(f"{letters}DEFFXXX"))


SELLER, BUYER = party("SELL", 1), party("BUYY", 2)


class Killed(BaseException):
    """The process died here."""


class Desk:
    """Everything around `Repoing`, and the hands of everybody else."""

    def __init__(self, venue: CollateralVenue) -> None:
        self.venue, self.clock = venue, venue.clock
        self.book = _HookedBook(self)
        self.agreement: AgreementId = venue.agree(mode=AgreementMode.TITLE_TRANSFER)
        venue.chain.mine(DEPTH)
        tokens = {BUND: venue.token, OBL: venue.second}
        members = ((SELLER, GIVER), (BUYER, TAKER))
        self.market = Market(
            service=Bic("LSTPZZ2A"),
            rtgs=Bic("CBNKZZ2AXXX"),
            network=venue.network,
            participants={
                one.lei: Participant(
                    name=one.bic, lei=one.lei, bic=one.bic, wallet=wallet.address, accounts={"EUR": f"ACC-{one.bic}"}
                )
                for one, wallet in members
            },
            securities={
                isin: Security(
                    isin=isin,
                    name="Bund",
                    token=token,
                    decimals=2,
                    quantity_type=QuantityType.FACE_AMOUNT,
                    currency="EUR",
                )
                for isin, token in tokens.items()
            },
            tolerances={},
            pay_by=time(16),
        )
        self.wallet = LocalCollateralWallets({one.address: one for one in (GIVER, TAKER)}, venue.register)
        self.write = write
        self.settles, self.hook = True, cast(Callable[[str], None], lambda _: None)

    def repoing(self) -> Repoing:
        return Repoing(
            book=self.book,
            ledger=cast(CollateralLedger, _Hooked(self)),
            wallet=self.wallet,
            market=self.market,
            write=self.write,
            clock=self.clock,
        )

    @property
    def handed(self) -> list[str]:
        """Under which message ids instructions were taken."""
        return [row.entry.facts["message_id"] for row in self.book.journal() if row.entry.kind == INSTRUCTED]

    def engine(self) -> None:
        """Matches what waits in pairs, and settles it on the chain, or lets it go."""
        waiting: dict[str, dict[Side, StoredInstruction]] = {}
        for one in self.book.waiting():
            waiting.setdefault(one.instruction.reference, {})[one.instruction.side] = one
        for number, pair in enumerate(one for one in waiting.values() if len(one) == 2):
            self._end(pair[Side.DELIVER], pair[Side.RECEIVE], number)

    def _end(self, deliver: StoredInstruction, receive: StoredInstruction, number: int) -> None:
        said = deliver.instruction
        assert replace(said, side=Side.RECEIVE) == receive.instruction
        terms = TradeTerms(
            deliverer=said.deliverer.lei,
            receiver=said.receiver.lei,
            deliverer_reference=said.reference,
            receiver_reference=said.reference,
            isin=said.isin,
            quantity=said.quantity,
            cash=said.cash,
            settlement_date=said.settlement_date,
            salt="00" * 16,
        )
        order, state, reason = None, TradeState.RELEASED, Reason(code="LACK", text="short of securities")
        if self.settles:
            now = self.venue.now()
            order = Order(
                movement=Movement(
                    token=self.market.securities[said.isin].token,
                    seller=self.market.participants[said.deliverer.lei].wallet,
                    buyer=self.market.participants[said.receiver.lei].wallet,
                    quantity=said.quantity.units(2),
                    epoch=1,
                    nonce=len(self.book.trades()),
                ),
                terms=OrderTerms(
                    trade_id=terms.trade_id, part=0, cash_hash="22" * 32, lock_by=now + 3_600, pay_by=now + 7_200
                ),
            )
            self.venue.settled(order)
            state, reason = TradeState.SETTLED, None
        trade = Trade(
            trade_id=terms.trade_id,
            terms=terms,
            state=state,
            matched_at=self.clock.now(),
            order=order,
            settlement_id=settlement_id(order, self.market.network) if order else None,
            reason=reason,
        )
        matched = tuple(replace(one, status="MATCHED", trade_id=terms.trade_id) for one in (deliver, receive))
        self.book.commit(Change(instructions=matched, trades=(trade,)))

    def turn(self) -> None:
        """One look, what the ledgers do meanwhile, and finality."""
        self.repoing().run()
        self.engine()
        self.venue.chain.mine(DEPTH)

    def until_quiet(self, identity: RepoId = R1) -> Repo:
        """Until two turns in a row change no record: a turn may hand in, or send, and the next one see it."""
        still = 0
        for _ in range(30):
            before = list(self.book.repos())
            self.turn()
            still = still + 1 if list(self.book.repos()) == before else 0
            if still == 2:
                return self.repoing().require(identity)
        raise AssertionError("it never comes to rest")

    def turned(self, identity: RepoId = R1) -> Repo:
        self.turn()
        return self.repoing().require(identity)

    def dying(self, deaths: int) -> tuple[Callable[[], None], Callable[[str], None]]:
        """A worker that dies at each `deaths`-th moment, and the hook that kills it."""
        left = deaths

        def hook(_: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                left = deaths + 1
                raise Killed

        def worked() -> None:
            try:
                self.repoing().run()
            except Killed:
                self.venue.renew()

        return worked, hook

    def until(self, work: Callable[[], object], hook: Callable[[str], None], reached: Callable[[], bool]) -> None:
        """Turns of this work, with the hook in force, until it is reached."""
        for _ in range(60):
            self.hook = hook
            work()
            self.hook = lambda _: None
            self.engine()
            self.venue.chain.mine(DEPTH)
            if reached():
                return
        raise AssertionError("it never comes to rest")

    def to(self, day: date) -> None:
        self.clock.move_to(datetime.combine(day, time(9), tzinfo=UTC))
        self.venue.chain.mine()

    def change(self, move: Callable[[Repo, datetime], Repo]) -> Repo:
        self.repoing().change(R1, move)
        return self.until_quiet()

    def terms(self, **changes: Any) -> RepoTerms:
        usual: dict[str, Any] = {
            "repo_id": R1,
            "agreement_id": self.agreement,
            "seller": SELLER,
            "buyer": BUYER,
            "purchase_date": TODAY,
            "repurchase_date": TODAY + timedelta(10),
            "purchase_price": Money(currency="EUR", amount=900_000),
            "rate": 36_000,
            "basis": DayCount.ACTUAL_360,
            "lots": (
                Lot(number=1, isin=BUND, units=3_000, price=300_000),
                Lot(number=2, isin=OBL, units=6_000, price=600_000),
            ),
        }
        return RepoTerms(**(usual | changes))

    def opened(self) -> Repo:
        self.repoing().open(self.terms())
        return self.until_quiet()

    def units(self) -> tuple[int, int, int, int]:
        """Of the bund and the other bond: the seller's, the buyer's."""
        tokens = (self.venue.token, self.venue.second)
        held = [self.venue.units(one, token)[0] for token in tokens for one in (GIVER, TAKER)]
        return held[0], held[1], held[2], held[3]

    def owed(self, repo: Repo) -> list[int]:
        """What the register says that the buyer owes of each lot."""
        found = [self.venue.ledger.pledge(one.pledge_id) for one in repo.lots if one.pledge_id is not None]
        return [one.owed for one in found if one is not None]


class _HookedBook(FakeBook):
    """The records, told of before and after each commit of a repo's step."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def forget_repos(self) -> None:
        self._repos.clear()

    def commit(self, change: Change) -> None:
        hook = (lambda _: None) if change.trades else self._desk.hook  # the engine's are not
        hook("before commit")
        super().commit(change)
        hook("after commit")


class _Hooked:
    """The ledger, told of before and after each act."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._desk.venue.ledger, name)
        if name != "run":
            return found

        def run(acts: Any) -> None:
            self._desk.hook("before run")
            found(acts)
            self._desk.hook("after run")

        return run


@pytest.fixture(scope="module")
def founded() -> CollateralVenue:
    return CollateralVenue.open()


@pytest.fixture
def desk(founded: CollateralVenue) -> Iterator[Desk]:
    snapshot, before = founded.snapshot(), founded.clock.now()
    founded.log.stored.clear()
    founded.renew()
    yield Desk(founded)
    founded.revert(snapshot)
    founded.clock._now = before  # the chain's blocks are of its time


def test_it_opens_by_trades_and_the_register_has_the_title(desk: Desk) -> None:
    desk.repoing().open(desk.terms())
    desk.repoing().run()
    found = {(one.owner, one.reference): one for one in (stored.instruction for stored in desk.book.instructions())}
    assert {key[1] for key in found} == {"R1-O1.1", "R1-O2.1"}
    sells = found[SELLER, "R1-O1.1"]
    assert (sells.side, sells.quantity.text(), sells.cash.text()) == (Side.DELIVER, "30", "3000.00")
    assert found[BUYER, "R1-O1.1"].side is Side.RECEIVE
    repo = desk.until_quiet()
    assert repo.state is RepoState.OPEN
    assert desk.units() == (UNITS - 3_000, 3_000, UNITS - 6_000, 6_000)
    assert desk.owed(repo) == [3_000, 6_000]
    assert len(desk.handed) == len(set(desk.handed)) == 4


def test_it_closes_on_its_day_for_the_repurchase_price(desk: Desk) -> None:
    opened = desk.opened()
    desk.to(TODAY + timedelta(9))
    assert desk.until_quiet() == opened
    desk.to(TODAY + timedelta(10))
    repo = desk.until_quiet()
    assert repo.state is RepoState.CLOSED
    cash = [one.cash.amount for one in repo.legs if one.state is LegState.RECORDED][2:]
    assert cash == [300_300, 600_600]  # 9,000.00 at 3.6 % for 10 days: 9.00
    assert desk.units() == (UNITS, 0, UNITS, 0)
    assert desk.owed(repo) == [0, 0]


def test_a_top_up_a_return_and_a_substitution_go_through_the_register(desk: Desk) -> None:
    desk.opened()
    repo = desk.change(lambda one, now: topped_up(one, BUND, 500, now))
    assert (repo.is_quiet, desk.owed(repo)) == (True, [3_000, 6_000, 500])
    repo = desk.change(lambda one, now: returned_free(one, 3, 200, now))
    assert desk.owed(repo) == [3_000, 6_000, 300]
    repo = desk.change(lambda one, now: substituted(one, 2, 1_000, BUND, 1_100, now))
    assert desk.owed(repo) == [3_000, 5_000, 300, 1_100]
    assert [one.price for one in repo.lots] == [300_000, 500_000, 0, 100_000]
    assert desk.units() == (UNITS - 4_400, 4_400, UNITS - 5_000, 5_000)
    repo = desk.change(lambda one, now: terminated(one, TODAY, now))
    assert repo.state is RepoState.CLOSED
    assert desk.units() == (UNITS, 0, UNITS, 0)


def test_part_is_repurchased_by_a_trade_of_its_own(desk: Desk) -> None:
    desk.opened()
    day = TODAY + timedelta(5)
    desk.to(day)
    repo = desk.change(lambda one, now: partly_returned(one, 1, 1_000, day, now))
    assert desk.owed(repo) == [2_000, 6_000]
    assert repo.legs[-1].cash.amount == 100_000 + 50  # a ninth of 9,000.00's five days, 4.50
    assert repo.principal == 800_000


def test_a_failed_close_is_tried_again_the_next_day(desk: Desk) -> None:
    desk.opened()
    desk.settles = False
    desk.to(TODAY + timedelta(10))
    repo = desk.until_quiet()
    assert repo.state is RepoState.FAILED
    assert [one.reason for one in repo.legs[2:]] == ["LACK: short of securities"] * 2
    desk.settles = True
    desk.to(TODAY + timedelta(11))
    repo = desk.until_quiet()
    assert repo.state is RepoState.CLOSED
    assert [one.reference for one in repo.legs[4:]] == ["R1-C1.2", "R1-C2.2"]
    assert [one.cash for one in repo.legs[4:]] == [one.cash for one in repo.legs[2:4]]


def test_none_of_it_settles(desk: Desk) -> None:
    desk.settles = False
    repo = desk.opened()
    assert repo.state is RepoState.CANCELLED
    assert desk.units() == (UNITS, 0, UNITS, 0)


def test_it_rolls_into_its_successor(desk: Desk) -> None:
    desk.opened()
    day, second = TODAY + timedelta(4), repo_id("R2")
    desk.repoing().change(
        R1, lambda one, now: rolled(one, desk.terms(repo_id=second, purchase_date=day, rate=18_000), now)
    )
    desk.to(day)
    first, following = desk.until_quiet(), desk.until_quiet(second)
    assert (first.state, following.state) == (RepoState.CLOSED, RepoState.OPEN)
    assert desk.owed(first) + desk.owed(following) == [0, 0, 3_000, 6_000]


def test_who_has_not_signed_holds_it_up_and_nothing_is_sent(desk: Desk) -> None:
    whole, desk.wallet = desk.wallet, LocalCollateralWallets({}, desk.venue.register)
    repo = desk.opened()
    assert repo.state is RepoState.AGREED
    assert {one.state for one in repo.legs} == {LegState.SETTLED}
    assert repo.waits == f"NotSignedYet(party={BUYER.bic}, act=R1-O1.1)"
    assert [row.entry.facts for row in desk.book.journal("R1") if row.entry.kind == "repo waits"] == [
        {"reason": repo.waits}
    ]
    desk.wallet = whole
    repo = desk.until_quiet()
    assert (repo.state, repo.waits) == (RepoState.OPEN, "")


def test_what_is_not_agreed_is_refused(desk: Desk) -> None:
    repoing = desk.repoing()
    with pytest.raises(Refused) as caught:
        repoing.open(desk.terms(agreement_id=AgreementId("ab" * 32)))
    assert caught.value.name == "NoRepoAgreement"
    pledged = desk.venue.agree(salt=77)
    desk.venue.chain.mine(DEPTH)
    with pytest.raises(Refused, match="NoRepoAgreement"):
        repoing.open(desk.terms(agreement_id=pledged))
    with pytest.raises(Refused, match="NoRepoAgreement"):
        repoing.open(desk.terms(seller=BUYER, buyer=SELLER))
    with pytest.raises(InvalidInput, match="repurchase_date"):
        repoing.open(desk.terms(repurchase_date=TODAY + timedelta(400)))
    lot = Lot(number=1, isin=Isin("DE0001135275"), units=1, price=900_000)
    with pytest.raises(InvalidInput, match="ISIN"):
        repoing.open(desk.terms(lots=(lot,)))
    assert not desk.book.repos()
    stored = repoing.open(desk.terms())
    assert repoing.open(desk.terms()) == stored
    with pytest.raises(Conflict):
        repoing.open(desk.terms(rate=1))
    with pytest.raises(InvalidInput, match="repo_id"):
        repoing.change(RepoId("R9"), lambda one, now: one)


def test_the_journal_tells_what_happened(desk: Desk) -> None:
    repo = desk.opened()
    told = [(row.entry.facts["what"], row.entry.facts["detail"]) for row in desk.book.journal("R1")]
    assert told == [(one.what, one.detail) for one in repo.history]
    assert [what for what, _ in told[-2:]] == ["leg R1-O2.1 recorded", "open"]


def test_one_that_is_wrong_holds_up_no_other(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """One whose reference is another instruction's, one at which the code fails, and a good one."""
    taken, fails = RepoId("A1"), RepoId("A2")
    lots = tuple(replace(one, units=one.units // 10) for one in desk.terms().lots)
    for one in (taken, fails):
        desk.repoing().open(desk.terms(repo_id=one, lots=lots))
    known = desk.repoing().require(taken)
    said = leg_instruction(known, known.legs[0], Side.DELIVER, desk.market)
    stored = StoredInstruction(
        message_id="X",
        content_hash="h",
        instruction=replace(said, cash=Money(currency="EUR", amount=1)),
        status="WAITING",
        received_at=desk.clock.now(),
    )
    desk.book.commit(Change(instructions=(stored,)))

    def written(message: Message[Instruction]) -> bytes:
        if message.body.reference.startswith("A2"):
            raise KeyError("nobody foresaw this")
        return write(message)

    desk.write = written
    assert desk.opened().state is RepoState.OPEN
    refused = desk.repoing().require(taken)
    assert refused.waits.startswith("ReferenceTaken(owner=SELLDEFFXXX, reference=A1-O1.1")
    assert "for 0.01 EUR" in refused.waits and "for 3000.00 EUR" in refused.waits
    assert [one.state for one in refused.legs] == [LegState.INSTRUCTED, LegState.RECORDED]  # the other lot goes on
    broken = desk.repoing().require(fails)
    assert broken.waits == "the service failed at it: KeyError"
    assert [one.message for one in caplog.records] == ["repo A2: the service failed at it: KeyError"]
    for one in (taken, fails):  # told once, however often it is looked at
        assert [row.entry.kind for row in desk.book.journal(one)].count("repo waits") == 1


def test_a_transfer_that_nobody_signs_is_given_up_and_holds_up_no_close(desk: Desk) -> None:
    desk.opened()
    whole, desk.wallet = desk.wallet, LocalCollateralWallets({}, desk.venue.register)
    desk.to(TODAY + timedelta(9))
    repo = desk.change(lambda one, now: topped_up(one, BUND, 500, now))
    assert repo.waits == f"NotSignedYet(party={SELLER.bic}, act=transfer 1)"
    desk.to(TODAY + timedelta(10))
    desk.wallet = whole
    repo = desk.until_quiet()
    assert [(one.state, one.reason) for one in repo.transfers] == [(LegState.DEAD, "not run in time")]
    assert (repo.state, repo.waits) == (RepoState.CLOSED, "")
    assert desk.units() == (UNITS, 0, UNITS, 0)
    with pytest.raises(Refused, match="RepoNotReady"):
        desk.repoing().change(R1, lambda one, now: topped_up(one, BUND, 1, now))


def lot_given(desk: Desk, number: int, isin: Isin, units: int) -> None:
    """The seller gives units under a lot's own salt, past the service."""
    token, salt = desk.market.security(isin).token, lot_salt(R1, number)
    desk.venue.run(GIVER, PledgeCall(agreement_id=desk.agreement, token=token, quantity=units, salt=salt))
    desk.venue.chain.mine(DEPTH)


def test_a_lot_of_fewer_units_under_its_name_is_not_the_lot(desk: Desk) -> None:
    """The register's name of a lot says nothing of its size: one unit would pass for five hundred."""
    desk.opened()
    desk.wallet = LocalCollateralWallets({TAKER.address: TAKER}, desk.venue.register)
    lot_given(desk, 3, BUND, 1)
    repo = desk.change(lambda one, now: topped_up(one, BUND, 500, now))
    assert [(one.state, one.reason) for one in repo.transfers] == [(LegState.DEAD, "1 units came in, not 500")]
    assert [one.units for one in repo.lots] == [3_000, 6_000]


def test_a_substitution_of_which_half_was_made_is_not_made(desk: Desk) -> None:
    desk.opened()
    desk.wallet = LocalCollateralWallets({}, desk.venue.register)
    lot_given(desk, 3, BUND, 1_100)
    repo = desk.change(lambda one, now: substituted(one, 2, 1_000, BUND, 1_100, now))
    told = "1100 units came in alone, and 1000 did not go out with them"
    assert [(one.state, one.reason) for one in repo.transfers] == [(LegState.DEAD, told)]
    assert [one.units for one in repo.lots] == [3_000, 6_000]


def test_taken_down_anew_it_finds_what_became_of_it(desk: Desk) -> None:
    """The records of repos are lost, those of trades were rebuilt (I6)."""
    before = desk.opened()
    handed = desk.handed
    desk.to(TODAY + timedelta(3))
    desk.book.forget_repos()
    repo = desk.opened()
    assert repo.state is RepoState.OPEN
    assert (repo.lots, repo.periods) == (before.lots, before.periods)
    assert desk.handed == handed


def test_it_is_not_closed_for_other_units_than_are_owed(desk: Desk) -> None:
    """A fifth of lot 1 came back past the service."""
    repo = desk.opened()
    title = repo.lots[0].pledge_id
    assert title is not None
    desk.venue.run(TAKER, ReturnUnitsCall(pledge_id=title, quantity=600))
    desk.to(TODAY + timedelta(10))
    repo = desk.until_quiet()
    assert (repo.state, repo.waits) == (RepoState.OPEN, "TitleDiffers(lot=1, actual=2400, expected=3000)")
    assert len(desk.handed) == 4
    repo = desk.repoing().recount(R1)
    assert [one.units for one in repo.lots] == [2_400, 6_000]
    assert (repo.history[-1].what, repo.history[-1].detail) == ("lot 1 recounted", "2400 in place of 3000")
    assert desk.repoing().recount(R1) == repo
    repo = desk.until_quiet()
    assert (repo.state, repo.waits) == (RepoState.CLOSED, "")
    assert [one.cash.amount for one in repo.legs[2:]] == [300_300, 600_600]
    assert desk.units() == (UNITS, 0, UNITS, 0)


def test_a_leg_that_was_used_for_another_agreement_is_shown(desk: Desk) -> None:
    """The buyer has the leg recorded under another title agreement of the two before the service does."""
    other = desk.venue.agree(mode=AgreementMode.TITLE_TRANSFER, salt=9)
    desk.repoing().open(desk.terms())
    desk.turn()
    trade = next(one for one in desk.book.trades() if one.terms.deliverer_reference == "R1-O1.1")
    assert trade.order is not None
    desk.venue.run(TAKER, RecordTitleCall(agreement_id=other, order=trade.order))
    repo = desk.until_quiet()
    assert (repo.state, repo.waits.partition("(")[0]) == (RepoState.AGREED, "AlreadyUsed")
    assert [one.state for one in repo.legs] == [LegState.SETTLED, LegState.RECORDED]


def test_nothing_is_asked_of_the_ledger_while_nothing_is_due(desk: Desk) -> None:
    desk.opened()
    desk.to(TODAY + timedelta(9))
    repoing = replace(desk.repoing(), ledger=cast(CollateralLedger, None))
    assert repoing.run() is False


def test_a_leg_of_another_day_is_not_looked_at_before(desk: Desk) -> None:
    """Once both have instructed; what neither instructed yet is handed in today."""
    day = TODAY + timedelta(2)
    desk.repoing().open(desk.terms(purchase_date=day))
    repo = desk.turned()
    assert (repo.look_from, len(desk.handed)) == (day, 4)
    assert replace(desk.repoing(), ledger=cast(CollateralLedger, None)).run() is False
    assert desk.repoing().require(R1) == repo
    desk.to(day)
    assert desk.until_quiet().state is RepoState.OPEN


def test_of_a_leg_that_only_one_instructed_that_day_the_other_is_taken_back(desk: Desk) -> None:
    """The worker dies between the two, and nobody works until the next day."""
    desk.opened()
    desk.to(TODAY + timedelta(10))
    commits = 0

    def hook(what: str) -> None:
        nonlocal commits
        commits += what == "after commit"
        if commits == 2:  # the closing legs, and the first instruction of the first
            raise Killed

    desk.hook = hook
    with pytest.raises(Killed):
        desk.repoing().run()
    desk.hook = lambda _: None
    assert [one.instruction.reference for one in desk.book.waiting()] == ["R1-C1.1"]
    desk.to(TODAY + timedelta(11))
    repo = desk.until_quiet()
    (stored,) = (one for one in desk.book.instructions() if one.instruction.reference == "R1-C1.1")
    assert stored.status == "CANCELLED"
    assert repo.leg(repo.legs[2].reference).reason == "CANI: cancelled by the party that instructed, before any match"
    assert "TradDtls/SttlmDt" in repo.leg(repo.legs[3].reference).reason
    assert repo.state is RepoState.CLOSED
    assert [one.reference for one in repo.legs[4:]] == ["R1-C1.2", "R1-C2.2"]
    assert desk.units() == (UNITS, 0, UNITS, 0)


def test_no_answer_for_one_holds_up_no_other_and_concludes_nothing(desk: Desk) -> None:
    first, second = RepoId("A1"), RepoId("A2")
    for one in (first, second):
        desk.repoing().open(desk.terms(repo_id=one, lots=tuple(replace(one, units=100) for one in desk.terms().lots)))
    desk.turn()
    asked: list[str] = []

    def hook(what: str) -> None:
        asked.append(what)
        if what == "before run" and asked.count(what) == 1:
            raise Unavailable("the node is gone")

    desk.hook = hook
    desk.repoing().run()
    assert [desk.repoing().require(one).waits for one in (first, second)] == ["", ""]
    assert asked.count("before run") == 3 and asked.count("after run") == 2  # the other's two legs
    desk.hook = lambda _: None
    assert desk.until_quiet(first).state is desk.until_quiet(second).state is RepoState.OPEN


def test_who_has_lost_the_lease_looks_no_further(desk: Desk) -> None:
    for one in ("A1", "A2"):
        desk.repoing().open(desk.terms(repo_id=RepoId(one)))

    def hook(_: str) -> None:
        raise LeaseLost("recovery", 1)

    desk.hook = hook
    with pytest.raises(LeaseLost):
        desk.repoing().run()
    desk.hook = lambda _: None
    assert not desk.handed
    kept: list[int] = []
    desk.repoing().run(lambda: kept.append(len(desk.handed)))
    assert kept == [0, 4]


@pytest.mark.parametrize("deaths", [1, 2])
def test_killed_anywhere_it_loses_and_doubles_nothing(desk: Desk, deaths: int) -> None:
    """At each `deaths`-th moment before or after an effect the worker dies, and a new one goes on."""
    worked, hook = desk.dying(deaths)
    assert_lived_through(desk, worked, hook)
    assert len(desk.handed) == 10


@pytest.mark.parametrize("deaths", [1, 2])
def test_killed_anywhere_a_failed_close_and_a_roll_lose_and_double_nothing(desk: Desk, deaths: int) -> None:
    worked, hook = desk.dying(deaths)
    day, second = TODAY + timedelta(4), RepoId("R2")
    desk.opened()
    desk.repoing().change(R1, lambda one, now: rolled(one, desk.terms(repo_id=second, purchase_date=day), now))
    desk.settles = False
    desk.to(day)
    desk.until(worked, hook, lambda: desk.repoing().require(R1).state is RepoState.FAILED)
    desk.to(day + timedelta(1))
    desk.settles = True
    desk.until(worked, hook, lambda: desk.repoing().require(R1).succeeded)
    following = desk.repoing().require(second)
    assert desk.repoing().require(R1).state is RepoState.CLOSED
    assert len(desk.book.instructions()) == len(desk.handed) == len(set(desk.handed)) == 10
    # its purchase date has passed meanwhile: what is late opens no more, and nothing of it moved
    desk.until(worked, hook, lambda: desk.repoing().require(second).state.is_end)
    assert desk.repoing().require(second).state is RepoState.CANCELLED
    assert following.legs[0].settlement_date == day
    assert desk.units() == (UNITS, 0, UNITS, 0)


def test_another_worker_at_every_moment_loses_and_doubles_nothing(desk: Desk) -> None:
    """Before each effect another looks at everything: one of the two stores, the other goes on from there."""

    def hook(what: str) -> None:
        if what.startswith("before"):
            desk.hook = lambda _: None
            desk.repoing().run()
            desk.hook = hook

    assert_lived_through(desk, lambda: desk.repoing().run(), hook)


def assert_lived_through(desk: Desk, work: Callable[[], object], hook: Callable[[str], None]) -> None:
    """A repo's life, with a top-up and a substitution, while `hook` is called at every moment."""

    def until(reached: Callable[[Repo], bool]) -> None:
        desk.until(work, hook, lambda: reached(desk.repoing().require(R1)))

    desk.repoing().open(desk.terms())
    until(lambda repo: repo.state is RepoState.OPEN)
    desk.repoing().change(R1, lambda one, now: topped_up(one, BUND, 500, now))
    until(lambda repo: repo.is_quiet)
    desk.repoing().change(R1, lambda one, now: substituted(one, 2, 1_000, BUND, 1_100, now))
    until(lambda repo: repo.is_quiet)
    desk.to(TODAY + timedelta(10))
    until(lambda repo: repo.state is RepoState.CLOSED)
    repo = desk.repoing().require(R1)
    assert {one.state for one in (*repo.legs, *repo.transfers)} == {LegState.RECORDED}
    assert [one.cash.amount for one in repo.legs if one.reference.startswith("R1-C")] == [300_300, 500_500, 100_100]
    assert desk.units() == (UNITS, 0, UNITS, 0)
    assert desk.owed(repo) == [0, 0, 0, 0]
    assert len(set(desk.handed)) == len(desk.book.instructions()) == 10
    titles = [one for one in desk.venue.ledger.events() if type(one.said).__name__ == "TitleTransferred"]
    assert len(titles) == 4
