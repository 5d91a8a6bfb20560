"""Reports for the renderers' tests: every kind of column and chart, and texts that want to be more than text."""

from datetime import UTC, date, datetime
from fractions import Fraction

from lockstep.reports.model import (
    Chart,
    ChartKind,
    Column,
    ColumnKind,
    Figure,
    Report,
    Source,
    Table,
    Tone,
)

HASH = "9f2c41d07be8a35562e1f0c4b7d83a916e5f20a4c8d17b3390ae6124fd5b7c08"
EVIL = "<script>alert(1)</script> & \"quoted\" 'so'"
COLUMNS = (
    Column(name="instrument", title="Security"),
    Column(name="state", title="State", tones=(("settled", Tone.GOOD), ("failing", Tone.BAD))),
    Column(name="trades", title="Trades", kind=ColumnKind.COUNT),
    Column(name="decimals", title="Decimals", kind=ColumnKind.COUNT),
    Column(name="units", title="Units", kind=ColumnKind.QUANTITY, decimals_in="decimals"),
    Column(name="currency", title="Currency"),
    Column(name="value", title="Value", kind=ColumnKind.MONEY, currency_in="currency"),
    Column(name="efficiency", title="Efficiency", kind=ColumnKind.SHARE),
    Column(name="day", title="Day", kind=ColumnKind.DAY),
    Column(name="at", title="Last", kind=ColumnKind.MOMENT),
)
ROWS = (
    ("DE0001102580", "settled", 1204, 2, 123456789, "EUR", 987654321, Fraction(1203, 1204), date(2026, 3, 2),
     datetime(2026, 3, 2, 17, 59, 59, tzinfo=UTC)),
    ("XS2010028699", "failing", 3, 0, -50, "JPY", -12000, Fraction(1, 3), date(2026, 3, 3), None),
    (EVIL, "open", 0, 18, 1, "BHD", 1001, 0, None, datetime(2026, 3, 2, 9, 0, 0, 250000, tzinfo=UTC)),
    ("=HYPERLINK(1)", None, None, 0, None, "EUR", None, None, None, None),
)  # fmt: skip
TABLE = Table(name="securities", title="By security", columns=COLUMNS, rows=ROWS, note="Agreed for the week.")
SMALL = Table(
    name="reasons",
    title="Fails by reason",
    columns=(Column(name="reason", title="Reason"), Column(name="fails", title="Fails", kind=ColumnKind.COUNT)),
    rows=(("lack of securities", 5), ("lack of cash", 2)),
)
EMPTY = Table(name="nothing", title="Open breaks", columns=COLUMNS[:3], rows=())
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06")
CHARTS = (
    Chart(
        title="Trades by day",
        kind=ChartKind.STACKED,
        labels=DAYS,
        series=(("settled", (240, 251, 0, 248, 255)), ("failed", (4, 0, None, 2, 1))),
        unit="trades",
        tones=(Tone.GOOD, Tone.BAD),
    ),
    Chart(
        title="Agreement",
        kind=ChartKind.LINES,
        labels=DAYS,
        series=(
            ("positions", (Fraction(97, 100), Fraction(98, 100), None, Fraction(1), Fraction(1))),
            ("trades", (Fraction(95, 100), Fraction(96, 100), Fraction(99, 100), Fraction(199, 200), Fraction(1))),
        ),
        unit="%",
    ),
    Chart(
        title="Fails by reason",
        kind=ChartKind.BARS,
        labels=("lack of securities", "lack of cash", "counterparty on hold for longer than a label may be"),
        series=(("fails", (5, 2, 1)),),
        unit="fails",
    ),
    Chart(
        title="Value settled",
        kind=ChartKind.BARS,
        labels=("BANKDEFF", "BNKAFRPP", "CREDITMM"),
        series=(("value", (123456789012, 98765432100, -4500000000)),),
        unit="EUR",
    ),
)
REPORT = Report(
    kind="efficiency",
    title="Settlement efficiency",
    subtitle="First week of March, two securities",
    as_of=datetime(2026, 3, 6, 18, 0, tzinfo=UTC),
    source=Source(journal_number=48213, journal_hash=HASH, others=("block 812, 0x" + "ab" * 32,)),
    figures=(
        Figure(title="Settled by value", value="99.4 %", note="EUR 1.2 bn of 1.21 bn", tone=Tone.GOOD),
        Figure(title="Settled by number", value="98.9 %", note="994 of 1,005", tone=Tone.WARN),
        Figure(title="Fails", value="7", note="the oldest three days", tone=Tone.BAD),
        Figure(title="Penalties", value="1,204.50 EUR", note=EVIL),
    ),
    charts=CHARTS,
    tables=(TABLE, SMALL, EMPTY),
    notes=("Business days of TARGET.", EVIL),
)
