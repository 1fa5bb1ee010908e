"""A base image from Debian packages alone: for machines that reach a mirror of Debian and no registry of images.

Minimal Debian 12 with Python 3.11, the OpenMP library that llama.cpp needs, and certificates. What only an installed
machine needs (apt, login, mount, perl) is taken out, and manuals are, so that 93 MB stay.
"""

import os
import shutil
import subprocess
from pathlib import Path

SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "libgomp1", "ca-certificates", "usr-is-merged")
# Each of them is needed by apt or by an interactive machine only.
REMOVED = (
    "apt adduser debian-archive-keyring debconf e2fsprogs gpgv libapt-pkg6.0 libext2fs2 libgnutls30 libhogweed6 "
    "libidn2-0 libnettle8 libp11-kit0 libss2 libtasn1-6 libunistring2 libxxhash0 login logsave mount ncurses-base "
    "ncurses-bin perl-base python3-pip-whl python3-setuptools-whl sysvinit-utils"
)
_EXCLUDED = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/lib/*/gconv/*")


class BaseError(Exception):
    """What the machine lacks to make a base image."""


def archive(path: Path) -> Path:
    """The root file system as a tar archive, made if `path` is not there yet. Raises BaseError."""
    if path.exists():
        return path
    if shutil.which("mmdebstrap") is None:
        raise BaseError("a base of Debian packages is made by mmdebstrap: apt-get install mmdebstrap")
    if os.geteuid() != 0:
        raise BaseError("mmdebstrap and buildah make files of other users: run as root")
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_suffix(".part.tar")
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED]
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        *options,
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f'--customize-hook=chroot "$1" dpkg --purge --force-all {REMOVED}',
        SUITE,
        str(begun),
    ]
    # One fixed time, and bytecode that is checked by the hash of its source and not by the source's time.
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
    begun.rename(path)
    return path
