"""The events of TGI's native stream as pieces of one answer, and streams of its chats kept from broken text.

One event is one token; the last one also has the whole text and, because they were asked for, details. There is no
`[DONE]`. Read from a TGI 3.3.6:

    {"index":1,"token":{"id":39903,"text":" Seoul","logprob":-0.305,"special":false},"generated_text":null,...}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import soban.v1 as pb
from soban.generation.engine import Piece
from soban.generation.engines.openai_errors import refusal_in
from soban.generation.engines.openai_events import Answer
from soban.generation.engines.streamed import StreamedAnswer, decode
from soban.generation.engines.tgi_errors import error_of
from soban.generation.engines.token_text import TokenText, TokenVocabulary
from soban.runtime.errors import EngineFailed, NotBuilt

_REASONS = {
    "length": pb.FINISH_REASON_LENGTH,
    "eos_token": pb.FINISH_REASON_STOP,
    "stop_sequence": pb.FINISH_REASON_STOP,
}
_BROKEN = "\ufffd"
_BROKEN_BYTES = (_BROKEN.encode(), rb"\ufffd")
# JSON has no infinity: TGI writes null for it, OpenAI this number.
_LEAST_LOGPROB = -9999.0


class Words(Protocol):
    """Reads tokens."""

    def text(self, token: Mapping[str, Any]) -> str:
        """What a token adds to the answer."""

    def own_bytes(self, token: Mapping[str, Any]) -> bytes:
        """The bytes that it stands for; empty where they are not known."""


class IdText:
    """Reads tokens by their ids. `setting` is the key of the configuration that the vocabulary comes from.

    Raises EngineFailed for ids that it does not have.
    """

    def __init__(self, vocabulary: TokenVocabulary, setting: str) -> None:
        self._text = TokenText(vocabulary)
        self._vocabulary = vocabulary
        self._setting = setting

    def text(self, token: Mapping[str, Any]) -> str:
        """As `Words`."""
        try:
            return self._text.push(token["id"])
        except IndexError:
            raise self._foreign() from None

    def own_bytes(self, token: Mapping[str, Any]) -> bytes:
        """As `Words`."""
        try:
            return self._vocabulary.bytes_of(token["id"])
        except IndexError:
            raise self._foreign() from None

    def _foreign(self) -> EngineFailed:
        return EngineFailed(f"{self._setting} lacks a token that this TGI writes: it is of another model")


class ServerText:
    """Reads tokens as the server writes them, where no vocabulary is at hand. Raises NotBuilt for text with holes.

    U+FFFD with nothing after it is a character that the end of the answer cut. It is left out, as `TokenText` does.
    `setting` is the key of the configuration that would mend the others.
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._cut = False

    def text(self, token: Mapping[str, Any]) -> str:
        """As `Words`."""
        text: str = token["text"]
        whole = text.rstrip(_BROKEN)
        if (text and self._cut) or _BROKEN in whole:
            raise self._broken()
        self._cut = whole != text or self._cut
        return whole

    def own_bytes(self, token: Mapping[str, Any]) -> bytes:
        """As `Words`."""
        text: str = token["text"]
        return b"" if _BROKEN in text else text.encode()

    def _broken(self) -> NotBuilt:
        """A text with holes would look like an answer."""
        return NotBuilt(
            f"this TGI writes tokens down one by one and so breaks characters: set {self._setting} to the model's"
            " tokenizer.json, and Soban reads the ids instead",
            metadata={"engine": "tgi", "feature": f"text without {self._setting}"},
        )


class NativeAnswer(StreamedAnswer):
    """Collects one answer. `input_tokens` are those of the prompt, where they have been counted."""

    def __init__(self, request: pb.GenerateRequest, words: Words, input_tokens: int | None = None) -> None:
        super().__init__(request)
        self._words = words
        self._logprobs = request.options.logprobs
        self._piece.input_tokens = input_tokens
        self._usage.input_tokens = input_tokens or 0

    @property
    def ended(self) -> bool:
        """As `Reply`."""
        return self._done or self.complete

    def piece(self) -> Piece | None:
        """As `Reply`."""
        piece = self._piece
        if not (piece.text or (piece.logprobs and self.complete)):
            return None
        self._piece = Piece()
        return piece

    def rest(self) -> Piece | None:
        """As `Reply`."""
        self._piece.text += self._stops.push(self._text.flush()) + self._stops.flush()
        self._waiting.settle_all(self._piece)
        return self.piece()

    def _take(self, event: dict[str, Any]) -> None:
        if "error" in event:
            raise error_of(refusal_in(event), self._request)
        token = event["token"]
        self._usage.output_tokens += 1
        special, text, logprobs = bool(token.get("special")), "", []
        if not special:
            text = self._words.text(token)
            self._piece.text += self._stops.push(self._text.push(text))
            if self._logprobs:
                logprobs = [self._logprob(token, event.get("top_tokens") or ())]
        held = len(self._text.held) + len(self._stops.held)
        if held or not text or self._waiting.events:
            self._waiting.add(len(text), 1, logprobs)
            self._waiting.settle(self._piece, held)
        else:
            self._piece.tokens += 1
            self._piece.logprobs += logprobs
        if event.get("generated_text") is not None or event.get("details"):
            self._end(event.get("details") or {}, special=special)

    def _end(self, details: Mapping[str, Any], *, special: bool) -> None:
        """Servers that give no details end with the end token, or else at the limit."""
        told = details.get("finish_reason") or ("eos_token" if special else "length")
        self._reason = _REASONS[told]
        self._usage.output_tokens = details.get("generated_tokens") or self._usage.output_tokens
        self._usage.input_tokens = details.get("input_length") or self._usage.input_tokens

    def _logprob(self, token: Mapping[str, Any], top: Any) -> pb.TokenLogprob:
        told = self._one_logprob(token)
        told.top.extend(self._one_logprob(other) for other in top[: self._top_logprobs])
        return told

    def _one_logprob(self, token: Mapping[str, Any]) -> pb.TokenLogprob:
        own = self._words.own_bytes(token)
        text = own.decode(errors="replace") if own else token["text"]
        value = token["logprob"]
        return pb.TokenLogprob(
            token=text, bytes=own, logprob=_LEAST_LOGPROB if value is None else value, token_id=token["id"]
        )


class ChatAnswer(Answer):
    """Collects the answer of a chat. Raises NotBuilt as `ServerText`: only ids could mend it.

    `setting` is that of `ServerText`; `input_tokens` are those of the prompt, where they have been counted.
    """

    def __init__(self, request: pb.GenerateRequest, setting: str, input_tokens: int | None = None) -> None:
        super().__init__(request, error_of)
        self._usage.input_tokens = input_tokens or 0
        self._words = ServerText(setting)
        self._broken = False

    def take(self, data: bytes) -> None:
        """As `Reply`."""
        self._broken = self._broken or any(broken in data for broken in _BROKEN_BYTES)
        if self._broken:
            self._words.text({"text": _added(data)})
        super().take(data)


def _added(data: bytes) -> str:
    """What an event of a chat adds to its text and calls; empty where it does not look like one."""
    try:
        delta = decode(data.decode())[0]["choices"][0]["delta"]
        written = [call["function"]["arguments"] for call in delta.get("tool_calls") or ()]
        return "".join([delta.get("content") or "", *written])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
