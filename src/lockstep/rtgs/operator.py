"""The central bank's own desk: accounts, money, mandates, parties and the business day.

Every act may be repeated: the same again changes nothing, the same id with other content raises Conflict.
"""

import re
from contextlib import AbstractContextManager
from datetime import date

from sqlalchemy import select

from lockstep.domain.errors import Conflict, InvalidInput
from lockstep.domain.identifiers import Bic, bic
from lockstep.domain.money import Money, minor_units
from lockstep.domain.payment import PaymentState
from lockstep.rtgs import ledger, payments, register, rules
from lockstep.rtgs.database import Database, Step
from lockstep.rtgs.facts import Posting, all_postings
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.parties import Role, hashed, refusal
from lockstep.rtgs.register import Reason, StoredPayment
from lockstep.rtgs.tables import days, mandates, parties, postings, settings

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
        with self._step("quorum-set") as step:
            step.connection.execute(settings.update().values(quorum=agents))
            for stored in register.still_open(step.connection):
                if stored.state is PaymentState.HELD and step.now <= stored.payment.pay_by:
                    payments.book_if_released(step, stored)

    def open_account(self, owner: Bic, number: str, currency: str) -> None:
        """Opens an account with nothing on it. Raises Conflict if the number is another's."""
        bic(owner)
        minor_units(currency)
        if not _ACCOUNT.fullmatch(number):
            raise InvalidInput("account", number, "1 to 34 letters, digits and hyphens, no hyphen first")
        with self._step("account-opened") as step:
            known = ledger.account(step.connection, number)
            if known is None:
                ledger.open_account(step, number, owner, currency)
            elif (known.owner, known.currency, known.technical) != (owner, currency, False):
                raise Conflict("account", number)

    def fund(self, account: str, amount: Money, reference: str) -> int:
        """Credits an account from the central bank's and returns the posting's number.

        Pending payments of the account are tried again at once.
        """
        ledger.check_amount(amount, "amount")
        if not _REFERENCE.fullmatch(reference):
            raise InvalidInput("reference", reference, "1 to 100 visible ASCII characters")
        full_reference = f"funding/{reference}"
        with self._step("account-funded") as step:
            target = self._account(step, account)
            if target.currency != amount.currency:
                raise InvalidInput("amount/@Ccy", amount.currency, f"the account's currency, {target.currency}")
            central = ledger.central_account(amount.currency)
            known = step.connection.execute(select(postings).where(postings.c.reference == full_reference)).first()
            if known is not None:
                same = (known.debit, known.credit, known.amount) == (central, account, amount.amount)
                if not same:
                    raise Conflict("funding", reference)
                return int(known.number)
            if ledger.account(step.connection, central) is None:
                ledger.open_account(step, central, step.bic, amount.currency, technical=True)
            number = ledger.transfer(step, central, account, amount, full_reference, earmarked=False)
            payments.hold_pending(step, [account])
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
        if maximum.amount < 0 or maximum.amount > ledger.LARGEST_AMOUNT:
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
            target = self._account(step, account)
            if target.currency != maximum.currency:
                raise InvalidInput("maximum/@Ccy", maximum.currency, f"the account's currency, {target.currency}")
            in_force = rules.mandates_in_force(step.connection, account)
            if not any(all(row[name] == value for name, value in values.items()) for row in in_force):
                step.connection.execute(mandates.insert().values(given_at=step.now, **values))

    def open_day(self, day: date) -> None:
        """Opens a business day. Raises Refused(DayClosed) for a day not after the last one closed,
        Refused(DayOpen) while another is open.
        """
        with self._step("day-opened") as step:
            current = rules.business_day(step.connection)
            if current == day:
                return
            if current is not None:
                raise refusal("DayOpen", "day", day, f"opened after {current} is closed")
            last = step.connection.scalar(select(days.c.date).order_by(days.c.date.desc()).limit(1))
            if last is not None and day <= last:
                raise refusal("DayClosed", "day", day, f"after {last}, the last day that was closed")
            step.connection.execute(days.insert().values(date=day, opened_at=step.now))

    def close_day(self) -> date | None:
        """Ends the business day: all that is held or pending is rejected for good. None if none is open."""
        if self.business_day() is None:
            return None
        with self._step("day-closed") as step:
            day = rules.business_day(step.connection)
            if day is None:
                return None
            step.connection.execute(days.update().where(days.c.date == day).values(closed_at=step.now))
            reason = Reason.of("TM01", "IntrBkSttlmDt", day, "not booked: closed with the day")
            payments.never(step, register.still_open(step.connection), PaymentState.REJECTED, reason)
        return day

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
            return register.all_payments(connection)

    def _step(self, name: str) -> AbstractContextManager[Step]:
        return self._database.step(name, self._database.now())

    @staticmethod
    def _account(step: Step, number: str) -> Account:
        found = ledger.account(step.connection, number)
        if found is None or found.technical:
            raise InvalidInput("account", number, "a participant's account")
        return found
