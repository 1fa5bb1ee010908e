"""The record of replicas and Events, from the API server's own watch format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.kubectl import Kubectl, NotSeenError
from cluster.timeline import Timeline
from unit.cluster.fake_cluster import fake_cluster


def deployment(name: str, desired: int, ready: int, kind: str = "MODIFIED") -> str:
    """One line of a watch."""
    status = {"readyReplicas": ready, "updatedReplicas": ready} if ready else {}
    found = {"metadata": {"name": name}, "spec": {"replicas": desired}, "status": status}
    return json.dumps({"type": kind, "object": found})


def watching(folder: Path, *lines: str) -> Timeline:
    """A timeline of a cluster whose watch of Deployments says these lines and goes on; Events say nothing."""
    (folder / "lines").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    body = f'case "$*" in *deployments*) cat {folder}/lines;; esac\nexec sleep 60'
    return Timeline(Kubectl(fake_cluster(folder, kubectl=body)), "ko")


async def test_timeline_keeps_each_change_of_replicas_once(tmp_path: Path) -> None:
    """A watch speaks of every change of status; only other numbers make an entry."""
    lines = (deployment("soban-engine-ko", 0, 0, "ADDED"), *[deployment("soban-engine-ko", 1, 0)] * 3)
    async with watching(tmp_path, *lines, deployment("soban-engine-ko", 1, 1)) as timeline:
        await timeline.until("soban-engine-ko", lambda seen: seen.ready == 1, 10)
    assert [(seen.desired, seen.ready) for seen in timeline.of("soban-engine-ko")] == [(0, 0), (1, 0), (1, 1)]
    times = [seen.at for seen in timeline.replicas]
    assert timeline.began <= times[0]
    assert times == sorted(times)


async def test_timeline_tells_deployments_apart(tmp_path: Path) -> None:
    """Two pools scale by themselves; one that is deleted has nothing."""
    lines = (deployment("a", 1, 1), deployment("b", 4, 2), deployment("a", 1, 1, "DELETED"))
    async with watching(tmp_path, *lines) as timeline:
        await timeline.until("a", lambda seen: seen.desired == 0, 10)
    assert [(seen.desired, seen.ready) for seen in timeline.of("a")] == [(1, 1), (0, 0)]
    assert [(seen.desired, seen.ready) for seen in timeline.of("b")] == [(4, 2)]


async def test_until_says_how_things_stood(tmp_path: Path) -> None:
    """Whoever reads the failure needs no second run."""
    async with watching(tmp_path, deployment("soban-engine-ko", 1, 0)) as timeline:
        with pytest.raises(NotSeenError, match="soban-engine-ko did not"):
            await timeline.until("soban-engine-ko", lambda seen: seen.ready == 1, 0.2)


async def test_timeline_watches_anew_when_a_watch_ends(tmp_path: Path) -> None:
    """The API server ends watches after a while, and so does its restart."""
    (tmp_path / "line").write_text(deployment("ko", 1, 1) + "\n", encoding="utf-8")
    body = f'case "$*" in *deployments*) ;; *) exec sleep 60;; esac\n[ -e {tmp_path}/again ] && cat {tmp_path}/line\n'
    kubectl = Kubectl(fake_cluster(tmp_path, kubectl=f"{body}touch {tmp_path}/again"))
    async with Timeline(kubectl, "ko") as timeline:
        assert await timeline.until("ko", lambda seen: seen.ready == 1, 10)
