"""What has to be known of one TGI before it is asked for an answer; found out once, and again when it is another.

Its limits come from `/info`. What it puts around a prompt is seen at `/tokenize`: the field that would switch that off,
`add_special_tokens`, cannot be set from outside (router/src/lib.rs, `GenerateRequest`, `serde(skip)`). Whether it keeps
to a grammar is tried out, because some backends take one and ignore it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

import soban.v1 as pb
from soban.generation.engine import Piece
from soban.generation.engines.http import EngineHttp
from soban.generation.engines.openai_errors import refusal_of
from soban.generation.engines.tgi_errors import error_of
from soban.generation.engines.tgi_events import NativeAnswer, ServerText
from soban.generation.engines.tgi_info import Info, info_of
from soban.generation.engines.tgi_request import KIND
from soban.runtime.errors import EngineFailed, InvalidField, NotBuilt

if TYPE_CHECKING:
    from soban.generation.engines.tgi_vocabulary import Vocabulary

GENERATE_PATH = "/generate_stream"
_NO_TEMPLATE = "template error: template not found"
_TEMPLATE_FILES = "put tokenizer_config.json or chat_template.jinja of the model's repository beside"
# Bytes, syllables in and out of vocabularies, capitals, digits, white space: two vocabularies that agree on it are one.
_SAMPLE = "소반 Table 2026: 뷁 쑥덕쑥덕, Seoul의 밥상\n"
# No model writes it by itself.
_RIDDLE = "qzq"
_RIDDLE_BODY = {
    "inputs": "1",
    "parameters": {
        "max_new_tokens": 4,
        "details": True,
        "do_sample": False,
        "grammar": {"type": "regex", "value": _RIDDLE},
    },
}


class Around(NamedTuple):
    """What TGI puts around every prompt: the text of the first tokens, and how many there are in all."""

    before: str = ""
    tokens: int = 0


class TgiServer:
    """The one behind `http`. `setting` is the key of the configuration that names its model's tokenizer."""

    def __init__(self, http: EngineHttp, setting: str) -> None:
        self._http = http
        self._setting = setting
        self._info: Info | None = None
        self._around: Around | None = None
        self._shapes: bool | None = None

    async def info(self) -> Info:
        """Its limits, as last seen. Raises SobanError."""
        return self._info or await self.look()

    async def look(self) -> Info:
        """Its limits now. Raises SobanError."""
        answered = await self._http.get("/info")
        if answered.status != 200:
            raise error_of(refusal_of(answered), pb.GenerateRequest())
        info = info_of(answered.json())
        if info != self._info:
            self._info, self._around, self._shapes = info, None, None
        return info

    async def around(self, vocabulary: Vocabulary) -> Around:
        """Raises SobanError: EngineFailed also where the vocabulary is not the one of the model that it serves."""
        if self._around is None:
            found = await self._tokens(_SAMPLE)
            around = _around(vocabulary, [int(token["id"]) for token in found])
            if around is None:
                raise EngineFailed(f"{self._setting} is not the tokenizer of the model that this TGI serves")
            self._around = around
        return self._around

    async def count(self, text: str) -> int:
        """Tokens of a prompt, with what is put around it. Raises SobanError."""
        return len(await self._tokens(text))

    async def count_chat(self, body: Mapping[str, Any]) -> int | None:
        """Tokens of a conversation as its own template renders it; None where it cannot tell. Raises SobanError."""
        answered = await self._http.post("/chat_tokenize", body)
        if answered.status != 200:
            return None
        tokens = answered.json().get("tokenize_response")
        return len(tokens) if isinstance(tokens, list) else None

    async def render(self, messages: Sequence[Mapping[str, Any]], request: pb.GenerateRequest) -> str:
        """A conversation as its own template writes it.

        Raises SobanError: InvalidField where it has no template either, as of a model that is not for conversations,
        and EngineFailed where it does not tell, which is no fault of the request.
        """
        mend = f"{_TEMPLATE_FILES} {self._setting}"
        answered = await self._http.post("/chat_tokenize", {"model": KIND, "messages": messages})
        if answered.status in (404, 405):
            raise EngineFailed(f"this TGI has no /chat_tokenize to render a conversation: {mend}")
        if answered.status != 200:
            refusal = refusal_of(answered)
            if refusal.message.lower().startswith(_NO_TEMPLATE):
                raise InvalidField(f"this TGI has no chat template for its model: {mend}", field="messages")
            raise error_of(refusal, request)
        text = answered.json().get("templated_text")
        if not isinstance(text, str):
            raise EngineFailed(f"this TGI does not tell how it renders a conversation: {mend}")
        return text

    async def keeps_shapes(self) -> bool:
        """Whether an answer follows a grammar that was sent with the request. Raises SobanError."""
        if self._shapes is None:
            try:
                self._shapes = await self._solve() == _RIDDLE
            except (NotBuilt, InvalidField):
                self._shapes = False
        return self._shapes

    async def _solve(self) -> str:
        """As a stream, since a first grammar may take seconds: a question would be given up before."""
        asked = pb.GenerateRequest(prompt="1")
        reply = NativeAnswer(asked, ServerText(self._setting))
        events = self._http.stream(GENERATE_PATH, _RIDDLE_BODY, reply, lambda it: error_of(refusal_of(it), asked))
        async with aclosing(events):
            return "".join([event.text async for event in events if isinstance(event, Piece)])

    async def _tokens(self, text: str) -> list[dict[str, Any]]:
        answered = await self._http.post("/tokenize", {"inputs": text})
        if answered.status != 200:
            raise error_of(refusal_of(answered), pb.GenerateRequest(prompt=text))
        try:
            found = json.loads(answered.body)
        except ValueError:
            found = None
        if not (isinstance(found, list) and all(isinstance(token, dict) and "id" in token for token in found)):
            raise EngineFailed("the engine does not tokenize as TGI does")
        return found


def _around(vocabulary: Vocabulary, told: list[int]) -> Around | None:
    own = vocabulary.ids(_SAMPLE)
    for begin in range(len(told) - len(own) + 1):
        if told[begin : begin + len(own)] == own:
            return Around("".join(map(vocabulary.text_of, told[:begin])), len(told) - len(own))
    return None
