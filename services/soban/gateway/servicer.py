"""`soban.v1.ChatService`: proto in, the flow, proto out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc

import soban.v1 as pb
from soban.gateway.collecting import collect
from soban.gateway.field_paths import of_stream_chat, renamed
from soban.gateway.flow import ChatFlow
from soban.runtime.context import call_of
from soban.runtime.errors import SobanError

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ChatServicer(pb.ChatServiceServicer):
    """Both RPCs stand on one flow."""

    def __init__(self, flow: ChatFlow) -> None:
        self._flow = flow

    async def Chat(self, request: pb.ChatRequest, context: _Context) -> pb.ChatResponse:
        """The whole answer in one message."""
        return await collect(self._flow.stream(request, call_of(context)))

    async def StreamChat(
        self, request: pb.StreamChatRequest, context: _Context
    ) -> AsyncIterator[pb.StreamChatResponse]:
        """The answer piece by piece."""
        events = self._flow.stream(request.chat, call_of(context))
        try:
            async for event in events:
                yield event
        except SobanError as err:
            raise renamed(err, of_stream_chat) from err
        finally:
            await events.aclose()
