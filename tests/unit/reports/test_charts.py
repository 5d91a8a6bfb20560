"""Charts: marks as long as what they stand for, axes that hold every value, no line over what nobody knows."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from lockstep.domain.errors import InvalidInput
from lockstep.reports.charts import WIDTH, svg
from lockstep.reports.model import Chart, ChartKind, Tone
from lockstep.reports.scales import scale_of, value_text

from .samples import CHARTS, DAYS

TENTH = Fraction(1, 10)


def drawn(chart: Chart) -> etree._Element:
    return etree.fromstring(svg(chart, "chart-1"))


def marks(chart: Chart, side: str) -> dict[str, Fraction]:
    """Lengths of the bars, by what their titles say."""
    return {one.findtext("title"): Fraction(one.get(side)) for one in drawn(chart).iter("rect")}


def test_standing_bars_are_as_high_as_their_values() -> None:
    money = marks(CHARTS[3], "height")
    assert [*money] == [
        "BANKDEFF: 1,234,567,890.12 EUR", "BNKAFRPP: 987,654,321.00 EUR", "CREDITMM: -45,000,000.00 EUR",
    ]  # fmt: skip
    first, second, third = money.values()
    assert abs(first / second - Fraction(123456789012, 98765432100)) < Fraction(1, 100)
    assert abs(third / second - Fraction(45, 988)) < Fraction(1, 100)


def test_lying_bars_are_as_long_as_their_values_and_their_labels_are_whole_in_titles() -> None:
    lengths = [*marks(CHARTS[2], "width").values()]
    assert abs(lengths[0] - 5 * lengths[2]) <= 3 * TENTH and abs(lengths[1] - 2 * lengths[2]) <= 2 * TENTH
    picture = drawn(CHARTS[2])
    label = next(one for one in picture.iter("text") if one.get("class") == "e" and "…" in "".join(one.itertext()))
    assert label.findtext("title") == CHARTS[2].labels[2]


def test_a_stack_s_parts_stand_on_each_other() -> None:
    picture = drawn(CHARTS[0])
    rects = [*picture.iter("rect")]
    assert len(rects) == 7  # neither what is unknown nor what is zero has a mark
    lower, upper = rects[0], rects[1]
    assert lower.get("x") == upper.get("x") and (lower.get("class"), upper.get("class")) == ("c-good", "c-bad")
    assert abs(Fraction(upper.get("y")) + Fraction(upper.get("height")) - Fraction(lower.get("y"))) <= TENTH


def test_a_stack_takes_nothing_below_zero() -> None:
    with pytest.raises(InvalidInput, match="nothing below zero"):
        svg(replace(CHARTS[0], series=(("settled", (1, 2, 3, 4, -5)),), tones=()), "c")


def test_a_line_is_not_drawn_over_what_nobody_knows() -> None:
    picture = drawn(CHARTS[1])
    runs = [len(one.get("points").split()) for one in picture.iter("polyline")]
    assert runs == [2, 2, 5]
    assert len([*picture.iter("circle")]) == 9
    higher = [Fraction(one.get("cy")) for one in picture.iter("circle")][4:]
    assert higher == sorted(higher, reverse=True)  # from 95 % up to 100 %


values = st.lists(st.one_of(st.none(), st.integers(0, 10**15), st.fractions(0, 10**6)), min_size=1, max_size=9)


@settings(max_examples=40)
@given(values, st.sampled_from(ChartKind), st.sampled_from(["trades", "%", "EUR", "JPY", ""]), st.integers(1, 60))
def test_every_mark_is_within_the_picture(
    found: list[int | Fraction | None], kind: ChartKind, unit: str, letters: int
) -> None:
    labels = tuple(f"{number}" * letters for number in range(len(found)))
    chart = Chart(title="t", kind=kind, labels=labels, series=(("a", tuple(found)), ("b", tuple(found))), unit=unit)
    picture = drawn(chart)
    height = Fraction(picture.get("viewBox").split()[3])
    for one in picture.iter("rect"):
        assert Fraction(one.get("x")) >= 0 and Fraction(one.get("x")) + Fraction(one.get("width")) <= WIDTH + TENTH
        assert Fraction(one.get("y")) >= 0 and Fraction(one.get("y")) + Fraction(one.get("height")) <= height
    for one in picture.iter("circle"):
        assert 0 <= Fraction(one.get("cx")) <= WIDTH and 0 <= Fraction(one.get("cy")) <= height


@settings(max_examples=50)
@given(st.lists(st.one_of(st.integers(-(10**18), 10**18), st.fractions(-(10**9), 10**9)), max_size=20), st.booleans(),
       st.sampled_from(["trades", "%", "EUR", "JPY"]))  # fmt: skip
def test_an_axis_holds_every_value_between_few_distinct_lines(
    found: list[int | Fraction], from_zero: bool, unit: str
) -> None:
    scale = scale_of(found, unit, from_zero=from_zero)
    assert all(scale.low <= one <= scale.high for one in found)
    assert scale.low < scale.high and 2 <= len(scale.ticks) <= 7
    assert len({*scale.labels}) == len(scale.labels)
    if from_zero:
        assert scale.low <= 0 <= scale.high
    assert (scale.along(scale.low, 100), scale.along(scale.high, 100)) == (0, 100)


@pytest.mark.parametrize(
    ("found", "unit", "labels"),
    [
        ([0, 7], "trades", ["0", "2", "4", "6", "8"]),
        ([1], "trades", ["0", "1"]),
        ([0, 1_234_000_00], "EUR", ["0", "0.5m", "1.0m", "1.5m"]),
        ([0, 2_500_000_000_00], "EUR", ["0", "1bn", "2bn", "3bn"]),
        ([Fraction(97, 100), 1], "%", ["97 %", "98 %", "99 %", "100 %"]),
        ([], "trades", ["0", "1"]),
    ],
)
def test_lines_are_at_round_numbers(found: list[int], unit: str, labels: list[str]) -> None:
    assert [*scale_of(found, unit, from_zero=unit != "%").labels] == labels


def test_values_are_read_with_their_unit() -> None:
    assert value_text(Fraction(5, 2), "minutes") == "2.50 minutes"
    assert value_text(Fraction(250, 3), "EUR") == "0.83 EUR"
    assert value_text(1234, "JPY") == "1,234 JPY"
    assert value_text(Fraction(1, 2), "%") == "50.00 %"


def test_a_year_of_days_has_fewer_labels_than_days() -> None:
    labels = tuple(f"2026-{number // 28 + 1:02}-{number % 28 + 1:02}" for number in range(250))
    chart = Chart(title="t", kind=ChartKind.LINES, labels=labels, series=(("a", tuple(range(250))),))
    shown = [one.text for one in drawn(chart).iter("text") if (one.text or "").startswith("2026")]
    assert 3 <= len(shown) <= 6 and shown[-1] == labels[-1]
    stacked = replace(chart, kind=ChartKind.STACKED, tones=(Tone.GOOD,))
    shown = [one.text for one in drawn(stacked).iter("text") if (one.text or "").startswith("2026")]
    assert 3 <= len(shown) <= 6


def test_the_same_chart_is_the_same_picture() -> None:
    assert svg(CHARTS[1], "c") == svg(replace(CHARTS[1], labels=DAYS), "c")
