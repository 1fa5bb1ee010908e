"""Everything under k8s/ parses, and pools of nodes are what the chart's resource profiles ask for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
K8S = ROOT / "k8s"
PROFILES: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    (ROOT / "helm" / "soban" / "values.yaml").read_text(encoding="utf-8")
)["resourceProfiles"]
SIMULATED_TAINT = ("kwok.x-k8s.io/node", "fake", "NoSchedule")


@dataclass(frozen=True)
class Pool:
    """Nodes as an autoscaler or kwok would make them. A taint is (key, value, effect)."""

    where: str
    labels: Mapping[str, str]
    taints: frozenset[tuple[str, str, str]] = frozenset()
    resources: Mapping[str, str] = field(default_factory=dict)


def _karpenter() -> Iterator[Pool]:
    for file in sorted((K8S / "node-pools" / "karpenter").glob("*.yaml")):
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        if document["kind"] == "NodePool":
            template = document["spec"]["template"]
            yield Pool(file.name, template["metadata"]["labels"], _taints(template["spec"].get("taints")))


def _eksctl() -> Iterator[Pool]:
    document = yaml.safe_load((K8S / "node-pools" / "eksctl" / "node-groups.yaml").read_text(encoding="utf-8"))
    for group in document["managedNodeGroups"]:
        yield Pool(f"eksctl {group['name']}", group["labels"], _taints(group.get("taints")))


def _gke() -> Iterator[Pool]:
    """By the calls of the script's two functions."""
    text = (K8S / "node-pools" / "gke" / "node-pools.sh").read_text(encoding="utf-8")
    for words in (shlex.split(line) for line in text.splitlines() if re.match(r"(pool|gpu) \S", line)):
        if words[0] == "pool":
            yield Pool(f"gke {words[1]}", dict([words[4].split("=")]))
        else:
            labels = {"nvidia.com/gpu.product": words[4], "soban.dev/resource-profile": words[1]}
            yield Pool(f"gke {words[1]}", labels, frozenset([("nvidia.com/gpu", "present", "NoSchedule")]))


def _simulated() -> Iterator[Pool]:
    for node in _documents(K8S / "simulated" / "nodes.yaml"):
        taints = _taints(node["spec"]["taints"]) - {SIMULATED_TAINT}
        yield Pool(node["metadata"]["name"], node["metadata"]["labels"], taints, node["status"]["allocatable"])


def _taints(listed: list[dict[str, str]] | None) -> frozenset[tuple[str, str, str]]:
    return frozenset((taint["key"], str(taint.get("value", "")), taint["effect"]) for taint in listed or ())


def _documents(file: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document]


SETS = {"karpenter": _karpenter, "eksctl": _eksctl, "gke": _gke, "simulated": _simulated}
FILES = sorted(file for file in K8S.rglob("*.yaml") if "rendered" not in file.parts)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(K8S)))
def test_every_file_parses(file: Path) -> None:
    """As YAML with at least one document."""
    assert _documents(file)


@pytest.mark.parametrize("kind", SETS)
def test_every_pool_is_for_a_resource_profile_of_the_chart(kind: str) -> None:
    """A label that no profile has is a misspelling."""
    for pool in SETS[kind]():
        assert _profile(pool) in PROFILES, pool.where


@pytest.mark.parametrize("kind", SETS)
def test_pods_of_a_profile_may_and_do_go_to_its_pool(kind: str) -> None:
    """Its node selector is among the pool's labels, and every taint is tolerated."""
    for pool in SETS[kind]():
        profile = PROFILES[_profile(pool)]
        selector = profile.get("nodeSelector") or {}
        assert selector, f"pods of {_profile(pool)} go anywhere"
        assert selector.items() <= pool.labels.items(), pool.where
        for taint in pool.taints:
            assert any(_tolerates(each, taint) for each in profile.get("tolerations") or ()), (pool.where, taint)


@pytest.mark.parametrize("kind", SETS)
def test_nodes_with_gpus_are_kept_for_pods_that_use_them(kind: str) -> None:
    """A CPU pod on a GPU node would hold an expensive place."""
    for pool in SETS[kind]():
        has_gpus = "nvidia.com/gpu.product" in pool.labels
        assert has_gpus == ("nvidia.com/gpu" in {key for key, _, _ in pool.taints}), pool.where


def test_pods_of_a_profile_fit_on_its_simulated_nodes() -> None:
    """Requests are not larger than what a node has."""
    for pool in _simulated():
        requests = PROFILES[_profile(pool)].get("requests") or {}
        for name, amount in requests.items():
            assert _number(amount) <= _number(pool.resources[name]), (pool.where, name)


def _profile(pool: Pool) -> str:
    return pool.labels.get("soban.dev/resource-profile", "")


def _tolerates(toleration: Mapping[str, str], taint: tuple[str, str, str]) -> bool:
    key, value, effect = taint
    same_key = toleration.get("key") in (key, None)
    same_value = toleration.get("operator") == "Exists" or toleration.get("value", "") == value
    return same_key and same_value and toleration.get("effect", effect) == effect


def _number(amount: str | int) -> float:
    """A quantity of Kubernetes in its unit: cores, bytes, devices."""
    match = re.fullmatch(r"([\d.]+)([A-Za-z]*)", str(amount))
    assert match, amount
    factors = {"": 1, "m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    return float(match[1]) * factors[match[2]]
