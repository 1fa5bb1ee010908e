"""The chart under test: rendered by a real `helm`, parsed, kept for the session."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chart.objects import Objects
from cluster.builds import BuildError, built

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "soban"
EXAMPLES = CHART / "examples"
KUBE_VERSION = "1.35.4"
FOREIGN_APIS = (
    "keda.sh/v1alpha1/ScaledObject",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "gateway.networking.k8s.io/v1/GRPCRoute",
    "gateway.networking.k8s.io/v1/HTTPRoute",
)
"""What an operator may have installed and the chart can use."""

_OLDEST = (3, 16)
_PATIENCE_SECONDS = 60.0


class HelmMissingError(RuntimeError):
    """There is no helm here, and none can be built."""


class RenderError(AssertionError):
    """Helm refused; the message is what it says, without the chart's own path."""


def find_helm() -> Path:
    """A helm of at least 3.16 on PATH, else ours from Go modules. Raises HelmMissingError."""
    on_path = shutil.which("helm")
    if on_path and _version(on_path) >= _OLDEST:
        return Path(on_path)
    try:
        return built("helm")["helm"]
    except BuildError as err:
        raise HelmMissingError(f"no helm >= {'.'.join(map(str, _OLDEST))} on PATH, and {err}") from err


class Chart:
    """`helm template` and `helm lint` with values as Python mappings. Each rendering is made once."""

    def __init__(self, helm: Path, folder: Path = CHART) -> None:
        self._helm = helm
        self._folder = folder
        self._texts: dict[str, str] = {}

    def render(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        example: str | None = None,
        release: str = "soban",
        namespace: str = "soban",
        apis: Sequence[str] = FOREIGN_APIS,
        kube_version: str = KUBE_VERSION,
        upgrade: bool = False,
    ) -> Objects:
        """The objects of a release, parsed; `values` go over those of `example`. Raises RenderError."""
        flags = ("--kube-version", kube_version, *_each("--api-versions", apis), *(["--is-upgrade"] if upgrade else []))
        return Objects.parse(self._template(values, example, release, namespace, flags))

    def text(self, *, example: str, namespace: str = "soban", tests: bool = True) -> str:
        """An example as `helm template` writes it."""
        flags = ("--kube-version", KUBE_VERSION, *_each("--api-versions", FOREIGN_APIS))
        return self._template(None, example, "soban", namespace, flags if tests else (*flags, "--skip-tests"))

    def notes(self, values: Mapping[str, Any] | None = None) -> str:
        """NOTES.txt as an installation prints it. No cluster is asked, so that checkApis is false."""
        command = ("install", "soban", str(self._folder), "-n", "soban", "--dry-run=client", "-f", "-")
        return self._call(*command, values={"checkApis": False, **(values or {})}).split("\nNOTES:\n", 1)[1]

    def refusal(self, values: Mapping[str, Any], **options: Any) -> str:
        """What helm says against values that must not render."""
        try:
            self.render(values, **options)
        except RenderError as err:
            return str(err)
        raise AssertionError(f"helm rendered what it should refuse: {json.dumps(values, ensure_ascii=False)}")

    def lint(self, *, example: str | None = None) -> str:
        """`helm lint --strict`; raises RenderError with its findings."""
        return self._call("lint", "--strict", str(self._folder), *_files(example), "-f", "-", values=None)

    def _template(
        self, values: Mapping[str, Any] | None, example: str | None, release: str, namespace: str, flags: Sequence[str]
    ) -> str:
        command = ("template", release, str(self._folder), "-n", namespace, *flags, *_files(example), "-f", "-")
        key = json.dumps([command, values], sort_keys=True)
        if key not in self._texts:
            self._texts[key] = self._call(*command, values=values)
        return self._texts[key]

    def _call(self, *args: str, values: Mapping[str, Any] | None) -> str:
        # No cluster may have a say in what the tests see.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
        done = subprocess.run(
            [str(self._helm), *args],
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            env=environment | {"KUBECONFIG": os.devnull},
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RenderError((done.stderr + done.stdout).replace(str(self._folder.parent) + "/", "").strip())
        return done.stdout


def examples() -> list[str]:
    """Names of the chart's examples: `values-<name>.yaml`."""
    return sorted(file.stem.removeprefix("values-") for file in EXAMPLES.glob("values-*.yaml"))


def _files(example: str | None) -> tuple[str, ...]:
    return () if example is None else ("-f", str(EXAMPLES / f"values-{example}.yaml"))


def _each(flag: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (flag, value)]


def _version(helm: str) -> tuple[int, ...]:
    done = subprocess.run([helm, "version", "--short"], capture_output=True, text=True, timeout=30, check=False)
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else (0, 0)
