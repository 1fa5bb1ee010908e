"""What is in an image, as CycloneDX 1.6: Python distributions by their own metadata, and the base's Debian packages.

Native libraries inside wheels (llama.cpp in xllamacpp, Kiwi in kiwipiepy, BoringSSL in grpcio) come with the wheel's
version and are not listed one by one. https://cyclonedx.org/docs/1.6/json/
"""

import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]

DPKG_STATUS = Path("/var/lib/dpkg/status")
OS_RELEASE = Path("/etc/os-release")
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)


def write(path: Path, site: Path, *, name: str, wheels: Path) -> None:
    """The document on all that lies in the folder `site`; `wheels` is the list of what was installed, with hashes."""
    pins = {normal(pin[0]): pin[2] for pin in _PINNED.findall(wheels.read_text(encoding="utf-8"))}
    components = [*distributions(site, pins), *debian_packages(DPKG_STATUS, OS_RELEASE)]
    path.write_text(document(name, components), encoding="utf-8")


def document(name: str, components: list[Component]) -> str:
    """Sorted, and without a time or a random serial number: the same content is the same text."""
    soban = [component for component in components if component.get("purl", "").startswith("pkg:pypi/soban@")]
    version = soban[0]["version"] if soban else "0"
    about = {"type": "container", "name": name, "version": version}
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": about},
        "components": sorted(components, key=lambda component: component["purl"]),
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def distributions(site: Path, hashes: dict[str, str]) -> Iterator[Component]:
    """One component for each installed distribution; `hashes` are SHA-256 of wheels by normal name."""
    for found in metadata.distributions(path=[str(site)]):
        name, version = normal(found.metadata["Name"]), found.version
        component: Component = {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{quote(version)}",
            "licenses": license_of(found.metadata),
        }
        if name in hashes:
            component["hashes"] = [{"alg": "SHA-256", "content": hashes[name]}]
        yield {key: value for key, value in component.items() if value}


def license_of(about: metadata.PackageMetadata) -> list[Component]:
    """The expression of newer metadata, else the classifiers, else the first line of the older field."""
    fields = about.json
    if expression := fields.get("license_expression"):
        return [{"expression": str(expression)}]
    classified = [line.rsplit(" :: ", 1)[-1] for line in fields.get("classifier", ()) if line.startswith("License :: ")]
    told = str(fields.get("license") or "").strip().splitlines()[:1]
    return [{"license": {"name": name}} for name in classified or told]


def debian_packages(status: Path, os_release: Path) -> Iterator[Component]:
    """Of the base image; none where it is no Debian."""
    if not status.exists():
        return
    release = re.search(r"^VERSION_CODENAME=(\S+)", os_release.read_text(encoding="utf-8"), re.MULTILINE)
    for paragraph in status.read_text(encoding="utf-8").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version|Architecture): (.+)$", paragraph, re.MULTILINE))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        place = f"?arch={fields['Architecture']}" + (f"&distro={release[1]}" if release else "")
        purl = f"pkg:deb/debian/{quote(fields['Package'])}@{quote(fields['Version'], safe=':')}{place}"
        yield {"type": "library", "name": fields["Package"], "version": fields["Version"], "purl": purl}


def normal(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()
