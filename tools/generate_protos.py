"""Generates code from `protos/` into `services/`, in the same folders; with --check, says whether what is committed is
fresh.

Usage: python tools/generate_protos.py [--check]
"""

import argparse
import os
import sys
import sysconfig
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TARGET = ROOT / "services"


def generate(target: Path) -> None:
    """Writes messages, stubs and their types for every .proto file under `target`."""
    os.environ["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"  # protoc-gen-mypy
    include = Path(protoc.__file__).parent / "_proto"
    outputs = [f"--{plugin}_out={target}" for plugin in ("python", "mypy", "grpc_python", "mypy_grpc")]
    files = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    if protoc.main(["protoc", f"-I{PROTOS}", f"-I{include}", *outputs, *files]) != 0:
        sys.exit("protoc failed; its message is above")


def differences() -> list[str]:
    """Returns the generated files that are stale, missing or left over in the tree."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = _generated_under(Path(folder))
    committed = _generated_under(TARGET)
    return sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))


def _generated_under(root: Path) -> dict[str, bytes]:
    """Contents by path below `root`."""
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*_pb2*.py*") if path.suffix != ".pyc"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is stale")
    if not parser.parse_args().check:
        generate(TARGET)
    elif stale := differences():
        sys.exit(f"stale generated code: {', '.join(stale)}; run `make proto`")


if __name__ == "__main__":
    main()
