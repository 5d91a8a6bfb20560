"""Who held what as of a record date: positions by security and holder, from the chain's events up to one final block.

A holding is what the tokens' transfers left by that block, however old it is; no node needs to have kept its state.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from lockstep.domain.market import Market, Security
from lockstep.reports.model import Chart, ChartKind, Column, ColumnKind, Figure, Report, Source, Table, Tone
from lockstep.reports.words import counted

__all__ = ["Held", "Point", "holders"]

_K = ColumnKind
_MOST_DRAWN = 6
"""Securities drawn at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The block that is reported, of which chain."""

    chain_id: int
    block: int
    block_hash: str
    at: datetime
    """The block's time, UTC."""
    record_date: date | None = None
    """The day whose last final block it is, where a day was asked for."""

    @property
    def source(self) -> Source:
        """No journal entry counted: who has the same block has the same report."""
        other = f"chain {self.chain_id}, block {self.block}, hash {self.block_hash}"
        return Source(journal_number=0, journal_hash="", others=(other,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One holder's units of one security. Base units."""

    holder: str
    """An LEI; an address that is no participant's."""
    isin: str
    owned: int
    pledged: int = 0
    """Of these, given as collateral in place, and not to be moved."""
    received: int = 0
    """Of others', taken as collateral in place."""


def holders(holdings: Iterable[Held], market: Market, point: Point) -> Report:
    """Raises nothing: a holder or security that the market does not know is told by what the chain calls it."""
    by_isin: dict[str, list[Held]] = defaultdict(list)
    for one in holdings:
        by_isin[one.isin].append(one)
    known = {str(one.isin): one for one in market.securities.values()}
    members: Mapping[str, tuple[str, str]] = {one.lei: (one.bic, one.name) for one in market.participants.values()}
    issued = {isin: sum(one.owned for one in by_isin[isin]) for isin in sorted(by_isin)}
    strangers = sum(one.holder not in members and one.owned > 0 for some in by_isin.values() for one in some)
    asked = f"record date {point.record_date.isoformat()}, " if point.record_date else ""
    return Report(
        kind="holders",
        title="Positions and holders",
        subtitle=f"{asked}block {point.block} of {point.at:%Y-%m-%d %H:%M:%S} UTC",
        as_of=point.at,
        source=point.source,
        figures=(
            Figure(title="Securities", value=str(len(issued)), note="with units in issue"),
            Figure(
                title="Holders",
                value=str(len({one.holder for some in by_isin.values() for one in some if one.owned > 0})),
                note=counted(sum(one.owned > 0 for some in by_isin.values() for one in some), "position"),
            ),
            Figure(
                title="Held by no participant",
                value=str(strangers),
                note="positions of addresses that the market does not know",
                tone=Tone.WARN if strangers else Tone.GOOD,
            ),
        ),
        charts=tuple(_charts(by_isin, issued, members, known)),
        tables=(
            _positions_table(by_isin, issued, members, known),
            _issues_table(by_isin, issued, known),
        ),
        notes=(
            "Units in settlement or pledged are still their owner's, and counted as owned.",
            "The block is final: its place below the head is what the market counts as final.",
        ),
    )


def _decimals(known: Mapping[str, Security], isin: str) -> int:
    return known[isin].decimals if isin in known else 0


def _in_order(some: Iterable[Held]) -> Sequence[Held]:
    return sorted(some, key=lambda one: (-one.owned, one.holder))


def _positions_table(
    by_isin: Mapping[str, Sequence[Held]],
    issued: Mapping[str, int],
    members: Mapping[str, tuple[str, str]],
    known: Mapping[str, Security],
) -> Table:
    rows = []
    for isin, whole in issued.items():
        security = known.get(isin)
        for one in _in_order(by_isin[isin]):
            bic, name = members.get(one.holder, ("", ""))
            rows.append(
                (
                    isin,
                    security.name if security else "",
                    one.holder,
                    bic,
                    name,
                    one.owned,
                    Fraction(one.owned, whole) if whole else None,
                    one.pledged,
                    one.received,
                    _decimals(known, isin),
                    security.quantity_type.value if security else "",
                )
            )
    return Table(
        name="positions",
        title="Positions",
        columns=(
            Column(name="isin", title="ISIN"),
            Column(name="security", title="Security"),
            Column(name="holder", title="LEI"),
            Column(name="bic", title="BIC"),
            Column(name="name", title="Holder"),
            Column(name="owned", title="Owned", kind=_K.QUANTITY, decimals_in="decimals"),
            Column(name="share", title="Of the issue", kind=_K.SHARE),
            Column(name="pledged", title="Of these pledged", kind=_K.QUANTITY, decimals_in="decimals"),
            Column(name="received", title="Received as collateral", kind=_K.QUANTITY, decimals_in="decimals"),
            Column(name="decimals", title="Decimals", kind=_K.COUNT),
            Column(name="quantity_type", title="Counted by"),
        ),
        rows=tuple(rows),
    )


def _issues_table(
    by_isin: Mapping[str, Sequence[Held]], issued: Mapping[str, int], known: Mapping[str, Security]
) -> Table:
    rows = []
    for isin, whole in issued.items():
        some = [one for one in by_isin[isin] if one.owned > 0]
        largest = max((one.owned for one in some), default=0)
        rows.append(
            (
                isin,
                known[isin].name if isin in known else "",
                known[isin].currency if isin in known else "",
                whole,
                len(some),
                Fraction(largest, whole) if whole else None,
                _decimals(known, isin),
            )
        )
    return Table(
        name="issues",
        title="Issues",
        columns=(
            Column(name="isin", title="ISIN"),
            Column(name="security", title="Security"),
            Column(name="currency", title="Settles in"),
            Column(name="issued", title="In issue", kind=_K.QUANTITY, decimals_in="decimals"),
            Column(name="holders", title="Holders", kind=_K.COUNT),
            Column(name="largest", title="Largest holder", kind=_K.SHARE),
            Column(name="decimals", title="Decimals", kind=_K.COUNT),
        ),
        rows=tuple(rows),
    )


def _charts(
    by_isin: Mapping[str, Sequence[Held]],
    issued: Mapping[str, int],
    members: Mapping[str, tuple[str, str]],
    known: Mapping[str, Security],
) -> Iterator[Chart]:
    for isin in [one for one, whole in issued.items() if whole][:_MOST_DRAWN]:
        some = [one for one in _in_order(by_isin[isin]) if one.owned > 0]
        yield Chart(
            title=f"Who holds {known[isin].name if isin in known else isin}",
            kind=ChartKind.BARS,
            labels=tuple(members.get(one.holder, ("", one.holder))[1] for one in some),
            series=(("of the issue", tuple(Fraction(one.owned, issued[isin]) for one in some)),),
            unit="%",
        )
