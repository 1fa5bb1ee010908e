"""Settings of the gateway: `services.gateway` of soban.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from soban.runtime.section import Seconds, Section
from soban.runtime.settings import MIB, Port, ServerSettings

SAFETY_PORT = 50062
GENERATION_PORT = 50063


class Upstreams(Section):
    """Where the services behind the gateway are: `host:port` or `dns:///name:port`."""

    safety: str | None = None
    """None means the port of `services.safety` on this machine."""
    generation: str | None = None
    """None means the port of `services.generation` on this machine."""

    def beside(self, services: Mapping[str, Mapping[str, Any]]) -> Upstreams:
        """With what is unset taken from the other services' sections of the same file."""
        return Upstreams(
            safety=self.safety or f"127.0.0.1:{services['safety'].get('port', SAFETY_PORT)}",
            generation=self.generation or f"127.0.0.1:{services['generation'].get('port', GENERATION_PORT)}",
        )


class GatewaySettings(ServerSettings):
    """What the gateway adds to every server's settings."""

    port: Port = 50051
    http_port: Port = 8080
    """Port of the OpenAI HTTP API, on the same host; 0 takes a free one."""
    upstreams: Upstreams = Upstreams()
    default_policy: Annotated[str, Field(min_length=1)] = "default"
    """Safety policy for requests and models that name none."""
    client_policies: tuple[str, ...] = ()
    """Policies that a request may name besides its model's own; by default no client chooses how strictly it is
    filtered."""
    ai_notice: str = ""
    """Notice for people that a generative model writes, returned with every answer (AI Basic Act, Art. 31)."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=1024 * MIB)] = 4 * MIB
    """Largest HTTP body; four times the default of maxTextBytes leaves room for JSON's escapes."""
    max_text_bytes: Annotated[int, Field(ge=1)] = MIB
    """Most UTF-8 bytes of all texts of one request, about three times a context of 128k tokens in Korean."""
    check_seconds: Seconds = 10.0
    """Longest wait for the judgement of the input; after it the request ends UNAVAILABLE."""
    tenant_label: Annotated[str, Field(max_length=64)] = ""
    """Key of the request label that names the tenant, for queueing fairly and for charging; empty means one tenant."""
    log_labels: tuple[str, ...] = ()
    """Keys of the labels that the log line of a chat shows; others stay out of the log."""
    log_user_salt: str = ""
    """Key under which that line hashes `user` and a tenant that does not look like a name, and a request without a
    session finds its user's caches; empty means a random one, new with each start of a process. Several gateways need
    the same."""
    log_user_salt_file: str | None = None
    """File that holds that key, in place of it, such as a Secret that is mounted."""

    @model_validator(mode="after")
    def _one_salt(self) -> GatewaySettings:
        if self.log_user_salt and self.log_user_salt_file is not None:
            raise ValueError("logUserSalt and logUserSaltFile exclude each other")
        return self
