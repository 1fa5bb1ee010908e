"""Metadata of triggers, as people write them."""

from __future__ import annotations

import pytest

from soban.runtime.errors import InvalidField
from soban.scaler.totals import Metric
from soban.scaler.trigger import read_trigger

FULL = {"model": "ko-8b", "sequences": "6", "backlogSeconds": "1.5", "kvCache": "0.8"}
KEDAS = {"scalerAddress": "soban-scaler.ai:50064", "enableTLS": "false", "unsafeSsl": "false"}


def test_all_targets_are_read() -> None:
    """KEDA's own keys come along."""
    trigger = read_trigger({**FULL, **KEDAS}, "scalerMetadata")
    assert trigger.model == "ko-8b"
    assert trigger.targets == {Metric.SEQUENCES: 6, Metric.BACKLOG_SECONDS: 1.5, Metric.KV_CACHE: 0.8}


@pytest.mark.parametrize(
    ("metadata", "field", "part"),
    [
        ({**FULL, "sequnces": "6"}, "sequnces", "the nearest known one is 'sequences'"),
        ({**FULL, "backlog_seconds": "6"}, "backlog_seconds", "the nearest known one is 'backlogSeconds'"),
        ({**FULL, "색": "6"}, "색", "known are backlogSeconds, kvCache, model, sequences"),
        ({"sequences": "6"}, "model", "'model' is required"),
        ({**FULL, "model": " "}, "model", "'model' is required"),
        ({**FULL, "sequences": ""}, "sequences", "must be a number above 0"),
        ({**FULL, "sequences": "여섯"}, "sequences", "must be a number above 0"),
        ({**FULL, "sequences": "0"}, "sequences", "must be a number above 0"),
        ({**FULL, "sequences": "-1"}, "sequences", "must be a number above 0"),
        ({**FULL, "backlogSeconds": "nan"}, "backlogSeconds", "must be a number above 0"),
        ({**FULL, "backlogSeconds": "inf"}, "backlogSeconds", "86400 at most"),
        ({**FULL, "kvCache": "80"}, "kvCache", "1 at most"),
    ],
)
def test_a_wrong_key_is_named(metadata: dict[str, str], field: str, part: str) -> None:
    """With the nearest known one, or what it must be."""
    with pytest.raises(InvalidField) as caught:
        read_trigger(metadata, "scalerMetadata")
    assert caught.value.field == f"scalerMetadata.{field}"
    assert part in caught.value.message


def test_a_trigger_without_any_target_is_wrong() -> None:
    """It would scale on nothing."""
    with pytest.raises(InvalidField, match="sequences, backlogSeconds, kvCache"):
        read_trigger({"model": "ko-8b"}, "scalerMetadata")
