"""A lock whose payment never came: after its last second to pay the agents ask for never, and sign it (I12)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from agent_cases import BOOKED, DEBTOR, EPOCH, HELD, MARKET, NETWORK, PAY_BY, SETTLEMENT, event, evidence, payment
from agent_desk import HERE, KEYS, NEVER, ORDER, PAID, Desk, said

from lockstep.agent import Agent, DirectoryBoard, Register
from lockstep.agent.judging import judge_never_request
from lockstep.cash import DirectCashSystem
from lockstep.domain.cash import CashView
from lockstep.domain.errors import Refused, Unavailable
from lockstep.domain.order import AssetStatus, AssetView, OutcomeResult
from lockstep.domain.payment import NeverRequest, PaymentState, Resolution, ResolutionStatus
from lockstep.rtgs import Role, Rtgs
from lockstep.signing import build_proof
from lockstep.testing.fakes import AGENTS, RTGS, SERVICE, FakeAssetLedger, FakeCashSystem

AFTER = PAY_BY + timedelta(seconds=1)
SEEN = AssetView(head=AssetStatus.LOCKED, final=AssetStatus.LOCKED, final_time=int(AFTER.timestamp()))
NOTHING = CashView(settlement_id=SETTLEMENT)


def test_judged_so() -> None:
    judge_never_request(evidence(NOTHING, event()), SEEN, AFTER)


@pytest.mark.parametrize(
    ("cash", "history", "seen", "now", "name"),
    [
        (NOTHING, (event(),), SEEN, PAY_BY, "PayByNotPassed"),
        (NOTHING, (event(),), replace(SEEN, final_time=int(PAY_BY.timestamp())), AFTER, "PayByNotPassed"),
        (NOTHING, (), SEEN, AFTER, "LockMissing"),
        (NOTHING, (event(final=False),), SEEN, AFTER, "LockNotFinal"),
        (NOTHING, (event(),), replace(SEEN, final=AssetStatus.NONE), AFTER, "LockNotFinal"),
        (NOTHING, (event(), event("PaidRecorded", final=False)), SEEN, AFTER, "LockEnded"),
        (NOTHING, (event(), event("GivenBack")), SEEN, AFTER, "LockEnded"),
        (HELD, (event(),), SEEN, AFTER, "PaymentKnown"),
        (BOOKED, (event(),), SEEN, AFTER, "PaymentKnown"),
        (replace(NOTHING, noticed_at=PAY_BY), (event(),), SEEN, AFTER, "PaymentKnown"),
        (replace(NOTHING, contradiction="two"), (event(),), SEEN, AFTER, "Contradiction"),
    ],
)
def test_not_judged_so(cash: CashView, history: Sequence[object], seen: AssetView, now: object, name: str) -> None:
    with pytest.raises(Refused) as refused:
        judge_never_request(evidence(cash, *history), seen, now)
    assert refused.value.name == name


def test_not_of_an_epoch_in_which_it_does_not_serve() -> None:
    with pytest.raises(Refused) as refused:
        judge_never_request(evidence(NOTHING, event(), agents=("0x" + "00" * 20,), epoch=EPOCH), SEEN, AFTER)
    assert refused.value.name == "NotInEpoch"


class Market:
    """Four agents over one chain, one RTGS and one board; no operator. The clock stands before the last second."""

    def __init__(self, root: Path) -> None:
        self.desk = Desk(root)
        self.board = DirectoryBoard(root / "shared")
        self.agents = [
            Agent(
                bic=AGENTS[place],
                rtgs=RTGS,
                key=KEYS[place],
                market=MARKET,
                assets=FakeAssetLedger(self.desk.chain),
                cash=FakeCashSystem(self.desk.rtgs, AGENTS[place]),
                board=self.board,
                register=Register(root / f"{place}.db"),
                clock=self.desk.clock,
            )
            for place in range(4)
        ]
        self.desk.lock()
        self.work()

    def work(self, *places: int) -> None:
        for place in places or range(4):
            for _ in range(3):
                self.agents[place].step()

    def wait(self, until: timedelta = timedelta(hours=1)) -> None:
        """To so long after the last second to pay, by the clock and by a block that is final."""
        self.desk.clock.move_to(PAY_BY + until)
        self.desk.chain.mine(3)

    def signed(self) -> list[OutcomeResult]:
        return [one.result for one in self.board.attestations(HERE)]

    def asked(self, place: int) -> list[NeverRequest]:
        cash = self.agents[place].cash
        assert isinstance(cash, FakeCashSystem)
        return [one.body for one in cash.sent if isinstance(one.body, NeverRequest)]

    def close(self) -> None:
        self.desk.register.close()
        for agent in self.agents:
            agent.register.close()


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    market = Market(tmp_path)
    yield market
    market.close()


def test_an_operator_that_never_paid_locks_nothing_for_good(market: Market) -> None:
    market.wait()
    market.work()
    market.work()
    assert market.signed() == [NEVER] * 4
    proof = build_proof(NEVER, market.board.attestations(HERE), market.desk.chain.current_epoch, NETWORK)
    assert proof is not None
    FakeAssetLedger(market.desk.chain).give_back(HERE, ORDER, proof)
    market.desk.chain.mine(3)
    sent = [len(market.asked(place)) for place in range(4)]
    for _ in range(5):
        market.desk.clock.advance(3_600)
        market.work()
    assert [len(market.asked(place)) for place in range(4)] == sent, "over: nothing more is asked"
    market.desk.rtgs.available[DEBTOR.number] = 10**9
    market.desk.rtgs._pay(payment(HERE), "P")
    assert market.desk.rtgs.payments[HERE].state is PaymentState.REJECTED


@pytest.mark.parametrize("until", [timedelta(), timedelta(hours=-1)])
def test_not_before_the_last_second_is_over(market: Market, until: timedelta) -> None:
    market.wait(until)
    for _ in range(3):
        market.work()
    assert [market.asked(place) for place in range(4)] == [[]] * 4 and market.signed() == []


def test_not_by_the_clock_alone(market: Market) -> None:
    """A chain that stands, or a node that is behind, has not shown that nobody paid in time."""
    market.desk.clock.move_to(PAY_BY + timedelta(hours=1))
    market.work()
    assert market.asked(0) == []


def test_two_agents_are_too_few(market: Market) -> None:
    market.wait()
    for _ in range(4):
        market.work(0, 1)
        market.desk.clock.advance(3_600)
        market.desk.chain.mine(3)
    assert market.signed() == [] and HERE not in market.desk.rtgs.tombstones
    market.work(2)
    market.work()
    assert market.signed() == [NEVER] * 4


def test_an_answer_that_was_lost_is_asked_for_again(market: Market) -> None:
    market.wait()
    market.work()
    for mail in market.desk.rtgs.mail.values():
        mail.clear()
    market.agents[3]._cursor = 0
    market.agents[3]._views.clear()
    market.desk.clock.advance(3_600)
    market.desk.chain.mine(3)
    for _ in range(2):
        market.work()
    assert market.agents[3].register.all()[0].result is NEVER


def test_a_request_without_an_answer_is_sent_again(market: Market) -> None:
    market.wait()
    for agent in market.agents:
        agent.cash.before = lambda name: gone() if name == "send" else None
    market.work()
    assert market.signed() == []
    for agent in market.agents:
        agent.cash.before = lambda _: None
    market.desk.clock.advance(3_600)
    for _ in range(2):
        market.work()
    assert market.signed() == [NEVER] * 4


def gone() -> None:
    raise Unavailable("nobody answers")


def test_a_payment_booked_that_nobody_heard_of_is_not_killed(market: Market) -> None:
    """The RTGS booked it, and its messages were lost: the request is refused, and the status query tells."""
    rtgs = market.desk.rtgs
    rtgs.available[DEBTOR.number] = 10**9
    rtgs._pay(payment(HERE), "P")
    rtgs._book(rtgs.payments[HERE])
    for mail in rtgs.mail.values():
        mail.clear()
    market.wait()
    for _ in range(3):
        market.work()
        market.desk.clock.advance(3_600)
    assert HERE not in rtgs.tombstones and NEVER not in market.signed()
    answers = [one.body for one in rtgs.mail[AGENTS[0]] if isinstance(one.body, Resolution)]
    assert answers and {one.status for one in answers} == {ResolutionStatus.REFUSED}


def test_a_payment_that_runs_out_needs_no_request(market: Market) -> None:
    market.desk.rtgs.available[DEBTOR.number] = 10**9
    market.desk.rtgs._pay(payment(HERE), "P")
    market.wait()
    market.desk.rtgs.expire()
    for _ in range(2):
        market.work()
    assert [market.asked(place) for place in range(4)] == [[]] * 4
    assert market.signed() == [NEVER] * 4


def test_what_it_signed_or_left_to_others_it_does_not_ask_for(market: Market) -> None:
    market.desk.tell(said(PaymentState.BOOKED))  # half a story, for the first agent alone
    first, second = market.agents[:2]
    second.register.begin_anew({}, [HERE], [])
    market.wait()
    for _ in range(2):
        market.work(0, 1)
    assert market.asked(0) == market.asked(1) == []
    assert PAID not in market.signed() and first.register.all() == []


def test_with_the_rtgs_itself(market: Market, tmp_path: Path) -> None:
    """Schemas, access list and count as they are: two agents do nothing, the third ends it, all sign."""
    rtgs = Rtgs(f"sqlite:///{tmp_path / 'rtgs.db'}", market.desk.clock, bic=RTGS)
    rtgs.operator.register_party(SERVICE, Role.INSTRUCTING, "the service's key, quite long")
    for place, agent in enumerate(market.agents):
        rtgs.operator.register_party(agent.bic, Role.AGENT, f"the key of agent {place}, quite long")
        agent.cash = DirectCashSystem(rtgs.handle, rtgs.mailbox, agent.bic)
        agent._cursor = 0
    rtgs.operator.set_quorum(3)
    market.work()
    market.wait()
    market.work(0, 1)
    assert rtgs.facts().tombstones == () and market.signed() == []
    market.work(2)
    market.work()
    assert [one.settlement_id for one in rtgs.facts().tombstones] == [HERE]
    assert market.signed() == [NEVER] * 4
    rtgs.close()
