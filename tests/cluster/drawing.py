"""Pictures as SVG text: panels under each other that share one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

_WIDTH, _LEFT, _RIGHT, _TOP = 760, 56, 16, 40
_PANEL, _GAP = 120, 34
_COLOURS = ("#1f6fb2", "#d1721f", "#3a8f45", "#8a4fb0", "#777777")
_BROKEN = "#c0202a"
_STYLE = "font-family:system-ui,sans-serif;font-size:11px"

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line through points (seconds, value), ordered by time; with `steps` a value holds until the next one."""

    name: str
    points: Sequence[Point]
    steps: bool = True
    filled: bool = False


@dataclass(frozen=True)
class Panel:
    """Some series over one axis of values, and marks (crosses) at times where something broke."""

    title: str
    series: Sequence[Series]
    broken: Sequence[float] = field(default=())


def draw(title: str, panels: Sequence[Panel], seconds: float, marks: Sequence[tuple[float, str]] = ()) -> str:
    """An SVG of `seconds` from 0; `marks` are vertical lines with words, such as "drain begins"."""
    height = _TOP + len(panels) * (_PANEL + _GAP) + 16
    seconds = max(seconds, 1.0)
    body = [f'<text x="{_LEFT}" y="18" style="font-size:14px;font-weight:600">{escape(title)}</text>']
    for index, panel in enumerate(panels):
        body += _panel(panel, _TOP + index * (_PANEL + _GAP), seconds)
    body += _marks(marks, seconds, height)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" style="{_STYLE}">'
    ground = f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
    return "\n".join((head, ground, *body, "</svg>\n"))


def _panel(panel: Panel, top: float, seconds: float) -> list[str]:
    highest = max((value for series in panel.series for _, value in series.points), default=1.0) or 1.0
    highest = _round_up(highest)
    parts = [
        f'<text x="{_LEFT}" y="{top + 10}" fill="#333">{escape(panel.title)}</text>',
        *_grid(top, highest, seconds),
    ]
    x = _LEFT + 8 + 6.2 * len(panel.title)
    for colour, series in zip(_COLOURS, panel.series, strict=False):
        parts.append(_path(series, colour, top, highest, seconds))
        parts.append(f'<text x="{x + 14:.0f}" y="{top + 10}" fill="{colour}">● {escape(series.name)}</text>')
        x += 34 + 6.2 * len(series.name)
    base = top + 16 + _PANEL - 20
    parts += [
        f'<path d="M{_x(at, seconds) - 4:.1f} {base - 8} l8 8 m0 -8 l-8 8" stroke="{_BROKEN}" stroke-width="2"/>'
        for at in panel.broken
    ]
    return parts


def _grid(top: float, highest: float, seconds: float) -> list[str]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _y(share * highest, highest, top)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#666">{share * highest:.4g}</text>'
        )
    step = next((step for step in (1, 2, 5, 10, 15, 30, 60, 120) if seconds / step <= 12), 300)
    for at in range(0, int(seconds) + 1, step):
        x, y = _x(at, seconds), _y(0, highest, top)
        parts.append(f'<text x="{x:.1f}" y="{y + 13:.1f}" text-anchor="middle" fill="#666">{at} s</text>')
    return parts


def _path(series: Series, colour: str, top: float, highest: float, seconds: float) -> str:
    if not series.points:
        return ""
    points = _stepped(series.points, seconds) if series.steps else list(series.points)
    line = " L".join(f"{_x(at, seconds):.1f} {_y(value, highest, top):.1f}" for at, value in points)
    if not series.filled:
        return f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
    first, last, base = _x(points[0][0], seconds), _x(points[-1][0], seconds), _y(0, highest, top)
    closed = f"M{first:.1f} {base:.1f} L{line} L{last:.1f} {base:.1f} Z"
    return f'<path d="{closed}" fill="{colour}" fill-opacity="0.25" stroke="{colour}"/>'


def _stepped(points: Sequence[Point], seconds: float) -> list[Point]:
    """Each value holds until the next one, the last one to the end."""
    found: list[Point] = []
    for at, value in points:
        if found:
            found.append((at, found[-1][1]))
        found.append((at, value))
    return [*found, (seconds, found[-1][1])]


def _marks(marks: Sequence[tuple[float, str]], seconds: float, height: float) -> list[str]:
    parts = []
    for index, (at, words) in enumerate(marks):
        x = _x(at, seconds)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{height - 22}" stroke="#333" stroke-dasharray="3 3"/>'
        )
        parts.append(f'<text x="{x + 3:.1f}" y="{height - 4 - 11 * (index % 2)}" fill="#333">{escape(words)}</text>')
    return parts


def _x(at: float, seconds: float) -> float:
    return _LEFT + min(max(at / seconds, 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, highest: float, top: float) -> float:
    return top + 16 + (1 - value / highest) * (_PANEL - 20)


def _round_up(value: float) -> float:
    """To 1, 2, 4, 5 or 10 times a power of ten."""
    power = 10 ** (len(f"{int(value)}") - 1) if value >= 1 else 1
    return next(step * power for step in (1, 2, 4, 5, 10) if step * power >= value)
