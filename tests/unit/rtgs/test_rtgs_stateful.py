"""Random acts against a plain model: money is conserved, nothing is below zero, one ending each (I4, I5, I9)."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rtgs_world import (
    BUYER_ACCOUNT,
    NOON,
    SELLER_ACCOUNT,
    World,
    cancellation,
    euro,
    payment,
)

from lockstep.domain.errors import Refused
from lockstep.domain.payment import CashAccount, Payment

NUMBERS = st.integers(1, 4)
ATTEMPTS = st.integers(1, 2)


class RtgsModel(RuleBasedStateMachine):
    """The model: what is available per account, each UETR's state, each settlement's ending."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(f"sqlite:///{Path(self.folder.name)}/rtgs.db")
        self.world.furnish(funds=0)
        self.posted = {BUYER_ACCOUNT.number: 0, SELLER_ACCOUNT.number: 0}
        self.states: dict[Payment, str] = {}
        self.releases: dict[Payment, set[int]] = {}
        self.never: set[str] = set()
        self.fundings = 0

    def teardown(self) -> None:
        self.world.rtgs.close()
        self.folder.cleanup()

    @staticmethod
    def payment(number: int, attempt: int) -> Payment:
        """Odd settlements pay buyer to seller, even ones back; the amount follows from the number."""
        sides = (BUYER_ACCOUNT, SELLER_ACCOUNT) if number % 2 else (SELLER_ACCOUNT, BUYER_ACCOUNT)
        pay_by = NOON + timedelta(minutes=number)
        return payment(number, 3_000 * number, attempt=attempt, debtor=sides[0], creditor=sides[1], pay_by=pay_by)

    def available(self, account: CashAccount) -> int:
        held = (one for one, state in self.states.items() if state == "HELD" and one.debtor == account)
        return self.posted[account.number] - sum(one.amount.amount for one in held)

    def hold_pending(self) -> None:
        for one, state in self.states.items():
            in_time = self.world.clock.instant <= one.pay_by
            if state == "PENDING" and in_time and self.available(one.debtor) >= one.amount.amount:
                self.states[one] = "HELD"

    def end(self, ended: list[Payment], state: str) -> None:
        for one in ended:
            self.states[one] = state
            self.never.add(one.settlement_id)
        self.hold_pending()

    def open(self, settlement_id: str | None = None) -> list[Payment]:
        return [
            one
            for one, state in self.states.items()
            if state in ("HELD", "PENDING") and settlement_id in (None, one.settlement_id)
        ]

    def live(self, like: Payment) -> list[Payment]:
        """Those of the same settlement that are held, wait or are booked: at most one."""
        return [
            known
            for known, state in self.states.items()
            if known.settlement_id == like.settlement_id and state in ("HELD", "PENDING", "BOOKED")
        ]

    def expire(self) -> None:
        self.end([one for one in self.open() if one.pay_by < self.world.clock.instant], "REJECTED")

    @initialize()
    def first_funds(self) -> None:
        self.fund(BUYER_ACCOUNT, 10_000)

    @rule(account=st.sampled_from([BUYER_ACCOUNT, SELLER_ACCOUNT]), cents=st.integers(1, 9_000))
    def fund(self, account: CashAccount, cents: int) -> None:
        self.fundings += 1
        self.expire()
        self.world.rtgs.operator.fund(account.number, euro(cents), str(self.fundings))
        self.posted[account.number] += cents
        self.hold_pending()

    @rule(number=NUMBERS, attempt=ATTEMPTS)
    def pay(self, number: int, attempt: int) -> None:
        one = self.payment(number, attempt)
        self.expire()
        live = self.live(one)
        if one in self.states:
            assert self.world.say(one) == [self.states[one]]
        elif live:
            with pytest.raises(Refused, match="SettlementConflict"):
                self.world.say(one)
        else:
            if one.settlement_id in self.never or self.world.clock.instant > one.pay_by:
                self.states[one] = "REJECTED"
                self.never.add(one.settlement_id)
            else:
                fits = self.available(one.debtor) >= one.amount.amount
                self.states[one] = "HELD" if fits else "PENDING"
            assert self.world.say(one) == [self.states[one]]

    @rule(number=NUMBERS, attempt=ATTEMPTS, agent=st.integers(0, 3))
    def release(self, number: int, attempt: int, agent: int) -> None:
        one = self.payment(number, attempt)
        self.expire()
        state = self.states.get(one)
        if state in (None, "PENDING", "REJECTED", "CANCELLED"):
            with pytest.raises(Refused, match=r"Payment(Unknown|Pending|Ended)"):
                self.world.release(one, agent)
            return
        self.world.release(one, agent)
        if state == "HELD":
            given = self.releases.setdefault(one, set())
            given.add(agent)
            if len(given) == 3:
                self.states[one] = "BOOKED"
                self.posted[one.debtor.number] -= one.amount.amount
                self.posted[one.creditor.number] += one.amount.amount
                self.hold_pending()

    @rule(number=NUMBERS)
    def release_all(self, number: int) -> None:
        for attempt in (1, 2):
            for agent in range(3):
                self.release(number, attempt, agent)

    @rule(number=NUMBERS, attempt=ATTEMPTS)
    def cancel(self, number: int, attempt: int) -> None:
        one = self.payment(number, attempt)
        self.expire()
        live = self.live(one)
        if live and live[0] != one:
            with pytest.raises(Refused, match="PaymentMismatch"):
                self.world.say(cancellation(one))
        elif live and self.states[one] == "BOOKED":
            assert self.world.say(cancellation(one)) == ["RJCR"]
        else:
            assert self.world.say(cancellation(one))[-1] == "CNCL"
            self.never.add(one.settlement_id)
            self.end(live, "CANCELLED")

    @rule(seconds=st.sampled_from([1, 59, 60]))
    def time_passes(self, seconds: int) -> None:
        self.world.later(seconds=seconds)

    @rule()
    def tick(self) -> None:
        self.world.rtgs.tick()
        self.expire()

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @invariant()
    def the_books_agree(self) -> None:
        facts = self.world.rtgs.facts()
        assert {stored.payment: stored.state.name for stored in facts.payments} == self.states
        assert {stone.settlement_id for stone in facts.tombstones} == self.never
        assert sum(account.posted for account in facts.accounts) == 0
        from_postings = dict.fromkeys(self.posted, 0)
        for posting in facts.postings:
            for account, change in ((posting.debit, -1), (posting.credit, 1)):
                from_postings[account] = from_postings.get(account, 0) + change * posting.amount.amount
        for account in facts.accounts:
            assert account.posted == from_postings[account.number]
            if not account.technical:
                assert account.available >= 0
                assert account.available == self.available(CashAccount(owner=account.owner, number=account.number))
                assert account.posted == self.posted[account.number]
        booked = [one.settlement_id for one, state in self.states.items() if state == "BOOKED"]
        assert len(booked) == len(set(booked))
        assert not self.never & set(booked)


RtgsModel.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestRtgs = RtgsModel.TestCase
