"""Usage of answers whose engine does not tell it, or did not get to: such as those that a stop text cut short."""

from __future__ import annotations

import soban.v1 as pb
from soban.generation.engine import Finished
from soban.generation.engines.openai_errors import ErrorOf, error_of
from soban.generation.engines.openai_events import Answer
from soban.generation.prompt_size import PromptSize, shape_of


class CountedAnswer(Answer):
    """Output tokens are counted from events. Input is guessed from the prompt's characters; `size` learns from answers
    that tell theirs."""

    def __init__(self, request: pb.GenerateRequest, error: ErrorOf = error_of, size: PromptSize | None = None) -> None:
        super().__init__(request, error)
        self._size = size or PromptSize()

    def finished(self) -> Finished:
        """As `Reply.finished`."""
        end = super().finished()
        shape = shape_of(self._request)
        if end.usage.input_tokens:
            self._size.learn(shape, end.usage.input_tokens)
        else:
            end.usage.input_tokens = round(self._size.tokens(shape))
        return end
