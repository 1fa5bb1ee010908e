"""Tables of what was measured, and the bars of the design."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from table import Line, print_lines

from peers.measuring import Load
from peers.systems import ENGINE, GENERATION, LITELLM, STACK, Compared

_WIDTH = 34


def print_mode(title: str, loads: Sequence[Load], compared: Compared) -> None:
    """Four tables of one mode: a row for each system, a column for each number of callers."""
    names = [system.name for system in compared.systems]
    behind = [name for name in names if name != ENGINE]
    _table(f"{title}: tokens/s, and over the engine's", names, loads, _speed)
    _table(f"{title}: first text p50 of the engine, and what is added to it, ms", names, loads, _first_text)
    _table(f"{title}: CPU-seconds of the processes in front of the engine per 1M tokens", behind, loads, _cpu)
    for load in loads:
        for name, why in load.failed.items():
            rounds = len(why) + len(load.runs[name])
            print(f"  failed in {len(why)} of {rounds} rounds: {name}, {_callers(load)}: {why[0]}")


def print_bars(streamed: Sequence[Load]) -> None:
    """Bars of the design that this bench can show."""
    by_callers = {load.callers: load for load in streamed if load.runs[STACK]}
    lines = _of_one(by_callers[1]) if 1 in by_callers else []
    lines += _of_many(by_callers[32]) if 32 in by_callers else []
    print_lines("Bars", lines)


def _of_one(load: Load) -> list[Line]:
    added = load.added(STACK)
    return [
        Line("1 stream: the stack adds to the first text p50, ms", f"{added:.1f}", "<= 5", added <= 5),
        Line("  of it generation", f"{load.added(GENERATION):.1f}" if load.runs[GENERATION] else "-"),
    ]


def _of_many(load: Load) -> list[Line]:
    ratio, parts = load.ratio(STACK), load.cpu_per_million(STACK)
    cpu = sum(parts.values())
    lines = [
        Line("32 streams: the stack's tokens/s over the engine's", f"{ratio:.3f}", ">= 0.90", ratio >= 0.90),
        Line("32 streams: the stack, CPU-s per 1M tokens", f"{cpu:.0f}", "<= 120", cpu <= 120),
        *(Line(f"  of it {name}", f"{seconds:.0f}") for name, seconds in parts.items()),
    ]
    if load.runs.get(LITELLM):
        part = cpu / sum(load.cpu_per_million(LITELLM).values())
        lines.append(Line("  over LiteLLM's", f"{part:.2f}", "<= 0.50", part <= 0.5))
    return lines


def print_memory(title: str, compared: Compared) -> None:
    """Of the processes of each system, engine left out."""
    lines = []
    for system in compared.systems:
        if system.processes:
            count = f" ({len(system.processes)} processes)" if len(system.processes) > 1 else ""
            lines.append(Line(system.name + count, f"{system.memory_mib():.0f}"))
    print_lines(title, lines)


def _table(title: str, names: Sequence[str], loads: Sequence[Load], cell: Callable[[Load, str], str]) -> None:
    print(f"\n{title}")
    print("  " + " " * _WIDTH + "".join(f"{_callers(load):>16}" for load in loads))
    for name in names:
        print(f"  {name:<{_WIDTH}}" + "".join(f"{cell(load, name) if load.runs[name] else '-':>16}" for load in loads))


def _callers(load: Load) -> str:
    return f"{load.callers} caller{'s' if load.callers > 1 else ''}"


def _speed(load: Load, name: str) -> str:
    return f"{load.speed(name):.0f}" if name == ENGINE else f"{load.speed(name):.0f}  {load.ratio(name):.3f}"


def _first_text(load: Load, name: str) -> str:
    return f"{load.first_text(name):.1f}" if name == ENGINE else f"{load.added(name):+.1f}"


def _cpu(load: Load, name: str) -> str:
    return f"{sum(load.cpu_per_million(name).values()):.0f}"
