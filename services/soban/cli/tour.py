"""What `soban demo` shows of a running stack: a few requests, and what each service did with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import soban.v1 as pb
from soban.cli.analyze import morpheme_table
from soban.cli.answer import Answer, AnswerStream, note_outcome
from soban.cli.client import GATEWAY, GENERATION, SAFETY, SERVERS, TOKENIZATION, open_channel
from soban.cli.console import Console
from soban.cli.health import ask, health_lines
from soban.cli.messages import text_message, text_of
from soban.cli.models import list_models
from soban.cli.openai_stream import stream_chat
from soban.cli.verdicts import action_name, action_style, highlighted, reason_of, with_placeholders

TIMEOUT = 60.0

_GREETING = "오늘 하루 너무 힘들었어"
# Nobody's: the check digit of this resident registration number fails, and such numbers were never given then.
_PERSONAL = "제 주민번호는 900101-1234567이고 전화번호는 010-1234-5678이에요. 친구가 없어서 외로워요."
_ABUSE = "야 이 씨발 새끼야, 꺼져."
_SENTENCE = "친구랑 영화를 봤는데 정말 재미있었어요."


class Tour:
    """Six sections on one stack."""

    def __init__(self, console: Console, endpoints: Mapping[str, str]) -> None:
        self._console = console
        self._endpoints = endpoints
        models = list_models(endpoints[GENERATION.name], TIMEOUT).models
        self.model = next((model.name for model in models if model.state == pb.Model.STATE_READY), "")
        self._gateway = open_channel(endpoints[GATEWAY.name])
        self._safety = open_channel(endpoints[SAFETY.name])
        self._tokenization = open_channel(endpoints[TOKENIZATION.name])

    def chats(self, began: float) -> None:
        """Sections that need no morphology; `began` is when the stack was started, on the monotonic clock.

        As `others`, it raises grpc.RpcError, OSError and Failure: nothing of it may fail.
        """
        self._section("1. 게이트웨이로 하는 대화", "A chat, streamed through the gateway over gRPC", self._chat)
        self._dim(f"시작부터 첫 답까지 from start to first answer {time.monotonic() - began:.1f} s")
        english = "Personal data is masked before the model sees it"
        self._section("2. 개인정보는 모델이 보기 전에 가립니다", english, self._personal)
        self._section("3. 욕설은 막고 이유를 말합니다", "Abuse is blocked, with the reason", self._abuse)

    def others(self) -> None:
        """Sections that need every server."""
        self._section("4. 형태소 분석과 토큰 수", "Morphology, and tokens as the model counts them", self._morphology)
        english = "The same chat by the OpenAI HTTP API (server-sent events)"
        self._section("5. 같은 대화를 OpenAI HTTP API로", english, self._openai)
        self._section("6. 모든 서버의 상태", "Health of all servers", self._health)

    def __enter__(self) -> Tour:
        return self

    def __exit__(self, *_: object) -> None:
        for channel in (self._gateway, self._safety, self._tokenization):
            channel.close()

    def _section(self, korean: str, english: str, show: Callable[[], None]) -> None:
        self._console.write()
        self._console.write(self._console.paint(korean, "bold", "cyan"))
        self._dim(english)
        show()

    def _chat(self) -> None:
        timings = self._say(_GREETING).summary.timings
        parts = {
            "안전 검사 safety": timings.input_safety_ms,
            "대기 queue": timings.queue_ms,
            "읽기 prefill": timings.prefill_ms,
            "쓰기 decode": timings.decode_ms,
            "모두 total": timings.total_ms,
        }
        self._dim(" · ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in parts.items()))

    def _personal(self) -> None:
        request = pb.CheckRequest(messages=[text_message(pb.ROLE_USER, _PERSONAL)])
        checked = pb.SafetyServiceStub(self._safety).Check(request, timeout=TIMEOUT)
        seen = text_of(checked.masked_messages[0]) if checked.masked_messages else _PERSONAL
        self._say(_PERSONAL)
        self._dim(
            f"모델이 본 글 what the model saw: {with_placeholders(seen, checked.verdict.findings, self._console)}"
        )

    def _abuse(self) -> None:
        answer = self._say(_ABUSE)
        for verdict in answer.summary.verdicts:
            action = self._console.paint(action_name(verdict.action), action_style(verdict.action))
            self._console.write(f"{action} {highlighted(_ABUSE, verdict.findings, self._console)}")
            self._dim(", ".join(dict.fromkeys(finding.category for finding in verdict.findings)))
            self._dim(reason_of(verdict))

    def _morphology(self) -> None:
        stub = pb.TokenizationServiceStub(self._tokenization)
        self._console.write(_SENTENCE)
        analysis = stub.Analyze(pb.AnalyzeRequest(text=_SENTENCE), timeout=TIMEOUT).analyses[0]
        for line in morpheme_table(analysis.morphemes, self._console):
            self._console.write(line)
        request = pb.CountTokensRequest(model=self.model, texts=[_SENTENCE])
        count = stub.CountTokens(request, timeout=TIMEOUT)
        self._dim(
            f"{self.model}: 토큰 {count.total} tokens, 어절 {count.eojeol} eojeol, {len(_SENTENCE)} 글자 characters"
        )

    def _openai(self) -> None:
        url = self._endpoints["http"]
        self._dim(f"POST {url}/chat/completions")
        self._console.write(self._said_by_person(_GREETING))
        self._console.write(self._console.paint("소반> ", "bold"), end="")
        began, pieces = time.monotonic(), 0
        body = {"model": self.model, "messages": [{"role": "user", "content": _GREETING}], "temperature": 0}
        for piece in stream_chat(url, body, TIMEOUT):
            self._console.write(piece, end="")
            pieces += bool(piece)
        self._console.write()
        self._dim(f"조각 {pieces} pieces · {(time.monotonic() - began) * 1000:.0f} ms")

    def _health(self) -> None:
        found = [ask(server, self._endpoints[server.name], timeout=5.0) for server in SERVERS]
        for line in health_lines(found, self._console):
            self._console.write(line)

    def _say(self, text: str) -> Answer:
        """Asks through the gateway and shows question, answer and outcome."""
        self._console.write(self._said_by_person(text))
        self._console.write(self._console.paint("소반> ", "bold"), end="")
        stream = AnswerStream(pb.ChatServiceStub(self._gateway), self._console, TIMEOUT)
        message, greedy = text_message(pb.ROLE_USER, text), pb.GenerationOptions(temperature=0.0)
        answer = stream.run(pb.ChatRequest(model=self.model, messages=[message], options=greedy))
        if not answer.texts:
            self._console.write()
        note_outcome(answer, self._console)
        return answer

    def _said_by_person(self, text: str) -> str:
        return f"{self._console.paint('나>', 'bold')} {text}"

    def _dim(self, text: str) -> None:
        if text:
            self._console.write(self._console.paint(text, "dim"))
