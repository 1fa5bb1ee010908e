"""What a run found, as a table for the terminal, a page of Markdown with pictures, and JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.table import Line
from cluster.outcome import Outcome
from cluster.scenario import RUNGS, Scenario


@dataclass(frozen=True)
class Result:
    """One scenario that was run or left out."""

    scenario: Scenario
    outcome: Outcome
    seconds: float

    @property
    def verdict(self) -> str:
        """`passed`, `FAILED` or `left out`."""
        return "left out" if self.outcome.left_out else "passed" if self.outcome.passed else "FAILED"


def failed(results: Sequence[Result]) -> bool:
    """Whether any scenario failed; those left out did not."""
    return any(result.verdict == "FAILED" for result in results)


def table(results: Sequence[Result]) -> str:
    """For a terminal: rung by rung the scenarios, and of those that failed why."""
    rows = []
    for rung, title in RUNGS.items():
        own = [result for result in results if result.scenario.rung == rung]
        if own:
            rows.append(f"({rung}) {title}")
        for result in own:
            scenario = result.scenario
            rows.append(f"    {scenario.name:<24} {result.verdict:<9} {result.seconds:6.1f} s  {scenario.title}")
            rows += [f"        {line}" for line in _reasons(result)]
    return "\n".join(rows)


def _reasons(result: Result) -> list[str]:
    outcome = result.outcome
    unmet = [f"{line.what}: {line.value}, wanted {line.bar}" for line in outcome.lines if line.met is False]
    told = [text for text in (outcome.left_out, *outcome.problem.strip().splitlines()[-3:]) if text]
    return [*unmet, *told]


def write(results: Sequence[Result], facts: Mapping[str, str], folder: Path) -> None:
    """`README.md`, `report.json` and one SVG for each picture; pictures of earlier runs go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for result in results:
        for name, svg in result.outcome.pictures.items():
            (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    (folder / "README.md").write_text(markdown(results, facts), encoding="utf-8")
    text = json.dumps({"facts": dict(facts), "scenarios": [_as_json(each) for each in results]}, ensure_ascii=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")


def markdown(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """The page; `facts` tell of the machine and the cluster."""
    parts = ["# A run of the cluster tests", "", "Written by `make test-cluster`.", ""]
    parts += [f"* {name}: {value}" for name, value in facts.items()]
    parts += [
        "",
        "| rung | scenario | what is shown | real | simulated | result | time |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        scenario = result.scenario
        cells = (
            scenario.rung,
            f"[{scenario.name}](#{scenario.name})",
            scenario.title,
            scenario.real,
            scenario.simulated or "nothing",
            result.verdict,
            f"{result.seconds:.0f} s",
        )
        parts.append(f"| {' | '.join(map(_cell, cells))} |")
    for result in results:
        parts += _section(result)
    return "\n".join(parts) + "\n"


def _section(result: Result) -> list[str]:
    outcome = result.outcome
    parts = ["", f"## {result.scenario.name}", ""]
    if outcome.left_out:
        parts += [f"Left out: {outcome.left_out}."]
    if outcome.problem:
        parts += ["```", outcome.problem.strip(), "```"]
    if outcome.lines:
        parts += ["| figure | value | bar | |", "|---|---|---|---|", *map(_row, outcome.lines)]
    parts += [line for name in outcome.pictures for line in ("", f"![{name}]({name}.svg)")]
    return parts


def _row(line: Line) -> str:
    met = {None: "", True: "met", False: "**NOT MET**"}[line.met]
    return f"| {' | '.join(map(_cell, (line.what, line.value, line.bar, met)))} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _as_json(result: Result) -> dict[str, Any]:
    scenario, outcome = result.scenario, result.outcome
    return {
        "name": scenario.name,
        "rung": scenario.rung,
        "title": scenario.title,
        "real": scenario.real,
        "simulated": scenario.simulated,
        "verdict": result.verdict,
        "seconds": round(result.seconds, 1),
        "lines": [dataclasses.asdict(line) for line in outcome.lines],
        "problem": outcome.problem,
        "left_out": outcome.left_out,
        "pictures": sorted(outcome.pictures),
    }
