"""The Dockerfile, .dockerignore and what builds them say the same, and what a cluster of restricted pods wants."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from images import __main__ as command
from images.builder import Target
from images.wheels import IMAGES

ROOT = Path(__file__).parents[3]
USER = "10001:10001"


def instructions() -> list[tuple[str, str]]:
    """Each with its rest as one line, without comments."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    whole = re.sub(r" *\\\n *", " ", "\n".join(lines))
    found = [line.partition(" ") for line in whole.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in found]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Instructions of each stage by its name, beginning with its FROM."""
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for instruction, rest in instructions():
        if instruction == "FROM":
            name = rest.rpartition(" AS ")[2]
            found[name] = []
        if name:
            found[name].append((instruction, rest))
    return found


def chain(name: str) -> list[tuple[str, str]]:
    """Instructions of a stage after those of the stages that it stands on."""
    known = stages()
    below = known[name][0][1].partition(" AS ")[0]
    return [*(chain(below) if below in known else []), *known[name]]


def let_through(path: str) -> bool:
    """Whether .dockerignore, which excludes all and then names exceptions, sends anything of `path` to the build."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    return "*" in lines and any(found == path or found.startswith(f"{path}/") for found in kept)


def test_each_image_is_a_stage() -> None:
    """By its name."""
    assert set(IMAGES) <= set(stages())


def test_what_is_copied_comes_from_the_context_or_from_a_stage() -> None:
    """And of the context only what .dockerignore lets through."""
    for rest in (rest for name, rest in instructions() if name == "COPY"):
        *sources, _ = [word for word in shlex.split(rest) if not word.startswith("--")]
        stage = re.search(r"--from=(\S+)", rest)
        if stage:
            assert stage[1] in stages()
        else:
            assert all(let_through(source) for source in sources)


def test_the_context_has_every_module_that_runs_inside_the_build() -> None:
    """install.py and what it imports of its folder."""
    folder = ROOT / "tools" / "images"
    needed, waiting = set(), {"install"}
    while waiting:
        name = waiting.pop()
        needed.add(name)
        imported = re.findall(r"^import (\w+)$", (folder / f"{name}.py").read_text(encoding="utf-8"), re.MULTILINE)
        waiting |= {other for other in imported if (folder / f"{other}.py").exists()} - needed
    assert needed > {"install"}
    assert all(let_through(f"tools/images/{name}.py") for name in needed)


@pytest.mark.parametrize("image", IMAGES)
def test_images_run_as_a_user_without_rights(image: str) -> None:
    """A number: Kubernetes cannot tell whether a name is root."""
    assert [rest for name, rest in chain(image) if name == "USER"][-1] == USER


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_names_its_source(image: str) -> None:
    """Version, revision and license, in labels of the OCI."""
    labels = " ".join(rest for name, rest in chain(image) if name == "LABEL")
    for key in ("title", "description", "licenses", "version", "revision", "created"):
        assert f"org.opencontainers.image.{key}=" in labels


def test_nothing_comes_from_an_address_or_under_a_moving_name() -> None:
    """No ADD, no remote frontend, no `latest`; a base is named with its tag."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "ADD" not in {name for name, _ in instructions()}
    assert not re.search(r"https?://|:latest\b|^# *syntax=", text, re.MULTILINE)
    outside = {rest.partition(" AS ")[0] for name, rest in instructions() if name == "FROM"} - set(stages())
    assert outside == {"${BASE}"}
    assert ("ARG", f"BASE={command.BASE}") in instructions()
    assert re.search(r":[\w.-]+$", command.BASE)


def test_every_argument_that_is_given_is_declared() -> None:
    """An undeclared one would be dropped with a warning."""
    declared = {word.partition("=")[0] for name, rest in instructions() if name == "ARG" for word in shlex.split(rest)}
    target = Target("engine", "localhost/soban/engine:1", "base", Path("x.tar"), {"VERSION": "1"})
    options = target.options(0)
    given = {options[at + 1].partition("=")[0] for at, word in enumerate(options) if word == "--build-arg"}
    assert given | {"VERSION", "REVISION", "CREATED"} == declared
