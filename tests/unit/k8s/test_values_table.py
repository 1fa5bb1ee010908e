"""The table of values in the chart's README."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
VALUES = """# What is written here is the default.

# Hardware by name.
#   gpu   {count}
profiles:
  # Wherever there is room | or not.
  cpu:
    limits: {cpu: "4"}
# Nobody's.

plain: 1
# Seconds.
wait: 10
"""


@pytest.fixture(scope="module")
def values_table() -> ModuleType:
    """The tool as a module."""
    spec = importlib.util.spec_from_file_location("values_table", ROOT / "tools" / "values_table.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up.
    __import__("sys").modules["values_table"] = module
    spec.loader.exec_module(module)
    return module


def test_the_readme_tells_the_values_as_they_are(values_table: ModuleType) -> None:
    """Whoever changes values.yaml runs tools/values_table.py."""
    assert values_table.main(["--check"]) == 0


def test_a_comment_right_above_a_key_is_its_row(values_table: ModuleType) -> None:
    """A comment with a blank line after it is nobody's, and a key without one has no row."""
    found = [(row.path, row.default, row.text) for row in values_table.rows(VALUES)]
    assert found == [
        ("profiles", "", "Hardware by name.<br>gpu {count}"),
        ("profiles.cpu", "", "Wherever there is room | or not."),
        ("wait", "10", "Seconds."),
    ]


def test_a_bar_in_a_comment_does_not_make_a_column(values_table: ModuleType) -> None:
    """Rows have three cells."""
    rows = values_table.table(VALUES).splitlines()
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)


def test_a_page_without_marks_is_an_error(values_table: ModuleType) -> None:
    """Rather than a page without its table."""
    with pytest.raises(ValueError, match="lacks"):
        values_table.filled("# Chart", VALUES)
