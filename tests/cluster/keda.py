"""What KEDA and its HPA say of a pool."""

from __future__ import annotations

from cluster.kubectl import Kubectl, Object


async def until_scaling(kubectl: Kubectl, namespace: str, pool: str, scaling: bool, timeout: float = 90.0) -> None:
    """Returns once the pool's HPA reads a number, or once it does not. Raises NotSeenError."""
    what = f"its HPA reads {'a' if scaling else 'no'} number"
    ref = f"horizontalpodautoscaler/{pool}"
    await kubectl.until(what, ref, namespace, lambda hpa: holds(hpa, "ScalingActive") is scaling, timeout)


def holds(found: Object, condition: str) -> bool:
    """Whether an object's status has the condition with status True."""
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)
