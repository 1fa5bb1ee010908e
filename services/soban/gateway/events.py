"""The events of a stream that are not text: start, refusal, summary."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from google.protobuf.timestamp_pb2 import Timestamp

import soban.v1 as pb
from soban.gateway.answer import Answer, Event, choice_count
from soban.gateway.requests import input_eojeol
from soban.gateway.stopwatch import Stopwatch


class Announcer:
    """Writes them. `ai_notice` is what the operator wants people to read."""

    def __init__(self, ai_notice: str) -> None:
        self._ai_notice = ai_notice

    def start(self, model: str, watch: Stopwatch) -> Event:
        """`model` has taken the request."""
        watch.model = model
        now = Timestamp()
        now.GetCurrentTime()
        return Event(
            start=pb.ChatStart(
                id=secrets.token_hex(12), model=model, create_time=now, ai_generated=True, ai_notice=self._ai_notice
            )
        )

    def refusal(self, chat: pb.ChatRequest, verdict: pb.Verdict, watch: Stopwatch) -> Iterator[Event]:
        """A whole stream for input that was blocked; the verdict holds the reason in Korean and English."""
        yield self.start(chat.model, watch)
        for index in range(choice_count(chat)):
            yield Event(finish=pb.ChatFinish(index=index, finish_reason=pb.FINISH_REASON_SAFETY))
        usage = pb.Usage(input_eojeol=input_eojeol(chat))
        yield Event(summary=pb.ChatSummary(usage=usage, verdicts=[verdict], timings=watch.timings(pb.Timings())))

    def summary(self, chat: pb.ChatRequest, verdict: pb.Verdict, answer: Answer, watch: Stopwatch) -> Event:
        """Last. `verdict` is the one on the input."""
        told = answer.told()
        usage = pb.Usage()
        usage.CopyFrom(told.usage)
        usage.input_eojeol = input_eojeol(chat)
        usage.output_eojeol = sum(len(text.split()) for text in answer.texts())
        summary = pb.ChatSummary(
            usage=usage,
            verdicts=[verdict, *answer.verdicts()],
            timings=watch.timings(told.timings),
            route_steps=told.route_steps,
            resumes=told.resumes,
            normalized=told.normalized,
        )
        if told.HasField("cost"):
            summary.cost.CopyFrom(told.cost)
        return Event(summary=summary)
