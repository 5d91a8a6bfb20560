"""The central bank's own desk: accounts, money, mandates, parties, liquidity, queues and the business day.

Every act may be repeated: the same again changes nothing, the same id with other content raises Conflict.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, select

from lockstep.domain.errors import Conflict, InvalidInput
from lockstep.domain.identifiers import Bic, Uetr, bic
from lockstep.domain.money import Money, minor_units
from lockstep.domain.payment import PaymentState
from lockstep.rtgs import business_day as days_
from lockstep.rtgs import (
    entering,
    ledger,
    liquidity,
    offsetting,
    payments,
    queueing,
    recalls,
    register,
    rules,
    statements,
    timetable,
)
from lockstep.rtgs.database import Database, Step
from lockstep.rtgs.facts import Posting, all_postings
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.orders import LARGEST_AMOUNT, Leg, Order, Priority, check_amount
from lockstep.rtgs.parties import Role, hashed, refusal
from lockstep.rtgs.register import Reason, StoredOrder, StoredPayment
from lockstep.rtgs.statements import AccountStatement
from lockstep.rtgs.tables import days, mandates, parties, postings, settings
from lockstep.rtgs.timetable import Timetable

Seen = TypeVar("Seen")

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,33}")
_REFERENCE = re.compile(r"[!-~]{1,100}")


class Operator:
    """The operator's functions. Each that changes something is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register_party(self, party: Bic, role: Role, key: str | None = None) -> None:
        """Admits a party or changes its role and API key. Without a key it has no access by HTTP.

        Raises InvalidInput for a key too short, Conflict for one that another party has.
        """
        bic(party)
        values = {"role": role.value, "key_hash": None if key is None else hashed(key)}
        with self._step("party-registered") as step:
            if key is not None:
                same_key = select(parties.c.bic).where(parties.c.key_hash == values["key_hash"])
                holder = step.connection.scalar(same_key)
                if holder not in (None, party):
                    raise Conflict("the API key of", party)
            changed = step.connection.execute(parties.update().where(parties.c.bic == party).values(values))
            if changed.rowcount == 0:
                step.connection.execute(parties.insert().values(bic=party, **values))

    def set_quorum(self, agents: int) -> None:
        """How many agents must release a payment. What has enough releases by it is booked at once."""
        if agents < 1:
            raise InvalidInput("quorum", agents, "at least 1")
        with self._moving("quorum-set") as step:
            step.connection.execute(settings.update().values(quorum=agents))
            for stored in register.still_open(step.connection):
                pay_by = stored.order.pay_by
                if stored.state is PaymentState.HELD and (pay_by is None or step.now <= pay_by):
                    payments.book_if_released(step, stored)

    def open_account(self, owner: Bic, number: str, currency: str) -> None:
        """Opens an account with nothing on it. Raises Conflict if the number is another's."""
        bic(owner)
        minor_units(currency)
        if not _ACCOUNT.fullmatch(number):
            raise InvalidInput("account", number, "1 to 34 letters, digits and hyphens, no hyphen first")
        with self._step("account-opened") as step:
            known = step.books.account(number)
            if known is None:
                step.books.open_account(number, owner, currency)
            elif (known.owner, known.currency, known.technical) != (owner, currency, False):
                raise Conflict("account", number)

    def fund(self, account: str, amount: Money, reference: str) -> int:
        """Credits an account from the central bank's and returns the posting's number.

        Pending payments of the account are tried again at once.
        """
        check_amount(amount, "amount")
        if not _REFERENCE.fullmatch(reference):
            raise InvalidInput("reference", reference, "1 to 100 visible ASCII characters")
        full_reference = f"funding/{reference}"
        with self._moving("account-funded") as step:
            self._same_currency(step, account, amount, "amount")
            central = ledger.central_account(amount.currency)
            known = step.connection.execute(select(postings).where(postings.c.reference == full_reference)).first()
            if known is not None:
                same = (known.debit, known.credit, known.amount) == (central, account, amount.amount)
                if not same:
                    raise Conflict("funding", reference)
                return int(known.number)
            if step.books.account(central) is None:
                step.books.open_account(central, step.bic, amount.currency, technical=True)
            number = step.books.post([ledger.entry(full_reference, central, account, amount)])
            payments.serve(step, [account])
        return number

    def set_mandate(
        self,
        account: str,
        maximum: Money,
        until: date,
        *,
        payee: str | None = None,
        instructing: Bic | None = None,
    ) -> None:
        """Records the owner's leave to debit its account, up to `maximum` per payment, through `until`.

        `payee` is an account number, `instructing` a BIC; None means any. It replaces the mandate of
        the same account, payee and instructing party; a maximum of zero takes it back. Payments
        already taken stay.
        """
        if maximum.amount < 0 or maximum.amount > LARGEST_AMOUNT:
            raise InvalidInput("maximum", maximum, "zero or more, at most 18 digits")
        if instructing is not None:
            bic(instructing)
        values = {
            "account": account,
            "instructing": instructing or rules.ANY,
            "payee": payee or rules.ANY,
            "maximum": maximum.amount,
            "until": until,
        }
        with self._step("mandate-set") as step:
            self._same_currency(step, account, maximum, "maximum")
            in_force = rules.mandates_in_force(step.connection, account)
            if not any(all(row[name] == value for name, value in values.items()) for row in in_force):
                step.connection.execute(mandates.insert().values(given_at=step.now, **values))

    def open_day(self, day: date) -> None:
        """Opens a business day. Raises Refused(DayClosed) for a day not after the last one closed,
        Refused(DayOpen) while another is open.
        """
        with self._step("day-opened") as step:
            days_.open_day(step, day)

    def close_day(self) -> date | None:
        """Ends the business day: all that is held or pending is rejected for good, every account is stated,
        reservations end. Returns the day, None if none is open.
        """
        if self.business_day() is None:
            return None
        with self._step("day-closed") as step:
            return days_.close_day(step)

    def enter_phase(self, phase: str) -> None:
        """Leads the open day into another phase of its timetable. Raises Refused(PhaseUnknown, DayClosed)."""
        with self._step("phase-entered") as step:
            days_.enter_phase(step, phase)

    def set_timetable(self, table: Timetable | None, holidays: Mapping[date, str] | None = None) -> None:
        """Opens and closes days by a timetable from the next tick on, or (None) by the operator's hand alone.

        `holidays`, by date with their names, replace the calendar; None leaves it.
        """
        with self._step("timetable-set") as step:
            stored = None if table is None else table.to_json()
            step.connection.execute(settings.update().values(timetable=stored))
            if holidays is not None:
                timetable.set_holidays(step.connection, holidays.items())

    def set_clock(self, instant: datetime, *, running: bool = False) -> None:
        """Business time is this instant, and stands still or (`running`) goes on from there.

        Raises InvalidInput for an instant before the present one. What has become due, the next tick does.
        """
        self._set_clock(lambda _: instant, running=running)

    def advance_clock(self, by: timedelta) -> None:
        """Business time goes so much ahead, and stands still or runs as before."""
        self._set_clock(lambda now: now + by, running=None)

    def now(self) -> datetime:
        """Business time."""
        return self._database.now()

    def phase(self) -> str:
        """The phase of the business day; CLOSED if none is open."""
        with self._database.reading() as connection:
            return timetable.phase(connection)

    def business_day(self) -> date | None:
        """The day that is open, or None."""
        with self._database.reading() as connection:
            return rules.business_day(connection)

    def days(self) -> list[date]:
        """Every business day that was ever opened, oldest first."""
        with self._database.reading() as connection:
            return list(connection.scalars(select(days.c.date).order_by(days.c.date)))

    def accounts(self) -> list[Account]:
        """All accounts, by number."""
        with self._database.reading() as connection:
            return ledger.all_accounts(connection)

    def postings(self, after: int = 0) -> list[Posting]:
        """Postings with a higher number than `after`, in order."""
        with self._database.reading() as connection:
            return all_postings(connection, after)

    def payments(self) -> list[StoredPayment]:
        """All payments, in order of arrival."""
        with self._database.reading() as connection:
            return register.settlements(register.all_orders(connection))

    def orders(self) -> list[StoredOrder]:
        """All payments of every kind, in order of arrival."""
        with self._database.reading() as connection:
            return register.all_orders(connection)

    def queue(self, account: str | None = None) -> list[StoredOrder]:
        """What waits, of one account or of all, in the order in which each is served."""
        with self._database.reading() as connection:
            return register.queued(connection, account)

    def statement(self, account: str, day: date) -> AccountStatement:
        """An account's statement; of the day that is open, what there is so far. Raises InvalidInput."""
        now = self._database.now()
        with self._database.reading() as connection:
            return statements.statement(connection, account, day, now)

    def submit(self, order: Order, *, instructing: Bic, message_id: str) -> StoredOrder:
        """A payment order by the operator's hand, in a party's name; the stored one if it is known already.

        Raises as `entering.enter`.
        """
        with self._moving("order-submitted") as step:
            taken = entering.enter(step, order, instructing=instructing, message_id=message_id)
            known = taken or register.by_uetr(step.connection, order.uetr)
        assert known is not None
        return known

    def submit_batch(self, order: Order, legs: tuple[Leg, ...], *, instructing: Bic, message_id: str) -> StoredOrder:
        """A multilateral batch: all net positions or none, through the technical account, with one result."""
        batch = entering.as_batch(order, legs, self._database.bic)
        return self.submit(batch, instructing=instructing, message_id=message_id)

    def set_credit_limit(self, account: str, amount: Money) -> None:
        """How far below zero an account may go within a day. Raises Refused(LimitInUse) for less than is used."""
        with self._moving("credit-limit-set") as step:
            self._same_currency(step, account, amount, "credit_limit")
            liquidity.set_credit_limit(step, account, amount.amount)

    def reserve(self, account: str, priority: Priority, amount: Money, *, standing: bool = False) -> None:
        """Keeps money for urgent or high payments, today or (`standing`) from the next day on."""
        with self._moving("liquidity-reserved") as step:
            self._same_currency(step, account, amount, "Amt")
            liquidity.reserve(step, account, priority, amount.amount, standing=standing)

    def set_limit(self, account: str, counterparty: str | None, amount: Money | None) -> None:
        """Limits normal payments to one counterparty's account or (None) to all others; None takes it back."""
        with self._moving("limit-set") as step:
            if amount is not None:
                self._same_currency(step, account, amount, "limit")
            liquidity.set_limit(step, account, counterparty, None if amount is None else amount.amount)

    def set_priority(self, uetr: Uetr, priority: Priority) -> None:
        """Moves a waiting payment to the end of another class. Raises Refused(PaymentUnknown, PaymentNotQueued)."""
        with self._moving("payment-modified") as step:
            stored = queueing.queued(step, uetr)
            queueing.set_priority(step, stored, priority)
            payments.serve(step, stored.order.debits())

    def move(self, uetr: Uetr, *, to_front: bool) -> None:
        """Moves a waiting payment to the front or the end of its class. Raises as `set_priority`."""
        with self._moving("payment-modified") as step:
            stored = queueing.queued(step, uetr)
            queueing.move(step, stored, to_front=to_front)
            payments.serve(step, stored.order.debits())

    def recall(self, uetr: Uetr, *, asked_by: Bic, code: str = "CUST") -> Reason | None:
        """Recalls a payment, or buries its UETR if none came; why not, or None if it is never booked now.

        Raises Refused(NotAuthorised) for anybody but who instructed it.
        """
        with self._moving("payment-recalled") as step:
            known = register.by_uetr(step.connection, uetr)
            if known is not None and known.instructing != asked_by:
                raise refusal("NotAuthorised", "AppHdr/Fr", asked_by, "who instructed the payment")
            settlement_id = None if known is None else known.order.settlement_id
            found = recalls.recall(
                step, known, uetr, asked_by=asked_by, settlement_id=settlement_id, case_id="desk", code=code
            )
            return found.reason

    def offset(self, currency: str) -> int:
        """Settles queued payments multilaterally, on net positions; how many."""
        minor_units(currency)
        with self._moving("queues-offset") as step:
            return offsetting.multilateral(step, currency)

    def look(self, view: Callable[[Connection], Seen]) -> Seen:
        """What a view (see `page_views`) reads off the books at one moment."""
        with self._database.reading() as connection:
            return view(connection)

    def since_opened(self) -> tuple[Counter[str], int]:
        """Since this process opened the books: messages put into mailboxes, by definition, and the database's
        failures."""
        return self._database.sent, self._database.errors

    def _set_clock(self, to: Callable[[datetime], datetime], *, running: bool | None) -> None:
        clock = self._database.clock
        with self._step("clock-set") as step:
            runs = clock.stands is None if running is None else running
            offset, stands = clock.settings_for(to(step.now), running=runs, not_before=step.now)
            step.connection.execute(settings.update().values(clock_offset=offset, clock_stands=stands))
        clock.set(offset, stands)

    def _step(self, name: str) -> AbstractContextManager[Step]:
        return self._database.step(name, self._database.now())

    @contextmanager
    def _moving(self, name: str) -> Iterator[Step]:
        """A step that may settle what waits: not what has run out, nor after the close, even if nobody has ticked."""
        with self._step(name) as step:
            days_.catch_up(step)
            yield step

    @staticmethod
    def _account(step: Step, number: str) -> Account:
        found = step.books.account(number)
        if found is None or found.technical:
            raise InvalidInput("account", number, "a participant's account")
        return found

    def _same_currency(self, step: Step, number: str, amount: Money, field: str) -> None:
        target = self._account(step, number)
        if target.currency != amount.currency:
            raise InvalidInput(f"{field}/@Ccy", amount.currency, f"the account's currency, {target.currency}")
