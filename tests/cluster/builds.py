"""Builds programs from the Go modules of `binaries/` and keeps them in a cache outside the checkout.

`built("helm")` returns `{"helm": path}`: built by `go build` the first time (minutes), found the next (milliseconds).
The folder's `tools.go` names the programs and its `go.mod` and `go.sum` fix every version; a change to these, to a
program of our own in the folder, or to how they are built, makes a new entry of the cache. Old entries stay until the
cache is deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "binaries"
CACHE_VARIABLE = "SOBAN_TEST_CACHE"
DEFAULT_CACHE = Path("~/.cache/soban-tests/bin")

# Names for programs whose folder is named less clearly than they are.
PROGRAM_NAMES = {
    "go.etcd.io/etcd/server/v3": "etcd",
    "github.com/kedacore/keda/v2/cmd/operator": "keda-operator",
    "github.com/kedacore/keda/v2/cmd/adapter": "keda-adapter",
}

IMPORT = re.compile(r'^\s*_ "([^"]+)"', re.MULTILINE)


class BuildError(RuntimeError):
    """A program could not be built: Go is missing, or `go build` failed."""


@dataclass(frozen=True)
class Stamp:
    """Variables that a project's own build sets to the version of `source`, a module that go.mod requires.

    Each is `PACKAGE.VARIABLE=FORMAT`; FORMAT may hold {version} (with its v), {bare} (without), {major} and {minor}.
    """

    source: str
    variables: tuple[str, ...]


# Kubernetes reports v0.0.0 without them, which Helm and KEDA take for a cluster that is too old.
_KUBERNETES_VERSION = ("gitVersion={version}", "gitMajor={major}", "gitMinor={minor}", "gitTreeState=clean")
STAMPS = {
    "kubernetes": Stamp(
        "k8s.io/kubernetes",
        tuple(
            f"{package}.{variable}"
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for variable in _KUBERNETES_VERSION
        ),
    ),
    "helm": Stamp("helm.sh/helm/v4", ("helm.sh/helm/v4/internal/version.version={version}",)),
    "keda": Stamp("github.com/kedacore/keda/v2", ("github.com/kedacore/keda/v2/version.Version={bare}",)),
}


def built(name: str) -> dict[str, Path]:
    """Programs of `binaries/<name>`, path by program name; raises BuildError when they cannot be built."""
    module = MODULES / name
    if not (module / "go.mod").is_file():
        known = ", ".join(sorted(folder.parent.name for folder in MODULES.glob("*/go.mod")))
        raise BuildError(f"no module binaries/{name}; there are {known}")
    packages = IMPORT.findall((module / "tools.go").read_text(encoding="utf-8"))
    flags = build_flags(name)
    entry = cache_folder() / f"{name}-{_key(module, flags)}"
    if not entry.is_dir():
        with _locked(entry.parent / f"{name}.lock"):
            if not entry.is_dir():  # another process may have built it while this one waited
                _build(module, packages, flags, entry)
    return {program_name(package): entry / program_name(package) for package in packages}


def cache_folder() -> Path:
    """Where built programs are kept: $SOBAN_TEST_CACHE, or ~/.cache/soban-tests/bin."""
    return Path(os.environ.get(CACHE_VARIABLE) or DEFAULT_CACHE).expanduser()


def program_name(package: str) -> str:
    """What the program of this package is called in the cache."""
    return PROGRAM_NAMES.get(package, package.rsplit("/", 1)[-1])


def build_flags(name: str) -> tuple[str, ...]:
    """Flags of `go build` for `binaries/<name>`."""
    words = ["-s", "-w"]
    if stamp := STAMPS.get(name):
        version = _required(MODULES / name, stamp.source)
        bare = version.removeprefix("v")
        major, minor = bare.split(".")[:2]
        for variable in stamp.variables:
            words += ["-X", variable.format(version=version, bare=bare, major=major, minor=minor)]
    # The version control stamp would make the build depend on the commit of this checkout.
    return ("-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", " ".join(words))


def _required(module: Path, source: str) -> str:
    text = (module / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^(?:require)?\s*{re.escape(source)} (v\S+)", text, re.MULTILINE)
    if not found:
        raise BuildError(f"binaries/{module.name}/go.mod does not require {source}")
    return found[1]


def _key(module: Path, flags: Sequence[str]) -> str:
    digest = hashlib.sha256(" ".join(flags).encode())
    for file in (module / "go.mod", module / "go.sum", *sorted(module.rglob("*.go"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _build(module: Path, packages: Sequence[str], flags: Sequence[str], entry: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise BuildError(f"Go is not on PATH; it is needed once to build {module.name} (https://go.dev/dl)")
    # Beside the entry, so that the last step is a rename: an entry is whole or not there.
    folder = Path(tempfile.mkdtemp(prefix=f".{module.name}-", dir=entry.parent))
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    _say(f"building {module.name} from Go modules (minutes, this once)")
    began = time.monotonic()
    try:
        command = [go, "build", *flags, "-o", f"{folder}/", *packages]
        done = subprocess.run(command, cwd=module, env=environment, check=False)
        if done.returncode:
            raise BuildError(f"go build of binaries/{module.name} ended with {done.returncode}; its messages are above")
        _put_names(folder, packages)
        folder.chmod(0o755)
        folder.rename(entry)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _say(f"built {module.name} in {time.monotonic() - began:.0f} s: {entry}")


def _put_names(folder: Path, packages: Sequence[str]) -> None:
    for package in packages:
        # Go names a program after its folder, leaving out a last element that is a major version.
        written = re.sub(r"/v\d+$", "", package).rsplit("/", 1)[-1]
        (folder / written).rename(folder / program_name(package))


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Holds an exclusive lock of `file`; the system lets go of it when this process ends, however it ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another build of {file.stem}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
