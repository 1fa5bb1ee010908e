"""`soban.v1.SafetyService`: proto in, plain call, proto out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc

import soban.v1 as pb
from soban.runtime.errors import InvalidField, NotBuilt, SobanError
from soban.safety.answers import masked_text_of, policy_of, verdict_of
from soban.safety.check import Checker, Judged
from soban.safety.decisions import Direction
from soban.safety.filter_call import FilterCall
from soban.safety.inbox import batches
from soban.safety.metrics import Metrics
from soban.safety.passages import masked_messages, masked_tools
from soban.safety.policy import Policies
from soban.safety.requests import TextLimit, count_of, read_check, read_mask, refuse_unbuilt
from soban.safety.scanner import Scanner
from soban.safety.workers import Workers

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class SafetyServicer(pb.SafetyServiceServicer):
    """Short texts are judged at once, long ones in a thread of `workers`."""

    def __init__(
        self, scanner: Scanner, policies: Policies, limit: TextLimit, workers: Workers, metrics: Metrics
    ) -> None:
        self._scanner = scanner
        self._checker = Checker(scanner)
        self._policies = policies
        self._limit = limit
        self._workers = workers
        self._metrics = metrics

    async def Check(self, request: pb.CheckRequest, _: _Context) -> pb.CheckResponse:
        """As safety.proto says."""
        return await self._workers.run(request.ByteSize(), self._check, request)

    async def CheckBatch(self, request: pb.CheckBatchRequest, _: _Context) -> pb.CheckBatchResponse:
        """As safety.proto says."""
        count_of(request.requests, "requests")
        return await self._workers.run(request.ByteSize(), self._check_all, request)

    async def Mask(self, request: pb.MaskRequest, _: _Context) -> pb.MaskResponse:
        """As safety.proto says."""
        return await self._workers.run(request.ByteSize(), self._mask, request)

    async def Filter(self, requests: AsyncIterator[pb.FilterRequest], _: _Context) -> AsyncIterator[pb.FilterResponse]:
        """As safety.proto says."""
        call: FilterCall | None = None
        async with aclosing(batches(requests)) as inbox:
            async for batch in inbox:
                if call is None:
                    first = batch.pop(0)
                    call = await self._workers.run(first.ByteSize(), self._open, first)
                size = sum(len(message.text.text) for message in batch)
                for response in await self._workers.run(size, call.take, batch):
                    yield response
        if call is None:
            raise InvalidField("a stream must begin with its config", field="config")
        for response in call.finish():
            yield response

    async def Restore(self, _: pb.RestoreRequest, __: _Context) -> pb.RestoreResponse:
        """Not in this release."""
        raise NotBuilt("Restore is not built in this release", metadata={"method": "Restore"})

    async def ListPolicies(self, request: pb.ListPoliciesRequest, _: _Context) -> pb.ListPoliciesResponse:
        """As safety.proto says."""
        refuse_unbuilt(request)
        return pb.ListPoliciesResponse(policies=[policy_of(policy) for policy in self._policies])

    async def GetPolicy(self, request: pb.GetPolicyRequest, _: _Context) -> pb.GetPolicyResponse:
        """As safety.proto says."""
        refuse_unbuilt(request)
        return pb.GetPolicyResponse(policy=policy_of(self._policies.get(request.name, "name")))

    def _open(self, first: pb.FilterRequest) -> FilterCall:
        return FilterCall.open(first, self._scanner, self._policies, self._limit, self._metrics)

    def _check(self, request: pb.CheckRequest) -> pb.CheckResponse:
        policy = self._policies.get(request.policy, "policy")
        passages, direction, measure = read_check(request, self._limit)
        with self._metrics.check():
            judged = self._checker.check(passages, policy, direction, measure, explain=request.explain)
        verdict = verdict_of(policy, direction, judged, explain=request.explain)
        self._metrics.found((finding for result in judged for finding in result.findings), direction)
        response = pb.CheckResponse(verdict=verdict)
        if verdict.action == pb.ACTION_MASK:
            _add_masked(response, request, judged)
        return response

    def _check_all(self, request: pb.CheckBatchRequest) -> pb.CheckBatchResponse:
        return pb.CheckBatchResponse(results=[self._check_item(item) for item in request.requests])

    def _check_item(self, request: pb.CheckRequest) -> pb.CheckResult:
        try:
            return pb.CheckResult(response=self._check(request))
        except SobanError as err:
            code: int = err.code.value[0]
            error = pb.ItemError(code=code, reason=err.reason, message=err.public_message, field=err.field or "")
            return pb.CheckResult(error=error)

    def _mask(self, request: pb.MaskRequest) -> pb.MaskResponse:
        policy = self._policies.get(request.policy, "policy")
        categories, measure = read_mask(request, self._limit)
        with self._metrics.check():
            judged = self._checker.mask(request.texts, policy, categories, measure, explain=request.explain)
        self._metrics.found((finding for result in judged for finding in result.findings), Direction.INPUT)
        return pb.MaskResponse(results=[masked_text_of(result, explain=request.explain) for result in judged])


def _add_masked(response: pb.CheckResponse, request: pb.CheckRequest, judged: Sequence[Judged]) -> None:
    if request.messages:
        response.masked_messages.extend(masked_messages(request.messages, judged))
    else:
        response.masked_text = judged[0].masked
    response.masked_tools.extend(masked_tools(request.tools, judged))
