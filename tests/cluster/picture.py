"""The picture of a scenario: replicas, load, what waits, and which streams broke, over time."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.answer import Answer
from cluster.drawing import Panel, Point, Series, draw
from cluster.gauges import Gauge
from cluster.timeline import Timeline

_BIN = 5.0


def replicas_panel(timeline: Timeline, deployment: str) -> Panel:
    """Replicas that are wanted and that are ready."""
    seen = timeline.of(deployment)
    desired = [(state.at - timeline.began, float(state.desired)) for state in seen]
    ready = [(state.at - timeline.began, float(state.ready)) for state in seen]
    return Panel(deployment, [Series("ready", ready, filled=True), Series("desired", desired)])


def load_panel(timeline: Timeline, answers: Sequence[Answer]) -> Panel:
    """Requests a second that arrived and that were answered whole, and crosses where streams broke."""
    sent = _rates([answer.sent - timeline.began for answer in answers])
    whole = _rates([answer.ended - timeline.began for answer in answers if answer.status == "ok"])
    broken = [answer.ended - timeline.began for answer in answers if answer.status == "broken"]
    return Panel("requests/s", [Series("arrived", sent), Series("answered", whole)], broken)


def streams_panel(timeline: Timeline, answers: Sequence[Answer]) -> Panel:
    """Streams under way, and crosses where some broke."""
    changes = sorted([(answer.sent, 1.0) for answer in answers] + [(answer.ended, -1.0) for answer in answers])
    points: list[Point] = [(0.0, 0.0)]
    for at, change in changes:
        points.append((at - timeline.began, points[-1][1] + change))
    broken = [answer.ended - timeline.began for answer in answers if answer.status == "broken"]
    return Panel("streams", [Series("under way", points)], broken)


def waiting_panel(timeline: Timeline, gauges: Sequence[Gauge]) -> Panel:
    """Requests that run, wait in the queue, or are held because no replica is ready."""
    series = [
        Series(name, [(gauge.at - timeline.began, getattr(gauge, name)) for gauge in gauges])
        for name in ("running", "queued", "held")
    ]
    return Panel("requests", series)


def picture(title: str, timeline: Timeline, panels: Sequence[Panel], marks: Sequence[tuple[float, str]] = ()) -> str:
    """SVG; `marks` are (time.monotonic, words)."""
    ends = [at for panel in panels for series in panel.series for at, _ in series.points]
    return draw(title, panels, max(ends, default=1.0), [(at - timeline.began, words) for at, words in marks])


def _rates(times: Sequence[float]) -> list[Point]:
    """Events a second in bins of 5 s."""
    if not times:
        return []
    bins = [0] * (int(max(times) // _BIN) + 1)
    for at in times:
        bins[int(max(at, 0) // _BIN)] += 1
    return [*((index * _BIN, count / _BIN) for index, count in enumerate(bins)), (len(bins) * _BIN, 0.0)]
