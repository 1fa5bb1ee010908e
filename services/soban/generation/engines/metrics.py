"""Load of an engine from its Prometheus page: one table of names for all kinds of engine and their versions.

Names drift: a series that an engine no longer has, or not yet, is "not told". It is never zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from soban.generation.engine import Reading

MOST_CHARACTERS = 8_000_000
"""A page that is longer tells nothing: half of it would give half of a sum."""

# Ranks of one engine and processes of one server that write the same number each: one of them counts. SGLang's
# `python/sglang/srt/metrics/collector.py` writes per scheduler, prometheus_client's multiprocess mode per process.
_COPIES = frozenset({"tp_rank", "pp_rank", "moe_ep_rank", "pid"})
# SGLang with priority scheduling writes each priority and, with an empty one, all of them together.
_PARTS = "priority"

_Combine = Callable[[Iterable[float]], float]


@dataclass(frozen=True, slots=True)
class Series:
    """Where one number stands: `names` from the newest to the oldest, and how those of several label sets are one."""

    names: tuple[str, ...]
    combine: _Combine = sum


class Table(NamedTuple):
    """The series of one kind of engine; None where it has none."""

    running: Series | None = None
    waiting: Series | None = None
    kv_cache_use: Series | None = None


TABLES: Mapping[str, Table] = {
    # vllm/v1/metrics/loggers.py. 0.9 renamed the use of the cache; later versions leave the old name out. Several
    # engines behind one API server (data parallel) have an `engine` label each.
    "vllm": Table(
        running=Series(("vllm:num_requests_running",)),
        waiting=Series(("vllm:num_requests_waiting",)),
        kv_cache_use=Series(("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"), fmean),
    ),
    # docs.sglang.io/references/production_metrics; needs --enable-metrics. Data parallel ranks have `dp_rank`.
    "sglang": Table(
        running=Series(("sglang:num_running_reqs",)),
        waiting=Series(("sglang:num_queue_reqs",)),
        kv_cache_use=Series(("sglang:token_usage",), fmean),
    ),
    # docs/source/reference/metrics.md; absent before the first request, and with its llama.cpp backend at all times.
    "tgi": Table(
        running=Series(("tgi_batch_current_size",)),
        waiting=Series(("tgi_queue_size",)),
    ),
    # tools/server/README.md; needs --metrics. Versions of 2024 and early 2025 had the use of the cache, too.
    "llamacpp": Table(
        running=Series(("llamacpp:requests_processing",)),
        waiting=Series(("llamacpp:requests_deferred",)),
        kv_cache_use=Series(("llamacpp:kv_cache_usage_ratio",), fmean),
    ),
    # docs/metrics.md of OpenVINO Model Server; needs --metrics_enable. Every answer is a graph, also one that waits.
    "openvino": Table(
        running=Series(("ovms_current_graphs",)),
    ),
    "external": Table(),
}


def read_metrics(kind: str, text: str) -> Reading:
    """What `text`, a page in Prometheus' text format, tells of an engine of this kind. Raises KeyError for no kind.

    Lines that make no sense are left out, as are numbers that are none, below 0, or a use of the cache above 1.
    """
    table = TABLES[kind]
    wanted = [name for series in table if series is not None for name in series.names]
    if not wanted or len(text) > MOST_CHARACTERS:
        return Reading()
    samples = _samples(wanted, text)
    return Reading(
        running=_whole(_value(table.running, samples)),
        waiting=_whole(_value(table.waiting, samples)),
        kv_cache_use=_value(table.kv_cache_use, samples, highest=1.0),
    )


class _Sample(NamedTuple):
    labels: dict[str, str]
    value: float


_Samples = Mapping[str, list[_Sample]]

_LABELS = re.compile(r'([A-Za-z_]\w*)\s*=\s*"((?:[^"\\\n]|\\.)*+)"')
_REST = r'(?:\{((?:[^"}\n]|"(?:[^"\\\n]|\\.)*+")*+)\})?[ \t]++(\S++)'


def _samples(names: Iterable[str], text: str) -> _Samples:
    """Every sample of the named series. Other lines cost the search for a name at their begin, no more."""
    found: dict[str, list[_Sample]] = {}
    line = re.compile(rf"^({'|'.join(map(re.escape, names))}){_REST}", re.MULTILINE)
    for name, labels, value in line.findall(text):
        number = _number(value)
        if number is not None:
            found.setdefault(name, []).append(_Sample(dict(_LABELS.findall(labels)), number))
    return found


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _value(series: Series | None, samples: _Samples, highest: float = math.inf) -> float | None:
    """The number of the first name that has one."""
    for name in series.names if series is not None else ():
        values = _distinct(sample for sample in samples.get(name, ()) if sample.value <= highest)
        if values and series is not None:
            return float(series.combine(values))
    return None


def _distinct(samples: Iterable[_Sample]) -> list[float]:
    """One number for each thing that was measured, whoever wrote it down and however often."""
    given = list(samples)
    if any(sample.labels.get(_PARTS) == "" for sample in given):
        given = [sample for sample in given if not sample.labels.get(_PARTS)]
    highest: dict[frozenset[tuple[str, str]], float] = {}
    for labels, value in given:
        key = frozenset(item for item in labels.items() if item[0] not in _COPIES)
        highest[key] = max(value, highest.get(key, 0.0))
    return list(highest.values())


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
