"""The cases of the conformance suite in which a party hands over many messages at once."""

from dataclasses import replace

from lockstep.domain.errors import Refused
from lockstep.domain.payment import BookingNotice, PaymentState, Release
from lockstep.ports import CashBody
from lockstep.testing.cash_bench import Bench, Hands, Mail

__all__ = ["ManyAtOnce"]

HELD, BOOKED, REJECTED, CANCELLED = (
    PaymentState.HELD,
    PaymentState.BOOKED,
    PaymentState.REJECTED,
    PaymentState.CANCELLED,
)


class ManyAtOnce(Hands):
    """What `ports.BulkCashSystem` promises besides; skipped where a system hands over one message at a time."""

    def test_many_at_once(self, bench: Bench) -> None:
        """Each as if it were sent alone: the bad ones end with their reasons, all others are held, then booked."""
        mails = self.everybody(bench)
        known = self.hold(bench, mails[bench.service])
        payments = [self.payment(bench) for _ in range(12)]
        messages = [self.message(bench, bench.service, payment) for payment in payments]
        other = self.payment(bench)
        bad = {
            2: (self.message(bench, bench.service, other, messages[0].message_id), "MessageConflict"),
            5: (self.message(bench, bench.service, replace(known, end_to_end_id="other")), "UetrConflict"),
            9: (
                self.message(bench, bench.service, self.payment(bench, known.settlement_id, 2, salt=known.salt)),
                "SettlementConflict",
            ),
        }
        for place, (message, _) in bad.items():
            messages.insert(place, message)
        messages.append(messages[1])
        results = self.send_many(bench, bench.service, messages)
        assert {place: self.name_of(error) for place, error in enumerate(results) if error is not None} == {
            place: name for place, (_, name) in bad.items()
        }
        for payment in payments:
            for mail in mails.values():
                mail.wait_for(payment.settlement_id, HELD)
        assert all(mail.about(other.settlement_id) == [] for mail in mails.values())
        for agent in bench.agents[: bench.quorum]:
            releases = [
                self.message(bench, agent, Release(uetr=payment.uetr, settlement_id=payment.settlement_id))
                for payment in payments
            ]
            assert list(self.send_many(bench, agent, releases)) == [None] * len(releases)
        for payment in payments:
            for mail in mails.values():
                mail.wait_for(payment.settlement_id, BOOKED)
                assert mail.states(payment.settlement_id) == [HELD, BOOKED]

    def test_many_at_once_in_their_order(self, bench: Bench) -> None:
        """A cancellation behind its payment ends it; one before it keeps it from ever being paid."""
        mail = Mail(bench, bench.service)
        first, second = self.payment(bench), self.payment(bench)
        bodies: list[CashBody] = [first, self.cancellation(first), self.cancellation(second), second]
        results = self.send_many(bench, bench.service, [self.message(bench, bench.service, body) for body in bodies])
        assert list(results) == [None] * 4
        mail.wait_for(first.settlement_id, CANCELLED)
        mail.wait_for(second.settlement_id, REJECTED)
        assert (mail.states(first.settlement_id), mail.states(second.settlement_id)) == ([HELD, CANCELLED], [REJECTED])

    def test_the_same_many_again_are_harmless(self, bench: Bench) -> None:
        mail = Mail(bench, bench.service)
        payments = [self.payment(bench) for _ in range(3)]
        messages = [self.message(bench, bench.service, payment) for payment in payments]
        for _ in range(2):
            assert list(self.send_many(bench, bench.service, messages)) == [None] * 3
        bench.system(bench.service).send(messages[0])
        for payment in payments:
            mail.wait_for(payment.settlement_id, HELD)
        self.release(bench, payments[0], bench.agents)
        mail.wait_for(payments[0].settlement_id, BOOKED)
        assert list(self.send_many(bench, bench.service, messages)) == [None] * 3
        assert len([one for one in mail.about(payments[0].settlement_id) if isinstance(one, BookingNotice)]) == 2

    def test_many_of_somebody_else(self, bench: Bench) -> None:
        """Who may not pay may not do so in a file either, and nobody speaks for another."""
        mails = self.everybody(bench)
        payment = self.payment(bench)
        own = self.message(bench, bench.stranger, payment)
        others = self.message(bench, bench.service, payment)
        results = self.send_many(bench, bench.stranger, [own, others])
        assert [self.name_of(error) for error in results][1] == "SenderMismatch"
        assert all(isinstance(error, Refused) for error in results)
        assert all(mail.about(payment.settlement_id) == [] for mail in mails.values())

    def test_none_and_one_at_once(self, bench: Bench) -> None:
        mail, payment = Mail(bench, bench.service), self.payment(bench)
        assert list(self.send_many(bench, bench.service, [])) == []
        assert list(self.send_many(bench, bench.service, [self.message(bench, bench.service, payment)])) == [None]
        mail.wait_for(payment.settlement_id, HELD)
