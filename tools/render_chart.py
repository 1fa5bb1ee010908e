"""Writes what the chart's examples render to: golden files of the tests, and manifests for people without Helm.

`python tools/render_chart.py` writes them all; `--check` writes nothing and exits with 1 when one is not fresh.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from chart.helm import Chart, examples, find_helm  # noqa: E402
from chart.objects import Objects  # noqa: E402

GOLDEN = ROOT / "tests" / "chart" / "golden"
MANIFESTS = ROOT / "k8s" / "rendered"
WITHOUT_HELM = ("cpu-only", "mixed")
"""Examples that are also manifests."""


def renderings(chart: Chart) -> dict[Path, str]:
    """Text by the file that should hold it."""
    golden = {GOLDEN / f"{name}.yaml": chart.text(example=name) for name in examples()}
    manifests = {MANIFESTS / f"{name}.yaml": _manifest(chart, name) for name in WITHOUT_HELM}
    return golden | manifests


def difference(file: Path, text: str) -> str:
    """What is not the same in `file`, as a diff of its objects; empty when it is fresh.

    Objects are compared, not text, since versions of Helm differ in blank lines and order.
    """
    old = _normal(file.read_text(encoding="utf-8")) if file.is_file() else []
    lines = difflib.unified_diff(old, _normal(text), str(file.relative_to(ROOT)), "as rendered now", lineterm="", n=2)
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """The exit code: 1 when `--check` finds a file that is not fresh."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is not fresh")
    check = parser.parse_args(argv).check
    stale = 0
    for file, text in renderings(Chart(find_helm())).items():
        if told := difference(file, text):
            stale += 1
            print(told if check else f"writing {file.relative_to(ROOT)}")
            if not check:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


def _manifest(chart: Chart, example: str) -> str:
    head = (
        f"# helm/soban with examples/values-{example}.yaml, rendered by tools/render_chart.py; do not edit.\n"
        "# kubectl create namespace soban && kubectl apply -n soban -f THIS_FILE\n"
    )
    return head + chart.text(example=example, tests=False)


def _normal(text: str) -> list[str]:
    objects = Objects.parse(text).sorted()
    return yaml.safe_dump_all(objects, allow_unicode=True, width=200).splitlines()


if __name__ == "__main__":
    sys.exit(main())
