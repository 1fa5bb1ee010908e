"""How an answer goes on after its engine died: what its caller has seen becomes part of the next engine's prompt."""

from __future__ import annotations

import soban.v1 as pb
from soban.generation.answer_shapes import is_shaped
from soban.generation.engine import Finished, Piece, Usage


class Journal:
    """What has been shown of one answer, over all its replicas so far."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thinking_only = False
        self._calls = False
        self._lost = Usage()
        self._leg = Usage()

    @property
    def shown(self) -> bool:
        """Whether the caller has seen anything that cannot be taken back."""
        return bool(self._texts) or self._thinking_only or self._calls

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._texts)

    @property
    def tokens(self) -> int:
        """Output tokens so far, on all replicas."""
        return self._lost.output_tokens + self._leg.output_tokens

    def wrote(self, piece: Piece) -> None:
        """It was shown."""
        if piece.text:
            self._texts.append(piece.text)
        elif piece.reasoning and not self._texts:
            self._thinking_only = True
        if self._texts:
            self._thinking_only = False
        self._calls = self._calls or bool(piece.tool_calls)
        self._leg.output_tokens += piece.tokens
        if piece.reasoning and not piece.text:
            self._leg.reasoning_tokens += piece.tokens
        if piece.input_tokens is not None:
            self._leg.input_tokens = piece.input_tokens

    def broke(self) -> None:
        """The replica is gone. Its tokens count: they were written, and the prompt is counted once."""
        self._lost.output_tokens += self._leg.output_tokens
        self._lost.reasoning_tokens += self._leg.reasoning_tokens
        self._lost.input_tokens = self._lost.input_tokens or self._leg.input_tokens
        self._leg = Usage()

    def ended(self, finished: Finished) -> None:
        """The last replica's own count stands for its part."""
        self._leg = finished.usage

    def usage(self) -> Usage:
        """Of the whole answer. What was continued is output already, and no part of the prompt."""
        lost, leg = self._lost, self._leg
        return Usage(
            input_tokens=lost.input_tokens or max(0, leg.input_tokens - lost.output_tokens),
            output_tokens=lost.output_tokens + leg.output_tokens,
            cached_input_tokens=0 if lost.output_tokens else leg.cached_input_tokens,
            reasoning_tokens=lost.reasoning_tokens + leg.reasoning_tokens,
        )

    def resumable(self, request: pb.GenerateRequest) -> bool:
        """Whether another replica can go on from the text alone.

        Not from half a tool call, nor within a grammar, which would begin anew, nor from thoughts without an answer.
        """
        return not (is_shaped(request.options) or self._calls or self._thinking_only)


def continued(request: pb.GenerateRequest, text: str, tokens: int) -> pb.GenerateRequest:
    """`request` as it asks for what follows `text`, of which `tokens` were written; a changed copy.

    A raw prompt grows by the text. In a chat the text is the begin of the ASSISTANT's message that is to be continued;
    control tokens in it must be broken already, as in everything that becomes part of a chat.
    At least one token is asked for; whoever has none left need not ask.
    """
    longer = pb.GenerateRequest()
    longer.CopyFrom(request)
    options = longer.options
    if options.HasField("max_tokens"):
        options.max_tokens = max(1, options.max_tokens - tokens)
    if longer.prompt:
        longer.prompt += text
        return longer
    last = longer.messages[-1]
    if options.continue_final_message and last.parts and last.parts[-1].HasField("text"):
        last.parts[-1].text += text
    else:
        longer.messages.append(pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text=text)]))
    options.continue_final_message = True
    return longer
