"""An account owner's own liquidity: reservations and limits. Each change serves the queue at once.

A reservation keeps money for urgent, or for high, payments; what is there counts at once, what is
missing fills from incoming money. A payment of the class uses its reservation up. A standing one is
what each following day begins with.
"""

from lockstep.domain.errors import InvalidInput
from lockstep.rtgs import limits, payments
from lockstep.rtgs.database import Step
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.orders import LARGEST_AMOUNT, Priority
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


def _own(step: Step, account: str) -> Account:
    found = step.books.account(account)
    if found is None or found.technical:
        raise refusal("AccountUnknown", "account", account, "a participant's account")
    return found


def _check(amount: int, field: str) -> None:
    if not 0 <= amount <= LARGEST_AMOUNT:
        raise InvalidInput(field, amount, "zero or more, at most 18 digits")
