"""Every example of the chart against a real API server, in a namespace that enforces restricted pod security."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster import definitions
from cluster.invoke import InvokeError
from cluster.outcome import Outcome
from cluster.world import World

RUNG = "a"
TITLE = "Every example passes a dry run of the server under enforced restricted pod security"
ORDER = 100
REAL = (
    "the API server: schemas, defaults, admission, pod security; definitions of KEDA, Prometheus operator, Gateway API"
)
SIMULATED = "everything else: nothing is created"
TIMEOUT = 300.0

_DEFINITIONS = (definitions.KEDA, definitions.PROMETHEUS_OPERATOR, definitions.GATEWAY_API)
_REFUSED = "violates PodSecurity"


async def run(world: World) -> Outcome:
    """Applies objects with `--dry-run=server`, and each pod template also as a pod, which is what is enforced."""
    outcome = Outcome()
    examples = sorted((world.helm.chart / "examples").glob("*.yaml"))
    outcome.expect("examples", len(examples), ">= 6", len(examples) >= 6)
    async with definitions.lent(world.kubectl, *_DEFINITIONS) as lent, world.namespace("examples") as namespace:
        outcome.tell("definitions that the cluster lacked and had during the run", ", ".join(lent) or "none")
        refusal = await _refusal(world, namespace, [_privileged_pod()])
        enforced = _REFUSED in refusal
        told = _REFUSED if enforced else _short(refusal) or "accepted"
        outcome.expect("a privileged pod", told, _REFUSED, enforced)
        # All before the first check: Helm refuses to render what is there already, such as the accounts below.
        rendered = {example: await _rendered(world, namespace, example) for example in examples}
        for example, documents in rendered.items():
            with world.step(f"dry run of {example.name}"):
                refusal = await _check(world, namespace, documents)
            told = refusal or f"{len(documents)} objects, {len(list(pods(documents)))} pods accepted"
            outcome.expect(example.name, _short(told), "accepted, no warning", not refusal)
    return outcome


async def _rendered(world: World, namespace: str, values: Path) -> list[dict[str, Any]]:
    """What an installation would create, with the cluster's own version and APIs."""
    args = ("template", "soban", str(world.helm.chart), "-n", namespace, "--dry-run=server", "-f", str(values))
    text = await world.helm.run(*args)
    return [document for document in yaml.safe_load_all(text) if document]


async def _check(world: World, namespace: str, documents: list[dict[str, Any]]) -> str:
    """Why the server refuses them or what it warns of; empty for nothing."""
    if refusal := await _refusal(world, namespace, documents):
        return refusal
    # Pods are refused without their accounts, so that these are made in earnest.
    accounts = [document for document in documents if document["kind"] == "ServiceAccount"]
    if accounts:
        await world.kubectl.apply(*accounts, namespace=namespace)
    return await _refusal(world, namespace, list(pods(documents)))


async def _refusal(world: World, namespace: str, documents: list[dict[str, Any]]) -> str:
    # Objects of the cluster's may name a namespace of their own, or none.
    text = yaml.safe_dump_all(documents)
    flags = ("--dry-run=server", "--warnings-as-errors", "-n", namespace)
    try:
        await world.kubectl.run("apply", "-f", "-", *flags, stdin=text)
    except InvokeError as err:
        return err.output
    return ""


def pods(documents: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """A pod of each pod template; pods that stand by themselves are among the documents."""
    for document in documents:
        spec = document.get("spec") or {}
        # CronJob, then Job and Deployment.
        template = ((spec.get("jobTemplate") or {}).get("spec") or spec).get("template") or {}
        if "containers" in template.get("spec", {}):
            name = f"{document['kind']}-{document['metadata']['name']}".lower()[:63].rstrip("-")
            labels = template["metadata"].get("labels", {})
            yield {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "labels": labels},
                "spec": template["spec"],
            }


def _privileged_pod() -> dict[str, Any]:
    """What must be refused, or the namespace enforces nothing."""
    container = {"name": "pod", "image": "localhost/nothing:1", "securityContext": {"privileged": True}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "privileged"}, "spec": {"containers": [container]}}


def _short(text: str) -> str:
    return " ".join(text.split())[-300:]
