"""The whole stack against the engine alone: the same engine process, model and load, in turn, in one run.

Usage: PYTHONPATH=tests python tests/bench/stack.py [--rounds 3] [--model bundled|smollm2] [--streams 1 8 32]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import openai_load
import rig as rigs
from table import Line, print_lines

import smollm2
import soban.v1 as pb
from soban.cli import load as grpc_load
from soban.cli.load import Load, Report

_KOREAN = (
    "안녕하세요, 오늘 기분이 어떠세요?",
    "점심에 뭘 먹으면 좋을까요?",
    "주말에 비가 온다는데 어디로 가면 좋을까?",
    "요즘 잠이 잘 안 와서 걱정이에요.",
    "친구랑 다퉜는데 먼저 사과해야 할까요?",
    "새로 산 노트북이 너무 느린 것 같아요.",
    "내일 면접인데 너무 떨려요.",
    "운동을 시작하고 싶은데 뭐부터 할까?",
)
_ENGLISH = (
    "What is the capital of Korea?",
    "Tell me about the sea.",
    "How do I cook rice?",
    "Why is the sky blue?",
    "Give me three names for a cat.",
    "What should I see in Seoul?",
    "How do plants grow?",
    "Write a short greeting.",
)
_STREAMS = (1, 8, 32)
_PATHS = ("engine", "grpc", "http")


@dataclass(frozen=True)
class Subject:
    """A model and what to ask it."""

    name: str
    url: str
    questions: Sequence[str]
    tokens: int


@dataclass
class Rounds:
    """Reports of the same load over each path, and the services' CPU seconds while gRPC was measured."""

    reports: dict[str, list[Report]] = field(default_factory=lambda: {path: [] for path in _PATHS})
    cpu: dict[str, float] = field(default_factory=dict)

    def speed_ratio(self, path: str) -> float:
        """Median over rounds of the path's tokens/s over the engine's."""
        pairs = zip(self.reports[path], self.reports["engine"], strict=True)
        return median(mine.tokens_per_second / engine.tokens_per_second for mine, engine in pairs)

    def first_text_added(self, path: str, quantile: str) -> float:
        """Median over rounds of the milliseconds added to the first text."""
        pairs = zip(self.reports[path], self.reports["engine"], strict=True)
        return median(mine.first_text_ms[quantile] - engine.first_text_ms[quantile] for mine, engine in pairs)

    def speed(self, path: str) -> float:
        """Median tokens/s."""
        return median(report.tokens_per_second for report in self.reports[path])

    @property
    def cpu_per_million(self) -> dict[str, float]:
        """CPU seconds per million output tokens by service."""
        tokens = sum(report.output_tokens for report in self.reports["grpc"])
        return {name: 1e6 * seconds / tokens for name, seconds in self.cpu.items()}


async def measure(rig: rigs.Rig, subject: Subject, streams: int, requests: int, rounds: int) -> Rounds:
    """Each round asks over every path in turn, so that a slow moment of the machine hits all alike."""
    found = Rounds()
    for _ in range(rounds):
        for path in _PATHS:
            before = rig.cpu_seconds()
            report = await _report(rig, subject, path, streams, requests)
            if report.errors:
                raise RuntimeError(f"{path}: {dict(report.errors)}")
            found.reports[path].append(report)
            if path == "grpc":
                spent = {name: seconds - before[name] for name, seconds in rig.cpu_seconds().items()}
                found.cpu = {name: found.cpu.get(name, 0.0) + seconds for name, seconds in spent.items()}
    return found


async def _report(rig: rigs.Rig, subject: Subject, path: str, streams: int, requests: int) -> Report:
    if path == "grpc":
        load = Load(streams, requests, seconds=300, timeout=120)
        return await grpc_load.measure(rig.grpc_target, lambda number: _chat(subject, number), load)
    api = rig.engine if path == "engine" else rig.gateway
    return await openai_load.measure(api, lambda number: _body(subject, number), streams, requests)


def _chat(subject: Subject, number: int) -> pb.ChatRequest:
    question = pb.ContentPart(text=_question(subject, number))
    options = pb.GenerationOptions(max_tokens=subject.tokens, ignore_eos=True, temperature=0.7, seed=number)
    return pb.ChatRequest(
        model=subject.name, messages=[pb.Message(role=pb.ROLE_USER, parts=[question])], options=options
    )


def _body(subject: Subject, number: int) -> Mapping[str, Any]:
    return {
        "model": subject.name,
        "messages": [{"role": "user", "content": _question(subject, number)}],
        "max_tokens": subject.tokens,
        "temperature": 0.7,
        "seed": number,
        "stream": True,
        "stream_options": {"include_usage": True},
        "ignore_eos": True,
    }


def _question(subject: Subject, number: int) -> str:
    return f"{subject.questions[number % len(subject.questions)]} ({number})"


async def measure_subject(subject: Subject, rounds: int, streams: Sequence[int] = _STREAMS) -> None:
    """Prints everything about one model."""
    print(f"\n## Whole stack against the engine alone: {subject.name}, {subject.tokens} tokens an answer")
    async with rigs.running(subject.name, subject.url, parallel=max(streams)) as rig:
        await _report(rig, subject, "grpc", 4, 8)
        await _print_rest(rig)
        for count in streams:
            requests = max(8, 2 * count)
            print_lines(f"{count} streams", _lines(count, await measure(rig, subject, count, requests, rounds)))


def _lines(streams: int, rounds: Rounds) -> list[Line]:
    costs = rounds.cpu_per_million
    path_cost = sum(costs[name] for name in ("gateway", "generation", "safety"))
    by_service = ", ".join(f"{name} {seconds:.0f}" for name, seconds in costs.items())
    return [
        Line("engine alone, tokens/s", f"{rounds.speed('engine'):.0f}"),
        Line(
            "gRPC, tokens/s over the engine's",
            f"{rounds.speed_ratio('grpc'):.3f}",
            *((">= 0.90", rounds.speed_ratio("grpc") >= 0.90) if streams == 32 else ()),
        ),
        Line("OpenAI HTTP, tokens/s over the engine's", f"{rounds.speed_ratio('http'):.3f}"),
        Line(
            "gRPC, first text added p50, ms",
            f"{rounds.first_text_added('grpc', 'p50'):.1f}",
            *(("<= 5", rounds.first_text_added("grpc", "p50") <= 5) if streams == 1 else ()),
        ),
        Line("gRPC, first text added p99, ms", f"{rounds.first_text_added('grpc', 'p99'):.1f}"),
        Line("OpenAI HTTP, first text added p50, ms", f"{rounds.first_text_added('http', 'p50'):.1f}"),
        Line("CPU-s per 1M tokens, gateway+generation+safety", f"{path_cost:.0f}", "<= 120", path_cost <= 120),
        Line(f"  of it: {by_service}", ""),
    ]


async def _print_rest(rig: rigs.Rig) -> None:
    """At rest: memory against its bars, CPU over five seconds."""
    bars = {"gateway": 150, "generation": 150, "safety": 300, "tokenization": 660}
    memory = rig.memory_mib()
    before, began = rig.cpu_seconds(), time.monotonic()
    await asyncio.sleep(5)
    spent = sum(rig.cpu_seconds().values()) - sum(before.values())
    cores = spent / (time.monotonic() - began)
    lines = [
        Line(f"memory of {name}, MiB", f"{memory[name]:.0f}", f"<= {bar}", memory[name] <= bar)
        for name, bar in bars.items()
    ]
    total = sum(memory.values())
    lines.append(Line("memory of all, MiB", f"{total:.0f}", "<= 1536", total <= 1536))
    lines.append(Line("CPU of all, cores", f"{cores:.3f}", "<= 1", cores <= 1))
    print_lines("at rest, without the engine", lines)


def run(models: Sequence[str] = ("bundled", "smollm2"), rounds: int = 3, streams: Sequence[int] = _STREAMS) -> None:
    """Measures each model; SmolLM2 is left out, and said so, where it cannot be fetched."""
    if "bundled" in models:
        asyncio.run(measure_subject(Subject("soban-demo", "bundled:soban-demo", _KOREAN, 128), rounds, streams))
    if "smollm2" in models:
        try:
            path = smollm2.path()
        except smollm2.Unavailable as err:
            print(f"\nLEFT OUT: SmolLM2, {err}")
            return
        asyncio.run(measure_subject(Subject("smollm2-135m", str(path), _ENGLISH, 48), rounds, streams))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", choices=("bundled", "smollm2"), help="default: both")
    parser.add_argument("--rounds", type=int, default=3, help="of each path and load (default: 3)")
    parser.add_argument("--streams", type=int, nargs="+", default=list(_STREAMS), help="default: 1 8 32")
    args = parser.parse_args()
    run(args.model or ("bundled", "smollm2"), args.rounds, args.streams)


if __name__ == "__main__":
    main()
