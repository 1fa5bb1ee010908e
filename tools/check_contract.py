"""Lints the protos and compares them with the released contract, by buf from npm.

Left out, and said so, where Node.js is missing; in CI (CI=true) a missing Node.js is an error.
The released contract is protos/released.binpb; CONTRIBUTING.md says when it is written anew.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUF = ROOT / "node_modules/.bin/buf"


def install_buf() -> bool:
    """Installs buf by the lock file; returns whether it is there."""
    if BUF.exists():
        return True
    if shutil.which("npm") is None:
        return False
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=ROOT, check=True)
    return True


def main() -> None:
    if not install_buf():
        print("LEFT OUT: buf lint and buf breaking, as npm (Node.js) is not installed")
        sys.exit(1 if os.environ.get("CI") == "true" else 0)
    for arguments in (["lint", "protos"], ["breaking", "protos", "--against", "protos/released.binpb"]):
        if subprocess.run([BUF, *arguments], cwd=ROOT, check=False).returncode != 0:
            sys.exit(f"buf {arguments[0]} found what is listed above")
    print("buf lint and buf breaking: nothing found")


if __name__ == "__main__":
    main()
