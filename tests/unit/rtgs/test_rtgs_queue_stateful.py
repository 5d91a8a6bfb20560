"""Random payments against a plain model of accounts, queues and days (I4, I5).

The model keeps lists and sums only. After every act: money is conserved, no account is past its limit,
the balances, states, reservations and queues are those of the model, postings have no gaps, and every
closed day's statement is its opening and its entries.
"""

from collections import defaultdict
from datetime import timedelta

import pytest
from banks import BOOKED, CANCELLED, HELD, HIGH, NORMAL, PENDING, REJECTED, URGENT, A, B, Banks, C, order, uetr
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from rtgs_world import DAY, World, euro

from lockstep.domain.errors import Refused
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.rtgs import Priority
from stores import Store

ACCOUNTS = [A, B, C]
ACCOUNT = st.sampled_from(ACCOUNTS)
CENTS = st.integers(1, 60)
PRIORITY = st.sampled_from([URGENT, HIGH, NORMAL, NORMAL])


class Model:
    """What the rules of the queue say, written out: one list of payments, one dictionary per property."""

    def __init__(self) -> None:
        self.posted = dict.fromkeys(ACCOUNTS, 0)
        self.credit = dict.fromkeys(ACCOUNTS, 0)
        self.kept = {(account, priority): 0 for account in ACCOUNTS for priority in (URGENT, HIGH)}
        self.payments: dict[int, tuple[CashAccount, CashAccount, int, Priority]] = {}
        self.states: dict[int, PaymentState] = {}
        self.places: dict[int, int] = {}

    def queue(self, account: CashAccount) -> list[int]:
        waiting = [
            number for number, state in self.states.items() if state is PENDING and self.payments[number][0] == account
        ]
        return sorted(waiting, key=lambda number: (self.payments[number][3], self.places[number]))

    def room(self, account: CashAccount, priority: Priority) -> int:
        room = self.posted[account] + self.credit[account]
        if priority > URGENT:
            room -= self.kept[account, URGENT]
        if priority > HIGH:
            room -= self.kept[account, HIGH]
        return room

    def book(self, number: int) -> None:
        debtor, creditor, cents, priority = self.payments[number]
        self.posted[debtor] -= cents
        self.posted[creditor] += cents
        if priority < NORMAL:
            self.kept[debtor, priority] = max(0, self.kept[debtor, priority] - cents)
        self.states[number] = BOOKED

    def may_go(self, number: int) -> bool:
        debtor, _, cents, priority = self.payments[number]
        queue = self.queue(debtor)
        before = queue[: queue.index(number)] if number in queue else queue
        blocking = [one for one in before if self.payments[one][3] < NORMAL]
        return not blocking and self.room(debtor, priority) >= cents

    def serve(self) -> None:
        """Until nothing can go any more. With one account's money at a time the order does not matter
        for who is tried first: accounts whose queue was not touched have nothing that can go."""
        again = True
        while again:
            again = False
            for account in ACCOUNTS:
                for number in self.queue(account):
                    if self.may_go(number):
                        self.book(number)
                        again = True


class Machine(RuleBasedStateMachine):
    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.store.url)
        self.day = DAY
        self.numbers = 0

    @initialize(funds=st.lists(CENTS, min_size=3, max_size=3))
    def begin(self, funds: list[int]) -> None:
        self.store.again()
        self.world.restart()
        self.banks, self.model = Banks(self.world), Model()
        for account, cents in zip(ACCOUNTS, funds, strict=True):
            self.fund(account, cents)

    def teardown(self) -> None:
        self.world.rtgs.close()

    @rule(account=ACCOUNT, cents=CENTS)
    def fund(self, account: CashAccount, cents: int) -> None:
        self.banks.fund(account, cents)
        self.model.posted[account] += cents
        self.model.serve()

    @rule(debtor=ACCOUNT, creditor=ACCOUNT, cents=CENTS, priority=PRIORITY)
    def pay(self, debtor: CashAccount, creditor: CashAccount, cents: int, priority: Priority) -> None:
        assume(debtor != creditor)
        self.numbers += 1
        number, model = self.numbers, self.model
        model.payments[number] = (debtor, creditor, cents, priority)
        model.places[number] = max(model.places.values(), default=0) + 1
        state = self.banks.pay(number, debtor, creditor, cents, priority=priority, settlement_date=self.day)
        queue = [one for one in model.queue(debtor) if one != number]
        ahead = [one for one in queue if model.payments[one][3] <= priority and model.payments[one][3] < NORMAL]
        if not ahead and model.room(debtor, priority) >= cents:
            model.book(number)
            model.serve()
            assert state is BOOKED
        else:
            model.states[number] = PENDING
            self.follow_offsetting()

    def follow_offsetting(self) -> None:
        """Which payments offset, another test judges; here what they leave must be right."""
        went = [
            number
            for number, state in self.model.states.items()
            if state is PENDING and self.banks.stored(number).state is BOOKED
        ]
        for number in went:
            self.model.book(number)
        if went:
            self.model.serve()

    @rule(currency=st.just("EUR"))
    def offset(self, currency: str) -> None:
        count = self.banks.desk.offset(currency)
        before = sum(state is BOOKED for state in self.model.states.values())
        self.follow_offsetting()
        assert sum(state is BOOKED for state in self.model.states.values()) >= before + count

    @rule(account=ACCOUNT, cents=st.integers(0, 60))
    def set_credit_limit(self, account: CashAccount, cents: int) -> None:
        if self.model.posted[account] + cents < 0:
            with pytest.raises(Refused, match="LimitInUse"):
                self.banks.desk.set_credit_limit(account.number, euro(cents))
            return
        self.banks.desk.set_credit_limit(account.number, euro(cents))
        self.model.credit[account] = cents
        self.model.serve()

    @rule(account=ACCOUNT, priority=st.sampled_from([URGENT, HIGH]), cents=st.integers(0, 40))
    def reserve(self, account: CashAccount, priority: Priority, cents: int) -> None:
        self.banks.desk.reserve(account.number, priority, euro(cents))
        self.model.kept[account, priority] = cents
        self.model.serve()

    @rule(at=st.integers(0, 9), priority=PRIORITY)
    def set_priority(self, at: int, priority: Priority) -> None:
        waiting = [number for number, state in self.model.states.items() if state is PENDING]
        assume(waiting)
        number = waiting[at % len(waiting)]
        self.banks.desk.set_priority(uetr(number), priority)
        self.model.payments[number] = (*self.model.payments[number][:3], priority)
        self.model.places[number] = max(self.model.places.values()) + 1
        self.model.serve()

    @rule(at=st.integers(0, 9))
    def recall(self, at: int) -> None:
        assume(self.model.states)
        number = list(self.model.states)[at % len(self.model.states)]
        refused = self.banks.desk.recall(uetr(number), asked_by=self.model.payments[number][0].owner)
        assert (refused is not None) == (self.model.states[number] is BOOKED)
        if self.model.states[number] is PENDING:
            self.model.states[number] = CANCELLED
            self.model.serve()

    @rule()
    def repeat(self) -> None:
        """Sent again, nothing has an effect twice."""
        assume(self.model.states)
        number = max(self.model.states)
        debtor, creditor, cents, _ = self.model.payments[number]
        again = order(number, debtor, creditor, cents, settlement_date=self.banks.stored(number).order.settlement_date)
        assert self.banks.submit(again) is self.model.states[number]

    @rule()
    def next_day(self) -> None:
        self.banks.desk.close_day()
        for number, state in self.model.states.items():
            if state is PENDING:
                self.model.states[number] = REJECTED
        self.model.kept = dict.fromkeys(self.model.kept, 0)
        for account in ACCOUNTS:
            statement = self.banks.desk.statement(account.number, self.day)
            assert statement.closing == self.model.posted[account]
            assert statement.closing == statement.opening + sum(one.amount for one in statement.entries)
        self.day += timedelta(days=1)
        self.banks.desk.open_day(self.day)

    @rule()
    def restart(self) -> None:
        self.world.restart()
        self.banks.world, self.banks.desk = self.world, self.world.rtgs.operator

    @invariant()
    def the_ledger_is_the_models(self) -> None:
        if not hasattr(self, "model"):
            return
        facts, model = self.world.rtgs.facts(), self.model
        assert sum(account.posted for account in facts.accounts) == 0
        balances: dict[str, int] = defaultdict(int)
        for posting in facts.postings:
            balances[posting.debit] -= posting.amount.amount
            balances[posting.credit] += posting.amount.amount
        entries: dict[int, list[int]] = defaultdict(list)
        for posting in facts.postings:
            entries[posting.day].append(posting.entry)
        assert all(found == list(range(1, len(found) + 1)) for found in entries.values())
        assert len({posting.reference for posting in facts.postings}) == len(facts.postings)
        for account in facts.accounts:
            assert account.posted == balances[account.number]
            assert account.technical or account.available >= 0
        for one in ACCOUNTS:
            account = self.banks.account(one)
            assert account.posted == model.posted[one]
            assert (account.reserved_urgent, account.reserved_high) == (model.kept[one, URGENT], model.kept[one, HIGH])
            assert self.banks.queue(one) == model.queue(one)
            assert not any(model.may_go(number) for number in model.queue(one))
        assert {uetr(number): state for number, state in model.states.items()} == {
            stored.order.uetr: stored.state for stored in facts.orders
        }
        assert HELD not in model.states.values()


def test_the_queues_do_what_the_model_does(store: Store, furnished: World) -> None:
    machine = type("OnStore", (Machine,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
