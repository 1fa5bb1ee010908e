"""Generates `services/soban/v1` from `protos/`; with --check, says whether what is committed is fresh.

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
        fresh = {path.name: path.read_bytes() for path in (Path(folder) / "soban/v1").iterdir()}
    committed = {path.name: path.read_bytes() for path in (TARGET / "soban/v1").glob("*_pb2*")}
    return sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is stale")
    if not parser.parse_args().check:
        generate(TARGET)
    elif stale := differences():
        sys.exit(f"stale generated code: {', '.join(stale)}; run `make proto`")


if __name__ == "__main__":
    main()
