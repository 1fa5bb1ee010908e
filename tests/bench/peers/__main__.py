"""Soban's generation beside LiteLLM's proxy and vllm-router, all in front of the same llama.cpp with the bundled model.

Every load goes through each of them in turn, several rounds; ratios are taken within a round. The peers run in
environments of their own under .bench, made at the first run from lock files with hashes.

Usage: PYTHONPATH=tests/bench python -m peers [--quick] [--rounds 3] [--callers 1 8 32 64] [--without-peers]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from peers.asking import Mode
from peers.measuring import Load, measure, warm
from peers.report import print_bars, print_memory, print_mode
from peers.systems import MODEL, Compared, running

_TOKENS = 128
_FEWEST, _MOST = 10, 64


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    callers: Sequence[int]
    peers: bool


async def run(plan: Plan) -> None:
    """Prints everything."""
    print(f"## One engine, every way to it: {MODEL}, {_TOKENS} tokens an answer, {plan.rounds} rounds")
    async with running(max(plan.callers), plan.peers) as compared:
        for name, why in compared.missing.items():
            print(f"LEFT OUT: {name}, {why}")
        print(f"{os.cpu_count()} cores; {_busy():.2f} of them busy before the start")
        print_memory("Memory at rest, MiB", compared)
        began = time.monotonic()
        whole = await _mode(plan, compared, streaming=False)
        streamed = await _mode(plan, compared, streaming=True)
        print_mode("Whole answers", whole, compared)
        print_mode("Streams", streamed, compared)
        print_memory("Memory after the load, MiB", compared)
        print_bars(streamed)
        print(f"\nmeasured for {time.monotonic() - began:.0f} s")


async def _mode(plan: Plan, compared: Compared, *, streaming: bool) -> list[Load]:
    mode = Mode(MODEL, _TOKENS, streaming)
    await warm(compared.systems, mode)
    loads = []
    for callers in plan.callers:
        print(f"... {'streams' if streaming else 'whole answers'}, {callers} at once", file=sys.stderr, flush=True)
        loads.append(await measure(compared.systems, mode, callers, _requests(callers), plan.rounds))
    return loads


def _requests(callers: int) -> int:
    """Two of each caller, and not so many that a whole run takes over twelve minutes on two cores."""
    return max(_FEWEST, min(2 * callers, _MOST), callers)


def _busy() -> float:
    """Cores that others keep busy, over two seconds."""
    return (psutil.cpu_count() or 1) * psutil.cpu_percent(interval=2) / 100


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="peers", description=__doc__.split("\n\nUsage")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round with 1 and 32 callers: under three minutes")
    parser.add_argument("--rounds", type=int, default=3, help="of each load (default: 3)")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32, 64], help="default: 1 8 32 64")
    parser.add_argument("--without-peers", action="store_true", help="only the engine and Soban; installs nothing")
    args = parser.parse_args()
    rounds, callers = (1, [1, 32]) if args.quick else (args.rounds, args.callers)
    # A shell ignores Ctrl-C for what it starts in the background. However this is ended, it ends what it started.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        asyncio.run(run(Plan(rounds, callers, not args.without_peers)))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
