"""A report in the form that was asked for: who writes which, and what is needed for it.

Terminal, CSV, JSON and HTML need nothing more than Lockstep itself; Parquet needs the extra `reconcile`. XML is there
where a published ISO 20022 message says what the report does: positions and holders as semt.002.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby

from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import Bic, Isin, Lei
from lockstep.domain.instruction import QuantityType
from lockstep.domain.legacy import SubBalance
from lockstep.domain.money import Quantity
from lockstep.iso20022.stating import StatedAccount, StatedBalance, write_holdings
from lockstep.reports.model import Report
from lockstep.reports.rendering import FORMATS, one_table, render

__all__ = ["FORMS", "XML_KINDS", "as_form"]

FORMS = (*FORMATS, "parquet", "xml")
XML_KINDS = {"holders": "semt.002.001.11"}
"""Kinds of report that a published message says, and which."""


def as_form(report: Report, form: str, table: str | None = None, *, servicer: Bic | None = None) -> bytes:
    """The report's bytes; of its tables only the named one, if one is named.

    `servicer` is who states the holdings, for XML that names it. Raises InvalidInput for an unknown form or table, for
    a kind that no published message says, and for what a form cannot hold; Misconfigured where a library is missing.
    """
    if form == "parquet":
        try:
            from lockstep.analytics.parquet import write
        except ImportError:
            raise Misconfigured("Parquet needs the extra `reconcile`: pip install 'lockstep[reconcile]'") from None
        return write(one_table(report, table))
    if form == "xml":
        return _xml(report, servicer)
    if form not in FORMATS:
        raise InvalidInput("format", form, f"one of {', '.join(FORMS)}")
    return render(report, form, table)


def _xml(report: Report, servicer: Bic | None) -> bytes:
    if report.kind not in XML_KINDS:
        listed = ", ".join(f"{kind} ({message})" for kind, message in XML_KINDS.items())
        raise InvalidInput("format", "xml", f"a report that a published message says: {listed}; this is {report.kind}")
    return write_holdings(
        statement_id=report.as_of.strftime("HOLDERS-%Y%m%dT%H%M%SZ"),
        as_of=report.as_of,
        servicer=servicer,
        accounts=tuple(_accounts(report)),
    )


def _accounts(report: Report) -> Iterator[StatedAccount]:
    """Each holder's account, numbered by its LEI, in the order of LEIs; of each the securities in that of ISINs."""
    table = report.table("positions")
    places = {column.name: place for place, column in enumerate(table.columns)}
    named = [{name: row[place] for name, place in places.items()} for row in table.rows]
    rows = sorted(named, key=lambda one: (str(one["holder"]), str(one["isin"])))
    for number, one in enumerate(rows):
        if not one["bic"]:
            place = f"positions[{number}].holder"
            raise InvalidInput(place, one["holder"], "a participant with a BIC and an LEI, for semt.002")
    for holder, mine in groupby(rows, key=lambda one: (str(one["holder"]), str(one["bic"]))):
        yield StatedAccount(
            owner=Lei(holder[0]),
            bic=Bic(holder[1]),
            number=holder[0],
            balances=tuple(_balance(one) for one in mine if one["owned"]),
        )


def _balance(one: Mapping[str, object]) -> StatedBalance:
    owned, pledged, decimals = one["owned"], one["pledged"], one["decimals"]
    assert isinstance(owned, int) and isinstance(pledged, int) and isinstance(decimals, int)  # as its columns say
    part = SubBalance(code="PLED", quantity=Quantity.of_units(pledged, decimals))
    return StatedBalance(
        isin=Isin(str(one["isin"])),
        quantity=Quantity.of_units(owned, decimals),
        quantity_type=QuantityType(one["quantity_type"]),
        available=Quantity.of_units(owned - pledged, decimals) if pledged else None,
        parts=(part,) if pledged else (),
        name=str(one["security"]),
    )
