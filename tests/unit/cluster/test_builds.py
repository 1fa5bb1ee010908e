"""Programs of the test cluster: which, how, and where they are kept. Nothing is built here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster import builds
from cluster.builds import BuildError, build_flags, built, program_name


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And in the home folder without it."""
    monkeypatch.setenv(builds.CACHE_VARIABLE, str(tmp_path))
    assert builds.cache_folder() == tmp_path
    monkeypatch.delenv(builds.CACHE_VARIABLE)
    assert builds.cache_folder() == Path.home() / ".cache" / "soban-tests" / "bin"


def test_kubernetes_says_its_version() -> None:
    """That of go.mod, for servers and clients alike."""
    words = build_flags("kubernetes")[-1]
    version = re.search(r"k8s.io/component-base/version.gitVersion=(v1\.\d+\.\d+)", words)
    assert version is not None
    assert f"k8s.io/client-go/pkg/version.gitVersion={version[1]}" in words
    assert f"gitMinor={version[1].split('.')[1]}" in words


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("helm.sh/helm/v4/cmd/helm", "helm"),
        ("go.etcd.io/etcd/server/v3", "etcd"),
        ("github.com/kedacore/keda/v2/cmd/adapter", "keda-adapter"),
    ],
)
def test_programs_have_clear_names(package: str, name: str) -> None:
    """Also those whose folder has none."""
    assert program_name(package) == name


def test_an_unknown_module_is_answered_with_those_that_exist() -> None:
    """By name."""
    with pytest.raises(BuildError, match=r"no module binaries/helmet; there are .*helm"):
        built("helmet")


def test_a_machine_without_go_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And nothing is left in the cache that looks like a program."""
    monkeypatch.setenv(builds.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BuildError, match="Go is not on PATH"):
        built("helm")
    assert [entry.name for entry in tmp_path.iterdir()] == ["helm.lock"]


def test_what_was_built_is_found_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Go, and under another name as soon as one of its three files differs."""
    module = tmp_path / "modules" / "tool"
    module.mkdir(parents=True)
    for file, text in (
        ("go.mod", "module m"),
        ("go.sum", ""),
        ("tools.go", 'import (\n\t_ "example.org/cmd/tool"\n)\n'),
    ):
        (module / file).write_text(text, encoding="utf-8")
    monkeypatch.setattr(builds, "MODULES", module.parent)
    monkeypatch.setenv(builds.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    entry = tmp_path / "cache" / f"tool-{builds._key(module, build_flags('tool'))}"
    entry.mkdir(parents=True)
    assert built("tool") == {"tool": entry / "tool"}
    (module / "go.sum").write_text("changed", encoding="utf-8")
    with pytest.raises(BuildError):
        built("tool")
