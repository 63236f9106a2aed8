"""Charts of the report. Colours are classes of the page's style; each value is written beside or behind its mark."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from backstage_py.cli.platform_report import axes, words
from backstage_py.cli.platform_report.svg import WIDTH, drawing, element, label, legend

_BAR = 56
_NAMES, _BESIDE = 130, 84
_LONGEST_NAME = 18
_LINE, _TOP, _BOTTOM = 34, 12, 28
_SHORTEST = 60
_APART = 56
_HOUR, _DAY = 3_600, 86_400
_TICKS = (_HOUR, 6 * _HOUR, _DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY, 90 * _DAY, 365 * _DAY)
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (60, "min"), (1, "s"))
_COLOURS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """Values with a name and the class of their colour; None is a gap."""

    name: str
    colour: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Span:
    """A line of ``spans``: from one duration to a longer one, None where that is not reached."""

    name: str
    beside: str
    start: float | None
    end: float | None


def stacked_bars(about: str, names: Sequence[str], series: Sequence[Series]) -> str:
    """Return bars, one for each name, of the values of all series above each other."""
    totals = [sum(one.values[n] or 0 for one in series) for n in range(len(names))]
    axis = axes.upright(names, max(totals, default=0))
    wide = min(axis.slot * 0.6, _BAR)
    parts = [axis.drawn()]
    for n, name in enumerate(names):
        below = 0.0
        for one in series:
            value = one.values[n] or 0
            below += value
            if value:
                place = {"x": axis.x(n) - wide / 2, "y": axis.y(below), "width": wide}
                high = max(axis.y(below - value) - axis.y(below) - 1, 0.5)
                parts.append(element("rect", one.colour, f"{name}: {value:g} {one.name}", **place, height=high, rx=2))
        if totals[n]:
            parts.append(label(axis.x(n), axis.y(below) - 4, f"{totals[n]:g}", "value"))
    return drawing(about, axes.HIGH, parts) + legend([(one.colour, one.name) for one in series])


def lines(about: str, names: Sequence[str], series: Sequence[Series]) -> str:
    """Return a line for each series of durations; a gap where there is nothing to say."""
    longest = max((value for one in series for value in one.values if value is not None), default=0)
    unit, letter = next((one for one in _UNITS if longest >= 2 * one[0]), _UNITS[-1])
    axis = axes.upright(names, longest / unit, letter)
    parts = [axis.drawn()]
    for one in series:
        places = [None if value is None else (axis.x(n), axis.y(value / unit)) for n, value in enumerate(one.values)]
        parts += [
            element("line", f"line {one.colour}", x1=a[0], y1=a[1], x2=b[0], y2=b[1])
            for a, b in pairwise(places)
            if a and b
        ]
        parts += [
            element("circle", one.colour, f"{name}: {one.name} {words.duration(value)}", cx=place[0], cy=place[1], r=4)
            for name, value, place in zip(names, one.values, places, strict=True)
            if place
        ]
    return drawing(about, axes.HIGH, parts) + legend([(one.colour, one.name) for one in series])


def spans(about: str, rows: Sequence[Span]) -> str:
    """Return a line for each row from its p50 to its p95, on a scale of square roots that starts at nothing."""
    high = _TOP + _LINE * len(rows) + _BOTTOM
    longest = 1.1 * max([_SHORTEST, *(value for one in rows for value in (one.start, one.end) if value is not None)])

    def x(seconds: float) -> float:
        return _NAMES + math.sqrt(seconds / longest) * (WIDTH - _BESIDE - _NAMES)

    parts, taken = [], 0.0
    for tick in _TICKS:
        if tick <= longest and x(tick) - taken > _APART:
            taken = x(tick)
            parts.append(element("line", "grid", x1=taken, y1=_TOP, x2=taken, y2=high - _BOTTOM))
            parts.append(label(taken, high - 8, words.duration(tick), "axis"))
    for n, one in enumerate(rows):
        y = _TOP + _LINE * (n + 0.5)
        parts += [label(_NAMES - 12, y + 4, _cut(one.name), "name"), label(WIDTH, y + 4, one.beside, "name")]
        if one.start is None:
            parts.append(label(_NAMES + 6, y + 4, words.NOT_REACHED if one.beside else words.NOTHING, "quiet"))
            continue
        end = x(longest if one.end is None else one.end)
        parts.append(element("line", "span open" if one.end is None else "span", x1=x(one.start), y1=y, x2=end, y2=y))
        if one.end is not None:
            parts.append(element("circle", "ring", f"p95 {words.duration(one.end)}", cx=end, cy=y, r=7))
        parts.append(element("circle", "good", f"p50 {words.duration(one.start)}", cx=x(one.start), cy=y, r=5))
        parts.append(label(x(one.start), y - 9, words.duration(one.start), "value"))
    keys = [("good dot", "p50"), ("ring dot", "p95"), ("dash", "p95 not reached")]
    return drawing(about, high, parts) + legend(keys)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def shares(about: str, counts: Mapping[str, int]) -> str:
    """Return one bar of all, divided; the last part is what belongs to none of the others."""
    whole = sum(counts.values())
    if not whole:
        return '<p class="quiet">Nothing yet.</p>'
    parts, keys, left = [], [], 0.0
    for n, (name, count) in enumerate(counts.items()):
        colour = "part-other" if n == len(counts) - 1 else f"part{n % _COLOURS}"
        wide = count / whole * WIDTH
        if count:
            told = f"{name}: {count} of {whole}"
            parts.append(element("rect", colour, told, x=left, y=0, width=max(wide - 2, 1), height=28, rx=3))
        keys.append((colour, f"{name}: {count} ({words.percent(count / whole)})"))
        left += wide
    return drawing(about, 28, parts) + legend(keys)
