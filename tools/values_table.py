"""Writes the table of values into the chart's README from the comments of values.yaml; with --check only compares.

A comment above a key becomes a row; keys without one are told by the comment of what they stand in.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHART = Path(__file__).parents[1] / "helm" / "soban"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"
_KEY = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z0-9][\w.-]*):(?: (?P<value>.*))?$")
_COMMENT = re.compile(r"^ *# ?(?P<text>.*)$")


@dataclass(frozen=True)
class Row:
    """One key: its path by dots, its default as written (empty for what has keys of its own), what it is."""

    path: str
    default: str
    text: str


def rows(values: str) -> Iterator[Row]:
    """Of every key of values.yaml that has a comment above it, in the file's order."""
    path: list[tuple[int, str]] = []
    told: list[str] = []
    for line in values.splitlines():
        if comment := _COMMENT.match(line):
            told.append(comment["text"])
            continue
        if key := _KEY.match(line):
            indent = len(key["indent"])
            path = [*(step for step in path if step[0] < indent), (indent, key["name"])]
            if told:
                yield Row(".".join(name for _, name in path), (key["value"] or "").strip(), _joined(told))
        told = []


def _joined(lines: Sequence[str]) -> str:
    """Lines that are indented stand by themselves, the others make sentences."""
    text = ""
    for line in lines:
        text += f"<br>{' '.join(line.split())}" if line.startswith("  ") else f" {line}"
    return text.strip()


def table(values: str) -> str:
    """Markdown."""
    lines = ["| key | default | |", "|---|---|---|"]
    for row in rows(values):
        default = f"`{_cell(row.default)}`" if row.default else ""
        lines.append(f"| `{row.path}` | {default} | {_cell(row.text)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<name>", "&lt;name&gt;")


def filled(page: str, values: str) -> str:
    """The page with the table between its two marks. Raises ValueError when they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{begin}\n{table(values)}\n{end}{after}"


def main(argv: Sequence[str]) -> int:
    """0 when the page is, or now is, as the values say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when the page is not up to date")
    given = parser.parse_args(argv)
    page = CHART / "README.md"
    old = page.read_text(encoding="utf-8")
    new = filled(old, (CHART / "values.yaml").read_text(encoding="utf-8"))
    if new != old and not given.check:
        page.write_text(new, encoding="utf-8")
    if new != old and given.check:
        print("helm/soban/README.md does not tell the values as they are: run tools/values_table.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
