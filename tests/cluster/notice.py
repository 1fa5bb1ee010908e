"""A change of every pod that clients can see, to tell one revision of a release from another."""

from __future__ import annotations

import grpc

import soban.v1 as pb
from cluster.reach import Gateway

NOTICE = "이 글은 인공지능이 썼습니다."
WITH_NOTICE = {
    "services": {"gateway": {"settings": {"aiNotice": NOTICE}}},
    # Engines have no part in a notice, and the chart leaves them alone for it.
    "engines": {"llamacpp": {"env": [{"name": "SOBAN_TESTS", "value": "with a notice"}]}},
}


async def notice_of(gateway: Gateway) -> str:
    """What an answer brings with it."""
    message = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="안녕하세요?")])
    request = pb.ChatRequest(model="soban-demo", messages=[message], options=pb.GenerationOptions(max_tokens=8))
    async with grpc.aio.insecure_channel(gateway.grpc, options=[("grpc.enable_http_proxy", 0)]) as channel:
        answer: pb.ChatResponse = await pb.ChatServiceStub(channel).Chat(request, timeout=60, wait_for_ready=True)
    return answer.ai_notice
