"""Settings of the scaler: `services.scaler` of soban.yaml."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from soban.runtime.section import Seconds
from soban.runtime.settings import Port, ServerSettings

_SCHEME = "dns:///"


def host_and_port(target: str) -> tuple[str, int]:
    """Of `host:port` or `dns:///host:port`; IPv6 addresses are in brackets. Raises ValueError."""
    parts = urlsplit(f"//{target.removeprefix(_SCHEME)}")
    if not (parts.hostname and parts.port) or parts.netloc != target.removeprefix(_SCHEME) or "@" in parts.netloc:
        raise ValueError("must be host:port or dns:///host:port")
    return parts.hostname, parts.port


def _checked(target: str) -> str:
    host_and_port(target)
    return target


class ScalerSettings(ServerSettings):
    """What the scaler adds to every server's settings."""

    port: Port = 50064
    longest_stream_seconds: Seconds = 3600.0
    """As everywhere; streams to KEDA end a little earlier by themselves."""
    generation: Annotated[str, AfterValidator(_checked)] = "127.0.0.1:50063"
    """`host:port` or `dns:///host:port`; each address of the name, such as that of a headless Service, is a pod."""
    stale_seconds: Annotated[float, Field(gt=5, le=600)] = 15.0
    """How long a silent pod's last numbers count; then the sums are unknown. A pod that lives tells every 5 s."""
