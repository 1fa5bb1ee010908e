"""A cluster whose `kubectl` and `helm` are scripts of a test's own."""

from __future__ import annotations

from pathlib import Path

from cluster.cluster import Cluster


def fake_cluster(folder: Path, **scripts: str) -> Cluster:
    """A cluster with these programs, each the body of a shell script that finds its arguments in `$*`."""
    for name, body in scripts.items():
        file = folder / name
        file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        file.chmod(0o755)
    return Cluster(folder / "kubeconfig", folder, ("node-1", "node-2"))
