"""What every part of the configuration file is made of. Keys are camelCase in the file, snake_case here."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Section(BaseModel):
    """A frozen part of the file that knows all its keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )
