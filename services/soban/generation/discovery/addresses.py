"""`address` and `addresses` of a model to the source that finds its replicas."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from soban.generation.discovery.dns import Dns
from soban.generation.discovery.joined import Joined
from soban.generation.discovery.source import Found, Source
from soban.generation.discovery.static import Static
from soban.runtime.config import ConfigError
from soban.runtime.model_settings import AddressConfig

_DNS, _KUBERNETES = "dns+", "kubernetes+"


def source_of(model: str, addresses: Sequence[AddressConfig]) -> Source:
    """Of the model called `model`. Raises ConfigError for an address that cannot be one."""
    sources = [_source(model, group, address) for group, address in enumerate(addresses)]
    return sources[0] if len(sources) == 1 else Joined(sources)


def _source(model: str, group: int, address: AddressConfig) -> Source:
    key, url = f"models.{model}.addresses", address.url
    try:
        if url.startswith(_DNS):
            return Dns(url.removeprefix(_DNS), group, address.weight)
        if url.startswith(_KUBERNETES):
            return _kubernetes(key, url.removeprefix(_KUBERNETES), group, address.weight)
    except ValueError as err:
        raise ConfigError(key, f"{url}: {err}") from err
    return Static([Found(url, group, address.weight)])


def _kubernetes(key: str, url: str, group: int, weight: float | None) -> Source:
    """The library loads only where an address needs it."""
    if find_spec("kubernetes") is None:
        raise ConfigError(key, "kubernetes+http needs the Kubernetes client: install soban[kubernetes]")
    from soban.generation.discovery.kubernetes import Kubernetes

    return Kubernetes(url, group, weight)
