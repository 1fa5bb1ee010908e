"""TokenizationService as gRPC sees it: messages in, plain calls, messages out.

What is not overridden here is not built; the base class answers UNIMPLEMENTED for it and the interceptor names it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc

import soban.v1 as pb
from soban.runtime.context import call_of
from soban.tokenization import validation
from soban.tokenization.model_tokens import ModelTokens
from soban.tokenization.morphology import Morphology

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class TokenizationServicer(pb.TokenizationServiceServicer):
    """Morphology and the models' tokens."""

    def __init__(self, morphology: Morphology, tokens: ModelTokens) -> None:
        self._morphology = morphology
        self._tokens = tokens

    async def Analyze(self, request: pb.AnalyzeRequest, context: _Context) -> pb.AnalyzeResponse:
        """Morphemes of one text."""
        validation.check_analysis(request)
        return await self._morphology.analyze(request.text, request.options, call_of(context).remaining())

    async def AnalyzeBatch(self, request: pb.AnalyzeBatchRequest, context: _Context) -> pb.AnalyzeBatchResponse:
        """Morphemes of many texts."""
        validation.check_batch(request)
        refused = validation.refusals(request.texts)
        remaining = call_of(context).remaining()
        return await self._morphology.analyze_batch(request.texts, refused, request.options, remaining)

    async def SplitSentences(self, request: pb.SplitSentencesRequest, context: _Context) -> pb.SplitSentencesResponse:
        """Sentences of one text."""
        validation.check_split(request)
        return await self._morphology.split_sentences(request, call_of(context).remaining())

    async def Encode(self, request: pb.EncodeRequest, _: _Context) -> pb.EncodeResponse:
        """Token ids of texts."""
        validation.check_encode(request)
        return await self._tokens.encode(request)

    async def Decode(self, request: pb.DecodeRequest, _: _Context) -> pb.DecodeResponse:
        """The text of token ids."""
        validation.check_decode(request)
        return await self._tokens.decode(request)

    async def CountTokens(self, request: pb.CountTokensRequest, context: _Context) -> pb.CountTokensResponse:
        """Numbers of tokens of texts, or of a conversation."""
        validation.check_count(request)
        return await self._tokens.count(request, call_of(context).remaining())

    async def RenderChat(self, request: pb.RenderChatRequest, context: _Context) -> pb.RenderChatResponse:
        """The prompt that a conversation becomes."""
        validation.check_messages(request.messages)
        validation.check_tools(request.tools)
        return await self._tokens.render(request, call_of(context).remaining())

    async def ListTokenizers(self, _: pb.ListTokenizersRequest, __: _Context) -> pb.ListTokenizersResponse:
        """The tokenizers that are loaded."""
        return self._tokens.describe()
