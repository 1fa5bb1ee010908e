"""Environments of the peers: each has its own, made once from a lock file with hashes, and none is the project's."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[3] / ".bench"
_LOCKS = Path(__file__).parent


class Unavailable(Exception):  # noqa: N818 - named by what is wrong
    """A peer cannot be measured here; says why."""


def program(peer: str) -> Path:
    """Path of the peer's command, in an environment that is made if it is not there. Raises Unavailable."""
    lock = _LOCKS / f"{peer}.lock"
    environment = _FOLDER / peer
    wanted, done = hashlib.sha256(lock.read_bytes()).hexdigest(), environment / "lock.sha256"
    if not done.exists() or done.read_text() != wanted:
        print(f"Installing {peer} into .bench/{peer} (once; a few minutes)", flush=True)
        shutil.rmtree(environment, ignore_errors=True)
        _run(peer, sys.executable, "-m", "venv", str(environment))
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
        _run(peer, str(environment / "bin/python"), *install, "-r", str(lock))
        done.write_text(wanted)
    return environment / "bin" / peer


def _run(peer: str, *command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        last = (done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise Unavailable(f"{peer} could not be installed: {last}")
