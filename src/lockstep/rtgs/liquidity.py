"""An account owner's own liquidity: reservations and limits. Each change serves the queue at once.

A reservation keeps money for urgent, or for high, payments; what is there counts at once, what is
missing fills from incoming money. A payment of the class uses its reservation up; one that is held and
never booked gives it back, unless the owner has set the reservation anew since. A standing one is
what each following day begins with.
"""

from sqlalchemy import and_, or_, select

from lockstep.domain.errors import InvalidInput
from lockstep.rtgs import limits, payments, tables
from lockstep.rtgs.database import Step
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.orders import LARGEST_AMOUNT, Kind, Priority
from lockstep.rtgs.parties import refusal


def reserve(step: Step, account: str, priority: Priority, amount: int, *, standing: bool = False) -> Account:
    """Reserves so much (minor units) for a class of payments, in place of what was; zero ends it.

    `standing` changes what later days begin with and leaves today alone. Raises InvalidInput, Refused.
    """
    if priority is Priority.NORMAL:
        raise InvalidInput("Tp", priority.name, "URGENT or HIGH")
    _check(amount, "Amt")
    _own(step, account)
    name = f"{'standing' if standing else 'reserved'}_{priority.name.lower()}"
    step.books.set_terms(account, **{name: amount})
    if not standing:
        _forget_given(step, account, priority)
    payments.serve(step, [account])
    return _own(step, account)


def set_limit(step: Step, account: str, counterparty: str | None, amount: int | None) -> None:
    """Limits what the account pays a counterparty (None: everybody without a limit of their own) beyond
    what it received; in minor units, None takes the limit back. Raises InvalidInput, Refused."""
    _own(step, account)
    if counterparty is not None:
        _own(step, counterparty)
    limits.set_limit(step, account, counterparty or limits.EVERYBODY, amount)
    payments.serve(step, [account])


def set_credit_limit(step: Step, account: str, amount: int) -> Account:
    """How far below zero the account may go within a day, in minor units.

    Raises InvalidInput, Refused(LimitInUse) for less than what is used.
    """
    _check(amount, "credit_limit")
    _own(step, account)
    step.books.set_terms(account, credit_limit=amount)
    payments.serve(step, [account])
    return _own(step, account)


def _forget_given(step: Step, account: str, priority: Priority) -> None:
    """What is held out of the reservation that was gives the new one nothing back."""
    batch = tables.payments.c.kind == Kind.BATCH.value  # uses the urgent one, whatever its priority
    of_class = and_(~batch, tables.payments.c.priority == int(priority))
    if priority is Priority.URGENT:
        of_class = or_(batch, of_class)
    of_account = select(tables.earmarks.c.uetr).join(tables.payments).where(tables.earmarks.c.account == account)
    earmarked = tables.earmarks.c.account == account, tables.earmarks.c.uetr.in_(of_account.where(of_class))
    step.held.clear()
    step.connection.execute(tables.earmarks.update().where(*earmarked).values(from_reservation=0))


def _own(step: Step, account: str) -> Account:
    found = step.books.account(account)
    if found is None or found.technical:
        raise refusal("AccountUnknown", "account", account, "a participant's account")
    return found


def _check(amount: int, field: str) -> None:
    if not 0 <= amount <= LARGEST_AMOUNT:
        raise InvalidInput(field, amount, "zero or more, at most 18 digits")
