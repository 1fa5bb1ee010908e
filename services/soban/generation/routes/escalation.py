"""When a cascade does not take an answer. Each test has a name, which the step of the answer shows."""

from __future__ import annotations

import json

import soban.v1 as pb
from soban.generation.answer_shapes import is_shaped
from soban.generation.choices import ChoiceEvent, choice_count
from soban.generation.collecting import Collected
from soban.generation.engine import Finished, Piece
from soban.generation.routes.language import is_written_in
from soban.generation.routes.phrases import refuses
from soban.runtime.linear_pattern import LinearPattern
from soban.runtime.route_settings import EscalateConfig

_REFUSAL_CHARACTERS = 300
"""A refusal shows in so many characters or not at all."""
_LOOK_CHARACTERS = 16
"""Between two looks, each of which takes some 50 µs; the whole answer is looked at in any case."""


class Escalation:
    """The tests of one cascade."""

    def __init__(self, config: EscalateConfig) -> None:
        self.config = config
        self.pattern = LinearPattern(config.pattern) if config.pattern is not None else None

    @property
    def needs_logprobs(self) -> bool:
        """Whether the model must be asked for log-probabilities."""
        return self.config.mean_logprob is not None

    def judge(self, request: pb.GenerateRequest) -> Judge:
        """For one answer to the client's request."""
        return Judge(self, request)


class Judge:
    """Hears an answer as it is written. One choice that fails a test is enough to leave all of them."""

    def __init__(self, tests: Escalation, request: pb.GenerateRequest) -> None:
        self._tests = tests
        self._request = request
        self._drafts = [_Draft(tests, request) for _ in range(choice_count(request))]
        self._collected = Collected()

    def hear(self, item: ChoiceEvent) -> str | None:
        """The next event. Returns the test for which the rest of the answer is not waited for."""
        self._collected.add(*item)
        draft = self._drafts[item.choice]
        if isinstance(item.event, Piece):
            return draft.write(item.event)
        if isinstance(item.event, Finished):
            draft.finished = item.event
        return None

    @property
    def may_commit(self) -> bool:
        """Whether so much has been written without objection that the rest need not be waited for."""
        enough = self._tests.config.commit_tokens
        return enough is not None and all(draft.passes_so_far(enough) for draft in self._drafts)

    def objection(self) -> str | None:
        """The test that the whole answer fails, or None."""
        found = (self._drafts[choice.index].objection(choice) for choice in self._collected.choices())
        return next((name for name in found if name is not None), None)


class _Draft:
    """One choice."""

    def __init__(self, tests: Escalation, request: pb.GenerateRequest) -> None:
        self.finished: Finished | None = None
        self._tests = tests
        self._options = request.options
        self._texts: list[str] = []
        self._head = ""
        self._next_look = _LOOK_CHARACTERS
        self._tokens = 0
        self._sum = 0.0
        self._counted = 0

    def write(self, piece: Piece) -> str | None:
        config = self._tests.config
        self._texts.append(piece.text)
        self._tokens += piece.tokens
        self._sum += sum(each.logprob for each in piece.logprobs)
        self._counted += len(piece.logprobs)
        if config.refusal and self._begins_with_refusal(piece.text):
            return "refusal"
        if 0 < config.early_tokens <= self._counted and self._unsure:
            return "low_confidence"
        return None

    def _begins_with_refusal(self, text: str) -> bool:
        """Of the text so far, of which `text` is the end."""
        if len(self._head) >= _REFUSAL_CHARACTERS:
            return False
        self._head += text
        if len(self._head) < self._next_look:
            return False
        self._next_look = len(self._head) + _LOOK_CHARACTERS
        return refuses(self._head)

    def passes_so_far(self, tokens: int) -> bool:
        """After so many tokens. A choice that has ended is judged with the others, as a whole."""
        if self.finished is not None or self._tokens < tokens:
            return False
        return self._text_objection("".join(self._texts)) is None

    def objection(self, choice: pb.GeneratedChoice) -> str | None:
        if self._cut_off(choice):
            return "truncated"
        if choice.tool_calls:
            return None if all(map(self._is_sound, choice.tool_calls)) else "bad_tool_call"
        return self._text_objection(choice.text)

    @property
    def _unsure(self) -> bool:
        least = self._tests.config.mean_logprob
        return least is not None and (self._counted == 0 or not self._sum / self._counted >= least)

    def _text_objection(self, text: str) -> str | None:
        """The test that a text without tool calls fails."""
        config, pattern = self._tests.config, self._tests.pattern
        if len(text.strip()) < config.min_characters:
            return "short"
        if config.refusal and refuses(text):
            return "refusal"
        if self._unsure:
            return "low_confidence"
        if config.language and not self._shaped and not is_written_in(text, config.language):
            return "language"
        return "pattern" if pattern is not None and pattern.found_in(text) else None

    @property
    def _shaped(self) -> bool:
        """Keys of JSON and words of a grammar are in the language of whoever wrote them."""
        return is_shaped(self._options)

    def _cut_off(self, choice: pb.GeneratedChoice) -> bool:
        """By a limit that is not the client's own."""
        if not self._tests.config.truncated or choice.finish_reason != pb.FINISH_REASON_LENGTH:
            return False
        written = self.finished.usage.output_tokens if self.finished is not None else self._tokens
        return not self._options.HasField("max_tokens") or written < self._options.max_tokens

    def _is_sound(self, call: pb.ToolCall) -> bool:
        if call.name not in {tool.name for tool in self._options.tools}:
            return False
        try:
            return isinstance(json.loads(call.arguments or "{}"), dict)
        except (ValueError, RecursionError):
            return False
