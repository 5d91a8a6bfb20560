"""Each form of a report, judged by readers of others' making: what was told is there, exactly, and nothing acts."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.reports.cells import ROWS_SHOWN
from lockstep.reports.model import Chart, ChartKind, Column, Report, Table
from lockstep.reports.render_terminal import terminal_text
from lockstep.reports.rendering import FORMATS, one_table, render

from .samples import EVIL, REPORT, SMALL, TABLE

HERE = Path(__file__).parent
ELSEWHERE = """
import sys
sys.path.insert(0, sys.argv[1])
from unit.reports.samples import REPORT
from lockstep.reports.rendering import FORMATS, render
import hashlib
print(" ".join(hashlib.sha256(render(REPORT, form)).hexdigest() for form in FORMATS))
"""


def test_csv_is_read_back_exactly() -> None:
    data = render(REPORT, "csv")
    assert data.endswith(b"\r\n") and data.count(b"\r\n") == 5
    head, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    assert head == [
        "instrument", "state", "trades", "decimals", "units", "currency", "value", "efficiency",
        "efficiency_numerator", "efficiency_denominator", "day", "at",
    ]  # fmt: skip
    assert rows[0][:7] == ["DE0001102580", "settled", "1204", "2", "1234567.89", "EUR", "9876543.21"]
    assert rows[0][7:] == ["0.999169435", "1203", "1204", "2026-03-02", "2026-03-02T17:59:59Z"]
    assert rows[2][0] == EVIL
    assert rows[3] == ["'=HYPERLINK(1)", "", "", "0", "", "EUR", "", "", "", "", "", ""]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A1"]
)
def test_no_text_becomes_a_spreadsheet_s_formula(text: str) -> None:
    table = Table(name="t", title="", columns=(Column(name="said", title=""),), rows=((text,),))
    data = render(replace(REPORT, tables=(table,)), "csv").decode()
    assert [*csv.reader(io.StringIO(data, newline=""))] == [["said"], [f"'{text}"]]
    told = json.loads(render(replace(REPORT, tables=(table,)), "json"))
    assert told["tables"][0]["rows"] == [{"said": text}]


def test_a_named_table_is_told_alone_and_an_unknown_one_refused() -> None:
    assert render(REPORT, "csv", "reasons") == b"reason,fails\r\nlack of securities,5\r\nlack of cash,2\r\n"
    assert [one["name"] for one in json.loads(render(REPORT, "json", "reasons"))["tables"]] == ["reasons"]
    assert one_table(REPORT) is TABLE
    with pytest.raises(InvalidInput, match="one of securities, reasons, nothing"):
        render(REPORT, "csv", "fails")
    with pytest.raises(InvalidInput, match="the report efficiency has none"):
        render(replace(REPORT, tables=()), "csv")
    with pytest.raises(InvalidInput, match="one of terminal, csv, json, html"):
        render(REPORT, "pdf")


def test_json_has_all_of_it_exactly() -> None:
    told = json.loads(render(REPORT, "json"))
    assert (told["kind"], told["asOf"], told["source"]["journalNumber"]) == (
        "efficiency",
        "2026-03-06T18:00:00Z",
        48213,
    )
    row = told["tables"][0]["rows"][0]
    assert row["trades"] == 1204
    assert Decimal(row["value"]) * 100 == TABLE.rows[0][6]
    assert Fraction(row["efficiency"]) == TABLE.rows[0][7]
    assert told["tables"][0]["rows"][3]["value"] is None
    assert told["charts"][1]["series"][0]["values"] == ["97/100", "49/50", None, "1/1", "1/1"]
    assert told["charts"][3]["series"][0]["values"] == [123456789012, 98765432100, -4500000000]
    assert [one["tone"] for one in told["figures"]] == ["good", "warn", "bad", "plain"]


def test_the_terminal_has_figures_and_tables_within_its_width() -> None:
    wide = terminal_text(REPORT, width=150)
    line = next(one for one in wide.splitlines() if one.startswith("DE0001102580"))
    assert line.split() == [
        "DE0001102580", "settled", "1,204", "1,234,567.89", "EUR", "9,876,543.21", "99.92", "%", "2026-03-02",
        "2026-03-02", "17:59:59",
    ]  # fmt: skip
    narrow = terminal_text(REPORT, width=60)
    assert max(map(len, narrow.splitlines())) <= 60
    assert "Value       9,876,543.21" in narrow.splitlines()
    assert "\x1b" not in wide + narrow
    assert "\x1b[" in terminal_text(REPORT, colour=True)


def test_nobody_s_words_move_the_cursor() -> None:
    table = replace(SMALL, rows=(("\x1b[2Jgone\x07 \u202e[bold]red[/]\nnext", 1),))
    text = terminal_text(replace(REPORT, title="\x1b]0;x\x07", tables=(table,)))
    assert "\\x1b[2Jgone\\x07 \\u202e[bold]red[/] next" in text
    assert not {one for one in text if not one.isprintable()} - {"\n"}


def test_every_form_is_the_same_in_another_process_zone_and_locale() -> None:
    here = " ".join(hashlib.sha256(render(REPORT, form)).hexdigest() for form in FORMATS)
    for zone, language, width in (("Asia/Tokyo", "de_DE.UTF-8", "40"), ("America/New_York", "C", "300")):
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, str(HERE.parents[1])],
            env={
                **os.environ,
                "TZ": zone,
                "LC_ALL": language,
                "COLUMNS": width,
                "FORCE_COLOR": "1",
                "PYTHONHASHSEED": "7",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == here


class Page(HTMLParser):
    """What a reader of HTML finds: every element with its attributes, and all text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(REPORT, "html"))


def test_the_page_needs_and_runs_nothing(page: Page) -> None:
    assert not [name for name, _ in page.found if name in ("script", "link", "img", "iframe", "object", "form", "base")]
    for _, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "xlink:href")]
        assert (attributes.get("href") or "#").startswith("#")
    policy = next(one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert b"url(" not in render(REPORT, "html") and b"@import" not in render(REPORT, "html")


def test_the_page_takes_texts_for_texts(page: Page) -> None:
    assert sum(EVIL in text for text in page.text) >= 3
    for kind in ChartKind:
        chart = Chart(title=EVIL, kind=kind, labels=(EVIL, "b"), series=((EVIL, (1, 2)), ("s", (2, 1))), unit=EVIL)
        evil = Page(render(replace(REPORT, title=EVIL, subtitle=EVIL, charts=(chart,)), "html"))
        assert not evil.all("script")
        assert {name for name, _ in evil.found} <= {name for name, _ in page.found}


def test_what_the_page_refers_to_is_there_once(page: Page) -> None:
    names = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len({*names}) == len(names)
    for _, attributes in page.found:
        for name in ("aria-labelledby", "href"):
            for one in (attributes.get(name) or "").replace("#", "").split():
                assert one in names


def test_each_chart_has_its_figures_as_a_table_and_a_label(page: Page) -> None:
    pictures = [one for one in page.all("svg") if one.get("role") == "img"]
    assert len(pictures) == len(page.all("figure")) == len(page.all("details")) == len(REPORT.charts)
    assert {"1,234,567,890.12", "-45,000,000.00", "251", "99.50 %"} <= {*page.text}


def test_people_are_shown_the_first_rows_of_a_long_table_and_told_so() -> None:
    rows = tuple((f"reason {number}", number) for number in range(ROWS_SHOWN + 1))
    long = replace(REPORT, charts=(), tables=(replace(SMALL, rows=rows),))
    found = Page(render(long, "html"))
    assert sum(one.startswith("reason ") for one in found.text) == ROWS_SHOWN
    assert any("The first 1000 of 1,001 rows" in one for one in found.text)
    lines = render(long, "terminal").decode().splitlines()
    assert sum(one.startswith("reason ") for one in lines) == ROWS_SHOWN
    assert "The first 1000 of 1,001 rows; the CSV, JSON and Parquet forms have all." in lines
    assert len(json.loads(render(long, "json"))["tables"][0]["rows"]) == ROWS_SHOWN + 1
    assert render(long, "csv").count(b"\r\n") == ROWS_SHOWN + 2


def test_a_report_of_nothing_is_a_page_too() -> None:
    empty = Report(kind="k", title="Nothing", subtitle="", as_of=REPORT.as_of, source=REPORT.source)
    for form in ("html", "json", "terminal"):
        assert b"Nothing" in render(empty, form)
