"""`routes` of soban.yaml: names that stand for a strategy over models, profiles and other routes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from soban.runtime.section import Section

STRATEGIES = ("fallback", "cascade", "vote", "split")
Names = Annotated[tuple[str, ...], Field(min_length=1, max_length=16)]


class EscalateConfig(Section):
    """When a cascade leaves an answer and asks its next model. Every test that is set is made."""

    mean_logprob: Annotated[float, Field(le=0)] | None = None
    """The mean log-probability of the answer's tokens is under this."""
    refusal: bool = True
    """The answer refuses or says that it does not know, in Korean or English."""
    min_characters: Annotated[int, Field(ge=0)] = 1
    """The answer is shorter."""
    truncated: bool = True
    """The answer was cut off by the token limit of the model's own sampling defaults or context."""
    language: str | None = None
    """`ko` or `en`: the answer is in another language."""
    pattern: str | None = None
    """A regular expression that the answer matches somewhere."""


class CascadeConfig(Section):
    """The models from small to large; the last one's answer always stands."""

    models: Names
    escalate: EscalateConfig = EscalateConfig()


class VoteConfig(Section):
    """Several answers, of which one is given: the majority's if they are short, else the one that agrees best."""

    models: Names
    samples: Annotated[int, Field(ge=1, le=16)] = 1
    """Answers of each model."""


class RouteConfig(Section):
    """One route: exactly one strategy."""

    fallback: Names | None = None
    """The first that can answer does."""
    cascade: CascadeConfig | None = None
    """A small model answers; a larger one is asked where that is not good enough."""
    vote: VoteConfig | None = None
    split: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Share of users by model."""
    safety_policy: str | None = None
    """Policy of requests to this route that name none; without it the gateway's default."""

    @field_validator("cascade", "vote", mode="before")
    @classmethod
    def _list_is_models(cls, value: Any) -> Any:
        return {"models": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _has_one_strategy(self) -> RouteConfig:
        given = [name for name in STRATEGIES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(STRATEGIES)}")
        return self

    @property
    def strategy(self) -> str:
        """Which one."""
        return next(name for name in STRATEGIES if getattr(self, name) is not None)

    @property
    def models(self) -> tuple[str, ...]:
        """Names that it stands for, in order."""
        if self.split is not None:
            return tuple(self.split)
        told = self.cascade or self.vote
        return told.models if told is not None else self.fallback or ()
