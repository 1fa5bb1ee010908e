"""The contract as clients meet it: one import, fresh code, documented RPCs."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pool import Default

import soban.v1 as pb

ROOT = Path(__file__).resolve().parents[2]
FILES = [f"soban/v1/{path.name}" for path in sorted((ROOT / "protos/soban/v1").glob("*.proto"))]


def services() -> list[ServiceDescriptor]:
    return [service for file in FILES for service in Default().FindFileByName(file).services_by_name.values()]


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_code_is_fresh() -> None:
    """What is committed under services/soban/v1 is what the protos generate."""
    assert load_tool("generate_protos").differences() == []


@pytest.mark.parametrize("file", FILES)
def test_one_import_carries_the_whole_contract(file: str) -> None:
    """Every message, enum value and stub can be reached as an attribute of soban.v1."""
    descriptor = Default().FindFileByName(file)
    values = [value.name for enum in descriptor.enum_types_by_name.values() for value in enum.values]
    stubs = [f"{name}{kind}" for name in descriptor.services_by_name for kind in ("Stub", "Servicer")]
    missing = [name for name in (*descriptor.message_types_by_name, *values, *stubs) if not hasattr(pb, name)]
    assert missing == []


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_readme_tells_of_every_rpc_whether_it_is_built(readme: str) -> None:
    """The table of features names each RPC of the contract exactly once."""
    rows = re.findall(r"^\| `(\w+Service)` \| (.*) \| (.*) \|$", (ROOT / readme).read_text(), re.MULTILINE)
    told = {service: sorted(re.findall(r"`(\w+)`", built + later)) for service, built, later in rows}
    assert told == {service.name: sorted(service.methods_by_name) for service in services()}
