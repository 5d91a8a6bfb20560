"""The parallel run's page: its figures are those that its days add up to, by hand."""

from datetime import date
from fractions import Fraction

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.instruction import QuantityType
from lockstep.domain.market import Market, Network, Participant, Security
from lockstep.reports.model import ChartKind, Tone
from lockstep.reports.parallel import parallel_report
from lockstep.reports.parallel_run import ParallelRun
from lockstep.reports.rendering import FORMATS, render
from lockstep.reports.words import span

from .parallel_samples import ALPHA, AS_OF, BETA, BUND, GAMMA, MONDAY, SHARES, SOURCE, cards, run

REPORT = parallel_report(run(), as_of=AS_OF, source=SOURCE)


def column(table: str, name: str) -> list[object]:
    found = REPORT.table(table)
    place = [one.name for one in found.columns].index(name)
    return [row[place] for row in found.rows]


def test_the_figures_are_the_sums_of_the_days() -> None:
    assert [(one.title, one.value, one.note, one.tone) for one in REPORT.figures] == [
        # 40 + 41 + 42 + 43 + 44 trades, of which 5 + 4 + 3 + 2 + 1 differ
        ("Trades agree", "92.86 %", "195 of 210 compared", Tone.WARN),
        # 2 + 3 + 1 + 1 + 0 of 20 each day
        ("Positions agree", "93.00 %", "93 of 100 compared", Tone.WARN),
        ("Cash agrees", "100 %", "30 of 30 compared", Tone.GOOD),
        ("Open breaks", "2", "1 unexplained, the oldest for 4 business days", Tone.BAD),
        # 7,200 + 7,800 + 8,400 + 9,000 + 9,600 seconds are 42,000, of 210 trades 200 each
        ("Final earlier, on average by", "3 min 20 s", "5 of 210 trades earlier, 0 later", Tone.GOOD),
        ("Fails avoided", "5", "25,000,000.00 EUR; none added", Tone.GOOD),
        # 864,000 EUR for 42,000 seconds
        ("Cash freed, for one day", "420,000.00 EUR", "to those who are paid, by earlier finality", Tone.GOOD),
        ("May go on", "1 of 2", f"securities whose gate is met: {BUND}", Tone.GOOD),
    ]


def test_the_charts_are_the_days() -> None:
    agreement, found, left, failed, earlier, freed = REPORT.charts
    assert agreement.labels == ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06")
    assert dict(agreement.series)["trades"] == tuple(Fraction(35 + 2 * day, 40 + day) for day in range(5))
    assert dict(agreement.series)["cash"] == (1, 1, 1, 1, 1)
    assert [name for name, _ in found.series] == [
        "identity", "duplicate", "missing", "extra", "status", "amount", "late", "timing",
    ]  # fmt: skip
    assert dict(found.series)["timing"] == (3, 1, 0, 2, 1)
    assert dict(left.series) == {"explained": (5, 4, 3, 2, 1), "unexplained": (2, 3, 1, 1, 0)}
    assert dict(failed.series) == {"legacy book": (2,) * 5, "Lockstep": (1,) * 5}
    assert (earlier.kind, earlier.labels, earlier.series[0][1]) == (ChartKind.BARS, (BUND, SHARES), (3, Fraction(5, 2)))
    assert (freed.unit, freed.labels, freed.series[0][1]) == ("EUR", (ALPHA, BETA), (180_000_00, 90_000_00))


def test_securities_have_their_stage_and_gate() -> None:
    assert column("securities", "isin") == [BUND, SHARES]
    assert column("securities", "stage") == ["parallel", "shadow"]
    assert column("securities", "gate") == ["met", "not met"]
    assert column("securities", "since") == [date(2026, 3, 9), MONDAY]
    assert column("securities", "trade_agreement") == [Fraction(94, 100), Fraction(9, 10)]
    assert column("gates", "condition")[:4] == [
        "Business days at least 5",
        "Trade agreement at least 99.00 %, over the last 2 days",
        "Unexplained breaks at most 0",
        "Most seconds later at most 5 min, for each participant",
    ]
    assert column("gates", "met") == ["met"] * 4 + ["met", "not met", "met", "not met"]
    assert column("gates", "exact")[5:] == ["9/10", "0", ""]
    assert column("gates", "figure")[7] == "nothing to measure"
    assert column("promotions", "act") == ["proposed", "promoted"]
    assert column("promotions", "by") == ["Ana Silva", "Bo Lind"]


def test_breaks_are_told_by_age_with_what_the_books_say() -> None:
    assert column("open_breaks", "says") == ["120,000", "5,000.01 EUR"]
    assert column("open_breaks", "agreed") == ["102,000", "5,000.00 EUR"]
    assert column("open_breaks", "age_days") == [4, 1]
    assert column("open_breaks", "cause") == ["digits transposed", "unknown, unexplained"]
    assert column("open_breaks", "assignee") == ["Ana Silva", ""]
    assert column("closed_breaks", "last") == ["closed by Bo Lind: accepted: their cut-off is later"]
    assert column("corrections", "state") == ["approved"]
    assert column("corrections", "right") == ["102,000"]


def test_what_is_freed_is_exact_beside_the_rounded_figure() -> None:
    assert column("freed", "participant") == ["all", "all", ALPHA, ALPHA, GAMMA, GAMMA, BETA, BETA]
    assert column("freed", "unit_seconds")[:2] == [864_000_00 * 42_000, 42_000_000]
    assert column("freed", "for_one_day")[:2] == ["420,000.00", "486"]


def test_a_market_names_and_counts() -> None:
    market = Market(
        service="LOCKZZ2X", rtgs="CBNKZZ2X", network=Network(chain_id=1, dvp="0x", finality_depth=2),
        participants={ALPHA: Participant(name="Alpha Bank", lei=ALPHA, bic="ALPHDEFF", wallet="0x", accounts={})},
        securities={BUND: Security(isin=BUND, name="Bund 2034", token="0x", decimals=2, currency="EUR",
                                   quantity_type=QuantityType.FACE_AMOUNT)},
        tolerances={}, pay_by=AS_OF.time(),
    )  # fmt: skip
    given = run()
    named = parallel_report(
        ParallelRun(cards=given.cards, breaks=given.breaks, market=market), as_of=AS_OF, source=SOURCE
    )
    row = named.table("open_breaks").rows[0]
    assert row[1:6] == ("position, Bund 2034", "Alpha Bank", "legacy", "1,200.00", "1,020.00")
    assert named.table("freed").rows[1][1:3] == ("Bund 2034", "4.86")


def test_before_the_first_day_there_is_a_page_too() -> None:
    empty = parallel_report(ParallelRun(cards=()), as_of=AS_OF, source=SOURCE)
    assert empty.subtitle == "No day has been scored yet"
    assert all(render(empty, form) for form in FORMATS)


def test_a_day_scored_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="each once"):
        parallel_report(ParallelRun(cards=[*cards(), *cards()]), as_of=AS_OF, source=SOURCE)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (90_000, "1 d 1 h"), (-61, "-1 min 1 s")],
)
def test_a_span_is_told_in_its_two_greatest_units(seconds: int, text: str) -> None:
    assert span(seconds) == text
