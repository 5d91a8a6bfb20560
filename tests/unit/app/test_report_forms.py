"""Which form a report has: holders as semt.002, read back as they were told; everything else refuses XML by name."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import polars
import pytest

from lockstep.app.report_forms import FORMS, as_form
from lockstep.domain.errors import InvalidInput
from lockstep.domain.legacy import LegacyPosition
from lockstep.iso20022.holdings import read_holdings
from lockstep.reports.model import Column, ColumnKind, Report, Source, Table
from lockstep.testing.planted_breaks import isin, lei

K = ColumnKind
COLUMNS = (
    Column(name="isin", title="ISIN"),
    Column(name="security", title="Security"),
    Column(name="holder", title="LEI"),
    Column(name="bic", title="BIC"),
    Column(name="name", title="Holder"),
    Column(name="owned", title="Owned", kind=K.QUANTITY, decimals_in="decimals"),
    Column(name="share", title="Of the issue", kind=K.SHARE),
    Column(name="pledged", title="Of these pledged", kind=K.QUANTITY, decimals_in="decimals"),
    Column(name="received", title="Received as collateral", kind=K.QUANTITY, decimals_in="decimals"),
    Column(name="decimals", title="Decimals", kind=K.COUNT),
    Column(name="quantity_type", title="Counted by"),
)
ROWS = (
    (isin(1), "Bund", lei(2), "BKBBZZ2B", "Beta", 700_050, Fraction(7, 10), 50, 0, 2, "FaceAmt"),
    (isin(1), "Bund", lei(1), "BKAAZZ2A", "Alpha", 300_000, Fraction(3, 10), 0, 50, 2, "FaceAmt"),
    (isin(2), "Shares", lei(1), "BKAAZZ2A", "Alpha", 12, Fraction(1), 12, 0, 0, "Unit"),
)
REPORT = Report(
    kind="holders",
    title="Positions and holders",
    subtitle="",
    as_of=datetime(2026, 3, 2, 18, tzinfo=UTC),
    source=Source(journal_number=0, journal_hash="", others=("chain 1, block 812, hash 0xab",)),
    tables=(Table(name="positions", title="Positions", columns=COLUMNS, rows=ROWS),),
)


def test_holders_are_a_statement_of_holdings() -> None:
    page = read_holdings(io.BytesIO(as_form(REPORT, "xml")))
    assert (page.statement.at, page.statement.statement_id) == (REPORT.as_of, "HOLDERS-20260302T180000Z")
    rows = [one for one in page.rows if isinstance(one, LegacyPosition)]
    told = sorted((one.owner, one.isin, one.quantity.text(), one.available and one.available.text()) for one in rows)
    assert told == sorted(
        [
            (lei(1), isin(1), "3000", None),
            (lei(1), isin(2), "12", "0"),
            (lei(2), isin(1), "7000.5", "7000"),
        ]
    )
    assert sorted((one.owner, one.parts[0].code, one.parts[0].quantity.text()) for one in rows if one.parts) == sorted(
        [(lei(1), "PLED", "12"), (lei(2), "PLED", "0.5")]
    )


def test_a_holder_that_nobody_knows_has_no_place_in_it() -> None:
    stranger = (isin(1), "Bund", "0xabc", "", "", 1, None, 0, 0, 2, "FaceAmt")
    table = replace(REPORT.tables[0], rows=(*ROWS, stranger))
    with pytest.raises(InvalidInput) as refused:
        as_form(replace(REPORT, tables=(table,)), "xml")
    assert (refused.value.value, refused.value.rule) == ("0xabc", "a participant with a BIC and an LEI, for semt.002")


def test_other_kinds_refuse_xml_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"holders \(semt.002.001.11\); this is efficiency"):
        as_form(replace(REPORT, kind="efficiency"), "xml")


def test_every_other_form_is_made_and_unknown_ones_refused() -> None:
    assert FORMS == ("terminal", "csv", "json", "html", "parquet", "xml")
    assert polars.read_parquet(io.BytesIO(as_form(REPORT, "parquet", "positions"))).height == 3
    assert all(as_form(REPORT, form) for form in FORMS)
    with pytest.raises(InvalidInput, match="one of terminal, csv, json, html, parquet, xml"):
        as_form(REPORT, "pdf")
    with pytest.raises(InvalidInput, match="one of positions"):
        as_form(REPORT, "parquet", "none")
