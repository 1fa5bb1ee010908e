"""The schema knows the keys of soban.yaml that the services know, and the chart's own; the pods are told the former."""

from __future__ import annotations

import json

import pytest
import yaml
from pydantic import BaseModel

from chart.helm import CHART, Chart
from soban.runtime.model_settings import ModelConfig, PriceConfig, ProfileConfig

OF_THE_CHART = {"autoscaling", "engineArgs", "engineEnv", "keySecret", "kueue", "source"}


def aliases(section: type[BaseModel]) -> set[str]:
    """Its keys as a file writes them."""
    return {str(field.alias) for field in section.model_fields.values()}


@pytest.mark.parametrize(
    ("name", "section", "more"),
    [("model", ModelConfig, OF_THE_CHART), ("profile", ProfileConfig, set())],
)
def test_keys_are_those_of_the_services(name: str, section: type[BaseModel], more: set[str]) -> None:
    """A new key of soban.yaml that the schema lacks could not be set in a cluster."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))["definitions"]
    assert set(schema[name]["properties"]) == aliases(section) | more
    assert set(schema["model"]["properties"]["price"]["properties"]) == aliases(PriceConfig)


def test_what_only_the_chart_reads_stays_there(chart: Chart) -> None:
    """Services refuse keys that they do not know."""
    model = {
        "url": "hf://skt/A.X-4.0-Light",
        "engine": "vllm",
        "resourceProfile": "nvidia-l4",
        "engineArgs": ["--quantization=fp8"],
        "engineEnv": [{"name": "A", "value": "b"}],
        "kueue": {"queueName": "gpus"},
        "source": {"pvc": {"claimName": "weights"}},
        "autoscaling": {"mode": "none"},
    }
    outside = {"url": "external", "engine": "external", "address": "https://api.example/v1", "dataLeaves": True}
    objects = chart.render({"models": {"ko": model, "gpt": {**outside, "keySecret": {"name": "key", "key": "api"}}}})
    models = yaml.safe_load(objects.config())["models"]
    assert not OF_THE_CHART & {key for told in models.values() for key in told}
    assert models["gpt"]["keyFile"] == "/run/secrets/soban/gpt/api"
    mounts = {mount["mountPath"] for mount in objects.container("soban-generation")["volumeMounts"]}
    assert "/run/secrets/soban/gpt" in mounts
