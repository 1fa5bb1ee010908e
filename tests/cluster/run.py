"""`python -m cluster run`: the scenarios against a cluster that is given, or one that is brought up for them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cluster.builds import BuildError
from cluster.cluster import Cluster
from cluster.command import import_images
from cluster.helm import Helm
from cluster.images import ARCHIVES, archives, built, name_of, values_of
from cluster.kubectl import Kubectl
from cluster.machine.bring_up import up
from cluster.machine.layout import DEFAULT_STATE
from cluster.machine.lock import TakenError
from cluster.machine.packages import UnfitMachineError, provide
from cluster.machine.teardown import down
from cluster.report import Result, failed, table, write
from cluster.runner import run_all
from cluster.scenario import RUNGS, Scenario, load_all
from cluster.world import World

_CHART = Path(__file__).resolve().parents[2] / "helm" / "soban"


def main(argv: Sequence[str]) -> int:
    """0 when nothing failed, 1 when something did or the run was interrupted."""
    given = _parser().parse_args(argv)
    scenarios = _chosen(given.rung, given.only)
    if given.list:
        print("\n".join(f"{each.rung}  {each.name:<24} {each.title}" for each in scenarios))
        return 0
    try:
        with _cluster(given) as cluster:
            results, facts = asyncio.run(_run(given, cluster, scenarios))
    except KeyboardInterrupt:
        print("cluster: interrupted; everything that was begun is taken away", file=sys.stderr)
        return 1
    except (BuildError, TakenError, UnfitMachineError, FileNotFoundError) as err:
        print(f"cluster: {err}", file=sys.stderr)
        return 1
    print(f"\n{table(results)}")
    if given.report:
        write(results, facts, given.report)
    return int(failed(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster run", description=__doc__)
    parser.add_argument("--rung", default="".join(RUNGS), help="only these, such as a,c (default: all)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this scenario; may be repeated"
    )
    parser.add_argument("--kubeconfig", type=_absolute, help="a cluster that runs; without it one is brought up")
    parser.add_argument("--images", type=_absolute, metavar="DIR", help="archives; without it they are built anew")
    parser.add_argument("--registry", default="", help="registry of the images, where the cluster is a given one")
    parser.add_argument("--state", type=_absolute, default=DEFAULT_STATE, help="folder of the cluster (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="use a cluster of --state that is up, and leave it")
    parser.add_argument("--prefix", default="soban-test-", help="begin of all namespaces (%(default)s)")
    parser.add_argument("--report", type=_absolute, metavar="DIR", help="write the report with its pictures there")
    parser.add_argument("--list", action="store_true", help="print the scenarios and run none")
    return parser


def _chosen(rungs: str, names: Sequence[str]) -> list[Scenario]:
    return [each for each in load_all() if each.rung in rungs and (not names or each.name in names)]


@contextlib.contextmanager
def _cluster(given: argparse.Namespace) -> Iterator[Cluster]:
    """The one of the kubeconfig, the one that stands at --state (with --keep), or a new one."""
    if given.kubeconfig:
        with tempfile.TemporaryDirectory(prefix="soban-test-") as folder:
            yield _foreign(given.kubeconfig, Path(folder))
        return
    provide()
    images = archives(given.images or built())
    if given.keep:
        cluster = Cluster.load(given.state)
        import_images(cluster, images)
        yield cluster
        return
    # Before the `try`: a cluster that somebody else has up is not this run's to take away, and `up` tidies for itself.
    cluster = up(given.state)
    try:
        import_images(cluster, images)
        yield cluster
    finally:
        down(given.state)


def _foreign(kubeconfig: Path, folder: Path) -> Cluster:
    """Somebody's cluster, and the `kubectl` and `helm` of this machine's PATH."""
    for program in ("kubectl", "helm"):
        found = shutil.which(program)
        if found is None:
            raise FileNotFoundError(f"{program} is not in PATH")
        (folder / program).symlink_to(found)
    cluster = Cluster(kubeconfig, folder, ())
    nodes = json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]
    real = [
        node["metadata"]["name"]
        for node in nodes
        if "kwok.x-k8s.io/node" not in node["metadata"].get("annotations", {})
    ]
    return Cluster(kubeconfig, folder, tuple(real))


async def _run(
    given: argparse.Namespace, cluster: Cluster, scenarios: Sequence[Scenario]
) -> tuple[list[Result], dict[str, str]]:
    images = _images(given, cluster)
    world = World(cluster, Kubectl(cluster), Helm(cluster, _CHART), images, given.prefix)
    facts = await asyncio.to_thread(facts_of, cluster)
    return await run_all(scenarios, world, _abilities(cluster)), facts


def _images(given: argparse.Namespace, cluster: Cluster) -> dict[str, Any]:
    """Of the archives that were imported; in a given cluster those of the chart, from a registry if one is named."""
    if cluster.real:
        return values_of(*map(name_of, archives(given.images or ARCHIVES)))
    return {"global": {"imageRegistry": given.registry}} if given.registry else {}


def _abilities(cluster: Cluster) -> frozenset[str]:
    """What of runner.NEEDS this cluster has."""
    have = {"own-machine", "kwok"} if cluster.real else set()
    return frozenset(have | ({"two-nodes"} if len(cluster.nodes) > 1 else set()))


def facts_of(cluster: Cluster) -> dict[str, str]:
    """Of the machine and the cluster, for the report."""
    version = json.loads(cluster.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}",
        "Kubernetes": f"{version}, {'brought up on this machine' if cluster.real else 'given'}",
        "nodes with real kubelets": ", ".join(cluster.nodes),
    }


def _absolute(text: str) -> Path:
    return Path(text).absolute()
