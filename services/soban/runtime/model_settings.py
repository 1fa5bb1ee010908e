"""`models` and `profiles` of soban.yaml: what clients can name, and the engines behind it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from soban.runtime.section import Section

DEMO_MODEL = "soban-demo"

EngineKind = Literal["llamacpp", "tgi", "vllm", "sglang", "openvino", "external"]
WITHOUT_ADAPTERS = frozenset({"openvino", "external"})
"""Kinds of engine that have no LoRA adapters."""
Money = Annotated[float, Field(ge=0, le=1e12)]

_SCHEMES = ("http", "https", "dns+http", "dns+https", "kubernetes+http", "kubernetes+https")
_ADDRESS = re.compile(rf"({'|'.join(map(re.escape, _SCHEMES))})://[^/\s]+(/\S*)?")


class AddressConfig(Section):
    """Replicas that run already, and the share of requests that is theirs."""

    url: str
    """`http://host:port` is one replica. `dns+http://host:port` is one for each address that the name has;
    `kubernetes+http://service.namespace:port` is one for each ready endpoint of that Service."""
    weight: Annotated[float, Field(ge=0, le=1e6)] | None = None
    """Share of requests against the other addresses of this model, whatever their number of replicas; without it
    every replica counts the same."""

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        return _checked_address(value)


class PriceConfig(Section):
    """What a model costs. Token prices are per million; what is not set costs nothing."""

    currency: Literal["KRW", "USD"]
    input_tokens: Money = 0.0
    cached_input_tokens: Money | None = None
    """Of tokens that came from the prompt cache; without it as `inputTokens`."""
    output_tokens: Money = 0.0
    engine_hour: Money = 0.0
    """Of one replica for an hour, such as its GPU's; requests that run side by side share it."""


class ModelConfig(Section):
    """One model that clients can name."""

    url: str
    """`bundled:soban-demo`, a file path, `file:...`, or `hf://owner/repo[/file.gguf]`."""
    engine: EngineKind = "llamacpp"
    address: str | None = None
    """Where an engine runs already, as `addresses[].url`; none means that Soban starts a llama.cpp of its own."""
    addresses: tuple[AddressConfig, ...] = ()
    """Several of them, in place of `address`."""
    engine_model: str | None = None
    """The model's name in the engine; without it the repository of an `hf://` url, else the engine's only model."""
    key_file: str | None = None
    """File that holds the key which the engine wants."""
    key_env: str | None = None
    """Environment variable that holds it."""
    data_leaves: bool | None = None
    """Whether prompts leave the operator's own machines. Engine external must say; others do not leave."""
    adapters: dict[str, str] = Field(default_factory=dict)
    """LoRA adapters by name: a path, or for engines that have them loaded already an empty text."""
    price: PriceConfig | None = None
    tokenizer: str | None = None
    """Path of the model's `tokenizer.json`."""
    resource_profile: str | None = None
    min_replicas: Annotated[int, Field(ge=0)] = 1
    """Of engines that Soban starts: how many. In a cluster the least that run."""
    max_replicas: Annotated[int, Field(ge=1)] = 1
    context_length: Annotated[int, Field(ge=64)] | None = None
    """Tokens; none means what the model says."""
    parallel: Annotated[int, Field(ge=1, le=4096)] = 32
    """Sequences that one engine runs at once."""
    threads: Annotated[int, Field(ge=1)] | None = None
    queue_limit: Annotated[int, Field(ge=0)] = 64
    """Requests that wait for a free sequence before further ones are refused."""
    hold_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """How long a request waits while no replica is ready."""
    safety_policy: str | None = None
    system_prompt: str | None = None
    sampling: dict[str, float] = Field(default_factory=dict)

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else _checked_address(value)

    @model_validator(mode="after")
    def _fits_together(self) -> ModelConfig:
        if self.address is not None and self.addresses:
            raise ValueError("address and addresses exclude each other")
        if self.key_file is not None and self.key_env is not None:
            raise ValueError("keyFile and keyEnv exclude each other")
        if self.engine != "llamacpp" and not self.replica_addresses:
            raise ValueError(f"engine {self.engine} is not started by Soban: give the address of a running one")
        if self.engine == "external" and self.data_leaves is None:
            raise ValueError("engine external needs dataLeaves: true if prompts leave your own machines, else false")
        if self.adapters and self.engine in WITHOUT_ADAPTERS:
            raise ValueError(f"engine {self.engine} has no LoRA adapters")
        return self

    @property
    def replica_addresses(self) -> tuple[AddressConfig, ...]:
        """Both spellings as one; empty for engines that Soban starts."""
        return self.addresses if self.address is None else (AddressConfig(url=self.address),)


class ProfileConfig(Section):
    """A domain profile: a model under a name of its own, with adapter, instructions, sampling and policy."""

    model: str
    """Name of the model in `models`."""
    adapter: str | None = None
    """One of the model's `adapters`."""
    system_prompt: str | None = None
    """In place of the model's."""
    sampling: dict[str, float] = Field(default_factory=dict)
    """Over the model's."""
    safety_policy: str | None = None
    """In place of the model's."""


def _checked_address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise ValueError(f"must start with one of {known} and name a host")
    return value.rstrip("/")


def demo_models() -> dict[str, ModelConfig]:
    """What a file without `models` serves: the bundled model."""
    return {DEMO_MODEL: ModelConfig(url=f"bundled:{DEMO_MODEL}")}
