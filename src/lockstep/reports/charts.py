"""A chart as SVG, for a page: no script, colours by the page's classes, a title on every mark.

Drawn 420 wide, so that its letters can still be read on a telephone. Bars stand up while their labels fit below them,
else they lie. What a colour tells is told by a legend too, and the page has each chart's figures as a table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from textwrap import wrap

from markupsafe import Markup

from lockstep.domain.errors import InvalidInput
from lockstep.reports.model import Chart, ChartKind, Tone
from lockstep.reports.scales import Scale, bare_text, place, scale_of, value_text

__all__ = ["COLOURS", "colour_of", "svg"]

WIDTH, HEIGHT = 420, 220
COLOURS = 8
"""How many series the page tells apart by colour; then they come again."""
_TOP, _BOTTOM, _GAP = 14, 24, 8
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LETTER = Fraction(61, 10)
"""How wide a letter of 11 pixels is, about."""
_LINE, _THICKEST_LINE = 22, 38
_LONGEST_LABEL = 22
_DIRECT = 12
"""Up to so many bars have their values beside them."""
_TEXT = Markup('<text x="{}" y="{}" class="{}">{}</text>')


def colour_of(chart: Chart, number: int) -> str:
    """The class of a series' colour."""
    tone = chart.tones[number] if chart.tones else Tone.PLAIN
    return f"c{number % COLOURS}" if tone is Tone.PLAIN else f"c-{tone.value}"


def svg(chart: Chart, name: str) -> Markup:
    """The picture, labelled by the page's elements `NAME-title` and `NAME-text`.

    Raises InvalidInput for a stack with a value below zero.
    """
    if chart.kind is ChartKind.STACKED and any(one < 0 for one in _known(chart)):
        raise InvalidInput(f"chart {chart.title}", min(_known(chart)), "nothing below zero in a stack")
    if chart.kind is ChartKind.LINES:
        height, parts = HEIGHT, _lines(chart)
    elif _fits(chart):
        height, parts = HEIGHT, _standing(chart)
    else:
        height, parts = _lying(chart)
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-text">{}</svg>').format(
        WIDTH, height, name, name, Markup("").join(parts)
    )


@dataclass(frozen=True, slots=True)
class _Bar:
    """One mark: from one value to another, over a label's part of the axis."""

    label: int
    slot: int
    slots: int
    start: Fraction
    end: Fraction
    series: int
    value: int | Fraction


def _known(chart: Chart) -> list[int | Fraction]:
    return [one for _, values in chart.series for one in values if one is not None]


def _bars(chart: Chart) -> list[_Bar]:
    found, stacked = [], chart.kind is ChartKind.STACKED
    for label in range(len(chart.labels)):
        base = Fraction(0)
        for number, (_, values) in enumerate(chart.series):
            value = values[label]
            if value is None or (stacked and not value):
                continue
            start = base if stacked else Fraction(0)
            slot, slots = (0, 1) if stacked else (number, len(chart.series))
            found.append(_Bar(label, slot, slots, start, start + value, number, value))
            base = start + value
    return found


def _scale(chart: Chart, bars: Sequence[_Bar]) -> Scale:
    return scale_of([one for bar in bars for one in (bar.start, bar.end)], chart.unit, from_zero=True)


def _fits(chart: Chart) -> bool:
    """Whether every label has room below its bars; of days, not every one needs it."""
    room = Fraction(WIDTH - 50, max(1, len(chart.labels)))
    return all(_wide(one) <= room - 2 for one in chart.labels) or all(map(_DAY.fullmatch, chart.labels))


def _wide(text: str) -> Fraction:
    return len(text) * _LETTER


def _in_lines(label: str) -> list[str]:
    """A label in one line or two; what is longer ends in dots."""
    lines = wrap(label, _LONGEST_LABEL, max_lines=2, placeholder="…")
    return lines or [""]


def _standing(chart: Chart) -> list[Markup]:
    bars = _bars(chart)
    scale = _scale(chart, bars)
    left, length = _left(scale), HEIGHT - _TOP - _BOTTOM
    each = Fraction(WIDTH - left - 4, max(1, len(chart.labels)))
    parts = _grid(scale, left)
    thick = min(each * 7 / 10, Fraction(56))
    direct = len(bars) <= _DIRECT and chart.kind is ChartKind.BARS
    for bar in bars:
        one = thick / bar.slots
        x = left + each * bar.label + (each - thick) / 2 + one * bar.slot
        top, low = (
            _TOP + length - scale.along(value, length) for value in (max(bar.start, bar.end), min(bar.start, bar.end))
        )
        parts.append(_mark(chart, bar, x, top, max(one - 1, Fraction(1)), low - top))
        if direct and _wide(_brief(bar, chart)) <= one + 14:
            parts.append(_TEXT.format(place(x + one / 2), place(top - 3), "m v", _brief(bar, chart)))
    return [*parts, *_below(chart, left, each)]


def _below(chart: Chart, left: int, each: Fraction) -> list[Markup]:
    """The labels, the last one always, and as many before it as have room."""
    wide = max(map(_wide, chart.labels), default=Fraction(0)) + 2
    every = 1 if wide <= each else ceil(wide * 3 / 2 / each)
    return [
        _TEXT.format(place(min(left + each * number + each / 2, WIDTH - wide / 2)), HEIGHT - 8, "m", label)
        for number, label in enumerate(chart.labels)
        if (len(chart.labels) - 1 - number) % every == 0
    ]


def _lying(chart: Chart) -> tuple[int, list[Markup]]:
    bars = _bars(chart)
    scale = _scale(chart, bars)
    named = [_in_lines(label) for label in chart.labels]
    left = int(max((_wide(one) for lines in named for one in lines), default=Fraction(0))) + _GAP
    slots = 1 if chart.kind is ChartKind.STACKED else max(1, len(chart.series))
    room = (HEIGHT - _TOP - _BOTTOM) // max(1, len(named))
    tallest = max(map(len, named), default=1)
    each = max(_LINE, 13 * slots + 8, 12 * tallest + 6, min(_THICKEST_LINE, room))
    widest = max((_wide(bare_text(one.end, chart.unit)) for one in bars), default=Fraction(0))
    height, length = each * len(named) + _TOP + _BOTTOM, WIDTH - left - int(widest) - 6
    parts = []
    for tick, text in zip(scale.ticks, scale.labels, strict=True):
        x = left + scale.along(tick, length)
        kind = "axis" if not tick else "grid"
        parts.append(_line(kind, x, Fraction(_TOP), x, Fraction(height - _BOTTOM)))
        parts.append(_TEXT.format(place(x), height - 8, "m", text))
    thick = Fraction(each - 8)
    ends: dict[int, tuple[Fraction, Fraction, Fraction]] = {}
    for bar in bars:
        one = thick / bar.slots
        y = _TOP + each * bar.label + 4 + one * bar.slot
        low, high = (left + scale.along(value, length) for value in (min(bar.start, bar.end), max(bar.start, bar.end)))
        parts.append(_mark(chart, bar, low, y, high - low, max(one - 1, Fraction(1))))
        if chart.kind is ChartKind.BARS:
            parts.append(_TEXT.format(place(high + 4), place(y + one / 2 + 4), "v", _brief(bar, chart)))
        else:
            ends[bar.label] = (high, y + one / 2, bar.end)
    for high, y, total in ends.values():
        parts.append(_TEXT.format(place(high + 4), place(y + 4), "v", bare_text(total, chart.unit)))
    for number, (label, lines) in enumerate(zip(chart.labels, named, strict=True)):
        y = _TOP + each * number + Fraction(each, 2) + 4 - 6 * (len(lines) - 1)
        drawn = Markup("").join(
            Markup('<tspan x="{}" dy="{}">{}</tspan>').format(left - _GAP, 12 if line else 0, text)
            for line, text in enumerate(lines)
        )
        parts.append(Markup('<text y="{}" class="e"><title>{}</title>{}</text>').format(place(y), label, drawn))
    return height, parts


def _lines(chart: Chart) -> list[Markup]:
    scale = scale_of(_known(chart), chart.unit, from_zero=False)
    left, length = _left(scale), HEIGHT - _TOP - _BOTTOM
    each = Fraction(WIDTH - left - 4, max(1, len(chart.labels)))
    parts = _grid(scale, left)
    for number, (name, values) in enumerate(chart.series):
        colour = colour_of(chart, number)
        points = [
            None if value is None else (left + each * at + each / 2, _TOP + length - scale.along(value, length), value)
            for at, value in enumerate(values)
        ]
        for piece in _pieces(points):
            drawn = " ".join(f"{place(x)},{place(y)}" for x, y, _ in piece)
            parts.append(Markup('<polyline points="{}" class="l {}"/>').format(drawn, colour))
        for label, point in zip(chart.labels, points, strict=True):
            if point is not None:
                told = _told(label, name, value_text(point[2], chart.unit), chart)
                parts.append(
                    Markup('<circle cx="{}" cy="{}" r="3.5" class="{}"><title>{}</title></circle>').format(
                        place(point[0]), place(point[1]), colour, told
                    )
                )
    return [*parts, *_below(chart, left, each)]


_Point = tuple[Fraction, Fraction, int | Fraction]


def _pieces(points: Sequence[_Point | None]) -> list[list[_Point]]:
    """The runs of points that are there: a line is not drawn over what nobody knows."""
    runs: list[list[_Point]] = [[]]
    for one in points:
        if one is None:
            runs.append([])
        else:
            runs[-1].append(one)
    return [run for run in runs if len(run) > 1]


def _left(scale: Scale) -> int:
    return int(max(map(_wide, scale.labels))) + _GAP


def _grid(scale: Scale, left: int) -> list[Markup]:
    parts, length = [], HEIGHT - _TOP - _BOTTOM
    for tick, text in zip(scale.ticks, scale.labels, strict=True):
        y = _TOP + length - scale.along(tick, length)
        parts.append(_line("axis" if tick == max(scale.low, 0) else "grid", Fraction(left), y, Fraction(WIDTH - 4), y))
        parts.append(_TEXT.format(left - _GAP + 2, place(y + 4), "e", text))
    return parts


def _line(kind: str, x: Fraction, y: Fraction, to_x: Fraction, to_y: Fraction) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        kind, *(place(one) for one in (x, y, to_x, to_y))
    )


def _mark(chart: Chart, bar: _Bar, x: Fraction, y: Fraction, width: Fraction, height: Fraction) -> Markup:
    told = _told(chart.labels[bar.label], chart.series[bar.series][0], value_text(bar.value, chart.unit), chart)
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}"><title>{}</title></rect>').format(
        *(place(one) for one in (x, y, width, height)), colour_of(chart, bar.series), told
    )


def _told(label: str, name: str, value: str, chart: Chart) -> str:
    return f"{label}: {value}" if len(chart.series) == 1 else f"{label}, {name}: {value}"


def _brief(bar: _Bar, chart: Chart) -> str:
    return bare_text(bar.value, chart.unit)
