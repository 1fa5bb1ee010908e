"""Each example renders to its golden file, so that a change to the chart is reviewed like code."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from chart.helm import ROOT, Chart, examples


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """tools/render_chart.py."""
    spec = importlib.util.spec_from_file_location("render_chart", ROOT / "tools" / "render_chart.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_renderings_are_fresh(tool: ModuleType, chart: Chart) -> None:
    """Golden files, and the manifests for people without Helm."""
    stale = [told for file, text in tool.renderings(chart).items() if (told := tool.difference(file, text))]
    assert not stale, "run `python tools/render_chart.py` and review what it changes:\n" + "\n".join(stale)


def test_no_rendering_is_left_over(tool: ModuleType) -> None:
    """A golden file of an example that has gone."""
    assert {file.stem for file in tool.GOLDEN.glob("*.yaml")} == set(examples())
    assert {file.stem for file in tool.MANIFESTS.glob("*.yaml")} == set(tool.WITHOUT_HELM)


@pytest.mark.parametrize("example", examples())
def test_examples_pass_strict_lint(chart: Chart, example: str) -> None:
    """As `helm lint --strict -f` of a user."""
    assert "0 chart(s) failed" in chart.lint(example=example)


def test_the_chart_alone_passes_strict_lint(chart: Chart) -> None:
    """With the values that it comes with."""
    assert "0 chart(s) failed" in chart.lint()


def test_manifests_hold_no_hooks(tool: ModuleType) -> None:
    """`kubectl apply` would run them as plain pods."""
    for file in tool.MANIFESTS.glob("*.yaml"):
        assert "helm.sh/hook" not in file.read_text(encoding="utf-8"), file
