"""Safety measured: latency, hostile text, cost of a delta, proof by random cuts; with data, recall and false alarms.

`python tests/bench/safety.py [--data FOLDER] [--cuts N]`. FOLDER holds one folder for each set, with JSON lines of
`text` and, for personal data, `spans`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

sys.path.append(str(Path(__file__).resolve().parents[1]))

from table import Line, print_lines

import soban.v1 as pb
from soban.runtime.channels import open_channel
from soban.safety.decisions import Decisions, Direction, Role
from soban.safety.filter import TextFilter
from soban.safety.masking import Placeholders
from soban.safety.policy import Policies
from soban.safety.ruleset import build_scanner
from soban.safety.scanner import Found, Scanner
from soban.safety.taxonomy import CARD, EMAIL, FOREIGNER_NUMBER, PHONE, RESIDENT_NUMBER
from unit.safety.random_texts import random_cuts, random_text

TYPES = {"RRN": RESIDENT_NUMBER, "FRN": FOREIGNER_NUMBER, "PHONE": PHONE, "EMAIL": EMAIL, "CARD": CARD}
BENIGN = ("benign_3i4k", "benign_chatbot", "benign_klue", "benign_kobbq_context", "benign_parakqc", "benign_traps")
CUTS = 100_000

PLAIN = (
    "오늘은 날씨가 맑고 바람이 선선해서 산책하기 좋은 날입니다. 점심에는 근처 식당에서 김치찌개를 먹고, "
    "저녁에는 친구를 만나 영화를 보려고 해요. 주말에는 가족과 함께 도서관에 들러 새로 나온 책을 빌릴 생각입니다. "
)
MIXED = (
    "주문번호 20230103-5230803 배송이 늦어서 연락드립니다. 제 번호는 010-1234-5678이고 메일은 "
    "lee.minsu@example.com으로 주세요. 결제는 12,000원이었고 2024년 3월 5일에 4111-1111-1111-1111 카드로 했습니다. "
)
HOSTILE_LENGTH = 32_000
HOSTILE = {
    "digits": "1",
    "digits and spaces": "1 ",
    "groups of four": "4111 ",
    "dates": "900101-",
    "local parts": "a.",
    "at signs": "a@b.",
    "open brackets": "(",
    "begins of a word": "시",
    "initials": "ㅅㅂ",
    "invisible": "1\u200b",
    "full-width": "０１０－",
    "look-alikes of placeholders": "[전화번호_",
}
PROSE_DELTAS = ["안녕", "하세요", " 오늘", "은", " 날씨", "가", " 참", " 좋", "네요", "."]


def run(data: Path | None = None, cuts: int = CUTS) -> None:
    """Prints all tables."""
    scanner = build_scanner()
    decisions = Policies().get("", "policy").decisions(Direction.OUTPUT, Role.ASSISTANT)
    print_lines("Safety: rules on one text of 200 characters", list(latency(scanner)))
    print_lines(f"Safety: hostile text of {HOSTILE_LENGTH:,} characters", list(hostile(scanner)))
    print_lines(
        "Safety: a delta of plain text through the filter", [*delta_cost(scanner, decisions), *asyncio.run(wire_cost())]
    )
    print_lines("Safety: random cuts", list(proof(scanner, decisions, cuts)))
    if data is not None:
        for name in ("korean_pii_synth", "korean_pii_synth_v2"):
            print_lines(f"Safety: {name}", list(personal_data(scanner, rows(data, name))))
        print_lines("Safety: profanity", list(profanity(scanner, data)))


def latency(scanner: Scanner) -> Iterator[Line]:
    """Of whole texts, in CPU time."""
    for name, text in (("plain prose", PLAIN * 3), ("four pieces of personal data", MIXED * 2)):
        spent = sorted(cpu(lambda text=text[:200]: scan(scanner, text)) for _ in range(2_000))
        p50, p99 = (spent[len(spent) * share // 100] * 1e3 for share in (50, 99))
        yield Line(f"{name}, p50", f"{p50:.3f} ms", "<= 0.5 ms", p50 <= 0.5)
        yield Line(f"{name}, p99", f"{p99:.3f} ms", "<= 1 ms", p99 <= 1)


def hostile(scanner: Scanner) -> Iterator[Line]:
    """Time, and how it grows from a quarter of the text."""
    for name, pattern in HOSTILE.items():
        text = (pattern * HOSTILE_LENGTH)[:HOSTILE_LENGTH]
        quarter = min(cpu(lambda text=text: scan(scanner, text[: HOSTILE_LENGTH // 4])) for _ in range(3))
        whole = min(cpu(lambda text=text: scan(scanner, text)) for _ in range(3))
        yield Line(name, f"{whole * 1e3:.1f} ms", "<= 150 ms", whole <= 0.15)
        yield Line(f"{name}, 4x the text", f"{whole / quarter:.1f} x", "<= 5 x", whole / quarter <= 5)


def delta_cost(scanner: Scanner, decisions: Decisions) -> Iterator[Line]:
    """In process, and how much of a text is held."""

    def stream() -> None:
        text_filter = TextFilter(scanner, decisions, Placeholders())
        for piece in PROSE_DELTAS:
            text_filter.push(piece)

    cost = min(cpu(stream) for _ in range(500)) / len(PROSE_DELTAS)
    yield Line("in process, CPU", f"{cost * 1e6:.1f} us", "<= 10 us", cost <= 1e-5)
    late = pieces = 0
    for offset in range(8):
        text_filter, text = TextFilter(scanner, decisions, Placeholders()), PLAIN[offset:]
        for begin in range(0, len(text), 2):
            pieces += 1
            late += len(text_filter.push(text[begin : begin + 2]).text) < 2
    yield Line("pieces of two characters that wait for the next one", f"{late / pieces:.1%}")


async def wire_cost() -> list[Line]:
    """CPU of the server for a delta that is sent and answered alone, and for deltas that come together."""
    with tempfile.TemporaryDirectory(prefix="soban-bench-") as folder:
        file = Path(folder) / "soban.yaml"
        file.write_text("services: {safety: {port: 0, metricsPort: 0}}", encoding="utf-8")
        command = (sys.executable, "-m", "soban.safety", "-c", str(file))
        server = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        try:
            assert server.stderr is not None
            target = json.loads(await server.stderr.readline())["target"]
            return await _wire_cost(target, psutil.Process(server.pid))
        finally:
            server.terminate()
            await server.wait()


async def _wire_cost(target: str, process: psutil.Process, deltas: int = 5_000) -> list[Line]:
    channel = open_channel(target)
    stub = pb.SafetyServiceStub(channel)
    messages = [pb.FilterRequest(text=pb.FilterText(text=piece)) for piece in PROSE_DELTAS]
    lines = []
    for name, together in (("over gRPC, one by one, server CPU", 1), ("over gRPC, ten at a time, server CPU", 10)):
        call = stub.Filter()
        await call.write(pb.FilterRequest(config=pb.FilterConfig()))
        before, waits = sum(process.cpu_times()[:2]), []
        for _ in range(deltas // together):
            began = time.perf_counter()
            for message in messages[:together]:
                await call.write(message)
            await call.read()
            waits.append(time.perf_counter() - began)
        cost = (sum(process.cpu_times()[:2]) - before) / deltas
        call.cancel()
        lines.append(Line(name, f"{cost * 1e6:.0f} us", "", None))
        if together == 1:
            p99 = sorted(waits)[len(waits) * 99 // 100] * 1e3
            lines.append(Line("over gRPC, there and back, p50", f"{statistics.median(waits) * 1e3:.2f} ms", "", None))
            lines.append(Line("over gRPC, there and back, p99", f"{p99:.2f} ms", "<= 4 ms", p99 <= 4))
    await channel.close()
    return lines


def proof(scanner: Scanner, decisions: Decisions, cases: int) -> Iterator[Line]:
    """Whole against cut, output and findings."""
    source, differing, found = random.Random(2026), 0, 0

    def filtered(pieces: Sequence[str]) -> tuple[str, list[Any]]:
        text_filter = TextFilter(scanner, decisions, Placeholders())
        released = [text_filter.push(piece) for piece in pieces] + [text_filter.push("", final=True)]
        return "".join(piece.text for piece in released), [finding for piece in released for finding in piece.findings]

    for _ in range(cases):
        text = random_text(source).text
        whole = filtered([text])
        differing += whole != filtered(random_cuts(text, source))
        found += len(whole[1])
    yield Line("texts", f"{cases:,}")
    yield Line("findings in them", f"{found:,}")
    yield Line("texts with another output or other findings", f"{differing}", "0", differing == 0)


def personal_data(scanner: Scanner, samples: Sequence[dict[str, Any]]) -> Iterator[Line]:
    """Recall as typed (right category over more than half) and fully covered; negatives that were flagged."""
    total, typed, covered = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for sample in samples:
        found = [one for one in scan(scanner, sample["text"]) if one.category in TYPES.values()]
        hidden = {position for one in found for position in range(one.start, one.end)}
        for span in sample["spans"]:
            if span["type"] in TYPES:
                key = (span["type"], "plain" if span["evasion"] == "none" else "disguised")
                total[key] += 1
                typed[key] += _overlap(found, span) * 2 > span["end"] - span["start"]
                inside = range(span["start"], span["end"])
                covered[key] += all(place in hidden or not sample["text"][place].isalnum() for place in inside)
    for key in sorted(total, reverse=True):
        share, cover = typed[key] / total[key], covered[key] / total[key]
        met = (share >= 0.98 and cover >= 0.99) if key[1] == "plain" else None
        bar = ".98 / .99" if key[1] == "plain" else ""
        yield Line(f"{' '.join(key)} ({total[key]}), typed / covered", f"{share:.3f} / {cover:.3f}", bar, met)
    negatives = [sample["text"] for sample in samples if sample["negative"]]
    flagged = sum(any(one.category in TYPES.values() for one in scan(scanner, text)) for text in negatives)
    yield Line(f"negatives flagged (of {len(negatives)})", f"{flagged}", "<= 8", flagged <= 8)


def profanity(scanner: Scanner, data: Path) -> Iterator[Line]:
    """Recall on abusive comments beside their clean ones, and harmless text flagged."""
    for name in ("dev", "train"):
        comments = rows(data, "curse", f"{name}.jsonl")
        for label, what, bar in ((1, "recall", ""), (0, "clean ones flagged", "<= 1 %" if name == "dev" else "")):
            texts = [comment["text"] for comment in comments if comment["label"] == label]
            share = sum(_swears(scanner, text) for text in texts) / len(texts)
            yield Line(f"curse {name}, {what} (of {len(texts)})", f"{share:.1%}", bar, share <= 0.01 if bar else None)
    for name in BENIGN:
        samples = rows(data, name)
        flagged = sum(_swears(scanner, sample["text"]) for sample in samples)
        private = sum(
            any(one.category in TYPES.values() for one in scan(scanner, sample["text"])) for sample in samples
        )
        share = flagged / len(samples)
        yield Line(f"{name}, flagged (of {len(samples)})", f"{flagged}", "<= .3 %", share <= 0.003)
        yield Line(f"{name}, personal data found", f"{private}", "0", private == 0)


def rows(data: Path, name: str, pattern: str = "*.jsonl") -> list[dict[str, Any]]:
    """All lines of a set."""
    files = sorted((data / name).glob(pattern))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def scan(scanner: Scanner, text: str) -> Sequence[Found]:
    """All findings of a whole text."""
    return scanner.scan(lambda _: 1).feed(text, final=True).found


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _overlap(found: Iterable[Found], span: dict[str, Any]) -> int:
    same = (one for one in found if one.category == TYPES[span["type"]])
    return max((min(one.end, span["end"]) - max(one.start, span["start"]) for one in same), default=0)


def _swears(scanner: Scanner, text: str) -> bool:
    return any(one.category.startswith("abuse.") for one in scan(scanner, text))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with development sets")
    parser.add_argument("--cuts", type=int, default=CUTS, help="number of random texts for the proof")
    options = parser.parse_args()
    run(options.data, options.cuts)
