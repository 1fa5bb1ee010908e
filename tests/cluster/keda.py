"""What KEDA and its HPA say of a pool."""

from __future__ import annotations

from cluster.kubectl import Kubectl, Object


async def until_scaling(kubectl: Kubectl, namespace: str, pool: str, timeout: float = 90.0) -> None:
    """Returns once the pool's HPA reads a number. Raises NotSeenError."""
    ref = f"horizontalpodautoscaler/{pool}"
    await kubectl.until("its HPA reads a number", ref, namespace, lambda hpa: holds(hpa, "ScalingActive"), timeout)


async def until_fallback(kubectl: Kubectl, namespace: str, pool: str, holding: bool, timeout: float = 90.0) -> None:
    """Returns once KEDA says that the fallback is in force, or that it no longer is. Raises NotSeenError."""
    what = "the fallback is in force" if holding else "the fallback is over"
    ref = f"scaledobject/{pool}"
    await kubectl.until(what, ref, namespace, lambda found: holds(found, "Fallback") is holding, timeout)


def holds(found: Object, condition: str) -> bool:
    """Whether an object's status has the condition with status True."""
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)
