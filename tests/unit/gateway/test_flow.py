"""The flow: what is asked of whom in which order, and what reaches the client."""

from __future__ import annotations

import asyncio

import grpc
import pytest

import soban.v1 as pb
from soban.runtime.errors import (
    ContextOverflow,
    EngineLost,
    InvalidField,
    ModelNotFound,
    PolicyNotFound,
    QueueFull,
    from_rpc_error,
)
from unit.gateway.conftest import Stack, kinds_of, running_stack, say, text_of
from unit.gateway.fakes import (
    PHONE,
    PHONE_MASK,
    REASON,
    SWEARING,
    finish,
    piece,
    playing,
    saying,
    start,
    summary,
)


async def test_stream_tells_start_text_finish_and_summary_in_this_order(stack: Stack) -> None:
    events = await stack.stream(say("안녕하세요?"))
    assert kinds_of(events) == ["start", "delta", "finish", "summary"]
    assert text_of(events) == "안녕하세요. 반갑습니다."
    assert events[0].start.model == "soban-demo"
    assert events[0].start.ai_generated
    assert events[-2].finish == pb.ChatFinish(finish_reason=pb.FINISH_REASON_STOP)


async def test_unary_chat_is_the_same_stream_in_one_message(stack: Stack) -> None:
    answer = await stack.stub.Chat(say("안녕하세요?"))
    [choice] = answer.choices
    assert choice.message.parts[0].text == "안녕하세요. 반갑습니다."
    assert choice.message.role == pb.ROLE_ASSISTANT
    assert choice.finish_reason == pb.FINISH_REASON_STOP
    assert (answer.model, answer.ai_generated) == ("soban-demo", True)
    assert answer.summary.usage.output_tokens == 7


async def test_input_is_checked_before_the_model_is_asked(stack: Stack) -> None:
    await stack.stream(say("점심 뭐 먹을까?", user="u-1"))
    [check] = stack.safety.checks
    assert check.messages[0].parts[0].text == "점심 뭐 먹을까?"
    assert (check.policy, check.direction, check.user) == ("default", pb.DIRECTION_INPUT, "u-1")


async def test_masked_messages_are_what_the_model_and_the_filter_see(stack: Stack) -> None:
    events = await stack.stream(say(f"제 번호는 {PHONE}이에요."))
    [asked] = stack.generation.requests
    assert asked.messages[0].parts[0].text == f"제 번호는 {PHONE_MASK}이에요."
    assert stack.safety.configs[0].messages == asked.messages
    assert events[-1].summary.verdicts[0].action == pb.ACTION_MASK


async def test_masked_prompt_is_what_the_model_continues(stack: Stack) -> None:
    await stack.stream(pb.ChatRequest(model="soban-demo", prompt=f"전화 {PHONE}로"))
    [asked] = stack.generation.requests
    assert (asked.prompt, list(asked.messages)) == (f"전화 {PHONE_MASK}로", [])


async def test_blocked_input_ends_safety_with_status_ok_and_never_meets_the_model(stack: Stack) -> None:
    events = await stack.stream(say(f"야 {SWEARING}", options=pb.GenerationOptions(n=2)))
    assert kinds_of(events) == ["start", "finish", "finish", "summary"]
    assert {event.finish.finish_reason for event in events[1:3]} == {pb.FINISH_REASON_SAFETY}
    assert events[-1].summary.verdicts[0].reason == REASON
    assert stack.generation.requests == []
    assert not stack.safety.filter_left.is_set()


async def test_swearing_in_the_middle_of_a_stream_stops_it_before_it_leaves(stack: Stack) -> None:
    texts = [start(), piece("그건 "), piece("씨"), piece("발 "), 30.0, piece("더 나쁜 말"), finish(), summary()]
    stack.generation.script = playing(texts)
    events = await stack.stream(say("욕해 봐"))
    assert text_of(events) == "그건 "
    assert events[-2].finish.finish_reason == pb.FINISH_REASON_SAFETY
    await asyncio.wait_for(stack.generation.cancelled.wait(), 5)
    told = events[-1].summary
    assert [verdict.action for verdict in told.verdicts] == [pb.ACTION_ALLOW, pb.ACTION_BLOCK]
    assert told.usage.output_tokens == 3


async def test_what_safety_stopped_still_has_its_tokens_and_resumes(stack: Stack) -> None:
    """Generation's own summary never comes; the first delta told the size of the prompt."""
    texts = [
        start(),
        piece("그건 ", input_tokens=42),
        piece("씨", resumed=True),
        piece("발 "),
        30.0,
        finish(),
        summary(),
    ]
    stack.generation.script = playing(texts)
    told = (await stack.stream(say("욕해 봐")))[-1].summary
    assert (told.usage.input_tokens, told.usage.output_tokens, told.resumes) == (42, 3, 1)
    assert not told.HasField("cost")


async def test_a_continuation_concerns_its_own_choice_and_any_of_its_texts(stack: Stack) -> None:
    script = [
        start(),
        piece("가", 0),
        piece("", 1, resumed=True),
        piece("나", 0),
        piece("", 1, reasoning="다", resumed=False),
    ]
    stack.generation.script = playing([*script, finish(index=0), finish(index=1), summary()])
    events = await stack.stream(say("둘", options=pb.GenerationOptions(n=2)))
    resumed = [(event.delta.index, event.delta.reasoning) for event in events if event.delta.resumed]
    assert resumed == [(1, "다")]


async def test_personal_data_split_over_deltas_leaves_masked(stack: Stack) -> None:
    stack.generation.script = saying(["번호는 010-", "1234-", "5678", "입니다."])
    events = await stack.stream(say("번호 알려 줘"))
    assert text_of(events) == f"번호는 {PHONE_MASK}입니다."
    assert events[-1].summary.verdicts[1].action == pb.ACTION_MASK


async def test_text_that_the_filter_holds_comes_out_at_the_end(stack: Stack) -> None:
    stack.generation.script = saying(["제 번호는 010-12"])
    events = await stack.stream(say("번호?"))
    assert text_of(events) == "제 번호는 010-12"


async def test_two_choices_pass_through_lanes_of_their_own(stack: Stack) -> None:
    stack.generation.script = playing(
        [
            *(start(), piece("첫째 씨", 0), piece("발음이 좋네요", 1), piece("앗입니다.", 0)),
            *(finish(index=1), finish(pb.FINISH_REASON_LENGTH, 0), summary()),
        ]
    )
    events = await stack.stream(say("두 가지로", options=pb.GenerationOptions(n=2)))
    assert text_of(events, 0) == "첫째 씨앗입니다."
    assert text_of(events, 1) == "발음이 좋네요"
    finishes = {event.finish.index: event.finish.finish_reason for event in events if event.HasField("finish")}
    assert finishes == {0: pb.FINISH_REASON_LENGTH, 1: pb.FINISH_REASON_STOP}
    assert [verdict.choice_index for verdict in events[-1].summary.verdicts[1:]] == [0, 1]


async def test_one_blocked_choice_does_not_stop_the_other(stack: Stack) -> None:
    stack.generation.script = playing(
        [
            *(start(), piece(SWEARING, 0), 0.05, piece("좋은 ", 1), piece("욕", 0), piece("하루", 1)),
            *(finish(index=0), finish(index=1), summary()),
        ]
    )
    events = await stack.stream(say("둘", options=pb.GenerationOptions(n=2)))
    assert (text_of(events, 0), text_of(events, 1)) == ("", "좋은 하루")
    finishes = {event.finish.index: event.finish.finish_reason for event in events if event.HasField("finish")}
    assert finishes == {0: pb.FINISH_REASON_SAFETY, 1: pb.FINISH_REASON_STOP}
    assert events[-1].summary.usage.input_tokens == 11


async def test_reasoning_is_filtered_in_a_lane_of_its_own(stack: Stack) -> None:
    stack.generation.script = playing(
        [start(), piece(reasoning=f"번호 {PHONE}"), piece("답은 4입니다."), finish(), summary()]
    )
    answer = await stack.stub.Chat(say("이 더하기 이는?"))
    assert answer.choices[0].reasoning == f"번호 {PHONE_MASK}"
    assert answer.choices[0].message.parts[0].text == "답은 4입니다."
    assert answer.summary.verdicts[1].findings[0].place == "reasoning"
    assert stack.safety.lanes == [8, 0]


def call_piece(arguments: str = "", *, call: int = 0, name: str = "", call_id: str = "") -> pb.StreamGenerateResponse:
    return piece(tool_calls=[pb.ToolCallDelta(index=call, id=call_id, name=name, arguments=arguments)])


def offering(*names: str) -> pb.GenerationOptions:
    return pb.GenerationOptions(tools=[pb.Tool(name=name) for name in names])


async def test_arguments_of_tool_calls_are_filtered_and_keep_id_and_name(stack: Stack) -> None:
    stack.generation.script = playing(
        [
            *(start(), call_piece(name="sms", call_id="c1"), call_piece('{"to":"010-'), call_piece('1234-5678"}')),
            *(call_piece(name="clock", call_id="c2", call=1), finish(pb.FINISH_REASON_TOOL_CALLS), summary()),
        ]
    )
    answer = await stack.stub.Chat(say("문자 보내 줘", options=offering("sms", "clock")))
    [choice] = answer.choices
    assert list(choice.message.tool_calls) == [
        pb.ToolCall(id="c1", name="sms", arguments=f'{{"to":"{PHONE_MASK}"}}'),
        pb.ToolCall(id="c2", name="clock"),
    ]
    assert choice.finish_reason == pb.FINISH_REASON_TOOL_CALLS
    assert answer.summary.verdicts[1].findings[0].place == "tool_calls[0].arguments"


async def test_a_tool_name_that_nobody_offered_is_text_of_the_model_and_stays_in(stack: Stack) -> None:
    stack.generation.script = playing(
        [start(), call_piece("{}", name=PHONE, call_id="c1"), finish(pb.FINISH_REASON_TOOL_CALLS), summary()]
    )
    answer = await stack.stub.Chat(say("해 줘", options=offering("sms")))
    assert answer.choices[0].message.tool_calls[0] == pb.ToolCall(id="c1", arguments="{}")


async def test_more_tool_calls_than_lanes_end_the_stream_with_a_reason(stack: Stack) -> None:
    calls = [call_piece("{}", name="sms", call=number) for number in range(49)]
    stack.generation.script = playing([start(), *calls, finish(), summary()])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stream(say("많이", options=offering("sms")))
    assert from_rpc_error(caught.value).reason == "TOO_MANY_TOOL_CALLS"


async def test_usage_counts_eojeol_as_sent_and_as_delivered(stack: Stack) -> None:
    stack.generation.script = saying(["오늘은 날씨가 ", "참 좋", "네요 "])
    events = await stack.stream(say("오늘 날씨 어때?", "비 와?"))
    usage = events[-1].summary.usage
    assert (usage.input_eojeol, usage.output_eojeol) == (5, 4)
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens) == (11, 7, 3, 2)


async def test_summary_passes_on_what_generation_tells(stack: Stack) -> None:
    told = summary(cost=pb.Cost(krw_micros=5), resumes=1, normalized=True, route_steps=[pb.RouteStep(model="ko-2b")])
    stack.generation.script = playing([start("ko-2b"), piece("네."), finish(stop_sequence="끝"), told])
    events = await stack.stream(say("응?"))
    end = events[-1].summary
    assert (end.cost.krw_micros, end.resumes, end.normalized, end.route_steps[0].model) == (5, 1, True, "ko-2b")
    assert (end.timings.queue_ms, end.timings.prefill_ms, end.timings.decode_ms) == (1, 2, 3)
    assert 0 < end.timings.input_safety_ms < end.timings.first_text_ms < end.timings.total_ms
    assert events[-2].finish.stop_sequence == "끝"
    assert events[0].start.model == "ko-2b"


async def test_policy_is_the_requests_else_the_models_else_the_default(stack: Stack) -> None:
    await stack.stream(say("가"))
    await stack.stream(say("나", model="ko-strict"))
    await stack.stream(say("다", model="ko-strict", safety_policy="lenient"))
    assert [check.policy for check in stack.safety.checks] == ["default", "strict", "lenient"]
    assert [config.policy for config in stack.safety.configs] == ["default", "strict", "lenient"]


async def test_a_policy_that_is_not_open_to_clients_is_refused_but_the_requests_own_may_be_named() -> None:
    async with running_stack(client_policies=()) as stack:
        await stack.stream(say("가", safety_policy="default"))
        await stack.stream(say("나", model="ko-strict", safety_policy="strict"))
        for model, policy in (("soban-demo", "observe"), ("ko-strict", "default"), ("soban-demo", "없는 것")):
            with pytest.raises(grpc.aio.AioRpcError, match="clientPolicies") as caught:
                await stack.stream(say("다", model=model, safety_policy=policy))
            told = from_rpc_error(caught.value)
            assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "POLICY_FORBIDDEN")
            assert policy not in told.message
        assert len(stack.safety.checks) == 2


async def test_restoring_keeps_values_and_hands_the_vault_to_the_filter(stack: Stack) -> None:
    await stack.stream(say(f"{PHONE}", restore_personal_data=True, user="u-1"))
    assert stack.safety.checks[0].keep_values
    assert (stack.safety.configs[0].vault, stack.safety.configs[0].user) == ("vault-1", "u-1")


async def test_request_reaches_generation_with_all_that_concerns_it(stack: Stack) -> None:
    options = pb.GenerationOptions(max_tokens=5, stop=["끝"], seed=7)
    await stack.stream(say("네?", options=options, session="s-1", priority=pb.PRIORITY_HIGH))
    [asked] = stack.generation.requests
    assert (asked.model, asked.options, asked.session, asked.priority) == (
        "soban-demo",
        options,
        "s-1",
        pb.PRIORITY_HIGH,
    )


async def test_request_id_travels_to_both_sides(stack: Stack) -> None:
    await stack.stream(say("네?"), metadata=(("x-request-id", "req-7"),))
    assert stack.generation.metadata["x-request-id"] == "req-7"


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (ModelNotFound("no model", field="generate.model"), "chat.model"),
        (InvalidField("too hot", field="generate.options.temperature"), "chat.options.temperature"),
        (ContextOverflow("too long", field="generate.messages"), "chat.messages"),
        (QueueFull("full", retry_after=3), None),
        (EngineLost("gone", retry_after=2), None),
    ],
)
async def test_error_before_the_first_text_reaches_the_client_with_its_details(
    stack: Stack, error: ModelNotFound, field: str | None
) -> None:
    stack.generation.script = playing([error])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stream(say("안녕"))
    told = from_rpc_error(caught.value)
    assert (type(told), told.message, told.retry_after) == (type(error), error.message, error.retry_after)
    if told.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert told.field == field


async def test_unary_chat_names_fields_of_its_own_request(stack: Stack) -> None:
    stack.generation.script = playing([InvalidField("too hot", field="generate.options.temperature")])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stub.Chat(say("안녕"))
    assert from_rpc_error(caught.value).field == "options.temperature"


async def test_engine_lost_after_some_text_delivers_what_was_checked_then_the_error(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece("여기까지 010"), EngineLost("gone", retry_after=2)])
    call = stack.stub.StreamChat(pb.StreamChatRequest(chat=say("길게")))
    events = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for event in call:
            events.append(event)
    assert text_of(events) == "여기까지 010"
    assert kinds_of(events) == ["start", "delta"]
    told = from_rpc_error(caught.value)
    assert (told.reason, told.retry_after) == ("ENGINE_LOST", 2)


@pytest.mark.parametrize("events", [[], [start(), piece("반쯤")], [piece("시작도 없이")]])
async def test_generation_that_ends_before_its_answer_is_an_engine_lost(stack: Stack, events: list) -> None:
    stack.generation.script = playing(events)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stream(say("응?"))
    assert from_rpc_error(caught.value).reason == "ENGINE_LOST"


async def test_a_model_that_nobody_serves_is_not_found_before_its_text_is_judged(stack: Stack) -> None:
    """Also where the text would be blocked; one that only generation knows passes."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stream(say(SWEARING, model="gpt-4o"))
    assert from_rpc_error(caught.value).reason == "MODEL_NOT_FOUND"
    assert stack.safety.checks == []
    await stack.stream(say("안녕", model="kakaocorp/kanana-1.5-2.1b"))
    assert stack.generation.requests[0].model == "kakaocorp/kanana-1.5-2.1b"


async def test_policy_not_found_names_safety_policy(stack: Stack) -> None:
    stack.safety.check_error = PolicyNotFound("no policy lenient", field="policy")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stream(say("안녕", safety_policy="lenient"))
    assert from_rpc_error(caught.value).reason == "POLICY_NOT_FOUND"
    assert stack.generation.requests == []


async def test_safety_that_cannot_be_reached_lets_nothing_pass() -> None:
    async with running_stack() as stack:
        await stack.far["safety"].close()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stack.stream(say("안녕"))
        told = from_rpc_error(caught.value)
        assert (told.reason, told.message) == ("SERVICE_UNREACHABLE", "safety does not answer")
        assert told.retry_after
        assert stack.generation.requests == []


async def test_safety_that_does_not_judge_in_time_lets_nothing_pass() -> None:
    async with running_stack(check_seconds=0.1) as stack:
        stack.safety.hangs = True
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stack.stream(say("안녕"))
        assert from_rpc_error(caught.value).reason == "SERVICE_UNREACHABLE"
        assert stack.generation.requests == []


async def test_filter_that_fails_ends_the_stream_and_frees_the_engine(stack: Stack) -> None:
    stack.safety.filter_error = EngineLost("filter broke")
    stack.generation.script = playing([start(), piece("검사 못 한 글"), 30.0, finish(), summary()])
    events = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for event in stack.stub.StreamChat(pb.StreamChatRequest(chat=say("안녕"))):
            events.append(event)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert text_of(events) == ""
    await asyncio.wait_for(stack.generation.cancelled.wait(), 5)


async def test_filter_that_ends_before_the_answer_is_no_clean_end(stack: Stack) -> None:
    stack.safety.ends_early = True
    stack.generation.script = playing([start(), piece("한 조각"), 30.0, finish(), summary()])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stream(say("안녕"))
    assert from_rpc_error(caught.value).reason == "SERVICE_UNREACHABLE"
    await asyncio.wait_for(stack.generation.cancelled.wait(), 5)


async def test_client_that_leaves_frees_engine_and_filter_at_once(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece("기다려 "), 30.0, finish(), summary()])
    call = stack.stub.StreamChat(pb.StreamChatRequest(chat=say("안녕")))
    async for event in call:
        if event.HasField("delta"):
            break
    call.cancel()
    await asyncio.wait_for(stack.generation.cancelled.wait(), 5)
    await asyncio.wait_for(stack.safety.filter_left.wait(), 5)


async def test_unary_client_that_leaves_frees_the_engine_at_once(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece("기다려 "), 30.0, finish(), summary()])
    call = stack.stub.Chat(say("안녕"))
    while not stack.generation.requests:
        await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.wait_for(stack.generation.cancelled.wait(), 5)


async def test_deadline_of_the_client_bounds_the_engine_too(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece("천천히 "), 30.0, finish(), summary()])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stack.stream(say("안녕"), timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(stack.generation.left.wait(), 5)


async def test_gateway_serves_on_after_every_kind_of_failure(stack: Stack) -> None:
    stack.safety.filter_error = EngineLost("filter broke")
    with pytest.raises(grpc.aio.AioRpcError):
        await stack.stream(say("안녕"))
    stack.safety.filter_error = None
    assert text_of(await stack.stream(say("다시"))) == "안녕하세요. 반갑습니다."


@pytest.mark.parametrize("service", ["safety", "generation"])
async def test_service_that_dies_in_the_middle_ends_the_stream_unavailable(stack: Stack, service: str) -> None:
    stack.generation.script = playing([start(), piece("앞부분 "), 30.0, piece("뒷부분"), finish(), summary()])
    events = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for event in stack.stub.StreamChat(pb.StreamChatRequest(chat=say("안녕"))):
            events.append(event)
            if event.HasField("delta"):
                await stack.far[service].close()
    told = from_rpc_error(caught.value)
    assert (told.code, told.message) == (grpc.StatusCode.UNAVAILABLE, f"{service} does not answer")
    assert told.retry_after
    assert text_of(events) == "앞부분 "
    await asyncio.wait_for(stack.generation.left.wait(), 5)
