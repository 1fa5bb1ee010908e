"""Replicas to choose among, and prompts in Korean."""

from __future__ import annotations

from dataclasses import dataclass

import soban.v1 as pb
from soban.generation.choosing.chooser import Chooser
from soban.generation.choosing.demand import Demand

INSTRUCTIONS = (
    "당신은 은행의 상담원입니다. 고객의 질문에 존댓말로, 두 문장 안에서 답하세요. 모르는 것은 모른다고 하세요. " * 8
)
DOCUMENT = "제1조(목적) 이 약관은 회사가 제공하는 서비스의 이용조건과 절차를 정함을 목적으로 한다. " * 40


@dataclass
class FakeReplica:
    """Satisfies Candidate."""

    id: str
    slots: int = 32
    running: int = 0
    work: float = 0.0
    group: int = 0
    weight: float | None = None
    adapters: frozenset[str] = frozenset()


def replicas(count: int) -> list[FakeReplica]:
    """With addresses as engines have them."""
    return [FakeReplica(f"http://10.0.0.{number}:8000") for number in range(count)]


def place(chooser: Chooser, among: list[FakeReplica], demand: Demand) -> FakeReplica:
    """Chosen and sent there, not done yet."""
    replica = chooser.choose(among, demand)
    replica.work += chooser.placed(replica, demand)
    replica.running += 1
    return replica


def ask(*texts: str, system: str = "") -> pb.GenerateRequest:
    """A conversation of user and assistant in turns."""
    turns = [(pb.ROLE_SYSTEM, system)] if system else []
    turns += [(pb.ROLE_ASSISTANT if number % 2 else pb.ROLE_USER, text) for number, text in enumerate(texts)]
    messages = [pb.Message(role=role, parts=[pb.ContentPart(text=text)]) for role, text in turns]
    return pb.GenerateRequest(model="ko", messages=messages)
