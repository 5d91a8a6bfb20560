"""What is due under a margin agreement today, by a party's own figures: from files, or from the collateral register.

Each party reckons for itself, and calls or answers by it; nothing is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from lockstep.app.home import Home
from lockstep.app.margin_cases import Figures, agreement_named, figures_of
from lockstep.app.margin_desk import register_ledger
from lockstep.app.margin_files import MarginFile, read_margin_file, read_schedule
from lockstep.app.repo_files import read_positions
from lockstep.app.valuing import read_prices
from lockstep.domain.collateral.allocation import Available
from lockstep.domain.collateral.concentration import Held
from lockstep.domain.collateral.schedules import EligibilitySchedule, Ineligible, judge
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin
from lockstep.domain.market import Market
from lockstep.domain.money import Money, Quantity
from lockstep.domain.rounding import share_text
from lockstep.domain.values import replace
from lockstep.flow.pledging import Lying, Portfolio, portfolio_value, reckoned
from lockstep.flow.register_parties import owner_of

__all__ = ["reckon"]


def reckon(
    home: Home,
    terms: Path,
    *,
    agreement: str | None = None,
    schedule: Path | None = None,
    positions: Path | None = None,
    prices: Path | None = None,
    on: date | None = None,
) -> Mapping[str, Any]:
    """The figures of a day, as a person or a program reads them.

    With an `agreement`, units, cash and, where the terms name no transactions, the exposure are the register's, at its
    final block. With `positions` collateral counts by a `schedule`, at the positions' prices or those of `prices`;
    else by the register's latest valuation. Raises InvalidInput, Misconfigured, Unavailable.
    """
    market, now = home.market(), home.clock().now()
    given = read_margin_file(terms, market, now)
    figures, units = None, None
    if agreement is not None:
        figures, units = _on_register(home, agreement, given, market)
    if (positions is None) != (schedule is None):
        raise InvalidInput("schedule", schedule, "given with --positions, and only then")
    day, lying, rules = on or now.date(), list[Lying](), None
    if positions is not None and schedule is not None:
        rules = read_schedule(schedule)
        if rules.currency != given.terms.currency:
            raise InvalidInput("schedule/currency", rules.currency, f"{given.terms.currency}, as the terms")
        known = _priced(read_positions(positions, market, now), prices, market)
        lying = _lying(known, units)
        portfolio = portfolio_value(lying, rules, given.parties, day, given.rates)
    else:
        portfolio = Portfolio(value=figures.cover if figures else 0, held=(), refused=(), breaches=())
    cash = given.cash if given.cash is not None else figures.credit if figures else 0
    found = reckoned(given.terms, _transactions(given, figures), portfolio, cash, given.rates)
    shown = partial(_text, currency=given.terms.currency)
    return {
        "currency": given.terms.currency,
        "exposure": shown(found.due.exposure),
        "required": shown(found.due.required),
        "collateral": shown(portfolio.value),
        "cash": shown(cash),
        "held": shown(found.due.held),
        "delivery": shown(found.due.delivery),
        "return": shown(found.due.return_),
        "reason": found.due.reason or None,
        "securities": [] if rules is None else list(_rows(lying, portfolio.held, rules, given, day, market)),
        "limits": [str(one) for one in portfolio.breaches],
    }


def _on_register(home: Home, agreement: str, given: MarginFile, market: Market) -> tuple[Figures, Mapping[Isin, int]]:
    """What the register has of an agreement: its figures, and the units that lie under it."""
    ledger = register_ledger(home)
    agreement_id, terms = agreement_named(ledger, agreement)
    if terms.currency != given.terms.currency:
        raise InvalidInput("terms/currency", given.terms.currency, f"{terms.currency}, the agreement's")
    giver = market.participants[given.parties.giver]
    owner = owner_of(ledger, market, terms.giver, ledger.final_block())
    if owner is None or owner.lei != giver.lei:
        raise InvalidInput("terms/giver", giver.bic, f"the agreement's giver, whose wallet is {terms.giver}")
    codes = {one.token: one.isin for one in market.securities.values()}
    units: dict[Isin, int] = {}
    for one in ledger.positions(agreement_id, ledger.final_block()):
        if one.held:
            if one.token not in codes:
                raise InvalidInput("agreement", one.token, "collateral in securities of this market")
            units[codes[one.token]] = one.held
    return figures_of(ledger, agreement_id, terms), units


def _priced(known: Sequence[Available], prices: Path | None, market: Market) -> Sequence[Available]:
    """With the prices of a valuer's file, where there is one."""
    if prices is None:
        return known
    _, found = read_prices(prices, market)
    priced = []
    for one in known:
        price = found.get((market.security(one.asset.isin).token, one.price.currency))
        if price is None:
            raise InvalidInput("prices", f"{one.asset.isin} in {one.price.currency}", "a price of every position")
        priced.append(replace(one, price=replace(one.price, price=price)))
    return priced


def _lying(known: Sequence[Available], units: Mapping[Isin, int] | None) -> list[Lying]:
    """What counts: the positions' own units, or those of the register."""
    if units is None:
        return [Lying(asset=one.asset, units=one.units, price=one.price) for one in known]
    by_isin = {one.asset.isin: one for one in known}
    if missing := sorted(units.keys() - by_isin.keys()):
        raise InvalidInput("positions", ", ".join(missing), "every security that lies under the agreement")
    return [Lying(asset=by_isin[isin].asset, units=held, price=by_isin[isin].price) for isin, held in units.items()]


def _transactions(given: MarginFile, figures: Figures | None) -> Sequence[Money]:
    if given.transactions is not None:
        return given.transactions
    if figures is None:
        raise InvalidInput("terms/transactions", None, "given, or an agreement of the register with --agreement")
    return [Money(currency=figures.currency, amount=figures.exposure)]


def _rows(
    lying: Sequence[Lying],
    held: Sequence[Held],
    rules: EligibilitySchedule,
    given: MarginFile,
    day: date,
    market: Market,
) -> Iterator[Mapping[str, Any]]:
    """Each security: what it counts for by which rule, or why for nothing."""
    values = iter(held)
    for one in lying:
        verdict = judge(rules, one.asset, given.parties, day)
        taken = not isinstance(verdict, Ineligible)
        yield {
            "isin": one.asset.isin,
            "quantity": Quantity.of_units(one.units, market.security(one.asset.isin).decimals).text(),
            "value": _text(next(values).value if taken else 0, rules.currency),
            "rule": None if isinstance(verdict, Ineligible) else verdict.rule,
            "haircut": None if isinstance(verdict, Ineligible) else share_text(verdict.total),
            "refused": str(verdict) if isinstance(verdict, Ineligible) else None,
        }


def _text(amount: int, currency: str) -> str:
    return Money(currency=currency, amount=amount).text()
