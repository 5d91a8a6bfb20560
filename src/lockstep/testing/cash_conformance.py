"""The conformance suite of `ports.CashSystem`: for the simulated RTGS through each door, and for a real gateway.

A `Bench` says where the system is and what may be done to it. Run it by
`LOCKSTEP_CASH_SYSTEM=module:factory pytest --pyargs lockstep.testing.cash_conformance`, or derive a test class
from `CashSystemConformance` that has a fixture `bench`.

Each case works on settlements of its own and reads its mailboxes from where they end, so that a system that
has a past can be tested. What a bench cannot do is skipped, and the skip's text says what stays untested.
"""

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Bic, derive_uetr
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import (
    BookingNotice,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Resolution,
    ResolutionStatus,
)
from lockstep.ports import CashBody, Unreadable
from lockstep.testing.cash_bench import VARIABLE, Bench, Mail, configured, possible
from lockstep.testing.cash_many import ManyAtOnce

__all__ = ["VARIABLE", "Bench", "CashSystemConformance"]

HELD, PENDING, BOOKED, REJECTED, CANCELLED = (
    PaymentState.HELD,
    PaymentState.PENDING,
    PaymentState.BOOKED,
    PaymentState.REJECTED,
    PaymentState.CANCELLED,
)


class CashSystemConformance(ManyAtOnce):
    """What the protocol needs of an RTGS; see docs/how-to/replace-the-rtgs.md. Give it a fixture `bench`."""

    # --- a payment's life

    def test_held_then_booked_at_the_quorum(self, bench: Bench) -> None:
        """Nothing is booked before the quorum; everybody is told everything, with the payment as it was sent."""
        mails = self.everybody(bench)
        payment = self.payment(bench)
        self.send(bench, bench.service, payment)
        for mail in mails.values():
            report = mail.wait_for(payment.settlement_id, HELD)
            assert (report.uetr, report.payment) == (payment.uetr, payment)
        short = bench.agents[: bench.quorum - 1]
        self.release(bench, payment, [*short, *short])
        for mail in mails.values():
            assert mail.states(payment.settlement_id) == [HELD], "one agent counts once"
        self.release(bench, payment, bench.agents[bench.quorum - 1 : bench.quorum])
        for mail in mails.values():
            booked = mail.wait_for(payment.settlement_id, BOOKED)
            assert booked.decided_at <= payment.pay_by and booked.payment == payment
            mail.wait(payment.settlement_id, BookingNotice, lambda _: True, 2)
            notices = [one for one in mail.about(payment.settlement_id) if isinstance(one, BookingNotice)]
            assert {(one.account, one.credit) for one in notices} == {(payment.debtor, False), (payment.creditor, True)}
            assert {(one.amount, one.uetr) for one in notices} == {(payment.amount, payment.uetr)}
            assert all(one.booked_at <= payment.pay_by for one in notices)
            assert mail.states(payment.settlement_id) == [HELD, BOOKED]

    def test_a_release_after_the_booking_changes_nothing(self, bench: Bench) -> None:
        mail = Mail(bench, bench.service)
        payment = self.hold(bench, mail)
        self.release(bench, payment, bench.agents)
        self.release(bench, payment, bench.agents[:1])
        mail.wait_for(payment.settlement_id, BOOKED)
        notices = [one for one in mail.about(payment.settlement_id) if isinstance(one, BookingNotice)]
        assert len(notices) == 2, "booked once"

    def test_cancelled_while_held(self, bench: Bench) -> None:
        """*Never* to everybody, and a tombstone: no release, no later payment under any UETR."""
        mails = self.everybody(bench)
        payment = self.hold(bench, mails[bench.service])
        self.send(bench, bench.service, self.cancellation(payment))
        for mail in mails.values():
            mail.wait_for(payment.settlement_id, CANCELLED)
            done = mail.wait(payment.settlement_id, Resolution, lambda _: True)
            assert (done.status, done.uetr) == (ResolutionStatus.CANCELLED, payment.uetr)
        self.refused(
            bench,
            bench.agents[0],
            Release(uetr=payment.uetr, settlement_id=payment.settlement_id),
            "PaymentEnded",
        )
        self._never_again(bench, mails, payment)

    def test_cancelled_before_it_came(self, bench: Bench) -> None:
        """The request overtook the payment: the answer is *never*, and it is kept."""
        mails = self.everybody(bench)
        payment = self.payment(bench)
        self.send(bench, bench.service, self.cancellation(payment))
        for mail in mails.values():
            done = mail.wait(payment.settlement_id, Resolution, lambda _: True)
            assert (done.status, done.salt) == (ResolutionStatus.CANCELLED, payment.salt)
        self._never_again(bench, mails, payment)

    def _never_again(self, bench: Bench, mails: dict[Bic, Mail], payment: Payment) -> None:
        later = self.payment(bench, payment.settlement_id, 2, salt=payment.salt)
        self.send(bench, bench.service, later)
        for mail in mails.values():
            report = mail.wait(payment.settlement_id, PaymentReport, lambda body: body.uetr == later.uetr)
            assert report.state is REJECTED
            assert BOOKED not in mail.states(payment.settlement_id)

    def test_cancelled_after_the_booking(self, bench: Bench) -> None:
        """Too late is *no*, to who asked; nobody is told *never*."""
        mails = self.everybody(bench)
        payment = self.hold(bench, mails[bench.service])
        self.release(bench, payment, bench.agents)
        mails[bench.service].wait_for(payment.settlement_id, BOOKED)
        self.send(bench, bench.service, self.cancellation(payment))
        done = mails[bench.service].wait(payment.settlement_id, Resolution, lambda _: True)
        assert done.status is ResolutionStatus.REFUSED
        for mail in mails.values():
            resolutions = [one for one in mail.about(payment.settlement_id) if isinstance(one, Resolution)]
            assert ResolutionStatus.CANCELLED not in {one.status for one in resolutions}
            assert mail.states(payment.settlement_id)[-1] is BOOKED

    def test_waiting_for_money(self, bench: Bench) -> None:
        """Pending is told, cannot be released, and ends when money comes."""
        mails = self.everybody(bench)
        payment = self.payment(bench, amount=bench.means)
        self.send(bench, bench.service, payment)
        mails[bench.service].wait_for(payment.settlement_id, PENDING)
        release = Release(uetr=payment.uetr, settlement_id=payment.settlement_id)
        try:
            self.refused(bench, bench.agents[0], release, "PaymentPending")
            possible(lambda: bench.fund(payment.debtor, payment.amount), Bench.fund)
            for mail in mails.values():
                mail.wait_for(payment.settlement_id, HELD)
        finally:
            self.send(bench, bench.service, self.cancellation(payment))

    def test_too_late_on_arrival(self, bench: Bench) -> None:
        mails = self.everybody(bench)
        payment = self.payment(bench, pay_by=bench.now() - timedelta(seconds=1))
        self.send(bench, bench.service, payment)
        for mail in mails.values():
            assert mail.wait_for(payment.settlement_id, REJECTED).reason_code is not None
            assert mail.states(payment.settlement_id) == [REJECTED]

    # --- once, and no other

    def test_the_same_message_again_is_harmless(self, bench: Bench) -> None:
        """Also later, and flagged as a possible duplicate."""
        mail = Mail(bench, bench.service)
        payment = self.payment(bench)
        message = self.send(bench, bench.service, payment)
        mail.wait_for(payment.settlement_id, HELD)
        later = replace(message, created=message.created + timedelta(seconds=7))
        for again in (message, later, replace(later, possible_duplicate=True)):
            bench.system(bench.service).send(again)
        assert mail.states(payment.settlement_id) == [HELD]
        self.release(bench, payment, bench.agents)
        mail.wait_for(payment.settlement_id, BOOKED)
        bench.system(bench.service).send(message)
        assert mail.states(payment.settlement_id)[-1] is BOOKED
        assert len([one for one in mail.about(payment.settlement_id) if isinstance(one, BookingNotice)]) == 2

    def test_the_flag_alone_excuses_nothing(self, bench: Bench) -> None:
        """A first message that says it may be a double is taken as what it is: the first."""
        mail = Mail(bench, bench.service)
        payment = self.payment(bench)
        message = replace(self.message(bench, bench.service, payment), possible_duplicate=True)
        bench.system(bench.service).send(message)
        mail.wait_for(payment.settlement_id, HELD)

    def test_a_message_id_with_other_content(self, bench: Bench) -> None:
        mail = Mail(bench, bench.service)
        payment = self.hold(bench, mail)
        first = self.send(bench, bench.service, payment)
        other = self.payment(bench)
        self.refused(bench, bench.service, other, "MessageConflict", first.message_id)
        flagged = replace(self.message(bench, bench.service, other, first.message_id), possible_duplicate=True)
        with pytest.raises(Refused) as caught:
            bench.system(bench.service).send(flagged)
        assert caught.value.name == "MessageConflict", "the flag excuses no other content"
        assert mail.states(payment.settlement_id) == [HELD] and mail.about(other.settlement_id) == []

    def test_the_same_payment_under_another_message_id(self, bench: Bench) -> None:
        mail = Mail(bench, bench.service)
        payment = self.hold(bench, mail)
        self.send(bench, bench.service, payment)
        assert mail.states(payment.settlement_id) == [HELD]
        self.release(bench, payment, bench.agents)
        mail.wait_for(payment.settlement_id, BOOKED)
        assert len([one for one in mail.about(payment.settlement_id) if isinstance(one, BookingNotice)]) == 2

    def test_a_uetr_with_other_content(self, bench: Bench) -> None:
        mail = Mail(bench, bench.service)
        payment = self.hold(bench, mail)
        other = self.payment(bench, uetr=payment.uetr)
        self.refused(bench, bench.service, other, "UetrConflict")
        self.refused(bench, bench.service, replace(payment, end_to_end_id="other"), "UetrConflict")
        assert mail.states(payment.settlement_id) == [HELD] and mail.about(other.settlement_id) == []

    def test_a_second_payment_for_a_settlement(self, bench: Bench) -> None:
        """An error, and no RJCT: that would name the settlement and mean *never*."""
        mails = self.everybody(bench)
        payment = self.hold(bench, mails[bench.service])
        second = self.payment(bench, payment.settlement_id, 2, salt=payment.salt)
        self.refused(bench, bench.service, second, "SettlementConflict")
        self.release(bench, payment, bench.agents)
        mails[bench.service].wait_for(payment.settlement_id, BOOKED)
        self.refused(bench, bench.service, second, "SettlementConflict")
        for mail in mails.values():
            assert mail.states(payment.settlement_id) == [HELD, BOOKED]

    # --- no

    def test_a_release_that_fits_nothing(self, bench: Bench) -> None:
        mail = Mail(bench, bench.service)
        payment, unknown = self.hold(bench, mail), self.payment(bench)
        agent = bench.agents[0]
        self.refused(
            bench,
            agent,
            Release(uetr=unknown.uetr, settlement_id=unknown.settlement_id),
            "PaymentUnknown",
        )
        self.refused(
            bench,
            agent,
            Release(uetr=payment.uetr, settlement_id=unknown.settlement_id),
            "PaymentMismatch",
        )
        assert mail.states(payment.settlement_id) == [HELD]

    def test_a_cancellation_that_fits_nothing(self, bench: Bench) -> None:
        mail = Mail(bench, bench.service)
        payment = self.hold(bench, mail)
        wish = self.cancellation(payment)
        more = Money(currency=payment.amount.currency, amount=payment.amount.amount + 1)
        self.refused(bench, bench.service, replace(wish, original_amount=more), "PaymentMismatch")
        self.refused(bench, bench.service, replace(wish, uetr=derive_uetr(payment.settlement_id, 9)), "PaymentMismatch")
        assert mail.states(payment.settlement_id) == [HELD]

    def test_who_may_not(self, bench: Bench) -> None:
        """Agents release and nothing else, the service pays and cancels and nothing else, a stranger neither."""
        mail = Mail(bench, bench.service)
        payment = self.hold(bench, mail)
        release = Release(uetr=payment.uetr, settlement_id=payment.settlement_id)
        for party in (bench.service, bench.stranger):
            self.refused(bench, party, release, "NotAuthorised")
        for party in (bench.agents[0], bench.stranger):
            self.refused(bench, party, self.payment(bench), "NotAuthorised")
            self.refused(bench, party, self.cancellation(payment), "NotAuthorised")
        assert mail.states(payment.settlement_id) == [HELD]

    def test_in_anothers_name(self, bench: Bench) -> None:
        payment = self.payment(bench)
        with pytest.raises(Refused) as caught:
            bench.system(bench.stranger).send(self.message(bench, bench.service, payment))
        assert caught.value.name == "SenderMismatch"

    def test_to_somebody_else(self, bench: Bench) -> None:
        elsewhere = replace(self.message(bench, bench.service, self.payment(bench)), receiver=bench.stranger)
        with pytest.raises(InvalidInput) as caught:
            bench.system(bench.service).send(elsewhere)
        assert (caught.value.field, str(caught.value.value)) == ("AppHdr/To", bench.stranger)
        assert bench.rtgs in caught.value.rule

    def test_a_refusal_spends_no_id(self, bench: Bench) -> None:
        """What is refused leaves no trace: the same id may carry the message once it is right."""
        mail = Mail(bench, bench.service)
        payment = self.hold(bench, mail)
        agent, identity = bench.agents[0], secrets.token_hex(16)
        wrong = Release(uetr=payment.uetr, settlement_id=self.payment(bench).settlement_id)
        self.refused(bench, agent, wrong, "PaymentMismatch", identity)
        self.send(bench, agent, Release(uetr=payment.uetr, settlement_id=payment.settlement_id), identity)

    # --- mailboxes

    def test_mail_is_numbered_paged_and_read_again(self, bench: Bench) -> None:
        mails = self.everybody(bench)
        payment = self.hold(bench, mails[bench.service])
        self.release(bench, payment, bench.agents)
        for mail in mails.values():
            mail.wait(payment.settlement_id, BookingNotice, lambda _: True, 2)
            whole, system = mail.items(), bench.system(mail.party)
            assert [number for number, _ in whole] == list(range(mail.start + 1, mail.start + 1 + len(whole)))
            assert mail.items() == whole
            for limit in (1, 2, len(whole)):
                pages: list[tuple[int, Message[CashBody] | Unreadable]] = []
                while len(pages) < len(whole):
                    page = system.receive(mail.start + len(pages), limit)
                    assert 0 < len(page) <= limit
                    pages.extend(page)
                assert pages == whole
            assert system.receive(whole[-1][0]) == []
            assert system.receive(whole[-1][0] + 1_000) == []

    def test_more_mail_than_a_page(self, bench: Bench) -> None:
        mail, payments = Mail(bench, bench.service), [self.payment(bench) for _ in range(70)]
        for payment in payments:
            self.send(bench, bench.service, payment)
            self.send(bench, bench.service, self.cancellation(payment))
        for payment in payments:
            mail.wait(payment.settlement_id, Resolution, lambda _: True)
        assert len(bench.system(bench.service).receive(mail.start)) == 200
        assert len(mail.items()) >= 3 * len(payments)
        assert all(mail.states(payment.settlement_id) == [HELD, CANCELLED] for payment in payments)

    def test_everybody_reads_his_own_mail(self, bench: Bench) -> None:
        mails = self.everybody(bench) | {bench.stranger: Mail(bench, bench.stranger)}
        self.hold(bench, mails[bench.service])
        for party, mail in mails.items():
            messages = [item for _, item in mail.items() if isinstance(item, Message)]
            assert {one.receiver for one in messages} <= {party} and {one.sender for one in messages} <= {bench.rtgs}
            assert len({one.message_id for one in messages}) == len(messages)

    # --- what only some benches can do

    def test_a_restart_in_between(self, bench: Bench) -> None:
        mails = self.everybody(bench)
        payment, identity = self.payment(bench), secrets.token_hex(16)
        first = self.send(bench, bench.service, payment, identity)
        mails[bench.service].wait_for(payment.settlement_id, HELD)
        self.release(bench, payment, bench.agents[:1])
        before = {party: mail.items() for party, mail in mails.items()}
        possible(bench.restart, Bench.restart)
        assert {party: mail.items() for party, mail in mails.items()} == before
        bench.system(bench.service).send(first)
        self.refused(bench, bench.service, self.payment(bench), "MessageConflict", identity)
        assert mails[bench.service].states(payment.settlement_id) == [HELD]
        self.release(bench, payment, bench.agents[1 : bench.quorum] or bench.agents[:1])
        for mail in mails.values():
            mail.wait_for(payment.settlement_id, BOOKED)

    def test_the_deadline(self, bench: Bench) -> None:
        """Bookable at its last second, and never after it."""
        mails = self.everybody(bench)
        deadline = bench.now() + timedelta(seconds=30)
        in_time, late = (self.payment(bench, pay_by=deadline) for _ in range(2))
        for payment in (in_time, late):
            self.send(bench, bench.service, payment)
            mails[bench.service].wait_for(payment.settlement_id, HELD)
        possible(lambda: bench.move_to(deadline), Bench.move_to)
        self.release(bench, in_time, bench.agents)
        mails[bench.service].wait_for(in_time.settlement_id, BOOKED)
        bench.move_to(deadline + timedelta(seconds=1))
        for mail in mails.values():
            mail.wait_for(late.settlement_id, REJECTED)
        self.refused(bench, bench.agents[0], Release(uetr=late.uetr, settlement_id=late.settlement_id), "PaymentEnded")
        self._never_again(bench, mails, late)

    def test_the_day_closes(self, bench: Bench) -> None:
        """Last, since a real system's day closes once."""
        mails = self.everybody(bench)
        payment = self.hold(bench, mails[bench.service])
        possible(bench.close_day, Bench.close_day)
        for mail in mails.values():
            assert mail.wait_for(payment.settlement_id, REJECTED).reason_code is not None
        self.refused(
            bench,
            bench.agents[0],
            Release(uetr=payment.uetr, settlement_id=payment.settlement_id),
            "PaymentEnded",
        )


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE} names no bench")
class TestConfiguredCashSystem(CashSystemConformance):
    """The suite on what the environment names, one bench for all cases."""

    @pytest.fixture(scope="class")
    def bench(self) -> Iterator[Bench]:
        bench = configured()
        yield bench
        bench.close()
