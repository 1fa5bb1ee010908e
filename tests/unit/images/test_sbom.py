"""The bill of materials."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from images.sbom import debian_packages, distributions, document, license_of, normal

STATUS = """Package: libgomp1
Status: install ok installed
Architecture: amd64
Version: 12.2.0-14+deb12u1
Description: GCC OpenMP (GOMP) support library
 Version: not this one

Package: perl-base
Status: deinstall ok config-files
Architecture: amd64
Version: 5.36.0-7

Package: base-files
Status: install ok installed
Architecture: amd64
Version: 1:12.4
"""


def installed(site: Path, name: str, *lines: str) -> metadata.Distribution:
    """A distribution with these lines of metadata in the folder `site`."""
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir(parents=True)
    about = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0+ko", *lines]
    (folder / "METADATA").write_text("\n".join(about) + "\n\n한국어 형태소 분석기\n", encoding="utf-8")
    return metadata.Distribution.at(folder)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            [
                "License-Expression: Apache-2.0 OR MIT",
                "License: no",
                "Classifier: License :: OSI Approved :: BSD License",
            ],
            [{"expression": "Apache-2.0 OR MIT"}],
        ),
        (
            ["License: see below", "Classifier: License :: OSI Approved :: MIT License", "Classifier: Topic :: Korean"],
            [{"license": {"name": "MIT License"}}],
        ),
        (["License: LGPL v3 License"], [{"license": {"name": "LGPL v3 License"}}]),
        ([], []),
    ],
)
def test_a_license_is_what_the_newest_field_says(tmp_path: Path, lines: list[str], told: list[object]) -> None:
    """Expression, classifiers, free text, nothing."""
    assert license_of(installed(tmp_path, "ko", *lines).metadata) == told


def test_distributions_have_the_hashes_of_their_wheels(tmp_path: Path) -> None:
    """Under the normal name, with a version that a URL can hold."""
    installed(tmp_path, "Kiwi.piepy_Model")
    (found,) = distributions(tmp_path, {"kiwi-piepy-model": "ab" * 32})
    assert found == {
        "type": "library",
        "name": "kiwi-piepy-model",
        "version": "1.0+ko",
        "purl": "pkg:pypi/kiwi-piepy-model@1.0%2Bko",
        "hashes": [{"alg": "SHA-256", "content": "ab" * 32}],
    }


def test_packages_of_the_base_are_those_that_are_installed(tmp_path: Path) -> None:
    """What was taken out is not told; epochs stay in versions."""
    (tmp_path / "status").write_text(STATUS, encoding="utf-8")
    (tmp_path / "os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n", encoding="utf-8")
    found = list(debian_packages(tmp_path / "status", tmp_path / "os-release"))
    assert [component["purl"] for component in found] == [
        "pkg:deb/debian/libgomp1@12.2.0-14%2Bdeb12u1?arch=amd64&distro=bookworm",
        "pkg:deb/debian/base-files@1:12.4?arch=amd64&distro=bookworm",
    ]


def test_a_base_without_debian_has_no_packages(tmp_path: Path) -> None:
    assert list(debian_packages(tmp_path / "status", tmp_path / "os-release")) == []


def test_the_same_content_is_the_same_text() -> None:
    """Whatever the order in which it was found; no time, no random number."""
    components = [{"purl": f"pkg:pypi/{name}@1", "version": "1"} for name in ("soban", "grpcio", "kiwipiepy")]
    text = document("soban-services", components)
    assert text == document("soban-services", components[::-1])
    told = json.loads(text)
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert told["metadata"]["component"] == {"type": "container", "name": "soban-services", "version": "1"}
    assert [component["purl"] for component in told["components"]] == sorted(part["purl"] for part in components)
    assert not {"serialNumber", "timestamp"} & {*told, *told["metadata"]}


def test_names_are_normal() -> None:
    """As in PEP 503."""
    assert normal("Kiwi__piepy.-Model") == "kiwi-piepy-model"
