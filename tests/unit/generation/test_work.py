"""Tokens of work: guessed, learned, and tracked until they are done."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.engine import Usage
from soban.generation.knee import Knee
from soban.generation.prompt_size import PromptSize, Shape, shape_of
from soban.generation.work import Estimator, Work, WorkMeter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(*texts: str, **options: object) -> pb.GenerateRequest:
    messages = [pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)]) for text in texts]
    return pb.GenerateRequest(messages=messages, options=pb.GenerationOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("안녕하세요", Shape(hangul=5)),
        ("오늘 점심은 GPU 3개", Shape(hangul=6, ascii=7)),
        ("ㅋㅋㅋ 大韓 é", Shape(other=6, ascii=2)),
        ("\u1112\u1161\u11ab글", Shape(jamo=3, hangul=1)),
        ("👍🏽 좋아요", Shape(rare=2, hangul=3, ascii=1)),
        ("", Shape()),
    ],
)
def test_characters_are_counted_by_script(text: str, expected: Shape) -> None:
    assert shape_of(pb.GenerateRequest(prompt=text)) == expected


def test_all_that_the_engine_reads_counts() -> None:
    request = ask("서울", "날씨")
    request.messages[1].tool_calls.add(name="날씨", arguments='{"도시":"서울"}')
    request.options.tools.add(name="날씨", description="오늘", parameters_json_schema="{}")
    assert shape_of(request) == Shape(hangul=4 + 2 + 4 + 4, ascii=7 + 2, messages=3)


def test_a_text_without_end_is_counted_by_slices() -> None:
    shape = shape_of(pb.GenerateRequest(prompt="소반은 상이다. " * 100_000))
    assert shape.hangul == pytest.approx(600_000, rel=0.02)
    assert shape.ascii == pytest.approx(300_000, rel=0.02)


def test_the_size_of_prompts_is_learned_from_usage() -> None:
    """A tokenizer that nobody has seen before: expensive Hangul, a template with a long system prompt."""
    draw, size = random.Random(7), PromptSize()
    off: list[float] = []
    for _ in range(200):
        shape = Shape(hangul=draw.randint(5, 3000), ascii=draw.randint(0, 2000), messages=draw.randint(1, 8))
        tokens = round(1.1 * shape.hangul + 0.2 * shape.ascii + 8 * shape.messages + 30)
        off.append(abs(size.tokens(shape) - tokens) / tokens)
        size.learn(shape, tokens)
    assert max(off[50:]) < 0.2
    assert sum(off[:5]) > sum(off[-5:])


def test_one_absurd_count_does_not_spoil_what_is_known() -> None:
    size, shape = PromptSize(), Shape(hangul=100, messages=1)
    for _ in range(50):
        size.learn(shape, 80)
    size.learn(shape, 1_000_000)
    size.learn(shape, 0)
    assert size.tokens(shape) == pytest.approx(80, rel=0.35)


def test_an_answer_is_expected_to_be_as_long_as_those_before_within_its_limit() -> None:
    estimator = Estimator()
    assert estimator.estimate(ask("안녕", max_tokens=16)).decode == 16
    for _ in range(20):
        estimator.learn(estimator.estimate(ask("요약해 줘")), Usage(input_tokens=20, output_tokens=100))
    assert estimator.estimate(ask("요약해 줘")).decode == pytest.approx(100)
    assert estimator.estimate(ask("요약해 줘", max_tokens=50)).decode == 50
    three = estimator.estimate(ask("요약해 줘", n=3))
    assert three.decode == pytest.approx(300)
    assert (three.of_one().decode, three.of_one().prefill) == (pytest.approx(100), three.prefill)


def test_answers_with_a_small_limit_say_nothing_of_those_without() -> None:
    estimator = Estimator()
    for _ in range(50):
        estimator.learn(estimator.estimate(ask("긍정? 부정?", max_tokens=1)), Usage(input_tokens=20, output_tokens=1))
        estimator.learn(estimator.estimate(ask("이야기해 줘")), Usage(input_tokens=20, output_tokens=400))
    assert estimator.estimate(ask("긍정? 부정?", max_tokens=1)).decode == 1
    assert estimator.estimate(ask("이야기해 줘")).decode == pytest.approx(400)


def test_who_ignores_the_end_token_writes_all() -> None:
    estimator = Estimator()
    estimator.learn(estimator.estimate(ask("안녕", max_tokens=500)), Usage(input_tokens=9, output_tokens=3))
    assert estimator.estimate(ask("안녕", max_tokens=500, ignore_eos=True)).decode == 500


def test_what_the_cache_holds_is_no_work() -> None:
    estimator = Estimator()
    before = estimator.estimate(ask("같은 말로 시작한다 " * 50))
    for _ in range(100):
        estimator.learn(before, Usage(input_tokens=400, output_tokens=1, cached_input_tokens=300))
    after = estimator.estimate(ask("같은 말로 시작한다 " * 50))
    assert after.prefill == pytest.approx(after.prompt / 4, rel=0.05)
    assert before.prefill == before.prompt


def test_a_picture_is_work_and_teaches_nothing() -> None:
    request = ask("이 사진은 무엇인가요?")
    request.messages[0].parts.add(image=pb.Image(uri="https://example.com/a.png"))
    estimator = Estimator()
    plain = estimator.estimate(ask("이 사진은 무엇인가요?")).prompt
    work = estimator.estimate(request)
    assert work.prompt > plain + 100
    estimator.learn(work, Usage(input_tokens=4000, output_tokens=1))
    assert estimator.estimate(ask("이 사진은 무엇인가요?")).prompt == plain


def test_work_in_flight_shrinks_with_every_token_and_is_nothing_at_the_end() -> None:
    meter = WorkMeter(Clock())
    item = meter.arrive(Work(prefill=100, decode=50))
    assert meter.tokens_in_flight == 150
    item.admitted("a")
    item.first_output()
    assert meter.tokens_in_flight == 50
    assert item.progress(10) == 10
    assert (meter.tokens_in_flight, item.left) == (40, 40)
    item.leave()
    item.leave()
    assert meter.tokens_in_flight == 0


def test_an_answer_longer_than_expected_is_still_work() -> None:
    meter = WorkMeter(Clock())
    item = meter.arrive(Work(prefill=10, decode=5))
    item.admitted()
    for _ in range(20):
        item.progress(1)
    assert item.left == 1
    item.leave()
    assert meter.tokens_in_flight == 0


def test_tokens_before_the_first_output_tell_that_the_prompt_was_read() -> None:
    meter = WorkMeter(Clock())
    item = meter.arrive(Work(prefill=100, decode=50))
    item.admitted()
    assert item.progress(2) == 102


def test_a_request_that_is_sent_again_is_to_be_read_again() -> None:
    meter = WorkMeter(Clock())
    item = meter.arrive(Work(prefill=100, decode=50))
    item.admitted("a")
    item.progress(10)
    item.requeued()
    assert (item.left, meter.tokens_in_flight) == (140, 140)
    item.admitted("b")
    item.progress(1)
    item.leave()
    assert meter.tokens_in_flight == 0


def read(meter: WorkMeter, clock: Clock, tokens: float, seconds: float, replica: str = "a") -> None:
    item = meter.arrive(Work(prefill=tokens, decode=1, prompt=tokens))
    item.admitted(replica)
    clock.now += seconds
    item.first_output()
    item.leave()


def test_the_speed_of_prefill_is_unknown_and_then_measured() -> None:
    clock = Clock()
    meter = WorkMeter(clock)
    waiting = meter.arrive(Work(prefill=500, decode=10))
    assert meter.prefill_backlog_seconds is None
    for _ in range(3):
        read(meter, clock, 1000, 0.5)
    assert meter.prefill_tokens_per_second == pytest.approx(2000)
    assert meter.prefill_backlog_seconds == pytest.approx(0.25)
    waiting.leave()
    assert meter.prefill_backlog_seconds == 0.0


def test_prompts_side_by_side_share_the_time() -> None:
    """Four prompts at once take four times as long each; the replica is as fast as before."""
    clock = Clock()
    meter = WorkMeter(clock)
    for _ in range(5):
        items = [meter.arrive(Work(prefill=1000, decode=1)) for _ in range(4)]
        for item in items:
            item.admitted("a")
        for item in items:
            clock.now += 0.5
            item.first_output()
        for item in items:
            item.leave()
    assert meter.prefill_tokens_per_second == pytest.approx(2000)


def test_replicas_do_not_add_up_to_one_fast_one() -> None:
    clock = Clock()
    meter = WorkMeter(clock)
    for _ in range(5):
        items = [meter.arrive(Work(prefill=1000, decode=1)) for _ in "abc"]
        for item, replica in zip(items, "abc", strict=True):
            item.admitted(replica)
        clock.now += 0.5
        for item in items:
            item.first_output()
            item.leave()
    assert meter.prefill_tokens_per_second == pytest.approx(2000)


def test_a_replica_that_is_never_idle_is_measured_too() -> None:
    clock = Clock()
    meter = WorkMeter(clock)
    last = meter.arrive(Work(prefill=1000, decode=1))
    last.admitted("a")
    for _ in range(20):
        following = meter.arrive(Work(prefill=1000, decode=1))
        following.admitted("a")
        clock.now += 0.5
        last.first_output()
        last.leave()
        last = following
    assert meter.prefill_tokens_per_second == pytest.approx(2000)


def test_a_wrong_guess_of_the_cache_is_corrected_at_the_end() -> None:
    clock = Clock()
    meter = WorkMeter(clock)
    for _ in range(50):
        item = meter.arrive(Work(prefill=1000, decode=1, prompt=1000))
        item.admitted("a")
        clock.now += 0.05
        item.first_output(1000)
        item.leave(Usage(input_tokens=1000, cached_input_tokens=900, output_tokens=1))
    assert meter.prefill_tokens_per_second == pytest.approx(2000, rel=0.2)


def test_a_hiccup_and_a_cancelled_prompt_are_no_measure() -> None:
    clock = Clock()
    meter = WorkMeter(clock)
    for _ in range(20):
        read(meter, clock, 1000, 0.5)
    read(meter, clock, 1000, 600.0)
    item = meter.arrive(Work(prefill=1000, decode=1))
    item.admitted("a")
    clock.now += 30
    item.leave()
    speed = meter.prefill_tokens_per_second
    assert speed is not None and speed > 1500


def test_the_knee_is_where_speed_stops_growing() -> None:
    knee = Knee()
    for running in (1, 2, 4, 8, 12, 16, 24, 32, 48):
        for _ in range(4):
            knee.observe(running, min(running * 50, 800))
    assert knee.value() == pytest.approx(16, rel=0.15)


def test_a_curve_that_still_rises_has_no_knee() -> None:
    knee = Knee()
    assert knee.value() is None
    for running in (0, 1, 2, 4, 8):
        for _ in range(10):
            knee.observe(running, running * 50)
    assert knee.value() is None


def test_noise_makes_no_knee_and_hides_none() -> None:
    draw = random.Random(3)
    for limit in (6, 20, 64):
        knee = Knee()
        for _ in range(2000):
            running = draw.uniform(1, 120)
            knee.observe(running, min(running, limit) * 40 * draw.uniform(0.9, 1.1))
        assert knee.value() == pytest.approx(limit, rel=0.3)


def test_the_meter_finds_the_knee_of_a_replica_from_tokens_alone() -> None:
    """An engine that gives 10 tokens a second to each of up to 8 sequences, and 80 to all when there are more."""
    clock = Clock()
    meter = WorkMeter(clock)
    for running in (1, 2, 4, 6, 8, 10, 12, 16, 20):
        items = [meter.arrive(Work(prefill=1, decode=1000)) for _ in range(running)]
        for item in items:
            item.admitted("a")
            item.first_output()
        speed = min(80, 10 * running)
        for step in range(12 * speed):
            clock.now += 1 / speed
            items[step % running].progress(1)
        for item in items:
            item.leave()
    assert meter.knee == pytest.approx(8, rel=0.3)


def test_replicas_that_come_and_go_are_forgotten_and_busy_ones_are_not() -> None:
    clock = Clock()
    meter = WorkMeter(clock)
    item = meter.arrive(Work(prefill=10, decode=10))
    item.admitted("busy")
    busy = meter.pace("busy")
    for number in range(2000):
        read(meter, clock, 100, 0.1, f"pod-{number}")
    assert meter.pace("busy") is busy
    assert len(meter._paces) <= 257
    item.progress(3)
    item.leave()
    assert meter.tokens_in_flight == 0


STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 60)), max_size=80)


@given(STEPS)
def test_whatever_happens_in_whatever_order_nothing_is_left_at_the_end(steps: list[tuple[int, int, int]]) -> None:
    """And at no time is there less than nothing, for one request or for all."""
    clock = Clock()
    meter = WorkMeter(clock)
    items = [meter.arrive(Work(prefill=10.5 * (number + 1), decode=7.25, sequences=2)) for number in range(4)]
    for step, number, amount in steps:
        item = items[number]
        clock.now += amount / 10
        (
            lambda item=item, amount=amount: item.admitted(f"r{amount % 3}"),
            item.requeued,
            item.first_output,
            lambda item=item, amount=amount: item.first_output(amount),
            lambda item=item, amount=amount: item.progress(amount),
            item.leave,
        )[step]()
        assert all(each.left >= 0 for each in items)
        assert meter.tokens_in_flight == pytest.approx(sum(each.left for each in items), abs=0.51)
        backlog = meter.prefill_backlog_seconds
        assert backlog is None or backlog >= 0
    for item in items:
        item.leave()
    assert (meter.tokens_in_flight, meter.prefill_backlog_seconds) == (0, 0.0)
    assert all(pace.idle for pace in meter._paces.values())
