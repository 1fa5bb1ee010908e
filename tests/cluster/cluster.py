"""A cluster that can be used: where its kubeconfig and programs are, and what it is made of."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

RECORD = "cluster.json"


class CommandError(RuntimeError):
    """A program of the cluster ended with an error; the message is the command and what it wrote to stderr."""

    def __init__(self, command: list[str], code: int, stderr: str) -> None:
        super().__init__(f"{' '.join(command)} ended with {code}: {stderr.strip()}")
        self.code = code
        self.stderr = stderr


@dataclass(frozen=True)
class Cluster:
    """A cluster, given or brought up here.

    kubeconfig  file with the rights of an administrator
    bin_dir     folder that holds `kubectl` and `helm`
    nodes       names of nodes whose kubelets run pods
    state       folder of a cluster that was brought up on this machine; None for one that was given
    """

    kubeconfig: Path
    bin_dir: Path
    nodes: tuple[str, ...]
    state: Path | None = None

    @property
    def real(self) -> bool:
        """Whether it was brought up on this machine, so that its processes can be stopped and images imported."""
        return self.state is not None

    def kubectl(self, *args: str, stdin: str | None = None, timeout: float = 60.0) -> str:
        """What kubectl prints; raises CommandError when it fails, TimeoutExpired after `timeout` seconds."""
        command = [str(self.bin_dir / "kubectl"), *args]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout, env=self.environment(), check=False
        )
        if done.returncode:
            raise CommandError(["kubectl", *args], done.returncode, done.stderr)
        return done.stdout

    def environment(self) -> dict[str, str]:
        """Variables for programs that talk to the cluster: its kubeconfig, its programs first, no proxy between."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        path = f"{self.bin_dir}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        own = {"KUBECONFIG": str(self.kubeconfig), "PATH": path}
        if self.state is not None:
            # Or what kubectl and helm learn of the API stays in the user's home.
            own["KUBECACHEDIR"] = str(self.state / "kube-cache")
        return kept | own

    def save(self) -> None:
        """Writes its record into the state folder; only of a cluster that was brought up here."""
        if self.state is None:
            raise ValueError("a cluster that was given has no state folder")
        record = {"kubeconfig": str(self.kubeconfig), "bin_dir": str(self.bin_dir), "nodes": list(self.nodes)}
        (self.state / RECORD).write_text(json.dumps(record, indent=1))

    @classmethod
    def load(cls, state: Path) -> Cluster:
        """The cluster whose state is in that folder; FileNotFoundError where none is up."""
        record = json.loads((state / RECORD).read_text())
        return cls(Path(record["kubeconfig"]), Path(record["bin_dir"]), tuple(record["nodes"]), state)
