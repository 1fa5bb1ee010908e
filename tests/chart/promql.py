"""Which metrics and labels a PromQL expression names. Enough of the language for the expressions of this chart."""

from __future__ import annotations

import re

_WORD = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_STRING = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'")
_RANGE = re.compile(r"\[[^\]]*\]")
_MATCHERS = re.compile(r"\{([^{}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_CALL = re.compile(rf"{_WORD}(?=\s*\()")
_NAME = re.compile(rf"(?<![0-9.]){_WORD}")
_KEYWORDS = frozenset({"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset"})
_VALUES = frozenset({"bool", "inf", "nan", "atan2"})

# What Prometheus itself writes for every target.
OF_PROMETHEUS = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped"})


def metrics_of(expression: str) -> set[str]:
    """Names of series that the expression reads."""
    bare = _STRING.sub('""', expression)
    for pattern in (_RANGE, _MATCHERS, _GROUPING, _CALL):
        bare = pattern.sub(" ", bare)
    return {name for name in _NAME.findall(bare) if name.lower() not in _KEYWORDS | _VALUES}


def labels_of(expression: str) -> set[str]:
    """Labels that it selects or groups by."""
    bare = _STRING.sub('""', expression)
    matched = [re.findall(rf"({_WORD})\s*(?:=~|!~|!=|=)", inside) for inside in _MATCHERS.findall(bare)]
    grouped = [re.findall(_WORD, inside) for inside in _GROUPING.findall(bare)]
    return {label for labels in (*matched, *grouped) for label in labels}
