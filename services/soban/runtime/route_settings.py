"""`routes` of soban.yaml: names that stand for a strategy over models, profiles and other routes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from soban.runtime.linear_pattern import LinearPattern
from soban.runtime.section import Seconds, Section

STRATEGIES = ("fallback", "cascade", "vote", "split")
MOST_MEMBERS = 16
MOST_VOTES = 32


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("names each model once")
    return names


def _checked_pattern(pattern: str) -> str:
    LinearPattern(pattern)
    return pattern


Names = Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_MEMBERS), AfterValidator(_each_once)]
Weight = Annotated[float, Field(ge=0, le=1e6)]


class FallbackConfig(Section):
    """The first that can answer does."""

    models: Names
    first_text_seconds: Seconds | None = None
    """Longest wait for the first text of a model that is not the last; without it an equal share of the time that is
    left until the deadline."""


class EscalateConfig(Section):
    """When a cascade leaves an answer and asks its next model. Every test that is set is made."""

    mean_logprob: Annotated[float, Field(le=0)] | None = None
    """The mean log-probability of the answer's tokens is under this."""
    early_tokens: Annotated[int, Field(ge=0)] = 32
    """From so many tokens on that test is made while the model still writes; 0 waits for the whole answer."""
    refusal: bool = True
    """The answer refuses or says that it does not know, in Korean or English."""
    min_characters: Annotated[int, Field(ge=0)] = 1
    """The answer is shorter."""
    truncated: bool = True
    """The answer was cut off by the token limit of the model's own sampling defaults or context."""
    language: Literal["ko", "en"] | None = None
    """The answer is in another language."""
    pattern: Annotated[str, Field(min_length=1), AfterValidator(_checked_pattern)] | None = None
    """A regular expression, in the syntax of Rust's `regex`, that the answer matches somewhere."""
    commit_tokens: Annotated[int, Field(ge=1)] | None = None
    """After so many tokens that no test objects to, the answer is streamed and stands; without it every answer but the
    last model's is held until it is whole."""


class CascadeConfig(Section):
    """The models from small to large; the last one's answer always stands."""

    models: Names
    escalate: EscalateConfig = EscalateConfig()


class VoteConfig(Section):
    """Several answers, of which one is given: the majority's if they are short, else the one that agrees best."""

    models: Names
    samples: Annotated[int, Field(ge=1, le=16)] = 1
    """Answers of each model."""
    temperature: Annotated[float, Field(gt=0, le=2)] = 0.7
    """Of several samples, where the request asks for none or for 0, with which all were the same."""

    @model_validator(mode="after")
    def _is_a_vote(self) -> VoteConfig:
        votes = len(self.models) * self.samples
        if not 2 <= votes <= MOST_VOTES:
            raise ValueError(f"needs 2 to {MOST_VOTES} answers: models times samples, which is {votes}")
        return self


class RouteConfig(Section):
    """One route. Exactly one strategy is set."""

    fallback: FallbackConfig | None = None
    """The first that can answer does."""
    cascade: CascadeConfig | None = None
    """A small model answers; a larger one is asked where that is not good enough."""
    vote: VoteConfig | None = None
    """Several answer, and one of the answers is given."""
    split: Annotated[dict[str, Weight], Field(min_length=1, max_length=MOST_MEMBERS)] | None = None
    """Share of sessions by model."""
    safety_policy: str | None = None
    """Policy of requests to this route that name none; without it its models' own, which must then be the same."""

    @field_validator("fallback", "cascade", "vote", mode="before")
    @classmethod
    def _list_is_models(cls, value: Any) -> Any:
        return {"models": value} if isinstance(value, list | tuple) else value

    @field_validator("split")
    @classmethod
    def _has_a_share(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is not None and not any(value.values()):
            raise ValueError("needs a weight over 0")
        return value

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
        told = self.fallback or self.cascade or self.vote
        return told.models if told is not None else ()

    @property
    def answers_each(self) -> int:
        """How often a request may ask each of them."""
        return self.vote.samples if self.vote is not None else 1
