"""What a late close comes to. Figures for people, who decide: nothing here moves anything.

Late payment (GMRA 2011, paragraph 12): who pays late owes interest on what was due, at the pricing rate or the rate
agreed for late payment, whichever is higher, from the day on which it was due to the day before it is paid. Late
delivery (paragraph 10(i)): the price differential ends with the repurchase date, and while the buyer does not deliver,
the seller may give notice and terminate that transaction alone, the mini close-out. The day of the notice then counts
as the repurchase date, and what is due is the default market value of the equivalent securities against the repurchase
price of that day (paragraph 10(d) to 10(f)).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from lockstep.domain.accrual import repo_interest
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin
from lockstep.domain.money import Money
from lockstep.domain.repo.life import LegState, Repo, RepoState

__all__ = ["LateInterest", "MiniCloseOut", "late_interest", "mini_close_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateInterest:
    """What the seller owes for paying late, beside the repurchase price."""

    on: Money
    """The part of the repurchase price that is late, or was."""
    rate: int
    since: date
    until: date
    """Not counted."""
    amount: Money
    per_day: Money
    """One more day of what is still not paid, by itself; rounded, so that days do not add up to the amount exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniCloseOut:
    """A proposal: what terminating now would come to."""

    notice: date
    securities: Money
    """Default market value of what the buyer owes, plus the seller's expenses of buying it."""
    repurchase_price: Money
    """As of the day of the notice, of what has not settled."""
    net: Money
    """What is left to pay; never below zero."""
    payer: str
    """`buyer` where the securities are worth more, `seller` where they are worth less, else `nobody`."""


def late_interest(repo: Repo, today: date) -> LateInterest | None:
    """Interest on what was not paid on the repurchase date, to the nearest minor unit leg by leg; never below zero.
    None where nothing was, or is, late.

    It is owed where the seller was late; where the buyer could not deliver, nobody owes it.
    """
    due = repo.repurchase_date
    if due is None or repo.state is RepoState.CLOSED_OUT:
        return None
    rate, basis = max(repo.rate, repo.terms.late_rate, 0), repo.terms.basis
    owed = amount = per_day = 0
    last = date.min
    for leg in repo.last_closing:
        is_paid = leg.state in (LegState.SETTLED, LegState.RECORDED)
        until = leg.settlement_date if is_paid else max(today, due)
        if until == due and (is_paid or repo.state is not RepoState.FAILED):
            continue
        owed, last = owed + leg.cash.amount, max(last, until)
        amount += repo_interest(leg.cash, rate, due, until, basis).amount
        if not is_paid:
            per_day += repo_interest(leg.cash, rate, due, due + timedelta(1), basis).amount
    if not owed:
        return None
    figures = repo.money(owed), repo.money(amount), repo.money(per_day)
    return LateInterest(on=figures[0], rate=rate, since=due, until=last, amount=figures[1], per_day=figures[2])


def mini_close_out(repo: Repo, values: Mapping[Isin, int], today: date, *, expenses: int = 0) -> MiniCloseOut:
    """What the parties would owe each other, were notice given today.

    `values`: what all units still owed of each security are worth, minor units, as the seller determines the default
    market value (dealing prices, quotations or its own estimate). Raises InvalidInput where one is missing or below
    zero, and as `late_interest`.
    """
    due = _failed_since(repo, today)
    owed = {one.isin for one in repo.lots if one.units}
    if set(values) != owed or any(one < 0 for one in values.values()):
        raise InvalidInput("values", dict(sorted(values.items())), f"one each, not below zero, of {sorted(owed)}")
    if expenses < 0:
        raise InvalidInput("expenses", expenses, "not below zero")
    since_due = repo_interest(repo.money(repo.principal), repo.rate, due, today, repo.terms.basis)
    worth, price = sum(values.values()) + expenses, repo.failed_cash.amount + since_due.amount
    payer = "nobody" if worth == price else "buyer" if worth > price else "seller"
    return MiniCloseOut(
        notice=today,
        securities=repo.money(worth),
        repurchase_price=repo.money(price),
        net=repo.money(abs(worth - price)),
        payer=payer,
    )


def _failed_since(repo: Repo, today: date) -> date:
    due = repo.repurchase_date
    if repo.state is not RepoState.FAILED or due is None:
        raise InvalidInput("state", repo.state.value, "FAILED: its close did not settle")
    if today < due:
        raise InvalidInput("today", today, f"not before the repurchase date {due}")
    return due
