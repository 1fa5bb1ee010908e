"""`python -m images wheels|base|build`, with tools/ on PYTHONPATH; `make wheels` and `make images` call it."""

import argparse
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from images import archive, debian_base, wheels
from images.builder import BuildError, Target, builder

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
BASE = "docker.io/library/python:3.12-slim-bookworm"
DEBIAN = "debian"


def main(argv: list[str]) -> int:
    """Runs one command; a failure is one line."""
    given = _parser().parse_args(argv)
    try:
        given.call(given)
    except (BuildError, debian_base.BaseError, wheels.WheelsError) as err:
        print(f"images: {err}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as err:
        print(f"images: {Path(str(err.cmd[0])).name} ended with {err.returncode}; its words are above", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m images", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    collect = commands.add_parser("wheels", help="fill build/wheels, for a machine that has a package index")
    collect.add_argument("--python", default="3.12", help="version in the base image (%(default)s)")
    collect.set_defaults(call=_wheels)
    base = commands.add_parser("base", help="make a base image from Debian packages, where no registry is reached")
    base.set_defaults(call=_base)
    build = commands.add_parser("build", help="build both images into build/images")
    build.add_argument("--base", default=BASE, help="base image, or 'debian' for the one of `base` (%(default)s)")
    build.add_argument("--registry", default="localhost", help="begin of the images' names (%(default)s)")
    build.add_argument("--tag", default=wheels.version(ROOT), help="end of the images' names (%(default)s)")
    build.add_argument("--with", dest="tool", choices=("docker", "buildah"), help="default: whichever works")
    build.add_argument("--offline", action="store_true", help="build/wheels is complete: download nothing")
    build.set_defaults(call=_build)
    return parser


def _wheels(given: argparse.Namespace) -> None:
    wheels.collect(ROOT, BUILD / "wheels", given.python, platform.machine(), _epoch())


def _base(_: argparse.Namespace) -> None:
    tool = builder(None, ROOT)
    print(tool.base(debian_base.archive(BUILD / "base.tar")))


def _build(given: argparse.Namespace) -> None:
    tool = builder(given.tool, ROOT)
    epoch = _epoch()
    base = tool.base(debian_base.archive(BUILD / "base.tar")) if given.base == DEBIAN else given.base
    python = tool.python_of(base)
    print(f"images: base {base} has Python {python}", file=sys.stderr)
    if given.offline:
        wheels.check(BUILD / "wheels", python, platform.machine())
        wheels.write_lists(BUILD / "wheels", python, platform.machine())
    else:
        wheels.collect(ROOT, BUILD / "wheels", python, platform.machine(), epoch)
    (BUILD / "images").mkdir(parents=True, exist_ok=True)
    about = {"VERSION": given.tag, "REVISION": _revision(), "CREATED": datetime.fromtimestamp(epoch, UTC).isoformat()}
    for kind in wheels.IMAGES:
        name = f"{given.registry}/soban/{kind}:{given.tag}"
        image = Target(kind, name, base, BUILD / "images" / f"soban-{kind}.tar", about)
        tool.build(image, epoch)
        _tell(image)


def _tell(image: Target) -> None:
    """Puts the bill of materials beside the archive, and says what was built."""
    found = archive.read(image.archive)
    image.archive.with_suffix(".cdx.json").write_bytes(found.sbom)
    packed = image.archive.stat().st_size
    print(f"{image.name}  {found.unpacked / 1e6:.0f} MB unpacked, {packed / 1e6:.0f} MB in {image.archive}")


def _epoch() -> int:
    """Time of the commit: the same source gives the same images. 0 where this is no checkout."""
    return int(_git("log", "-1", "--format=%ct") or 0)


def _revision() -> str:
    return _git("rev-parse", "HEAD") or "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
