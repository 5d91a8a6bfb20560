"""Re-use of collateral from the register's events, in the fields of an SFTR report.

The fields are those of Delegated Regulation (EU) 2019/356, Annex, Table 4 (re-use): who re-uses, which security, the
value of what is re-used. The register knows of each pledge how much of it was given on, so that nothing is estimated.
Of title that was transferred the taker is the owner, who owes as many: what he does with them is no pledge's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lockstep.domain.collateral.claims import Claim, Claims
from lockstep.domain.collateral.register_events import RegisterEvent, Valued
from lockstep.domain.market import Market
from lockstep.domain.rounding import PARTS, divide_nearest
from lockstep.reports.holders import Point
from lockstep.reports.model import Chart, ChartKind, Column, ColumnKind, Figure, Report, Table, Tone
from lockstep.reports.words import counted, money

__all__ = ["reuse"]

_K = ColumnKind
_SECURITIES = "SECU"
"""Type of collateral component (Table 4, field 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tie:
    """A live pledge with its parties by name and its worth. Base units and minor units."""

    claim: Claim
    isin: str
    decimals: int
    giver: str
    taker: str
    currency: str
    price: int | None
    """For 1,000,000 base units; None where no valuation in the agreement's currency has one."""

    def worth(self, units: int) -> int | None:
        return None if self.price is None else divide_nearest(units * self.price, PARTS)

    @property
    def is_title(self) -> bool:
        return self.claim.pledge.quantity == 0


def reuse(events: Sequence[RegisterEvent], market: Market, owner: Callable[[str], str], point: Point) -> Report:
    """As of a block. `events` are the register's up to it; `owner` tells whose a wallet is, by LEI, or the wallet.

    Raises Contradiction for events of which some are missing.
    """
    events = [one for one in events if one.block <= point.block]
    claims = Claims(events)
    ties = list(_ties(claims.live(point.block), _prices(events, claims), market, owner))
    pledges = [one for one in ties if not one.is_title]
    now = int(point.at.timestamp())
    names: Mapping[str, str] = {one.lei: one.name for one in market.participants.values()}
    reused = [one for one in pledges if one.claim.pledge.reused]
    unpriced = sum(one.price is None for one in pledges)
    return Report(
        kind="reuse",
        title="Re-use of collateral",
        subtitle=f"block {point.block} of {point.at:%Y-%m-%d %H:%M:%S} UTC",
        as_of=point.at,
        source=point.source,
        figures=(
            Figure(title="Pledges", value=str(len(pledges)), note=f"{counted(len(reused), 'pledge')} re-used"),
            *_sums(pledges),
            Figure(
                title="Without a price",
                value=str(unpriced),
                note="pledges of which no value can be told",
                tone=Tone.WARN if unpriced else Tone.GOOD,
            ),
        ),
        charts=tuple(_charts(pledges, names)),
        tables=(
            _components_table(pledges, names, point.at, now),
            _pledges_table(pledges, names, now),
            _titles_table([one for one in ties if one.is_title], names),
        ),
        notes=(
            "Values are by the latest price that the agreement's valuers attested, before haircuts.",
            "An agreement that was never valued takes the latest price attested under another in its currency.",
            "Estimated re-use (field 9) is empty: the register knows what is re-used, unit by unit.",
            "Cash re-invested and funding sources (fields 11 to 17) are not in the register.",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prices:
    """The latest attested prices: those of each agreement, and in each currency the latest of all agreements."""

    by_agreement: Mapping[str, Mapping[str, int]]
    by_currency: Mapping[tuple[str, str], int]

    def of(self, agreement: str, currency: str, token: str) -> int | None:
        """A valuation that does not name a security says that it is worth nothing there: another's price counts not."""
        if agreement in self.by_agreement:
            return self.by_agreement[agreement].get(token, 0)
        return self.by_currency.get((currency, token))


def _prices(events: Iterable[RegisterEvent], claims: Claims) -> _Prices:
    by_agreement: dict[str, Mapping[str, int]] = {}
    by_currency: dict[tuple[str, str], int] = {}
    for one in events:
        if isinstance(one.said, Valued):
            by_agreement[one.said.agreement_id] = {each.token: each.price for each in one.said.prices}
            currency = claims.agreement(one.said.agreement_id, one.block).currency
            by_currency |= {(currency, each.token): each.price for each in one.said.prices}
    return _Prices(by_agreement=by_agreement, by_currency=by_currency)


def _ties(live: Iterable[Claim], prices: _Prices, market: Market, owner: Callable[[str], str]) -> Iterator[_Tie]:
    securities = {one.token: one for one in market.securities.values()}
    for one in live:
        token, currency = one.pledge.token, one.agreement.currency
        security = securities.get(token)
        yield _Tie(
            claim=one,
            isin=security.isin if security else token,
            decimals=security.decimals if security else 0,
            giver=owner(one.agreement.giver),
            taker=owner(one.agreement.taker),
            currency=currency,
            price=prices.of(one.pledge.agreement_id, currency, token),
        )


def _sums(pledges: Sequence[_Tie]) -> Iterator[Figure]:
    for currency in sorted({one.currency for one in pledges}):
        mine = [one for one in pledges if one.currency == currency]
        received = sum(one.worth(one.claim.pledge.quantity) or 0 for one in mine)
        given_on = sum(one.worth(one.claim.pledge.reused) or 0 for one in mine)
        yield Figure(
            title=f"Re-used, {currency}",
            value=money(given_on, currency),
            note=f"of {money(received, currency)} received",
        )


def _components_table(pledges: Iterable[_Tie], names: Mapping[str, str], at: datetime, now: int) -> Table:
    """Table 4's rows: by reporting counterparty and security, and the currency of the agreements' values."""
    sums: dict[tuple[str, str, str, int], list[int]] = defaultdict(lambda: [0] * 6)
    for one in pledges:
        pledge = one.claim.pledge
        figures = sums[one.taker, one.isin, one.currency, one.decimals]
        for place, units in enumerate((pledge.quantity, pledge.reused, pledge.reusable(now))):
            figures[place] += units
        figures[3] += one.worth(pledge.quantity) or 0
        figures[4] += one.worth(pledge.reused) or 0
        figures[5] += one.price is None
    rows = []
    for (taker, isin, currency, decimals), figures in sorted(sums.items()):
        received, given_on, left, received_value, given_value, unpriced = figures
        rows.append(
            (
                names.get(taker, ""),
                _SECURITIES,
                isin,
                received,
                given_on,
                left,
                decimals,
                currency,
                None if unpriced else received_value,
                None if unpriced else given_value,
                None,
                taker,
                at.astimezone(UTC).date(),
            )
        )
    return Table(
        name="components",
        title="Re-use by counterparty and security",
        columns=(
            Column(name="name", title="Counterparty"),
            Column(name="component_type", title="Type of component (6)"),
            Column(name="component", title="Collateral component (7)"),
            Column(name="received", title="Received", kind=_K.QUANTITY, decimals_in="decimals"),
            Column(name="reused", title="Re-used", kind=_K.QUANTITY, decimals_in="decimals"),
            Column(name="reusable", title="Re-usable still", kind=_K.QUANTITY, decimals_in="decimals"),
            Column(name="decimals", title="Decimals", kind=_K.COUNT),
            Column(name="currency", title="Currency (10)"),
            Column(name="received_value", title="Value received", kind=_K.MONEY, currency_in="currency"),
            Column(name="reused_value", title="Value re-used (8)", kind=_K.MONEY, currency_in="currency"),
            Column(name="estimated_reuse", title="Estimated re-use (9)", kind=_K.MONEY, currency_in="currency"),
            Column(name="reporting_counterparty", title="Reporting counterparty (4)"),
            Column(name="event_date", title="Event date (2)", kind=_K.DAY),
        ),
        rows=tuple(rows),
        note="In brackets the field's number in Delegated Regulation (EU) 2019/356, Annex, Table 4.",
    )


def _pledges_table(pledges: Iterable[_Tie], names: Mapping[str, str], now: int) -> Table:
    rows = []
    for one in pledges:
        pledge = one.claim.pledge
        rows.append(
            (
                names.get(one.giver, ""),
                names.get(one.taker, ""),
                one.isin,
                pledge.depth,
                pledge.quantity,
                pledge.reused,
                pledge.reusable(now),
                pledge.recalled,
                one.decimals,
                one.currency,
                one.worth(pledge.quantity),
                datetime.fromtimestamp(pledge.until, UTC),
                one.giver,
                one.taker,
                one.claim.pledge_id,
                None if pledge.is_root else str(pledge.parent),
                str(pledge.agreement_id),
            )
        )
    units = tuple(
        Column(name=name, title=title, kind=_K.QUANTITY, decimals_in="decimals")
        for name, title in (
            ("quantity", "Pledged"),
            ("reused", "Re-used"),
            ("reusable", "Re-usable still"),
            ("recalled", "Recalled"),
        )
    )
    return Table(
        name="pledges",
        title="Pledges, each below what it re-uses",
        columns=(
            Column(name="giver_name", title="Giver"),
            Column(name="taker_name", title="Taker"),
            Column(name="isin", title="ISIN"),
            Column(name="depth", title="Depth", kind=_K.COUNT),
            *units,
            Column(name="decimals", title="Decimals", kind=_K.COUNT),
            Column(name="currency", title="Currency"),
            Column(name="value", title="Value", kind=_K.MONEY, currency_in="currency"),
            Column(name="until", title="Until", kind=_K.MOMENT),
            Column(name="giver", title="Giver's LEI"),
            Column(name="taker", title="Taker's LEI"),
            Column(name="pledge_id", title="Pledge"),
            Column(name="parent", title="Re-use of"),
            Column(name="agreement_id", title="Agreement"),
        ),
        rows=tuple(rows),
    )


def _titles_table(titles: Iterable[_Tie], names: Mapping[str, str]) -> Table:
    rows = tuple(
        (
            one.claim.pledge_id,
            one.isin,
            names.get(one.giver, one.giver),
            names.get(one.taker, one.taker),
            one.claim.pledge.owed,
            one.decimals,
            one.currency,
            one.worth(one.claim.pledge.owed),
        )
        for one in titles
    )
    return Table(
        name="titles",
        title="Owed in kind: title transferred, or lost further down",
        columns=(
            Column(name="pledge_id", title="Pledge"),
            Column(name="isin", title="ISIN"),
            Column(name="giver", title="Owed to"),
            Column(name="taker", title="Owed by"),
            Column(name="owed", title="Owed", kind=_K.QUANTITY, decimals_in="decimals"),
            Column(name="decimals", title="Decimals", kind=_K.COUNT),
            Column(name="currency", title="Currency"),
            Column(name="value", title="Value", kind=_K.MONEY, currency_in="currency"),
        ),
        rows=rows,
    )


def _charts(pledges: Sequence[_Tie], names: Mapping[str, str]) -> Iterator[Chart]:
    for currency in sorted({one.currency for one in pledges}):
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for one in (each for each in pledges if each.currency == currency and each.price is not None):
            sums[one.taker][0] += one.worth(one.claim.pledge.reused) or 0
            sums[one.taker][1] += one.worth(one.claim.pledge.quantity - one.claim.pledge.reused) or 0
        takers = sorted(sums)
        if takers:
            yield Chart(
                title=f"Received as collateral, {currency}",
                kind=ChartKind.STACKED,
                labels=tuple(names.get(one, one) for one in takers),
                series=(
                    ("re-used", tuple(sums[one][0] for one in takers)),
                    ("not re-used", tuple(sums[one][1] for one in takers)),
                ),
                unit=currency,
            )
