"""The command line: what `python -m cluster` takes."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from cluster.cluster import Cluster
from cluster.machine.bring_up import give_images, step, up
from cluster.machine.layout import DEFAULT_STATE, NODES, Layout
from cluster.machine.leftovers import leftovers
from cluster.machine.node import MachineNode
from cluster.machine.processes import Processes
from cluster.machine.teardown import down


def main(argv: Sequence[str]) -> int:
    """Runs one command; 0 when all went well. SIGTERM and SIGHUP are taken as Ctrl-C: what was begun is taken away."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if argv[:1] == ["run"]:
        # The runner has options of its own, and nobody who brings a cluster up waits for its imports.
        from cluster.run import main as run

        return run(argv[1:])
    given = _parser().parse_args(argv)
    try:
        return int(given.call(given))
    except KeyboardInterrupt:
        print("cluster: interrupted; what was begun is taken away", file=sys.stderr)
        return 1
    except (RuntimeError, FileNotFoundError) as err:
        print(f"cluster: {err}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument("--state", type=_absolute, default=DEFAULT_STATE, help="folder of the cluster (%(default)s)")
    for name, call, text in (
        ("up", _up, "bring a cluster up on this machine and leave it"),
        ("down", _down, "take it away"),
        ("leftovers", _leftovers, "list what is there of it"),
    ):
        commands.add_parser(name, parents=[state], help=text).set_defaults(call=call)
    images = commands.add_parser("import", parents=[state], help="give images to both nodes")
    images.add_argument("archives", nargs="+", type=_absolute, metavar="FILE", help="oci-archive")
    images.set_defaults(call=_import)
    commands.add_parser("run", add_help=False, help="run the scenarios (run --help)")
    return parser


def _up(given: argparse.Namespace) -> int:
    cluster = up(given.state)
    print(f"export KUBECONFIG={cluster.kubeconfig} PATH={cluster.bin_dir}:$PATH")
    return 0


def _down(given: argparse.Namespace) -> int:
    down(given.state)
    return _leftovers(given)


def _leftovers(given: argparse.Namespace) -> int:
    found = leftovers(given.state)
    for line in found:
        print(line)
    return 1 if found else 0


def _import(given: argparse.Namespace) -> int:
    import_images(Cluster.load(given.state), given.archives)
    return 0


def import_images(cluster: Cluster, archives: list[Path]) -> None:
    """Gives archives of images to both nodes of a cluster that was brought up here."""
    if cluster.state is None:
        raise ValueError("images are imported only into a cluster that was brought up here")
    layout = Layout(cluster.state)
    processes = Processes(layout.processes, layout.logs)
    with step(f"import of {', '.join(archive.name for archive in archives)}"):
        give_images([MachineNode(layout, node, processes) for node in NODES], archives)


def _absolute(text: str) -> Path:
    return Path(text).absolute()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
