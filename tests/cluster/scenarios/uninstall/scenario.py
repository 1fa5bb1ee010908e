"""`helm uninstall`, and a look at everything that is left."""

from __future__ import annotations

import asyncio
import time

from cluster.kubectl import Kubectl
from cluster.outcome import Outcome
from cluster.world import World

RUNG = "c"
TITLE = "helm uninstall leaves nothing, in the namespace and in the cluster"
ORDER = 900
REAL = "every kind of object that the API server can list, custom ones included"
TIMEOUT = 240.0

# Made by Kubernetes itself in every namespace.
_KUBERNETES = ("serviceaccount/default", "configmap/kube-root-ca.crt")
# Records of what has been, and measurements of it.
_RECORDS = ("events", "events.events.k8s.io", "pods.metrics.k8s.io")
_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
_GONE_SECONDS = 120.0


async def run(world: World) -> Outcome:
    """Uninstalls the shared release; who needs it afterwards gets a new one."""
    outcome = Outcome()
    release = await world.serving()
    namespace = release.namespace
    before = await _everything(world.kubectl, namespace)
    outcome.expect("objects of the release before", len(before), ">= 20", len(before) >= 20)
    began = time.monotonic()
    with world.step("helm uninstall --wait"):
        await world.drop_serving()
    outcome.tell("helm uninstall --wait", f"{time.monotonic() - began:.1f} s")
    left = await _left(world.kubectl, namespace)
    outcome.expect("objects left in the namespace", " ".join(left) or "none", "none", not left)
    outcome.tell("all gone after", f"{time.monotonic() - began:.1f} s")
    wide = await _cluster_wide(world.kubectl, namespace)
    outcome.expect("objects left in the cluster", " ".join(wide) or "none", "none", not wide)
    return outcome


async def _left(kubectl: Kubectl, namespace: str) -> list[str]:
    """What is still there after a while: pods may yet be ending streams."""
    end = time.monotonic() + _GONE_SECONDS
    while (left := await _everything(kubectl, namespace)) and time.monotonic() < end:
        await asyncio.sleep(1)
    return left


async def _everything(kubectl: Kubectl, namespace: str) -> list[str]:
    """Names of all objects in a namespace but Kubernetes' own."""
    kinds = await _kinds(kubectl, namespaced=True)
    found = await kubectl.run("get", ",".join(kinds), "-n", namespace, "-o", "name", "--ignore-not-found")
    return sorted(name for name in found.split() if name not in _KUBERNETES)


async def _cluster_wide(kubectl: Kubectl, namespace: str) -> list[str]:
    """Names of objects outside of namespaces that helm made for a release in this one."""
    kinds = await _kinds(kubectl, namespaced=False)
    found = await kubectl.items(",".join(kinds), selector="app.kubernetes.io/managed-by=Helm")
    own = (each for each in found if each["metadata"].get("annotations", {}).get(_RELEASE_NAMESPACE) == namespace)
    return sorted(f"{each['kind']}/{each['metadata']['name']}" for each in own)


async def _kinds(kubectl: Kubectl, namespaced: bool) -> list[str]:
    listed = await kubectl.run("api-resources", f"--namespaced={str(namespaced).lower()}", "--verbs=list", "-o", "name")
    return [kind for kind in listed.split() if kind not in _RECORDS and not kind.endswith("external.metrics.k8s.io")]
