"""Kubernetes objects of one rendering, and questions to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

# libyaml's loader where there is one: a rendering is some thousand lines.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Object = dict[str, Any]

POD_TEMPLATES = {"Deployment", "StatefulSet", "DaemonSet", "Job"}


@dataclass(frozen=True)
class Pod:
    """A pod that some object makes, or is."""

    owner: str
    """`Kind/name` of that object."""
    metadata: Object
    spec: Object

    @property
    def component(self) -> str:
        """`gateway`, `engine`, ..."""
        return str(self.metadata.get("labels", {}).get("app.kubernetes.io/component", ""))

    @property
    def containers(self) -> list[Object]:
        """All of them, init containers first."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


class Objects:
    """All objects of a rendering."""

    def __init__(self, objects: list[Object]) -> None:
        self._objects = objects

    @classmethod
    def parse(cls, text: str) -> Objects:
        """From YAML documents; empty ones do not count."""
        return cls([document for document in yaml.load_all(text, _LOADER) if document])

    def __iter__(self) -> Iterator[Object]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def of(self, kind: str) -> dict[str, Object]:
        """By name."""
        return {entry["metadata"]["name"]: entry for entry in self if entry["kind"] == kind}

    def one(self, kind: str, name: str) -> Object:
        """Raises AssertionError that tells which there are."""
        found = self.of(kind)
        assert name in found, f"no {kind} {name}; there are {sorted(found)}"
        return found[name]

    def pods(self) -> list[Pod]:
        """Every pod: of workloads, and those of `helm test`."""
        return [pod for entry in self if (pod := _pod_of(entry)) is not None]

    def pod(self, deployment: str) -> Pod:
        """Of one Deployment."""
        pod = _pod_of(self.one("Deployment", deployment))
        assert pod is not None
        return pod

    def container(self, deployment: str, name: str | None = None) -> Object:
        """Of one Deployment; without a name its first that is no init container."""
        containers: list[Object] = self.pod(deployment).spec["containers"]
        return next(entry for entry in containers if name in (None, entry["name"]))

    def config(self) -> str:
        """The text of soban.yaml."""
        maps = [entry["data"] for entry in self.of("ConfigMap").values()]
        texts = [data["soban.yaml"] for data in maps if "soban.yaml" in data]
        assert len(texts) == 1, f"{len(texts)} ConfigMaps hold a soban.yaml"
        return str(texts[0])

    def sorted(self) -> list[Object]:
        """In an order that does not depend on the version of helm."""
        return sorted(self, key=lambda entry: (entry["kind"], entry["metadata"]["name"]))


def env_of(container: Object) -> dict[str, Any]:
    """Environment of a container: values, or where they come from."""
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}


def _pod_of(entry: Object) -> Pod | None:
    owner = f"{entry['kind']}/{entry['metadata']['name']}"
    if entry["kind"] == "Pod":
        return Pod(owner, entry["metadata"], entry["spec"])
    if entry["kind"] in POD_TEMPLATES:
        template = entry["spec"]["template"]
        return Pod(owner, template["metadata"], template["spec"])
    return None
