"""What safety decided, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import soban.v1 as pb
from soban.cli.console import Console
from soban.cli.width import clip, printable

_ACTIONS = {
    pb.ACTION_ALLOW: ("ALLOW 통과", "green"),
    pb.ACTION_MASK: ("MASK 가림", "yellow"),
    pb.ACTION_BLOCK: ("BLOCK 차단", "red"),
}
_UNDECIDED = ("? 미정", "dim")


def action_name(action: pb.Action.ValueType) -> str:
    """`BLOCK 차단`."""
    return _ACTIONS.get(action, _UNDECIDED)[0]


def action_style(action: pb.Action.ValueType) -> str:
    """Its colour."""
    return _ACTIONS.get(action, _UNDECIDED)[1]


def highlighted(text: str, findings: Iterable[pb.Finding], console: Console) -> str:
    """`text` with the found spans (in code points) marked."""
    shown, done = "", 0
    for finding in sorted(findings, key=lambda finding: finding.span.start):
        start, end = max(done, finding.span.start), finding.span.end
        if not finding.HasField("span") or end <= start:
            continue
        shown += printable(text[done:start]) + console.paint(printable(text[start:end]), action_style(finding.action))
        done = end
    return shown + printable(text[done:])


def with_placeholders(text: str, findings: Iterable[pb.Finding], console: Console) -> str:
    """Masked text with its placeholders marked."""
    shown = printable(text)
    for placeholder in dict.fromkeys(finding.placeholder for finding in findings if finding.placeholder):
        shown = shown.replace(placeholder, console.paint(placeholder, "yellow", "bold"))
    return shown


def finding_lines(verdict: pb.Verdict, text: str) -> Iterator[str]:
    """Category, action, what was found and what takes its place, evidence."""
    for finding in verdict.findings:
        found = clip(text[finding.span.start : finding.span.end], 30) if finding.HasField("span") else ""
        place = finding.placeholder and f" → {finding.placeholder}"
        tier = pb.Tier.Name(finding.tier).removeprefix("TIER_").lower()
        line = f"{finding.category} {pb.Action.Name(finding.action).removeprefix('ACTION_')} {found}{place}"
        yield f"{line} ({tier} {finding.confidence:.2f})" + "".join(f"; {clip(text, 60)}" for text in finding.evidence)
    for rejected in verdict.rejected:
        yield f"{rejected.category} dropped: {clip(rejected.reason, 70)}"


def reason_of(verdict: pb.Verdict) -> str:
    """The decision in words in both languages; empty when there is none."""
    return printable(" / ".join(text for text in (verdict.reason.ko, verdict.reason.en) if text))


def summary_of(verdicts: Iterable[pb.Verdict]) -> str:
    """`안전 safety: 입력 input MASK 가림 pii.phone→[전화번호_1]`; one phrase for all when they pass."""
    told = [_phrase(verdict) for verdict in verdicts if verdict.action not in (pb.ACTION_ALLOW, pb.ACTION_UNSPECIFIED)]
    return f"안전 safety: {', '.join(told)}" if told else "안전 safety: ALLOW 통과"


def _phrase(verdict: pb.Verdict) -> str:
    way = "출력 output" if verdict.direction == pb.DIRECTION_OUTPUT else "입력 input"
    found = dict.fromkeys(
        finding.category + (f"→{finding.placeholder}" if finding.placeholder else "") for finding in verdict.findings
    )
    return " ".join([way, action_name(verdict.action), *found])
