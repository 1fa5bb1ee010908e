"""Runs inside the build: installs /wheels into /opt/soban, so that two builds give the same files.

    python3 install.py services|engine

No pip, no tests of libraries, no cache stays behind. Bytecode does: the servers' root is read-only, and on half a core
compiling takes longer than starting. It is of the kind that names no time ("unchecked-hash").
"""

import compileall
import ctypes
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import elf
import sbom

OPENMP = "libgomp.so.1"
WHEELS = Path("/wheels")
PREFIX = Path("/opt/soban")

# By their place under site-packages: tests, what only a compiler reads, and generated clients of Kubernetes APIs. Of
# the latter (1,900 modules, 70 MB) generation asks for EndpointSlices alone and reads the answers itself.
SUPERFLUOUS = (
    "**/tests",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/random/lib",
    "numpy/f2py",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "kubernetes/**/client/api/*_api.py",
    "kubernetes/**/client/models/[!_]*.py",
)
# What of them is loaded with the API that generation asks stays.
ASKED = "kubernetes.aio.client.api.discovery_v1_api"
# What must work in the image; a library that lacks a part of it ends the build.
WORKS = {
    "services": "import kiwipiepy, tokenizers, kubernetes.aio.client as c; c.DiscoveryV1Api; "
    "from soban import gateway, generation, safety, scaler, tokenization; import soban.cli.main",
    "engine": "import xllamacpp, huggingface_hub, soban.generation.engine_pod, soban.generation.fetch",
}
# The bundled model, which services never read.
ENGINES_ALONE = ("soban/generation/bundled/*.gguf",)


def main() -> None:
    """Everything in order; any failure ends the build."""
    image = sys.argv[1]
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", PREFIX], check=True)
    site = next(PREFIX.glob("lib/python*/site-packages"))
    _install(WHEELS / f"{image}.txt")
    for path in _superfluous(site, image):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for script in PREFIX.glob("bin/[aA]ctivate*"):
        script.unlink()
    for library in site.rglob("*.so*"):
        elf.strip(library)
    if image == "engine":
        _keep_openmp()
    _compile(site)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(PREFIX / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([PREFIX / "bin/python", "-c", WORKS[image]], check=True, env=environment)
    sbom.write(PREFIX / "sbom.cdx.json", site, name=f"soban-{image}", wheels=WHEELS / f"{image}.txt")
    _set_times(int(os.environ.get("SOURCE_DATE_EPOCH", "0")))


def _install(requirements: Path) -> None:
    """pip runs out of its own wheel, so that the base image needs none."""
    pip = next(WHEELS.glob("pip-*.whl"))
    options: list[str | Path] = [
        "--no-index",
        "--find-links",
        WHEELS,
        "--require-hashes",
        "--no-deps",
        "--no-compile",
        "--no-cache-dir",
    ]
    quiet = ["--disable-pip-version-check", "--root-user-action=ignore", "--quiet"]
    command = [PREFIX / "bin/python", pip / "pip", "install", *options, *quiet, "-r", requirements]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})


def _keep_openmp() -> None:
    """llama.cpp's wheel needs GNU OpenMP, which slim bases lack: it is put beside, from the base or from Debian.

    The license of libgomp (GPL-3.0 with the GCC Runtime Library Exception) lets it be passed on so.
    """
    if not _has(OPENMP):
        apt = ["apt-get", "--quiet", "--yes"]
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "install", "--no-install-recommends", "libgomp1"], check=True)
    (found,) = {path.resolve() for path in Path("/usr/lib").rglob(OPENMP)}
    (PREFIX / "lib").mkdir(exist_ok=True)
    shutil.copyfile(found, PREFIX / "lib" / OPENMP)


def _has(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _superfluous(site: Path, image: str) -> list[Path]:
    patterns = SUPERFLUOUS if image == "engine" else (*SUPERFLUOUS, *ENGINES_ALONE)
    found = {path for pattern in patterns for path in site.glob(pattern)} - _loaded(site)
    return sorted(path for path in found if not found.intersection(path.parents))


def _loaded(site: Path) -> set[Path]:
    """Files of the modules that are loaded with ASKED; none in an image without it."""
    if not (site / ASKED.replace(".", "/")).with_suffix(".py").exists():
        return set()
    code = f"import sys, {ASKED}; print(*(getattr(module, '__file__', None) or '' for module in sys.modules.values()))"
    done = subprocess.run([PREFIX / "bin/python", "-B", "-c", code], check=True, capture_output=True, text=True)
    return {Path(file) for file in done.stdout.split()}


def _compile(site: Path) -> None:
    """One module after the other: what marshal writes depends on what was compiled before it in a process."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(site, quiet=2, invalidation_mode=mode, workers=1):
        print("some modules of libraries are not Python of this version, and stay as they are")


def _set_times(seconds: int) -> None:
    """Of every file and folder, and of links themselves."""
    for folder, names, files in os.walk(PREFIX, topdown=False):
        for name in [*names, *files]:
            os.utime(Path(folder, name), (seconds, seconds), follow_symlinks=False)
    os.utime(PREFIX, (seconds, seconds))


if __name__ == "__main__":
    main()
